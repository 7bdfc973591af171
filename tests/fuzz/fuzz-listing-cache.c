/* A page of releases as it was kept between polls. */
#include "base/sha256.h"
#include "fuzz-releases.h"
#include "fuzz-scratch.h"
#include "source/cache.h"

#define URL "http://x/"

typedef struct Cached {
        bool done;
        ListingPage *page;
} Cached;

static void on_cached(ListingPage *page, void *userdata) {
        Cached *cached = userdata;

        cached->done = true;
        cached->page = page;
}

/* The page as it is kept; NULL: nothing usable. */
static ListingPage *get(sd_event *event, ListingCache *cache) {
        Cached cached = {};

        if (listing_cache_get(cache, URL, on_cached, &cached) < 0)
                abort();
        while (!cached.done)
                if (sd_event_run(event, UINT64_MAX) < 0)
                        abort();
        return cached.page;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static sd_event *event;
        static Offload *offload;
        static ListingCache *cache;
        ListingPage *page, *again;
        char **urls = calloc(2, sizeof(char *)), hex[SHA256_HEX_SIZE],
             name[SHA256_HEX_SIZE + sizeof(".json")];

        if (!event && (sd_event_new(&event) < 0 || offload_new(event, 1, &offload) < 0 ||
                              listing_cache_new(offload, fuzz_scratch(), &cache) < 0))
                abort();
        sha256_hex_of(URL, strlen(URL), hex);
        (void) snprintf(name, sizeof(name), "%s.json", hex);
        fuzz_write(name, data, size);
        page = get(event, cache);
        if (page)
                check_releases(page->releases);
        /* What is good stays when the cache is cleaned. */
        if (!urls || !(urls[0] = strdup(URL)) || listing_cache_clean(cache, urls) < 0)
                abort();
        again = get(event, cache);
        if (page && !again)
                abort();
        listing_page_free(page);
        listing_page_free(again);
        return 0;
}
