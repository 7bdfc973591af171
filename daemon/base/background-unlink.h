/* Freeing a large file takes long: here a thread does it, not the loop. */
#pragma once

#include "base/offload.h"
#include "base/util.h"

/* Removes the name now, if it is there, and gives back the space behind the scenes. Who else has the file open closes it
 * before, or with background_close(). */
void background_unlink(Offload *offload, int dirfd, const char *name);
/* Closes what may be the last descriptor of a file without a name. Takes it over; returns -EBADF to be assigned back. */
int background_close(Offload *offload, int fd);
