#include "model/place.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/text.h"

/* How much of a text from outside goes into a message. */
#define QUOTED_MAX 64

static const char *type_name(json_object *value) {
        switch (json_object_get_type(value)) {
        case json_type_boolean:
                return "true or false";
        case json_type_double:
        case json_type_int:
                return "a number";
        case json_type_object:
                return "an object";
        case json_type_array:
                return "an array";
        case json_type_string:
                return "a string";
        default:
                return "null";
        }
}

static const char *expected_name(enum json_type type) {
        switch (type) {
        case json_type_boolean:
                return "true or false";
        case json_type_int:
                return "a whole number";
        case json_type_object:
                return "an object";
        case json_type_array:
                return "an array";
        default:
                return "a string";
        }
}

static int append_quoted(Buffer *buffer, const char *text) {
        _cleanup_free_ char *shortened = strndup(text, QUOTED_MAX), *printable = NULL;

        if (!shortened)
                return -ENOMEM;
        printable = text_printable(shortened);
        if (!printable)
                return -ENOMEM;
        return buffer_append_format(
                buffer, "\"%s\"%s", printable, strlen(shortened) < strlen(text) ? "…" : "");
}

static int append_name(Buffer *buffer, const char *name) {
        int r;

        if (name[0] && strlen(name) <= QUOTED_MAX &&
                strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
                        strlen(name))
                return buffer_append_format(buffer, "%s%s", buffer->size > 0 ? "." : "", name);

        r = buffer_append(buffer, "[", 1);
        if (r >= 0)
                r = append_quoted(buffer, name);
        if (r >= 0)
                r = buffer_append(buffer, "]", 1);
        return r;
}

/* The depth is that of the code that reads, not of the document. */
static int append_place(Buffer *buffer, const Place *place) {
        int r;

        if (!place->parent)
                return place->name ? append_name(buffer, place->name) : 0;
        r = append_place(buffer, place->parent);
        if (r < 0)
                return r;
        if (place->name)
                return append_name(buffer, place->name);
        return buffer_append_format(buffer, "[%zu]", place->index);
}

static char **error_of(const Place *place) {
        while (place->parent)
                place = place->parent;
        return place->ret_error;
}

int place_refuse(const Place *place, const char *key, const char *format, ...) {
        _cleanup_free_ char *message = NULL;
        char **ret_error = error_of(place);
        Buffer where = {};
        va_list arguments;
        int r, length;

        if (!ret_error)
                return -EBADMSG;

        va_start(arguments, format);
        length = vasprintf(&message, format, arguments);
        va_end(arguments);
        if (length < 0) {
                message = NULL;
                return -ENOMEM;
        }
        r = append_place(&where, place);
        if (r >= 0 && key)
                r = append_name(&where, key);
        if (r >= 0)
                text_set(ret_error, "%s: %s", where.size > 0 ? where.data : "document", message);
        buffer_clear(&where);
        return r < 0 ? r : -EBADMSG;
}

int place_refuse_text(const Place *place, const char *key, const char *text, const char *message) {
        Buffer quoted = {};
        int r = append_quoted(&quoted, text);

        if (r >= 0)
                r = place_refuse(place, key, "%s %s", quoted.data, message);
        buffer_clear(&quoted);
        return r;
}

static int check_type(const Place *place, enum json_type type) {
        if (json_object_is_type(place->value, type))
                return 1;
        return place_refuse(
                place, NULL, "expected %s, found %s", expected_name(type), type_name(place->value));
}

int place_open(json_object *value, const char *name, enum json_type type, Place *ret, char **ret_error) {
        Place place = { .name = name, .value = value, .ret_error = ret_error };
        int r = check_type(&place, type);

        if (r > 0)
                *ret = place;
        return r;
}

int place_parse(const char *data, size_t size, const char *name, enum json_type type,
        json_object **ret_value, Place *ret, char **ret_error) {
        _cleanup_(json_unrefp) json_object *value = NULL;
        const char *error = NULL;
        int r;

        r = json_parse(data, size, &value, &error);
        if (r == -EBADMSG)
                return place_refuse(
                        &(Place) { .name = name, .ret_error = ret_error }, NULL, "%s", strempty(error));
        if (r < 0)
                return r;
        r = place_open(value, name, type, ret, ret_error);
        if (r > 0)
                *ret_value = TAKE_PTR(value);
        return r;
}

int place_member(const Place *object, const char *key, enum json_type type, PlaceNeed need, Place *ret) {
        Place member = { .parent = object, .name = key };
        bool present;
        int r;

        r = check_type(object, json_type_object);
        if (r < 0)
                return r;
        present = json_object_object_get_ex(object->value, key, &member.value);
        if (!member.value && need == PLACE_OPTIONAL)
                return 0;
        if (!present)
                return place_refuse(&member, NULL, "missing");
        r = check_type(&member, type);
        if (r > 0)
                *ret = member;
        return r;
}

int place_element(const Place *array, size_t index, enum json_type type, Place *ret) {
        Place element = {
                .parent = array,
                .index = index,
                .value = json_object_array_get_idx(array->value, index),
        };
        int r = check_type(&element, type);

        if (r > 0)
                *ret = element;
        return r;
}

int place_array(const Place *object, const char *key, size_t max, PlaceNeed need, Place *ret) {
        Place array;
        int r;

        r = place_member(object, key, json_type_array, need, &array);
        if (r <= 0)
                return r;
        if (json_object_array_length(array.value) > max)
                return place_refuse(&array, NULL, "%zu elements, at most %zu are accepted",
                        json_object_array_length(array.value), max);
        *ret = array;
        return 1;
}

int place_text(const Place *place, const char **ret) {
        const char *text;
        int r;

        r = check_type(place, json_type_string);
        if (r < 0)
                return r;
        text = json_object_get_string(place->value);
        if (!text)
                return -ENOMEM;
        if (strlen(text) != (size_t) json_object_get_string_len(place->value))
                return place_refuse(place, NULL, "contains a NUL byte");
        *ret = text;
        return 1;
}

int place_string(const Place *object, const char *key, PlaceNeed need, const char **ret) {
        Place member;
        int r;

        r = place_member(object, key, json_type_string, need, &member);
        return r > 0 ? place_text(&member, ret) : r;
}

static int refuse_kind(const Place *place, const char *key, const char *string, const char *what) {
        _cleanup_free_ char *message = NULL;

        if (asprintf(&message, "is not %s", what) < 0) {
                message = NULL;
                return -ENOMEM;
        }
        return place_refuse_text(place, key, string, message);
}

int place_copy(const Place *object, const char *key, PlaceNeed need, bool (*is_valid)(const char *string),
        const char *what, char **ret) {
        const char *string;
        char *copy;
        int r;

        r = place_string(object, key, need, &string);
        if (r <= 0)
                return r;
        if (is_valid && !is_valid(string))
                return refuse_kind(object, key, string, what);
        copy = strdup(string);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 1;
}

int place_strings(const Place *object, const char *key, size_t max, PlaceNeed need,
        bool (*is_valid)(const char *string), const char *what, char ***strings) {
        Place array, element;
        const char *text;
        int r;

        r = place_array(object, key, max, need, &array);
        if (r <= 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(array.value); i++) {
                r = place_element(&array, i, json_type_string, &element);
                if (r >= 0)
                        r = place_text(&element, &text);
                if (r < 0)
                        return r;
                if (is_valid && !is_valid(text))
                        return refuse_kind(&element, NULL, text, what);
                r = strings_append(strings, text);
                if (r < 0)
                        return r;
        }
        return 1;
}

int place_uint64(const Place *object, const char *key, uint64_t max, PlaceNeed need, uint64_t *ret) {
        Place member;
        uint64_t value;
        int r;

        r = place_member(object, key, json_type_int, need, &member);
        if (r <= 0)
                return r;
        /* The signed reading saturates, so only what is negative is below zero. */
        if (json_object_get_int64(member.value) < 0)
                return place_refuse(&member, NULL, "is negative");
        value = json_object_get_uint64(member.value);
        if (value > max)
                return place_refuse(&member, NULL, "%llu is too large, at most %llu is accepted",
                        (unsigned long long) value, (unsigned long long) max);
        *ret = value;
        return 1;
}

int place_bool(const Place *object, const char *key, PlaceNeed need, bool *ret) {
        Place member;
        int r;

        r = place_member(object, key, json_type_boolean, need, &member);
        if (r > 0)
                *ret = json_object_get_boolean(member.value);
        return r;
}

int place_version(const Place *object, const char *key, PlaceNeed need, Version **ret) {
        _cleanup_(version_freep) Version *version = NULL;
        const char *text;
        int r;

        r = place_string(object, key, need, &text);
        if (r <= 0)
                return r;
        r = version_parse(text, &version);
        if (r == -EINVAL || (r >= 0 && !streq(version_string(version), text)))
                return place_refuse_text(object, key, text, "is not a normalised version");
        if (r < 0)
                return r;
        *ret = TAKE_PTR(version);
        return 1;
}

int place_time(const Place *object, const char *key, PlaceNeed need, uint64_t *ret_usec) {
        const char *text;
        int r;

        r = place_string(object, key, need, &text);
        if (r <= 0)
                return r;
        if (clock_parse(text, ret_usec) < 0)
                return place_refuse_text(object, key, text, "is not a time as in RFC 3339");
        return 1;
}
