#include "model/scan-policy.h"

#include "base/list.h"

char *const scan_non_blocking_paths[] = { (char *) "examples/*", (char *) "test/*", (char *) "tests/*",
        NULL };

void scan_waiver_clear(ScanWaiver *waiver) {
        free(waiver->id);
        free(waiver->package);
        free(waiver->component);
        free(waiver->reason);
        *waiver = (ScanWaiver) {};
}

void scan_policy_clear(ScanPolicy *policy) {
        for (size_t i = 0; i < policy->n_waivers; i++)
                scan_waiver_clear(&policy->waivers[i]);
        free(policy->waivers);
        strings_free(policy->non_blocking_paths);
        *policy = (ScanPolicy) {};
}

static int add_waivers(ScanPolicy *policy, const ScanPolicy *from) {
        for (size_t i = 0; i < from->n_waivers; i++) {
                const ScanWaiver *waiver = &from->waivers[i];
                ScanWaiver copy = { .until_usec = waiver->until_usec };
                int r;

                if ((r = string_assign(&copy.id, waiver->id)) < 0 ||
                        (r = string_assign(&copy.package, waiver->package)) < 0 ||
                        (r = string_assign(&copy.component, waiver->component)) < 0 ||
                        (r = string_assign(&copy.reason, waiver->reason)) < 0 ||
                        (r = LIST_APPEND(policy->waivers, policy->n_waivers, copy)) < 0) {
                        scan_waiver_clear(&copy);
                        return r;
                }
        }
        return 0;
}

static int copy_paths(ScanPolicy *policy, const ScanPolicy *from) {
        for (char *const *path = from->non_blocking_paths; path && *path; path++) {
                int r = strings_append(&policy->non_blocking_paths, *path);

                if (r < 0)
                        return r;
        }
        policy->has_paths = from->has_paths;
        return 0;
}

int scan_policy_inherit(ScanPolicy *policy, const ScanPolicy *inherited) {
        int r = add_waivers(policy, inherited);

        if (r >= 0 && !policy->has_paths)
                r = copy_paths(policy, inherited);
        if (r < 0)
                return r;
        if (policy->modules == CHOICE_UNSAID)
                policy->modules = inherited->modules;
        if (policy->providers == CHOICE_UNSAID)
                policy->providers = inherited->providers;
        if (policy->block_on_critical == CHOICE_UNSAID)
                policy->block_on_critical = inherited->block_on_critical;
        if (policy->block_on_high == CHOICE_UNSAID)
                policy->block_on_high = inherited->block_on_high;
        if (policy->ignore_unfixed == CHOICE_UNSAID)
                policy->ignore_unfixed = inherited->ignore_unfixed;
        if (policy->on_scanner_error == SCANNER_ERROR_UNSAID)
                policy->on_scanner_error = inherited->on_scanner_error;
        return 0;
}

int scan_policy_copy(const ScanPolicy *policy, ScanPolicy *ret) {
        ScanPolicy copy = {};
        int r = scan_policy_inherit(&copy, policy);

        if (r < 0) {
                scan_policy_clear(&copy);
                return r;
        }
        *ret = copy;
        return 0;
}

bool scan_policy_wants(const ScanPolicy *policy, PackageKind kind) {
        return (kind == PACKAGE_MODULE ? policy->modules : policy->providers) == CHOICE_YES;
}
