#include "worker/scan.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/text.h"
#include "model/place.h"
#include "scan/report.h"
#include "scan/scanner.h"
#include "worker/file.h"
#include "worker/scan-copy.h"
#include "worker/scanner-process.h"

#define HELP_SIZE_MAX (256 * KIB)
#define METADATA_SIZE_MAX (64 * KIB)
#define TARGET "../" SCAN_COPY_INPUT

typedef struct Scan {
        const WorkerDescription *description;
        const WorkerRequest *request;
        char name[SCAN_COPY_NAME_MAX]; /* of the executable */
        ScanReport report;
        char **error;
} Scan;

static ScannerProcess process_of(const WorkerRequest *request) {
        return (ScannerProcess) {
                .program_fd = request->scanner_fd,
                .database_fd = request->database_fd,
                .scratch_fd = request->directory_fd,
        };
}

static int make_copy(Scan *scan) {
        const WorkerRequest *request = scan->request;

        switch (request->scan.subject) {
        case SCAN_BINARY:
                return scan_copy_binary(request->input_fd, request->directory_fd, &scan->description->limits,
                        scan->name, scan->error);
        case SCAN_SOURCE:
                return scan_copy_source(request->input_fd, request->directory_fd, scan->error);
        default:
                return scan_copy_module(request->input_fd, request->directory_fd, &scan->description->limits,
                        &scan->report.findings, scan->error);
        }
}

static int run_scanner(Scan *scan) {
        const WorkerRequest *request = scan->request;
        const char *arguments[SCANNER_ARGUMENTS_MAX];
        ScannerProcess process = process_of(request);

        scanner_arguments(request->scan.subject, request->scan.scanner_flags,
                request->database_fd >= 0 ? SCANNER_DATABASE_PATH : SCANNER_CACHE_PATH, TARGET, arguments);
        process.output_fd = request->raw_fd;
        process.output_max = request->scan.report_size_max;
        process.arguments = arguments;
        return scanner_run(&process, scan->error);
}

/* From the start of the file, whose position is where the scanner has left it. */
static ssize_t read_raw(void *userdata, void *buffer, size_t size) {
        int *fd = userdata;
        ssize_t n;

        do
                n = read(*fd, buffer, size);
        while (n < 0 && errno == EINTR);
        return n < 0 ? negative_errno() : n;
}

static int write_sbom(void *userdata, const void *data, size_t size) {
        return fs_write_all(*(const int *) userdata, data, size);
}

static bool looked(const Scan *scan) {
        switch (scan->request->scan.subject) {
        case SCAN_BINARY:
                return scan_report_saw_binary(&scan->report, scan->name);
        case SCAN_SOURCE:
                return scan_report_saw_source(&scan->report);
        default:
                return scan_report_saw_module(&scan->report);
        }
}

/* What a report that says nothing is said to be. */
static int refuse_unseen(const Scan *scan) {
        switch (scan->request->scan.subject) {
        case SCAN_BINARY:
                return refuse(scan->error,
                        "not assessable: the scanner does not see what %s is made of (truncated, packed, or "
                        "not "
                        "built by Go)",
                        scan->name);
        case SCAN_SOURCE:
                return refuse(scan->error, "not assessable: the scanner finds nothing in go.mod");
        default:
                return refuse(scan->error, "not assessable: the scanner finds no Terraform in the module");
        }
}

static int read_report(Scan *scan) {
        const WorkerRequest *request = scan->request;
        const JsonStreamLimits limits = { .size_max = request->scan.report_size_max,
                .element_max = SCAN_REPORT_ELEMENT_MAX };
        _cleanup_(json_stream_freep) JsonStream *stream = NULL;
        _cleanup_(sbom_writer_freep) SbomWriter *sbom = NULL;
        _cleanup_free_ char *error = NULL;
        int raw_fd = request->raw_fd, sbom_fd = request->sbom_fd, r;

        if (lseek(raw_fd, 0, SEEK_SET) < 0)
                return negative_errno();
        r = json_stream_new(read_raw, &raw_fd, &limits, &stream);
        if (r >= 0 && request->sbom_fd >= 0)
                r = sbom_writer_new(write_sbom, &sbom_fd, request->scan.scanner, &sbom);
        if (r < 0)
                return r;
        if (request->scan.subject == SCAN_MODULE)
                scan->report.directory = SCAN_COPY_MODULE;
        r = scan_report_read(stream, sbom, &scan->report, &error);
        if (r == -EBADMSG || r == -EFBIG) {
                text_set(scan->error, "the scanner's report is not usable: %s", strempty(error));
                return -EPROTO;
        }
        if (r < 0)
                return r;
        if (!looked(scan))
                return refuse_unseen(scan);
        return sbom ? sbom_writer_finish(sbom) : 0;
}

/* When the database was made; 0 if it does not tell. */
static int read_database_time(int database_fd, uint64_t *ret_usec) {
        _cleanup_(json_unrefp) json_object *value = NULL;
        _cleanup_close_ int directory_fd = -EBADF;
        _cleanup_free_ char *text = NULL;
        Place place;
        size_t size;
        int r;

        if (database_fd < 0)
                return 0;
        directory_fd = fs_open_directory(database_fd, "db", false);
        if (directory_fd < 0)
                return directory_fd;
        r = fs_read_file(directory_fd, "metadata.json", METADATA_SIZE_MAX, &text, &size);
        if (r >= 0)
                r = place_parse(text, size, "metadata.json", json_type_object, &value, &place, NULL);
        return r < 0 ? r : place_time(&place, "UpdatedAt", PLACE_OPTIONAL, ret_usec);
}

int scan_set_origin(
        const WorkerRequest *request, const char *scanner, ScanOrigin *origin, char **ret_error) {
        int r;

        origin->subject = request->scan.subject;
        origin->scanned_usec = clock_realtime_usec();
        r = read_database_time(request->database_fd, &origin->database_usec);
        if (r < 0) {
                text_set(ret_error, "the database of vulnerabilities cannot be read: %s", strerror(-r));
                return -EPROTO;
        }
        return string_assign(&origin->scanner, scanner);
}

static int set_origin(Scan *scan) {
        const char *version = scan->report.scanner ? scan->report.scanner : scan->request->scan.scanner;

        return scan_set_origin(scan->request, version, &scan->report.findings.origin, scan->error);
}

static int write_findings(Scan *scan) {
        _cleanup_(json_unrefp) json_object *document = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        findings_sort(&scan->report.findings);
        document = findings_to_json(&scan->report.findings);
        text = document ? json_format(document, false) : NULL;
        if (!text)
                return -ENOMEM;
        r = fs_write_all(scan->request->output_fd, text, strlen(text));
        if (r < 0)
                return r;
        if (fsync(scan->request->output_fd) < 0 || fsync(scan->request->raw_fd) < 0 ||
                (scan->request->sbom_fd >= 0 && fsync(scan->request->sbom_fd) < 0))
                return negative_errno();
        return 0;
}

int scan_run(const WorkerDescription *description, WorkerReport *report) {
        Scan scan = {
                .description = description,
                .request = &description->request,
                .error = &report->message,
        };
        int r;

        r = scanner_prepare(scan.request->directory_fd);
        if (r >= 0)
                r = set_origin(&scan);
        if (r >= 0)
                r = make_copy(&scan);
        if (r >= 0)
                r = run_scanner(&scan);
        if (r >= 0)
                r = read_report(&scan);
        if (r >= 0)
                r = set_origin(&scan);
        if (r >= 0)
                r = write_findings(&scan);
        if (r >= 0)
                r = findings_summarize(&scan.report.findings, &report->scan);
        if (r >= 0)
                report->result = WORKER_OK;
        scan_report_clear(&scan.report);
        return r;
}

/* What the scanner prints for one argument or two. */
static int ask(
        const WorkerRequest *request, const char *const *arguments, char **ret_text, char **ret_error) {
        ScannerProcess process = process_of(request);
        _cleanup_close_ int output_fd =
                openat(request->directory_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        size_t size;
        int r;

        if (output_fd < 0)
                return negative_errno();
        process.output_fd = output_fd;
        process.output_max = HELP_SIZE_MAX;
        process.arguments = arguments;
        r = scanner_run(&process, ret_error);
        if (r >= 0 && lseek(output_fd, 0, SEEK_SET) < 0)
                r = negative_errno();
        return r < 0 ? r : fs_read_fd(output_fd, HELP_SIZE_MAX, ret_text, &size);
}

int scan_probe_run(const WorkerDescription *description, WorkerReport *report) {
        static const char *const version_arguments[] = { "--version", NULL };
        static const char *const help_arguments[] = { "fs", "--help", NULL };
        const WorkerRequest *request = &description->request;
        _cleanup_free_ char *version = NULL, *help = NULL;
        const char *missing = NULL;
        int r;

        r = scanner_prepare(request->directory_fd);
        if (r >= 0)
                r = ask(request, version_arguments, &version, &report->message);
        if (r >= 0 && scanner_parse_version(version, report->scanner) < 0)
                return refuse(&report->message, "the scanner does not tell its version: it is not Trivy");
        if (r >= 0)
                r = ask(request, help_arguments, &help, &report->message);
        if (r >= 0)
                r = scanner_parse_help(help, &report->scanner_flags, &missing);
        if (r == -EOPNOTSUPP)
                return refuse(&report->message, "Trivy %s lacks the option %s", report->scanner, missing);
        if (r >= 0)
                report->result = WORKER_OK;
        return r;
}
