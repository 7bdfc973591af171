#include "database/metadata.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        DatabaseMetadata metadata = {};
        const char *error = NULL;
        int r;

        r = database_metadata_parse((const char *) data, size, &metadata, &error);
        if (r < 0 && (r != -EBADMSG || !error))
                abort();
        if (r >= 0 && metadata.updated_usec == 0)
                abort();
        return 0;
}
