#include "plan/plan.h"

#include "base/list.h"
#include "base/text.h"

static const char *const action_names[_PLAN_ACTION_MAX] = {
        [PLAN_KEEP] = "keep",
        [PLAN_ADD] = "add",
        [PLAN_RETRY] = "retry",
        [PLAN_WAIT] = "wait",
        [PLAN_WITHDRAW] = "withdraw",
        [PLAN_PRUNE] = "prune",
};

const char *plan_action_to_string(PlanAction action) {
        return action >= 0 && action < _PLAN_ACTION_MAX ? action_names[action] : NULL;
}

static void item_clear(PlanItem *item) {
        free(item->version);
        strings_free(item->platforms);
        free(item->reason);
}

Plan *plan_free(Plan *plan) {
        if (!plan)
                return NULL;
        for (size_t i = 0; i < plan->n_items; i++)
                item_clear(&plan->items[i]);
        free(plan->items);
        free(plan);
        return NULL;
}

/* One version that upstream lists, the record holds, or both. */
typedef struct Candidate {
        const Version *version;
        const Release *release;
        const RecordVersion *held;
} Candidate;

/* How many versions of one wish are newer than the one being looked at. */
typedef struct Rank {
        uint64_t matching; /* that are installable or could become so */
        uint64_t published;
} Rank;

typedef struct Planner {
        const PlanInput *input;
        Rank *ranks; /* one for each want */
        Plan *plan;
} Planner;

/* Verdict on one candidate over all wants. */
typedef struct Verdict {
        const PlanWant *want;  /* the first that wants it; NULL: none */
        bool matched;          /* at least one wish matches, wanted or beyond its limit */
        bool removable;        /* every wish that matches has enough newer versions published */
        const PlanWant *limit; /* one that has it beyond its limit */
} Verdict;

static bool entry_matches(const DepotEntry *entry, const Version *version) {
        /* Without a constraint every release is wanted, as ">= 0.0.0" has it: no pre-releases. */
        return entry->constraint ? constraint_matches(entry->constraint, version)
                                 : !version_is_prerelease(version);
}

/* "linux_amd64" is wanted if a wish that wants the version names both halves. */
static bool entry_wants_platform(const DepotEntry *entry, const char *platform) {
        const char *separator = strchr(platform, '_');
        _cleanup_free_ char *os = separator ? strndup(platform, (size_t) (separator - platform)) : NULL;
        bool any_os = !entry->operating_systems || strings_contain(entry->operating_systems, "*"),
             any_architecture = !entry->architectures || strings_contain(entry->architectures, "*");

        return os && (any_os || strings_contain(entry->operating_systems, os)) &&
               (any_architecture || strings_contain(entry->architectures, separator + 1));
}

static bool entry_wants_any(const DepotEntry *entry, const Release *release) {
        for (char **platform = release->platforms; platform && *platform; platform++)
                if (entry_wants_platform(entry, *platform))
                        return true;
        return false;
}

/* Whether the version is in the store or could be: only then it takes a place in the wish's history. */
static bool is_available(const PlanInput *input, const DepotEntry *entry, const Candidate *candidate) {
        if (candidate->held)
                return true;
        return candidate->release && !candidate->release->withdrawn &&
               (input->kind != PACKAGE_PROVIDER || entry_wants_any(entry, candidate->release));
}

static bool is_published(const Candidate *candidate) {
        return candidate->held && candidate->held->state == VERSION_PUBLISHED;
}

static const char *state_text(const Candidate *candidate) {
        return is_published(candidate) ? "published" : "held back";
}

static Verdict judge(Planner *planner, const Candidate *candidate) {
        const PlanInput *input = planner->input;
        bool withdrawn = candidate->release && candidate->release->withdrawn;
        Verdict verdict = { .removable = true };

        for (size_t i = 0; i < input->n_wants; i++) {
                const DepotEntry *entry = input->wants[i].entry;
                uint64_t limit = entry->version_history_limit;
                Rank *rank = &planner->ranks[i];
                bool available = is_available(input, entry, candidate);

                if (!entry_matches(entry, candidate->version))
                        continue;
                verdict.matched = true;
                if (limit == 0 || rank->matching < limit) {
                        if (!verdict.want && (withdrawn || available))
                                verdict.want = &input->wants[i];
                        verdict.removable = false;
                } else {
                        verdict.limit = &input->wants[i];
                        if ((input->assume_added ? rank->matching : rank->published) < limit)
                                verdict.removable = false;
                }
                if (available)
                        rank->matching++;
                if (is_published(candidate))
                        rank->published++;
        }
        verdict.removable = verdict.removable && verdict.matched;
        return verdict;
}

static bool wants_platform(const Planner *planner, const Candidate *candidate, const char *platform) {
        const PlanInput *input = planner->input;

        for (size_t i = 0; i < input->n_wants; i++) {
                const DepotEntry *entry = input->wants[i].entry;
                uint64_t limit = entry->version_history_limit;
                /* judge() has counted this candidate already, if the wish wants any of its platforms. */
                bool within = limit == 0 || planner->ranks[i].matching <= limit;

                if (within && entry_matches(entry, candidate->version) &&
                        entry_wants_platform(entry, platform))
                        return true;
        }
        return false;
}

/* The platforms to fetch; *ret_any tells whether upstream has any that is wanted. */
static int missing_platforms(
        const Planner *planner, const Candidate *candidate, bool all, char ***ret, bool *ret_any) {
        _cleanup_(strings_freep) char **platforms = NULL;
        int r;

        *ret_any = false;
        for (char **platform = candidate->release->platforms; platform && *platform; platform++) {
                if (!wants_platform(planner, candidate, *platform))
                        continue;
                *ret_any = true;
                if (!all && candidate->held && record_version_find_artifact(candidate->held, *platform))
                        continue;
                r = strings_append(&platforms, *platform);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(platforms);
        return 0;
}

static int compare_failure(const void *version, const void *failure) {
        return strcmp(version, ((const PlanFailure *) failure)->version);
}

static const PlanFailure *find_failure(const PlanInput *input, const char *version) {
        return input->n_failures == 0 ? NULL
                                      : bsearch(version, input->failures, input->n_failures,
                                                sizeof(PlanFailure), compare_failure);
}

/* Adds an item and returns it, NULL when out of memory. Its reason is still to be set. */
static PlanItem *add_item(
        Planner *planner, PlanAction action, const Candidate *candidate, const Verdict *verdict) {
        PlanItem item = {
                .action = action,
                .release = candidate->release,
                .entry = verdict->want ? verdict->want->entry : NULL,
                .version = strdup(version_string(candidate->version)),
        };

        if (!item.version || LIST_APPEND(planner->plan->items, planner->plan->n_items, item) < 0) {
                free(item.version);
                return NULL;
        }
        return &planner->plan->items[planner->plan->n_items - 1];
}

static int plan_fetch(Planner *planner, const Candidate *candidate, const Verdict *verdict) {
        const PlanInput *input = planner->input;
        const PlanFailure *failure = find_failure(input, version_string(candidate->version));
        const char *constraint = strempty(verdict->want->entry->constraint_text);
        bool anew = input->force && input->only,
             complete = candidate->held && candidate->held->n_artifacts > 0;
        _cleanup_(strings_freep) char **platforms = NULL;
        PlanAction action = PLAN_ADD;
        PlanItem *item;
        bool any;
        int r;

        if (input->kind == PACKAGE_PROVIDER) {
                r = missing_platforms(planner, candidate, anew, &platforms, &any);
                if (r < 0)
                        return r;
                if (!any && !complete)
                        return 0;
                complete = !platforms && candidate->held && !candidate->held->proof_missing;
        }
        if (complete && !anew)
                action = PLAN_KEEP;
        else if (failure && !input->force)
                action = failure->next_try_usec > input->now_usec ? PLAN_WAIT : PLAN_RETRY;
        else if (failure)
                action = PLAN_RETRY;

        item = add_item(planner, action, candidate, verdict);
        if (!item)
                return -ENOMEM;
        item->platforms = TAKE_PTR(platforms);
        if (action == PLAN_KEEP)
                text_set(&item->reason, "%s", state_text(candidate));
        else if (anew && candidate->held)
                text_set(&item->reason, "fetched anew on request");
        else if (candidate->held && candidate->held->proof_missing && !item->platforms)
                text_set(&item->reason, "the store has lost its SHA256SUMS, their signature or the keys");
        else
                text_set(&item->reason, "wanted by depot %s%s%s%s", verdict->want->depot,
                        constraint[0] ? " (" : "", constraint, constraint[0] ? ")" : "");
        return 0;
}

static int plan_candidate(Planner *planner, const Candidate *candidate) {
        const PlanInput *input = planner->input;
        Verdict verdict = judge(planner, candidate);
        bool withdrawn = candidate->release && candidate->release->withdrawn;
        PlanItem *item;

        if (input->only && version_order(input->only, candidate->version) != 0)
                return 0;
        if (verdict.want && candidate->release && !withdrawn)
                return plan_fetch(planner, candidate, &verdict);

        if (!candidate->held) {
                if (!withdrawn || !verdict.want)
                        return 0;
                item = add_item(planner, PLAN_WITHDRAW, candidate, &verdict);
                if (!item)
                        return -ENOMEM;
                text_set(&item->reason, "withdrawn upstream%s%s",
                        candidate->release->withdrawn_message ? ": " : "",
                        strempty(candidate->release->withdrawn_message));
                return 0;
        }

        item = add_item(
                planner, verdict.removable && !input->only ? PLAN_PRUNE : PLAN_KEEP, candidate, &verdict);
        if (!item)
                return -ENOMEM;
        if (item->action == PLAN_PRUNE)
                text_set(&item->reason, "beyond versionHistoryLimit %llu of depot %s",
                        (unsigned long long) verdict.limit->entry->version_history_limit,
                        verdict.limit->depot);
        else if (!verdict.matched)
                text_set(&item->reason, "%s; no depot asks for it any more", state_text(candidate));
        else if (verdict.limit && !verdict.want)
                text_set(&item->reason, "%s; beyond versionHistoryLimit, kept until newer versions are in",
                        state_text(candidate));
        else if (withdrawn)
                text_set(&item->reason, "%s; withdrawn upstream since", state_text(candidate));
        else
                text_set(&item->reason, "%s; upstream no longer lists it", state_text(candidate));
        return 0;
}

/* Both lists are newest first; a version in both is one candidate. */
static int plan_all(Planner *planner) {
        const ReleaseList *releases = planner->input->releases;
        const Record *record = planner->input->record;
        size_t i = 0, j = 0, n_held = record ? record->n_versions : 0;
        int r;

        while (i < releases->n_releases || j < n_held) {
                const Release *release = i < releases->n_releases ? &releases->releases[i] : NULL;
                const RecordVersion *held = j < n_held ? record->versions[j] : NULL;
                int order = !release ? -1 : !held ? 1 : version_order(release->version, held->version);
                Candidate candidate = {};

                if (release && order >= 0) {
                        candidate.release = release;
                        candidate.version = release->version;
                        i++;
                }
                if (held && order <= 0) {
                        candidate.held = held;
                        candidate.version = held->version;
                        j++;
                }
                if (candidate.held && candidate.held->state == VERSION_PRUNING)
                        candidate.held = NULL;
                if (!candidate.held && !candidate.release)
                        continue;
                r = plan_candidate(planner, &candidate);
                if (r < 0)
                        return r;
        }
        return 0;
}

int plan_make(const PlanInput *input, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = calloc(1, sizeof(Plan));
        _cleanup_free_ Rank *ranks = calloc(MAX_OF(input->n_wants, (size_t) 1), sizeof(Rank));
        Planner planner = { .input = input, .ranks = ranks, .plan = plan };
        int r;

        if (!plan || !ranks)
                return -ENOMEM;
        r = plan_all(&planner);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}
