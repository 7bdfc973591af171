#include "source/jwt.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "base/text.h"
#include "test.h"

static gnutls_x509_privkey_t new_key(gnutls_pk_algorithm_t algorithm, unsigned bits) {
        gnutls_x509_privkey_t key;

        check_int(gnutls_x509_privkey_init(&key), 0);
        check_int(gnutls_x509_privkey_generate(key, algorithm, bits, 0), 0);
        return key;
}

static void export_key(gnutls_x509_privkey_t key, bool pkcs8, unsigned flags, Secret *ret) {
        gnutls_datum_t datum = {};

        if (pkcs8)
                check_int(gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM,
                                  flags == GNUTLS_PKCS_PLAIN ? NULL : "pass", flags, &datum),
                        0);
        else
                check_int(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &datum), 0);
        check_int(secret_assign(ret, (char *) datum.data, datum.size), 0);
        gnutls_free(datum.data);
}

static void decode(const char *text, size_t length, gnutls_datum_t *ret) {
        _cleanup_free_ char *padded =
                text_format("%.*s%.*s", (int) length, text, (int) (-length % 4), "===");
        gnutls_datum_t datum = { .data = (unsigned char *) padded, .size = (unsigned) strlen(padded) };

        for (char *c = padded; *c; c++)
                *c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
        check_int(gnutls_base64_decode2(&datum, ret), 0);
}

/* The three parts are what they have to be, and the signature is one of the key. */
static void check_jwt(gnutls_x509_privkey_t key, const Secret *jwt) {
        const char *dot = strchr(jwt->data, '.'), *second = dot ? strchr(dot + 1, '.') : NULL;
        gnutls_datum_t head, claims, signature,
                signed_text = { .data = (unsigned char *) jwt->data,
                        .size = (unsigned) (second - jwt->data) };
        gnutls_privkey_t private_key;
        gnutls_pubkey_t public_key;

        check(second && !strpbrk(jwt->data, "+/= \n"));
        decode(jwt->data, (size_t) (dot - jwt->data), &head);
        decode(dot + 1, (size_t) (second - dot - 1), &claims);
        decode(second + 1, strlen(second + 1), &signature);
        check(head.size == 27 && memcmp(head.data, "{\"alg\":\"RS256\",\"typ\":\"JWT\"}", 27) == 0);
        check(memmem(claims.data, claims.size, "\"iat\":999940", 12));
        check(memmem(claims.data, claims.size, "\"exp\":1000540", 13));
        check(memmem(claims.data, claims.size, "\"iss\":\"4711\"", 12));

        check_int(gnutls_privkey_init(&private_key), 0);
        check_int(gnutls_privkey_import_x509(private_key, key, 0), 0);
        check_int(gnutls_pubkey_init(&public_key), 0);
        check_int(gnutls_pubkey_import_privkey(public_key, private_key, 0, 0), 0);
        check(gnutls_pubkey_verify_data2(public_key, GNUTLS_SIGN_RSA_SHA256, 0, &signed_text, &signature) >=
                0);
        gnutls_pubkey_deinit(public_key);
        gnutls_privkey_deinit(private_key);
        gnutls_free(head.data);
        gnutls_free(claims.data);
        gnutls_free(signature.data);
}

static void check_refused(const Secret *key) {
        _cleanup_free_ char *error = NULL;
        Secret jwt = {};

        check_int(jwt_check_key(key, &error), -EKEYREJECTED);
        check(startswith(error, "not an RSA private key in PEM without a passphrase: "));
        check_int(jwt_sign(key, "1", 1, &jwt), -EKEYREJECTED);
        check(!jwt.data);
}

int main(void) {
        gnutls_x509_privkey_t rsa = new_key(GNUTLS_PK_RSA, 2048), curve = new_key(GNUTLS_PK_ECDSA, 256);
        _cleanup_(secret_clear) Secret key = {}, jwt = {};

        for (unsigned pkcs8 = 0; pkcs8 < 2; pkcs8++) {
                export_key(rsa, pkcs8, GNUTLS_PKCS_PLAIN, &key);
                check_int(jwt_check_key(&key, NULL), 0);
                check_int(jwt_sign(&key, "4711", 1000000, &jwt), 0);
                check_jwt(rsa, &jwt);
        }
        export_key(rsa, true, GNUTLS_PKCS_PBES2_AES_256, &key);
        check_refused(&key);
        export_key(curve, true, GNUTLS_PKCS_PLAIN, &key);
        check_refused(&key);
        check_int(secret_assign(&key, "none", 4), 0);
        check_refused(&key);
        gnutls_x509_privkey_deinit(rsa);
        gnutls_x509_privkey_deinit(curve);
        return EXIT_SUCCESS;
}
