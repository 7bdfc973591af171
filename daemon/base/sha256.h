/* SHA-256 (FIPS 180-4) through nettle, the backend of GnuTLS: its own hash interface costs three times as much. */
#pragma once

#include <nettle/sha2.h>

#include "base/util.h"

#define SHA256_HEX_SIZE (2 * SHA256_DIGEST_SIZE + 1)

typedef struct Sha256 {
        struct sha256_ctx context;
} Sha256;

void sha256_start(Sha256 *sha256);
void sha256_add(Sha256 *sha256, const void *data, size_t size);
/* Writes the digest as 64 lower-case hexadecimal digits and NUL, and starts anew. */
void sha256_finish_hex(Sha256 *sha256, char ret_hex[static SHA256_HEX_SIZE]);
void sha256_finish(Sha256 *sha256, uint8_t ret_digest[static SHA256_DIGEST_SIZE]);
void sha256_hex_of(const void *data, size_t size, char ret_hex[static SHA256_HEX_SIZE]);

/* Writes a digest as sha256_finish_hex() does. */
void sha256_format_hex(
        const uint8_t digest[static SHA256_DIGEST_SIZE], char ret_hex[static SHA256_HEX_SIZE]);
/* Returns 0 or -EINVAL for what sha256_hex_is_valid() does not hold for. */
int sha256_parse_hex(const char *hex, uint8_t ret_digest[static SHA256_DIGEST_SIZE]);
/* True for exactly 64 lower-case hexadecimal digits. */
bool sha256_hex_is_valid(const char *hex);
