#include "source/listing.h"

#include <curl/curl.h>
#include <dirent.h>

#include "base/sha256.h"
#include "fetching.h"
#include "scratch.h"

/* The listings of one test: what the server says, and what came of it. */
typedef struct Listed {
        unsigned n_done;
        FetchResult fetch;
        char *message, *versions; /* "2.0.0 1.0.0" */
        uint64_t not_before_usec;
        bool unchanged;
        Listing *listing;
        ReleaseList *taken;
        bool take;
} Listed;

static int scratch_fd, cache_fd;
static Offload *offload;
static ListingCache *cache;
static atomic_uint n_full, n_not_modified;
static atomic_bool changed;

static bool answer_page(
        const HttpRequest *request, const char *etag, const char *headers, const char *body) {
        _cleanup_free_ char *lines = text_format("ETag: %s\r\n%s", etag, strempty(headers));

        if (http_has_header(request, "If-None-Match", etag)) {
                (void) atomic_fetch_add(&n_not_modified, 1);
                return http_reply_text(request, "304 Not Modified", lines, "");
        }
        (void) atomic_fetch_add(&n_full, 1);
        return http_reply_text(request, "200 OK", lines, body);
}

static char *link_to(const HttpRequest *request, const char *path) {
        _cleanup_free_ char *url = http_server_url(request->server, 1, path);

        return text_format("Link: <%s>; rel=\"next\"\r\n", url);
}

/* Three pages of a repository. */
static bool answer_github(const HttpRequest *request) {
        _cleanup_free_ char *next = NULL;

        check(http_has_header(request, "Accept", "application/vnd.github+json"));
        if (endswith(request->path, "?per_page=100")) {
                next = link_to(request, "/api/repos/o/r/releases?page=2");
                return answer_page(request, "W/\"p1\"", next,
                        "[{\"tag_name\": \"v3.0.0\"}, {\"tag_name\": \"v1.5.0\"}]");
        }
        if (endswith(request->path, "?page=2")) {
                next = link_to(request, "/api/repos/o/r/releases?page=3");
                return answer_page(request, atomic_load(&changed) ? "\"p2-new\"" : "\"p2\"", next,
                        atomic_load(&changed) ? "[{\"tag_name\": \"v2.1.0\"}, {\"tag_name\": \"v2.0.0\"}]"
                                              : "[{\"tag_name\": \"v2.0.0\"}]");
        }
        return answer_page(
                request, "\"p3\"", NULL, "[{\"tag_name\": \"v1.0.0\"}, {\"tag_name\": \"nonsense\"}]");
}

/* Two pages that hold one release more than is looked at. */
static bool answer_many(const HttpRequest *request) {
        bool last = strstr(request->path, "page=2");
        unsigned first = last ? RELEASES_MAX / 2 : 0, end = last ? RELEASES_MAX + 1 : RELEASES_MAX / 2;
        _cleanup_free_ char *next = last ? NULL : link_to(request, "/api/repos/o/many/releases?page=2");
        Buffer body = {};
        bool answered;

        for (unsigned i = first; i < end; i++)
                check_int(buffer_append_format(
                                  &body, "%s{\"tag_name\": \"v1.%u.0\"}", i == first ? "[" : ",", i),
                        0);
        check_int(buffer_append(&body, "]", 1), 0);
        answered = answer_page(request, "\"many\"", next, body.data);
        buffer_clear(&body);
        return answered;
}

static bool answer_odd(const HttpRequest *request) {
        _cleanup_free_ char *next = NULL;

        if (strstr(request->path, "/circle/"))
                next = link_to(request, strstr(request->path, "page=2")
                                                ? "/api/repos/o/circle/releases?per_page=100"
                                                : "/api/repos/o/circle/releases?page=2");
        else if (strstr(request->path, "/outside/"))
                next = link_to(request, "/other/repos/o/outside/releases?page=2");
        else if (strstr(request->path, "/elsewhere/"))
                next = strdup("Link: <https://example.org/api/x>; rel=\"next\"\r\n");
        else if (strstr(request->path, "/prefix/"))
                next = link_to(request, "/api-other/x");
        else if (strstr(request->path, "/broken-link/"))
                next = strdup("Link: <http://x; rel=next\r\n");
        else if (strstr(request->path, "/truncated/"))
                return answer_page(request, "\"t\"", NULL, "[{\"tag_name\": \"v1");
        else if (strstr(request->path, "/endless/"))
                next = text_format(
                        "Link: <http://127.0.0.1:%u/api/repos/o/endless/releases?page=%u>; rel=\"next\"\r\n",
                        request->server->port, (unsigned) atomic_load(&n_full) + 2);
        else if (strstr(request->path, "/limited/"))
                return http_reply_text(request, "403 No", "Retry-After: 100\r\n", "{}");
        else if (strstr(request->path, "/unasked/"))
                return http_reply_text(request, "304 Not Modified", NULL, "");
        else if (strstr(request->path, "/halfway/")) {
                if (strstr(request->path, "page=2"))
                        return http_reply_text(request, "503 No", "Retry-After: 1000\r\n", "");
                next = link_to(request, "/api/repos/o/halfway/releases?page=2");
        } else if (strstr(request->path, "/many/"))
                return answer_many(request);
        else
                return http_reply_text(request, "404 Not Found", NULL, "");
        return answer_page(request, "\"odd\"", next, "[{\"tag_name\": \"v1.0.0\"}]");
}

#define RELEASE(version, day)                                                                               \
        "{\"name\": \"terraform-provider-p\", \"version\": \"" version "\", \"license_class\": \"oss\", "   \
        "\"status\": {\"state\": \"supported\"}, \"timestamp_created\": \"2026-01-" day "T00:00:00Z\", "    \
        "\"builds\": []}"

/* Two pages and an empty one; the cursor is the time of the last release. */
static bool answer_hashicorp(const HttpRequest *request) {
        check(http_has_header(request, "Accept", "application/vnd+hashicorp.releases-api.v1+json"));
        if (!strstr(request->path, "after="))
                return answer_page(
                        request, "\"h1\"", NULL, "[" RELEASE("3.0.0", "03") ", " RELEASE("2.0.0", "02") "]");
        if (strstr(request->path, "after=2026-01-02"))
                return answer_page(request, "\"h2\"", NULL, "[" RELEASE("1.0.0", "01") "]");
        return answer_page(request, "\"h3\"", NULL, "[]");
}

static bool answer(const HttpRequest *request, void *userdata) {
        if (strstr(request->path, "/o/r/"))
                return answer_github(request);
        if (startswith(request->path, "/api/repos/o/held/")) {
                http_wait_for_gate(request);
                return http_reply_text(request, "200 OK", NULL, "[]");
        }
        if (startswith(request->path, "/api/v1/releases/"))
                return answer_hashicorp(request);
        return answer_odd(request);
}

static void listed_clear(Listed *listed) {
        free(listed->message);
        free(listed->versions);
        release_list_free(listed->taken);
        *listed = (Listed) {};
}

static void on_listed(ListingResult *result, void *userdata) {
        Listed *listed = userdata;
        Buffer text = {};

        listed->n_done++;
        listed->listing = NULL;
        listed->fetch = result->fetch;
        listed->not_before_usec = result->not_before_usec;
        listed->unchanged = result->unchanged;
        check_int(string_assign(&listed->message, result->message), 0);
        check((result->fetch == FETCH_OK) == !!result->releases);
        check((result->fetch == FETCH_OK) == !result->message);
        for (size_t i = 0; result->releases && i < result->releases->n_releases; i++)
                check_int(buffer_append_format(&text, "%s%s", i > 0 ? " " : "",
                                  version_string(result->releases->releases[i].version)),
                        0);
        listed->versions = text.data ? text.data : strdup("");
        if (listed->take)
                listed->taken = TAKE_PTR(result->releases);
}

static bool cached_only;

static void start_listing(SourceKind kind, const char *name, bool unconditional, Listed *listed) {
        _cleanup_free_ char *api = http_server_url(server, 1, "/api");
        Source source = { .kind = kind };

        check_int(string_assign(&source.owner, "o"), 0);
        check_int(string_assign(&source.repository, name), 0);
        check_int(string_assign(&source.product, name), 0);
        n_full = n_not_modified = 0;
        check_int(listing_start(cached_only ? NULL : fetcher, cache,
                          &(ListingRequest) {
                                  .source = &source,
                                  .api_url = api,
                                  .page_size_max = MIB,
                                  .unconditional = unconditional,
                                  .cached = cached_only,
                                  .done = on_listed,
                                  .userdata = listed,
                          },
                          &listed->listing),
                0);
        source_clear(&source);
        check_int(listed->n_done, 0);
}

static int do_nothing(void *userdata) {
        return 0;
}

static void on_nothing_done(int result, void *userdata) {
        *(bool *) userdata = true;
}

/* There is one thread: what was given to it before is done. */
static void wait_for_cache(void) {
        bool done = false;

        check_int(offload_run(offload, do_nothing, on_nothing_done, &done), 0);
        LOOP_UNTIL(event, done);
}

static void list(SourceKind kind, const char *name, bool unconditional, Listed *listed) {
        listed_clear(listed);
        start_listing(kind, name, unconditional, listed);
        LOOP_UNTIL(event, listed->n_done > 0);
        /* What is kept is kept behind the scenes. */
        wait_for_cache();
        check_int(listed->n_done, 1);
}

static void test_names(void) {
        Source github = { .kind = SOURCE_GITHUB, .owner = (char *) "o", .repository = (char *) "r" };
        Source hashicorp = { .kind = SOURCE_HASHICORP, .product = (char *) "terraform-provider-aws" };
        _cleanup_free_ char *a = source_name(&github), *b = source_name(&hashicorp);

        check_string(a, "github:o/r");
        check_string(b, "hashicorp:terraform-provider-aws");
}

static size_t count_files(void) {
        int fd = openat(cache_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *directory;
        size_t n = 0;

        check(fd >= 0);
        directory = fdopendir(fd);
        check(directory);
        for (struct dirent *entry; (entry = readdir(directory));)
                n += entry->d_name[0] != '.';
        (void) closedir(directory);
        return n;
}

/* An unchanged listing costs one conditional request for each page, and nothing is written. */
static void test_pages(void) {
        struct stat before, after;
        Listed listed = {};

        list(SOURCE_GITHUB, "r", false, &listed);
        check_int(listed.fetch, FETCH_OK);
        check_string(listed.versions, "3.0.0 2.0.0 1.5.0 1.0.0");
        check(!listed.unchanged && n_full == 3 && n_not_modified == 0);
        check_int(count_files(), 3);

        check(fstat(cache_fd, &before) >= 0);
        list(SOURCE_GITHUB, "r", false, &listed);
        check_string(listed.versions, "3.0.0 2.0.0 1.5.0 1.0.0");
        check(listed.unchanged && n_full == 0 && n_not_modified == 3);
        check(fstat(cache_fd, &after) >= 0);
        check(before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
                before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);

        /* One page has changed: it alone is read anew. */
        changed = true;
        list(SOURCE_GITHUB, "r", false, &listed);
        check_string(listed.versions, "3.0.0 2.1.0 2.0.0 1.5.0 1.0.0");
        check(!listed.unchanged && n_full == 1 && n_not_modified == 2);
        list(SOURCE_GITHUB, "r", false, &listed);
        check(listed.unchanged && n_full == 0 && n_not_modified == 3);
        check_string(listed.versions, "3.0.0 2.1.0 2.0.0 1.5.0 1.0.0");

        list(SOURCE_GITHUB, "r", true, &listed);
        check_string(listed.versions, "3.0.0 2.1.0 2.0.0 1.5.0 1.0.0");
        check(!listed.unchanged && n_full == 3 && n_not_modified == 0);
        changed = false;

        /* The list may be kept. */
        listed_clear(&listed);
        listed.take = true;
        start_listing(SOURCE_GITHUB, "r", false, &listed);
        LOOP_UNTIL(event, listed.n_done > 0);
        check(listed.taken && listed.taken->n_releases == 4);
        listed_clear(&listed);
}

static void test_hashicorp(void) {
        Listed listed = {};

        list(SOURCE_HASHICORP, "terraform-provider-p", false, &listed);
        if (listed.message)
                (void) fprintf(stderr, "%s\n", listed.message);
        check_int(listed.fetch, FETCH_OK);
        check_string(listed.versions, "3.0.0 2.0.0 1.0.0");
        check_int(n_full, 3);
        list(SOURCE_HASHICORP, "terraform-provider-p", false, &listed);
        check(listed.unchanged && n_full == 0 && n_not_modified == 3);
        check_string(listed.versions, "3.0.0 2.0.0 1.0.0");
        /* Another product is not this one. */
        list(SOURCE_HASHICORP, "terraform-provider-q", false, &listed);
        check_int(listed.fetch, FETCH_REFUSED);
        listed_clear(&listed);
}

/* What is kept is of use only while it is whole, and of the right page. */
static void test_damaged_cache(void) {
        static const char *const texts[] = { "", "{", "null", "[]", "{}",
                "{\"url\": \"http://other/\", \"releases\": []}", "{\"url\": 5, \"releases\": []}",
                "{\"url\": \"http://other/\", \"etag\": \"W/\\\"p1\\\"\", \"releases\": []}" };
        _cleanup_free_ char *url = http_server_url(server, 1, "/api/repos/o/r/releases?per_page=100"),
                            *good = NULL;
        char name[SHA256_HEX_SIZE + 8], hex[SHA256_HEX_SIZE];
        Listed listed = {};

        sha256_hex_of(url, strlen(url), hex);
        (void) snprintf(name, sizeof(name), "%s.json", hex);
        list(SOURCE_GITHUB, "r", true, &listed);
        good = scratch_read(cache_fd, name);
        check(good && strstr(good, "3.0.0"));
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                scratch_write(cache_fd, name, texts[i]);
                list(SOURCE_GITHUB, "r", false, &listed);
                check_string(listed.versions, "3.0.0 2.0.0 1.5.0 1.0.0");
                check(n_full == 1 && n_not_modified == 2);
        }
        /* A page without releases, with wrong ones, and a link. */
        {
                _cleanup_free_ char *no_releases = text_format(
                                            "{\"url\": \"%s\", \"etag\": \"W/\\\"p1\\\"\"}", url),
                                    *wrong = text_format("{\"url\": \"%s\", \"etag\": \"W/\\\"p1\\\"\", "
                                                         "\"releases\": [{\"tag\": \"../x\"}]}",
                                            url);

                scratch_write(cache_fd, name, no_releases);
                list(SOURCE_GITHUB, "r", false, &listed);
                check_int(n_full, 1);
                scratch_write(cache_fd, name, wrong);
                list(SOURCE_GITHUB, "r", false, &listed);
                check_int(n_full, 1);
        }
        scratch_write(scratch_fd, "page", good);
        check(unlinkat(cache_fd, name, 0) >= 0 && symlinkat("../page", cache_fd, name) >= 0);
        list(SOURCE_GITHUB, "r", false, &listed);
        check_int(n_full, 1);
        check_string(listed.versions, "3.0.0 2.0.0 1.5.0 1.0.0");
        listed_clear(&listed);
}

#define NAME_SIZE (SHA256_HEX_SIZE + 8)

static void cached_name(const char *path, char ret[static NAME_SIZE]) {
        _cleanup_free_ char *url = http_server_url(server, 1, path);
        char hex[SHA256_HEX_SIZE];

        sha256_hex_of(url, strlen(url), hex);
        (void) snprintf(ret, NAME_SIZE, "%s.json", hex);
}

static bool is_cached(const char *path) {
        char name[NAME_SIZE];

        cached_name(path, name);
        return faccessat(cache_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

static void clean(const char *const *paths) {
        char **urls = calloc(3, sizeof(char *));

        check(urls);
        /* The times of files are coarse. */
        loop_run_for(event, 20 * USEC_PER_MSEC);
        for (size_t i = 0; paths[i]; i++)
                urls[i] = http_server_url(server, 1, paths[i]);
        check_int(listing_cache_clean(cache, urls), 0);
        wait_for_cache();
}

/* What belongs to no listing any more goes, from its first page to its last. */
static void test_clean(void) {
        static const char github[] = "/api/repos/o/r/releases?per_page=100";
        Source source = { .kind = SOURCE_HASHICORP, .product = (char *) "terraform-provider-p" };
        _cleanup_free_ char *api = http_server_url(server, 1, "/api"),
                            *url = listing_first_url(&source, api);
        const char *hashicorp = url + strlen(api) - strlen("/api");
        struct timespec later = { .tv_sec = (time_t) (clock_realtime_usec() / USEC_PER_SEC) + 60 };
        char name[NAME_SIZE];
        Listed listed = {};

        list(SOURCE_GITHUB, "r", true, &listed);
        list(SOURCE_HASHICORP, "terraform-provider-p", true, &listed);
        scratch_write(cache_fd, ".tmp-0123", "being written");
        scratch_write(cache_fd, "foreign", "not ours");
        clean((const char *[]) { github, hashicorp, NULL });
        check(is_cached(github) && is_cached("/api/repos/o/r/releases?page=2") &&
                is_cached("/api/repos/o/r/releases?page=3") && is_cached(hashicorp));
        list(SOURCE_HASHICORP, "terraform-provider-p", false, &listed);
        check(listed.unchanged && n_not_modified == 3);

        clean((const char *[]) { github, "/api/repos/o/absent", NULL });
        check(is_cached(github) && is_cached("/api/repos/o/r/releases?page=2") &&
                is_cached("/api/repos/o/r/releases?page=3") && !is_cached(hashicorp));
        check_int(count_files(), 4);
        list(SOURCE_GITHUB, "r", false, &listed);
        check(listed.unchanged && n_not_modified == 3);

        /* The second page leads to the third, but nothing leads to it. */
        clean((const char *[]) { "/api/repos/o/r/releases?page=3", NULL });
        check(!is_cached(github) && is_cached("/api/repos/o/r/releases?page=3"));
        clean((const char *[]) { NULL });
        check_int(count_files(), 1);
        check(faccessat(cache_fd, "foreign", F_OK, 0) >= 0 &&
                faccessat(cache_fd, ".tmp-0123", F_OK, 0) >= 0);
        check(unlinkat(cache_fd, "foreign", 0) >= 0 && unlinkat(cache_fd, ".tmp-0123", 0) >= 0);

        /* What is written after the word was given belongs to somebody whom it did not name. */
        list(SOURCE_GITHUB, "r", true, &listed);
        cached_name(github, name);
        check(utimensat(cache_fd, name, (struct timespec[]) { later, later }, 0) >= 0);
        clean((const char *[]) { NULL });
        check_int(count_files(), 1);
        check(is_cached(github) && unlinkat(cache_fd, name, 0) >= 0);
        listed_clear(&listed);
}

/* What is known is known without anybody, but only as a whole. */
static void test_cached(void) {
        Listed listed = {};
        char name[NAME_SIZE];

        cached_only = true;
        list(SOURCE_GITHUB, "never", false, &listed);
        check_int(listed.fetch, FETCH_UNAVAILABLE);
        cached_only = false;
        list(SOURCE_GITHUB, "r", true, &listed);
        cached_only = true;
        list(SOURCE_GITHUB, "r", false, &listed);
        check_int(listed.fetch, FETCH_OK);
        check_string(listed.versions, "3.0.0 2.0.0 1.5.0 1.0.0");
        check(n_full == 0 && n_not_modified == 0);
        cached_name("/api/repos/o/r/releases?page=3", name);
        check(unlinkat(cache_fd, name, 0) >= 0);
        list(SOURCE_GITHUB, "r", false, &listed);
        check_int(listed.fetch, FETCH_UNAVAILABLE);
        check(n_full == 0 && n_not_modified == 0);
        cached_only = false;
        listed_clear(&listed);
}

static void check_refused(const char *repository, FetchResult fetch, const char *message) {
        Listed listed = {};

        list(SOURCE_GITHUB, repository, false, &listed);
        if (listed.fetch != fetch || !strstr(strempty(listed.message), message)) {
                (void) fprintf(
                        stderr, "%s: %d, %s\n", repository, (int) listed.fetch, strempty(listed.message));
                check(!"as expected");
        }
        listed_clear(&listed);
}

static void test_refused(void) {
        check_refused("circle", FETCH_REFUSED, "circle");
        check_refused("outside", FETCH_REFUSED, "not below");
        check_refused("elsewhere", FETCH_REFUSED, "not below");
        check_refused("prefix", FETCH_REFUSED, "not below");
        check_refused("broken-link", FETCH_REFUSED, "Link");
        check_refused("truncated", FETCH_REFUSED, "/api/repos/o/truncated/");
        check_refused("unasked", FETCH_REFUSED, "304");
        check_refused("absent", FETCH_NOT_FOUND, "404");
        check_refused("many", FETCH_REFUSED, "more than 10000 releases");
        /* Half a listing is none. */
        check_refused("halfway", FETCH_UNAVAILABLE, "503");
}

static void test_endless(void) {
        Listed listed = {};

        list(SOURCE_GITHUB, "endless", true, &listed);
        check_int(listed.fetch, FETCH_REFUSED);
        check(strstr(listed.message, "more than 1000 pages"));
        check_int(n_full, 1000);
        listed_clear(&listed);
}

static void test_cancel(void) {
        Listed reading = {}, asking = {}, good = {};

        /* While the cache is read, and while upstream is asked. */
        start_listing(SOURCE_GITHUB, "r", false, &reading);
        check(!listing_cancel(reading.listing));
        http_server_set_gate(server, false);
        start_listing(SOURCE_GITHUB, "held", true, &asking);
        LOOP_UNTIL(event, http_server_n_answering(server, NULL) == 1);
        check(!listing_cancel(asking.listing));
        http_server_set_gate(server, true);
        list(SOURCE_GITHUB, "r", false, &good);
        check_int(good.fetch, FETCH_OK);
        check(reading.n_done == 0 && asking.n_done == 0);
        check(!listing_cancel(NULL));
        listed_clear(&good);
}

/* Last of all: the host is not asked again for a while. */
static void test_limited(void) {
        Listed listed = {};

        list(SOURCE_GITHUB, "limited", false, &listed);
        check_int(listed.fetch, FETCH_RATE_LIMITED);
        check(listed.not_before_usec > clock_realtime_usec() + 90 * USEC_PER_SEC);
        listed_clear(&listed);
}

int main(void) {
        set_up(answer);
        /* A thousand pages are kept durably: in memory, where there is such a place, that takes no time. */
        if (access("/dev/shm", W_OK) >= 0)
                (void) setenv("TMPDIR", "/dev/shm", false);
        scratch_fd = scratch_open();
        cache_fd = fs_open_directory(scratch_fd, "listings", true);
        check(cache_fd >= 0);
        check_int(offload_new(event, 1, &offload), 0);
        check_int(listing_cache_new(offload, cache_fd, &cache), 0);
        test_names();
        test_pages();
        test_hashicorp();
        test_damaged_cache();
        test_clean();
        test_cached();
        test_refused();
        test_endless();
        test_cancel();
        test_limited();
        offload_free(offload);
        check(!listing_cache_free(cache) && !listing_cache_free(NULL));
        tear_down();
        close_fd(cache_fd);
        close_fd(scratch_fd);
        return EXIT_SUCCESS;
}
