#include "source/listing.h"

#include "base/list.h"
#include "source/github.h"
#include "source/hashicorp.h"
#include "source/registry.h"

struct Listing {
        Fetcher *fetcher;
        ListingCache *cache;
        ListingDone done;
        void *userdata;

        SourceKind kind;
        char *product, *api_url, *owner, *repository;
        Access *access;
        uint64_t page_size_max;
        bool unconditional, cached, use_reserve, leave_half, tags;
        char *tag_prefix;

        char *url;          /* of the page being asked for */
        char **seen;        /* URLs asked for so far */
        ListingPage *known; /* what the cache has of it */
        bool reading_cache, cancelled;
        bool rejected;    /* the credential was refused once */
        AccessWait *wait; /* for the credential of the next request */
        Transfer *transfer;
        ReleaseList *releases; /* of the pages so far */
        bool unchanged;
};

void source_clear(Source *source) {
        free(source->owner);
        free(source->repository);
        free(source->host);
        free(source->tag_prefix);
        free(source->subdirectory);
        free(source->product);
        free(source->provider_namespace);
        free(source->type);
        *source = (Source) {};
}

char *source_name(const Source *source) {
        char *name = NULL;

        switch (source->kind) {
        case SOURCE_GITHUB:
                text_set(&name, "github:%s%s%s/%s%s%s%s%s%s", strempty(source->host),
                        source->host ? "/" : "", source->owner, source->repository,
                        source->subdirectory ? "//" : "", strempty(source->subdirectory),
                        source->tags         ? "?tags"
                        : source->tag_prefix ? "?releases"
                                             : "",
                        source->tag_prefix ? "=" : "", strempty(source->tag_prefix));
                break;
        case SOURCE_HASHICORP:
                text_set(&name, "hashicorp:%s", source->product);
                break;
        default:
                text_set(&name, "registry:%s/%s/%s", source->host, source->provider_namespace, source->type);
        }
        return name;
}

char *listing_first_url(const Source *source, const char *api_url) {
        switch (source->kind) {
        case SOURCE_GITHUB:
                return (source->tags ? github_tags_url : github_releases_url)(
                        api_url, source->owner, source->repository);
        case SOURCE_HASHICORP:
                return hashicorp_releases_url(api_url, source->product, NULL);
        default:
                return registry_versions_url(api_url, source->provider_namespace, source->type);
        }
}

/* What one credential sees is not what another one sees, and a page is kept as it was read. NULL when out of memory. */
static char *page_key(const Access *access, const char *url, const char *tag_prefix) {
        const char *name = access ? access_name(access) : NULL;
        char *key = NULL;

        text_set(&key, "%s%s%s%s%s", strempty(name), name ? " " : "", url, tag_prefix ? " " : "",
                strempty(tag_prefix));
        return key;
}

char *listing_first_key(const Source *source, const Access *access, const char *api_url) {
        _cleanup_free_ char *url = listing_first_url(source, api_url);

        return url ? page_key(access, url, source->tag_prefix) : NULL;
}

static Listing *listing_free(Listing *listing) {
        if (!listing)
                return NULL;
        access_wait_cancel(listing->wait);
        transfer_cancel(listing->transfer);
        free(listing->product);
        free(listing->owner);
        free(listing->repository);
        free(listing->tag_prefix);
        free(listing->api_url);
        free(listing->url);
        strings_free(listing->seen);
        listing_page_free(listing->known);
        release_list_free(listing->releases);
        free(listing);
        return NULL;
}

Listing *listing_cancel(Listing *listing) {
        if (!listing)
                return NULL;
        if (listing->reading_cache) {
                listing->cancelled = true;
                listing->wait = access_wait_cancel(listing->wait);
                listing->transfer = transfer_cancel(listing->transfer);
                return NULL;
        }
        return listing_free(listing);
}

static void listing_end(Listing *listing, ListingResult *result) {
        ListingDone done = listing->done;
        void *userdata = listing->userdata;

        if (result->fetch == FETCH_OK) {
                release_list_normalize(listing->releases);
                result->releases = TAKE_PTR(listing->releases);
                result->unchanged = listing->unchanged;
                result->n_pages = strings_length(listing->seen);
        }
        listing_free(listing);
        done(result, userdata);
        release_list_free(result->releases);
}

static void listing_fail(Listing *listing, FetchResult fetch, const char *message) {
        listing_end(listing, &(ListingResult) { .fetch = fetch, .message = message });
}

static bool url_is_below(const char *url, const char *base) {
        const char *rest = startswith(url, base);

        return rest && rest[0] == '/';
}

static int listing_ask(Listing *listing);
static int listing_send(Listing *listing);

static char *listing_cache_key(const Listing *listing) {
        return page_key(listing->access, listing->url, listing->tag_prefix);
}

/* Takes the page in and goes on to the next one. `page` is handed over. */
static void listing_add_page(Listing *listing, ListingPage *page) {
        _cleanup_(listing_page_freep) ListingPage *owned = page;
        _cleanup_free_ char *message = NULL;
        int r;

        r = release_list_join(listing->releases, page->releases);
        if (r >= 0 && listing->releases->n_releases > RELEASES_MAX) {
                text_set(&message, "%s: more than %d releases", listing->url, RELEASES_MAX);
                listing_fail(listing, FETCH_REFUSED, message);
                return;
        }
        if (r >= 0 && !page->next) {
                listing_end(listing, &(ListingResult) { .fetch = FETCH_OK });
                return;
        }
        if (r >= 0 && strings_length(listing->seen) >= LISTING_PAGES_MAX)
                text_set(&message, "%s: more than %u pages of releases", listing->url, LISTING_PAGES_MAX);
        else if (r >= 0 && strings_contain(listing->seen, page->next))
                text_set(&message, "%s: the pages of releases go in a circle", listing->url);
        /* A page on another host would be asked with what was meant for this one. */
        else if (r >= 0 && !url_is_below(page->next, listing->api_url))
                text_set(&message, "%s: the next page is not below %s", listing->url, listing->api_url);
        if (message) {
                listing_fail(listing, FETCH_REFUSED, message);
                return;
        }

        if (r >= 0)
                r = string_assign(&listing->url, page->next);
        if (r >= 0)
                r = listing_ask(listing);
        if (r < 0)
                listing_fail(listing, FETCH_UNAVAILABLE, strerror(-r));
}

static int parse_page(Listing *listing, const FetchResponse *response, ListingPage **ret, char **ret_error) {
        _cleanup_(listing_page_freep) ListingPage *page = calloc(1, sizeof(ListingPage));
        const char *data = strempty(response->body->data);
        _cleanup_free_ char *after = NULL;
        int r;

        if (!page)
                return -ENOMEM;
        r = string_assign(&page->etag, response->etag);
        if (r < 0)
                return r;

        if (listing->kind == SOURCE_GITHUB) {
                r = (listing->tags ? github_parse_tags : github_parse_releases)(
                        data, response->body->size, listing->tag_prefix, &page->releases, ret_error);
                if (r >= 0 && response->link) {
                        r = github_parse_link_next(response->link, &page->next);
                        if (r == -EBADMSG)
                                text_set(ret_error, "malformed Link header");
                }
        } else if (listing->kind == SOURCE_REGISTRY)
                r = registry_parse_versions(data, response->body->size, &page->releases, ret_error);
        else {
                r = hashicorp_parse_releases(
                        data, response->body->size, listing->product, &page->releases, &after, ret_error);
                if (r >= 0 && after) {
                        page->next = hashicorp_releases_url(listing->api_url, listing->product, after);
                        if (!page->next)
                                return -ENOMEM;
                        /* Whether a cursor's own instant is listed once more is not promised: then the last page is
                         * short and leads to itself. */
                        if (streq(page->next, listing->url) &&
                                page->releases->n_releases + page->releases->n_skipped < HASHICORP_PAGE_SIZE)
                                free(TAKE_PTR(page->next));
                }
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(page);
        return 0;
}

/* Returns true when the page is asked for with another credential, or the listing has ended with a message that says more
 * than the status. */
static bool listing_credential_is_refused(Listing *listing) {
        _cleanup_free_ char *message = NULL;

        if (!listing->access || !access_is_authenticated(listing->access))
                return false;
        if (access_reject(listing->access, listing->owner) && !listing->rejected) {
                listing->rejected = true;
                if (listing_send(listing) >= 0)
                        return true;
        }
        text_set(&message, "%s: HTTP 401: the credential (%s) is wrong, has expired or was revoked",
                listing->url, access_name(listing->access));
        listing_fail(listing, FETCH_REFUSED, message);
        return true;
}

/* Returns true when the listing has ended with a message that says more than the status. */
static bool listing_lacks_token(Listing *listing) {
        _cleanup_free_ char *message = NULL;

        if (listing->kind != SOURCE_REGISTRY || listing->access)
                return false;
        text_set(&message,
                "%s: HTTP 401: the registry wants a token, see upstream.registries in opendepot.yaml",
                listing->url);
        listing_fail(listing, FETCH_REFUSED, message);
        return true;
}

static void on_page(const FetchResponse *response, void *userdata) {
        Listing *listing = userdata;
        _cleanup_free_ char *error = NULL, *message = NULL, *key = NULL;
        ListingPage *page;
        int r;

        listing->transfer = NULL;
        if (response->status == 401 &&
                (listing_credential_is_refused(listing) || listing_lacks_token(listing)))
                return;
        if (response->result == FETCH_NOT_MODIFIED && listing->known) {
                listing_add_page(listing, TAKE_PTR(listing->known));
                return;
        }
        if (response->result != FETCH_OK) {
                listing_end(listing,
                        &(ListingResult) {
                                .fetch = response->result == FETCH_NOT_MODIFIED ? FETCH_REFUSED
                                                                                : response->result,
                                .message = response->error ? response->error : "unexpected HTTP 304",
                                .not_before_usec = response->not_before_usec,
                        });
                return;
        }

        listing->unchanged = false;
        r = parse_page(listing, response, &page, &error);
        if (r < 0) {
                text_set(&message, "%s: %s", listing->url, error ? error : strerror(-r));
                listing_fail(listing, r == -ENOMEM ? FETCH_UNAVAILABLE : FETCH_REFUSED, message);
                return;
        }
        key = listing_cache_key(listing);
        if (key)
                (void) listing_cache_put(listing->cache, key, page);
        listing_add_page(listing, page);
}

static int listing_fetch(Listing *listing, const AccessAnswer *answer) {
        static const char *const accepted[_SOURCE_KIND_MAX] = {
                [SOURCE_GITHUB] = "application/vnd.github+json",
                [SOURCE_HASHICORP] = "application/vnd+hashicorp.releases-api.v1+json",
                [SOURCE_REGISTRY] = "application/json",
        };

        return fetcher_start(listing->fetcher,
                &(FetchRequest) {
                        .url = listing->url,
                        .accept = accepted[listing->kind],
                        .etag = listing->known ? listing->known->etag : NULL,
                        .size_max = listing->page_size_max,
                        .serial = listing->kind == SOURCE_GITHUB, /* GitHub asks for it */
                        .bearer = answer->bearer,
                        .budget = answer->budget,
                        .use_reserve = listing->use_reserve,
                        .leave_half = listing->leave_half,
                        .on_done = on_page,
                        .userdata = listing,
                },
                &listing->transfer);
}

static void on_access(const AccessAnswer *answer, void *userdata) {
        Listing *listing = userdata;
        int r;

        listing->wait = NULL;
        if (answer->result != FETCH_OK) {
                listing_end(listing, &(ListingResult) {
                                             .fetch = answer->result,
                                             .message = answer->error,
                                             .not_before_usec = answer->not_before_usec,
                                     });
                return;
        }
        r = listing_fetch(listing, answer);
        if (r < 0)
                listing_fail(listing, FETCH_UNAVAILABLE, strerror(-r));
}

static int listing_send(Listing *listing) {
        AccessAnswer answer = { .result = FETCH_OK };
        int r = 1;

        if (listing->access)
                r = access_ask(listing->access, listing->owner, listing->repository, on_access, listing,
                        &listing->wait, &answer);
        return r > 0 ? listing_fetch(listing, &answer) : r;
}

static void on_cached(ListingPage *page, void *userdata) {
        Listing *listing = userdata;
        int r;

        listing->reading_cache = false;
        listing->known = page;
        if (listing->cancelled) {
                listing_free(listing);
                return;
        }
        if (listing->cached && page)
                listing_add_page(listing, TAKE_PTR(listing->known));
        else if (listing->cached)
                listing_fail(listing, FETCH_UNAVAILABLE, "it is not known");
        else {
                r = listing_send(listing);
                if (r < 0)
                        listing_fail(listing, FETCH_UNAVAILABLE, strerror(-r));
        }
}

static int listing_ask(Listing *listing) {
        _cleanup_free_ char *key = listing_cache_key(listing);
        int r;

        if (!key)
                return -ENOMEM;
        r = strings_append(&listing->seen, listing->url);
        if (r < 0)
                return r;
        listing->known = listing_page_free(listing->known);
        if (listing->unconditional)
                return listing_send(listing);
        r = listing_cache_get(listing->cache, key, on_cached, listing);
        if (r >= 0)
                listing->reading_cache = true;
        return r;
}

int listing_start(Fetcher *fetcher, ListingCache *cache, const ListingRequest *request, Listing **ret) {
        Listing *listing = calloc(1, sizeof(Listing));
        int r;

        if (!listing)
                return -ENOMEM;
        *listing = (Listing) {
                .fetcher = fetcher,
                .cache = cache,
                .done = request->done,
                .userdata = request->userdata,
                .kind = request->source->kind,
                .page_size_max = request->page_size_max,
                .unconditional = request->unconditional,
                .cached = request->cached,
                .access = request->access,
                .tags = request->source->tags,
                .use_reserve = request->use_reserve,
                .leave_half = request->leave_half,
                .unchanged = true,
        };
        r = string_assign(&listing->product, request->source->product);
        if (r >= 0)
                r = string_assign(&listing->api_url, request->api_url);
        if (r >= 0)
                r = string_assign(&listing->owner, request->source->owner);
        if (r >= 0)
                r = string_assign(&listing->tag_prefix, request->source->tag_prefix);
        if (r >= 0)
                r = string_assign(&listing->repository, request->source->repository);
        if (r >= 0) {
                listing->releases = calloc(1, sizeof(ReleaseList));
                listing->url = listing_first_url(request->source, request->api_url);
                r = listing->releases && listing->url ? listing_ask(listing) : -ENOMEM;
        }
        if (r < 0) {
                listing_free(listing);
                return r;
        }
        *ret = listing;
        return 0;
}
