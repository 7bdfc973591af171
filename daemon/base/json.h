/* JSON documents (RFC 8259) with json-c: bounded parsing and typed access to hostile input. */
#pragma once

#include <json-c/json.h>

#include "base/util.h"

/* The deepest document that is accepted. */
#define JSON_DEPTH_MAX 32

typedef struct json_object json_object;

static inline json_object *json_unref(json_object *object) {
        if (object)
                json_object_put(object);
        return NULL;
}
DEFINE_CLEANUP(json_object *, json_unref)

/* Parses exactly one document of `size` bytes. Returns 0 or -EBADMSG; *ret_error (may be NULL) gets a static text. */
int json_parse(const char *data, size_t size, json_object **ret, const char **ret_error);

/* The member `key` of an object: 1 and the value when it is there with the right type, 0 (and *ret untouched) when it
 * is absent or null, -EBADMSG when the type is another. Strings are borrowed from the object and hold no NUL. */
int json_get_string(json_object *object, const char *key, const char **ret);
int json_get_bool(json_object *object, const char *key, bool *ret);
int json_get_uint64(json_object *object, const char *key, uint64_t *ret);
int json_get_array(json_object *object, const char *key, json_object **ret);
int json_get_object(json_object *object, const char *key, json_object **ret);

/* Add a member; the value is copied, or in json_set() taken over even on failure. Return 0 or -ENOMEM. */
int json_set(json_object *object, const char *key, json_object *value);
int json_set_string(json_object *object, const char *key, const char *value); /* NULL: no member */
int json_set_uint64(json_object *object, const char *key, uint64_t value);
/* An array of strings (base/list.h); leaves out one without elements. */
int json_set_strings(json_object *object, const char *key, char *const *strings);
int json_set_bool(json_object *object, const char *key, bool value);
int json_append(json_object *array, json_object *value);

/* The document as text with a final newline; `pretty` indents by two spaces. NULL when out of memory. */
char *json_format(json_object *object, bool pretty);

#define JSON_ARRAY_FOREACH(element, array)                                                                  \
        for (size_t _json_i = 0, _json_n = json_object_array_length(array);                                 \
                _json_i < _json_n && ((element) = json_object_array_get_idx((array), _json_i), true);       \
                _json_i++)
