/* What a provider registry says of the platforms of one version: a document for each (protocols: "Package"). */
#pragma once

#include "base/util.h"
#include "fetch/fetcher.h"
#include "source/registry.h"

typedef struct Packages Packages;

/* One platform; `error` is NULL when `package` is good. */
typedef struct PackagesAnswer {
        RegistryPackage package;
        char *error;  /* for people */
        bool refused; /* trying again soon is no use */
        uint64_t not_before_usec;
} PackagesAnswer;

/* `answers` are in the order of the platforms, borrowed and gone when packages_cancel() is called. */
typedef void (*PackagesDone)(const PackagesAnswer *answers, size_t n_answers, void *userdata);

typedef struct PackagesRequest {
        const char *providers_url, *provider_namespace, *type, *version;
        const char *token;      /* for the host of providers_url; NULL: none */
        char *const *platforms; /* borrowed for as long as this lives */
        uint64_t document_size_max;
        PackagesDone done;
        void *userdata;
} PackagesRequest;

/* `done` is called once from the loop, never from within this call. */
int packages_start(Fetcher *fetcher, const PackagesRequest *request, Packages **ret);
/* Frees it, whether `done` was called or not. Returns NULL. */
Packages *packages_cancel(Packages *packages);
