#include "verify/keys.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/background-write.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/list.h"
#include "base/log.h"

#define REFRESH_USEC (24 * 60 * USEC_PER_MINUTE)
#define RETRY_USEC (5 * USEC_PER_MINUTE)
/* Without the key nothing can be published: below the delay after which a version is tried again. */
#define RETRY_MISSING_USEC (20 * USEC_PER_SEC)

typedef struct Key {
        Keys *keys;
        char *provider_namespace, *fingerprint, *url, *file;
        char *data; /* NULL: not had yet */
        size_t size;
        uint64_t due_usec; /* boottime at which it is asked for again */
        char *problem;     /* why it could not be had */
        Transfer *transfer;
} Key;

typedef struct Waiter {
        char *provider_namespace;
        KeysDone done;
        void *userdata;
} Waiter;

struct Keys {
        Fetcher *fetcher;
        Offload *offload;
        int fd;
        Key *keys;
        size_t n_keys;
        Waiter *waiters;
        size_t n_waiters;
};

static void key_clear(Key *key) {
        transfer_cancel(key->transfer);
        free(key->provider_namespace);
        free(key->fingerprint);
        free(key->url);
        free(key->file);
        free(key->data);
        free(key->problem);
}

Keys *keys_free(Keys *keys) {
        if (!keys)
                return NULL;
        for (size_t i = 0; i < keys->n_keys; i++)
                key_clear(&keys->keys[i]);
        free(keys->keys);
        for (size_t i = 0; i < keys->n_waiters; i++)
                free(keys->waiters[i].provider_namespace);
        free(keys->waiters);
        close_fd(keys->fd);
        free(keys);
        return NULL;
}

int keys_new(Fetcher *fetcher, Offload *offload, int directory_fd, const Settings *settings, Keys **ret) {
        _cleanup_(keys_freep) Keys *keys = calloc(1, sizeof(Keys));
        int r;

        if (!keys)
                return -ENOMEM;
        keys->fetcher = fetcher;
        keys->offload = offload;
        keys->fd = fcntl(directory_fd, F_DUPFD_CLOEXEC, 3);
        if (keys->fd < 0)
                return negative_errno();
        keys->keys = calloc(MAX_OF(settings->n_keys, (size_t) 1), sizeof(Key));
        if (!keys->keys)
                return -ENOMEM;
        for (; keys->n_keys < settings->n_keys; keys->n_keys++) {
                const KeySetting *setting = &settings->keys[keys->n_keys];
                Key *key = &keys->keys[keys->n_keys];

                key->keys = keys;
                r = string_assign(&key->provider_namespace, setting->provider_namespace);
                if (r >= 0)
                        r = string_assign(&key->fingerprint, setting->fingerprint);
                if (r >= 0)
                        r = string_assign(&key->url, setting->url);
                if (r >= 0)
                        r = string_assign(&key->file, setting->file);
                if (r < 0) {
                        key_clear(key);
                        return r;
                }
        }
        *ret = TAKE_PTR(keys);
        return 0;
}

static void key_set_data(Key *key, char *data, size_t size) {
        free(key->data);
        key->data = data;
        key->size = size;
        free(TAKE_PTR(key->problem));
}

static void cached_name(const Key *key, char ret[static 80]) {
        (void) snprintf(ret, 80, "%.64s.asc", key->fingerprint);
}

static void deliver_waiting(Keys *keys);

static void on_key(const FetchResponse *response, void *userdata) {
        Key *key = userdata;
        Keys *keys = key->keys;
        char name[80];

        key->transfer = NULL;
        if (response->result == FETCH_OK && response->body->size > 0) {
                char *data = TAKE_PTR(response->body->data);

                key->due_usec = clock_boottime_usec() + REFRESH_USEC;
                cached_name(key, name);
                if (!key->data || key->size != response->body->size ||
                        memcmp(key->data, data, key->size) != 0)
                        (void) background_write(
                                keys->offload, keys->fd, name, data, response->body->size, "a key");
                key_set_data(key, data, response->body->size);
        } else {
                key->due_usec = clock_boottime_usec() + (key->data ? RETRY_USEC : RETRY_MISSING_USEC);
                text_set(&key->problem, "cannot fetch the key %s: %s", key->fingerprint,
                        response->error ? response->error : "empty answer");
                log_warning(
                        "%s%s", strempty(key->problem), key->data ? "; the copy at hand is used on" : "");
        }
        deliver_waiting(keys);
}

/* Asks for the key if it is due. What is at hand is used meanwhile only if it is not. */
static void key_refresh(Key *key) {
        char name[80];
        char *data;
        size_t size;
        int r;

        if (key->transfer || (key->due_usec > 0 && key->due_usec > clock_boottime_usec()))
                return;
        if (key->file) {
                _cleanup_close_ int fd = open(key->file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

                r = fd < 0 ? negative_errno() : fs_read_fd(fd, KEY_TEXT_SIZE_MAX, &data, &size);
                if (r < 0)
                        text_set(&key->problem, "cannot read the key %s from %s: %s", key->fingerprint,
                                key->file, strerror(-r));
                else
                        key_set_data(key, data, size);
                return;
        }

        if (!key->data) {
                cached_name(key, name);
                if (fs_read_file(key->keys->fd, name, KEY_TEXT_SIZE_MAX, &data, &size) >= 0)
                        key_set_data(key, data, size);
        }
        r = fetcher_start(key->keys->fetcher,
                &(FetchRequest) {
                        .url = key->url,
                        .size_max = KEY_TEXT_SIZE_MAX,
                        .on_done = on_key,
                        .userdata = key,
                },
                &key->transfer);
        if (r < 0)
                text_set(&key->problem, "cannot fetch the key %s: %s", key->fingerprint, strerror(-r));
}

/* Returns false while a key of the namespace is being asked for. */
static bool deliver(Keys *keys, const char *provider_namespace, KeysDone done, void *userdata) {
        KeyText texts[KEYS_PER_NAMESPACE_MAX];
        const char *problem = NULL;
        size_t n_texts = 0;
        bool any = false;

        for (size_t i = 0; i < keys->n_keys; i++) {
                const Key *key = &keys->keys[i];

                if (!streq(key->provider_namespace, provider_namespace))
                        continue;
                any = true;
                if (key->transfer)
                        return false;
                if (key->data && n_texts < KEYS_PER_NAMESPACE_MAX)
                        texts[n_texts++] = (KeyText) { key->fingerprint, key->data, key->size };
                else if (key->problem)
                        problem = key->problem;
        }
        if (n_texts > 0)
                done(0, texts, n_texts, NULL, userdata);
        else if (!any)
                done(-ENOKEY, NULL, 0, "no key is configured for the namespace", userdata);
        else
                done(-EIO, NULL, 0, problem ? problem : "no key could be had", userdata);
        return true;
}

static void deliver_waiting(Keys *keys) {
        for (size_t i = 0; i < keys->n_waiters;) {
                Waiter waiter = keys->waiters[i];

                /* Taken out first: the callback may ask again or forget others. */
                memmove(&keys->waiters[i], &keys->waiters[i + 1], (--keys->n_waiters - i) * sizeof(Waiter));
                if (deliver(keys, waiter.provider_namespace, waiter.done, waiter.userdata)) {
                        free(waiter.provider_namespace);
                        i = 0;
                        continue;
                }
                memmove(&keys->waiters[i + 1], &keys->waiters[i], (keys->n_waiters++ - i) * sizeof(Waiter));
                keys->waiters[i++] = waiter;
        }
}

int keys_get(Keys *keys, const char *provider_namespace, KeysDone done, void *userdata) {
        Waiter waiter = { .done = done, .userdata = userdata };
        int r;

        for (size_t i = 0; i < keys->n_keys; i++)
                if (streq(keys->keys[i].provider_namespace, provider_namespace))
                        key_refresh(&keys->keys[i]);
        if (deliver(keys, provider_namespace, done, userdata))
                return 0;

        r = string_assign(&waiter.provider_namespace, provider_namespace);
        if (r >= 0)
                r = LIST_APPEND(keys->waiters, keys->n_waiters, waiter);
        if (r < 0)
                free(waiter.provider_namespace);
        return r;
}

void keys_ask_again(Keys *keys, const char *provider_namespace) {
        for (size_t i = 0; i < keys->n_keys; i++)
                if (streq(keys->keys[i].provider_namespace, provider_namespace))
                        keys->keys[i].due_usec = 0;
}

void keys_forget(Keys *keys, void *userdata) {
        size_t n = 0;

        for (size_t i = 0; i < keys->n_waiters; i++) {
                if (keys->waiters[i].userdata == userdata) {
                        free(keys->waiters[i].provider_namespace);
                        continue;
                }
                keys->waiters[n++] = keys->waiters[i];
        }
        keys->n_waiters = n;
}
