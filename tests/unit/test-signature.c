/* Signatures with the real gpgv and real data, and what armor may look like. */
#include "worker/signature.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/fs.h"
#include "test.h"
#include "worker/armor.h"

#define HASHICORP "C874011F0AB405110D02105534365D9472D7468F"
#define HASHICORP_OLD "91A6E7F85D05C65630BEF18951852D87348FFC4C"
#define TEST_AUTHOR "5BFEEC4317E746008621970637A6AB3BCF2C170A"

static const char *fixtures;

static int open_fixture(const char *name) {
        _cleanup_free_ char *path = NULL;
        int fd;

        check(asprintf(&path, "%s/%s", fixtures, name) > 0);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                test_fail(__FILE__, __LINE__, path);
        return fd;
}

typedef struct Case {
        const char *data, *signature, *keys[3], *fingerprint;
        bool allow_expired_keys, allow_weak_hashes;
        SignatureVerdict verdict;
        bool key_expired;
        unsigned hash_algorithm;
        const char *message; /* what it must hold */
} Case;

static int run(const Case *c, WorkerReport *report) {
        WorkerDescription description = { .request = WORKER_REQUEST_INIT(WORKER_SIGNATURE) };
        const char *fingerprints[] = { c->fingerprint, NULL };
        WorkerRequest *request = &description.request;
        int r;

        request->input_fd = open_fixture(c->data);
        request->signature_fd = open_fixture(c->signature);
        for (size_t i = 0; i < ELEMENTSOF(c->keys) && c->keys[i]; i++)
                request->keyring_fds[request->n_keyrings++] = open_fixture(c->keys[i]);
        request->fingerprints = (char *const *) fingerprints;
        request->allow_expired_keys = c->allow_expired_keys;
        request->allow_weak_hashes = c->allow_weak_hashes;
        *report = (WorkerReport) { .result = WORKER_FAILED };
        r = signature_run(&description, report);
        worker_request_close(request);
        return r;
}

static void check_case(const Case *c) {
        WorkerReport report;
        int r = run(c, &report);

        if (r < 0 || report.signature != c->verdict)
                (void) fprintf(stderr, "%s with %s: %d %s\n", c->signature, c->keys[0], r,
                        strempty(report.message));
        check_int(r, 0);
        check_int(report.result, WORKER_OK);
        check_string(signature_verdict_to_string(report.signature), signature_verdict_to_string(c->verdict));
        check_int(report.key_expired, c->key_expired);
        if (c->hash_algorithm > 0)
                check_int(report.hash_algorithm, c->hash_algorithm);
        check((c->verdict == SIGNATURE_GOOD) == !report.message);
        if (c->verdict == SIGNATURE_GOOD)
                check_string(report.primary_fingerprint, c->fingerprint);
        if (c->message)
                check(strstr(report.message, c->message));
        worker_report_done(&report);
}

/* Every row of the measured table, by the policy of the daemon (old keys allowed, old hashes not) and by others. */
static void test_measured(void) {
        static const char new_key[] = "openpgp/hc-install-DefaultPublicKey.asc",
                          old_copy[] = "openpgp/tenv-hashicorp-pgp-key.txt",
                          merged[] = "openpgp/derived-merged-hashicorp-2021+2026.asc",
                          retired[] = "openpgp/hashicorp-old-348FFC4C.asc",
                          author[] = "openpgp/test-author.asc",
                          install_key[] = "hashicorp-releases/hc-install/2FCA0A85.pub";
        static const char sums_166[] = "openpgp/terraform_1.6.6_SHA256SUMS",
                          sig_166[] = "openpgp/terraform_1.6.6_SHA256SUMS.sig",
                          sums_01226[] = "openpgp/terraform_0.12.26_SHA256SUMS",
                          sig_01226[] = "openpgp/terraform_0.12.26_SHA256SUMS.sig",
                          sums_null[] = "openpgp/null_3.1.0_SHA256SUMS",
                          sig_null[] = "openpgp/null_3.1.0_SHA256SUMS.sig",
                          good[] = "openpgp/test-author-good.sig", bad[] = "openpgp/test-bad.sig",
                          placeholder[] = "openpgp/test-shasums-placeholder.txt",
                          realistic[] = "openpgp/test-shasums-realistic.txt";
        static const char install_sums[] =
                "hashicorp-releases/hc-install/mock_terraform_builds__0.14.11__terraform_0.14.11_SHA256SUMS";
        static const char install_sig[] =
                "hashicorp-releases/hc-install/"
                "mock_terraform_builds__0.14.11__terraform_0.14.11_SHA256SUMS.2FCA0A85.sig";
        const Case cases[] = {
                { sums_166, sig_166, { new_key }, HASHICORP, true, false, SIGNATURE_GOOD, false, 8, NULL },
                { sums_166, sig_166, { new_key }, HASHICORP, false, false, SIGNATURE_GOOD, false, 8, NULL },
                { sums_166, sig_166, { old_copy }, HASHICORP, true, false, SIGNATURE_GOOD, true, 8, NULL },
                { sums_166, sig_166, { old_copy }, HASHICORP, false, false, SIGNATURE_EXPIRED, false, 8,
                        "expired on 2026-04-18" },
                { sums_166, sig_166, { merged }, HASHICORP, false, false, SIGNATURE_GOOD, false, 8, NULL },
                { sums_166, sig_166, { new_key, old_copy }, HASHICORP, false, false, SIGNATURE_GOOD, false,
                        8, NULL },
                { sums_166, sig_166, { old_copy, new_key }, HASHICORP, true, false, SIGNATURE_GOOD, true, 8,
                        NULL },
                { sums_166, sig_166, { author, retired, new_key }, HASHICORP, true, false, SIGNATURE_GOOD,
                        false, 8, NULL },
                { sums_166, sig_166, { new_key }, HASHICORP_OLD, true, false, SIGNATURE_WRONG_KEY, false, 8,
                        "was made by key " HASHICORP "; expected " HASHICORP_OLD },
                { sums_01226, sig_166, { new_key }, HASHICORP, true, false, SIGNATURE_BAD, false, 0,
                        "does not match the data" },

                { sums_01226, sig_01226, { retired }, HASHICORP_OLD, true, false, SIGNATURE_WEAK_HASH, false,
                        2, "SHA-1" },
                { sums_01226, sig_01226, { retired }, HASHICORP_OLD, true, true, SIGNATURE_GOOD, false, 2,
                        NULL },
                { sums_01226, sig_01226, { new_key }, HASHICORP, true, true, SIGNATURE_UNKNOWN_KEY, false, 0,
                        "51852D87348FFC4C" },
                { sums_01226, sig_01226, { merged }, HASHICORP, true, true, SIGNATURE_UNKNOWN_KEY, false, 0,
                        NULL },
                { sums_01226, sig_01226, { old_copy }, HASHICORP, true, true, SIGNATURE_UNKNOWN_KEY, false,
                        0, NULL },

                { sums_null, sig_null, { new_key }, HASHICORP, true, false, SIGNATURE_GOOD, true, 8, NULL },
                { sums_null, sig_null, { old_copy }, HASHICORP, true, false, SIGNATURE_GOOD, true, 8, NULL },
                { sums_null, sig_null, { merged }, HASHICORP, true, false, SIGNATURE_GOOD, true, 8, NULL },
                { sums_null, sig_null, { new_key }, HASHICORP, false, false, SIGNATURE_EXPIRED, false, 8,
                        "expired on 2022-04-20" },

                { placeholder, good, { author }, TEST_AUTHOR, false, false, SIGNATURE_GOOD, false, 8, NULL },
                { realistic, good, { author }, TEST_AUTHOR, true, true, SIGNATURE_BAD, false, 0,
                        "37A6AB3BCF2C170A" },
                { placeholder, good, { new_key }, HASHICORP, true, true, SIGNATURE_UNKNOWN_KEY, false, 0,
                        TEST_AUTHOR },
                { placeholder, bad, { author }, TEST_AUTHOR, true, true, SIGNATURE_BAD, false, 0,
                        "truncated" },
                { placeholder, placeholder, { author }, TEST_AUTHOR, true, true, SIGNATURE_BAD, false, 0,
                        "neither OpenPGP packets nor ASCII armor" },
                { install_sums, install_sig, { install_key }, "719106194588D5BF6D670723B5EEA6B02FCA0A85",
                        false, false, SIGNATURE_GOOD, false, 0, NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                check_case(&cases[i]);
}

static void test_bad_keys(void) {
        const Case c = {
                .data = "openpgp/terraform_1.6.6_SHA256SUMS",
                .signature = "openpgp/terraform_1.6.6_SHA256SUMS.sig",
                .keys = { "openpgp/hc-install-DefaultPublicKey.asc", "openpgp/test-shasums-realistic.txt" },
                .fingerprint = HASHICORP,
        };
        WorkerReport report;

        check_int(run(&c, &report), -EBADMSG);
        check_string(report.message, "key file 2: neither OpenPGP packets nor ASCII armor");
        worker_report_done(&report);
}

static void test_no_gpgv(void) {
        const Case c = {
                .data = "openpgp/terraform_1.6.6_SHA256SUMS",
                .signature = "openpgp/terraform_1.6.6_SHA256SUMS.sig",
                .keys = { "openpgp/hc-install-DefaultPublicKey.asc" },
                .fingerprint = HASHICORP,
        };
        _cleanup_free_ char *path = strdup(strempty(getenv("PATH")));
        WorkerReport report;

        check(path && setenv("PATH", "/nonexistent", 1) == 0);
        check_int(run(&c, &report), -ENOENT);
        check_string(report.message, "gpgv cannot be started; is it installed?");
        worker_report_done(&report);
        check(setenv("PATH", path, 1) == 0);
}

static void check_armor(const char *text, const char *expected, const char *expected_error) {
        _cleanup_(buffer_clear) Buffer binary = {};
        const char *error = NULL;
        int r = armor_decode("SIGNATURE", text, strlen(text), &binary, &error);

        check_int(r, expected_error ? -EBADMSG : 0);
        if (expected_error)
                check_string(error, expected_error);
        else
                check_string(strempty(binary.data), expected);
}

#define BEGIN "-----BEGIN PGP SIGNATURE-----\n"
#define END "-----END PGP SIGNATURE-----\n"

static void test_armor(void) {
        check_armor(BEGIN "\naGVsbG8=\n=AbCd\n" END, "hello", NULL);
        check_armor(BEGIN "\naGVsbG8=\n" END, "hello", NULL); /* RFC 9580: no CRC needed */
        check_armor(
                "\n\n" BEGIN "Version: x\nComment: y: z\n\naGVs\nbG8=\n=AbCd\n" END "\n \n", "hello", NULL);
        check_armor(
                "-----BEGIN PGP SIGNATURE-----\r\n\r\naGVsbG8=\r\n=AbCd\r\n-----END PGP SIGNATURE-----\r\n",
                "hello", NULL);
        check_armor(BEGIN "\naGVsbG8=\n" END BEGIN "\naGVsbG8=\n" END, "hellohello", NULL);
        check_armor("-----BEGIN PGP SIGNATURE-----\n\naGVsbG8=\n-----END PGP SIGNATURE-----", "hello", NULL);
        check_armor("\xc2\x01"
                    "binary",
                "\xc2\x01"
                "binary",
                NULL);

        check_armor("", NULL, "empty");
        check_armor("hello", NULL, "neither OpenPGP packets nor ASCII armor");
        check_armor(BEGIN "\naGVsbG8=\n=AbCd\n", NULL, "armor without an end line");
        check_armor(BEGIN "aGVsbG8=\n" END, NULL, "malformed armor header");
        check_armor(BEGIN, NULL, "armor without content");
        check_armor(BEGIN "\naGVsbG8\n" END, NULL, "truncated base64 in the armor");
        check_armor(BEGIN "\naGV?bG8=\n" END, NULL, "malformed base64 in the armor");
        check_armor(BEGIN "\naGVsbG8=\n\n" END, NULL, "malformed base64 in the armor");
        check_armor(BEGIN "\naGVsbG8=\n=AbCd\n=AbCd\n" END, NULL, "malformed base64 in the armor");
        check_armor(BEGIN "\naGVsbG8=\n" END "more", NULL, "text or another kind of block beside the armor");
        check_armor("-----BEGIN PGP MESSAGE-----\n\naGVsbG8=\n-----END PGP MESSAGE-----\n", NULL,
                "text or another kind of block beside the armor");
        check_armor(BEGIN "\naGVsbG8=\n-----END PGP MESSAGE-----\n", NULL, "malformed base64 in the armor");
}

int main(void) {
        test_armor();

        fixtures = test_fixtures();
        test_measured();
        test_bad_keys();
        test_no_gpgv();
        return 0;
}
