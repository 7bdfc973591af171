/* The plan for a package: what its depots want and what has failed, as the plan takes it. */

#include "base/clock.h"
#include "job/package.h"

int package_make_wants(const Package *package, const Settings *settings, PlanWant **ret) {
        PlanWant *wants = calloc(MAX_OF(package->n_wants, (size_t) 1), sizeof(PlanWant));

        if (!wants)
                return -ENOMEM;
        for (size_t i = 0; i < package->n_wants; i++)
                wants[i] = (PlanWant) {
                        package->wants[i].depot->name,
                        package->wants[i].entry,
                        version_policy_join(package->wants[i].entry->policy, settings->policy),
                };
        *ret = wants;
        return 0;
}

bool package_has_minimum_age(const Package *package, const Settings *settings) {
        for (size_t i = 0; i < package->n_wants; i++) {
                const DepotEntry *entry = package->wants[i].entry;

                if (!entry->listed &&
                        version_policy_join(entry->policy, settings->policy).minimum_release_age_usec > 0)
                        return true;
        }
        return false;
}

int package_make_plan(
        const Package *package, const Settings *settings, const PlanInput *question, Plan **ret) {
        _cleanup_free_ PlanFailure *failures =
                calloc(MAX_OF(package->n_statuses, (size_t) 1), sizeof(PlanFailure));
        _cleanup_free_ PlanWant *wants = NULL;
        PlanInput input = *question;
        int r;

        if (!failures)
                return -ENOMEM;
        r = package_make_wants(package, settings, &wants);
        if (r < 0)
                return r;
        for (size_t i = 0; i < package->n_statuses; i++)
                /* One that a policy holds has not been tried: the plan judges it anew. */
                if (version_state_is_tried_again(package->statuses[i]->state) &&
                        package->statuses[i]->attempts > 0 && !package->statuses[i]->missing)
                        failures[input.n_failures++] = (PlanFailure) { package->statuses[i]->version,
                                package->statuses[i]->next_try_usec };
        input.kind = package->kind;
        input.wants = wants;
        input.n_wants = package->n_wants;
        input.record = package->record;
        input.failures = failures;
        input.now_usec = clock_realtime_usec();
        return plan_make(&input, ret);
}
