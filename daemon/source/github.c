#include "source/github.h"

#include <strings.h>

#include "base/names.h"
#include "model/place.h"
#include "source/page.h"
#include "source/url.h"

#define LINK_HEADER_MAX (64 * KIB)
#define OPTIONAL_SPACE " \t"

char *github_releases_url(const char *api_url, const char *owner, const char *repository) {
        _cleanup_free_ char *encoded_owner = url_encode(owner, ""), *encoded = url_encode(repository, "");

        if (!encoded_owner || !encoded)
                return NULL;
        return url_join(api_url, "/repos/", encoded_owner, "/", encoded, "/releases?per_page=100");
}

char *github_tags_url(const char *api_url, const char *owner, const char *repository) {
        _cleanup_free_ char *encoded_owner = url_encode(owner, ""), *encoded = url_encode(repository, "");

        if (!encoded_owner || !encoded)
                return NULL;
        return url_join(api_url, "/repos/", encoded_owner, "/", encoded, "/tags?per_page=100");
}

char *github_archive_url(const char *web_url, const char *owner, const char *repository, const char *tag) {
        _cleanup_free_ char *encoded_owner = url_encode(owner, ""), *encoded = url_encode(repository, "");
        /* A slash in a tag is a slash in the address. */
        _cleanup_free_ char *encoded_tag = url_encode(tag, "/");

        if (!encoded_owner || !encoded || !encoded_tag)
                return NULL;
        return url_join(
                web_url, "/", encoded_owner, "/", encoded, "/archive/refs/tags/", encoded_tag, ".tar.gz");
}

char *github_tarball_url(const char *api_url, const char *owner, const char *repository, const char *tag) {
        _cleanup_free_ char *encoded_owner = url_encode(owner, ""), *encoded = url_encode(repository, "");
        _cleanup_free_ char *encoded_tag = url_encode(tag, "/");

        if (!encoded_owner || !encoded || !encoded_tag)
                return NULL;
        return url_join(api_url, "/repos/", encoded_owner, "/", encoded, "/tarball/refs/tags/", encoded_tag);
}

/* The path below the base URL, or NULL. Scheme and host have no case (RFC 3986 section 6.2.2.1), the path has. */
static const char *path_below(const char *url, const char *base_url) {
        const char *authority = strstr(base_url, "://");
        size_t length = strlen(base_url), host_length;

        while (length > 0 && base_url[length - 1] == '/')
                length--;
        host_length = authority ? (size_t) (authority + 3 - base_url) : 0;
        host_length += strcspn(base_url + host_length, "/");
        host_length = MIN_OF(host_length, length);
        if (strncasecmp(url, base_url, host_length) != 0 ||
                strncmp(url + host_length, base_url + host_length, length - host_length) != 0 ||
                url[length] != '/')
                return NULL;
        return url + length + 1;
}

int github_parse_repository_url(
        const char *url, const char *web_url, char **ret_owner, char **ret_repository) {
        _cleanup_free_ char *owner = NULL, *repository = NULL;
        const char *path = path_below(url, web_url), *separator;
        size_t length;

        if (!path)
                return -EXDEV;
        separator = strchr(path, '/');
        if (!separator)
                return -EINVAL;
        owner = strndup(path, (size_t) (separator - path));
        repository = strdup(separator + 1);
        if (!owner || !repository)
                return -ENOMEM;

        length = strlen(repository);
        if (length > 0 && repository[length - 1] == '/')
                repository[--length] = '\0';
        if (endswith(repository, ".git"))
                repository[length - strlen(".git")] = '\0';
        if (!name_is_valid(owner) || !name_is_valid(repository))
                return -EINVAL;
        *ret_owner = TAKE_PTR(owner);
        *ret_repository = TAKE_PTR(repository);
        return 0;
}

/* Takes the tag over when it is the prefix and a version. Returns 1, 0 when it is to be skipped, or -ENOMEM. */
static int take_tag(const char *tag, const char *prefix, Release *release) {
        const char *text = prefix ? startswith(tag, prefix) : tag;

        return tag_is_valid(tag) && text ? release_set_version(release, text, tag) : 0;
}

/* Returns 1 when the release is one, 0 when it is to be skipped. */
static int parse_release(const Place *place, const void *prefix, Release *release) {
        const char *tag;
        bool draft = false;
        int r;

        r = place_bool(place, "draft", PLACE_OPTIONAL, &draft);
        if (r < 0)
                return r;
        if (draft)
                return 0;

        r = place_string(place, "tag_name", PLACE_REQUIRED, &tag);
        if (r >= 0)
                r = take_tag(tag, prefix, release);
        if (r <= 0)
                return r;

        /* When it could first be had; created_at is the time of its commit. */
        r = place_time(place, "published_at", PLACE_OPTIONAL, &release->created_usec);
        if (r >= 0)
                r = place_time(place, "created_at", PLACE_OPTIONAL, &release->committed_usec);
        if (r >= 0 && release->created_usec == 0)
                release->created_usec = release->committed_usec;
        return r < 0 ? r : 1;
}

static int parse_tag(const Place *place, const void *prefix, Release *release) {
        const char *tag;
        Place commit;
        int r = place_string(place, "name", PLACE_REQUIRED, &tag);

        if (r >= 0)
                r = take_tag(tag, prefix, release);
        if (r <= 0)
                return r;
        r = place_member(place, "commit", json_type_object, PLACE_OPTIONAL, &commit);
        if (r > 0)
                r = place_copy(
                        &commit, "sha", PLACE_REQUIRED, commit_is_valid, "a commit", &release->commit);
        return r < 0 ? r : 1;
}

/* `prefix` of tags: NULL for none. */
static int parse_list(const char *data, size_t size, const char *name, PageParse parse, const char *prefix,
        ReleaseList **ret, char **ret_error) {
        _cleanup_(json_unrefp) json_object *value = NULL;
        Place all;
        int r;

        r = place_parse(data, size, name, json_type_array, &value, &all, ret_error);
        return r < 0 ? r : page_parse(&all, parse, prefix, ret);
}

int github_parse_releases(
        const char *data, size_t size, const char *prefix, ReleaseList **ret, char **ret_error) {
        return parse_list(data, size, "releases", parse_release, prefix, ret, ret_error);
}

int github_parse_tags(
        const char *data, size_t size, const char *prefix, ReleaseList **ret, char **ret_error) {
        return parse_list(data, size, "tags", parse_tag, prefix, ret, ret_error);
}

static const char *skip_space(const char *text) {
        return text + strspn(text, OPTIONAL_SPACE);
}

/* A token or a quoted string with its escapes undone (RFC 9110 section 5.6). Returns 0, -EBADMSG or -ENOMEM. */
static int parse_value(const char **text, char **ret) {
        const char *c = *text;
        size_t length;
        char *value, *end;

        if (*c != '"') {
                length = strcspn(c, OPTIONAL_SPACE ";,\"<>");
                value = strndup(c, length);
                if (!value)
                        return -ENOMEM;
                *text = c + length;
                *ret = value;
                return 0;
        }

        end = value = malloc(strlen(c) + 1);
        if (!value)
                return -ENOMEM;
        for (c++; *c && *c != '"'; c++) {
                if (*c == '\\' && c[1])
                        c++;
                *end++ = *c;
        }
        if (*c != '"') {
                free(value);
                return -EBADMSG;
        }
        *end = '\0';
        *text = c + 1;
        *ret = value;
        return 0;
}

/* One of the relation types, separated by spaces, is `wanted`; they have no case (RFC 8288 section 2.1.1). */
static bool relation_contains(const char *relations, const char *wanted) {
        for (;;) {
                size_t length;

                relations = skip_space(relations);
                length = strcspn(relations, OPTIONAL_SPACE);
                if (length == 0)
                        return false;
                if (length == strlen(wanted) && strncasecmp(relations, wanted, length) == 0)
                        return true;
                relations += length;
        }
}

/* The parameters of one link, up to the comma or the end. A link with an anchor is about another resource than this
 * page, and of several rel parameters only the first counts (RFC 8288 sections 3.2, 3.3). */
static int parse_parameters(const char **text, bool *ret_is_next) {
        bool is_next = false, has_relation = false, has_anchor = false;
        const char *c;

        for (c = skip_space(*text); *c == ';'; c = skip_space(c)) {
                _cleanup_free_ char *value = NULL;
                const char *name;
                size_t length;
                int r;

                name = skip_space(c + 1);
                length = strcspn(name, OPTIONAL_SPACE "=;,\"<>");
                c = skip_space(name + length);
                if (*c != '=')
                        continue;
                c = skip_space(c + 1);
                r = parse_value(&c, &value);
                if (r < 0)
                        return r;
                if (length == strlen("anchor") && strncasecmp(name, "anchor", length) == 0)
                        has_anchor = true;
                if (length == strlen("rel") && strncasecmp(name, "rel", length) == 0 && !has_relation) {
                        has_relation = true;
                        is_next = relation_contains(value, "next");
                }
        }
        if (*c != ',' && *c != '\0')
                return -EBADMSG;
        *text = c;
        *ret_is_next = is_next && !has_anchor;
        return 0;
}

/* Pages are followed by address alone, so it has to be a whole one. */
static bool target_is_valid(const char *target, size_t length) {
        if (strncasecmp(target, "https://", 8) != 0 && strncasecmp(target, "http://", 7) != 0)
                return false;
        for (size_t i = 0; i < length; i++)
                if (target[i] <= ' ' || target[i] > '~' || strchr("\"<>\\^`{|}", target[i]))
                        return false;
        return true;
}

int github_parse_link_next(const char *header, char **ret_url) {
        const char *c = header;

        if (strnlen(header, LINK_HEADER_MAX + 1) > LINK_HEADER_MAX)
                return -EBADMSG;
        for (;;) {
                const char *target;
                bool is_next;
                size_t length;
                char *url;
                int r;

                c += strspn(c, OPTIONAL_SPACE ",");
                if (!*c)
                        return 0;
                if (*c != '<')
                        return -EBADMSG;
                target = c + 1;
                length = strcspn(target, ">");
                if (target[length] != '>')
                        return -EBADMSG;
                c = target + length + 1;
                r = parse_parameters(&c, &is_next);
                if (r < 0)
                        return r;
                if (!is_next)
                        continue;

                if (!target_is_valid(target, length))
                        return -EBADMSG;
                url = strndup(target, length);
                if (!url)
                        return -ENOMEM;
                *ret_url = url;
                return 1;
        }
}
