/* metadata.json, which lies beside Trivy's vulnerability database (protocols: "Trivy", Cache). */
#pragma once

#include "base/util.h"

#define DATABASE_METADATA_SIZE_MAX (64 * KIB)

typedef struct DatabaseMetadata {
        uint64_t schema;           /* of the database, "Version" */
        uint64_t updated_usec;     /* when upstream made it; realtime */
        uint64_t next_update_usec; /* when upstream makes the next one; 0: it does not say */
} DatabaseMetadata;

/* Returns 0 or -EBADMSG; *ret_error gets a static text. */
int database_metadata_parse(const char *data, size_t size, DatabaseMetadata *ret, const char **ret_error);
