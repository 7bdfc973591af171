#include "worker/dirhash.h"

#include <nettle/base16.h>

void dirhash_start(DirHash *hash) {
        sha256_start(&hash->lines);
}

void dirhash_add(DirHash *hash, const char *name, const uint8_t digest[static SHA256_DIGEST_SIZE]) {
        char hex[2 * SHA256_DIGEST_SIZE];

        base16_encode_update(hex, SHA256_DIGEST_SIZE, digest);
        sha256_add(&hash->lines, hex, sizeof(hex));
        sha256_add(&hash->lines, "  ", 2);
        sha256_add(&hash->lines, name, strlen(name));
        sha256_add(&hash->lines, "\n", 1);
}

void dirhash_finish(DirHash *hash, char ret_h1[static H1_SIZE]) {
        uint8_t digest[SHA256_DIGEST_SIZE];

        sha256_finish(&hash->lines, digest);
        h1_format(digest, ret_h1);
}
