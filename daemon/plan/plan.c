#include "plan/plan.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/text.h"

static const char *const action_names[_PLAN_ACTION_MAX] = {
        [PLAN_KEEP] = "keep",
        [PLAN_ADD] = "add",
        [PLAN_RETRY] = "retry",
        [PLAN_WAIT] = "wait",
        [PLAN_WITHDRAW] = "withdraw",
        [PLAN_MISSING] = "missing",
        [PLAN_PRUNE] = "prune",
        [PLAN_HOLD] = "hold",
        [PLAN_HIDE] = "hide",
        [PLAN_RESTORE] = "restore",
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
        free(plan->standings);
        free(plan);
        return NULL;
}

/* One version that upstream lists, the record holds, or both. */
typedef struct Candidate {
        const Version *version;
        const Release *release;
        const RecordVersion *held;
} Candidate;

/* What of one wish is newer than the version being looked at. */
typedef struct Rank {
        uint64_t matching; /* versions that are installable or could become so */
        uint64_t published;
        const char **platforms; /* that can be installed of them; borrowed */
        size_t n_platforms;
        size_t listed; /* versions of the wish's list that are not older */
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
        const char *sole;      /* a platform that no newer version has, so that it is not removable */
        const PlanWant
                *age;      /* one that would want it if it were older: the first that it is old enough for */
        uint64_t due_usec; /* for that one */
        uint64_t seen_usec; /* as in PlanStanding */
        bool hidden;        /* not to be seen, as upstream has withdrawn it */
} Verdict;

static bool policy_lets_in(const PlanWant *want, const Version *version) {
        return !version_is_prerelease(version) || want->policy.prereleases != PRERELEASES_NEVER;
}

static bool want_matches(const PlanWant *want, const Version *version) {
        const DepotEntry *entry = want->entry;

        /* What is listed is chosen, pre-release or not. */
        if (entry->listed)
                return depot_entry_lists(entry, version);
        if (!policy_lets_in(want, version))
                return false;
        if (want->policy.prereleases == PRERELEASES_WANTED)
                return !entry->constraint || constraint_matches_with_prereleases(entry->constraint, version);
        /* Without a constraint every release is wanted, as ">= 0.0.0" has it: no pre-releases. */
        return entry->constraint ? constraint_matches(entry->constraint, version)
                                 : !version_is_prerelease(version);
}

static bool is_withdrawn(const Candidate *candidate) {
        return candidate->release ? candidate->release->withdrawn
                                  : candidate->held && candidate->held->withdrawn;
}

/* Since when the candidate is listed, 0: upstream says when it was released. */
static uint64_t first_seen(const PlanInput *input, const Candidate *candidate) {
        const Release *release = candidate->release;

        return release && !candidate->held && release->created_usec == 0
                       ? record_first_seen(input->record, release, input->now_usec)
                       : 0;
}

/* What is in the store already is as old as it has to be. */
static bool is_young(
        const PlanInput *input, const PlanWant *want, const Candidate *candidate, uint64_t *ret_due) {
        uint64_t age = want->policy.minimum_release_age_usec, since;

        *ret_due = 0;
        if (want->entry->listed || age == 0 || candidate->held || !candidate->release ||
                candidate->release->withdrawn)
                return false;
        if (input->now && input->only && version_order(input->only, candidate->version) == 0)
                return false;
        since = candidate->release->created_usec;
        if (since == 0)
                since = first_seen(input, candidate);
        if (__builtin_add_overflow(since, age, ret_due))
                *ret_due = UINT64_MAX;
        return *ret_due > input->now_usec;
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

/* Hidden if every wish that it is for hides what is withdrawn; as long as it is for none, it stays as it is. */
static bool is_to_hide(const PlanInput *input, const Candidate *candidate) {
        bool matched = false;

        if (!candidate->held || !is_withdrawn(candidate))
                return false;
        for (size_t i = 0; i < input->n_wants; i++) {
                if (!want_matches(&input->wants[i], candidate->version))
                        continue;
                if (input->wants[i].policy.withdrawn != WITHDRAWN_HIDE)
                        return false;
                matched = true;
        }
        return matched || candidate->held->hidden;
}

static bool rank_has_platform(const Rank *rank, const char *platform) {
        for (size_t i = 0; i < rank->n_platforms; i++)
                if (streq(rank->platforms[i], platform))
                        return true;
        return false;
}

/* The first platform of the candidate that the wish wants and that no newer version of its history has. */
static const char *find_sole_platform(const Rank *rank, const DepotEntry *entry, const RecordVersion *held) {
        for (size_t i = 0; held && held->state == VERSION_PUBLISHED && i < held->n_artifacts; i++) {
                const char *platform = held->artifacts[i].platform;

                if (platform && entry_wants_platform(entry, platform) && !rank_has_platform(rank, platform))
                        return platform;
        }
        return NULL;
}

static int rank_add_platform(Rank *rank, const char *platform) {
        return rank_has_platform(rank, platform) ? 0
                                                 : LIST_APPEND(rank->platforms, rank->n_platforms, platform);
}

/* Counts the candidate for those that are older. */
static int rank_add(const PlanInput *input, Rank *rank, const DepotEntry *entry, const Candidate *candidate,
        bool available, bool published) {
        char **platforms = candidate->release ? candidate->release->platforms : NULL;
        int r = 0;

        rank->matching += available;
        rank->published += published;
        for (size_t i = 0; published && i < candidate->held->n_artifacts && r >= 0; i++)
                if (candidate->held->artifacts[i].platform)
                        r = rank_add_platform(rank, candidate->held->artifacts[i].platform);
        if (!input->assume_added || !available || is_withdrawn(candidate))
                return r;
        for (; platforms && *platforms && r >= 0; platforms++)
                if (entry_wants_platform(entry, *platforms))
                        r = rank_add_platform(rank, *platforms);
        return r;
}

/* What one wish says, and counts the candidate in its history. */
static int judge_want(
        Planner *planner, size_t i, const Candidate *candidate, Verdict *verdict, PlanStanding *ret) {
        const PlanInput *input = planner->input;
        const PlanWant *want = &input->wants[i];
        const DepotEntry *entry = want->entry;
        Rank *rank = &planner->ranks[i];
        uint64_t limit = entry->version_history_limit, due;
        bool young = is_young(input, want, candidate, &due), within = limit == 0 || rank->matching < limit,
             possible = !verdict->hidden && is_available(input, entry, candidate),
             available = possible && !young;
        const char *sole;

        *ret = (PlanStanding) { .newer = rank->matching, .seen_usec = verdict->seen_usec };
        if (!want_matches(want, candidate->version)) {
                ret->verdict = !entry->listed && version_is_prerelease(candidate->version) &&
                                               !policy_lets_in(want, candidate->version)
                                       ? PLAN_PRERELEASE
                                       : PLAN_REJECTED;
                return 0;
        }
        verdict->matched = true;
        if (within) {
                ret->verdict = young && possible ? PLAN_YOUNG : available ? PLAN_WANTED : PLAN_ABSENT;
                ret->due_usec = ret->verdict == PLAN_YOUNG ? due : 0;
                if (!verdict->want && (is_withdrawn(candidate) || available || entry->listed))
                        verdict->want = want;
                if (ret->verdict == PLAN_YOUNG && (!verdict->age || due < verdict->due_usec)) {
                        verdict->age = want;
                        verdict->due_usec = due;
                }
                verdict->removable = false;
        } else {
                ret->verdict = PLAN_BEYOND;
                verdict->limit = want;
                sole = find_sole_platform(rank, entry, candidate->held);
                if (sole)
                        verdict->sole = sole;
                if (sole || (input->assume_added ? rank->matching : rank->published) < limit)
                        verdict->removable = false;
        }
        return rank_add(
                input, rank, entry, candidate, available, !verdict->hidden && is_published(candidate));
}

static int judge(Planner *planner, const Candidate *candidate, Verdict *ret) {
        const PlanInput *input = planner->input;
        Verdict verdict = { .removable = true,
                .hidden = is_to_hide(input, candidate),
                .seen_usec = first_seen(input, candidate) };
        bool explain = input->explain && version_order(input->explain, candidate->version) == 0;
        int r = 0;

        if (explain) {
                planner->plan->standings = calloc(MAX_OF(input->n_wants, (size_t) 1), sizeof(PlanStanding));
                if (!planner->plan->standings)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < input->n_wants && r >= 0; i++) {
                PlanStanding standing;

                r = judge_want(planner, i, candidate, &verdict, &standing);
                if (explain)
                        planner->plan->standings[i] = standing;
        }
        verdict.removable = verdict.removable && verdict.matched;
        *ret = verdict;
        return r;
}

static bool wants_platform(const Planner *planner, const Candidate *candidate, const char *platform) {
        const PlanInput *input = planner->input;

        for (size_t i = 0; i < input->n_wants; i++) {
                const DepotEntry *entry = input->wants[i].entry;
                uint64_t limit = entry->version_history_limit;
                /* judge() has counted this candidate already, if the wish wants any of its platforms. */
                bool within = limit == 0 || planner->ranks[i].matching <= limit;
                uint64_t due;

                if (within && want_matches(&input->wants[i], candidate->version) &&
                        !is_young(input, &input->wants[i], candidate, &due) &&
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

/* A version that somebody lists is expected: that it cannot be had is told, as of no version that is discovered. */
static int plan_missing(Planner *planner, const Version *version, const PlanWant *want, const char *why) {
        const Candidate candidate = { .version = version };
        const Verdict verdict = { .want = want };
        PlanItem *item;

        if (!want->entry->listed)
                return 0;
        item = add_item(planner, PLAN_MISSING, &candidate, &verdict);
        if (!item)
                return -ENOMEM;
        text_set(&item->reason, "listed by %s: %s", want->depot, why);
        return 0;
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
                        return plan_missing(planner, candidate->version, verdict->want,
                                "upstream has it for none of the platforms");
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
                text_set(&item->reason, "%s %s%s%s%s",
                        verdict->want->entry->listed ? "listed by" : "wanted by depot", verdict->want->depot,
                        constraint[0] ? " (" : "", constraint, constraint[0] ? ")" : "");
        return 0;
}

/* "3d", "36h", "90s" */
static void format_age(uint64_t usec, char *ret, size_t size) {
        static const struct {
                uint64_t usec;
                char letter;
        } units[] = { { USEC_PER_DAY, 'd' }, { 60 * USEC_PER_MINUTE, 'h' }, { USEC_PER_MINUTE, 'm' } };

        for (size_t i = 0; i < ELEMENTSOF(units); i++)
                if (usec % units[i].usec == 0) {
                        (void) snprintf(ret, size, "%llu%c", (unsigned long long) (usec / units[i].usec),
                                units[i].letter);
                        return;
                }
        (void) snprintf(ret, size, "%llus", (unsigned long long) (usec / USEC_PER_SEC));
}

static int plan_hold(Planner *planner, const Candidate *candidate, const Verdict *verdict) {
        PlanItem *item = add_item(planner, PLAN_HOLD, candidate, verdict);
        char age[32], due[CLOCK_TEXT_SIZE], seen[CLOCK_TEXT_SIZE];

        if (!item)
                return -ENOMEM;
        item->due_usec = verdict->due_usec;
        format_age(verdict->age->policy.minimum_release_age_usec, age, sizeof(age));
        clock_format(verdict->due_usec, due);
        clock_format(verdict->seen_usec, seen);
        if (verdict->seen_usec > 0)
                text_set(&item->reason,
                        "first seen %s, as upstream does not say when it was released: younger than "
                        "minimumReleaseAge %s of depot %s; due %s",
                        seen, age, verdict->age->depot, due);
        else
                text_set(&item->reason, "younger than minimumReleaseAge %s of depot %s; due %s", age,
                        verdict->age->depot, due);
        return 0;
}

/* What upstream says of the withdrawal, to follow ": ". */
static const char *withdrawn_message(const Candidate *candidate) {
        return strempty(candidate->release ? candidate->release->withdrawn_message
                        : candidate->held  ? candidate->held->withdrawn_message
                                           : NULL);
}

/* Not in the store, or there and out of sight. */
static int plan_withdraw(Planner *planner, const Candidate *candidate, const Verdict *verdict) {
        bool hides = candidate->held && !candidate->held->hidden;
        PlanItem *item = add_item(planner, hides ? PLAN_HIDE : PLAN_WITHDRAW, candidate, verdict);
        const char *message = withdrawn_message(candidate);

        if (!item)
                return -ENOMEM;
        text_set(&item->reason, "withdrawn upstream%s%s", message[0] ? ": " : "", message);
        return 0;
}

static int plan_restore(Planner *planner, const Candidate *candidate, const Verdict *verdict) {
        PlanItem *item = add_item(planner, PLAN_RESTORE, candidate, verdict);

        if (!item)
                return -ENOMEM;
        text_set(&item->reason, "%s",
                is_withdrawn(candidate) ? "withdrawn upstream, and a depot keeps what is withdrawn"
                                        : "no longer withdrawn upstream");
        return 0;
}

/* What the store has, and upstream has no more or nobody wants. */
static int plan_held(Planner *planner, const Candidate *candidate, const Verdict *verdict) {
        bool prune = verdict->removable && !planner->input->only;
        PlanItem *item = add_item(planner, prune ? PLAN_PRUNE : PLAN_KEEP, candidate, verdict);

        if (!item)
                return -ENOMEM;
        if (item->action == PLAN_PRUNE)
                text_set(&item->reason, "beyond versionHistoryLimit %llu of depot %s",
                        (unsigned long long) verdict->limit->entry->version_history_limit,
                        verdict->limit->depot);
        else if (!verdict->matched)
                text_set(&item->reason, "%s; no depot asks for it any more", state_text(candidate));
        else if (verdict->limit && !verdict->want && verdict->sole)
                text_set(&item->reason, "%s; beyond versionHistoryLimit, kept until a newer version has %s",
                        state_text(candidate), verdict->sole);
        else if (verdict->limit && !verdict->want)
                text_set(&item->reason, "%s; beyond versionHistoryLimit, kept until newer versions are in",
                        state_text(candidate));
        else if (is_withdrawn(candidate))
                text_set(&item->reason, "%s; withdrawn upstream since", state_text(candidate));
        else
                text_set(&item->reason, "%s; upstream no longer lists it", state_text(candidate));
        return 0;
}

static int plan_candidate(Planner *planner, const Candidate *candidate) {
        const PlanInput *input = planner->input;
        bool withdrawn = is_withdrawn(candidate), prune;
        Verdict verdict;
        int r;

        r = judge(planner, candidate, &verdict);
        if (r < 0 || (input->only && version_order(input->only, candidate->version) != 0))
                return r;
        prune = candidate->held && verdict.removable && !input->only;
        if (verdict.hidden && !prune)
                return plan_withdraw(planner, candidate, &verdict);
        if (candidate->held && candidate->held->hidden && !prune)
                return plan_restore(planner, candidate, &verdict);
        if (verdict.want && candidate->release && !withdrawn)
                return plan_fetch(planner, candidate, &verdict);
        if (candidate->held)
                return plan_held(planner, candidate, &verdict);
        if (withdrawn && verdict.want)
                return plan_withdraw(planner, candidate, &verdict);
        return verdict.age ? plan_hold(planner, candidate, &verdict) : 0;
}

/* What is listed and newer than `version`, NULL: all that is left. Each want has its place in its list. */
static int plan_missing_before(Planner *planner, const Version *version) {
        const PlanInput *input = planner->input;

        for (;;) {
                const Version *newest = NULL;
                const PlanWant *want = NULL;
                int r;

                for (size_t i = 0; i < input->n_wants; i++) {
                        const DepotEntry *entry = input->wants[i].entry;
                        const Version *next = planner->ranks[i].listed < entry->n_versions
                                                      ? entry->versions[planner->ranks[i].listed]
                                                      : NULL;

                        if (next && (!newest || version_order(next, newest) > 0)) {
                                newest = next;
                                want = &input->wants[i];
                        }
                }
                if (!newest || (version && version_order(newest, version) < 0))
                        return 0;
                for (size_t i = 0; i < input->n_wants; i++) {
                        const DepotEntry *entry = input->wants[i].entry;
                        Rank *rank = &planner->ranks[i];

                        if (rank->listed < entry->n_versions &&
                                version_order(entry->versions[rank->listed], newest) == 0)
                                rank->listed++;
                }
                /* The one that is looked at is there. */
                if ((version && version_order(newest, version) == 0) ||
                        (input->only && version_order(input->only, newest) != 0))
                        continue;
                r = plan_missing(planner, newest, want, "upstream has no such version");
                if (r < 0)
                        return r;
        }
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
                r = plan_missing_before(planner, candidate.version);
                if (r >= 0)
                        r = plan_candidate(planner, &candidate);
                if (r < 0)
                        return r;
        }
        return plan_missing_before(planner, NULL);
}

int plan_make(const PlanInput *input, Plan **ret) {
        _cleanup_(plan_freep) Plan *plan = calloc(1, sizeof(Plan));
        _cleanup_free_ Rank *ranks = calloc(MAX_OF(input->n_wants, (size_t) 1), sizeof(Rank));
        Planner planner = { .input = input, .ranks = ranks, .plan = plan };
        int r;

        if (!plan || !ranks)
                return -ENOMEM;
        r = plan_all(&planner);
        for (size_t i = 0; i < input->n_wants; i++)
                free(ranks[i].platforms);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(plan);
        return 0;
}

bool plan_want_matches(const PlanWant *want, const Version *version) {
        return want_matches(want, version);
}
