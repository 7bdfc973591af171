#include "model/depot.h"

#include <stdio.h>

#include "base/list.h"

static const char *const file_format_table[_FILE_FORMAT_MAX] = {
        [FILE_FORMAT_ZIP] = "zip",
        [FILE_FORMAT_TAR_GZ] = "tar",
};

static const char *const storage_backend_table[_STORAGE_BACKEND_MAX] = {
        [STORAGE_FILE_SYSTEM] = "fileSystem",
        [STORAGE_S3] = "s3",
        [STORAGE_AZURE] = "azureStorage",
        [STORAGE_GCS] = "gcs",
};

const char *file_format_to_string(FileFormat format) {
        return format >= 0 && format < _FILE_FORMAT_MAX ? file_format_table[format] : NULL;
}

FileFormat file_format_from_string(const char *string) {
        for (FileFormat format = 0; format < _FILE_FORMAT_MAX; format++)
                if (streq(string, file_format_table[format]))
                        return format;
        return _FILE_FORMAT_INVALID;
}

const char *file_format_suffix(FileFormat format) {
        return format == FILE_FORMAT_TAR_GZ ? "tar.gz" : "zip";
}

const char *storage_backend_to_string(StorageBackend backend) {
        return backend >= 0 && backend < _STORAGE_BACKEND_MAX ? storage_backend_table[backend] : NULL;
}

char *storage_config_identity(const StorageConfig *storage) {
        const char *backend = storage_backend_to_string(storage->backend);
        char *identity;
        int n;

        switch (storage->backend) {
        case STORAGE_S3:
                n = asprintf(&identity, "%s:%s%s%s", backend, strempty(storage->bucket),
                        isempty(storage->key) ? "" : "/", strempty(storage->key));
                break;
        case STORAGE_AZURE:
                n = asprintf(&identity, "%s:%s", backend, strempty(storage->account_url));
                break;
        case STORAGE_GCS:
                n = asprintf(&identity, "%s:%s", backend, strempty(storage->bucket));
                break;
        default:
                n = asprintf(&identity, "%s:%s", backend, strempty(storage->directory_path));
                break;
        }
        return n < 0 ? NULL : identity;
}

int storage_config_copy(StorageConfig *to, const StorageConfig *from) {
        StorageConfig copy = *from;

        copy.directory_path = copy.bucket = copy.region = copy.key = NULL;
        copy.account_name = copy.account_url = copy.subscription_id = copy.resource_group = NULL;
        if (string_assign(&copy.directory_path, from->directory_path) < 0 ||
                string_assign(&copy.bucket, from->bucket) < 0 ||
                string_assign(&copy.region, from->region) < 0 || string_assign(&copy.key, from->key) < 0 ||
                string_assign(&copy.account_name, from->account_name) < 0 ||
                string_assign(&copy.account_url, from->account_url) < 0 ||
                string_assign(&copy.subscription_id, from->subscription_id) < 0 ||
                string_assign(&copy.resource_group, from->resource_group) < 0) {
                storage_config_clear(&copy);
                return -ENOMEM;
        }
        storage_config_clear(to);
        *to = copy;
        return 0;
}

void storage_config_clear(StorageConfig *storage) {
        free(storage->directory_path);
        free(storage->bucket);
        free(storage->region);
        free(storage->key);
        free(storage->account_name);
        free(storage->account_url);
        free(storage->subscription_id);
        free(storage->resource_group);
        *storage = (StorageConfig) {};
}

static int compare_versions(const void *a, const void *b) {
        return version_order(*(const Version *const *) b, *(const Version *const *) a);
}

void depot_entry_sort_versions(DepotEntry *entry) {
        size_t n = 0;

        if (entry->n_versions > 0)
                qsort(entry->versions, entry->n_versions, sizeof(Version *), compare_versions);
        for (size_t i = 0; i < entry->n_versions; i++) {
                if (n > 0 && version_order(entry->versions[n - 1], entry->versions[i]) == 0)
                        version_free(entry->versions[i]);
                else
                        entry->versions[n++] = entry->versions[i];
        }
        entry->n_versions = n;
}

bool depot_entry_lists(const DepotEntry *entry, const Version *version) {
        return entry->n_versions > 0 &&
               bsearch(&version, entry->versions, entry->n_versions, sizeof(Version *), compare_versions);
}

void depot_entry_clear(DepotEntry *entry) {
        free(entry->name);
        constraint_free(entry->constraint);
        free(entry->constraint_text);
        for (size_t i = 0; i < entry->n_versions; i++)
                version_free(entry->versions[i]);
        free(entry->versions);
        scan_policy_clear(&entry->scanning);
        storage_config_clear(&entry->storage);
        free(entry->system);
        free(entry->repo_owner);
        free(entry->repo_url);
        free(entry->tag_prefix);
        free(entry->subdirectory);
        free(entry->provider_namespace);
        free(entry->registry);
        strings_free(entry->operating_systems);
        strings_free(entry->architectures);
        free(entry->source_repository);
        *entry = (DepotEntry) {};
}

Depot *depot_ref(Depot *depot) {
        if (depot)
                depot->n_ref++;
        return depot;
}

Depot *depot_unref(Depot *depot) {
        if (!depot || --depot->n_ref > 0)
                return NULL;

        free(depot->name);
        free(depot->registry_namespace);
        free(depot->file);
        for (size_t i = 0; i < depot->n_entries; i++)
                depot_entry_clear(&depot->entries[i]);
        free(depot->entries);
        free(depot);
        return NULL;
}
