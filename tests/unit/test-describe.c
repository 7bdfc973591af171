#include "varlink/describe.h"

#include "plan-scenarios.h"

static Package *package;

static void set_up(const char *record, const char *statuses) {
        char *word;

        package = calloc(1, sizeof(Package));
        check(package);
        package->kind = PACKAGE_PROVIDER;
        check_int(string_assign(&package->name, "a/b"), 0);
        check_int(string_assign(&package->store_identity, "fileSystem:/store"), 0);
        package->record = record ? make_record(PACKAGE_PROVIDER, record) : NULL;
        while (next_word(&statuses, &word)) {
                check(package_set_status(package, word, VERSION_FAILED, "for a reason"));
                free(word);
        }
}

static void tear_down(void) {
        package = package_free(package);
}

/* "1.2.0 published, 1.1.0 failed" */
static char *format_versions(sd_json_variant *array) {
        Buffer text = {};

        check_int(buffer_append(&text, "", 0), 0);
        for (size_t i = 0; array && i < sd_json_variant_elements(array); i++) {
                sd_json_variant *element = sd_json_variant_by_index(array, i);

                check_int(buffer_append_format(&text, "%s%s %s", i > 0 ? ", " : "",
                                  sd_json_variant_string(sd_json_variant_by_key(element, "version")),
                                  sd_json_variant_string(sd_json_variant_by_key(element, "state"))),
                        0);
        }
        return text.data;
}

/* One slice with so much room. */
static void check_slice(Version **after, size_t room, const char *expected, bool more, size_t left) {
        _cleanup_free_ char *text = NULL;
        sd_json_variant *array = NULL;

        check_int(describe_versions(package, after, &room, &array), more);
        text = format_versions(array);
        check_string(strempty(text), expected);
        check_int(room, left);
        sd_json_variant_unref(array);
}

#define RECORD "2.0.0=linux_amd64,linux_arm64 1.10.0=linux_amd64 1.9.0~held 1.0.0=linux_amd64"
#define STATUSES "3.0.0 2.0.0-rc1 1.10.0 1.9.1 0.1.0"

static const char *const all[] = { "3.0.0 failed", "2.0.0 published", "2.0.0-rc1 failed", "1.10.0 failed",
        "1.9.1 failed", "1.9.0 held", "1.0.0 published", "0.1.0 failed" };

/* However large the slices are, together they are the whole. */
static void test_every_size(void) {
        set_up(RECORD, STATUSES);
        for (size_t size = 1; size < 20; size++) {
                _cleanup_(version_freep) Version *after = NULL;
                size_t n = 0;
                int r = 1;

                for (unsigned slices = 0; r > 0; slices++) {
                        sd_json_variant *array = NULL;
                        size_t room = size, weight = 0;

                        check(slices <= ELEMENTSOF(all));
                        r = describe_versions(package, &after, &room, &array);
                        check(r >= 0);
                        for (size_t i = 0; i < sd_json_variant_elements(array); i++) {
                                sd_json_variant *element = sd_json_variant_by_index(array, i);
                                sd_json_variant *artifacts = sd_json_variant_by_key(element, "artifacts");
                                const char *text =
                                        sd_json_variant_string(sd_json_variant_by_key(element, "version"));

                                check(n < ELEMENTSOF(all) && weight < size);
                                check_int(strncmp(all[n], text, strlen(text)), 0);
                                check_int(all[n][strlen(text)], ' ');
                                weight += 1 + sd_json_variant_elements(artifacts);
                                n++;
                        }
                        check_int(room, weight > size ? 0 : size - weight);
                        sd_json_variant_unref(array);
                }
                check_int(n, ELEMENTSOF(all));
        }
        tear_down();
}

static void test_states(void) {
        _cleanup_(version_freep) Version *after = NULL;

        set_up(RECORD, STATUSES);
        check_slice(&after, 100,
                "3.0.0 failed, 2.0.0 published, 2.0.0-rc1 failed, 1.10.0 failed, 1.9.1 failed, 1.9.0 held, "
                "1.0.0 published, 0.1.0 failed",
                false, 100 - 8 - 4);
        check_string(version_string(after), "0.1.0");
        /* That was all. */
        check_slice(&after, 100, "", false, 100);
        tear_down();

        after = version_free(after);
        set_up(NULL, "");
        check_slice(&after, 100, "", false, 100);
        check(!after);
        tear_down();
}

/* Each version is as it is when its slice is made. */
static void test_changes_in_between(void) {
        _cleanup_(version_freep) Version *after = NULL, *gone = NULL;
        RecordVersion *version;

        set_up(RECORD, STATUSES);
        check_slice(&after, 3, "3.0.0 failed, 2.0.0 published", true, 0);
        check_string(version_string(after), "2.0.0");

        /* The one told last is gone, as is the next one; another has come into the record, and two are new. */
        record_remove(package->record, after);
        package_clear_status(package, "2.0.0-rc1");
        check_int(record_version_new("1.9.1", &version), 0);
        check_int(record_put(package->record, version), 0);
        package_clear_status(package, "1.9.1");
        check(package_set_status(package, "2.1.0", VERSION_PLANNED, NULL));
        check(package_set_status(package, "1.9.5", VERSION_PLANNED, NULL));
        check_int(version_parse("1.9.0", &gone), 0);
        record_remove(package->record, gone);
        check_slice(&after, 100,
                "1.10.0 failed, 1.9.5 planned, 1.9.1 published, 1.0.0 published, 0.1.0 failed", false,
                100 - 5 - 2);

        /* The record as a whole. */
        after = version_free(after);
        check_slice(&after, 2, "3.0.0 failed, 2.1.0 planned", true, 0);
        package->record = record_free(package->record);
        check_slice(&after, 100, "1.10.0 failed, 1.9.5 planned, 0.1.0 failed", false, 97);
        tear_down();
}

/* Where there is no room, it is only seen whether there are more. */
static void test_no_room(void) {
        _cleanup_(version_freep) Version *after = NULL;

        set_up("1.0.0", "");
        check_slice(&after, 0, "", true, 0);
        check_slice(&after, 1, "1.0.0 published", false, 0);
        check_slice(&after, 0, "", false, 0);
        tear_down();
        after = version_free(after);
        set_up(NULL, "1.0.0");
        check_slice(&after, 0, "", true, 0);
        tear_down();
}

static void check_one(const char *text, const char *expected) {
        _cleanup_(version_freep) Version *version = NULL;
        _cleanup_free_ char *found = NULL;
        sd_json_variant *array = NULL;

        check_int(version_parse(text, &version), 0);
        check_int(describe_one_version(package, version, &array), 0);
        found = format_versions(array);
        check_string(strempty(found), expected);
        sd_json_variant_unref(array);
}

static void test_one(void) {
        set_up(RECORD, STATUSES);
        check_one("2.0.0", "2.0.0 published");
        check_one("v1.10", "1.10.0 failed");
        check_one("3", "3.0.0 failed");
        check_one("4", "");
        tear_down();
        set_up(NULL, "");
        check_one("1.0.0", "");
        tear_down();
}

int main(void) {
        test_every_size();
        test_states();
        test_changes_in_between();
        test_no_room();
        test_one();
        return EXIT_SUCCESS;
}
