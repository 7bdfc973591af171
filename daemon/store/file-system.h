/* A store in a directory: objects are files below it, the staging directory is ".staging" in it (".staging-2" and
 * so on for further daemons on the same directory), so that committing an artifact is a rename. */
#pragma once

#include "store/store.h"

/* Makes the directory where it is missing. *ret_error: message to be freed. */
int file_system_store_open(Offload *offload, const char *directory, Store **ret, char **ret_error);
