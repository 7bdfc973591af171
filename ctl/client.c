#include "ctl/client.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <systemd/sd-event.h>
#include <systemd/sd-varlink.h>

#include "base/list.h"
#include "base/text.h"
#include "ctl/fields.h"

#define INTERFACE "io.defdev.opendepot."
#define TICK_USEC (100 * USEC_PER_MSEC)

struct Client {
        sd_varlink *link;
        char *socket;
};

void report(const char *format, ...) {
        _cleanup_free_ char *message = NULL, *shown = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&message, format, arguments) < 0)
                message = NULL;
        va_end(arguments);
        shown = message ? text_printable(message) : NULL;
        (void) fprintf(stderr, "opendepotctl: %s\n", shown ? shown : "out of memory");
}

ExitStatus report_errno(int error, const char *what) {
        report("%s: %s", what, strerror(-error));
        return CTL_FAILED;
}

static ExitStatus report_denied(void) {
        report("permission denied: run this as root or as a member of the group opendepot");
        return CTL_DENIED;
}

ExitStatus client_connect(const char *socket, Client **ret) {
        _cleanup_(client_freep) Client *client = calloc(1, sizeof(Client));
        int r;

        if (!client)
                return report_errno(-ENOMEM, "cannot start");
        client->socket = strdup(socket);
        if (!client->socket)
                return report_errno(-ENOMEM, "cannot start");
        r = sd_varlink_connect_address(&client->link, socket);
        if (r == -EACCES || r == -EPERM) {
                report("cannot connect to the daemon at %s: permission denied", socket);
                return CTL_DENIED;
        }
        if (r < 0) {
                report("cannot connect to the daemon at %s: %s; is it running? systemctl start opendepot",
                        socket, strerror(-r));
                return CTL_UNREACHABLE;
        }
        *ret = TAKE_PTR(client);
        return CTL_OK;
}

Client *client_free(Client *client) {
        if (!client)
                return NULL;
        sd_varlink_close_unref(client->link);
        free(client->socket);
        free(client);
        return NULL;
}

typedef ExitStatus (*ErrorReporter)(const Client *client, sd_json_variant *parameters);

static ExitStatus error_no_such_depot(const Client *client, sd_json_variant *parameters) {
        report("no depot %s is in force; opendepotctl status lists them", field_string(parameters, "depot"));
        return CTL_NOT_FOUND;
}

static ExitStatus error_no_such_package(const Client *client, sd_json_variant *parameters) {
        report("no depot names the package %s; opendepotctl list lists them",
                field_string(parameters, "package"));
        return CTL_NOT_FOUND;
}

static ExitStatus error_no_such_version(const Client *client, sd_json_variant *parameters) {
        const char *package = field_string(parameters, "package");

        report("%s has no version %s; opendepotctl show %s lists them", package,
                field_string(parameters, "version"), package);
        return CTL_NOT_FOUND;
}

static ExitStatus error_no_such_key(const Client *client, sd_json_variant *parameters) {
        const char *provider_namespace = field_string(parameters, "namespace");

        report("no key %s was seen in namespace %s; opendepotctl keys list %s lists them",
                field_string(parameters, "fingerprint"), provider_namespace, provider_namespace);
        return CTL_NOT_FOUND;
}

static ExitStatus error_key_is_configured(const Client *client, sd_json_variant *parameters) {
        report("the key %s of namespace %s is pinned in opendepot.yaml: take it out there",
                field_string(parameters, "fingerprint"), field_string(parameters, "namespace"));
        return CTL_FAILED;
}

static ExitStatus error_too_many_subscribers(const Client *client, sd_json_variant *parameters) {
        report("too many programs follow the daemon already; try again when one of them has ended");
        return CTL_FAILED;
}

static ExitStatus error_denied(const Client *client, sd_json_variant *parameters) {
        return report_denied();
}

static ExitStatus error_parameter(const Client *client, sd_json_variant *parameters) {
        report("the daemon does not accept the value of '%s'", field_string(parameters, "parameter"));
        return CTL_USAGE;
}

static ExitStatus error_method(const Client *client, sd_json_variant *parameters) {
        report("the daemon does not know this request: it is of another version; restart it after an "
               "upgrade");
        return CTL_FAILED;
}

static ExitStatus error_disconnected(const Client *client, sd_json_variant *parameters) {
        report("the daemon at %s closed the connection; journalctl -u opendepot says why", client->socket);
        return CTL_UNREACHABLE;
}

static ExitStatus error_timeout(const Client *client, sd_json_variant *parameters) {
        report("the daemon at %s does not answer; journalctl -u opendepot may say why", client->socket);
        return CTL_UNREACHABLE;
}

static ExitStatus error_protocol(const Client *client, sd_json_variant *parameters) {
        report("what answers at %s does not speak varlink", client->socket);
        return CTL_UNREACHABLE;
}

static ExitStatus report_error(const Client *client, const char *id, sd_json_variant *parameters) {
        static const struct {
                const char *id;
                ErrorReporter reporter;
        } table[] = {
                { INTERFACE "NoSuchDepot", error_no_such_depot },
                { INTERFACE "NoSuchPackage", error_no_such_package },
                { INTERFACE "NoSuchVersion", error_no_such_version },
                { INTERFACE "NoSuchKey", error_no_such_key },
                { INTERFACE "KeyIsConfigured", error_key_is_configured },
                { INTERFACE "TooManySubscribers", error_too_many_subscribers },
                { SD_VARLINK_ERROR_PERMISSION_DENIED, error_denied },
                { SD_VARLINK_ERROR_INTERACTIVE_AUTHENTICATION_REQUIRED, error_denied },
                { SD_VARLINK_ERROR_INVALID_PARAMETER, error_parameter },
                { SD_VARLINK_ERROR_INTERFACE_NOT_FOUND, error_method },
                { SD_VARLINK_ERROR_METHOD_NOT_FOUND, error_method },
                { SD_VARLINK_ERROR_METHOD_NOT_IMPLEMENTED, error_method },
                { SD_VARLINK_ERROR_DISCONNECTED, error_disconnected },
                { SD_VARLINK_ERROR_TIMEOUT, error_timeout },
                { SD_VARLINK_ERROR_PROTOCOL, error_protocol },
        };

        for (size_t i = 0; i < ELEMENTSOF(table); i++)
                if (streq(table[i].id, id))
                        return table[i].reporter(client, parameters);

        int error = sd_varlink_error_to_errno(id, parameters);
        if (error == -EACCES || error == -EPERM)
                return report_denied();
        if (streq(id, SD_VARLINK_ERROR_SYSTEM))
                report("the daemon could not do it: %s", strerror(-error));
        else
                report("the daemon answered with the error %s", id);
        return CTL_FAILED;
}

/* A call that failed on this side. */
static ExitStatus report_transport(const Client *client, int error) {
        switch (error) {
        case -ENOTCONN:
        case -ECONNRESET:
        case -EPIPE:
        case -ESHUTDOWN:
                return error_disconnected(client, NULL);
        case -ETIME:
        case -ETIMEDOUT:
                return error_timeout(client, NULL);
        case -EINVAL: /* what came is no JSON */
        case -EBADMSG:
        case -EPROTO:
                return error_protocol(client, NULL);
        default:
                return report_errno(error, "the call of the daemon failed");
        }
}

/* The answers to several calls come in the order of the calls. */
typedef struct Answers {
        Client *client;
        const ClientCall *calls;
        size_t n_calls, n_answered;
        ExitStatus status;
} Answers;

static int on_answer(sd_varlink *link, sd_json_variant *parameters, const char *error,
        sd_varlink_reply_flags_t flags, void *userdata) {
        Answers *answers = userdata;

        if (answers->status == CTL_OK && error)
                answers->status = report_error(answers->client, error, parameters);
        if (answers->status == CTL_OK && answers->n_answered < answers->n_calls)
                *answers->calls[answers->n_answered].ret = sd_json_variant_ref(parameters);
        answers->n_answered++;
        return 0;
}

static int invoke(sd_varlink *link, const ClientCall *call) {
        _cleanup_free_ char *name = NULL;

        if (asprintf(&name, INTERFACE "%s", call->method) < 0) {
                name = NULL;
                return -ENOMEM;
        }
        return sd_varlink_invoke(link, name, call->parameters);
}

static int call_all(Answers *answers) {
        sd_varlink *link = answers->client->link;
        int r;

        (void) sd_varlink_set_userdata(link, answers);
        r = sd_varlink_bind_reply(link, on_answer);
        for (size_t i = 0; i < answers->n_calls && r >= 0; i++)
                r = invoke(link, &answers->calls[i]);
        while (r >= 0 && answers->n_answered < answers->n_calls && answers->status == CTL_OK) {
                r = sd_varlink_process(link);
                if (r == 0)
                        r = sd_varlink_wait(link, UINT64_MAX);
        }
        (void) sd_varlink_bind_reply(link, NULL);
        return r;
}

ExitStatus client_call_all(Client *client, const ClientCall *calls, size_t n_calls) {
        Answers answers = { .client = client, .calls = calls, .n_calls = n_calls };
        int r;

        r = call_all(&answers);
        return r < 0 && answers.status == CTL_OK ? report_transport(client, r) : answers.status;
}

ExitStatus client_call(
        Client *client, const char *method, sd_json_variant *parameters, sd_json_variant **ret) {
        return client_call_all(client, &(ClientCall) { method, parameters, ret }, 1);
}

typedef struct Slices {
        Client *client;
        const char *member;
        sd_json_variant **elements;
        size_t n_elements;
        bool ended;
        ExitStatus status;
} Slices;

static void slices_clear(Slices *slices) {
        for (size_t i = 0; i < slices->n_elements; i++)
                sd_json_variant_unref(slices->elements[i]);
        free(slices->elements);
}

static int on_slice(sd_varlink *link, sd_json_variant *parameters, const char *error,
        sd_varlink_reply_flags_t flags, void *userdata) {
        Slices *slices = userdata;
        sd_json_variant *element;

        slices->ended = error || !(flags & SD_VARLINK_REPLY_CONTINUES);
        if (error) {
                slices->status = report_error(slices->client, error, parameters);
                return 0;
        }
        FIELD_FOREACH(element, field_at(parameters, slices->member)) {
                int r = LIST_APPEND(slices->elements, slices->n_elements, element);

                if (r < 0)
                        return r;
                sd_json_variant_ref(element);
        }
        return 0;
}

static int collect(Slices *slices, const char *name, sd_json_variant *parameters) {
        sd_varlink *link = slices->client->link;
        int r;

        (void) sd_varlink_set_userdata(link, slices);
        r = sd_varlink_bind_reply(link, on_slice);
        if (r >= 0)
                r = sd_varlink_observe(link, name, parameters);
        while (r >= 0 && !slices->ended) {
                r = sd_varlink_process(link);
                if (r == 0)
                        r = sd_varlink_wait(link, UINT64_MAX);
        }
        (void) sd_varlink_bind_reply(link, NULL);
        return r;
}

ExitStatus client_collect(Client *client, const char *method, sd_json_variant *parameters,
        const char *member, sd_json_variant **ret) {
        _cleanup_(slices_clear) Slices slices = { .client = client, .member = member };
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *array = NULL;
        _cleanup_free_ char *name = text_format(INTERFACE "%s", method);
        int r;

        if (!name)
                return report_errno(-ENOMEM, method);
        r = collect(&slices, name, parameters);
        if (slices.status != CTL_OK)
                return slices.status;
        if (r < 0)
                return report_transport(client, r);
        r = sd_json_variant_new_array(&array, slices.elements, slices.n_elements);
        if (r >= 0)
                r = sd_json_buildo(ret, SD_JSON_BUILD_PAIR_VARIANT(member, array));
        return r < 0 ? report_errno(r, method) : CTL_OK;
}

typedef struct Follower {
        Client *client;
        sd_event *loop;
        const ClientStream *stream;
        ExitStatus status;
        int signal;
} Follower;

static int on_reply(sd_varlink *link, sd_json_variant *parameters, const char *error,
        sd_varlink_reply_flags_t flags, void *userdata) {
        Follower *follower = userdata;

        if (error)
                follower->status = report_error(follower->client, error, parameters);
        else {
                sd_json_variant *event = sd_json_variant_by_key(parameters, "event");

                if (event && sd_json_variant_is_object(event))
                        follower->stream->event(event, follower->stream->userdata);
        }
        if (error || !(flags & SD_VARLINK_REPLY_CONTINUES))
                return sd_event_exit(follower->loop, 0);
        return 0;
}

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Follower *follower = userdata;

        follower->signal = (int) info->ssi_signo;
        return sd_event_exit(follower->loop, 0);
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata) {
        Follower *follower = userdata;
        int r;

        follower->stream->tick(follower->stream->userdata);
        r = sd_event_source_set_time_relative(source, TICK_USEC);
        if (r < 0)
                return r;
        return sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static int follow(Follower *follower, const char *name, sd_json_variant *parameters) {
        sd_varlink *link = follower->client->link;
        int r;

        r = sd_event_new(&follower->loop);
        if (r < 0)
                return r;
        r = sd_event_add_signal(
                follower->loop, NULL, SIGINT | SD_EVENT_SIGNAL_PROCMASK, on_signal, follower);
        if (r < 0)
                return r;
        r = sd_event_add_signal(
                follower->loop, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK, on_signal, follower);
        if (r < 0)
                return r;
        if (follower->stream->tick) {
                r = sd_event_add_time_relative(
                        follower->loop, NULL, CLOCK_MONOTONIC, TICK_USEC, 0, on_tick, follower);
                if (r < 0)
                        return r;
        }
        (void) sd_varlink_set_userdata(link, follower);
        r = sd_varlink_bind_reply(link, on_reply);
        if (r < 0)
                return r;
        /* Nothing may happen for hours. */
        r = sd_varlink_set_relative_timeout(link, UINT64_MAX);
        if (r < 0)
                return r;
        r = sd_varlink_attach_event(link, follower->loop, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0)
                return r;
        r = sd_varlink_observe(link, name, parameters);
        if (r < 0)
                return r;
        return sd_event_loop(follower->loop);
}

ExitStatus client_stream(Client *client, const char *method, sd_json_variant *parameters,
        const ClientStream *stream, int *ret_signal) {
        Follower follower = { .client = client, .stream = stream };
        _cleanup_free_ char *name = NULL;
        int r;

        if (asprintf(&name, INTERFACE "%s", method) < 0)
                return report_errno(-ENOMEM, method);
        r = follow(&follower, name, parameters);
        sd_varlink_detach_event(client->link);
        sd_event_unref(follower.loop);
        if (r < 0)
                return report_transport(client, r);
        if (follower.status != CTL_OK)
                return follower.status;
        *ret_signal = follower.signal;
        return CTL_OK;
}

ExitStatus exit_by_signal(int number) {
        sigset_t set;

        (void) fflush(stdout);
        if (sigemptyset(&set) == 0 && sigaddset(&set, number) == 0) {
                (void) signal(number, SIG_DFL);
                (void) raise(number);
                (void) sigprocmask(SIG_UNBLOCK, &set, NULL);
        }
        return CTL_FAILED;
}
