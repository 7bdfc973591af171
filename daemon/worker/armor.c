#include "worker/armor.h"

#include <nettle/base64.h>

#define LINE_LENGTH_MAX 1024 /* armor has 76; headers may be longer */

typedef struct Line {
        const char *text;
        size_t length;
} Line;

/* Takes the next line, without its end and the blanks before it. Returns false at the end of the data. */
static bool next_line(const char **data, size_t *size, Line *ret) {
        const char *end;

        if (*size == 0)
                return false;
        end = memchr(*data, '\n', *size);
        ret->text = *data;
        ret->length = end ? (size_t) (end - *data) : *size;
        *data += ret->length + (end ? 1 : 0);
        *size -= ret->length + (end ? 1 : 0);
        while (ret->length > 0 && strchr(" \t\r", ret->text[ret->length - 1]) && ret->text[ret->length - 1])
                ret->length--;
        return true;
}

static bool line_is(const Line *line, const char *prefix, const char *kind) {
        size_t prefix_length = strlen(prefix), kind_length = strlen(kind);

        return line->length == prefix_length + kind_length + 5 &&
               memcmp(line->text, prefix, prefix_length) == 0 &&
               memcmp(line->text + prefix_length, kind, kind_length) == 0 &&
               memcmp(line->text + prefix_length + kind_length, "-----", 5) == 0;
}

/* Headers such as "Version: GnuPG v1" up to the blank line. */
static const char *skip_headers(const char **data, size_t *size) {
        Line line;

        while (next_line(data, size, &line)) {
                if (line.length == 0)
                        return NULL;
                if (line.length > LINE_LENGTH_MAX || !memmem(line.text, line.length, ": ", 2))
                        return "malformed armor header";
        }
        return "armor without content";
}

static bool is_crc(const Line *line) {
        return line->length == 5 && line->text[0] == '=';
}

static int decode_block(
        const char *kind, const char **data, size_t *size, Buffer *binary, const char **ret_error) {
        struct base64_decode_ctx base64;
        bool after_crc = false;
        Line line;

        *ret_error = skip_headers(data, size);
        if (*ret_error)
                return -EBADMSG;

        base64_decode_init(&base64);
        while (next_line(data, size, &line)) {
                uint8_t bytes[BASE64_DECODE_LENGTH(LINE_LENGTH_MAX)];
                size_t n = sizeof(bytes);
                int r;

                if (line_is(&line, "-----END PGP ", kind)) {
                        if (base64_decode_final(&base64))
                                return 0;
                        *ret_error = "truncated base64 in the armor";
                        return -EBADMSG;
                }
                if (!after_crc && is_crc(&line)) {
                        after_crc = true;
                        continue;
                }
                if (after_crc || line.length > LINE_LENGTH_MAX || line.length == 0 ||
                        !base64_decode_update(&base64, &n, bytes, line.length, line.text)) {
                        *ret_error = "malformed base64 in the armor";
                        return -EBADMSG;
                }
                r = buffer_append(binary, bytes, n);
                if (r < 0)
                        return r;
        }
        *ret_error = "armor without an end line";
        return -EBADMSG;
}

static bool is_armored(const char *data, size_t size) {
        static const char begin[] = "-----BEGIN PGP ";

        while (size > 0 && strchr(" \t\r\n", *data) && *data) {
                data++;
                size--;
        }
        return size >= strlen(begin) && memcmp(data, begin, strlen(begin)) == 0;
}

int armor_decode(const char *kind, const char *data, size_t size, Buffer *binary, const char **ret_error) {
        Line line;

        if (size == 0) {
                *ret_error = "empty";
                return -EBADMSG;
        }
        if (!is_armored(data, size)) {
                /* Every OpenPGP packet begins with the highest bit (RFC 9580 section 4.2): text is a mistake. */
                if (!(data[0] & 0x80)) {
                        *ret_error = "neither OpenPGP packets nor ASCII armor";
                        return -EBADMSG;
                }
                return buffer_append(binary, data, size);
        }
        while (next_line(&data, &size, &line)) {
                int r;

                if (line.length == 0)
                        continue;
                if (!line_is(&line, "-----BEGIN PGP ", kind)) {
                        *ret_error = "text or another kind of block beside the armor";
                        return -EBADMSG;
                }
                r = decode_block(kind, &data, &size, binary, ret_error);
                if (r < 0)
                        return r;
        }
        return 0;
}
