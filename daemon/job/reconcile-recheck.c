/* RECONCILE_RECHECK: a few published versions are compared with upstream, and what differs is written into the record. */

#include "base/clock.h"
#include "base/log.h"
#include "job/reconcile-private.h"

/* After a failure of this side, which polls tell of. */
#define PAUSE_USEC (10 * USEC_PER_MINUTE)

static void fail(Reconcile *reconcile, int error) {
        Package *package = reconcile->package;

        log_debug("%s: what is published is not compared with upstream now: %s", package->name,
                strerror(-error));
        if (error != -ESTALE)
                package->recheck_not_before_usec = clock_realtime_usec() + PAUSE_USEC;
        reconcile_fail_locally(reconcile, "cannot compare what is published with upstream", error);
}

/* A pass is due an interval after the one before was, so that all are as long; at once, if it is later than that. */
static void note_progress(Reconcile *reconcile) {
        Package *package = reconcile->package;
        uint64_t interval = reconcile->context->settings->recheck_interval_usec, now = clock_realtime_usec();

        free(package->recheck_next);
        package->recheck_next = TAKE_PTR(reconcile->recheck_next);
        if (reconcile->recheck_ended)
                package->recheck_usec =
                        MAX_OF(package->recheck_usec + interval, now - MIN_OF(now, interval));
        reconcile->outcome.changed = true;
        reconcile_succeed(reconcile);
}

static void on_saved(int r, const char *key, const char *revision, void *userdata) {
        Reconcile *reconcile = userdata;

        if (r < 0 && !reconcile_answer_is_late(reconcile))
                fail(reconcile, r);
        else if (r >= 0 && reconcile_is_stored(reconcile, r, key, revision))
                note_progress(reconcile);
}

static void on_rechecked(const RecheckOutcome *outcome, void *userdata) {
        Reconcile *reconcile = userdata;
        Package *package = reconcile->package;
        int r = outcome->error;

        reconcile->recheck = NULL;
        reconcile->outcome.rechecked += outcome->n_asked;
        reconcile->recheck_ended = outcome->ended;
        package->recheck_not_before_usec = outcome->not_before_usec;
        package->recheck_tries = outcome->not_before_usec > 0 && !outcome->ended &&
                                                 streq_ptr(outcome->next, package->recheck_next)
                                         ? package->recheck_tries + 1
                                         : 0;
        if (r >= 0)
                r = string_assign(&reconcile->recheck_next, outcome->ended ? NULL : outcome->next);
        if (r >= 0 && outcome->changed)
                r = reconcile_save_record(reconcile, on_saved);
        if (r < 0)
                fail(reconcile, r);
        else if (!outcome->changed)
                note_progress(reconcile);
}

void reconcile_recheck(Reconcile *reconcile) {
        Package *package = reconcile->package;
        int r;

        /* It may be that another package of the same name is due. */
        if (reconcile->recheck_stopped || !package->record ||
                recheck_due(package, reconcile->context->settings) > clock_realtime_usec()) {
                reconcile_succeed(reconcile);
                return;
        }
        r = recheck_start(reconcile->context, &reconcile->drift, package, on_rechecked, reconcile,
                &reconcile->recheck);
        if (r < 0)
                fail(reconcile, r);
}

void reconcile_stop_recheck(const Package *package) {
        Reconcile *reconcile = package->reconcile;

        if (!reconcile || reconcile->mode != RECONCILE_RECHECK)
                return;
        reconcile->recheck_stopped = true;
        if (reconcile->recheck)
                recheck_stop(reconcile->recheck);
}
