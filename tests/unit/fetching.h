/* What the tests of the fetcher share: one loop, one server, one fetcher, and what a transfer came to. */
#pragma once

#include <curl/curl.h>

#include "fetch/fetcher.h"
#include "http-server.h"
#include "loop.h"

#define SIZE_LIMIT (64 * KIB)

/* What one transfer came to. */
typedef struct Got {
        unsigned n_done;
        FetchResult result;
        long status;
        char *error, *etag, *link, *body;
        size_t size;
        uint64_t not_before_usec, finished_usec;
        void (*then)(struct Got *got); /* called from the callback */
        struct Got *other;
        Transfer *transfer;
} Got;

static sd_event *event;
static HttpServer *server;
static Fetcher *fetcher;

static inline void got_clear(Got *got) {
        free(got->error);
        free(got->etag);
        free(got->link);
        free(got->body);
        *got = (Got) {};
}

static void on_done(const FetchResponse *response, void *userdata) {
        Got *got = userdata;

        got->n_done++;
        got->transfer = NULL;
        got->finished_usec = clock_boottime_usec();
        got->result = response->result;
        got->status = response->status;
        got->not_before_usec = response->not_before_usec;
        got->size = response->body->size;
        check_int(string_assign(&got->error, response->error), 0);
        check_int(string_assign(&got->etag, response->etag), 0);
        check_int(string_assign(&got->link, response->link), 0);
        check_int(string_assign(&got->body, response->body->data), 0);
        check(!response->error == (response->result == FETCH_OK || response->result == FETCH_NOT_MODIFIED ||
                                          response->result == FETCH_ABORTED));
        if (got->then)
                got->then(got);
}

static inline Transfer *start(unsigned host, const char *path, FetchRequest request, Got *got) {
        _cleanup_free_ char *url = http_server_url(server, host, path);

        request.url = url;
        request.on_done = on_done;
        request.userdata = got;
        if (request.size_max == 0)
                request.size_max = SIZE_LIMIT;
        check_int(fetcher_start(fetcher, &request, &got->transfer), 0);
        check_int(got->n_done, 0);
        return got->transfer;
}

static inline void fetch(unsigned host, const char *path, FetchRequest request, Got *got) {
        got_clear(got);
        start(host, path, request, got);
        LOOP_UNTIL(event, got->n_done > 0);
        check_int(got->n_done, 1);
}

static inline void set_options(unsigned parallel, unsigned parallel_per_host) {
        check_int(fetcher_set_options(fetcher,
                          &(FetcherOptions) {
                                  .parallel = parallel,
                                  .parallel_per_host = parallel_per_host,
                                  .connect_timeout_usec = 5 * USEC_PER_SEC,
                                  .stall_timeout_usec = USEC_PER_SEC,
                                  .user_agent = "test/1",
                          }),
                0);
}

static inline void set_up(HttpAnswer answer) {
        check_int(curl_global_init(CURL_GLOBAL_DEFAULT), CURLE_OK);
        event = loop_new();
        server = http_server_new(answer, NULL);
        check_int(fetcher_new(event,
                          &(FetcherOptions) { .parallel = 1, .parallel_per_host = 1, .user_agent = "none" },
                          &fetcher),
                0);
        set_options(32, 16);
}

static inline void tear_down(void) {
        fetcher = fetcher_free(fetcher);
        http_server_free(server);
        sd_event_unref(event);
        curl_global_cleanup();
}
