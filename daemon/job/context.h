/* What jobs work with and whom they tell; owned by the manager. */
#pragma once

#include <systemd/sd-event.h>

#include "base/offload.h"
#include "config/settings.h"
#include "fetch/fetcher.h"
#include "job/package.h"
#include "job/scans.h"
#include "source/access.h"
#include "source/cache.h"
#include "source/services.h"
#include "verify/keys.h"
#include "worker/worker.h"

typedef enum JobEventType {
        JOB_EVENT_PLAN, /* `plan` is what is going to be done */
        JOB_EVENT_PACKAGE, /* the package is now in `package_state`; or, for a plan alone, could not be planned */
        JOB_EVENT_VERSION, /* `version` is now in `state` */
} JobEventType;

/* Borrowed, valid during the call. */
typedef struct JobEvent {
        JobEventType type;
        const Package *package;
        const Plan *plan;
        PackageState package_state;
        const char *version;
        VersionState state;
        const char *reason; /* may be NULL */
} JobEvent;

typedef struct JobContext {
        sd_event *event;
        Offload *offload;
        Fetcher *fetcher;
        WorkerPool *workers;
        ListingCache *listings;
        Accesses *accesses;
        Keys *keys;
        Services *services;
        Scans *scans;
        const Settings *settings;
        void (*on_event)(const JobEvent *event, void *userdata);
        void *userdata;
} JobContext;
