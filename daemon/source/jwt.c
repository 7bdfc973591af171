#include "source/jwt.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

#include "base/json.h"
#include "base/text.h"

#define HEADER "{\"alg\":\"RS256\",\"typ\":\"JWT\"}"

typedef gnutls_privkey_t PrivateKey;

static inline void private_key_donep(PrivateKey *key) {
        if (*key)
                gnutls_privkey_deinit(*key);
}

static inline void datum_done(gnutls_datum_t *datum) {
        gnutls_free(datum->data);
}

static int import_key(const Secret *key, PrivateKey *ret) {
        _cleanup_(private_key_donep) PrivateKey imported = NULL;
        gnutls_datum_t datum = { .data = (unsigned char *) key->data, .size = (unsigned) key->size };
        int code;

        if (gnutls_privkey_init(&imported) < 0)
                return GNUTLS_E_MEMORY_ERROR;
        code = gnutls_privkey_import_x509_raw(imported, &datum, GNUTLS_X509_FMT_PEM, NULL, 0);
        if (code < 0)
                return code;
        if (gnutls_privkey_get_pk_algorithm(imported, NULL) != GNUTLS_PK_RSA)
                return GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM;
        *ret = TAKE_PTR(imported);
        return 0;
}

int jwt_check_key(const Secret *key, char **ret_error) {
        _cleanup_(private_key_donep) PrivateKey imported = NULL;
        int code = import_key(key, &imported);

        if (code == 0)
                return 0;
        text_set(ret_error, "not an RSA private key in PEM without a passphrase: %s", gnutls_strerror(code));
        return code == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EKEYREJECTED;
}

/* Appends the base64url form without padding (RFC 4648 section 5). */
static int append_encoded(Buffer *buffer, const void *data, size_t size) {
        const gnutls_datum_t datum = { .data = (unsigned char *) data, .size = (unsigned) size };
        _cleanup_(datum_done) gnutls_datum_t encoded = {};

        if (gnutls_base64_encode2(&datum, &encoded) < 0)
                return -ENOMEM;
        while (encoded.size > 0 && encoded.data[encoded.size - 1] == '=')
                encoded.size--;
        for (unsigned i = 0; i < encoded.size; i++)
                encoded.data[i] = encoded.data[i] == '+'   ? '-'
                                  : encoded.data[i] == '/' ? '_'
                                                           : encoded.data[i];
        return buffer_append(buffer, encoded.data, encoded.size);
}

static char *format_claims(const char *issuer, uint64_t now_sec) {
        _cleanup_(json_unrefp) json_object *claims = json_object_new_object();

        if (!claims ||
                json_set_uint64(claims, "iat", now_sec - MIN_OF(now_sec, (uint64_t) JWT_BEFORE_SEC)) < 0 ||
                json_set_uint64(claims, "exp", now_sec + JWT_AFTER_SEC) < 0 ||
                json_set_string(claims, "iss", issuer) < 0)
                return NULL;
        return json_format(claims, false);
}

int jwt_sign(const Secret *key, const char *issuer, uint64_t now_sec, Secret *ret) {
        _cleanup_(private_key_donep) PrivateKey imported = NULL;
        _cleanup_(datum_done) gnutls_datum_t signature = {};
        _cleanup_free_ char *claims = format_claims(issuer, now_sec);
        Buffer text = {};
        int r;

        if (!claims)
                return -ENOMEM;
        if (import_key(key, &imported) != 0)
                return -EKEYREJECTED;
        r = append_encoded(&text, HEADER, strlen(HEADER));
        if (r >= 0)
                r = buffer_append(&text, ".", 1);
        if (r >= 0)
                r = append_encoded(&text, claims, strlen(claims));
        if (r >= 0) {
                const gnutls_datum_t data = { .data = (unsigned char *) text.data,
                        .size = (unsigned) text.size };

                if (gnutls_privkey_sign_data2(imported, GNUTLS_SIGN_RSA_SHA256, 0, &data, &signature) < 0)
                        r = -EKEYREJECTED;
        }
        if (r >= 0)
                r = buffer_append(&text, ".", 1);
        if (r >= 0)
                r = append_encoded(&text, signature.data, signature.size);
        if (r >= 0)
                r = secret_assign(ret, text.data, text.size);
        if (text.data)
                explicit_bzero(text.data, text.size);
        buffer_clear(&text);
        return r;
}
