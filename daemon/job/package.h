/* A package while the daemon runs: who wants it, what the record says, what is going on with its versions. */
#pragma once

#include "base/util.h"
#include "config/settings.h"
#include "model/depot.h"
#include "model/package.h"
#include "model/record.h"
#include "plan/plan.h"
#include "source/access.h"
#include "source/listing.h"
#include "source/services.h"
#include "store/store.h"

typedef struct Package Package;
typedef struct Reconcile Reconcile;

typedef enum PackageState {
        PACKAGE_UNKNOWN,
        PACKAGE_QUEUED,
        PACKAGE_DISCOVERING,
        PACKAGE_SYNCING,
        PACKAGE_CURRENT,
        PACKAGE_INCOMPLETE, /* some versions failed */
        PACKAGE_FAILED,     /* nothing could be done */
        _PACKAGE_STATE_MAX,
} PackageState;

const char *package_state_to_string(PackageState state);

/* A version that is not simply published: on its way, or failed. */
typedef struct VersionStatus {
        char *version;
        VersionState state;
        char *reason;
        unsigned attempts;
        uint64_t next_try_usec; /* realtime; 0: none. Of a held version: when it is old enough */
        bool missing; /* failed because upstream does not have it: as soon as it does, nobody waits */
} VersionStatus;

typedef struct PackageWant {
        Depot *depot; /* referenced */
        const DepotEntry *entry;
} PackageWant;

typedef struct VersionCounts {
        uint64_t published, pending, held, failed;
} VersionCounts;

struct Package {
        PackageKind kind;
        char *name; /* as people name it */
        char *store_identity;
        char *directory; /* in the store */
        char *leaf;      /* module: repository name; provider: type */
        char *provider_namespace;
        char *key_namespace; /* where its keys are kept: the provider's namespace, below its host if it has own_hostname */
        char **own_hostname; /* of a registry that is none of settings->provider_hostnames; NULL: those hold */
        char *registry_url;       /* registry: where its service discovery is */
        char *providers_url;      /* registry: what that said last; NULL: not asked yet */
        char *registry_namespace; /* of a module */
        bool authenticated; /* GitHub is asked with the credentials of the namespace: one of the wants says so */
        Source source;
        char *source_name;
        PackageWant *wants;
        size_t n_wants;
        char *problem; /* why the configuration makes it impossible; NULL: it does not */

        Store *store;   /* borrowed; NULL with a problem */
        Record *record; /* NULL: none, or not loaded yet */
        char record_revision[STORE_REVISION_SIZE];
        bool seen_moved; /* the times of the record's `seen`, with the clock: the store has others */
        bool checked;    /* the store was compared with the record since the daemon started */

        PackageState state;
        char *reason;
        unsigned attempts;                       /* failed tries in a row */
        uint64_t next_try_usec, last_check_usec; /* realtime; 0: none */
        /* An interval after recheck_usec the next pass is due, or that under way was; realtime, 0: not known. */
        uint64_t recheck_usec, recheck_not_before_usec;
        char *recheck_next; /* how far the pass has come: the last version that was looked at; NULL: none */
        unsigned recheck_tries;   /* without an answer, in a row and at one place */
        uint64_t judge_usec;      /* when its scans are to be judged anew; 0, USEC_INFINITY: no need */
        VersionStatus **statuses; /* sorted by version, as text */
        size_t n_statuses;

        bool use_reserve;     /* an operator waits for what runs now: it may use the reserve of the budget */
        Reconcile *reconcile; /* what runs now; NULL: nothing */
};

/* The package that the entry means; its wants are still empty. What makes it impossible becomes its `problem`.
 * `default_store`: the directory of a store that the entry does not name. */
int package_new(const Depot *depot, const DepotEntry *entry, const Settings *settings,
        const char *default_store, Package **ret);
/* It must not be reconciling. */
Package *package_free(Package *package);
DEFINE_CLEANUP(Package *, package_free)

/* Equal identity: the same package in the same store. Sorts by name, then store. */
int package_compare(const Package *a, const Package *b);

/* Adds the entry that led to `other`, a package with the same identity. Returns 0; -EEXIST and a message in *ret_error
 * when the two disagree on where the package comes from or how it is stored. */
int package_join(
        Package *package, Depot *depot, const DepotEntry *entry, const Package *other, char **ret_error);

VersionStatus *package_find_status(const Package *package, const char *version);
/* Makes or changes the status. NULL when out of memory. */
VersionStatus *package_set_status(
        Package *package, const char *version, VersionState state, const char *reason);
void package_clear_status(Package *package, const char *version);
void package_clear_statuses(Package *package);
/* Keeps those of versions that the plan wants fetched, has waiting, holds back or says are withdrawn. Returns 0 or -ENOMEM, then
 * nothing has changed. */
int package_keep_planned_statuses(Package *package, const Plan *plan);
/* Nothing is on its way any more, through no fault of its own: what had failed before is where it was with its tries, for
 * this reason; the others are forgotten, but for what is withdrawn or held back. */
void package_stop_progress(Package *package, const char *reason);

/* The first depot that names it, for the journal. */
const char *package_depot(const Package *package);
VersionCounts package_count(const Package *package);
/* The newest published version, NULL if there is none. Borrowed. */
const char *package_latest(const Package *package);

/* What each of the wants says, with what the host says; to be freed, borrows from both. Returns 0 or -ENOMEM. */
int package_make_wants(const Package *package, const Settings *settings, PlanWant **ret);
/* Whether the age of a version matters to any of the wants. */
bool package_has_minimum_age(const Package *package, const Settings *settings);
/* Of the question, the package answers kind, wants, record, failures and the time. */
int package_make_plan(
        const Package *package, const Settings *settings, const PlanInput *question, Plan **ret);

/* Providers: the hostnames that the network mirror answers for; the artifacts are below the first. Borrowed. */
char *const *package_hostnames(const Package *package, const Settings *settings);

/* Where upstream is asked for its releases; NULL: that is to be asked first (SOURCE_REGISTRY). Borrowed. */
const char *package_api_url(const Package *package, const Settings *settings);

/* What upstream is asked with for releases; NULL: no credential. That of a registry is for its own host alone, also when the API is
 * somewhere else. Borrowed. */
Access *package_access(const Package *package, Accesses *accesses);

/* Asks the host of a registry where that is, with the token for it; as services_get(). */
int package_ask_services(
        const Package *package, Services *services, Accesses *accesses, ServicesDone done, void *userdata);

/* An entry in the journal on a version of its record. `detail`: NULL or "": none. */
void package_log_version(const Package *package, const RecordVersion *version, int level,
        const char *message_id, const char *text, const char *detail);
/* Takes note of the revision that the store has of the record. */
void package_set_revision(Package *package, const char *revision);

/* "<directory>/<file>", to be freed. */
char *package_key(const Package *package, const char *file);
/* The key of an artifact of a version that is quarantined, or is not; to be freed. */
char *package_artifact_key(const Package *package, bool quarantined, const char *file);

/* When a failed try is made again: doubles from half a minute (ten minutes when upstream's answer itself was bad) to six
 * hours, with jitter; never before `not_before_usec`. Realtime. */
uint64_t package_next_try(unsigned attempts, bool refused, uint64_t not_before_usec);
