/* Small helpers used everywhere: cleanup attributes, ownership transfer, array sizes. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ELEMENTSOF(array) (sizeof(array) / sizeof((array)[0]))
#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_DAY (24 * 60 * USEC_PER_MINUTE)
#define KIB (UINT64_C(1024))
#define MIB (UINT64_C(1024) * KIB)
#define GIB (UINT64_C(1024) * MIB)

#define _printf_(string, first) __attribute__((format(printf, string, first)))
#define _cleanup_(function) __attribute__((cleanup(function)))
#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_close_ _cleanup_(closep)

/* Hands the value over and leaves the variable empty, so that its cleanup does nothing. */
#define TAKE_GENERIC(variable, empty)                                                                       \
        ({                                                                                                  \
                typeof(variable) *_take_from = &(variable);                                                 \
                typeof(variable) _taken = *_take_from;                                                      \
                *_take_from = (empty);                                                                      \
                _taken;                                                                                     \
        })
#define TAKE_PTR(pointer) TAKE_GENERIC(pointer, NULL)
#define TAKE_FD(fd) TAKE_GENERIC(fd, -EBADF)

/* Defines name##p() for _cleanup_(), where name() is a destructor that takes NULL. */
#define DEFINE_CLEANUP(type, name)                                                                          \
        static inline void name##p(type *pointer) {                                                         \
                if (*pointer)                                                                               \
                        name(*pointer);                                                                     \
        }

static inline void freep(void *pointer) {
        free(*(void **) pointer);
}

/* Closes a descriptor, keeps errno and returns -EBADF to be assigned back. */
static inline int close_fd(int fd) {
        if (fd >= 0) {
                int saved = errno;
                (void) close(fd);
                errno = saved;
        }
        return -EBADF;
}

static inline void closep(int *fd) {
        close_fd(*fd);
}

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}

/* Equal, where NULL equals only NULL. */
static inline bool streq_ptr(const char *a, const char *b) {
        return a && b ? streq(a, b) : a == b;
}

static inline bool isempty(const char *string) {
        return !string || !string[0];
}

static inline const char *strempty(const char *string) {
        return string ? string : "";
}

/* The rest of the string after the prefix, or NULL if it does not start with it. */
static inline const char *startswith(const char *string, const char *prefix) {
        size_t length = strlen(prefix);
        return strncmp(string, prefix, length) == 0 ? string + length : NULL;
}

static inline bool endswith(const char *string, const char *suffix) {
        size_t length = strlen(string), suffix_length = strlen(suffix);
        return length >= suffix_length && streq(string + length - suffix_length, suffix);
}

/* Replaces *string by a copy of value (NULL clears it). Returns 0 or -ENOMEM, then *string is unchanged. */
static inline int string_assign(char **string, const char *value) {
        char *copy = NULL;

        if (value) {
                copy = strdup(value);
                if (!copy)
                        return -ENOMEM;
        }
        free(*string);
        *string = copy;
        return 0;
}

/* errno of the call that just failed, as a negative result; never 0. */
static inline int negative_errno(void) {
        return errno > 0 ? -errno : -EIO;
}
