/* Scans by the real worker, with the scanner that a test chooses. */
#pragma once

#include "archives.h"
#include "loop.h"
#include "scratch.h"
#include "worker/worker.h"

static const WorkerLimits scan_limits = {
        .parallel = 4,
        .timeout_usec = 60 * USEC_PER_SEC,
        .entries_max = 1000,
        .unpacked_size_max = GIB,
        .ratio_max = 1000,
        .artifact_size_max = GIB,
};

/* What came of a scan. */
typedef struct Scanned {
        bool done;
        WorkerResult result;
        char *message;
        ScanSummary summary;
        char scanner[SCANNER_VERSION_SIZE];
        unsigned flags;
        uint64_t n_scanned;
        char *findings, *raw, *sbom; /* documents */
        int directory_fd, findings_fd, raw_fd, sbom_fd;
} Scanned;

static void scanned_clear(Scanned *scanned) {
        free(scanned->message);
        free(scanned->findings);
        free(scanned->raw);
        free(scanned->sbom);
        scan_summary_clear(&scanned->summary);
        close_fd(scanned->directory_fd);
        *scanned = (Scanned) { .directory_fd = -EBADF };
}

static void scan_done(const WorkerReport *report, void *userdata) {
        Scanned *scanned = userdata;

        scanned->done = true;
        scanned->result = report->result;
        check_int(string_assign(&scanned->message, report->message), 0);
        if (report->result == WORKER_OK)
                check_int(scan_summary_copy(&report->scan, &scanned->summary), 0);
        memcpy(scanned->scanner, report->scanner, sizeof(scanned->scanner));
        scanned->flags = report->scanner_flags;
        scanned->n_scanned = report->n_scanned;
}

static int scan_directory(void) {
        static unsigned n;
        _cleanup_free_ char *path = text_format("%s/scratch-%u", scratch_path, n++);
        int fd;

        check(mkdir(path, 0700) == 0);
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        check(fd >= 0);
        return fd;
}

static char *scan_content(int fd) {
        char *text = NULL;
        size_t size;

        check(lseek(fd, 0, SEEK_SET) == 0);
        check_int(fs_read_fd(fd, 64 * MIB, &text, &size), 0);
        close_fd(fd);
        return text;
}

/* Submits a scan; `input_fd` is taken over. */
static WorkerJob *scan_submit(WorkerPool *pool, const char *scanner, WorkerKind kind, ScanSubject subject,
        int input_fd, const char *database, unsigned flags, Scanned *scanned) {
        WorkerRequest request = WORKER_REQUEST_INIT(kind);
        WorkerJob *job;

        *scanned = (Scanned) { .directory_fd = scan_directory() };
        request.scan =
                (WorkerScan) { .subject = subject, .scanner_flags = flags, .report_size_max = 4 * MIB };
        (void) strcpy(request.scan.scanner, "0.0.1");
        request.scanner_fd = open(scanner, O_RDONLY | O_CLOEXEC);
        check(request.scanner_fd >= 0);
        request.directory_fd = fcntl(scanned->directory_fd, F_DUPFD_CLOEXEC, 0);
        if (kind != WORKER_SCANNER) {
                request.input_fd = input_fd;
                request.output_fd = empty_file();
                request.raw_fd = empty_file();
                request.sbom_fd = kind == WORKER_SCAN && subject == SCAN_BINARY ? empty_file() : -EBADF;
                scanned->findings_fd = fcntl(request.output_fd, F_DUPFD_CLOEXEC, 0);
                scanned->raw_fd = fcntl(request.raw_fd, F_DUPFD_CLOEXEC, 0);
                scanned->sbom_fd = request.sbom_fd < 0 ? -EBADF : fcntl(request.sbom_fd, F_DUPFD_CLOEXEC, 0);
        }
        if (database) {
                request.database_fd = open(database, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                check(request.database_fd >= 0);
        }
        check_int(worker_pool_submit(pool, &request, scan_done, scanned, &job), 0);
        return job;
}

static void scan_collect(WorkerKind kind, Scanned *scanned) {
        if (kind == WORKER_SCANNER)
                return;
        scanned->findings = scan_content(scanned->findings_fd);
        scanned->raw = scan_content(scanned->raw_fd);
        if (scanned->sbom_fd >= 0)
                scanned->sbom = scan_content(scanned->sbom_fd);
}

static WorkerPool *scan_pool(sd_event *event, const WorkerLimits *limits) {
        const char *worker = getenv("OPENDEPOT_WORKER");
        WorkerPool *pool;

        check(worker);
        check_int(worker_pool_new(event, worker, limits, &pool), 0);
        return pool;
}

/* One scan in a pool of its own. */
static Scanned scan_once(sd_event *event, const char *scanner, WorkerKind kind, ScanSubject subject,
        int input_fd, const char *database, unsigned flags) {
        WorkerPool *pool = scan_pool(event, &scan_limits);
        Scanned scanned;

        scan_submit(pool, scanner, kind, subject, input_fd, database, flags, &scanned);
        LOOP_UNTIL(event, scanned.done);
        worker_pool_free(pool);
        scan_collect(kind, &scanned);
        return scanned;
}
