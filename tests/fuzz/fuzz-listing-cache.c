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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static sd_event *event;
        static Offload *offload;
        static ListingCache *cache;
        Cached cached = {};
        char hex[SHA256_HEX_SIZE], name[SHA256_HEX_SIZE + sizeof(".json")];

        if (!event && (sd_event_new(&event) < 0 || offload_new(event, 1, &offload) < 0 ||
                              listing_cache_new(offload, fuzz_scratch(), &cache) < 0))
                abort();
        sha256_hex_of(URL, strlen(URL), hex);
        (void) snprintf(name, sizeof(name), "%s.json", hex);
        fuzz_write(name, data, size);
        if (listing_cache_get(cache, URL, on_cached, &cached) < 0)
                abort();
        while (!cached.done)
                if (sd_event_run(event, UINT64_MAX) < 0)
                        abort();
        if (cached.page)
                check_releases(cached.page->releases);
        listing_page_free(cached.page);
        return 0;
}
