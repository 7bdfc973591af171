/* Building and taking apart URLs (RFC 3986) of the upstreams. */
#pragma once

#include "base/util.h"

/* `base` without its final slashes, then each of the NULL-terminated list of texts as it is. NULL when out of memory. */
#define url_join(base, ...) url_join_sentinel((base), __VA_ARGS__, NULL)
char *url_join_sentinel(const char *base, ...) __attribute__((sentinel));

/* A copy in which every byte is percent-encoded that is neither unreserved (section 2.3) nor in `also`. */
char *url_encode(const char *text, const char *also);

/* A copy of the last segment of the path, without query and fragment; percent-encoding is left as it is. Empty when the
 * path ends with a slash. NULL when out of memory. */
char *url_last_segment(const char *url);
