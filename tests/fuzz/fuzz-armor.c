/* Armored or binary data: what comes out is never longer than what went in. */
#include "fuzz.h"
#include "worker/armor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(buffer_clear) Buffer binary = {};
        const char *error = NULL;
        int r = armor_decode("PUBLIC KEY BLOCK", (const char *) data, size, &binary, &error);

        if ((r == -EBADMSG && !error) || binary.size > size)
                abort();
        return 0;
}
