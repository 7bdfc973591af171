#include "base/clock.h"
#include "ctl/problem.h"
#include "ctl/verbs.h"

/* Of the packages that failed in part, this many are asked for their versions. */
#define INCOMPLETE_MAX 10

static const FieldColumn depot_columns[] = {
        { { "DEPOT", TABLE_CUT }, "name", FIELD_TEXT, COLOR_BOLD },
        { { "NAMESPACE", TABLE_OPTIONAL | TABLE_CUT }, "namespace", FIELD_TEXT, COLOR_NONE },
        { { "PACKAGES", TABLE_RIGHT }, "packages", FIELD_COUNT, COLOR_NONE },
        { { "INCOMPLETE", TABLE_RIGHT | TABLE_HIDE_EMPTY }, "packagesFailed", FIELD_COUNT, COLOR_RED },
        { { "PUBLISHED", TABLE_RIGHT }, "versions.published", FIELD_COUNT, COLOR_GREEN },
        { { "PENDING", TABLE_RIGHT | TABLE_HIDE_EMPTY }, "versions.pending", FIELD_COUNT, COLOR_YELLOW },
        { { "HELD", TABLE_RIGHT | TABLE_HIDE_EMPTY }, "versions.held", FIELD_COUNT, COLOR_MAGENTA },
        { { "FAILED", TABLE_RIGHT | TABLE_HIDE_EMPTY }, "versions.failed", FIELD_COUNT, COLOR_RED },
        { { "LAST POLL", TABLE_OPTIONAL }, "lastPoll", FIELD_TIME, COLOR_NONE },
        { { "NEXT POLL", 0 }, "nextPoll", FIELD_TIME, COLOR_NONE },
        {},
};

static const FieldColumn budget_columns[] = {
        { { "BUDGET", TABLE_CUT }, "name", FIELD_TEXT, COLOR_BOLD },
        { { "REMAINING", TABLE_RIGHT }, "remaining", FIELD_COUNT, COLOR_NONE },
        { { "LIMIT", TABLE_RIGHT }, "limit", FIELD_COUNT, COLOR_NONE },
        { { "RESET", 0 }, "reset", FIELD_TIME, COLOR_NONE },
        { { "NEXT TRY", TABLE_HIDE_EMPTY }, "nextTry", FIELD_TIME, COLOR_YELLOW },
        {},
};

static const FieldColumn failed_columns[] = {
        { { "PACKAGE", TABLE_CUT }, "name", FIELD_TEXT, COLOR_BOLD },
        { { "STATE", 0 }, "state", FIELD_STATE, COLOR_NONE },
        { { "TRIES", TABLE_RIGHT | TABLE_HIDE_EMPTY | TABLE_OPTIONAL }, "attempts", FIELD_COUNT,
                COLOR_NONE },
        { { "NEXT TRY", TABLE_HIDE_EMPTY }, "nextTry", FIELD_TIME, COLOR_NONE },
        { { "REASON", TABLE_CUT }, "reason", FIELD_TEXT, COLOR_NONE },
        {},
};

static const FieldColumn version_columns[] = {
        { { "PACKAGE", TABLE_CUT }, "package", FIELD_TEXT, COLOR_BOLD },
        { { "VERSION", TABLE_CUT }, "version", FIELD_TEXT, COLOR_BOLD },
        { { "STATE", 0 }, "state", FIELD_STATE, COLOR_NONE },
        { { "TRIES", TABLE_RIGHT | TABLE_HIDE_EMPTY | TABLE_OPTIONAL }, "attempts", FIELD_COUNT,
                COLOR_NONE },
        { { "NEXT TRY", TABLE_HIDE_EMPTY }, "nextTry", FIELD_TIME, COLOR_NONE },
        { { "REASON", TABLE_CUT }, "reason", FIELD_TEXT, COLOR_NONE },
        {},
};

typedef struct Answer {
        sd_json_variant *status, *depots, *packages;
} Answer;

static void answer_clear(Answer *answer) {
        sd_json_variant_unref(answer->status);
        sd_json_variant_unref(answer->depots);
        sd_json_variant_unref(answer->packages);
}

static ExitStatus ask(Client *client, const char *depot, Answer *answer) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *parameters = NULL;
        ExitStatus status;
        int r;

        r = parameters_new(&parameters, "depot", depot, NULL);
        if (r < 0)
                return report_errno(r, "cannot ask the daemon");
        status = client_call_all(client,
                (ClientCall[]) {
                        { "GetStatus", NULL, &answer->status },
                        { "ListDepots", parameters, &answer->depots },
                        { "ListPackages", parameters, &answer->packages },
                },
                3);
        return status;
}

static ExitStatus print_json(const Invocation *invocation, const Answer *answer) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *object = sd_json_variant_ref(answer->status);
        int r;

        r = sd_json_variant_merge_object(&object, answer->depots);
        if (r >= 0)
                r = sd_json_variant_merge_object(&object, answer->packages);
        if (r < 0)
                return report_errno(r, "cannot write JSON");
        return json_print(object, invocation->json, &invocation->style);
}

static void print_label(const char *label) {
        (void) printf("%16s: ", label);
}

/* "3 failed" in its colour, when it is not 0. */
static void print_count(
        const Style *style, sd_json_variant *object, const char *path, const char *word, Color color) {
        uint64_t count = field_unsigned(object, path);

        if (count > 0)
                (void) printf(", %s%llu %s%s", color_on(style, color), (unsigned long long) count, word,
                        color_off(style, color));
}

/* Which layers are there is for --json; which are not, for everybody. */
static void print_sandbox(const Style *style, sd_json_variant *sandbox) {
        sd_json_variant *missing = field_at(sandbox, "missing"), *layer;
        bool any = false;

        if (!sandbox)
                return;
        print_label("Sandbox");
        if (sd_json_variant_elements(missing) == 0) {
                (void) printf("complete\n");
                return;
        }
        (void) printf("%swithout ", color_on(style, COLOR_YELLOW));
        FIELD_FOREACH(layer, missing) {
                _cleanup_free_ char *name = text_shown(style, sd_json_variant_string(layer));

                (void) printf("%s%s", any ? ", " : "", strempty(name));
                any = true;
        }
        (void) printf("%s\n", color_off(style, COLOR_YELLOW));
}

static void print_daemon(const Style *style, sd_json_variant *status) {
        uint64_t now = clock_realtime_usec();
        _cleanup_free_ char *started = format_time(style, field_string(status, "startedAt"), TIME_LONG, now);
        _cleanup_free_ char *loaded = format_time(style, field_string(status, "loadedAt"), TIME_LONG, now);
        _cleanup_free_ char *version = text_shown(style, field_string(status, "version"));
        size_t problems = sd_json_variant_elements(field_at(status, "problems"));
        bool well = problems == 0 && field_unsigned(status, "packagesFailed") == 0;
        Color color = well ? COLOR_GREEN : COLOR_YELLOW;
        char bytes[FORMAT_SIZE_MAX];

        (void) printf("%s%s%s opendepotd %s, running since %s\n", color_on(style, color),
                style->unicode ? "●" : "*", color_off(style, color), strempty(version), strempty(started));

        print_label("Configuration");
        (void) printf("loaded %s", strempty(loaded));
        if (problems > 0)
                (void) printf(", %s%zu problem%s%s", color_on(style, COLOR_RED), problems,
                        problems == 1 ? "" : "s", color_off(style, COLOR_RED));

        (void) putchar('\n');
        print_label("Packages");
        (void) printf("%llu", (unsigned long long) field_unsigned(status, "packages"));
        print_count(style, status, "packagesActive", "active", COLOR_YELLOW);
        print_count(style, status, "packagesFailed", "failed or incomplete", COLOR_RED);

        (void) putchar('\n');
        print_label("Versions");
        (void) printf("%llu published", (unsigned long long) field_unsigned(status, "versions.published"));
        print_count(style, status, "versions.pending", "pending", COLOR_YELLOW);
        print_count(style, status, "versions.held", "held", COLOR_MAGENTA);
        print_count(style, status, "versions.failed", "failed", COLOR_RED);

        format_size(field_unsigned(status, "bytesReceived"), bytes);
        (void) putchar('\n');
        print_label("Work");
        (void) printf("%llu transfers, %llu queued, %llu workers; %s received since the start\n",
                (unsigned long long) field_unsigned(status, "transfersRunning"),
                (unsigned long long) field_unsigned(status, "transfersQueued"),
                (unsigned long long) field_unsigned(status, "workersRunning"), bytes);
        print_sandbox(style, field_at(status, "sandbox"));
}

static void print_heading(const Style *style, const char *heading) {
        (void) printf("\n%s%s%s\n", color_on(style, COLOR_BOLD), heading, color_off(style, COLOR_BOLD));
}

/* Depots whose document on disk is not the one in force. */
static void print_stale(const Style *style, sd_json_variant *depots) {
        sd_json_variant *depot;

        FIELD_FOREACH(depot, depots) {
                if (!field_bool(depot, "stale"))
                        continue;
                _cleanup_free_ char *name = text_shown(style, field_string(depot, "name"));
                _cleanup_free_ char *file = text_shown(style, field_string(depot, "file"));
                (void) printf(
                        "%sThe document of %s in %s was refused; the one loaded before stays in force.%s\n",
                        color_on(style, COLOR_YELLOW), strempty(name), strempty(file),
                        color_off(style, COLOR_YELLOW));
        }
}

static bool package_is_bad(sd_json_variant *package) {
        const char *state = field_string(package, "state");

        return streq(state, "failed") || streq(state, "incomplete") ||
               field_unsigned(package, "versions.held") > 0 || !isempty(field_string(package, "reason"));
}

static int print_packages(const Style *style, sd_json_variant *packages) {
        _cleanup_(table_freep) Table *table = NULL;
        sd_json_variant *package;
        int r;

        r = fields_table_new(style, failed_columns, &table);
        if (r < 0)
                return r;
        FIELD_FOREACH(package, packages)
        if (package_is_bad(package))
                fields_table_add(table, style, failed_columns, package);
        if (table_n_rows(table) == 0)
                return 0;
        print_heading(style, "Packages that need attention");
        return table_print(table, stdout);
}

static ExitStatus add_versions(Client *client, const Style *style, const char *package, Table *table) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *parameters = NULL, *reply = NULL;
        sd_json_variant *version;
        ExitStatus status;
        int r;

        r = parameters_new(&parameters, "package", package, NULL);
        if (r < 0)
                return report_errno(r, "cannot ask the daemon");
        status = client_collect(client, "ListVersions", parameters, "versions", &reply);
        if (status != CTL_OK)
                return status;
        FIELD_FOREACH(version, field_at(reply, "versions")) {
                const char *state = field_string(version, "state");

                if (streq(state, "failed") || streq(state, "held"))
                        fields_table_add(table, style, version_columns, version);
        }
        return CTL_OK;
}

/* The versions that failed or are held, of the first packages that have any. */
static ExitStatus print_versions(Client *client, const Style *style, sd_json_variant *packages) {
        _cleanup_(table_freep) Table *table = NULL;
        const char *last = "";
        sd_json_variant *package;
        unsigned n = 0;
        int r;

        r = fields_table_new(style, version_columns, &table);
        if (r < 0)
                return report_errno(r, "cannot show the versions");
        FIELD_FOREACH(package, packages) {
                const char *name = field_string(package, "name");
                ExitStatus status;

                /* A package stands once for each of its stores. */
                if (streq(name, last) || (field_unsigned(package, "versions.failed") == 0 &&
                                                 field_unsigned(package, "versions.held") == 0))
                        continue;
                last = name;
                if (++n > INCOMPLETE_MAX)
                        break;
                status = add_versions(client, style, name, table);
                if (status == CTL_NOT_FOUND) /* gone since */
                        continue;
                if (status != CTL_OK)
                        return status;
        }
        if (table_n_rows(table) == 0)
                return CTL_OK;
        print_heading(style, "Versions that are not published");
        r = table_print(table, stdout);
        if (r < 0)
                return report_errno(r, "cannot show the versions");
        if (n > INCOMPLETE_MAX)
                (void) puts("Further packages have such versions: opendepotctl list --versions");
        return CTL_OK;
}

static int print_budgets(const Style *style, sd_json_variant *budgets) {
        if (sd_json_variant_elements(budgets) == 0)
                return 0;
        print_heading(style, "Request budgets");
        return fields_table_print(style, budget_columns, budgets, stdout);
}

static void print_problems(const Style *style, sd_json_variant *problems) {
        sd_json_variant *problem;

        if (sd_json_variant_elements(problems) == 0)
                return;
        print_heading(style, "Problems of the configuration");
        FIELD_FOREACH(problem, problems)
        problem_print(style, problem);
}

ExitStatus verb_status(const Invocation *invocation) {
        const char *depot = invocation->arguments[0] ? invocation->arguments[0] : invocation->depot;
        _cleanup_(client_freep) Client *client = NULL;
        _cleanup_(answer_clear) Answer answer = {};
        const Style *style = &invocation->style;
        sd_json_variant *status, *depots, *packages;
        ExitStatus exit_status;
        int r;

        if (invocation->arguments[0] && invocation->depot) {
                report("a depot is named twice, as an argument and with --depot; opendepotctl status "
                       "--help");
                return CTL_USAGE;
        }
        exit_status = client_connect(invocation->socket, &client);
        if (exit_status == CTL_OK)
                exit_status = ask(client, depot, &answer);
        if (exit_status != CTL_OK)
                return exit_status;
        if (invocation->json != JSON_OFF)
                return print_json(invocation, &answer);

        status = field_at(answer.status, "status");
        depots = field_at(answer.depots, "depots");
        packages = field_at(answer.packages, "packages");
        print_daemon(style, status);
        print_problems(style, field_at(status, "problems"));
        (void) putchar('\n');
        if (sd_json_variant_elements(depots) == 0) {
                (void) puts("No depot is configured: put a document into /etc/opendepot/conf.d and run "
                            "opendepotctl reload.");
                return CTL_OK;
        }
        r = fields_table_print(style, depot_columns, depots, stdout);
        if (r >= 0) {
                print_stale(style, depots);
                r = print_budgets(style, field_at(status, "budgets"));
        }
        if (r >= 0) {
                r = print_packages(style, packages);
        }
        if (r < 0)
                return report_errno(r, "cannot show the status");
        return print_versions(client, style, packages);
}
