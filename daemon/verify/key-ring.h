/* The texts of one key: the newest, and older ones, since a key that is issued again may no longer say what an old signature
 * needs. Each is a file in the directory of keys. */
#pragma once

#include "base/offload.h"
#include "verify/keys.h"

typedef struct KeyCopy {
        char *data;
        size_t size;
        unsigned n_revocations;
        uint64_t order; /* the higher, the newer */
        unsigned slot;  /* which file it is */
} KeyCopy;

typedef struct KeyRing {
        char *fingerprint;
        char *user;
        KeyCopy copies[KEY_COPIES_MAX]; /* what is to be looked at first comes first */
        size_t n_copies;
        unsigned reserved; /* a bit for each file that is still being looked into */
} KeyRing;

int key_ring_new(const char *fingerprint, KeyRing **ret);
KeyRing *key_ring_free(KeyRing *ring);

/* What a file of the ring holds; it may be anything. `data` is to be freed. Returns -ENOENT when there is no such file. */
int key_ring_read(const KeyRing *ring, int directory_fd, unsigned slot, char **ret_data, size_t *ret_size,
        uint64_t *ret_modified_usec);

/* Takes in a text that holds the key. A copy with more revocations goes before one with fewer, so that a revocation that was
 * seen is not forgotten; among equals the newer goes first. `slot`: the file that it came from; KEY_COPIES_MAX: none yet, it is
 * written behind the scenes. Returns 1 when the text is new, 0, or -ENOMEM. */
int key_ring_add(KeyRing *ring, Offload *offload, int directory_fd, const char *data, size_t size,
        const WorkerKey *key, uint64_t order, unsigned slot);
