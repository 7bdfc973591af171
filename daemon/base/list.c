#include "base/list.h"

int list_grow(void *array, size_t count, size_t element_size) {
        size_t size;
        void *grown;

        /* Full exactly when the count is zero or a power of two. */
        if (count > 0 && (count & (count - 1)) != 0)
                return 0;

        if (__builtin_mul_overflow(count, 2, &size) ||
                __builtin_mul_overflow(MAX_OF(size, (size_t) 1), element_size, &size))
                return -EOVERFLOW;
        grown = realloc(*(void **) array, size);
        if (!grown)
                return -ENOMEM;
        *(void **) array = grown;
        return 0;
}

bool list_find_position(const void *array, size_t count, size_t element_size, const void *key,
        int (*compare)(const void *key, const void *element), size_t *ret) {
        size_t first = 0, end = count;

        while (first < end) {
                size_t middle = first + (end - first) / 2;
                int order = compare(key, (const uint8_t *) array + middle * element_size);

                if (order == 0) {
                        *ret = middle;
                        return true;
                }
                if (order > 0)
                        first = middle + 1;
                else
                        end = middle;
        }
        *ret = first;
        return false;
}

char **strings_free(char **strings) {
        if (!strings)
                return NULL;
        for (char **string = strings; *string; string++)
                free(*string);
        free(strings);
        return NULL;
}

size_t strings_length(char *const *strings) {
        size_t n = 0;

        while (strings && strings[n])
                n++;
        return n;
}

bool strings_contain(char *const *strings, const char *string) {
        for (; strings && *strings; strings++)
                if (streq(*strings, string))
                        return true;
        return false;
}

bool strings_equal(char *const *a, char *const *b) {
        size_t n = strings_length(a);

        if (n != strings_length(b))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!streq(a[i], b[i]))
                        return false;
        return true;
}

int strings_append(char ***strings, const char *string) {
        size_t n = strings_length(*strings);
        _cleanup_free_ char *copy = strdup(string);
        char **grown;

        if (!copy)
                return -ENOMEM;
        grown = reallocarray(*strings, n + 2, sizeof(char *));
        if (!grown)
                return -ENOMEM;
        grown[n] = TAKE_PTR(copy);
        grown[n + 1] = NULL;
        *strings = grown;
        return 0;
}
