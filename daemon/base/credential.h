/* Secrets: files that the service manager puts into $CREDENTIALS_DIRECTORY (systemd.exec(5), LoadCredential=). */
#pragma once

#include "base/util.h"

/* A name as systemd wants it: one path component of printable ASCII without ':'. */
bool credential_name_is_valid(const char *name);

/* The path of a credential. Returns -ENOENT if there is no such file, or none can be. */
int credential_find(const char *name, char **ret_path);

/* The text of a credential of at most `max` bytes, without the line break at its end. Returns -ENOENT if there is none,
 * -EBADMSG if it is empty or no text, -EFBIG above the limit. Freed with credential_free(). */
int credential_read(const char *name, size_t max, char **ret);

/* Wipes the text. Returns NULL. */
char *credential_free(char *text);
DEFINE_CLEANUP(char *, credential_free)
