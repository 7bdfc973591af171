/* What a listing does not have although it was known. */

#include "job/reconcile-private.h"

typedef struct Search {
        const ReleaseList *releases, *before;
} Search;

static bool is_missed(const Search *search, const Version *version) {
        return !release_list_find(search->releases, version) &&
               (!search->before || release_list_find(search->before, version));
}

static bool misses_recorded(const Search *search, const Record *record) {
        for (size_t i = 0; record && i < record->n_versions; i++) {
                const RecordVersion *version = record->versions[i];

                if (version->state != VERSION_PRUNING && is_missed(search, version->version) &&
                        !record_version_find_drift(version, DRIFT_VANISHED))
                        return true;
        }
        return false;
}

/* One that failed or is held back was listed before, unless it has failed because it was not. */
static bool misses_tried(const Search *search, const Package *package) {
        for (size_t i = 0; i < package->n_statuses; i++) {
                const VersionStatus *status = package->statuses[i];
                _cleanup_(version_freep) Version *version = NULL;

                if (!status->missing && version_parse(status->version, &version) >= 0 &&
                        is_missed(search, version) &&
                        !(package->record && record_find(package->record, version)))
                        return true;
        }
        return false;
}

/* Else its age would count anew. */
static bool misses_seen(const Search *search, const Record *record) {
        for (size_t i = 0; record && i < record->n_seen; i++)
                if (is_missed(search, record->seen[i].version))
                        return true;
        return false;
}

static bool is_known(const Package *package, const Version *version) {
        return package_find_status(package, version_string(version)) ||
               (package->record && record_find(package->record, version));
}

static bool misses_listed(const Search *search, const Package *package) {
        for (size_t i = 0; i < package->n_wants; i++) {
                const DepotEntry *entry = package->wants[i].entry;

                for (size_t j = 0; j < entry->n_versions; j++)
                        if (is_missed(search, entry->versions[j]) && !is_known(package, entry->versions[j]))
                                return true;
        }
        return false;
}

bool reconcile_misses_any(
        const Reconcile *reconcile, const ReleaseList *releases, const ReleaseList *before) {
        const Package *package = reconcile->package;
        const Search search = { releases, before };

        return misses_recorded(&search, package->record) || misses_tried(&search, package) ||
               misses_listed(&search, package) ||
               (package_has_minimum_age(package, reconcile->context->settings) &&
                       misses_seen(&search, package->record)) ||
               (reconcile->only && is_missed(&search, reconcile->only) &&
                       !is_known(package, reconcile->only));
}
