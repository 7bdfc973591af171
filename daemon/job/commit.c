#include "job/commit.h"

#include "base/clock.h"
#include "base/text.h"

PublishTarget commit_target(const Package *package, const Settings *settings) {
        return (PublishTarget) {
                .hostnames = package_hostnames(package, settings),
                .provider_namespace = package->provider_namespace,
                .type = package->leaf,
        };
}

int commit_record(StoreBatch *batch, const Package *package) {
        _cleanup_free_ char *text = record_format(package->record), *key = package_key(package, RECORD_FILE);

        if (!text || !key)
                return -ENOMEM;
        return store_batch_put(batch, key, text, strlen(text), package->record_revision);
}

/* Of a provider, platforms that are published already stay. What is being removed may be half gone. */
static int record_yield(Package *package, VersionYield *yield) {
        const RecordVersion *known = record_find(package->record, yield->version->version);
        RecordVersion *version;
        int r;

        if (package->kind == PACKAGE_PROVIDER && known && known->state != VERSION_PRUNING)
                r = record_version_join(known, yield->version, &version);
        else
                r = record_version_copy(yield->version, &version);
        if (r < 0)
                return r;
        r = record_put(package->record, version);
        if (r < 0)
                record_version_free(version);
        else
                yield->recorded = version;
        return r;
}

/* At the beginning of a batch: then nothing of it is done onto another record than the one that is known. */
static int expect_record(StoreBatch *batch, const Package *package) {
        _cleanup_free_ char *key = package_key(package, RECORD_FILE);

        return key ? store_batch_expect(batch, key, package->record_revision) : -ENOMEM;
}

static int put_yield(StoreBatch *batch, const Package *package, const VersionYield *yield) {
        int r = 0;

        for (size_t i = 0; i < yield->n_files && r >= 0; i++) {
                _cleanup_free_ char *key = package_key(package, yield->files[i].file);

                r = key ? store_batch_put_file(batch, key, yield->files[i].staged) : -ENOMEM;
        }
        for (size_t i = 0; i < yield->n_documents && r >= 0; i++) {
                const StagedDocument *document = &yield->documents[i];
                _cleanup_free_ char *key = package_key(package, document->file);

                r = key ? store_batch_put(batch, key, document->data, document->size, NULL) : -ENOMEM;
        }
        return r;
}

int commit_yields(StoreBatch *batch, Package *package, const Settings *settings, VersionYield *yields,
        size_t n_yields) {
        PublishTarget target = commit_target(package, settings);
        int r = 0;

        if (!package->record)
                r = record_new(package->kind, package->name, package->source_name, &package->record);
        if (r >= 0)
                r = expect_record(batch, package);
        for (size_t i = 0; i < n_yields && r >= 0; i++)
                r = put_yield(batch, package, &yields[i]);
        if (r >= 0)
                r = store_batch_barrier(batch);

        for (size_t i = 0; i < n_yields && r >= 0; i++)
                r = record_yield(package, &yields[i]);
        if (r >= 0)
                r = commit_record(batch, package);
        if (r >= 0)
                r = store_batch_barrier(batch);

        if (package->kind != PACKAGE_PROVIDER)
                return r;
        for (size_t i = 0; i < n_yields && r >= 0; i++)
                r = publish_version(batch, &target, yields[i].recorded);
        return r < 0 ? r : publish_index(batch, &target, package->record);
}

int commit_hide(StoreBatch *batch, const Package *package, const Settings *settings) {
        PublishTarget target = commit_target(package, settings);
        int r;

        r = commit_record(batch, package);
        if (r >= 0)
                r = store_batch_barrier(batch);
        if (r < 0 || package->kind != PACKAGE_PROVIDER)
                return r;

        r = publish_index(batch, &target, package->record);
        for (size_t i = 0; i < package->record->n_versions && r >= 0; i++)
                if (package->record->versions[i]->state == VERSION_PRUNING)
                        r = publish_remove_version(
                                batch, &target, version_string(package->record->versions[i]->version));
        return r;
}

/* Whatever may lie beside the artifacts of the version. */
static int delete_version_files(StoreBatch *batch, const Package *package, const RecordVersion *version) {
        const char *text = version_string(version->version), *tag = version->tag ? version->tag : text;
        char *files[3] = {};
        int r = 0;

        if (package->kind == PACKAGE_PROVIDER) {
                files[0] = package_provider_shasums(package->leaf, tag);
                files[1] = package_provider_signature(package->leaf, tag);
        } else
                text_set(&files[0], "%s.README.md", text);

        for (size_t i = 0; i < version->n_artifacts && r >= 0; i++) {
                _cleanup_free_ char *key = package_key(package, version->artifacts[i].file);

                r = key ? store_batch_delete(batch, key) : -ENOMEM;
        }
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *key = files[i] ? package_key(package, files[i]) : NULL;

                if (key && r >= 0)
                        r = store_batch_delete(batch, key);
                free(files[i]);
        }
        return r;
}

bool commit_has_pruning(const Package *package) {
        for (size_t i = 0; package->record && i < package->record->n_versions; i++)
                if (package->record->versions[i]->state == VERSION_PRUNING)
                        return true;
        return false;
}

int commit_finish_pruning(StoreBatch *batch, Package *package) {
        Record *record = package->record;
        int r = expect_record(batch, package);

        for (size_t i = 0; i < record->n_versions && r >= 0;) {
                const RecordVersion *version = record->versions[i];

                if (version->state != VERSION_PRUNING) {
                        i++;
                        continue;
                }
                r = delete_version_files(batch, package, version);
                if (r >= 0)
                        r = record_note_pruned(record, version, clock_realtime_usec());
                record_remove(record, version->version);
        }
        if (r >= 0)
                r = store_batch_barrier(batch);
        return r < 0 ? r : commit_record(batch, package);
}
