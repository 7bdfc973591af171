#include "job/package.h"

#include <ctype.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/text.h"
#include "source/github.h"
#include "source/registry.h"

#define BACKOFF_MIN_USEC (30 * USEC_PER_SEC)
#define BACKOFF_REFUSED_MIN_USEC (10 * USEC_PER_MINUTE)
#define BACKOFF_MAX_USEC (6 * 60 * USEC_PER_MINUTE)

static const char *const state_names[_PACKAGE_STATE_MAX] = {
        [PACKAGE_UNKNOWN] = "unknown",
        [PACKAGE_QUEUED] = "queued",
        [PACKAGE_DISCOVERING] = "discovering",
        [PACKAGE_SYNCING] = "syncing",
        [PACKAGE_CURRENT] = "current",
        [PACKAGE_INCOMPLETE] = "incomplete",
        [PACKAGE_FAILED] = "failed",
};

const char *package_state_to_string(PackageState state) {
        return state >= 0 && state < _PACKAGE_STATE_MAX ? state_names[state] : NULL;
}

/* Identity */

/* "host[:port]" of a web address that is not the one of all other namespaces. */
static int set_host(Source *source, const char *web_url, const Settings *settings) {
        const char *host = strstr(web_url, "://");

        if (streq(web_url, settings->github.common.web_url) || !host)
                return 0;
        source->host = strdup(host + strlen("://"));
        return source->host ? 0 : -ENOMEM;
}

static int set_module(
        Package *package, const Depot *depot, const DepotEntry *entry, const Settings *settings) {
        const char *web_url = github_settings_find(&settings->github, depot->registry_namespace)->web_url;
        int r;

        package->name = package_name(PACKAGE_MODULE, depot->registry_namespace, entry->name, entry->system);
        package->directory = package_directory(
                PACKAGE_MODULE, NULL, depot->registry_namespace, entry->name, entry->system);
        package->source.kind = SOURCE_GITHUB;
        package->authenticated = entry->use_authenticated_client;
        r = string_assign(&package->registry_namespace, depot->registry_namespace);
        if (r >= 0)
                r = set_host(&package->source, web_url, settings);
        package->source.tags = entry->from_tags;
        if (r >= 0)
                r = string_assign(&package->source.tag_prefix, entry->tag_prefix);
        if (r >= 0)
                r = string_assign(&package->source.subdirectory, entry->subdirectory);
        if (r < 0)
                return r;
        if (!entry->repo_url) {
                r = string_assign(&package->source.owner, entry->repo_owner);
                if (r >= 0)
                        r = string_assign(&package->source.repository, entry->name);
        } else {
                r = github_parse_repository_url(
                        entry->repo_url, web_url, &package->source.owner, &package->source.repository);
                if (r == -EXDEV || r == -EINVAL) {
                        text_set(&package->problem, "repoUrl %s is not a repository below %s",
                                entry->repo_url, web_url);
                        r = 0;
                }
        }
        return r;
}

/* However a depot spells a namespace, clients ask for lower case. */
static char *lower_case(const char *text) {
        char *copy = strdup(strempty(text));

        for (char *c = copy; c && *c; c++)
                *c = (char) tolower((unsigned char) *c);
        return copy;
}

static int set_hashicorp(Package *package) {
        package->source.kind = SOURCE_HASHICORP;
        text_set(&package->source.product, "terraform-provider-%s", package->leaf);
        return package->source.product ? 0 : -ENOMEM;
}

/* Its files are named after the type as its publisher writes it, in lower case. */
static int set_registry(Package *package, const char *host, const Settings *settings) {
        char *type = lower_case(package->leaf);

        if (!type)
                return -ENOMEM;
        free(package->leaf);
        package->leaf = type;
        package->source.kind = SOURCE_REGISTRY;
        package->registry_url = registry_settings_url(&settings->registry, host);
        if (!package->registry_url || string_assign(&package->source.type, type) < 0 ||
                string_assign(&package->source.host, host) < 0 ||
                string_assign(&package->source.provider_namespace, package->provider_namespace) < 0)
                return -ENOMEM;
        return 0;
}

/* What a public registry has is served under all names that the mirror stands for; what another one has, under its own. */
static int set_hostname(Package *package, const char *host, const Settings *settings) {
        if (!host || strings_contain(settings->provider_hostnames, host))
                return 0;
        return strings_append(&package->own_hostname, host);
}

char *const *package_hostnames(const Package *package, const Settings *settings) {
        return package->own_hostname ? package->own_hostname : settings->provider_hostnames;
}

static int set_provider(Package *package, const DepotEntry *entry, const Settings *settings) {
        const char *host = entry->registry;
        int r;

        package->provider_namespace = lower_case(entry->provider_namespace);
        if (!package->provider_namespace)
                return -ENOMEM;
        if (!host && !streq(package->provider_namespace, "hashicorp"))
                host = settings->registry.default_host;
        r = host ? set_registry(package, host, settings) : set_hashicorp(package);
        if (r >= 0)
                r = set_hostname(package, host, settings);
        if (r < 0)
                return r;

        package->directory = package_directory(PACKAGE_PROVIDER, package_hostnames(package, settings)[0],
                package->provider_namespace, package->leaf, NULL);
        /* A provider of a host of its own is another one than that of the same name elsewhere. */
        if (!package->own_hostname) {
                package->name =
                        package_name(PACKAGE_PROVIDER, package->provider_namespace, package->leaf, NULL);
                return string_assign(&package->key_namespace, package->provider_namespace);
        }
        text_set(&package->name, "%s/%s/%s", host, package->provider_namespace, package->leaf);
        text_set(&package->key_namespace, "%s/%s", host, package->provider_namespace);
        return package->key_namespace ? 0 : -ENOMEM;
}

/* Equal for equal places, whether they are named or the default. */
static char *identify_store(const StorageConfig *storage, const char *default_store) {
        StorageConfig resolved = *storage;

        if (storage->backend == STORAGE_FILE_SYSTEM && !storage->directory_path)
                resolved.directory_path = (char *) default_store;
        return storage_config_identity(&resolved);
}

int package_new(const Depot *depot, const DepotEntry *entry, const Settings *settings,
        const char *default_store, Package **ret) {
        _cleanup_(package_freep) Package *package = calloc(1, sizeof(Package));
        int r;

        if (!package)
                return -ENOMEM;
        package->kind = entry->kind;
        r = string_assign(&package->leaf, entry->name);
        if (r >= 0)
                r = entry->kind == PACKAGE_MODULE ? set_module(package, depot, entry, settings)
                                                  : set_provider(package, entry, settings);
        if (r < 0)
                return r;
        package->source_name = source_name(&package->source);
        package->store_identity = identify_store(&entry->storage, default_store);
        if (!package->name || !package->directory || !package->source_name || !package->store_identity)
                return -ENOMEM;
        *ret = TAKE_PTR(package);
        return 0;
}

static VersionStatus *status_free(VersionStatus *status) {
        if (!status)
                return NULL;
        free(status->version);
        free(status->reason);
        free(status);
        return NULL;
}
DEFINE_CLEANUP(VersionStatus *, status_free)

Package *package_free(Package *package) {
        if (!package)
                return NULL;
        package_clear_statuses(package);
        for (size_t i = 0; i < package->n_wants; i++)
                depot_unref(package->wants[i].depot);
        free(package->wants);
        free(package->name);
        free(package->store_identity);
        free(package->directory);
        free(package->leaf);
        free(package->provider_namespace);
        free(package->key_namespace);
        strings_free(package->own_hostname);
        free(package->registry_url);
        free(package->providers_url);
        free(package->registry_namespace);
        source_clear(&package->source);
        free(package->source_name);
        free(package->problem);
        record_free(package->record);
        free(package->reason);
        free(package->recheck_next);
        free(package);
        return NULL;
}

int package_compare(const Package *a, const Package *b) {
        int order = strcmp(a->name, b->name);

        if (order == 0)
                order = (int) a->kind - (int) b->kind;
        return order != 0 ? order : strcmp(a->store_identity, b->store_identity);
}

/* What two depots have to agree on. Returns true and a message when they do not. */
static bool disagree(const Package *package, const Depot *depot, const DepotEntry *entry,
        const Package *other, char **ret_error) {
        const PackageWant *first = &package->wants[0];

        if (!streq(package->source_name, other->source_name)) {
                text_set(ret_error, "depot %s takes it from %s, depot %s from %s", first->depot->name,
                        package->source_name, depot->name, other->source_name);
                return true;
        }
        if (package->kind == PACKAGE_MODULE && first->entry->file_format != entry->file_format) {
                text_set(ret_error, "depot %s stores it as %s, depot %s as %s", first->depot->name,
                        file_format_to_string(first->entry->file_format), depot->name,
                        file_format_to_string(entry->file_format));
                return true;
        }
        return false;
}

int package_join(
        Package *package, Depot *depot, const DepotEntry *entry, const Package *other, char **ret_error) {
        PackageWant want = { .depot = depot, .entry = entry };
        int r;

        if (package->n_wants > 0 && disagree(package, depot, entry, other, ret_error))
                return -EEXIST;
        /* Who may see more sees all that the others see. */
        if (other->authenticated && !package->authenticated) {
                package->authenticated = true;
                if (!package->problem && string_assign(&package->problem, other->problem) < 0)
                        return -ENOMEM;
        }
        r = LIST_APPEND(package->wants, package->n_wants, want);
        if (r >= 0)
                depot_ref(depot);
        return r;
}

/* States */

static int compare_status(const void *key, const void *element) {
        const VersionStatus *const *status = element;

        return strcmp(key, (*status)->version);
}

/* Where the status of the version is (true) or belongs (false). */
static bool find_status_position(const Package *package, const char *version, size_t *ret) {
        return list_find_position(package->statuses, package->n_statuses, sizeof(VersionStatus *), version,
                compare_status, ret);
}

VersionStatus *package_find_status(const Package *package, const char *version) {
        size_t position;

        return find_status_position(package, version, &position) ? package->statuses[position] : NULL;
}

static VersionStatus *insert_status(Package *package, size_t position, const char *version) {
        _cleanup_(status_freep) VersionStatus *status = calloc(1, sizeof(VersionStatus));

        if (!status || string_assign(&status->version, version) < 0 ||
                list_grow(&package->statuses, package->n_statuses, sizeof(VersionStatus *)) < 0)
                return NULL;
        memmove(package->statuses + position + 1, package->statuses + position,
                (package->n_statuses - position) * sizeof(VersionStatus *));
        package->n_statuses++;
        return package->statuses[position] = TAKE_PTR(status);
}

VersionStatus *package_set_status(
        Package *package, const char *version, VersionState state, const char *reason) {
        VersionStatus *status;
        size_t position;

        if (find_status_position(package, version, &position))
                status = package->statuses[position];
        else
                status = insert_status(package, position, version);
        if (!status)
                return NULL;
        status->state = state;
        status->missing = false;
        (void) string_assign(&status->reason, reason);
        return status;
}

void package_clear_status(Package *package, const char *version) {
        size_t position;

        if (!find_status_position(package, version, &position))
                return;
        status_free(package->statuses[position]);
        package->n_statuses--;
        memmove(package->statuses + position, package->statuses + position + 1,
                (package->n_statuses - position) * sizeof(VersionStatus *));
}

void package_clear_statuses(Package *package) {
        for (size_t i = 0; i < package->n_statuses; i++)
                status_free(package->statuses[i]);
        free(package->statuses);
        package->statuses = NULL;
        package->n_statuses = 0;
}

int package_keep_planned_statuses(Package *package, const Plan *plan) {
        _cleanup_free_ bool *planned = calloc(MAX_OF(package->n_statuses, (size_t) 1), sizeof(bool));
        size_t position, n = 0;

        if (!planned)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_items; i++) {
                const PlanItem *item = &plan->items[i];

                if (item->action != PLAN_KEEP && item->action != PLAN_PRUNE && item->action != PLAN_HIDE &&
                        item->action != PLAN_RESTORE &&
                        find_status_position(package, item->version, &position))
                        planned[position] = true;
        }
        for (size_t i = 0; i < package->n_statuses; i++) {
                if (planned[i])
                        package->statuses[n++] = package->statuses[i];
                else
                        status_free(package->statuses[i]);
        }
        package->n_statuses = n;
        return 0;
}

void package_stop_progress(Package *package, const char *reason) {
        size_t n = 0;

        for (size_t i = 0; i < package->n_statuses; i++) {
                VersionStatus *status = package->statuses[i];
                bool in_progress =
                        !version_state_is_tried_again(status->state) && status->state != VERSION_WITHDRAWN;

                if (in_progress && status->attempts == 0) {
                        status_free(status);
                        continue;
                }
                if (in_progress) {
                        status->state = VERSION_FAILED;
                        (void) string_assign(&status->reason, reason);
                }
                package->statuses[n++] = status;
        }
        package->n_statuses = n;
}

const char *package_depot(const Package *package) {
        return package->n_wants > 0 ? package->wants[0].depot->name : NULL;
}

VersionCounts package_count(const Package *package) {
        VersionCounts counts = {};

        for (size_t i = 0; package->record && i < package->record->n_versions; i++) {
                const RecordVersion *version = package->record->versions[i];

                counts.published += version->state == VERSION_PUBLISHED;
                counts.held += version->state == VERSION_HELD && !version->hidden;
        }
        for (size_t i = 0; i < package->n_statuses; i++) {
                counts.failed += package->statuses[i]->state == VERSION_FAILED;
                counts.held += package->statuses[i]->state == VERSION_HELD;
                counts.pending += package->statuses[i]->state <= VERSION_STORING;
        }
        return counts;
}

const char *package_latest(const Package *package) {
        for (size_t i = 0; package->record && i < package->record->n_versions; i++)
                if (package->record->versions[i]->state == VERSION_PUBLISHED)
                        return version_string(package->record->versions[i]->version);
        return NULL;
}

const char *package_api_url(const Package *package, const Settings *settings) {
        switch (package->source.kind) {
        case SOURCE_GITHUB:
                return github_settings_find(&settings->github, package->registry_namespace)->api_url;
        case SOURCE_HASHICORP:
                return settings->hashicorp_api_url;
        default:
                return package->providers_url;
        }
}

Access *package_access(const Package *package, Accesses *accesses) {
        if (package->source.kind == SOURCE_GITHUB)
                return accesses_find(accesses, package->registry_namespace, package->authenticated);
        if (package->source.kind == SOURCE_REGISTRY && package->providers_url &&
                registry_url_is_same_host(package->registry_url, package->providers_url))
                return accesses_find_registry(accesses, package->source.host);
        return NULL;
}

int package_ask_services(
        const Package *package, Services *services, Accesses *accesses, ServicesDone done, void *userdata) {
        const Access *access = accesses_find_registry(accesses, package->source.host);

        return services_get(
                services, package->registry_url, access ? access_token(access) : NULL, done, userdata);
}

void package_log_version(const Package *package, const RecordVersion *version, int level,
        const char *message_id, const char *text, const char *detail) {
        const char *number = version_string(version->version);

        log_entry(level, message_id,
                &(LogContext) {
                        .depot = package_depot(package),
                        .package = package->name,
                        .version = number,
                        .state = version_state_to_string(version->state),
                        .reason = detail,
                },
                "%s %s: %s%s%s", package->name, number, text, isempty(detail) ? "" : ": ", strempty(detail));
}

void package_set_revision(Package *package, const char *revision) {
        (void) snprintf(package->record_revision, sizeof(package->record_revision), "%s", revision);
}

char *package_key(const Package *package, const char *file) {
        char *key = NULL;

        text_set(&key, "%s/%s", package->directory, file);
        return key;
}

char *package_artifact_key(const Package *package, bool quarantined, const char *file) {
        return text_format("%s%s/%s", quarantined ? RECORD_QUARANTINE "/" : "", package->directory, file);
}

uint64_t package_next_try(unsigned attempts, bool refused, uint64_t not_before_usec) {
        uint64_t delay = refused ? BACKOFF_REFUSED_MIN_USEC : BACKOFF_MIN_USEC, now = clock_realtime_usec();

        for (unsigned i = 1; i < attempts && delay < BACKOFF_MAX_USEC; i++)
                delay *= 2;
        delay = MIN_OF(delay, BACKOFF_MAX_USEC);
        return MAX_OF(now + delay, not_before_usec) + clock_jitter(delay / 5);
}
