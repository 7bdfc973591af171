/* What the listings of all upstreams have in common: arrays of releases, and the version and the platforms of one. */
#pragma once

#include "base/util.h"
#include "model/place.h"
#include "model/release.h"

/* One release of a page; `context`: what its upstream's parser wants to know. Returns 1, 0 when the release is to be skipped, or a
 * negative errno. */
typedef int (*PageParse)(const Place *place, const void *context, Release *release);

/* The releases of an array, in its order; those that are skipped are counted. */
int page_parse(const Place *array, PageParse parse, const void *context, ReleaseList **ret);

/* The member "version". Returns 1, 0 when it is none that this program can name, or a negative errno. */
int page_parse_version(const Place *place, Release *release);

/* One platform, to be freed. Returns 1, 0 when it is to be skipped, or a negative errno. */
typedef int (*PagePlatformParse)(const Place *place, const void *context, char **ret);

/* The platforms of a release from an array of at most RELEASE_PLATFORMS_MAX objects. */
int page_parse_platforms(const Place *array, PagePlatformParse parse, const void *context, Release *release);
