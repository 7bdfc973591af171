/* What upstream answered last, so that an unchanged listing costs one conditional request per page: one document per URL
 * in a directory of the state, {"url", "etag", "next", "releases"}. Losing it costs requests, nothing else. */
#pragma once

#include "base/offload.h"
#include "base/util.h"
#include "model/release.h"

/* Twice what RELEASES_MAX takes at HashiCorp, which has the smaller pages: tags that are no version fill pages, too. */
#define LISTING_PAGES_MAX 1000U

typedef struct ListingCache ListingCache;

typedef struct ListingPage {
        char *etag; /* NULL: none */
        char *next; /* URL of the next page; NULL: the last one */
        ReleaseList *releases;
} ListingPage;

ListingPage *listing_page_free(ListingPage *page);
DEFINE_CLEANUP(ListingPage *, listing_page_free)

/* `directory_fd` is duplicated. */
int listing_cache_new(Offload *offload, int directory_fd, ListingCache **ret);
ListingCache *listing_cache_free(ListingCache *cache);
DEFINE_CLEANUP(ListingCache *, listing_cache_free)

/* The page is handed over; NULL: nothing usable is there. Called from the loop, never from within listing_cache_get(). */
typedef void (*ListingCacheDone)(ListingPage *page, void *userdata);
int listing_cache_get(ListingCache *cache, const char *url, ListingCacheDone done, void *userdata);

/* Removes, behind the scenes, the pages that belong to no listing that begins with one of the keys (NULL-terminated, taken
 * over). What is written from now on stays. */
int listing_cache_clean(ListingCache *cache, char **keys);

/* Takes the text of the page now and writes it behind the scenes. */
int listing_cache_put(ListingCache *cache, const char *url, const ListingPage *page);
