/* One pass over one package: read its record, check the store against it, ask upstream, plan, bring the versions, commit
 * what is ready as it becomes ready, prune what has become old. */
#pragma once

#include "job/context.h"
#include "job/package.h"

typedef enum ReconcileMode {
        RECONCILE_SYNC,
        RECONCILE_PLAN, /* end after the plan; the package's state stays as it is */
        RECONCILE_RECHECK, /* compare some of what is published with upstream; the package's state stays as it is */
        RECONCILE_CHECK, /* end after the store was checked, without asking upstream */
} ReconcileMode;

typedef struct ReconcileOptions {
        ReconcileMode mode;
        bool for_operator;   /* who waits for it; may use what polls leave of a request budget */
        bool force;          /* ask upstream unconditionally, failed versions are due at once */
        bool now;            /* minimumReleaseAge does not hold for `version` */
        const char *version; /* nothing but this version, normalised; NULL: all. Copied */
} ReconcileOptions;

typedef struct ReconcileOutcome {
        uint64_t added, pruned; /* versions */
        uint64_t failed;        /* versions that are wanted and kept out by a failure, now or before */
        uint64_t rechecked;     /* versions that were compared with upstream again */
        bool changed;           /* something is not as it was before, for better or worse */
        bool package_failed;    /* nothing could be done */
        const char *reason;     /* why; borrowed, valid during the call */
        bool no_such_version;   /* the version asked for does not exist */
} ReconcileOutcome;

typedef void (*ReconcileDone)(Package *package, const ReconcileOutcome *outcome, void *userdata);

/* Sets package->reconcile until `done`, which is called once from the loop, never from within this call. */
int reconcile_start(const JobContext *context, Package *package, const ReconcileOptions *options,
        ReconcileDone done, void *userdata);
/* The reconciliation that runs has upstream's answer already. */
bool reconcile_has_listed(const Package *package);
/* What is only compared with upstream ends soon, and is gone on with later: somebody waits for the package. */
void reconcile_stop_recheck(const Package *package);
/* Stops without calling anything; afterwards the package is free to go. What is staged stays for the next time. */
void reconcile_cancel(Package *package);
