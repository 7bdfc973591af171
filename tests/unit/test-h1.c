#include "base/h1.h"

#include "test.h"

/* Of nothing: SHA-256 as FIPS 180-4 gives it, and base64 of the same. */
#define EMPTY_HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define EMPTY_H1 "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="

static void test_hex(void) {
        static const char *const bad[] = { "", "e3", (EMPTY_HEX "5"), (EMPTY_HEX "55"), (" " EMPTY_HEX),
                "E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85\n" };
        uint8_t digest[SHA256_DIGEST_SIZE], untouched[SHA256_DIGEST_SIZE];
        char hex[SHA256_HEX_SIZE];

        sha256_hex_of("", 0, hex);
        check_string(hex, EMPTY_HEX);
        check_int(sha256_parse_hex(EMPTY_HEX, digest), 0);
        check_int(digest[0], 0xe3);
        check_int(digest[31], 0x55);
        sha256_format_hex(digest, hex);
        check_string(hex, EMPTY_HEX);
        for (unsigned value = 0; value <= UINT8_MAX; value++) {
                memset(digest, (int) value, sizeof(digest));
                sha256_format_hex(digest, hex);
                check_int(sha256_parse_hex(hex, untouched), 0);
                check_int(memcmp(digest, untouched, sizeof(digest)), 0);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                check_int(sha256_parse_hex(bad[i], digest), -EINVAL);
                check_int(digest[0], UINT8_MAX);
        }
}

static void test_h1(void) {
        static const char *const bad[] = { "", "h1:", "h1:x",
                "H1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                "h2:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", (EMPTY_H1 "="), (EMPTY_H1 "x"),
                "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFUA", /* 33 bytes */
                "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF==", /* 31 bytes */
                "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=", /* bits behind the last byte */
                "h1:47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU=", /* base64url */
                "h1:47DEQpj8HBSa+ TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                "h1:=7DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" };
        uint8_t digest[SHA256_DIGEST_SIZE], again[SHA256_DIGEST_SIZE];
        char h1[H1_SIZE];

        check_int(h1_parse(EMPTY_H1, digest), 0);
        check_int(sha256_parse_hex(EMPTY_HEX, again), 0);
        check_int(memcmp(digest, again, sizeof(digest)), 0);
        h1_format(digest, h1);
        check_string(h1, EMPTY_H1);
        check(h1_is_valid(EMPTY_H1));
        for (unsigned value = 0; value <= UINT8_MAX; value++) {
                memset(digest, (int) value, sizeof(digest));
                h1_format(digest, h1);
                check_int(h1_parse(h1, again), 0);
                check_int(memcmp(digest, again, sizeof(digest)), 0);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                check_int(h1_parse(bad[i], digest), -EINVAL);
                check_int(digest[0], UINT8_MAX);
                check(!h1_is_valid(bad[i]));
        }
}

int main(void) {
        test_hex();
        test_h1();
        return EXIT_SUCCESS;
}
