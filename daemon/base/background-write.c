#include "base/background-write.h"

#include <fcntl.h>

#include "base/fs.h"
#include "base/log.h"

typedef struct Write {
        int fd;
        char *name, *data;
        size_t size;
        const char *what;
} Write;

static void write_free(Write *write) {
        close_fd(write->fd);
        free(write->name);
        free(write->data);
        free(write);
}

static int work(void *userdata) {
        const Write *write = userdata;

        return fs_write_file_durably(write->fd, write->name, write->data, write->size, 0644);
}

static void done(int result, void *userdata) {
        Write *write = userdata;

        if (result < 0 && result != -ECANCELED)
                log_warning("Cannot keep %s: %s", write->what, strerror(-result));
        write_free(write);
}

int background_write(
        Offload *offload, int dirfd, const char *name, const char *data, size_t size, const char *what) {
        Write *write = calloc(1, sizeof(Write));
        int r = 0;

        if (!write)
                return -ENOMEM;
        *write = (Write) {
                .fd = fcntl(dirfd, F_DUPFD_CLOEXEC, 3),
                .name = strdup(name),
                .data = malloc(size + 1),
                .size = size,
                .what = what,
        };
        if (write->fd < 0)
                r = negative_errno();
        else if (!write->name || !write->data)
                r = -ENOMEM;
        else {
                memcpy(write->data, data, size);
                r = offload_run(offload, work, done, write);
        }
        if (r < 0)
                write_free(write);
        return r;
}
