#include "job/version-task.h"

#include <fcntl.h>

#include "base/background-unlink.h"
#include "base/list.h"
#include "base/text.h"
#include "job/version-task-private.h"

void version_yield_clear(VersionYield *yield) {
        free(yield->text);
        record_version_free(yield->version);
        for (size_t i = 0; i < yield->n_files; i++) {
                free(yield->files[i].staged);
                free(yield->files[i].file);
        }
        free(yield->files);
        for (size_t i = 0; i < yield->n_documents; i++) {
                free(yield->documents[i].file);
                free(yield->documents[i].data);
        }
        free(yield->documents);
        free(yield->drift);
        free(yield->error);
        free(yield->scan_problem);
        *yield = (VersionYield) {};
}

void version_yield_discard(VersionYield *yield, const JobContext *context, const Package *package) {
        for (size_t i = 0; i < yield->n_files; i++)
                background_unlink(context->offload, package->store->staging_fd, yield->files[i].staged);
        version_yield_clear(yield);
}

/* Whether the store still has what was scanned or judged. */
static bool is_stored(const RecordVersion *known, const RecordVersion *brought) {
        for (size_t i = 0; i < brought->n_artifacts; i++) {
                const RecordArtifact *artifact =
                        known ? record_version_find_artifact(known, brought->artifacts[i].platform) : NULL;

                if (!artifact || memcmp(artifact->sha256, brought->artifacts[i].sha256,
                                         sizeof(artifact->sha256)) != 0)
                        return false;
        }
        return known;
}

void version_yield_judge(VersionYield *yield, const Package *package) {
        const RecordVersion *brought = yield->version,
                            *known = brought && package->record
                                             ? record_find(package->record, brought->version)
                                             : NULL;
        RecordDigests before, after;

        if (!brought)
                return;
        if (known && known->state == VERSION_PRUNING)
                known = NULL;
        if (yield->is_stored) {
                if (!is_stored(known, brought))
                        yield->version = record_version_free(yield->version);
                return;
        }
        if (package->kind == PACKAGE_PROVIDER) {
                /* The proof alone is none of anything any more. */
                if (!known && brought->n_artifacts == 0)
                        yield->version = record_version_free(yield->version);
                return;
        }
        if (!known || known->n_artifacts == 0)
                return;
        before = record_artifact_digests(&known->artifacts[0]);
        after = record_artifact_digests(&brought->artifacts[0]);
        if (!streq(before.h1, after.h1)) {
                if (!yield->immutable)
                        return;
                text_set(&yield->error,
                        "tag %s has moved: its tree was %s, is %s; the published one stays (immutable)",
                        brought->tag, before.h1, after.h1);
                text_set(&yield->drift, "the tree of tag %s is %s, was %s", brought->tag, after.h1,
                        before.h1);
                yield->refused = true;
        } else
                yield->agrees = true;
        yield->version = record_version_free(yield->version);
}

bool version_yield_is_staged(const VersionYield *yield, const Package *package) {
        for (size_t i = 0; i < yield->n_files; i++)
                if (faccessat(package->store->staging_fd, yield->files[i].staged, F_OK,
                            AT_SYMLINK_NOFOLLOW) < 0)
                        return false;
        return true;
}

const StagedFile *version_yield_find_file(const VersionYield *yield, const char *file) {
        for (size_t i = 0; i < yield->n_files; i++)
                if (streq(yield->files[i].file, file))
                        return &yield->files[i];
        return NULL;
}

int version_yield_add_file(VersionYield *yield, const char *staged, const char *file) {
        StagedFile added = { .staged = strdup(staged), .file = strdup(file) };
        int r = added.staged && added.file ? LIST_APPEND(yield->files, yield->n_files, added) : -ENOMEM;

        if (r < 0) {
                free(added.staged);
                free(added.file);
        }
        return r;
}

int version_yield_add_document(VersionYield *yield, const char *file, const void *data, size_t size) {
        StagedDocument added = { .file = strdup(file), .data = malloc(size + 1), .size = size };
        int r = added.file && added.data ? LIST_APPEND(yield->documents, yield->n_documents, added)
                                         : -ENOMEM;

        if (r < 0) {
                free(added.file);
                free(added.data);
                return r;
        }
        memcpy(added.data, data, size);
        added.data[size] = '\0';
        return 0;
}

static VersionTask *task_free(VersionTask *task) {
        if (!task)
                return NULL;
        if (task->kind)
                task->kind->clear(task);
        sd_event_source_disable_unref(task->deferred);
        version_yield_discard(&task->yield, task->context, task->package);
        free(task);
        return NULL;
}

VersionTask *version_task_cancel(VersionTask *task) {
        return task_free(task);
}

const char *version_task_version(const VersionTask *task) {
        return task->item->version;
}

void version_task_set_state(VersionTask *task, VersionState state) {
        const JobContext *context = task->context;

        if (task->state == state)
                return;
        task->state = state;
        (void) package_set_status(task->package, task->item->version, state, NULL);
        context->on_event(
                &(JobEvent) {
                        .type = JOB_EVENT_VERSION,
                        .package = task->package,
                        .version = task->item->version,
                        .state = state,
                },
                context->userdata);
}

static int on_deferred(sd_event_source *source, void *userdata) {
        VersionTask *task = userdata;
        VersionYield yield = task->yield;
        VersionTaskDone done = task->done;
        void *done_userdata = task->userdata;

        task->yield = (VersionYield) {};
        done(task, &yield, done_userdata);
        version_yield_clear(&yield);
        task_free(task);
        return 0;
}

void version_task_finish(VersionTask *task) {
        (void) sd_event_source_set_enabled(task->deferred, SD_EVENT_ONESHOT);
}

void version_task_fail(VersionTask *task, bool refused, uint64_t not_before_usec, const char *format, ...) {
        _cleanup_free_ char *message = NULL;
        va_list arguments;

        va_start(arguments, format);
        message = text_vformat(format, arguments);
        va_end(arguments);

        /* One platform after the other may fail: the first message stays, the others are as a rule the same. */
        if (!task->yield.error)
                task->yield.error = TAKE_PTR(message);
        task->yield.refused = task->yield.refused || refused;
        task->yield.not_before_usec = MAX_OF(task->yield.not_before_usec, not_before_usec);
}

int version_task_start(const JobContext *context, Package *package, const PlanItem *item,
        VersionTaskDone done, void *userdata, VersionTask **ret) {
        const VersionTaskKind *kind =
                package->kind == PACKAGE_PROVIDER ? &provider_task_kind : &module_task_kind;
        VersionTask *task = calloc(1, kind->size);
        int r;

        if (!task)
                return -ENOMEM;
        *task = (VersionTask) {
                .context = context,
                .package = package,
                .item = item,
                .done = done,
                .userdata = userdata,
                .state = VERSION_PLANNED,
        };
        r = sd_event_add_defer(context->event, &task->deferred, on_deferred, task);
        if (r >= 0)
                r = sd_event_source_set_enabled(task->deferred, SD_EVENT_OFF);
        if (r >= 0)
                r = string_assign(&task->yield.text, item->version);
        if (r >= 0) {
                task->kind = kind;
                r = kind->start(task);
        }
        if (r < 0) {
                task_free(task);
                return r;
        }
        *ret = task;
        return 0;
}
