/* The vulnerability database that scans read, and how a newer one takes its place:
 *
 *   /var/lib/opendepot-trivy/
 *     current -> 2026-11-01T06:12:33Z                      replaced by rename(2)
 *     2026-11-01T06:12:33Z/db/{trivy.db,metadata.json}     generations, by when upstream made them: the one in use
 *                                                          and the one before it, which a scan may still be reading
 *     incoming/cache/db/…, incoming/work/                  what Trivy is fetching
 *
 * A generation is never changed. Everything here blocks on the disk. */
#pragma once

#include "base/util.h"
#include "database/metadata.h"

#define DATABASE_DIRECTORY "/var/lib/opendepot-trivy"
#define DATABASE_FETCHED "incoming/cache" /* Trivy's --cache-dir */
#define DATABASE_WORK "incoming/work"     /* its working directory */

typedef struct Database {
        int fd;     /* the directory of the generation, as Trivy's --cache-dir wants it */
        char *name; /* of the generation */
        DatabaseMetadata metadata;
} Database;

/* The database in use. Returns 0, -ENOENT when there is none, -EBADMSG when what is there is none, or another negative
 * errno; *ret_error gets a message for -EBADMSG. */
int database_open(int directory_fd, Database **ret, char **ret_error);
Database *database_free(Database *database);
DEFINE_CLEANUP(Database *, database_free)

/* Makes DATABASE_FETCHED and DATABASE_WORK, empty; what an earlier run has left there goes. */
int database_prepare(int directory_fd);
/* Puts what was fetched into use, durably, and removes the generations before the last. Returns 1, 0 when it is the one in
 * use, -ESTALE when it is older than that, -EBADMSG when it is no database, or another negative errno; *ret_error gets a
 * message for the two. */
int database_install(int directory_fd, char **ret_error);
