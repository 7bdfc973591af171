#include "source/url.h"

#include <stdarg.h>

#include "base/text.h"

#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

char *url_join_sentinel(const char *base, ...) {
        size_t length = strlen(base);
        Buffer url = {};
        va_list parts;
        const char *part;
        int r;

        while (length > 0 && base[length - 1] == '/')
                length--;
        r = buffer_append(&url, base, length);

        va_start(parts, base);
        while (r >= 0 && (part = va_arg(parts, const char *)))
                r = buffer_append(&url, part, strlen(part));
        va_end(parts);
        if (r < 0)
                buffer_clear(&url);
        return url.data;
}

char *url_encode(const char *text, const char *also) {
        static const char digits[] = "0123456789ABCDEF";
        size_t size;
        char *encoded, *end;

        if (__builtin_mul_overflow(strlen(text), (size_t) 3, &size) ||
                __builtin_add_overflow(size, 1, &size))
                return NULL;
        end = encoded = malloc(size);
        if (!encoded)
                return NULL;
        for (; *text; text++)
                if (strchr(UNRESERVED, *text) || strchr(also, *text))
                        *end++ = *text;
                else {
                        *end++ = '%';
                        *end++ = digits[(unsigned char) *text >> 4];
                        *end++ = digits[(unsigned char) *text & 15];
                }
        *end = '\0';
        return encoded;
}

char *url_last_segment(const char *url) {
        size_t end = strcspn(url, "?#"), start = end;

        while (start > 0 && url[start - 1] != '/')
                start--;
        return strndup(url + start, end - start);
}
