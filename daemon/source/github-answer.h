/* What GitHub answers to an App (protocols: "GitHub REST", GitHub App), parsed; no I/O here. */
#pragma once

#include "base/secret.h"
#include "base/util.h"

/* An installation token, of any length, and when it ends by GitHub's clock (realtime). `data` is cleared: it holds a secret, of
 * which nothing is in *ret_error. Returns 0, -EBADMSG or -ENOMEM. */
int github_parse_token(char *data, size_t size, Secret *ret, uint64_t *ret_expires_usec, char **ret_error);

/* The ID of an installation. */
int github_parse_installation(const char *data, size_t size, uint64_t *ret_id, char **ret_error);

/* The "message" of an error, printable and short; NULL: there is none, or it repeats `secret`. */
char *github_parse_message(const char *data, size_t size, const char *secret);
