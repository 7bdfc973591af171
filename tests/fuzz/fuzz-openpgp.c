/* Packets of a key file: whatever they are, what comes out is well-formed and bounded. */
#include "fuzz.h"
#include "worker/openpgp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        WorkerKey keys[WORKER_KEYS_MAX] = {};
        const char *error = NULL;
        int n = openpgp_list_keys(data, size, keys, &error);

        if (n == 0 || n > WORKER_KEYS_MAX || (n < 0 && (n != -EBADMSG || !error)))
                abort();
        for (int i = 0; i < n; i++)
                if (!fingerprint_is_valid(keys[i].fingerprint) ||
                        !memchr(keys[i].user, 0, sizeof(keys[i].user)))
                        abort();
        return 0;
}
