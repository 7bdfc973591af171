/* What a provider registry answers: the first byte says which document it is. */
#include "fuzz-releases.h"
#include "source/registry.h"

static bool is_safe(const char *url) {
        return startswith(url, "https://") && !strchr(url, '#');
}

static void try_services(const char *data, size_t size) {
        _cleanup_free_ char *url = NULL, *error = NULL;
        int r = registry_parse_discovery(data, size, "https://h/.well-known/terraform.json", &url, &error);

        if ((r == -EBADMSG) != !!error || (r == 0) != !!url || (url && !is_safe(url)))
                abort();
}

static void try_versions(const char *data, size_t size) {
        _cleanup_(release_list_freep) ReleaseList *list = NULL;
        _cleanup_free_ char *error = NULL;

        if (registry_parse_versions(data, size, &list, &error) >= 0)
                check_releases(list);
        else if (!error)
                abort();
}

static void try_package(const char *data, size_t size) {
        _cleanup_(registry_package_clear) RegistryPackage package = {};
        _cleanup_free_ char *error = NULL;

        if (registry_parse_package(data, size, "https://h/d", "linux_amd64", &package, &error) < 0) {
                if (!error)
                        abort();
        } else if (!is_safe(package.url) || !is_safe(package.shasums_url) ||
                   (package.signature_url && !is_safe(package.signature_url)) || strchr(package.file, '/'))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *text = (const char *) data + 1;

        if (size == 0)
                return 0;
        switch (data[0]) {
        case 's':
                try_services(text, size - 1);
                break;
        case 'v':
                try_versions(text, size - 1);
                break;
        default:
                try_package(text, size - 1);
        }
        return 0;
}
