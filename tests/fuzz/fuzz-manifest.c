/* The manifest of a release of a provider. */
#include "base/list.h"
#include "fuzz.h"
#include "source/hashicorp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(strings_freep) char **protocols = NULL;
        _cleanup_free_ char *error = NULL;

        if (hashicorp_parse_manifest((const char *) data, size, &protocols, &error) < 0) {
                if (!error || protocols)
                        abort();
                return 0;
        }
        for (char **protocol = protocols; protocol && *protocol; protocol++)
                if (!protocol_is_valid(*protocol))
                        abort();
        return 0;
}
