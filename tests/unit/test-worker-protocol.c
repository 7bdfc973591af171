/* Jobs and reports on their way, and reports that are refused. */
#include "worker/protocol.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/list.h"
#include "test.h"
#include "worker/layer.h"

#define SHA "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define H1 "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define FINGERPRINT "C874011F0AB405110D02105534365D9472D7468F"

static int file_with(const char *text) {
        int fd = memfd_create("test", MFD_CLOEXEC);

        check(fd >= 0);
        check_int(fs_write_all(fd, text, strlen(text)), 0);
        return fd;
}

static void check_content(int fd, const char *expected) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        check_int(fs_read_fd(fd, MIB, &text, &size), 0);
        check_string(text, expected);
}

static int send_and_receive(
        const WorkerRequest *request, const WorkerLimits *limits, WorkerDescription *ret) {
        int pair[2], r;

        check_int(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        r = worker_job_send(pair[0], request, limits);
        if (r >= 0)
                r = worker_job_receive(pair[1], ret);
        close_fd(pair[0]);
        close_fd(pair[1]);
        return r;
}

static void test_jobs(void) {
        const WorkerLimits limits = { .parallel = 3,
                .timeout_usec = 9,
                .entries_max = 1,
                .unpacked_size_max = UINT64_MAX,
                .ratio_max = 3,
                .artifact_size_max = 4 };
        const char *fingerprints[] = { FINGERPRINT, FINGERPRINT FINGERPRINT, NULL };
        WorkerRequest request = WORKER_REQUEST_INIT(WORKER_HASH_ZIP);
        WorkerDescription description;

        request.input_fd = file_with("input");
        request.hash_file = true;
        check_int(send_and_receive(&request, &limits, &description), 0);
        check_int(description.request.kind, WORKER_HASH_ZIP);
        check(description.request.hash_file);
        check_content(description.request.input_fd, "input");
        check_int(fcntl(description.request.input_fd, F_GETFD), FD_CLOEXEC);
        check_int(description.request.output_fd, -EBADF);
        check_int(description.limits.entries_max, 1);
        check(description.limits.unpacked_size_max == UINT64_MAX);
        check_int(description.limits.ratio_max, 3);
        check_int(description.limits.artifact_size_max, 4);
        worker_description_done(&description);

        request.kind = WORKER_REPACK;
        check_int(send_and_receive(&request, &limits, &description), -EINVAL);
        request.output_fd = file_with("output");
        request.scratch_fd = file_with("scratch");
        request.file_format = FILE_FORMAT_TAR_GZ;
        check_int(send_and_receive(&request, &limits, &description), 0);
        check_content(description.request.output_fd, "output");
        check_content(description.request.scratch_fd, "scratch");
        check_int(description.request.readme_fd, -EBADF);
        check_int(description.request.file_format, FILE_FORMAT_TAR_GZ);
        worker_description_done(&description);
        worker_request_close(&request);

        request = WORKER_REQUEST_INIT(WORKER_SIGNATURE);
        request.input_fd = file_with("data");
        request.signature_fd = file_with("signature");
        check_int(send_and_receive(&request, &limits, &description), -EINVAL); /* no keyring */
        request.keyring_fds[request.n_keyrings++] = file_with("one");
        check_int(
                send_and_receive(&request, &limits, &description), 0); /* nothing pinned: who has signed? */
        check(!description.request.fingerprints);
        worker_description_done(&description);
        request.keyring_fds[request.n_keyrings++] = file_with("two");
        request.fingerprints = (char *const *) fingerprints;
        request.allow_weak_hashes = true;
        check_int(
                send_and_receive(&request, &limits, &description), -EINVAL); /* one of them has 80 digits */
        fingerprints[1] = NULL;
        check_int(send_and_receive(&request, &limits, &description), 0);
        check_content(description.request.keyring_fds[0], "one");
        check_content(description.request.keyring_fds[1], "two");
        check_int(description.request.n_keyrings, 2);
        check(strings_equal(description.request.fingerprints, request.fingerprints));
        check(description.request.allow_weak_hashes && !description.request.allow_expired_keys);
        worker_description_done(&description);
        worker_request_close(&request);
}

static void test_scan(void) {
        const WorkerLimits limits = { .entries_max = 1 };
        WorkerRequest request = WORKER_REQUEST_INIT(WORKER_SCAN);
        WorkerDescription description;

        request.input_fd = file_with("input");
        request.output_fd = file_with("output");
        request.raw_fd = file_with("raw");
        request.scanner_fd = file_with("scanner");
        request.directory_fd = file_with("directory");
        request.scan = (WorkerScan) { .subject = SCAN_MODULE, .scanner_flags = 5, .report_size_max = 7 };
        check_int(send_and_receive(&request, &limits, &description), -EINVAL); /* which scanner? */
        (void) strcpy(request.scan.scanner, "0.68.2");
        check_int(send_and_receive(&request, &limits, &description), 0);
        check_content(description.request.scanner_fd, "scanner");
        check_content(description.request.raw_fd, "raw");
        check_int(description.request.database_fd, -EBADF);
        check_int(description.request.sbom_fd, -EBADF);
        check_int(description.request.scan.subject, SCAN_MODULE);
        check_string(description.request.scan.scanner, "0.68.2");
        check_int(description.request.scan.scanner_flags, 5);
        check_int(description.request.scan.report_size_max, 7);
        worker_description_done(&description);
        request.scan.subject = SCAN_BINARY;
        check_int(send_and_receive(&request, &limits, &description), -EINVAL); /* with which database? */
        request.database_fd = file_with("database");
        check_int(send_and_receive(&request, &limits, &description), 0);
        check_content(description.request.database_fd, "database");
        worker_description_done(&description);
        worker_request_close(&request);
}

static void test_scan_reports(void) {
        static const char *const malformed[] = { "", ",\"scan\":{}", ",\"scan\":{\"subject\":\"module\"}",
                ",\"scan\":{\"subject\":\"binary\"},\"message\":\"x\"",
                ",\"scan\":{\"subject\":\"binary\"},\"more\":1",
                ",\"scan\":{\"subject\":\"binary\",\"counts\":{\"critical\":1}}" };
        SevereFinding severe = { SEVERITY_CRITICAL, true, (char *) "CVE-1", (char *) "p", (char *) "c" };
        const WorkerReport in = { .result = WORKER_OK,
                .scan = { .origin = { SCAN_BINARY, (char *) "0.68.2", USEC_PER_SEC, 2 * USEC_PER_SEC },
                        .counts[SEVERITY_CRITICAL] = 1,
                        .severe = &severe,
                        .n_severe = 1 } };
        WorkerRequest request = WORKER_REQUEST_INIT(WORKER_SCAN);
        _cleanup_free_ char *text = NULL;
        const char *error = NULL;
        WorkerReport out;

        check_int(worker_report_format(WORKER_SCAN, &in, &text), 0);
        check_int(worker_report_parse(&request, text, strlen(text), &out, &error), 0);
        check_string(out.scan.severe[0].component, "c");
        check_int(out.scan.origin.database_usec, USEC_PER_SEC);
        worker_report_done(&out);
        for (size_t i = 0; i < ELEMENTSOF(malformed); i++) {
                char report[256];

                (void) snprintf(report, sizeof(report),
                        "{\"version\":1,\"kind\":\"scan\",\"result\":\"ok\"%s}", malformed[i]);
                check_int(worker_report_parse(&request, report, strlen(report), &out, &error), -EBADMSG);
                check(error);
        }
}

static void test_probe(void) {
        static const char *const malformed[] = { "", ",\"layers\":[1]", ",\"layers\":[\"walls\"]",
                ",\"layers\":[\"files\",\"files\"]", ",\"layers\":{}", ",\"layers\":[],\"more\":1",
                ",\"layers\":[],\"message\":\"x\"" };
        const WorkerReport in = { .result = WORKER_OK,
                .layers = SANDBOX_BIT(SANDBOX_FILES) | SANDBOX_BIT(SANDBOX_SYSTEM_CALLS) };
        WorkerRequest request = WORKER_REQUEST_INIT(WORKER_PROBE);
        const WorkerLimits limits = { .entries_max = 1 };
        _cleanup_free_ char *text = NULL;
        WorkerDescription description;
        const char *error = NULL;
        WorkerReport out;

        /* A job without a descriptor. */
        check_int(send_and_receive(&request, &limits, &description), 0);
        check_int(description.request.kind, WORKER_PROBE);
        worker_description_done(&description);

        check_int(worker_report_format(WORKER_PROBE, &in, &text), 0);
        check_int(worker_report_parse(&request, text, strlen(text), &out, &error), 0);
        check_int(out.layers, in.layers);
        for (size_t i = 0; i < ELEMENTSOF(malformed); i++) {
                _cleanup_free_ char *report = NULL;

                check(asprintf(&report, "{\"version\":1,\"kind\":\"probe\",\"result\":\"ok\"%s}",
                              malformed[i]) >= 0);
                check_int(worker_report_parse(&request, report, strlen(report), &out, &error), -EBADMSG);
        }
}

static void test_malformed_jobs(void) {
        static const char *const cases[] = {
                "",
                "x",
                "{}",
                "[]",
                "{\"version\":2,\"kind\":\"hash-zip\",\"entriesMax\":1,\"unpackedSizeMax\":1,\"ratioMax\":1,"
                "\"artifactSizeMax\":1,"
                "\"hashFile\":false,\"descriptors\":[]}",
                "{\"version\":1,\"kind\":\"hash-zip\",\"entriesMax\":1,\"unpackedSizeMax\":1,\"ratioMax\":1,"
                "\"artifactSizeMax\":1,"
                "\"hashFile\":false,\"descriptors\":[\"input\"]}",
                "{\"version\":1,\"kind\":\"other\",\"entriesMax\":1,\"unpackedSizeMax\":1,\"ratioMax\":1,"
                "\"artifactSizeMax\":1,"
                "\"hashFile\":false,\"descriptors\":[]}",
        };
        WorkerDescription description;
        int pair[2];

        check_int(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
        for (size_t i = 1; i < ELEMENTSOF(cases); i++) {
                check(send(pair[0], cases[i], strlen(cases[i]), 0) >= 0);
                check_int(worker_job_receive(pair[1], &description), -EBADMSG);
        }
        close_fd(pair[0]);
        check_int(worker_job_receive(pair[1], &description), -ENODATA);
        close_fd(pair[1]);
}

static void test_reports(void) {
        WorkerRequest request = WORKER_REQUEST_INIT(WORKER_REPACK);
        WorkerReport in = {
                .result = WORKER_OK,
                .size = 123,
                .sha256 = SHA,
                .h1 = H1,
                .commit = "0123456789abcdef0123456789abcdef01234567",
                .n_entries = 4,
                .unpacked_size = INT64_MAX,
                .readme_size = 5,
        };
        _cleanup_free_ char *text = NULL;
        const char *error = NULL;
        WorkerReport out;

        check_int(worker_report_format(WORKER_REPACK, &in, &text), 0);
        check_int(worker_report_parse(&request, text, strlen(text), &out, &error), 0);
        check(out.result == WORKER_OK && out.size == 123 && out.n_entries == 4 &&
                out.unpacked_size == INT64_MAX && out.readme_size == 5 && !out.message);
        check_string(out.sha256, in.sha256);
        check_string(out.h1, in.h1);
        check_string(out.commit, in.commit);

        /* The answer to another question. */
        request.kind = WORKER_HASH_ZIP;
        check_int(worker_report_parse(&request, text, strlen(text), &out, &error), -EBADMSG);
        check_string(error, "an answer to another kind of job");

        /* A message from outside is made printable and short. */
        in = (WorkerReport) { .result = WORKER_REFUSED, .message = malloc(100000) };
        check(in.message);
        memset(in.message, 'x', 99999);
        in.message[99999] = '\0';
        memcpy(in.message, "a\x1b[31m\xff\xc3\xa9\n", 10);
        free(text);
        text = NULL;
        check_int(worker_report_format(WORKER_HASH_ZIP, &in, &text), 0);
        check_int(worker_report_parse(&request, text, strlen(text), &out, &error), 0);
        check_int(out.result, WORKER_REFUSED);
        check(startswith(out.message, "a?[31m?\xc3\xa9?xxx"));
        check_int(strlen(out.message), 8192);
        worker_report_done(&out);
        worker_report_done(&in);

        /* Signatures: a message exactly when it is not good. */
        request.kind = WORKER_SIGNATURE;
        for (unsigned good = 0; good < 2; good++)
                for (unsigned with_message = 0; with_message < 2; with_message++) {
                        in = (WorkerReport) {
                                .result = WORKER_OK,
                                .signature = good ? SIGNATURE_GOOD : SIGNATURE_REVOKED,
                                .primary_fingerprint = FINGERPRINT,
                                .signed_at = 1702491264,
                                .hash_algorithm = 8,
                                .key_expired = good,
                                .message = with_message ? (char *) "message" : NULL,
                        };
                        free(text);
                        text = NULL;
                        check_int(worker_report_format(WORKER_SIGNATURE, &in, &text), 0);
                        check_int(worker_report_parse(&request, text, strlen(text), &out, &error),
                                good == with_message ? -EBADMSG : 0);
                        if (good == with_message)
                                continue;
                        check_int(out.signature, in.signature);
                        check_string(out.primary_fingerprint, FINGERPRINT);
                        check_string(out.signing_fingerprint, "");
                        check_int(out.signed_at, 1702491264);
                        check_int(out.hash_algorithm, 8);
                        check_int(out.key_expired, good);
                        worker_report_done(&out);
                }
}

static void test_malformed_reports(void) {
#define START "{\"version\":1,\"kind\":\"hash-zip\",\"result\":\"ok\""
#define END ",\"entries\":0,\"unpackedSize\":0}"
        static const struct {
                const char *text, *error;
        } cases[] = {
                { "", "*" },
                { "null ", "*" },
                { "{}", "version" },
                { "{\"version\":\"1\"}", "version" },
                { "{\"version\":2,\"kind\":\"hash-zip\",\"result\":\"failed\",\"message\":\"x\"}",
                        "version" },
                { "{\"version\":1,\"kind\":\"hash-zip\",\"result\":\"cancelled\",\"message\":\"x\"}",
                        "result" },
                { "{\"version\":1,\"kind\":\"hash-zip\",\"result\":\"great\"}", "result" },
                { "{\"version\":1,\"kind\":\"hash-zip\",\"result\":\"failed\"}", "message" },
                { "{\"version\":1,\"kind\":\"hash-zip\",\"result\":\"failed\",\"message\":\"\"}",
                        "message" },
                { "{\"version\":1,\"kind\":\"hash-zip\",\"result\":\"failed\",\"message\":\"\\u001b[31m\"}",
                        "message" },
                { "{\"version\":1,\"kind\":\"hash-zip\",\"result\":\"failed\",\"message\":\"a\\u0000b\"}",
                        "message" },
                { "{\"version\":1,\"kind\":\"hash-zip\",\"result\":\"failed\",\"message\":\"x\",\"size\":1}",
                        "unknown member" },
                { START ",\"size\":1,\"sha256\":\"\",\"h1\":\"" H1 "\"" END, NULL },
                { START ",\"size\":1,\"sha256\":\"" SHA "\",\"h1\":\"" H1 "\"" END, NULL },
                { START ",\"size\":1,\"sha256\":\"" SHA "00\",\"h1\":\"" H1 "\"" END, "sha256" },
                { START ",\"size\":1,\"sha256\":"
                        "\"E3B0C44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\",\"h1\":\"" H1
                        "\"" END,
                        "sha256" },
                { START ",\"size\":-1,\"sha256\":\"\",\"h1\":\"" H1 "\"" END, "size" },
                { START ",\"size\":1.5,\"sha256\":\"\",\"h1\":\"" H1 "\"" END, "size" },
                { START ",\"size\":9223372036854775808,\"sha256\":\"\",\"h1\":\"" H1 "\"" END, "size" },
                { START ",\"sha256\":\"\",\"h1\":\"" H1 "\"" END, "size" },
                { START ",\"size\":1,\"sha256\":\"\",\"h1\":\"h2:47DEQpj8HBSa+/"
                        "TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\"" END,
                        "h1" },
                { START ",\"size\":1,\"sha256\":\"\",\"h1\":\"h1:47DEQpj8HBSa+/"
                        "TImW+5JCeuQeRkm5NMpJWZG3hSuFU\"" END,
                        "h1" },
                { START ",\"size\":1,\"sha256\":\"\",\"h1\":\"h1:47DEQpj8HBSa+/"
                        "TImW+5JCeuQeRkm5NMpJWZG3hSuF=U\"" END,
                        "h1" },
                { START ",\"size\":1,\"sha256\":\"\",\"h1\":\"\"" END, "h1" },
                { START ",\"size\":1,\"sha256\":\"\",\"h1\":\"" H1 "\",\"more\":1" END, "unknown member" },
                { START ",\"size\":1,\"sha256\":\"\",\"h1\":\"" H1 "\",\"message\":\"x\"" END, "message" },
                { START ",\"size\":1,\"sha256\":\"\",\"h1\":\"" H1 "\"" END "x", "*" },
        };
        WorkerRequest request = WORKER_REQUEST_INIT(WORKER_HASH_ZIP);
        WorkerReport report;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                const char *error = NULL;
                int r = worker_report_parse(&request, cases[i].text, strlen(cases[i].text), &report, &error);

                /* "*": in the words of the JSON library */
                if (!streq_ptr(cases[i].error, "*"))
                        check_string(error, cases[i].error);
                check_int(r, cases[i].error ? -EBADMSG : 0);
        }

        /* Asked for, the hash of the file must be there. */
        const char *error = NULL;
        request.hash_file = true;
        check_int(worker_report_parse(&request, cases[12].text, strlen(cases[12].text), &report, &error),
                -EBADMSG);
        check_string(error, "sha256");
        check_int(worker_report_parse(&request, cases[13].text, strlen(cases[13].text), &report, &error), 0);
}

int main(void) {
        test_jobs();
        test_probe();
        test_scan();
        test_scan_reports();
        test_malformed_jobs();
        test_reports();
        test_malformed_reports();
        return 0;
}
