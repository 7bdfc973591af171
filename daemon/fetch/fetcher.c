#include "fetch/fetcher.h"

#include <curl/curl.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/secret.h"
#include "fetch/response.h"
#include "fetch/writer.h"

#define BUFFER_SIZE ((long) WRITER_CHUNK_SIZE)
#define REDIRECTS_MAX 5L
#define TRIES_MAX 4U
#define RETRY_DELAY_USEC (1 * USEC_PER_SEC)
/* A server that asks to wait longer than this is the caller's business. */
#define RETRY_AFTER_MAX_USEC (10 * USEC_PER_SEC)
#define ERROR_BODY_MAX (8 * KIB)
/* How soon a new list of certificate authorities is noticed. */
#define CA_CACHE_SEC 600L
#define HOLDS_MAX 64U
#define PARALLEL_MAX 64U
/* However slowly it comes: it comes to an end. */
#define DOCUMENT_TIME_MAX_SEC 300L
#define ARTIFACT_TIME_MAX_SEC (6 * 3600L)

typedef enum TransferState {
        TRANSFER_QUEUED,
        TRANSFER_RUNNING,
        TRANSFER_WAITING, /* for its next try */
} TransferState;

struct Transfer {
        Fetcher *fetcher;
        Transfer *previous, *next; /* in the fetcher's list, oldest first */
        TransferState state;

        char *url, *accept, *etag, *host;
        char *bearer; /* secret */
        char *request_body;
        uint64_t size_max;
        bool bulk, serial, use_reserve;
        Budget *budget;
        const FetchSink *sink;
        void (*on_done)(const FetchResponse *response, void *userdata);
        void *userdata;

        CURL *easy;
        struct curl_slist *headers;
        char error_buffer[CURL_ERROR_SIZE];
        unsigned n_tries;
        uint64_t offset;   /* asked for */
        uint64_t received; /* of the body, including what was resumed */
        uint64_t size;     /* of the whole content, as a 206 says; UINT64_MAX: unknown */
        bool started, paused, too_large, sink_failed;
        Buffer body; /* without a sink; or of an error */
        sd_event_source *retry_timer;
};

typedef struct SocketSource {
        sd_event_source *source;
        Fetcher *fetcher;
} SocketSource;

/* A host that has said that nothing more is to be asked of it for now. */
typedef struct Hold {
        char *host;
        uint64_t until_usec; /* realtime */
} Hold;

struct Fetcher {
        sd_event *event;
        CURLM *multi;
        sd_event_source *timer;    /* libcurl's */
        sd_event_source *deferred; /* starts what may start and completes what has ended */

        FetcherOptions options;
        char *ca_file, *user_agent;

        Transfer *first, *last;
        Transfer *running[PARALLEL_MAX];
        unsigned n_running, n_queued;
        uint64_t bytes_received;
        Hold holds[HOLDS_MAX];
};

/* Transfers */

static void forget_running(const Transfer *transfer) {
        Fetcher *fetcher = transfer->fetcher;

        for (unsigned i = 0; i < fetcher->n_running; i++)
                if (fetcher->running[i] == transfer) {
                        fetcher->running[i] = fetcher->running[--fetcher->n_running];
                        return;
                }
}

static void transfer_reset_try(Transfer *transfer) {
        if (transfer->easy && transfer->state == TRANSFER_RUNNING)
                (void) curl_multi_remove_handle(transfer->fetcher->multi, transfer->easy);
        if (transfer->state == TRANSFER_RUNNING) {
                forget_running(transfer);
                if (transfer->budget)
                        budget_release(transfer->budget);
        }
        if (transfer->easy)
                curl_easy_cleanup(transfer->easy);
        transfer->easy = NULL;
        curl_slist_free_all(transfer->headers);
        transfer->headers = NULL;
        transfer->started = transfer->paused = transfer->too_large = transfer->sink_failed = false;
        transfer->received = transfer->offset = 0;
        transfer->size = UINT64_MAX;
        buffer_clear(&transfer->body);
}

static Transfer *transfer_free(Transfer *transfer) {
        Fetcher *fetcher = transfer->fetcher;

        transfer_reset_try(transfer);
        if (transfer->state == TRANSFER_QUEUED)
                fetcher->n_queued--;
        sd_event_source_disable_unref(transfer->retry_timer);

        if (transfer->previous)
                transfer->previous->next = transfer->next;
        else if (fetcher->first == transfer)
                fetcher->first = transfer->next;
        if (transfer->next)
                transfer->next->previous = transfer->previous;
        else if (fetcher->last == transfer)
                fetcher->last = transfer->previous;

        free(transfer->url);
        free(transfer->accept);
        free(transfer->etag);
        free(transfer->host);
        secret_text_free(transfer->bearer);
        free(transfer->request_body);
        free(transfer);
        return NULL;
}

static void fetcher_wake(Fetcher *fetcher) {
        (void) sd_event_source_set_enabled(fetcher->deferred, SD_EVENT_ONESHOT);
}

void transfer_resume(Transfer *transfer) {
        if (!transfer->paused)
                return;
        transfer->paused = false;
        /* Delivers what was held back before it returns; the end of the transfer is told on a later turn. */
        if (transfer->easy)
                (void) curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
        fetcher_wake(transfer->fetcher);
}

Transfer *transfer_cancel(Transfer *transfer) {
        if (!transfer)
                return NULL;
        fetcher_wake(transfer->fetcher);
        return transfer_free(transfer);
}

static int copy_url_host(const char *url, char **ret) {
        CURLU *parsed = curl_url();
        char *host = NULL, *port = NULL;
        int r = -EINVAL;

        if (!parsed)
                return -ENOMEM;
        if (curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
                curl_url_get(parsed, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                curl_url_get(parsed, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK)
                r = asprintf(ret, "%s:%s", host, port) < 0 ? -ENOMEM : 0;
        curl_free(host);
        curl_free(port);
        curl_url_cleanup(parsed);
        return r;
}

int fetcher_start(Fetcher *fetcher, const FetchRequest *request, Transfer **ret) {
        Transfer *transfer = calloc(1, sizeof(Transfer));
        int r;

        if (!transfer)
                return -ENOMEM;
        *transfer = (Transfer) {
                .fetcher = fetcher,
                .state = TRANSFER_QUEUED,
                .size_max = request->size_max,
                .bulk = request->bulk,
                .serial = request->serial,
                .budget = request->budget,
                .use_reserve = request->use_reserve,
                .sink = request->sink,
                .on_done = request->on_done,
                .userdata = request->userdata,
                .size = UINT64_MAX,
        };
        transfer->previous = fetcher->last;
        if (fetcher->last)
                fetcher->last->next = transfer;
        else
                fetcher->first = transfer;
        fetcher->last = transfer;
        fetcher->n_queued++;

        r = copy_url_host(request->url, &transfer->host);
        if (r >= 0)
                r = string_assign(&transfer->url, request->url);
        if (r >= 0)
                r = string_assign(&transfer->accept, request->accept);
        if (r >= 0)
                r = string_assign(&transfer->etag, request->etag);
        if (r >= 0)
                r = string_assign(&transfer->bearer, request->bearer);
        if (r >= 0)
                r = string_assign(&transfer->request_body, request->body);
        if (r < 0) {
                transfer_free(transfer);
                return r;
        }
        fetcher_wake(fetcher);
        *ret = transfer;
        return 0;
}

/* Callbacks of libcurl: they touch nothing but their own transfer. */

static int transfer_begin_body(Transfer *transfer) {
        FetchStart start;
        int r;

        r = response_start(transfer->easy, transfer->offset, &start);
        if (r < 0)
                return r;
        transfer->received = start.offset;
        if (response_status(transfer->easy) == 206)
                transfer->size = start.size;
        if (start.size != UINT64_MAX && start.size > transfer->size_max) {
                transfer->too_large = true;
                return -EFBIG;
        }
        return transfer->sink ? transfer->sink->on_start(&start, transfer->userdata) : 0;
}

static size_t on_body(char *data, size_t one, size_t size, void *userdata) {
        Transfer *transfer = userdata;
        int r = 0;

        (void) one;
        if (!response_is_good(response_status(transfer->easy))) {
                /* The start of an error's body says what kind of error it is. */
                size_t room = ERROR_BODY_MAX - MIN_OF(transfer->body.size, ERROR_BODY_MAX);

                return buffer_append(&transfer->body, data, MIN_OF(size, room)) < 0 ? 0 : size;
        }

        if (!transfer->started) {
                transfer->started = true;
                /* The next one of its kind may go. */
                if (transfer->bulk && transfer->serial)
                        fetcher_wake(transfer->fetcher);
                r = transfer_begin_body(transfer);
        }
        if (r >= 0 && size > transfer->size_max - MIN_OF(transfer->received, transfer->size_max)) {
                transfer->too_large = true;
                return 0;
        }
        if (r >= 0)
                r = transfer->sink ? transfer->sink->on_data(data, size, transfer->userdata)
                                   : buffer_append(&transfer->body, data, size);
        if (r == -EAGAIN && transfer->sink) {
                transfer->paused = true;
                return CURL_WRITEFUNC_PAUSE;
        }
        transfer->received += size;
        transfer->fetcher->bytes_received += size;
        if (r < 0) {
                transfer->sink_failed = !transfer->too_large;
                return 0;
        }
        return size;
}

static int add_header(Transfer *transfer, const char *name, const char *value) {
        _cleanup_free_ char *line = NULL;
        struct curl_slist *grown;

        if (asprintf(&line, "%s: %s", name, value) < 0) {
                line = NULL;
                return -ENOMEM;
        }
        grown = curl_slist_append(transfer->headers, line);
        if (!grown)
                return -ENOMEM;
        transfer->headers = grown;
        return 0;
}

static int transfer_prepare(Transfer *transfer, const char *if_range) {
        const Fetcher *fetcher = transfer->fetcher;
        const char *protocols = startswith(transfer->url, "https://") ? "https" : "http,https";
        int r = 0;

        transfer->easy = curl_easy_init();
        if (!transfer->easy)
                return -ENOMEM;
        if (transfer->accept)
                r = add_header(transfer, "Accept", transfer->accept);
        if (r >= 0 && transfer->etag)
                r = add_header(transfer, "If-None-Match", transfer->etag);
        if (r >= 0 && transfer->request_body)
                r = add_header(transfer, "Content-Type", "application/json");
        if (r >= 0 && transfer->offset > 0) {
                char range[32];

                (void) snprintf(range, sizeof(range), "bytes=%llu-", (unsigned long long) transfer->offset);
                r = add_header(transfer, "Range", range);
                if (r >= 0 && if_range)
                        r = add_header(transfer, "If-Range", if_range);
        }
        if (r < 0)
                return r;

        transfer->error_buffer[0] = '\0';
#define SET(option, value)                                                                                  \
        do {                                                                                                \
                if (curl_easy_setopt(transfer->easy, (option), (value)) != CURLE_OK)                        \
                        return -EINVAL;                                                                     \
        } while (false)
        SET(CURLOPT_URL, transfer->url);
        SET(CURLOPT_PROTOCOLS_STR, protocols);
        SET(CURLOPT_REDIR_PROTOCOLS_STR, protocols);
        SET(CURLOPT_FOLLOWLOCATION, transfer->request_body ? 0L : 1L);
        SET(CURLOPT_MAXREDIRS, REDIRECTS_MAX);
        SET(CURLOPT_HTTPHEADER, transfer->headers);
        SET(CURLOPT_USERAGENT, fetcher->options.user_agent);
        SET(CURLOPT_CONNECTTIMEOUT_MS, (long) (fetcher->options.connect_timeout_usec / USEC_PER_MSEC));
        SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
        SET(CURLOPT_LOW_SPEED_TIME,
                (long) MAX_OF(fetcher->options.stall_timeout_usec / USEC_PER_SEC, UINT64_C(1)));
        SET(CURLOPT_TIMEOUT, transfer->bulk ? ARTIFACT_TIME_MAX_SEC : DOCUMENT_TIME_MAX_SEC);
        SET(CURLOPT_BUFFERSIZE, transfer->bulk ? BUFFER_SIZE : 64 * 1024L);
        SET(CURLOPT_NOSIGNAL, 1L);
        /* A transfer that ends while its host's name is being resolved would wait for the C library. With this the thread
         * that asks is left to itself, and frees what it has when it has its answer. */
        SET(CURLOPT_QUICK_EXIT, 1L);
        SET(CURLOPT_ERRORBUFFER, transfer->error_buffer);
        SET(CURLOPT_WRITEFUNCTION, on_body);
        SET(CURLOPT_WRITEDATA, transfer);
        SET(CURLOPT_PRIVATE, transfer);
        SET(CURLOPT_PATH_AS_IS, 1L);
        /* As a credential of libcurl, not as a header: it does not follow a redirect to another host, port or scheme. */
        SET(CURLOPT_UNRESTRICTED_AUTH, 0L);
        if (transfer->bearer) {
                SET(CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
                SET(CURLOPT_XOAUTH2_BEARER, transfer->bearer);
        }
        if (transfer->request_body) {
                SET(CURLOPT_POST, 1L);
                SET(CURLOPT_POSTFIELDSIZE, (long) strlen(transfer->request_body));
                SET(CURLOPT_POSTFIELDS, transfer->request_body);
        }
        if (!transfer->bulk)
                SET(CURLOPT_ACCEPT_ENCODING, "");
        if (fetcher->options.ca_file)
                SET(CURLOPT_CAINFO, fetcher->options.ca_file);
        /* A directory of authorities would be read for every connection: milliseconds of the loop and megabytes each time.
         * Those of a file are kept by libcurl and shared, if there is no directory besides. */
        if (fetcher->options.ca_file || curl_version_info(CURLVERSION_NOW)->cainfo)
                SET(CURLOPT_CAPATH, NULL);
        (void) curl_easy_setopt(transfer->easy, CURLOPT_CA_CACHE_TIMEOUT, CA_CACHE_SEC);
#undef SET
        transfer->body.max = MAX_OF(transfer->size_max, ERROR_BODY_MAX);
        return 0;
}

/* Rate limits hold for the host, whoever ran into them. */

static void hold_host(Fetcher *fetcher, const char *host, uint64_t until_usec) {
        Hold *place = &fetcher->holds[0];

        /* The host's own entry, else the one that ends first. */
        for (size_t i = 0; i < HOLDS_MAX; i++) {
                Hold *hold = &fetcher->holds[i];

                if (streq_ptr(hold->host, host)) {
                        place = hold;
                        break;
                }
                if (hold->until_usec < place->until_usec)
                        place = hold;
        }
        if (string_assign(&place->host, host) >= 0)
                place->until_usec = until_usec;
}

/* Until when the host is not to be asked; 0: it may be. */
static uint64_t host_held_until(const Fetcher *fetcher, const char *host) {
        uint64_t now = clock_realtime_usec();

        for (size_t i = 0; i < HOLDS_MAX; i++)
                if (streq_ptr(fetcher->holds[i].host, host) && fetcher->holds[i].until_usec > now)
                        return fetcher->holds[i].until_usec;
        return 0;
}

static uint64_t transfer_held_until(const Transfer *transfer) {
        return transfer->budget
                       ? budget_held_until(transfer->budget, transfer->use_reserve, clock_realtime_usec())
                       : host_held_until(transfer->fetcher, transfer->host);
}

static void note_limits(Transfer *transfer, FetchResponse *response) {
        uint64_t now = clock_realtime_usec();
        BudgetWord word;

        response_budget(transfer->easy, &word);
        word.limited = response->result == FETCH_RATE_LIMITED;
        word.not_before_usec = response->not_before_usec;
        if (transfer->budget) {
                if (response->status > 0)
                        budget_note(transfer->budget, &word, now);
                if (word.limited)
                        response->not_before_usec = MAX_OF(
                                response->not_before_usec, budget_held_until(transfer->budget, true, now));
        } else if (word.limited)
                hold_host(transfer->fetcher, transfer->host, response->not_before_usec);
        else if (word.known && word.remaining == 0)
                hold_host(transfer->fetcher, transfer->host, word.reset_usec);
}

/* Completion */

static void transfer_finish(Transfer *transfer, FetchResponse *response) {
        void (*on_done)(const FetchResponse *, void *) = transfer->on_done;
        void *userdata = transfer->userdata;
        Buffer body = transfer->body;
        _cleanup_free_ char *etag = NULL, *link = NULL;

        /* The headers belong to the handle, which goes before the callback may start something new. */
        (void) string_assign(&etag, response->etag);
        (void) string_assign(&link, response->link);
        response->etag = etag;
        response->link = link;
        transfer->body = (Buffer) {};
        response->body = &body;
        transfer_free(transfer);
        on_done(response, userdata);
        buffer_clear(&body);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        Transfer *transfer = userdata;

        transfer->state = TRANSFER_QUEUED;
        transfer->fetcher->n_queued++;
        fetcher_wake(transfer->fetcher);
        return 0;
}

/* Returns true when another try was arranged. */
static bool transfer_retry(Transfer *transfer, const FetchResponse *response) {
        uint64_t delay = RETRY_DELAY_USEC << (transfer->n_tries - 1), now = clock_realtime_usec();

        if (transfer->n_tries >= TRIES_MAX)
                return false;
        if (response->not_before_usec > now)
                delay = response->not_before_usec - now;
        if (delay > RETRY_AFTER_MAX_USEC ||
                (response->result != FETCH_UNAVAILABLE &&
                        (response->result != FETCH_RATE_LIMITED || response->not_before_usec == 0)))
                return false;
        delay += clock_jitter(delay / 2);

        transfer->retry_timer = sd_event_source_disable_unref(transfer->retry_timer);
        if (sd_event_add_time_relative(transfer->fetcher->event, &transfer->retry_timer, CLOCK_BOOTTIME,
                    delay, USEC_PER_MSEC, on_retry, transfer) < 0)
                return false;
        transfer_reset_try(transfer);
        transfer->state = TRANSFER_WAITING;
        if (transfer->sink && transfer->sink->on_wait)
                transfer->sink->on_wait(transfer->userdata);
        return true;
}

static void transfer_complete(Transfer *transfer, CURLcode code) {
        _cleanup_free_ char *error = NULL;
        FetchResponse response = {};

        /* An empty body has called nobody. */
        if (code == CURLE_OK && !transfer->started && response_is_good(response_status(transfer->easy)) &&
                transfer_begin_body(transfer) < 0)
                transfer->sink_failed = !transfer->too_large;

        response.status = response_status(transfer->easy);
        if (transfer->too_large) {
                response.result = FETCH_TOO_LARGE;
                text_set(&error, "%s: larger than the limit of %llu bytes", transfer->url,
                        (unsigned long long) transfer->size_max);
        } else if (transfer->sink_failed)
                response.result = FETCH_ABORTED;
        else
                response_judge(
                        transfer->easy, code, transfer->error_buffer, &transfer->body, &response, &error);
        /* libcurl knows the length of the answer, not that of the content of which it is a part. */
        if (response.result == FETCH_OK && transfer->size != UINT64_MAX &&
                transfer->received != transfer->size) {
                response.result = FETCH_UNAVAILABLE;
                text_set(&error, "%s: %llu of %llu bytes", transfer->url,
                        (unsigned long long) transfer->received, (unsigned long long) transfer->size);
        }
        response.error = error;

        note_limits(transfer, &response);
        if (transfer_retry(transfer, &response))
                return;
        transfer_finish(transfer, &response);
}

static void refuse_held(Transfer *transfer, uint64_t until_usec) {
        _cleanup_free_ char *message = NULL;
        FetchResponse response = { .result = FETCH_RATE_LIMITED, .not_before_usec = until_usec };
        char until[CLOCK_TEXT_SIZE];

        clock_format(until_usec, until);
        if (transfer->budget)
                text_set(&message, "%s: not asked, the request budget (%s) is used up%s until %s",
                        transfer->url, transfer->budget->name,
                        transfer->budget->remaining > 0 && !transfer->use_reserve ? " but for its reserve"
                                                                                  : "",
                        until);
        else
                text_set(&message, "%s: not asked, the rate limit of the host is used up until %s",
                        transfer->url, until);
        response.error = message;
        transfer_finish(transfer, &response);
}

static void fail_to_start(Transfer *transfer, int error) {
        _cleanup_free_ char *message = NULL;
        FetchResponse response = { .result = FETCH_UNAVAILABLE };

        text_set(&message, "%s: cannot start the transfer: %s", transfer->url, strerror(-error));
        response.error = message;
        transfer_finish(transfer, &response);
}

/* The queue */

/* Whether one of two serial transfers has to wait for the other, which runs. */
static bool is_in_turn(const Transfer *transfer, const Transfer *running) {
        if (running->bulk && running->started)
                return false;
        return transfer->budget || running->budget ? transfer->budget == running->budget
                                                   : streq(transfer->host, running->host);
}

static bool transfer_may_start(const Transfer *transfer) {
        const Fetcher *fetcher = transfer->fetcher;
        unsigned n_host = 0;

        for (unsigned i = 0; i < fetcher->n_running; i++) {
                const Transfer *other = fetcher->running[i];

                if (transfer->serial && other->serial && is_in_turn(transfer, other))
                        return false;
                n_host += streq(other->host, transfer->host);
        }
        return n_host < fetcher->options.parallel_per_host;
}

/* The oldest document that may start, else the oldest artifact. */
static Transfer *fetcher_next(Fetcher *fetcher) {
        Transfer *bulk = NULL;

        if (fetcher->n_running >= fetcher->options.parallel || fetcher->n_queued == 0)
                return NULL;
        for (Transfer *transfer = fetcher->first; transfer; transfer = transfer->next) {
                if (transfer->state != TRANSFER_QUEUED || (transfer->bulk && bulk) ||
                        !transfer_may_start(transfer))
                        continue;
                if (!transfer->bulk)
                        return transfer;
                bulk = transfer;
        }
        return bulk;
}

/* One whose sink was not ready, and is now. */
static Transfer *fetcher_next_ready(Fetcher *fetcher) {
        for (unsigned i = 0; i < fetcher->n_running; i++)
                if (!fetcher->running[i]->easy && !fetcher->running[i]->paused)
                        return fetcher->running[i];
        return NULL;
}

/* Makes the next try of a transfer that has its place among those that run. */
static void transfer_launch(Transfer *transfer) {
        const char *if_range = NULL;
        int r = 0;

        if (transfer->sink && transfer->sink->on_try)
                r = transfer->sink->on_try(transfer->userdata, &transfer->offset, &if_range);
        if (r == -EAGAIN) {
                transfer->paused = true;
                return;
        }
        if (r < 0) {
                transfer_finish(transfer, &(FetchResponse) { .result = FETCH_ABORTED });
                return;
        }
        r = transfer_prepare(transfer, if_range);
        transfer->n_tries++;
        if (r >= 0 && curl_multi_add_handle(transfer->fetcher->multi, transfer->easy) != CURLM_OK)
                r = -EIO;
        if (r < 0)
                fail_to_start(transfer, r);
}

static int on_deferred(sd_event_source *source, void *userdata) {
        Fetcher *fetcher = userdata;
        CURLMsg *message;
        Transfer *transfer;
        int n_left;

        while ((message = curl_multi_info_read(fetcher->multi, &n_left))) {
                CURLcode code = message->data.result;

                if (message->msg != CURLMSG_DONE)
                        continue;
                (void) curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **) &transfer);
                transfer_complete(transfer, code);
        }

        while ((transfer = fetcher_next_ready(fetcher)))
                transfer_launch(transfer);
        while ((transfer = fetcher_next(fetcher))) {
                uint64_t held_until = transfer_held_until(transfer);

                if (held_until > 0) {
                        refuse_held(transfer, held_until);
                        continue;
                }
                if (transfer->budget)
                        budget_take(transfer->budget);
                transfer->state = TRANSFER_RUNNING;
                fetcher->n_queued--;
                fetcher->running[fetcher->n_running++] = transfer;
                transfer_launch(transfer);
        }
        return 0;
}

/* libcurl on sd-event */

static void drive(Fetcher *fetcher, curl_socket_t fd, int action) {
        int n_running, n_launched = 0;

        (void) curl_multi_socket_action(fetcher->multi, fd, action, &n_running);
        for (unsigned i = 0; i < fetcher->n_running; i++)
                n_launched += fetcher->running[i]->easy != NULL;
        if (n_running < n_launched)
                fetcher_wake(fetcher);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        int action = (revents & EPOLLIN ? CURL_CSELECT_IN : 0) |
                     (revents & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                     (revents & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);

        drive(userdata, fd, action);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        drive(userdata, CURL_SOCKET_TIMEOUT, 0);
        return 0;
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket_data) {
        Fetcher *fetcher = userdata;
        sd_event_source *source = socket_data;
        uint32_t events = (what & CURL_POLL_IN ? (uint32_t) EPOLLIN : 0) |
                          (what & CURL_POLL_OUT ? (uint32_t) EPOLLOUT : 0);
        int r;

        if (what == CURL_POLL_REMOVE) {
                sd_event_source_disable_unref(source);
                (void) curl_multi_assign(fetcher->multi, fd, NULL);
                return 0;
        }
        if (source)
                return sd_event_source_set_io_events(source, events) < 0 ? -1 : 0;

        r = sd_event_add_io(fetcher->event, &source, fd, events, on_io, fetcher);
        if (r < 0)
                return -1;
        (void) sd_event_source_set_description(source, "transfer");
        (void) curl_multi_assign(fetcher->multi, fd, source);
        return 0;
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *userdata) {
        Fetcher *fetcher = userdata;

        if (timeout_ms < 0)
                return sd_event_source_set_enabled(fetcher->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
        if (sd_event_source_set_time_relative(fetcher->timer, (uint64_t) timeout_ms * USEC_PER_MSEC) < 0 ||
                sd_event_source_set_enabled(fetcher->timer, SD_EVENT_ONESHOT) < 0)
                return -1;
        return 0;
}

int fetcher_set_options(Fetcher *fetcher, const FetcherOptions *options) {
        int r;

        r = string_assign(&fetcher->ca_file, options->ca_file);
        if (r >= 0)
                r = string_assign(&fetcher->user_agent, options->user_agent);
        if (r < 0)
                return r;
        fetcher->options = *options;
        fetcher->options.parallel = MIN_OF(options->parallel, PARALLEL_MAX);
        fetcher->options.ca_file = fetcher->ca_file;
        fetcher->options.user_agent = fetcher->user_agent;
        (void) curl_multi_setopt(fetcher->multi, CURLMOPT_MAXCONNECTS, (long) options->parallel);
        fetcher_wake(fetcher);
        return 0;
}

int fetcher_new(sd_event *event, const FetcherOptions *options, Fetcher **ret) {
        _cleanup_(fetcher_freep) Fetcher *fetcher = calloc(1, sizeof(Fetcher));
        int r;

        if (!fetcher)
                return -ENOMEM;
        fetcher->event = sd_event_ref(event);
        fetcher->multi = curl_multi_init();
        if (!fetcher->multi)
                return -ENOMEM;

        r = sd_event_add_defer(event, &fetcher->deferred, on_deferred, fetcher);
        if (r < 0)
                return r;
        (void) sd_event_source_set_enabled(fetcher->deferred, SD_EVENT_OFF);
        r = sd_event_add_time(event, &fetcher->timer, CLOCK_MONOTONIC, 0, 0, on_timer, fetcher);
        if (r < 0)
                return r;
        (void) sd_event_source_set_enabled(fetcher->timer, SD_EVENT_OFF);

        if (curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) != CURLM_OK ||
                curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETDATA, fetcher) != CURLM_OK ||
                curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer) != CURLM_OK ||
                curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERDATA, fetcher) != CURLM_OK)
                return -EIO;
        r = fetcher_set_options(fetcher, options);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(fetcher);
        return 0;
}

Fetcher *fetcher_free(Fetcher *fetcher) {
        if (!fetcher)
                return NULL;
        while (fetcher->first)
                transfer_free(fetcher->first);
        for (size_t i = 0; i < HOLDS_MAX; i++)
                free(fetcher->holds[i].host);
        if (fetcher->multi)
                (void) curl_multi_cleanup(fetcher->multi);
        sd_event_source_disable_unref(fetcher->timer);
        sd_event_source_disable_unref(fetcher->deferred);
        sd_event_unref(fetcher->event);
        free(fetcher->ca_file);
        free(fetcher->user_agent);
        free(fetcher);
        return NULL;
}

unsigned fetcher_n_running(const Fetcher *fetcher) {
        return fetcher->n_running;
}

unsigned fetcher_n_queued(const Fetcher *fetcher) {
        return fetcher->n_queued;
}

uint64_t fetcher_bytes_received(const Fetcher *fetcher) {
        return fetcher->bytes_received;
}
