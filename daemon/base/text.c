#include "base/text.h"

#include <stdio.h>

char *text_vformat(const char *format, va_list arguments) {
        char *text = NULL;

        return vasprintf(&text, format, arguments) < 0 ? NULL : text;
}

char *text_format(const char *format, ...) {
        va_list arguments;
        char *text;

        va_start(arguments, format);
        text = text_vformat(format, arguments);
        va_end(arguments);
        return text;
}

void text_set(char **text, const char *format, ...) {
        va_list arguments;
        char *message;

        va_start(arguments, format);
        message = text_vformat(format, arguments);
        va_end(arguments);
        free(*text);
        *text = message;
}

/* The length of the valid UTF-8 sequence (RFC 3629) for a printable character at `text`, or 0. */
static size_t printable_length(const unsigned char *text) {
        static const struct {
                unsigned char lead_mask, lead;
                size_t length;
                uint32_t min;
        } forms[] = {
                { 0xe0, 0xc0, 2, 0x80 },
                { 0xf0, 0xe0, 3, 0x800 },
                { 0xf8, 0xf0, 4, 0x10000 },
        };

        if (text[0] < 0x80)
                return text[0] >= 0x20 && text[0] != 0x7f ? 1 : 0;

        for (size_t i = 0; i < ELEMENTSOF(forms); i++) {
                uint32_t character;

                if ((text[0] & forms[i].lead_mask) != forms[i].lead)
                        continue;
                character = text[0] & (unsigned char) ~forms[i].lead_mask;
                for (size_t j = 1; j < forms[i].length; j++) {
                        if ((text[j] & 0xc0) != 0x80)
                                return 0;
                        character = character << 6 | (text[j] & 0x3f);
                }
                /* Overlong forms, surrogates, beyond Unicode, and the C1 control characters. */
                if (character < forms[i].min || (character >= 0xd800 && character <= 0xdfff) ||
                        character > 0x10ffff || character < 0xa0)
                        return 0;
                return forms[i].length;
        }
        return 0;
}

char *text_printable(const char *text) {
        char *copy = strdup(text);

        if (!copy)
                return NULL;
        for (char *c = copy; *c;) {
                size_t length = printable_length((unsigned char *) c);

                if (length == 0)
                        *c = '?';
                c += MAX_OF(length, (size_t) 1);
        }
        return copy;
}

int buffer_append(Buffer *buffer, const void *data, size_t size) {
        size_t total, capacity, needed;

        if (size == 0)
                return 0;
        if (__builtin_add_overflow(buffer->size, size, &total) || __builtin_add_overflow(total, 1, &needed))
                return -EOVERFLOW;
        if (buffer->max > 0 && total > buffer->max)
                return -EFBIG;

        /* The capacity is the next power of two, so it need not be stored. */
        capacity = buffer->size == 0 ? 0 : (size_t) 1 << (64 - __builtin_clzl(buffer->size));
        if (needed > capacity) {
                size_t grown_capacity = (size_t) 1 << (64 - __builtin_clzl(total));
                char *grown;

                if (grown_capacity < needed)
                        return -EOVERFLOW;
                grown = realloc(buffer->data, grown_capacity);
                if (!grown)
                        return -ENOMEM;
                buffer->data = grown;
        }
        memcpy(buffer->data + buffer->size, data, size);
        buffer->size = total;
        buffer->data[total] = '\0';
        return 0;
}

int buffer_append_format(Buffer *buffer, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        va_list arguments;
        int length;

        va_start(arguments, format);
        length = vasprintf(&text, format, arguments);
        va_end(arguments);
        if (length < 0) {
                text = NULL;
                return -ENOMEM;
        }
        return buffer_append(buffer, text, (size_t) length);
}

void buffer_clear(Buffer *buffer) {
        free(buffer->data);
        *buffer = (Buffer) { .max = buffer->max };
}
