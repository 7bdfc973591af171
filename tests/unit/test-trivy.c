/* Scans with Trivy itself, of the provider, the databases and the modules that are known. */
#include "base/json.h"
#include "fixtures.h"
#include "scanning.h"

#define WEAK "terraform-provider-weak_v1.0.0"

static sd_event *event;
static char trivy[4096];
static unsigned flags;

/* Where it is; skips the test if it is nowhere. */
static void find_trivy(void) {
        const char *path = getenv("PATH"), *cache = getenv("OPENDEPOT_CACHE");
        char reason[4096] = "trivy is not on the PATH";
        _cleanup_free_ char *directories = strdup(strempty(path));
        char *rest = directories, *directory;
        FILE *file;

        check(directories);
        while ((directory = strsep(&rest, ":"))) {
                (void) snprintf(trivy, sizeof(trivy), "%s/trivy", directory);
                if (access(trivy, X_OK) == 0)
                        return;
        }
        (void) snprintf(trivy, sizeof(trivy), "%s/peers/missing/trivy", strempty(cache));
        file = fopen(trivy, "re");
        if (file && !fgets(reason, sizeof(reason), file))
                reason[0] = '\0';
        test_skip(reason);
}

/* A copy of a recorded database: the scanner's cache directory. */
static char *database(const char *name) {
        static const char *const files[] = { "trivy.db", "metadata.json" };
        char *directory = text_format("%s/%s", scratch_path, name);
        _cleanup_free_ char *below = text_format("%s/db", directory);
        _cleanup_close_ int fd = -EBADF;

        if (access(directory, F_OK) == 0)
                return directory;
        check(mkdir(directory, 0755) == 0 && mkdir(below, 0755) == 0);
        fd = open(below, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        check(fd >= 0);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *source = text_format("trivy/db/%s/db/%s", name, files[i]), *data = NULL;
                _cleanup_close_ int to = openat(fd, files[i], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
                size_t size;

                data = read_fixture(source, &size);
                check(to >= 0);
                check_int(fs_write_all(to, data, size), 0);
        }
        return directory;
}

static int weak_provider(size_t cut) {
        _cleanup_free_ char *data = NULL;
        ZipBuilder zip = {};
        size_t size;

        data = read_fixture("trivy/" WEAK, &size);
        zip_add(&zip, (ZipItem) { .name = "LICENSE", .data = "l" });
        zip_add(&zip, (ZipItem) { .name = WEAK, .data = data, .data_size = size - cut });
        return zip_finish(&zip, false);
}

static Scanned scan(ScanSubject subject, int input_fd, const char *database_name) {
        _cleanup_free_ char *directory = database_name ? database(database_name) : NULL;
        Scanned scanned = scan_once(event, trivy, WORKER_SCAN, subject, input_fd, directory, flags);

        return scanned;
}

static void test_probe(void) {
        Scanned scanned = scan_once(event, trivy, WORKER_SCANNER, SCAN_BINARY, -EBADF, NULL, 0);

        check_string(scanned.message, NULL);
        check(strspn(scanned.scanner, "0123456789.") == strlen(scanned.scanner));
        flags = scanned.flags;
        check(flags & SCANNER_FLAG_BIT(SCANNER_OFFLINE));
        check(flags & SCANNER_FLAG_BIT(SCANNER_NO_TELEMETRY));
        check(flags & SCANNER_FLAG_BIT(SCANNER_NO_VERSION_CHECK));
        check(flags & SCANNER_FLAG_BIT(SCANNER_NO_CHECK_UPDATE));
        scanned_clear(&scanned);
}

static void check_weak(Scanned scanned, const char *target) {
        check_string(scanned.message, NULL);
        check_int(scanned.result, WORKER_OK);
        check(scanned.summary.origin.database_usec > 0);
        if (!target)
                check_int(scanned.summary.n_severe, 0);
        else {
                check_int(scanned.summary.counts[SEVERITY_CRITICAL], 1);
                check_string(scanned.summary.severe[0].id, "CVE-2024-45337");
                check_string(scanned.summary.severe[0].component, "golang.org/x/crypto");
                check_string(scanned.summary.severe[0].target, target);
                check(scanned.summary.severe[0].fixable);
        }
        scanned_clear(&scanned);
}

static void test_provider(void) {
        Scanned scanned;

        check_weak(scan(SCAN_BINARY, weak_provider(0), "2026-11-01"), WEAK);
        check_weak(scan(SCAN_BINARY, weak_provider(0), "2026-10-01-empty"), NULL);

        scanned = scan(SCAN_BINARY, weak_provider(0), "2026-11-01");
        check(strstr(scanned.sbom, "\"name\":\"" WEAK "\""));
        check(strstr(scanned.sbom, "\"purl\":\"pkg:golang/golang.org/x/crypto@v0.30.0\""));
        scanned_clear(&scanned);

        /* What it cannot look into is not clean. */
        scanned = scan(SCAN_BINARY, weak_provider(2 * MIB), "2026-11-01");
        check_int(scanned.result, WORKER_REFUSED);
        check(startswith(scanned.message, "not assessable: "));
        scanned_clear(&scanned);
}

static void test_source(void) {
        static const char text[] = "module example.com/terraform-provider-weak\n\ngo 1.22\n\n"
                                   "require golang.org/x/crypto v0.30.0\n";
        Buffer buffer = {};

        put(&buffer, text, strlen(text));
        check_weak(scan(SCAN_SOURCE, memory_file(&buffer), "2026-11-01"), "go.mod");
        check_weak(scan(SCAN_SOURCE, memory_file(&buffer), "2026-10-01-empty"), NULL);
        buffer_clear(&buffer);
}

/* The database is one that is none. */
static void test_broken_database(void) {
        _cleanup_free_ char *empty = text_format("%s/empty", scratch_path);
        Scanned scanned;

        check(mkdir(empty, 0755) == 0);
        scanned = scan_once(event, trivy, WORKER_SCAN, SCAN_BINARY, weak_provider(0), empty, flags);
        check_int(scanned.result, WORKER_FAILED);
        check_string(scanned.message,
                "the database of vulnerabilities cannot be read: No such file or directory");
        scanned_clear(&scanned);
}

static Scanned rescan(const Buffer *documents, const char *database_name) {
        _cleanup_free_ char *directory = database(database_name);

        return scan_once(event, trivy, WORKER_RESCAN, SCAN_BINARY, memory_file(documents), directory, flags);
}

/* The findings of a rescan are those of a scan with the same database, each under its own artifact. */
static void test_rescan(void) {
        Scanned scanned = scan(SCAN_BINARY, weak_provider(0), "2026-10-01-empty"), again;
        _cleanup_(json_unrefp) json_object *array = NULL;
        static const char other[] =
                ",{\"components\":[{\"type\":\"application\",\"name\":\"other\",\"properties\":[{\"name\":"
                "\"aquasecurity:trivy:Type\",\"value\":\"gobinary\"}]},{\"type\":\"library\",\"name\":"
                "\"stdlib\","
                "\"version\":\"v1.26.8\",\"purl\":\"pkg:golang/stdlib@v1.26.8\",\"properties\":[{\"name\":"
                "\"aquasecurity:trivy:PkgID\",\"value\":\"stdlib@v1.26.8\"},{\"name\":"
                "\"aquasecurity:trivy:PkgType\",\"value\":\"gobinary\"}]}]},";
        Buffer documents = {};

        check_int(scanned.summary.n_severe, 0);
        put(&documents, "[", 1);
        put(&documents, scanned.sbom, strlen(scanned.sbom));
        put(&documents, other, strlen(other));
        put(&documents, scanned.sbom, strlen(scanned.sbom));
        put(&documents, "]", 1);

        again = rescan(&documents, "2026-11-01");
        check_string(again.message, NULL);
        check_int(again.n_scanned, 3);
        check_int(json_parse(again.findings, strlen(again.findings), &array, NULL), 0);
        check_int(json_object_array_length(array), 3);
        for (size_t i = 0; i < 3; i++) {
                json_object *object = json_object_array_get_idx(array, i), *value;
                _cleanup_free_ char *text = NULL, *error = NULL;
                ScanSummary summary;
                Findings findings;

                check_int(json_get_object(object, "summary", &value), 1);
                check_int(scan_summary_from_json(value, "summary", &summary, &error), 0);
                check_int(summary.n_severe, i == 1 ? 0 : 1);
                check(summary.origin.database_usec > 0);
                check_int(json_get_object(object, "findings", &value), 1);
                text = json_format(value, false);
                check_int(findings_parse(text, strlen(text), &findings, &error), 0);
                check_int(findings.n_findings, i == 1 ? 0 : 1);
                if (i != 1)
                        check_string(findings.findings[0].target, WEAK);
                findings_clear(&findings);
                scan_summary_clear(&summary);
        }
        scanned_clear(&again);
        again = rescan(&documents, "2026-10-01-empty");
        check_string(again.message, NULL);
        check(!strstr(again.findings, "CVE-"));
        scanned_clear(&again);
        scanned_clear(&scanned);
        buffer_clear(&documents);
}

#define OPEN_GROUP                                                                                          \
        "resource \"aws_security_group_rule\" \"open\" {\n"                                                 \
        "  type              = \"ingress\"\n"                                                               \
        "  from_port         = 22\n"                                                                        \
        "  to_port           = 22\n"                                                                        \
        "  protocol          = \"tcp\"\n"                                                                   \
        "  cidr_blocks       = [\"0.0.0.0/0\"]\n"                                                           \
        "  security_group_id = \"sg-1\"\n"                                                                  \
        "}\n"

static Scanned scan_module(const char *const *files, size_t n) {
        Buffer tar = {};

        for (size_t i = 0; i + 1 < n; i += 2)
                tar_file(&tar, files[i], files[i + 1]);
        return scan(SCAN_MODULE, tar_finish(&tar), NULL);
}

/* How many findings there are, and how many of them are marked by the author; whether one is in this file. */
static void check_module(const char *const *files, size_t n, unsigned n_marked, const char *target) {
        Scanned scanned = scan_module(files, n);
        bool found = false;

        check_string(scanned.message, NULL);
        check_int(scanned.result, WORKER_OK);
        check_int(scanned.summary.n_marked, n_marked);
        for (size_t i = 0; i < scanned.summary.n_severe; i++)
                found = found || (streq(scanned.summary.severe[i].target, target) &&
                                         endswith(scanned.summary.severe[i].id, "AWS-0107"));
        check(found);
        scanned_clear(&scanned);
}

static void test_modules(void) {
        static const char *const open_group[] = { "main.tf", OPEN_GROUP };
        static const char *const silenced[] = { "main.tf", "#trivy:ignore:*\n" OPEN_GROUP };
        static const char *const all_ways[] = { "main.tf",
                "# tfsec:ignore:aws-ec2-no-public-ingress-sgr trivy:exp:2099-01-01:ignore:AVD-AWS-0107\n"
                "/* trivy:ignore:AWS-0107 */\n" OPEN_GROUP };
        static const char *const files[] = { "main.tf", OPEN_GROUP, ".trivyignore",
                "AVD-AWS-0107\nAWS-0107\n", "trivy.yaml",
                "scan:\n  skip-files: [\"**/main.tf\"]\nseverity: [LOW]\n", "b/.trivyignore",
                "AVD-AWS-0107\nAWS-0107\n" };
        /* Directories of these names at the top are not looked at by it. */
        static const char *const hidden[] = { "main.tf", "output \"x\" {\n  value = 1\n}\n", "dev/main.tf",
                OPEN_GROUP };
        static const char *const json[] = { "main.tf.json",
                "{\"//\": \" trivy:ignore:* \",\n \"resource\": {\"aws_security_group_rule\": {\"open\":\n"
                "{\"type\": \"ingress\", \"from_port\": 22, \"to_port\": 22, \"protocol\": \"tcp\",\n"
                "\"cidr_blocks\": [\"0.0.0.0/0\"], \"security_group_id\": \"sg-1\"}}}}\n" };
        static const char *const in_example[] = { "main.tf", "output \"x\" {\n  value = 1\n}\n",
                "examples/a/main.tf", OPEN_GROUP };
        Scanned scanned;

        check_module(open_group, ELEMENTSOF(open_group), 0, "main.tf");
        scanned = scan_module(silenced, ELEMENTSOF(silenced));
        check(scanned.summary.n_marked > 0);
        scanned_clear(&scanned);
        check_module(silenced, ELEMENTSOF(silenced), 2, "main.tf");
        check_module(all_ways, ELEMENTSOF(all_ways), 2, "main.tf");
        check_module(files, ELEMENTSOF(files), 0, "main.tf");
        check_module(hidden, ELEMENTSOF(hidden), 0, "dev/main.tf");
        check_module(json, ELEMENTSOF(json), 0, "main.tf.json");
        check_module(in_example, ELEMENTSOF(in_example), 0, "examples/a/main.tf");
}

static void test_empty_module(void) {
        static const char *const files[] = { "README", "nothing here" };
        Scanned scanned = scan_module(files, ELEMENTSOF(files));

        check_int(scanned.result, WORKER_REFUSED);
        check_string(scanned.message, "not assessable: the scanner finds no Terraform in the module");
        scanned_clear(&scanned);
}

int main(void) {
        find_trivy();
        (void) test_fixtures();
        event = loop_new();
        close_fd(scratch_open());
        test_probe();
        test_provider();
        test_source();
        test_broken_database();
        test_rescan();
        test_modules();
        test_empty_module();
        sd_event_unref(event);
        return EXIT_SUCCESS;
}
