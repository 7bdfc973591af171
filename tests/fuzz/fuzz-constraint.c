/* A constraint on the first line, a version on the second. */
#include "fuzz.h"
#include "model/constraint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(constraint_freep) Constraint *constraint = NULL;
        _cleanup_(version_freep) Version *version = NULL;
        _cleanup_free_ char *text = strndup((const char *) data, size);
        char *second;
        size_t offset = SIZE_MAX;
        int r;

        if (!text)
                return 0;
        second = strchr(text, '\n');
        if (second)
                *second++ = '\0';

        r = constraint_parse(text, &constraint, &offset);
        if ((r == -EINVAL || r == -E2BIG) && offset > strlen(text))
                abort();
        if (r < 0)
                return 0;
        if (second && version_parse(second, &version) >= 0)
                (void) constraint_matches(constraint, version);
        return 0;
}
