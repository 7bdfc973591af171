/* A page of GitHub's releases, and of its tags. */
#include "fuzz-releases.h"
#include "source/github.h"

static void check_tags(const char *data, size_t size) {
        _cleanup_(release_list_freep) ReleaseList *list = NULL;
        _cleanup_free_ char *error = NULL;

        if (github_parse_tags(data, size, "m/", &list, &error) >= 0)
                check_releases(list);
        else if (!error)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(release_list_freep) ReleaseList *list = NULL;
        _cleanup_free_ char *error = NULL;

        check_tags((const char *) data, size);
        if (github_parse_releases((const char *) data, size, NULL, &list, &error) < 0) {
                if (!error)
                        abort();
                return 0;
        }
        check_releases(list);
        return 0;
}
