/* The manifest of a release says which versions of the plugin protocol a provider speaks, which HashiCorp's list of releases does not
 * tell. It is one of the signed files. Without it the version is published all the same: nobody is told what nobody knows. */

#include "base/list.h"
#include "base/log.h"
#include "job/provider-task-private.h"
#include "source/hashicorp.h"
#include "verify/shasums.h"

#define MANIFEST_SIZE_MAX (64 * KIB)

static int take_manifest(ProviderTask *task, const FetchResponse *response, char **ret_error) {
        const char *data = strempty(response->body->data);
        char sha256[SHA256_HEX_SIZE], expected[SHA256_HEX_SIZE];
        unsigned line = 0;
        int r;

        r = shasums_find(task->shasums.data, task->shasums.size, task->manifest.name, expected, &line);
        if (r < 0)
                return r;
        sha256_hex_of(data, response->body->size, sha256);
        if (!streq(sha256, expected))
                return -EBADMSG;
        return hashicorp_parse_manifest(
                data, response->body->size, &task->base.yield.version->protocols, ret_error);
}

static void on_manifest(const FetchResponse *response, void *userdata) {
        ReleaseFile *file = userdata;
        ProviderTask *task = file->task;
        _cleanup_free_ char *error = NULL;
        int r;

        file->transfer = NULL;
        if (response->result != FETCH_OK)
                log_debug("%s", strempty(response->error));
        else {
                r = take_manifest(task, response, &error);
                if (r < 0)
                        log_debug("%s is not believed: %s", file->name, error ? error : strerror(-r));
        }
        provider_finish_when_done(task);
}

/* By upstream, or by the manifest when another platform was brought. */
static bool protocols_are_known(const VersionTask *base) {
        const Record *record = base->package->record;
        const RecordVersion *known = record ? record_find(record, base->item->release->version) : NULL;

        return base->yield.version->protocols || (known && known->protocols);
}

void provider_manifest_start(ProviderTask *task) {
        const VersionTask *base = &task->base;
        _cleanup_free_ char *url = NULL;
        char sha256[SHA256_HEX_SIZE];
        unsigned line = 0;

        /* Where a registry has its manifests, it does not say. */
        if (protocols_are_known(base) || base->package->source.kind != SOURCE_HASHICORP)
                return;
        task->manifest.task = task;
        task->manifest.name = package_provider_manifest(base->package->leaf, base->item->release->tag);
        if (!task->manifest.name ||
                shasums_find(task->shasums.data, task->shasums.size, task->manifest.name, sha256, &line) < 0)
                return;
        url = provider_file_url(task, task->manifest.name);
        if (!url || fetcher_start(base->context->fetcher,
                            &(FetchRequest) {
                                    .url = url,
                                    .size_max = MANIFEST_SIZE_MAX,
                                    .on_done = on_manifest,
                                    .userdata = &task->manifest,
                            },
                            &task->manifest.transfer) < 0)
                log_debug("%s is not asked for", task->manifest.name);
}
