/* A Link header. */
#include "fuzz.h"
#include "source/github.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *header = strndup((const char *) data, size), *url = NULL;
        int r;

        if (!header)
                return 0;
        r = github_parse_link_next(header, &url);
        if ((r == 1) != (url != NULL) || (url && !strstr(header, url)))
                abort();
        return 0;
}
