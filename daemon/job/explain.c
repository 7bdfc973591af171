#include "job/explain.h"

#include <stdarg.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/text.h"
#include "job/explain-private.h"

static const char *const state_names[_EXPLANATION_STATE_MAX] = {
        [EXPLANATION_PUBLISHED] = "published",
        [EXPLANATION_PENDING] = "pending",
        [EXPLANATION_HELD] = "held",
        [EXPLANATION_FAILED] = "failed",
        [EXPLANATION_WITHDRAWN] = "withdrawn",
        [EXPLANATION_REJECTED] = "rejected",
        [EXPLANATION_PRUNED] = "pruned",
        [EXPLANATION_UNLISTED] = "unlisted",
        [EXPLANATION_UNKNOWN] = "unknown",
};

const char *explanation_state_to_string(ExplanationState state) {
        return state >= 0 && state < _EXPLANATION_STATE_MAX ? state_names[state] : NULL;
}

static const char *const step_names[_DECISION_STEP_MAX] = {
        [DECISION_LISTED] = "listed",
        [DECISION_MATCHED] = "matched",
        [DECISION_POLICY] = "policy",
        [DECISION_TRIED] = "tried",
        [DECISION_VERIFIED] = "verified",
        [DECISION_HASHED] = "hashed",
        [DECISION_STORED] = "stored",
        [DECISION_DRIFTED] = "drifted",
        [DECISION_PRUNED] = "pruned",
        [DECISION_PLANNED] = "planned",
};

const char *decision_step_to_string(DecisionStep step) {
        return step >= 0 && step < _DECISION_STEP_MAX ? step_names[step] : NULL;
}

static const char *const effect_names[_DECISION_EFFECT_MAX] = {
        [DECISION_FOR] = "for",
        [DECISION_AGAINST] = "against",
        [DECISION_NEUTRAL] = "neutral",
};

const char *decision_effect_to_string(DecisionEffect effect) {
        return effect >= 0 && effect < _DECISION_EFFECT_MAX ? effect_names[effect] : NULL;
}

static void decision_clear(Decision *decision) {
        free(decision->reason);
        free(decision->term);
        free(decision->fingerprint);
}

Explanation *explanation_free(Explanation *explanation) {
        if (!explanation)
                return NULL;
        for (size_t i = 0; i < explanation->n_decisions; i++)
                decision_clear(&explanation->decisions[i]);
        free(explanation->decisions);
        free(explanation->version);
        free(explanation->reason);
        free(explanation);
        return NULL;
}

_printf_(3, 0) static Decision *add(
        Explainer *explainer, const Decision *decision, const char *format, va_list arguments) {
        Explanation *explanation = explainer->explanation;
        Decision added = *decision;

        added.reason = text_vformat(format, arguments);
        if (!added.reason || LIST_APPEND(explanation->decisions, explanation->n_decisions, added) < 0) {
                free(added.reason);
                explainer->error = -ENOMEM;
                return NULL;
        }
        return &explanation->decisions[explanation->n_decisions - 1];
}

Decision *explain_add(
        Explainer *explainer, DecisionStep step, DecisionEffect effect, const char *format, ...) {
        Decision *decision;
        va_list arguments;

        va_start(arguments, format);
        decision = add(explainer, &(Decision) { .step = step, .effect = effect }, format, arguments);
        va_end(arguments);
        return decision;
}

Decision *explain_add_want(
        Explainer *explainer, size_t i, DecisionStep step, DecisionEffect effect, const char *format, ...) {
        const PackageWant *want = &explainer->input->package->wants[i];
        Decision *decision;
        va_list arguments;

        va_start(arguments, format);
        decision = add(explainer,
                &(Decision) {
                        .step = step,
                        .effect = effect,
                        .depot = want->depot->name,
                        .file = want->depot->file,
                        .line = want->entry->line,
                        .column = want->entry->column,
                },
                format, arguments);
        va_end(arguments);
        return decision;
}

/* Upstream */

static void explain_not_listed(Explainer *explainer) {
        const ExplainInput *input = explainer->input;
        const ReleaseList *releases = input->releases;
        DecisionEffect effect = explainer->known ? DECISION_NEUTRAL : DECISION_AGAINST;
        Decision *decision;

        if (releases->n_releases == 0)
                decision = explain_add(explainer, DECISION_LISTED, effect, "%s lists no version at all",
                        input->package->source_name);
        else
                decision = explain_add(explainer, DECISION_LISTED, effect,
                        "%s does not list it; it lists %zu version%s, the newest is %s",
                        input->package->source_name, releases->n_releases,
                        releases->n_releases == 1 ? "" : "s", version_string(releases->releases[0].version));
        if (decision)
                decision->at_usec = input->package->last_check_usec;
}

static void explain_listed(Explainer *explainer) {
        const ExplainInput *input = explainer->input;
        const Release *release = explainer->release;
        char released[CLOCK_TEXT_SIZE] = "";
        Decision *decision;

        if (!input->releases)
                return;
        if (!release) {
                explain_not_listed(explainer);
                return;
        }
        if (release->created_usec > 0)
                clock_format(release->created_usec, released);
        decision = explain_add(explainer, DECISION_LISTED, DECISION_FOR, "%s lists it%s%s%s%s",
                input->package->source_name,
                streq_ptr(release->tag, version_string(release->version)) ? "" : " as ",
                streq_ptr(release->tag, version_string(release->version)) ? "" : strempty(release->tag),
                released[0] ? ", released " : "", released);
        if (decision)
                decision->at_usec = input->package->last_check_usec;
        if (release->withdrawn)
                explain_add(explainer, DECISION_LISTED,
                        explainer->known ? DECISION_NEUTRAL : DECISION_AGAINST,
                        "upstream has withdrawn it%s%s", release->withdrawn_message ? ": " : "",
                        strempty(release->withdrawn_message));
}

/* That the package as a whole could not be looked at. */
static void explain_package(Explainer *explainer) {
        const Package *package = explainer->input->package;
        Decision *decision;

        if (package->problem) {
                explain_add(explainer, DECISION_TRIED, DECISION_AGAINST, "%s", package->problem);
                return;
        }
        if (package->state == PACKAGE_FAILED) {
                decision = explain_add(explainer, DECISION_TRIED,
                        explainer->known ? DECISION_NEUTRAL : DECISION_AGAINST,
                        "the package could not be looked at (tried %u time%s): %s", package->attempts,
                        package->attempts == 1 ? "" : "s", strempty(package->reason));
                if (decision) {
                        decision->at_usec = package->last_check_usec;
                        decision->due_usec = package->next_try_usec;
                }
        } else if (!explainer->input->releases)
                explain_add(explainer, DECISION_LISTED, DECISION_NEUTRAL,
                        "%s has not answered yet, so it is not known what it lists", package->source_name);
        if (!package->record && package->state <= PACKAGE_QUEUED)
                explain_add(explainer, DECISION_STORED, DECISION_NEUTRAL,
                        "the record of the package has not been read since the daemon started");
}

/* What goes on with it */

static void explain_status(Explainer *explainer) {
        const VersionStatus *status = explainer->status;
        Decision *decision;

        /* What a policy holds, and what upstream has withdrawn, is said there. */
        if (!status || status->state == VERSION_WITHDRAWN ||
                (status->state == VERSION_HELD && status->attempts == 0))
                return;
        if (version_state_is_tried_again(status->state))
                decision = explain_add(explainer, DECISION_TRIED,
                        explainer->known ? DECISION_NEUTRAL : DECISION_AGAINST, "%s after %u tr%s: %s",
                        status->state == VERSION_HELD ? "held" : "failed", status->attempts,
                        status->attempts == 1 ? "y" : "ies", strempty(status->reason));
        else
                decision = explain_add(explainer, DECISION_TRIED, DECISION_NEUTRAL, "it is on its way: %s",
                        version_state_to_string(status->state));
        if (decision)
                decision->due_usec = status->next_try_usec;
}

static const PlanItem *find_item(const Explainer *explainer) {
        return explainer->plan && explainer->plan->n_items > 0 ? &explainer->plan->items[0] : NULL;
}

static void explain_plan(Explainer *explainer) {
        const PlanItem *item = find_item(explainer);
        Decision *decision;

        if (!item)
                return;
        decision = explain_add(explainer, DECISION_PLANNED, DECISION_NEUTRAL, "%s: %s",
                plan_action_to_string(item->action), strempty(item->reason));
        if (decision)
                decision->due_usec = item->due_usec;
}

/* The state */

static void set_state(Explainer *explainer, ExplanationState state, const char *reason) {
        Explanation *explanation = explainer->explanation;

        explanation->state = state;
        if (string_assign(&explanation->reason, isempty(reason) ? NULL : reason) < 0)
                explainer->error = -ENOMEM;
}

/* The store has it. */
static void conclude_known(Explainer *explainer) {
        const RecordVersion *known = explainer->known;

        switch (known->state) {
        case VERSION_PUBLISHED:
                set_state(explainer, EXPLANATION_PUBLISHED, "it can be installed");
                break;
        case VERSION_PRUNING:
                set_state(explainer, EXPLANATION_PRUNED, known->reason);
                break;
        default:
                set_state(
                        explainer, known->hidden ? EXPLANATION_WITHDRAWN : EXPLANATION_HELD, known->reason);
        }
}

static void conclude_status(Explainer *explainer) {
        const VersionStatus *status = explainer->status;
        const char *state = version_state_to_string(status->state);

        switch (status->state) {
        case VERSION_HELD:
                set_state(explainer, EXPLANATION_HELD, status->reason);
                break;
        case VERSION_FAILED:
                set_state(explainer, EXPLANATION_FAILED, status->reason);
                break;
        case VERSION_WITHDRAWN:
                set_state(explainer, EXPLANATION_WITHDRAWN, status->reason);
                break;
        default:
                set_state(explainer, EXPLANATION_PENDING, state);
        }
}

/* Neither here nor on its way, but upstream has it. */
static void conclude_listed(Explainer *explainer) {
        const PlanItem *item = find_item(explainer);
        const Package *package = explainer->input->package;
        _cleanup_free_ char *rejection = NULL;

        if (item && item->action == PLAN_WITHDRAW)
                set_state(explainer, EXPLANATION_WITHDRAWN, item->reason);
        else if (item && item->action == PLAN_HOLD)
                set_state(explainer, EXPLANATION_HELD, item->reason);
        else if (item && package->state == PACKAGE_FAILED)
                set_state(explainer, EXPLANATION_FAILED, package->reason);
        else if (item)
                set_state(explainer, EXPLANATION_PENDING, item->reason);
        else if (explainer->pruned)
                set_state(explainer, EXPLANATION_PRUNED, explainer->pruned->reason);
        else {
                rejection = explain_rejection(explainer);
                set_state(explainer, EXPLANATION_REJECTED, rejection);
        }
}

static void conclude(Explainer *explainer) {
        const Package *package = explainer->input->package;

        if (explainer->known)
                conclude_known(explainer);
        else if (package->problem)
                set_state(explainer, EXPLANATION_FAILED, package->problem);
        else if (explainer->status)
                conclude_status(explainer);
        else if (explainer->release)
                conclude_listed(explainer);
        else if (explainer->pruned)
                set_state(explainer, EXPLANATION_PRUNED, explainer->pruned->reason);
        else if (explainer->input->releases)
                set_state(explainer, EXPLANATION_UNLISTED, "neither upstream nor the store has it");
        else if (package->state == PACKAGE_FAILED)
                set_state(explainer, EXPLANATION_FAILED, package->reason);
        else
                set_state(explainer, EXPLANATION_UNKNOWN, "upstream has not answered yet");
}

static int explainer_prepare(Explainer *explainer) {
        const ExplainInput *input = explainer->input;
        const Package *package = input->package;
        const Record *record = package->record;
        int r;

        explainer->explanation = calloc(1, sizeof(Explanation));
        if (!explainer->explanation)
                return -ENOMEM;
        explainer->explanation->package = package;
        explainer->release = input->releases ? release_list_find(input->releases, input->version) : NULL;
        explainer->known = record ? record_find(record, input->version) : NULL;
        explainer->pruned = record ? record_find_pruned(record, input->version) : NULL;
        explainer->status = package_find_status(package, version_string(input->version));
        r = string_assign(&explainer->explanation->version, version_string(input->version));
        if (r >= 0)
                r = package_make_wants(package, input->settings, &explainer->wants);
        if (r < 0 || !input->releases)
                return r;
        return package_make_plan(package, input->settings,
                &(PlanInput) {
                        .releases = input->releases,
                        .only = input->version,
                        .explain = input->version,
                        .assume_added = true,
                },
                &explainer->plan);
}

int explain_version(const ExplainInput *input, Explanation **ret) {
        Explainer explainer = { .input = input };
        int r;

        r = explainer_prepare(&explainer);
        if (r >= 0) {
                explain_package(&explainer);
                explain_listed(&explainer);
                explain_wants(&explainer);
                explain_status(&explainer);
                explain_stored(&explainer);
                explain_plan(&explainer);
                conclude(&explainer);
                r = explainer.error;
        }
        free(explainer.wants);
        plan_free(explainer.plan);
        if (r < 0) {
                explanation_free(explainer.explanation);
                return r;
        }
        *ret = explainer.explanation;
        return 0;
}
