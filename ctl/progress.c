#include "ctl/progress.h"

#include <stdarg.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/text.h"
#include "ctl/event.h"

/* What is in flight is bounded by the daemon's parallel transfers and workers; more than this is not shown. */
#define ACTIVE_MAX 256
#define ACTIVE_SHOWN_MAX 8
#define BAR_WIDTH_MAX 40
#define RATE_WINDOW_USEC (USEC_PER_SEC / 2)

typedef struct Active {
        char *title; /* "hashicorp/aws 5.80.0", fit for the terminal */
        char *state;
} Active;

struct ProgressDisplay {
        Style style;
        Active *active; /* in the order in which they started */
        size_t n_active;
        uint64_t versions_done, versions_total, packages_done, packages_total, bytes;
        uint64_t started_usec;

        /* bytes per second, smoothed */
        double rate;
        uint64_t rate_usec, rate_bytes;

        unsigned lines; /* of the block on the terminal */
};

void progress_bar(
        uint64_t done, uint64_t total, unsigned width, bool unicode, char ret[static PROGRESS_BAR_SIZE]) {
        unsigned inside = MAX_OF(MIN_OF(width, 80U), 3U) - 2, filled = 0;
        size_t length = 0;

        if (total > 0)
                filled = (unsigned) ((double) MIN_OF(done, total) / (double) total * inside);
        ret[length++] = '[';
        for (unsigned i = 0; i < inside; i++) {
                const char *piece = i < filled ? (unicode ? "█" : "#") : (unicode ? "░" : "-");
                size_t size = strlen(piece);

                memcpy(ret + length, piece, size);
                length += size;
        }
        ret[length++] = ']';
        ret[length] = '\0';
}

int progress_display_new(const Style *style, ProgressDisplay **ret) {
        ProgressDisplay *display = calloc(1, sizeof(ProgressDisplay));

        if (!display)
                return -ENOMEM;
        display->style = *style;
        display->started_usec = clock_boottime_usec();
        display->rate_usec = display->started_usec;
        *ret = display;
        return 0;
}

static void erase(ProgressDisplay *display) {
        if (display->lines > 1)
                (void) printf("\r\033[%uA\033[J", display->lines - 1);
        else if (display->lines == 1)
                (void) fputs("\r\033[J", stdout);
        display->lines = 0;
}

static void active_clear(Active *active) {
        free(active->title);
        free(active->state);
        *active = (Active) {};
}

ProgressDisplay *progress_display_free(ProgressDisplay *display) {
        if (!display)
                return NULL;
        erase(display);
        (void) fflush(stdout);
        for (size_t i = 0; i < display->n_active; i++)
                active_clear(display->active + i);
        free(display->active);
        free(display);
        return NULL;
}

static Active *find_active(ProgressDisplay *display, const char *title) {
        for (size_t i = 0; i < display->n_active; i++)
                if (streq_ptr(display->active[i].title, title))
                        return display->active + i;
        return NULL;
}

/* A display is never worth failing for: without memory a line is missing. */
static void note_active(ProgressDisplay *display, const char *title, const char *state) {
        Active *active = find_active(display, title);

        if (!active) {
                Active fresh = { .title = strdup(title) };

                int r = fresh.title && display->n_active < ACTIVE_MAX ? 0 : -ENOBUFS;

                if (r >= 0)
                        r = LIST_APPEND(display->active, display->n_active, fresh);
                if (r < 0) {
                        active_clear(&fresh);
                        return;
                }
                active = display->active + display->n_active - 1;
        }
        free(active->state);
        active->state = text_shown(&display->style, state);
}

static void forget_active(ProgressDisplay *display, const char *title) {
        Active *active = find_active(display, title);
        size_t i;

        if (!active)
                return;
        active_clear(active);
        i = (size_t) (active - display->active);
        memmove(active, active + 1, (display->n_active - i - 1) * sizeof(Active));
        display->n_active--;
}

static void note_progress(ProgressDisplay *display, sd_json_variant *progress) {
        display->versions_done = field_unsigned(progress, "versionsDone");
        display->versions_total = field_unsigned(progress, "versionsTotal");
        display->packages_done = field_unsigned(progress, "packagesDone");
        display->packages_total = field_unsigned(progress, "packagesTotal");
        display->bytes = field_unsigned(progress, "bytes");
}

/* Keeps the list of what is in flight. Returns whether the version has come to its end. */
static bool note_version(ProgressDisplay *display, sd_json_variant *event) {
        const char *state = field_string(event, "state");
        _cleanup_free_ char *name = NULL, *title = NULL;

        if (asprintf(&name, "%s %s", field_string(event, "package"), field_string(event, "version")) < 0) {
                name = NULL;
                return false;
        }
        title = text_shown(&display->style, name);
        if (!title)
                return false;
        if (!state_is_pending(state)) {
                forget_active(display, title);
                return true;
        }
        /* What only waits for its turn is in the totals already. */
        if (!streq(state, "planned"))
                note_active(display, title, state);
        return false;
}

static bool plan_has_changes(sd_json_variant *event) {
        PlanCounts counts = {};

        plan_counts_add(&counts, field_at(event, "plan"));
        return plan_counts_changes(&counts);
}

void progress_display_event(ProgressDisplay *display, sd_json_variant *event) {
        const char *type = field_string(event, "type"), *state = field_string(event, "state");
        bool keep;

        if (streq(type, "progress"))
                note_progress(display, field_at(event, "progress"));

        if (streq(type, "version"))
                keep = note_version(display, event);
        else if (streq(type, "plan"))
                keep = plan_has_changes(event);
        else
                keep = streq(type, "package") && (streq(state, "failed") || streq(state, "incomplete"));
        if (!keep)
                return;
        erase(display);
        event_print(event, &display->style, stdout);
}

/* One line of the block: cut to the terminal, so that it takes one row. */
_printf_(4, 5) static void print_line(
        ProgressDisplay *display, Color color, unsigned columns, const char *format, ...) {
        _cleanup_free_ char *text = NULL, *cut = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);
        cut = text ? text_ellipsize(text, columns - 1, display->style.unicode) : NULL;
        (void) printf("%s%s%s%s", display->lines > 0 ? "\n" : "", color_on(&display->style, color),
                strempty(cut), color_off(&display->style, color));
        display->lines++;
}

static void measure_rate(ProgressDisplay *display, uint64_t now) {
        uint64_t passed = now - display->rate_usec;
        double rate;

        if (passed < RATE_WINDOW_USEC)
                return;
        rate = display->bytes > display->rate_bytes ? (double) (display->bytes - display->rate_bytes) *
                                                              (double) USEC_PER_SEC / (double) passed
                                                    : 0;
        display->rate = display->rate_bytes == 0 ? rate : 0.7 * display->rate + 0.3 * rate;
        display->rate_usec = now;
        display->rate_bytes = display->bytes;
}

void progress_display_tick(ProgressDisplay *display) {
        char bar[PROGRESS_BAR_SIZE], bytes[FORMAT_SIZE_MAX], rate[FORMAT_SIZE_MAX];
        uint64_t now = clock_boottime_usec(), seconds = (now - display->started_usec) / USEC_PER_SEC;
        unsigned columns, rows;
        size_t shown;

        style_terminal_size(&columns, &rows);
        columns = MAX_OF(columns, 10U);
        measure_rate(display, now);

        progress_bar(display->versions_done, display->versions_total,
                MIN_OF(columns / 3, (unsigned) BAR_WIDTH_MAX), display->style.unicode, bar);
        format_size(display->bytes, bytes);
        format_size((uint64_t) display->rate, rate);

        erase(display);
        print_line(display, COLOR_NONE, columns,
                "%s %llu/%llu versions  %llu/%llu packages  %s  %s/s  %llu:%02u", bar,
                (unsigned long long) display->versions_done, (unsigned long long) display->versions_total,
                (unsigned long long) display->packages_done, (unsigned long long) display->packages_total,
                bytes, rate, (unsigned long long) (seconds / 60), (unsigned) (seconds % 60));
        shown = MIN_OF(display->n_active, (size_t) ACTIVE_SHOWN_MAX);
        shown = MIN_OF(shown, (size_t) (rows > 4 ? rows - 3 : 1));
        for (size_t i = 0; i < shown; i++)
                print_line(display, COLOR_DIM, columns, "  %-9s  %s", strempty(display->active[i].state),
                        display->active[i].title);
        if (display->n_active > shown)
                print_line(display, COLOR_DIM, columns, "  and %zu more", display->n_active - shown);
        (void) fflush(stdout);
}
