/* The OpenPGP keys that signatures are checked with, by provider namespace. Which keys are trusted is said by fingerprint of
 * the primary key: those that the configuration pins, and those that pins.h remembers. The texts come from the configured
 * files and URLs and from whoever calls keys_offer(); a worker says which keys a text holds before it is used. Texts are
 * kept in the state directory. A key that upstream has issued again is used beside its older copies, so that what
 * was signed under them stays verifiable.
 *
 * A namespace with configured fingerprints trusts these and what the operator has accepted. Any other trusts what the
 * operator has accepted, what the records of its packages were published with, and, if the settings allow it, the first
 * key whose signature is seen while it trusts none. */
#pragma once

#include "base/offload.h"
#include "base/util.h"
#include "config/settings.h"
#include "fetch/fetcher.h"
#include "model/record.h"
#include "verify/pins.h"
#include "worker/worker.h"

#define KEY_TEXT_SIZE_MAX (1 * MIB)
/* Of one key: the newest ones. */
#define KEY_COPIES_MAX 4
#define KEY_FINGERPRINTS_MAX (SETTINGS_KEYS_PER_NAMESPACE_MAX + PINS_PER_NAMESPACE_MAX)

typedef struct Keys Keys;

typedef struct KeyText {
        const char *fingerprint; /* of a key in it */
        bool trusted;            /* false: it is there to tell who has signed */
        const char *data;        /* armored or binary */
        size_t size;
} KeyText;

typedef struct KeySet {
        const char
                *fingerprints[KEY_FINGERPRINTS_MAX + 1]; /* whose signatures are accepted; ended by NULL */
        bool first_use; /* they are those that upstream names, and none is pinned: see keys_pin() */
        KeyText texts
                [WORKER_KEYRINGS_MAX]; /* at least one; of each key the one to be looked at first comes first */
        size_t n_texts;
} KeySet;

/* `r`: 0 and `set`; -ENOKEY when nobody names a key for the namespace; or another negative errno when no text could be had.
 * Then `message` says why. Everything is borrowed. */
typedef void (*KeysDone)(int r, const KeySet *set, const char *message, void *userdata);

typedef struct KeysOptions {
        Fetcher *fetcher;
        Offload *offload;
        WorkerPool *workers;
        Pins *pins;
        int directory_fd;         /* of the state; duplicated */
        const Settings *settings; /* copied */
} KeysOptions;

int keys_new(const KeysOptions *options, Keys **ret);
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

/* Somebody upstream, named by `source` for people, hands out a key for the namespace. It is looked into behind the scenes, and
 * keys_get() waits for that; it is trusted only as said above. Returns -EBADMSG for what cannot be a key. */
int keys_offer(
        Keys *keys, const char *provider_namespace, const char *source, const char *text, size_t size);

/* The record of a package of the namespace: the keys of what is published are trusted where none is configured. */
void keys_learn(Keys *keys, const char *provider_namespace, const Record *record);
/* The fingerprints that the namespace trusts, ended by NULL. Returns their number. */
size_t keys_trusted(
        const Keys *keys, const char *provider_namespace, const char *ret[static KEY_FINGERPRINTS_MAX + 1]);
bool keys_is_trusted(const Keys *keys, const char *provider_namespace, const char *fingerprint);
/* A good signature of it was seen while KeySet.first_use: pins it. Returns -EEXIST when another one came first. */
int keys_pin(Keys *keys, const char *provider_namespace, const char *fingerprint);
/* A good signature of it was seen, and it is not trusted: versions wait for the operator. Logs that once, and returns why they
 * wait, to be freed. */
char *keys_await(Keys *keys, const char *provider_namespace, const char *fingerprint);

/* The operator's word. Return -ENOENT for a key that was not seen, -EPERM to refuse one that is configured. */
int keys_accept(Keys *keys, const char *provider_namespace, const char *fingerprint);
int keys_refuse(Keys *keys, const char *provider_namespace, const char *fingerprint);

/* A key for people; borrowed. */
typedef struct KeyInfo {
        const char *provider_namespace, *fingerprint,
                *state;            /* "configured", or as pin_state_to_string() has it */
        const char *source, *user; /* may be NULL */
        bool trusted, awaited;
        uint64_t since_usec; /* 0: not known */
        size_t n_copies;     /* at hand */
} KeyInfo;

/* Fills in the i-th one; false when there are no more. */
bool keys_describe(const Keys *keys, size_t i, KeyInfo *ret);
