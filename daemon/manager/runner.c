#include "manager/runner.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "manager/manager-private.h"
#include "manager/request.h"

int runner_new(Manager *manager, Package *package, Runner **ret) {
        Runner *runner = calloc(1, sizeof(Runner));

        if (!runner)
                return -ENOMEM;
        runner->manager = manager;
        runner->package = package;
        *ret = runner;
        return 0;
}

Runner *runner_free(Runner *runner) {
        if (!runner)
                return NULL;
        runner_interrupt(runner);
        while (runner->n_waiting > 0) {
                Request *request = runner->waiting[--runner->n_waiting];

                request_package_done(request, runner->package, &(ReconcileOutcome) {});
        }
        sd_event_source_disable_unref(runner->retry_timer);
        free(runner->waiting);
        free(runner->current);
        package_free(runner->package);
        free(runner);
        return NULL;
}

bool runner_is_waiting(const Runner *runner) {
        return runner->n_waiting > 0 || runner->retry_due;
}

static bool contains(Request *const *requests, size_t n_requests, const Request *request) {
        for (size_t i = 0; i < n_requests; i++)
                if (requests[i] == request)
                        return true;
        return false;
}

bool runner_serves(const Runner *runner, const Request *request) {
        bool syncing = runner->n_current == 0 || runner->current[0]->options.mode == RECONCILE_SYNC;

        if (contains(runner->current, runner->n_current, request))
                return true;
        return runner->running && syncing && request->options.mode == RECONCILE_SYNC &&
               contains(runner->waiting, runner->n_waiting, request);
}

static void remove_request(Request **requests, size_t *n_requests, const Request *request) {
        size_t n = 0;

        for (size_t i = 0; i < *n_requests; i++)
                if (requests[i] != request)
                        requests[n++] = requests[i];
        *n_requests = n;
}

void runner_detach(Runner *runner, Request *request) {
        remove_request(runner->waiting, &runner->n_waiting, request);
        remove_request(runner->current, &runner->n_current, request);
}

/* One reconciliation can serve both. */
static bool requests_agree(const Request *a, const Request *b) {
        return a->options.mode == b->options.mode && a->options.force == b->options.force &&
               a->options.now == b->options.now && streq_ptr(a->options.version, b->options.version);
}

int runner_attach(Runner *runner, Request *request) {
        int r;

        /* As long as upstream has not answered, who comes now is as well served as who came first. */
        if (runner->n_current > 0 && requests_agree(runner->current[0], request) &&
                !reconcile_has_listed(runner->package)) {
                runner->package->use_reserve = runner->package->use_reserve || request->options.for_operator;
                return LIST_APPEND(runner->current, runner->n_current, request);
        }

        r = LIST_APPEND(runner->waiting, runner->n_waiting, request);
        if (r < 0)
                return r;
        reconcile_stop_recheck(runner->package);
        if (!runner->running && request->options.mode == RECONCILE_SYNC)
                runner->package->state = PACKAGE_QUEUED;
        request->versions_total += package_count(runner->package).pending;
        manager_wake(runner->manager);
        return 0;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        Runner *runner = userdata;

        runner->retry_due = true;
        manager_wake(runner->manager);
        return 0;
}

void runner_schedule_retry(Runner *runner) {
        const Package *package = runner->package;
        uint64_t next = package->next_try_usec > 0 ? package->next_try_usec : USEC_INFINITY, now;
        int r;

        /* A package that has failed as a whole is not tried earlier for one of its versions. */
        for (size_t i = 0; i < package->n_statuses && package->next_try_usec == 0; i++)
                if (version_state_is_tried_again(package->statuses[i]->state) &&
                        package->statuses[i]->next_try_usec > 0)
                        next = MIN_OF(next, package->statuses[i]->next_try_usec);
        /* The store is to have them at once, and what they hold back is due at other times. */
        if (package->seen_moved && package->next_try_usec == 0)
                next = 0;
        runner->retry_timer = sd_event_source_disable_unref(runner->retry_timer);
        /* Scans are judged anew without asking upstream. */
        runner->retry_mode = RECONCILE_SYNC;
        if (package->judge_usec > 0 && package->judge_usec < next) {
                next = package->judge_usec;
                runner->retry_mode = RECONCILE_CHECK;
        }
        if (next == USEC_INFINITY)
                return;

        now = clock_realtime_usec();
        r = sd_event_add_time_relative(runner->manager->event, &runner->retry_timer, CLOCK_BOOTTIME,
                next > now ? next - now : 0, USEC_PER_SEC, on_retry, runner);
        if (r < 0)
                log_warning("%s: cannot set a timer for the next try: %s", package->name, strerror(-r));
}

static void on_reconciled(Package *package, const ReconcileOutcome *outcome, void *userdata) {
        Runner *runner = userdata;
        Request **requests = TAKE_PTR(runner->current);
        size_t n_requests = TAKE_GENERIC(runner->n_current, 0);

        runner->running = false;
        runner->manager->n_running--;
        runner_schedule_retry(runner);
        manager_wake(runner->manager);
        manager_note_change(runner->manager, outcome);
        for (size_t i = 0; i < n_requests; i++)
                request_package_done(requests[i], package, outcome);
        free(requests);
        /* What was done while they waited is part of what they asked for. */
        for (size_t i = 0; i < runner->n_waiting; i++)
                if (runner->waiting[i]->options.mode == RECONCILE_SYNC)
                        request_add_changes(runner->waiting[i], outcome);
}

static void fail_to_start(Runner *runner, const ReconcileOptions *options, int error) {
        Package *package = runner->package;
        ReconcileOutcome outcome = { .package_failed = true, .changed = true, .reason = strerror(-error) };

        log_warning("%s: cannot be looked at: %s", package->name, outcome.reason);
        if (options->mode != RECONCILE_PLAN) {
                package->state = PACKAGE_FAILED;
                (void) string_assign(&package->reason, outcome.reason);
                package->attempts++;
                package->next_try_usec = package_next_try(package->attempts, false, 0);
        }
        on_reconciled(package, &outcome, runner);
}

void runner_start(Runner *runner) {
        ReconcileOptions options = { .mode = runner->retry_mode };
        size_t n = 0;
        int r;

        runner->retry_due = false;
        if (runner->n_waiting > 0) {
                const Request *first = runner->waiting[0];

                options = first->options;
                for (size_t i = 0; i < runner->n_waiting; i++) {
                        if (requests_agree(first, runner->waiting[i]) &&
                                LIST_APPEND(runner->current, runner->n_current, runner->waiting[i]) >= 0) {
                                options.for_operator =
                                        options.for_operator || runner->waiting[i]->options.for_operator;
                                continue;
                        }
                        runner->waiting[n++] = runner->waiting[i];
                }
                runner->n_waiting = n;
        }
        r = reconcile_start(&runner->manager->context, runner->package, &options, on_reconciled, runner);
        runner->running = true;
        runner->manager->n_running++;
        if (r < 0)
                fail_to_start(runner, &options, r);
}

void runner_interrupt(Runner *runner) {
        if (!runner->running)
                return;
        reconcile_cancel(runner->package);
        runner->running = false;
        runner->manager->n_running--;
        /* The record in memory may be ahead of the store. */
        runner->package->record = record_free(runner->package->record);
        runner->package->checked = false;
        package_stop_progress(runner->package, "it was interrupted");
        for (size_t i = 0; i < runner->n_current; i++)
                (void) LIST_APPEND(runner->waiting, runner->n_waiting, runner->current[i]);
        runner->n_current = 0;
        manager_wake(runner->manager);
}

void runner_replace_package(Runner *runner, Package *package) {
        Package *old = runner->package;

        runner_interrupt(runner);
        /* Another place has another record. */
        if (streq(package->directory, old->directory)) {
                package->record = TAKE_PTR(old->record);
                memcpy(package->record_revision, old->record_revision, sizeof(package->record_revision));
                package->checked = old->checked;
                package->seen_moved = old->seen_moved;
        }
        package->state = old->state == PACKAGE_FAILED && old->problem ? PACKAGE_UNKNOWN : old->state;
        package->reason = TAKE_PTR(old->reason);
        package->last_check_usec = old->last_check_usec;
        package->recheck_usec = old->recheck_usec;
        package->recheck_next = TAKE_PTR(old->recheck_next);
        package->recheck_not_before_usec = old->recheck_not_before_usec;
        package->recheck_tries = old->recheck_tries;
        package->statuses = TAKE_PTR(old->statuses);
        package->n_statuses = TAKE_GENERIC(old->n_statuses, 0);
        package_free(old);
        runner->package = package;
}
