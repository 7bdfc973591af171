#include "base/clock.h"

#include <stdio.h>
#include <sys/random.h>
#include <time.h>

static uint64_t read_clock(clockid_t id) {
        struct timespec now;

        if (clock_gettime(id, &now) < 0)
                return 0;
        return (uint64_t) now.tv_sec * USEC_PER_SEC + (uint64_t) now.tv_nsec / 1000;
}

uint64_t clock_realtime_usec(void) {
        return read_clock(CLOCK_REALTIME);
}

uint64_t clock_boottime_usec(void) {
        return read_clock(CLOCK_BOOTTIME);
}

uint64_t clock_monotonic_usec(void) {
        return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_offset_usec(void) {
        return (int64_t) (clock_realtime_usec() - clock_boottime_usec());
}

void clock_shift(uint64_t *usec, int64_t by_usec) {
        uint64_t by = by_usec < 0 ? -(uint64_t) by_usec : (uint64_t) by_usec;

        if (*usec == 0 || *usec == USEC_INFINITY)
                return;
        if (by_usec < 0)
                *usec = *usec > by ? *usec - by : 1;
        else if (__builtin_add_overflow(*usec, by, usec) || *usec == USEC_INFINITY)
                *usec = USEC_INFINITY - 1;
}

void clock_format(uint64_t realtime_usec, char ret[static CLOCK_TEXT_SIZE]) {
        time_t seconds = (time_t) (realtime_usec / USEC_PER_SEC);
        struct tm tm = {};

        if (!gmtime_r(&seconds, &tm) || strftime(ret, CLOCK_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
                ret[0] = '\0';
}

/* Exactly `n` digits as a number. */
static bool parse_digits(const char **text, unsigned n, int *ret) {
        int value = 0;

        for (unsigned i = 0; i < n; i++, (*text)++) {
                if (**text < '0' || **text > '9')
                        return false;
                value = value * 10 + (**text - '0');
        }
        *ret = value;
        return true;
}

static bool parse_char(const char **text, const char *accepted) {
        if (!**text || !strchr(accepted, **text))
                return false;
        (*text)++;
        return true;
}

static int days_in_month(int year, int month) {
        if (month == 2)
                return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

int clock_parse(const char *text, uint64_t *ret_realtime_usec) {
        struct tm tm = {};
        uint64_t fraction = 0;
        int64_t seconds, offset = 0;

        if (!parse_digits(&text, 4, &tm.tm_year) || !parse_char(&text, "-") ||
                !parse_digits(&text, 2, &tm.tm_mon) || !parse_char(&text, "-") ||
                !parse_digits(&text, 2, &tm.tm_mday) || !parse_char(&text, "Tt ") ||
                !parse_digits(&text, 2, &tm.tm_hour) || !parse_char(&text, ":") ||
                !parse_digits(&text, 2, &tm.tm_min) || !parse_char(&text, ":") ||
                !parse_digits(&text, 2, &tm.tm_sec))
                return -EINVAL;
        if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 ||
                tm.tm_mday > days_in_month(tm.tm_year, tm.tm_mon) || tm.tm_hour > 23 || tm.tm_min > 59 ||
                tm.tm_sec > 60)
                return -EINVAL;

        if (parse_char(&text, ".")) {
                uint64_t unit = USEC_PER_SEC;

                if (*text < '0' || *text > '9')
                        return -EINVAL;
                for (; *text >= '0' && *text <= '9'; text++) {
                        unit /= 10;
                        fraction += unit * (uint64_t) (*text - '0');
                }
        }
        if (!parse_char(&text, "Zz")) {
                int sign = *text == '-' ? -1 : 1, hours, minutes;

                if (!parse_char(&text, "+-") || !parse_digits(&text, 2, &hours) || !parse_char(&text, ":") ||
                        !parse_digits(&text, 2, &minutes) || hours > 23 || minutes > 59)
                        return -EINVAL;
                offset = sign * (hours * 60 + minutes) * 60;
        }
        if (*text)
                return -EINVAL;

        tm.tm_year -= 1900;
        tm.tm_mon -= 1;
        seconds = timegm(&tm) - offset;
        if (seconds < 0)
                return -EINVAL;
        *ret_realtime_usec = (uint64_t) seconds * USEC_PER_SEC + fraction;
        return 0;
}

uint64_t clock_jitter(uint64_t usec) {
        uint64_t random = 0;

        if (usec == 0)
                return 0;
        (void) getrandom(&random, sizeof(random), GRND_NONBLOCK);
        return random % usec;
}
