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

/* The length of the valid UTF-8 sequence (RFC 3629) at `text`, of which `size` bytes are there, and its character; 0 if
 * there is none. */
static size_t decode_utf8(const unsigned char *text, size_t size, uint32_t *ret_character) {
        static const struct {
                unsigned char lead_mask, lead;
                size_t length;
                uint32_t min;
        } forms[] = {
                { 0x80, 0x00, 1, 0 },
                { 0xe0, 0xc0, 2, 0x80 },
                { 0xf0, 0xe0, 3, 0x800 },
                { 0xf8, 0xf0, 4, 0x10000 },
        };

        for (size_t i = 0; i < ELEMENTSOF(forms); i++) {
                uint32_t character;

                if ((text[0] & forms[i].lead_mask) != forms[i].lead)
                        continue;
                if (size < forms[i].length)
                        return 0;
                character = text[0] & (unsigned char) ~forms[i].lead_mask;
                for (size_t j = 1; j < forms[i].length; j++) {
                        if ((text[j] & 0xc0) != 0x80)
                                return 0;
                        character = character << 6 | (text[j] & 0x3f);
                }
                /* Overlong forms, surrogates, beyond Unicode. */
                if (character < forms[i].min || (character >= 0xd800 && character <= 0xdfff) ||
                        character > 0x10ffff)
                        return 0;
                *ret_character = character;
                return forms[i].length;
        }
        return 0;
}

bool text_is_utf8(const char *text, size_t size) {
        for (size_t i = 0, length; i < size; i += length) {
                uint32_t character;

                length = decode_utf8((const unsigned char *) text + i, size - i, &character);
                if (length == 0)
                        return false;
        }
        return true;
}

/* The length of a printable character, or 0: not for the control characters C0, DEL and C1. */
static size_t printable_length(const char *text, size_t size) {
        uint32_t character;
        size_t length = decode_utf8((const unsigned char *) text, size, &character);

        return length > 0 && character >= 0x20 && (character < 0x7f || character >= 0xa0) ? length : 0;
}

char *text_printable(const char *text) {
        size_t size = strlen(text);
        char *copy = strdup(text);

        if (!copy)
                return NULL;
        for (size_t i = 0; i < size;) {
                size_t length = printable_length(copy + i, size - i);

                if (length == 0)
                        copy[i] = '?';
                i += MAX_OF(length, (size_t) 1);
        }
        return copy;
}

#define CUT "\xe2\x80\xa6"

char *text_line(const char *text, size_t max) {
        char *line = strdup(text), *to, *printable;
        size_t size;

        if (!line)
                return NULL;
        to = line;
        for (const char *from = text; *from; from++)
                if (!strchr(" \t\r\n\v\f", *from))
                        *to++ = *from;
                else if (to > line && to[-1] != ' ')
                        *to++ = ' ';
        while (to > line && to[-1] == ' ')
                to--;
        *to = '\0';
        printable = text_printable(line);
        free(line);
        if (!printable)
                return NULL;
        size = strlen(printable);
        if (size <= max)
                return printable;
        /* Not within a character: its other bytes are 10xxxxxx. */
        size = max > strlen(CUT) ? max - strlen(CUT) : 0;
        while (size > 0 && (printable[size] & 0xc0) == 0x80)
                size--;
        memcpy(printable + size, CUT, max >= strlen(CUT) ? strlen(CUT) : 0);
        printable[max >= strlen(CUT) ? size + strlen(CUT) : size] = '\0';
        return printable;
}

int buffer_append(Buffer *buffer, const void *data, size_t size) {
        size_t total, capacity, needed;

        if (size == 0)
                return 0;
        /* Beyond half of the address space there is no power of two any more. */
        if (__builtin_add_overflow(buffer->size, size, &total) || total > SIZE_MAX / 4)
                return -EOVERFLOW;
        needed = total + 1;
        if (buffer->max > 0 && total > buffer->max)
                return -EFBIG;

        /* The capacity is the next power of two, so it need not be stored. */
        capacity = buffer->size == 0 ? 0 : (size_t) 1 << (64 - __builtin_clzl(buffer->size));
        if (needed > capacity) {
                size_t grown_capacity = (size_t) 1 << (64 - __builtin_clzl(total));
                char *grown;

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
