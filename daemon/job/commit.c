#include "job/commit.h"

#include "base/clock.h"
#include "base/text.h"
#include "job/scan-task.h"
#include "job/verdict.h"

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

static int settle_verdict(const Judge *judge, const VersionYield *yield, RecordVersion *version) {
        Verdict verdict;
        int r = judge_version(judge, version, !yield->is_stored, yield->scan_problem, &verdict);

        if (r >= 0)
                r = verdict_apply(&verdict, version);
        free(verdict.reason);
        return r;
}

/* Of a provider, platforms that are published already stay. What is being removed may be half gone. */
static int record_yield(Package *package, const Judge *judge, VersionYield *yield) {
        const RecordVersion *known = record_find(package->record, yield->version->version);
        /* Without a record, what is adopted lies in the open. */
        bool was_quarantined = known && known->quarantined;
        RecordVersion *version;
        int r;

        if (package->kind == PACKAGE_PROVIDER && known && known->state != VERSION_PRUNING)
                r = record_version_join(known, yield->version, &version);
        else
                r = record_version_copy(yield->version, &version);
        if (r < 0)
                return r;
        yield->was_published = known && known->state == VERSION_PUBLISHED;
        yield->was_quarantined = was_quarantined;
        r = settle_verdict(judge, yield, version);
        if (r >= 0)
                r = record_put(package->record, version);
        if (r < 0) {
                record_version_free(version);
                return r;
        }
        yield->recorded = version;
        yield->moves = version->quarantined != was_quarantined;
        return 0;
}

/* At the beginning of a batch: then nothing of it is done onto another record than the one that is known. */
static int expect_record(StoreBatch *batch, const Package *package) {
        _cleanup_free_ char *key = package_key(package, RECORD_FILE);

        return key ? store_batch_expect(batch, key, package->record_revision) : -ENOMEM;
}

static bool is_artifact(const RecordVersion *version, const char *file) {
        for (size_t i = 0; i < version->n_artifacts; i++)
                if (streq(version->artifacts[i].file, file))
                        return true;
        return false;
}

/* Of a quarantined version, what can be installed goes where clients do not look. */
static int put_yield(StoreBatch *batch, const Package *package, const VersionYield *yield) {
        int r = 0;

        for (size_t i = 0; i < yield->n_files && r >= 0; i++) {
                const StagedFile *file = &yield->files[i];
                bool quarantined = yield->recorded->quarantined && is_artifact(yield->recorded, file->file);
                _cleanup_free_ char *key = package_artifact_key(package, quarantined, file->file);

                r = key ? store_batch_put_file(batch, key, file->staged) : -ENOMEM;
        }
        for (size_t i = 0; i < yield->n_documents && r >= 0; i++) {
                const StagedDocument *document = &yield->documents[i];
                _cleanup_free_ char *key = package_key(package, document->file);

                r = key ? store_batch_put(batch, key, document->data, document->size, NULL) : -ENOMEM;
        }
        return r;
}

int commit_move_artifact(StoreBatch *batch, const Package *package, bool quarantined, const char *file) {
        _cleanup_free_ char *from = package_artifact_key(package, !quarantined, file),
                            *to = package_artifact_key(package, quarantined, file);

        return from && to ? store_batch_move(batch, from, to) : -ENOMEM;
}

/* What of the version lay in the store already is brought to where it belongs; what was put there anew replaces it. */
static int move_yield(StoreBatch *batch, const Package *package, const VersionYield *yield) {
        const RecordVersion *version = yield->recorded;
        int r = 0;

        for (size_t i = 0; i < version->n_artifacts && r >= 0; i++) {
                const char *file = version->artifacts[i].file;
                _cleanup_free_ char *other = package_artifact_key(package, !version->quarantined, file);

                if (!version_yield_find_file(yield, file))
                        r = commit_move_artifact(batch, package, version->quarantined, file);
                else
                        r = other ? store_batch_delete(batch, other) : -ENOMEM;
        }
        return r;
}

/* Of all whose side of the quarantine changes to this one. */
static int move_yields(StoreBatch *batch, const Package *package, const VersionYield *yields,
        size_t n_yields, bool quarantined) {
        int r = 0;

        for (size_t i = 0; i < n_yields && r >= 0; i++)
                if (yields[i].moves && yields[i].recorded->quarantined == quarantined)
                        r = move_yield(batch, package, &yields[i]);
        return r;
}

int commit_version_documents(
        StoreBatch *batch, const Package *package, const Settings *settings, const RecordVersion *version) {
        PublishTarget target = commit_target(package, settings);

        if (package->kind != PACKAGE_PROVIDER)
                return 0;
        if (version->state == VERSION_PUBLISHED)
                return publish_version(batch, &target, version);
        return publish_remove_version(batch, &target, version_string(version->version));
}

int commit_index(StoreBatch *batch, const Package *package, const Settings *settings) {
        PublishTarget target = commit_target(package, settings);

        return package->kind == PACKAGE_PROVIDER ? publish_index(batch, &target, package->record) : 0;
}

int commit_yields(StoreBatch *batch, Package *package, const Settings *settings, VersionYield *yields,
        size_t n_yields) {
        _cleanup_(judge_freep) Judge *judge = NULL;
        int r;

        r = judge_new(package, settings, &judge);
        if (r >= 0 && !package->record)
                r = record_new(package->kind, package->name, package->source_name, &package->record);
        if (r >= 0)
                r = expect_record(batch, package);
        for (size_t i = 0; i < n_yields && r >= 0; i++)
                r = record_yield(package, judge, &yields[i]);
        for (size_t i = 0; i < n_yields && r >= 0; i++)
                r = put_yield(batch, package, &yields[i]);
        if (r >= 0)
                r = move_yields(batch, package, yields, n_yields, false);
        if (r >= 0)
                r = store_batch_barrier(batch);
        if (r >= 0)
                r = commit_record(batch, package);
        if (r >= 0)
                r = store_batch_barrier(batch);
        for (size_t i = 0; i < n_yields && r >= 0; i++)
                r = commit_version_documents(batch, package, settings, yields[i].recorded);
        if (r >= 0)
                r = commit_index(batch, package, settings);
        if (r >= 0)
                r = store_batch_barrier(batch);
        return r < 0 ? r : move_yields(batch, package, yields, n_yields, true);
}

int commit_hide(StoreBatch *batch, const Package *package, const Settings *settings) {
        int r;

        r = commit_record(batch, package);
        if (r >= 0)
                r = store_batch_barrier(batch);
        if (r >= 0)
                r = commit_index(batch, package, settings);
        for (size_t i = 0; i < package->record->n_versions && r >= 0; i++)
                if (package->record->versions[i]->state == VERSION_PRUNING)
                        r = commit_version_documents(batch, package, settings, package->record->versions[i]);
        return r;
}

static int delete_scan(StoreBatch *batch, const Package *package, const char *file) {
        int r = 0;

        for (ScanOutput i = 0; i < _SCAN_OUTPUT_MAX && r >= 0; i++) {
                _cleanup_free_ char *name = text_format("%s%s", file, scan_output_suffix(i)),
                                    *key = name ? package_key(package, name) : NULL;

                r = key ? store_batch_delete(batch, key) : -ENOMEM;
        }
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
                _cleanup_free_ char *key =
                        package_artifact_key(package, version->quarantined, version->artifacts[i].file);

                r = key ? store_batch_delete(batch, key) : -ENOMEM;
                if (r >= 0 && version->artifacts[i].scan)
                        r = delete_scan(batch, package, version->artifacts[i].file);
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
