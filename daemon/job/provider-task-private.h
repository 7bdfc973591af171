/* The inside of the task that brings a version of a provider, for the files that make it up. */
#pragma once

#include "base/sha256.h"
#include "fetch/download.h"
#include "job/version-task-private.h"
#include "source/packages.h"

typedef struct ProviderTask ProviderTask;

/* One platform's zip. */
typedef struct Platform {
        ProviderTask *task;
        const char *name; /* "linux_amd64", borrowed from the plan */
        char *file, *staged;
        char sha256[SHA256_HEX_SIZE]; /* as the signed sums say */
        uint64_t size;
        const PackagesAnswer *answer; /* of a registry; NULL: upstream has one address for all files */
        bool adopting;                /* what is being hashed lies in the store already */
        Download *download;
        WorkerJob *job;
        bool done;
} Platform;

/* A small file of the release, in memory. */
typedef struct ReleaseFile {
        ProviderTask *task;
        char *name;
        Transfer *transfer;
        char *data;
        size_t size;
} ReleaseFile;

struct ProviderTask {
        VersionTask base;
        ReleaseFile shasums, signature, manifest;
        Packages *packages;            /* of a registry; NULL: upstream is none */
        const PackagesAnswer *answers; /* one for each of `asked` */
        char **asked;                  /* platforms */
        bool is_unsigned;              /* upstream has no signature, and none is required */
        char *keys_text;               /* what the signature was checked with */
        size_t keys_size;
        bool first_use; /* of whichever of these keys has signed */
        WorkerJob *signature_job;
        Platform *platforms;
        size_t n_platforms;
};

/* Of a file of a release of HashiCorp, to be freed; NULL when out of memory. */
char *provider_file_url(const ProviderTask *task, const char *file);
/* Ends the task if nothing is under way any more. */
void provider_finish_when_done(ProviderTask *task);

/* provider-manifest.c: asks for the manifest, if upstream has not told the plugin protocols otherwise. The task ends after that. */
void provider_manifest_start(ProviderTask *task);

/* Who asks for most says so for all. */
bool provider_requires_signature(const ProviderTask *task);
/* Asks for the sums, named as the store has them, and their signature; what follows is up to them. `signature` and its URL are NULL when
 * there is none. */
int provider_fetch_sums(ProviderTask *task, const char *shasums, const char *shasums_url,
        const char *signature, const char *signature_url);

/* provider-registry.c: asks the registry for what it says of the version's platforms; provider_fetch_sums() follows. */
int provider_registry_start(ProviderTask *task);
/* What it said of the platform is what is going to be fetched. Returns false after noting why it is not. */
bool provider_registry_check(Platform *platform, const PackagesAnswer *answer);
/* The version waits: the registry names no such thing, without which nobody vouches for it. */
void provider_registry_hold(ProviderTask *task, const char *what);
void provider_registry_clear(ProviderTask *task);
