/* What a plan says of versions that are not in the store yet, as statuses of the package. */

#include "base/clock.h"
#include "base/log.h"
#include "base/message-id.h"
#include "job/reconcile-private.h"

static void note_state(Reconcile *reconcile, const char *version, VersionState state, const char *reason) {
        (void) package_set_status(reconcile->package, version, state, reason);
        reconcile_tell_version(reconcile, version, state, reason);
}

/* The package is looked at again when the version is old enough. */
static void note_held(Reconcile *reconcile, const PlanItem *item, const VersionStatus *known) {
        const Package *package = reconcile->package;
        bool told = known && known->state == VERSION_HELD && streq_ptr(known->reason, item->reason);
        VersionStatus *status;

        if (told && known->next_try_usec == item->due_usec)
                return;
        if (!told) {
                note_state(reconcile, item->version, VERSION_HELD, item->reason);
                log_entry(LOG_INFO, MESSAGE_VERSION_HELD,
                        &(LogContext) { .depot = package_depot(package),
                                .package = package->name,
                                .version = item->version,
                                .state = "held",
                                .reason = item->reason },
                        "%s %s is held back: %s", package->name, item->version, strempty(item->reason));
        }
        status = package_find_status(package, item->version);
        if (!status)
                return;
        status->attempts = 0;
        status->next_try_usec = item->due_usec;
        reconcile->outcome.changed = true;
}

/* A failed version, whose next try is when upstream is asked again. */
static void note_missing(Reconcile *reconcile, const PlanItem *item, const VersionStatus *known) {
        bool waits = known && known->state == VERSION_FAILED && known->next_try_usec > clock_realtime_usec();
        VersionStatus *status;

        if (!waits || reconcile->force)
                reconcile_version_failed(reconcile, item->version,
                        &(VersionYield) { .error = item->reason, .refused = true });
        status = package_find_status(reconcile->package, item->version);
        if (status)
                status->missing = true; /* also of one whose failure was kept over a restart */
}

void reconcile_note_planned(Reconcile *reconcile) {
        for (size_t i = 0; i < reconcile->plan->n_items; i++) {
                const PlanItem *item = &reconcile->plan->items[i];
                const VersionStatus *known = package_find_status(reconcile->package, item->version);

                if (plan_item_is_to_fetch(item))
                        note_state(reconcile, item->version, VERSION_PLANNED, NULL);
                else if (item->action == PLAN_WITHDRAW && (!known || known->state != VERSION_WITHDRAWN))
                        note_state(reconcile, item->version, VERSION_WITHDRAWN, item->reason);
                else if (item->action == PLAN_HOLD)
                        note_held(reconcile, item, known);
                else if (item->action == PLAN_MISSING)
                        note_missing(reconcile, item, known);
        }
}
