#include "model/release.h"

#include "base/list.h"
#include "base/names.h"
#include "base/text.h"
#include "model/package.h"
#include "model/place.h"

#define PROTOCOL_LENGTH_MAX 16

bool protocol_is_valid(const char *text) {
        size_t length = strspn(text, "0123456789.");

        return length > 0 && !text[length] && length <= PROTOCOL_LENGTH_MAX;
}

void release_clear(Release *release) {
        version_free(release->version);
        free(release->tag);
        free(release->commit);
        free(release->withdrawn_message);
        strings_free(release->platforms);
        free(release->shasums_file);
        strings_free(release->signature_files);
        strings_free(release->protocols);
        *release = (Release) {};
}

ReleaseList *release_list_free(ReleaseList *list) {
        if (!list)
                return NULL;
        for (size_t i = 0; i < list->n_releases; i++)
                release_clear(&list->releases[i]);
        free(list->releases);
        free(list);
        return NULL;
}

int release_list_append(ReleaseList *list, Release *release) {
        Release taken = TAKE_GENERIC(*release, (Release) {});
        int r;

        r = LIST_APPEND(list->releases, list->n_releases, taken);
        if (r < 0)
                release_clear(&taken);
        return r;
}

int release_list_join(ReleaseList *list, ReleaseList *other) {
        size_t n_moved = 0;
        int r = 0;

        while (n_moved < other->n_releases) {
                r = LIST_APPEND(list->releases, list->n_releases, other->releases[n_moved]);
                if (r < 0)
                        break;
                n_moved++;
        }
        if (n_moved > 0)
                memmove(other->releases, other->releases + n_moved,
                        (other->n_releases - n_moved) * sizeof(Release));
        other->n_releases -= n_moved;
        if (r < 0)
                return r;
        list->n_skipped += other->n_skipped;
        other->n_skipped = 0;
        return 0;
}

int release_set_version(Release *release, const char *text, const char *tag) {
        int r = version_parse(text, &release->version);

        if (r < 0)
                return r == -EINVAL ? 0 : r;
        /* The normalised text becomes a name in the store. */
        if (!tag_is_valid(version_string(release->version)))
                return 0;
        return string_assign(&release->tag, tag) < 0 ? -ENOMEM : 1;
}

int release_parse_platform(const Place *object, char **ret) {
        const char *os, *arch;
        char *platform;
        int r;

        r = place_string(object, "os", PLACE_REQUIRED, &os);
        if (r >= 0)
                r = place_string(object, "arch", PLACE_REQUIRED, &arch);
        if (r < 0)
                return r;
        platform = text_format("%s_%s", os, arch);
        if (!platform)
                return -ENOMEM;
        *ret = platform;
        return 0;
}

static int compare_strings(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

void release_set_platforms(Release *release, char **platforms) {
        size_t n = strings_length(platforms), n_kept = 0;
        char **shrunk;

        strings_free(release->platforms);
        release->platforms = platforms;
        if (n == 0)
                return;

        qsort(platforms, n, sizeof(char *), compare_strings);
        for (size_t i = 0; i < n; i++)
                if (n_kept > 0 && streq(platforms[n_kept - 1], platforms[i]))
                        free(platforms[i]);
                else
                        platforms[n_kept++] = platforms[i];
        platforms[n_kept] = NULL;

        shrunk = reallocarray(platforms, n_kept + 1, sizeof(char *));
        if (shrunk)
                release->platforms = shrunk;
}

/* The tag is the version's text itself or "v" and the text. */
static bool tag_is_plain(const Release *release) {
        const char *tag = strempty(release->tag), *text = version_string(release->version);

        return streq(tag, text) || (tag[0] == 'v' && streq(tag + 1, text));
}

/* Newest first; of the same version the one to be kept first. */
static int compare_releases(const void *a, const void *b) {
        const Release *left = a, *right = b;
        int order = version_order(right->version, left->version);
        bool left_is_plain, right_is_plain;

        if (order != 0)
                return order;
        left_is_plain = tag_is_plain(left);
        right_is_plain = tag_is_plain(right);
        if (left_is_plain != right_is_plain)
                return left_is_plain ? -1 : 1;
        return (left->position > right->position) - (left->position < right->position);
}

void release_list_normalize(ReleaseList *list) {
        size_t n_kept = 0;

        if (list->n_releases == 0)
                return;

        for (size_t i = 0; i < list->n_releases; i++)
                list->releases[i].position = (uint32_t) i;
        qsort(list->releases, list->n_releases, sizeof(Release), compare_releases);

        for (size_t i = 0; i < list->n_releases; i++)
                if (n_kept > 0 &&
                        version_order(list->releases[n_kept - 1].version, list->releases[i].version) == 0)
                        release_clear(&list->releases[i]);
                else
                        list->releases[n_kept++] = list->releases[i];
        list->n_releases = n_kept;
}

static int compare_version_and_release(const void *key, const void *element) {
        return version_order(((const Release *) element)->version, key);
}

const Release *release_list_find(const ReleaseList *list, const Version *version) {
        if (list->n_releases == 0)
                return NULL;
        return bsearch(
                version, list->releases, list->n_releases, sizeof(Release), compare_version_and_release);
}

/* One string for all platforms: hundreds of releases have a dozen each, and every JSON value costs more than its text. */
static int platforms_to_json(json_object *object, char *const *platforms) {
        _cleanup_free_ char *joined = NULL;
        size_t size = 1;
        char *end;

        if (!platforms || !*platforms)
                return 0;
        for (char *const *platform = platforms; *platform; platform++)
                size += strlen(*platform) + 1;
        end = joined = malloc(size);
        if (!joined)
                return -ENOMEM;
        for (char *const *platform = platforms; *platform; platform++) {
                if (platform != platforms)
                        *end++ = ' ';
                end = stpcpy(end, *platform);
        }
        return json_set_string(object, "platforms", joined);
}

static int release_to_json(const Release *release, json_object **ret) {
        _cleanup_(json_unrefp) json_object *object = json_object_new_object();
        int r;

        if (!object)
                return -ENOMEM;
        r = json_set_string(object, "tag", release->tag);
        if (r >= 0 && (!release->tag || !tag_is_plain(release)))
                r = json_set_string(object, "version", version_string(release->version));
        if (r >= 0 && release->created_usec > 0)
                r = json_set_uint64(object, "created", release->created_usec);
        if (r >= 0 && release->committed_usec > 0)
                r = json_set_uint64(object, "committed", release->committed_usec);
        if (r >= 0)
                r = json_set_string(object, "commit", release->commit);
        if (r >= 0 && release->withdrawn)
                r = json_set_bool(object, "withdrawn", true);
        if (r >= 0)
                r = json_set_string(object, "message", release->withdrawn_message);
        if (r >= 0)
                r = platforms_to_json(object, release->platforms);
        if (r >= 0)
                r = json_set_string(object, "shasums", release->shasums_file);
        if (r >= 0)
                r = json_set_strings(object, "signatures", release->signature_files);
        if (r >= 0)
                r = json_set_strings(object, "protocols", release->protocols);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(object);
        return 0;
}

json_object *release_list_to_json(const ReleaseList *list) {
        _cleanup_(json_unrefp) json_object *array = json_object_new_array();

        if (!array)
                return NULL;
        for (size_t i = 0; i < list->n_releases; i++) {
                json_object *object;

                if (release_to_json(&list->releases[i], &object) < 0 || json_append(array, object) < 0)
                        return NULL;
        }
        return TAKE_PTR(array);
}

static int platforms_from_json(const Place *place, Release *release) {
        _cleanup_(strings_freep) char **platforms = NULL;
        const char *text, *word;
        size_t n = 1;
        int r;

        r = place_string(place, "platforms", PLACE_OPTIONAL, &text);
        if (r <= 0)
                return r;
        for (const char *c = text; *c; c++)
                n += *c == ' ';
        if (n > RELEASE_PLATFORMS_MAX)
                return place_refuse(place, "platforms", "%zu platforms", n);

        platforms = calloc(n + 1, sizeof(char *));
        if (!platforms)
                return -ENOMEM;
        word = text;
        for (size_t i = 0; i < n; i++) {
                size_t length = strcspn(word, " ");

                platforms[i] = strndup(word, length);
                if (!platforms[i])
                        return -ENOMEM;
                if (!platform_is_valid(platforms[i]))
                        return place_refuse_text(place, "platforms", platforms[i], "is not a platform");
                word += length + 1;
        }
        release_set_platforms(release, TAKE_PTR(platforms));
        return 0;
}

static int release_from_json(const Place *place, Release *release) {
        const char *text = NULL;
        int r;

        r = place_copy(place, "tag", PLACE_OPTIONAL, tag_is_valid, "a tag", &release->tag);
        if (r >= 0)
                r = place_string(place, "version", release->tag ? PLACE_OPTIONAL : PLACE_REQUIRED, &text);
        if (r < 0)
                return r;
        r = version_parse(text ? text : release->tag, &release->version);
        if (r == -EINVAL)
                return place_refuse_text(
                        place, text ? "version" : "tag", text ? text : release->tag, "is not a version");
        if (r >= 0)
                r = place_uint64(place, "created", UINT64_MAX, PLACE_OPTIONAL, &release->created_usec);
        if (r >= 0)
                r = place_uint64(place, "committed", UINT64_MAX, PLACE_OPTIONAL, &release->committed_usec);
        if (r >= 0)
                r = place_copy(
                        place, "commit", PLACE_OPTIONAL, commit_is_valid, "a commit", &release->commit);
        if (r >= 0)
                r = place_bool(place, "withdrawn", PLACE_OPTIONAL, &release->withdrawn);
        if (r >= 0)
                r = place_copy(place, "message", PLACE_OPTIONAL, NULL, NULL, &release->withdrawn_message);
        if (r >= 0)
                r = platforms_from_json(place, release);
        if (r >= 0)
                r = place_copy(place, "shasums", PLACE_OPTIONAL, name_is_valid, "a file name",
                        &release->shasums_file);
        if (r >= 0)
                r = place_strings(place, "signatures", RELEASE_SIGNATURES_MAX, PLACE_OPTIONAL, name_is_valid,
                        "a file name", &release->signature_files);
        if (r >= 0)
                r = place_strings(place, "protocols", RELEASE_PROTOCOLS_MAX, PLACE_OPTIONAL,
                        protocol_is_valid, "a version of the plugin protocol", &release->protocols);
        return r < 0 ? r : 0;
}

int release_list_from_json(json_object *array, ReleaseList **ret) {
        _cleanup_(release_list_freep) ReleaseList *list = calloc(1, sizeof(ReleaseList));
        Place place, element;
        int r;

        if (!list)
                return -ENOMEM;
        r = place_open(array, "releases", json_type_array, &place, NULL);
        if (r < 0)
                return r;
        if (json_object_array_length(array) > RELEASES_MAX)
                return -EBADMSG;

        for (size_t i = 0; i < json_object_array_length(array); i++) {
                Release release = {};

                r = place_element(&place, i, json_type_object, &element);
                if (r >= 0)
                        r = release_from_json(&element, &release);
                if (r >= 0)
                        r = release_list_append(list, &release);
                if (r < 0) {
                        release_clear(&release);
                        return r;
                }
        }
        *ret = TAKE_PTR(list);
        return 0;
}
