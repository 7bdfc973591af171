#include "varlink/describe.h"

#include "base/clock.h"
#include "base/list.h"
#include "build-config.h"

/* Times */

typedef struct Time {
        char text[CLOCK_TEXT_SIZE];
} Time;

/* "" stands for "never", which is left out of the message. */
static Time time_of(uint64_t realtime_usec) {
        Time time = {};

        if (realtime_usec > 0)
                clock_format(realtime_usec, time.text);
        return time;
}

#define PAIR_TIME(name, usec)                                                                               \
        SD_JSON_BUILD_PAIR_CONDITION((usec) > 0, name, SD_JSON_BUILD_STRING(time_of(usec).text))
#define PAIR_TEXT(name, value) SD_JSON_BUILD_PAIR_CONDITION(!!(value), name, SD_JSON_BUILD_STRING(value))

static int append(sd_json_variant **array, sd_json_variant *element) {
        int r = sd_json_variant_append_array(array, element);

        sd_json_variant_unref(element);
        return r;
}

/* An empty array is an array all the same. */
static int finish_array(sd_json_variant **array) {
        return *array ? 0 : sd_json_variant_new_array(array, NULL, 0);
}

static int describe_counts(const VersionCounts *counts, sd_json_variant **ret) {
        return sd_json_buildo(ret, SD_JSON_BUILD_PAIR_UNSIGNED("published", counts->published),
                SD_JSON_BUILD_PAIR_UNSIGNED("pending", counts->pending),
                SD_JSON_BUILD_PAIR_UNSIGNED("held", counts->held),
                SD_JSON_BUILD_PAIR_UNSIGNED("failed", counts->failed));
}

static void add_counts(VersionCounts *sum, const Package *package) {
        VersionCounts counts = package_count(package);

        sum->published += counts.published;
        sum->pending += counts.pending;
        sum->held += counts.held;
        sum->failed += counts.failed;
}

static bool package_has_failed(const Package *package) {
        return package->state == PACKAGE_FAILED || package->state == PACKAGE_INCOMPLETE;
}

int describe_problems(const Manager *manager, sd_json_variant **ret) {
        sd_json_variant *array = NULL, *element;
        const ConfigProblem *problems;
        size_t n;
        int r = 0;

        problems = manager_problems(manager, &n);
        for (size_t i = 0; i < n && r >= 0; i++) {
                r = sd_json_buildo(&element, SD_JSON_BUILD_PAIR_STRING("file", problems[i].file),
                        SD_JSON_BUILD_PAIR_UNSIGNED("line", problems[i].line),
                        SD_JSON_BUILD_PAIR_UNSIGNED("column", problems[i].column),
                        SD_JSON_BUILD_PAIR_STRING("message", problems[i].message));
                if (r >= 0)
                        r = append(&array, element);
        }
        if (r >= 0)
                r = finish_array(&array);
        if (r < 0) {
                sd_json_variant_unref(array);
                return r;
        }
        *ret = array;
        return 0;
}

/* Those that have been used. */
static int describe_budgets(const Manager *manager, sd_json_variant **ret) {
        const Budgets *budgets = manager_budgets(manager);
        uint64_t now = clock_realtime_usec();
        sd_json_variant *array = NULL, *element;
        int r = 0;

        for (size_t i = 0; i < budgets_length(budgets) && r >= 0; i++) {
                const Budget *budget = budgets_at(budgets, i);
                bool known = budget->limit > 0 && budget->reset_usec > now;

                if (!budget->used)
                        continue;
                r = sd_json_buildo(&element, SD_JSON_BUILD_PAIR_STRING("name", budget->name),
                        SD_JSON_BUILD_PAIR_CONDITION(known, "limit", SD_JSON_BUILD_UNSIGNED(budget->limit)),
                        SD_JSON_BUILD_PAIR_CONDITION(
                                known, "remaining", SD_JSON_BUILD_UNSIGNED(budget->remaining)),
                        PAIR_TIME("reset", known ? budget->reset_usec : 0),
                        PAIR_TIME("nextTry", budget_held_until(budget, false, now)));
                if (r >= 0)
                        r = append(&array, element);
        }
        if (r >= 0)
                r = finish_array(&array);
        *ret = array;
        return r;
}

static int describe_layers(unsigned layers, sd_json_variant **ret) {
        char *names[_SANDBOX_LAYER_MAX + 1] = {};
        size_t n = 0;

        for (SandboxLayer layer = 0; layer < _SANDBOX_LAYER_MAX; layer++)
                if (layers & SANDBOX_BIT(layer))
                        names[n++] = (char *) sandbox_layer_to_string(layer);
        return sd_json_variant_new_array_strv(ret, names);
}

static int describe_sandbox(const Manager *manager, sd_json_variant **ret) {
        SandboxLayers layers = manager_sandbox_layers(manager);
        sd_json_variant *present = NULL, *missing = NULL;
        int r;

        if (!layers.known)
                return 0;
        r = describe_layers(layers.present, &present);
        if (r >= 0)
                r = describe_layers(SANDBOX_ALL & ~layers.present, &missing);
        if (r >= 0)
                r = sd_json_buildo(ret, SD_JSON_BUILD_PAIR_VARIANT("layers", present),
                        SD_JSON_BUILD_PAIR_VARIANT("missing", missing));
        sd_json_variant_unref(present);
        sd_json_variant_unref(missing);
        return r;
}

int describe_status(const Manager *manager, sd_json_variant **ret) {
        ManagerNumbers numbers = manager_numbers(manager);
        sd_json_variant *problems = NULL, *versions = NULL, *budgets = NULL, *sandbox = NULL;
        VersionCounts counts = {};
        uint64_t n_failed = 0;
        int r;

        for (size_t i = 0; i < manager_n_packages(manager); i++) {
                add_counts(&counts, manager_package(manager, i));
                n_failed += package_has_failed(manager_package(manager, i));
        }
        r = describe_counts(&counts, &versions);
        if (r >= 0)
                r = describe_problems(manager, &problems);
        if (r >= 0)
                r = describe_budgets(manager, &budgets);
        if (r >= 0)
                r = describe_sandbox(manager, &sandbox);
        if (r >= 0)
                r = sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("version", OPENDEPOT_VERSION),
                        PAIR_TIME("startedAt", numbers.started_usec),
                        PAIR_TIME("loadedAt", numbers.loaded_usec),
                        SD_JSON_BUILD_PAIR_UNSIGNED("packagesActive", numbers.packages_active),
                        SD_JSON_BUILD_PAIR_UNSIGNED("packages", manager_n_packages(manager)),
                        SD_JSON_BUILD_PAIR_UNSIGNED("packagesFailed", n_failed),
                        SD_JSON_BUILD_PAIR_VARIANT("versions", versions),
                        SD_JSON_BUILD_PAIR_UNSIGNED("transfersRunning", numbers.transfers_running),
                        SD_JSON_BUILD_PAIR_UNSIGNED("transfersQueued", numbers.transfers_queued),
                        SD_JSON_BUILD_PAIR_UNSIGNED("bytesReceived", numbers.bytes_received),
                        SD_JSON_BUILD_PAIR_UNSIGNED("workersRunning", numbers.workers_running),
                        SD_JSON_BUILD_PAIR_CONDITION(
                                sandbox != NULL, "sandbox", SD_JSON_BUILD_VARIANT(sandbox)),
                        SD_JSON_BUILD_PAIR_VARIANT("budgets", budgets),
                        SD_JSON_BUILD_PAIR_VARIANT("problems", problems));
        sd_json_variant_unref(versions);
        sd_json_variant_unref(budgets);
        sd_json_variant_unref(sandbox);
        sd_json_variant_unref(problems);
        return r;
}

int describe_depot(const Manager *manager, const DepotState *state, sd_json_variant **ret) {
        const Depot *depot = state->depot;
        uint64_t minutes = depot->polling_interval_usec / USEC_PER_MINUTE, n_packages = 0, n_failed = 0;
        sd_json_variant *versions = NULL;
        VersionCounts counts = {};
        int r;

        for (size_t i = 0; i < manager_n_packages(manager); i++) {
                const Package *package = manager_package(manager, i);

                if (!package_is_wanted_by(package, depot->name))
                        continue;
                n_packages++;
                n_failed += package_has_failed(package);
                add_counts(&counts, package);
        }
        r = describe_counts(&counts, &versions);
        if (r >= 0)
                r = sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("name", depot->name),
                        SD_JSON_BUILD_PAIR_STRING("namespace", depot->registry_namespace),
                        SD_JSON_BUILD_PAIR_STRING("file", depot->file),
                        SD_JSON_BUILD_PAIR_UNSIGNED("line", depot->line),
                        SD_JSON_BUILD_PAIR_BOOLEAN("stale", state->stale),
                        SD_JSON_BUILD_PAIR_BOOLEAN("polling", !!state->poll),
                        SD_JSON_BUILD_PAIR_CONDITION(
                                minutes > 0, "pollingIntervalMinutes", SD_JSON_BUILD_UNSIGNED(minutes)),
                        PAIR_TIME("lastPoll", state->last_poll_usec),
                        PAIR_TIME("nextPoll", state->next_poll_usec),
                        SD_JSON_BUILD_PAIR_UNSIGNED("packages", n_packages),
                        SD_JSON_BUILD_PAIR_UNSIGNED("packagesFailed", n_failed),
                        SD_JSON_BUILD_PAIR_VARIANT("versions", versions));
        sd_json_variant_unref(versions);
        return r;
}

int describe_key(const KeyInfo *info, sd_json_variant **ret) {
        return sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("namespace", info->provider_namespace),
                SD_JSON_BUILD_PAIR_STRING("fingerprint", info->fingerprint),
                SD_JSON_BUILD_PAIR_STRING("state", info->state),
                SD_JSON_BUILD_PAIR_BOOLEAN("trusted", info->trusted),
                SD_JSON_BUILD_PAIR_BOOLEAN("awaited", info->awaited), PAIR_TEXT("user", info->user),
                PAIR_TEXT("source", info->source), PAIR_TIME("since", info->since_usec),
                SD_JSON_BUILD_PAIR_UNSIGNED("copies", info->n_copies));
}

int describe_package(const Package *package, sd_json_variant **ret) {
        VersionCounts counts = package_count(package);
        sd_json_variant *versions = NULL, *depots = NULL, *name;
        const char *latest = package_latest(package);
        int r = 0;

        for (size_t i = 0; i < package->n_wants && r >= 0; i++) {
                /* A document may want it in several ways, which stand side by side. */
                if (i > 0 && package->wants[i - 1].depot == package->wants[i].depot)
                        continue;
                r = sd_json_variant_new_string(&name, package->wants[i].depot->name);
                if (r >= 0)
                        r = append(&depots, name);
        }
        if (r >= 0)
                r = finish_array(&depots);
        if (r >= 0)
                r = describe_counts(&counts, &versions);
        if (r >= 0)
                r = sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("name", package->name),
                        SD_JSON_BUILD_PAIR_STRING("kind", package_kind_to_string(package->kind)),
                        SD_JSON_BUILD_PAIR_STRING("store", package->store_identity),
                        PAIR_TEXT("source", package->source_name),
                        SD_JSON_BUILD_PAIR_VARIANT("depots", depots),
                        SD_JSON_BUILD_PAIR_STRING("state", package_state_to_string(package->state)),
                        PAIR_TEXT("reason", package->reason),
                        SD_JSON_BUILD_PAIR_UNSIGNED("attempts", package->attempts),
                        PAIR_TIME("nextTry", package->next_try_usec),
                        PAIR_TIME("lastCheck", package->last_check_usec), PAIR_TEXT("latest", latest),
                        SD_JSON_BUILD_PAIR_VARIANT("versions", versions));
        sd_json_variant_unref(versions);
        sd_json_variant_unref(depots);
        return r;
}

/* Versions */

static int describe_artifacts(const RecordVersion *recorded, sd_json_variant **ret) {
        sd_json_variant *array = NULL, *element;
        int r = 0;

        for (size_t i = 0; recorded && i < recorded->n_artifacts && r >= 0; i++) {
                const RecordArtifact *artifact = &recorded->artifacts[i];
                RecordDigests digests = record_artifact_digests(artifact);

                r = sd_json_buildo(&element, PAIR_TEXT("platform", artifact->platform),
                        SD_JSON_BUILD_PAIR_STRING("file", artifact->file),
                        SD_JSON_BUILD_PAIR_UNSIGNED("size", artifact->size),
                        SD_JSON_BUILD_PAIR_STRING("sha256", digests.sha256),
                        SD_JSON_BUILD_PAIR_STRING("h1", digests.h1));
                if (r >= 0)
                        r = append(&array, element);
        }
        if (r >= 0)
                r = finish_array(&array);
        *ret = array;
        return r;
}

/* Nothing, where there is none. */
static int describe_drift(const RecordVersion *recorded, sd_json_variant **ret) {
        sd_json_variant *element;
        int r = 0;

        for (size_t i = 0; i < recorded->n_drift && r >= 0; i++) {
                const RecordDrift *drift = &recorded->drift[i];

                r = sd_json_buildo(&element, SD_JSON_BUILD_PAIR_STRING("kind", drift->kind),
                        PAIR_TIME("seenAt", drift->seen_usec),
                        SD_JSON_BUILD_PAIR_STRING("detail", drift->detail));
                if (r >= 0)
                        r = append(ret, element);
        }
        return r;
}

/* What is going on with it goes before what the record says. */
static int describe_version(const Package *package, const char *text, const RecordVersion *recorded,
        const VersionStatus *status, sd_json_variant **array) {
        static const RecordVersion nothing = {};
        const RecordVersion *known = recorded ? recorded : &nothing;
        VersionState state = status ? status->state : known->hidden ? VERSION_WITHDRAWN : known->state;
        const char *reason = status ? status->reason : known->reason;
        _cleanup_free_ char *scan = recorded ? record_version_describe_scans(recorded) : NULL;
        sd_json_variant *artifacts = NULL, *drift = NULL, *element = NULL;
        int r;

        r = describe_artifacts(recorded, &artifacts);
        if (r >= 0)
                r = describe_drift(known, &drift);
        if (r >= 0)
                r = sd_json_buildo(&element, SD_JSON_BUILD_PAIR_STRING("package", package->name),
                        SD_JSON_BUILD_PAIR_STRING("store", package->store_identity),
                        SD_JSON_BUILD_PAIR_STRING("version", text),
                        SD_JSON_BUILD_PAIR_STRING("state", version_state_to_string(state)),
                        PAIR_TEXT("reason", reason),
                        SD_JSON_BUILD_PAIR_UNSIGNED("attempts", status ? status->attempts : 0),
                        PAIR_TIME("nextTry", status ? status->next_try_usec : 0),
                        PAIR_TIME("publishedAt", known->published_usec), PAIR_TEXT("tag", known->tag),
                        PAIR_TEXT("commit", known->commit), PAIR_TEXT("key", known->key_fingerprint),
                        SD_JSON_BUILD_PAIR_CONDITION(!!known->key_fingerprint, "keyExpired",
                                SD_JSON_BUILD_BOOLEAN(known->key_expired)),
                        SD_JSON_BUILD_PAIR_CONDITION(
                                !!known->protocols, "protocols", SD_JSON_BUILD_STRV(known->protocols)),
                        SD_JSON_BUILD_PAIR_CONDITION(known->withdrawn, "withdrawn",
                                SD_JSON_BUILD_STRING(known->withdrawn_message ? known->withdrawn_message
                                                                              : "upstream gives no reason")),
                        SD_JSON_BUILD_PAIR_CONDITION(!!drift, "drift", SD_JSON_BUILD_VARIANT(drift)),
                        PAIR_TEXT("scan", scan), SD_JSON_BUILD_PAIR_VARIANT("artifacts", artifacts));
        sd_json_variant_unref(artifacts);
        sd_json_variant_unref(drift);
        return r < 0 ? r : append(array, element);
}

/* A version that the record does not have. */
typedef struct Transient {
        Version *version;
        const VersionStatus *status;
} Transient;

static int compare_transient(const void *key, const void *element) {
        return version_order(((const Transient *) element)->version, key);
}

/* Newest first; of too many, the oldest goes. */
static void insert_transient(Transient *transients, size_t *n, size_t max, Transient transient) {
        size_t position;

        (void) list_find_position(
                transients, *n, sizeof(Transient), transient.version, compare_transient, &position);
        if (position == max) {
                version_free(transient.version);
                return;
        }
        if (*n == max)
                version_free(transients[--*n].version);
        memmove(transients + position + 1, transients + position, (*n - position) * sizeof(Transient));
        transients[position] = transient;
        ++*n;
}

static void transients_free(Transient *transients, size_t n) {
        for (size_t i = 0; i < n; i++)
                version_free(transients[i].version);
        free(transients);
}

/* The newest of those that are older than `after` (NULL: of all), at most `max`. */
static int collect_transients(
        const Package *package, const Version *after, size_t max, Transient **ret, size_t *ret_n) {
        Transient *transients =
                calloc(MAX_OF(MIN_OF(max, package->n_statuses), (size_t) 1), sizeof(Transient));
        size_t n = 0;

        if (!transients)
                return -ENOMEM;
        /* As text, most of them are sorted nearly as they are to be. */
        for (size_t i = package->n_statuses; i-- > 0;) {
                Transient transient = { .status = package->statuses[i] };
                int r = version_parse(package->statuses[i]->version, &transient.version);

                if (r < 0) {
                        transients_free(transients, n);
                        return r;
                }
                if ((after && version_order(transient.version, after) >= 0) ||
                        (package->record && record_find(package->record, transient.version)))
                        version_free(transient.version);
                else
                        insert_transient(transients, &n, max, transient);
        }
        *ret = transients;
        *ret_n = n;
        return 0;
}

static int describe_merged(const Package *package, const Transient *transients, size_t n_transients,
        Version **after, size_t *room, sd_json_variant **array) {
        const Record *record = package->record;
        size_t i = record && *after ? record_n_from(record, *after) : 0, j = 0;
        const char *text = NULL;
        int r = 0;

        while (r >= 0 && *room > 0 && ((record && i < record->n_versions) || j < n_transients)) {
                const RecordVersion *recorded =
                        record && i < record->n_versions ? record->versions[i] : NULL;
                const VersionStatus *status;

                if (j < n_transients &&
                        (!recorded || version_order(recorded->version, transients[j].version) < 0)) {
                        text = version_string(transients[j].version);
                        status = transients[j++].status;
                        recorded = NULL;
                } else {
                        text = version_string(recorded->version);
                        status = package_find_status(package, text);
                        i++;
                }
                r = describe_version(package, text, recorded, status, array);
                *room -= MIN_OF(*room, 1 + (recorded ? (size_t) recorded->n_artifacts : 0));
        }
        if (r >= 0 && text) {
                *after = version_free(*after);
                r = version_parse(text, after);
        }
        return r < 0 ? r : (record && i < record->n_versions) || j < n_transients;
}

int describe_versions(const Package *package, Version **after, size_t *room, sd_json_variant **array) {
        Transient *transients;
        size_t n;
        int r;

        /* One more than there is room for, so that it is seen that there are more. */
        r = collect_transients(package, *after, *room + 1, &transients, &n);
        if (r < 0)
                return r;
        r = describe_merged(package, transients, n, after, room, array);
        transients_free(transients, n);
        return r;
}

int describe_one_version(const Package *package, const Version *version, sd_json_variant **array) {
        const RecordVersion *recorded = package->record ? record_find(package->record, version) : NULL;
        const char *text = version_string(version);
        const VersionStatus *status = package_find_status(package, text);

        return recorded || status ? describe_version(package, text, recorded, status, array) : 0;
}

/* Explanations */

static int describe_decision(const Decision *decision, sd_json_variant **ret) {
        return sd_json_buildo(ret,
                SD_JSON_BUILD_PAIR_STRING("step", decision_step_to_string(decision->step)),
                SD_JSON_BUILD_PAIR_STRING("effect", decision_effect_to_string(decision->effect)),
                SD_JSON_BUILD_PAIR_STRING("reason", decision->reason), PAIR_TEXT("depot", decision->depot),
                PAIR_TEXT("file", decision->file),
                SD_JSON_BUILD_PAIR_CONDITION(
                        !!decision->file, "line", SD_JSON_BUILD_UNSIGNED(decision->line)),
                SD_JSON_BUILD_PAIR_CONDITION(
                        !!decision->file, "column", SD_JSON_BUILD_UNSIGNED(decision->column)),
                PAIR_TEXT("term", decision->term), PAIR_TEXT("key", decision->fingerprint),
                PAIR_TIME("at", decision->at_usec), PAIR_TIME("due", decision->due_usec));
}

int describe_explanation(const Explanation *explanation, sd_json_variant **ret) {
        const Package *package = explanation->package;
        sd_json_variant *decisions = NULL, *element;
        int r = 0;

        for (size_t i = 0; i < explanation->n_decisions && r >= 0; i++) {
                r = describe_decision(&explanation->decisions[i], &element);
                if (r >= 0)
                        r = append(&decisions, element);
        }
        if (r >= 0)
                r = finish_array(&decisions);
        if (r >= 0)
                r = sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("package", package->name),
                        SD_JSON_BUILD_PAIR_STRING("kind", package_kind_to_string(package->kind)),
                        SD_JSON_BUILD_PAIR_STRING("store", package->store_identity),
                        SD_JSON_BUILD_PAIR_STRING("version", explanation->version),
                        SD_JSON_BUILD_PAIR_STRING("state", explanation_state_to_string(explanation->state)),
                        PAIR_TEXT("reason", explanation->reason),
                        SD_JSON_BUILD_PAIR_VARIANT("decisions", decisions));
        sd_json_variant_unref(decisions);
        return r;
}

/* Events */

static int build_event(const char *type, sd_json_variant **ret) {
        return sd_json_buildo(
                ret, SD_JSON_BUILD_PAIR_STRING("type", type), PAIR_TIME("time", clock_realtime_usec()));
}

int describe_event(const char *type, sd_json_variant **ret) {
        return build_event(type, ret);
}

static int describe_plan(const Package *package, const Plan *plan, sd_json_variant **ret) {
        sd_json_variant *array = NULL, *element;
        int r = 0;

        for (size_t i = 0; i < plan->n_items && r >= 0; i++) {
                const PlanItem *item = &plan->items[i];
                sd_json_variant *platforms = NULL;

                r = sd_json_variant_new_array_strv(&platforms, item->platforms);
                if (r >= 0)
                        r = sd_json_buildo(&element, SD_JSON_BUILD_PAIR_STRING("package", package->name),
                                SD_JSON_BUILD_PAIR_STRING("version", item->version),
                                SD_JSON_BUILD_PAIR_STRING("action", plan_action_to_string(item->action)),
                                SD_JSON_BUILD_PAIR_VARIANT("platforms", platforms),
                                PAIR_TIME("due", item->due_usec),
                                SD_JSON_BUILD_PAIR_STRING("reason", item->reason));
                sd_json_variant_unref(platforms);
                if (r >= 0)
                        r = append(&array, element);
        }
        if (r >= 0)
                r = finish_array(&array);
        *ret = array;
        return r;
}

int describe_job_event(const JobEvent *event, sd_json_variant **ret) {
        static const char *const types[] = {
                [JOB_EVENT_PLAN] = "plan",
                [JOB_EVENT_PACKAGE] = "package",
                [JOB_EVENT_VERSION] = "version",
        };
        const char *state = event->type == JOB_EVENT_VERSION ? version_state_to_string(event->state)
                            : event->type == JOB_EVENT_PACKAGE
                                    ? package_state_to_string(event->package_state)
                                    : NULL;
        sd_json_variant *plan = NULL;
        int r = 0;

        if (event->type == JOB_EVENT_PLAN)
                r = describe_plan(event->package, event->plan, &plan);
        if (r >= 0)
                r = sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("type", types[event->type]),
                        PAIR_TIME("time", clock_realtime_usec()),
                        SD_JSON_BUILD_PAIR_STRING("package", event->package->name),
                        PAIR_TEXT("version", event->version), PAIR_TEXT("state", state),
                        PAIR_TEXT("reason", event->reason),
                        SD_JSON_BUILD_PAIR_CONDITION(!!plan, "plan", SD_JSON_BUILD_VARIANT(plan)));
        sd_json_variant_unref(plan);
        return r;
}

int describe_progress(const RequestProgress *progress, sd_json_variant **ret) {
        return sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("type", "progress"),
                PAIR_TIME("time", clock_realtime_usec()),
                SD_JSON_BUILD_PAIR("progress",
                        SD_JSON_BUILD_OBJECT(
                                SD_JSON_BUILD_PAIR_UNSIGNED("packagesDone", progress->packages_done),
                                SD_JSON_BUILD_PAIR_UNSIGNED("packagesTotal", progress->packages_total),
                                SD_JSON_BUILD_PAIR_UNSIGNED("versionsDone", progress->versions_done),
                                SD_JSON_BUILD_PAIR_UNSIGNED("versionsTotal", progress->versions_total),
                                SD_JSON_BUILD_PAIR_UNSIGNED("bytes", progress->bytes))));
}

int describe_outcome(const RequestOutcome *outcome, sd_json_variant **ret) {
        return sd_json_buildo(ret, SD_JSON_BUILD_PAIR_STRING("type", "done"),
                PAIR_TIME("time", clock_realtime_usec()),
                SD_JSON_BUILD_PAIR("outcome",
                        SD_JSON_BUILD_OBJECT(SD_JSON_BUILD_PAIR_UNSIGNED("packages", outcome->packages),
                                SD_JSON_BUILD_PAIR_UNSIGNED("packagesFailed", outcome->packages_failed),
                                SD_JSON_BUILD_PAIR_UNSIGNED("versionsAdded", outcome->versions_added),
                                SD_JSON_BUILD_PAIR_UNSIGNED("versionsPruned", outcome->versions_pruned),
                                SD_JSON_BUILD_PAIR_UNSIGNED("versionsFailed", outcome->versions_failed),
                                SD_JSON_BUILD_PAIR_UNSIGNED("bytes", outcome->bytes),
                                SD_JSON_BUILD_PAIR_UNSIGNED("durationUSec", outcome->duration_usec))));
}
