/* Small files of the state directory, written durably behind the scenes: losing the newest costs a little work again, but
 * the loop never waits for the disk. */
#pragma once

#include "base/offload.h"
#include "base/util.h"

/* Replaces the file `name` of the directory (duplicated) by the text (copied). A failure is logged as one of `what`, which
 * lives as long as the program. Two writes of one name at the same time may come in either order. */
int background_write(
        Offload *offload, int dirfd, const char *name, const char *data, size_t size, const char *what);
