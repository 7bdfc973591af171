#include "fetch/fetcher-private.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/secret.h"
#include "fetch/response.h"

#define TRIES_MAX 4U
#define RETRY_DELAY_USEC (1 * USEC_PER_SEC)
/* A server that asks to wait longer than this is the caller's business. */
#define RETRY_AFTER_MAX_USEC (10 * USEC_PER_SEC)

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
        transfer->throttled = transfer->granted = false;
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
        free(transfer->shown);
        free(transfer->accept);
        free(transfer->etag);
        free(transfer->host);
        secret_text_free(transfer->bearer);
        free(transfer->request_body);
        free(transfer);
        return NULL;
}

void fetcher_wake(Fetcher *fetcher) {
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
                .hides_query = request->hides_query,
                .leave_half = request->leave_half,
                .modified_since_usec = request->modified_since_usec,
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
                r = string_assign(&transfer->shown, request->url);
        if (r >= 0 && transfer->shown && request->hides_query)
                transfer->shown[strcspn(transfer->shown, "?#")] = '\0';
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

/* The limit of the rate */

/* Who waits for it: documents first, then the longest wait. */
static Transfer *fetcher_next_throttled(const Fetcher *fetcher) {
        Transfer *next = NULL;

        for (unsigned i = 0; i < fetcher->n_running; i++) {
                Transfer *transfer = fetcher->running[i];

                if (transfer->throttled && (!next || (next->bulk && !transfer->bulk) ||
                                                   (next->bulk == transfer->bulk &&
                                                           transfer->throttled_at < next->throttled_at)))
                        next = transfer;
        }
        return next;
}

static void arm_throttle(Fetcher *fetcher, uint64_t wait_usec) {
        if (sd_event_source_set_time_relative(fetcher->throttle_timer, wait_usec) >= 0)
                (void) sd_event_source_set_enabled(fetcher->throttle_timer, SD_EVENT_ONESHOT);
}

static int on_throttle(sd_event_source *source, uint64_t usec, void *userdata) {
        Fetcher *fetcher = userdata;
        Transfer *transfer;
        uint64_t wait_usec;

        while ((transfer = fetcher_next_throttled(fetcher))) {
                wait_usec = throttle_wait_usec(&fetcher->throttle, clock_monotonic_usec());
                if (wait_usec > 0) {
                        arm_throttle(fetcher, wait_usec);
                        break;
                }
                transfer->throttled = false;
                transfer->granted = true;
                /* As in transfer_resume(). */
                (void) curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
        }
        fetcher_wake(fetcher);
        return 0;
}

/* Whether the transfer has to wait for its turn, which it is promised. */
bool transfer_throttle(Transfer *transfer) {
        Fetcher *fetcher = transfer->fetcher;
        const Transfer *first;
        uint64_t wait_usec;

        if (fetcher->throttle.rate == 0 || transfer->granted)
                return false;
        wait_usec = throttle_wait_usec(&fetcher->throttle, clock_monotonic_usec());
        first = fetcher_next_throttled(fetcher);
        if (wait_usec == 0 && (!first || (first->bulk && !transfer->bulk)))
                return false;
        transfer->throttled = true;
        transfer->throttled_at = fetcher->throttle_turn++;
        if (!first)
                arm_throttle(fetcher, wait_usec);
        return true;
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

void fetcher_shift_holds(Fetcher *fetcher, int64_t by_usec) {
        for (size_t i = 0; i < HOLDS_MAX; i++)
                clock_shift(&fetcher->holds[i].until_usec, by_usec);
}

static uint64_t transfer_held_until(const Transfer *transfer) {
        uint64_t now = clock_realtime_usec(), until;

        if (!transfer->budget)
                return host_held_until(transfer->fetcher, transfer->host);
        until = budget_held_until(transfer->budget, transfer->use_reserve, now);
        return until == 0 && transfer->leave_half ? budget_low_until(transfer->budget, now) : until;
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
        _cleanup_free_ char *etag = NULL, *link = NULL, *url = NULL;

        /* The headers belong to the handle, which goes before the callback may start something new. */
        (void) string_assign(&etag, response->etag);
        (void) string_assign(&link, response->link);
        (void) string_assign(&url, response->url ? response->url : transfer->url);
        response->url = strempty(url);
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
                text_set(&error, "%s: larger than the limit of %llu bytes", transfer->shown,
                        (unsigned long long) transfer->size_max);
        } else if (transfer->sink_failed)
                response.result = FETCH_ABORTED;
        else
                response_judge(transfer->easy, code, transfer->hides_query, transfer->error_buffer,
                        &transfer->body, &response, &error);
        /* libcurl does not say whose certificate it was, or where it stands. */
        if (code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CONNECT_ERROR) {
                char *explanation = network_explain_failure(&transfer->fetcher->network);

                if (explanation) {
                        free(error);
                        error = explanation;
                }
        }
        /* libcurl knows the length of the answer, not that of the content of which it is a part. */
        if (response.result == FETCH_OK && transfer->size != UINT64_MAX &&
                transfer->received != transfer->size) {
                response.result = FETCH_UNAVAILABLE;
                text_set(&error, "%s: %llu of %llu bytes", transfer->shown,
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
                        transfer->shown, transfer->budget->name,
                        budget_held_until(transfer->budget, true, clock_realtime_usec()) == 0
                                ? " but for its reserve"
                                : "",
                        until);
        else
                text_set(&message, "%s: not asked, the rate limit of the host is used up until %s",
                        transfer->shown, until);
        response.error = message;
        transfer_finish(transfer, &response);
}

static void refuse_network(Transfer *transfer) {
        _cleanup_free_ char *message = NULL;
        FetchResponse response = { .result = FETCH_REFUSED };

        text_set(&message, "%s: not asked: %s", transfer->shown, transfer->fetcher->network.problem);
        response.error = message;
        transfer_finish(transfer, &response);
}

static void fail_to_start(Transfer *transfer, int error) {
        _cleanup_free_ char *message = NULL;
        FetchResponse response = { .result = FETCH_UNAVAILABLE };

        text_set(&message, "%s: cannot start the transfer: %s", transfer->shown, strerror(-error));
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
                if (fetcher->network.problem) {
                        refuse_network(transfer);
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

/* The loop's time is that of the beginning of its turn, libcurl's is now: a timer that is set by the first comes too early. */
static int on_curl_timer(CURLM *multi, long timeout_ms, void *userdata) {
        Fetcher *fetcher = userdata;

        if (timeout_ms < 0)
                return sd_event_source_set_enabled(fetcher->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
        if (sd_event_source_set_time(
                    fetcher->timer, clock_monotonic_usec() + (uint64_t) timeout_ms * USEC_PER_MSEC) < 0 ||
                sd_event_source_set_enabled(fetcher->timer, SD_EVENT_ONESHOT) < 0)
                return -1;
        return 0;
}

/* Of a timer that comes too early, all the same, libcurl makes nothing, and does not set it again. */
static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        Fetcher *fetcher = userdata;
        long timeout_ms = -1;

        drive(fetcher, CURL_SOCKET_TIMEOUT, 0);
        if (curl_multi_timeout(fetcher->multi, &timeout_ms) == CURLM_OK)
                (void) on_curl_timer(fetcher->multi, timeout_ms, fetcher);
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

int fetcher_set_options(Fetcher *fetcher, const FetcherOptions *options) {
        int r;

        r = string_assign(&fetcher->ca_file, options->ca_file);
        if (r >= 0)
                r = string_assign(&fetcher->user_agent, options->user_agent);
        if (r >= 0)
                r = network_copy(&fetcher->network, options->network);
        if (r < 0)
                return r;
        throttle_set_rate(&fetcher->throttle, options->rate_max, clock_monotonic_usec());
        if (fetcher_next_throttled(fetcher))
                arm_throttle(fetcher, 0);
        fetcher->options = *options;
        fetcher->options.parallel = MIN_OF(options->parallel, PARALLEL_MAX);
        fetcher->options.ca_file = fetcher->ca_file;
        fetcher->options.user_agent = fetcher->user_agent;
        fetcher->options.network = &fetcher->network;
        /* Idle ones included: lists and files of a package are on different hosts, and each is asked again soon. */
        (void) curl_multi_setopt(fetcher->multi, CURLMOPT_MAXCONNECTS, 2 * (long) options->parallel);
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
        /* Every request begins with it: what would be saved by waking up together is paid for by each page of a listing. */
        r = sd_event_add_time(event, &fetcher->timer, CLOCK_MONOTONIC, 0, 1, on_timer, fetcher);
        if (r < 0)
                return r;
        (void) sd_event_source_set_enabled(fetcher->timer, SD_EVENT_OFF);
        r = sd_event_add_time(
                event, &fetcher->throttle_timer, CLOCK_MONOTONIC, 0, USEC_PER_MSEC, on_throttle, fetcher);
        if (r < 0)
                return r;
        (void) sd_event_source_set_enabled(fetcher->throttle_timer, SD_EVENT_OFF);

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
        sd_event_source_disable_unref(fetcher->throttle_timer);
        sd_event_source_disable_unref(fetcher->deferred);
        sd_event_unref(fetcher->event);
        free(fetcher->ca_file);
        free(fetcher->user_agent);
        network_clear(&fetcher->network);
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
