#include "source/services.h"

#include "base/list.h"
#include "fetching.h"

/* What one who asked was told. */
typedef struct Told {
        unsigned n_done;
        FetchResult fetch;
        char *url, *message;
        struct Told *forgets; /* in the callback */
        bool asks_again;
} Told;

static Services *services;
static atomic_uint n_asked;
static atomic_bool broken;

static bool answer(const HttpRequest *request, void *userdata) {
        (void) atomic_fetch_add(&n_asked, 1);
        if (endswith(request->path, "/none/.well-known/terraform.json"))
                return http_reply_text(request, "404 Not Found", NULL, "");
        if (endswith(request->path, "/modules/.well-known/terraform.json"))
                return http_reply_text(request, "200 OK", NULL, "{\"modules.v1\":\"/m/\"}");
        if (endswith(request->path, "/token/.well-known/terraform.json") &&
                !http_has_header(request, "Authorization", "Bearer secret"))
                return http_reply_text(request, "401 No", NULL, "");
        if (startswith(request->path, "/held/"))
                http_wait_for_gate(request);
        if (endswith(request->path, "/moved/.well-known/terraform.json"))
                return http_reply_text(request, "302 Found", "Location: /held/to/services.json\r\n", "");
        if (atomic_load(&broken))
                return http_reply_text(request, "200 OK", NULL, "<html>");
        return http_reply_text(request, "200 OK", NULL, "{\"providers.v1\":\"v1/\"}");
}

static void told_clear(Told *told) {
        free(told->url);
        free(told->message);
        *told = (Told) {};
}

static void on_services(const ServicesAnswer *services_answer, void *userdata) {
        Told *told = userdata;

        told->n_done++;
        told->fetch = services_answer->fetch;
        check_int(string_assign(&told->url, services_answer->providers_url), 0);
        check_int(string_assign(&told->message, services_answer->message), 0);
        check((services_answer->fetch == FETCH_OK) == !!services_answer->providers_url);
        check((services_answer->fetch == FETCH_OK) == !services_answer->message);
        if (told->forgets)
                services_forget(services, told->forgets);
        if (told->asks_again) {
                _cleanup_free_ char *url = http_server_url(server, 1, "/none");

                told->asks_again = false;
                check_int(services_get(services, url, NULL, on_services, told), 0);
        }
}

static void ask(const char *path, const char *token, Told *told) {
        _cleanup_free_ char *url = http_server_url(server, 1, path);

        check_int(services_get(services, url, token, on_services, told), 0);
}

static void check_told(const char *path, const char *token, FetchResult expected, const char *text) {
        _cleanup_(told_clear) Told told = {};

        ask(path, token, &told);
        LOOP_UNTIL(event, told.n_done > 0);
        check_int(told.n_done, 1);
        check_int(told.fetch, expected);
        check(strstr(expected == FETCH_OK ? told.url : told.message, text));
}

static void test_answers(void) {
        check_told("/r", NULL, FETCH_OK, "/r/.well-known/v1/");
        check_told("/none", NULL, FETCH_NOT_FOUND, "/none has no provider registry");
        check_told("/modules", NULL, FETCH_NOT_FOUND, "/modules has no provider registry");
        check_told("/token", NULL, FETCH_REFUSED, "HTTP 401");
        check_told("/token", "secret", FETCH_OK, "/token/.well-known/v1/");
        /* Once known it is at hand, for whoever asks. */
        n_asked = 0;
        check_told("/token", NULL, FETCH_OK, "/token/.well-known/v1/");
        check_told("/r", NULL, FETCH_OK, "/r/.well-known/v1/");
        check_int(n_asked, 0);
        /* What is not known is asked again. */
        check_told("/none", NULL, FETCH_NOT_FOUND, "has no provider registry");
        check_int(n_asked, 1);
        broken = true;
        check_told("/broken", NULL, FETCH_REFUSED, "terraform.json: services: ");
        broken = false;
        check_told("/broken", NULL, FETCH_OK, "/broken/.well-known/v1/");
}

/* Who asks while the question is under way waits for the same answer; the base is where the document was in the end. */
static void test_waiting(void) {
        _cleanup_(told_clear) Told first = {}, second = {}, third = {};

        n_asked = 0;
        first.forgets = &third;
        ask("/moved", NULL, &first);
        ask("/moved", NULL, &second);
        ask("/moved", NULL, &third);
        LOOP_UNTIL(event, n_asked == 2);
        check_int(first.n_done + second.n_done + third.n_done, 0);
        http_server_set_gate(server, true);
        LOOP_UNTIL(event, second.n_done > 0);
        check_int(first.n_done, 1);
        check_int(third.n_done, 0);
        check(strstr(second.url, "/held/to/v1/"));
        check_int(n_asked, 2);
}

/* In the callback, of a host that has just not answered. */
static void test_asking_again(void) {
        _cleanup_(told_clear) Told told = { .asks_again = true };

        n_asked = 0;
        ask("/none", NULL, &told);
        LOOP_UNTIL(event, told.n_done == 2);
        check_int(n_asked, 2);
        check_int(told.fetch, FETCH_NOT_FOUND);
}

/* Nobody is told any more. */
static void test_end(void) {
        _cleanup_(told_clear) Told told = {};

        ask("/last", NULL, &told);
        services = services_free(services);
        check_int(told.n_done, 0);
        check(!services_free(NULL));
}

int main(void) {
        set_up(answer);
        check_int(services_new(fetcher, &services), 0);
        test_answers();
        test_waiting();
        test_asking_again();
        test_end();
        tear_down();
        return EXIT_SUCCESS;
}
