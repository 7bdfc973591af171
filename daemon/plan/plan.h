/* What is to be done for one package, and why: a pure function of what the depots want, what upstream offers, what the
 * record holds and what failed before. */
#pragma once

#include "base/util.h"
#include "model/depot.h"
#include "model/record.h"
#include "model/release.h"

typedef enum PlanAction {
        PLAN_KEEP,     /* published already */
        PLAN_ADD,      /* to be fetched */
        PLAN_RETRY,    /* failed before and is due */
        PLAN_WAIT,     /* failed before, its next try is not due yet */
        PLAN_WITHDRAW, /* withdrawn upstream: not fetched */
        PLAN_MISSING,  /* listed, but upstream does not have it */
        PLAN_PRUNE,    /* beyond every versionHistoryLimit that applies */
        PLAN_HOLD,     /* younger than minimumReleaseAge */
        PLAN_HIDE,     /* published, and to be taken out of sight as upstream has withdrawn it */
        PLAN_RESTORE,  /* hidden, and to be published again */
        _PLAN_ACTION_MAX,
} PlanAction;

const char *plan_action_to_string(PlanAction action);

/* One depot's wish. Borrowed. */
typedef struct PlanWant {
        const char *depot;
        const DepotEntry *entry;
        VersionPolicy policy; /* with what the host says */
} PlanWant;

typedef struct PlanFailure {
        const char *version;    /* normalised text */
        uint64_t next_try_usec; /* realtime */
} PlanFailure;

typedef struct PlanInput {
        PackageKind kind;
        const PlanWant *wants;
        size_t n_wants;
        const ReleaseList *releases; /* normalised */
        const Record *record;        /* NULL: there is none yet */
        const PlanFailure *failures; /* sorted by version, as text */
        size_t n_failures;
        uint64_t now_usec; /* realtime */
        bool force;        /* failed versions are due at once */
        const Version
                *only; /* nothing but this version; with `force` it is fetched even if it is published */
        bool now;      /* minimumReleaseAge does not hold for `only` */
        const Version *explain; /* the version that `standings` of the plan are about; NULL: none */
        /* Whether what is to be added counts as published when older versions are judged: true for showing the whole
         * outcome beforehand, false for deciding what may be removed now. */
        bool assume_added;
} PlanInput;

typedef struct PlanItem {
        PlanAction action;
        const Release *release; /* borrowed from the input; NULL when upstream no longer lists the version */
        char *version;          /* normalised text */
        char **platforms; /* to fetch; NULL for modules, and when it is the proof of what is there that is missing */
        const DepotEntry *entry; /* of the first depot that wants it; NULL if none does */
        uint64_t due_usec;       /* held: when it is old enough, realtime */
        char *reason;
} PlanItem;

static inline bool plan_item_is_to_fetch(const PlanItem *item) {
        return item->action == PLAN_ADD || item->action == PLAN_RETRY;
}

/* What one wish says to one version. */
typedef enum PlanVerdict {
        PLAN_REJECTED,   /* its constraint does not match, its list does not have it */
        PLAN_PRERELEASE, /* its policy lets no such pre-release in */
        PLAN_ABSENT,     /* upstream has withdrawn it, or has none of the platforms */
        PLAN_YOUNG,      /* younger than its minimumReleaseAge */
        PLAN_BEYOND,     /* beyond its versionHistoryLimit */
        PLAN_WANTED,
} PlanVerdict;

typedef struct PlanStanding {
        PlanVerdict verdict;
        uint64_t newer; /* versions that take a place in its history before this one */
        uint64_t
                seen_usec; /* since when it is listed, as upstream does not say when it was released; 0: it does */
        uint64_t due_usec; /* PLAN_YOUNG: when it is old enough, realtime */
} PlanStanding;

typedef struct Plan {
        PlanItem *items; /* newest version first */
        size_t n_items;
        PlanStanding
                *standings; /* one for each wish; NULL: the version to explain is neither listed nor held */
} Plan;

Plan *plan_free(Plan *plan);
DEFINE_CLEANUP(Plan *, plan_free)

/* Whether the constraint and the policy on pre-releases let the version in. */
bool plan_want_matches(const PlanWant *want, const Version *version);

int plan_make(const PlanInput *input, Plan **ret);
