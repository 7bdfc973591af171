/* Brings a configuration into force: what did not change keeps running as it is. */

#include "base/clock.h"
#include "base/log.h"
#include "base/message-id.h"
#include "base/text.h"
#include "manager/manager-private.h"

DepotState *depot_state_free(DepotState *state) {
        if (!state)
                return NULL;
        if (state->poll)
                request_forget(state->poll);
        sd_event_source_disable_unref(state->timer);
        depot_unref(state->depot);
        free(state);
        return NULL;
}

/* Depots */

/* The document of a depot in force is there, but is refused now: by name, or with everything in its file. */
static bool depot_is_refused(const Config *config, const Depot *depot) {
        for (size_t i = 0; i < config->n_problems; i++) {
                const ConfigProblem *problem = &config->problems[i];

                if (problem->depot ? streq(problem->depot, depot->name) : streq(problem->file, depot->file))
                        return true;
        }
        return false;
}

static int compare_states(const void *a, const void *b) {
        return strcmp((*(DepotState *const *) a)->depot->name, (*(DepotState *const *) b)->depot->name);
}

/* Moves an old state over, or makes a new one. */
static int adopt_depot(Manager *manager, Depot *depot, DepotState ***states, size_t *n_states) {
        DepotState *state = manager_find_depot(manager, depot->name);
        int r;

        if (!state || !streq(state->depot->digest, depot->digest)) {
                DepotState *added = calloc(1, sizeof(DepotState));

                if (!added)
                        return -ENOMEM;
                *added = (DepotState) { .manager = manager, .depot = depot_ref(depot), .changed = true };
                if (state)
                        added->last_poll_usec = state->last_poll_usec;
                r = LIST_APPEND(*states, *n_states, added);
                if (r < 0)
                        depot_state_free(added);
                return r;
        }
        state->stale = false;
        return LIST_APPEND(*states, *n_states, state);
}

static bool states_contain(DepotState *const *states, size_t n_states, const DepotState *state) {
        for (size_t i = 0; i < n_states; i++)
                if (states[i] == state)
                        return true;
        return false;
}

static int configure_depots(Manager *manager, const Config *config) {
        DepotState **states = NULL;
        size_t n_states = 0;
        int r = 0;

        for (size_t i = 0; i < config->n_depots && r >= 0; i++)
                r = adopt_depot(manager, config->depots[i], &states, &n_states);
        for (size_t i = 0; i < manager->n_depots && r >= 0; i++) {
                DepotState *state = manager->depots[i];
                bool replaced = false;

                for (size_t j = 0; j < n_states; j++)
                        replaced = replaced || streq(states[j]->depot->name, state->depot->name);
                if (replaced || !depot_is_refused(config, state->depot))
                        continue;
                state->stale = true;
                r = LIST_APPEND(states, n_states, state);
        }
        if (r < 0) {
                for (size_t i = 0; i < n_states; i++)
                        if (!states_contain(manager->depots, manager->n_depots, states[i]))
                                depot_state_free(states[i]);
                free(states);
                return r;
        }

        for (size_t i = 0; i < manager->n_depots; i++)
                if (!states_contain(states, n_states, manager->depots[i]))
                        depot_state_free(manager->depots[i]);
        free(manager->depots);
        manager->depots = states;
        manager->n_depots = n_states;
        if (n_states > 0)
                qsort(states, n_states, sizeof(DepotState *), compare_states);
        return 0;
}

/* Packages */

static Runner *find_runner(Runner *const *runners, size_t n_runners, const Package *package) {
        for (size_t i = 0; i < n_runners; i++)
                if (package_compare(runners[i]->package, package) == 0)
                        return runners[i];
        return NULL;
}

static Package *find_package(Package *const *packages, size_t n_packages, const Package *package) {
        for (size_t i = 0; i < n_packages; i++)
                if (package_compare(packages[i], package) == 0)
                        return packages[i];
        return NULL;
}

static int find_or_open_store(Manager *manager, const DepotEntry *entry, Package *package) {
        _cleanup_free_ char *error = NULL;
        Store *store;
        int r;

        for (size_t i = 0; i < manager->n_stores; i++)
                if (streq(manager->stores[i]->identity, package->store_identity)) {
                        package->store = manager->stores[i];
                        return 0;
                }
        r = store_open(manager->offload, &entry->storage, manager->store_directory, &store, &error);
        if (r < 0) {
                /* The first of all reasons: without a store nothing else matters. */
                text_set(&package->problem, "%s", error ? error : strerror(-r));
                return r == -ENOMEM ? r : 0;
        }
        r = string_assign(&store->identity, package->store_identity);
        if (r >= 0)
                r = LIST_APPEND(manager->stores, manager->n_stores, store);
        if (r < 0) {
                store_free(store);
                return r;
        }
        package->store = store;
        return 0;
}

/* Without the credentials that it is to be asked for with, a package cannot be had. */
static int check_access(const Manager *manager, Package *package) {
        const Access *access = NULL;

        if (package->source.kind == SOURCE_REGISTRY)
                access = accesses_find_registry(manager->accesses, package->source.host);
        else if (package->authenticated)
                access = accesses_find(manager->accesses, package->registry_namespace, true);
        return access && !package->problem ? string_assign(&package->problem, access_problem(access)) : 0;
}

static int add_entry(
        Manager *manager, Depot *depot, const DepotEntry *entry, Package ***packages, size_t *n_packages) {
        _cleanup_(package_freep) Package *package = NULL;
        _cleanup_free_ char *conflict = NULL;
        Package *existing;
        int r;

        r = package_new(depot, entry, manager->config->settings, manager->store_directory, &package);
        if (r < 0)
                return r;
        r = check_access(manager, package);
        if (r < 0)
                return r;
        existing = find_package(*packages, *n_packages, package);
        if (!existing) {
                r = find_or_open_store(manager, entry, package);
                if (r >= 0)
                        r = package_join(package, depot, entry, package, NULL);
                if (r >= 0)
                        r = LIST_APPEND(*packages, *n_packages, package);
                if (r >= 0)
                        TAKE_PTR(package);
                return r;
        }
        r = package_join(existing, depot, entry, package, &conflict);
        if (r != -EEXIST)
                return r;
        log_entry(LOG_ERR, MESSAGE_CONFIGURATION_PROBLEM,
                &(LogContext) { .depot = depot->name, .package = package->name, .reason = conflict },
                "%s:%u:%u: %s: %s; this entry is left out", depot->file, entry->line, entry->column,
                package->name, strempty(conflict));
        return 0;
}

static bool wants_are_equal(const Package *a, const Package *b) {
        if (a->n_wants != b->n_wants)
                return false;
        for (size_t i = 0; i < a->n_wants; i++)
                if (!streq(a->wants[i].depot->name, b->wants[i].depot->name) ||
                        !streq(a->wants[i].depot->digest, b->wants[i].depot->digest))
                        return false;
        return true;
}

/* The depots that name the package are due, whether their documents have changed or not. */
static void make_due(Manager *manager, const Package *package) {
        for (size_t i = 0; i < package->n_wants; i++) {
                DepotState *state = manager_find_depot(manager, package->wants[i].depot->name);

                if (!state)
                        continue;
                state->changed = true;
                /* A poll that runs is none of this package. */
                if (state->poll)
                        request_forget(state->poll);
                state->poll = NULL;
        }
}

/* What is known of one is true of the other. */
static bool is_same_thing(const Package *a, const Package *b) {
        return streq_ptr(a->problem, b->problem) && streq(a->source_name, b->source_name) &&
               streq(a->directory, b->directory);
}

static int compare_runners(const void *a, const void *b) {
        return package_compare((*(Runner *const *) a)->package, (*(Runner *const *) b)->package);
}

/* Makes the packages (each handed over) those that are run. */
static int configure_runners(Manager *manager, Package **packages, size_t n_packages) {
        Runner **runners = calloc(MAX_OF(n_packages, (size_t) 1), sizeof(Runner *));
        size_t n_runners = 0;
        int r = runners ? 0 : -ENOMEM;

        for (size_t i = 0; i < n_packages; i++) {
                _cleanup_(package_freep) Package *package = packages[i];
                Runner *runner = find_runner(manager->runners, manager->n_runners, package);

                if (r < 0)
                        continue;
                if (!runner) {
                        r = runner_new(manager, package, &runner);
                        if (r < 0)
                                continue;
                        make_due(manager, TAKE_PTR(package));
                } else if (!is_same_thing(runner->package, package)) {
                        make_due(manager, package);
                        runner_replace_package(runner, TAKE_PTR(package));
                } else if (!wants_are_equal(runner->package, package))
                        runner_replace_package(runner, TAKE_PTR(package));
                runners[n_runners++] = runner;
        }
        free(packages);
        if (r < 0) {
                free(runners);
                return r;
        }

        for (size_t i = 0; i < manager->n_runners; i++)
                if (!find_runner(runners, n_runners, manager->runners[i]->package))
                        runner_free(manager->runners[i]);
        free(manager->runners);
        manager->runners = runners;
        manager->n_runners = n_runners;
        qsort(runners, n_runners, sizeof(Runner *), compare_runners);
        return 0;
}

static int configure_packages(Manager *manager) {
        Package **packages = NULL;
        size_t n_packages = 0;
        int r = 0;

        for (size_t i = 0; i < manager->n_depots && r >= 0; i++) {
                Depot *depot = manager->depots[i]->depot;

                for (size_t j = 0; j < depot->n_entries && r >= 0; j++)
                        r = add_entry(manager, depot, &depot->entries[j], &packages, &n_packages);
        }
        if (r < 0) {
                for (size_t i = 0; i < n_packages; i++)
                        package_free(packages[i]);
                free(packages);
                return r;
        }
        return configure_runners(manager, packages, n_packages);
}

int manager_configure(Manager *manager, Config *config) {
        int r;

        config_free(manager->config);
        manager->config = config;
        manager->loaded_usec = clock_realtime_usec();
        for (size_t i = 0; i < config->n_problems; i++) {
                _cleanup_free_ char *text = config_problem_format(&config->problems[i]);

                log_entry(LOG_ERR, MESSAGE_CONFIGURATION_PROBLEM,
                        &(LogContext) {
                                .depot = config->problems[i].depot, .reason = config->problems[i].message },
                        "%s", strempty(text));
        }
        r = configure_depots(manager, config);
        return r < 0 ? r : configure_packages(manager);
}
