/* Asks one upstream for all releases of one package, page by page, with a conditional request for each page that is known. */
#pragma once

#include "base/util.h"
#include "fetch/fetcher.h"
#include "model/release.h"
#include "source/access.h"
#include "source/cache.h"

typedef struct Listing Listing;

typedef enum SourceKind {
        SOURCE_GITHUB,    /* releases of a repository */
        SOURCE_HASHICORP, /* HashiCorp Releases API */
        SOURCE_REGISTRY,  /* provider registry protocol */
        _SOURCE_KIND_MAX,
} SourceKind;

typedef struct Source {
        SourceKind kind;
        char *owner, *repository; /* GitHub */
        bool tags;                /* GitHub: its tags instead of its releases */
        char *tag_prefix;         /* GitHub; NULL: none */
        char *subdirectory;       /* GitHub: what of it is the module; NULL: all */
        char *product;            /* HashiCorp: "terraform-provider-aws" */
        char *host; /* GitHub: of its web address, when it is not the common one, else NULL; registry: its own */
        char *provider_namespace, *type; /* registry: "DataDog", "datadog" */
} Source;

void source_clear(Source *source);
/* As people read it and the record keeps it: "github:owner/repository", "github:host/owner/repository",
 * "github:owner/repository//subdirectory?tags=prefix", "hashicorp:terraform-provider-aws",
 * "registry:registry.terraform.io/DataDog/datadog". */
char *source_name(const Source *source);

/* Of the page that a listing begins with, to be freed; NULL when out of memory. */
char *listing_first_url(const Source *source, const char *api_url);
/* What the first page is kept under by listing_cache_put(). `access` NULL: anonymous. */
char *listing_first_key(const Source *source, const Access *access, const char *api_url);

typedef struct ListingResult {
        FetchResult fetch;        /* FETCH_OK: `releases` is complete; else nothing is known */
        const char *message;      /* for people; NULL when complete */
        uint64_t not_before_usec; /* realtime; 0: nothing known */
        ReleaseList *releases;    /* normalised; may be taken with TAKE_PTR */
        bool unchanged;           /* every page answered "not modified" */
        size_t n_pages;           /* 1: it is what upstream had at one moment */
} ListingResult;

typedef void (*ListingDone)(ListingResult *result, void *userdata);

typedef struct ListingRequest {
        const Source *source; /* copied */
        const char *api_url;  /* base URL of the source's API; of a registry what services_get() gave */
        Access *access;       /* GitHub: the credential, borrowed; NULL: none */
        uint64_t page_size_max;
        bool use_reserve;   /* of the credential's budget */
        bool leave_half;    /* of the budget for others */
        bool unconditional; /* ignore what is cached */
        bool cached;        /* ask nobody: what is not cached whole is FETCH_UNAVAILABLE */
        ListingDone done;
        void *userdata;
} ListingRequest;

/* `done` is called once from the loop, never from within this call; the listing frees itself. A listing of what is cached needs
 * no fetcher. */
int listing_start(Fetcher *fetcher, ListingCache *cache, const ListingRequest *request, Listing **ret);
/* Forgets it without calling anything. Returns NULL. */
Listing *listing_cancel(Listing *listing);
