/* Published versions are compared with upstream again: each once in an interval, one package at a time, and no more versions in an
 * hour than is said, apart from all polls. */

#include "job/recheck.h"
#include "base/clock.h"
#include "base/log.h"
#include "manager/manager-private.h"

#define HOUR_USEC (60 * USEC_PER_MINUTE)

/* When the package is next; USEC_INFINITY: never. */
static uint64_t package_due(const Manager *manager, Package *package, uint64_t now) {
        if (package->problem || !package->record)
                return USEC_INFINITY;
        /* What was brought just now is compared when it is older. */
        if (package->recheck_usec == 0)
                package->recheck_usec = now;
        return recheck_due(package, manager->config->settings);
}

/* Who has waited longest; NULL: there is nobody. */
static const Runner *find_first(const Manager *manager, uint64_t now, uint64_t *ret_due) {
        const Runner *first = NULL;

        *ret_due = USEC_INFINITY;
        for (size_t i = 0; i < manager->n_runners; i++) {
                const Runner *runner = manager->runners[i];
                uint64_t due = package_due(manager, runner->package, now);

                if (runner->running || runner_is_waiting(runner) || due >= *ret_due)
                        continue;
                *ret_due = due;
                first = runner;
        }
        return first;
}

static void set_timer(Manager *manager, uint64_t delay_usec);

static void on_done(Request *request, const RequestOutcome *outcome, void *userdata) {
        Manager *manager = userdata;
        uint64_t n = MAX_OF(outcome->versions_rechecked, UINT64_C(1));

        manager->recheck = NULL;
        manager->recheck_from_usec =
                clock_boottime_usec() + n * HOUR_USEC / manager->config->settings->recheck_per_hour;
        set_timer(manager, 0);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Manager *manager = userdata;
        uint64_t interval = manager->config->settings->recheck_interval_usec, now = clock_realtime_usec(),
                 due;
        const Runner *runner;
        int r;

        if (interval == 0 || manager->recheck)
                return 0;
        runner = find_first(manager, now, &due);
        if (!runner || due > now) {
                /* What is published meanwhile is looked for in time. */
                set_timer(manager, MIN_OF(due - now, MIN_OF(interval, HOUR_USEC)));
                return 0;
        }
        r = manager_request(manager, &(ReconcileOptions) { .mode = RECONCILE_RECHECK }, NULL,
                runner->package->name, on_done, manager, &manager->recheck);
        if (r < 0) {
                log_warning("%s: cannot compare what is published with upstream: %s", runner->package->name,
                        strerror(-r));
                set_timer(manager, HOUR_USEC);
        }
        return 0;
}

static void set_timer(Manager *manager, uint64_t delay_usec) {
        uint64_t at = MAX_OF(clock_boottime_usec() + delay_usec, manager->recheck_from_usec);
        int r;

        if (!manager->recheck_timer)
                r = sd_event_add_time(manager->event, &manager->recheck_timer, CLOCK_BOOTTIME, at,
                        USEC_PER_SEC / 10, on_timer, manager);
        else {
                r = sd_event_source_set_time(manager->recheck_timer, at);
                if (r >= 0)
                        r = sd_event_source_set_enabled(manager->recheck_timer, SD_EVENT_ONESHOT);
        }
        if (r < 0)
                log_warning("Cannot set the timer for comparing with upstream: %s", strerror(-r));
}

void manager_schedule_recheck(Manager *manager) {
        if (!manager->recheck)
                set_timer(manager, 0);
}
