/* The end of a reconciliation: what has become old goes. */

#include "base/log.h"
#include "base/message-id.h"
#include "job/commit.h"
#include "job/reconcile-private.h"

static void on_pruned(int r, const char *key, const char *revision, void *userdata) {
        Reconcile *reconcile = userdata;

        if (reconcile_is_stored(reconcile, r, key, revision))
                reconcile_succeed(reconcile);
}

/* What is out of sight for good is told of. */
static void tell_hidden(Reconcile *reconcile) {
        const Package *package = reconcile->package;

        for (size_t i = 0; i < package->record->n_versions; i++) {
                const RecordVersion *version = package->record->versions[i];
                const char *text = version_string(version->version);

                if (version->state != VERSION_PRUNING)
                        continue;
                reconcile->outcome.pruned++;
                reconcile->outcome.changed = true;
                log_entry(LOG_INFO, MESSAGE_VERSION_PRUNED,
                        &(LogContext) {
                                .depot = package_depot(package),
                                .package = package->name,
                                .version = text,
                                .state = "pruning",
                                .reason = version->reason,
                        },
                        "%s %s is removed: %s", package->name, text, strempty(version->reason));
                reconcile_tell_version(reconcile, text, VERSION_PRUNING, version->reason);
        }
}

static void on_hidden(int r, const char *key, const char *revision, void *userdata) {
        Reconcile *reconcile = userdata;
        _cleanup_(store_batch_freep) StoreBatch *batch = NULL;

        if (!reconcile_is_stored(reconcile, r, key, revision))
                return;
        tell_hidden(reconcile);
        r = store_batch_new(&batch);
        if (r >= 0)
                r = commit_finish_pruning(batch, reconcile->package);
        if (r >= 0)
                r = store_commit(reconcile->package->store, &batch, on_pruned, reconcile);
        if (r >= 0)
                reconcile->n_answers++;
        else
                reconcile_fail_locally(reconcile, key, r);
}

int reconcile_prune(Reconcile *reconcile) {
        _cleanup_(store_batch_freep) StoreBatch *batch = NULL;
        _cleanup_(plan_freep) Plan *plan = NULL;
        Package *package = reconcile->package;
        bool any = false;
        int r;

        if (reconcile->only || !package->record)
                return 0;
        r = reconcile_make_plan(reconcile, false, &plan);
        for (size_t i = 0; r >= 0 && i < plan->n_items; i++) {
                const PlanItem *item = &plan->items[i];
                _cleanup_(version_freep) Version *version = NULL;
                RecordVersion *held;

                if (item->action != PLAN_PRUNE)
                        continue;
                r = version_parse(item->version, &version);
                held = r < 0 ? NULL : record_find(package->record, version);
                if (!held)
                        continue;
                held->state = VERSION_PRUNING;
                r = string_assign(&held->reason, item->reason);
                any = true;
        }
        if (r < 0 || !any)
                return r;

        r = store_batch_new(&batch);
        if (r >= 0)
                r = commit_hide(batch, package, reconcile->context->settings);
        if (r >= 0)
                r = store_commit(package->store, &batch, on_hidden, reconcile);
        if (r >= 0)
                reconcile->n_answers++;
        return r < 0 ? r : 1;
}
