/* The identity of a package: a module of the module registry or a provider of upstream. */
#pragma once

#include "base/util.h"

typedef enum PackageKind {
        PACKAGE_MODULE,
        PACKAGE_PROVIDER,
        _PACKAGE_KIND_MAX,
        _PACKAGE_KIND_INVALID = -EINVAL,
} PackageKind;

const char *package_kind_to_string(PackageKind kind); /* "module", "provider" */
PackageKind package_kind_from_string(const char *string);

/* As people name it, and as OPENDEPOT_PACKAGE=: "<namespace>/<name>/<system>" for a module, "<namespace>/<type>" for a
 * provider (`system` NULL). NULL when out of memory. */
char *package_name(PackageKind kind, const char *namespace, const char *name, const char *system);

/* The directory in the store: "modules/<namespace>/<name>/<system>", "providers/<hostname>/<namespace>/<type>". */
char *package_directory(
        PackageKind kind, const char *hostname, const char *namespace, const char *name, const char *system);

/* The keys that the signatures of a provider were checked with. */
#define PROVIDER_KEYS_FILE "keys"

/* "terraform-provider-<type>_<version>_<platform>.zip", "…_SHA256SUMS", "…_SHA256SUMS.sig", "…_manifest.json". */
char *package_provider_zip(const char *type, const char *version, const char *platform);
char *package_provider_shasums(const char *type, const char *version);
char *package_provider_signature(const char *type, const char *version);
char *package_provider_manifest(const char *type, const char *version);

/* "<os>_<arch>", a valid name of which neither part is empty. */
bool platform_is_valid(const char *platform);
