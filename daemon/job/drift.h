/* How upstream differs from what was published: noted in the record, told once, in force as long as it lasts. The published bytes
 * never change. */
#pragma once

#include "job/package.h"

typedef struct DriftNews DriftNews;

/* What was noted in the record of the package and is to be told once the store has it. */
typedef struct Drift {
        const Package *package;
        DriftNews *news;
        size_t n_news;
} Drift;

/* Tells it. */
void drift_tell(Drift *drift);
/* The store has not got it: it will be noted again. */
void drift_discard(Drift *drift);

/* Notes the difference; the same once more is no news. Returns 1 when the record has changed, 0, or -ENOMEM. */
int drift_note(Drift *drift, RecordVersion *version, const char *kind, const char *detail);
/* It is gone. Returns as drift_note(). */
int drift_forget(Drift *drift, RecordVersion *version, const char *kind);

/* What a listing says of the version; `release` NULL: it lists it no more. Return as drift_note(). */
int drift_compare_listed(Drift *drift, RecordVersion *version, const Release *release);
int drift_compare_times(Drift *drift, RecordVersion *version, const Release *release);
int drift_compare_commit(Drift *drift, RecordVersion *version, const Release *release);
