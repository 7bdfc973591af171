#include "base/clock.h"

#include "test.h"

static uint64_t parse(const char *text) {
        uint64_t usec = 0;

        if (clock_parse(text, &usec) < 0) {
                (void) fprintf(stderr, "\"%s\"\n", text);
                check(!"a time");
        }
        return usec;
}

static void test_parse(void) {
        static const struct {
                const char *text;
                uint64_t usec;
        } rows[] = {
                { "1970-01-01T00:00:00Z", 0 },
                { "2026-11-23T04:05:06Z", UINT64_C(1795406706000000) },
                { "2026-11-23t04:05:06z", UINT64_C(1795406706000000) },
                { "2026-11-23 04:05:06Z", UINT64_C(1795406706000000) },
                { "2026-11-23T05:35:06+01:30", UINT64_C(1795406706000000) },
                { "2026-11-22T22:05:06-06:00", UINT64_C(1795406706000000) },
                { "2026-11-23T04:05:06.5Z", UINT64_C(1795406706500000) },
                { "2026-11-23T04:05:06.000001Z", UINT64_C(1795406706000001) },
                { "2026-11-23T04:05:06.123456789Z", UINT64_C(1795406706123456) },
                { "2026-11-23T05:05:06.25+01:00", UINT64_C(1795406706250000) },
                { "2024-02-29T00:00:00Z", UINT64_C(1709164800000000) },
                /* A leap second is the first second of the next minute. */
                { "2016-12-31T23:59:60Z", UINT64_C(1483228800000000) },
                { "9999-12-31T23:59:59Z", UINT64_C(253402300799000000) },
                { "1970-01-01T00:00:00-23:59", UINT64_C(86340000000) },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                check_int(parse(rows[i].text), rows[i].usec);
}

static void test_refused(void) {
        static const char *const texts[] = {
                "",
                "2026",
                "2026-11-23",
                "2026-11-23T04:05Z",
                "2026-11-23T04:05:06",
                "2026-11-23T04:05:06ZZ",
                "2026-11-23T04:05:06Z ",
                " 2026-11-23T04:05:06Z",
                "2026-11-23T04:05:06.Z",
                "2026-11-23T04:05:06,5Z",
                "2026-11-23T04:05:06+0100",
                "2026-11-23T04:05:06+1:00",
                "2026-11-23T04:05:06*01:00",
                "2026-11-23T04:05:06+24:00",
                "2026-11-23T04:05:06-99:99",
                "2026-11-23T04:05:06+01:60",
                "2026-13-01T00:00:00Z",
                "2026-00-01T00:00:00Z",
                "2026-01-00T00:00:00Z",
                "2026-01-32T00:00:00Z",
                "2026-02-29T00:00:00Z",
                "2026-04-31T00:00:00Z",
                "2100-02-29T00:00:00Z",
                "2026-01-01T24:00:00Z",
                "2026-01-01T00:60:00Z",
                "2026-01-01T00:00:61Z",
                "-026-01-01T00:00:00Z",
                "+026-01-01T00:00:00Z",
                "20260-01-01T00:00:00Z",
                "2026/01/01T00:00:00Z",
                /* Before 1970. */
                "0000-01-01T00:00:00Z",
                "1969-12-31T23:59:59Z",
                "1970-01-01T00:00:00+00:01",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                uint64_t usec = 42;

                if (clock_parse(texts[i], &usec) != -EINVAL) {
                        (void) fprintf(stderr, "\"%s\"\n", texts[i]);
                        check(!"refused");
                }
                check_int(usec, 42);
        }
}

static void check_format(uint64_t usec, const char *expected) {
        char text[CLOCK_TEXT_SIZE];

        clock_format(usec, text);
        check_string(text, expected);
}

static void test_format(void) {
        char text[CLOCK_TEXT_SIZE];

        check_format(0, "1970-01-01T00:00:00Z");
        check_format(UINT64_C(1795406706999999), "2026-11-23T04:05:06Z");
        check_format(UINT64_C(1709164800000000), "2024-02-29T00:00:00Z");
        /* The end of time has a text, too. */
        clock_format(USEC_INFINITY, text);
        check(endswith(text, "Z"));

        for (uint64_t usec = 0; usec < UINT64_C(253402300800) * USEC_PER_SEC;
                usec += UINT64_C(86399 * 1237) * USEC_PER_SEC) {
                clock_format(usec, text);
                check_int(parse(text), usec);
        }
}

static void test_clocks(void) {
        uint64_t boot = clock_boottime_usec(), monotonic = clock_monotonic_usec();

        /* Later than the day this was written, and a boot is not in 1970. */
        check(clock_realtime_usec() > UINT64_C(1700000000) * USEC_PER_SEC);
        check(boot > 0 && clock_boottime_usec() >= boot);
        check(monotonic > 0 && clock_monotonic_usec() >= monotonic);
}

static void test_jitter(void) {
        uint64_t smallest = UINT64_MAX, largest = 0;

        check_int(clock_jitter(0), 0);
        check_int(clock_jitter(1), 0);
        for (size_t i = 0; i < 1000; i++) {
                uint64_t jitter = clock_jitter(1000);

                check(jitter < 1000);
                smallest = MIN_OF(smallest, jitter);
                largest = MAX_OF(largest, jitter);
        }
        /* Fails once in 10^45 runs. */
        check(smallest < 100 && largest >= 900);
}

int main(void) {
        test_parse();
        test_refused();
        test_format();
        test_clocks();
        test_jitter();
        return EXIT_SUCCESS;
}
