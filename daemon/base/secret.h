/* Secrets: systemd credentials, which are files in $CREDENTIALS_DIRECTORY, held in memory that is cleared before it is given
 * back. What they hold is never part of a message. */
#pragma once

#include "base/util.h"

#define SECRET_SIZE_MAX (64 * KIB)

typedef struct Secret {
        char *data; /* NUL-terminated; NULL: none */
        size_t size;
} Secret;

/* Clears the memory before it is freed. */
void secret_clear(Secret *secret);
/* A copy; an older value is cleared. Returns 0 or -ENOMEM. */
int secret_assign(Secret *secret, const char *data, size_t size);
/* Clears and frees a text that held a secret. Returns NULL. */
char *secret_text_free(char *text);

/* $CREDENTIALS_DIRECTORY, or -ENOENT when the service has no credentials. */
int secret_open_directory(void);

/* Reads the regular file `name`, without following a link. `directory_fd` may be negative: there is none. On failure
 * *ret_error says why, without anything of the content. */
int secret_read(int directory_fd, const char *name, Secret *ret, char **ret_error);

/* The same for one line: space at its end goes, and what is left has to be printable ASCII without spaces. */
int secret_read_token(int directory_fd, const char *name, Secret *ret, char **ret_error);
