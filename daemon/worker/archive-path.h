/* What the name of an archive entry may be. */
#pragma once

#include "base/util.h"

/* A client puts its own directory before the name, and both have to fit into PATH_MAX. */
#define ARCHIVE_PATH_LENGTH_MAX 1024
#define ARCHIVE_COMPONENT_LENGTH_MAX 255

/* NULL if `path` is a plain relative path: components separated by single slashes, none of them "." or "..", no
 * backslash (a separator on other systems), printable UTF-8, of a length that every client can create. Otherwise what
 * is wrong with it, for a message. A final slash is not accepted. */
const char *archive_path_check(const char *path);
