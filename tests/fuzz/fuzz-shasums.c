/* The name that is looked for on the first line, the text of the file after it. */
#include "base/sha256.h"
#include "fuzz.h"
#include "verify/shasums.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const uint8_t *newline = size > 0 ? memchr(data, '\n', size) : NULL;
        _cleanup_free_ char *file = NULL;
        char sha256[SHA256_HEX_SIZE];
        unsigned line = UINT32_MAX;
        size_t rest;
        int r;

        if (!newline)
                return 0;
        file = strndup((const char *) data, (size_t) (newline - data));
        if (!file)
                return 0;
        rest = size - (size_t) (newline + 1 - data);
        r = shasums_find((const char *) newline + 1, rest, file, sha256, &line);
        if ((r == 0 && !sha256_hex_is_valid(sha256)) || (r == -EBADMSG) != (line != UINT32_MAX))
                abort();
        return 0;
}
