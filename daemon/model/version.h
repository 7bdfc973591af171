/* Versions as hashicorp/go-version understands them (its version.go; protocols: "Version constraints"): any number of
 * dotted segments, optional pre-release and metadata, a leading "v" accepted. */
#pragma once

#include "base/util.h"

#define VERSION_LENGTH_MAX 256

typedef struct Version Version;

/* Returns 0, -EINVAL for text that is no version (or longer than VERSION_LENGTH_MAX bytes), or -ENOMEM. */
int version_parse(const char *text, Version **ret);
Version *version_free(Version *version);
DEFINE_CLEANUP(Version *, version_free)

/* The normalised text: no "v", padded to three segments, no leading zeros, metadata kept ("v17.03-ce" gives
 * "17.3.0-ce"). Owned by the version. */
const char *version_string(const Version *version);
bool version_is_prerelease(const Version *version);
size_t version_n_segments(const Version *version);          /* after padding */
size_t version_n_segments_written(const Version *version);  /* before padding, as "~>" needs it */
uint64_t version_segment(const Version *version, size_t i); /* 0 beyond the last */
const char *version_prerelease(const Version *version);     /* "" if none */

/* Both have the same segments, equally many after padding: only then go-version looks at pre-releases. */
bool version_equal_segments(const Version *a, const Version *b);

/* Less than, equal to or greater than zero, by go-version's order (metadata ignored, its quirks included). That order
 * is neither total nor transitive ("a" < "a.1" < "a.b" < "a"): for constraints, never for sorting. */
int version_compare(const Version *a, const Version *b);

/* A total order for sorting: segments (a missing one is 0), release after pre-release, pre-releases by semantic
 * versioning 2.0.0 section 11, then the normalised text bytewise. Agrees with version_compare() wherever that
 * is consistent with itself. */
int version_order(const Version *a, const Version *b);
