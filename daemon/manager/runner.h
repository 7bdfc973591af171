/* A package with its queue: which requests wait for it, which one it is being reconciled for, and when a failed try is made
 * again. One package is never reconciled twice at once. */
#pragma once

#include "job/package.h"
#include "job/reconcile.h"

typedef struct Manager Manager;
typedef struct Request Request;

typedef struct Runner {
        Manager *manager;
        Package *package;
        Request **waiting; /* for the next reconciliation */
        size_t n_waiting;
        Request **current; /* for the one that runs */
        size_t n_current;
        bool running; /* also for a retry, which nobody waits for */
        bool retry_due;
        ReconcileMode retry_mode;
        sd_event_source *retry_timer;
} Runner;

int runner_new(Manager *manager, Package *package, Runner **ret);
/* Its requests are told that the package is done with; what runs is cancelled. */
Runner *runner_free(Runner *runner);
DEFINE_CLEANUP(Runner *, runner_free)

/* Lets the request wait for the package. */
int runner_attach(Runner *runner, Request *request);
void runner_detach(Runner *runner, Request *request);
bool runner_is_waiting(const Runner *runner);
/* What runs now is done for the request, or is news for it: a sync for the syncs that wait. */
bool runner_serves(const Runner *runner, const Request *request);
/* Starts the reconciliation that is waited for; nothing may be running. */
void runner_start(Runner *runner);
/* Stops what runs and lets its requests wait again. */
void runner_interrupt(Runner *runner);
/* Takes over what `runner` knows of its package for a new configuration of it; what runs is interrupted. */
void runner_replace_package(Runner *runner, Package *package);
/* Sets the timer for the next try that the package or one of its versions has. */
void runner_schedule_retry(Runner *runner);
