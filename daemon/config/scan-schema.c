#include "config/scan-schema.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/text.h"

#define TEXT_MAX 512

static int decode_choice(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        size_t before = problems->n_found;
        bool wanted = false;
        int r = schema_bool(field, node, &wanted, problems);

        if (r >= 0 && problems->n_found == before)
                *(Choice *) value = wanted ? CHOICE_YES : CHOICE_NO;
        return r;
}

static int decode_error_rule(
        const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        int r = schema_expect(field, node, YAML_TEXT, problems);

        if (r <= 0)
                return r;
        if (streq(node->text, "hold"))
                *(ScannerErrorRule *) value = SCANNER_ERROR_HOLD;
        else if (streq(node->text, "allow"))
                *(ScannerErrorRule *) value = SCANNER_ERROR_ALLOW;
        else
                return schema_problem(field, node, "'hold' or 'allow'", problems);
        return 0;
}

/* The end of a day in UTC, or a time. */
static bool parse_until(const char *text, uint64_t *ret) {
        char whole[sizeof("2026-12-31T00:00:00Z")];

        if (clock_parse(text, ret) >= 0)
                return true;
        if (strlen(text) != strlen("2026-12-31"))
                return false;
        (void) snprintf(whole, sizeof(whole), "%sT00:00:00Z", text);
        if (clock_parse(whole, ret) < 0)
                return false;
        *ret += USEC_PER_DAY;
        return true;
}

static int decode_until(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        int r = schema_expect(field, node, YAML_TEXT, problems);

        if (r <= 0)
                return r;
        if (parse_until(node->text, value))
                return 0;
        return schema_problem(
                field, node, "a day such as 2026-12-31 or a time such as 2026-12-31T12:00:00Z", problems);
}

static bool text_is_good(const char *text) {
        _cleanup_free_ char *line = text_line(text, TEXT_MAX);

        return line && streq(line, text);
}

#define TEXT_EXPECTED "one line of printable text without spaces around it, of up to 512 bytes"

static int decode_waiver(const YamlNode *node, ScanWaiver *waiver, Problems *problems) {
#define AT(member) .offset = offsetof(ScanWaiver, member)
        static const SchemaField fields[] = {
                { "id", schema_text, AT(id), .required = true, .check = text_is_good,
                        .expected = TEXT_EXPECTED },
                { "package", schema_text, AT(package), .check = text_is_good, .expected = TEXT_EXPECTED },
                { "component", schema_text, AT(component), .check = text_is_good,
                        .expected = TEXT_EXPECTED },
                { "until", decode_until, AT(until_usec) },
                { "reason", schema_text, AT(reason), .required = true, .check = text_is_good,
                        .expected = TEXT_EXPECTED },
                {},
        };
#undef AT

        waiver->until_usec = USEC_INFINITY;
        return schema_decode(fields, node, "an element of 'waivers'", waiver, problems);
}

static int decode_waivers(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        ScanPolicy *policy = value;
        int r;

        r = schema_expect(field, node, YAML_LIST, problems);
        if (r <= 0)
                return r;
        if (node->n_items > SCAN_WAIVERS_MAX)
                return problems_add(problems, node->line, node->column, "'%s' has more than %d elements",
                        field->name, SCAN_WAIVERS_MAX);
        for (size_t i = 0; i < node->n_items; i++) {
                ScanWaiver waiver = {};

                r = decode_waiver(node->items[i], &waiver, problems);
                if (r >= 0)
                        r = LIST_APPEND(policy->waivers, policy->n_waivers, waiver);
                if (r < 0) {
                        scan_waiver_clear(&waiver);
                        return r;
                }
        }
        return 0;
}

static int decode_paths(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        ScanPolicy *policy = value;

        if (node->type == YAML_LIST && node->n_items > SCAN_PATHS_MAX)
                return problems_add(problems, node->line, node->column, "'%s' has more than %d elements",
                        field->name, SCAN_PATHS_MAX);
        policy->has_paths = true;
        return schema_text_list(field, node, &policy->non_blocking_paths, problems);
}

#define AT(member) .offset = offsetof(ScanPolicy, member)
#define COMMON_FIELDS                                                                                       \
        { "blockOnCritical", decode_choice, AT(block_on_critical) },                                        \
                { "blockOnHigh", decode_choice, AT(block_on_high) },                                        \
                { "ignoreUnfixed", decode_choice, AT(ignore_unfixed) },                                     \
                { "onScannerError", decode_error_rule, AT(on_scanner_error) },                              \
                { .name = "waivers", .decode = decode_waivers }, {                                          \
                .name = "nonBlockingPaths", .decode = decode_paths, .check = text_is_good,                  \
                .expected = TEXT_EXPECTED                                                                   \
        }

static const SchemaField common_fields[] = {
        { "modules", decode_choice, AT(modules) },
        { "providers", decode_choice, AT(providers) },
        COMMON_FIELDS,
        {},
};

static const SchemaField module_fields[] = {
        { "enabled", decode_choice, AT(modules) },
        COMMON_FIELDS,
        {},
};

static const SchemaField provider_fields[] = {
        { "enabled", decode_choice, AT(providers) },
        COMMON_FIELDS,
        {},
};

#undef AT

int schema_scanning(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        return schema_decode(common_fields, node, "'scanning'", value, problems);
}

int schema_module_scanning(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        return schema_decode(module_fields, node, "'scanning'", value, problems);
}

int schema_provider_scanning(
        const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        return schema_decode(provider_fields, node, "'scanning'", value, problems);
}
