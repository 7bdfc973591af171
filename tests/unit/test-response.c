#include "fetch/response.h"

#include "base/clock.h"
#include "test.h"

#define NOW (UINT64_C(1795406706) * USEC_PER_SEC) /* 2026-11-23T04:05:06Z, a Monday */
#define SIX_HOURS (6 * 60 * USEC_PER_MINUTE)

static void test_retry_after(void) {
        static const struct {
                const char *value;
                uint64_t usec; /* after NOW; USEC_INFINITY: malformed */
        } rows[] = {
                { "0", 0 },
                { "1", USEC_PER_SEC },
                { "120", 120 * USEC_PER_SEC },
                { "0000000060", 60 * USEC_PER_SEC },
                { "21600", SIX_HOURS },
                /* Nobody may make us wait for ever. */
                { "21601", SIX_HOURS },
                { "18446744073709551615", SIX_HOURS },
                { "Mon, 23 Nov 2026 04:06:06 GMT", 60 * USEC_PER_SEC },
                { "Monday, 23-Nov-26 04:06:06 GMT", 60 * USEC_PER_SEC },
                { "Mon Nov 23 04:06:06 2026", 60 * USEC_PER_SEC },
                { "Wed, 23 Nov 2033 04:06:06 GMT", SIX_HOURS },
                { "Fri, 31 Dec 9999 23:59:59 GMT", SIX_HOURS },
                /* What has passed is now. */
                { "Mon, 23 Nov 2026 04:05:05 GMT", 0 },
                { "Thu, 01 Jan 1970 00:00:00 GMT", 0 },
                { "", USEC_INFINITY },
                { " ", USEC_INFINITY },
                { "soon", USEC_INFINITY },
                { "1h", USEC_INFINITY },
                { "-1", USEC_INFINITY },
                { "+1", USEC_INFINITY },
                { "1.5", USEC_INFINITY },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint64_t until = response_parse_retry_after(rows[i].value, NOW);

                if (until != (rows[i].usec == USEC_INFINITY ? 0 : NOW + rows[i].usec)) {
                        (void) fprintf(stderr, "\"%s\": %lld\n", rows[i].value, (long long) (until - NOW));
                        check(!"the time it says");
                }
        }
        /* Too many digits are no number; whatever else they may be, they do not wrap around. */
        check(response_parse_retry_after("18446744073709551616", NOW) <= NOW + SIX_HOURS);
        check(response_parse_retry_after("99999999999999999999999999", NOW) <= NOW + SIX_HOURS);
}

static void test_content_range(void) {
        static const struct {
                const char *value;
                uint64_t first, total;
        } good[] = {
                { "bytes 0-0/1", 0, 1 },
                { "bytes 0-99/100", 0, 100 },
                { "bytes 50-99/100", 50, 100 },
                { "bytes 50-60/100", 50, 100 },
                { "BYTES 5-9/10", 5, 10 },
                { "bytes 5-9/*", 5, UINT64_MAX },
                { "bytes 18446744073709551613-18446744073709551614/18446744073709551615",
                        UINT64_C(18446744073709551613), UINT64_MAX },
        };
        static const char *const bad[] = {
                "",
                "bytes",
                "bytes ",
                "bytes */100",
                "bytes 0-99",
                "bytes 0-99/",
                "bytes 0-99/100 ",
                "bytes 0-99/100x",
                "bytes 0-99/**",
                "bytes 0-99/*1",
                "bytes 0-/100",
                "bytes -99/100",
                "bytes 0/100",
                "bytes  0-99/100",
                "bytes=0-99/100",
                "items 0-99/100",
                "0-99/100",
                "bytes 10-9/100",
                "bytes 0-100/100",
                "bytes 0-99/0",
                "bytes +0-99/100",
                "bytes 0x0-99/100",
                "bytes 18446744073709551616-18446744073709551617/*",
                "bytes 0-18446744073709551616/*",
                "bytes 0-9/18446744073709551616",
                "bytes 0-18446744073709551615/*",
        };
        uint64_t first, total;

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                check_int(response_parse_content_range(good[i].value, &first, &total), 0);
                check(first == good[i].first && total == good[i].total);
        }
        first = total = 42;
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (response_parse_content_range(bad[i], &first, &total) != -EBADMSG) {
                        (void) fprintf(stderr, "\"%s\"\n", bad[i]);
                        check(!"refused");
                }
        check(first == 42 && total == 42);
}

int main(void) {
        check_int(curl_global_init(CURL_GLOBAL_DEFAULT), CURLE_OK);
        test_retry_after();
        test_content_range();
        curl_global_cleanup();
        return EXIT_SUCCESS;
}
