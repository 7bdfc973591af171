#include "store/store.h"

#include "base/list.h"
#include "base/names.h"
#include "base/text.h"
#include "store/batch.h"
#include "store/file-system.h"

int store_open(Offload *offload, const StorageConfig *storage, const char *default_directory, Store **ret,
        char **ret_error) {
        if (storage->backend != STORAGE_FILE_SYSTEM) {
                text_set(ret_error, "storageConfig.%s: this version stores to fileSystem only",
                        storage_backend_to_string(storage->backend));
                return -EOPNOTSUPP;
        }
        if (storage->presign_set && storage->presign_enabled) {
                text_set(ret_error,
                        "storageConfig.presign: this version has no object store that could sign links");
                return -EOPNOTSUPP;
        }
        return file_system_store_open(offload,
                storage->directory_path ? storage->directory_path : default_directory, ret, ret_error);
}

Store *store_free(Store *store) {
        return store ? store->backend->free(store) : NULL;
}

/* A directory may be named after a host with its port. */
static bool key_is_valid(const char *key) {
        _cleanup_free_ char *copy = strdup(key);
        char *state = NULL;

        if (!copy || isempty(key) || strlen(key) > STORE_KEY_MAX || key[0] == '/' || endswith(key, "/") ||
                strstr(key, "//"))
                return false;
        for (char *name = strtok_r(copy, "/", &state); name; name = strtok_r(NULL, "/", &state))
                if (!name_is_valid(name) && !hostname_is_valid(name))
                        return false;
        return true;
}

int store_get(Store *store, const char *key, size_t max, StoreGetDone done, void *userdata) {
        return key_is_valid(key) ? store->backend->get(store, key, max, done, userdata) : -EINVAL;
}

int store_list(Store *store, const char *prefix, StoreListDone done, void *userdata) {
        return key_is_valid(prefix) ? store->backend->list(store, prefix, done, userdata) : -EINVAL;
}

int store_open_object(Store *store, const char *key) {
        if (!store->backend->open_object)
                return -EOPNOTSUPP;
        return key_is_valid(key) ? store->backend->open_object(store, key) : -EINVAL;
}

int store_commit(Store *store, StoreBatch **batch, StoreCommitDone done, void *userdata) {
        int r = store->backend->commit(store, *batch, done, userdata);

        if (r >= 0)
                *batch = NULL;
        return r;
}

/* Batches */

int store_batch_new(StoreBatch **ret) {
        *ret = calloc(1, sizeof(StoreBatch));
        return *ret ? 0 : -ENOMEM;
}

static void step_clear(StoreStep *step) {
        free(step->key);
        free(step->staged);
        free(step->target);
        free(step->data);
        free(step->revision);
}

StoreBatch *store_batch_free(StoreBatch *batch) {
        if (!batch)
                return NULL;
        for (size_t i = 0; i < batch->n_steps; i++)
                step_clear(&batch->steps[i]);
        free(batch->steps);
        free(batch);
        return NULL;
}

/* Takes over what the step holds. */
static int batch_add(StoreBatch *batch, StoreStep step) {
        int r = LIST_APPEND(batch->steps, batch->n_steps, step);

        if (r < 0)
                step_clear(&step);
        return r;
}

static int step_new(StoreStepType type, const char *key, StoreStep *ret) {
        *ret = (StoreStep) { .type = type };
        return key_is_valid(key) ? string_assign(&ret->key, key) : -EINVAL;
}

int store_batch_put_file(StoreBatch *batch, const char *key, const char *staged) {
        StoreStep step;
        int r;

        r = step_new(STORE_STEP_PUT_FILE, key, &step);
        if (r >= 0)
                r = string_assign(&step.staged, staged);
        if (r < 0) {
                step_clear(&step);
                return r;
        }
        return batch_add(batch, step);
}

int store_batch_put(
        StoreBatch *batch, const char *key, const char *data, size_t size, const char *revision) {
        StoreStep step;
        int r;

        r = step_new(STORE_STEP_PUT, key, &step);
        if (r >= 0)
                r = string_assign(&step.revision, revision);
        if (r >= 0) {
                step.data = malloc(size + 1);
                if (!step.data)
                        r = -ENOMEM;
        }
        if (r < 0) {
                step_clear(&step);
                return r;
        }
        memcpy(step.data, data, size);
        step.data[size] = '\0';
        step.size = size;
        return batch_add(batch, step);
}

int store_batch_move(StoreBatch *batch, const char *key, const char *target) {
        StoreStep step;
        int r;

        r = step_new(STORE_STEP_MOVE, key, &step);
        if (r >= 0)
                r = key_is_valid(target) ? string_assign(&step.target, target) : -EINVAL;
        if (r < 0) {
                step_clear(&step);
                return r;
        }
        return batch_add(batch, step);
}

int store_batch_delete(StoreBatch *batch, const char *key) {
        StoreStep step;
        int r;

        r = step_new(STORE_STEP_DELETE, key, &step);
        if (r < 0) {
                step_clear(&step);
                return r;
        }
        return batch_add(batch, step);
}

int store_batch_expect(StoreBatch *batch, const char *key, const char *revision) {
        StoreStep step;
        int r;

        r = step_new(STORE_STEP_EXPECT, key, &step);
        if (r >= 0)
                r = string_assign(&step.revision, revision);
        if (r < 0) {
                step_clear(&step);
                return r;
        }
        return batch_add(batch, step);
}

int store_batch_barrier(StoreBatch *batch) {
        return batch_add(batch, (StoreStep) { .type = STORE_STEP_BARRIER });
}

bool store_batch_is_empty(const StoreBatch *batch) {
        for (size_t i = 0; i < batch->n_steps; i++)
                if (batch->steps[i].type != STORE_STEP_EXPECT && batch->steps[i].type != STORE_STEP_BARRIER)
                        return false;
        return true;
}
