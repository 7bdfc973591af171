#include "verify/keys.h"

#include <curl/curl.h>

#include "base/log.h"
#include "base/shared.h"
#include "fetching.h"
#include "fixtures.h"
#include "scratch.h"

/* Of key_text('A', …) and so on: the SHA-1 of what names a key (RFC 9580 section 5.5.4). */
#define FINGERPRINT_A "E62CEEBCCABB769E9A18667D20C03AFBF450A4C0"
#define FINGERPRINT_B "6BF10D9E22BDFD4454BD8D0D77F4057B19EEEB90"
#define FINGERPRINT_C "304DF072C01670A8A0B879FE26D66FCB131FE42F"
#define HASHICORP "C874011F0AB405110D02105534365D9472D7468F"
#define KEY_SIZE 11 /* of key_text() before its label */

typedef struct Asked {
        unsigned n_done;
        int result;
        bool first_use;
        char *texts, *message; /* "key:label key:label?"; what is not trusted has a question mark */
        void (*then)(struct Asked *asked);
        struct Asked *other;
} Asked;

static int scratch_fd, keys_fd;
static Keys *keys;
static Pins *pins;
static WorkerPool *workers;
static Offload *offload;
static bool trust_on_first_use;
static atomic_bool failing, newer;

/* A public key that has a letter for its content, and a user id: what names a key, and nothing that gpgv would take. */
static char *key_text(char letter, const char *label) {
        return text_format("\xc6\x07\x04"
                           "AAAA\x01%c\xcd%c%s",
                letter & ~0x20, (char) strlen(label), label);
}

/* The path ends in the letter of the key. */
static bool answer(const HttpRequest *request, void *userdata) {
        _cleanup_free_ char *text = NULL;

        if (startswith(request->path, "/held"))
                http_wait_for_gate(request);
        if (streq(request->path, "/empty"))
                return http_reply_text(request, "200 OK", NULL, "");
        if (streq(request->path, "/large"))
                return http_reply_text(request, "200 OK", NULL, strempty(getenv("LARGE")));
        if (streq(request->path, "/html"))
                return http_reply_text(request, "200 OK", NULL, "<html>Not a key</html>");
        if (atomic_load(&failing))
                return http_reply_text(request, "404 Not Found", NULL, "");
        text = key_text(
                request->path[strlen(request->path) - 1], atomic_load(&newer) ? "newer" : request->path);
        return http_reply_text(request, "200 OK", NULL, text);
}

/* The key is written behind the scenes. */
static bool is_kept(const char *name, const char *label) {
        _cleanup_free_ char *data = NULL, *text = key_text('A', label);
        size_t size;

        return fs_read_file(keys_fd, name, KIB, &data, &size) >= 0 && streq(data, text);
}

static void asked_clear(Asked *asked) {
        free(asked->texts);
        free(asked->message);
        *asked = (Asked) {};
}

static void on_keys(int r, const KeySet *set, const char *message, void *userdata) {
        Asked *asked = userdata;
        Buffer text = {};

        asked->n_done++;
        asked->result = r;
        check((r < 0) == !set && (r < 0) == !!message);
        check_int(string_assign(&asked->message, message), 0);
        asked->first_use = set && set->first_use;
        for (size_t i = 0; set && i < set->n_texts; i++) {
                const KeyText *one = &set->texts[i];
                const char *fingerprint = one->fingerprint;

                check(one->size >= KEY_SIZE);
                check_int(buffer_append_format(&text, "%s%s:%s%s", i > 0 ? " " : "",
                                  streq(fingerprint, FINGERPRINT_A)   ? "A"
                                  : streq(fingerprint, FINGERPRINT_B) ? "B"
                                  : streq(fingerprint, FINGERPRINT_C) ? "C"
                                                                      : "?",
                                  streq(fingerprint, HASHICORP) ? "" : one->data + KEY_SIZE,
                                  one->trusted ? "" : "?"),
                        0);
        }
        free(asked->texts);
        asked->texts = text.data ? text.data : strdup("");
        if (asked->then)
                asked->then(asked);
}

/* As a daemon that has been restarted. */
static void start_keys(KeySetting *settings, size_t n_settings) {
        keys = keys_free(keys);
        LOOP_UNTIL(event, !pins || !pins_is_writing(pins));
        pins = pins_free(pins);
        check_int(pins_new(offload, keys_fd, &pins), 0);
        check_int(keys_new(
                          &(KeysOptions) {
                                  .fetcher = fetcher,
                                  .offload = offload,
                                  .workers = workers,
                                  .pins = pins,
                                  .directory_fd = keys_fd,
                                  .settings =
                                          &(Settings) {
                                                  .keys = settings,
                                                  .n_keys = n_settings,
                                                  .trust_on_first_use = trust_on_first_use,
                                          },
                          },
                          &keys),
                0);
}

/* As on a new machine. */
static int do_nothing(void *userdata) {
        return 0;
}

static void on_nothing_done(int result, void *userdata) {
        *(bool *) userdata = true;
}

/* What is being written to the directory is there afterwards: the one thread does one thing after the other. */
static void wait_for_writes(void) {
        bool done = false;

        check_int(offload_run(offload, do_nothing, on_nothing_done, &done), 0);
        LOOP_UNTIL(event, done);
}

static void forget_everything(void) {
        static const char *const names[] = { FINGERPRINT_A, FINGERPRINT_B, FINGERPRINT_C, HASHICORP };

        loop_run_for(event, 20 * USEC_PER_MSEC);
        keys = keys_free(keys);
        LOOP_UNTIL(event, !pins || !pins_is_writing(pins));
        wait_for_writes();
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                for (unsigned slot = 0; slot < KEY_COPIES_MAX; slot++) {
                        _cleanup_free_ char *name = slot > 0 ? text_format("%s.%u.asc", names[i], slot)
                                                             : text_format("%s.asc", names[i]);

                        (void) unlinkat(keys_fd, name, 0);
                }
        (void) unlinkat(keys_fd, PINS_FILE, 0);
        pins = pins_free(pins);
}

/* Keys as the configuration names them: fingerprint, namespace, and the path below the server. */
static void set_keys(const char *const (*rows)[3], size_t n_rows) {
        KeySetting settings[8] = {};

        check(n_rows <= ELEMENTSOF(settings));
        for (size_t i = 0; i < n_rows; i++) {
                settings[i].fingerprint = (char *) rows[i][0];
                settings[i].provider_namespace = (char *) rows[i][1];
                settings[i].url = http_server_url(server, 1, rows[i][2]);
        }
        start_keys(settings, n_rows);
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

static void write_key(const char *name, char letter, const char *label) {
        _cleanup_free_ char *text = key_text(letter, label);

        scratch_write(scratch_fd, name, text);
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

        forget_everything();
        start_keys(&setting, 1);
        ask("n", &asked);
        check_int(asked.n_done, 1);
        check_int(asked.result, -EIO);
        check(strstr(asked.message, path) && strstr(asked.message, FINGERPRINT_A) &&
                strstr(asked.message, strerror(ENOENT)));

        write_key("key", 'A', "first");
        ask_and_wait("n", &asked);
        check_string(asked.texts, "A:first");
        write_key("key", 'A', "second");
        ask_and_wait("n", &asked);
        check_string(asked.texts, "A:second A:first");

        /* Gone, or no longer a key: the one at hand is used on. */
        memset(large, 'x', KEY_TEXT_SIZE_MAX + 1);
        scratch_write(scratch_fd, "key", large);
        asked_clear(&asked);
        ask("n", &asked);
        check_string(asked.texts, "A:second A:first");
        check(unlinkat(scratch_fd, "key", 0) >= 0);
        check(mkfifoat(scratch_fd, "key", 0600) >= 0);
        asked_clear(&asked);
        ask("n", &asked);
        check_string(asked.texts, "A:second A:first");
        check(unlinkat(scratch_fd, "key", 0) >= 0);
        asked_clear(&asked);
}

/* A key from a URL is asked for once, by whoever asks first, and kept for the next start. */
static void test_url(void) {
        Asked first = {}, second = {}, later = {};

        forget_everything();
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
        LOOP_UNTIL(event, is_kept(FINGERPRINT_A ".asc", "/held/a"));

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
        check_string(first.texts, "A:newer A:/held/a");
        LOOP_UNTIL(event, is_kept(FINGERPRINT_A ".1.asc", "newer"));
        check(is_kept(FINGERPRINT_A ".asc", "/held/a"));
        newer = false;

        /* Asked for once more, as after a signature by a key that is not known. */
        keys_ask_again(keys, "other");
        asked_clear(&first);
        ask("n", &first);
        check_int(first.n_done, 1);
        keys_ask_again(keys, "n");
        ask_and_wait("n", &first);
        check_string(first.texts, "A:/held/a A:newer");
        asked_clear(&first);
        asked_clear(&second);
        asked_clear(&later);
}

static void test_failure(void) {
        Asked asked = {};

        forget_everything();
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

        forget_everything();
        SET_KEYS({ FINGERPRINT_A, "n", "/a" }, { FINGERPRINT_C, "n", "/empty" },
                { FINGERPRINT_C, "n", "/held/c" }, { FINGERPRINT_B, "m", "/m/b" });
        http_server_set_gate(server, false);
        ask("n", &asked);
        /* One namespace does not wait for another. */
        ask_and_wait("m", &other);
        check_string(other.texts, "B:/m/b");
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

        SET_KEYS({ FINGERPRINT_C, "n", "/held/again/c" });
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
        SET_KEYS({ FINGERPRINT_C, "n", "/held/end/c" });
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

        forget_everything();
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
        LOOP_UNTIL(event, is_kept(FINGERPRINT_A ".asc", "/a"));
        victim = scratch_read(scratch_fd, "victim");
        check_string(victim, "precious");
        asked_clear(&asked);
}

static const char *state_of(const char *provider_namespace, const char *fingerprint) {
        KeyInfo info;

        for (size_t i = 0; keys_describe(keys, i, &info); i++)
                if (streq(info.provider_namespace, provider_namespace) &&
                        streq(info.fingerprint, fingerprint))
                        return info.state;
        return "unknown";
}

static void offer(const char *provider_namespace, char letter, const char *label) {
        _cleanup_free_ char *text = key_text(letter, label);

        check_int(keys_offer(keys, provider_namespace, "a registry", text, strlen(text)), 0);
}

/* Upstream has another key in its place: it vouches for nothing, and the old one is used on. */
static void test_replaced(void) {
        _cleanup_free_ char *reason = NULL, *again = NULL;
        Asked asked = {};

        forget_everything();
        SET_KEYS({ FINGERPRINT_A, "n", "/a" });
        ask_and_wait("n", &asked);
        check_string(asked.texts, "A:/a");
        LOOP_UNTIL(event, is_kept(FINGERPRINT_A ".asc", "/a"));

        SET_KEYS({ FINGERPRINT_A, "n", "/b" });
        ask_and_wait("n", &asked);
        check_string(asked.texts, "A:/a B:/b?");
        check(!keys_is_trusted(keys, "n", FINGERPRINT_B) && keys_is_trusted(keys, "n", FINGERPRINT_A));
        check_string(state_of("n", FINGERPRINT_B), "offered");
        check_int(keys_pin(keys, "n", FINGERPRINT_B), -EEXIST);

        reason = keys_await(keys, "n", FINGERPRINT_B);
        check(strstr(reason, "signed by key " FINGERPRINT_B) && strstr(reason, "is " FINGERPRINT_A) &&
                strstr(reason, "keys accept n " FINGERPRINT_B));
        check(pins_find(pins, "n", FINGERPRINT_B)->awaited);
        check_int(keys_refuse(keys, "n", FINGERPRINT_B), 0);
        again = keys_await(keys, "n", FINGERPRINT_B);
        check(strstr(again, "was refused"));
        asked_clear(&asked);
}

/* An error page where the key was: the copy at hand is used on, and without one the reason is told. */
static void test_not_a_key(void) {
        Asked asked = {};

        SET_KEYS({ FINGERPRINT_A, "n", "/html" });
        ask_and_wait("n", &asked);
        check_string(asked.texts, "A:/a B:/b?");
        forget_everything();
        SET_KEYS({ FINGERPRINT_A, "n", "/html" });
        ask_and_wait("n", &asked);
        check_int(asked.result, -EIO);
        check(strstr(asked.message, FINGERPRINT_A) && strstr(asked.message, "neither OpenPGP packets nor"));
        /* Asked for again it is the same, and still told of. */
        keys_ask_again(keys, "n");
        ask_and_wait("n", &asked);
        check(strstr(asked.message, "neither OpenPGP packets nor"));
        asked_clear(&asked);
}

static void test_first_use(void) {
        Asked asked = {};

        forget_everything();
        /* Not allowed: what is found is there to tell who has signed. */
        SET_KEYS({ NULL, "n", "/a" });
        ask_and_wait("n", &asked);
        check_string(asked.texts, "A:/a?");
        check(!asked.first_use);
        check_int(keys_pin(keys, "n", FINGERPRINT_A), -EEXIST);

        trust_on_first_use = true;
        SET_KEYS({ NULL, "n", "/a" });
        ask_and_wait("n", &asked);
        check_string(asked.texts, "A:/a");
        check(asked.first_use);
        check_int(keys_pin(keys, "n", FINGERPRINT_A), 0);
        check_string(state_of("n", FINGERPRINT_A), "firstUse");
        check_int(keys_pin(keys, "n", FINGERPRINT_A), 0);

        /* The pin outlives the daemon; another key does not take its place. */
        SET_KEYS({ NULL, "n", "/b" });
        check_string(state_of("n", FINGERPRINT_A), "firstUse");
        ask_and_wait("n", &asked);
        check_string(asked.texts, "A:/a B:/b?");
        check(!asked.first_use);
        check_int(keys_pin(keys, "n", FINGERPRINT_B), -EEXIST);
        check(!keys_is_trusted(keys, "m", FINGERPRINT_A));

        /* What the configuration names goes before all that. */
        SET_KEYS({ FINGERPRINT_B, "n", "/b" });
        check(keys_is_trusted(keys, "n", FINGERPRINT_B) && !keys_is_trusted(keys, "n", FINGERPRINT_A));
        trust_on_first_use = false;
        asked_clear(&asked);
}

static void test_decisions(void) {
        const char *trusted[KEY_FINGERPRINTS_MAX + 1];
        Asked asked = {};

        forget_everything();
        SET_KEYS({ FINGERPRINT_A, "n", "/a" }, { NULL, "n", "/b" });
        check_int(keys_accept(keys, "n", FINGERPRINT_B), -ENOENT);
        ask_and_wait("n", &asked);
        check_string(asked.texts, "A:/a B:/b?");
        check_int(keys_refuse(keys, "n", FINGERPRINT_A), -EPERM);
        check_int(keys_accept(keys, "n", FINGERPRINT_A), 0);
        check_int(keys_accept(keys, "m", FINGERPRINT_B), -ENOENT);
        check_int(keys_accept(keys, "n", FINGERPRINT_B), 0);
        check_int(keys_trusted(keys, "n", trusted), 2);
        check_string(trusted[1], FINGERPRINT_B);
        ask_and_wait("n", &asked);
        check_string(asked.texts, "A:/a B:/b");

        SET_KEYS({ FINGERPRINT_A, "n", "/a" }, { NULL, "n", "/b" });
        check_string(state_of("n", FINGERPRINT_B), "accepted");
        check_string(state_of("n", FINGERPRINT_A), "configured");
        check_int(keys_refuse(keys, "n", FINGERPRINT_B), 0);
        check(!keys_is_trusted(keys, "n", FINGERPRINT_B));
        asked_clear(&asked);
}

/* The pins are lost, the texts are not: what is offered does not take the place of what was kept. */
static void test_offer_beside_kept(void) {
        _cleanup_free_ char *older = key_text('A', "older");
        Asked asked = {};

        forget_everything();
        scratch_write(keys_fd, FINGERPRINT_A ".asc", older);
        set_keys(NULL, 0);
        offer("n", 'A', "newer");
        ask_and_wait("n", &asked);
        check_string(asked.texts, "A:newer? A:older?");
        LOOP_UNTIL(event, is_kept(FINGERPRINT_A ".1.asc", "newer"));
        check(is_kept(FINGERPRINT_A ".asc", "older"));
        asked_clear(&asked);
}

/* What registries hand out. */
static void test_offers(void) {
        Asked asked = {};

        forget_everything();
        set_keys(NULL, 0);
        /* signing_keys is empty */
        check_int(keys_offer(keys, "n", "a registry", "", 0), -EBADMSG);
        ask_and_wait("n", &asked);
        check_int(asked.result, -ENOKEY);

        log_set_max_level(LOG_EMERG);
        check_int(keys_offer(keys, "n", "a registry", "<html>", 6), 0);
        ask_and_wait("n", &asked);
        check_int(asked.result, -ENOKEY);
        log_set_max_level(LOG_ERR);

        offer("n", 'A', "one");
        ask_and_wait("n", &asked);
        offer("n", 'B', "two");
        ask_and_wait("n", &asked);
        check_string(asked.texts, "A:one? B:two?");
        check_string(pins_find(pins, "n", FINGERPRINT_A)->source, "a registry");
        check_string(pins_find(pins, "n", FINGERPRINT_A)->user, "one");
        /* Known already: nothing is waited for. */
        offer("n", 'A', "one");
        asked_clear(&asked);
        ask("n", &asked);
        check_int(asked.n_done, 1);
        check_int(keys_accept(keys, "n", FINGERPRINT_A), 0);
        ask_and_wait("m", &asked);
        check_int(asked.result, -ENOKEY);

        /* More than anybody needs. */
        log_set_max_level(LOG_EMERG);
        for (int letter = 'D'; letter <= 'Z'; letter++)
                offer("m", (char) letter, "flood");
        ask_and_wait("m", &asked);
        check_int(asked.result, 0);
        check_int(pins_count(pins), 2 + PINS_PER_NAMESPACE_MAX);
        log_set_max_level(LOG_ERR);
        asked_clear(&asked);
}

/* A new machine learns from the store which keys were good enough. */
static void test_record(void) {
        _cleanup_(record_freep) Record *record = NULL;
        RecordVersion *version;

        forget_everything();
        check_int(record_new(PACKAGE_PROVIDER, "n/x", "s", &record), 0);
        check_int(record_version_new("1.0.0", &version), 0);
        check_int(shared_assign(&version->key_fingerprint, FINGERPRINT_A), 0);
        check_int(record_put(record, version), 0);
        check_int(record_version_new("2.0.0", &version), 0);
        check_int(shared_assign(&version->key_fingerprint, FINGERPRINT_B), 0);
        version->state = VERSION_HELD;
        check_int(record_put(record, version), 0);

        set_keys(NULL, 0);
        keys_learn(keys, "n", record);
        check_string(state_of("n", FINGERPRINT_A), "recorded");
        check_string(state_of("n", FINGERPRINT_B), "unknown");
        check(keys_is_trusted(keys, "n", FINGERPRINT_A));
        /* What was refused stays so, and what is configured needs nothing of it. */
        check_int(keys_refuse(keys, "n", FINGERPRINT_A), 0);
        keys_learn(keys, "n", record);
        check(!keys_is_trusted(keys, "n", FINGERPRINT_A));
        SET_KEYS({ FINGERPRINT_C, "m", "/c" });
        keys_learn(keys, "m", record);
        check_string(state_of("m", FINGERPRINT_A), "unknown");
}

/* A revocation that was seen is not forgotten because a copy without it comes later. */
static void test_revocation(void) {
        _cleanup_free_ char *plain = key_text('A', "p"),
                            *revoked = text_format("%s\xc2\x03\x04\x20\x01", plain);
        Asked asked = {};

        forget_everything();
        SET_KEYS({ FINGERPRINT_A, "n", "/a" });
        check_int(keys_offer(keys, "n", "first", revoked, strlen(revoked)), 0);
        ask_and_wait("n", &asked);
        offer("n", 'A', "later");
        ask_and_wait("n", &asked);
        check(startswith(asked.texts, "A:p\xc2\x03\x04\x20\x01 A:later A:"));
        asked_clear(&asked);
}

/* Nothing is trusted on first use by who does not know what was pinned before. */
static void test_damaged_pins(void) {
        static const char unknown_state[] =
                "{\"format\":1,\"pins\":[{\"namespace\":\"n\",\"fingerprint\":\"" FINGERPRINT_A
                "\",\"state\":\"trusted\",\"awaited\":false,\"since\":1}]}";
        static const char *const texts[] = {
                "",
                "{",
                "[]",
                "{\"format\":2,\"pins\":[]}",
                "{\"format\":1,\"pins\":[1]}",
                unknown_state,
        };
        Asked asked = {};

        trust_on_first_use = true;
        log_set_max_level(LOG_EMERG);
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                forget_everything();
                scratch_write(keys_fd, PINS_FILE, texts[i]);
                SET_KEYS({ NULL, "n", "/a" });
                check(pins_are_damaged(pins));
                ask_and_wait("n", &asked);
                check(!asked.first_use);
                check_string(asked.texts, "A:/a?");
                check_int(keys_pin(keys, "n", FINGERPRINT_A), -EEXIST);
        }
        log_set_max_level(LOG_ERR);
        trust_on_first_use = false;
        asked_clear(&asked);
}

/* HashiCorp's key as it was until 2026, and as it was issued again: both are used, the newer first. What gpgv makes of that is
 * measured in test-signature.c. */
static void test_reissued(void) {
        _cleanup_free_ char *old_text = NULL, *new_text = NULL, *path = text_format("%s/key", scratch_path);
        KeySetting setting = {
                .provider_namespace = (char *) "hashicorp", .fingerprint = (char *) HASHICORP, .file = path
        };
        size_t old_size, new_size;
        Asked asked = {};
        KeyInfo info;

        forget_everything();
        old_text = read_fixture("openpgp/tenv-hashicorp-pgp-key.txt", &old_size);
        new_text = read_fixture("openpgp/hc-install-DefaultPublicKey.asc", &new_size);
        scratch_write(scratch_fd, "key", old_text);
        start_keys(&setting, 1);
        ask_and_wait("hashicorp", &asked);
        check_string(asked.texts, "?:");
        scratch_write(scratch_fd, "key", new_text);
        ask_and_wait("hashicorp", &asked);
        check_string(asked.texts, "?: ?:");
        check(keys_describe(keys, 0, &info) && info.n_copies == 2 &&
                strstr(info.user, "HashiCorp Security"));

        /* The next daemon has both, although upstream has only the new one. */
        loop_run_for(event, 100 * USEC_PER_MSEC);
        start_keys(&setting, 1);
        ask_and_wait("hashicorp", &asked);
        check_string(asked.texts, "?: ?:");
        check_int(unlinkat(scratch_fd, "key", 0), 0);
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
        check_int(worker_pool_new(event, getenv("OPENDEPOT_WORKER"),
                          &(WorkerLimits) {
                                  .parallel = 2,
                                  .timeout_usec = 60 * USEC_PER_SEC,
                                  .entries_max = 1,
                                  .unpacked_size_max = MIB,
                                  .ratio_max = 1,
                                  .artifact_size_max = MIB,
                          },
                          &workers),
                0);
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
        test_replaced();
        test_not_a_key();
        test_first_use();
        test_decisions();
        test_offer_beside_kept();
        test_offers();
        test_record();
        test_revocation();
        test_damaged_pins();
        test_reissued();
        keys_free(keys);
        LOOP_UNTIL(event, !pins_is_writing(pins));
        pins_free(pins);
        worker_pool_free(workers);
        tear_down();
        offload_free(offload);
        close_fd(keys_fd);
        close_fd(scratch_fd);
        return EXIT_SUCCESS;
}
