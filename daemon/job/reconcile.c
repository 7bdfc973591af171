#include "job/reconcile.h"

#include <fcntl.h>
#include <limits.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/message-id.h"
#include "base/text.h"
#include "job/check.h"
#include "job/commit.h"
#include "job/reconcile-private.h"
#include "job/version-task.h"

/* How often another daemon may come first in a row before what is ready is given up, and how often then everything is judged
 * anew before that is a failure. */
#define STALE_MAX 10U
#define RESTARTS_MAX 10U

static void yields_free(VersionYield **yields, size_t *n_yields) {
        for (size_t i = 0; i < *n_yields; i++)
                version_yield_clear(&(*yields)[i]);
        free(*yields);
        *yields = NULL;
        *n_yields = 0;
}

static void yields_discard(Reconcile *reconcile, VersionYield **yields, size_t *n_yields) {
        for (size_t i = 0; i < *n_yields; i++)
                version_yield_discard(&(*yields)[i], reconcile->context, reconcile->package);
        yields_free(yields, n_yields);
}

static void cancel_tasks(Reconcile *reconcile) {
        for (size_t i = 0; i < reconcile->n_tasks; i++)
                version_task_cancel(reconcile->tasks[i]);
        reconcile->n_tasks = 0;
        for (size_t i = 0; i < reconcile->n_scans; i++)
                scan_task_cancel(reconcile->scans[i]);
        reconcile->n_scans = 0;
}

static void reconcile_free(Reconcile *reconcile) {
        cancel_tasks(reconcile);
        yields_free(&reconcile->ready, &reconcile->n_ready);
        yields_free(&reconcile->committing, &reconcile->n_committing);
        listing_cancel(reconcile->listing);
        if (reconcile->asking_services)
                services_forget(reconcile->context->services, reconcile);
        check_cancel(reconcile->check);
        recheck_cancel(reconcile->recheck);
        free(reconcile->recheck_next);
        drift_discard(&reconcile->drift);
        sd_event_source_disable_unref(reconcile->deferred);
        release_list_free(reconcile->doubted);
        release_list_free(reconcile->releases);
        plan_free(reconcile->plan);
        version_free(reconcile->only);
        free(reconcile->failure);
        free(reconcile->scan_problem);
        free(reconcile);
}

void reconcile_cancel(Package *package) {
        Reconcile *reconcile = package->reconcile;

        if (!reconcile)
                return;
        package->reconcile = NULL;
        /* The tasks name the package; what the store still answers finds it gone. */
        cancel_tasks(reconcile);
        yields_discard(reconcile, &reconcile->ready, &reconcile->n_ready);
        reconcile->listing = listing_cancel(reconcile->listing);
        if (reconcile->asking_services)
                services_forget(reconcile->context->services, reconcile);
        reconcile->asking_services = false;
        reconcile->check = check_cancel(reconcile->check);
        reconcile->recheck = recheck_cancel(reconcile->recheck);
        reconcile->package = NULL;
        if (reconcile->n_answers == 0)
                reconcile_free(reconcile);
        else
                reconcile->deferred = sd_event_source_disable_unref(reconcile->deferred);
}

bool reconcile_has_listed(const Package *package) {
        return package->reconcile && package->reconcile->releases;
}

/* Takes note of an answer of the store; returns true when nobody waits for it any more. */
bool reconcile_answer_is_late(Reconcile *reconcile) {
        reconcile->n_answers--;
        if (reconcile->package)
                return false;
        if (reconcile->n_answers == 0)
                reconcile_free(reconcile);
        return true;
}

bool reconcile_is_stored(Reconcile *reconcile, int r, const char *key, const char *revision) {
        if (reconcile_answer_is_late(reconcile))
                return false;
        if (r < 0) {
                reconcile_fail_locally(reconcile, key, r);
                return false;
        }
        package_set_revision(reconcile->package, revision);
        drift_tell(&reconcile->drift);
        return true;
}

/* States */

static void tell_package(Reconcile *reconcile, PackageState state, const char *reason) {
        const JobContext *context = reconcile->context;

        context->on_event(
                &(JobEvent) {
                        .type = JOB_EVENT_PACKAGE,
                        .package = reconcile->package,
                        .package_state = state,
                        .reason = reason,
                },
                context->userdata);
}

/* What is only planned, or compared, changes nothing of what is said of the package. */
static bool mode_shows(const Reconcile *reconcile) {
        return reconcile->mode != RECONCILE_PLAN && reconcile->mode != RECONCILE_RECHECK;
}

void reconcile_set_state(Reconcile *reconcile, PackageState state, const char *reason) {
        Package *package = reconcile->package;

        if (!mode_shows(reconcile) || (package->state == state && streq_ptr(package->reason, reason)))
                return;
        package->state = state;
        (void) string_assign(&package->reason, reason);
        tell_package(reconcile, state, package->reason);
}

void reconcile_tell_version(
        Reconcile *reconcile, const char *version, VersionState state, const char *reason) {
        const JobContext *context = reconcile->context;

        context->on_event(
                &(JobEvent) {
                        .type = JOB_EVENT_VERSION,
                        .package = reconcile->package,
                        .version = version,
                        .state = state,
                        .reason = reason,
                },
                context->userdata);
}

static int on_deferred(sd_event_source *source, void *userdata) {
        Reconcile *reconcile = userdata;
        Package *package = reconcile->package;
        ReconcileDone done = reconcile->done;
        void *done_userdata = reconcile->userdata;
        ReconcileOutcome outcome = reconcile->outcome;
        _cleanup_free_ char *failure = TAKE_PTR(reconcile->failure);

        outcome.reason = failure;
        package->reconcile = NULL;
        reconcile_free(reconcile);
        done(package, &outcome, done_userdata);
        return 0;
}

/* The only end. */
static void reconcile_finish(Reconcile *reconcile) {
        (void) sd_event_source_set_enabled(reconcile->deferred, SD_EVENT_ONESHOT);
}

void reconcile_fail(Reconcile *reconcile, bool refused, uint64_t not_before_usec, const char *reason) {
        Package *package = reconcile->package;
        char until[CLOCK_TEXT_SIZE];

        reconcile->outcome.package_failed = true;
        (void) string_assign(&reconcile->failure, reason);
        if (mode_shows(reconcile)) {
                reconcile->outcome.changed = true;
                package->attempts++;
                package->next_try_usec = package_next_try(package->attempts, refused, not_before_usec);
                clock_format(package->next_try_usec, until);
                log_entry(LOG_WARNING, MESSAGE_PACKAGE_FAILED,
                        &(LogContext) { .depot = package_depot(package),
                                .package = package->name,
                                .state = "failed",
                                .reason = reason },
                        "%s: %s; next try %s", package->name, reason, until);
        }
        if (reconcile->mode == RECONCILE_PLAN)
                tell_package(reconcile, PACKAGE_FAILED, reason);
        reconcile_set_state(reconcile, PACKAGE_FAILED, reason);
        reconcile_finish(reconcile);
}

/* What only another configuration can change is not tried again. */
static void reconcile_fail_for_good(Reconcile *reconcile, const char *reason) {
        const Package *package = reconcile->package;

        reconcile->outcome.package_failed = true;
        (void) string_assign(&reconcile->failure, reason);
        if (package->state != PACKAGE_FAILED)
                log_entry(LOG_WARNING, MESSAGE_PACKAGE_FAILED,
                        &(LogContext) { .depot = package_depot(package),
                                .package = package->name,
                                .state = "failed",
                                .reason = reason },
                        "%s: %s", package->name, reason);
        if (reconcile->mode == RECONCILE_PLAN)
                tell_package(reconcile, PACKAGE_FAILED, reason);
        reconcile_set_state(reconcile, PACKAGE_FAILED, reason);
        reconcile_finish(reconcile);
}

static int load_record(Reconcile *reconcile);

/* Somebody else has changed the record: nothing that is under way fits it any more, and everything is judged anew. */
static int start_over(Reconcile *reconcile) {
        log_info("%s: the record was changed by somebody else, looking again", reconcile->package->name);
        reconcile->doubted = release_list_free(reconcile->doubted);
        reconcile->releases = release_list_free(reconcile->releases);
        reconcile->n_listings = 0;
        reconcile->plan = plan_free(reconcile->plan);
        reconcile->next_item = 0;
        return load_record(reconcile);
}

void reconcile_fail_locally(Reconcile *reconcile, const char *what, int error) {
        _cleanup_free_ char *message = NULL;

        cancel_tasks(reconcile);
        yields_discard(reconcile, &reconcile->ready, &reconcile->n_ready);
        yields_discard(reconcile, &reconcile->committing, &reconcile->n_committing);
        package_stop_progress(reconcile->package, what);
        /* What is in memory may be ahead of the store. */
        drift_discard(&reconcile->drift);
        reconcile->package->record = record_free(reconcile->package->record);
        reconcile->package->checked = false;
        if (error == -ESTALE && reconcile->n_restarts++ < RESTARTS_MAX && start_over(reconcile) >= 0)
                return;
        text_set(&message, "%s: %s", what, strerror(-error));
        reconcile_fail(reconcile, false, 0, strempty(message));
}

void reconcile_succeed(Reconcile *reconcile) {
        Package *package = reconcile->package;
        VersionCounts counts = package_count(package);
        _cleanup_free_ char *reason = NULL;

        if (reconcile->mode == RECONCILE_SYNC) {
                package->attempts = 0;
                package->next_try_usec = 0;
        }
        /* Without upstream's word nothing is known better than before. */
        if (reconcile->mode == RECONCILE_CHECK && package->attempts > 0) {
                reconcile_finish(reconcile);
                return;
        }
        if (reconcile->mode == RECONCILE_SYNC)
                reconcile->outcome.failed = counts.failed;
        if (counts.failed > 0)
                text_set(&reason, "%llu version%s failed", (unsigned long long) counts.failed,
                        counts.failed == 1 ? "" : "s");
        reconcile_set_state(reconcile, counts.failed > 0 ? PACKAGE_INCOMPLETE : PACKAGE_CURRENT, reason);
        reconcile_finish(reconcile);
}

/* The record */

static int get_record(Reconcile *reconcile, StoreGetDone done) {
        const Package *package = reconcile->package;
        _cleanup_free_ char *key = package_key(package, RECORD_FILE);
        int r;

        if (!key)
                return -ENOMEM;
        r = store_get(package->store, key, RECORD_SIZE_MAX, done, reconcile);
        if (r >= 0)
                reconcile->n_answers++;
        return r;
}

/* What the store has answered becomes the package's record; what was known until now stays if that cannot be. */
static int take_record(
        const JobContext *context, Package *package, int r, const StoreObject *object, char **ret_message) {
        _cleanup_free_ char *error = NULL;
        Record *record = NULL;

        if (r >= 0)
                r = record_parse(object->data, object->size, &record, &error);
        if (r < 0 && r != -ENOENT) {
                text_set(ret_message, "cannot read %s/" RECORD_FILE ": %s", package->directory,
                        error ? error : strerror(-r));
                return r;
        }
        record_free(package->record);
        package->record = record;
        package_set_revision(package, record ? object->revision : "");
        if (record && package->kind == PACKAGE_PROVIDER)
                keys_learn(context->keys, package->key_namespace, record);
        return 0;
}

/* Versions */

void reconcile_version_failed(Reconcile *reconcile, const char *version, const VersionYield *yield) {
        Package *package = reconcile->package;
        VersionState state = yield->held ? VERSION_HELD : VERSION_FAILED;
        VersionStatus *status = package_set_status(package, version, state, yield->error);
        char until[CLOCK_TEXT_SIZE];

        reconcile->outcome.changed = true;
        if (!status)
                return;
        status->attempts++;
        /* Upstream may still sign anew; a person's decision does not wait for this. */
        status->next_try_usec = package_next_try(
                yield->held ? UINT_MAX : status->attempts, yield->refused, yield->not_before_usec);
        clock_format(status->next_try_usec, until);
        log_entry(LOG_WARNING, yield->held ? MESSAGE_VERSION_HELD : MESSAGE_VERSION_FAILED,
                &(LogContext) { .depot = package_depot(package),
                        .package = package->name,
                        .version = version,
                        .state = version_state_to_string(state),
                        .reason = yield->error },
                "%s %s: %s; kept out, next try %s", package->name, version, strempty(yield->error), until);
        reconcile_tell_version(reconcile, version, state, status->reason);
}

/* It is in the store, and out of the clients' reach. */
static void version_quarantined(Reconcile *reconcile, const VersionYield *yield) {
        const RecordVersion *version = yield->recorded;
        const char *text = version_string(version->version);
        Package *package = reconcile->package;

        package_clear_status(package, text);
        reconcile->outcome.changed = true;
        log_entry(LOG_WARNING, MESSAGE_VERSION_HELD,
                &(LogContext) { .depot = package_depot(package),
                        .package = package->name,
                        .version = text,
                        .state = "held",
                        .reason = version->reason },
                "%s %s is %s: %s", package->name, text, yield->was_published ? "taken out of sight" : "held",
                strempty(version->reason));
        reconcile_tell_version(reconcile, text, VERSION_HELD, version->reason);
}

/* `new`: it, or platforms of it; else it was there, and what proves it came back. */
static void version_published(Reconcile *reconcile, const RecordVersion *version, bool new) {
        const char *text = version_string(version->version);
        Package *package = reconcile->package;

        package_clear_status(package, text);
        reconcile->outcome.changed = true;
        if (!new) {
                log_entry(LOG_NOTICE, MESSAGE_STORE_HEALED,
                        &(LogContext) { .depot = package_depot(package),
                                .package = package->name,
                                .version = text,
                                .state = "published" },
                        "%s %s: its SHA256SUMS, their signature and the keys are in the store again",
                        package->name, text);
                reconcile_tell_version(reconcile, text, VERSION_PUBLISHED, NULL);
                return;
        }
        reconcile->outcome.added++;
        log_entry(LOG_INFO, MESSAGE_VERSION_PUBLISHED,
                &(LogContext) { .depot = package_depot(package),
                        .package = package->name,
                        .version = text,
                        .state = "published" },
                "%s %s is published%s", package->name, text,
                package->kind == PACKAGE_PROVIDER && !version->key_fingerprint ? ", without a signature"
                                                                               : "");
        reconcile_tell_version(reconcile, text, VERSION_PUBLISHED, NULL);
}

/* A module was fetched anew, and what is published stays. */
static void note_tree(Reconcile *reconcile, const VersionYield *yield) {
        Package *package = reconcile->package;
        _cleanup_(version_freep) Version *version = NULL;
        RecordVersion *known;
        int r = 0;

        if ((!yield->drift && !yield->agrees) || !package->record ||
                version_parse(yield->text, &version) < 0)
                return;
        known = record_find(package->record, version);
        if (known)
                r = yield->drift ? drift_note(&reconcile->drift, known, DRIFT_TREE, yield->drift)
                                 : drift_forget(&reconcile->drift, known, DRIFT_TREE);
        reconcile->unsaved = reconcile->unsaved || r > 0;
}

static void settle_recorded(Reconcile *reconcile, const VersionYield *yield) {
        const RecordVersion *version = yield->recorded;

        if (version->quarantined)
                version_quarantined(reconcile, yield);
        else if (!yield->is_stored || yield->was_quarantined)
                version_published(reconcile, version, yield->version && yield->version->n_artifacts > 0);
        else /* scanned anew, to the same end */
                package_clear_status(reconcile->package, yield->text);
}

/* Whole, in part, or nothing new. */
static void settle_yield(Reconcile *reconcile, const VersionYield *yield) {
        note_tree(reconcile, yield);
        if (yield->recorded)
                settle_recorded(reconcile, yield);
        else if (!yield->error)
                package_clear_status(reconcile->package, yield->text);
        if (yield->error)
                reconcile_version_failed(reconcile, yield->text, yield);
}

/* Judges what is ready by the record as it is now, and settles what turns out to be nothing new. */
static void judge_ready(Reconcile *reconcile) {
        size_t n = 0;

        for (size_t i = 0; i < reconcile->n_ready; i++) {
                VersionYield *yield = &reconcile->ready[i];

                yield->recorded = NULL;
                version_yield_judge(yield, reconcile->package);
                if (yield->version) {
                        reconcile->ready[n++] = *yield;
                        continue;
                }
                settle_yield(reconcile, yield);
                version_yield_discard(yield, reconcile->context, reconcile->package);
        }
        reconcile->n_ready = n;
}

static void on_record_again(int r, const StoreObject *object, void *userdata) {
        Reconcile *reconcile = userdata;
        _cleanup_free_ char *message = NULL;

        if (reconcile_answer_is_late(reconcile))
                return;
        reconcile->rereading = false;
        drift_discard(&reconcile->drift);
        r = take_record(reconcile->context, reconcile->package, r, object, &message);
        if (r < 0) {
                reconcile_fail_locally(reconcile, strempty(message), r);
                return;
        }
        judge_ready(reconcile);
        reconcile_go_on(reconcile);
}

/* Somebody else came first: what is ready is as good as it was, and is committed onto the new record. Returns a negative
 * errno when it cannot be. */
static int commit_again(Reconcile *reconcile) {
        int r;

        if (reconcile->n_stale++ >= STALE_MAX)
                return -ESTALE;
        for (size_t i = 0; i < reconcile->n_committing; i++)
                if (!version_yield_is_staged(&reconcile->committing[i], reconcile->package))
                        return -ESTALE;
        while (reconcile->n_ready > 0) {
                r = LIST_APPEND(reconcile->committing, reconcile->n_committing,
                        reconcile->ready[reconcile->n_ready - 1]);
                if (r < 0)
                        return r;
                reconcile->n_ready--;
        }
        free(reconcile->ready);
        reconcile->ready = TAKE_PTR(reconcile->committing);
        reconcile->n_ready = TAKE_GENERIC(reconcile->n_committing, 0);

        r = get_record(reconcile, on_record_again);
        if (r < 0)
                return r;
        log_info("%s: the record was changed by somebody else, what is ready is committed once more",
                reconcile->package->name);
        reconcile->rereading = reconcile->shared = true;
        return 0;
}

static void on_committed(int r, const char *key, const char *revision, void *userdata) {
        Reconcile *reconcile = userdata;
        _cleanup_free_ char *what = NULL;

        if (reconcile_answer_is_late(reconcile))
                return;
        if (r == -ESTALE && commit_again(reconcile) >= 0)
                return;
        if (r < 0) {
                text_set(&what,
                        r == -ESTALE ? "%s was changed by somebody else" : "cannot write %s to the store",
                        key);
                reconcile_fail_locally(reconcile, strempty(what), r);
                return;
        }

        package_set_revision(reconcile->package, revision);
        reconcile->n_stale = 0;
        for (size_t i = 0; i < reconcile->n_committing; i++)
                settle_yield(reconcile, &reconcile->committing[i]);
        yields_free(&reconcile->committing, &reconcile->n_committing);
        reconcile_go_on(reconcile);
}

/* Gives everything that is ready to the store, in one batch. */
static int commit_ready(Reconcile *reconcile) {
        _cleanup_(store_batch_freep) StoreBatch *batch = NULL;
        int r;

        reconcile->committing = TAKE_PTR(reconcile->ready);
        reconcile->n_committing = TAKE_GENERIC(reconcile->n_ready, 0);
        r = store_batch_new(&batch);
        if (r >= 0)
                r = commit_yields(batch, reconcile->package, reconcile->context->settings,
                        reconcile->committing, reconcile->n_committing);
        if (r >= 0)
                r = store_commit(reconcile->package->store, &batch, on_committed, reconcile);
        if (r >= 0)
                reconcile->n_answers++;
        return r;
}

void reconcile_take_yield(Reconcile *reconcile, VersionYield *yield) {
        version_yield_judge(yield, reconcile->package);
        if (!yield->version) {
                settle_yield(reconcile, yield);
                version_yield_discard(yield, reconcile->context, reconcile->package);
        } else if (LIST_APPEND(reconcile->ready, reconcile->n_ready, *yield) >= 0) {
                if (!yield->is_stored) {
                        (void) package_set_status(reconcile->package, yield->text, VERSION_STORING, NULL);
                        reconcile_tell_version(reconcile, yield->text, VERSION_STORING, NULL);
                }
                *yield = (VersionYield) {};
        }
}

static void on_task_done(VersionTask *task, VersionYield *yield, void *userdata) {
        Reconcile *reconcile = userdata;
        int r;

        for (size_t i = 0; i < reconcile->n_tasks; i++)
                if (reconcile->tasks[i] == task) {
                        reconcile->tasks[i] = reconcile->tasks[--reconcile->n_tasks];
                        break;
                }
        r = reconcile_scan_yield(reconcile, yield);
        if (r < 0) {
                reconcile_fail_locally(reconcile, "cannot scan", r);
                return;
        }
        if (r == 0)
                reconcile_take_yield(reconcile, yield);
        reconcile_go_on(reconcile);
}

/* Somebody else has brought it meanwhile. */
static bool item_is_there(const Reconcile *reconcile, const PlanItem *item) {
        const Record *record = reconcile->package->record;
        const RecordVersion *known;

        if (!reconcile->shared || !record || (reconcile->force && reconcile->only))
                return false;
        known = record_find(record, item->release->version);
        if (!known || known->state == VERSION_PRUNING || known->n_artifacts == 0 || known->proof_missing)
                return false;
        for (char **platform = item->platforms; platform && *platform; platform++)
                if (!record_version_find_artifact(known, *platform))
                        return false;
        return true;
}

static void start_tasks(Reconcile *reconcile) {
        const Plan *plan = reconcile->plan;

        for (; plan && reconcile->next_item < plan->n_items &&
                reconcile->n_tasks + reconcile->n_scans < TASKS_MAX;
                reconcile->next_item++) {
                const PlanItem *item = &plan->items[reconcile->next_item];
                int r;

                if (!plan_item_is_to_fetch(item))
                        continue;
                if (item_is_there(reconcile, item)) {
                        package_clear_status(reconcile->package, item->version);
                        reconcile_tell_version(reconcile, item->version, VERSION_PUBLISHED, NULL);
                        continue;
                }
                r = version_task_start(reconcile->context, reconcile->package, item, on_task_done, reconcile,
                        &reconcile->tasks[reconcile->n_tasks]);
                if (r >= 0)
                        reconcile->n_tasks++;
                else
                        reconcile_version_failed(
                                reconcile, item->version, &(VersionYield) { .error = strerror(-r) });
        }
}

/* Returns 1 when the verdict on something that the store has changes it there. */
static int commit_judged(Reconcile *reconcile) {
        int r;

        r = reconcile_judge(reconcile);
        if (r < 0 || reconcile->n_ready == 0)
                return r;
        r = commit_ready(reconcile);
        return r < 0 ? r : 1;
}

/* Whatever has just ended: start what can be started, commit what is ready, or come to the end. */
void reconcile_go_on(Reconcile *reconcile) {
        int r;

        if (reconcile->rereading)
                return;
        start_tasks(reconcile);
        r = reconcile->n_committing > 0 ? 0 : reconcile_scan_stored(reconcile);
        if (r < 0) {
                reconcile_fail_locally(reconcile, "cannot scan", r);
                return;
        }
        if (reconcile->n_committing > 0)
                return;
        if (reconcile->n_ready > 0) {
                r = commit_ready(reconcile);
                if (r < 0)
                        reconcile_fail_locally(reconcile, "cannot commit", r);
                return;
        }
        if (reconcile->n_tasks > 0 || reconcile->n_scans > 0)
                return;
        r = commit_judged(reconcile);
        if (r < 0)
                reconcile_fail_locally(reconcile, "cannot commit", r);
        if (r != 0)
                return;
        if (reconcile->unsaved) {
                reconcile->unsaved = false;
                r = reconcile_save_record(reconcile, reconcile_on_noted);
                if (r < 0)
                        reconcile_fail_locally(reconcile, "cannot note how upstream differs", r);
                return;
        }
        r = reconcile->plan ? reconcile_prune(reconcile) : 0;
        if (r < 0)
                reconcile_fail_locally(reconcile, "cannot prune", r);
        else if (r == 0)
                reconcile_succeed(reconcile);
}

/* The beginning */

static void on_checked(int r, unsigned n_mended, void *userdata) {
        Reconcile *reconcile = userdata;

        reconcile->check = NULL;
        if (r < 0) {
                reconcile_fail_locally(reconcile, "cannot check the store", r);
                return;
        }
        if (n_mended > 0)
                log_entry(LOG_NOTICE, MESSAGE_STORE_HEALED,
                        &(LogContext) { .depot = package_depot(reconcile->package),
                                .package = reconcile->package->name },
                        "%s: the store did not agree with its record in %u places and was mended",
                        reconcile->package->name, n_mended);
        reconcile->package->checked = true;
        reconcile_discover(reconcile);
}

static void check_or_discover(Reconcile *reconcile) {
        int r;

        if (!reconcile->package->record || (reconcile->package->checked && !reconcile->force)) {
                reconcile_discover(reconcile);
                return;
        }
        r = check_start(reconcile->context, reconcile->package, on_checked, reconcile, &reconcile->check);
        if (r < 0)
                reconcile_fail_locally(reconcile, "cannot check the store", r);
}

static void on_record(int r, const StoreObject *object, void *userdata) {
        Reconcile *reconcile = userdata;
        _cleanup_free_ char *message = NULL;

        if (reconcile_answer_is_late(reconcile))
                return;
        r = take_record(reconcile->context, reconcile->package, r, object, &message);
        if (r < 0)
                /* It is not overwritten: somebody may still mend it. */
                reconcile_fail(reconcile, true, 0, strempty(message));
        else
                check_or_discover(reconcile);
}

static int load_record(Reconcile *reconcile) {
        if (!reconcile->package->record)
                return get_record(reconcile, on_record);
        check_or_discover(reconcile);
        return 0;
}

int reconcile_start(const JobContext *context, Package *package, const ReconcileOptions *options,
        ReconcileDone done, void *userdata) {
        Reconcile *reconcile = calloc(1, sizeof(Reconcile));
        int r;

        if (!reconcile)
                return -ENOMEM;
        *reconcile = (Reconcile) {
                .context = context,
                .package = package,
                .force = options->force,
                .now = options->now,
                .mode = options->mode,
                .drift = { .package = package },
                .started_usec = clock_realtime_usec(),
                .done = done,
                .userdata = userdata,
        };
        r = sd_event_add_defer(context->event, &reconcile->deferred, on_deferred, reconcile);
        if (r >= 0)
                r = sd_event_source_set_enabled(reconcile->deferred, SD_EVENT_OFF);
        if (r >= 0 && options->version)
                r = version_parse(options->version, &reconcile->only);
        if (r >= 0) {
                package->reconcile = reconcile;
                package->use_reserve = options->for_operator;
                if (package->problem)
                        reconcile_fail_for_good(reconcile, package->problem);
                else
                        r = load_record(reconcile);
        }
        if (r < 0) {
                package->reconcile = NULL;
                reconcile_free(reconcile);
                return r;
        }
        return 0;
}
