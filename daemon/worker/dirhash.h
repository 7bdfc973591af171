/* The hash "h1:" of a set of files, as Go's dirhash.Hash1 and thus terraform and OpenTofu compute it: names sorted
 * bytewise, one line of hexadecimal SHA-256, two spaces, name and newline for each, and the base64 of the SHA-256 of
 * all lines. */
#pragma once

#include "base/h1.h"

typedef struct DirHash {
        Sha256 lines;
} DirHash;

void dirhash_start(DirHash *hash);
/* The caller adds the names in strcmp() order; none holds a newline. */
void dirhash_add(DirHash *hash, const char *name, const uint8_t digest[static SHA256_DIGEST_SIZE]);
void dirhash_finish(DirHash *hash, char ret_h1[static H1_SIZE]);
