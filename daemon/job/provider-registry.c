/* A version of a provider from a registry: a document for each platform says where its files are and which keys have signed
 * (protocols: "Service discovery and Provider Registry Protocol v1", package). Nothing of it is believed that SHA256SUMS and their
 * signature do not say as well. */

#include "base/list.h"
#include "base/log.h"
#include "job/provider-task-private.h"

void provider_registry_clear(ProviderTask *task) {
        task->packages = packages_cancel(task->packages);
        strings_free(task->asked);
}

/* Notes what is wrong with the answer. */
static void fail_answer(ProviderTask *task, const PackagesAnswer *answer) {
        version_task_fail(&task->base, answer->refused, answer->not_before_usec, "%s", answer->error);
}

/* Every key that an answer names; which of them are trusted is not for the registry to say. */
static int offer_keys(ProviderTask *task, const PackagesAnswer *answer) {
        const Package *package = task->base.package;

        for (char **key = answer->package.keys; key && *key; key++) {
                int r = keys_offer(task->base.context->keys, package->key_namespace, package->source.host,
                        *key, strlen(*key));

                if (r == -ENOMEM)
                        return r;
                if (r < 0)
                        log_debug("%s %s: %s names what is no key: %s", package->name,
                                task->base.item->version, package->source.host, strerror(-r));
        }
        return 0;
}

void provider_registry_hold(ProviderTask *task, const char *what) {
        VersionTask *base = &task->base;
        const Package *package = base->package;

        base->yield.held = true;
        version_task_fail(base, true, 0,
                "%s names no %s for %s/%s, so nobody vouches for it; held unless requireSignature: false "
                "lets "
                "it in unsigned",
                package->source.host, what, package->source.provider_namespace, package->source.type);
        version_task_finish(base);
}

/* The sums of the first platform that has any are those of the version: the others are found in them or are not brought. */
static int fetch_sums(ProviderTask *task, const RegistryPackage *package) {
        const VersionTask *base = &task->base;
        const char *type = base->package->leaf, *tag = base->item->release->tag;
        _cleanup_free_ char *shasums = package_provider_shasums(type, tag),
                            *signature = package_provider_signature(type, tag);

        if (!shasums || !signature)
                return -ENOMEM;
        if (!package->signature_url && provider_requires_signature(task)) {
                provider_registry_hold(task, "signature");
                return 0;
        }
        task->is_unsigned = !package->signature_url;
        return provider_fetch_sums(task, shasums, package->shasums_url,
                package->signature_url ? signature : NULL, package->signature_url);
}

static void on_packages(const PackagesAnswer *answers, size_t n_answers, void *userdata) {
        ProviderTask *task = userdata;
        const PackagesAnswer *first = NULL;
        int r = 0;

        for (size_t i = 0; i < n_answers && r >= 0; i++) {
                if (answers[i].error)
                        continue;
                if (!first)
                        first = &answers[i];
                r = offer_keys(task, &answers[i]);
        }
        task->answers = answers;
        if (!first) {
                for (size_t i = 0; i < n_answers; i++)
                        fail_answer(task, &answers[i]);
                version_task_finish(&task->base);
                return;
        }
        if (r >= 0)
                r = fetch_sums(task, &first->package);
        if (r < 0) {
                version_task_fail(&task->base, false, 0, "%s", strerror(-r));
                version_task_finish(&task->base);
        }
}

/* Where the proof alone is missing, any platform that the store has names it: one that upstream still lists, if there is. */
static const char *find_recorded_platform(const VersionTask *base) {
        const Record *record = base->package->record;
        const RecordVersion *known = record ? record_find(record, base->item->release->version) : NULL;

        for (size_t i = 0; known && i < known->n_artifacts; i++)
                if (strings_contain(base->item->release->platforms, known->artifacts[i].platform))
                        return known->artifacts[i].platform;
        return known && known->n_artifacts > 0 ? known->artifacts[0].platform : NULL;
}

static int choose_platforms(ProviderTask *task) {
        const char *recorded;
        int r = 0;

        for (size_t i = 0; i < task->n_platforms && r >= 0; i++)
                r = strings_append(&task->asked, task->base.item->platforms[i]);
        if (task->n_platforms > 0)
                return r;
        recorded = find_recorded_platform(&task->base);
        return recorded ? strings_append(&task->asked, recorded) : -ENOENT;
}

int provider_registry_start(ProviderTask *task) {
        VersionTask *base = &task->base;
        const JobContext *context = base->context;
        const Package *package = base->package;
        const Access *access = package_access(package, context->accesses);
        int r;

        r = choose_platforms(task);
        if (r == -ENOENT) {
                /* What it would prove went in the meantime. */
                version_task_finish(base);
                return 0;
        }
        if (r < 0)
                return r;
        return packages_start(context->fetcher,
                &(PackagesRequest) {
                        .providers_url = package->providers_url,
                        .provider_namespace = package->source.provider_namespace,
                        .type = package->source.type,
                        .version = base->item->release->tag,
                        .token = access ? access_token(access) : NULL,
                        .platforms = task->asked,
                        .document_size_max = context->settings->document_size_max,
                        .done = on_packages,
                        .userdata = task,
                },
                &task->packages);
}

bool provider_registry_check(Platform *platform, const PackagesAnswer *answer) {
        ProviderTask *task = platform->task;
        const VersionTask *base = &task->base;
        _cleanup_free_ char *file = NULL;

        if (answer->error) {
                fail_answer(task, answer);
                return false;
        }
        file = package_provider_zip(base->package->leaf, base->item->release->tag, platform->name);
        if (!file || !streq(answer->package.file, file)) {
                version_task_fail(&task->base, file != NULL, 0,
                        "the registry names the archive %s instead of %s", answer->package.file,
                        strempty(file));
                return false;
        }
        platform->answer = answer;
        return true;
}
