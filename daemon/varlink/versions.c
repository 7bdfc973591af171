#include "varlink/versions.h"

#include <fcntl.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "varlink/describe.h"
#include "varlink/reply.h"

/* Versions and artifacts of one slice: a few milliseconds, and about 60 KiB. */
#define SLICE_SIZE 256
/* The same of an answer that is to come in one piece. */
#define ANSWER_SIZE 2048

/* Where a listing has come to. Packages come and go, and versions of them do, between two slices: what comes next is
 * found by its name. */
typedef struct Cursor {
        char *name;
        PackageKind kind; /* of the package of this name in */
        char *store;      /* the store; "": before the first */
        Version *version; /* that was told last of it; NULL: none yet */
} Cursor;

struct VersionsCall {
        VersionsCalls *calls;
        VersionsCall *previous, *next;
        sd_varlink *link;
        int fd; /* of the connection, once more: the loop takes it from sd-varlink as well */
        sd_event_source *writable;
        Cursor cursor;
        bool ended, failed;
};

static int cursor_start(Cursor *cursor, const char *name) {
        cursor->name = strdup(name);
        cursor->store = strdup("");
        return cursor->name && cursor->store ? 0 : -ENOMEM;
}

static void cursor_clear(Cursor *cursor) {
        free(cursor->name);
        free(cursor->store);
        version_free(cursor->version);
}

static void call_free(VersionsCall *call) {
        if (call->previous)
                call->previous->next = call->next;
        else
                call->calls->first = call->next;
        if (call->next)
                call->next->previous = call->previous;
        sd_event_source_disable_unref(call->writable);
        close_fd(call->fd);
        sd_varlink_unref(call->link);
        cursor_clear(&call->cursor);
        free(call);
}

/* Packages of one name are sorted by the rest, see package_compare(). */
static int compare(const Package *package, const Cursor *cursor) {
        return package_compare(package, &(Package) {
                                                .name = cursor->name,
                                                .kind = cursor->kind,
                                                .store_identity = cursor->store,
                                        });
}

/* The next slice, and the cursor behind it. Returns 1 if there are more, 0 if that is the last. */
static int make_slice(const Manager *manager, Cursor *cursor, size_t room, sd_json_variant **array) {
        int order, r;

        for (size_t i = 0; i < manager_n_packages(manager); i++) {
                const Package *package = manager_package(manager, i);

                if (!streq(package->name, cursor->name))
                        continue;
                order = compare(package, cursor);
                if (order < 0)
                        continue;
                if (order > 0) {
                        cursor->kind = package->kind;
                        cursor->version = version_free(cursor->version);
                        r = string_assign(&cursor->store, package->store_identity);
                        if (r < 0)
                                return r;
                }
                r = describe_versions(package, &cursor->version, &room, array);
                if (r != 0)
                        return r;
        }
        return 0;
}

/* {"versions": […]}; takes over the array. */
static int send_slice(sd_varlink *link, sd_json_variant *array, bool more) {
        sd_json_variant *message = NULL;
        int r = 0;

        if (!more)
                return reply_array(link, "versions", array, 0);
        r = sd_json_buildo(&message, SD_JSON_BUILD_PAIR_VARIANT("versions", array));
        sd_json_variant_unref(array);
        if (r >= 0)
                r = sd_varlink_notify(link, message);
        sd_json_variant_unref(message);
        return r;
}

static void call_end(VersionsCall *call, bool failed) {
        call->ended = true;
        call->failed = failed;
        (void) sd_event_source_set_enabled(call->writable, SD_EVENT_OFF);
        (void) sd_event_source_set_enabled(call->calls->sweep, SD_EVENT_ONESHOT);
}

/* The connection takes more. As a method goes first, whoever asks in between is answered in between. */
static int on_writable(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        VersionsCall *call = userdata;
        sd_json_variant *array = NULL;
        int r;

        /* The last slice has not left whole. */
        if (sd_varlink_get_events(call->link) & EPOLLOUT)
                return 0;
        r = make_slice(call->calls->manager, &call->cursor, SLICE_SIZE, &array);
        if (r < 0)
                sd_json_variant_unref(array);
        else {
                bool more = r > 0;

                r = send_slice(call->link, array, more);
                if (r >= 0 && more)
                        return 0;
        }
        if (r < 0)
                log_debug("A listing of %s was cut short: %s", call->cursor.name, strerror(-r));
        call_end(call, r < 0);
        return 0;
}

static VersionsCall *find_ended(const VersionsCalls *calls) {
        VersionsCall *call = calls->first;

        while (call && !call->ended)
                call = call->next;
        return call;
}

static int on_sweep(sd_event_source *source, void *userdata) {
        VersionsCalls *calls = userdata;
        VersionsCall *call;

        while ((call = find_ended(calls))) {
                sd_varlink *link = sd_varlink_ref(call->link);
                bool failed = call->failed;

                call_free(call);
                /* What has begun cannot become an error any more. */
                if (failed)
                        (void) sd_varlink_close(link);
                sd_varlink_unref(link);
        }
        return 0;
}

int versions_calls_start(VersionsCalls *calls, sd_event *event, const Manager *manager) {
        int r;

        *calls = (VersionsCalls) { .event = event, .manager = manager };
        r = sd_event_add_defer(event, &calls->sweep, on_sweep, calls);
        return r < 0 ? r : sd_event_source_set_enabled(calls->sweep, SD_EVENT_OFF);
}

void versions_calls_stop(VersionsCalls *calls) {
        while (calls->first)
                call_free(calls->first);
        calls->sweep = sd_event_source_disable_unref(calls->sweep);
}

void versions_calls_forget(VersionsCalls *calls, const sd_varlink *link) {
        for (VersionsCall *call = calls->first, *next; call; call = next) {
                next = call->next;
                if (call->link == link)
                        call_free(call);
        }
}

/* Takes over the cursor. */
static int call_new(VersionsCalls *calls, sd_varlink *link, Cursor *cursor, VersionsCall **ret) {
        VersionsCall *call = calloc(1, sizeof(VersionsCall));
        int r;

        if (!call)
                return -ENOMEM;
        *call = (VersionsCall) {
                .calls = calls,
                .next = calls->first,
                .link = sd_varlink_ref(link),
                .fd = fcntl(sd_varlink_get_fd(link), F_DUPFD_CLOEXEC, 3),
                .cursor = TAKE_GENERIC(*cursor, (Cursor) {}),
        };
        if (call->next)
                call->next->previous = call;
        calls->first = call;
        r = call->fd < 0
                    ? negative_errno()
                    : sd_event_add_io(calls->event, &call->writable, call->fd, EPOLLOUT, on_writable, call);
        if (r < 0) {
                call_free(call);
                return r;
        }
        *ret = call;
        return 0;
}

/* Answers at once if one slice holds everything. */
static int answer(VersionsCalls *calls, sd_varlink *link, const char *name, bool more) {
        _cleanup_(cursor_clear) Cursor cursor = {};
        sd_json_variant *array = NULL;
        VersionsCall *call;
        int r;

        r = cursor_start(&cursor, name);
        if (r >= 0)
                r = make_slice(calls->manager, &cursor, more ? SLICE_SIZE : ANSWER_SIZE, &array);
        if (r == 0)
                return send_slice(link, array, false);
        if (r > 0 && more) {
                r = call_new(calls, link, &cursor, &call);
                if (r >= 0) {
                        if (send_slice(link, array, true) < 0)
                                call_end(call, true);
                        return 0;
                }
        } else if (r > 0)
                r = sd_varlink_error(link, SD_VARLINK_ERROR_EXPECTED_MORE, NULL);
        sd_json_variant_unref(array);
        return r;
}

/* However the version is written, as Sync has it; what is no version is none of the package either. */
static int answer_one(const VersionsCalls *calls, sd_varlink *link, const char *name, const char *text) {
        _cleanup_(version_freep) Version *version = NULL;
        sd_json_variant *array = NULL;
        int r;

        r = version_parse(text, &version);
        if (r == -ENOMEM)
                return r;
        r = 0;
        for (size_t i = 0; version && i < manager_n_packages(calls->manager) && r >= 0; i++)
                if (streq(manager_package(calls->manager, i)->name, name))
                        r = describe_one_version(manager_package(calls->manager, i), version, &array);
        return r >= 0 && !array ? reply_no_such_version(link, name, text)
                                : reply_array(link, "versions", array, r);
}

static bool is_known(const Manager *manager, const char *name) {
        for (size_t i = 0; i < manager_n_packages(manager); i++)
                if (streq(manager_package(manager, i)->name, name))
                        return true;
        return false;
}

typedef struct Parameters {
        const char *package, *version;
} Parameters;

int versions_on_call(VersionsCalls *calls, sd_varlink *link, sd_json_variant *parameters, bool more) {
        static const sd_json_dispatch_field fields[] = {
                { "package", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
                        offsetof(Parameters, package), SD_JSON_MANDATORY },
                { "version", SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string,
                        offsetof(Parameters, version), SD_JSON_NULLABLE },
                {},
        };
        Parameters p = {};
        int r;

        r = sd_varlink_dispatch(link, parameters, fields, &p);
        if (r != 0)
                return r;
        if (!is_known(calls->manager, p.package))
                return reply_no_such_package(link, p.package);
        return p.version ? answer_one(calls, link, p.package, p.version)
                         : answer(calls, link, p.package, more);
}
