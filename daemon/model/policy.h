/* Which versions are taken and shown although, or not until, upstream has them: what a depot, an entry of it or the host
 * says. Nothing said is 0, so that a policy can be laid over another. */
#pragma once

#include "base/util.h"

#define MINIMUM_RELEASE_AGE_MAX_USEC (366 * USEC_PER_DAY)

typedef enum PrereleasePolicy {
        PRERELEASES_CONSTRAINED, /* what the constraint lets in, as go-version has it; without one none */
        PRERELEASES_NEVER,
        PRERELEASES_WANTED, /* as releases are: by their place in the order */
} PrereleasePolicy;

typedef enum WithdrawnPolicy {
        WITHDRAWN_UNSAID, /* as WITHDRAWN_KEEP */
        WITHDRAWN_KEEP,   /* what is published stays so, and is marked */
        WITHDRAWN_HIDE,   /* taken out of what clients read, until upstream takes it back */
} WithdrawnPolicy;

typedef struct VersionPolicy {
        bool has_minimum_release_age;
        uint64_t minimum_release_age_usec; /* younger releases wait; 0: none does */
        PrereleasePolicy prereleases;
        WithdrawnPolicy withdrawn;
} VersionPolicy;

/* `given`, and what it does not say from `inherited`. */
static inline VersionPolicy version_policy_join(VersionPolicy given, VersionPolicy inherited) {
        if (!given.has_minimum_release_age) {
                given.has_minimum_release_age = inherited.has_minimum_release_age;
                given.minimum_release_age_usec = inherited.minimum_release_age_usec;
        }
        if (given.prereleases == PRERELEASES_CONSTRAINED)
                given.prereleases = inherited.prereleases;
        if (given.withdrawn == WITHDRAWN_UNSAID)
                given.withdrawn = inherited.withdrawn;
        return given;
}
