#include "ctl/format.h"

#include <langinfo.h>
#include <locale.h>
#include <sys/ioctl.h>
#include <time.h>
#include <wchar.h>

#include "base/clock.h"
#include "base/text.h"

static const char *const color_mode_table[_COLOR_MODE_MAX] = {
        [COLOR_AUTO] = "auto",
        [COLOR_ALWAYS] = "always",
        [COLOR_NEVER] = "never",
};

ColorMode color_mode_from_string(const char *string) {
        for (ColorMode mode = 0; mode < _COLOR_MODE_MAX; mode++)
                if (streq(color_mode_table[mode], string))
                        return mode;
        return _COLOR_MODE_INVALID;
}

void style_terminal_size(unsigned *ret_columns, unsigned *ret_rows) {
        struct winsize size = {};

        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
                size = (struct winsize) {};
        *ret_columns = size.ws_col > 0 ? size.ws_col : 80;
        *ret_rows = size.ws_row > 0 ? size.ws_row : 24;
}

void style_init(Style *ret, ColorMode mode, bool legend) {
        const char *term = getenv("TERM");
        bool terminal = isatty(STDOUT_FILENO);
        bool dumb = !term || streq(term, "dumb");
        unsigned rows;

        *ret = (Style) {
                .terminal = terminal,
                .live = terminal && !dumb,
                .color = mode == COLOR_ALWAYS ||
                         (mode == COLOR_AUTO && terminal && !dumb && isempty(getenv("NO_COLOR"))),
                .unicode = true,
                .legend = legend,
        };
        if (terminal) {
                style_terminal_size(&ret->width, &rows);
                /* A file or a pipe gets UTF-8 as it is; only a terminal is bound to the locale. */
                ret->unicode = setlocale(LC_CTYPE, "") && streq(nl_langinfo(CODESET), "UTF-8");
        }
        (void) setlocale(LC_CTYPE, "C.UTF-8");
}

const char *color_on(const Style *style, Color color) {
        static const char *const table[_COLOR_MAX] = {
                [COLOR_NONE] = "",
                [COLOR_BOLD] = "\033[1m",
                [COLOR_DIM] = "\033[2m",
                [COLOR_RED] = "\033[1;31m",
                [COLOR_GREEN] = "\033[32m",
                [COLOR_YELLOW] = "\033[33m",
                [COLOR_MAGENTA] = "\033[35m",
                [COLOR_CYAN] = "\033[36m",
        };

        return style->color ? table[color] : "";
}

const char *color_off(const Style *style, Color color) {
        return style->color && color != COLOR_NONE ? "\033[0m" : "";
}

static const struct {
        const char *state;
        Color color;
        bool pending;
} state_table[] = {
        /* versions */
        { "planned", COLOR_YELLOW, true },
        { "fetching", COLOR_YELLOW, true },
        { "verifying", COLOR_YELLOW, true },
        { "repacking", COLOR_YELLOW, true },
        { "scanning", COLOR_YELLOW, true },
        { "storing", COLOR_YELLOW, true },
        { "pruning", COLOR_YELLOW, true },
        { "published", COLOR_GREEN, false },
        { "held", COLOR_MAGENTA, false },
        { "failed", COLOR_RED, false },
        { "withdrawn", COLOR_MAGENTA, false },
        /* packages */
        { "unknown", COLOR_DIM, false },
        { "queued", COLOR_YELLOW, false },
        { "discovering", COLOR_YELLOW, false },
        { "syncing", COLOR_YELLOW, false },
        { "current", COLOR_GREEN, false },
        { "incomplete", COLOR_RED, false },
        /* actions of a plan */
        { "keep", COLOR_DIM, false },
        { "add", COLOR_GREEN, false },
        { "retry", COLOR_YELLOW, false },
        { "wait", COLOR_YELLOW, false },
        { "withdraw", COLOR_MAGENTA, false },
        { "missing", COLOR_RED, false },
        { "prune", COLOR_CYAN, false },
        { "hold", COLOR_MAGENTA, false },
        { "hide", COLOR_MAGENTA, false },
        { "restore", COLOR_GREEN, false },
};

Color state_color(const char *state) {
        for (size_t i = 0; i < ELEMENTSOF(state_table); i++)
                if (streq(state_table[i].state, state))
                        return state_table[i].color;
        return COLOR_NONE;
}

bool state_is_pending(const char *state) {
        for (size_t i = 0; i < ELEMENTSOF(state_table); i++)
                if (streq(state_table[i].state, state))
                        return state_table[i].pending;
        return false;
}

/* One character: its bytes and its columns. Bytes that are no UTF-8 count one by one. */
static size_t character_length(const char *text, size_t *ret_width) {
        mbstate_t state = {};
        wchar_t character;
        size_t length = mbrtowc(&character, text, strlen(text), &state);
        int width;

        if (length == (size_t) -1 || length == (size_t) -2 || length == 0) {
                *ret_width = 1;
                return 1;
        }
        width = wcwidth(character);
        *ret_width = width >= 0 ? (size_t) width : 1;
        return length;
}

size_t text_width(const char *text) {
        size_t total = 0, width;

        while (*text) {
                text += character_length(text, &width);
                total += width;
        }
        return total;
}

char *text_ellipsize(const char *text, size_t width, bool unicode) {
        const char *ellipsis = unicode ? "…" : "...";
        size_t ellipsis_width = unicode ? 1 : 3, kept = 0, kept_width = 0;
        char *cut = NULL;

        if (text_width(text) <= width)
                return strdup(text);
        if (ellipsis_width > width) {
                ellipsis = "";
                ellipsis_width = 0;
        }
        while (text[kept]) {
                size_t character_width, length = character_length(text + kept, &character_width);

                if (kept_width + character_width + ellipsis_width > width)
                        break;
                kept += length;
                kept_width += character_width;
        }
        if (asprintf(&cut, "%.*s%s", (int) kept, text, ellipsis) < 0)
                return NULL;
        return cut;
}

/* Marks and controls of the direction of writing (UAX 9), and the line and paragraph separators. */
static bool turns_direction(const unsigned char *text) {
        if (text[0] == 0xd8 && text[1] == 0x9c) /* U+061C */
                return true;
        if (text[0] != 0xe2)
                return false;
        return (text[1] == 0x80 &&
                       (text[2] == 0x8e || text[2] == 0x8f || (text[2] >= 0xa8 && text[2] <= 0xae))) ||
               (text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9);
}

char *text_shown(const Style *style, const char *text) {
        char *copy = text_printable(text), *to = copy;

        if (!copy)
                return NULL;
        for (const char *from = copy; *from;) {
                size_t width, length = character_length(from, &width);

                if ((length > 1 && !style->unicode) || turns_direction((const unsigned char *) from))
                        *to++ = '?';
                else {
                        memmove(to, from, length);
                        to += length;
                }
                from += length;
        }
        *to = '\0';
        return copy;
}

void format_size(uint64_t bytes, char ret[static FORMAT_SIZE_MAX]) {
        static const char units[] = "BKMGTPE";
        double value = (double) bytes;
        size_t unit = 0;

        /* What would be rounded to 1024.0 belongs to the next unit. */
        while (value >= (unit == 0 ? 1024.0 : 1023.95) && unit + 1 < sizeof(units) - 1) {
                value /= 1024;
                unit++;
        }
        (void) snprintf(ret, FORMAT_SIZE_MAX, unit == 0 ? "%.0f%c" : "%.1f%c", value, units[unit]);
}

void format_duration(uint64_t usec, char ret[static FORMAT_DURATION_MAX]) {
        static const struct {
                const char *name;
                uint64_t seconds;
        } units[] = { { "d", 86400 }, { "h", 3600 }, { "min", 60 }, { "s", 1 } };
        uint64_t seconds = usec / USEC_PER_SEC;
        size_t i = 0;

        if (seconds == 0) {
                (void) snprintf(ret, FORMAT_DURATION_MAX, "%ums", (unsigned) (usec / USEC_PER_MSEC));
                return;
        }
        if (seconds < 10) {
                (void) snprintf(ret, FORMAT_DURATION_MAX, "%u.%us", (unsigned) seconds,
                        (unsigned) (usec % USEC_PER_SEC / (USEC_PER_SEC / 10)));
                return;
        }
        while (seconds < units[i].seconds)
                i++;

        /* The next smaller unit says something only beside a small number. */
        uint64_t count = seconds / units[i].seconds, rest = seconds % units[i].seconds;
        if (i + 1 < ELEMENTSOF(units) && count < 10 && rest / units[i + 1].seconds > 0)
                (void) snprintf(ret, FORMAT_DURATION_MAX, "%llu%s %llu%s", (unsigned long long) count,
                        units[i].name, (unsigned long long) (rest / units[i + 1].seconds),
                        units[i + 1].name);
        else
                (void) snprintf(
                        ret, FORMAT_DURATION_MAX, "%llu%s", (unsigned long long) count, units[i].name);
}

void format_relative(uint64_t now_usec, uint64_t usec, char ret[static FORMAT_DURATION_MAX]) {
        char duration[FORMAT_DURATION_MAX];
        bool future = usec > now_usec;
        uint64_t distance = future ? usec - now_usec : now_usec - usec;

        if (distance < USEC_PER_SEC) {
                (void) snprintf(ret, FORMAT_DURATION_MAX, "now");
                return;
        }
        /* Whole seconds: the daemon's times have no more. */
        distance -= distance % USEC_PER_SEC;
        if (distance < 10 * USEC_PER_SEC)
                (void) snprintf(duration, sizeof(duration), "%us", (unsigned) (distance / USEC_PER_SEC));
        else
                format_duration(distance, duration);
        (void) snprintf(ret, FORMAT_DURATION_MAX, "%s%.*s%s", future ? "in " : "", FORMAT_DURATION_MAX - 8,
                duration, future ? "" : " ago");
}

char *format_time(const Style *style, const char *time, TimeForm form, uint64_t now_usec) {
        char relative[FORMAT_DURATION_MAX], absolute[64];
        uint64_t usec;
        struct tm tm;
        char *text = NULL;

        if (!style->terminal || clock_parse(time, &usec) < 0)
                return text_shown(style, time);
        format_relative(now_usec, usec, relative);
        if (form == TIME_SHORT)
                return strdup(relative);

        time_t seconds = (time_t) (usec / USEC_PER_SEC);
        if (!localtime_r(&seconds, &tm) ||
                strftime(absolute, sizeof(absolute),
                        form == TIME_CLOCK ? "%H:%M:%S" : "%a %Y-%m-%d %H:%M:%S %Z", &tm) == 0)
                return text_shown(style, time);
        if (form == TIME_CLOCK)
                return strdup(absolute);
        if (asprintf(&text, "%s (%s)", absolute, relative) < 0)
                return NULL;
        return text;
}
