/* Text for people: what the terminal can show, colours, widths, sizes, times. */
#pragma once

#include <stdio.h>

#include "base/util.h"

#define FORMAT_SIZE_MAX 16
#define FORMAT_DURATION_MAX 48

typedef enum ColorMode {
        COLOR_AUTO, /* colours on a terminal, unless $NO_COLOR is set or $TERM is "dumb" */
        COLOR_ALWAYS,
        COLOR_NEVER,
        _COLOR_MODE_MAX,
        _COLOR_MODE_INVALID = -EINVAL,
} ColorMode;

ColorMode color_mode_from_string(const char *string); /* "auto", "always", "never" */

typedef enum Color {
        COLOR_NONE,
        COLOR_BOLD,
        COLOR_DIM,
        COLOR_RED,
        COLOR_GREEN,
        COLOR_YELLOW,
        COLOR_MAGENTA,
        COLOR_CYAN,
        _COLOR_MAX,
} Color;

/* How standard output is written. */
typedef struct Style {
        bool terminal; /* a person reads: relative times, truncated lines */
        bool live;     /* a terminal on which the cursor can be moved */
        bool color;
        bool unicode;   /* characters outside ASCII can be shown */
        bool legend;    /* headings of tables and summaries */
        unsigned width; /* columns of the terminal; 0: unlimited */
} Style;

/* Looks at standard output, the locale and the environment. Afterwards LC_CTYPE is UTF-8 whatever the user has, because
 * all text inside the program is; `unicode` says what the terminal has. */
void style_init(Style *ret, ColorMode mode, bool legend);
/* The size of the terminal now; 80 and 24 where it is not known. */
void style_terminal_size(unsigned *ret_columns, unsigned *ret_rows);

/* The control sequences that start a colour and end it; "" without colours. */
const char *color_on(const Style *style, Color color);
const char *color_off(const Style *style, Color color);

/* The colour of a state of a package or version, or of an action of a plan. */
Color state_color(const char *state);
bool state_is_pending(const char *state); /* a version on its way */

/* Columns that a UTF-8 text takes. Characters of unknown width count as one. */
size_t text_width(const char *text);
/* A copy that takes at most `width` columns, ending in an ellipsis where something was cut off. NULL: out of memory. */
char *text_ellipsize(const char *text, size_t width, bool unicode);
/* A copy of text from outside that can be shown: without control characters, without characters that turn the direction
 * of writing, and in ASCII where the terminal has nothing else. NULL: out of memory. */
char *text_shown(const Style *style, const char *text);

/* "0B", "512B", "1.5K", "12.0M": powers of 1024. */
void format_size(uint64_t bytes, char ret[static FORMAT_SIZE_MAX]);
/* "350ms", "4.2s", "42s", "5min 3s", "12min", "3h 20min", "2d 4h": at most two units. */
void format_duration(uint64_t usec, char ret[static FORMAT_DURATION_MAX]);
/* "now", "in 12min", "5min 3s ago". */
void format_relative(uint64_t now_usec, uint64_t usec, char ret[static FORMAT_DURATION_MAX]);

typedef enum TimeForm {
        TIME_SHORT, /* on a terminal relative, "in 12min" */
        TIME_LONG,  /* on a terminal local and relative, "Mon 2026-11-23 04:05:06 UTC (5min 3s ago)" */
        TIME_CLOCK, /* on a terminal local, "04:05:06" */
} TimeForm;

/* A time in RFC 3339; as it is where no terminal is or it cannot be read. NULL: out of memory. */
char *format_time(const Style *style, const char *time, TimeForm form, uint64_t now_usec);
