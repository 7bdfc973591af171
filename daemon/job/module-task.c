/* A version of a module: the archive of its tag, repacked. */

#include <fcntl.h>

#include "base/background-unlink.h"
#include "base/clock.h"
#include "base/names.h"
#include "base/sha256.h"
#include "base/shared.h"
#include "fetch/download.h"
#include "job/version-task-private.h"
#include "source/github.h"

/* The longest of what is appended to a version. */
#define README_SUFFIX ".README.md"

typedef struct ModuleTask {
        VersionTask base;
        char *file;                        /* name in the package's directory */
        char *archive, *repacked, *readme; /* names in the staging directory */
        Access *access;
        AccessWait *wait; /* for the credential of the download */
        bool rejected;    /* a credential was refused once */
        Download *download;
        WorkerJob *job;
} ModuleTask;

static int staging_fd(const ModuleTask *task) {
        return task->base.package->store->staging_fd;
}

static void remove_staged(const ModuleTask *task, const char *name) {
        if (name)
                background_unlink(task->base.context->offload, staging_fd(task), name);
}

static void module_task_fail(ModuleTask *task, int error) {
        version_task_fail(&task->base, false, 0, "%s", strerror(-error));
        version_task_finish(&task->base);
}

static int describe_version(ModuleTask *task, const WorkerReport *report) {
        VersionTask *base = &task->base;
        RecordArtifact artifact = { .size = report->size };
        RecordVersion *version;
        int r;

        r = record_version_new(base->item->version, &version);
        if (r < 0)
                return r;
        base->yield.version = version;
        base->yield.immutable = base->item->entry->immutable;
        version->state = VERSION_PUBLISHED;
        version->published_usec = clock_realtime_usec();
        version->upstream.released_usec = base->item->release->created_usec;
        version->upstream.committed_usec = base->item->release->committed_usec;
        r = record_artifact_set_digests(&artifact, report->sha256, report->h1);
        if (r >= 0)
                r = string_assign(&version->tag, base->item->release->tag);
        if (r >= 0)
                r = string_assign(&version->commit, report->commit[0] ? report->commit : NULL);
        if (r >= 0)
                r = string_assign(&artifact.file, task->file);
        return r < 0 ? r : record_version_put_artifact(version, &artifact);
}

/* Between the listing and the archive. Which of the two upstream stands by, it says when it is asked again. */
static bool has_moved(ModuleTask *task, const WorkerReport *report) {
        const Release *release = task->base.item->release;

        if (!release->commit || !report->commit[0] || streq(release->commit, report->commit))
                return false;
        remove_staged(task, task->repacked);
        remove_staged(task, task->readme);
        version_task_fail(&task->base, false, 0,
                "tag %s has moved while it was fetched: it was listed as commit %s, the archive is of %s",
                release->tag, release->commit, report->commit);
        return true;
}

static void on_repacked(const WorkerReport *report, void *userdata) {
        ModuleTask *task = userdata;
        VersionTask *base = &task->base;
        _cleanup_free_ char *readme_file = NULL;
        int r;

        task->job = NULL;
        remove_staged(task, task->archive);
        if (report->result != WORKER_OK) {
                remove_staged(task, task->repacked);
                remove_staged(task, task->readme);
                version_task_fail(
                        base, report->result == WORKER_REFUSED, 0, "%s", strempty(report->message));
                version_task_finish(base);
                return;
        }
        if (has_moved(task, report)) {
                version_task_finish(base);
                return;
        }
        r = describe_version(task, report);
        if (r >= 0)
                r = version_yield_add_file(&base->yield, task->repacked, task->file);
        if (r >= 0 && report->readme_size > 0) {
                text_set(&readme_file, "%s" README_SUFFIX, base->item->version);
                r = readme_file ? version_yield_add_file(&base->yield, task->readme, readme_file) : -ENOMEM;
        } else
                remove_staged(task, task->readme);
        if (r < 0) {
                remove_staged(task, task->repacked);
                remove_staged(task, task->readme);
                /* Half described is not to be recorded. */
                base->yield.version = record_version_free(base->yield.version);
                version_task_fail(base, false, 0, "%s", strerror(-r));
        }
        version_task_finish(base);
}

/* An empty file, whatever was there. */
static int create_staged(const ModuleTask *task, const char *name) {
        int fd;

        remove_staged(task, name);
        fd = openat(staging_fd(task), name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
        return fd < 0 ? negative_errno() : fd;
}

static int submit_repack(ModuleTask *task, int archive_fd) {
        WorkerRequest request = WORKER_REQUEST_INIT(WORKER_REPACK);
        int r;

        request.file_format = task->base.item->entry->file_format;
        request.subdirectory = task->base.package->source.subdirectory;
        request.input_fd = fcntl(archive_fd, F_DUPFD_CLOEXEC, 3);
        r = request.input_fd < 0 ? negative_errno() : 0;
        if (r >= 0)
                r = request.output_fd = create_staged(task, task->repacked);
        if (r >= 0)
                r = request.readme_fd = create_staged(task, task->readme);
        if (r >= 0) {
                request.scratch_fd = openat(staging_fd(task), ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
                if (request.scratch_fd < 0)
                        r = negative_errno();
        }
        if (r >= 0)
                return worker_pool_submit(
                        task->base.context->workers, &request, on_repacked, task, &task->job);

        close_fd(request.input_fd);
        close_fd(request.output_fd);
        close_fd(request.readme_fd);
        return r;
}

static int ask_access(ModuleTask *task);

/* Another one is asked for, once; where there is none, or the other is not good either, the version has failed. */
static void credential_is_refused(ModuleTask *task, const DownloadReport *report) {
        VersionTask *base = &task->base;
        bool again = access_reject(task->access, base->package->source.owner);

        if (again && !task->rejected) {
                task->rejected = true;
                if (ask_access(task) >= 0)
                        return;
        }
        version_task_fail(base, !again, report->not_before_usec,
                "%s: the credential (%s) is wrong, has expired or was revoked", strempty(report->message),
                access_name(task->access));
        version_task_finish(base);
}

static void on_downloaded(const DownloadReport *report, void *userdata) {
        ModuleTask *task = userdata;
        VersionTask *base = &task->base;
        int r;

        task->download = NULL;
        if (report->result == DOWNLOAD_FAILED && report->status == 401 &&
                access_is_authenticated(task->access)) {
                credential_is_refused(task, report);
                return;
        }
        if (report->result != DOWNLOAD_OK) {
                version_task_fail(base, download_report_is_final(report), report->not_before_usec, "%s",
                        strempty(report->message));
                version_task_finish(base);
                return;
        }
        version_task_set_state(base, VERSION_REPACKING);
        r = submit_repack(task, report->fd);
        if (r < 0)
                module_task_fail(task, r);
}

/* The archive of a private repository is where the interface leads to; what everybody may have costs no budget. */
static int start_download(ModuleTask *task, const AccessAnswer *answer) {
        const VersionTask *base = &task->base;
        const Source *source = &base->package->source;
        const char *tag = base->item->release->tag;
        _cleanup_free_ char *url = access_is_authenticated(task->access)
                                           ? github_tarball_url(access_api_url(task->access), source->owner,
                                                     source->repository, tag)
                                           : github_archive_url(access_web_url(task->access), source->owner,
                                                     source->repository, tag);

        if (!url)
                return -ENOMEM;
        return download_start(base->context->fetcher, base->context->offload,
                &(DownloadRequest) {
                        .url = url,
                        .bearer = answer->bearer,
                        .budget = access_is_authenticated(task->access) ? answer->budget : NULL,
                        .use_reserve = base->package->use_reserve,
                        .staging_fd = staging_fd(task),
                        .name = task->archive,
                        .size_max = base->context->settings->artifact_size_max,
                        .on_done = on_downloaded,
                        .userdata = task,
                },
                &task->download);
}

static void on_access(const AccessAnswer *answer, void *userdata) {
        ModuleTask *task = userdata;
        int r;

        task->wait = NULL;
        if (answer->result != FETCH_OK) {
                version_task_fail(&task->base, answer->result == FETCH_REFUSED, answer->not_before_usec,
                        "%s", strempty(answer->error));
                version_task_finish(&task->base);
                return;
        }
        r = start_download(task, answer);
        if (r < 0)
                module_task_fail(task, r);
}

static int ask_access(ModuleTask *task) {
        const Source *source = &task->base.package->source;
        AccessAnswer answer;
        int r;

        r = access_ask(
                task->access, source->owner, source->repository, on_access, task, &task->wait, &answer);
        return r > 0 ? start_download(task, &answer) : r;
}

static int module_task_start(VersionTask *base) {
        ModuleTask *task = (ModuleTask *) base;
        const Package *package = base->package;
        _cleanup_free_ char *key = NULL;
        char name[SHA256_HEX_SIZE];

        task->access =
                accesses_find(base->context->accesses, package->registry_namespace, package->authenticated);
        text_set(&task->file, "%s.%s", base->item->version,
                file_format_suffix(base->item->entry->file_format));
        if (!task->file)
                return -ENOMEM;
        /* Said here, as it would spoil everything else that is committed with it. */
        if (strlen(base->item->version) > NAME_LENGTH_MAX - strlen(README_SUFFIX)) {
                version_task_fail(base, true, 0, "the version is too long for the name of a file");
                version_task_finish(base);
                return 0;
        }
        key = package_key(package, task->file);
        if (!key)
                return -ENOMEM;
        sha256_hex_of(key, strlen(key), name);
        text_set(&task->archive, "%s.archive", name);
        text_set(&task->repacked, "%s.repacked", name);
        text_set(&task->readme, "%s.readme", name);
        if (!task->archive || !task->repacked || !task->readme)
                return -ENOMEM;

        version_task_set_state(base, VERSION_FETCHING);
        return ask_access(task);
}

static void module_task_clear(VersionTask *base) {
        ModuleTask *task = (ModuleTask *) base;

        access_wait_cancel(task->wait);
        download_cancel(task->download);
        if (task->job) {
                remove_staged(task, task->archive);
                remove_staged(task, task->repacked);
                remove_staged(task, task->readme);
        }
        worker_job_cancel(task->job);
        free(task->file);
        free(task->archive);
        free(task->repacked);
        free(task->readme);
}

const VersionTaskKind module_task_kind = {
        .size = sizeof(ModuleTask),
        .start = module_task_start,
        .clear = module_task_clear,
};
