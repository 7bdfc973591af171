/* Asks upstream again about versions that are published: for SHA256SUMS and their signature of a provider, on condition that they
 * have changed since, and for the commits of the tags of a module that comes from releases. What differs is noted in the
 * record (job/drift.h); nothing else changes. A pass over all versions of a package takes several turns, of few versions each. */
#pragma once

#include "job/context.h"
#include "job/drift.h"
#include "job/package.h"

typedef struct Recheck Recheck;

/* When the package, which has a record, has its next turn; realtime, USEC_INFINITY: never. */
uint64_t recheck_due(const Package *package, const Settings *settings);

/* Borrowed, valid during the call. */
typedef struct RecheckOutcome {
        unsigned n_asked; /* versions, or lists of tags */
        bool changed;     /* the record, which the store has not got yet */
        bool ended;       /* the pass: every version was looked at */
        const char *next; /* how far it has come, if not: the last version that was looked at; NULL: none */
        uint64_t not_before_usec; /* upstream does not answer, or wants to be left alone; 0: it does */
        int error;                /* of this side; 0: none */
} RecheckOutcome;

typedef void (*RecheckDone)(const RecheckOutcome *outcome, void *userdata);

/* One turn, from where the package's recheck_next says. The package must have a record, which nobody else changes meanwhile. `done` is
 * called once from the loop, never from within this call; the recheck frees itself. */
int recheck_start(const JobContext *context, Drift *drift, Package *package, RecheckDone done,
        void *userdata, Recheck **ret);
/* Ends the turn soon, with what it has found. */
void recheck_stop(Recheck *recheck);
/* Forgets it without calling anything. Returns NULL. */
Recheck *recheck_cancel(Recheck *recheck);
