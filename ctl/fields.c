#include "ctl/fields.h"

#include <stdarg.h>

#include "base/clock.h"
#include "base/text.h"

#define KEY_MAX 64

sd_json_variant *field_at(sd_json_variant *object, const char *path) {
        while (object && sd_json_variant_is_object(object)) {
                size_t length = strcspn(path, ".");
                char key[KEY_MAX];

                if (length >= sizeof(key))
                        return NULL;
                memcpy(key, path, length);
                key[length] = '\0';
                object = sd_json_variant_by_key(object, key);
                if (!path[length])
                        return object && !sd_json_variant_is_null(object) ? object : NULL;
                path += length + 1;
        }
        return NULL;
}

const char *field_string(sd_json_variant *object, const char *path) {
        sd_json_variant *member = field_at(object, path);

        return member && sd_json_variant_is_string(member) ? sd_json_variant_string(member) : "";
}

uint64_t field_unsigned(sd_json_variant *object, const char *path) {
        sd_json_variant *member = field_at(object, path);

        return member && sd_json_variant_is_unsigned(member) ? sd_json_variant_unsigned(member) : 0;
}

bool field_bool(sd_json_variant *object, const char *path) {
        sd_json_variant *member = field_at(object, path);

        return member && sd_json_variant_is_boolean(member) && sd_json_variant_boolean(member);
}

sd_json_variant *field_element(sd_json_variant *array, size_t i) {
        if (!array || !sd_json_variant_is_array(array) || i >= sd_json_variant_elements(array))
                return NULL;
        return sd_json_variant_by_index(array, i);
}

int fields_table_new(const Style *style, const FieldColumn *columns, Table **ret) {
        TableColumn plain[FIELDS_COLUMNS_MAX];
        size_t n = 0;

        for (; columns[n].path && n < FIELDS_COLUMNS_MAX; n++)
                plain[n] = columns[n].column;
        return table_new(style, plain, n, ret);
}

/* Strings of an array (or a member of its objects) with commas between them. */
static void add_list(Table *table, sd_json_variant *array, const char *member) {
        Buffer list = { .max = 4 * KIB };
        sd_json_variant *element;

        FIELD_FOREACH(element, array) {
                const char *text = member                               ? field_string(element, member)
                                   : sd_json_variant_is_string(element) ? sd_json_variant_string(element)
                                                                        : "";

                /* A longer list is cut off: it is for the eye. */
                if (!isempty(text) &&
                        buffer_append_format(&list, "%s%s", list.size > 0 ? "," : "", text) < 0)
                        break;
        }
        table_add(table, list.data, COLOR_NONE);
        buffer_clear(&list);
}

static void add_sizes(Table *table, sd_json_variant *array) {
        char text[FORMAT_SIZE_MAX];
        sd_json_variant *element;
        uint64_t total = 0;

        FIELD_FOREACH(element, array)
        if (__builtin_add_overflow(total, field_unsigned(element, "size"), &total))
                total = UINT64_MAX;
        format_size(total, text);
        table_add(table, total > 0 ? text : NULL, COLOR_NONE);
}

static void add_field(Table *table, const Style *style, const FieldColumn *column, sd_json_variant *object) {
        const char *string = field_string(object, column->path);
        _cleanup_free_ char *text = NULL;
        char number[24];
        uint64_t count;

        switch (column->format) {
        case FIELD_TEXT:
                table_add(table, string, column->color);
                break;
        case FIELD_STATE:
                table_add(table, string, state_color(string));
                break;
        case FIELD_COUNT:
                count = field_unsigned(object, column->path);
                (void) snprintf(number, sizeof(number), "%llu", (unsigned long long) count);
                table_add(table, count > 0 ? number : NULL, column->color);
                break;
        case FIELD_TIME:
                text = isempty(string) ? NULL
                                       : format_time(style, string, TIME_SHORT, clock_realtime_usec());
                table_add(table, text, column->color);
                break;
        case FIELD_LIST:
                add_list(table, field_at(object, column->path), NULL);
                break;
        case FIELD_ARTIFACTS_SIZE:
                add_sizes(table, field_at(object, column->path));
                break;
        case FIELD_PLATFORMS:
                add_list(table, field_at(object, column->path), "platform");
                break;
        case FIELD_DRIFT:
                add_list(table, field_at(object, column->path), "kind");
                break;
        }
}

void fields_table_add(
        Table *table, const Style *style, const FieldColumn *columns, sd_json_variant *object) {
        for (; columns->path; columns++)
                add_field(table, style, columns, object);
}

int fields_table_print(const Style *style, const FieldColumn *columns, sd_json_variant *array, FILE *file) {
        _cleanup_(table_freep) Table *table = NULL;
        sd_json_variant *element;
        int r;

        r = fields_table_new(style, columns, &table);
        if (r < 0)
                return r;
        FIELD_FOREACH(element, array)
        fields_table_add(table, style, columns, element);
        return table_print(table, file);
}

int parameters_new(sd_json_variant **ret, const char *name, ...) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *object = NULL;
        va_list arguments;
        int r;

        r = sd_json_build(&object, SD_JSON_BUILD_EMPTY_OBJECT);
        va_start(arguments, name);
        for (; r >= 0 && name; name = va_arg(arguments, const char *)) {
                const char *value = va_arg(arguments, const char *);

                if (value)
                        r = sd_json_variant_set_field_string(&object, name, value);
        }
        va_end(arguments);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(object);
        return 0;
}

static const char *const json_mode_table[_JSON_MODE_MAX] = {
        [JSON_OFF] = "off",
        [JSON_SHORT] = "short",
        [JSON_PRETTY] = "pretty",
};

JsonMode json_mode_from_string(const char *string) {
        for (JsonMode mode = 0; mode < _JSON_MODE_MAX; mode++)
                if (streq(json_mode_table[mode], string))
                        return mode;
        return _JSON_MODE_INVALID;
}

ExitStatus json_print(sd_json_variant *variant, JsonMode mode, const Style *style) {
        sd_json_format_flags_t flags = SD_JSON_FORMAT_NEWLINE;
        _cleanup_free_ char *text = NULL;
        int r;

        if (mode == JSON_PRETTY)
                flags |= SD_JSON_FORMAT_PRETTY;
        if (style->color)
                flags |= SD_JSON_FORMAT_COLOR;
        r = sd_json_variant_format(variant, flags, &text);
        if (r < 0)
                return report_errno(r, "cannot write JSON");
        for (const unsigned char *c = (const unsigned char *) text; *c; c++)
                if (*c == 0x7f)
                        (void) fputs("\\u007f", stdout);
                else if (*c == 0xc2 && c[1] >= 0x80 && c[1] <= 0x9f)
                        (void) fprintf(stdout, "\\u%04x", (unsigned) *++c);
                else
                        (void) fputc(*c, stdout);
        (void) fflush(stdout);
        return CTL_OK;
}
