#include "ctl/format.h"

#include <locale.h>

#include "test.h"

static const Style plain = { .unicode = true };
static const Style terminal = { .terminal = true, .unicode = true, .width = 80 };

static void check_size(uint64_t bytes, const char *expected) {
        char text[FORMAT_SIZE_MAX];

        format_size(bytes, text);
        check_string(text, expected);
}

static void test_size(void) {
        check_size(0, "0B");
        check_size(1, "1B");
        check_size(1023, "1023B");
        check_size(1024, "1.0K");
        check_size(1536, "1.5K");
        check_size(1024 * KIB - 1, "1.0M"); /* not "1024.0K" */
        check_size(MIB, "1.0M");
        check_size(136314880, "130.0M");
        check_size(4 * GIB, "4.0G");
        check_size(UINT64_MAX, "16.0E");
}

static void check_duration(uint64_t usec, const char *expected) {
        char text[FORMAT_DURATION_MAX];

        format_duration(usec, text);
        check_string(text, expected);
}

static void test_duration(void) {
        check_duration(0, "0ms");
        check_duration(350 * USEC_PER_MSEC, "350ms");
        check_duration(USEC_PER_SEC, "1.0s");
        check_duration(4290 * USEC_PER_MSEC, "4.2s");
        check_duration(9999999, "9.9s");
        check_duration(42 * USEC_PER_SEC, "42s");
        check_duration(60 * USEC_PER_SEC, "1min");
        check_duration(303 * USEC_PER_SEC, "5min 3s");
        check_duration(12 * USEC_PER_MINUTE + 59 * USEC_PER_SEC, "12min");
        check_duration(200 * USEC_PER_MINUTE, "3h 20min");
        check_duration(60 * USEC_PER_MINUTE + 5 * USEC_PER_SEC, "1h");
        check_duration(24 * 60 * USEC_PER_MINUTE * 2 + 4 * 60 * USEC_PER_MINUTE, "2d 4h");
        check_duration(400 * 24 * 60 * USEC_PER_MINUTE, "400d");
        check_duration(UINT64_MAX, "213503982d");
}

static void check_relative(uint64_t now, uint64_t usec, const char *expected) {
        char text[FORMAT_DURATION_MAX];

        format_relative(now, usec, text);
        check_string(text, expected);
}

static void test_relative(void) {
        uint64_t now = UINT64_C(1795233600) * USEC_PER_SEC;

        check_relative(now, now, "now");
        check_relative(now, now + USEC_PER_SEC / 2, "now");
        check_relative(now, now - USEC_PER_SEC, "1s ago");
        check_relative(now, now - 1999999, "1s ago");
        check_relative(now, now + 12 * USEC_PER_MINUTE, "in 12min");
        check_relative(now, now - 303 * USEC_PER_SEC, "5min 3s ago");
        check_relative(0, UINT64_MAX, "in 213503982d");
}

static void check_time(const Style *style, const char *time, TimeForm form, const char *expected) {
        uint64_t now = UINT64_C(1795406706) * USEC_PER_SEC; /* 2026-11-23T04:05:06Z */
        _cleanup_free_ char *text = format_time(style, time, form, now);

        check_string(text, expected);
}

static void test_time(void) {
        check_time(&plain, "2026-11-23T04:00:00Z", TIME_LONG, "2026-11-23T04:00:00Z");
        check_time(&terminal, "2026-11-23T04:00:03Z", TIME_SHORT, "5min 3s ago");
        check_time(
                &terminal, "2026-11-23T04:00:03Z", TIME_LONG, "Mon 2026-11-23 04:00:03 UTC (5min 3s ago)");
        check_time(&terminal, "2026-11-23T04:17:06Z", TIME_CLOCK, "04:17:06");
        check_time(&terminal, "soon\033[2J", TIME_SHORT, "soon?[2J");
}

static void test_width(void) {
        check_int(text_width(""), 0);
        check_int(text_width("abc"), 3);
        check_int(text_width("9f3c…"), 5);
        check_int(text_width("日本語"), 6);
        check_int(text_width("e\xcc\x81"), 1); /* with a combining accent */
        check_int(text_width("\xff\xfe"), 2);  /* no UTF-8 */
        check_int(text_width("\xe6\x97"), 2);  /* cut off */
}

static void check_ellipsized(const char *text, size_t width, bool unicode, const char *expected) {
        _cleanup_free_ char *cut = text_ellipsize(text, width, unicode);

        check_string(cut, expected);
        check(text_width(cut) <= width);
}

static void test_ellipsize(void) {
        check_ellipsized("abc", 3, true, "abc");
        check_ellipsized("abcd", 3, true, "ab…");
        check_ellipsized("abcdef", 5, false, "ab...");
        check_ellipsized("abcdef", 2, false, "ab");
        check_ellipsized("abc", 0, true, "");
        check_ellipsized("abc", 1, true, "…");
        /* A character of two columns is kept whole or not at all. */
        check_ellipsized("日本語", 5, true, "日本…");
        check_ellipsized("日本語", 4, true, "日…");
        check_ellipsized("日本語", 6, true, "日本語");
        check_ellipsized("e\xcc\x81tude", 3, true, "e\xcc\x81t…");
}

static void check_shown(const Style *style, const char *text, const char *expected) {
        _cleanup_free_ char *shown = text_shown(style, text);

        check_string(shown, expected);
}

static void test_shown(void) {
        Style ascii = { .terminal = true };

        check_shown(&plain, "plain – text 日本", "plain – text 日本");
        check_shown(&plain, "\033]0;title\007\n\r\t", "?]0;title????");
        check_shown(&plain,
                "C1 \xc2\x9b"
                "31m",
                "C1 ??31m");
        check_shown(&plain, "\xff\x7f", "??");
        check_shown(&plain,
                "a\xe2\x80\xae"
                "b\xe2\x81\xa6"
                "c\xe2\x80\x8f"
                "d\xd8\x9c",
                "a?b?c?d?");
        check_shown(&ascii, "9f3c… 日", "9f3c? ?");
        check_shown(&plain, "", "");
}

static void test_colors(void) {
        Style color = { .color = true };

        check_string(color_on(&plain, COLOR_RED), "");
        check_string(color_off(&plain, COLOR_RED), "");
        check_string(color_on(&color, COLOR_GREEN), "\033[32m");
        check_string(color_off(&color, COLOR_GREEN), "\033[0m");
        check_string(color_off(&color, COLOR_NONE), "");
        for (Color c = 0; c < _COLOR_MAX; c++)
                check(color_on(&color, c));

        check_int(state_color("published"), COLOR_GREEN);
        check_int(state_color("current"), COLOR_GREEN);
        check_int(state_color("held"), COLOR_MAGENTA);
        check_int(state_color("failed"), COLOR_RED);
        check_int(state_color("fetching"), COLOR_YELLOW);
        check_int(state_color("of a later version"), COLOR_NONE);
        check(state_is_pending("storing"));
        check(!state_is_pending("published"));
        check(!state_is_pending(""));

        check_int(color_mode_from_string("always"), COLOR_ALWAYS);
        check(color_mode_from_string("sometimes") < 0);
}

static void test_style(void) {
        Style style;

        /* The tests have no terminal. */
        style_init(&style, COLOR_AUTO, true);
        if (!style.terminal) {
                check(!style.color);
                check(!style.live);
                check(style.unicode);
                check_int(style.width, 0);
        }
        style_init(&style, COLOR_ALWAYS, false);
        check(style.color);
        check(!style.legend);
        style_init(&style, COLOR_NEVER, true);
        check(!style.color);
}

int main(void) {
        check(setenv("TZ", "UTC", true) == 0);
        test_style(); /* sets the locale that the others need */
        check(setlocale(LC_CTYPE, NULL) && streq(setlocale(LC_CTYPE, NULL), "C.UTF-8"));

        test_size();
        test_duration();
        test_relative();
        test_time();
        test_width();
        test_ellipsize();
        test_shown();
        test_colors();
        return EXIT_SUCCESS;
}
