/* The provider registry protocol (protocols: "Service discovery and Provider Registry Protocol v1"), parsed; no I/O here. */
#pragma once

#include "base/util.h"
#include "model/release.h"

#define REGISTRY_KEYS_MAX 32
#define REGISTRY_KEY_SIZE_MAX (1 * MIB)

/* The whole URL that `reference` means in a document that came from `url` (RFC 3986 section 5). Only http and https, without
 * user information, and https only from https; the fragment is dropped. Returns 0, -EINVAL or -ENOMEM. */
int registry_resolve_url(const char *url, const char *reference, char **ret);

/* The two URLs name the same scheme, host and port: what may be sent to one may be sent to the other. */
bool registry_url_is_same_host(const char *a, const char *b);

/* "<base>/.well-known/terraform.json" */
char *registry_discovery_url(const char *base_url);
/* "<providers><namespace>/<type>/versions"; `providers_url` is what registry_parse_discovery() gave. */
char *registry_versions_url(const char *providers_url, const char *provider_namespace, const char *type);
/* "<providers><namespace>/<type>/<version>/download/<os>/<arch>"; `platform`: "linux_amd64". */
char *registry_package_url(const char *providers_url, const char *provider_namespace, const char *type,
        const char *version, const char *platform);

/* The base URL of the provider registry. `url`: where the document came from in the end. -ENOENT: the host has none. */
int registry_parse_discovery(
        const char *data, size_t size, const char *url, char **ret_providers_url, char **ret_error);

/* What a registry lists of one provider, in any order. Platforms and versions that this program cannot name are skipped and
 * counted. A registry does not tell when a version was released. */
int registry_parse_versions(const char *data, size_t size, ReleaseList **ret, char **ret_error);

typedef struct RegistryPackage {
        char *file; /* name of the zip */
        char *url, *shasums_url;
        char *signature_url; /* NULL: the registry names none */
        char sha256[65];
        char **keys; /* armored texts; NULL: none */
} RegistryPackage;

void registry_package_clear(RegistryPackage *package);

/* One platform of one version. `url` is where the document came from in the end; it must be about `platform`. */
int registry_parse_package(const char *data, size_t size, const char *url, const char *platform,
        RegistryPackage *ret, char **ret_error);
