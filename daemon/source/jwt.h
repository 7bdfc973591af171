/* The JSON web token that a GitHub App shows (RFC 7519, RS256; protocols: "GitHub REST", GitHub App). */
#pragma once

#include "base/secret.h"
#include "base/util.h"

/* How far GitHub's clock may be behind, and how long it may be ahead: by it, a token must not end more than ten minutes after
 * it is seen. */
#define JWT_BEFORE_SEC 60
#define JWT_AFTER_SEC 540

/* The key is an RSA key in PEM, PKCS #1 or PKCS #8. Returns 0, or -EKEYREJECTED and why. */
int jwt_check_key(const Secret *key, char **ret_error);

/* Some milliseconds of computing. `now_sec`: realtime. */
int jwt_sign(const Secret *key, const char *issuer, uint64_t now_sec, Secret *ret);
