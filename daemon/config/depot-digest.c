#include "config/depot-digest.h"

#include <stdio.h>

#include "base/list.h"

/* Values are written with their lengths, so that no two depots give the same bytes. */

static void add_text(Sha256 *sha256, const char *text) {
        char length[32];

        if (!text) {
                sha256_add(sha256, "-", 1);
                return;
        }
        (void) snprintf(length, sizeof(length), "%zu:", strlen(text));
        sha256_add(sha256, length, strlen(length));
        sha256_add(sha256, text, strlen(text));
}

static void add_number(Sha256 *sha256, uint64_t number) {
        char text[32];

        (void) snprintf(text, sizeof(text), "%llu;", (unsigned long long) number);
        sha256_add(sha256, text, strlen(text));
}

static void add_list(Sha256 *sha256, char *const *strings) {
        add_number(sha256, strings_length(strings));
        for (; strings && *strings; strings++)
                add_text(sha256, *strings);
}

static void add_storage(Sha256 *sha256, const StorageConfig *storage) {
        add_number(sha256, storage->backend);
        add_text(sha256, storage->directory_path);
        add_text(sha256, storage->bucket);
        add_text(sha256, storage->region);
        add_text(sha256, storage->key);
        add_text(sha256, storage->account_name);
        add_text(sha256, storage->account_url);
        add_text(sha256, storage->subscription_id);
        add_text(sha256, storage->resource_group);
        add_number(sha256, storage->presign_set);
        add_number(sha256, storage->presign_enabled);
        add_number(sha256, storage->presign_ttl_usec);
        add_number(sha256, storage->presign_fallback_to_proxy);
}

static void add_scanning(Sha256 *sha256, const ScanPolicy *policy) {
        add_number(sha256, policy->modules);
        add_number(sha256, policy->providers);
        add_number(sha256, policy->block_on_critical);
        add_number(sha256, policy->block_on_high);
        add_number(sha256, policy->ignore_unfixed);
        add_number(sha256, policy->on_scanner_error);
        add_number(sha256, policy->has_paths);
        add_list(sha256, policy->non_blocking_paths);
        add_number(sha256, policy->n_waivers);
        for (size_t i = 0; i < policy->n_waivers; i++) {
                add_text(sha256, policy->waivers[i].id);
                add_text(sha256, policy->waivers[i].package);
                add_text(sha256, policy->waivers[i].component);
                add_number(sha256, policy->waivers[i].until_usec);
                add_text(sha256, policy->waivers[i].reason);
        }
}

static void add_entry(Sha256 *sha256, const DepotEntry *entry) {
        add_number(sha256, entry->kind);
        add_text(sha256, entry->name);
        add_text(sha256, entry->constraint_text);
        add_number(sha256, entry->version_history_limit);
        add_number(sha256, entry->policy.has_minimum_release_age);
        add_number(sha256, entry->policy.minimum_release_age_usec);
        add_number(sha256, entry->policy.prereleases);
        add_number(sha256, entry->policy.withdrawn);
        add_scanning(sha256, &entry->scanning);
        add_number(sha256, entry->listed);
        add_number(sha256, entry->n_versions);
        for (size_t i = 0; i < entry->n_versions; i++)
                add_text(sha256, version_string(entry->versions[i]));
        add_storage(sha256, &entry->storage);
        add_number(sha256, entry->use_authenticated_client);
        add_text(sha256, entry->system);
        add_text(sha256, entry->repo_owner);
        add_text(sha256, entry->repo_url);
        add_number(sha256, entry->file_format);
        add_number(sha256, entry->immutable);
        add_number(sha256, entry->from_tags);
        add_text(sha256, entry->tag_prefix);
        add_text(sha256, entry->subdirectory);
        add_text(sha256, entry->provider_namespace);
        add_text(sha256, entry->registry);
        add_list(sha256, entry->operating_systems);
        add_list(sha256, entry->architectures);
        add_text(sha256, entry->source_repository);
        add_number(sha256, entry->signature_rule);
}

void depot_digest(const Depot *depot, char ret_hex[static SHA256_HEX_SIZE]) {
        Sha256 sha256;

        sha256_start(&sha256);
        add_text(&sha256, depot->name);
        add_text(&sha256, depot->registry_namespace);
        add_number(&sha256, depot->polling_interval_usec);
        add_number(&sha256, depot->n_entries);
        for (size_t i = 0; i < depot->n_entries; i++)
                add_entry(&sha256, &depot->entries[i]);
        sha256_finish_hex(&sha256, ret_hex);
}
