/* The store: where artifacts, records and documents live, whatever keeps them. A key is a relative path of names
 * ("providers/registry.terraform.io/hashicorp/aws/index.json"). Every call answers through its callback, from the loop and
 * never from within the call, and never twice.
 *
 * Artifacts reach the store through its staging directory, a local directory that the backend chooses so that committing
 * a file from it is cheap. */
#pragma once

#include <systemd/sd-event.h>

#include "base/offload.h"
#include "base/util.h"
#include "model/depot.h"

#define STORE_KEY_MAX 1024

typedef struct Store Store;
typedef struct StoreBatch StoreBatch;

/* A revision names one state of one object: opaque text, "" for "does not exist". */
#define STORE_REVISION_SIZE 129

typedef struct StoreObject {
        char *data; /* NUL-terminated */
        size_t size;
        char revision[STORE_REVISION_SIZE];
} StoreObject;

typedef struct StoreListEntry {
        char *name; /* last component */
        uint64_t size;
} StoreListEntry;

/* `r`: 0, or -ENOENT, -EFBIG, another negative errno; then `object` is NULL. The object is borrowed. */
typedef void (*StoreGetDone)(int r, const StoreObject *object, void *userdata);
/* The files directly below the prefix, sorted by name; nothing there is an empty list. Borrowed. */
typedef void (*StoreListDone)(int r, const StoreListEntry *entries, size_t n_entries, void *userdata);
/* `r`: 0; -ESTALE when an object was not in the expected revision (nothing from that step on was done); else a negative
 * errno, and `key` is the object it failed on. `revision`: of the last conditional step. */
typedef void (*StoreCommitDone)(int r, const char *key, const char *revision, void *userdata);

typedef struct StoreBackend {
        const char *name;
        int (*get)(Store *store, const char *key, size_t max, StoreGetDone done, void *userdata);
        int (*list)(Store *store, const char *prefix, StoreListDone done, void *userdata);
        /* Takes over the batch when it returns 0 or more. */
        int (*commit)(Store *store, StoreBatch *batch, StoreCommitDone done, void *userdata);
        int (*open_object)(Store *store, const char *key); /* NULL: its objects are elsewhere */
        Store *(*free)(Store *store);
} StoreBackend;

/* Common head of every backend's object. */
struct Store {
        const StoreBackend *backend;
        char *identity;
        int staging_fd;
};

/* Opens the store that the configuration describes; `default_directory` is the place of a file-system store without a
 * path. Returns -EOPNOTSUPP for a backend that this version does not have, and a message in *ret_error. */
int store_open(Offload *offload, const StorageConfig *storage, const char *default_directory, Store **ret,
        char **ret_error);
Store *store_free(Store *store);
DEFINE_CLEANUP(Store *, store_free)

int store_get(Store *store, const char *key, size_t max, StoreGetDone done, void *userdata);
int store_list(Store *store, const char *prefix, StoreListDone done, void *userdata);

/* Opens an object for reading where it lies, to verify it again. Returns a descriptor, -EOPNOTSUPP from a
 * backend whose objects are elsewhere, or a negative errno. */
int store_open_object(Store *store, const char *key);

/* A batch is a list of steps that are done in order. What comes before a barrier is durable before anything behind it
 * is begun; each step replaces or removes a whole object. From its first step that names a revision on, the batch excludes
 * the other batches that name revisions in the same directory, where the backend can: documents follow their records in
 * one order. */
int store_batch_new(StoreBatch **ret);
StoreBatch *store_batch_free(StoreBatch *batch);
DEFINE_CLEANUP(StoreBatch *, store_batch_free)

/* Moves the file `staged` of the staging directory, which its writer has fsynced, to the key. */
int store_batch_put_file(StoreBatch *batch, const char *key, const char *staged);
/* Writes a document. `revision`: NULL whatever is there, "" only if nothing is there, else only if that is there. */
int store_batch_put(StoreBatch *batch, const char *key, const char *data, size_t size, const char *revision);
/* Moves an object; nothing there is fine when it is at the target already. */
int store_batch_move(StoreBatch *batch, const char *key, const char *target);
int store_batch_delete(StoreBatch *batch, const char *key); /* nothing there is fine */
/* Goes on only if that revision is there. */
int store_batch_expect(StoreBatch *batch, const char *key, const char *revision);
int store_batch_barrier(StoreBatch *batch);
/* Whether it changes nothing. */
bool store_batch_is_empty(const StoreBatch *batch);

int store_commit(Store *store, StoreBatch **batch, StoreCommitDone done, void *userdata);
