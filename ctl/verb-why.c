#include "base/clock.h"
#include "ctl/verbs.h"

static void print_text(const Style *style, const char *text, Color color) {
        _cleanup_free_ char *shown = text_shown(style, text);

        (void) printf("%s%s%s", color_on(style, color), strempty(shown), color_off(style, color));
}

static void print_time(const Style *style, const char *label, const char *time) {
        _cleanup_free_ char *text = NULL;

        if (isempty(time))
                return;
        text = format_time(style, time, TIME_LONG, clock_realtime_usec());
        (void) printf("%14s%s%s\n", "", label, strempty(text));
}

static Color effect_color(const char *effect) {
        return streq(effect, "for") ? COLOR_GREEN : streq(effect, "against") ? COLOR_RED : COLOR_NONE;
}

/* "    matched: depot d asks for …" and below it where that stands, and when. Nothing is ever cut. */
static void print_decision(const Style *style, sd_json_variant *decision) {
        const char *file = field_string(decision, "file");

        (void) printf("%s%12s%s: ", color_on(style, effect_color(field_string(decision, "effect"))),
                field_string(decision, "step"),
                color_off(style, effect_color(field_string(decision, "effect"))));
        print_text(style, field_string(decision, "reason"), COLOR_NONE);
        (void) putchar('\n');
        if (!isempty(file)) {
                (void) printf("%14s", "");
                print_text(style, file, COLOR_DIM);
                (void) printf("%s:%llu:%llu%s\n", color_on(style, COLOR_DIM),
                        (unsigned long long) field_unsigned(decision, "line"),
                        (unsigned long long) field_unsigned(decision, "column"),
                        color_off(style, COLOR_DIM));
        }
        print_time(style, "at ", field_string(decision, "at"));
        print_time(style, "until ", field_string(decision, "due"));
}

static void print_explanation(const Style *style, sd_json_variant *explanation) {
        const char *state = field_string(explanation, "state"),
                   *reason = field_string(explanation, "reason");
        sd_json_variant *decision;

        print_text(style, field_string(explanation, "package"), COLOR_BOLD);
        (void) putchar(' ');
        print_text(style, field_string(explanation, "version"), COLOR_BOLD);
        (void) fputs(" is ", stdout);
        print_text(style, state, state_color(state));
        if (!isempty(reason)) {
                (void) fputs(": ", stdout);
                print_text(style, reason, COLOR_NONE);
        }
        (void) putchar('\n');
        FIELD_FOREACH(decision, field_at(explanation, "decisions")) {
                print_decision(style, decision);
        }
}

/* It has to be there wherever the package is. */
static ExitStatus judge(sd_json_variant *explanations) {
        sd_json_variant *explanation;
        bool all_published = true, any_known = false;

        FIELD_FOREACH(explanation, explanations) {
                const char *state = field_string(explanation, "state");

                all_published = all_published && streq(state, "published");
                any_known = any_known || !streq(state, "unlisted");
        }
        return !any_known ? CTL_NOT_FOUND : all_published ? CTL_OK : CTL_FAILED;
}

ExitStatus verb_why(const Invocation *invocation) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *parameters = NULL, *reply = NULL;
        _cleanup_(client_freep) Client *client = NULL;
        sd_json_variant *explanations, *explanation;
        const char *blank = "";
        ExitStatus status;
        int r;

        status = client_connect(invocation->socket, &client);
        if (status != CTL_OK)
                return status;
        r = parameters_new(
                &parameters, "package", invocation->arguments[0], "version", invocation->arguments[1], NULL);
        if (r < 0)
                return report_errno(r, "cannot ask the daemon");
        status = client_call(client, "Why", parameters, &reply);
        if (status != CTL_OK)
                return status;
        explanations = field_at(reply, "explanations");
        if (invocation->json != JSON_OFF) {
                status = json_print(reply, invocation->json, &invocation->style);
                return status == CTL_OK ? judge(explanations) : status;
        }
        FIELD_FOREACH(explanation, explanations) {
                (void) fputs(blank, stdout);
                print_explanation(&invocation->style, explanation);
                blank = "\n";
        }
        return judge(explanations);
}
