#include "fetch/fetcher.h"

#include <curl/curl.h>

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

static void got_clear(Got *got) {
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

/* One answer for each path; what needs more has a function of its own. */

static bool answer_short(const HttpRequest *request) {
        http_send_text(request, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
        return false;
}

/* "/stalled-body" sends a little, which libcurl counts for some seconds. */
static bool answer_stalled(const HttpRequest *request) {
        http_send_text(request, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
        if (endswith(request->path, "-body"))
                http_send_text(request, "only this");
        http_wait_for_gate(request);
        return false;
}

static bool answer_chunked(const HttpRequest *request) {
        static const char chunk[4096] = { 'x' };

        http_send_text(request, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (size_t i = 0; i < SIZE_LIMIT / sizeof(chunk) + 4; i++) {
                http_send_text(request, "1000\r\n");
                http_send(request, chunk, sizeof(chunk));
                http_send_text(request, "\r\n");
        }
        http_send_text(request, "0\r\n\r\n");
        return true;
}

/* Bits of a deflate stream (RFC 1951), least significant first. */
static void put_bits(uint8_t *data, size_t *n_bits, unsigned bits, unsigned n) {
        for (unsigned i = 0; i < n; i++, (*n_bits)++)
                data[*n_bits / 8] |= (uint8_t) ((bits >> i & 1) << (*n_bits % 8));
}

/* A few kilobytes that become a megabyte: a literal, then matches of the greatest length. */
static bool answer_bomb(const HttpRequest *request) {
        uint8_t data[8192] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3 };
        size_t n_bits = 80;

        put_bits(data, &n_bits, 3, 3);    /* last block, fixed codes */
        put_bits(data, &n_bits, 0x0c, 8); /* literal 0, code 00110000 */
        for (size_t i = 0; i < MIB / 258; i++) {
                put_bits(data, &n_bits, 0xa3, 8); /* length 258, code 11000101 */
                put_bits(data, &n_bits, 0, 5);    /* distance 1 */
        }
        put_bits(data, &n_bits, 0, 7); /* end */
        return http_reply(request, "200 OK", "Content-Encoding: gzip\r\n", data, n_bits / 8 + 9);
}

static bool answer_gzip(const HttpRequest *request) {
        static const uint8_t data[] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 0, 0xfd, 0xff, 'o', 'k',
                0x47, 0xdd, 0xdc, 0x79, 2, 0, 0, 0 };

        check(!http_has_header(request, "Accept-Encoding", NULL));
        return http_reply(request, "200 OK", "Content-Encoding: gzip\r\n", data, sizeof(data));
}

static bool answer_headers(const HttpRequest *request) {
        _cleanup_free_ char *etag = http_header(request, "If-None-Match");

        if (etag && streq(etag, "\"one\""))
                return http_reply_text(request, "304 Not Modified", "ETag: \"one\"\r\n", "");
        return http_reply_text(request, "200 OK",
                "etag: \"two\"\r\nLINK: <http://x/2>; rel=\"next\"\r\nx-ratelimit-remaining: 59\r\n",
                http_has_header(request, "Accept", "application/x") &&
                                http_has_header(request, "User-Agent", "test/1") &&
                                http_has_header(request, "Range", NULL)
                        ? "good"
                        : request->head);
}

/* "/status/503?x": what stands behind the question mark chooses the headers. */
static bool answer_status(const HttpRequest *request) {
        _cleanup_free_ char *status = text_format("%.3s Something", request->path + 8), *headers = NULL;
        uint64_t in_a_minute = clock_realtime_usec() / USEC_PER_SEC + 60;
        const char *body = "{}";

        if (endswith(request->path, "?after"))
                headers = strdup("Retry-After: 100\r\n");
        else if (endswith(request->path, "?past"))
                headers = strdup("Retry-After: Thu, 01 Jan 2015 00:00:00 GMT\r\n");
        else if (endswith(request->path, "?soon"))
                headers = strdup("Retry-After: 1\r\n");
        else if (endswith(request->path, "?garbage"))
                headers = strdup("Retry-After: some day\r\n");
        else if (endswith(request->path, "?budget"))
                headers = text_format("X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: %llu\r\n",
                        (unsigned long long) in_a_minute);
        else if (endswith(request->path, "?endless"))
                headers = strdup("X-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 18446744073709551615\r\n");
        else if (endswith(request->path, "?left"))
                headers = text_format("X-RateLimit-Remaining: 5\r\nX-RateLimit-Reset: %llu\r\n",
                        (unsigned long long) in_a_minute);
        else if (endswith(request->path, "?secondary"))
                body = "{\"documentation_url\": \"https://docs/#abuse-rate-limits\"}";
        /* Once is enough. */
        if (endswith(request->path, "?soon") && request->n > 1)
                return http_reply_text(request, "200 OK", NULL, "late");
        return http_reply_text(request, status, headers, body);
}

static bool answer_redirect(const HttpRequest *request) {
        _cleanup_free_ char *to_port = NULL;

        if (streq(request->path, "/redirect/5"))
                return http_reply_text(request, "200 OK", NULL, "arrived");
        if (streq(request->path, "/redirect/circle"))
                return http_reply_text(request, "302 Found", "Location: /redirect/circle\r\n", "");
        if (streq(request->path, "/redirect/file"))
                return http_reply_text(request, "302 Found", "Location: file:///etc/passwd\r\n", "");
        if (streq(request->path, "/redirect/gopher"))
                return http_reply_text(request, "302 Found", "Location: gopher://127.0.0.1:25/x\r\n", "");
        if (streq(request->path, "/redirect/none"))
                return http_reply_text(request, "302 Found", NULL, "");
        to_port = text_format("Location: /redirect/%c\r\n", request->path[10] + 1);
        return http_reply_text(request, "301 Moved", to_port, "not this");
}

static bool answer_range(const HttpRequest *request) {
        if (!http_has_header(request, "Range", "bytes=5-") || !http_has_header(request, "If-Range", "\"e\""))
                return http_reply_text(request, "400 Bad Request", NULL, request->head);
        if (streq(request->path, "/range/good"))
                return http_reply_text(request, "206 Partial", "Content-Range: bytes 5-9/10\r\n", "56789");
        if (streq(request->path, "/range/whole"))
                return http_reply_text(request, "200 OK", "ETag: \"f\"\r\n", "abc");
        if (streq(request->path, "/range/elsewhere"))
                return http_reply_text(request, "206 Partial", "Content-Range: bytes 4-9/10\r\n", "456789");
        if (streq(request->path, "/range/unnamed"))
                return http_reply_text(request, "206 Partial", NULL, "56789");
        if (streq(request->path, "/range/piece"))
                return http_reply_text(request, "206 Partial", "Content-Range: bytes 5-6/10\r\n", "56");
        if (streq(request->path, "/range/large"))
                return http_reply_text(
                        request, "206 Partial", "Content-Range: bytes 5-9/10000000\r\n", "56789");
        return http_reply_text(request, "416 Range Not Satisfiable", "Content-Range: bytes */3\r\n", "");
}

static bool answer(const HttpRequest *request, void *userdata) {
        const char *path = request->path;

        if (startswith(path, "/held")) {
                http_wait_for_gate(request);
                return http_reply_text(request, "200 OK", NULL, path);
        }
        if (startswith(path, "/status/"))
                return answer_status(request);
        if (startswith(path, "/redirect/"))
                return answer_redirect(request);
        if (startswith(path, "/range/"))
                return answer_range(request);
        if (streq(path, "/headers"))
                return answer_headers(request);
        if (streq(path, "/short"))
                return answer_short(request);
        if (startswith(path, "/stalled"))
                return answer_stalled(request);
        if (streq(path, "/chunked"))
                return answer_chunked(request);
        if (streq(path, "/bomb"))
                return answer_bomb(request);
        if (streq(path, "/gzip"))
                return answer_gzip(request);
        if (streq(path, "/garbage")) {
                http_send_text(request, "this is not HTTP\r\n\r\n");
                return false;
        }
        if (streq(path, "/unasked-piece"))
                return http_reply_text(request, "206 Partial", "Content-Range: bytes 0-3/9\r\n", "0123");
        if (streq(path, "/empty"))
                return http_reply_text(request, "200 OK", "ETag: \"0\"\r\n", "");
        if (streq(path, "/reset"))
                return http_reset(request);
        /* Fails twice, then succeeds. */
        if (startswith(path, "/flaky"))
                return request->n == 1   ? http_reset(request)
                       : request->n == 2 ? answer_short(request)
                                         : http_reply_text(request, "200 OK", NULL, "at last");
        return http_reply_text(request, "404 Not Found", NULL, "");
}

static Transfer *start(unsigned host, const char *path, FetchRequest request, Got *got) {
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

static void fetch(unsigned host, const char *path, FetchRequest request, Got *got) {
        got_clear(got);
        start(host, path, request, got);
        LOOP_UNTIL(event, got->n_done > 0);
        check_int(got->n_done, 1);
}

static void check_fetch(unsigned host, const char *path, FetchResult result, long status) {
        Got got = {};

        fetch(host, path, (FetchRequest) {}, &got);
        if (got.result != result || got.status != status) {
                (void) fprintf(stderr, "%s: result %d, status %ld: %s\n", path, (int) got.result, got.status,
                        strempty(got.error));
                check(!"as expected");
        }
        got_clear(&got);
}

static void test_document(void) {
        Got got = {};

        fetch(1, "/headers", (FetchRequest) { .accept = "application/x" }, &got);
        check_int(got.result, FETCH_OK);
        check_string(got.body, "good");
        check_string(got.etag, "\"two\"");
        check_string(got.link, "<http://x/2>; rel=\"next\"");
        check_int(got.not_before_usec, 0);

        fetch(1, "/headers", (FetchRequest) { .accept = "application/x", .etag = "\"one\"" }, &got);
        check_int(got.result, FETCH_NOT_MODIFIED);
        check_int(got.size, 0);
        check_string(got.etag, "\"one\"");

        fetch(1, "/empty", (FetchRequest) {}, &got);
        check_int(got.result, FETCH_OK);
        check_int(got.size, 0);

        fetch(1, "/gzip", (FetchRequest) {}, &got);
        check_int(got.result, FETCH_OK);
        check_string(got.body, "ok");
        got_clear(&got);
}

static void test_bad_urls(void) {
        Transfer *transfer = NULL;
        FetchRequest request = { .on_done = on_done, .size_max = 1 };

        request.url = "";
        check_int(fetcher_start(fetcher, &request, &transfer), -EINVAL);
        request.url = "nonsense";
        check_int(fetcher_start(fetcher, &request, &transfer), -EINVAL);
        request.url = "http://";
        check_int(fetcher_start(fetcher, &request, &transfer), -EINVAL);
        request.url = "http://127.0.0.1/a\r\nX-Header: b";
        check_int(fetcher_start(fetcher, &request, &transfer), -EINVAL);
        check(!transfer);
        check_int(fetcher_n_queued(fetcher), 0);
}

static void test_statuses(void) {
        check_fetch(2, "/absent", FETCH_NOT_FOUND, 404);
        check_fetch(2, "/status/410", FETCH_NOT_FOUND, 410);
        check_fetch(2, "/status/400", FETCH_REFUSED, 400);
        check_fetch(2, "/status/401", FETCH_REFUSED, 401);
        check_fetch(2, "/status/403", FETCH_REFUSED, 403);
        check_fetch(2, "/status/403?left", FETCH_REFUSED, 403);
        check_fetch(2, "/status/403?garbage", FETCH_REFUSED, 403);
        check_fetch(2, "/status/204", FETCH_REFUSED, 204);
        check_fetch(2, "/status/300", FETCH_REFUSED, 300);
        /* Only 200 and 206 have the content. */
        check_fetch(2, "/status/203", FETCH_REFUSED, 203);
}

static void test_redirects(void) {
        Got got = {};

        fetch(2, "/redirect/0", (FetchRequest) {}, &got);
        check_int(got.result, FETCH_OK);
        check_string(got.body, "arrived");
        got_clear(&got);
        check_fetch(2, "/redirect/circle", FETCH_REFUSED, 302);
        check_fetch(2, "/redirect/file", FETCH_REFUSED, 302);
        check_fetch(2, "/redirect/gopher", FETCH_REFUSED, 302);
        check_fetch(2, "/redirect/none", FETCH_REFUSED, 302);
}

static void test_limits_of_size(void) {
        Got got = {};

        fetch(2, "/headers", (FetchRequest) { .accept = "application/x", .size_max = 4 }, &got);
        check_int(got.result, FETCH_OK);
        fetch(2, "/headers", (FetchRequest) { .accept = "application/x", .size_max = 3 }, &got);
        check_int(got.result, FETCH_TOO_LARGE);
        check(strstr(got.error, "limit of 3 bytes"));
        got_clear(&got);
        check_fetch(2, "/chunked", FETCH_TOO_LARGE, 200);
        check_fetch(2, "/bomb", FETCH_TOO_LARGE, 200);
}

/* A host that has had enough is not asked again; other hosts are. */
static void check_limited(unsigned host, const char *path, uint64_t min_sec, uint64_t max_sec) {
        uint64_t now = clock_realtime_usec();
        Got got = {};

        fetch(host, path, (FetchRequest) {}, &got);
        check_int(got.result, FETCH_RATE_LIMITED);
        check(got.not_before_usec >= now + (min_sec - 1) * USEC_PER_SEC &&
                got.not_before_usec <= now + (max_sec + 2) * USEC_PER_SEC);
        check(strstr(got.error, "rate limit"));

        http_server_forget(server);
        fetch(host, "/headers", (FetchRequest) {}, &got);
        check_int(got.result, FETCH_RATE_LIMITED);
        check_int(got.status, 0);
        check(strstr(got.error, "not asked"));
        check_int(http_server_n_asked(server, "/headers", NULL, 0), 0);
        got_clear(&got);
        check_fetch(host + 140, "/headers", FETCH_OK, 200);
}

static void test_rate_limits(void) {
        Got got = {};

        check_limited(10, "/status/403?after", 100, 100);
        check_limited(11, "/status/429?after", 100, 100);
        check_limited(12, "/status/429", 60, 60);
        check_limited(13, "/status/429?left", 60, 60);
        check_limited(14, "/status/403?budget", 60, 60);
        check_limited(15, "/status/429?budget", 60, 60);
        check_limited(16, "/status/403?secondary", 60, 60);
        /* Six hours are the most that is believed. */
        check_limited(17, "/status/403?endless", UINT64_C(6) * 3600, UINT64_C(6) * 3600);

        /* More hosts than are remembered: those that end first are forgotten. */
        for (unsigned i = 0; i < 70; i++)
                check_fetch(22 + i, "/status/403?after", FETCH_RATE_LIMITED, 403);
        check_fetch(17, "/headers", FETCH_RATE_LIMITED, 0);
        check_fetch(91, "/headers", FETCH_RATE_LIMITED, 0);

        /* A server that is busy says so, but it is no limit of ours. */
        fetch(100, "/status/503?after", (FetchRequest) {}, &got);
        check_int(got.result, FETCH_UNAVAILABLE);
        check(got.not_before_usec > clock_realtime_usec() + 90 * USEC_PER_SEC);
        got_clear(&got);
        check_fetch(100, "/headers", FETCH_OK, 200);

        /* A good answer that spent the budget is good; the next one has to wait. */
        check_fetch(101, "/status/200?budget", FETCH_OK, 200);
        check_fetch(101, "/headers", FETCH_RATE_LIMITED, 0);
}

/* What fails on the way is tried again, later and later; what cannot get better is not. */
static void test_retries(void) {
        static const struct {
                const char *path;
                FetchResult result;
                unsigned n_tries;
        } rows[] = {
                { "/flaky", FETCH_OK, 3 },
                { "/status/503?soon", FETCH_OK, 2 },
                { "/status/429?soon", FETCH_OK, 2 },
                { "/reset", FETCH_UNAVAILABLE, 4 },
                { "/short", FETCH_UNAVAILABLE, 4 },
                { "/garbage", FETCH_UNAVAILABLE, 4 },
                { "/unasked-piece", FETCH_UNAVAILABLE, 4 },
                { "/status/500", FETCH_UNAVAILABLE, 4 },
                { "/status/502", FETCH_UNAVAILABLE, 4 },
                { "/status/504?garbage", FETCH_UNAVAILABLE, 4 },
                { "/status/403?after", FETCH_RATE_LIMITED, 1 },
                { "/status/503?after", FETCH_UNAVAILABLE, 1 },
                { "/absent", FETCH_NOT_FOUND, 1 },
                { "/status/400", FETCH_REFUSED, 1 },
                { "/chunked", FETCH_TOO_LARGE, 1 },
        };
        Got got[ELEMENTSOF(rows)] = {}, refused = {};
        unsigned n_done = 0;

        http_server_forget(server);
        http_server_set_gate(server, false);
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                start(200 + (unsigned) i, rows[i].path, (FetchRequest) {}, &got[i]);
        /* Nobody listens on this port, at least not on this address. */
        check_int(fetcher_start(fetcher,
                          &(FetchRequest) {
                                  .url = "http://127.1.2.3:1/",
                                  .size_max = 1,
                                  .on_done = on_done,
                                  .userdata = &refused,
                          },
                          &refused.transfer),
                0);
        LOOP_UNTIL(event, ({
                n_done = refused.n_done;
                for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                        n_done += got[i].n_done;
                n_done == ELEMENTSOF(rows) + 1;
        }));
        http_server_set_gate(server, true);

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint64_t times[4] = {};
                unsigned n = http_server_n_asked(server, rows[i].path, times, 4);

                if (got[i].result != rows[i].result || n != rows[i].n_tries) {
                        (void) fprintf(stderr, "%s: result %d after %u tries: %s\n", rows[i].path,
                                (int) got[i].result, n, strempty(got[i].error));
                        check(!"as expected");
                }
                for (unsigned j = 1; j < n; j++)
                        check(times[j] - times[j - 1] >= (USEC_PER_SEC << (j - 1)) - USEC_PER_MSEC ||
                                strstr(rows[i].path, "soon"));
                got_clear(&got[i]);
        }
        check_int(refused.result, FETCH_UNAVAILABLE);
        check_int(refused.status, 0);
        got_clear(&refused);
}

/* An answer that does not come is given up after the time for it, and asked for again. */
static void test_stall(void) {
        uint64_t times[2];
        Got got = {};

        http_server_forget(server);
        http_server_set_gate(server, false);
        start(3, "/stalled", (FetchRequest) {}, &got);
        LOOP_UNTIL(event, http_server_n_asked(server, "/stalled", times, 2) == 2);
        check(times[1] - times[0] >= 2 * USEC_PER_SEC - USEC_PER_MSEC);
        check_int(got.n_done, 0);
        transfer_cancel(got.transfer);
        http_server_set_gate(server, true);
}

/* Sinks */

typedef struct Sink {
        Got got;
        uint64_t offset, started_offset, started_size;
        unsigned n_tries, n_started;
        char *etag;
        Buffer data;
        int start_result, data_result;
} Sink;

static void sink_try(void *userdata, uint64_t *ret_offset, const char **ret_if_range) {
        Sink *sink = userdata;

        sink->n_tries++;
        if (sink->offset > 0) {
                *ret_offset = sink->offset;
                *ret_if_range = "\"e\"";
        }
}

static int sink_start(const FetchStart *start, void *userdata) {
        Sink *sink = userdata;

        sink->n_started++;
        sink->started_offset = start->offset;
        sink->started_size = start->size;
        check_int(string_assign(&sink->etag, start->etag), 0);
        return sink->start_result;
}

static int sink_data(const void *data, size_t size, void *userdata) {
        Sink *sink = userdata;

        check_int(buffer_append(&sink->data, data, size), 0);
        return sink->data_result;
}

static void fetch_sink(const char *path, uint64_t offset, int start_result, int data_result, Sink *sink) {
        static const FetchSink callbacks = {
                .on_try = sink_try, .on_start = sink_start, .on_data = sink_data
        };

        got_clear(&sink->got);
        buffer_clear(&sink->data);
        free(sink->etag);
        *sink = (Sink) { .offset = offset, .start_result = start_result, .data_result = data_result };
        fetch(3, path, (FetchRequest) { .sink = &callbacks, .bulk = true }, &sink->got);
}

static void test_sink(void) {
        Sink sink = {};

        fetch_sink("/headers", 0, 0, 0, &sink);
        check_int(sink.got.result, FETCH_OK);
        check_int(sink.n_started, 1);
        check_int(sink.started_offset, 0);
        check_string(sink.etag, "\"two\"");
        check_int(sink.started_size, sink.data.size);
        check_int(sink.got.size, 0);

        /* Nothing at all is a content, too. */
        fetch_sink("/empty", 0, 0, 0, &sink);
        check_int(sink.got.result, FETCH_OK);
        check_int(sink.n_started, 1);
        check_int(sink.started_size, 0);
        fetch_sink("/empty", 0, -EIO, 0, &sink);
        check_int(sink.got.result, FETCH_ABORTED);

        /* What is no content does not reach it. */
        fetch_sink("/status/400", 0, 0, 0, &sink);
        check_int(sink.got.result, FETCH_REFUSED);
        check(sink.n_started == 0 && sink.data.size == 0 && sink.n_tries == 1);

        fetch_sink("/headers", 0, -ENOSPC, 0, &sink);
        check_int(sink.got.result, FETCH_ABORTED);
        check(sink.data.size == 0 && sink.n_tries == 1);
        fetch_sink("/headers", 0, 0, -ENOSPC, &sink);
        check_int(sink.got.result, FETCH_ABORTED);
        check_int(sink.n_tries, 1);

        /* A new try begins anew. */
        fetch_sink("/flaky-sink", 0, 0, 0, &sink);
        check_int(sink.got.result, FETCH_OK);
        check_int(sink.n_tries, 3);
        check_int(sink.n_started, 2);
        check_string(sink.data.data, "only thisat last");

        fetch_sink("/empty", 0, 0, 0, &sink);
        got_clear(&sink.got);
        free(sink.etag);
}

static void test_range(void) {
        Sink sink = {};

        fetch_sink("/range/good", 5, 0, 0, &sink);
        check_int(sink.got.result, FETCH_OK);
        check_int(sink.started_offset, 5);
        check_int(sink.started_size, 10);
        check_string(sink.data.data, "56789");

        /* The content has changed, or the server does not do ranges. */
        fetch_sink("/range/whole", 5, 0, 0, &sink);
        check_int(sink.got.result, FETCH_OK);
        check_int(sink.started_offset, 0);
        check_string(sink.data.data, "abc");

        fetch_sink("/range/elsewhere", 5, 0, 0, &sink);
        check_int(sink.got.result, FETCH_ABORTED);
        check(sink.n_started == 0 && sink.data.size == 0);
        fetch_sink("/range/unnamed", 5, 0, 0, &sink);
        check_int(sink.got.result, FETCH_ABORTED);
        check_int(sink.n_started, 0);
        fetch_sink("/range/large", 5, 0, 0, &sink);
        check_int(sink.got.result, FETCH_TOO_LARGE);
        check_int(sink.n_started, 0);
        fetch_sink("/range/beyond", 5, 0, 0, &sink);
        check_int(sink.got.result, FETCH_REFUSED);
        check_int(sink.got.status, 416);

        /* Less than the rest is not the rest. */
        fetch_sink("/range/piece", 5, 0, 0, &sink);
        check_int(sink.got.result, FETCH_UNAVAILABLE);
        got_clear(&sink.got);
        buffer_clear(&sink.data);
        free(sink.etag);
}

/* The queue */

static void set_options(unsigned parallel, unsigned parallel_per_host) {
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

/* Ten of one host and ten of another; returns how many were answered at once at most. */
static unsigned most_at_once(unsigned parallel, unsigned parallel_per_host, bool serial) {
        unsigned most = 0, n_done = 0, expected;
        Got got[20] = {};

        set_options(parallel, parallel_per_host);
        http_server_set_gate(server, false);
        http_server_forget(server);
        for (size_t i = 0; i < ELEMENTSOF(got); i++)
                start(180 + (unsigned) i % 2, "/held", (FetchRequest) { .serial = serial }, &got[i]);
        check_int(fetcher_n_queued(fetcher), ELEMENTSOF(got));
        expected = MIN_OF(parallel, 2 * (serial ? 1 : parallel_per_host));
        LOOP_UNTIL(event, http_server_n_answering(server, NULL) >= expected);
        loop_run_for(event, 100 * USEC_PER_MSEC);
        check_int(fetcher_n_running(fetcher), expected);
        check_int(fetcher_n_queued(fetcher), ELEMENTSOF(got) - expected);

        http_server_set_gate(server, true);
        LOOP_UNTIL(event, ({
                n_done = 0;
                for (size_t i = 0; i < ELEMENTSOF(got); i++)
                        n_done += got[i].n_done;
                n_done == ELEMENTSOF(got);
        }));
        for (size_t i = 0; i < ELEMENTSOF(got); i++) {
                check_int(got[i].result, FETCH_OK);
                got_clear(&got[i]);
        }
        (void) http_server_n_answering(server, &most);
        check_int(fetcher_n_running(fetcher), 0);
        check_int(fetcher_n_queued(fetcher), 0);
        return most;
}

static void test_parallel(void) {
        check_int(most_at_once(7, 7, false), 7);
        check_int(most_at_once(7, 2, false), 4);
        check_int(most_at_once(1, 7, false), 1);
        check_int(most_at_once(7, 7, true), 2);
        set_options(16, 16);
}

/* Of what waits, documents go before artifacts, and the older before the younger. */
static void test_priority(void) {
        static const char *const paths[] = { "/held/first", "/held/bulk-1", "/held/bulk-2", "/held/doc-1",
                "/held/bulk-3", "/held/doc-2" };
        _cleanup_free_ char *log = NULL;
        Got got[ELEMENTSOF(paths)] = {};

        set_options(1, 1);
        http_server_set_gate(server, false);
        http_server_forget(server);
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                start(4, paths[i], (FetchRequest) { .bulk = strstr(paths[i], "bulk") }, &got[i]);
                if (i == 0)
                        LOOP_UNTIL(event, http_server_n_answering(server, NULL) == 1);
        }
        loop_run_for(event, 20 * USEC_PER_MSEC);
        http_server_set_gate(server, true);
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                LOOP_UNTIL(event, got[i].n_done == 1);
                got_clear(&got[i]);
        }
        log = http_server_log(server);
        check_string(log, "/held/first /held/doc-1 /held/doc-2 /held/bulk-1 /held/bulk-2 /held/bulk-3");
        set_options(16, 16);
}

/* Cancelling */

static void test_cancel(void) {
        Got queued[3] = {}, running = {}, body = {}, waiting = {}, next = {};

        set_options(3, 16);
        http_server_set_gate(server, false);
        http_server_forget(server);
        start(5, "/held", (FetchRequest) {}, &running);
        start(5, "/stalled-body", (FetchRequest) {}, &body);
        start(5, "/reset", (FetchRequest) {}, &waiting);
        for (size_t i = 0; i < ELEMENTSOF(queued); i++)
                start(5, "/headers", (FetchRequest) { .bulk = true }, &queued[i]);

        /* Before the loop has seen it, then while its first answer is being waited for, or its body, or its next try. */
        check(!transfer_cancel(queued[0].transfer));
        LOOP_UNTIL(event, queued[1].n_done == 1);
        check_int(http_server_n_asked(server, "/reset", NULL, 0), 1);
        LOOP_UNTIL(event, http_server_n_asked(server, "/held", NULL, 0) == 1);
        LOOP_UNTIL(event, http_server_n_asked(server, "/stalled-body", NULL, 0) == 1);
        check(!transfer_cancel(running.transfer));
        check(!transfer_cancel(waiting.transfer));
        check(!transfer_cancel(body.transfer));
        check(!transfer_cancel(NULL));
        LOOP_UNTIL(event, queued[2].n_done == 1);
        check_int(fetcher_n_running(fetcher), 0);
        check_int(fetcher_n_queued(fetcher), 0);

        /* Long enough for the next try, had there been one. */
        loop_run_for(event, 1700 * USEC_PER_MSEC);
        check_int(http_server_n_asked(server, "/reset", NULL, 0), 1);
        check(running.n_done == 0 && body.n_done == 0 && waiting.n_done == 0 && queued[0].n_done == 0);
        http_server_set_gate(server, true);
        fetch(5, "/headers", (FetchRequest) {}, &next);
        check_int(next.result, FETCH_OK);
        got_clear(&next);
        for (size_t i = 0; i < ELEMENTSOF(queued); i++)
                got_clear(&queued[i]);
        set_options(16, 16);
}

static void then_start(Got *got) {
        start(6, "/empty", (FetchRequest) {}, got->other);
}

static void then_cancel(Got *got) {
        /* It may have ended in the same turn. */
        if (got->other->transfer)
                transfer_cancel(TAKE_PTR(got->other->transfer));
}

/* Callbacks may start and cancel what they like. */
static void test_callbacks(void) {
        Got first = {}, second = {}, a = {}, b = {};

        first.then = then_start;
        first.other = &second;
        start(6, "/headers", (FetchRequest) {}, &first);
        LOOP_UNTIL(event, second.n_done == 1);
        check_int(second.result, FETCH_OK);

        /* Both end together; each cancels the other, so just one tells. */
        http_server_set_gate(server, false);
        a = (Got) { .then = then_cancel, .other = &b };
        b = (Got) { .then = then_cancel, .other = &a };
        start(6, "/held/a", (FetchRequest) {}, &a);
        start(6, "/held/b", (FetchRequest) {}, &b);
        LOOP_UNTIL(event, http_server_n_answering(server, NULL) == 2);
        http_server_set_gate(server, true);
        /* Time for both answers to arrive before the loop looks. */
        (void) usleep(50000);
        LOOP_UNTIL(event, a.n_done + b.n_done > 0);
        loop_run_for(event, 50 * USEC_PER_MSEC);
        check_int(a.n_done + b.n_done, 1);
        check_int(fetcher_n_running(fetcher), 0);

        /* One that ends cancels one that waits in the queue. */
        set_options(1, 1);
        got_clear(&a);
        got_clear(&b);
        a.then = then_cancel;
        a.other = &b;
        start(6, "/headers", (FetchRequest) {}, &a);
        start(6, "/headers", (FetchRequest) {}, &b);
        LOOP_UNTIL(event, a.n_done == 1);
        loop_run_for(event, 50 * USEC_PER_MSEC);
        check_int(b.n_done, 0);
        check_int(fetcher_n_queued(fetcher), 0);
        set_options(16, 16);
        got_clear(&first);
        got_clear(&second);
        got_clear(&a);
        got_clear(&b);
}

static void test_numbers(void) {
        uint64_t before = fetcher_bytes_received(fetcher);
        Got got = {};

        fetch(7, "/headers", (FetchRequest) { .accept = "application/x" }, &got);
        check_int(fetcher_bytes_received(fetcher) - before, 4);
        got_clear(&got);
}

/* At the end nobody is told anything. */
static void test_free(void) {
        Got got[4] = {};

        set_options(2, 2);
        http_server_set_gate(server, false);
        start(8, "/reset", (FetchRequest) {}, &got[0]);
        start(8, "/held", (FetchRequest) {}, &got[1]);
        start(8, "/stalled-body", (FetchRequest) {}, &got[2]);
        start(8, "/headers", (FetchRequest) { .bulk = true }, &got[3]);
        LOOP_UNTIL(event, http_server_n_answering(server, NULL) == 2);
        check(!fetcher_free(fetcher));
        loop_run_for(event, 20 * USEC_PER_MSEC);
        for (size_t i = 0; i < ELEMENTSOF(got); i++)
                check_int(got[i].n_done, 0);
        check(!fetcher_free(NULL));
}

int main(void) {
        check_int(curl_global_init(CURL_GLOBAL_DEFAULT), CURLE_OK);
        event = loop_new();
        server = http_server_new(answer, NULL);
        check_int(fetcher_new(event,
                          &(FetcherOptions) {
                                  .parallel = 32,
                                  .parallel_per_host = 16,
                                  .connect_timeout_usec = 5 * USEC_PER_SEC,
                                  .stall_timeout_usec = USEC_PER_SEC,
                                  .user_agent = "test/1",
                          },
                          &fetcher),
                0);
        test_document();
        test_bad_urls();
        test_statuses();
        test_redirects();
        test_limits_of_size();
        test_rate_limits();
        test_retries();
        test_stall();
        test_sink();
        test_range();
        test_parallel();
        test_priority();
        test_cancel();
        test_callbacks();
        test_numbers();
        test_free();
        http_server_free(server);
        sd_event_unref(event);
        curl_global_cleanup();
        return EXIT_SUCCESS;
}
