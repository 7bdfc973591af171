/* What nothing in force uses any more goes: stores of other depots, pages of other listings. */

#include "base/log.h"
#include "manager/manager-private.h"

#define INTERVAL_USEC (24 * 60 * USEC_PER_MINUTE)

static bool store_is_used(const Manager *manager, const Store *store) {
        for (size_t i = 0; i < manager->n_runners; i++)
                if (manager->runners[i]->package->store == store)
                        return true;
        return false;
}

/* Their staging directories are free for others then. */
static void close_stores(Manager *manager) {
        size_t n = 0;

        for (size_t i = 0; i < manager->n_stores; i++) {
                if (store_is_used(manager, manager->stores[i]))
                        manager->stores[n++] = manager->stores[i];
                else
                        store_free(manager->stores[i]);
        }
        manager->n_stores = n;
}

/* The lists that the package needs; what comes from releases is compared with the tags now and then. */
static int add_keys(
        const Manager *manager, const Package *package, const char *api_url, char **keys, size_t *n) {
        Access *access = package_access(package, manager->accesses);
        Source tags = package->source;
        const Source *sources[] = { &package->source, &tags };
        bool has_tags = tags.kind == SOURCE_GITHUB && !tags.tags;

        tags.tags = true;
        for (size_t i = 0; i < (has_tags ? ELEMENTSOF(sources) : 1); i++) {
                keys[*n] = listing_first_key(sources[i], access, api_url);
                if (!keys[*n])
                        return -ENOMEM;
                (*n)++;
        }
        return 0;
}

static int clean_listings(Manager *manager) {
        _cleanup_(strings_freep) char **keys = calloc(2 * manager->n_runners + 1, sizeof(char *));
        size_t n = 0;
        int r;

        if (!keys)
                return -ENOMEM;
        for (size_t i = 0; i < manager->n_runners; i++) {
                const Package *package = manager->runners[i]->package;
                const char *api_url = package_api_url(package, manager->config->settings);

                /* Upstream is not asked for it, and may not even have a name. */
                if (package->problem)
                        continue;
                /* As long as a registry has not said where it lists its providers, its pages cannot be told from others. */
                if (!api_url)
                        return 0;
                r = add_keys(manager, package, api_url, keys, &n);
                if (r < 0)
                        return r;
        }
        return listing_cache_clean(manager->listings, TAKE_PTR(keys));
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        manager_tidy(userdata);
        return 0;
}

static int set_timer(Manager *manager) {
        int r;

        if (!manager->tidy_timer)
                return sd_event_add_time_relative(manager->event, &manager->tidy_timer, CLOCK_BOOTTIME,
                        INTERVAL_USEC, USEC_PER_MINUTE, on_timer, manager);
        r = sd_event_source_set_time_relative(manager->tidy_timer, INTERVAL_USEC);
        return r < 0 ? r : sd_event_source_set_enabled(manager->tidy_timer, SD_EVENT_ONESHOT);
}

void manager_tidy(Manager *manager) {
        int r = 0;

        close_stores(manager);
        /* A document that is refused may be mended, and have packages that are not in force now. */
        if (manager->config->n_problems == 0)
                r = clean_listings(manager);
        if (r < 0)
                log_warning("Cannot clean up what upstream listed: %s", strerror(-r));
        r = set_timer(manager);
        if (r < 0)
                log_warning("Cannot set the timer for cleaning up: %s", strerror(-r));
}
