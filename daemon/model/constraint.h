/* Version constraints as hashicorp/go-version understands them: "OP VERSION, OP VERSION", all of which must hold. */
#pragma once

#include "base/util.h"
#include "model/version.h"

/* The most terms a constraint may have. */
#define CONSTRAINT_TERMS_MAX 256

typedef struct Constraint Constraint;

/* Returns 0, -EINVAL or -E2BIG when there are too many terms (then *ret_error_offset, which may be NULL, is the byte where
 * the bad part starts), or -ENOMEM. */
int constraint_parse(const char *text, Constraint **ret, size_t *ret_error_offset);
Constraint *constraint_free(Constraint *constraint);
DEFINE_CLEANUP(Constraint *, constraint_free)

bool constraint_matches(const Constraint *constraint, const Version *version);
/* The same for who wants pre-releases as releases are: one that the bounds enclose matches, too, if the release that it leads
 * to does ("< 2.0.0" is not for 2.0.0-rc1). */
bool constraint_matches_with_prereleases(const Constraint *constraint, const Version *version);

/* The first term, counted from 0 as commas separate them, that does not match on its own; -ENOENT if all do. */
int constraint_find_rejecting(const Constraint *constraint, const Version *version);
