/* A directory for targets that read files: made at the first use, in memory where that is possible, and removed with its
 * files at the end of the process. */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/fs.h"
#include "fuzz.h"

static char fuzz_scratch_path[64];
static int fuzz_scratch_fd = -EBADF;

static void fuzz_scratch_remove(void) {
        DIR *directory = opendir(fuzz_scratch_path);

        for (struct dirent *entry; directory && (entry = readdir(directory));)
                (void) unlinkat(fuzz_scratch_fd, entry->d_name, 0);
        if (directory)
                (void) closedir(directory);
        (void) rmdir(fuzz_scratch_path);
}

static inline int fuzz_scratch(void) {
        if (fuzz_scratch_fd >= 0)
                return fuzz_scratch_fd;
        (void) snprintf(fuzz_scratch_path, sizeof(fuzz_scratch_path), "%s/opendepot-fuzz-XXXXXX",
                access("/dev/shm", W_OK) >= 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(fuzz_scratch_path) || atexit(fuzz_scratch_remove) != 0)
                abort();
        fuzz_scratch_fd = fs_open_root(fuzz_scratch_path, false);
        if (fuzz_scratch_fd < 0)
                abort();
        return fuzz_scratch_fd;
}

/* Makes the file anew with this content. */
static inline void fuzz_write(const char *name, const void *data, size_t size) {
        int fd = openat(fuzz_scratch(), name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        if (fd < 0 || fs_write_all(fd, data, size) < 0)
                abort();
        close_fd(fd);
}
