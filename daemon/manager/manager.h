/* The daemon as a whole: the configuration in force, depots with their timers, packages, and what they work with. */
#pragma once

#include <systemd/sd-event.h>

#include "config/config.h"
#include "job/context.h"
#include "job/package.h"
#include "job/reconcile.h"
#include "worker/layer.h"

typedef struct Manager Manager;
typedef struct Request Request;

typedef struct ManagerOptions {
        char *const *configuration_directories; /* earlier masks later */
        const char *state_directory;
        const char *database_directory; /* of the scanner's database, absolute */
        const char *worker;             /* path of opendepot-worker */
} ManagerOptions;

/* A Depot document in force. */
typedef struct DepotState {
        Manager *manager;
        Depot *depot;
        bool changed;            /* not polled since it came into force */
        bool stale;              /* the document on disk was refused, this is the one before */
        uint64_t last_poll_usec; /* realtime; 0: never */
        uint64_t next_poll_usec; /* realtime; 0: none */
        Request *poll;           /* NULL: none runs */
        sd_event_source *timer;
} DepotState;

typedef struct RequestOutcome {
        uint64_t packages, packages_failed;
        uint64_t versions_added, versions_pruned, versions_failed;
        uint64_t versions_rechecked;
        uint64_t bytes;
        uint64_t duration_usec;
        bool no_such_version;
} RequestOutcome;

typedef struct RequestProgress {
        uint64_t packages_done, packages_total;
        uint64_t versions_done, versions_total;
        uint64_t bytes;
} RequestProgress;

typedef void (*RequestDone)(Request *request, const RequestOutcome *outcome, void *userdata);

typedef enum ManagerEventType {
        MANAGER_EVENT_JOB,    /* `job` */
        MANAGER_EVENT_RELOAD, /* a new configuration is in force */
} ManagerEventType;

typedef struct ManagerEvent {
        ManagerEventType type;
        const JobEvent *job;
} ManagerEvent;

typedef void (*ManagerListener)(const ManagerEvent *event, void *userdata);

/* Reads the configuration and opens everything. A problem in a Depot document is logged; one in opendepot.yaml is
 * -EINVAL. Nothing is started before manager_start(). */
int manager_new(sd_event *event, const ManagerOptions *options, Manager **ret);
int manager_start(Manager *manager);
/* Stops all work, keeps the state for the next start. */
Manager *manager_free(Manager *manager);
DEFINE_CLEANUP(Manager *, manager_free)

/* Reads the configuration anew: depots that changed are swapped, the others keep running; what is bad is left as it was. */
int manager_reload(Manager *manager);

/* The keys of signatures; see keys_describe(). */
const Keys *manager_keys(const Manager *manager);
/* The operator's word on a key. What is accepted is acted on: the packages of the namespace are synced, versions that were held
 * first of all. Returns as keys_accept() and keys_refuse() do. */
int manager_decide_key(
        Manager *manager, const char *provider_namespace, const char *fingerprint, bool accept);

void manager_set_listener(Manager *manager, ManagerListener listener, void *userdata);

/* What it knows; valid until the loop goes on. */
size_t manager_n_depots(const Manager *manager);
const DepotState *manager_depot(const Manager *manager, size_t i);
DepotState *manager_find_depot(const Manager *manager, const char *name);
size_t manager_n_packages(const Manager *manager);
const Package *manager_package(const Manager *manager, size_t i);
bool package_is_wanted_by(const Package *package, const char *depot);
const Budgets *manager_budgets(const Manager *manager);
const ConfigProblem *manager_problems(const Manager *manager, size_t *ret_n);

typedef struct ManagerNumbers {
        uint64_t started_usec, loaded_usec; /* realtime */
        unsigned packages_active, transfers_running, transfers_queued, workers_running;
        uint64_t bytes_received;
} ManagerNumbers;

ManagerNumbers manager_numbers(const Manager *manager);

/* What keeps workers in. */
typedef struct SandboxLayers {
        bool known;       /* a worker has been asked */
        unsigned present; /* SANDBOX_BIT() of each */
} SandboxLayers;

SandboxLayers manager_sandbox_layers(const Manager *manager);

/* Asks for packages to be reconciled: all, or those of a depot, or those of a name (one in each store). `done` is called
 * once from the loop, never from within this call. Returns -ENOENT when there is no such depot or package. */
int manager_request(Manager *manager, const ReconcileOptions *options, const char *depot,
        const char *package, RequestDone done, void *userdata, Request **ret);
/* Nobody wants to hear of it any more; the work goes on. */
void request_forget(Request *request);
bool request_covers(const Request *request, const Package *package);
RequestProgress request_progress(const Request *request);
