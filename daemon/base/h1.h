/* The hash "h1:" of a set of files as text: the base64 of a SHA-256 (protocols: "Hashes"). What it is the hash of, is in
 * worker/dirhash.h. */
#pragma once

#include "base/sha256.h"

#define H1_SIZE 48 /* "h1:", 44 characters, NUL */

void h1_format(const uint8_t digest[static SHA256_DIGEST_SIZE], char ret_h1[static H1_SIZE]);
/* Only what h1_format() writes is accepted. Returns 0 or -EINVAL. */
int h1_parse(const char *h1, uint8_t ret_digest[static SHA256_DIGEST_SIZE]);
bool h1_is_valid(const char *h1);
