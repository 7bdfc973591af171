#include "ctl/event.h"

#include "base/clock.h"

void event_format_outcome(sd_json_variant *outcome, char *ret, size_t size) {
        uint64_t packages = field_unsigned(outcome, "packages"),
                 failed = field_unsigned(outcome, "packagesFailed");
        char bytes[FORMAT_SIZE_MAX], duration[FORMAT_DURATION_MAX];

        format_size(field_unsigned(outcome, "bytes"), bytes);
        format_duration(field_unsigned(outcome, "durationUSec"), duration);
        (void) snprintf(ret, size,
                "%llu added, %llu pruned, %llu failed; %llu of %llu packages complete; %s in %s",
                (unsigned long long) field_unsigned(outcome, "versionsAdded"),
                (unsigned long long) field_unsigned(outcome, "versionsPruned"),
                (unsigned long long) field_unsigned(outcome, "versionsFailed"),
                (unsigned long long) (packages - MIN_OF(failed, packages)), (unsigned long long) packages,
                bytes, duration);
}

static const struct {
        const char *action;
        size_t offset;
        const char *words;
} action_table[] = {
        { "add", offsetof(PlanCounts, add), "to add" },
        { "retry", offsetof(PlanCounts, retry), "to retry" },
        { "wait", offsetof(PlanCounts, wait), "waiting for their next try" },
        { "hold", offsetof(PlanCounts, hold), "too young" },
        { "withdraw", offsetof(PlanCounts, withdraw), "withdrawn upstream" },
        { "missing", offsetof(PlanCounts, missing), "listed but not there" },
        { "hide", offsetof(PlanCounts, hide), "to hide" },
        { "restore", offsetof(PlanCounts, restore), "to publish again" },
        { "prune", offsetof(PlanCounts, prune), "to prune" },
        { "keep", offsetof(PlanCounts, keep), "unchanged" },
};

static uint64_t *action_count(PlanCounts *counts, size_t i) {
        return (uint64_t *) ((char *) counts + action_table[i].offset);
}

void plan_counts_add(PlanCounts *counts, sd_json_variant *plan) {
        sd_json_variant *item;

        FIELD_FOREACH(item, plan)
        for (size_t i = 0; i < ELEMENTSOF(action_table); i++)
                if (streq(field_string(item, "action"), action_table[i].action))
                        (*action_count(counts, i))++;
}

bool plan_counts_changes(const PlanCounts *counts) {
        return counts->add > 0 || counts->retry > 0 || counts->prune > 0 || counts->hide > 0 ||
               counts->restore > 0;
}

void plan_counts_format(const PlanCounts *counts, char *ret, size_t size) {
        PlanCounts copy = *counts;
        size_t length = 0;

        ret[0] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(action_table); i++) {
                uint64_t count = *action_count(&copy, i);
                int n;

                if (count == 0)
                        continue;
                n = snprintf(ret + length, size - length, "%s%llu %s", length > 0 ? ", " : "",
                        (unsigned long long) count, action_table[i].words);
                if (n < 0 || (size_t) n >= size - length)
                        return;
                length += (size_t) n;
        }
        if (length == 0)
                (void) snprintf(ret, size, "nothing to do");
}

static void print_shown(const Style *style, const char *text, Color color, const char *before, FILE *file) {
        _cleanup_free_ char *shown = NULL;

        if (isempty(text))
                return;
        shown = text_shown(style, text);
        (void) fprintf(file, "%s%s%s%s", before, color_on(style, color), shown ? shown : "?",
                color_off(style, color));
}

/* What the type of the event alone says. */
static void print_summary(sd_json_variant *event, const char *type, const Style *style, FILE *file) {
        sd_json_variant *progress = field_at(event, "progress");
        char text[256], bytes[FORMAT_SIZE_MAX];

        if (streq(type, "plan")) {
                PlanCounts counts = {};

                plan_counts_add(&counts, field_at(event, "plan"));
                plan_counts_format(&counts, text, sizeof(text));
        } else if (streq(type, "progress") && progress) {
                format_size(field_unsigned(progress, "bytes"), bytes);
                (void) snprintf(text, sizeof(text), "%llu/%llu versions, %llu/%llu packages, %s",
                        (unsigned long long) field_unsigned(progress, "versionsDone"),
                        (unsigned long long) field_unsigned(progress, "versionsTotal"),
                        (unsigned long long) field_unsigned(progress, "packagesDone"),
                        (unsigned long long) field_unsigned(progress, "packagesTotal"), bytes);
        } else if (streq(type, "done") && field_at(event, "outcome"))
                event_format_outcome(field_at(event, "outcome"), text, sizeof(text));
        else
                return;
        (void) fprintf(file, ": %s", text);
}

void event_print(sd_json_variant *event, const Style *style, FILE *file) {
        const char *type = field_string(event, "type"), *state = field_string(event, "state");
        const char *reason = field_string(event, "reason");
        _cleanup_free_ char *time = NULL;

        time = format_time(style, field_string(event, "time"), TIME_CLOCK, clock_realtime_usec());
        (void) fprintf(
                file, "%s%s%s", color_on(style, COLOR_DIM), strempty(time), color_off(style, COLOR_DIM));
        print_shown(style, type, COLOR_NONE, " ", file);
        print_shown(style, field_string(event, "package"), COLOR_BOLD, " ", file);
        print_shown(style, field_string(event, "version"), COLOR_BOLD, " ", file);
        print_shown(style, state, state_color(state), " ", file);
        print_summary(event, type, style, file);
        print_shown(style, reason, COLOR_NONE, ": ", file);
        (void) fputc('\n', file);
        (void) fflush(file);
}
