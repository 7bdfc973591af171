/* A server for tests of what fetches: plain HTTP on every loopback address, a thread for each connection, and an answer that
 * the test's own function writes as it likes, right or wrong. */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/list.h"
#include "base/text.h"
#include "test.h"

#define HTTP_HEAD_MAX 8192U
#define HTTP_CONNECTIONS_MAX 512U

typedef struct HttpServer HttpServer;

typedef struct HttpRequest {
        HttpServer *server;
        int fd;
        char head[HTTP_HEAD_MAX]; /* the request line and all headers */
        char path[256];
        unsigned n; /* how many times the path was asked for, this one included */
        bool *answered;
} HttpRequest;

/* Runs in a thread of its own. Returns false to end the connection. */
typedef bool (*HttpAnswer)(const HttpRequest *request, void *userdata);

struct HttpServer {
        int fd;
        unsigned port;
        HttpAnswer answer;
        void *userdata;
        pthread_t accepting;

        pthread_mutex_t mutex; /* guards everything below */
        pthread_t threads[HTTP_CONNECTIONS_MAX];
        int connections[HTTP_CONNECTIONS_MAX];
        unsigned n_threads;
        char **paths;    /* asked for, in order */
        uint64_t *times; /* boottime of each */
        size_t n_paths;
        unsigned n_answering, most_answering;
        bool stopping;
        pthread_cond_t gate_opened;
        bool gate_open;
        unsigned n_opened; /* times: who waits is let go even if it is closed again at once */
};

/* Sends everything, or gives up silently: the other side may have gone. */
static inline void http_send(const HttpRequest *request, const void *data, size_t size) {
        for (size_t sent = 0; sent < size;) {
                ssize_t n = send(request->fd, (const char *) data + sent, size - sent, MSG_NOSIGNAL);

                if (n <= 0)
                        return;
                sent += (size_t) n;
        }
}

static inline void http_send_text(const HttpRequest *request, const char *text) {
        http_send(request, text, strlen(text));
}

/* From now on it is not counted as being answered: whoever has the answer may ask again before this thread runs on. */
static inline void http_note_answered(const HttpRequest *request) {
        HttpServer *server = request->server;

        (void) pthread_mutex_lock(&server->mutex);
        if (!*request->answered)
                server->n_answering--;
        *request->answered = true;
        (void) pthread_mutex_unlock(&server->mutex);
}

/* A whole answer. `headers`: lines that end in CRLF, or NULL. */
static inline bool http_reply(
        const HttpRequest *request, const char *status, const char *headers, const void *body, size_t size) {
        _cleanup_free_ char *head =
                text_format("HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status, strempty(headers), size);

        check(head);
        http_note_answered(request);
        http_send_text(request, head);
        http_send(request, body, size);
        return true;
}

static inline bool http_reply_text(
        const HttpRequest *request, const char *status, const char *headers, const char *body) {
        return http_reply(request, status, headers, body, strlen(body));
}

/* Ends the connection with a reset instead of a goodbye. */
static inline bool http_reset(const HttpRequest *request) {
        (void) setsockopt(request->fd, SOL_SOCKET, SO_LINGER, &(struct linger) { .l_onoff = 1 },
                sizeof(struct linger));
        return false;
}

/* The value of a header, to be freed; NULL: it was not sent. */
static inline char *http_header(const HttpRequest *request, const char *name) {
        size_t length = strlen(name);

        for (const char *line = strstr(request->head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
                if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':') {
                        const char *value = line + 3 + length + strspn(line + 3 + length, " ");

                        return strndup(value, strcspn(value, "\r"));
                }
        return NULL;
}

static inline bool http_has_header(const HttpRequest *request, const char *name, const char *expected) {
        _cleanup_free_ char *value = http_header(request, name);

        return streq_ptr(value, expected);
}

/* Waits in an answer until the test opens the gate. */
static inline void http_wait_for_gate(const HttpRequest *request) {
        HttpServer *server = request->server;
        unsigned n_opened;

        (void) pthread_mutex_lock(&server->mutex);
        n_opened = server->n_opened;
        while (!server->gate_open && server->n_opened == n_opened && !server->stopping)
                (void) pthread_cond_wait(&server->gate_opened, &server->mutex);
        (void) pthread_mutex_unlock(&server->mutex);
}

static inline void http_server_set_gate(HttpServer *server, bool open) {
        (void) pthread_mutex_lock(&server->mutex);
        server->gate_open = open;
        server->n_opened += open;
        (void) pthread_cond_broadcast(&server->gate_opened);
        (void) pthread_mutex_unlock(&server->mutex);
}

/* How many answers are being written or waited with. */
static inline unsigned http_server_n_answering(HttpServer *server, unsigned *ret_most) {
        unsigned n;

        (void) pthread_mutex_lock(&server->mutex);
        n = server->n_answering;
        if (ret_most)
                *ret_most = server->most_answering;
        (void) pthread_mutex_unlock(&server->mutex);
        return n;
}

/* How many times the path was asked for; the times are copied, as many as there is room for. */
static inline unsigned http_server_n_asked(
        HttpServer *server, const char *path, uint64_t *times, size_t max) {
        unsigned n = 0;

        (void) pthread_mutex_lock(&server->mutex);
        for (size_t i = 0; i < server->n_paths; i++)
                if (streq(server->paths[i], path)) {
                        if (n < max)
                                times[n] = server->times[i];
                        n++;
                }
        (void) pthread_mutex_unlock(&server->mutex);
        return n;
}

/* Forgets what was asked for so far. */
static inline void http_server_forget(HttpServer *server) {
        (void) pthread_mutex_lock(&server->mutex);
        server->paths = strings_free(server->paths);
        server->n_paths = 0;
        server->most_answering = server->n_answering;
        (void) pthread_mutex_unlock(&server->mutex);
}

/* All that was asked for, separated by blanks; to be freed. */
static inline char *http_server_log(HttpServer *server) {
        Buffer text = {};

        (void) pthread_mutex_lock(&server->mutex);
        for (size_t i = 0; i < server->n_paths; i++)
                check_int(buffer_append_format(&text, "%s%s", i > 0 ? " " : "", server->paths[i]), 0);
        (void) pthread_mutex_unlock(&server->mutex);
        return text.data ? text.data : strdup("");
}

static inline bool http_read_head(HttpRequest *request) {
        size_t size = 0;

        while (size < sizeof(request->head) - 1) {
                if (recv(request->fd, request->head + size, 1, 0) != 1)
                        return false;
                request->head[++size] = '\0';
                if (endswith(request->head, "\r\n\r\n"))
                        return sscanf(request->head, "GET %255s HTTP/1.1", request->path) == 1;
        }
        return false;
}

static inline void http_note(HttpRequest *request) {
        HttpServer *server = request->server;
        size_t n_times = server->n_paths;

        check_int(LIST_APPEND(server->times, n_times, clock_boottime_usec()), 0);
        check_int(strings_append(&server->paths, request->path), 0);
        server->n_paths = n_times;
        request->n = 0;
        for (size_t i = 0; i < server->n_paths; i++)
                request->n += streq(server->paths[i], request->path);
        server->n_answering++;
        server->most_answering = MAX_OF(server->most_answering, server->n_answering);
}

static inline void *http_serve(void *userdata) {
        HttpRequest *request = userdata;
        HttpServer *server = request->server;
        bool on = true, answered;

        request->answered = &answered;
        while (on && http_read_head(request)) {
                answered = false;
                (void) pthread_mutex_lock(&server->mutex);
                http_note(request);
                (void) pthread_mutex_unlock(&server->mutex);

                on = server->answer(request, server->userdata);

                http_note_answered(request);
        }
        (void) pthread_mutex_lock(&server->mutex);
        for (unsigned i = 0; i < server->n_threads; i++)
                if (server->connections[i] == request->fd)
                        server->connections[i] = -EBADF;
        (void) close(request->fd);
        (void) pthread_mutex_unlock(&server->mutex);
        free(request);
        return NULL;
}

static inline void *http_accept(void *userdata) {
        HttpServer *server = userdata;

        for (;;) {
                int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
                HttpRequest *request;

                if (fd < 0)
                        return NULL;
                request = calloc(1, sizeof(HttpRequest));
                check(request);
                request->server = server;
                request->fd = fd;
                (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int) { 1 }, sizeof(int));
                (void) pthread_mutex_lock(&server->mutex);
                check(server->n_threads < HTTP_CONNECTIONS_MAX);
                server->connections[server->n_threads] = fd;
                check(pthread_create(&server->threads[server->n_threads++], NULL, http_serve, request) == 0);
                (void) pthread_mutex_unlock(&server->mutex);
        }
}

static inline HttpServer *http_server_new(HttpAnswer answer, void *userdata) {
        HttpServer *server = calloc(1, sizeof(HttpServer));
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY) };
        socklen_t size = sizeof(address);

        check(server);
        server->answer = answer;
        server->userdata = userdata;
        check(pthread_mutex_init(&server->mutex, NULL) == 0 &&
                pthread_cond_init(&server->gate_opened, NULL) == 0);
        server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        check(server->fd >= 0 && bind(server->fd, (struct sockaddr *) &address, size) >= 0 &&
                listen(server->fd, 256) >= 0 &&
                getsockname(server->fd, (struct sockaddr *) &address, &size) >= 0);
        server->port = ntohs(address.sin_port);
        check(pthread_create(&server->accepting, NULL, http_accept, server) == 0);
        return server;
}

static inline void http_server_free(HttpServer *server) {
        (void) shutdown(server->fd, SHUT_RDWR);
        (void) pthread_join(server->accepting, NULL);
        (void) pthread_mutex_lock(&server->mutex);
        server->stopping = true;
        (void) pthread_cond_broadcast(&server->gate_opened);
        for (unsigned i = 0; i < server->n_threads; i++)
                if (server->connections[i] >= 0)
                        (void) shutdown(server->connections[i], SHUT_RDWR);
        (void) pthread_mutex_unlock(&server->mutex);
        for (unsigned i = 0; i < server->n_threads; i++)
                (void) pthread_join(server->threads[i], NULL);
        (void) close(server->fd);
        strings_free(server->paths);
        free(server->times);
        (void) pthread_cond_destroy(&server->gate_opened);
        (void) pthread_mutex_destroy(&server->mutex);
        free(server);
}

/* "http://127.0.0.<host>:<port><path>": every number is another host. To be freed. */
static inline char *http_server_url(const HttpServer *server, unsigned host, const char *path) {
        char *url = text_format("http://127.0.0.%u:%u%s", host, server->port, path);

        check(url);
        return url;
}
