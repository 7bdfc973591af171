/* Reading documents that came from outside: typed access to the members of a JSON value, with messages that name the
 * place: "releases[3].tag_name: expected a string, found null". */
#pragma once

#include "base/json.h"
#include "base/util.h"
#include "model/version.h"

typedef struct Place Place;

/* A value of a document and the way to it. Lives on the stack; borrows everything, its parent included. */
struct Place {
        const Place *parent; /* NULL: the whole document */
        const char *name; /* of the member, or of the whole document (NULL: it has none); NULL: an element */
        size_t index;     /* of the element */
        json_object *value;
        char **ret_error; /* of the whole document; may be NULL */
};

typedef enum PlaceNeed {
        PLACE_OPTIONAL, /* absent and null are the same */
        PLACE_REQUIRED,
} PlaceNeed;

/* All return 1 when the value is there, 0 when it is optional and absent (then *ret is untouched), and -EBADMSG, with
 * the message set, when it is not what it must be. */

/* Parses the document; *ret_value owns it, *ret borrows it. `name` begins each message. */
int place_parse(const char *data, size_t size, const char *name, enum json_type type,
        json_object **ret_value, Place *ret, char **ret_error);
/* The same for a value that is there already. */
int place_open(json_object *value, const char *name, enum json_type type, Place *ret, char **ret_error);

int place_member(const Place *object, const char *key, enum json_type type, PlaceNeed need, Place *ret);
int place_element(const Place *array, size_t index, enum json_type type, Place *ret);
/* An array with at most `max` elements. */
int place_array(const Place *object, const char *key, size_t max, PlaceNeed need, Place *ret);

/* A borrowed string without NUL. */
int place_string(const Place *object, const char *key, PlaceNeed need, const char **ret);
/* A copy of a string for which `is_valid` (NULL: any will do) holds; `what` ends the message "… is not a file name". */
int place_copy(const Place *object, const char *key, PlaceNeed need, bool (*is_valid)(const char *string),
        const char *what, char **ret);
int place_uint64(const Place *object, const char *key, uint64_t max, PlaceNeed need, uint64_t *ret);
int place_bool(const Place *object, const char *key, PlaceNeed need, bool *ret);
/* Appends copies of the elements of an array of at most `max` strings to a list (base/list.h); `is_valid` and `what` as
 * above. */
int place_strings(const Place *object, const char *key, size_t max, PlaceNeed need,
        bool (*is_valid)(const char *string), const char *what, char ***strings);
/* A version in its normal form. */
int place_version(const Place *object, const char *key, PlaceNeed need, Version **ret);
/* RFC 3339. */
int place_time(const Place *object, const char *key, PlaceNeed need, uint64_t *ret_usec);

/* The string that this place is. */
int place_text(const Place *place, const char **ret);

/* Refuses the member `key` of the place (NULL: the place itself): sets the message and returns -EBADMSG. */
int place_refuse(const Place *place, const char *key, const char *format, ...) _printf_(3, 4);
/* The same with a text that came from outside, shortened and quoted before the message. */
int place_refuse_text(const Place *place, const char *key, const char *text, const char *message);
