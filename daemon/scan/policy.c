#include "scan/policy.h"

#include <fnmatch.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"

/* How many findings a reason names. */
#define NAMED_MAX 3

static const char *const standing_table[_FINDING_STANDING_MAX] = {
        [FINDING_BLOCKS] = "blocks",
        [FINDING_WAIVED] = "waived",
        [FINDING_APART] = "apart",
        [FINDING_UNFIXED] = "unfixed",
        [FINDING_MINOR] = "minor",
};

const char *finding_standing_to_string(FindingStanding standing) {
        return standing >= 0 && standing < _FINDING_STANDING_MAX ? standing_table[standing] : NULL;
}

static bool severity_blocks(const ScanPolicy *policy, Severity severity) {
        if (severity == SEVERITY_CRITICAL)
                return policy->block_on_critical != CHOICE_NO;
        return severity == SEVERITY_HIGH && policy->block_on_high == CHOICE_YES;
}

static bool path_is_apart(const ScanPolicy *policy, const char *path) {
        char *const *patterns = policy->has_paths ? policy->non_blocking_paths : scan_non_blocking_paths;

        for (; patterns && *patterns; patterns++)
                if (fnmatch(*patterns, path, 0) == 0)
                        return true;
        return false;
}

/* AVD-AWS-0086 and AWS-0086 are the same check: Trivy has changed its names. */
static bool same_id(const char *a, const char *b) {
        const char *short_a = startswith(a, "AVD-"), *short_b = startswith(b, "AVD-");

        return strcasecmp(short_a ? short_a : a, short_b ? short_b : b) == 0;
}

static bool waiver_covers(const ScanWaiver *waiver, const char *package, const SevereFinding *finding) {
        return same_id(waiver->id, finding->id) && (!waiver->package || streq(waiver->package, package)) &&
               (!waiver->component || streq_ptr(waiver->component, finding->component));
}

FindingStanding scan_policy_stand(const ScanPolicy *policy, const char *package,
        const SevereFinding *finding, uint64_t now_usec, uint64_t *ret_until) {
        uint64_t until = 0;

        if (ret_until)
                *ret_until = USEC_INFINITY;
        if (!severity_blocks(policy, finding->severity))
                return FINDING_MINOR;
        if (!finding->component && path_is_apart(policy, finding->target))
                return FINDING_APART;
        if (finding->component && !finding->fixable && policy->ignore_unfixed == CHOICE_YES)
                return FINDING_UNFIXED;
        for (size_t i = 0; i < policy->n_waivers; i++)
                if (waiver_covers(&policy->waivers[i], package, finding))
                        until = MAX_OF(until, policy->waivers[i].until_usec);
        if (until <= now_usec)
                return FINDING_BLOCKS;
        if (ret_until)
                *ret_until = until;
        return FINDING_WAIVED;
}

void scan_verdict_clear(ScanVerdict *verdict) {
        free(verdict->reason);
        *verdict = (ScanVerdict) {};
}

/* Whether an earlier summary, or this one, has had the same finding under another target: the platforms of a provider mostly
 * have the same ones. */
static bool is_named(const ScanSummary *const *summaries, size_t summary, size_t index) {
        const SevereFinding *finding = &summaries[summary]->severe[index];

        for (size_t i = 0; i <= summary; i++)
                for (size_t j = 0; j < (i == summary ? index : summaries[i]->n_severe); j++) {
                        const SevereFinding *other = &summaries[i]->severe[j];

                        if (streq(other->id, finding->id) && streq_ptr(other->component, finding->component))
                                return true;
                }
        return false;
}

static int name_finding(Buffer *text, const SevereFinding *finding) {
        return buffer_append_format(text, "%s%s (%s, %s)", text->size > 0 ? ", " : "", finding->id,
                severity_to_string(finding->severity),
                finding->component ? finding->component : finding->target);
}

/* Names of the findings that block the first ones. */
static int make_reason(Buffer *named, size_t n_others, char **ret) {
        *ret = n_others > 0 ? text_format("%s and %zu more", strempty(named->data), n_others)
                            : strdup(strempty(named->data));
        return *ret ? 0 : -ENOMEM;
}

int scan_policy_judge(const ScanPolicy *policy, const char *package, const ScanSummary *const *summaries,
        size_t n_summaries, uint64_t now_usec, ScanVerdict *ret) {
        ScanVerdict verdict = { .until_usec = USEC_INFINITY };
        size_t n_named = 0, n_others = 0;
        Buffer named = {};
        int r = 0;

        for (size_t i = 0; i < n_summaries; i++) {
                const ScanSummary *summary = summaries[i];

                for (size_t j = 0; r >= 0 && j < summary->n_severe; j++) {
                        const SevereFinding *finding = &summary->severe[j];
                        uint64_t until;
                        FindingStanding standing =
                                scan_policy_stand(policy, package, finding, now_usec, &until);

                        verdict.counts[standing]++;
                        verdict.until_usec = MIN_OF(verdict.until_usec, until);
                        if (standing != FINDING_BLOCKS || is_named(summaries, i, j))
                                continue;
                        if (n_named < NAMED_MAX) {
                                r = name_finding(&named, finding);
                                n_named++;
                        } else
                                n_others++;
                }
                /* Nobody can waive what cannot be shown. */
                for (Severity severity = 0; severity < _SEVERITY_MAX; severity++)
                        if (severity_blocks(policy, severity)) {
                                verdict.counts[FINDING_BLOCKS] += summary->n_more[severity];
                                n_others += summary->n_more[severity];
                        }
        }
        if (r >= 0 && verdict.counts[FINDING_BLOCKS] > 0)
                r = n_named > 0 ? make_reason(&named, n_others, &verdict.reason)
                    : (verdict.reason = text_format("%zu findings, too many to be listed", n_others))
                            ? 0
                            : -ENOMEM;
        buffer_clear(&named);
        if (r < 0)
                return r;
        *ret = verdict;
        return 0;
}
