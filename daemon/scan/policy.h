/* Whether what was found keeps a version out: a pure function of the summaries of its scans, the policy and the time. */
#pragma once

#include "model/finding.h"
#include "model/scan-policy.h"

/* What a policy makes of a finding. */
typedef enum FindingStanding {
        FINDING_BLOCKS,
        FINDING_WAIVED,
        FINDING_APART,   /* where a module's findings do not block */
        FINDING_UNFIXED, /* no version is free of it */
        FINDING_MINOR,   /* of a severity that does not block */
        _FINDING_STANDING_MAX,
        _FINDING_STANDING_INVALID = -EINVAL,
} FindingStanding;

const char *finding_standing_to_string(FindingStanding standing); /* "blocks", "waived", … */

/* The parts of a finding that matter; `component` is NULL for a misconfiguration. *ret_until (may be NULL) is when the answer
 * changes by itself: the end of a waiver, else USEC_INFINITY. `package` is how people name the package in the store. */
FindingStanding scan_policy_stand(const ScanPolicy *policy, const char *package,
        const SevereFinding *finding, uint64_t now_usec, uint64_t *ret_until);

typedef struct ScanVerdict {
        size_t counts
                [_FINDING_STANDING_MAX]; /* of different severe findings, and of those that block beyond them */
        uint64_t until_usec;             /* it passes until then, unless the policy changes */
        char *reason;                    /* NULL: it passes; else which findings block */
} ScanVerdict;

void scan_verdict_clear(ScanVerdict *verdict);

/* Judges all scans of a version together. Returns 0 or -ENOMEM. */
int scan_policy_judge(const ScanPolicy *policy, const char *package, const ScanSummary *const *summaries,
        size_t n_summaries, uint64_t now_usec, ScanVerdict *ret);
