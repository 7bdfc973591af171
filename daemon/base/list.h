/* Growing arrays of plain values: the caller keeps the pointer and the count, this keeps the capacity at powers
 * of two, so no capacity has to be stored. */
#pragma once

#include "base/util.h"

/* Makes room for one element more. `array` points at the caller's pointer. Returns 0 or -ENOMEM / -EOVERFLOW. */
int list_grow(void *array, size_t count, size_t element_size);

/* Appends one value: LIST_APPEND(items, n_items, value). Evaluates to 0 or a negative errno. */
#define LIST_APPEND(array, count, value)                                                                    \
        ({                                                                                                  \
                int _list_r = list_grow(&(array), (count), sizeof(*(array)));                               \
                if (_list_r >= 0)                                                                           \
                        (array)[(count)++] = (value);                                                       \
                _list_r;                                                                                    \
        })

/* Searches a sorted array, as bsearch(3) does: `compare(key, element)`. Returns true and where it is, or false and where it
 * belongs. */
bool list_find_position(const void *array, size_t count, size_t element_size, const void *key,
        int (*compare)(const void *key, const void *element), size_t *ret);

/* A NULL-terminated array of strings. */
char **strings_free(char **strings);
DEFINE_CLEANUP(char **, strings_free)
size_t strings_length(char *const *strings);
bool strings_contain(char *const *strings, const char *string);
bool strings_equal(char *const *a, char *const *b);
/* Appends a copy. Returns 0 or -ENOMEM. */
int strings_append(char ***strings, const char *string);
