/* Names that become path components or parts of a URL. */
#pragma once

#include "base/util.h"

#define NAME_LENGTH_MAX 128

/* A single path component of ASCII letters, digits, '-', '_', '.', '+', '~' that does not start with '.', '-' or '~' and has
 * at most NAME_LENGTH_MAX bytes: what may stand in a store key or a URL path without quoting. */
bool name_is_valid(const char *name);
/* The same for a tag, where '/' may separate valid names. */
bool tag_is_valid(const char *tag);
/* A commit of git: 40 or 64 lower-case hexadecimal digits. */
bool commit_is_valid(const char *commit);
/* host or host:port, lower case. */
bool hostname_is_valid(const char *hostname);
/* A provider namespace, or one of a registry that is not the public one: "NAMESPACE", "HOST/NAMESPACE". */
bool key_namespace_is_valid(const char *text);
