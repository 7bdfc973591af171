#include "source/cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <time.h>

#include "base/background-write.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/list.h"
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

/* The document of the page. */
static int read_document(int fd, const char *name, const char *url, json_object **ret) {
        _cleanup_(json_unrefp) json_object *object = NULL;
        _cleanup_free_ char *data = NULL;
        const char *own_url = NULL;
        size_t size;
        int r;

        r = fs_read_file(fd, name, PAGE_SIZE_MAX, &data, &size);
        if (r >= 0)
                r = json_parse(data, size, &object, NULL);
        if (r < 0)
                return r;
        if (json_get_string(object, "url", &own_url) <= 0 || !streq(own_url, url))
                return -EBADMSG;
        *ret = TAKE_PTR(object);
        return 0;
}

static int get_work(void *userdata) {
        CacheRequest *request = userdata;
        _cleanup_(json_unrefp) json_object *object = NULL;
        _cleanup_(listing_page_freep) ListingPage *page = calloc(1, sizeof(ListingPage));
        const char *etag = NULL, *next = NULL;
        json_object *releases = NULL;
        int r;

        if (!page)
                return -ENOMEM;
        r = read_document(request->fd, request->name, request->url, &object);
        if (r < 0)
                return r;
        if (json_get_string(object, "etag", &etag) < 0 || json_get_string(object, "next", &next) < 0 ||
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

/* Cleaning */

typedef struct Clean {
        int fd;
        char **keys;
        struct timespec started;
        char (*kept)[CACHE_NAME_SIZE];
        size_t n_kept;
        int n_removed;
} Clean;

static void clean_free(Clean *clean) {
        close_fd(clean->fd);
        strings_free(clean->keys);
        free(clean->kept);
        free(clean);
}

static int keep_page(Clean *clean, const char *name) {
        int r = list_grow(&clean->kept, clean->n_kept, sizeof(clean->kept[0]));

        if (r >= 0)
                memcpy(clean->kept[clean->n_kept++], name, sizeof(clean->kept[0]));
        return r;
}

/* The key with another URL in the place of its own: what stands before and behind is the same for all pages of a listing. */
static char *key_with_url(const char *key, const char *url) {
        const char *scheme = strstr(key, "://"), *start = scheme;

        if (!scheme)
                return strdup(url);
        while (start > key && start[-1] != ' ')
                start--;
        return text_format("%.*s%s%s", (int) (start - key), key, url, scheme + strcspn(scheme, " "));
}

/* Keeps the page of the key and those that it leads to. */
static int keep_listing(Clean *clean, const char *first) {
        _cleanup_free_ char *key = strdup(first);

        for (unsigned i = 0; i < LISTING_PAGES_MAX; i++) {
                _cleanup_(json_unrefp) json_object *object = NULL;
                char name[CACHE_NAME_SIZE];
                const char *next = NULL;
                char *following;
                int r;

                if (!key)
                        return -ENOMEM;
                cache_name(key, name);
                if (read_document(clean->fd, name, key, &object) < 0)
                        return 0;
                r = keep_page(clean, name);
                if (r < 0)
                        return r;
                if (json_get_string(object, "next", &next) <= 0)
                        return 0;
                following = key_with_url(key, next);
                free(key);
                key = following;
        }
        return 0;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(a, b);
}

static bool is_to_go(const Clean *clean, const char *name) {
        struct stat st;

        if (strlen(name) != CACHE_NAME_SIZE - 1 || !endswith(name, ".json") ||
                (clean->n_kept > 0 &&
                        bsearch(name, clean->kept, clean->n_kept, sizeof(clean->kept[0]), compare_names)))
                return false;
        if (fstatat(clean->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode))
                return false;
        return st.st_mtim.tv_sec < clean->started.tv_sec ||
               (st.st_mtim.tv_sec == clean->started.tv_sec && st.st_mtim.tv_nsec < clean->started.tv_nsec);
}

static int clean_work(void *userdata) {
        Clean *clean = userdata;
        DIR *directory;
        int fd, r = 0;

        for (char **key = clean->keys; *key && r >= 0; key++)
                r = keep_listing(clean, *key);
        if (r < 0)
                return r;
        if (clean->n_kept > 0)
                qsort(clean->kept, clean->n_kept, sizeof(clean->kept[0]), compare_names);

        fd = fs_open_directory(clean->fd, "", false);
        if (fd < 0)
                return fd;
        directory = fdopendir(fd);
        if (!directory) {
                r = negative_errno();
                close_fd(fd);
                return r;
        }
        for (struct dirent *entry; (entry = readdir(directory));)
                if (is_to_go(clean, entry->d_name) && unlinkat(clean->fd, entry->d_name, 0) >= 0)
                        clean->n_removed++;
        (void) closedir(directory);
        return 0;
}

static void clean_done(int result, void *userdata) {
        Clean *clean = userdata;

        if (result < 0 && result != -ECANCELED)
                log_warning("Cannot clean up what upstream listed: %s", strerror(-result));
        else if (clean->n_removed > 0)
                log_debug("%d pages of listings that no package uses were removed", clean->n_removed);
        clean_free(clean);
}

int listing_cache_clean(ListingCache *cache, char **keys) {
        Clean *clean = calloc(1, sizeof(Clean));
        struct timespec started = {};
        int r;

        if (!clean) {
                strings_free(keys);
                return -ENOMEM;
        }
        /* The clock that files have their times from. */
        (void) clock_gettime(CLOCK_REALTIME_COARSE, &started);
        *clean = (Clean) { .fd = fcntl(cache->fd, F_DUPFD_CLOEXEC, 3), .keys = keys, .started = started };
        r = clean->fd < 0 ? negative_errno() : offload_run(cache->offload, clean_work, clean_done, clean);
        if (r < 0)
                clean_free(clean);
        return r;
}
