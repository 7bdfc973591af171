/* The digest by which a reload sees whether a document changed. */
#pragma once

#include "base/sha256.h"
#include "model/depot.h"

/* SHA-256 over everything that matters of a depot: not its file, places, or the way it was written. */
void depot_digest(const Depot *depot, char ret_hex[static SHA256_HEX_SIZE]);
