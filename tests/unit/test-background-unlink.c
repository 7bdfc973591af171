#include "base/background-unlink.h"

#include <pthread.h>
#include <sys/statvfs.h>

#include "loop.h"
#include "scratch.h"

#define SIZE (4 * MIB)

static sd_event *event;
static Offload *offload;
static int directory_fd;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static int wait_for_gate(void *userdata) {
        (void) pthread_mutex_lock(&gate);
        (void) pthread_mutex_unlock(&gate);
        return 0;
}

static void on_opened(int result, void *userdata) {
        *(bool *) userdata = true;
}

/* There is one thread: behind the gate it does nothing. */
static void close_gate(bool *ret_opened) {
        *ret_opened = false;
        (void) pthread_mutex_lock(&gate);
        check_int(offload_run(offload, wait_for_gate, on_opened, ret_opened), 0);
}

static uint64_t free_space(void) {
        struct statvfs st;

        check(fstatvfs(directory_fd, &st) >= 0);
        return (uint64_t) st.f_bfree * st.f_bsize;
}

static int make_large(const char *name) {
        int fd = openat(directory_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

        check(fd >= 0 && posix_fallocate(fd, 0, SIZE) == 0);
        return fd;
}

static bool is_there(const char *name) {
        return faccessat(directory_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

/* The name is free at once, the space is given back by the thread. */
static void test_unlink(void) {
        uint64_t before = free_space();
        bool opened;

        close_fd(make_large("large"));
        check(free_space() + SIZE <= before);
        close_gate(&opened);
        background_unlink(offload, directory_fd, "large");
        check(!is_there("large"));
        scratch_write(directory_fd, "large", "another one");
        loop_run_for(event, 20 * USEC_PER_MSEC);
        check(!opened && free_space() + SIZE <= before);
        (void) pthread_mutex_unlock(&gate);
        LOOP_UNTIL(event, free_space() + SIZE > before);
        check(is_there("large"));
        (void) unlinkat(directory_fd, "large", 0);
        LOOP_UNTIL(event, opened);
}

static void test_close(void) {
        uint64_t before = free_space();
        int fd = make_large("large");
        bool opened;

        check(unlinkat(directory_fd, "large", 0) >= 0);
        close_gate(&opened);
        check_int(background_close(offload, fd), -EBADF);
        check(free_space() + SIZE <= before);
        (void) pthread_mutex_unlock(&gate);
        LOOP_UNTIL(event, free_space() == before && opened);
        check_int(background_close(offload, -EBADF), -EBADF);
}

/* What is no file is removed as well, and what is not there is no matter. */
static void test_odd(void) {
        background_unlink(offload, directory_fd, "absent");
        check(mkfifoat(directory_fd, "fifo", 0644) >= 0 && symlinkat("target", directory_fd, "link") >= 0);
        scratch_write(directory_fd, "target", "precious");
        background_unlink(offload, directory_fd, "fifo");
        background_unlink(offload, directory_fd, "link");
        check(!is_there("fifo") && !is_there("link") && is_there("target"));
        check(mkdirat(directory_fd, "directory", 0755) >= 0);
        background_unlink(offload, directory_fd, "directory");
        check(is_there("directory"));
}

/* What no thread comes to any more is done at the end. */
static void test_end(void) {
        uint64_t before = free_space();

        for (unsigned i = 0; i < 2; i++) {
                close_fd(make_large("large"));
                background_unlink(offload, directory_fd, "large");
        }
        offload = offload_free(offload);
        check(free_space() == before);
}

int main(void) {
        directory_fd = scratch_small_directory("16m");
        if (directory_fd < 0)
                test_skip("a file system of its own: none can be mounted here");
        event = loop_new();
        check_int(offload_new(event, 1, &offload), 0);
        test_unlink();
        test_close();
        test_odd();
        test_end();
        sd_event_unref(event);
        close_fd(directory_fd);
        return EXIT_SUCCESS;
}
