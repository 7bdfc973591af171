/* What each depot says to a version: its constraint, then its policies. */

#include "base/clock.h"
#include "base/list.h"
#include "base/text.h"
#include "job/explain-private.h"

/* The part of a constraint, without the space around it. */
static char *constraint_part(const char *text, int number) {
        size_t length;

        for (; number > 0; number--)
                text += strcspn(text, ",") + 1;
        text += strspn(text, " \t");
        length = strcspn(text, ",");
        while (length > 0 && strchr(" \t", text[length - 1]))
                length--;
        return strndup(text, length);
}

/* Documents of other kinds have theirs in their name. */
static const char *subject(const PackageWant *want) {
        return want->depot->kind == DOCUMENT_DEPOT ? "depot " : "";
}

/* Whether it is the host that says so, for want of a depot that does. */
static const char *policy_origin(bool of_entry) {
        return of_entry ? "" : " (opendepot.yaml)";
}

static void explain_prerelease(Explainer *explainer, size_t i) {
        const PackageWant *want = &explainer->input->package->wants[i];
        bool never = explainer->wants[i].policy.prereleases == PRERELEASES_NEVER;

        explain_add_want(explainer, i, DECISION_POLICY, DECISION_AGAINST,
                "it is a pre-release, and %s%s %s%s", subject(want), want->depot->name,
                never ? "takes none: prereleases is false"
                      : "takes only those that its constraint names: prereleases is not set",
                never ? policy_origin(want->entry->policy.prereleases != PRERELEASES_CONSTRAINED) : "");
}

/* Returns whether the policies of the wish are to be looked at. */
static bool explain_match(Explainer *explainer, size_t i) {
        const ExplainInput *input = explainer->input;
        const PackageWant *want = &input->package->wants[i];
        const char *text = want->entry->constraint_text;
        bool matches = plan_want_matches(&explainer->wants[i], input->version);
        _cleanup_free_ char *term = NULL;
        Decision *decision;
        int rejecting;

        if (want->entry->listed) {
                explain_add_want(explainer, i, DECISION_MATCHED, matches ? DECISION_FOR : DECISION_AGAINST,
                        "%s%s %s", subject(want), want->depot->name,
                        matches ? "lists it" : "lists its versions one by one, and not this one");
                return matches;
        }
        if (matches || !want->entry->constraint) {
                explain_add_want(explainer, i, DECISION_MATCHED, DECISION_FOR, "%s%s asks for %s%s%s",
                        subject(want), want->depot->name, text ? "\"" : "every version", strempty(text),
                        text ? "\", which it matches" : "");
                if (!matches)
                        explain_prerelease(explainer, i);
                return matches;
        }
        rejecting = constraint_find_rejecting(want->entry->constraint, input->version);
        if (rejecting < 0) {
                explain_prerelease(explainer, i);
                return false;
        }
        term = constraint_part(text, rejecting);
        decision = explain_add_want(explainer, i, DECISION_MATCHED, DECISION_AGAINST,
                "%s%s asks for \"%s\", of which it does not match \"%s\"%s", subject(want),
                want->depot->name, text, strempty(term),
                version_is_prerelease(input->version)
                        ? " (a pre-release matches only a bound that is one of the same version)"
                        : "");
        if (decision)
                decision->term = TAKE_PTR(term);
        return false;
}

static bool is_withdrawn(const Explainer *explainer) {
        return explainer->release ? explainer->release->withdrawn
                                  : explainer->known && explainer->known->withdrawn;
}

static void explain_age(Explainer *explainer, size_t i, const PlanStanding *standing) {
        const PackageWant *want = &explainer->input->package->wants[i];
        const char *origin = policy_origin(want->entry->policy.has_minimum_release_age);
        char due[CLOCK_TEXT_SIZE], seen[CLOCK_TEXT_SIZE];
        Decision *decision;

        /* What is listed is chosen, and what is withdrawn is not fetched, whatever its age. */
        if (explainer->wants[i].policy.minimum_release_age_usec == 0 || explainer->known ||
                want->entry->listed || is_withdrawn(explainer))
                return;
        clock_format(standing->seen_usec, seen);
        if (standing->seen_usec > 0)
                explain_add_want(explainer, i, DECISION_POLICY, DECISION_NEUTRAL,
                        "upstream does not say when it was released: its age counts from %s, when it was "
                        "first "
                        "seen",
                        seen);
        if (standing->verdict != PLAN_YOUNG) {
                explain_add_want(explainer, i, DECISION_POLICY, DECISION_FOR,
                        "it is older than minimumReleaseAge of %s%s%s", subject(want), want->depot->name,
                        origin);
                return;
        }
        clock_format(standing->due_usec, due);
        decision = explain_add_want(explainer, i, DECISION_POLICY, DECISION_AGAINST,
                "it is younger than minimumReleaseAge of %s%s%s, and old enough at %s", subject(want),
                want->depot->name, origin, due);
        if (decision)
                decision->due_usec = standing->due_usec;
}

static void explain_history(Explainer *explainer, size_t i, const PlanStanding *standing) {
        const PackageWant *want = &explainer->input->package->wants[i];
        unsigned long long limit = want->entry->version_history_limit, newer = standing->newer;

        if (limit == 0)
                return;
        explain_add_want(explainer, i, DECISION_POLICY,
                standing->verdict == PLAN_BEYOND ? DECISION_AGAINST : DECISION_FOR,
                "it is %s versionHistoryLimit %llu of %s%s: %llu newer version%s come%s first",
                standing->verdict == PLAN_BEYOND ? "beyond" : "within", limit, subject(want),
                want->depot->name, newer, newer == 1 ? "" : "s", newer == 1 ? "s" : "");
}

static char *join_platforms(char *const *platforms) {
        Buffer text = { .max = 1 * KIB };

        for (char *const *platform = platforms; platform && *platform; platform++)
                if (buffer_append_format(&text, "%s%s", text.size > 0 ? ", " : "", *platform) < 0)
                        break;
        return text.data;
}

static void explain_absence(Explainer *explainer, size_t i) {
        const PackageWant *want = &explainer->input->package->wants[i];
        const Release *release = explainer->release;
        _cleanup_free_ char *platforms = NULL;

        if (!release || release->withdrawn || explainer->input->package->kind != PACKAGE_PROVIDER)
                return;
        platforms = join_platforms(release->platforms);
        explain_add_want(explainer, i, DECISION_POLICY, DECISION_AGAINST,
                "upstream has it for none of the platforms that %s%s asks for, but for %s", subject(want),
                want->depot->name, isempty(platforms) ? "none" : platforms);
}

static void explain_withdrawal(Explainer *explainer, size_t i) {
        const PackageWant *want = &explainer->input->package->wants[i];
        bool hide = explainer->wants[i].policy.withdrawn == WITHDRAWN_HIDE;

        if (!is_withdrawn(explainer))
                return;
        if (!explainer->known)
                explain_add_want(explainer, i, DECISION_POLICY, DECISION_AGAINST,
                        "what upstream has withdrawn is not fetched");
        else
                explain_add_want(explainer, i, DECISION_POLICY, hide ? DECISION_AGAINST : DECISION_FOR,
                        "%s%s %s what upstream has withdrawn: withdrawn is %s%s", subject(want),
                        want->depot->name, hide ? "hides" : "keeps", hide ? "hide" : "keep",
                        policy_origin(want->entry->policy.withdrawn != WITHDRAWN_UNSAID));
}

static void explain_immutable(Explainer *explainer, size_t i) {
        const DepotEntry *entry = explainer->input->package->wants[i].entry;

        if (explainer->input->package->kind != PACKAGE_MODULE || !explainer->known)
                return;
        explain_add_want(explainer, i, DECISION_POLICY, DECISION_NEUTRAL, "immutable is %s: %s",
                entry->immutable ? "true" : "false",
                entry->immutable ? "what is published never changes"
                                 : "a sync --force of the version takes what its tag is now");
}

void explain_wants(Explainer *explainer) {
        const Package *package = explainer->input->package;

        for (size_t i = 0; i < package->n_wants; i++) {
                const PlanStanding *standing = explainer->plan && explainer->plan->standings
                                                       ? &explainer->plan->standings[i]
                                                       : NULL;

                if (!explain_match(explainer, i))
                        continue;
                explain_withdrawal(explainer, i);
                if (standing) {
                        if (standing->verdict == PLAN_ABSENT)
                                explain_absence(explainer, i);
                        explain_age(explainer, i, standing);
                        explain_history(explainer, i, standing);
                }
                explain_immutable(explainer, i);
        }
}

char *explain_rejection(const Explainer *explainer) {
        const Explanation *explanation = explainer->explanation;
        const Package *package = explainer->input->package;

        for (size_t i = 0; i < explanation->n_decisions && package->n_wants == 1; i++)
                if (explanation->decisions[i].effect == DECISION_AGAINST && explanation->decisions[i].depot)
                        return strdup(explanation->decisions[i].reason);
        return text_format("none of the %zu entries that name the package wants it", package->n_wants);
}
