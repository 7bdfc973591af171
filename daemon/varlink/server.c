#include "varlink/server.h"

#include <grp.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/text.h"
#include "build-config.h"
#include "varlink/describe.h"
#include "varlink/interface.h"
#include "varlink/keys.h"
#include "varlink/peers.h"
#include "varlink/reply.h"
#include "varlink/service.h"
#include "varlink/versions.h"
#include "varlink/why.h"

#define SUBSCRIPTIONS_MAX 64U
/* What users who may only read can have of them: each may hold up to a buffer of events. */
#define SUBSCRIPTIONS_UNPRIVILEGED_MAX 16U
#define CONNECTIONS_MAX 256U
#define PEER_GROUPS_MAX 1024
#define PROGRESS_USEC (250 * USEC_PER_MSEC)

typedef struct Subscription Subscription;

/* A call that is answered bit by bit: Subscribe, Sync or Plan. */
struct Subscription {
        VarlinkServer *server;
        Subscription *previous, *next;
        sd_varlink *link;
        Request *request; /* NULL: everything is wanted (Subscribe) */
        bool plan_only;
        char *package, *version; /* as asked for */
        sd_event_source *progress_timer;
};

struct VarlinkServer {
        sd_event *event;
        Manager *manager;
        sd_varlink_server *server;
        Subscription *subscriptions;
        unsigned n_subscriptions;
        Peers readers;
        WhyCalls whys;
        VersionsCalls versions;
};

static Subscription *subscription_free(Subscription *subscription) {
        VarlinkServer *server;

        if (!subscription)
                return NULL;
        server = subscription->server;
        if (subscription->request)
                request_forget(subscription->request);
        if (subscription->previous)
                subscription->previous->next = subscription->next;
        else
                server->subscriptions = subscription->next;
        if (subscription->next)
                subscription->next->previous = subscription->previous;
        server->n_subscriptions--;
        sd_event_source_disable_unref(subscription->progress_timer);
        sd_varlink_unref(subscription->link);
        free(subscription->package);
        free(subscription->version);
        free(subscription);
        return NULL;
}

static int subscription_new(VarlinkServer *server, sd_varlink *link, Subscription **ret) {
        Subscription *subscription = calloc(1, sizeof(Subscription));

        if (!subscription)
                return -ENOMEM;
        *subscription = (Subscription) {
                .server = server,
                .link = sd_varlink_ref(link),
                .next = server->subscriptions,
        };
        if (subscription->next)
                subscription->next->previous = subscription;
        server->subscriptions = subscription;
        server->n_subscriptions++;
        *ret = subscription;
        return 0;
}

/* Sends one event; `last` ends the call. A reader that does not keep up is let go, and its subscription with it: after
 * this call it may be gone. */
static void send_event(sd_varlink *link, sd_json_variant *event, bool last) {
        sd_json_variant *message = NULL;
        int r;

        r = sd_json_buildo(&message, SD_JSON_BUILD_PAIR_VARIANT("event", event));
        if (r >= 0)
                r = last ? sd_varlink_reply(link, message) : sd_varlink_notify(link, message);
        sd_json_variant_unref(message);
        if (r < 0) {
                log_debug("A subscriber is let go: %s", strerror(-r));
                (void) sd_varlink_close(link);
        }
}

static void send_simple_event(sd_varlink *link, const char *type) {
        sd_json_variant *event = NULL;

        if (describe_event(type, &event) >= 0)
                send_event(link, event, false);
        sd_json_variant_unref(event);
}

static bool subscription_wants(const Subscription *subscription, const JobEvent *job) {
        if (!subscription->request)
                return true;
        if (!request_covers(subscription->request, job->package))
                return false;
        return !subscription->plan_only || job->type == JOB_EVENT_PLAN ||
               job->package_state == PACKAGE_FAILED;
}

static void on_manager_event(const ManagerEvent *event, void *userdata) {
        VarlinkServer *server = userdata;
        sd_json_variant *description = NULL;

        for (Subscription *subscription = server->subscriptions, *next; subscription; subscription = next) {
                next = subscription->next;
                if (event->type == MANAGER_EVENT_RELOAD) {
                        if (!subscription->request)
                                send_simple_event(subscription->link, "reload");
                        continue;
                }
                if (!subscription_wants(subscription, event->job))
                        continue;
                if (!description && describe_job_event(event->job, &description) < 0)
                        return;
                send_event(subscription->link, description, false);
        }
        sd_json_variant_unref(description);
}

static void on_disconnect(sd_varlink_server *varlink, sd_varlink *link, void *userdata) {
        VarlinkServer *server = userdata;

        peers_remove(&server->readers, link);
        why_calls_forget(&server->whys, link);
        versions_calls_forget(&server->versions, link);
        for (Subscription *subscription = server->subscriptions, *next; subscription; subscription = next) {
                next = subscription->next;
                if (subscription->link == link)
                        subscription_free(subscription);
        }
}

/* Permissions */

static bool peer_is_in_group(sd_varlink *link, gid_t group) {
        gid_t primary, groups[PEER_GROUPS_MAX];
        socklen_t size = sizeof(groups);

        if (sd_varlink_get_peer_gid(link, &primary) >= 0 && primary == group)
                return true;
        if (getsockopt(sd_varlink_get_fd(link), SOL_SOCKET, SO_PEERGROUPS, groups, &size) < 0)
                return false;
        for (size_t i = 0; i < size / sizeof(gid_t); i++)
                if (groups[i] == group)
                        return true;
        return false;
}

static bool peer_may_change(sd_varlink *link) {
        uid_t uid;

        return sd_varlink_get_peer_uid(link, &uid) >= 0 &&
               (uid == 0 || uid == geteuid() || (getegid() != 0 && peer_is_in_group(link, getegid())));
}

/* An error ends the connection before it is listened to. */
static int on_connect(sd_varlink_server *varlink, sd_varlink *link, void *userdata) {
        VarlinkServer *server = userdata;
        uid_t uid;
        int r;

        if (peer_may_change(link))
                return 0;
        r = sd_varlink_get_peer_uid(link, &uid);
        return r < 0 ? r : peers_add(&server->readers, link, uid);
}

/* Reading */

static int no_such_depot(sd_varlink *link, const char *depot) {
        return sd_varlink_errorbo(
                link, "io.defdev.opendepot.NoSuchDepot", SD_JSON_BUILD_PAIR_STRING("depot", depot));
}

/* What the methods take; each has its own selection of these. */
typedef struct Parameters {
        const char *depot, *package, *version;
        int force, now; /* tristate */
} Parameters;

#define FIELD_STRING(name, flags)                                                                           \
        { #name, SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Parameters, name), (flags) }

static int on_get_status(
        sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        const VarlinkServer *server = userdata;
        sd_json_variant *status = NULL;
        int r;

        r = sd_varlink_dispatch(link, parameters, no_parameters, NULL);
        if (r != 0)
                return r;
        r = describe_status(server->manager, &status);
        return reply_value(link, "status", status, r);
}

static int on_list_depots(
        sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        static const sd_json_dispatch_field fields[] = { FIELD_STRING(depot, SD_JSON_NULLABLE), {} };
        const VarlinkServer *server = userdata;
        sd_json_variant *array = NULL;
        Parameters p = {};
        int r;

        r = sd_varlink_dispatch(link, parameters, fields, &p);
        if (r != 0)
                return r;
        if (p.depot && !manager_find_depot(server->manager, p.depot))
                return no_such_depot(link, p.depot);
        for (size_t i = 0; i < manager_n_depots(server->manager) && r >= 0; i++) {
                const DepotState *state = manager_depot(server->manager, i);
                sd_json_variant *element = NULL;

                if (p.depot && !streq(p.depot, state->depot->name))
                        continue;
                r = describe_depot(server->manager, state, &element);
                r = reply_append(&array, element, r);
        }
        return reply_array(link, "depots", array, r);
}

static int on_list_packages(
        sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        static const sd_json_dispatch_field fields[] = {
                FIELD_STRING(depot, SD_JSON_NULLABLE),
                FIELD_STRING(package, SD_JSON_NULLABLE),
                {},
        };
        const VarlinkServer *server = userdata;
        sd_json_variant *array = NULL;
        Parameters p = {};
        int r;

        r = sd_varlink_dispatch(link, parameters, fields, &p);
        if (r != 0)
                return r;
        if (p.depot && !manager_find_depot(server->manager, p.depot))
                return no_such_depot(link, p.depot);
        for (size_t i = 0; i < manager_n_packages(server->manager) && r >= 0; i++) {
                const Package *package = manager_package(server->manager, i);
                sd_json_variant *element = NULL;

                if ((p.depot && !package_is_wanted_by(package, p.depot)) ||
                        (p.package && !streq(p.package, package->name)))
                        continue;
                r = describe_package(package, &element);
                r = reply_append(&array, element, r);
        }
        if (r >= 0 && p.package && !array)
                return reply_no_such_package(link, p.package);
        return reply_array(link, "packages", array, r);
}

static int on_list_versions(
        sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        VarlinkServer *server = userdata;

        return versions_on_call(&server->versions, link, parameters, flags & SD_VARLINK_METHOD_MORE);
}

/* Changing */

static void on_request_done(Request *request, const RequestOutcome *outcome, void *userdata) {
        Subscription *subscription = userdata;
        _cleanup_free_ char *package = TAKE_PTR(subscription->package),
                            *version = TAKE_PTR(subscription->version);
        sd_varlink *link = sd_varlink_ref(subscription->link);
        sd_json_variant *event = NULL;

        subscription->request = NULL;
        subscription_free(subscription);
        if (outcome->no_such_version && version)
                (void) reply_no_such_version(link, strempty(package), version);
        else if (describe_outcome(outcome, &event) >= 0)
                send_event(link, event, true);
        sd_json_variant_unref(event);
        sd_varlink_unref(link);
}

static int on_progress(sd_event_source *source, uint64_t usec, void *userdata) {
        Subscription *subscription = userdata;
        RequestProgress progress = request_progress(subscription->request);
        sd_json_variant *event = NULL;

        (void) sd_event_source_set_time_relative(source, PROGRESS_USEC);
        (void) sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
        if (describe_progress(&progress, &event) >= 0)
                send_event(subscription->link, event, false);
        sd_json_variant_unref(event);
        return 0;
}

/* The request is made first: what it is refused for is an answer of its own. */
static int start_streaming(
        VarlinkServer *server, sd_varlink *link, const ReconcileOptions *options, const Parameters *p) {
        Subscription *subscription;
        int r;

        r = subscription_new(server, link, &subscription);
        if (r < 0)
                return r;
        subscription->plan_only = options->mode == RECONCILE_PLAN;
        r = string_assign(&subscription->package, p->package);
        if (r >= 0)
                r = string_assign(&subscription->version, options->version);
        if (r >= 0)
                r = manager_request(server->manager, options, p->depot, p->package, on_request_done,
                        subscription, &subscription->request);
        if (r >= 0 && !subscription->plan_only)
                r = sd_event_add_time_relative(server->event, &subscription->progress_timer, CLOCK_MONOTONIC,
                        PROGRESS_USEC, 0, on_progress, subscription);
        if (r < 0) {
                subscription_free(subscription);
                return r;
        }
        if (!subscription->plan_only)
                send_simple_event(link, "accepted");
        return 0;
}

static int start_request(
        VarlinkServer *server, sd_varlink *link, ReconcileOptions *options, const Parameters *p, bool more) {
        _cleanup_(version_freep) Version *version = NULL;
        sd_json_variant *event = NULL;
        int r;

        if (!peer_may_change(link))
                return sd_varlink_error(link, SD_VARLINK_ERROR_PERMISSION_DENIED, NULL);
        if (p->depot && !manager_find_depot(server->manager, p->depot))
                return no_such_depot(link, p->depot);
        if (p->version) {
                if (!p->package || version_parse(p->version, &version) < 0)
                        return sd_varlink_error_invalid_parameter_name(link, "version");
                options->version = version_string(version);
        }
        if (more && server->n_subscriptions >= SUBSCRIPTIONS_MAX)
                return sd_varlink_error(link, "io.defdev.opendepot.TooManySubscribers", NULL);

        r = more ? start_streaming(server, link, options, p)
                 : manager_request(server->manager, options, p->depot, p->package, NULL, NULL, NULL);
        if (r == -ENOENT)
                return reply_no_such_package(link, strempty(p->package));
        if (r < 0 || more)
                return r;
        r = describe_event("accepted", &event);
        return reply_value(link, "event", event, r);
}

static int on_sync(
        sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        static const sd_json_dispatch_field fields[] = {
                FIELD_STRING(depot, SD_JSON_NULLABLE),
                FIELD_STRING(package, SD_JSON_NULLABLE),
                FIELD_STRING(version, SD_JSON_NULLABLE),
                { "force", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_tristate, offsetof(Parameters, force),
                        SD_JSON_NULLABLE },
                { "now", SD_JSON_VARIANT_BOOLEAN, sd_json_dispatch_tristate, offsetof(Parameters, now),
                        SD_JSON_NULLABLE },
                {},
        };
        ReconcileOptions options = { .mode = RECONCILE_SYNC };
        Parameters p = {};
        int r;

        r = sd_varlink_dispatch(link, parameters, fields, &p);
        if (r != 0)
                return r;
        options.force = p.force > 0;
        options.for_operator = true;
        options.now = p.now > 0;
        /* What is old enough is for the policy to say, but for one version that somebody has looked at. */
        if (options.now && !p.version)
                return sd_varlink_error_invalid_parameter_name(link, "now");
        return start_request(userdata, link, &options, &p, flags & SD_VARLINK_METHOD_MORE);
}

static int on_plan(
        sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        static const sd_json_dispatch_field fields[] = {
                FIELD_STRING(depot, SD_JSON_NULLABLE),
                FIELD_STRING(package, SD_JSON_NULLABLE),
                {},
        };
        ReconcileOptions options = { .mode = RECONCILE_PLAN };
        Parameters p = {};
        int r;

        r = sd_varlink_dispatch(link, parameters, fields, &p);
        return r != 0 ? r : start_request(userdata, link, &options, &p, true);
}

static int on_subscribe(
        sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        VarlinkServer *server = userdata;
        Subscription *subscription;
        int r;

        r = sd_varlink_dispatch(link, parameters, no_parameters, NULL);
        if (r != 0)
                return r;
        if (server->n_subscriptions >=
                (peer_may_change(link) ? SUBSCRIPTIONS_MAX : SUBSCRIPTIONS_UNPRIVILEGED_MAX))
                return sd_varlink_error(link, "io.defdev.opendepot.TooManySubscribers", NULL);
        r = subscription_new(server, link, &subscription);
        if (r >= 0)
                send_simple_event(link, "accepted");
        return r;
}

static int on_reload(
        sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        const VarlinkServer *server = userdata;
        sd_json_variant *problems = NULL;
        int r;

        r = sd_varlink_dispatch(link, parameters, no_parameters, NULL);
        if (r != 0)
                return r;
        if (!peer_may_change(link))
                return sd_varlink_error(link, SD_VARLINK_ERROR_PERMISSION_DENIED, NULL);
        r = manager_reload(server->manager);
        if (r >= 0)
                r = describe_problems(server->manager, &problems);
        return reply_value(link, "problems", problems, r);
}

static int on_why(
        sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        VarlinkServer *server = userdata;

        return why_on_call(link, parameters, server->manager, &server->whys);
}

static int on_list_keys(
        sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        const VarlinkServer *server = userdata;

        return keys_on_list(link, parameters, server->manager);
}

static int on_accept_key(
        sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        const VarlinkServer *server = userdata;

        if (!peer_may_change(link))
                return sd_varlink_error(link, SD_VARLINK_ERROR_PERMISSION_DENIED, NULL);
        return keys_on_decide(link, parameters, server->manager, true);
}

static int on_refuse_key(
        sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        const VarlinkServer *server = userdata;

        if (!peer_may_change(link))
                return sd_varlink_error(link, SD_VARLINK_ERROR_PERMISSION_DENIED, NULL);
        return keys_on_decide(link, parameters, server->manager, false);
}

static int on_set_log_level(
        sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata) {
        if (!peer_may_change(link))
                return sd_varlink_error(link, SD_VARLINK_ERROR_PERMISSION_DENIED, NULL);
        return service_on_set_log_level(link, parameters, flags, userdata);
}

static int bind_everything(sd_varlink_server *server) {
        static const struct {
                const char *name;
                sd_varlink_method_t callback;
        } methods[] = {
                { "io.defdev.opendepot.GetStatus", on_get_status },
                { "io.defdev.opendepot.ListDepots", on_list_depots },
                { "io.defdev.opendepot.ListPackages", on_list_packages },
                { "io.defdev.opendepot.ListVersions", on_list_versions },
                { "io.defdev.opendepot.Why", on_why },
                { "io.defdev.opendepot.Plan", on_plan },
                { "io.defdev.opendepot.Sync", on_sync },
                { "io.defdev.opendepot.Reload", on_reload },
                { "io.defdev.opendepot.Subscribe", on_subscribe },
                { "io.defdev.opendepot.ListKeys", on_list_keys },
                { "io.defdev.opendepot.AcceptKey", on_accept_key },
                { "io.defdev.opendepot.RefuseKey", on_refuse_key },
                { "io.systemd.service.Ping", service_on_ping },
                { "io.systemd.service.SetLogLevel", on_set_log_level },
        };
        int r;

        r = sd_varlink_server_add_interface(server, &vl_interface_opendepot_varlink);
        if (r >= 0)
                r = sd_varlink_server_add_interface(server, &vl_interface_service_varlink);
        for (size_t i = 0; i < ELEMENTSOF(methods) && r >= 0; i++)
                r = sd_varlink_server_bind_method(server, methods[i].name, methods[i].callback);
        if (r >= 0)
                r = sd_varlink_server_bind_connect(server, on_connect);
        return r < 0 ? r : sd_varlink_server_bind_disconnect(server, on_disconnect);
}

int varlink_server_new(sd_event *event, Manager *manager, const char *directory, VarlinkServer **ret) {
        _cleanup_(varlink_server_freep) VarlinkServer *server = calloc(1, sizeof(VarlinkServer));
        _cleanup_free_ char *address = NULL;
        int r;

        if (!server)
                return -ENOMEM;
        server->event = sd_event_ref(event);
        server->manager = manager;
        text_set(&address, "%s/" OPENDEPOT_VARLINK_SOCKET, directory);
        if (!address)
                return -ENOMEM;
        /* Left by a daemon that was killed. */
        (void) unlink(address);

        r = versions_calls_start(&server->versions, event, manager);
        if (r < 0)
                return r;
        r = sd_varlink_server_new(
                &server->server, SD_VARLINK_SERVER_INHERIT_USERDATA | SD_VARLINK_SERVER_ACCOUNT_UID);
        if (r < 0)
                return r;
        (void) sd_varlink_server_set_userdata(server->server, server);
        (void) sd_varlink_server_set_connections_max(server->server, CONNECTIONS_MAX);
        (void) sd_varlink_server_set_connections_per_uid_max(server->server, CONNECTIONS_MAX / 2);
        r = sd_varlink_server_set_info(server->server, "OpenDepot", "opendepotd", OPENDEPOT_VERSION,
                "https://github.com/tonedefdev/opendepot");
        if (r >= 0)
                r = bind_everything(server->server);
        if (r >= 0)
                r = sd_varlink_server_listen_address(server->server, address, 0666);
        /* An operator who asks is answered before the next piece of a transfer. */
        if (r >= 0)
                r = sd_varlink_server_attach_event(server->server, event, SD_EVENT_PRIORITY_IMPORTANT);
        if (r < 0) {
                log_error("Cannot listen on %s: %s", address, strerror(-r));
                return r;
        }
        manager_set_listener(manager, on_manager_event, server);
        *ret = TAKE_PTR(server);
        return 0;
}

VarlinkServer *varlink_server_free(VarlinkServer *server) {
        if (!server)
                return NULL;
        manager_set_listener(server->manager, NULL, NULL);
        why_calls_forget(&server->whys, NULL);
        versions_calls_stop(&server->versions);
        while (server->subscriptions)
                subscription_free(server->subscriptions);
        if (server->server)
                (void) sd_varlink_server_shutdown(server->server);
        sd_varlink_server_unref(server->server);
        sd_event_unref(server->event);
        free(server);
        return NULL;
}
