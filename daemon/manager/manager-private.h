/* The inside of the manager, for the files that make it up. */
#pragma once

#include "base/list.h"
#include "manager/manager.h"
#include "manager/runner.h"

typedef struct Why Why;

struct Manager {
        sd_event *event;
        char **configuration_directories;
        char *state_directory, *store_directory;
        int state_fd;
        Config *config;
        uint64_t started_usec, loaded_usec;
        bool running, changed;

        JobContext context;
        Offload *offload;
        Fetcher *fetcher;
        WorkerPool *workers;
        SandboxLayers layers;
        ListingCache *listings;
        Budgets *budgets;
        Services *services;
        Scans *scans;
        Accesses *accesses;
        Pins *pins;
        Keys *keys;

        Store **stores;
        size_t n_stores;
        DepotState **depots; /* sorted by name */
        size_t n_depots;
        Runner **runners; /* sorted by package_compare() */
        size_t n_runners;
        unsigned n_running;
        Request *requests;
        sd_event_source *wake; /* starts what waits */
        sd_event_source *tidy_timer;
        Request *recheck; /* that runs; NULL: none */
        sd_event_source *recheck_timer;
        uint64_t recheck_from_usec; /* boottime: before, there were enough in an hour */
        Why *whys;                  /* questions, the first to be answered first */
        sd_event_source *why_wake;
        sd_event_source *clock_source; /* CLOCK_REALTIME is set */
        int64_t clock_offset_usec;     /* as it was when that was looked at last */
        uint64_t started_boottime_usec;

        ManagerListener listener;
        void *listener_userdata;
};

/* Something can be started, on the next turn of the loop. */
void manager_wake(Manager *manager);
/* A reconciliation has ended; what it changed is to be kept. */
void manager_note_change(Manager *manager, const ReconcileOutcome *outcome);

/* recheck.c: compares what is published with upstream; at the start, when the settings may have changed, and when all is
 * quiet. */
void manager_schedule_recheck(Manager *manager);

/* why.c: the packages or what they are asked with are about to change: what was begun begins anew. */
void manager_interrupt_whys(Manager *manager);
void manager_free_whys(Manager *manager);

/* configure.c: makes the configuration's depots and packages those in force. */
int manager_configure(Manager *manager, Config *config);
DepotState *depot_state_free(DepotState *state);

/* confine.c: puts workers into control groups and has one say what else keeps it in; told in the journal, once. */
int manager_confine_workers(Manager *manager);

/* poll.c: timers of depots. */
void depot_schedule(DepotState *state, uint64_t next_usec);
int depot_poll(DepotState *state, const ReconcileOptions *options);

/* clock-change.c: keeps the delays of what waits when the clock is set. */
int manager_watch_clock(Manager *manager);
void manager_check_clock(Manager *manager);
void manager_shift_times(Manager *manager, int64_t by_usec);

/* tidy.c: gives up what nothing in force uses any more; once a day, too. */
void manager_tidy(Manager *manager);

/* state.c: what survives a restart. */
int manager_load_state(Manager *manager);
/* Behind the scenes. */
int manager_save_state(Manager *manager);
/* At the end, when nothing else writes: the text as it was before everything was stopped, NULL when out of memory. */
char *manager_format_state(const Manager *manager);
void manager_write_state(const Manager *manager, const char *text);
