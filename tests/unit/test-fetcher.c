#include "fetching.h"

/* One answer for each path; what needs more has a function of its own. */

static bool answer_short(const HttpRequest *request) {
        http_send_text(request, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
        return false;
}

static bool answer_stalled(const HttpRequest *request) {
        http_send_text(request, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
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

/* Gives back what it was asked with. */
static bool answer_since(const HttpRequest *request) {
        _cleanup_free_ char *since = http_header(request, "If-Modified-Since");

        if (endswith(request->path, "?unmodified"))
                return http_reply_text(request, "304 Not Modified", NULL, "");
        return http_reply_text(request, "200 OK", NULL, since ? since : "none");
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
        if (startswith(path, "/since"))
                return answer_since(request);
        if (streq(path, "/headers"))
                return answer_headers(request);
        if (streq(path, "/short"))
                return answer_short(request);
        if (streq(path, "/stalled"))
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

/* RFC 9110 section 5.6.7; whole seconds. */
static void test_modified_since(void) {
        static const struct {
                uint64_t usec;
                const char *text;
        } rows[] = {
                { 784111777 * USEC_PER_SEC, "Sun, 06 Nov 1994 08:49:37 GMT" },
                { UINT64_C(1795406706999999), "Mon, 23 Nov 2026 04:05:06 GMT" },
                { 1, "Thu, 01 Jan 1970 00:00:00 GMT" },
        };
        Got got = {};

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                fetch(1, "/since", (FetchRequest) { .modified_since_usec = rows[i].usec }, &got);
                check_int(got.result, FETCH_OK);
                check_string(got.body, rows[i].text);
        }
        fetch(1, "/since", (FetchRequest) {}, &got);
        check_string(got.body, "none");
        fetch(1, "/since?unmodified", (FetchRequest) { .modified_since_usec = USEC_PER_SEC }, &got);
        check_int(got.result, FETCH_NOT_MODIFIED);
        check_int(got.size, 0);
        got_clear(&got);
}

/* Who leaves half of a budget to others waits with them for the next window. */
static void test_half_of_a_budget(void) {
        _cleanup_(budgets_freep) Budgets *budgets = NULL;
        uint64_t reset = clock_realtime_usec() + 600 * USEC_PER_SEC;
        Budget *budget;
        Got got = {};

        check_int(budgets_new(&budgets), 0);
        budget = budgets_get(budgets, "one");
        budget->limit = 100;
        budget->remaining = 52;
        budget->reset_usec = reset;
        fetch(1, "/empty", (FetchRequest) { .budget = budget, .leave_half = true }, &got);
        check_int(got.result, FETCH_OK);
        check_int(budget->remaining, 51);
        fetch(1, "/empty", (FetchRequest) { .budget = budget, .leave_half = true }, &got);
        check_int(got.result, FETCH_OK);
        fetch(1, "/empty", (FetchRequest) { .budget = budget, .leave_half = true }, &got);
        check_int(got.result, FETCH_RATE_LIMITED);
        check_int(got.not_before_usec, reset);
        check_int(budget->remaining, 50);
        fetch(1, "/empty", (FetchRequest) { .budget = budget }, &got);
        check_int(got.result, FETCH_OK);
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
        unsigned n_tries, n_started, n_waited;
        char *etag;
        Buffer data;
        int try_result, start_result, data_result;
} Sink;

static int sink_try(void *userdata, uint64_t *ret_offset, const char **ret_if_range) {
        Sink *sink = userdata;

        sink->n_tries++;
        if (sink->offset > 0) {
                *ret_offset = sink->offset;
                *ret_if_range = "\"e\"";
        }
        return sink->try_result;
}

static void sink_wait(void *userdata) {
        Sink *sink = userdata;

        sink->n_waited++;
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

static const FetchSink callbacks = {
        .on_try = sink_try, .on_wait = sink_wait, .on_start = sink_start, .on_data = sink_data
};

static void fetch_sink(const char *path, uint64_t offset, int start_result, int data_result, Sink *sink) {
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
        check_int(sink.n_waited, 2);
        check_int(sink.n_started, 2);
        check_string(sink.data.data, "only thisat last");

        fetch_sink("/empty", 0, 0, 0, &sink);
        got_clear(&sink.got);
        free(sink.etag);
}

/* A sink that is not ready keeps its place until it is; nobody else gets it. */
static void test_not_ready(void) {
        FetchRequest bulk = { .sink = &callbacks, .bulk = true };
        Sink sink = { .try_result = -EAGAIN };
        Got next = {};

        set_options(1, 1);
        start(3, "/headers", bulk, &sink.got);
        start(4, "/headers", (FetchRequest) { .bulk = true }, &next);
        loop_run_for(event, 50 * USEC_PER_MSEC);
        check(sink.n_tries == 1 && sink.n_started == 0 && sink.got.n_done == 0 && next.n_done == 0);
        check(fetcher_n_running(fetcher) == 1 && fetcher_n_queued(fetcher) == 1);
        sink.try_result = 0;
        transfer_resume(sink.got.transfer);
        LOOP_UNTIL(event, next.n_done > 0);
        check(sink.got.n_done == 1 && sink.got.finished_usec <= next.finished_usec);
        check_int(sink.got.result, FETCH_OK);
        check(sink.n_tries == 2 && sink.n_started == 1 && sink.n_waited == 0);
        check(fetcher_n_running(fetcher) == 0 && fetcher_n_queued(fetcher) == 0);
        buffer_clear(&sink.data);
        free(sink.etag);

        /* Not at all, at once or after a while. */
        got_clear(&sink.got);
        sink = (Sink) { .try_result = -EIO };
        start(3, "/headers", bulk, &sink.got);
        LOOP_UNTIL(event, sink.got.n_done > 0);
        check_int(sink.got.result, FETCH_ABORTED);
        got_clear(&sink.got);
        sink = (Sink) { .try_result = -EAGAIN };
        start(3, "/headers", bulk, &sink.got);
        LOOP_UNTIL(event, sink.n_tries == 1);
        sink.try_result = -EIO;
        transfer_resume(sink.got.transfer);
        LOOP_UNTIL(event, sink.got.n_done > 0);
        check_int(sink.got.result, FETCH_ABORTED);

        /* Its place is free when it is no longer wanted. */
        got_clear(&sink.got);
        sink = (Sink) { .try_result = -EAGAIN };
        start(3, "/headers", bulk, &sink.got);
        LOOP_UNTIL(event, sink.n_tries == 1);
        transfer_cancel(sink.got.transfer);
        fetch(4, "/headers", (FetchRequest) { .bulk = true }, &next);
        check_int(next.result, FETCH_OK);
        check_int(fetcher_n_running(fetcher), 0);
        got_clear(&next);
        set_options(32, 16);
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
        got_clear(&sink.got);
        buffer_clear(&sink.data);
        free(sink.etag);
}

static void test_numbers(void) {
        uint64_t before = fetcher_bytes_received(fetcher);
        Got got = {};

        fetch(7, "/headers", (FetchRequest) { .accept = "application/x" }, &got);
        check_int(fetcher_bytes_received(fetcher) - before, 4);
        got_clear(&got);
}

int main(void) {
        set_up(answer);
        test_document();
        test_modified_since();
        test_half_of_a_budget();
        test_bad_urls();
        test_statuses();
        test_redirects();
        test_limits_of_size();
        test_rate_limits();
        test_retries();
        test_stall();
        test_sink();
        test_not_ready();
        test_range();
        test_numbers();
        tear_down();
        return EXIT_SUCCESS;
}
