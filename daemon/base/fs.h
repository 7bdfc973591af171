/* Files by directory descriptor: nothing here follows a symbolic link or leaves the directory it was given. */
#pragma once

#include <sys/stat.h>

#include "base/util.h"

/* Opens the directory `path` below `dirfd` component by component without following links; with `create`, missing
 * components are made (mode 0755). `path` is relative, without "." or ".."; "" opens `dirfd` anew.
 * Returns a descriptor, or a negative errno (-EINVAL for a bad path, -ELOOP for a link). */
int fs_open_directory(int dirfd, const char *path, bool create);

/* Opens an absolute directory path that the configuration names; links are followed, as an administrator expects. */
int fs_open_root(const char *path, bool create);

/* Reads a whole regular file of at most `max` bytes; the buffer gets a NUL after its `size` bytes.
 * Returns 0, -EFBIG above the limit, or a negative errno. */
int fs_read_file(int dirfd, const char *name, size_t max, char **ret_data, size_t *ret_size);
int fs_read_fd(int fd, size_t max, char **ret_data, size_t *ret_size);

/* Replaces the file `name` (one component) whole: temporary file, write, fsync, rename, fsync of the directory.
 * Blocks on the disk: not for the event loop except at start and stop. */
int fs_write_file_durably(int dirfd, const char *name, const void *data, size_t size, mode_t mode);

/* The same, with the temporary file in another directory of the file system, so that what an interruption leaves of it is
 * not beside the file. */
int fs_write_file_durably_through(
        int temporary_fd, int dirfd, const char *name, const void *data, size_t size, mode_t mode);

/* Removes the temporary files that an interruption has left; nobody may be writing to the directory. */
int fs_remove_temporaries(int dirfd);

/* Removes the file or the directory `name` (one component) with everything below it. Returns 0, -ENOENT, -ELOOP when
 * directories are nested too deeply, or a negative errno. Blocks on the disk. */
int fs_remove_tree(int dirfd, const char *name);
/* The same with everything in the directory, which stays. */
int fs_remove_content(int dirfd);

/* Writes everything or fails. */
int fs_write_all(int fd, const void *data, size_t size);

/* Makes all directory components of the relative file path `path`, and returns the descriptor of its directory and
 * (in *ret_name, pointing into `path`) its last component. */
int fs_open_parent(int dirfd, const char *path, bool create, const char **ret_name);

/* Sends the content of a sealed in-memory file to be read from offset 0. Returns the descriptor. */
int fs_memory_file(const char *name, const void *data, size_t size);
