#include "base/clock.h"
#include "ctl/event.h"
#include "ctl/progress.h"
#include "ctl/verbs.h"

/* Without a display, how far the transfers have come is said this often. */
#define PROGRESS_LINE_USEC (10 * USEC_PER_SEC)

typedef struct Sync {
        const Invocation *invocation;
        ProgressDisplay *display; /* NULL: lines or JSON */
        sd_json_variant *outcome; /* NULL until the end */
        uint64_t progress_usec;   /* when the last line about it was written */
} Sync;

static bool event_is_failure(sd_json_variant *event) {
        const char *type = field_string(event, "type"), *state = field_string(event, "state");

        return (streq(type, "version") || streq(type, "package")) &&
               (streq(state, "failed") || streq(state, "incomplete") || streq(state, "held"));
}

static void print_line(Sync *sync, sd_json_variant *event) {
        const char *type = field_string(event, "type");
        uint64_t now = clock_boottime_usec();

        /* The outcome is printed last, in words. */
        if (streq(type, "done") || (sync->invocation->quiet && !event_is_failure(event)))
                return;
        if (streq(type, "progress")) {
                if (now - sync->progress_usec < PROGRESS_LINE_USEC)
                        return;
                sync->progress_usec = now;
        }
        event_print(event, &sync->invocation->style, stdout);
}

static void on_event(sd_json_variant *event, void *userdata) {
        sd_json_variant *outcome = field_at(event, "outcome");
        Sync *sync = userdata;

        if (sync->invocation->json != JSON_OFF)
                (void) json_print(event, sync->invocation->json, &sync->invocation->style);
        else if (sync->display)
                progress_display_event(sync->display, event);
        else
                print_line(sync, event);

        if (streq(field_string(event, "type"), "done") && outcome) {
                sd_json_variant_unref(sync->outcome);
                sync->outcome = sd_json_variant_ref(outcome);
        }
}

static void on_tick(void *userdata) {
        progress_display_tick(((Sync *) userdata)->display);
}

static ExitStatus print_outcome(const Sync *sync) {
        const Style *style = &sync->invocation->style;
        bool failed;
        Color color;
        char text[256];

        if (!sync->outcome) {
                report("the daemon ended the request before it was complete; what was published stays, "
                       "journalctl -u opendepot says why");
                return CTL_FAILED;
        }
        failed = field_unsigned(sync->outcome, "packagesFailed") > 0 ||
                 field_unsigned(sync->outcome, "versionsFailed") > 0;
        if (sync->invocation->json == JSON_OFF && !sync->invocation->quiet) {
                event_format_outcome(sync->outcome, text, sizeof(text));
                color = failed ? COLOR_RED : COLOR_GREEN;
                (void) printf("%s%s%s: %s\n", color_on(style, color), failed ? "incomplete" : "done",
                        color_off(style, color), text);
        }
        return failed ? CTL_FAILED : CTL_OK;
}

static ExitStatus sync_and_wait(const Invocation *invocation, Client *client, sd_json_variant *parameters) {
        bool live = invocation->style.live && invocation->json == JSON_OFF && !invocation->quiet;
        Sync sync = { .invocation = invocation, .progress_usec = clock_boottime_usec() };
        ClientStream stream = { .event = on_event, .tick = live ? on_tick : NULL, .userdata = &sync };
        int r, signal_number = 0;
        ExitStatus status;

        if (live) {
                r = progress_display_new(&invocation->style, &sync.display);
                if (r < 0)
                        return report_errno(r, "cannot show the progress");
        }
        status = client_stream(client, "Sync", parameters, &stream, &signal_number);
        /* Before anything else is said, the display makes room for it. */
        sync.display = progress_display_free(sync.display);
        if (status == CTL_OK) {
                if (signal_number != 0) {
                        if (!invocation->quiet)
                                report("interrupted; the daemon goes on, opendepotctl monitor follows it");
                        sd_json_variant_unref(sync.outcome);
                        return exit_by_signal(signal_number);
                }
                status = print_outcome(&sync);
        }
        sd_json_variant_unref(sync.outcome);
        return status;
}

static ExitStatus sync_accepted(const Invocation *invocation, Client *client, sd_json_variant *parameters) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *reply = NULL;
        ExitStatus status;

        status = client_call(client, "Sync", parameters, &reply);
        if (status != CTL_OK)
                return status;
        if (invocation->json != JSON_OFF && field_at(reply, "event"))
                return json_print(field_at(reply, "event"), invocation->json, &invocation->style);
        if (!invocation->quiet && invocation->style.legend)
                (void) puts("Accepted. Follow it with opendepotctl monitor, see the result with "
                            "opendepotctl status.");
        return CTL_OK;
}

ExitStatus verb_sync(const Invocation *invocation) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *parameters = NULL;
        _cleanup_(client_freep) Client *client = NULL;
        ExitStatus status;
        int r;

        r = parameters_new(&parameters, "depot", invocation->depot, "package", invocation->arguments[0],
                "version", invocation->arguments[0] ? invocation->arguments[1] : NULL, NULL);
        if (invocation->now && (!invocation->arguments[0] || !invocation->arguments[1])) {
                report("--now needs a PACKAGE and a VERSION; opendepotctl sync --help");
                return CTL_USAGE;
        }
        if (r >= 0 && invocation->now)
                r = sd_json_variant_set_field_boolean(&parameters, "now", true);
        if (r >= 0 && invocation->force)
                r = sd_json_variant_set_field_boolean(&parameters, "force", true);
        if (r < 0)
                return report_errno(r, "cannot ask the daemon");
        status = client_connect(invocation->socket, &client);
        if (status != CTL_OK)
                return status;
        if (invocation->wait)
                return sync_and_wait(invocation, client, parameters);
        return sync_accepted(invocation, client, parameters);
}
