/* The inside of a reconciliation, for the files that make it up. */
#pragma once

#include "job/check.h"
#include "job/drift.h"
#include "job/recheck.h"
#include "job/reconcile.h"
#include "job/scan-task.h"
#include "job/version-task.h"

/* Versions of one package that are under way at once; the fetcher and the workers have limits of their own. */
#define TASKS_MAX 16U
struct Reconcile {
        const JobContext *context;
        Package *package; /* NULL: cancelled, the last answer of the store frees */
        ReconcileMode mode;
        bool force, now;
        Version *only;
        ReconcileDone done;
        void *userdata;

        sd_event_source *deferred; /* the end, on a turn of its own */
        unsigned n_answers;        /* of the store that are still to come */
        Check *check;
        bool asking_services;
        Recheck *recheck;
        char *recheck_next;   /* how far that came, once the store has what it found */
        bool recheck_ended;   /* at the oldest version */
        bool recheck_stopped; /* somebody waits, also if it has not begun yet */
        Listing *listing;
        unsigned n_listings;
        ReleaseList *doubted; /* a listing that misses what was known, until another one bears it out */
        ReleaseList *releases;
        Plan *plan;

        size_t next_item;
        VersionTask *tasks[TASKS_MAX];
        size_t n_tasks;
        ScanTask *scans[TASKS_MAX]; /* with the tasks no more than TASKS_MAX */
        size_t n_scans;
        uint64_t started_usec; /* realtime */
        char *scan_problem;    /* why no scan can be made; NULL: nothing is known of that */
        unsigned n_stale, n_restarts;
        Drift drift;
        bool shared;         /* somebody else writes to the record, too */
        bool unsaved;        /* the record says how upstream differs, and the store has not got it yet */
        bool seen_changed;   /* so do the times since when versions are seen */
        bool rereading;      /* the record, before what is ready is committed again */
        VersionYield *ready; /* waiting for the store */
        size_t n_ready;
        VersionYield *committing; /* given to the store */
        size_t n_committing;
        ReconcileOutcome outcome;
        char *failure; /* what outcome.reason is to be */
};

/* Takes note of an answer of the store; returns true when nobody waits for it any more. */
bool reconcile_answer_is_late(Reconcile *reconcile);
/* The same of a record that was given to the store; takes the revision and tells what was noted in it, or fails. False: nothing more
 * is to be done. */
bool reconcile_is_stored(Reconcile *reconcile, int r, const char *key, const char *revision);
void reconcile_tell_version(
        Reconcile *reconcile, const char *version, VersionState state, const char *reason);
void reconcile_set_state(Reconcile *reconcile, PackageState state, const char *reason);
/* `refused`: upstream's answer itself was bad, the next try is later. */
void reconcile_fail(Reconcile *reconcile, bool refused, uint64_t not_before_usec, const char *reason);
void reconcile_fail_locally(Reconcile *reconcile, const char *what, int error);
void reconcile_succeed(Reconcile *reconcile);
/* Sets its status and its next try, and tells it. */
void reconcile_version_failed(Reconcile *reconcile, const char *version, const VersionYield *yield);

/* What was brought, scanned or judged is ready for the store, unless it turns out to be nothing new. Leaves *yield empty. */
void reconcile_take_yield(Reconcile *reconcile, VersionYield *yield);

/* scan-versions.c: has what was brought scanned, if somebody wants that. Returns 1 when it has been taken over for that; 0, with
 * *yield in its place, when there is nothing to scan or no way to; or a negative errno. */
int reconcile_scan_yield(Reconcile *reconcile, VersionYield *yield);
/* Starts scans of what the store has. */
int reconcile_scan_stored(Reconcile *reconcile);
/* Makes ready for the store what the verdict changes. */
int reconcile_judge(Reconcile *reconcile);

/* Whatever has just ended: starts what can be started, commits what is ready, or comes to the end. */
void reconcile_go_on(Reconcile *reconcile);

/* discover.c: asks upstream, makes the plan and goes on with it. */
void reconcile_discover(Reconcile *reconcile);
int reconcile_make_plan(Reconcile *reconcile, bool assume_added, Plan **ret);

/* missed.c: whether a version that is known, or listed by a document, or asked for, is missed by the listing for the first time,
 * and was not missed by the one before (NULL: there was none). */
bool reconcile_misses_any(
        const Reconcile *reconcile, const ReleaseList *releases, const ReleaseList *before);

/* note.c: shows what is wanted but not there yet. */
void reconcile_note_planned(Reconcile *reconcile);

/* mark.c: notes what upstream says of what the store has. Returns 1 when the record is being written: then
 * reconcile_go_on() follows. */
int reconcile_mark(Reconcile *reconcile);
/* Gives the record, which has changed already, to the store. Returns 0 or a negative errno. */
int reconcile_save_record(Reconcile *reconcile, StoreCommitDone done);
/* For reconcile_save_record(), when reconcile_go_on() is to follow. */
void reconcile_on_noted(int r, const char *key, const char *revision, void *userdata);

/* reconcile-recheck.c: RECONCILE_RECHECK, to its end. */
void reconcile_recheck(Reconcile *reconcile);

/* prune.c: judges anew, now that the newer versions are in or are not. Returns 1 when something is being pruned: then that
 * ends the reconciliation. */
int reconcile_prune(Reconcile *reconcile);
