/* The inside of a recheck, for the files that make it up. */
#pragma once

#include "job/recheck.h"
#include "source/packages.h"

struct Recheck {
        const JobContext *context;
        Package *package;
        Drift *drift;
        RecheckDone done;
        void *userdata;
        sd_event_source *deferred; /* the next version, or the end: on a turn of the loop of its own */
        bool finished;
        RecheckOutcome outcome;
        char *next;               /* what outcome.next is to be */
        bool stopping, cancelled; /* the store is still to answer */

        Listing *listing;
        bool asking_services;

        /* Providers */
        ReleaseList *releases;
        RecordVersion *version;            /* that is being looked at, of the package's record */
        const Release *release;            /* the same as upstream lists it */
        Packages *packages;                /* of a registry: where the files of the version are */
        char *platform[2];                 /* borrowed: that the registry is asked for */
        char *shasums_url, *signature_url; /* NULL: upstream names none */
        bool signature;                    /* what is being asked for, else the sums */
        Transfer *transfer;
        Buffer answer;
        bool reading; /* the store */
};

/* The version is dealt with: the next one. */
void recheck_go_on(Recheck *recheck);
/* The only end of a turn. */
void recheck_finish(Recheck *recheck, int error);
/* Every version was looked at. */
void recheck_finish_pass(Recheck *recheck);
/* Upstream does not answer, or wants to be left alone: the pass goes on later where it is now. What keeps it from going on is
 * left out after a few tries: by then `next` (NULL: all that there is) was looked at. */
void recheck_pause(Recheck *recheck, FetchResult result, uint64_t not_before_usec, const char *message,
        const char *next);

/* Take note of how upstream differs, or that it no longer does. False: that was the end. */
bool recheck_note(Recheck *recheck, const char *kind, const char *detail);
bool recheck_forget(Recheck *recheck, const char *kind);

/* recheck-provider.c */
int recheck_provider_start(Recheck *recheck);
void recheck_look_at_next(Recheck *recheck);
