#include "job/verdict.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/text.h"
#include "scan/policy.h"

struct Judge {
        const Package *package;
        ScanPolicy *policies; /* of those who want it scanned */
        size_t n_policies;
};

/* What one of those who want the package says, with what the host says. */
static int policy_of(const Package *package, size_t i, const Settings *settings, ScanPolicy *ret) {
        ScanPolicy policy = {};
        int r = scan_policy_copy(&package->wants[i].entry->scanning, &policy);

        if (r >= 0)
                r = scan_policy_inherit(&policy, &settings->scanning);
        if (r < 0) {
                scan_policy_clear(&policy);
                return r;
        }
        *ret = policy;
        return 0;
}

bool verdict_wants_scan(const Package *package, const Settings *settings) {
        for (size_t i = 0; i < package->n_wants; i++) {
                const ScanPolicy *entry = &package->wants[i].entry->scanning;
                Choice choice = package->kind == PACKAGE_MODULE ? entry->modules : entry->providers;

                if (choice == CHOICE_YES ||
                        (choice == CHOICE_UNSAID && scan_policy_wants(&settings->scanning, package->kind)))
                        return true;
        }
        return false;
}

/* All that was scanned; what could not be assessed, or was not scanned, is told apart. */
static int collect(const RecordVersion *version, const ScanSummary ***summaries, size_t *n_summaries,
        const char **ret_error, bool *ret_missing) {
        int r = 0;

        for (size_t i = 0; i < version->n_artifacts && r >= 0; i++) {
                const RecordScan *scan = version->artifacts[i].scan;

                if (!scan)
                        *ret_missing = true;
                else if (scan->error)
                        *ret_error = scan->error;
                else
                        r = LIST_APPEND(*summaries, *n_summaries, &scan->summary);
        }
        if (r >= 0 && version->source_scan && !version->source_scan->error)
                r = LIST_APPEND(*summaries, *n_summaries, &version->source_scan->summary);
        return r;
}

Judge *judge_free(Judge *judge) {
        if (!judge)
                return NULL;
        for (size_t i = 0; i < judge->n_policies; i++)
                scan_policy_clear(&judge->policies[i]);
        free(judge->policies);
        free(judge);
        return NULL;
}

int judge_new(const Package *package, const Settings *settings, Judge **ret) {
        _cleanup_(judge_freep) Judge *judge = calloc(1, sizeof(Judge));
        int r = 0;

        if (!judge)
                return -ENOMEM;
        judge->package = package;
        for (size_t i = 0; i < package->n_wants && r >= 0; i++) {
                ScanPolicy policy = {};

                r = policy_of(package, i, settings, &policy);
                if (r >= 0 && scan_policy_wants(&policy, package->kind)) {
                        r = LIST_APPEND(judge->policies, judge->n_policies, policy);
                        if (r >= 0)
                                continue;
                }
                scan_policy_clear(&policy);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(judge);
        return 0;
}

/* What one policy makes of it. *ret_undecided: only that it was not scanned speaks against it. */
static int judge_by(const Judge *judge, const ScanPolicy *policy, const RecordVersion *version,
        const char *problem, Verdict *ret, bool *ret_undecided) {
        _cleanup_free_ const ScanSummary **summaries = NULL;
        bool allows = policy->on_scanner_error == SCANNER_ERROR_ALLOW, missing = false;
        ScanVerdict verdict = {};
        const char *error = NULL;
        size_t n_summaries = 0;
        int r;

        r = collect(version, &summaries, &n_summaries, &error, &missing);
        if (r >= 0)
                r = scan_policy_judge(policy, judge->package->name, summaries, n_summaries,
                        clock_realtime_usec(), &verdict);
        if (r < 0)
                return r;
        ret->until_usec = MIN_OF(ret->until_usec, verdict.until_usec);
        *ret_undecided = false;
        if (verdict.reason)
                ret->reason = TAKE_PTR(verdict.reason);
        else if (error && !allows)
                text_set(&ret->reason, "not assessable: %s", error);
        else if (missing && !(allows && problem)) {
                *ret_undecided = true;
                text_set(&ret->reason, "not scanned yet%s%s", problem ? ": " : "", strempty(problem));
        }
        scan_verdict_clear(&verdict);
        return 0;
}

int judge_version(
        const Judge *judge, const RecordVersion *version, bool is_new, const char *problem, Verdict *ret) {
        Verdict verdict = { .until_usec = USEC_INFINITY };
        bool undecided = false;
        int r = 0;

        for (size_t i = 0; i < judge->n_policies && r >= 0 && !verdict.reason; i++)
                r = judge_by(judge, &judge->policies[i], version, problem, &verdict, &undecided);
        if (r < 0)
                return r;
        if (undecided && !is_new && !version->quarantined)
                free(TAKE_PTR(verdict.reason));
        verdict.changes = verdict.reason
                                  ? !version->quarantined || !streq_ptr(version->reason, verdict.reason)
                                  : version->quarantined;
        *ret = verdict;
        return 0;
}

int verdict_apply(const Verdict *verdict, RecordVersion *version) {
        if (verdict->reason)
                return record_version_quarantine(version, verdict->reason);
        if (version->quarantined)
                record_version_release(version);
        return 0;
}
