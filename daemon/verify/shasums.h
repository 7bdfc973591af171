/* SHA256SUMS files: lines of 64 lower-case hexadecimal digits, two spaces (or a space and '*'), a file name. */
#pragma once

#include "base/util.h"

#define SHASUMS_SIZE_MAX (1 * MIB)

/* The digest of `file` in the text. Returns 0, -ENOENT when no line names it, -ENOTUNIQ when two lines name it with
 * different digests, -EBADMSG when the text is malformed (then *ret_line, which may be NULL, is the bad line; 0 when
 * the text is larger than SHASUMS_SIZE_MAX). */
int shasums_find(
        const char *data, size_t size, const char *file, char ret_sha256[static 65], unsigned *ret_line);
