#include "config/schema.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>

#include "base/list.h"

/* A key as far from the right one as this is compared at all. */
#define SUGGESTION_LENGTH_MAX 48

/* Edit distance with transpositions of neighbours, upper and lower case alike. */
static size_t text_distance(const char *a, const char *b) {
        size_t rows[3][SUGGESTION_LENGTH_MAX + 1], n = strlen(a), m = strlen(b);
        size_t *before = rows[0], *last = rows[1], *row = rows[2];

        if (n > SUGGESTION_LENGTH_MAX || m > SUGGESTION_LENGTH_MAX)
                return SIZE_MAX;
        for (size_t j = 0; j <= m; j++)
                last[j] = j;
        for (size_t i = 1; i <= n; i++) {
                size_t *oldest = before;

                row[0] = i;
                for (size_t j = 1; j <= m; j++) {
                        int x = tolower((unsigned char) a[i - 1]), y = tolower((unsigned char) b[j - 1]);

                        row[j] = MIN_OF(last[j] + 1, row[j - 1] + 1);
                        row[j] = MIN_OF(row[j], last[j - 1] + (x != y));
                        if (i > 1 && j > 1 && x == tolower((unsigned char) b[j - 2]) &&
                                y == tolower((unsigned char) a[i - 2]))
                                row[j] = MIN_OF(row[j], before[j - 2] + 1);
                }
                before = last;
                last = row;
                row = oldest;
        }
        return last[m];
}

static const char *suggest_key(const SchemaField *fields, const char *key) {
        size_t nearest = SIZE_MAX;
        const char *name = NULL;

        for (const SchemaField *field = fields; field->name; field++) {
                size_t distance = text_distance(key, field->name);
                size_t longest = MAX_OF(strlen(key), strlen(field->name));

                /* A third may differ, but never all of it. */
                if (distance < nearest && distance <= (longest + 2) / 3 && distance < strlen(field->name)) {
                        nearest = distance;
                        name = field->name;
                }
        }
        return name;
}

static int unknown_key(const SchemaField *fields, const YamlNode *key, Problems *problems) {
        _cleanup_free_ char *excerpt = problem_excerpt(key->text);
        const char *suggestion = suggest_key(fields, key->text);

        if (!excerpt)
                return -ENOMEM;
        if (suggestion)
                return problems_add(problems, key->line, key->column, "unknown key '%s', did you mean '%s'?",
                        excerpt, suggestion);
        return problems_add(problems, key->line, key->column, "unknown key '%s'", excerpt);
}

static const SchemaField *find_field(const SchemaField *fields, const char *name) {
        for (const SchemaField *field = fields; field->name; field++)
                if (streq(field->name, name))
                        return field;
        return NULL;
}

int schema_decode(const SchemaField *fields, const YamlNode *node, const char *what, void *target,
        Problems *problems) {
        uint64_t seen = 0;
        int r;

        if (node->type != YAML_MAPPING)
                return problems_add(problems, node->line, node->column, "%s must be a mapping, not %s", what,
                        yaml_type_describe(node->type));

        for (size_t i = 0; i + 1 < node->n_items; i += 2) {
                const YamlNode *key = node->items[i], *value = node->items[i + 1];
                const SchemaField *field = find_field(fields, key->text);

                if (!field) {
                        r = unknown_key(fields, key, problems);
                        if (r < 0)
                                return r;
                        continue;
                }
                if (value->type == YAML_NULL)
                        continue;
                assert(field - fields < SCHEMA_FIELDS_MAX);
                seen |= UINT64_C(1) << (field - fields);
                if (!field->decode)
                        continue;
                r = field->decode(field, value, (char *) target + field->offset, problems);
                if (r < 0)
                        return r;
        }

        for (const SchemaField *field = fields; field->name; field++) {
                if (!field->required || (seen & UINT64_C(1) << (field - fields)))
                        continue;
                r = problems_add(
                        problems, node->line, node->column, "%s lacks the key '%s'", what, field->name);
                if (r < 0)
                        return r;
        }
        return 0;
}

int schema_problem(
        const SchemaField *field, const YamlNode *node, const char *expected, Problems *problems) {
        _cleanup_free_ char *excerpt = problem_excerpt(node->text);

        if (!excerpt)
                return -ENOMEM;
        return problems_add(problems, node->line, node->column, "'%s' must be %s, not '%s'", field->name,
                expected, excerpt);
}

int schema_expect(const SchemaField *field, const YamlNode *node, YamlType type, Problems *problems) {
        static const char *const expected[_YAML_TYPE_MAX] = {
                [YAML_NULL] = "empty",
                [YAML_BOOL] = "true or false",
                [YAML_INTEGER] = "a whole number",
                [YAML_FLOAT] = "a number",
                [YAML_TEXT] = "text",
                [YAML_LIST] = "a list",
                [YAML_MAPPING] = "a mapping",
        };
        bool quotes = type == YAML_TEXT && node->type < YAML_TEXT;
        int r;

        if (node->type == type)
                return 1;
        r = problems_add(problems, node->line, node->column, "'%s' must be %s, not %s%s", field->name,
                expected[type], yaml_type_describe(node->type), quotes ? " (write it in quotes)" : "");
        return r < 0 ? r : 0;
}

int schema_mapping(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        char what[64];

        (void) snprintf(what, sizeof(what), "'%s'", field->name);
        return schema_decode(field->fields, node, what, value, problems);
}

int schema_node(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        *(const YamlNode **) value = node;
        return 0;
}

/* Whether the node is text that the field accepts. Returns 1, 0 (a problem was added) or -ENOMEM. */
static int check_text(const SchemaField *field, const YamlNode *node, Problems *problems) {
        int r = schema_expect(field, node, YAML_TEXT, problems);

        if (r <= 0)
                return r;
        if (field->check && !field->check(node->text))
                return schema_problem(field, node, field->expected, problems);
        if (isempty(node->text))
                return problems_add(
                        problems, node->line, node->column, "'%s' must not be empty", field->name);
        return 1;
}

int schema_text(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        int r = check_text(field, node, problems);

        return r > 0 ? string_assign(value, node->text) : r;
}

int schema_text_list(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        _cleanup_(strings_freep) char **strings = NULL;
        char ***list = value;
        int r;

        r = schema_expect(field, node, YAML_LIST, problems);
        if (r <= 0)
                return r;
        for (size_t i = 0; i < node->n_items; i++) {
                r = check_text(field, node->items[i], problems);
                if (r < 0)
                        return r;
                if (r > 0 && !strings_contain(strings, node->items[i]->text)) {
                        r = strings_append(&strings, node->items[i]->text);
                        if (r < 0)
                                return r;
                }
        }
        strings_free(*list);
        *list = TAKE_PTR(strings);
        return 0;
}

int schema_text_map(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        int r = schema_expect(field, node, YAML_MAPPING, problems);

        if (r <= 0)
                return r;
        for (size_t i = 1; i < node->n_items; i += 2) {
                _cleanup_free_ char *excerpt = NULL;
                SchemaField entry = {};

                if (node->items[i]->type == YAML_TEXT)
                        continue;
                excerpt = problem_excerpt(node->items[i - 1]->text);
                if (!excerpt)
                        return -ENOMEM;
                entry.name = excerpt;
                r = schema_expect(&entry, node->items[i], YAML_TEXT, problems);
                if (r < 0)
                        return r;
        }
        return 0;
}

int schema_bool(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        int r = schema_expect(field, node, YAML_BOOL, problems);

        if (r > 0)
                *(bool *) value = node->text[0] == 't' || node->text[0] == 'T';
        return MIN_OF(r, 0);
}
