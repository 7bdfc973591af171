#include "worker/rescan.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/list.h"
#include "base/text.h"
#include "scan/report.h"
#include "scan/sbom.h"
#include "scan/scanner.h"
#include "worker/file.h"
#include "worker/scan.h"
#include "worker/scanner-process.h"

#define MERGED "merged.cdx.json"
#define INPUT_SIZE_MAX (2 * GIB)
#define ELEMENT_MAX (1 * MIB)

/* One of the documents. */
typedef struct Artifact {
        char *name;    /* of its binary, as its findings have it */
        size_t target; /* in the report; SIZE_MAX: it is not there */
} Artifact;

typedef struct Rescan {
        const WorkerRequest *request;
        Artifact *artifacts;
        size_t n_artifacts;
        ScanOrigin origin;
        ScanReport report;
        char **error;
} Rescan;

static void rescan_clear(Rescan *rescan) {
        for (size_t i = 0; i < rescan->n_artifacts; i++)
                free(rescan->artifacts[i].name);
        free(rescan->artifacts);
        free(rescan->origin.scanner);
        scan_report_clear(&rescan->report);
}

static int write_merged(void *userdata, const void *data, size_t size) {
        return fs_write_all(*(const int *) userdata, data, size);
}

/* Each binary is called by the number of its document. */
static int merge_one(Rescan *rescan, JsonStream *stream, SbomWriter *writer) {
        Artifact artifact = { .target = SIZE_MAX };
        _cleanup_free_ char *error = NULL;
        char name[24];
        int r;

        if (rescan->n_artifacts >= SBOM_BINARIES_MAX)
                return refuse(rescan->error, "more than %d documents", SBOM_BINARIES_MAX);
        (void) snprintf(name, sizeof(name), "%zu", rescan->n_artifacts);
        r = sbom_merge(writer, stream, name, &artifact.name, &error);
        if (r == -EBADMSG || r == -EFBIG || r == -E2BIG)
                return refuse(rescan->error, "document %zu: %s", rescan->n_artifacts,
                        error ? error : strerror(-r));
        if (r >= 0)
                r = LIST_APPEND(rescan->artifacts, rescan->n_artifacts, artifact);
        if (r < 0)
                free(artifact.name);
        return r;
}

static int merge_all(Rescan *rescan, SbomWriter *writer) {
        const JsonStreamLimits limits = { .size_max = INPUT_SIZE_MAX, .element_max = ELEMENT_MAX };
        _cleanup_(json_stream_freep) JsonStream *stream = NULL;
        int r;

        if (lseek(rescan->request->input_fd, 0, SEEK_SET) < 0)
                return negative_errno();
        r = json_stream_open(rescan->request->input_fd, &limits, &stream);
        if (r < 0)
                return r;
        r = json_stream_enter(stream, '[');
        if (r == 0)
                return refuse(rescan->error, "the documents are no array");
        while (r >= 0 && (r = json_stream_next_element(stream)) > 0)
                r = merge_one(rescan, stream, writer);
        if (r >= 0)
                r = json_stream_finish(stream);
        if (r < 0 && json_stream_error(stream) && !*rescan->error)
                return refuse(rescan->error, "the documents: %s", json_stream_error(stream));
        return r;
}

static int make_merged(Rescan *rescan) {
        _cleanup_close_ int fd = openat(rescan->request->directory_fd, MERGED,
                O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        _cleanup_(sbom_writer_freep) SbomWriter *writer = NULL;
        int r;

        if (fd < 0)
                return negative_errno();
        r = sbom_writer_new(write_merged, &fd, NULL, &writer);
        if (r >= 0)
                r = merge_all(rescan, writer);
        return r < 0 ? r : sbom_writer_finish(writer);
}

static int run_scanner(Rescan *rescan) {
        const WorkerRequest *request = rescan->request;
        const char *arguments[SCANNER_ARGUMENTS_MAX];
        const ScannerProcess process = {
                .program_fd = request->scanner_fd,
                .database_fd = request->database_fd,
                .scratch_fd = request->directory_fd,
                .output_fd = request->raw_fd,
                .output_max = request->scan.report_size_max,
                .arguments = arguments,
        };

        scanner_sbom_arguments(request->scan.scanner_flags, SCANNER_DATABASE_PATH, "../" MERGED, arguments);
        return scanner_run(&process, rescan->error);
}

static int read_report(Rescan *rescan) {
        const WorkerRequest *request = rescan->request;
        const JsonStreamLimits limits = { .size_max = request->scan.report_size_max,
                .element_max = SCAN_REPORT_ELEMENT_MAX };
        _cleanup_(json_stream_freep) JsonStream *stream = NULL;
        _cleanup_free_ char *error = NULL;
        int r;

        if (lseek(request->raw_fd, 0, SEEK_SET) < 0)
                return negative_errno();
        r = json_stream_open(request->raw_fd, &limits, &stream);
        if (r < 0)
                return r;
        r = scan_report_read(stream, NULL, &rescan->report, &error);
        if (r == -EBADMSG || r == -EFBIG) {
                text_set(rescan->error, "the scanner's report is not usable: %s", strempty(error));
                return -EPROTO;
        }
        return r;
}

/* Which target of the report is which document: by its number, of which every digit counts. */
static void find_targets(Rescan *rescan) {
        for (size_t i = 0; i < rescan->report.n_targets; i++) {
                const ScanTarget *target = &rescan->report.targets[i];
                size_t length = strspn(target->name, "0123456789");
                unsigned long number;

                if (length == 0 || length > 4 || target->name[length] || target->n_packages == 0 ||
                        (target->name[0] == '0' && length > 1))
                        continue;
                number = strtoul(target->name, NULL, 10);
                if (number < rescan->n_artifacts)
                        rescan->artifacts[number].target = i;
        }
}

static int describe(Rescan *rescan, const Artifact *artifact, json_object *element) {
        Findings findings = {};
        ScanSummary summary = {};
        int r;

        if (artifact->target == SIZE_MAX)
                return json_set_string(element, "error", "not assessable: the scanner does not mention it");
        findings.origin = rescan->origin;
        findings.origin.scanner = NULL;
        r = string_assign(&findings.origin.scanner, rescan->origin.scanner);
        if (r >= 0)
                r = scan_report_take(&rescan->report, artifact->target, artifact->name, &findings);
        if (r >= 0) {
                findings_sort(&findings);
                r = findings_summarize(&findings, &summary);
        }
        if (r >= 0)
                r = json_set(element, "summary", scan_summary_to_json(&summary));
        if (r >= 0)
                r = json_set(element, "findings", findings_to_json(&findings));
        scan_summary_clear(&summary);
        findings_clear(&findings);
        return r;
}

static int write_one(Rescan *rescan, size_t index) {
        _cleanup_(json_unrefp) json_object *element = json_object_new_object();
        _cleanup_free_ char *text = NULL;
        int r;

        if (!element)
                return -ENOMEM;
        r = describe(rescan, &rescan->artifacts[index], element);
        if (r < 0)
                return r;
        text = json_format(element, false);
        if (!text)
                return -ENOMEM;
        r = index > 0 ? fs_write_all(rescan->request->output_fd, ",", 1) : 0;
        return r < 0 ? r : fs_write_all(rescan->request->output_fd, text, strlen(text));
}

static int write_output(Rescan *rescan) {
        int fd = rescan->request->output_fd, r;

        r = fs_write_all(fd, "[", 1);
        for (size_t i = 0; r >= 0 && i < rescan->n_artifacts; i++)
                r = write_one(rescan, i);
        if (r >= 0)
                r = fs_write_all(fd, "]\n", 2);
        if (r >= 0 && fsync(fd) < 0)
                r = negative_errno();
        return r;
}

int rescan_run(const WorkerDescription *description, WorkerReport *report) {
        Rescan rescan = {
                .request = &description->request,
                .error = &report->message,
        };
        int r;

        r = scanner_prepare(rescan.request->directory_fd);
        if (r >= 0)
                r = scan_set_origin(
                        rescan.request, rescan.request->scan.scanner, &rescan.origin, rescan.error);
        if (r >= 0)
                r = make_merged(&rescan);
        /* The scanner says nothing of a document of nothing. */
        if (r >= 0 && rescan.n_artifacts > 0)
                r = run_scanner(&rescan);
        if (r >= 0 && rescan.n_artifacts > 0)
                r = read_report(&rescan);
        if (r >= 0) {
                find_targets(&rescan);
                r = write_output(&rescan);
        }
        if (r >= 0) {
                report->n_scanned = rescan.n_artifacts;
                report->result = WORKER_OK;
        }
        rescan_clear(&rescan);
        return r;
}
