/* A provider: for each version SHA256SUMS and then their signature, compared byte for byte with what the store has of them. */

#include "base/clock.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/text.h"
#include "job/recheck-private.h"
#include "source/hashicorp.h"
#include "verify/shasums.h"
#include "worker/signature.h"

/* Versions of one turn. */
#define VERSIONS_MAX 8U
/* How far upstream's clock may be behind ours. */
#define CLOCK_MARGIN_USEC USEC_PER_DAY

static int ask(Recheck *recheck, bool signature);

static const char *version_text(const Recheck *recheck) {
        return version_string(recheck->version->version);
}

static void version_done(Recheck *recheck) {
        recheck->outcome.n_asked++;
        if (string_assign(&recheck->next, version_text(recheck)) < 0)
                recheck_finish(recheck, -ENOMEM);
        else
                recheck_go_on(recheck);
}

/* Nothing is known of the version. Where upstream's answer itself is what is wrong, the others may be better. */
static void version_failed(
        Recheck *recheck, FetchResult result, uint64_t not_before_usec, const char *message) {
        if (!fetch_result_is_final(result)) {
                recheck->outcome.n_asked++;
                recheck_pause(recheck, result, not_before_usec, message, version_text(recheck));
                return;
        }
        log_debug("%s %s is not compared with upstream: %s", recheck->package->name, version_text(recheck),
                strempty(message));
        version_done(recheck);
}

/* The sums are the same: their signature may be another one. */
static void sums_agree(Recheck *recheck) {
        int r;

        if (!recheck_forget(recheck, DRIFT_CHECKSUM) || !recheck_forget(recheck, DRIFT_SUMS))
                return;
        if (!recheck->version->key_fingerprint) {
                version_done(recheck);
                return;
        }
        r = ask(recheck, true);
        if (r < 0)
                recheck_finish(recheck, r);
}

static void file_agrees(Recheck *recheck) {
        if (!recheck->signature)
                sums_agree(recheck);
        else if (recheck_forget(recheck, DRIFT_SIGNATURE))
                version_done(recheck);
}

static void file_is_gone(Recheck *recheck) {
        if (recheck_note(recheck, recheck->signature ? DRIFT_SIGNATURE : DRIFT_SUMS,
                    recheck->signature ? "upstream no longer has the signature of SHA256SUMS"
                                       : "upstream no longer has SHA256SUMS"))
                version_done(recheck);
}

/* What the sums say now of a published file, when that is something else; to be freed. */
static int find_other_checksum(const Recheck *recheck, char **ret) {
        const RecordVersion *version = recheck->version;

        for (size_t i = 0; i < version->n_artifacts; i++) {
                const RecordArtifact *artifact = &version->artifacts[i];
                RecordDigests digests = record_artifact_digests(artifact);
                char sha256[SHA256_HEX_SIZE];
                int r = shasums_find(
                        strempty(recheck->answer.data), recheck->answer.size, artifact->file, sha256, NULL);

                if (r == -ENOMEM)
                        return r;
                if (r >= 0 && streq(sha256, digests.sha256))
                        continue;
                *ret = r >= 0 ? text_format("SHA256SUMS lists %s for %s, was %s", sha256, artifact->file,
                                        digests.sha256)
                              : text_format("SHA256SUMS no longer lists %s", artifact->file);
                return *ret ? 1 : -ENOMEM;
        }
        return 0;
}

static void file_differs(Recheck *recheck, const char *stored, size_t stored_size) {
        char before[SHA256_HEX_SIZE], after[SHA256_HEX_SIZE];
        _cleanup_free_ char *detail = NULL;
        int r = recheck->signature ? 0 : find_other_checksum(recheck, &detail);

        if (r < 0) {
                recheck_finish(recheck, r);
                return;
        }
        if (r > 0) {
                if (recheck_forget(recheck, DRIFT_SUMS) && recheck_note(recheck, DRIFT_CHECKSUM, detail))
                        version_done(recheck);
                return;
        }
        sha256_hex_of(stored, stored_size, before);
        sha256_hex_of(strempty(recheck->answer.data), recheck->answer.size, after);
        text_set(&detail, "%s: its SHA-256 is %s, was %s",
                recheck->signature ? "SHA256SUMS was signed anew"
                                   : "SHA256SUMS says more or less than it did",
                after, before);
        if (!recheck->signature && !recheck_forget(recheck, DRIFT_CHECKSUM))
                return;
        if (recheck_note(recheck, recheck->signature ? DRIFT_SIGNATURE : DRIFT_SUMS, detail))
                version_done(recheck);
}

static void on_stored(int r, const StoreObject *object, void *userdata) {
        Recheck *recheck = userdata;

        recheck->reading = false;
        if (recheck->cancelled) {
                recheck_cancel(recheck);
                return;
        }
        /* What the store has lost is for job/check.h to find. */
        if (r == -ENOENT)
                version_done(recheck);
        else if (r < 0)
                recheck_finish(recheck, r);
        else if (object->size == recheck->answer.size &&
                 memcmp(object->data, strempty(recheck->answer.data), object->size) == 0)
                file_agrees(recheck);
        else
                file_differs(recheck, object->data, object->size);
}

static int read_stored(Recheck *recheck) {
        const Package *package = recheck->package;
        const char *tag = recheck->version->tag;
        _cleanup_free_ char *file = recheck->signature ? package_provider_signature(package->leaf, tag)
                                                       : package_provider_shasums(package->leaf, tag),
                            *key = file ? package_key(package, file) : NULL;
        int r;

        if (!key)
                return -ENOMEM;
        r = store_get(package->store, key, recheck->signature ? SIGNATURE_SIZE_MAX : SHASUMS_SIZE_MAX,
                on_stored, recheck);
        recheck->reading = r >= 0;
        return r;
}

static void on_answer(const FetchResponse *response, void *userdata) {
        Recheck *recheck = userdata;
        int r;

        recheck->transfer = NULL;
        switch (response->result) {
        case FETCH_NOT_MODIFIED:
                file_agrees(recheck);
                break;
        case FETCH_NOT_FOUND:
                file_is_gone(recheck);
                break;
        case FETCH_OK:
                buffer_clear(&recheck->answer);
                recheck->answer = TAKE_GENERIC(*response->body, (Buffer) {});
                r = read_stored(recheck);
                if (r < 0)
                        recheck_finish(recheck, r);
                break;
        default:
                version_failed(recheck, response->result, response->not_before_usec, response->error);
        }
}

static int ask(Recheck *recheck, bool signature) {
        const char *url = signature ? recheck->signature_url : recheck->shasums_url;
        uint64_t published = recheck->version->published_usec;

        recheck->signature = signature;
        if (!url) {
                file_is_gone(recheck);
                return 0;
        }
        return fetcher_start(recheck->context->fetcher,
                &(FetchRequest) {
                        .url = url,
                        .hides_query = recheck->packages,
                        .modified_since_usec =
                                published > CLOCK_MARGIN_USEC ? published - CLOCK_MARGIN_USEC : 0,
                        .size_max = signature ? SIGNATURE_SIZE_MAX : SHASUMS_SIZE_MAX,
                        .on_done = on_answer,
                        .userdata = recheck,
                },
                &recheck->transfer);
}

/* Where the files are */

static int find_hashicorp_files(Recheck *recheck) {
        const char *releases_url = recheck->context->settings->hashicorp_releases_url,
                   *product = recheck->package->source.product, *tag = recheck->version->tag;
        /* By the key that it was verified with, if there is one: as it was chosen then. */
        const char *fingerprints[] = { recheck->version->key_fingerprint, NULL };
        const char *sums = recheck->release->shasums_file,
                   *signature = hashicorp_find_signature(recheck->release->signature_files, fingerprints);

        recheck->shasums_url = sums ? hashicorp_file_url(releases_url, product, tag, sums) : NULL;
        recheck->signature_url =
                signature ? hashicorp_file_url(releases_url, product, tag, signature) : NULL;
        if ((sums && !recheck->shasums_url) || (signature && !recheck->signature_url))
                return -ENOMEM;
        return ask(recheck, false);
}

static void on_package(const PackagesAnswer *answers, size_t n_answers, void *userdata) {
        Recheck *recheck = userdata;
        const PackagesAnswer *answer = &answers[0];
        int r;

        if (answer->error) {
                version_failed(recheck, answer->refused ? FETCH_REFUSED : FETCH_UNAVAILABLE,
                        answer->not_before_usec, answer->error);
                return;
        }
        r = string_assign(&recheck->shasums_url, answer->package.shasums_url);
        if (r >= 0)
                r = string_assign(&recheck->signature_url, answer->package.signature_url);
        if (r >= 0)
                r = ask(recheck, false);
        if (r < 0)
                recheck_finish(recheck, r);
}

/* A published platform that upstream still lists; its sums are those of the version. */
static char *find_platform(const Recheck *recheck) {
        for (char **platform = recheck->release->platforms; platform && *platform; platform++)
                if (record_version_find_artifact(recheck->version, *platform))
                        return *platform;
        return NULL;
}

static int ask_registry(Recheck *recheck) {
        const JobContext *context = recheck->context;
        const Package *package = recheck->package;
        const Access *access = package_access(package, context->accesses);

        recheck->platform[0] = find_platform(recheck);
        if (!recheck->platform[0]) {
                version_done(recheck);
                return 0;
        }
        return packages_start(context->fetcher,
                &(PackagesRequest) {
                        .providers_url = package->providers_url,
                        .provider_namespace = package->source.provider_namespace,
                        .type = package->source.type,
                        .version = recheck->version->tag,
                        .token = access ? access_token(access) : NULL,
                        .platforms = recheck->platform,
                        .document_size_max = context->settings->document_size_max,
                        .done = on_package,
                        .userdata = recheck,
                },
                &recheck->packages);
}

static int look_at(Recheck *recheck, RecordVersion *version, const Release *release) {
        recheck->version = version;
        recheck->release = release;
        recheck->signature = false;
        free(recheck->shasums_url);
        free(recheck->signature_url);
        recheck->shasums_url = recheck->signature_url = NULL;
        recheck->packages = packages_cancel(recheck->packages);
        return recheck->package->source.kind == SOURCE_REGISTRY ? ask_registry(recheck)
                                                                : find_hashicorp_files(recheck);
}

/* Published long enough ago, and upstream is still said to have it. */
static bool is_to_ask(const Recheck *recheck, const RecordVersion *version, const Release *release) {
        uint64_t interval = recheck->context->settings->recheck_interval_usec;

        return version->state == VERSION_PUBLISHED && version->n_artifacts > 0 && version->tag &&
               !version->proof_missing && release &&
               version->published_usec + interval <= clock_realtime_usec();
}

void recheck_look_at_next(Recheck *recheck) {
        const Record *record = recheck->package->record;
        _cleanup_(version_freep) Version *last = NULL;
        int r;

        if (recheck->outcome.n_asked >= VERSIONS_MAX || recheck->stopping) {
                recheck_finish(recheck, 0);
                return;
        }
        if (recheck->next && version_parse(recheck->next, &last) == -ENOMEM) {
                recheck_finish(recheck, -ENOMEM);
                return;
        }
        for (size_t i = 0; i < record->n_versions; i++) {
                RecordVersion *version = record->versions[i];
                const Release *release = release_list_find(recheck->releases, version->version);

                if ((last && version_order(version->version, last) >= 0) ||
                        !is_to_ask(recheck, version, release))
                        continue;
                r = look_at(recheck, version, release);
                if (r < 0)
                        recheck_finish(recheck, r);
                return;
        }
        recheck_finish_pass(recheck);
}

static void on_listed(ListingResult *result, void *userdata) {
        Recheck *recheck = userdata;

        recheck->listing = NULL;
        /* Nothing is known of it: the next poll will know. */
        if (result->fetch != FETCH_OK) {
                recheck_finish_pass(recheck);
                return;
        }
        recheck->releases = TAKE_PTR(result->releases);
        recheck_go_on(recheck);
}

/* What upstream lists, and names its files, is in the cache. */
static int list_known(Recheck *recheck) {
        const JobContext *context = recheck->context;
        const Package *package = recheck->package;

        return listing_start(NULL, context->listings,
                &(ListingRequest) {
                        .source = &package->source,
                        .api_url = package_api_url(package, context->settings),
                        .access = package_access(package, context->accesses),
                        .cached = true,
                        .done = on_listed,
                        .userdata = recheck,
                },
                &recheck->listing);
}

static void on_services(const ServicesAnswer *answer, void *userdata) {
        Recheck *recheck = userdata;
        int r;

        recheck->asking_services = false;
        if (answer->fetch != FETCH_OK) {
                recheck_pause(recheck, answer->fetch, answer->not_before_usec, answer->message, NULL);
                return;
        }
        r = string_assign(&recheck->package->providers_url, answer->providers_url);
        if (r >= 0)
                r = list_known(recheck);
        if (r < 0)
                recheck_finish(recheck, r);
}

int recheck_provider_start(Recheck *recheck) {
        int r;

        if (recheck->package->source.kind != SOURCE_REGISTRY)
                return list_known(recheck);
        recheck->asking_services = true;
        r = package_ask_services(recheck->package, recheck->context->services, recheck->context->accesses,
                on_services, recheck);
        if (r < 0)
                recheck->asking_services = false;
        return r;
}
