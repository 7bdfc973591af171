/* How upstream differs from what was published: noted in the record, told once, in force as long as it lasts. The published bytes
 * never change. */
#pragma once

#include "job/package.h"

/* Notes the difference; the same once more is no news. Returns 1 when the record has changed, 0, or -ENOMEM. */
int drift_note(const Package *package, RecordVersion *version, const char *kind, const char *detail);
/* It is gone. Returns 1 when it was noted, else 0. */
int drift_forget(const Package *package, RecordVersion *version, const char *kind);

/* What a listing says of the version; `release` NULL: it lists it no more. Return as drift_note(). */
int drift_compare_listed(const Package *package, RecordVersion *version, const Release *release);
int drift_compare_times(const Package *package, RecordVersion *version, const Release *release);
int drift_compare_commit(const Package *package, RecordVersion *version, const Release *release);
