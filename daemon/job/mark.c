/* What upstream says of versions that the store has: noted in the record, told once, and followed only where a policy asks
 * for it. The published bytes never change. */

#include "base/log.h"
#include "base/message-id.h"
#include "base/text.h"
#include "job/commit.h"
#include "job/reconcile-private.h"

/* Returns 1 when the record has changed. */
static int mark_withdrawn(const Package *package, RecordVersion *version, const Release *release) {
        int r;

        if (!release || (release->withdrawn == version->withdrawn &&
                                (!release->withdrawn ||
                                        streq_ptr(release->withdrawn_message, version->withdrawn_message))))
                return 0;
        if (release->withdrawn != version->withdrawn)
                package_log_version(package, version, LOG_WARNING, MESSAGE_VERSION_WITHDRAWN,
                        release->withdrawn ? "upstream has withdrawn it"
                                           : "upstream has taken its withdrawal back",
                        release->withdrawn ? release->withdrawn_message : NULL);
        version->withdrawn = release->withdrawn;
        r = string_assign(
                &version->withdrawn_message, release->withdrawn ? release->withdrawn_message : NULL);
        return r < 0 ? r : 1;
}

static int mark_hidden(const Package *package, RecordVersion *version, const PlanItem *item) {
        bool hide = item->action == PLAN_HIDE;
        int r;

        if (!hide && item->action != PLAN_RESTORE)
                return 0;
        /* What is held for another reason stays so. */
        if (hide && version->state != VERSION_PUBLISHED)
                return 0;
        version->hidden = hide;
        if (version->quarantined)
                return 1;
        version->state = hide ? VERSION_HELD : VERSION_PUBLISHED;
        r = string_assign(&version->reason, hide ? item->reason : NULL);
        package_log_version(package, version, LOG_NOTICE, MESSAGE_VERSION_WITHDRAWN,
                hide ? "it is hidden from clients" : "it can be installed again", item->reason);
        return r < 0 ? r : 1;
}

static int mark_version(Drift *drift, RecordVersion *version, const PlanItem *item) {
        const Package *package = drift->package;
        int changed = 0, r;

        r = mark_withdrawn(package, version, item->release);
        if (r >= 0) {
                changed |= r;
                r = mark_hidden(package, version, item);
        }
        if (r >= 0) {
                changed |= r;
                r = drift_compare_listed(drift, version, item->release);
        }
        if (r >= 0) {
                changed |= r;
                r = drift_compare_times(drift, version, item->release);
        }
        if (r >= 0) {
                changed |= r;
                r = drift_compare_commit(drift, version, item->release);
        }
        return r < 0 ? r : changed | r;
}

static RecordVersion *find_recorded(const Record *record, const PlanItem *item) {
        _cleanup_(version_freep) Version *version = NULL;

        if (item->release)
                return record_find(record, item->release->version);
        return version_parse(item->version, &version) < 0 ? NULL : record_find(record, version);
}

void reconcile_on_noted(int r, const char *key, const char *revision, void *userdata) {
        Reconcile *reconcile = userdata;

        if (!reconcile_is_stored(reconcile, r, key, revision))
                return;
        reconcile->outcome.changed = true;
        reconcile_go_on(reconcile);
}

/* The documents of those that came into sight or went out of it. */
static int put_documents(StoreBatch *batch, const Reconcile *reconcile) {
        const Package *package = reconcile->package;
        const Settings *settings = reconcile->context->settings;
        bool any = false;
        int r = 0;

        for (size_t i = 0; i < reconcile->plan->n_items && r >= 0; i++) {
                const PlanItem *item = &reconcile->plan->items[i];
                const RecordVersion *version;

                if (item->action != PLAN_HIDE && item->action != PLAN_RESTORE)
                        continue;
                version = find_recorded(package->record, item);
                if (!version)
                        continue;
                any = true;
                r = commit_version_documents(batch, package, settings, version);
        }
        return r < 0 || !any ? r : commit_index(batch, package, settings);
}

int reconcile_save_record(Reconcile *reconcile, StoreCommitDone done) {
        _cleanup_(store_batch_freep) StoreBatch *batch = NULL;
        int r;

        r = store_batch_new(&batch);
        if (r >= 0)
                r = commit_record(batch, reconcile->package);
        if (r >= 0)
                r = store_commit(reconcile->package->store, &batch, done, reconcile);
        if (r >= 0)
                reconcile->n_answers++;
        return r;
}

int reconcile_mark(Reconcile *reconcile) {
        _cleanup_(store_batch_freep) StoreBatch *batch = NULL;
        Package *package = reconcile->package;
        bool changed = TAKE_GENERIC(reconcile->seen_changed, false);
        int r = 0;

        for (size_t i = 0; package->record && i < reconcile->plan->n_items && r >= 0; i++) {
                const PlanItem *item = &reconcile->plan->items[i];
                RecordVersion *version = find_recorded(package->record, item);

                if (!version || version->state == VERSION_PRUNING)
                        continue;
                r = mark_version(&reconcile->drift, version, item);
                changed = changed || r > 0;
        }
        if (r < 0 || !changed)
                return r;

        r = store_batch_new(&batch);
        if (r >= 0)
                r = commit_record(batch, package);
        if (r >= 0)
                r = store_batch_barrier(batch);
        if (r >= 0)
                r = put_documents(batch, reconcile);
        if (r >= 0)
                r = store_commit(package->store, &batch, reconcile_on_noted, reconcile);
        if (r >= 0)
                reconcile->n_answers++;
        return r < 0 ? r : 1;
}
