/* A page of the HashiCorp Releases API, for the product "p". */
#include "fuzz-releases.h"
#include "source/hashicorp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(release_list_freep) ReleaseList *list = NULL;
        _cleanup_free_ char *error = NULL, *after = NULL;

        if (hashicorp_parse_releases((const char *) data, size, "p", &list, &after, &error) < 0) {
                if (!error)
                        abort();
                return 0;
        }
        if (!after && list->n_releases + list->n_skipped > 0)
                abort();
        check_releases(list);
        return 0;
}
