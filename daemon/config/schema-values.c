/* The values of configuration that are more than text: numbers, durations, sizes, addresses, paths. */
#include <stdio.h>

#include "base/text.h"
#include "config/schema.h"

/* The longest address and path. */
#define URL_LENGTH_MAX 2048
#define PATH_LENGTH_MAX 1024

/* Decimal digits at *text, which moves behind them. Returns false if there are none or too many. */
static bool parse_digits(const char **text, uint64_t *ret) {
        const char *start = *text;
        uint64_t value = 0;

        for (; **text >= '0' && **text <= '9'; (*text)++)
                if (__builtin_mul_overflow(value, 10, &value) ||
                        __builtin_add_overflow(value, (uint64_t) (**text - '0'), &value))
                        return false;
        *ret = value;
        return *text > start;
}

static int out_of_bounds(const SchemaField *field, const YamlNode *node, Problems *problems) {
        char expected[96];

        (void) snprintf(expected, sizeof(expected), "between %llu and %llu", (unsigned long long) field->min,
                (unsigned long long) field->max);
        return schema_problem(field, node, expected, problems);
}

int schema_uint64(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        const char *text;
        uint64_t number;
        int r;

        r = schema_expect(field, node, YAML_INTEGER, problems);
        if (r <= 0)
                return r;
        text = node->text + (node->text[0] == '+');
        if (!parse_digits(&text, &number) || *text != '\0' || number < field->min || number > field->max)
                return out_of_bounds(field, node, problems);
        *(uint64_t *) value = number;
        return 0;
}

int schema_unsigned(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        uint64_t number = *(unsigned *) value;
        int r = schema_uint64(field, node, &number, problems);

        *(unsigned *) value = (unsigned) MIN_OF(number, (uint64_t) UINT32_MAX);
        return r;
}

typedef struct Unit {
        char letter;
        uint64_t factor;
} Unit;

static const Unit duration_units[] = {
        { 'd', USEC_PER_DAY },
        { 'h', 60 * USEC_PER_MINUTE },
        { 'm', USEC_PER_MINUTE },
        { 's', USEC_PER_SEC },
};
static const Unit size_units[] = {
        { 'G', GIB },
        { 'M', MIB },
        { 'K', KIB },
};

/* One number with an optional or required unit. */
static bool parse_part(const char **text, const Unit *units, size_t n_units, bool unit_required,
        size_t *ret_unit, uint64_t *ret) {
        uint64_t number;

        if (!parse_digits(text, &number))
                return false;
        for (size_t i = 0; i < n_units; i++)
                if (**text == units[i].letter) {
                        (*text)++;
                        *ret_unit = i;
                        return !__builtin_mul_overflow(number, units[i].factor, ret);
                }
        *ret_unit = n_units;
        *ret = number;
        return !unit_required;
}

/* "90s", "1h30m", and "15m0s", which Kubernetes makes of "15m": each unit once, large ones first. */
static bool parse_duration(const char *text, uint64_t *ret) {
        uint64_t total = 0;
        size_t next = 0;

        do {
                size_t unit;
                uint64_t part;

                if (!parse_part(&text, duration_units, ELEMENTSOF(duration_units), true, &unit, &part) ||
                        unit < next || __builtin_add_overflow(total, part, &total))
                        return false;
                next = unit + 1;
        } while (*text);
        *ret = total;
        return true;
}

static bool parse_size(const char *text, uint64_t *ret) {
        size_t unit;

        return parse_part(&text, size_units, ELEMENTSOF(size_units), false, &unit, ret) && *text == '\0';
}

/* The number in the largest unit that divides it. */
static void format_units(uint64_t number, const Unit *units, size_t n_units, char *ret, size_t size) {
        for (size_t i = 0; i < n_units; i++)
                if (number > 0 && number % units[i].factor == 0) {
                        (void) snprintf(ret, size, "%llu%c", (unsigned long long) (number / units[i].factor),
                                units[i].letter);
                        return;
                }
        (void) snprintf(ret, size, "%llu", (unsigned long long) number);
}

static int with_units(const SchemaField *field, const YamlNode *node, const Unit *units, size_t n_units,
        bool (*parse)(const char *, uint64_t *), const char *form, uint64_t *value, Problems *problems) {
        char min[24], max[24], expected[96];
        uint64_t number;
        int r;

        /* A size may be a bare number. */
        if (node->type != YAML_INTEGER) {
                r = schema_expect(field, node, YAML_TEXT, problems);
                if (r <= 0)
                        return r;
        }
        if (!parse(node->text, &number))
                return schema_problem(field, node, form, problems);
        if (number < field->min || number > field->max) {
                format_units(field->min, units, n_units, min, sizeof(min));
                format_units(field->max, units, n_units, max, sizeof(max));
                (void) snprintf(expected, sizeof(expected), "between %s and %s", min, max);
                return schema_problem(field, node, expected, problems);
        }
        *value = number;
        return 0;
}

int schema_duration(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        return with_units(field, node, duration_units, ELEMENTSOF(duration_units), parse_duration,
                "a duration such as 30s, 15m or 1h", value, problems);
}

int schema_size(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        return with_units(field, node, size_units, ELEMENTSOF(size_units), parse_size,
                "a size such as 512K, 32M or 4G", value, problems);
}

/* host, host:port or [address]:port; no user. */
static bool authority_is_valid(const char *text, size_t length) {
        const char *allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
        size_t host;

        if (length > 2 && text[0] == '[') {
                host = 1 + strspn(text + 1, "0123456789abcdefABCDEF:.");
                if (host == 1 || host >= length || text[host] != ']')
                        return false;
                host++;
        } else
                host = strspn(text, allowed);
        if (host == 0 || host > length)
                return false;
        if (host == length)
                return true;
        if (text[host] != ':' || length - host < 2 || length - host > 6)
                return false;
        return strspn(text + host + 1, "0123456789") == length - host - 1 &&
               atoi(text + host + 1) <= UINT16_MAX && atoi(text + host + 1) > 0;
}

static bool url_is_valid(const char *text, bool query) {
        const char *rest = startswith(text, "https://");
        size_t authority;

        if (!rest)
                rest = startswith(text, "http://");
        if (!rest || strnlen(text, URL_LENGTH_MAX + 1) > URL_LENGTH_MAX)
                return false;
        for (const char *c = text; *c; c++)
                if (*c <= ' ' || *c >= 0x7f || strchr("\"<>\\^`{|}", *c) || *c == '#' ||
                        (*c == '?' && !query))
                        return false;
        authority = strcspn(rest, "/?");
        return authority_is_valid(rest, authority);
}

static int decode_url(
        const SchemaField *field, const YamlNode *node, bool query, char **value, Problems *problems) {
        size_t length;
        int r;

        r = schema_expect(field, node, YAML_TEXT, problems);
        if (r <= 0)
                return r;
        /* Not repeated in a message that everybody may read. */
        if (strchr(node->text, '@'))
                return problems_add(problems, node->line, node->column,
                        "'%s' must not hold a user or password", field->name);
        if (!url_is_valid(node->text, query))
                return schema_problem(field, node,
                        query ? "an http:// or https:// address without user and fragment"
                              : "an http:// or https:// address without user, query and fragment",
                        problems);
        r = string_assign(value, node->text);
        if (r < 0)
                return r;
        for (length = strlen(*value); !query && (*value)[length - 1] == '/'; length--)
                (*value)[length - 1] = '\0';
        return 0;
}

int schema_base_url(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        return decode_url(field, node, false, value, problems);
}

int schema_document_url(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        return decode_url(field, node, true, value, problems);
}

static bool path_is_valid(const char *path) {
        if (path[0] != '/' || strnlen(path, PATH_LENGTH_MAX + 1) > PATH_LENGTH_MAX)
                return false;
        for (const char *part = path; *part; part += strcspn(part, "/")) {
                part += strspn(part, "/");
                if (startswith(part, "..") && (part[2] == '/' || part[2] == '\0'))
                        return false;
                if (startswith(part, ".") && (part[1] == '/' || part[1] == '\0'))
                        return false;
        }
        for (const char *c = path; *c; c++)
                if ((unsigned char) *c < ' ' || *c == 0x7f)
                        return false;
        return true;
}

int schema_path(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        _cleanup_free_ char *path = NULL;
        char **target = value, *to;
        int r;

        r = schema_expect(field, node, YAML_TEXT, problems);
        if (r <= 0)
                return r;
        if (!path_is_valid(node->text))
                return schema_problem(field, node, "an absolute path without '.' and '..'", problems);
        path = strdup(node->text);
        if (!path)
                return -ENOMEM;

        /* One spelling for one place: no doubled or final slashes. */
        to = path;
        for (const char *from = path; *from; from++)
                if (*from != '/' || (from[1] != '/' && from[1] != '\0'))
                        *to++ = *from;
        if (to == path)
                *to++ = '/';
        *to = '\0';
        free(*target);
        *target = TAKE_PTR(path);
        return 0;
}
