/* Reads a gzip file (RFC 1952) as a stream through ISA-L. Unlike the filter of libarchive 3.7, it checks the CRC-32 and
 * the size at the end of each member: an archive that was damaged on its way has no other proof. */
#pragma once

#include "base/util.h"

typedef struct Gunzip Gunzip;

/* Reads `fd`, a regular file, with pread() from its beginning. More than `size_max` bytes of content are refused. */
int gunzip_new(int fd, uint64_t size_max, Gunzip **ret);
Gunzip *gunzip_free(Gunzip *gunzip);
DEFINE_CLEANUP(Gunzip *, gunzip_free)

/* Fills the buffer unless the content ends before; *ret_size is 0 after the end. Returns 0, -EBADMSG with the reason in
 * *ret_error, or a negative errno. */
int gunzip_read(Gunzip *gunzip, void *buffer, size_t size, size_t *ret_size, char **ret_error);
