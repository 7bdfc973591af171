/* A directory of the test's own that is removed at its end. */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/text.h"
#include "test.h"

static char *scratch_path;

static int scratch_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        return remove(path);
}

static void scratch_remove(void) {
        if (scratch_path)
                (void) nftw(scratch_path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(scratch_path);
        scratch_path = NULL;
}

/* Makes it and returns a descriptor of it. To be called once. */
static inline int scratch_open(void) {
        const char *directory = getenv("TMPDIR");
        int fd;

        scratch_path = text_format("%s/opendepot-test-XXXXXX", isempty(directory) ? "/tmp" : directory);
        check(scratch_path && mkdtemp(scratch_path));
        check(atexit(scratch_remove) == 0);
        fd = fs_open_root(scratch_path, false);
        check(fd >= 0);
        return fd;
}

/* Makes or replaces a small file. */
static inline void scratch_write(int dirfd, const char *name, const char *text) {
        int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        check(fd >= 0);
        check_int(fs_write_all(fd, text, strlen(text)), 0);
        close_fd(fd);
}

/* The content of a small file; NULL if it is not there. */
static inline char *scratch_read(int dirfd, const char *name) {
        char *data = NULL;
        size_t size;
        int r = fs_read_file(dirfd, name, 64 * MIB, &data, &size);

        if (r == -ENOENT)
                return NULL;
        check_int(r, 0);
        return data;
}

/* A directory of memory with room for `size` bytes; -EBADF where that is not allowed. */
static inline int scratch_small_directory(const char *size) {
        int fs = fsopen("tmpfs", FSOPEN_CLOEXEC), fd = -EBADF;

        if (fs >= 0 && fsconfig(fs, FSCONFIG_SET_STRING, "size", size, 0) >= 0 &&
                fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) >= 0)
                fd = fsmount(fs, FSMOUNT_CLOEXEC, 0);
        close_fd(fs);
        return fd;
}
