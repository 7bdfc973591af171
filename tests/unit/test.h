/* What the unit tests share: checks that name the place and both values, and the place of the recorded data. */
#pragma once

#include <stdio.h>
#include <time.h>

#include "base/util.h"

static inline void test_fail(const char *file, int line, const char *what) {
        (void) fprintf(stderr, "%s:%d: check failed: %s\n", file, line, what);
        exit(EXIT_FAILURE);
}

#define check(expression)                                                                                   \
        do {                                                                                                \
                if (!(expression))                                                                          \
                        test_fail(__FILE__, __LINE__, #expression);                                         \
        } while (false)

#define check_int(a, b)                                                                                     \
        do {                                                                                                \
                long long _a = (long long) (a), _b = (long long) (b);                                       \
                if (_a != _b) {                                                                             \
                        (void) fprintf(stderr, "%lld != %lld\n", _a, _b);                                   \
                        test_fail(__FILE__, __LINE__, #a " == " #b);                                        \
                }                                                                                           \
        } while (false)

#define check_string(a, b)                                                                                  \
        do {                                                                                                \
                const char *_a = (a), *_b = (b);                                                            \
                if (!streq_ptr(_a, _b)) {                                                                   \
                        (void) fprintf(stderr, "\"%s\" != \"%s\"\n", strempty(_a), strempty(_b));           \
                        test_fail(__FILE__, __LINE__, #a " == " #b);                                        \
                }                                                                                           \
        } while (false)

/* What this process has used of the processors, whoever else uses them. */
static inline uint64_t test_cpu_usec(void) {
        struct timespec ts = {};

        check(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) >= 0);
        return (uint64_t) ts.tv_sec * USEC_PER_SEC + (uint64_t) ts.tv_nsec / 1000;
}

/* A test that cannot run here says why and is counted as skipped (Meson's exit status 77). */
static inline void test_skip(const char *reason) {
        (void) printf("SKIP: %s\n", reason);
        exit(77);
}

/* The directory of recorded data; skips the test when it is absent. */
static inline const char *test_fixtures(void) {
        const char *directory = getenv("OPENDEPOT_FIXTURES");

        if (!directory || !directory[0] || access(directory, R_OK) < 0)
                test_skip("the recorded data (OPENDEPOT_FIXTURES) is not here");
        return directory;
}
