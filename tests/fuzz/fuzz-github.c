/* A page of GitHub's releases. */
#include "fuzz-releases.h"
#include "source/github.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(release_list_freep) ReleaseList *list = NULL;
        _cleanup_free_ char *error = NULL;

        if (github_parse_releases((const char *) data, size, &list, &error) < 0) {
                if (!error)
                        abort();
                return 0;
        }
        check_releases(list);
        return 0;
}
