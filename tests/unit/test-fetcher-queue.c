#include "fetching.h"

static bool answer(const HttpRequest *request, void *userdata) {
        if (startswith(request->path, "/held"))
                http_wait_for_gate(request);
        if (streq(request->path, "/stalled")) {
                http_send_text(request, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
                http_wait_for_gate(request);
                return false;
        }
        if (streq(request->path, "/reset"))
                return http_reset(request);
        return http_reply_text(request, "200 OK", NULL, request->path);
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
        start(5, "/stalled", (FetchRequest) {}, &body);
        start(5, "/reset", (FetchRequest) {}, &waiting);
        for (size_t i = 0; i < ELEMENTSOF(queued); i++)
                start(5, "/plain", (FetchRequest) { .bulk = true }, &queued[i]);

        /* Before the loop has seen it, then while its first answer is being waited for, or its body, or its next try. */
        check(!transfer_cancel(queued[0].transfer));
        LOOP_UNTIL(event, queued[1].n_done == 1);
        check_int(http_server_n_asked(server, "/reset", NULL, 0), 1);
        LOOP_UNTIL(event, http_server_n_asked(server, "/held", NULL, 0) == 1);
        LOOP_UNTIL(event, http_server_n_asked(server, "/stalled", NULL, 0) == 1);
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
        fetch(5, "/plain", (FetchRequest) {}, &next);
        check_int(next.result, FETCH_OK);
        got_clear(&next);
        for (size_t i = 0; i < ELEMENTSOF(queued); i++)
                got_clear(&queued[i]);
        set_options(16, 16);
}

static void then_start(Got *got) {
        start(6, "/plain", (FetchRequest) {}, got->other);
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
        start(6, "/plain", (FetchRequest) {}, &first);
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
        start(6, "/plain", (FetchRequest) {}, &a);
        start(6, "/plain", (FetchRequest) {}, &b);
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

/* At the end nobody is told anything. */
static void test_free(void) {
        Got got[4] = {};

        set_options(2, 2);
        http_server_set_gate(server, false);
        start(8, "/reset", (FetchRequest) {}, &got[0]);
        start(8, "/held", (FetchRequest) {}, &got[1]);
        start(8, "/stalled", (FetchRequest) {}, &got[2]);
        start(8, "/plain", (FetchRequest) { .bulk = true }, &got[3]);
        LOOP_UNTIL(event, http_server_n_answering(server, NULL) == 2);
        fetcher = fetcher_free(fetcher);
        check(!fetcher);
        loop_run_for(event, 20 * USEC_PER_MSEC);
        for (size_t i = 0; i < ELEMENTSOF(got); i++)
                check_int(got[i].n_done, 0);
        check(!fetcher_free(NULL));
}

int main(void) {
        set_up(answer);
        test_parallel();
        test_priority();
        test_cancel();
        test_callbacks();
        test_free();
        tear_down();
        return EXIT_SUCCESS;
}
