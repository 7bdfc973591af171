#include "publish/documents.h"

#include "base/shared.h"
#include "test.h"

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define H1 "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

static RecordVersion *make(const char *text, VersionState state) {
        RecordVersion *version = NULL;

        check_int(record_version_new(text, &version), 0);
        version->state = state;
        return version;
}

static void put_artifact(RecordVersion *version, const char *platform, const char *file) {
        RecordArtifact artifact = { .size = 1 };

        check_int(record_artifact_set_digests(&artifact, SHA_A, H1), 0);
        check_int(shared_assign(&artifact.platform, platform), 0);
        check_int(string_assign(&artifact.file, file), 0);
        check_int(record_version_put_artifact(version, &artifact), 0);
}

/* Compares as JSON: white space and the way a slash is written do not matter, the order of members does. */
static void check_document(char *text, const char *expected) {
        _cleanup_(json_unrefp) json_object *value = NULL, *expected_value = NULL;
        _cleanup_free_ char *plain = NULL, *expected_plain = NULL;

        check(text);
        check_int(json_parse(text, strlen(text), &value, NULL), 0);
        check_int(json_parse(expected, strlen(expected), &expected_value, NULL), 0);
        plain = json_format(value, false);
        expected_plain = json_format(expected_value, false);
        check_string(plain, expected_plain);
        check(text[strlen(text) - 1] == '\n');
        check(!strstr(text, "\\/"));
        free(text);
}

static void test_index(void) {
        static const struct {
                const char *version;
                VersionState state;
        } versions[] = {
                { "5.79.0", VERSION_PUBLISHED },
                { "5.80.0", VERSION_PUBLISHED },
                { "5.81.0", VERSION_HELD },
                { "5.9.0", VERSION_PUBLISHED },
                { "5.1.0", VERSION_PRUNING },
                { "6.0.0-beta1", VERSION_PUBLISHED },
        };
        _cleanup_(record_freep) Record *record = NULL;

        check_int(record_new(PACKAGE_PROVIDER, "hashicorp/aws", "hashicorp:terraform-provider-aws", &record),
                0);
        check_document(documents_index(record), "{\"versions\": {}}");
        for (size_t i = 0; i < ELEMENTSOF(versions); i++)
                check_int(record_put(record, make(versions[i].version, versions[i].state)), 0);
        check_document(documents_index(record),
                "{\"versions\": {\"6.0.0-beta1\": {}, \"5.80.0\": {}, \"5.79.0\": {}, \"5.9.0\": {}}}");
}

static void test_version(void) {
        _cleanup_(record_version_freep) RecordVersion *version = make("5.80.0", VERSION_PUBLISHED);

        check_document(documents_version(version, ""), "{\"archives\": {}}");
        put_artifact(version, "linux_arm64", "terraform-provider-aws_5.80.0_linux_arm64.zip");
        put_artifact(version, "darwin_arm64", "terraform-provider-aws_5.80.0_darwin_arm64.zip");
        check_document(documents_version(version, ""),
                "{\"archives\": {"
                "\"darwin_arm64\": {\"url\": \"terraform-provider-aws_5.80.0_darwin_arm64.zip\","
                " \"hashes\": [\"" H1 "\", \"zh:" SHA_A "\"]},"
                "\"linux_arm64\": {\"url\": \"terraform-provider-aws_5.80.0_linux_arm64.zip\","
                " \"hashes\": [\"" H1 "\", \"zh:" SHA_A "\"]}}}");

        version->artifacts[0].has_h1 = false;
        check_document(documents_version(version, "../../../registry.terraform.io/hashicorp/aws/"),
                "{\"archives\": {"
                "\"darwin_arm64\": {\"url\": \"../../../registry.terraform.io/hashicorp/aws/"
                "terraform-provider-aws_5.80.0_darwin_arm64.zip\", \"hashes\": [\"zh:" SHA_A "\"]},"
                "\"linux_arm64\": {\"url\": \"../../../registry.terraform.io/hashicorp/aws/"
                "terraform-provider-aws_5.80.0_linux_arm64.zip\","
                " \"hashes\": [\"" H1 "\", \"zh:" SHA_A "\"]}}}");
}

/* What may not be installed has no archive, whoever asks. */
static void test_hidden(void) {
        _cleanup_(record_version_freep) RecordVersion *version = make("5.80.0", VERSION_HELD),
                                                      *module = NULL;

        put_artifact(version, "linux_arm64", "terraform-provider-aws_5.80.0_linux_arm64.zip");
        check_document(documents_version(version, ""), "{\"archives\": {}}");
        version->state = VERSION_PRUNING;
        check_document(documents_version(version, ""), "{\"archives\": {}}");

        module = make("1.0.0", VERSION_PUBLISHED);
        put_artifact(module, NULL, "1.0.0.zip");
        check_document(documents_version(module, ""), "{\"archives\": {}}");
}

int main(void) {
        test_index();
        test_version();
        test_hidden();
        return EXIT_SUCCESS;
}
