/* Timers of depots: on CLOCK_BOOTTIME, with jitter, so that many machines do not ask at the same moment. */

#include "base/clock.h"
#include "base/log.h"
#include "base/message-id.h"
#include "manager/manager-private.h"

#define JITTER_MAX_USEC (5 * USEC_PER_MINUTE)

static void on_poll_done(Request *request, const RequestOutcome *outcome, void *userdata) {
        DepotState *state = userdata;
        uint64_t interval = state->depot->polling_interval_usec;

        state->poll = NULL;
        state->last_poll_usec = clock_realtime_usec();
        log_entry(outcome->packages_failed > 0 ? LOG_WARNING : LOG_INFO, MESSAGE_POLL_DONE,
                &(LogContext) { .depot = state->depot->name },
                "Depot %s: %llu of %llu packages are up to date; %llu versions added, %llu failed, %llu "
                "pruned",
                state->depot->name, (unsigned long long) (outcome->packages - outcome->packages_failed),
                (unsigned long long) outcome->packages, (unsigned long long) outcome->versions_added,
                (unsigned long long) outcome->versions_failed,
                (unsigned long long) outcome->versions_pruned);
        depot_schedule(state, interval > 0 ? state->last_poll_usec + interval +
                                                     clock_jitter(MIN_OF(interval / 20, JITTER_MAX_USEC))
                                           : 0);
}

int depot_poll(DepotState *state, const ReconcileOptions *options) {
        if (state->poll)
                return 0;
        return manager_request(
                state->manager, options, state->depot->name, NULL, on_poll_done, state, &state->poll);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        DepotState *state = userdata;
        int r;

        r = depot_poll(state, &(ReconcileOptions) { .mode = RECONCILE_SYNC });
        if (r < 0) {
                log_error("Depot %s: cannot poll: %s", state->depot->name, strerror(-r));
                depot_schedule(state, clock_realtime_usec() + USEC_PER_MINUTE);
        }
        return 0;
}

void depot_schedule(DepotState *state, uint64_t next_usec) {
        uint64_t now = clock_realtime_usec();
        int r;

        state->timer = sd_event_source_disable_unref(state->timer);
        state->next_poll_usec = next_usec;
        if (next_usec == 0)
                return;
        r = sd_event_add_time_relative(state->manager->event, &state->timer, CLOCK_BOOTTIME,
                next_usec > now ? next_usec - now : 0, USEC_PER_SEC, on_timer, state);
        if (r < 0)
                log_error("Depot %s: cannot set the timer: %s", state->depot->name, strerror(-r));
}
