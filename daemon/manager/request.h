/* Something to be done with several packages: a poll of a depot, or what an operator asked for. */
#pragma once

#include "job/reconcile.h"
#include "manager/manager.h"

struct Request {
        Manager *manager;
        Request *previous, *next;
        ReconcileOptions options;
        char *version;             /* what options.version points to */
        size_t n_packages, n_left; /* all, and those that are not done */
        RequestOutcome outcome;
        uint64_t started_usec; /* boottime */
        uint64_t started_bytes;
        uint64_t versions_total, versions_done;
        sd_event_source *deferred;
        RequestDone done;
        void *userdata;
};

/* Something was done for a package of the request before its own turn has come. */
void request_add_changes(Request *request, const ReconcileOutcome *outcome);
/* A package of the request has come to its end. */
void request_package_done(Request *request, const Package *package, const ReconcileOutcome *outcome);
/* Everything of every request, without telling anybody. */
void request_free_all(Manager *manager);
