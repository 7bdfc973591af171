/* Text: formatted messages that replace an older one, growing buffers with a limit. */
#pragma once

#include <stdarg.h>

#include "base/util.h"

/* A formatted message, NULL when out of memory. */
char *text_format(const char *format, ...) _printf_(1, 2);
char *text_vformat(const char *format, va_list arguments) _printf_(1, 0);

/* Replaces *text by a formatted message. On lack of memory the old text goes and *text is NULL: a message is never
 * worth failing for. */
void text_set(char **text, const char *format, ...) _printf_(2, 3);

/* A copy in which every byte that is not printable ASCII or part of valid UTF-8 is '?': for text that came from
 * outside and goes to a terminal or a journal. NULL when out of memory. */
char *text_printable(const char *text);

/* The same on one line, where white space of any length is one space, cut between characters to at most `max` bytes, of
 * which three are the sign of the cut. */
char *text_line(const char *text, size_t max);

/* True for valid UTF-8 (RFC 3629), control characters included. */
bool text_is_utf8(const char *text, size_t size);

typedef struct Buffer {
        char *data; /* NUL-terminated when size > 0 */
        size_t size;
        size_t max; /* appending beyond fails with -EFBIG; 0: no limit */
} Buffer;

int buffer_append(Buffer *buffer, const void *data, size_t size);
int buffer_append_format(Buffer *buffer, const char *format, ...) _printf_(2, 3);
/* Empties and frees. */
void buffer_clear(Buffer *buffer);
