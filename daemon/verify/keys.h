/* The OpenPGP keys that signatures are checked with: pinned by the fingerprint of the primary key in the configuration, the
 * key text itself from a file or a URL. What came from a URL is kept in the state directory, asked for again once a
 * day, and used on when that fails. Whose key the text holds is decided by the signature check against the pinned
 * fingerprint, so a wrong text can only make signatures fail. */
#pragma once

#include "base/offload.h"
#include "base/util.h"
#include "config/settings.h"
#include "fetch/fetcher.h"

#define KEYS_PER_NAMESPACE_MAX 8
#define KEY_TEXT_SIZE_MAX (1 * MIB)

typedef struct Keys Keys;

typedef struct KeyText {
        const char *fingerprint; /* upper case */
        const char *data;        /* armored or binary */
        size_t size;
} KeyText;

/* `r`: 0, or -ENOKEY when no key is configured for the namespace, or another negative errno when none could be had; then
 * `message` says why. Everything is borrowed. */
typedef void (*KeysDone)(int r, const KeyText *texts, size_t n_texts, const char *message, void *userdata);

/* Keeps a reference to nothing of `settings`. `directory_fd` (of the state) is duplicated. */
int keys_new(Fetcher *fetcher, Offload *offload, int directory_fd, const Settings *settings, Keys **ret);
/* No callback is called any more. */
Keys *keys_free(Keys *keys);
DEFINE_CLEANUP(Keys *, keys_free)

/* `done` may be called from within this call, when everything is at hand. */
int keys_get(Keys *keys, const char *provider_namespace, KeysDone done, void *userdata);
/* The next keys_get() of the namespace asks for every key, whatever is at hand: an operator wants to know now, or what is at
 * hand does not hold the key. */
void keys_ask_again(Keys *keys, const char *provider_namespace);
/* Forgets the callbacks with this userdata. */
void keys_forget(Keys *keys, void *userdata);
