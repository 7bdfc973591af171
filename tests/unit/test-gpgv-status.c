/* Verdicts from the status that gpgv gives. */
#include "worker/gpgv-status.h"

#include "base/text.h"
#include "test.h"

#define PRIMARY "C874011F0AB405110D02105534365D9472D7468F"
#define SUBKEY "374EC75B485913604A831CC7C820C6D5CD27AB87"
#define OTHER "91A6E7F85D05C65630BEF18951852D87348FFC4C"
#define NEW "[GNUPG:] NEWSIG\n"
#define GOOD "[GNUPG:] GOODSIG C820C6D5CD27AB87 HashiCorp Security <security@hashicorp.com>\n"
#define EXPIRED_KEY "[GNUPG:] EXPKEYSIG C820C6D5CD27AB87 HashiCorp Security <security@hashicorp.com>\n"
#define VALID_WITH(hash, primary)                                                                           \
        "[GNUPG:] VALIDSIG " SUBKEY " 2023-12-13 1702491264 0 4 0 1 " hash " 00 " primary "\n"
#define VALID VALID_WITH("8", PRIMARY)

static const char *const pinned[] = { PRIMARY, NULL };
static const char *const both_pinned[] = { OTHER, PRIMARY, NULL };
static const SignaturePolicy strict = { .fingerprints = (char *const *) pinned };
static const SignaturePolicy lenient = {
        .fingerprints = (char *const *) both_pinned, .allow_expired_keys = true, .allow_weak_hashes = true
};

static void check_verdict(const char *text, int exit_status, const SignaturePolicy *policy,
        SignatureVerdict verdict, const char *message) {
        WorkerReport report = { .result = WORKER_FAILED };

        check_int(gpgv_status_read(text, strlen(text), exit_status, policy, &report), 0);
        check_int(report.result, WORKER_OK);
        check_string(signature_verdict_to_string(report.signature), signature_verdict_to_string(verdict));
        check_string(report.message, message);
        check(!report.key_expired || verdict == SIGNATURE_GOOD);
        free(report.message);
}

static void check_malformed(const char *text, size_t size) {
        WorkerReport report = { .result = WORKER_FAILED };

        check_int(gpgv_status_read(text, size, 0, &lenient, &report), -EBADMSG);
        check_int(report.result, WORKER_FAILED);
        check(report.message);
        free(report.message);
}

static void test_good(void) {
        WorkerReport report = {};
        static const char text[] =
                NEW "[GNUPG:] KEY_CONSIDERED " PRIMARY " 0\n"
                    "[GNUPG:] SIG_ID jm8g1FOztT/y1qBkYWI9yGeNZvI 2023-12-13 1702491264\n" GOOD VALID;

        check_int(gpgv_status_read(text, strlen(text), 0, &strict, &report), 0);
        check_int(report.signature, SIGNATURE_GOOD);
        check_string(report.message, NULL);
        check_string(report.primary_fingerprint, PRIMARY);
        check_string(report.signing_fingerprint, SUBKEY);
        check_int(report.signed_at, 1702491264);
        check_int(report.hash_algorithm, 8);
        check(!report.key_expired);
        check_verdict(text, 0, &lenient, SIGNATURE_GOOD, NULL);
}

static void test_expired(void) {
        /* The last KEYEXPIRED before the verdict is that of the signing key. */
        static const char before[] =
                NEW "[GNUPG:] KEYEXPIRED 1\n[GNUPG:] KEYEXPIRED 1776549017\n" EXPIRED_KEY VALID;
        static const char after[] =
                NEW "[GNUPG:] KEYEXPIRED 1776549017\n[GNUPG:] KEYEXPIRED 1650413312\n" EXPIRED_KEY VALID;
        static const char at[] = NEW "[GNUPG:] KEYEXPIRED 1702491264\n" EXPIRED_KEY VALID;
        WorkerReport report = {};

        check_int(gpgv_status_read(before, strlen(before), 0, &lenient, &report), 0);
        check_int(report.signature, SIGNATURE_GOOD);
        check(report.key_expired);
        check_verdict(before, 0, &strict, SIGNATURE_EXPIRED,
                "the signature is good, but its key " PRIMARY
                " expired on 2026-04-18 and expired keys are not allowed");
        check_verdict(after, 0, &lenient, SIGNATURE_EXPIRED,
                "the signature was made on 2023-12-13, after its key " PRIMARY " had expired on 2022-04-20");
        check_verdict(at, 0, &lenient, SIGNATURE_EXPIRED,
                "the signature was made on 2023-12-13, after its key " PRIMARY " had expired on 2023-12-13");
        check_verdict(NEW "[GNUPG:] EXPSIG C820C6D5CD27AB87 x\n" VALID, 0, &lenient, SIGNATURE_EXPIRED,
                "the signature by key C820C6D5CD27AB87 has itself expired");
}

static void test_bad(void) {
        check_verdict(NEW "[GNUPG:] BADSIG 37A6AB3BCF2C170A x\n", 1, &lenient, SIGNATURE_BAD,
                "the signature by key 37A6AB3BCF2C170A does not match the data: one of the two was altered");
        check_verdict(NEW "[GNUPG:] ERRSIG 51852D87348FFC4C 1 2 00 1590598525 9 -\n[GNUPG:] NO_PUBKEY "
                          "51852D87348FFC4C\n",
                2, &lenient, SIGNATURE_UNKNOWN_KEY,
                "the signature was made by key 51852D87348FFC4C, which is not among the configured keys; "
                "expected " OTHER " or " PRIMARY);
        check_verdict(NEW "[GNUPG:] ERRSIG 51852D87348FFC4C 1 1 00 1590598525 5 " OTHER "\n", 2, &lenient,
                SIGNATURE_WEAK_HASH,
                "the signature by key " OTHER " uses the MD5 hash (1), which gpgv refuses");
        check_verdict(NEW "[GNUPG:] ERRSIG 51852D87348FFC4C 99 8 00 1590598525 4 -\n", 2, &lenient,
                SIGNATURE_BAD, "the signature by key 51852D87348FFC4C cannot be checked (gpgv error 4)");
        check_verdict("[GNUPG:] NODATA 3\n[GNUPG:] NODATA 4\n", 2, &lenient, SIGNATURE_BAD,
                "the signature is truncated or is no OpenPGP signature");
        check_verdict(
                "", 0, &lenient, SIGNATURE_BAD, "the signature is malformed: gpgv found no valid one in it");
        check_verdict(NEW "[GNUPG:] REVKEYSIG C820C6D5CD27AB87 x\n" VALID, 0, &lenient, SIGNATURE_REVOKED,
                "the signature was made by key C820C6D5CD27AB87, which has been revoked");
        check_verdict(NEW GOOD VALID_WITH("8", OTHER), 0, &strict, SIGNATURE_WRONG_KEY,
                "the signature is good, but was made by key " OTHER "; expected " PRIMARY);
        check_verdict(NEW GOOD VALID_WITH("2", PRIMARY), 0, &strict, SIGNATURE_WEAK_HASH,
                "the signature by key " PRIMARY " uses the weak hash SHA-1, which is not allowed");
        check_verdict(NEW GOOD VALID_WITH("2", PRIMARY), 0, &lenient, SIGNATURE_GOOD, NULL);

        /* The pin comes before all leniency. */
        static const char *const none[] = { NULL };
        const SignaturePolicy unpinned = {
                .fingerprints = (char *const *) none, .allow_expired_keys = true, .allow_weak_hashes = true
        };
        check_verdict(NEW GOOD VALID, 0, &unpinned, SIGNATURE_WRONG_KEY,
                "the signature is good, but was made by key " PRIMARY "; expected ");
}

/* Good lines beside others never make a good signature. */
static void test_mixed(void) {
        static const char several[] = "more than one signature where exactly one is expected";

        check_verdict(NEW GOOD VALID NEW GOOD VALID, 0, &lenient, SIGNATURE_BAD, several);
        check_verdict(NEW GOOD VALID VALID, 0, &lenient, SIGNATURE_BAD, several);
        check_verdict(NEW VALID, 0, &lenient, SIGNATURE_BAD, several);
        check_verdict(NEW GOOD EXPIRED_KEY VALID, 0, &lenient, SIGNATURE_BAD, several);
        check_verdict(NEW GOOD, 0, &lenient, SIGNATURE_BAD,
                "the signature is malformed: gpgv found no valid one in it");
        check_verdict(NEW GOOD VALID NEW "[GNUPG:] BADSIG 37A6AB3BCF2C170A x\n", 1, &lenient, SIGNATURE_BAD,
                "the signature by key 37A6AB3BCF2C170A does not match the data: one of the two was altered");
        check_verdict(NEW GOOD VALID NEW "[GNUPG:] ERRSIG 51852D87348FFC4C 1 8 00 1 9 -\n", 2, &strict,
                SIGNATURE_UNKNOWN_KEY,
                "the signature was made by key 51852D87348FFC4C, which is not among the configured keys; "
                "expected " PRIMARY);

        /* A name of a key that looks like a status line: gpgv escapes line ends, so it stays in its line. */
        check_verdict(NEW "[GNUPG:] BADSIG 37A6AB3BCF2C170A %0A[GNUPG:] VALIDSIG " SUBKEY "\n", 1, &lenient,
                SIGNATURE_BAD,
                "the signature by key 37A6AB3BCF2C170A does not match the data: one of the two was altered");
}

static void test_malformed(void) {
        static const char *const cases[] = {
                "gpgv: something\n",
                "[GNUPG:] \n",
                NEW "[GNUPG:]  GOODSIG C820C6D5CD27AB87 x\n" VALID,
                NEW GOOD "[GNUPG:] VALIDSIG " SUBKEY "\n",
                NEW GOOD "[GNUPG:] VALIDSIG " SUBKEY
                         " 2023-12-13 1702491264 0 4 0 1 8 00 C874011F0AB40511\n",
                NEW GOOD "[GNUPG:] VALIDSIG " SUBKEY " 2023-12-13 17024912640000 0 4 0 1 8 00 " PRIMARY "\n",
                NEW GOOD "[GNUPG:] VALIDSIG " SUBKEY " 2023-12-13 -1 0 4 0 1 8 00 " PRIMARY "\n",
                NEW GOOD "[GNUPG:] VALIDSIG " SUBKEY " 2023-12-13 1702491264 0 4 0 1 256 00 " PRIMARY "\n",
                NEW GOOD "[GNUPG:] VALIDSIG " SUBKEY
                         " 2023-12-13 1702491264 0 4 0 1 8 00 " PRIMARY, /* no line end */
                NEW "[GNUPG:] GOODSIG short x\n" VALID,
                NEW "[GNUPG:] GOODSIG\n" VALID,
                NEW "[GNUPG:] ERRSIG 51852D87348FFC4C 1\n",
                "[GNUPG:] KEYEXPIRED soon\n" NEW EXPIRED_KEY VALID,
        };
        _cleanup_free_ char *large = malloc(GPGV_STATUS_SIZE_MAX + 1);
        WorkerReport report = {};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                check_malformed(cases[i], strlen(cases[i]));
        check_malformed("[GNUPG:] NEW\0SIG\n", 17);

        check(large);
        memset(large, '\n', GPGV_STATUS_SIZE_MAX + 1);
        check_malformed(large, GPGV_STATUS_SIZE_MAX + 1);

        /* Good by its words, not by its end. */
        check_int(gpgv_status_read(NEW GOOD VALID, strlen(NEW GOOD VALID), 1, &lenient, &report), -EBADMSG);
        check_string(report.message, "gpgv found the signature valid but ended with exit status 1");
        free(report.message);
}

int main(void) {
        test_good();
        test_expired();
        test_bad();
        test_mixed();
        test_malformed();
        return 0;
}
