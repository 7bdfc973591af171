#include "base/sha256.h"

static const char digits[] = "0123456789abcdef";

void sha256_start(Sha256 *sha256) {
        sha256_init(&sha256->context);
}

void sha256_add(Sha256 *sha256, const void *data, size_t size) {
        sha256_update(&sha256->context, size, data);
}

void sha256_finish(Sha256 *sha256, uint8_t ret_digest[static SHA256_DIGEST_SIZE]) {
        sha256_digest(&sha256->context, SHA256_DIGEST_SIZE, ret_digest);
}

void sha256_finish_hex(Sha256 *sha256, char ret_hex[static SHA256_HEX_SIZE]) {
        uint8_t digest[SHA256_DIGEST_SIZE];

        sha256_finish(sha256, digest);
        sha256_format_hex(digest, ret_hex);
}

void sha256_hex_of(const void *data, size_t size, char ret_hex[static SHA256_HEX_SIZE]) {
        Sha256 sha256;

        sha256_start(&sha256);
        sha256_add(&sha256, data, size);
        sha256_finish_hex(&sha256, ret_hex);
}

void sha256_format_hex(
        const uint8_t digest[static SHA256_DIGEST_SIZE], char ret_hex[static SHA256_HEX_SIZE]) {
        for (size_t i = 0; i < SHA256_DIGEST_SIZE; i++) {
                ret_hex[2 * i] = digits[digest[i] >> 4];
                ret_hex[2 * i + 1] = digits[digest[i] & 15];
        }
        ret_hex[2 * SHA256_DIGEST_SIZE] = '\0';
}

/* Of a digit that is valid. */
static unsigned value_of(char digit) {
        return (unsigned) (digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

int sha256_parse_hex(const char *hex, uint8_t ret_digest[static SHA256_DIGEST_SIZE]) {
        if (!sha256_hex_is_valid(hex))
                return -EINVAL;
        for (size_t i = 0; i < SHA256_DIGEST_SIZE; i++)
                ret_digest[i] = (uint8_t) (value_of(hex[2 * i]) << 4 | value_of(hex[2 * i + 1]));
        return 0;
}

bool sha256_hex_is_valid(const char *hex) {
        return strlen(hex) == 2 * SHA256_DIGEST_SIZE && strspn(hex, digits) == 2 * SHA256_DIGEST_SIZE;
}
