/* The first byte is gpgv's exit status and the policy, the rest its status: a good verdict has all that it needs. */
#include "fuzz.h"
#include "worker/gpgv-status.h"

#define PRIMARY "C874011F0AB405110D02105534365D9472D7468F"

/* The lines that begin so. */
static size_t count(const char *text, const char *beginning) {
        size_t n = 0;

        for (const char *line = text, *end; line; line = end ? end + 1 : NULL) {
                end = strchr(line, '\n');
                n += startswith(line, beginning) != NULL;
        }
        return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *fingerprints[] = { PRIMARY, NULL };
        _cleanup_free_ char *text = NULL;
        WorkerReport report = {};
        SignaturePolicy policy = { .fingerprints = (char *const *) fingerprints };

        if (size == 0)
                return 0;
        policy.allow_expired_keys = data[0] & 4;
        policy.allow_weak_hashes = data[0] & 8;
        if (gpgv_status_read((const char *) data + 1, size - 1, data[0] & 3, &policy, &report) >= 0) {
                text = strndup((const char *) data + 1, size - 1);
                if (!text || (report.signature != SIGNATURE_GOOD) != !!report.message)
                        abort();
                if (report.signature == SIGNATURE_GOOD &&
                        (count(text, "[GNUPG:] VALIDSIG ") != 1 || (data[0] & 3) != 0 ||
                                !streq(report.primary_fingerprint, PRIMARY) ||
                                (report.key_expired && !policy.allow_expired_keys) ||
                                (report.hash_algorithm <= 3 && !policy.allow_weak_hashes)))
                        abort();
        } else if (!report.message)
                abort();
        free(report.message);
        return 0;
}
