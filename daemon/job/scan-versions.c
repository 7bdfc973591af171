/* The part of a reconciliation that scans: what was brought before it is committed, what the store has that was not scanned yet; and
 * the verdict on what was. */

#include "base/clock.h"
#include "base/list.h"
#include "job/reconcile-private.h"
#include "job/scan-task.h"
#include "job/verdict.h"

/* After that a scan that failed is tried again. */
#define SCAN_RETRY_USEC (6 * 60 * USEC_PER_MINUTE)
/* When what keeps scans from being made may be gone. */
#define PROBLEM_RETRY_USEC (5 * USEC_PER_MINUTE)

static uint64_t failed_before(const Reconcile *reconcile) {
        return reconcile->force ? reconcile->started_usec
                                : reconcile->started_usec - MIN_OF(reconcile->started_usec, SCAN_RETRY_USEC);
}

static bool is_wanted(const Reconcile *reconcile) {
        return verdict_wants_scan(reconcile->package, reconcile->context->settings);
}

static void forget_task(Reconcile *reconcile, const ScanTask *task) {
        for (size_t i = 0; i < reconcile->n_scans; i++)
                if (reconcile->scans[i] == task) {
                        reconcile->scans[i] = reconcile->scans[--reconcile->n_scans];
                        return;
                }
}

static void on_scanned(ScanTask *task, VersionYield *yield, void *userdata) {
        Reconcile *reconcile = userdata;

        forget_task(reconcile, task);
        if (yield->scan_problem)
                (void) string_assign(&reconcile->scan_problem, yield->scan_problem);
        /* What could not be scanned is as it was; whether its reason is, too, the verdict says. */
        if (yield->scan_problem && yield->is_stored && yield->n_files == 0)
                package_clear_status(reconcile->package, yield->text);
        else
                reconcile_take_yield(reconcile, yield);
        reconcile_go_on(reconcile);
}

static int start(Reconcile *reconcile, VersionYield *yield) {
        bool is_shown = yield->is_stored && !yield->version->quarantined;
        _cleanup_free_ char *text = strdup(version_string(yield->version->version));
        ScanTask *task;
        int r;

        if (!text)
                return -ENOMEM;
        r = scan_task_start(reconcile->context, reconcile->package, yield, failed_before(reconcile),
                on_scanned, reconcile, &task);
        if (r < 0)
                return r;
        reconcile->scans[reconcile->n_scans++] = task;
        if (!is_shown) {
                (void) package_set_status(reconcile->package, text, VERSION_SCANNING, NULL);
                reconcile_tell_version(reconcile, text, VERSION_SCANNING, NULL);
        }
        return 0;
}

int reconcile_scan_yield(Reconcile *reconcile, VersionYield *yield) {
        int r;

        if (!yield->version || !is_wanted(reconcile) || !scan_task_is_needed(yield->version, 0))
                return 0;
        if (reconcile->scan_problem)
                return string_assign(&yield->scan_problem, reconcile->scan_problem);
        r = start(reconcile, yield);
        return r < 0 ? r : 1;
}

static bool is_under_way(const Reconcile *reconcile, const RecordVersion *version) {
        const VersionStatus *status =
                package_find_status(reconcile->package, version_string(version->version));

        for (size_t i = 0; i < reconcile->n_scans; i++)
                if (streq(scan_task_version(reconcile->scans[i]), version_string(version->version)))
                        return true;
        /* What is being fetched is scanned then. */
        return status && !version_state_is_tried_again(status->state);
}

/* A copy of what the store has, to be scanned or judged. */
static int yield_of(const RecordVersion *version, VersionYield *ret) {
        VersionYield yield = { .is_stored = true };
        int r;

        r = record_version_copy(version, &yield.version);
        if (r >= 0)
                r = string_assign(&yield.text, version_string(version->version));
        if (r < 0) {
                version_yield_clear(&yield);
                return r;
        }
        *ret = yield;
        return 0;
}

int reconcile_scan_stored(Reconcile *reconcile) {
        const Record *record = reconcile->package->record;
        int r = 0;

        if (!record || reconcile->scan_problem || !is_wanted(reconcile))
                return 0;
        for (size_t i = 0; i < record->n_versions && r >= 0; i++) {
                const RecordVersion *version = record->versions[i];
                VersionYield yield;

                if (reconcile->n_tasks + reconcile->n_scans >= TASKS_MAX)
                        break;
                if (version->state == VERSION_PRUNING ||
                        !scan_task_is_needed(version, failed_before(reconcile)) ||
                        is_under_way(reconcile, version))
                        continue;
                r = yield_of(version, &yield);
                if (r >= 0)
                        r = start(reconcile, &yield);
        }
        return r;
}

/* The verdict is spoken when it is committed: until then another scan may come. */
static int add_judged(Reconcile *reconcile, const RecordVersion *version) {
        VersionYield yield;
        int r;

        r = yield_of(version, &yield);
        if (r < 0)
                return r;
        r = string_assign(&yield.scan_problem, reconcile->scan_problem);
        if (r >= 0)
                r = LIST_APPEND(reconcile->ready, reconcile->n_ready, yield);
        if (r < 0)
                version_yield_clear(&yield);
        return r;
}

int reconcile_judge(Reconcile *reconcile) {
        const Record *record = reconcile->package->record;
        uint64_t next = USEC_INFINITY, now = clock_realtime_usec();
        _cleanup_(judge_freep) Judge *judge = NULL;
        int r;

        r = judge_new(reconcile->package, reconcile->context->settings, &judge);
        for (size_t i = 0; record && i < record->n_versions && r >= 0; i++) {
                const RecordVersion *version = record->versions[i];
                Verdict verdict;

                if (version->state == VERSION_PRUNING)
                        continue;
                r = judge_version(judge, version, false, reconcile->scan_problem, &verdict);
                if (r < 0)
                        break;
                next = MIN_OF(next, verdict.until_usec);
                free(verdict.reason);
                if (verdict.changes)
                        r = add_judged(reconcile, version);
        }
        if (reconcile->scan_problem)
                next = MIN_OF(next, now + PROBLEM_RETRY_USEC);
        reconcile->package->judge_usec = next;
        return r;
}
