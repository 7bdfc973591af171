/* Why a version of a package can be installed, or cannot: every decision on it, in the order in which they are made, from what
 * is known already. A pure function of the package as it is and of what upstream listed last; nobody is asked. */
#pragma once

#include "base/util.h"
#include "job/package.h"
#include "verify/keys.h"

typedef enum ExplanationState {
        EXPLANATION_PUBLISHED, /* can be installed */
        EXPLANATION_PENDING,   /* wanted, and on its way or waiting for the next poll */
        EXPLANATION_HELD,      /* kept out until it is old enough, or somebody decides */
        EXPLANATION_FAILED,    /* kept out until the next try */
        EXPLANATION_WITHDRAWN, /* upstream has withdrawn it: not fetched, or hidden */
        EXPLANATION_REJECTED,  /* no depot wants it */
        EXPLANATION_PRUNED,    /* removed because of versionHistoryLimit */
        EXPLANATION_UNLISTED,  /* neither upstream nor the store has it */
        EXPLANATION_UNKNOWN,   /* upstream has not answered yet */
        _EXPLANATION_STATE_MAX,
} ExplanationState;

const char *explanation_state_to_string(ExplanationState state);

typedef enum DecisionStep {
        DECISION_LISTED,   /* what upstream says */
        DECISION_MATCHED,  /* what a depot asks for */
        DECISION_POLICY,   /* what a policy says, for one depot or the host */
        DECISION_TRIED,    /* what was tried, and when that is done again */
        DECISION_VERIFIED, /* the signature, or what stands in its place */
        DECISION_HASHED,   /* a file and its digests */
        DECISION_STORED,
        DECISION_DRIFTED, /* how upstream differs from what was published */
        DECISION_PRUNED,
        DECISION_PLANNED, /* what the next sync does, if upstream says the same */
        _DECISION_STEP_MAX,
} DecisionStep;

const char *decision_step_to_string(DecisionStep step);

typedef enum DecisionEffect {
        DECISION_FOR,     /* it lets the version through */
        DECISION_AGAINST, /* it keeps the version out */
        DECISION_NEUTRAL, /* worth knowing */
        _DECISION_EFFECT_MAX,
} DecisionEffect;

const char *decision_effect_to_string(DecisionEffect effect);

typedef struct Decision {
        DecisionStep step;
        DecisionEffect effect;
        char *reason;
        const char *depot, *file; /* where that is said; NULL: nowhere. Borrowed from the package */
        unsigned line, column;
        char *term;        /* the part of the constraint that rejects it; NULL: none does */
        char *fingerprint; /* of the key */
        uint64_t at_usec;  /* when that was; 0: not known */
        uint64_t due_usec; /* when it is judged anew; 0: with the next poll, or not at all */
} Decision;

typedef struct Explanation {
        const Package *package; /* borrowed */
        char *version;          /* normalised */
        ExplanationState state;
        char *reason;
        Decision *decisions;
        size_t n_decisions;
} Explanation;

typedef struct ExplainInput {
        const Package *package;
        const Settings *settings;
        const Keys *keys;
        const ReleaseList *releases; /* as upstream listed them last; NULL: it is not known */
        const Version *version;
} ExplainInput;

int explain_version(const ExplainInput *input, Explanation **ret);
Explanation *explanation_free(Explanation *explanation);
DEFINE_CLEANUP(Explanation *, explanation_free)
