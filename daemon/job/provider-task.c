/* A version of a provider: SHA256SUMS and its signature first, then every platform's zip against the sums. */

#include <fcntl.h>

#include "base/background-unlink.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/list.h"
#include "base/shared.h"
#include "job/provider-task-private.h"
#include "source/hashicorp.h"
#include "verify/shasums.h"
#include "worker/signature.h"

static const Settings *task_settings(const ProviderTask *task) {
        return task->base.context->settings;
}

char *provider_file_url(const ProviderTask *task, const char *file) {
        return hashicorp_file_url(task_settings(task)->hashicorp_releases_url,
                task->base.package->source.product, task->base.item->release->tag, file);
}

/* Platforms */

static void remove_staged(const Platform *platform) {
        const VersionTask *base = &platform->task->base;

        background_unlink(base->context->offload, base->package->store->staging_fd, platform->staged);
}

static void platform_clear(Platform *platform) {
        download_cancel(platform->download);
        if (platform->job && !platform->adopting)
                remove_staged(platform);
        worker_job_cancel(platform->job);
        free(platform->file);
        free(platform->staged);
}

void provider_finish_when_done(ProviderTask *task) {
        for (size_t i = 0; i < task->n_platforms; i++)
                if (!task->platforms[i].done)
                        return;
        if (task->manifest.transfer)
                return;
        /* Without one good platform there is nothing to commit. */
        if (task->base.yield.version && task->base.yield.version->n_artifacts == 0)
                task->base.yield.version = record_version_free(task->base.yield.version);
        version_task_finish(&task->base);
}

static void platform_end(Platform *platform) {
        platform->done = true;
        provider_finish_when_done(platform->task);
}

static int platform_yield(Platform *platform, const char *h1) {
        VersionYield *yield = &platform->task->base.yield;
        RecordArtifact artifact = { .size = platform->size };
        int r;

        r = record_artifact_set_digests(&artifact, platform->sha256, h1);
        if (r >= 0)
                r = shared_assign(&artifact.platform, platform->name);
        if (r >= 0)
                r = string_assign(&artifact.file, platform->file);
        if (r >= 0 && !platform->adopting)
                r = version_yield_add_file(yield, platform->staged, platform->file);
        if (r < 0) {
                shared_unref(artifact.platform);
                free(artifact.file);
                return r;
        }
        return record_version_put_artifact(yield->version, &artifact);
}

static int platform_download(Platform *platform);

static void on_hashed(const WorkerReport *report, void *userdata) {
        Platform *platform = userdata;
        VersionTask *base = &platform->task->base;
        int r;

        platform->job = NULL;
        /* What lies in the store without a record is adopted only if it is the signed file. */
        if (platform->adopting &&
                (report->result != WORKER_OK || !streq(report->sha256, platform->sha256))) {
                platform->adopting = false;
                r = platform_download(platform);
                if (r >= 0)
                        return;
                version_task_fail(base, false, 0, "%s: %s", platform->name, strerror(-r));
        } else if (report->result != WORKER_OK) {
                remove_staged(platform);
                version_task_fail(base, report->result == WORKER_REFUSED, 0, "%s: %s", platform->file,
                        strempty(report->message));
        } else {
                if (platform->adopting)
                        platform->size = report->size;
                r = platform_yield(platform, report->h1);
                if (r < 0)
                        version_task_fail(base, false, 0, "%s: %s", platform->file, strerror(-r));
        }
        platform_end(platform);
}

/* The descriptor is taken over. */
static int platform_hash(Platform *platform, int fd) {
        WorkerRequest request = WORKER_REQUEST_INIT(WORKER_HASH_ZIP);

        request.input_fd = fd;
        request.hash_file = platform->adopting;
        return worker_pool_submit(
                platform->task->base.context->workers, &request, on_hashed, platform, &platform->job);
}

static void on_downloaded(const DownloadReport *report, void *userdata) {
        Platform *platform = userdata;
        VersionTask *base = &platform->task->base;
        int fd, r;

        platform->download = NULL;
        if (report->result == DOWNLOAD_OK) {
                platform->size = report->size;
                /* Opened anew: who parses it must not be able to change it. */
                fd = openat(base->package->store->staging_fd, platform->staged,
                        O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
                r = fd < 0 ? negative_errno() : platform_hash(platform, fd);
                if (r >= 0)
                        return;
                remove_staged(platform);
                version_task_fail(base, false, 0, "%s: %s", platform->file, strerror(-r));
        } else if (report->result == DOWNLOAD_MISMATCH)
                version_task_fail(base, true, 0, "SHA256SUMS lists %s for %s, the archive has %s",
                        platform->sha256, platform->file, report->sha256);
        else
                version_task_fail(base, download_report_is_final(report), report->not_before_usec, "%s",
                        strempty(report->message));
        platform_end(platform);
}

static int platform_download(Platform *platform) {
        const VersionTask *base = &platform->task->base;
        _cleanup_free_ char *url = NULL;

        url = platform->answer ? strdup(platform->answer->package.url)
                               : provider_file_url(platform->task, platform->file);
        if (!url)
                return -ENOMEM;
        return download_start(base->context->fetcher, base->context->offload,
                &(DownloadRequest) {
                        .url = url,
                        .hides_query = platform->answer,
                        .staging_fd = base->package->store->staging_fd,
                        .name = platform->staged,
                        .expected_sha256 = platform->sha256,
                        .size_max = base->context->settings->artifact_size_max,
                        .on_done = on_downloaded,
                        .userdata = platform,
                },
                &platform->download);
}

/* Looks into the signed sums, then into the store, then to upstream. -EKEYREJECTED: the sums and the registry disagree. */
static int platform_start(Platform *platform) {
        const VersionTask *base = &platform->task->base;
        const ReleaseFile *shasums = &platform->task->shasums;
        _cleanup_free_ char *key = NULL;
        char key_sha256[SHA256_HEX_SIZE];
        unsigned line = 0;
        int fd, r;

        platform->file = package_provider_zip(base->package->leaf, base->item->release->tag, platform->name);
        if (!platform->file)
                return -ENOMEM;
        r = shasums_find(shasums->data, shasums->size, platform->file, platform->sha256, &line);
        if (r < 0)
                return r;
        if (platform->answer && !streq(platform->answer->package.sha256, platform->sha256))
                return -EKEYREJECTED;

        key = package_key(base->package, platform->file);
        if (!key)
                return -ENOMEM;
        sha256_hex_of(key, strlen(key), key_sha256);
        r = string_assign(&platform->staged, key_sha256);
        if (r < 0)
                return r;

        fd = store_open_object(base->package->store, key);
        if (fd >= 0) {
                platform->adopting = true;
                return platform_hash(platform, fd);
        }
        return platform_download(platform);
}

/* NULL: it is not the sums' fault. */
static const char *shasums_error(int error) {
        switch (error) {
        case -ENOENT:
                return "has no line for it";
        case -ENOTUNIQ:
                return "lists it twice with different digests";
        case -EBADMSG:
                return "is malformed";
        default:
                return NULL;
        }
}

static void fail_platform(ProviderTask *task, const char *file, int error) {
        if (shasums_error(error))
                version_task_fail(&task->base, true, 0, "%s: %s %s", strempty(file), task->shasums.name,
                        shasums_error(error));
        else
                version_task_fail(&task->base, false, 0, "%s: %s", strempty(file), strerror(-error));
}

static void start_platforms(ProviderTask *task) {
        VersionTask *base = &task->base;

        version_task_set_state(base, VERSION_FETCHING);
        for (size_t i = 0; i < task->n_platforms; i++)
                task->platforms[i] = (Platform) { .task = task, .name = base->item->platforms[i] };
        for (size_t i = 0; i < task->n_platforms; i++) {
                Platform *platform = &task->platforms[i];
                int r = 0;

                if (!task->answers || provider_registry_check(platform, &task->answers[i])) {
                        r = platform_start(platform);
                        if (r >= 0)
                                continue;
                        if (r == -EKEYREJECTED)
                                version_task_fail(base, true, 0, "%s lists %s for %s, the registry tells %s",
                                        task->shasums.name, platform->sha256, platform->file,
                                        platform->answer->package.sha256);
                        else
                                fail_platform(task, platform->file, r);
                }
                platform_end(platform);
        }
}

/* The signature */

bool provider_requires_signature(const ProviderTask *task) {
        const Package *package = task->base.package;
        bool general = task_settings(task)->require_signature;

        for (size_t i = 0; i < package->n_wants; i++) {
                SignatureRule rule = package->wants[i].entry->signature_rule;

                if (rule == SIGNATURE_RULE_REQUIRED || (rule == SIGNATURE_RULE_GENERAL && general))
                        return true;
        }
        return package->n_wants == 0 && general;
}

/* `report` NULL: it is not signed. */
static int describe_version(ProviderTask *task, const WorkerReport *report) {
        VersionTask *base = &task->base;
        RecordVersion *version;
        int r;

        r = record_version_new(base->item->version, &version);
        if (r < 0)
                return r;
        base->yield.version = version;

        version->state = VERSION_PUBLISHED;
        version->published_usec = clock_realtime_usec();
        version->upstream.released_usec = base->item->release->created_usec;
        version->upstream.committed_usec = base->item->release->committed_usec;
        r = string_assign(&version->tag, base->item->release->tag);
        for (char **protocol = base->item->release->protocols; protocol && *protocol && r >= 0; protocol++)
                r = strings_append(&version->protocols, *protocol);
        if (report) {
                version->signed_usec = report->signed_at * USEC_PER_SEC;
                version->hash_algorithm = report->hash_algorithm;
                version->key_expired = report->key_expired;
                if (r >= 0)
                        r = shared_assign(&version->key_fingerprint, report->primary_fingerprint);
                if (r >= 0)
                        r = shared_assign(&version->subkey_fingerprint, report->signing_fingerprint);
        }
        return r;
}

/* The proof goes beside the artifacts byte for byte, under the names that clients know. */
static int keep_proof(ProviderTask *task, bool is_signed) {
        VersionYield *yield = &task->base.yield;
        _cleanup_free_ char *signature = NULL;
        int r;

        signature = package_provider_signature(task->base.package->leaf, task->base.item->release->tag);
        if (!signature)
                return -ENOMEM;
        r = version_yield_add_document(yield, task->shasums.name, task->shasums.data, task->shasums.size);
        if (r >= 0 && is_signed)
                r = version_yield_add_document(yield, signature, task->signature.data, task->signature.size);
        if (r >= 0 && is_signed)
                r = version_yield_add_document(yield, PROVIDER_KEYS_FILE, task->keys_text, task->keys_size);
        return r;
}

/* No platform is asked for: what was fetched is the proof of what the store has, if it says the same of it. */
static void check_recorded(ProviderTask *task) {
        VersionTask *base = &task->base;
        const Record *record = base->package->record;
        const RecordVersion *known = record ? record_find(record, base->item->release->version) : NULL;

        for (size_t i = 0; known && i < known->n_artifacts && !base->yield.error; i++) {
                const RecordArtifact *artifact = &known->artifacts[i];
                RecordDigests digests = record_artifact_digests(artifact);
                char sha256[SHA256_HEX_SIZE];
                unsigned line = 0;
                int r;

                r = shasums_find(task->shasums.data, task->shasums.size, artifact->file, sha256, &line);
                if (r < 0)
                        fail_platform(task, artifact->file, r);
                else if (!streq(sha256, digests.sha256))
                        version_task_fail(base, true, 0, "%s lists %s for %s, the store has %s",
                                task->shasums.name, sha256, artifact->file, digests.sha256);
        }
        if (base->yield.error)
                base->yield.version = record_version_free(base->yield.version);
        version_task_finish(base);
}

/* The sums are what the version is judged by from now on. `report` NULL: they are not signed. */
static void accept_sums(ProviderTask *task, const WorkerReport *report) {
        VersionTask *base = &task->base;
        int r;

        r = describe_version(task, report);
        if (r >= 0)
                r = keep_proof(task, report);
        if (r < 0) {
                /* Half described is not to be recorded. */
                base->yield.version = record_version_free(base->yield.version);
                version_task_fail(base, false, 0, "%s", strerror(-r));
                version_task_finish(base);
                return;
        }
        if (task->n_platforms > 0) {
                provider_manifest_start(task);
                start_platforms(task);
        } else
                check_recorded(task);
}

static void check_signature(ProviderTask *task);

/* A good signature by a key that is not trusted: the operator is asked, unless that was answered meanwhile. */
static void hold_for_key(ProviderTask *task, const char *fingerprint) {
        VersionTask *base = &task->base;
        const char *key_namespace = base->package->key_namespace;
        _cleanup_free_ char *reason = NULL;

        if (keys_is_trusted(base->context->keys, key_namespace, fingerprint)) {
                check_signature(task);
                return;
        }
        reason = keys_await(base->context->keys, key_namespace, fingerprint);
        base->yield.held = true;
        version_task_fail(base, true, 0, "%s: %s", task->shasums.name, strempty(reason));
        version_task_finish(base);
}

static void on_signature(const WorkerReport *report, void *userdata) {
        ProviderTask *task = userdata;
        VersionTask *base = &task->base;
        Keys *keys = base->context->keys;
        const char *key_namespace = base->package->key_namespace;
        bool good;

        task->signature_job = NULL;
        good = report->result == WORKER_OK && report->signature == SIGNATURE_GOOD;
        if (report->result == WORKER_OK &&
                (report->signature == SIGNATURE_WRONG_KEY ||
                        (good && task->first_use &&
                                keys_pin(keys, key_namespace, report->primary_fingerprint) < 0))) {
                hold_for_key(task, report->primary_fingerprint);
                return;
        }
        if (good) {
                accept_sums(task, report);
                return;
        }
        /* An error page or an old key may stand in its place. */
        if (report->result == WORKER_REFUSED || report->signature == SIGNATURE_UNKNOWN_KEY)
                keys_ask_again(keys, key_namespace);
        /* Who could put other sums there could have left the signature out as well. */
        if (report->result == WORKER_OK && report->signature == SIGNATURE_UNKNOWN_KEY &&
                !provider_requires_signature(task)) {
                accept_sums(task, NULL);
                return;
        }
        version_task_fail(base, report->result != WORKER_FAILED, 0, "%s: the signature is not accepted: %s",
                task->shasums.name,
                report->message ? report->message : signature_verdict_to_string(report->signature));
        version_task_finish(base);
}

static int submit_signature(ProviderTask *task, const KeySet *set) {
        const Settings *settings = task_settings(task);
        WorkerRequest request = WORKER_REQUEST_INIT(WORKER_SIGNATURE);
        int r = 0;

        request.allow_expired_keys = settings->allow_expired_keys;
        request.allow_weak_hashes = settings->allow_weak_hashes;
        request.fingerprints = (char *const *) set->fingerprints;
        for (size_t i = 0; i < set->n_texts && r >= 0; i++) {
                r = request.keyring_fds[i] =
                        fs_memory_file("keyring", set->texts[i].data, set->texts[i].size);
                if (r >= 0)
                        request.n_keyrings++;
        }
        if (r >= 0)
                r = request.input_fd = fs_memory_file("shasums", task->shasums.data, task->shasums.size);
        if (r >= 0)
                r = request.signature_fd =
                        fs_memory_file("signature", task->signature.data, task->signature.size);
        if (r >= 0)
                return worker_pool_submit(
                        task->base.context->workers, &request, on_signature, task, &task->signature_job);

        for (size_t i = 0; i < request.n_keyrings; i++)
                close_fd(request.keyring_fds[i]);
        close_fd(request.input_fd);
        return r;
}

static void on_keys(int result, const KeySet *set, const char *message, void *userdata) {
        ProviderTask *task = userdata;
        VersionTask *base = &task->base;
        Buffer text = {};
        int r = 0;

        if (result == -ENOKEY && !provider_requires_signature(task)) {
                accept_sums(task, NULL);
                return;
        }
        if (result == -ENOKEY && task->answers) {
                provider_registry_hold(task, "signing key");
                return;
        }
        if (result < 0) {
                version_task_fail(
                        base, false, 0, "%s: cannot check the signature: %s", task->shasums.name, message);
                version_task_finish(base);
                return;
        }
        for (size_t i = 0; i < set->n_texts && r >= 0; i++) {
                const KeyText *one = &set->texts[i];

                if (!one->trusted)
                        continue;
                r = buffer_append(&text, one->data, one->size);
                if (r >= 0 && one->size > 0 && one->data[one->size - 1] != '\n')
                        r = buffer_append(&text, "\n", 1);
        }
        free(task->keys_text);
        task->keys_text = text.data;
        task->keys_size = text.size;
        task->first_use = set->first_use;
        if (r >= 0)
                r = submit_signature(task, set);
        if (r < 0) {
                version_task_fail(base, false, 0, "%s", strerror(-r));
                version_task_finish(base);
        }
}

static void check_signature(ProviderTask *task) {
        VersionTask *base = &task->base;
        int r = keys_get(base->context->keys, base->package->key_namespace, on_keys, task);

        if (r < 0) {
                version_task_fail(base, false, 0, "%s", strerror(-r));
                version_task_finish(base);
        }
}

/* The files of the release */

static void release_file_clear(ReleaseFile *file) {
        transfer_cancel(file->transfer);
        free(file->name);
        free(file->data);
}

static void on_release_file(const FetchResponse *response, void *userdata) {
        ReleaseFile *file = userdata;
        ProviderTask *task = file->task;
        VersionTask *base = &task->base;

        file->transfer = NULL;
        if (response->result == FETCH_NOT_FOUND && file == &task->signature &&
                !provider_requires_signature(task))
                task->is_unsigned = true;
        else if (response->result != FETCH_OK) {
                version_task_fail(base, fetch_result_is_final(response->result), response->not_before_usec,
                        "%s", strempty(response->error));
        } else {
                file->data = response->body->data ? TAKE_PTR(response->body->data) : strdup("");
                file->size = response->body->size;
        }

        if (task->shasums.transfer || task->signature.transfer)
                return;
        if (base->yield.error || !task->shasums.data || (!task->signature.data && !task->is_unsigned)) {
                version_task_finish(base);
                return;
        }
        version_task_set_state(base, VERSION_VERIFYING);
        if (task->is_unsigned)
                accept_sums(task, NULL);
        else
                check_signature(task);
}

static int fetch_release_file(
        ProviderTask *task, ReleaseFile *file, const char *name, const char *url, uint64_t size_max) {
        int r = string_assign(&file->name, name);

        if (r < 0)
                return r;
        file->task = task;
        return fetcher_start(task->base.context->fetcher,
                &(FetchRequest) {
                        .url = url,
                        .hides_query = task->answers,
                        .size_max = size_max,
                        .on_done = on_release_file,
                        .userdata = file,
                },
                &file->transfer);
}

int provider_fetch_sums(ProviderTask *task, const char *shasums, const char *shasums_url,
        const char *signature, const char *signature_url) {
        int r = fetch_release_file(task, &task->shasums, shasums, shasums_url, SHASUMS_SIZE_MAX);

        return r >= 0 && signature ? fetch_release_file(task, &task->signature, signature, signature_url,
                                             SIGNATURE_SIZE_MAX)
                                   : r;
}

/* By a pinned key, if there is one. */
static const char *choose_signature(const ProviderTask *task) {
        const char *trusted[KEY_FINGERPRINTS_MAX + 1];

        (void) keys_trusted(task->base.context->keys, task->base.package->key_namespace, trusted);
        return hashicorp_find_signature(task->base.item->release->signature_files, trusted);
}

static int start_hashicorp(ProviderTask *task) {
        VersionTask *base = &task->base;
        const Release *release = base->item->release;
        const char *signature = choose_signature(task);
        _cleanup_free_ char *shasums = package_provider_shasums(base->package->leaf, release->tag),
                            *shasums_url = NULL, *signature_url = NULL;

        if (!shasums)
                return -ENOMEM;
        task->is_unsigned = !signature && !provider_requires_signature(task);
        if (!release->shasums_file || (!signature && !task->is_unsigned)) {
                version_task_fail(base, true, 0, "upstream names no %s",
                        !release->shasums_file ? "SHA256SUMS" : "signature of its SHA256SUMS");
                version_task_finish(base);
                return 0;
        }
        if (!streq(release->shasums_file, shasums)) {
                version_task_fail(base, true, 0, "upstream names its sums %s instead of %s",
                        release->shasums_file, shasums);
                version_task_finish(base);
                return 0;
        }
        shasums_url = provider_file_url(task, shasums);
        signature_url = signature ? provider_file_url(task, signature) : NULL;
        if (!shasums_url || (signature && !signature_url))
                return -ENOMEM;
        return provider_fetch_sums(task, shasums, shasums_url, signature, signature_url);
}

static int provider_task_start(VersionTask *base) {
        ProviderTask *task = (ProviderTask *) base;

        task->n_platforms = strings_length(base->item->platforms);
        task->platforms = calloc(MAX_OF(task->n_platforms, (size_t) 1), sizeof(Platform));
        if (!task->platforms)
                return -ENOMEM;
        version_task_set_state(base, VERSION_FETCHING);
        return base->package->source.kind == SOURCE_REGISTRY ? provider_registry_start(task)
                                                             : start_hashicorp(task);
}

static void provider_task_clear(VersionTask *base) {
        ProviderTask *task = (ProviderTask *) base;

        keys_forget(base->context->keys, task);
        provider_registry_clear(task);
        worker_job_cancel(task->signature_job);
        release_file_clear(&task->shasums);
        release_file_clear(&task->signature);
        release_file_clear(&task->manifest);
        for (size_t i = 0; task->platforms && i < task->n_platforms; i++)
                platform_clear(&task->platforms[i]);
        free(task->platforms);
        free(task->keys_text);
}

const VersionTaskKind provider_task_kind = {
        .size = sizeof(ProviderTask),
        .start = provider_task_start,
        .clear = provider_task_clear,
};
