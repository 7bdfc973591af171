/* state.json in the state directory: when each depot is polled next, what failed, and where registries have their providers.
 * Losing it costs one poll. */

#include "base/background-write.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "manager/manager-private.h"
#include "source/registry.h"

#define STATE_FILE "state.json"
#define STATE_SIZE_MAX (16 * MIB)
/* Later than any next try can be: what says so was written by a clock that was wrong. */
#define NEXT_TRY_MAX_USEC (12 * 60 * USEC_PER_MINUTE)

/* Saving */

static int save_depot(json_object *depots, const DepotState *state) {
        json_object *object = json_object_new_object();
        /* A poll that is under way has not been. */
        uint64_t next = state->poll ? 0 : state->next_poll_usec;
        int r = json_set(depots, state->depot->name, object);

        if (r >= 0)
                r = json_set_string(object, "digest", state->depot->digest);
        if (r >= 0)
                r = json_set_uint64(object, "lastPoll", state->last_poll_usec);
        return r < 0 ? r : json_set_uint64(object, "nextPoll", next);
}

static int save_version(json_object *versions, const VersionStatus *status) {
        json_object *object;
        int r;

        if (!version_state_is_tried_again(status->state))
                return 0;
        object = json_object_new_object();
        r = json_set(versions, status->version, object);
        if (r >= 0)
                r = json_set_string(object, "reason", status->reason);
        if (r >= 0 && status->state == VERSION_HELD)
                r = json_set_bool(object, "held", true);
        if (r >= 0)
                r = json_set_uint64(object, "attempts", status->attempts);
        return r < 0 ? r : json_set_uint64(object, "nextTry", status->next_try_usec);
}

static int save_recheck(json_object *object, const Package *package) {
        int r = 0;

        if (package->recheck_usec > 0)
                r = json_set_uint64(object, "recheck", package->recheck_usec);
        if (r >= 0)
                r = json_set_string(object, "recheckNext", package->recheck_next);
        return r < 0 || package->recheck_not_before_usec == 0
                       ? r
                       : json_set_uint64(object, "recheckNotBefore", package->recheck_not_before_usec);
}

static int save_package(json_object *packages, const Package *package) {
        json_object *object = json_object_new_object(), *versions = json_object_new_object();
        int r = json_append(packages, object);

        if (r < 0) {
                json_unref(versions);
                return r;
        }
        r = json_set(object, "versions", versions);
        if (r >= 0)
                r = json_set_string(object, "name", package->name);
        if (r >= 0)
                r = json_set_string(object, "store", package->store_identity);
        if (r >= 0)
                r = json_set_uint64(object, "lastCheck", package->last_check_usec);
        if (r >= 0)
                r = save_recheck(object, package);
        if (r >= 0 && package->state == PACKAGE_FAILED)
                r = json_set_string(object, "reason", package->reason);
        if (r >= 0)
                r = json_set_uint64(object, "attempts", package->attempts);
        if (r >= 0)
                r = json_set_uint64(object, "nextTry", package->next_try_usec);
        for (size_t i = 0; i < package->n_statuses && r >= 0; i++)
                r = save_version(versions, package->statuses[i]);
        return r;
}

/* Where a registry has its providers: the listing that is kept is found by that. What a query may hold is no part of it. */
static int save_services(json_object *services, const Package *package) {
        _cleanup_free_ char *url = NULL;
        int r;

        if (!package->registry_url || !package->providers_url)
                return 0;
        r = registry_resolve_url(package->providers_url, ".", &url);
        if (r == -EINVAL)
                return 0;
        return r < 0 ? r : json_set_string(services, package->registry_url, url);
}

static int save_budget(json_object *budgets, const Budget *budget) {
        json_object *object;
        int r;

        if (!budget->used)
                return 0;
        object = json_object_new_object();
        r = json_append(budgets, object);
        if (r >= 0)
                r = json_set_string(object, "name", budget->name);
        if (r >= 0)
                r = json_set_uint64(object, "limit", budget->limit);
        if (r >= 0)
                r = json_set_uint64(object, "remaining", budget->remaining);
        if (r >= 0)
                r = json_set_uint64(object, "reset", budget->reset_usec);
        if (r >= 0)
                r = json_set_uint64(object, "heldUntil", budget->held_until_usec);
        return r < 0 ? r : json_set_uint64(object, "secondary", budget->n_secondary);
}

char *manager_format_state(const Manager *manager) {
        _cleanup_(json_unrefp) json_object *state = json_object_new_object();
        json_object *depots = json_object_new_object(), *packages = json_object_new_array(),
                    *budgets = json_object_new_array(), *services = json_object_new_object();
        int r;

        r = state ? json_set(state, "depots", depots) : -ENOMEM;
        if (r >= 0)
                r = json_set(state, "packages", packages);
        if (r >= 0)
                r = json_set(state, "budgets", budgets);
        if (r >= 0)
                r = json_set(state, "services", services);
        if (r >= 0)
                r = json_set_uint64(state, "savedAt", clock_realtime_usec());
        for (size_t i = 0; i < budgets_length(manager->budgets) && r >= 0; i++)
                r = save_budget(budgets, budgets_at(manager->budgets, i));
        for (size_t i = 0; i < manager->n_depots && r >= 0; i++)
                r = save_depot(depots, manager->depots[i]);
        for (size_t i = 0; i < manager->n_runners && r >= 0; i++)
                r = save_package(packages, manager->runners[i]->package);
        for (size_t i = 0; i < manager->n_runners && r >= 0; i++)
                r = save_services(services, manager->runners[i]->package);
        return r < 0 ? NULL : json_format(state, false);
}

int manager_save_state(Manager *manager) {
        _cleanup_free_ char *text = manager_format_state(manager);

        if (!text)
                return -ENOMEM;
        return background_write(manager->offload, manager->state_fd, STATE_FILE, text, strlen(text),
                "the state of the timers");
}

void manager_write_state(const Manager *manager, const char *text) {
        int r = fs_write_file_durably(manager->state_fd, STATE_FILE, text, strlen(text), 0644);

        if (r < 0)
                log_warning("Cannot keep the state of the timers: %s", strerror(-r));
}

/* Loading: whatever does not look right is as if it were not there. */

/* The clock may have been set back since the state was saved, by `back_usec`. */
static uint64_t limit_next_try(uint64_t next_try_usec, int64_t back_usec) {
        clock_shift(&next_try_usec, -back_usec);
        return MIN_OF(next_try_usec, clock_realtime_usec() + NEXT_TRY_MAX_USEC);
}

static void load_depot(json_object *depots, int64_t back_usec, DepotState *state) {
        json_object *object;
        const char *digest;
        uint64_t interval = state->depot->polling_interval_usec;

        if (json_get_object(depots, state->depot->name, &object) <= 0 ||
                json_get_uint64(object, "lastPoll", &state->last_poll_usec) <= 0)
                return;
        /* A document that has changed meanwhile is due at once, and so is one that is polled once. */
        if (interval == 0 || json_get_string(object, "digest", &digest) <= 0 ||
                !streq(digest, state->depot->digest))
                return;
        if (json_get_uint64(object, "nextPoll", &state->next_poll_usec) <= 0)
                return;
        clock_shift(&state->next_poll_usec, -back_usec);
        state->next_poll_usec = MIN_OF(state->next_poll_usec, clock_realtime_usec() + 2 * interval);
}

static bool version_is_canonical(const char *text) {
        _cleanup_(version_freep) Version *version = NULL;

        return version_parse(text, &version) >= 0 && streq(version_string(version), text);
}

static void load_version(Package *package, int64_t back_usec, const char *version, json_object *object) {
        const char *reason = NULL;
        uint64_t attempts = 0, next_try = 0;
        VersionStatus *status;
        bool held = false;

        if (!version_is_canonical(version) || json_get_string(object, "reason", &reason) < 0 ||
                json_get_uint64(object, "attempts", &attempts) < 0 ||
                json_get_uint64(object, "nextTry", &next_try) < 0 ||
                json_get_bool(object, "held", &held) < 0)
                return;
        status = package_set_status(package, version, held ? VERSION_HELD : VERSION_FAILED, reason);
        if (!status)
                return;
        status->attempts = (unsigned) MIN_OF(attempts, UINT64_C(1000));
        /* What is too young may be so for long, and becomes old enough at a time that no clock of ours has said. */
        status->next_try_usec =
                held && attempts == 0
                        ? MIN_OF(next_try, clock_realtime_usec() + MINIMUM_RELEASE_AGE_MAX_USEC)
                        : limit_next_try(next_try, back_usec);
}

static void load_recheck(Package *package, int64_t back_usec, json_object *object) {
        uint64_t now = clock_realtime_usec(), at;
        const char *next;

        if (json_get_uint64(object, "recheck", &at) > 0) {
                clock_shift(&at, -back_usec);
                package->recheck_usec = MIN_OF(at, now);
        }
        if (json_get_string(object, "recheckNext", &next) > 0 && version_is_canonical(next))
                (void) string_assign(&package->recheck_next, next);
        if (json_get_uint64(object, "recheckNotBefore", &at) > 0)
                package->recheck_not_before_usec = limit_next_try(at, back_usec);
}

static void load_package(Manager *manager, int64_t back_usec, json_object *object) {
        const char *name, *store, *reason = NULL;
        json_object *versions = NULL;
        uint64_t attempts = 0, next_try = 0;
        Package *package = NULL;

        if (json_get_string(object, "name", &name) <= 0 || json_get_string(object, "store", &store) <= 0)
                return;
        for (size_t i = 0; i < manager->n_runners && !package; i++)
                if (streq(manager->runners[i]->package->name, name) &&
                        streq(manager->runners[i]->package->store_identity, store))
                        package = manager->runners[i]->package;
        if (!package || package->problem)
                return;

        (void) json_get_uint64(object, "lastCheck", &package->last_check_usec);
        load_recheck(package, back_usec, object);
        if (json_get_uint64(object, "nextTry", &next_try) > 0)
                package->next_try_usec = limit_next_try(next_try, back_usec);
        if (json_get_uint64(object, "attempts", &attempts) > 0)
                package->attempts = (unsigned) MIN_OF(attempts, UINT64_C(1000));
        if (json_get_string(object, "reason", &reason) > 0 && attempts > 0) {
                package->state = PACKAGE_FAILED;
                (void) string_assign(&package->reason, reason);
        }
        if (json_get_object(object, "versions", &versions) > 0) {
                json_object_object_foreach(versions, version, status) {
                        load_version(package, back_usec, version, status);
                }
        }
}

/* Until the registry is asked, which is before anything else is asked of it, that tells what it has listed. */
static void load_services(json_object *services, Package *package) {
        _cleanup_free_ char *url = NULL;
        const char *text;

        if (!package->registry_url || json_get_string(services, package->registry_url, &text) <= 0 ||
                registry_resolve_url(package->registry_url, text, &url) < 0)
                return;
        free(package->providers_url);
        package->providers_url = TAKE_PTR(url);
}

static void load_budget(Manager *manager, int64_t back_usec, json_object *object) {
        uint64_t limit = 0, remaining = 0, reset = 0, held = 0, secondary = 0;
        const char *name;
        Budget *budget;

        if (json_get_string(object, "name", &name) <= 0 || json_get_uint64(object, "limit", &limit) < 0 ||
                json_get_uint64(object, "remaining", &remaining) < 0 ||
                json_get_uint64(object, "reset", &reset) < 0 ||
                json_get_uint64(object, "heldUntil", &held) < 0 ||
                json_get_uint64(object, "secondary", &secondary) < 0 || limit > INT32_MAX)
                return;
        /* Of a credential that is no longer used there is nothing to know once its window has ended. */
        if (MAX_OF(reset, held) <= clock_realtime_usec())
                return;
        budget = budgets_get(manager->budgets, name);
        if (!budget)
                return;
        budget->used = true;
        budget->limit = limit;
        budget->remaining = MIN_OF(remaining, limit);
        budget->reset_usec = limit_next_try(reset, back_usec);
        budget->held_until_usec = limit_next_try(held, back_usec);
        budget->n_secondary = (unsigned) MIN_OF(secondary, UINT64_C(100));
}

int manager_load_state(Manager *manager) {
        _cleanup_(json_unrefp) json_object *state = NULL;
        _cleanup_free_ char *data = NULL;
        json_object *depots = NULL, *packages = NULL, *budgets = NULL, *services = NULL, *package, *budget;
        const char *error = NULL;
        uint64_t saved = 0, now = clock_realtime_usec();
        int64_t back = 0;
        size_t size;
        int r;

        r = fs_read_file(manager->state_fd, STATE_FILE, STATE_SIZE_MAX, &data, &size);
        if (r == -ENOENT)
                return 0;
        if (r >= 0)
                r = json_parse(data, size, &state, &error);
        if (r < 0) {
                log_warning("Cannot read " STATE_FILE ", everything is polled anew: %s",
                        error ? error : strerror(-r));
                return 0;
        }
        if (json_get_uint64(state, "savedAt", &saved) > 0 && saved > now && saved < INT64_MAX)
                back = (int64_t) (saved - now);
        if (json_get_object(state, "depots", &depots) > 0)
                for (size_t i = 0; i < manager->n_depots; i++)
                        load_depot(depots, back, manager->depots[i]);
        if (json_get_array(state, "packages", &packages) > 0)
                JSON_ARRAY_FOREACH (package, packages) {
                        if (json_object_is_type(package, json_type_object))
                                load_package(manager, back, package);
                }
        if (json_get_object(state, "services", &services) > 0)
                for (size_t i = 0; i < manager->n_runners; i++)
                        load_services(services, manager->runners[i]->package);
        if (json_get_array(state, "budgets", &budgets) > 0)
                JSON_ARRAY_FOREACH (budget, budgets) {
                        if (json_object_is_type(budget, json_type_object))
                                load_budget(manager, back, budget);
                }
        return 0;
}
