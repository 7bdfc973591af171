/* ASCII armor of OpenPGP data (RFC 9580 section 6). */
#pragma once

#include "base/text.h"

/* Appends the binary content of `data` to `binary`. Data that does not begin with an armor header (after white space) is
 * binary and is taken as it is. Several armored blocks, as in a file with several keys, follow each other in the result;
 * text between them must be blank. The CRC-24 is dropped, as RFC 9580 says. `kind` is what the header line must name,
 * such as "PUBLIC KEY BLOCK". Returns 0, -EBADMSG with a static text in *ret_error, or a negative errno. */
int armor_decode(const char *kind, const char *data, size_t size, Buffer *binary, const char **ret_error);
