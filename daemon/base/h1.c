#include "base/h1.h"

#include <nettle/base64.h>

#define PREFIX "h1:"
#define PREFIX_LENGTH (sizeof(PREFIX) - 1)

void h1_format(const uint8_t digest[static SHA256_DIGEST_SIZE], char ret_h1[static H1_SIZE]) {
        static_assert(H1_SIZE == PREFIX_LENGTH + BASE64_ENCODE_RAW_LENGTH(SHA256_DIGEST_SIZE) + 1);
        memcpy(ret_h1, PREFIX, PREFIX_LENGTH);
        base64_encode_raw(ret_h1 + PREFIX_LENGTH, SHA256_DIGEST_SIZE, digest);
        ret_h1[H1_SIZE - 1] = '\0';
}

int h1_parse(const char *h1, uint8_t ret_digest[static SHA256_DIGEST_SIZE]) {
        uint8_t decoded[BASE64_DECODE_LENGTH(H1_SIZE - 1 - PREFIX_LENGTH)];
        size_t size = sizeof(decoded);
        struct base64_decode_ctx context;
        char again[H1_SIZE];

        if (strnlen(h1, H1_SIZE) != H1_SIZE - 1 || !startswith(h1, PREFIX))
                return -EINVAL;
        base64_decode_init(&context);
        if (!base64_decode_update(
                    &context, &size, decoded, H1_SIZE - 1 - PREFIX_LENGTH, h1 + PREFIX_LENGTH) ||
                !base64_decode_final(&context) || size != SHA256_DIGEST_SIZE)
                return -EINVAL;
        /* Bits that are too many, or white space, would come back as something else. */
        h1_format(decoded, again);
        if (!streq(h1, again))
                return -EINVAL;
        memcpy(ret_digest, decoded, SHA256_DIGEST_SIZE);
        return 0;
}

bool h1_is_valid(const char *h1) {
        uint8_t digest[SHA256_DIGEST_SIZE];

        return h1_parse(h1, digest) >= 0;
}
