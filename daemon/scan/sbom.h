/* CycloneDX documents (1.6) of what executables are made of: one for each artifact, made when it is scanned first, and many
 * of them merged into one, which a scanner reads in one run. They are written piece by piece, whatever their size.
 *
 * A binary is an `application` component, what it is made of are `library` components. The bom-refs of binary N begin with
 * "N/", so that documents can be merged without a clash. */
#pragma once

#include "base/json-stream.h"
#include "base/util.h"

/* The most that one binary is made of. */
#define SBOM_PACKAGES_MAX 50000
#define SBOM_BINARIES_MAX 1000
#define SBOM_SIZE_MAX (64 * MIB) /* of the document of one artifact */

typedef struct SbomWriter SbomWriter;

/* Takes what has been written. Returns 0 or a negative errno. */
typedef int (*SbomSink)(void *userdata, const void *data, size_t size);

/* A component of a binary; borrowed during the call. */
typedef struct SbomPackage {
        const char *id; /* unique in its binary: "golang.org/x/crypto@v0.30.0" */
        const char *name;
        const char *version;     /* NULL: not known */
        const char *purl;        /* may be NULL */
        const char *type;        /* how the scanner found it: "gobinary", "gomod" */
        json_object *depends_on; /* array of ids; NULL: of nothing */
} SbomPackage;

/* `scanner` is the version of the scanner whose report this comes from; NULL: of several. */
int sbom_writer_new(SbomSink sink, void *userdata, const char *scanner, SbomWriter **ret);
SbomWriter *sbom_writer_free(SbomWriter *writer);
DEFINE_CLEANUP(SbomWriter *, sbom_writer_free)
/* What is added from now on is part of this binary; `name` becomes the target of its findings. -E2BIG beyond the limits. */
int sbom_writer_binary(SbomWriter *writer, const char *name, const char *type);
int sbom_writer_package(SbomWriter *writer, const SbomPackage *package);
int sbom_writer_finish(SbomWriter *writer);

/* Adds the binary of a document that was written here under another name; *ret_name (may be NULL) is the one that it had there. The
 * document is the value that stands in `stream`. Returns 0, -EBADMSG with *ret_error a message to be freed, or what reading and
 * writing gave. */
int sbom_merge(SbomWriter *writer, JsonStream *stream, const char *name, char **ret_name, char **ret_error);
