/* Plans as tables: what upstream lists, what the record holds and what depots want, and the plan as text. */
#pragma once

#include "base/list.h"
#include "base/shared.h"
#include "base/text.h"
#include "plan/plan.h"
#include "test.h"

#define SHA "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define WANTS_MAX 4
#define FAILURES_MAX 4

/* One scenario. Releases and records are words: "1.2.0" with, in this order, "@3" for released on the third day,
 * "=linux_amd64,linux_arm64" for platforms and "!", "!message" for withdrawn or "~held", "~pruning" for a state, "~unproven"
 * for a proof that is lost, "~hidden" for what is hidden since it was withdrawn. */
typedef struct Scenario {
        PackageKind kind;
        const char *releases, *record, *seen; /* seen: releases that were listed already */
        unsigned seen_day;
        struct {
                const char *depot; /* NULL: the end */
                const char *constraint;
                uint64_t limit;
                const char *systems, *architectures; /* separated by blanks; NULL: not given */
                unsigned age;                        /* days */
                PrereleasePolicy prereleases;
                WithdrawnPolicy withdrawn;
                const char *listed; /* versions, separated by blanks */
        } wants[WANTS_MAX];
        PlanFailure failures[FAILURES_MAX];
        bool force, assume_added, now;
        unsigned day; /* today; 0: early on the first */
        const char *only;
        /* "<action> <version>[ <platform>,…]: <reason>\n" for each item */
        const char *expected;
} Scenario;

/* Splits off one word; returns false at the end. */
static bool next_word(const char **text, char **ret) {
        size_t length;

        *text += strspn(*text, " ");
        length = strcspn(*text, " ");
        if (length == 0)
                return false;
        *ret = strndup(*text, length);
        check(*ret);
        *text += length;
        return true;
}

static char **split(const char *text, const char *separators) {
        _cleanup_free_ char *copy = text ? strdup(text) : NULL;
        char **strings = NULL, *state = NULL;

        if (!copy)
                return NULL;
        for (char *part = strtok_r(copy, separators, &state); part;
                part = strtok_r(NULL, separators, &state))
                check_int(strings_append(&strings, part), 0);
        return strings;
}

/* Cuts the word at the character and returns what is behind it. */
static char *cut(char *word, char character) {
        char *place = strchr(word, character);

        if (!place)
                return NULL;
        *place = '\0';
        return place + 1;
}

static ReleaseList *make_releases(const char *text) {
        ReleaseList *list = calloc(1, sizeof(ReleaseList));
        char *word;

        check(list);
        while (next_word(&text, &word)) {
                _cleanup_free_ char *owned = word;
                Release release = {};
                const char *message = cut(word, '!'), *platforms = cut(word, '='), *day = cut(word, '@');

                /* Two blanks cannot stand in a word. */
                release.withdrawn = message;
                release.created_usec = day ? strtoul(day, NULL, 10) * USEC_PER_DAY : 0;
                check_int(string_assign(&release.withdrawn_message, isempty(message) ? NULL : message), 0);
                check_int(version_parse(word, &release.version), 0);
                check_int(string_assign(&release.tag, word), 0);
                release_set_platforms(&release, split(platforms, ","));
                check_int(release_list_append(list, &release), 0);
        }
        release_list_normalize(list);
        return list;
}

static Record *make_record(PackageKind kind, const char *text) {
        Record *record = NULL;
        char *word;

        check_int(record_new(kind, "a/b", "test", &record), 0);
        while (next_word(&text, &word)) {
                _cleanup_free_ char *owned = word;
                _cleanup_(strings_freep) char **platforms = NULL;
                const char *state = cut(word, '~');
                RecordVersion *version;

                platforms = split(cut(word, '='), ",");
                check_int(record_version_new(word, &version), 0);
                version->proof_missing = state && streq(state, "unproven");
                version->withdrawn = version->hidden = state && streq(state, "hidden");
                if (version->hidden)
                        version->state = VERSION_HELD;
                else if (state && !version->proof_missing)
                        version->state = version_state_from_string(state);
                check(version->state >= 0);
                /* A module's artifact has no platform. */
                for (size_t i = 0; i < MAX_OF(strings_length(platforms), (size_t) (kind == PACKAGE_MODULE));
                        i++) {
                        RecordArtifact artifact = { .size = 1 };

                        check_int(record_artifact_set_digests(&artifact, SHA, NULL), 0);
                        check_int(shared_assign(&artifact.platform, platforms ? platforms[i] : NULL), 0);
                        check_int(string_assign(&artifact.file, "file"), 0);
                        check_int(record_version_put_artifact(version, &artifact), 0);
                }
                check_int(record_put(record, version), 0);
        }
        return record;
}

static void format_plan(const Plan *plan, Buffer *text) {
        for (size_t i = 0; i < plan->n_items; i++) {
                const PlanItem *item = &plan->items[i];

                check_int(buffer_append_format(
                                  text, "%s %s", plan_action_to_string(item->action), item->version),
                        0);
                for (char **platform = item->platforms; platform && *platform; platform++)
                        check_int(buffer_append_format(
                                          text, "%s%s", platform == item->platforms ? " " : ",", *platform),
                                0);
                check_int(buffer_append_format(text, ": %s\n", item->reason), 0);
        }
}

/* What holds for every plan, whatever its input. */
static void check_invariants(const PlanInput *input, const Plan *plan) {
        for (size_t i = 0; i < plan->n_items; i++) {
                const PlanItem *item = &plan->items[i];
                bool fetches =
                        item->action == PLAN_ADD || item->action == PLAN_RETRY || item->action == PLAN_WAIT;
                _cleanup_(version_freep) Version *version = NULL, *previous = NULL;

                check(item->reason && version_parse(item->version, &version) == 0);
                if (i > 0) {
                        check_int(version_parse(plan->items[i - 1].version, &previous), 0);
                        check(version_order(previous, version) > 0);
                }
                /* What is to be fetched is there to be fetched, and for somebody. */
                if (fetches)
                        check(item->release && !item->release->withdrawn && item->entry);
                if (fetches && input->kind == PACKAGE_PROVIDER && !item->platforms)
                        check(record_find(input->record, version)->proof_missing);
                if (!fetches || input->kind == PACKAGE_MODULE)
                        check(!item->platforms);
                if (item->action == PLAN_PRUNE || (item->action == PLAN_KEEP && !item->release))
                        check(input->record && record_find(input->record, version));
                if (item->action == PLAN_PRUNE)
                        check(!item->entry && !input->only);
                if (item->action == PLAN_HOLD)
                        check(item->release && !(input->record && record_find(input->record, version)) &&
                                item->due_usec > input->now_usec);
                else
                        check_int(item->due_usec, 0);
                if (item->action == PLAN_HIDE || item->action == PLAN_RESTORE)
                        check_int(record_find(input->record, version)->hidden, item->action == PLAN_RESTORE);
        }
}

static void list_versions(DepotEntry *entry, const char *listed) {
        char *word;

        entry->listed = listed != NULL;
        while (listed && next_word(&listed, &word)) {
                _cleanup_free_ char *owned = word;
                Version *version;

                check_int(version_parse(word, &version), 0);
                check_int(LIST_APPEND(entry->versions, entry->n_versions, version), 0);
        }
        depot_entry_sort_versions(entry);
}

[[maybe_unused]] static void check_plan(const char *file, int line, const Scenario *scenario) {
        _cleanup_(release_list_freep) ReleaseList *releases = make_releases(strempty(scenario->releases));
        _cleanup_(release_list_freep) ReleaseList *seen = make_releases(strempty(scenario->seen));
        _cleanup_(record_freep) Record *record =
                scenario->record ? make_record(scenario->kind, scenario->record) : NULL;
        _cleanup_(version_freep) Version *only = NULL;
        _cleanup_(plan_freep) Plan *plan = NULL;
        DepotEntry entries[WANTS_MAX] = {};
        PlanWant wants[WANTS_MAX];
        Buffer text = {};
        PlanInput input = {
                .kind = scenario->kind,
                .wants = wants,
                .releases = releases,
                .record = record,
                .failures = scenario->failures,
                .now_usec = scenario->day > 0 ? scenario->day * USEC_PER_DAY : 1000,
                .force = scenario->force,
                .now = scenario->now,
                .assume_added = scenario->assume_added,
        };

        for (; input.n_wants < WANTS_MAX && scenario->wants[input.n_wants].depot; input.n_wants++) {
                DepotEntry *entry = &entries[input.n_wants];
                const char *constraint = scenario->wants[input.n_wants].constraint;

                wants[input.n_wants] = (PlanWant) {
                        .depot = scenario->wants[input.n_wants].depot,
                        .entry = entry,
                        .policy.minimum_release_age_usec = scenario->wants[input.n_wants].age * USEC_PER_DAY,
                        .policy.prereleases = scenario->wants[input.n_wants].prereleases,
                        .policy.withdrawn = scenario->wants[input.n_wants].withdrawn,
                };
                entry->kind = scenario->kind;
                entry->version_history_limit = scenario->wants[input.n_wants].limit;
                entry->operating_systems = split(scenario->wants[input.n_wants].systems, " ");
                entry->architectures = split(scenario->wants[input.n_wants].architectures, " ");
                if (constraint) {
                        check_int(constraint_parse(constraint, &entry->constraint, NULL), 0);
                        check_int(string_assign(&entry->constraint_text, constraint), 0);
                }
        }
        for (size_t i = 0; i < input.n_wants; i++)
                list_versions(&entries[i], scenario->wants[i].listed);
        while (input.n_failures < FAILURES_MAX && scenario->failures[input.n_failures].version)
                input.n_failures++;
        if (scenario->only) {
                check_int(version_parse(scenario->only, &only), 0);
                input.only = only;
        }

        if (scenario->seen)
                check_int(record_note_seen(record, seen, scenario->seen_day * USEC_PER_DAY), 1);
        check_int(plan_make(&input, &plan), 0);
        format_plan(plan, &text);
        if (!streq(strempty(text.data), scenario->expected)) {
                (void) fprintf(stderr, "expected:\n%sgot:\n%s", scenario->expected, strempty(text.data));
                test_fail(file, line, "plan");
        }
        check_invariants(&input, plan);
        buffer_clear(&text);
        for (size_t i = 0; i < input.n_wants; i++)
                depot_entry_clear(&entries[i]);
}

#define CHECK_PLAN(...) check_plan(__FILE__, __LINE__, &(const Scenario) { __VA_ARGS__ })
#define MODULE .kind = PACKAGE_MODULE
#define PROVIDER .kind = PACKAGE_PROVIDER
