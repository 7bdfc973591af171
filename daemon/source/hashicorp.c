#include "source/hashicorp.h"

#include "base/list.h"
#include "base/names.h"
#include "base/text.h"
#include "model/package.h"
#include "model/place.h"
#include "source/page.h"
#include "source/url.h"

#define CURSOR_MAX 64
#define WITHDRAWN_MESSAGE_MAX 1000

/* Between two characters of UTF-8. */
static void cut_message(char *message) {
        size_t length = strnlen(message, WITHDRAWN_MESSAGE_MAX + 1);

        if (length <= WITHDRAWN_MESSAGE_MAX)
                return;
        for (length--; length > 0 && ((unsigned char) message[length] & 0xc0) == 0x80; length--)
                ;
        message[length] = '\0';
}

char *hashicorp_releases_url(const char *api_url, const char *product, const char *after) {
        _cleanup_free_ char *encoded_product = url_encode(product, "");
        _cleanup_free_ char *encoded_after = url_encode(strempty(after), "");

        if (!encoded_product || !encoded_after)
                return NULL;
        static_assert(HASHICORP_PAGE_SIZE == 20);
        return url_join(api_url, "/v1/releases/", encoded_product, "?limit=20&license_class=oss",
                after ? "&after=" : "", encoded_after);
}

char *hashicorp_file_url(
        const char *releases_url, const char *product, const char *version, const char *file) {
        _cleanup_free_ char *encoded_product = url_encode(product, ""),
                            *encoded_version = url_encode(version, "");
        _cleanup_free_ char *encoded_file = url_encode(file, "");

        if (!encoded_product || !encoded_version || !encoded_file)
                return NULL;
        return url_join(releases_url, "/", encoded_product, "/", encoded_version, "/", encoded_file);
}

/* Its name ends with the last eight digits of the key. */
static bool is_signed_by(const char *file, const char *fingerprint) {
        size_t length = strlen(fingerprint);
        _cleanup_free_ char *suffix =
                text_format("_SHA256SUMS.%s.sig", fingerprint + (length > 8 ? length - 8 : 0));

        return suffix && endswith(file, suffix);
}

const char *hashicorp_find_signature(char *const *files, const char *const *fingerprints) {
        for (char *const *file = files; file && *file; file++)
                for (const char *const *fingerprint = fingerprints; *fingerprint; fingerprint++)
                        if (is_signed_by(*file, *fingerprint))
                                return *file;
        for (char *const *file = files; file && *file; file++)
                if (endswith(*file, "_SHA256SUMS.sig"))
                        return *file;
        return files ? files[0] : NULL;
}

/* The file name at the end of a URL, fit for the store. */
static int file_of_url(const Place *place, const char *url, char **ret) {
        _cleanup_free_ char *file = url_last_segment(url);

        if (!file)
                return -ENOMEM;
        if (!name_is_valid(file))
                return place_refuse_text(place, NULL, url, "does not end with a file name");
        *ret = TAKE_PTR(file);
        return 0;
}

static int parse_shasums(const Place *place, Release *release) {
        Place member;
        const char *url;
        int r;

        r = place_member(place, "url_shasums", json_type_string, PLACE_OPTIONAL, &member);
        if (r > 0)
                r = place_text(&member, &url);
        if (r <= 0)
                return r;
        return file_of_url(&member, url, &release->shasums_file);
}

static int parse_signatures(const Place *place, Release *release) {
        Place signatures, one;
        int r;

        r = place_array(
                place, "url_shasums_signatures", RELEASE_SIGNATURES_MAX, PLACE_OPTIONAL, &signatures);
        if (r <= 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(signatures.value); i++) {
                _cleanup_free_ char *file = NULL;
                const char *url;

                r = place_element(&signatures, i, json_type_string, &one);
                if (r >= 0)
                        r = place_text(&one, &url);
                if (r >= 0)
                        r = file_of_url(&one, url, &file);
                if (r >= 0)
                        r = strings_append(&release->signature_files, file);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Whose files the builds of a release are. */
typedef struct BuildOwner {
        const char *product, *version;
} BuildOwner;

/* The platform of a build, or 0 when its file is not the one that the platform demands: it could not be found by those
 * who look for it by name. */
static int parse_build(const Place *place, const void *context, char **ret) {
        _cleanup_free_ char *platform = NULL, *expected = NULL, *file = NULL;
        const BuildOwner *owner = context;
        const char *url;
        int r;

        r = release_parse_platform(place, &platform);
        if (r >= 0)
                r = place_string(place, "url", PLACE_REQUIRED, &url);
        if (r < 0)
                return r;

        file = url_last_segment(url);
        expected = text_format("%s_%s_%s.zip", owner->product, owner->version, platform);
        if (!file || !expected)
                return -ENOMEM;
        if (!platform_is_valid(platform) || !name_is_valid(file) || !streq(file, expected))
                return 0;
        *ret = TAKE_PTR(platform);
        return 1;
}

static int parse_builds(const Place *place, const char *product, Release *release) {
        const BuildOwner owner = { product, release->tag };
        Place builds;
        int r;

        r = place_array(place, "builds", RELEASE_PLATFORMS_MAX, PLACE_REQUIRED, &builds);
        return r < 0 ? r : page_parse_platforms(&builds, parse_build, &owner, release);
}

/* Returns 1 when the release may be listed, 0 when its state is one that says nothing to this program. */
static int parse_status(const Place *place, Release *release) {
        const char *state;
        Place status;
        int r;

        r = place_member(place, "status", json_type_object, PLACE_REQUIRED, &status);
        if (r >= 0)
                r = place_string(&status, "state", PLACE_REQUIRED, &state);
        if (r < 0)
                return r;
        release->withdrawn = streq(state, "withdrawn");
        if (!release->withdrawn)
                return streq(state, "supported") || streq(state, "unsupported");
        r = place_copy(&status, "message", PLACE_OPTIONAL, NULL, NULL, &release->withdrawn_message);
        if (r >= 0 && release->withdrawn_message)
                cut_message(release->withdrawn_message);
        return r < 0 ? r : 1;
}

/* Returns 1 when the release is to be listed, 0 when it is to be skipped. */
static int parse_release(const Place *place, const void *context, Release *release) {
        const char *product = context;
        const char *name, *license_class;
        int r;

        r = place_string(place, "name", PLACE_REQUIRED, &name);
        if (r < 0)
                return r;
        if (!streq(name, product))
                return place_refuse_text(place, "name", name, "is not the product that was asked for");
        r = place_string(place, "license_class", PLACE_REQUIRED, &license_class);
        if (r < 0)
                return r;
        if (!streq(license_class, "oss"))
                return 0;

        r = page_parse_version(place, release);
        if (r > 0)
                r = parse_status(place, release);
        if (r <= 0)
                return r;
        r = place_time(place, "timestamp_created", PLACE_REQUIRED, &release->created_usec);
        if (r >= 0)
                r = parse_builds(place, product, release);
        if (r >= 0)
                r = parse_shasums(place, release);
        if (r >= 0)
                r = parse_signatures(place, release);
        return r < 0 ? r : 1;
}

/* Cursors are sent back as they came, but a time is all that they may be. */
static int parse_cursor(const Place *place, char **ret) {
        const char *text;
        uint64_t usec;
        int r;

        r = place_time(place, "timestamp_created", PLACE_REQUIRED, &usec);
        if (r >= 0)
                r = place_string(place, "timestamp_created", PLACE_REQUIRED, &text);
        if (r < 0)
                return r;
        if (strlen(text) > CURSOR_MAX)
                return place_refuse_text(place, "timestamp_created", text, "is too long for a time");
        return string_assign(ret, text);
}

int hashicorp_parse_releases(const char *data, size_t size, const char *product, ReleaseList **ret,
        char **ret_after, char **ret_error) {
        _cleanup_(release_list_freep) ReleaseList *list = NULL;
        _cleanup_(json_unrefp) json_object *value = NULL;
        _cleanup_free_ char *after = NULL;
        Place releases, last;
        size_t n;
        int r;

        r = place_parse(data, size, "releases", json_type_array, &value, &releases, ret_error);
        if (r >= 0)
                r = page_parse(&releases, parse_release, product, &list);
        if (r < 0)
                return r;
        n = json_object_array_length(value);
        if (n > 0) {
                r = place_element(&releases, n - 1, json_type_object, &last);
                if (r >= 0)
                        r = parse_cursor(&last, &after);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(list);
        *ret_after = TAKE_PTR(after);
        return 0;
}

int hashicorp_parse_manifest(const char *data, size_t size, char ***ret, char **ret_error) {
        _cleanup_(strings_freep) char **protocols = NULL;
        _cleanup_(json_unrefp) json_object *value = NULL;
        Place manifest, metadata;
        int r;

        r = place_parse(data, size, "manifest", json_type_object, &value, &manifest, ret_error);
        if (r >= 0)
                r = place_member(&manifest, "metadata", json_type_object, PLACE_REQUIRED, &metadata);
        if (r >= 0)
                r = place_strings(&metadata, "protocol_versions", RELEASE_PROTOCOLS_MAX, PLACE_REQUIRED,
                        protocol_is_valid, "a version of the plugin protocol", &protocols);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(protocols);
        return 0;
}
