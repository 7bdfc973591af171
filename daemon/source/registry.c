#include "source/registry.h"

#include <ctype.h>
#include <curl/curl.h>

#include "base/list.h"
#include "base/names.h"
#include "base/sha256.h"
#include "base/text.h"
#include "model/package.h"
#include "model/place.h"
#include "source/page.h"
#include "source/url.h"

DEFINE_CLEANUP(CURLU *, curl_url_cleanup)

/* URLs */

static bool url_part_is(CURLU *url, CURLUPart part, const char *expected) {
        char *value = NULL;
        bool is = curl_url_get(url, part, &value, 0) == CURLUE_OK && streq(value, expected);

        curl_free(value);
        return is;
}

static bool url_has_part(CURLU *url, CURLUPart part) {
        char *value = NULL;
        bool has = curl_url_get(url, part, &value, 0) == CURLUE_OK;

        curl_free(value);
        return has;
}

int registry_resolve_url(const char *url, const char *reference, char **ret) {
        _cleanup_(curl_url_cleanupp) CURLU *parsed = curl_url();
        char *whole = NULL;
        bool from_https;
        int r;

        if (!parsed)
                return -ENOMEM;
        if (isempty(reference) || curl_url_set(parsed, CURLUPART_URL, url, 0) != CURLUE_OK)
                return -EINVAL;
        from_https = url_part_is(parsed, CURLUPART_SCHEME, "https");
        if (curl_url_set(parsed, CURLUPART_URL, reference, 0) != CURLUE_OK)
                return -EINVAL;
        if (!url_part_is(parsed, CURLUPART_SCHEME, "https") &&
                (from_https || !url_part_is(parsed, CURLUPART_SCHEME, "http")))
                return -EINVAL;
        if (url_has_part(parsed, CURLUPART_USER) || url_has_part(parsed, CURLUPART_PASSWORD))
                return -EINVAL;
        (void) curl_url_set(parsed, CURLUPART_FRAGMENT, NULL, 0);
        if (curl_url_get(parsed, CURLUPART_URL, &whole, 0) != CURLUE_OK)
                return -EINVAL;
        r = string_assign(ret, whole);
        curl_free(whole);
        return r;
}

static bool url_parts_are_equal(CURLU *a, CURLU *b, CURLUPart part) {
        char *of_a = NULL, *of_b = NULL;
        bool equal = curl_url_get(a, part, &of_a, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                     curl_url_get(b, part, &of_b, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                     strcasecmp(of_a, of_b) == 0;

        curl_free(of_a);
        curl_free(of_b);
        return equal;
}

bool registry_url_is_same_host(const char *a, const char *b) {
        _cleanup_(curl_url_cleanupp) CURLU *of_a = curl_url(), *of_b = curl_url();

        return of_a && of_b && curl_url_set(of_a, CURLUPART_URL, a, 0) == CURLUE_OK &&
               curl_url_set(of_b, CURLUPART_URL, b, 0) == CURLUE_OK &&
               url_parts_are_equal(of_a, of_b, CURLUPART_SCHEME) &&
               url_parts_are_equal(of_a, of_b, CURLUPART_HOST) &&
               url_parts_are_equal(of_a, of_b, CURLUPART_PORT);
}

char *registry_discovery_url(const char *base_url) {
        return url_join(base_url, "/.well-known/terraform.json");
}

/* Below the base as clients see it: one that does not end in a slash loses its last segment. */
static char *join_providers(const char *providers_url, const char *path) {
        char *url = NULL;

        return path && registry_resolve_url(providers_url, path, &url) >= 0 ? url : NULL;
}

char *registry_versions_url(const char *providers_url, const char *provider_namespace, const char *type) {
        _cleanup_free_ char *encoded_namespace = url_encode(provider_namespace, ""),
                            *encoded_type = url_encode(type, ""), *path = NULL;

        if (encoded_namespace && encoded_type)
                text_set(&path, "%s/%s/versions", encoded_namespace, encoded_type);
        return join_providers(providers_url, path);
}

char *registry_package_url(const char *providers_url, const char *provider_namespace, const char *type,
        const char *version, const char *platform) {
        _cleanup_free_ char *encoded_namespace = url_encode(provider_namespace, ""),
                            *encoded_type = url_encode(type, ""), *encoded_version = url_encode(version, ""),
                            *path = NULL;
        int os_length = (int) strcspn(platform, "_");

        if (encoded_namespace && encoded_type && encoded_version)
                text_set(&path, "%s/%s/%s/download/%.*s/%s", encoded_namespace, encoded_type,
                        encoded_version, os_length, platform, platform + os_length + 1);
        return join_providers(providers_url, path);
}

/* Service discovery */

int registry_parse_discovery(
        const char *data, size_t size, const char *url, char **ret_providers_url, char **ret_error) {
        _cleanup_(json_unrefp) json_object *value = NULL;
        _cleanup_free_ char *resolved = NULL;
        const char *reference;
        Place services;
        int r;

        r = place_parse(data, size, "services", json_type_object, &value, &services, ret_error);
        if (r >= 0)
                r = place_string(&services, "providers.v1", PLACE_OPTIONAL, &reference);
        if (r < 0)
                return r;
        if (r == 0)
                return -ENOENT;
        r = registry_resolve_url(url, reference, &resolved);
        if (r == -EINVAL)
                return place_refuse(&services, "providers.v1", "not a URL that may be followed");
        if (r < 0)
                return r;
        *ret_providers_url = TAKE_PTR(resolved);
        return 0;
}

/* Versions */

static int parse_platform(const Place *place, const void *context, char **ret) {
        _cleanup_free_ char *platform = NULL;
        int r = release_parse_platform(place, &platform);

        if (r < 0)
                return r;
        if (!platform_is_valid(platform))
                return 0;
        *ret = TAKE_PTR(platform);
        return 1;
}

/* Returns 1 when the version is to be listed, 0 when it is none that this program can name. */
static int parse_version(const Place *place, const void *context, Release *release) {
        Place platforms;
        int r;

        r = page_parse_version(place, release);
        if (r <= 0)
                return r;
        r = place_strings(place, "protocols", RELEASE_PROTOCOLS_MAX, PLACE_OPTIONAL, protocol_is_valid,
                "a version of the plugin protocol", &release->protocols);
        if (r >= 0)
                r = place_array(place, "platforms", RELEASE_PLATFORMS_MAX, PLACE_OPTIONAL, &platforms);
        if (r > 0)
                r = page_parse_platforms(&platforms, parse_platform, NULL, release);
        return r < 0 ? r : 1;
}

int registry_parse_versions(const char *data, size_t size, ReleaseList **ret, char **ret_error) {
        _cleanup_(json_unrefp) json_object *value = NULL;
        Place document, versions;
        int r;

        r = place_parse(data, size, "provider", json_type_object, &value, &document, ret_error);
        if (r >= 0)
                r = place_array(&document, "versions", RELEASES_PER_PAGE_MAX, PLACE_REQUIRED, &versions);
        return r < 0 ? r : page_parse(&versions, parse_version, NULL, ret);
}

/* Packages */

void registry_package_clear(RegistryPackage *package) {
        free(package->file);
        free(package->url);
        free(package->shasums_url);
        free(package->signature_url);
        strings_free(package->keys);
        *package = (RegistryPackage) {};
}

static int parse_url(const Place *place, const char *key, PlaceNeed need, const char *url, char **ret) {
        const char *reference;
        int r;

        r = place_string(place, key, need, &reference);
        if (r <= 0 || (need == PLACE_OPTIONAL && isempty(reference)))
                return r;
        r = registry_resolve_url(url, reference, ret);
        /* It may hold a secret. */
        return r == -EINVAL ? place_refuse(place, key, "not a URL that may be followed") : r;
}

/* Registries write an empty list as [], as null or not at all. */
static int parse_keys(const Place *place, RegistryPackage *package) {
        Place signing, keys, one;
        int r;

        r = place_member(place, "signing_keys", json_type_object, PLACE_OPTIONAL, &signing);
        if (r > 0)
                r = place_array(&signing, "gpg_public_keys", REGISTRY_KEYS_MAX, PLACE_OPTIONAL, &keys);
        if (r <= 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(keys.value); i++) {
                const char *text;

                r = place_element(&keys, i, json_type_object, &one);
                if (r >= 0)
                        r = place_string(&one, "ascii_armor", PLACE_REQUIRED, &text);
                if (r < 0)
                        return r;
                if (strlen(text) > REGISTRY_KEY_SIZE_MAX)
                        return place_refuse(&one, "ascii_armor", "larger than %zu bytes",
                                (size_t) REGISTRY_KEY_SIZE_MAX);
                r = strings_append(&package->keys, text);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* What was asked for is what has to be answered (protocols: "os/arch must echo the request"). */
static int check_platform(const Place *place, const char *platform) {
        _cleanup_free_ char *echoed = NULL;
        int r = release_parse_platform(place, &echoed);

        if (r < 0)
                return r;
        return streq(echoed, platform)
                       ? 0
                       : place_refuse_text(place, NULL, echoed, "is not the platform that was asked for");
}

static int parse_package(
        const Place *place, const char *url, const char *platform, RegistryPackage *package) {
        const char *sha256;
        int r;

        r = check_platform(place, platform);
        if (r >= 0)
                r = place_copy(
                        place, "filename", PLACE_REQUIRED, name_is_valid, "a file name", &package->file);
        if (r >= 0)
                r = parse_url(place, "download_url", PLACE_REQUIRED, url, &package->url);
        if (r >= 0)
                r = parse_url(place, "shasums_url", PLACE_REQUIRED, url, &package->shasums_url);
        if (r >= 0)
                r = parse_url(place, "shasums_signature_url", PLACE_OPTIONAL, url, &package->signature_url);
        if (r >= 0)
                r = place_string(place, "shasum", PLACE_REQUIRED, &sha256);
        if (r < 0)
                return r;
        for (size_t i = 0; i < sizeof(package->sha256) - 1 && sha256[i]; i++)
                package->sha256[i] = (char) tolower((unsigned char) sha256[i]);
        if (strlen(sha256) != sizeof(package->sha256) - 1 || !sha256_hex_is_valid(package->sha256))
                return place_refuse_text(place, "shasum", sha256, "is not a SHA-256");
        return parse_keys(place, package);
}

int registry_parse_package(const char *data, size_t size, const char *url, const char *platform,
        RegistryPackage *ret, char **ret_error) {
        _cleanup_(registry_package_clear) RegistryPackage package = {};
        _cleanup_(json_unrefp) json_object *value = NULL;
        Place place;
        int r;

        r = place_parse(data, size, "package", json_type_object, &value, &place, ret_error);
        if (r >= 0)
                r = parse_package(&place, url, platform, &package);
        if (r < 0)
                return r;
        *ret = TAKE_GENERIC(package, (RegistryPackage) {});
        return 0;
}
