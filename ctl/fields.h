/* Members of the daemon's answers, and tables made of them. What is absent or has another type than it should is an
 * empty value: an answer of a newer or older daemon is shown as far as it is understood. */
#pragma once

#include <systemd/sd-json.h>

#include "base/util.h"
#include "ctl/client.h"
#include "ctl/table.h"

#define FIELDS_COLUMNS_MAX 16

/* The member at a path like "versions.published", or NULL. Borrowed. */
sd_json_variant *field_at(sd_json_variant *object, const char *path);
const char *field_string(sd_json_variant *object, const char *path); /* never NULL */
uint64_t field_unsigned(sd_json_variant *object, const char *path);
bool field_bool(sd_json_variant *object, const char *path);

/* The element at an index; NULL beyond the last one, and of anything that is no array. Borrowed. */
sd_json_variant *field_element(sd_json_variant *array, size_t i);

#define FIELD_FOREACH(element, array)                                                                       \
        for (size_t element##_i = 0; ((element) = field_element((array), element##_i)); element##_i++)

typedef enum FieldFormat {
        FIELD_TEXT,
        FIELD_STATE, /* in its own colour */
        FIELD_COUNT, /* 0 is an empty cell */
        FIELD_TIME,
        FIELD_LIST,           /* strings with commas between them */
        FIELD_ARTIFACTS_SIZE, /* the sum of the member "size" of an array */
        FIELD_PLATFORMS,      /* the members "platform" of an array */
        FIELD_DRIFT,          /* the members "kind" of an array */
} FieldFormat;

typedef struct FieldColumn {
        TableColumn column;
        const char *path;
        FieldFormat format;
        Color color; /* of a text or count */
} FieldColumn;

/* A table, and a row of it from one object; at most FIELDS_COLUMNS_MAX columns. The end of the array has no path. */
int fields_table_new(const Style *style, const FieldColumn *columns, Table **ret);
void fields_table_add(Table *table, const Style *style, const FieldColumn *columns, sd_json_variant *object);
/* Makes and prints a table of the objects in an array. Returns 0 or -ENOMEM. */
int fields_table_print(const Style *style, const FieldColumn *columns, sd_json_variant *array, FILE *file);

/* An object of those of the named strings that are not NULL, as parameters of a call. Pairs of name and value, ended by
 * NULL. Returns 0 or a negative errno. */
int parameters_new(sd_json_variant **ret, const char *name, ...) __attribute__((sentinel));

typedef enum JsonMode {
        JSON_OFF,
        JSON_SHORT,
        JSON_PRETTY,
        _JSON_MODE_MAX,
        _JSON_MODE_INVALID = -EINVAL,
} JsonMode;

JsonMode json_mode_from_string(const char *string); /* "off", "short", "pretty" */

/* Writes a JSON text and a newline to standard output; control characters that JSON allows unescaped are escaped. */
ExitStatus json_print(sd_json_variant *variant, JsonMode mode, const Style *style);
