/* The daemon's socket: calls, streams of events, and errors said in one line. */
#pragma once

#include <systemd/sd-json.h>

#include "base/util.h"

#define CLIENT_SOCKET_DEFAULT "/run/opendepot/io.defdev.opendepot"

/* The exit statuses of the program; opendepotctl(1) promises them. A function that returns one has reported anything
 * but CTL_OK. */
typedef enum ExitStatus {
        CTL_OK,
        CTL_FAILED, /* packages or versions failed, problems were found, or something unexpected happened */
        CTL_USAGE,
        CTL_UNREACHABLE, /* no daemon behind the socket, or it went away */
        CTL_NOT_FOUND,   /* no such depot, package or version */
        CTL_DENIED,
} ExitStatus;

/* One line on standard error, "opendepotctl: …", with nothing in it that a terminal would obey. */
void report(const char *format, ...) _printf_(1, 2);
/* The same for a negative errno; returns CTL_FAILED. */
ExitStatus report_errno(int error, const char *what);

typedef struct Client Client;

ExitStatus client_connect(const char *socket, Client **ret);
Client *client_free(Client *client);
DEFINE_CLEANUP(Client *, client_free)

/* A method of io.defdev.opendepot ("GetStatus") and where its one reply goes, which is then owned by the caller.
 * `parameters` may be NULL and stays the caller's. */
typedef struct ClientCall {
        const char *method;
        sd_json_variant *parameters;
        sd_json_variant **ret;
} ClientCall;

/* Sends all calls at once and waits for the replies: a busy daemon is waited for once. After a failure, which has been
 * reported, only client_free() may follow. */
ExitStatus client_call_all(Client *client, const ClientCall *calls, size_t n_calls);
ExitStatus client_call(
        Client *client, const char *method, sd_json_variant *parameters, sd_json_variant **ret);

/* Calls a method that answers in slices; *ret is what one answer would have been: the elements of their arrays `member`, in
 * an object's one array of this name. */
ExitStatus client_collect(Client *client, const char *method, sd_json_variant *parameters,
        const char *member, sd_json_variant **ret);

/* What follows a stream of events. */
typedef struct ClientStream {
        void (*event)(sd_json_variant *event, void *userdata);
        void (*tick)(void *userdata); /* about ten times a second; NULL: never */
        void *userdata;
} ClientStream;

/* Calls a method that streams and hands on each event until the last. SIGINT and SIGTERM end it early: then CTL_OK is
 * returned and *ret_signal is the signal, else 0. */
ExitStatus client_stream(Client *client, const char *method, sd_json_variant *parameters,
        const ClientStream *stream, int *ret_signal);

/* Ends the program as the signal would have, so that a shell sees it; returns CTL_FAILED should that not work. */
ExitStatus exit_by_signal(int number);
