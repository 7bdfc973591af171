#include "model/package.h"

#include "test.h"

/* Checks and frees. */
#define check_text(call, expected)                                                                          \
        do {                                                                                                \
                _cleanup_free_ char *_text = (call);                                                        \
                check_string(_text, expected);                                                              \
        } while (false)

static void test_kinds(void) {
        for (PackageKind kind = 0; kind < _PACKAGE_KIND_MAX; kind++)
                check_int(package_kind_from_string(package_kind_to_string(kind)), kind);
        check_string(package_kind_to_string(PACKAGE_MODULE), "module");
        check_string(package_kind_to_string(PACKAGE_PROVIDER), "provider");
        check(!package_kind_to_string(_PACKAGE_KIND_MAX));
        check(!package_kind_to_string(_PACKAGE_KIND_INVALID));
        check_int(package_kind_from_string("modules"), _PACKAGE_KIND_INVALID);
        check_int(package_kind_from_string(""), _PACKAGE_KIND_INVALID);
}

static void test_names(void) {
        check_text(package_name(PACKAGE_MODULE, "team", "eks", "aws"), "team/eks/aws");
        check_text(package_name(PACKAGE_PROVIDER, "hashicorp", "aws", NULL), "hashicorp/aws");
        check_text(package_directory(PACKAGE_MODULE, NULL, "team", "eks", "aws"), "modules/team/eks/aws");
        check_text(package_directory(PACKAGE_PROVIDER, "registry.terraform.io", "hashicorp", "aws", NULL),
                "providers/registry.terraform.io/hashicorp/aws");
        check_text(package_provider_zip("aws", "5.80.0", "linux_amd64"),
                "terraform-provider-aws_5.80.0_linux_amd64.zip");
        check_text(package_provider_shasums("aws", "5.80.0"), "terraform-provider-aws_5.80.0_SHA256SUMS");
        check_text(
                package_provider_signature("aws", "5.80.0"), "terraform-provider-aws_5.80.0_SHA256SUMS.sig");
}

static void test_platforms(void) {
        static const char *const good[] = { "linux_amd64", "darwin_arm64", "windows_386", "linux_x86_64" };
        static const char *const bad[] = { "", "_", "linux", "linux_", "_amd64", "../x_y", "linux/_amd64",
                "linux amd_64", ".linux_amd64", "linux_amd64\n" };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                check(platform_is_valid(good[i]));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                check(!platform_is_valid(bad[i]));
}

int main(void) {
        test_kinds();
        test_names();
        test_platforms();
        return EXIT_SUCCESS;
}
