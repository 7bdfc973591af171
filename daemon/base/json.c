#include "base/json.h"

#include <limits.h>

#include "base/list.h"
#include "base/text.h"

/* Parses one document; text may follow it when `ret_end` is given. NULL and an error if it is malformed. */
static json_object *parse_document(
        const char *data, size_t size, int flags, size_t *ret_end, const char **ret_error) {
        struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
        json_object *object;

        if (!tokener) {
                *ret_error = "out of memory";
                return NULL;
        }
        json_tokener_set_flags(tokener, flags);
        object = json_tokener_parse_ex(tokener, data, (int) size);
        if (!object) {
                enum json_tokener_error code = json_tokener_get_error(tokener);

                *ret_error = code == json_tokener_continue  ? "truncated"
                             : code == json_tokener_success ? "null document"
                                                            : json_tokener_error_desc(code);
        }
        *ret_end = json_tokener_get_parse_end(tokener);
        json_tokener_free(tokener);
        return object;
}

/* The strict mode of json-c 0.18 takes every byte above 0x7f for a control character. Such bytes can only stand in
 * strings, so the strictness is checked on a copy in which they are plain letters, and the values come from a second
 * reading that is not strict. Its own check of the UTF-8 lets overlong forms and surrogates pass, which other programs
 * refuse. */
static int check_grammar(const char *data, size_t size, const char **ret_error) {
        _cleanup_free_ char *copy = NULL;
        json_object *object;
        size_t end;

        if (!text_is_utf8(data, size)) {
                *ret_error = "invalid UTF-8";
                return -EBADMSG;
        }
        copy = malloc(size);
        if (!copy)
                return -ENOMEM;
        for (size_t i = 0; i < size; i++)
                copy[i] = data[i] & (char) 0x80 ? '~' : data[i];
        object = parse_document(copy, size, JSON_TOKENER_STRICT, &end, ret_error);
        if (!object)
                return -EBADMSG;
        json_object_put(object);
        return 0;
}

static bool is_ascii(const char *data, size_t size) {
        for (size_t i = 0; i < size; i++)
                if (data[i] & (char) 0x80)
                        return false;
        return true;
}

int json_parse(const char *data, size_t size, json_object **ret, const char **ret_error) {
        int flags = JSON_TOKENER_STRICT, r;
        json_object *object;
        const char *error = NULL;
        size_t end;

        if (!ret_error)
                ret_error = &error;
        if (size > INT_MAX) {
                *ret_error = "too large";
                return -EBADMSG;
        }
        if (!is_ascii(data, size)) {
                r = check_grammar(data, size, ret_error);
                if (r < 0)
                        return r;
                flags = 0;
        }

        object = parse_document(data, size, flags, &end, ret_error);
        if (!object)
                return -EBADMSG;
        /* White space may follow, text may not. */
        for (size_t i = end; i < size; i++)
                if (!strchr(" \t\r\n", data[i]) || data[i] == '\0') {
                        json_object_put(object);
                        *ret_error = "text after the document";
                        return -EBADMSG;
                }
        *ret = object;
        return 0;
}

static int get_member(json_object *object, const char *key, enum json_type type, json_object **ret) {
        json_object *value;

        if (!json_object_is_type(object, json_type_object))
                return -EBADMSG;
        if (!json_object_object_get_ex(object, key, &value) || !value)
                return 0;
        if (!json_object_is_type(value, type))
                return -EBADMSG;
        *ret = value;
        return 1;
}

int json_get_string(json_object *object, const char *key, const char **ret) {
        json_object *value;
        int r = get_member(object, key, json_type_string, &value);

        if (r <= 0)
                return r;
        if (strlen(json_object_get_string(value)) != (size_t) json_object_get_string_len(value))
                return -EBADMSG;
        *ret = json_object_get_string(value);
        return 1;
}

int json_get_bool(json_object *object, const char *key, bool *ret) {
        json_object *value;
        int r = get_member(object, key, json_type_boolean, &value);

        if (r > 0)
                *ret = json_object_get_boolean(value);
        return r;
}

int json_get_uint64(json_object *object, const char *key, uint64_t *ret) {
        json_object *value;
        int r = get_member(object, key, json_type_int, &value);

        if (r <= 0)
                return r;
        if (json_object_get_int64(value) < 0)
                return -EBADMSG;
        *ret = json_object_get_uint64(value);
        return 1;
}

int json_get_array(json_object *object, const char *key, json_object **ret) {
        return get_member(object, key, json_type_array, ret);
}

int json_get_object(json_object *object, const char *key, json_object **ret) {
        return get_member(object, key, json_type_object, ret);
}

int json_set(json_object *object, const char *key, json_object *value) {
        if (!value)
                return -ENOMEM;
        if (json_object_object_add(object, key, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

int json_set_string(json_object *object, const char *key, const char *value) {
        return value ? json_set(object, key, json_object_new_string(value)) : 0;
}

int json_set_uint64(json_object *object, const char *key, uint64_t value) {
        return json_set(object, key, json_object_new_uint64(value));
}

int json_set_bool(json_object *object, const char *key, bool value) {
        return json_set(object, key, json_object_new_boolean(value));
}

int json_append(json_object *array, json_object *value) {
        if (!value)
                return -ENOMEM;
        if (json_object_array_add(array, value) < 0) {
                json_object_put(value);
                return -ENOMEM;
        }
        return 0;
}

char *json_format(json_object *object, bool pretty) {
        int flags = JSON_C_TO_STRING_NOSLASHESCAPE |
                    (pretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED : JSON_C_TO_STRING_PLAIN);
        size_t length;
        const char *text = json_object_to_json_string_length(object, flags, &length);
        char *copy;

        if (!text)
                return NULL;
        copy = malloc(length + 2);
        if (!copy)
                return NULL;
        memcpy(copy, text, length);
        memcpy(copy + length, "\n", 2);
        return copy;
}

int json_set_strings(json_object *object, const char *key, char *const *strings) {
        _cleanup_(json_unrefp) json_object *array = NULL;
        int r;

        if (!strings || !*strings)
                return 0;
        array = json_object_new_array_ext((int) strings_length(strings));
        if (!array)
                return -ENOMEM;
        for (; *strings; strings++) {
                r = json_append(array, json_object_new_string(*strings));
                if (r < 0)
                        return r;
        }
        return json_set(object, key, TAKE_PTR(array));
}
