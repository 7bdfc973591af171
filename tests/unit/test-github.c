#include "source/github.h"

#include "base/clock.h"
#include "base/json.h"
#include "fixtures.h"

#define check_text(call, expected)                                                                          \
        do {                                                                                                \
                _cleanup_free_ char *_text = (call);                                                        \
                check_string(_text, expected);                                                              \
        } while (false)

static void test_urls(void) {
        check_text(github_releases_url("https://api.github.com", "o", "r"),
                "https://api.github.com/repos/o/r/releases?per_page=100");
        check_text(github_releases_url("https://ghe.example/api/v3//", "o", "r"),
                "https://ghe.example/api/v3/repos/o/r/releases?per_page=100");
        check_text(github_releases_url("https://a", "..", "a/b?c#d e"),
                "https://a/repos/../a%2Fb%3Fc%23d%20e/releases?per_page=100");
        check_text(github_archive_url("https://github.com", "o", "r", "v1.0.0"),
                "https://github.com/o/r/archive/refs/tags/v1.0.0.tar.gz");
        check_text(github_archive_url("https://github.com/", "o", "r", "a/v1+b~\xc3\xa4%"),
                "https://github.com/o/r/archive/refs/tags/a/v1%2Bb~%C3%A4%25.tar.gz");
}

static void check_repository(
        const char *url, const char *web_url, const char *owner, const char *repository) {
        _cleanup_free_ char *ret_owner = NULL, *ret_repository = NULL;

        check_int(github_parse_repository_url(url, web_url, &ret_owner, &ret_repository), 0);
        check_string(ret_owner, owner);
        check_string(ret_repository, repository);
}

static void test_repository_url(void) {
        static const struct {
                const char *url;
                int result;
        } bad[] = {
                { "https://gitlab.com/o/r", -EXDEV },
                { "http://github.com/o/r", -EXDEV },
                { "https://github.com.evil.example/o/r", -EXDEV },
                { "https://github.com@evil.example/o/r", -EXDEV },
                { "https://github.com", -EXDEV },
                { "", -EXDEV },
                { "o/r", -EXDEV },
                { "https://github.com/", -EINVAL },
                { "https://github.com/o", -EINVAL },
                { "https://github.com/o/", -EINVAL },
                { "https://github.com//r", -EINVAL },
                { "https://github.com/o/.git", -EINVAL },
                { "https://github.com/o/..", -EINVAL },
                { "https://github.com/../r", -EINVAL },
                { "https://github.com/o/r/tree/main", -EINVAL },
                { "https://github.com/o/r?x", -EINVAL },
                { "https://github.com/o/r//", -EINVAL },
                { "https://github.com/o/%2e%2e", -EINVAL },
                { "https://github.com/o/r\n", -EINVAL },
        };

        check_repository("https://github.com/o/r", "https://github.com", "o", "r");
        check_repository("https://github.com/o/r.git", "https://github.com/", "o", "r");
        check_repository("https://github.com/o/r.git/", "https://github.com", "o", "r");
        check_repository("HTTPS://GitHub.com/Own/Rep/", "https://github.com", "Own", "Rep");
        check_repository(
                "https://localhost:8443/gh/o/a.b-c_d", "https://localhost:8443/gh/", "o", "a.b-c_d");

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                char *owner = NULL, *repository = NULL;
                int r = github_parse_repository_url(bad[i].url, "https://github.com", &owner, &repository);

                if (r != bad[i].result || owner || repository)
                        test_fail(__FILE__, __LINE__, bad[i].url);
        }
        /* The path of the base has case. */
        check_int(
                github_parse_repository_url("https://a/GH/o/r", "https://a/gh", &(char *) {}, &(char *) {}),
                -EXDEV);
}

static ReleaseList *parse(const char *text) {
        _cleanup_free_ char *error = NULL;
        ReleaseList *list = NULL;

        if (github_parse_releases(text, strlen(text), NULL, &list, &error) < 0)
                test_fail(__FILE__, __LINE__, strempty(error));
        return list;
}

static void test_recorded_releases(void) {
        static const char *const tags[] = { "v1.6.0", "v1.6.0-rc1", "v1.6.0-beta5", "v1.6.0-alpha5" };
        _cleanup_(release_list_freep) ReleaseList *list = NULL, *monorepo = NULL;
        _cleanup_free_ char *data = NULL, *monorepo_data = NULL;
        uint64_t published;
        size_t size;

        data = read_fixture("github/tenv-releases.json", &size);
        check_int(github_parse_releases(data, size, NULL, &list, NULL), 0);
        check_int(list->n_releases, ELEMENTSOF(tags));
        check_int(list->n_skipped, 0);
        for (size_t i = 0; i < ELEMENTSOF(tags); i++) {
                check_string(list->releases[i].tag, tags[i]);
                check_string(version_string(list->releases[i].version), tags[i] + 1);
                check(!list->releases[i].withdrawn && !list->releases[i].platforms);
        }
        check_int(clock_parse("2024-01-10T14:13:28Z", &published), 0);
        check(list->releases[0].created_usec == published);

        /* A full page in which no tag is a version. */
        monorepo_data = read_fixture("github/dependabot-releases_monorepo.json", &size);
        check_int(github_parse_releases(monorepo_data, size, NULL, &monorepo, NULL), 0);
        check_int(monorepo->n_releases, 0);
        check_int(monorepo->n_skipped, 30);

        /* Cut anywhere, a document is refused, never read in part. */
        for (size_t cut = 0; cut + 2 < size; cut += 997) {
                _cleanup_free_ char *error = NULL, *copy = malloc(cut + 1);
                ReleaseList *none = NULL;

                check(copy);
                memcpy(copy, monorepo_data, cut);
                check_int(github_parse_releases(copy, cut, NULL, &none, &error), -EBADMSG);
                check(!none && startswith(error, "releases: "));
        }
}

static void test_skipped(void) {
        _cleanup_(release_list_freep) ReleaseList *list =
                parse("[{\"tag_name\": \"v1.0.0\", \"draft\": true},"
                      " {\"tag_name\": null, \"draft\": true},"
                      " {\"tag_name\": \"modules/v1.0.0\"},"
                      " {\"tag_name\": \"../../etc/passwd\"},"
                      " {\"tag_name\": \"latest\"},"
                      " {\"tag_name\": \"\"},"
                      " {\"tag_name\": \"99999999999999999999.0.0\"},"
                      " {\"tag_name\": \"v17.03\", \"draft\": null, \"published_at\": null, \"created_at\": "
                      "\"1970-01-01T00:00:01Z\"},"
                      " {\"tag_name\": \"17.3.0\", \"prerelease\": 7, \"assets\": 0}]");

        check_int(list->n_skipped, 7);
        check_int(list->n_releases, 2);
        check_string(list->releases[0].tag, "v17.03");
        check_int(list->releases[0].created_usec, USEC_PER_SEC);
        check_int(list->releases[1].created_usec, 0);

        release_list_normalize(list);
        check_int(list->n_releases, 1);
        check_string(list->releases[0].tag, "17.3.0");
}

static void test_empty_page(void) {
        _cleanup_(release_list_freep) ReleaseList *list = parse(" [] \n");

        check_int(list->n_releases, 0);
        check_int(list->n_skipped, 0);
}

static void check_refused(const char *text, const char *expected) {
        ReleaseList *list = NULL;
        char *error = NULL;

        check_int(github_parse_releases(text, strlen(text), NULL, &list, &error), -EBADMSG);
        check(!list);
        check_message(error, expected);
        check_int(github_parse_releases(text, strlen(text), NULL, &list, NULL), -EBADMSG);
}

/* What is wrong is said in the words of the JSON library. */
static void check_not_json(const char *text) {
        _cleanup_free_ char *error = NULL;
        ReleaseList *list = NULL;

        check_int(github_parse_releases(text, strlen(text), NULL, &list, &error), -EBADMSG);
        check(!list && startswith(error, "releases: "));
}

#define FINE "{\"tag_name\": \"v1.0.0\"}"

static void test_refused(void) {
        check_refused("", "releases: truncated");
        check_refused("[" FINE, "releases: truncated");
        check_refused("{\"message\": \"Not Found\"}", "releases: expected an array, found an object");
        check_refused("\"x\"", "releases: expected an array, found a string");
        check_refused("[1, 2]", "releases[0]: expected an object, found a number");
        check_refused("[" FINE ", null]", "releases[1]: expected an object, found null");
        check_refused("[" FINE "," FINE "," FINE ", {}]", "releases[3].tag_name: missing");
        check_refused("[" FINE "," FINE "," FINE ", {\"tag_name\": null}]",
                "releases[3].tag_name: expected a string, found null");
        check_refused("[{\"tag_name\": 1}]", "releases[0].tag_name: expected a string, found a number");
        check_refused("[{\"tag_name\": {}}]", "releases[0].tag_name: expected a string, found an object");
        check_refused("[{\"tag_name\": \"v1.0.0\\u0000\"}]", "releases[0].tag_name: contains a NUL byte");
        check_refused("[{\"tag_name\": \"v1.0.0\", \"draft\": \"no\"}]",
                "releases[0].draft: expected true or false, found a string");
        check_refused("[{\"tag_name\": \"v1.0.0\", \"published_at\": 1e400}]",
                "releases[0].published_at: expected a string, found a number");
        check_refused("[{\"tag_name\": \"v1.0.0\", \"published_at\": \"yester\\u001bday\"}]",
                "releases[0].published_at: \"yester?day\" is not a time as in RFC 3339");
        check_not_json("[] []");
        check_not_json("[" FINE ",]");
        check_not_json("[{\"tag_name\": \"\xff\"}]");
        check_not_json("[{\"id\": 18446744073709551616}]");
        check_not_json("null");
        check_not_json("null ");
}

static void test_bounds(void) {
        _cleanup_free_ char *deep = repeat("", "[", 10000, "");
        _cleanup_free_ char *deep_objects = repeat("[", "{\"a\":", 10000, "");
        _cleanup_free_ char *most = repeat("[", FINE ",", RELEASES_PER_PAGE_MAX - 1, FINE "]");
        _cleanup_free_ char *too_many = repeat("[", FINE ",", RELEASES_PER_PAGE_MAX, FINE "]");
        _cleanup_(release_list_freep) ReleaseList *list = parse(most);

        check_refused(deep, "releases: nesting too deep");
        check_refused(deep_objects, "releases: nesting too deep");
        check_int(list->n_releases, RELEASES_PER_PAGE_MAX);
        release_list_normalize(list);
        check_int(list->n_releases, 1);
        check_refused(too_many, "releases: 10001 elements, at most 10000 are accepted");
}

static void check_next(const char *header, int result, const char *expected) {
        _cleanup_free_ char *url = NULL;
        int r = github_parse_link_next(header, &url);

        if (r != result)
                (void) fprintf(stderr, "%s\n", header);
        check_int(r, result);
        check_string(url, expected);
}

static void test_link(void) {
        static const char *const bad[] = {
                "https://a/",
                "<https://a/",
                "<https://a/; rel=\"next\"",
                "<https://a/> rel=\"next\"",
                "<https://a/>; rel=\"next",
                "<https://a/>; rel=\"next\\",
                "<https://a/>; rel=\"next\" <https://b/>",
                "<file:///etc/passwd>; rel=\"next\"",
                "</page2>; rel=\"next\"",
                "<>; rel=\"next\"",
                "<https://a/ b>; rel=\"next\"",
                "<https://a/\r\nX: y>; rel=\"next\"",
                "<https://a/\xc3\xa4>; rel=next",
        };
        _cleanup_free_ char *long_header = repeat("", "<https://a/>; rel=x,", 4000, "");

        check_next("", 0, NULL);
        check_next(" , ,", 0, NULL);
        check_next("<https://a/?page=2>; rel=\"next\"", 1, "https://a/?page=2");
        check_next("<https://a/>; rel=next", 1, "https://a/");
        check_next("<https://a/>;rel=\"last\",<https://b/>;rel=\"prev next\"", 1, "https://b/");
        check_next("<https://a/?x=1,2;3>; title=\"a, b; rel=next \\\" <\"; rel=\"last\", <http://b/>; REL = "
                   "\"NEXT\"",
                1, "http://b/");
        check_next("<https://a/>; title=\"rel=next\"", 0, NULL);
        check_next("<https://a/>; rel=\"nextish\"", 0, NULL);
        check_next("<https://a/>; rel=last; rel=next", 0, NULL);
        check_next("<https://a/>; rel=next; anchor=\"#x\"", 0, NULL);
        check_next("<https://a/>; ; crossorigin; rel*=x; rel=next ,", 1, "https://a/");
        check_next("<https://a/>; rel=prev, <https://a/>; rel=last", 0, NULL);
        check_next("<ftp://a/>; rel=prev, <https://a/>; rel=next", 1, "https://a/");
        check_next("<https://a/>; rel=", 0, NULL);

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check_next(bad[i], -EBADMSG, NULL);
        check_next(long_header, -EBADMSG, NULL);
}

static void test_recorded_links(void) {
        static const char *const next[] = {
                "https://api.github.com/repositories/515435940/issues?per_page=3&page=2",
                "https://api.github.com/repositories/515435940/issues?per_page=3&page=3",
                "https://api.github.com/repositories/515435940/issues?per_page=3&page=4",
                "https://api.github.com/repositories/515435940/issues?per_page=3&page=5",
                NULL,
        };
        _cleanup_(json_unrefp) json_object *exchanges = NULL;
        _cleanup_free_ char *data = NULL;
        const char *header;
        size_t size;

        data = read_fixture("github/octokit-paginate-headers.json", &size);
        check_int(json_parse(data, size, &exchanges, NULL), 0);
        check_int(json_object_array_length(exchanges), ELEMENTSOF(next));
        for (size_t i = 0; i < ELEMENTSOF(next); i++) {
                check_int(json_get_string(json_object_array_get_idx(exchanges, i), "Link", &header), 1);
                check_next(header, next[i] ? 1 : 0, next[i]);
        }
}

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

static void test_tags(void) {
        static const char text[] = "[{\"name\": \"vpc/v1.2.0\", \"commit\": {\"sha\": \"" COMMIT
                                   "\"}}, {\"name\": \"vpc/1.1.0\"}, {\"name\": "
                                   "\"v9.0.0\"}, {\"name\": \"vpc/main\"}, {\"name\": \"../vpc/1.0.0\"}]";
        static const char *const bad[] = { "{}", "[{}]", "[{\"name\": 1}]", "[1]", "<html>",
                "[{\"name\": \"v1.0.0\", \"commit\": 1}]", "[{\"name\": \"v1.0.0\", \"commit\": {}}]",
                "[{\"name\": \"v1.0.0\", \"commit\": {\"sha\": \"main\"}}]" };
        _cleanup_(release_list_freep) ReleaseList *list = NULL, *plain = NULL;
        _cleanup_free_ char *url = github_tags_url("https://x/", "o", "r");

        check_string(url, "https://x/repos/o/r/tags?per_page=100");
        check_int(github_parse_tags(text, strlen(text), "vpc/", &list, NULL), 0);
        check_int(list->n_releases, 2);
        check_int(list->n_skipped, 3);
        check_string(list->releases[0].tag, "vpc/v1.2.0");
        check_string(version_string(list->releases[0].version), "1.2.0");
        check_string(version_string(list->releases[1].version), "1.1.0");
        check_int(list->releases[0].created_usec, 0);
        check_string(list->releases[0].commit, COMMIT);
        check(!list->releases[1].commit);
        check_int(github_parse_tags(text, strlen(text), NULL, &plain, NULL), 0);
        check_int(plain->n_releases, 1);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_free_ char *error = NULL;
                ReleaseList *none = NULL;

                check_int(github_parse_tags(bad[i], strlen(bad[i]), NULL, &none, &error), -EBADMSG);
                check(!none && startswith(error, "tags"));
        }
}

int main(void) {
        test_tags();
        test_urls();
        test_repository_url();
        test_skipped();
        test_empty_page();
        test_refused();
        test_bounds();
        test_link();
        test_recorded_releases();
        test_recorded_links();
        return EXIT_SUCCESS;
}
