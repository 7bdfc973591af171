/* The way to the upstreams: proxies, what is not to be asked at all, the limit of the rate. */
#include "fetch/network.h"
#include "fetching.h"

#define BULK_SIZE MIB
#define RATE (2 * MIB)

static bool answer(const HttpRequest *request, void *userdata) {
        static char zeros[BULK_SIZE];

        if (startswith(request->path, "/bulk"))
                return http_reply(request, "200 OK", NULL, zeros, sizeof(zeros));
        if (http_has_header(request, "Proxy-Authorization", "Basic dXNlcjpzZWNyZXQ="))
                return http_reply_text(request, "200 OK", NULL, "logged in");
        return http_reply_text(request, "200 OK", NULL, request->path);
}

static void set_network(const Network *network, uint64_t rate) {
        check_int(fetcher_set_options(fetcher,
                          &(FetcherOptions) {
                                  .parallel = 8,
                                  .parallel_per_host = 8,
                                  .connect_timeout_usec = 5 * USEC_PER_SEC,
                                  .stall_timeout_usec = USEC_PER_SEC,
                                  .user_agent = "test/1",
                                  .network = network,
                                  .rate_max = rate,
                          }),
                0);
}

/* Gets an address of a host that does not exist. */
static void fetch_elsewhere(Got *got) {
        FetchRequest request = { .url = "http://elsewhere.invalid/page",
                .size_max = SIZE_LIMIT,
                .on_done = on_done,
                .userdata = got };

        got_clear(got);
        check_int(fetcher_start(fetcher, &request, &got->transfer), 0);
        LOOP_UNTIL(event, got->n_done > 0);
}

static void test_proxy(void) {
        _cleanup_free_ char *proxy = http_server_url(server, 1, "");
        Network network = { .proxy = proxy };
        Got got = {};

        set_network(&network, 0);
        fetch_elsewhere(&got);
        check_int(got.result, FETCH_OK);
        check_string(got.body, "http://elsewhere.invalid/page");

        network.proxy_login = (char *) "user:secret";
        set_network(&network, 0);
        fetch_elsewhere(&got);
        check_string(got.body, "logged in");

        /* What stands in noProxy is asked itself. */
        network.no_proxy = (char *) "example.com,127.0.0.2";
        set_network(&network, 0);
        fetch(2, "/direct", (FetchRequest) {}, &got);
        check_string(got.body, "/direct");
        network.no_proxy = (char *) "127.0.0.0/8";
        set_network(&network, 0);
        fetch(3, "/direct", (FetchRequest) {}, &got);
        check_string(got.body, "/direct");
        got_clear(&got);
}

static void test_environment(void) {
        _cleanup_free_ char *proxy = http_server_url(server, 1, "");
        Network network = { .proxy = proxy };
        Got got = {};

        check_int(setenv("http_proxy", proxy, 1), 0);
        set_network(NULL, 0);
        fetch(2, "/direct", (FetchRequest) {}, &got);
        check_string(got.body, "/direct");
        check_int(setenv("http_proxy", "http://192.0.2.1:1", 1), 0);
        check_int(setenv("no_proxy", "*", 1), 0);
        set_network(&network, 0);
        fetch_elsewhere(&got);
        check_string(got.body, "http://elsewhere.invalid/page");
        check_int(unsetenv("http_proxy"), 0);
        check_int(unsetenv("no_proxy"), 0);
        got_clear(&got);
}

static void test_problem(void) {
        Got got = {};

        http_server_forget(server);
        set_network(&(Network) { .problem = (char *) "there is no credential 'login'" }, 0);
        fetch(2, "/page", (FetchRequest) {}, &got);
        check_int(got.result, FETCH_REFUSED);
        check(endswith(got.error, "/page: not asked: there is no credential 'login'"));
        check_int(server->n_paths, 0);
        set_network(NULL, 0);
        fetch(2, "/page", (FetchRequest) {}, &got);
        check_int(got.result, FETCH_OK);
        got_clear(&got);
}

static bool all_done(const Got *got, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (got[i].n_done == 0)
                        return false;
        return true;
}

/* The sum of all transfers keeps to the rate, and all get their share of it. */
static void test_rate(void) {
        uint64_t started, last = 0, elapsed;
        Got got[4] = {}, document = {};

        set_network(NULL, RATE);
        started = clock_boottime_usec();
        for (size_t i = 0; i < ELEMENTSOF(got); i++)
                start(10, "/bulk", (FetchRequest) { .bulk = true, .size_max = BULK_SIZE }, &got[i]);
        loop_run_for(event, 300 * USEC_PER_MSEC);
        fetch(11, "/document", (FetchRequest) {}, &document);
        check(clock_boottime_usec() - started < 1200 * USEC_PER_MSEC);
        check_int(document.result, FETCH_OK);

        LOOP_UNTIL(event, all_done(got, ELEMENTSOF(got)));
        for (size_t i = 0; i < ELEMENTSOF(got); i++) {
                check_int(got[i].result, FETCH_OK);
                check_int(got[i].size, BULK_SIZE);
                last = MAX_OF(last, got[i].finished_usec);
                /* None is done long before the others. */
                check(got[i].finished_usec - started > 1500 * USEC_PER_MSEC);
        }
        elapsed = last - started;
        check(elapsed > 1800 * USEC_PER_MSEC);
        check(elapsed < 2600 * USEC_PER_MSEC);
        for (size_t i = 0; i < ELEMENTSOF(got); i++)
                got_clear(&got[i]);
        got_clear(&document);
}

/* What waits for the rate can be forgotten, and goes on at once when there is no limit any more. */
static void test_rate_changes(void) {
        Got got[4] = {};
        uint64_t changed;

        set_network(NULL, 64 * KIB);
        for (size_t i = 0; i < ELEMENTSOF(got); i++)
                start(12, "/bulk", (FetchRequest) { .bulk = true, .size_max = BULK_SIZE }, &got[i]);
        loop_run_for(event, 300 * USEC_PER_MSEC);
        check(fetcher_bytes_received(fetcher) > 0);
        got[0].transfer = transfer_cancel(got[0].transfer);
        changed = clock_boottime_usec();
        set_network(NULL, 0);
        LOOP_UNTIL(event, all_done(got + 1, ELEMENTSOF(got) - 1));
        check(clock_boottime_usec() - changed < 2 * USEC_PER_SEC);
        check_int(got[0].n_done, 0);
        for (size_t i = 1; i < ELEMENTSOF(got); i++) {
                check_int(got[i].result, FETCH_OK);
                check_int(got[i].size, BULK_SIZE);
                got_clear(&got[i]);
        }

        /* And at the end. */
        set_network(NULL, 64 * KIB);
        start(12, "/bulk", (FetchRequest) { .bulk = true, .size_max = BULK_SIZE }, &got[0]);
        loop_run_for(event, 200 * USEC_PER_MSEC);
        check_int(got[0].n_done, 0);
}

int main(void) {
        set_up(answer);
        test_proxy();
        test_environment();
        test_problem();
        test_rate();
        test_rate_changes();
        tear_down();
        return EXIT_SUCCESS;
}
