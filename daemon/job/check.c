#include "job/check.h"

#include "base/list.h"
#include "base/log.h"
#include "base/message-id.h"
#include "base/shared.h"
#include "base/text.h"
#include "job/commit.h"

#define INDEX_SIZE_MAX (16 * MIB)

struct Check {
        const JobContext *context;
        Package *package; /* NULL: cancelled, the last answer frees */
        CheckDone done;
        void *userdata;

        PublishTarget target;
        size_t hostname; /* of the provider's documents being looked at */
        char *directory;
        StoreBatch *batch;    /* documents to write */
        StoreListEntry *held; /* what is in quarantine */
        size_t n_held;
        char **stale; /* documents to remove below this hostname, once the index does not name them */
        bool record_changed, index_stale;
        unsigned n_mended;
};

static Check *check_free(Check *check) {
        if (!check)
                return NULL;
        store_batch_free(check->batch);
        for (size_t i = 0; i < check->n_held; i++)
                free(check->held[i].name);
        free(check->held);
        strings_free(check->stale);
        free(check->directory);
        free(check);
        return NULL;
}

Check *check_cancel(Check *check) {
        if (check)
                check->package = NULL;
        return NULL;
}

static void check_end(Check *check, int r) {
        CheckDone done = check->done;
        void *userdata = check->userdata;
        unsigned n_mended = check->n_mended;

        check_free(check);
        done(r, n_mended, userdata);
}

static const StoreListEntry *find_entry(const StoreListEntry *entries, size_t n_entries, const char *name) {
        size_t low = 0, high = n_entries;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(entries[middle].name, name);

                if (order == 0)
                        return &entries[middle];
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return NULL;
}

static void report_missing(
        const Package *package, const RecordVersion *version, const RecordArtifact *artifact) {
        log_entry(LOG_WARNING, MESSAGE_STORE_HEALED,
                &(LogContext) {
                        .depot = package_depot(package),
                        .package = package->name,
                        .version = version_string(version->version),
                        .platform = artifact->platform,
                },
                "%s %s: %s is missing from the store or has another size, it is fetched again",
                package->name, version_string(version->version), artifact->file);
}

static bool has_artifact(const StoreListEntry *entries, size_t n_entries, const RecordArtifact *artifact) {
        const StoreListEntry *entry = find_entry(entries, n_entries, artifact->file);

        return entry && entry->size == artifact->size;
}

/* A stop has left the artifact on the other side of the quarantine, or on both. Returns 1 when it is on its own side, or
 * will be. */
static int mend_side(Check *check, const RecordVersion *version, const RecordArtifact *artifact,
        const StoreListEntry *entries, size_t n_entries) {
        bool in_quarantine = has_artifact(check->held, check->n_held, artifact),
             in_the_open = has_artifact(entries, n_entries, artifact),
             is_right = version->quarantined ? in_quarantine : in_the_open,
             is_wrong = version->quarantined ? in_the_open : in_quarantine;
        _cleanup_free_ char *other = NULL;
        int r;

        if (!is_wrong)
                return is_right;
        check->n_mended++;
        if (!is_right)
                r = commit_move_artifact(check->batch, check->package, version->quarantined, artifact->file);
        else {
                other = package_artifact_key(check->package, !version->quarantined, artifact->file);
                r = other ? store_batch_delete(check->batch, other) : -ENOMEM;
        }
        return r < 0 ? r : 1;
}

/* Takes out of the record what the store does not have. */
static int check_artifacts(Check *check, const StoreListEntry *entries, size_t n_entries) {
        Record *record = check->package->record;

        for (size_t i = 0; i < record->n_versions;) {
                RecordVersion *version = record->versions[i];
                size_t n = 0;
                int r = 0;

                for (size_t j = 0; version->state != VERSION_PRUNING && j < version->n_artifacts; j++) {
                        RecordArtifact *artifact = &version->artifacts[j];

                        if (r >= 0)
                                r = mend_side(check, version, artifact, entries, n_entries);
                        if (r != 0) {
                                version->artifacts[n++] = *artifact;
                                continue;
                        }
                        report_missing(check->package, version, artifact);
                        shared_unref(artifact->platform);
                        free(artifact->file);
                        check->record_changed = true;
                        check->n_mended++;
                }
                if (version->state != VERSION_PRUNING)
                        version->n_artifacts = n;
                if (r < 0)
                        return r;
                if (version->n_artifacts == 0 && version->state != VERSION_PRUNING)
                        record_remove(record, version->version);
                else
                        i++;
        }
        return store_batch_is_empty(check->batch) ? 0 : store_batch_barrier(check->batch);
}

static bool has_file(const StoreListEntry *entries, size_t n_entries, const char *name) {
        const StoreListEntry *entry = find_entry(entries, n_entries, name);

        return entry && entry->size > 0;
}

/* What proves the version beside its artifacts; the first that is not there, NULL: it is all there. To be freed. */
static int find_missing_proof(const Check *check, const RecordVersion *version,
        const StoreListEntry *entries, size_t n_entries, char **ret) {
        const char *tag = version->tag ? version->tag : version_string(version->version);
        char *files[] = { package_provider_shasums(check->package->leaf, tag),
                package_provider_signature(check->package->leaf, tag), strdup(PROVIDER_KEYS_FILE) };
        /* What is unsigned has no more than its sums. */
        size_t n_needed = version->key_fingerprint ? ELEMENTSOF(files) : 1;
        int r = 0;

        *ret = NULL;
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                if (!files[i])
                        r = -ENOMEM;
                else if (i < n_needed && r >= 0 && !*ret && !has_file(entries, n_entries, files[i]))
                        *ret = TAKE_PTR(files[i]);
                free(files[i]);
        }
        return r;
}

/* Marks in the record whose proof the store does not have: it is fetched again like the rest of a version. */
static int mark_missing_proof(Check *check, const StoreListEntry *entries, size_t n_entries) {
        const Package *package = check->package;

        for (size_t i = 0; i < package->record->n_versions; i++) {
                RecordVersion *version = package->record->versions[i];
                _cleanup_free_ char *missing = NULL;
                int r;

                if (version->state == VERSION_PRUNING)
                        continue;
                r = find_missing_proof(check, version, entries, n_entries, &missing);
                if (r < 0)
                        return r;
                if (version->proof_missing == (missing != NULL))
                        continue;
                version->proof_missing = missing != NULL;
                check->record_changed = true;
                check->n_mended++;
                if (missing)
                        log_entry(LOG_WARNING, MESSAGE_STORE_HEALED,
                                &(LogContext) {
                                        .depot = package_depot(package),
                                        .package = package->name,
                                        .version = version_string(version->version),
                                },
                                "%s %s: %s is missing from the store, it is fetched again if upstream still "
                                "has it",
                                package->name, version_string(version->version), missing);
        }
        return 0;
}

/* The published version that the document shows; NULL for one that there is not, or not any more. */
static const RecordVersion *find_shown(const Record *record, const char *document) {
        _cleanup_free_ char *text = strndup(document, strlen(document) - strlen(".json"));
        _cleanup_(version_freep) Version *version = NULL;
        const RecordVersion *found = NULL;

        if (text && version_parse(text, &version) >= 0)
                found = record_find(record, version);
        /* Equal versions may be written in different ways. */
        return found && found->state == VERSION_PUBLISHED && streq(version_string(found->version), text)
                       ? found
                       : NULL;
}

static bool is_version_document(const char *name) {
        _cleanup_free_ char *text =
                endswith(name, ".json") ? strndup(name, strlen(name) - strlen(".json")) : NULL;
        _cleanup_(version_freep) Version *version = NULL;

        return text && version_parse(text, &version) >= 0;
}

/* What the record does not show must not be shown. */
static int find_stale_documents(Check *check, const StoreListEntry *entries, size_t n_entries) {
        int r = 0;

        for (size_t i = 0; i < n_entries && r >= 0; i++) {
                const char *name = entries[i].name;
                _cleanup_free_ char *key = NULL;

                if (!is_version_document(name) || find_shown(check->package->record, name))
                        continue;
                text_set(&key, "%s/%s", check->directory, name);
                check->n_mended++;
                r = key ? strings_append(&check->stale, key) : -ENOMEM;
        }
        return r;
}

static int remove_stale_documents(Check *check) {
        int r = 0;

        for (char **key = check->stale; key && *key && r >= 0; key++)
                r = store_batch_delete(check->batch, *key);
        check->stale = strings_free(check->stale);
        return r;
}

/* A document of another size is not what the record says; one of the same size is, as each is written whole. */
static int check_version_documents(Check *check, const StoreListEntry *entries, size_t n_entries) {
        const Record *record = check->package->record;
        int r = 0;

        for (size_t i = 0; i < record->n_versions && r >= 0; i++) {
                const RecordVersion *version = record->versions[i];
                _cleanup_free_ char *name = NULL, *key = NULL, *text = NULL;
                const StoreListEntry *entry;

                text_set(&name, "%s.json", version_string(version->version));
                if (!name)
                        return -ENOMEM;
                text_set(&key, "%s/%s", check->directory, name);
                if (version->state != VERSION_PUBLISHED)
                        continue;
                entry = find_entry(entries, n_entries, name);
                text = publish_version_text(&check->target, check->hostname, version);
                if (!text || !key)
                        return -ENOMEM;
                if (entry && entry->size == strlen(text))
                        continue;
                check->n_mended++;
                r = store_batch_put(check->batch, key, text, strlen(text), NULL);
        }
        return r;
}

static void on_committed(int r, const char *key, const char *revision, void *userdata) {
        Check *check = userdata;

        if (!check->package) {
                check_free(check);
                return;
        }
        if (r >= 0 && revision[0])
                package_set_revision(check->package, revision);
        if (r < 0)
                log_warning("%s: cannot write %s: %s", check->package->name, key, strerror(-r));
        check_end(check, r);
}

/* Everything is known: one batch mends it. */
static int check_commit(Check *check) {
        _cleanup_(store_batch_freep) StoreBatch *batch = TAKE_PTR(check->batch);
        Package *package = check->package;
        int r = 0;

        if (commit_has_pruning(package)) {
                check->n_mended++;
                r = store_batch_barrier(batch);
                if (r >= 0)
                        r = commit_finish_pruning(batch, package);
        } else if (check->record_changed)
                r = commit_record(batch, package);
        if (r < 0)
                return r;
        if (store_batch_is_empty(batch)) {
                check_end(check, 0);
                return 0;
        }
        return store_commit(package->store, &batch, on_committed, check);
}

static int check_hostname(Check *check);

static void on_index(int r, const StoreObject *object, void *userdata) {
        Check *check = userdata;
        _cleanup_free_ char *text = NULL, *key = NULL;

        if (!check->package) {
                check_free(check);
                return;
        }
        text = publish_index_text(check->package->record);
        text_set(&key, "%s/index.json", check->directory);
        if (!text || !key)
                r = -ENOMEM;
        else if (r == -ENOENT || r == -EFBIG || r == -ELOOP || (r >= 0 && !streq(object->data, text))) {
                check->n_mended++;
                r = store_batch_put(check->batch, key, text, strlen(text), NULL);
        }
        if (r >= 0)
                r = remove_stale_documents(check);
        if (r >= 0) {
                check->hostname++;
                r = check_hostname(check);
        }
        if (r < 0)
                check_end(check, r);
}

static void on_listed(int r, const StoreListEntry *entries, size_t n_entries, void *userdata) {
        Check *check = userdata;
        _cleanup_free_ char *key = NULL;

        if (!check->package) {
                check_free(check);
                return;
        }
        if (r >= 0 && check->hostname == 0)
                r = check_artifacts(check, entries, n_entries);
        if (r >= 0 && check->hostname == 0 && check->package->kind == PACKAGE_PROVIDER)
                r = mark_missing_proof(check, entries, n_entries);
        if (r >= 0 && check->package->kind == PACKAGE_MODULE)
                r = check_commit(check);
        else if (r >= 0) {
                r = check_version_documents(check, entries, n_entries);
                if (r >= 0)
                        r = find_stale_documents(check, entries, n_entries);
                text_set(&key, "%s/index.json", check->directory);
                if (r >= 0)
                        r = key ? store_get(check->package->store, key, INDEX_SIZE_MAX, on_index, check)
                                : -ENOMEM;
        }
        if (r < 0)
                check_end(check, r);
}

static int check_hostname(Check *check) {
        free(TAKE_PTR(check->directory));
        if (check->package->kind == PACKAGE_PROVIDER) {
                if (!check->target.hostnames[check->hostname])
                        return check_commit(check);
                check->directory = publish_directory(&check->target, check->hostname);
        } else
                check->directory = strdup(check->package->directory);
        if (!check->directory)
                return -ENOMEM;
        return store_list(check->package->store, check->directory, on_listed, check);
}

static void on_held_listed(int r, const StoreListEntry *entries, size_t n_entries, void *userdata) {
        Check *check = userdata;

        if (!check->package) {
                check_free(check);
                return;
        }
        for (size_t i = 0; i < n_entries && r >= 0; i++) {
                StoreListEntry entry = { .name = strdup(entries[i].name), .size = entries[i].size };

                r = entry.name ? LIST_APPEND(check->held, check->n_held, entry) : -ENOMEM;
                if (r < 0)
                        free(entry.name);
        }
        if (r >= 0)
                r = check_hostname(check);
        if (r < 0)
                check_end(check, r);
}

static int list_held(Check *check) {
        _cleanup_free_ char *directory = text_format(RECORD_QUARANTINE "/%s", check->package->directory);

        return directory ? store_list(check->package->store, directory, on_held_listed, check) : -ENOMEM;
}

int check_start(const JobContext *context, Package *package, CheckDone done, void *userdata, Check **ret) {
        _cleanup_free_ char *record = package_key(package, RECORD_FILE);
        Check *check = calloc(1, sizeof(Check));
        int r;

        if (!check)
                return -ENOMEM;
        *check = (Check) {
                .context = context,
                .package = package,
                .done = done,
                .userdata = userdata,
                .target = commit_target(package, context->settings),
        };
        r = store_batch_new(&check->batch);
        /* Another daemon may know more by the time that everything has been looked at. */
        if (r >= 0)
                r = record ? store_batch_expect(check->batch, record, package->record_revision) : -ENOMEM;
        if (r >= 0)
                r = list_held(check);
        if (r < 0) {
                check_free(check);
                return r;
        }
        *ret = check;
        return 0;
}
