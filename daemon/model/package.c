#include "model/package.h"

#include <stdio.h>

#include "base/names.h"
#include "base/text.h"

static const char *const package_kind_table[_PACKAGE_KIND_MAX] = {
        [PACKAGE_MODULE] = "module",
        [PACKAGE_PROVIDER] = "provider",
};

const char *package_kind_to_string(PackageKind kind) {
        return kind >= 0 && kind < _PACKAGE_KIND_MAX ? package_kind_table[kind] : NULL;
}

PackageKind package_kind_from_string(const char *string) {
        for (PackageKind kind = 0; kind < _PACKAGE_KIND_MAX; kind++)
                if (streq(string, package_kind_table[kind]))
                        return kind;
        return _PACKAGE_KIND_INVALID;
}

char *package_name(PackageKind kind, const char *namespace, const char *name, const char *system) {
        return kind == PACKAGE_MODULE ? text_format("%s/%s/%s", namespace, name, system)
                                      : text_format("%s/%s", namespace, name);
}

char *package_directory(PackageKind kind, const char *hostname, const char *namespace, const char *name,
        const char *system) {
        return kind == PACKAGE_MODULE ? text_format("modules/%s/%s/%s", namespace, name, system)
                                      : text_format("providers/%s/%s/%s", hostname, namespace, name);
}

char *package_provider_zip(const char *type, const char *version, const char *platform) {
        return text_format("terraform-provider-%s_%s_%s.zip", type, version, platform);
}

char *package_provider_shasums(const char *type, const char *version) {
        return text_format("terraform-provider-%s_%s_SHA256SUMS", type, version);
}

char *package_provider_signature(const char *type, const char *version) {
        return text_format("terraform-provider-%s_%s_SHA256SUMS.sig", type, version);
}

char *package_provider_manifest(const char *type, const char *version) {
        return text_format("terraform-provider-%s_%s_manifest.json", type, version);
}

bool platform_is_valid(const char *platform) {
        const char *separator = strchr(platform, '_');

        return name_is_valid(platform) && separator && separator > platform && separator[1] != '\0';
}
