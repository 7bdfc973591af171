#include "model/release.h"

#include "base/list.h"
#include "test.h"

static Release make(const char *version, const char *tag) {
        Release release = {};

        check_int(version_parse(version, &release.version), 0);
        check_int(string_assign(&release.tag, tag), 0);
        return release;
}

static ReleaseList *new_list(void) {
        ReleaseList *list = calloc(1, sizeof(ReleaseList));

        check(list);
        return list;
}

static void append(ReleaseList *list, const char *version, const char *tag) {
        Release release = make(version, tag);

        check_int(release_list_append(list, &release), 0);
        check(!release.version && !release.tag);
}

static const Release *find(const ReleaseList *list, const char *text) {
        _cleanup_(version_freep) Version *version = NULL;

        check_int(version_parse(text, &version), 0);
        return release_list_find(list, version);
}

static void test_normalize(void) {
        static const char *const expected[][2] = {
                { "10.0.0", "10.0.0" },
                { "2.0.0", "v2.0.0" },
                { "2.0.0-rc1", "v2.0.0-rc1" },
                { "1.1.0", "1.1" },
                { "1.0.0+b", "1.0.0+b" },
                { "1.0.0+a", "1.0.0+a" },
                { "1.0.0", "1.0.0" },
        };
        _cleanup_(release_list_freep) ReleaseList *list = new_list();

        append(list, "1.1", "1.1"); /* no tag is the version's text: the first listed stays */
        append(list, "1.0.0", "v1.0");
        append(list, "1.1", "v1.1");
        append(list, "1.0.0", "1.0.0"); /* the text itself goes before what was listed earlier */
        append(list, "1.0.0", "v1.0.0");
        append(list, "2.0.0-rc1", "v2.0.0-rc1");
        append(list, "1.0.0+a", "1.0.0+a");
        append(list, "2.0.0", "v2");
        append(list, "2.0.0", "v2.0.0");
        append(list, "10.0.0", "10.0.0");
        append(list, "1.0.0+b", "1.0.0+b");

        release_list_normalize(list);
        check_int(list->n_releases, ELEMENTSOF(expected));
        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                check_string(version_string(list->releases[i].version), expected[i][0]);
                check_string(list->releases[i].tag, expected[i][1]);
                check(find(list, expected[i][0]) == &list->releases[i]);
        }
        check(!find(list, "1.0.1"));
        check(!find(list, "11.0.0"));
        check(!find(list, "0.0.1"));
        check(!find(list, "1.0.0+c"));

        /* Nothing is left to be done the second time. */
        release_list_normalize(list);
        check_int(list->n_releases, ELEMENTSOF(expected));

        /* Still a list that grows. */
        for (unsigned i = 0; i < 100; i++) {
                char text[32];

                (void) snprintf(text, sizeof(text), "3.%u.0", i);
                append(list, text, text);
        }
        release_list_normalize(list);
        check_int(list->n_releases, ELEMENTSOF(expected) + 100);
        check_string(list->releases[1].tag, "3.99.0");
}

static void test_empty(void) {
        _cleanup_(release_list_freep) ReleaseList *list = new_list(), *other = new_list();

        release_list_normalize(list);
        check(!find(list, "1.0.0"));
        check_int(release_list_join(list, other), 0);
        check_int(list->n_releases, 0);
        check(!release_list_free(NULL));
}

static void test_join(void) {
        _cleanup_(release_list_freep) ReleaseList *list = new_list(), *other = new_list();

        append(list, "1.0.0", "1.0.0");
        list->n_skipped = 1;
        append(other, "3.0.0", "3.0.0");
        append(other, "2.0.0", "2.0.0");
        other->n_skipped = 2;
        check_int(release_list_join(list, other), 0);
        check_int(list->n_releases, 3);
        check_int(list->n_skipped, 3);
        check_int(other->n_releases, 0);
        check_int(other->n_skipped, 0);
        check_string(list->releases[0].tag, "1.0.0");
        check_string(list->releases[1].tag, "3.0.0");
        check_string(list->releases[2].tag, "2.0.0");
}

static char **words(const char *const *text, size_t n) {
        char **strings = NULL;

        for (size_t i = 0; i < n; i++)
                check_int(strings_append(&strings, text[i]), 0);
        return strings;
}

static void test_set_platforms(void) {
        static const char *const unsorted[] = { "windows_386", "linux_arm", "darwin_arm64", "linux_arm" };
        Release release = {};

        release_set_platforms(&release, words(unsorted, ELEMENTSOF(unsorted)));
        check_int(strings_length(release.platforms), 3);
        check_string(release.platforms[0], "darwin_arm64");
        check_string(release.platforms[1], "linux_arm");
        check_string(release.platforms[2], "windows_386");
        release_set_platforms(&release, words(unsorted, 1));
        check_int(strings_length(release.platforms), 1);
        release_set_platforms(&release, NULL);
        check(!release.platforms);
        release_clear(&release);
}

static void test_cache(void) {
        static const char *const platforms[] = { "linux_arm64", "linux_amd64" };
        static const char *const signatures[] = { "a_SHA256SUMS.72D7468F.sig", "a_SHA256SUMS.sig" };
        _cleanup_(release_list_freep) ReleaseList *list = new_list(), *again = NULL;
        _cleanup_(json_unrefp) json_object *array = NULL, *array_again = NULL;
        _cleanup_free_ char *text = NULL, *text_again = NULL;
        const Release *release;
        Release full = make("5.80.0", "5.80.0");

        full.created_usec = UINT64_C(1700000000123456);
        full.withdrawn = true;
        check_int(string_assign(&full.withdrawn_message, "broken \"build\""), 0);
        release_set_platforms(&full, words(platforms, 2));
        check_int(string_assign(&full.shasums_file, "a_SHA256SUMS"), 0);
        full.signature_files = words(signatures, 2);
        check_int(release_list_append(list, &full), 0);
        append(list, "1.1.0", "v1.1");
        append(list, "1.0.0", NULL);

        array = release_list_to_json(list);
        check(array);
        text = json_format(array, false);
        check_int(release_list_from_json(array, &again), 0);
        array_again = release_list_to_json(again);
        text_again = json_format(array_again, false);
        check_string(text_again, text);

        check_int(again->n_releases, 3);
        release = &again->releases[0];
        check_string(version_string(release->version), "5.80.0");
        check_string(release->tag, "5.80.0");
        check(release->created_usec == UINT64_C(1700000000123456));
        check(release->withdrawn);
        check_string(release->withdrawn_message, "broken \"build\"");
        check_int(strings_length(release->platforms), 2);
        check_string(release->platforms[0], "linux_amd64");
        check_string(release->shasums_file, "a_SHA256SUMS");
        check(strings_equal(release->signature_files, list->releases[0].signature_files));
        check_string(again->releases[1].tag, "v1.1");
        check_string(version_string(again->releases[1].version), "1.1.0");
        check(!again->releases[1].withdrawn && !again->releases[1].platforms);
        check(!again->releases[2].tag);
}

static void test_bad_cache(void) {
        static const char *const bad[] = {
                "{}",
                "\"1.0.0\"",
                "[1]",
                "[null]",
                "[[]]",
                "[{}]",
                "[{\"tag\": 1}]",
                "[{\"tag\": null}]",
                "[{\"tag\": \"x\"}]",
                "[{\"tag\": \"../1.0\"}]",
                "[{\"tag\": \"1.0\\u0000\"}]",
                "[{\"tag\": \"1.0\", \"version\": \"y\"}]",
                "[{\"tag\": \"1.0\", \"created\": -1}]",
                "[{\"tag\": \"1.0\", \"created\": 1.5}]",
                "[{\"tag\": \"1.0\", \"withdrawn\": \"yes\"}]",
                "[{\"tag\": \"1.0\", \"message\": {}}]",
                "[{\"tag\": \"1.0\", \"platforms\": \"\"}]",
                "[{\"tag\": \"1.0\", \"platforms\": \"linux_amd64 ../x_y\"}]",
                "[{\"tag\": \"1.0\", \"platforms\": [\"linux_amd64\"]}]",
                "[{\"tag\": \"1.0\", \"shasums\": \"a/b\"}]",
                "[{\"tag\": \"1.0\", \"signatures\": \"a\"}]",
                "[{\"tag\": \"1.0\", \"signatures\": [\"..\"]}]",
                "[{\"tag\": \"1.0\", \"signatures\": [1]}]",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_(json_unrefp) json_object *array = NULL;
                ReleaseList *list = NULL;

                check_int(json_parse(bad[i], strlen(bad[i]), &array, NULL), 0);
                if (release_list_from_json(array, &list) != -EBADMSG)
                        test_fail(__FILE__, __LINE__, bad[i]);
                check(!list);
        }
}

int main(void) {
        test_normalize();
        test_empty();
        test_join();
        test_set_platforms();
        test_cache();
        test_bad_cache();
        return EXIT_SUCCESS;
}
