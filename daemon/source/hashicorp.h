/* The HashiCorp Releases API (protocols: "HashiCorp Releases API"), parsed; no I/O here. */
#pragma once

#include "base/util.h"
#include "model/release.h"

#define HASHICORP_PAGE_SIZE 20

/* "<api>/v1/releases/<product>?limit=20&license_class=oss[&after=<cursor, percent-encoded>]" */
char *hashicorp_releases_url(const char *api_url, const char *product, const char *after);
/* "<releases>/<product>/<version>/<file>" */
char *hashicorp_file_url(
        const char *releases_url, const char *product, const char *version, const char *file);
/* Of the signature files that a release names, the one by one of these keys, else the general one, else the first (protocols:
 * "HashiCorp Releases API", files). Borrowed; NULL: it names none. `fingerprints` ends with NULL. */
const char *hashicorp_find_signature(char *const *files, const char *const *fingerprints);

/* The manifest of a release of a provider: {"version": 1, "metadata": {"protocol_versions": ["5.0"]}}. *ret: the versions of the plugin
 * protocol, to be freed with strings_free(). */
int hashicorp_parse_manifest(const char *data, size_t size, char ***ret, char **ret_error);

/* One page of releases of `product`. Other license classes and unparseable versions are skipped and counted; withdrawn
 * releases are listed as such. *ret_after: the cursor of the next page, exactly as received, NULL for an empty page,
 * which is the end. Of the URLs in the answer only the last path segments are used: files are fetched from the
 * configured base. A build is listed only if its file has the name that its platform demands. */
int hashicorp_parse_releases(const char *data, size_t size, const char *product, ReleaseList **ret,
        char **ret_after, char **ret_error);
