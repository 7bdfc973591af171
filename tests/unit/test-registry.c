#include "source/registry.h"

#include "base/list.h"
#include "base/text.h"
#include "fixtures.h"

#define URL "https://registry.example/v1/providers/hashicorp/random/2.0.0/download/linux/amd64"

static void check_resolved(const char *url, const char *reference, const char *expected) {
        _cleanup_free_ char *resolved = NULL;

        check_int(registry_resolve_url(url, reference, &resolved), expected ? 0 : -EINVAL);
        check_string(resolved, expected);
}

static void test_resolve(void) {
        check_resolved("https://a.example/x/y", "https://b.example/z", "https://b.example/z");
        check_resolved("https://a.example/x/y", "z?q=1#part", "https://a.example/x/z?q=1");
        check_resolved("https://a.example/x/y", "/z", "https://a.example/z");
        check_resolved("https://a.example/x/y", "../z", "https://a.example/z");
        check_resolved("https://a.example:8443/x", "z", "https://a.example:8443/z");
        check_resolved("http://a.example/x", "http://b.example/", "http://b.example/");
        check_resolved("http://a.example/x", "https://b.example/", "https://b.example/");
        check_resolved("https://a.example/x", "http://b.example/", NULL);
        check_resolved("https://a.example/x", "ftp://b.example/", NULL);
        check_resolved("https://a.example/x", "file:///etc/passwd", NULL);
        check_resolved("https://a.example/x", "https://user:secret@b.example/", NULL);
        check_resolved("https://a.example/x", "https://user@b.example/", NULL);
        check_resolved("https://a.example/x", "", NULL);
}

static void test_same_host(void) {
        check(registry_url_is_same_host("https://a.example", "https://A.example:443/v1/"));
        check(registry_url_is_same_host("https://a.example:8443/x", "https://a.example:8443/y"));
        check(!registry_url_is_same_host("https://a.example", "https://a.example:8443/"));
        check(!registry_url_is_same_host("https://a.example", "http://a.example/"));
        check(!registry_url_is_same_host("https://a.example", "https://b.example/"));
        check(!registry_url_is_same_host("https://a.example", "https://a.example.b.example/"));
        check(!registry_url_is_same_host("", ""));
}

static void check_discovery(const char *text, int expected_result, const char *expected) {
        _cleanup_free_ char *url = NULL, *error = NULL;

        check_int(registry_parse_discovery(text, strlen(text),
                          "https://registry.example/.well-known/terraform.json", &url, &error),
                expected_result);
        check_string(url, expected);
        check(!error == (expected_result != -EBADMSG));
}

static void test_discovery(void) {
        check_discovery("{\"modules.v1\":\"/v1/modules/\",\"providers.v1\":\"/v1/providers/\"}", 0,
                "https://registry.example/v1/providers/");
        check_discovery("{\"providers.v1\":\"https://other.example/p\"}", 0, "https://other.example/p");
        check_discovery("{\"modules.v1\":\"/v1/modules/\"}", -ENOENT, NULL);
        check_discovery("{\"providers.v1\":null}", -ENOENT, NULL);
        check_discovery("{\"providers.v1\":\"http://other.example/\"}", -EBADMSG, NULL);
        check_discovery("{\"providers.v1\":7}", -EBADMSG, NULL);
        check_discovery("[]", -EBADMSG, NULL);
        check_discovery("<html>", -EBADMSG, NULL);
}

static void test_urls(void) {
        check_message(registry_discovery_url("https://r.example/"),
                "https://r.example/.well-known/terraform.json");
        check_message(registry_versions_url("https://r.example/v1/providers/", "DataDog", "datadog"),
                "https://r.example/v1/providers/DataDog/datadog/versions");
        check_message(registry_package_url("https://r.example/p/", "a", "b", "1.0.0+x", "linux_arm64"),
                "https://r.example/p/a/b/1.0.0%2Bx/download/linux/arm64");
        /* As clients do: what is behind the last slash is not part of the base. */
        check_message(registry_versions_url("https://r.example/v1/providers", "a", "b"),
                "https://r.example/v1/a/b/versions");
}

static void test_recorded_versions(void) {
        _cleanup_(release_list_freep) ReleaseList *list = NULL;
        _cleanup_free_ char *data = NULL;
        size_t size;

        data = read_fixture("registry/opentofu-docs-provider-versions.sample.json", &size);
        check_int(registry_parse_versions(data, size, &list, NULL), 0);
        check_int(list->n_releases, 2);
        check_string(list->releases[0].tag, "2.0.0");
        check_int(strings_length(list->releases[0].platforms), 4);
        check_string(list->releases[0].platforms[3], "windows_amd64");
        check_int(strings_length(list->releases[0].protocols), 2);
        check_string(list->releases[0].protocols[1], "5.1");
        check_int(list->releases[0].created_usec, 0);
}

static void check_versions(const char *text, int expected, size_t n_releases, size_t n_skipped) {
        _cleanup_(release_list_freep) ReleaseList *list = NULL;
        _cleanup_free_ char *error = NULL;

        check_int(registry_parse_versions(text, strlen(text), &list, &error), expected);
        check(!error == (expected >= 0));
        if (expected < 0)
                return;
        check_int(list->n_releases, n_releases);
        check_int(list->n_skipped, n_skipped);
}

static void test_versions(void) {
        check_versions("{\"versions\":[]}", 0, 0, 0);
        check_versions("{\"versions\":[{\"version\":\"1.0.0\"}]}", 0, 1, 0);
        check_versions("{\"versions\":[{\"version\":\"../1.0.0\"},{\"version\":\"latest\"}]}", 0, 0, 2);
        check_versions(
                "{\"versions\":[{\"version\":\"1.0.0\",\"platforms\":[{\"os\":\"a/b\",\"arch\":\"c\"}]}]}",
                0, 1, 0);
        check_versions("{\"versions\":[{\"version\":\"1.0.0\",\"protocols\":[\"five\"]}]}", -EBADMSG, 0, 0);
        check_versions("{\"versions\":[{\"version\":1}]}", -EBADMSG, 0, 0);
        check_versions("{\"versions\":null}", -EBADMSG, 0, 0);
        check_versions("{}", -EBADMSG, 0, 0);
        check_versions("<!doctype html>", -EBADMSG, 0, 0);
        check_versions("{\"versions\":[{\"version\":\"1.0", -EBADMSG, 0, 0);
}

static void test_recorded_package(void) {
        _cleanup_(registry_package_clear) RegistryPackage package = {};
        _cleanup_free_ char *data = NULL;
        size_t size;

        data = read_fixture("registry/opentofu-docs-provider-download.sample.json", &size);
        check_int(registry_parse_package(data, size, URL, "linux_amd64", &package, NULL), 0);
        check_string(package.file, "terraform-provider-random_2.0.0_linux_amd64.zip");
        check_string(package.signature_url, "https://releases.example.com/terraform-provider-random/2.0.0/"
                                            "terraform-provider-random_2.0.0_SHA256SUMS.sig");
        check_string(package.sha256, "5f9c7aa76b7c34d722fc9123208e26b22d60440cb47150dd04733b9b94f4541a");
        check_int(strings_length(package.keys), 1);
        check(startswith(package.keys[0], "-----BEGIN PGP PUBLIC KEY BLOCK-----"));
}

#define PACKAGE(os, file, url, shasum, more)                                                                \
        "{\"os\":\"" os "\",\"arch\":\"amd64\",\"filename\":\"" file "\",\"download_url\":\"" url           \
        "\",\"shasums_url\":\"s\",\"shasums_signature_url\":\"s.sig\",\"shasum\":\"" shasum "\"" more "}"
#define DIGEST "5F9C7AA76b7c34d722fc9123208e26b22d60440cb47150dd04733b9b94f4541a"

static void check_package(const char *text, int expected) {
        _cleanup_(registry_package_clear) RegistryPackage package = {};
        _cleanup_free_ char *error = NULL;

        check_int(
                registry_parse_package(text, strlen(text), URL, "linux_amd64", &package, &error), expected);
        check(!error == (expected >= 0));
        if (expected < 0)
                return;
        check(!package.keys);
        check_string(package.shasums_url,
                "https://registry.example/v1/providers/hashicorp/random/2.0.0/download/linux/s");
        check(package.sha256[0] == '5' && package.sha256[1] == 'f');
}

static void test_packages(void) {
        check_package(PACKAGE("linux", "f.zip", "u", DIGEST, ""), 0);
        check_package(
                PACKAGE("linux", "f.zip", "u", DIGEST, ",\"signing_keys\":{\"gpg_public_keys\":null}"), 0);
        check_package(
                PACKAGE("linux", "f.zip", "u", DIGEST, ",\"signing_keys\":{\"gpg_public_keys\":[]}"), 0);
        check_package(PACKAGE("linux", "f.zip", "u", DIGEST, ",\"signing_keys\":[]"), -EBADMSG);
        check_package(PACKAGE("linux", "f.zip", "u", DIGEST, ",\"signing_keys\":{\"gpg_public_keys\":[{}]}"),
                -EBADMSG);
        check_package(PACKAGE("darwin", "f.zip", "u", DIGEST, ""), -EBADMSG);
        check_package(PACKAGE("linux", "../f.zip", "u", DIGEST, ""), -EBADMSG);
        check_package(PACKAGE("linux", "f.zip", "http://plain.example/u", DIGEST, ""), -EBADMSG);
        check_package(PACKAGE("linux", "f.zip", "file:///etc/shadow", DIGEST, ""), -EBADMSG);
        check_package(PACKAGE("linux", "f.zip", "u", "5f9c", ""), -EBADMSG);
        check_package(PACKAGE("linux", "f.zip", "u", DIGEST "00", ""), -EBADMSG);
        check_package("<html>", -EBADMSG);
        check_package("{}", -EBADMSG);
}

/* Some registries name no signature, in one way or another. */
static void test_unsigned(void) {
        static const char *const members[] = { "", "\"shasums_signature_url\":null,",
                "\"shasums_signature_url\":\"\"," };

        for (size_t i = 0; i < ELEMENTSOF(members); i++) {
                _cleanup_(registry_package_clear) RegistryPackage package = {};
                _cleanup_free_ char *text = NULL;

                text_set(&text,
                        "{%s\"os\":\"linux\",\"arch\":\"amd64\",\"filename\":\"f.zip\",\"download_url\":"
                        "\"u\","
                        "\"shasums_url\":\"s\",\"shasum\":\"" DIGEST "\"}",
                        members[i]);
                check_int(registry_parse_package(text, strlen(text), URL, "linux_amd64", &package, NULL), 0);
                check(!package.signature_url && package.shasums_url);
        }
}

int main(void) {
        test_resolve();
        test_same_host();
        test_discovery();
        test_urls();
        test_versions();
        test_packages();
        test_unsigned();
        test_recorded_versions();
        test_recorded_package();
        return EXIT_SUCCESS;
}
