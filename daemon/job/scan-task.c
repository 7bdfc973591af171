#include "job/scan-task.h"

#include <fcntl.h>

#include "base/background-unlink.h"
#include "base/clock.h"
#include "base/sha256.h"
#include "base/text.h"
#include "job/scans.h"

static const char *const output_suffixes[_SCAN_OUTPUT_MAX] = {
        [SCAN_OUTPUT_FINDINGS] = ".findings.json",
        [SCAN_OUTPUT_REPORT] = ".report.json",
        [SCAN_OUTPUT_SBOM] = ".cdx.json",
};

const char *scan_output_suffix(ScanOutput output) {
        return output_suffixes[output];
}

struct ScanTask {
        const JobContext *context;
        Package *package;
        VersionYield yield;
        uint64_t failed_usec;
        size_t artifact; /* the one that is being scanned */
        char *staged[_SCAN_OUTPUT_MAX];
        ScanJob *job;
        sd_event_source *deferred; /* the end, on a turn of its own */
        ScanTaskDone done;
        void *userdata;
};

static bool is_due(const RecordArtifact *artifact, uint64_t failed_usec) {
        return !artifact->scan || (artifact->scan->error && artifact->scan->failed_usec <= failed_usec);
}

bool scan_task_is_needed(const RecordVersion *version, uint64_t failed_usec) {
        for (size_t i = 0; i < version->n_artifacts; i++)
                if (is_due(&version->artifacts[i], failed_usec))
                        return true;
        return false;
}

static void forget_outputs(ScanTask *task) {
        for (ScanOutput i = 0; i < _SCAN_OUTPUT_MAX; i++) {
                if (task->staged[i])
                        background_unlink(
                                task->context->offload, task->package->store->staging_fd, task->staged[i]);
                free(TAKE_PTR(task->staged[i]));
        }
}

static ScanTask *task_free(ScanTask *task) {
        if (!task)
                return NULL;
        scan_job_cancel(task->job);
        sd_event_source_disable_unref(task->deferred);
        forget_outputs(task);
        version_yield_discard(&task->yield, task->context, task->package);
        free(task);
        return NULL;
}

ScanTask *scan_task_cancel(ScanTask *task) {
        return task_free(task);
}

const char *scan_task_version(const ScanTask *task) {
        return task->yield.text;
}

/* The only end. */
static void task_finish(ScanTask *task) {
        (void) sd_event_source_set_enabled(task->deferred, SD_EVENT_ONESHOT);
}

static int on_deferred(sd_event_source *source, void *userdata) {
        ScanTask *task = userdata;
        VersionYield yield = TAKE_GENERIC(task->yield, (VersionYield) {});
        ScanTaskDone done = task->done;
        void *done_userdata = task->userdata;

        done(task, &yield, done_userdata);
        version_yield_discard(&yield, task->context, task->package);
        task_free(task);
        return 0;
}

static int scan_next(ScanTask *task);

static int keep_result(ScanTask *task, const WorkerReport *report) {
        RecordArtifact *artifact = &task->yield.version->artifacts[task->artifact];
        _cleanup_(record_scan_freep) RecordScan *scan = NULL;
        int r;

        if (report->result != WORKER_OK) {
                r = record_scan_new_failed(strempty(report->message), clock_realtime_usec(), &scan);
                forget_outputs(task);
        } else
                r = record_scan_new(&report->scan, &scan);
        for (ScanOutput i = 0; i < _SCAN_OUTPUT_MAX && r >= 0; i++) {
                _cleanup_free_ char *file = NULL;

                if (!task->staged[i])
                        continue;
                file = text_format("%s%s", artifact->file, output_suffixes[i]);
                r = file ? version_yield_add_file(&task->yield, task->staged[i], file) : -ENOMEM;
                if (r >= 0)
                        free(TAKE_PTR(task->staged[i]));
        }
        if (r < 0)
                return r;
        record_scan_free(artifact->scan);
        artifact->scan = TAKE_PTR(scan);
        return 0;
}

static void on_scanned(const ScanAnswer *answer, void *userdata) {
        ScanTask *task = userdata;
        int r;

        task->job = NULL;
        if (!answer->report) {
                forget_outputs(task);
                (void) string_assign(&task->yield.scan_problem, answer->problem);
                task_finish(task);
                return;
        }
        r = keep_result(task, answer->report);
        task->artifact++;
        if (r >= 0)
                r = scan_next(task);
        if (r > 0)
                return;
        if (r < 0)
                text_set(&task->yield.scan_problem, "the scan failed: %s", strerror(-r));
        task_finish(task);
}

/* The artifact where it is: staged, or in the store. */
static int open_artifact(const ScanTask *task, const RecordArtifact *artifact) {
        const Package *package = task->package;
        const StagedFile *staged = version_yield_find_file(&task->yield, artifact->file);
        _cleanup_free_ char *key = NULL;
        int fd;

        if (staged) {
                fd = openat(package->store->staging_fd, staged->staged, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
                return fd < 0 ? negative_errno() : fd;
        }
        key = package_artifact_key(package, task->yield.version->quarantined, artifact->file);
        return key ? store_open_object(package->store, key) : -ENOMEM;
}

static int create_output(ScanTask *task, const char *name, ScanOutput output, int *ret) {
        int staging_fd = task->package->store->staging_fd;

        task->staged[output] = text_format("%s%s", name, output_suffixes[output]);
        if (!task->staged[output])
                return -ENOMEM;
        background_unlink(task->context->offload, staging_fd, task->staged[output]);
        *ret = openat(
                staging_fd, task->staged[output], O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        return *ret < 0 ? negative_errno() : 0;
}

static int start_scan(ScanTask *task, const RecordArtifact *artifact) {
        bool is_module = task->package->kind == PACKAGE_MODULE;
        ScanFiles files = { -EBADF, -EBADF, -EBADF, -EBADF };
        _cleanup_free_ char *key = package_key(task->package, artifact->file);
        char name[SHA256_HEX_SIZE];
        int r;

        if (!key)
                return -ENOMEM;
        sha256_hex_of(key, strlen(key), name);
        r = files.input_fd = open_artifact(task, artifact);
        if (r >= 0)
                r = create_output(task, name, SCAN_OUTPUT_FINDINGS, &files.findings_fd);
        if (r >= 0)
                r = create_output(task, name, SCAN_OUTPUT_REPORT, &files.raw_fd);
        if (r >= 0 && !is_module)
                r = create_output(task, name, SCAN_OUTPUT_SBOM, &files.sbom_fd);
        if (r < 0) {
                close_fd(files.input_fd);
                close_fd(files.findings_fd);
                close_fd(files.raw_fd);
                close_fd(files.sbom_fd);
                return r;
        }
        return scans_start(task->context->scans, is_module ? SCAN_MODULE : SCAN_BINARY, &files, on_scanned,
                task, &task->job);
}

/* Returns 1 when something is being scanned, 0 when nothing is left. */
static int scan_next(ScanTask *task) {
        const RecordVersion *version = task->yield.version;
        int r;

        for (; task->artifact < version->n_artifacts; task->artifact++) {
                const RecordArtifact *artifact = &version->artifacts[task->artifact];

                if (!is_due(artifact, task->failed_usec))
                        continue;
                r = start_scan(task, artifact);
                return r < 0 ? r : 1;
        }
        return 0;
}

int scan_task_start(const JobContext *context, Package *package, VersionYield *yield, uint64_t failed_usec,
        ScanTaskDone done, void *userdata, ScanTask **ret) {
        ScanTask *task = calloc(1, sizeof(ScanTask));
        int r;

        if (!task) {
                version_yield_discard(yield, context, package);
                return -ENOMEM;
        }
        *task = (ScanTask) {
                .context = context,
                .package = package,
                .yield = TAKE_GENERIC(*yield, (VersionYield) {}),
                .failed_usec = failed_usec,
                .done = done,
                .userdata = userdata,
        };
        r = sd_event_add_defer(context->event, &task->deferred, on_deferred, task);
        if (r >= 0)
                r = sd_event_source_set_enabled(task->deferred, SD_EVENT_OFF);
        if (r >= 0)
                r = scan_next(task);
        if (r < 0) {
                task_free(task);
                return r;
        }
        if (r == 0)
                task_finish(task);
        *ret = task;
        return 0;
}
