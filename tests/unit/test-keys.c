#include "verify/keys.h"

#include <curl/curl.h>

#include "base/log.h"
#include "fetching.h"
#include "scratch.h"

#define FINGERPRINT_A "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define FINGERPRINT_B "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
#define FINGERPRINT_C "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"

typedef struct Asked {
        unsigned n_done;
        int result;
        char *texts, *message; /* "fingerprint:text fingerprint:text" */
        void (*then)(struct Asked *asked);
        struct Asked *other;
} Asked;

static int scratch_fd, keys_fd;
static Keys *keys;
static Offload *offload;
static atomic_bool failing, newer;

static bool answer(const HttpRequest *request, void *userdata) {
        if (startswith(request->path, "/held"))
                http_wait_for_gate(request);
        if (streq(request->path, "/empty"))
                return http_reply_text(request, "200 OK", NULL, "");
        if (streq(request->path, "/large"))
                return http_reply_text(request, "200 OK", NULL, strempty(getenv("LARGE")));
        if (atomic_load(&failing))
                return http_reply_text(request, "404 Not Found", NULL, "");
        return http_reply_text(request, "200 OK", NULL, atomic_load(&newer) ? "newer" : request->path);
}

/* The key is written behind the scenes. */
static bool is_kept(const char *text) {
        _cleanup_free_ char *data = NULL;
        size_t size;

        return fs_read_file(keys_fd, FINGERPRINT_A ".asc", KIB, &data, &size) >= 0 && streq(data, text);
}

static void asked_clear(Asked *asked) {
        free(asked->texts);
        free(asked->message);
        *asked = (Asked) {};
}

static void on_keys(int r, const KeyText *texts, size_t n_texts, const char *message, void *userdata) {
        Asked *asked = userdata;
        Buffer text = {};

        asked->n_done++;
        asked->result = r;
        check((r < 0) == (n_texts == 0) && (r < 0) == !!message);
        check_int(string_assign(&asked->message, message), 0);
        for (size_t i = 0; i < n_texts; i++)
                check_int(buffer_append_format(&text, "%s%.1s:%.*s", i > 0 ? " " : "", texts[i].fingerprint,
                                  (int) texts[i].size, texts[i].data),
                        0);
        free(asked->texts);
        asked->texts = text.data ? text.data : strdup("");
        if (asked->then)
                asked->then(asked);
}

/* Keys as the configuration names them: fingerprint, namespace, and the path below the server. */
static void set_keys(const char *const (*rows)[3], size_t n_rows) {
        KeySetting settings[8] = {};

        keys = keys_free(keys);
        check(n_rows <= ELEMENTSOF(settings));
        for (size_t i = 0; i < n_rows; i++) {
                settings[i].fingerprint = (char *) rows[i][0];
                settings[i].provider_namespace = (char *) rows[i][1];
                settings[i].url = http_server_url(server, 1, rows[i][2]);
        }
        check_int(keys_new(fetcher, offload, keys_fd, &(Settings) { .keys = settings, .n_keys = n_rows },
                          &keys),
                0);
        /* Nothing of the settings is kept. */
        for (size_t i = 0; i < n_rows; i++)
                free(settings[i].url);
}

#define SET_KEYS(...)                                                                                       \
        ({                                                                                                  \
                static const char *const _rows[][3] = { __VA_ARGS__ };                                      \
                set_keys(_rows, ELEMENTSOF(_rows));                                                         \
        })

static void ask(const char *provider_namespace, Asked *asked) {
        check_int(keys_get(keys, provider_namespace, on_keys, asked), 0);
}

static void ask_and_wait(const char *provider_namespace, Asked *asked) {
        asked_clear(asked);
        ask(provider_namespace, asked);
        LOOP_UNTIL(event, asked->n_done > 0);
        check_int(asked->n_done, 1);
}

static void test_none(void) {
        Asked asked = {};

        SET_KEYS({ FINGERPRINT_A, "hashicorp", "/a" });
        ask_and_wait("other", &asked);
        check_int(asked.result, -ENOKEY);
        check(strstr(asked.message, "no key is configured"));
        check_int(http_server_n_asked(server, "/a", NULL, 0), 0);
        asked_clear(&asked);
        set_keys(NULL, 0);
        ask_and_wait("hashicorp", &asked);
        check_int(asked.result, -ENOKEY);
        asked_clear(&asked);
        check(!keys_free(NULL));
}

/* A key in a file is read when it is asked for, every time anew. */
static void test_file(void) {
        _cleanup_free_ char *path = text_format("%s/key", scratch_path),
                            *large = calloc(1, KEY_TEXT_SIZE_MAX + 2);
        KeySetting setting = {
                .provider_namespace = (char *) "n", .fingerprint = (char *) FINGERPRINT_A, .file = path
        };
        Asked asked = {};

        keys = keys_free(keys);
        check_int(keys_new(fetcher, offload, keys_fd, &(Settings) { .keys = &setting, .n_keys = 1 }, &keys),
                0);
        ask("n", &asked);
        check_int(asked.n_done, 1);
        check_int(asked.result, -EIO);
        check(strstr(asked.message, path) && strstr(asked.message, FINGERPRINT_A) &&
                strstr(asked.message, strerror(ENOENT)));

        scratch_write(scratch_fd, "key", "first");
        asked_clear(&asked);
        ask("n", &asked);
        check_string(asked.texts, "A:first");
        scratch_write(scratch_fd, "key", "second");
        asked_clear(&asked);
        ask("n", &asked);
        check_string(asked.texts, "A:second");

        /* Gone, or no longer a key: the one at hand is used on. */
        memset(large, 'x', KEY_TEXT_SIZE_MAX + 1);
        scratch_write(scratch_fd, "key", large);
        asked_clear(&asked);
        ask("n", &asked);
        check_string(asked.texts, "A:second");
        check(unlinkat(scratch_fd, "key", 0) >= 0);
        check(mkfifoat(scratch_fd, "key", 0600) >= 0);
        asked_clear(&asked);
        ask("n", &asked);
        check_string(asked.texts, "A:second");
        check(unlinkat(scratch_fd, "key", 0) >= 0);
        asked_clear(&asked);
}

/* A key from a URL is asked for once, by whoever asks first, and kept for the next start. */
static void test_url(void) {
        Asked first = {}, second = {}, later = {};

        SET_KEYS({ FINGERPRINT_A, "n", "/held/a" });
        http_server_forget(server);
        http_server_set_gate(server, false);
        ask("n", &first);
        ask("n", &second);
        check_int(first.n_done, 0);
        LOOP_UNTIL(event, http_server_n_answering(server, NULL) == 1);
        ask("n", &later);
        http_server_set_gate(server, true);
        LOOP_UNTIL(event, first.n_done + second.n_done + later.n_done == 3);
        check_string(first.texts, "A:/held/a");
        check_string(second.texts, "A:/held/a");
        check_string(later.texts, "A:/held/a");
        check_int(http_server_n_asked(server, "/held/a", NULL, 0), 1);

        /* It is at hand now. */
        asked_clear(&first);
        ask("n", &first);
        check_int(first.n_done, 1);
        check_int(http_server_n_asked(server, "/held/a", NULL, 0), 1);
        LOOP_UNTIL(event, is_kept("/held/a"));

        /* The next start asks again, and uses what was kept if that fails. */
        failing = true;
        SET_KEYS({ FINGERPRINT_A, "n", "/held/a" });
        ask_and_wait("n", &first);
        check_string(first.texts, "A:/held/a");
        check_int(http_server_n_asked(server, "/held/a", NULL, 0), 2);
        failing = false;
        newer = true;
        SET_KEYS({ FINGERPRINT_A, "n", "/held/a" });
        ask_and_wait("n", &first);
        check_string(first.texts, "A:newer");
        LOOP_UNTIL(event, is_kept("newer"));
        newer = false;

        /* Asked for once more, as after a signature by a key that is not known. */
        keys_ask_again(keys, "other");
        asked_clear(&first);
        ask("n", &first);
        check_int(first.n_done, 1);
        keys_ask_again(keys, "n");
        ask_and_wait("n", &first);
        check_string(first.texts, "A:/held/a");
        asked_clear(&first);
        asked_clear(&second);
        asked_clear(&later);
}

static void test_failure(void) {
        Asked asked = {};

        failing = true;
        SET_KEYS({ FINGERPRINT_B, "n", "/b" });
        http_server_forget(server);
        ask_and_wait("n", &asked);
        check_int(asked.result, -EIO);
        check(strstr(asked.message, FINGERPRINT_B) && strstr(asked.message, "404"));
        failing = false;
        check(faccessat(keys_fd, FINGERPRINT_B ".asc", F_OK, 0) < 0);

        SET_KEYS({ FINGERPRINT_B, "n", "/empty" });
        ask_and_wait("n", &asked);
        check_int(asked.result, -EIO);
        check(strstr(asked.message, "empty"));
        SET_KEYS({ FINGERPRINT_B, "n", "/large" });
        ask_and_wait("n", &asked);
        check_int(asked.result, -EIO);
        check(strstr(asked.message, "limit"));
        check(faccessat(keys_fd, FINGERPRINT_B ".asc", F_OK, 0) < 0);
        asked_clear(&asked);
}

/* Of several keys those that could be had are used, when all have been asked for. */
static void test_several(void) {
        Asked asked = {}, other = {};

        SET_KEYS({ FINGERPRINT_A, "n", "/a" }, { FINGERPRINT_B, "n", "/empty" },
                { FINGERPRINT_C, "n", "/held/c" }, { FINGERPRINT_C, "m", "/m" });
        http_server_set_gate(server, false);
        ask("n", &asked);
        /* One namespace does not wait for another. */
        ask_and_wait("m", &other);
        check_string(other.texts, "C:/m");
        check_int(asked.n_done, 0);
        http_server_set_gate(server, true);
        LOOP_UNTIL(event, asked.n_done == 1);
        check_string(asked.texts, "A:/a C:/held/c");
        asked_clear(&asked);
        asked_clear(&other);
}

static void then_ask(Asked *asked) {
        asked->then = NULL;
        ask("n", asked->other);
        ask("m", asked->other);
}

static void then_forget(Asked *asked) {
        keys_forget(keys, asked->other);
}

/* Who is told may ask again, and forget others who wait. */
static void test_callbacks(void) {
        Asked a = {}, b = {}, c = {}, again = {};

        SET_KEYS({ FINGERPRINT_A, "n", "/held/a" }, { FINGERPRINT_B, "m", "/held/b" });
        http_server_set_gate(server, false);
        a = (Asked) { .then = then_ask, .other = &again };
        b = (Asked) { .then = then_forget, .other = &c };
        ask("n", &a);
        ask("n", &b);
        ask("n", &c);
        ask("m", &c);
        http_server_set_gate(server, true);
        LOOP_UNTIL(event, a.n_done == 1 && b.n_done == 1 && again.n_done == 2);
        loop_run_for(event, 50 * USEC_PER_MSEC);
        check(a.n_done == 1 && b.n_done == 1 && again.n_done == 2);
        /* It was forgotten before its turn, for both namespaces if the second one was still awaited. */
        check(c.n_done <= 1);
        asked_clear(&a);
        asked_clear(&b);
        asked_clear(&c);
        asked_clear(&again);
}

static void test_forget(void) {
        Asked a = {}, b = {};

        SET_KEYS({ FINGERPRINT_C, "n", "/held/again" });
        http_server_set_gate(server, false);
        ask("n", &a);
        ask("n", &b);
        ask("n", &a);
        keys_forget(keys, &a);
        keys_forget(keys, &a);
        http_server_set_gate(server, true);
        LOOP_UNTIL(event, b.n_done == 1);
        check_int(a.n_done, 0);

        /* At the end nobody is told. */
        SET_KEYS({ FINGERPRINT_C, "n", "/held/end" });
        http_server_set_gate(server, false);
        asked_clear(&b);
        ask("n", &b);
        LOOP_UNTIL(event, http_server_n_answering(server, NULL) == 1);
        keys = keys_free(keys);
        http_server_set_gate(server, true);
        loop_run_for(event, 50 * USEC_PER_MSEC);
        check_int(b.n_done, 0);
        asked_clear(&b);
}

/* What was kept is not read through a link, and the link is not written through. */
static void test_links(void) {
        _cleanup_free_ char *victim = NULL;
        Asked asked = {};

        scratch_write(scratch_fd, "victim", "precious");
        (void) unlinkat(keys_fd, FINGERPRINT_A ".asc", 0);
        check(symlinkat("../victim", keys_fd, FINGERPRINT_A ".asc") >= 0);
        failing = true;
        SET_KEYS({ FINGERPRINT_A, "n", "/a" });
        ask_and_wait("n", &asked);
        check_int(asked.result, -EIO);
        failing = false;
        SET_KEYS({ FINGERPRINT_A, "n", "/a" });
        ask_and_wait("n", &asked);
        check_string(asked.texts, "A:/a");
        LOOP_UNTIL(event, is_kept("/a"));
        victim = scratch_read(scratch_fd, "victim");
        check_string(victim, "precious");
        asked_clear(&asked);
}

int main(void) {
        _cleanup_free_ char *large = calloc(1, KEY_TEXT_SIZE_MAX + 2);

        check(large);
        memset(large, 'x', KEY_TEXT_SIZE_MAX + 1);
        check(setenv("LARGE", large, true) >= 0);
        log_set_max_level(LOG_ERR);
        set_up(answer);
        check_int(offload_new(event, 1, &offload), 0);
        scratch_fd = scratch_open();
        keys_fd = fs_open_directory(scratch_fd, "keys", true);
        check(keys_fd >= 0);
        test_none();
        test_file();
        test_url();
        test_failure();
        test_several();
        test_callbacks();
        test_forget();
        test_links();
        keys_free(keys);
        tear_down();
        offload_free(offload);
        close_fd(keys_fd);
        close_fd(scratch_fd);
        return EXIT_SUCCESS;
}
