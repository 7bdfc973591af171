#include "source/hashicorp.h"

#include "base/list.h"
#include "fixtures.h"

#define check_text(call, expected)                                                                          \
        do {                                                                                                \
                _cleanup_free_ char *_text = (call);                                                        \
                check_string(_text, expected);                                                              \
        } while (false)

static void test_urls(void) {
        check_text(hashicorp_releases_url("https://api.example", "terraform-provider-aws", NULL),
                "https://api.example/v1/releases/terraform-provider-aws?limit=20&license_class=oss");
        check_text(hashicorp_releases_url("https://api.example/", "p", "2022-04-07T16:15:06.000Z"),
                "https://api.example/v1/releases/"
                "p?limit=20&license_class=oss&after=2022-04-07T16%3A15%3A06.000Z");
        check_text(
                hashicorp_releases_url("https://api.example", "a/../b", "2022-04-07T16:15:06+01:00&limit=1"),
                "https://api.example/v1/releases/a%2F..%2Fb?limit=20&license_class=oss"
                "&after=2022-04-07T16%3A15%3A06%2B01%3A00%26limit%3D1");
        check_text(hashicorp_file_url("https://r.example//", "p", "1.0.0+x", "p_1.0.0+x_SHA256SUMS"),
                "https://r.example/p/1.0.0%2Bx/p_1.0.0%2Bx_SHA256SUMS");
}

static void test_signature(void) {
        char *both[] = { "p_1.0.0_SHA256SUMS.348FFC4C.sig", "p_1.0.0_SHA256SUMS.72D7468F.sig",
                "p_1.0.0_SHA256SUMS.sig", NULL };
        char *general[] = { "p_1.0.0_SHA256SUMS.348FFC4C.sig", "p_1.0.0_SHA256SUMS.sig", NULL };
        char *other[] = { "p.asc", "q.asc", NULL };
        const char *const keys[] = { "0000", "C874011F0AB405110D02105534365D9472D7468F", NULL };
        const char *const none[] = { NULL };

        check_string(hashicorp_find_signature(both, keys), both[1]);
        check_string(hashicorp_find_signature(both, none), both[2]);
        check_string(hashicorp_find_signature(general, keys), general[1]);
        check_string(hashicorp_find_signature(other, keys), other[0]);
        check(!hashicorp_find_signature(both + 3, keys) && !hashicorp_find_signature(NULL, keys));
}

/* Walks the four recorded pages as discovery does, and arrives at the cursors that were used when they were recorded
 * (those were cut to whole seconds then, and all of them were whole). */
static void test_recorded_pages(void) {
        static const struct {
                const char *file;
                size_t n_releases;
                const char *after;
        } pages[] = {
                { "page1.json", 16, "2022-04-07T16:15:06.000Z" },
                { "page2.json", 16, "2021-04-08T18:56:58.000Z" },
                { "page3.json", 11, "2020-10-15T16:37:48.000Z" },
                { "page4.json", 0, NULL },
        };
        _cleanup_(release_list_freep) ReleaseList *all = calloc(1, sizeof(ReleaseList));
        const Release *release;

        check(all);
        for (size_t i = 0; i < ELEMENTSOF(pages); i++) {
                _cleanup_(release_list_freep) ReleaseList *page = NULL;
                _cleanup_free_ char *data = NULL, *after = NULL;
                char name[128];
                size_t size;

                (void) snprintf(name, sizeof(name), "hashicorp-releases/api-v1-list/%s", pages[i].file);
                data = read_fixture(name, &size);
                check_int(hashicorp_parse_releases(data, size, "waypoint", &page, &after, NULL), 0);
                check_int(page->n_releases, pages[i].n_releases);
                check_int(page->n_skipped, 0);
                check_string(after, pages[i].after);
                check_int(release_list_join(all, page), 0);
        }

        check_int(all->n_releases, 43);
        release_list_normalize(all);
        check_int(all->n_releases, 43);
        release = &all->releases[0];
        check_string(release->tag, "0.11.4");
        check(!release->withdrawn);
        check_int(strings_length(release->platforms), 8);
        check_string(release->platforms[0], "darwin_amd64");
        check_string(release->shasums_file, "waypoint_0.11.4_SHA256SUMS");
        check_int(release->created_usec % USEC_PER_SEC, 901000);

        release = &all->releases[42];
        check_string(release->tag, "0.1.0");
        check_int(strings_length(release->platforms), 6);
        check_int(strings_length(release->signature_files), 3);
        check_string(release->signature_files[0], "waypoint_0.1.0_SHA256SUMS.sig");
        check_string(release->signature_files[1], "waypoint_0.1.0_SHA256SUMS.348FFC4C.sig");
        check_string(release->signature_files[2], "waypoint_0.1.0_SHA256SUMS.72D7468F.sig");
}

static void test_recorded_cut(void) {
        _cleanup_free_ char *data = NULL;
        size_t size;

        data = read_fixture("hashicorp-releases/api-v1-list/page3.json", &size);
        for (size_t cut = 0; cut + 2 < size; cut += 499) {
                _cleanup_free_ char *error = NULL, *copy = malloc(cut + 1);
                ReleaseList *list = NULL;
                char *after = NULL;

                check(copy);
                memcpy(copy, data, cut);
                check_int(hashicorp_parse_releases(copy, cut, "waypoint", &list, &after, &error), -EBADMSG);
                check(!list && !after && streq(error, "releases: truncated"));
        }
}

#define HEAD(version, class)                                                                                \
        "{\"name\": \"p\", \"version\": \"" version "\", \"license_class\": \"" class "\""
#define TIME ", \"timestamp_created\": \"2024-01-02T03:04:05.678Z\""
#define STATUS(state) ", \"status\": {\"state\": \"" state "\"}"
#define BUILD(os, arch, file)                                                                               \
        "{\"os\": \"" os "\", \"arch\": \"" arch "\", \"url\": \"https://r/p/1.0.0/" file "\"}"
#define BUILDS(list) ", \"builds\": [" list "]"
#define FINE BUILD("linux", "amd64", "p_1.0.0_linux_amd64.zip")
#define REST TIME STATUS("supported") BUILDS(FINE)

static ReleaseList *parse(const char *text, char **ret_after) {
        _cleanup_free_ char *error = NULL, *after = NULL;
        ReleaseList *list = NULL;

        if (hashicorp_parse_releases(text, strlen(text), "p", &list, &after, &error) < 0)
                test_fail(__FILE__, __LINE__, strempty(error));
        if (ret_after)
                *ret_after = TAKE_PTR(after);
        return list;
}

static void test_skipped(void) {
        _cleanup_free_ char *after = NULL;
        _cleanup_(release_list_freep) ReleaseList *list = parse("[" HEAD("1.0.0", "oss") REST
                "}," HEAD("1.0.0+ent", "enterprise") TIME "}," HEAD("nightly", "oss") REST
                "}," HEAD("../1.0.0", "oss") REST "}," HEAD("1.0.1", "oss") TIME STATUS("in quarantine")
                        BUILDS("") "}," HEAD("0.9.0", "oss") TIME
                ", \"status\": {\"state\": \"withdrawn\", \"message\": \"broken\"}" BUILDS("") "}," HEAD(
                        "1.0.0", "hcp") ", \"timestamp_created\": \"2023-01-02T03:04:05.678901+01:00\"}]",
                &after);

        /* The last element gives the cursor, listed or not, as it was received. */
        check_string(after, "2023-01-02T03:04:05.678901+01:00");
        check_int(list->n_skipped, 5);
        check_int(list->n_releases, 2);
        check_string(list->releases[0].tag, "1.0.0");
        check(!list->releases[0].shasums_file && !list->releases[0].signature_files);
        check(list->releases[1].withdrawn);
        check_string(list->releases[1].withdrawn_message, "broken");
        check(!list->releases[0].withdrawn && !list->releases[0].withdrawn_message);
}

static void test_builds(void) {
        _cleanup_(release_list_freep) ReleaseList *list = parse(
                "[" HEAD("1.0.0", "oss") TIME STATUS("unsupported") ", \"builds\": [" BUILD("windows", "386",
                        "p_1.0.0_windows_386.zip?x=/p_1.0.0_other_386.zip#/"
                        "f") "," FINE "," FINE "," BUILD("linux", "arm64",
                        "p_1.0.0_linux_amd64.zip") "," BUILD("linux", "arm",
                        "p_1.0.1_linux_arm.zip") "," BUILD("linux", "arm",
                        "p_1.0.0_linux_arm.deb") "," BUILD("linux", "arm", "") "," BUILD("..", "x",
                        "p_1.0.0_.._x.zip") "," BUILD("../linux", "x",
                        "p_1.0.0_../linux_x.zip") "," BUILD("", "", "p_1.0.0__.zip") "," BUILD("", "x",
                        "p_1.0.0__x.zip") ","
                                          "{\"os\": \"darwin\", \"arch\": "
                                          "\"arm64\", \"url\": "
                                          "\"p_1.0.0_darwin_arm64.zip\", "
                                          "\"unsupported\": true}"
                                          "], \"url_shasums\": "
                                          "\"https://elsewhere.example/a/b/"
                                          "p_1.0.0_SHA256SUMS?token=/x\","
                                          " \"url_shasums_signatures\": "
                                          "null}]",
                NULL);
        const Release *release = &list->releases[0];

        check_int(list->n_releases, 1);
        check_int(strings_length(release->platforms), 3);
        check_string(release->platforms[0], "darwin_arm64");
        check_string(release->platforms[1], "linux_amd64");
        check_string(release->platforms[2], "windows_386");
        check_string(release->shasums_file, "p_1.0.0_SHA256SUMS");
}

static void test_duplicates(void) {
        _cleanup_(release_list_freep) ReleaseList *list = parse("[" HEAD("1.0", "oss") REST
                "}," HEAD("1.0.0", "oss") REST "}," HEAD("1.0.0", "oss") REST "}]",
                NULL);

        check_int(list->n_releases, 3);
        release_list_normalize(list);
        check_int(list->n_releases, 1);
        check_string(list->releases[0].tag, "1.0.0");
}

static void check_refused(const char *text, const char *expected) {
        ReleaseList *list = NULL;
        char *error = NULL, *after = NULL;

        check_int(hashicorp_parse_releases(text, strlen(text), "p", &list, &after, &error), -EBADMSG);
        check(!list && !after);
        check_message(error, expected);
        check_int(hashicorp_parse_releases(text, strlen(text), "p", &list, &after, NULL), -EBADMSG);
}

/* What is wrong is said in the words of the JSON library. */
static void check_not_json(const char *text) {
        _cleanup_free_ char *error = NULL, *after = NULL;
        ReleaseList *list = NULL;

        check_int(hashicorp_parse_releases(text, strlen(text), "p", &list, &after, &error), -EBADMSG);
        check(!list && !after && startswith(error, "releases: "));
}

#define ONE(members) "[" HEAD("1.0.0", "oss") members "}]"

static void test_refused(void) {
        check_refused("", "releases: truncated");
        check_refused("[1, 2, 3]", "releases[0]: expected an object, found a number");
        check_refused("{\"code\": 404, \"message\": \"x\"}", "releases: expected an array, found an object");
        check_refused("[{}]", "releases[0].name: missing");
        check_refused("[{\"name\": null}]", "releases[0].name: expected a string, found null");
        check_refused(
                "[{\"name\": \"q\"}]", "releases[0].name: \"q\" is not the product that was asked for");
        check_refused("[{\"name\": \"p\\u0000\"}]", "releases[0].name: contains a NUL byte");
        check_refused("[{\"name\": \"p\", \"license_class\": \"oss\"}]", "releases[0].version: missing");
        check_refused("[{\"name\": \"p\", \"version\": \"1.0.0\"}]", "releases[0].license_class: missing");
        check_refused(ONE(TIME BUILDS("")), "releases[0].status: missing");
        check_refused(ONE(TIME BUILDS("") ", \"status\": \"supported\""),
                "releases[0].status: expected an object, found a string");
        check_refused(ONE(TIME BUILDS("") ", \"status\": {}"), "releases[0].status.state: missing");
        check_refused(ONE(TIME BUILDS("") ", \"status\": {\"state\": \"withdrawn\", \"message\": []}"),
                "releases[0].status.message: expected a string, found an array");
        check_refused(ONE(STATUS("supported") BUILDS("")), "releases[0].timestamp_created: missing");
        check_refused(ONE(STATUS("supported") BUILDS("") ", \"timestamp_created\": 1e999"),
                "releases[0].timestamp_created: expected a string, found a number");
        check_refused(
                ONE(STATUS("supported") BUILDS("") ", \"timestamp_created\": \"2024-13-01T00:00:00Z\""),
                "releases[0].timestamp_created: \"2024-13-01T00:00:00Z\" is not a time as in RFC 3339");
        check_refused("[" HEAD("1.0.0", "hcp") "}]", "releases[0].timestamp_created: missing");
        check_refused(
                ONE(STATUS("supported") BUILDS(
                        "") ", \"timestamp_created\": "
                            "\"2024-01-01T00:00:00.00000000000000000000000000000000000000000000000000Z\""),
                "releases[0].timestamp_created: "
                "\"2024-01-01T00:00:00.00000000000000000000000000000000000000000000\"… "
                "is too long for a time");
        check_refused(ONE(TIME STATUS("supported")), "releases[0].builds: missing");
        check_refused(ONE(TIME STATUS("supported") BUILDS("7")),
                "releases[0].builds[0]: expected an object, found a number");
        check_refused(ONE(TIME STATUS("supported") BUILDS(FINE ", {\"os\": \"linux\", \"arch\": 386}")),
                "releases[0].builds[1].arch: expected a string, found a number");
        check_refused(ONE(TIME STATUS("supported") BUILDS(FINE ", {\"os\": \"li\\u0000nux\"}")),
                "releases[0].builds[1].os: contains a NUL byte");
        check_not_json(ONE(REST ", \"size\": 99999999999999999999999999"));
        check_refused(ONE(REST ", \"url_shasums\": 1"),
                "releases[0].url_shasums: expected a string, found a number");
        check_refused(ONE(REST ", \"url_shasums\": \"https://r/p/..\""),
                "releases[0].url_shasums: \"https://r/p/..\" does not end with a file name");
        check_refused(ONE(REST ", \"url_shasums\": \"https://r/p/a%2fb\""),
                "releases[0].url_shasums: \"https://r/p/a%2fb\" does not end with a file name");
        check_refused(ONE(REST ", \"url_shasums\": \"https://r/p/\""),
                "releases[0].url_shasums: \"https://r/p/\" does not end with a file name");
        check_refused(ONE(REST ", \"url_shasums_signatures\": \"a\""),
                "releases[0].url_shasums_signatures: expected an array, found a string");
        check_refused(ONE(REST ", \"url_shasums_signatures\": [\"a.sig\", {}]"),
                "releases[0].url_shasums_signatures[1]: expected a string, found an object");
        check_refused(ONE(REST ", \"url_shasums_signatures\": [\"a\", \"x/.hidden\"]"),
                "releases[0].url_shasums_signatures[1]: \"x/.hidden\" does not end with a file name");
}

static void test_bounds(void) {
        _cleanup_free_ char *deep = repeat("", "[", 10000, "");
        _cleanup_free_ char *most =
                repeat("[" HEAD("1.0.0", "oss") TIME STATUS("supported") ", \"builds\": [", FINE ",",
                        RELEASE_PLATFORMS_MAX - 1, FINE "]}]");
        _cleanup_free_ char *too_many_builds =
                repeat("[" HEAD("1.0.0", "oss") TIME STATUS("supported") ", \"builds\": [", FINE ",",
                        RELEASE_PLATFORMS_MAX, FINE "]}]");
        _cleanup_free_ char *too_many_signatures =
                repeat("[" HEAD("1.0.0", "oss") REST ", \"url_shasums_signatures\": [", "\"a\",",
                        RELEASE_SIGNATURES_MAX, "\"a\"]}]");
        _cleanup_free_ char *too_many = repeat("[", "0,", RELEASES_PER_PAGE_MAX, "0]");
        _cleanup_(release_list_freep) ReleaseList *list = parse(most, NULL);

        check_int(strings_length(list->releases[0].platforms), 1);
        check_refused(deep, "releases: nesting too deep");
        check_refused(too_many_builds, "releases[0].builds: 1001 elements, at most 1000 are accepted");
        check_refused(too_many_signatures,
                "releases[0].url_shasums_signatures: 101 elements, at most 100 are accepted");
        check_refused(too_many, "releases: 10001 elements, at most 10000 are accepted");
}

static void check_manifest(const char *text, const char *expected) {
        _cleanup_(strings_freep) char **protocols = NULL;
        _cleanup_free_ char *error = NULL;

        check_int(hashicorp_parse_manifest(text, strlen(text), &protocols, &error), -EBADMSG);
        check(!protocols);
        check_string(error, expected);
}

static void test_manifest(void) {
        static const char text[] =
                "{\"version\": 1, \"metadata\": {\"protocol_versions\": [\"5.0\", \"6.0\"]}}";
        _cleanup_(strings_freep) char **protocols = NULL;

        check_int(hashicorp_parse_manifest(text, strlen(text), &protocols, NULL), 0);
        check_int(strings_length(protocols), 2);
        check_string(protocols[0], "5.0");
        check_string(protocols[1], "6.0");
        check_manifest("{\"version\": 1}", "manifest.metadata: missing");
        check_manifest("{\"metadata\": {\"protocol_versions\": [\"five\"]}}",
                "manifest.metadata.protocol_versions[0]: \"five\" is not a version of the plugin protocol");
}

int main(void) {
        test_urls();
        test_signature();
        test_skipped();
        test_builds();
        test_duplicates();
        test_refused();
        test_bounds();
        test_manifest();
        test_recorded_pages();
        test_recorded_cut();
        return EXIT_SUCCESS;
}
