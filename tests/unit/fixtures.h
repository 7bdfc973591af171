/* What the tests of document parsers share: files read whole, hostile documents built, messages checked. */
#pragma once

#include "base/text.h"
#include "test.h"

/* A file of the recorded data, read whole; to be freed. */
static inline char *read_fixture(const char *name, size_t *ret_size) {
        const size_t max = 16 * MIB;
        char path[4096], *data;
        FILE *file;

        (void) snprintf(path, sizeof(path), "%s/%s", test_fixtures(), name);
        file = fopen(path, "re");
        if (!file)
                (void) fprintf(stderr, "%s cannot be opened\n", path);
        check(file);
        data = malloc(max + 1);
        check(data);
        *ret_size = fread(data, 1, max, file);
        check(*ret_size > 0 && *ret_size < max && !ferror(file));
        data[*ret_size] = '\0';
        (void) fclose(file);
        return data;
}

/* `text` repeated between `start` and `end`, for documents that are too deep or too large; to be freed. */
static inline char *repeat(const char *start, const char *text, size_t n, const char *end) {
        Buffer buffer = {};

        check_int(buffer_append(&buffer, start, strlen(start)), 0);
        for (size_t i = 0; i < n; i++)
                check_int(buffer_append(&buffer, text, strlen(text)), 0);
        check_int(buffer_append(&buffer, end, strlen(end)), 0);
        return buffer.data;
}

/* The message is the expected one; frees it. */
static inline void check_message(char *message, const char *expected) {
        check_string(message, expected);
        free(message);
}
