/* Whether a version may be seen by clients: by what its scans have found, and by what those who want it say. */
#pragma once

#include "job/package.h"

/* Somebody wants the package scanned. */
bool verdict_wants_scan(const Package *package, const Settings *settings);

/* Those who judge: the policies of all who want the package scanned. */
typedef struct Judge Judge;

/* Borrows the package, not the settings. */
int judge_new(const Package *package, const Settings *settings, Judge **ret);
Judge *judge_free(Judge *judge);
DEFINE_CLEANUP(Judge *, judge_free)

typedef struct Verdict {
        char *reason;        /* why it is to be kept out, to be freed; NULL: it may be seen */
        uint64_t until_usec; /* when it has to be judged again, realtime, or USEC_INFINITY */
        bool changes;        /* the version is not as the verdict says */
} Verdict;

/* `is_new`: it was not there before; what was published before anybody wanted it scanned stays so until it was. `problem`: why it
 * was not scanned, if it was not; NULL: that is not known. Returns 0 or -ENOMEM. */
int judge_version(
        const Judge *judge, const RecordVersion *version, bool is_new, const char *problem, Verdict *ret);
/* Makes it so. Returns 0 or -ENOMEM. */
int verdict_apply(const Verdict *verdict, RecordVersion *version);
