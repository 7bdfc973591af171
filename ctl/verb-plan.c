#include <signal.h>

#include "ctl/event.h"
#include "ctl/verbs.h"

static const FieldColumn plan_columns[] = {
        { { "PACKAGE", TABLE_CUT }, "package", FIELD_TEXT, COLOR_BOLD },
        { { "VERSION", TABLE_CUT }, "version", FIELD_TEXT, COLOR_BOLD },
        { { "ACTION", 0 }, "action", FIELD_STATE, COLOR_NONE },
        { { "PLATFORMS", TABLE_HIDE_EMPTY | TABLE_CUT }, "platforms", FIELD_LIST, COLOR_NONE },
        { { "REASON", TABLE_CUT }, "reason", FIELD_TEXT, COLOR_NONE },
        {},
};

typedef struct Planning {
        const Invocation *invocation;
        Table *table;
        PlanCounts counts;
        uint64_t packages, failed;
        bool done;
} Planning;

static void on_event(sd_json_variant *event, void *userdata) {
        Planning *planning = userdata;
        const Style *style = &planning->invocation->style;
        const char *type = field_string(event, "type");
        sd_json_variant *plan = field_at(event, "plan"), *item;

        if (planning->invocation->json != JSON_OFF)
                (void) json_print(event, planning->invocation->json, style);

        if (streq(type, "plan")) {
                planning->packages++;
                plan_counts_add(&planning->counts, plan);
                FIELD_FOREACH(item, plan)
                if (planning->invocation->all || !streq(field_string(item, "action"), "keep"))
                        fields_table_add(planning->table, style, plan_columns, item);
        } else if (streq(type, "package") && streq(field_string(event, "state"), "failed")) {
                planning->packages++;
                planning->failed++;
                table_add(planning->table, field_string(event, "package"), COLOR_BOLD);
                table_add(planning->table, NULL, COLOR_NONE);
                table_add(planning->table, "failed", COLOR_RED);
                table_add(planning->table, NULL, COLOR_NONE);
                table_add(planning->table, field_string(event, "reason"), COLOR_NONE);
        } else if (streq(type, "done"))
                planning->done = true;
}

static int print_plan(const Planning *planning) {
        const Style *style = &planning->invocation->style;
        char counts[256];
        int r;

        if (table_n_rows(planning->table) > 0) {
                r = table_print(planning->table, stdout);
                if (r < 0)
                        return r;
                if (style->legend && !planning->invocation->quiet)
                        (void) putchar('\n');
        }
        if (!style->legend || planning->invocation->quiet)
                return 0;
        plan_counts_format(&planning->counts, counts, sizeof(counts));
        (void) printf("%llu package%s: %s", (unsigned long long) planning->packages,
                planning->packages == 1 ? "" : "s", counts);
        if (planning->failed > 0)
                (void) printf("; %s%llu could not be planned%s", color_on(style, COLOR_RED),
                        (unsigned long long) planning->failed, color_off(style, COLOR_RED));
        (void) putchar('\n');
        return 0;
}

ExitStatus verb_plan(const Invocation *invocation) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *parameters = NULL;
        _cleanup_(client_freep) Client *client = NULL;
        _cleanup_(table_freep) Table *table = NULL;
        Planning planning = { .invocation = invocation };
        ClientStream stream = { .event = on_event, .userdata = &planning };
        int r, signal_number = 0;
        ExitStatus status;

        status = client_connect(invocation->socket, &client);
        if (status != CTL_OK)
                return status;
        r = parameters_new(
                &parameters, "depot", invocation->depot, "package", invocation->arguments[0], NULL);
        if (r >= 0)
                r = fields_table_new(&invocation->style, plan_columns, &table);
        if (r < 0)
                return report_errno(r, "cannot plan");
        planning.table = table;

        status = client_stream(client, "Plan", parameters, &stream, &signal_number);
        if (status != CTL_OK)
                return status;
        if (signal_number != 0)
                return exit_by_signal(signal_number);
        if (invocation->json == JSON_OFF) {
                r = print_plan(&planning);
                if (r < 0)
                        return report_errno(r, "cannot show the plan");
        }
        if (!planning.done) {
                report("the daemon ended the plan before it was complete; journalctl -u opendepot says why");
                return CTL_FAILED;
        }
        return planning.failed > 0 ? CTL_FAILED : CTL_OK;
}
