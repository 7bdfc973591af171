#include "base/background-unlink.h"

#include <fcntl.h>

static int work(void *userdata) {
        return close_fd((int) (intptr_t) userdata);
}

static void done(int result, void *userdata) {
        if (result == -ECANCELED)
                close_fd((int) (intptr_t) userdata);
}

int background_close(Offload *offload, int fd) {
        if (fd >= 0 && offload_run(offload, work, done, (void *) (intptr_t) fd) < 0)
                close_fd(fd);
        return -EBADF;
}

void background_unlink(Offload *offload, int dirfd, const char *name) {
        /* The descriptor keeps the file until it is closed; the name goes at once and can be used again. */
        int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

        (void) unlinkat(dirfd, name, 0);
        background_close(offload, fd);
}
