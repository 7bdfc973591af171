#include "source/cache.h"

#include <fcntl.h>

#include "base/background-write.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/text.h"

#define PAGE_SIZE_MAX (32 * MIB)

struct ListingCache {
        Offload *offload;
        int fd;
};

/* "<64 digits>.json" */
#define CACHE_NAME_SIZE (SHA256_HEX_SIZE + sizeof(".json") - 1)

static void cache_name(const char *url, char ret[static CACHE_NAME_SIZE]) {
        sha256_hex_of(url, strlen(url), ret);
        memcpy(ret + SHA256_HEX_SIZE - 1, ".json", sizeof(".json"));
}

typedef struct CacheRequest {
        int fd;
        char *url;
        char name[CACHE_NAME_SIZE];
        ListingPage *page;
        ListingCacheDone done;
        void *userdata;
} CacheRequest;

ListingPage *listing_page_free(ListingPage *page) {
        if (!page)
                return NULL;
        free(page->etag);
        free(page->next);
        release_list_free(page->releases);
        free(page);
        return NULL;
}

int listing_cache_new(Offload *offload, int directory_fd, ListingCache **ret) {
        ListingCache *cache = malloc(sizeof(ListingCache));

        if (!cache)
                return -ENOMEM;
        *cache = (ListingCache) { .offload = offload, .fd = fcntl(directory_fd, F_DUPFD_CLOEXEC, 3) };
        if (cache->fd < 0) {
                int r = negative_errno();

                free(cache);
                return r;
        }
        *ret = cache;
        return 0;
}

ListingCache *listing_cache_free(ListingCache *cache) {
        if (!cache)
                return NULL;
        close_fd(cache->fd);
        free(cache);
        return NULL;
}

static CacheRequest *request_free(CacheRequest *request) {
        if (!request)
                return NULL;
        close_fd(request->fd);
        free(request->url);
        listing_page_free(request->page);
        free(request);
        return NULL;
}
DEFINE_CLEANUP(CacheRequest *, request_free)

static int request_new(ListingCache *cache, const char *url, CacheRequest **ret) {
        _cleanup_(request_freep) CacheRequest *request = calloc(1, sizeof(CacheRequest));
        int r;

        if (!request)
                return -ENOMEM;
        request->fd = fcntl(cache->fd, F_DUPFD_CLOEXEC, 3);
        if (request->fd < 0)
                return negative_errno();
        r = string_assign(&request->url, url);
        if (r < 0)
                return r;
        cache_name(url, request->name);
        *ret = TAKE_PTR(request);
        return 0;
}

static int get_work(void *userdata) {
        CacheRequest *request = userdata;
        _cleanup_(json_unrefp) json_object *object = NULL;
        _cleanup_(listing_page_freep) ListingPage *page = calloc(1, sizeof(ListingPage));
        _cleanup_free_ char *data = NULL;
        const char *url = NULL, *etag = NULL, *next = NULL;
        json_object *releases = NULL;
        size_t size;
        int r;

        if (!page)
                return -ENOMEM;
        r = fs_read_file(request->fd, request->name, PAGE_SIZE_MAX, &data, &size);
        if (r < 0)
                return r;
        r = json_parse(data, size, &object, NULL);
        if (r < 0)
                return r;
        if (json_get_string(object, "url", &url) <= 0 || !streq(url, request->url) ||
                json_get_string(object, "etag", &etag) < 0 || json_get_string(object, "next", &next) < 0 ||
                json_get_array(object, "releases", &releases) <= 0)
                return -EBADMSG;
        r = release_list_from_json(releases, &page->releases);
        if (r >= 0)
                r = string_assign(&page->etag, etag);
        if (r >= 0)
                r = string_assign(&page->next, next);
        if (r < 0)
                return r;
        request->page = TAKE_PTR(page);
        return 0;
}

static void get_done(int result, void *userdata) {
        _cleanup_(request_freep) CacheRequest *request = userdata;

        request->done(TAKE_PTR(request->page), request->userdata);
}

int listing_cache_get(ListingCache *cache, const char *url, ListingCacheDone done, void *userdata) {
        CacheRequest *request;
        int r;

        r = request_new(cache, url, &request);
        if (r < 0)
                return r;
        request->done = done;
        request->userdata = userdata;
        r = offload_run(cache->offload, get_work, get_done, request);
        if (r < 0)
                request_free(request);
        return r;
}

int listing_cache_put(ListingCache *cache, const char *url, const ListingPage *page) {
        _cleanup_(json_unrefp) json_object *object = json_object_new_object();
        _cleanup_free_ char *text = NULL;
        char name[CACHE_NAME_SIZE];
        int r;

        if (!object)
                return -ENOMEM;
        r = json_set_string(object, "url", url);
        if (r >= 0)
                r = json_set_string(object, "etag", page->etag);
        if (r >= 0)
                r = json_set_string(object, "next", page->next);
        if (r >= 0)
                r = json_set(object, "releases", release_list_to_json(page->releases));
        if (r < 0)
                return r;
        text = json_format(object, false);
        if (!text)
                return -ENOMEM;
        cache_name(url, name);
        return background_write(cache->offload, cache->fd, name, text, strlen(text), "what upstream listed");
}
