#include "ctl/fields.h"

#include <limits.h>

#include "ctl/event.h"
#include "ctl/progress.h"
#include "test.h"

static sd_json_variant *parse(const char *text) {
        sd_json_variant *variant = NULL;
        sd_json_parse_flags_t flags = {};

        check_int(sd_json_parse(text, flags, &variant, NULL, NULL), 0);
        return variant;
}

static void test_access(void) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *object =
                parse("{\"a\":{\"b\":{\"n\":7}},\"s\":\"text\",\"null\":null,\"flag\":true,\"minus\":-1,"
                      "\"list\":[1,2]}");
        char path[200];

        check_int(field_unsigned(object, "a.b.n"), 7);
        check_int(field_unsigned(object, "a.b"), 0);
        check_int(field_unsigned(object, "a.b.n.x"), 0);
        check_int(field_unsigned(object, "minus"), 0);
        check_int(field_unsigned(object, "s"), 0);
        check_string(field_string(object, "s"), "text");
        check_string(field_string(object, "a"), "");
        check_string(field_string(object, "absent"), "");
        check_string(field_string(NULL, "s"), "");
        check(!field_at(object, "null"));
        check(!field_at(object, ""));
        check(field_bool(object, "flag"));
        check(!field_bool(object, "s"));
        check_int(field_unsigned(field_element(field_at(object, "list"), 0), "x"), 0);
        check(field_element(field_at(object, "list"), 1));
        check(!field_element(field_at(object, "list"), 2));
        check(!field_element(field_at(object, "s"), 0));
        check(!field_element(NULL, 0));

        memset(path, 'a', sizeof(path) - 1);
        path[sizeof(path) - 1] = '\0';
        check(!field_at(object, path));
}

static void test_table(void) {
        static const FieldColumn columns[] = {
                { { "NAME", 0 }, "name", FIELD_TEXT, COLOR_BOLD },
                { { "STATE", 0 }, "state", FIELD_STATE, COLOR_NONE },
                { { "FAILED", TABLE_RIGHT }, "counts.failed", FIELD_COUNT, COLOR_RED },
                { { "SIZE", TABLE_RIGHT }, "artifacts", FIELD_ARTIFACTS_SIZE, COLOR_NONE },
                { { "PLATFORMS", 0 }, "artifacts", FIELD_PLATFORMS, COLOR_NONE },
                { { "DEPOTS", 0 }, "depots", FIELD_LIST, COLOR_NONE },
                { { "TIME", 0 }, "time", FIELD_TIME, COLOR_NONE },
                {},
        };
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *array =
                parse("[{\"name\":\"a\",\"state\":\"published\",\"counts\":{\"failed\":2},\"depots\":[\"x\","
                      "\"y\",3],"
                      "\"artifacts\":[{\"platform\":\"linux_amd64\",\"size\":1024},{\"platform\":\"linux_"
                      "arm64\",\"size\":512}],"
                      "\"time\":\"2026-11-23T04:05:06Z\"},"
                      /* Everything of the wrong type. */
                      "{\"name\":1,\"state\":[],\"counts\":7,\"depots\":\"x\",\"artifacts\":{\"size\":1},"
                      "\"time\":1}, 5,"
                      /* Sums that overflow. */
                      "{\"name\":\"b\",\"artifacts\":[{\"size\":18446744073709551615},{\"size\":1}]}]");
        Style style = { .unicode = true, .legend = true };
        char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);

        check(file);
        check_int(fields_table_print(&style, columns, array, file), 0);
        check(fclose(file) == 0);
        check_string(text,
                "NAME  STATE      FAILED   SIZE  PLATFORMS                DEPOTS  TIME\n"
                "a     published       2   1.5K  linux_amd64,linux_arm64  x,y     2026-11-23T04:05:06Z\n"
                "-     -               -      -  -                        -       -\n"
                "-     -               -      -  -                        -       -\n"
                "b     -               -  16.0E  -                        -       -\n");
        free(text);
}

static void test_parameters(void) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *object = NULL, *empty = NULL;

        check_int(parameters_new(&object, "depot", NULL, "package", "a/b", "version", NULL, NULL), 0);
        check_int(sd_json_variant_elements(object), 2);
        check_string(field_string(object, "package"), "a/b");
        check(!field_at(object, "depot"));
        check_int(parameters_new(&empty, "depot", NULL, NULL), 0);
        check(sd_json_variant_is_blank_object(empty));
}

static void test_plan_counts(void) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *plan =
                parse("[{\"action\":\"add\"},{\"action\":\"add\"},{\"action\":\"keep\"},{\"action\":"
                      "\"prune\"},{\"action\":\"?\"},{}]");
        PlanCounts counts = {}, kept = { .keep = 3 };
        char text[256], tiny[12];

        plan_counts_format(&counts, text, sizeof(text));
        check_string(text, "nothing to do");
        check(!plan_counts_changes(&counts));
        check(!plan_counts_changes(&kept));
        plan_counts_add(&counts, plan);
        plan_counts_add(&counts, NULL);
        plan_counts_format(&counts, text, sizeof(text));
        check_string(text, "2 to add, 1 to prune, 1 unchanged");
        check(plan_counts_changes(&counts));
        plan_counts_format(&counts, tiny, sizeof(tiny));
        check(strlen(tiny) < sizeof(tiny));
}

static void check_event(const char *json, const char *expected) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *event = parse(json);
        Style style = { .unicode = true };
        char *text = NULL;
        size_t size = 0;
        FILE *file = open_memstream(&text, &size);

        check(file);
        event_print(event, &style, file);
        check(fclose(file) == 0);
        check_string(text, expected);
        free(text);
}

static void test_events(void) {
        check_event("{\"type\":\"version\",\"time\":\"2026-11-23T04:05:06Z\",\"package\":\"hashicorp/aws\","
                    "\"version\":\"5.80.0\",\"state\":\"failed\",\"reason\":\"bad\\u001b[2J\\nfake line\"}",
                "2026-11-23T04:05:06Z version hashicorp/aws 5.80.0 failed: bad?[2J?fake line\n");
        check_event(
                "{\"type\":\"progress\",\"time\":\"T\",\"progress\":{\"packagesDone\":1,\"packagesTotal\":2,"
                "\"versionsDone\":3,\"versionsTotal\":4,\"bytes\":1048576}}",
                "T progress: 3/4 versions, 1/2 packages, 1.0M\n");
        check_event("{\"type\":\"done\",\"time\":\"T\",\"outcome\":{\"packages\":2,\"packagesFailed\":1,"
                    "\"versionsAdded\":3,\"versionsPruned\":1,\"versionsFailed\":2,\"bytes\":0,"
                    "\"durationUSec\":4200000}}",
                "T done: 3 added, 1 pruned, 2 failed; 1 of 2 packages complete; 0B in 4.2s\n");
        check_event("{}", "\n");
}

static void test_bar(void) {
        char bar[PROGRESS_BAR_SIZE];

        progress_bar(0, 10, 12, false, bar);
        check_string(bar, "[----------]");
        progress_bar(5, 10, 12, false, bar);
        check_string(bar, "[#####-----]");
        progress_bar(9, 10, 7, false, bar);
        check_string(bar, "[####-]");
        progress_bar(11, 10, 7, false, bar);
        check_string(bar, "[#####]");
        progress_bar(0, 0, 0, true, bar);
        check_string(bar, "[░]");
        progress_bar(UINT64_MAX, UINT64_MAX, UINT_MAX, true, bar);
        check(strlen(bar) < sizeof(bar));
        check_int(text_width(bar), 80);
}

int main(void) {
        Style style;

        style_init(&style, COLOR_NEVER, true); /* sets the locale */
        test_access();
        test_table();
        test_parameters();
        test_plan_counts();
        test_events();
        test_bar();
        return EXIT_SUCCESS;
}
