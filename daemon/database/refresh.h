/* Lets Trivy fetch its vulnerability database, and puts that into use. */
#pragma once

#include "base/util.h"

typedef struct DatabaseSource {
        const char *program;       /* Trivy */
        char *const *repositories; /* OCI references, tried in order; NULL: Trivy's own */
        const char *proxy;         /* http://host:port; NULL: none */
        char *const *no_proxy;
        const char *ca_file; /* NULL: the system's */
} DatabaseSource;

/* Refreshes the database below the directory, unless it is not due yet and `force` is not set. Waits for Trivy; one process
 * at a time may do this. Logs what it did and what failed. Returns 0 or a negative errno. */
int database_refresh(const char *directory, const DatabaseSource *source, bool force);
