/* Whole reads and writes at an offset of a descriptor, whose own position is shared with the daemon and not used. */
#pragma once

#include "base/sha256.h"

/* Read or write exactly `size` bytes. -ENODATA when the file is shorter, or a negative errno. */
int file_read_at(int fd, void *data, size_t size, uint64_t offset);
int file_write_at(int fd, const void *data, size_t size, uint64_t offset);
/* SHA-256 and size of a whole regular file. */
int file_hash(int fd, uint64_t *ret_size, char ret_hex[static SHA256_HEX_SIZE]);
/* What a worker says when it refuses its input: fills *ret_error (an older message is freed) and returns -EBADMSG. */
int refuse(char **ret_error, const char *format, ...) _printf_(2, 3);
