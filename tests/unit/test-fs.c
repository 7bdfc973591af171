#include "base/fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "scratch.h"
#include "test.h"

static int scratch_fd = -EBADF;

static void check_content(int dirfd, const char *name, const char *expected) {
        _cleanup_free_ char *data = NULL;
        size_t size;

        check_int(fs_read_file(dirfd, name, MIB, &data, &size), 0);
        check_int(size, strlen(expected));
        check_string(data, expected);
}

static void test_open_directory(void) {
        struct stat a, b;
        int fd;

        check_int(fs_open_directory(scratch_fd, "a/b/c", false), -ENOENT);
        fd = fs_open_directory(scratch_fd, "a/b/c", true);
        check(fd >= 0 && fstat(fd, &a) >= 0);
        close_fd(fd);
        /* Slashes in a row are one. */
        fd = fs_open_directory(scratch_fd, "a//b/c/", false);
        check(fd >= 0 && fstat(fd, &b) >= 0 && a.st_ino == b.st_ino);
        close_fd(fd);

        /* "" is the directory itself, with a descriptor and a position of its own. */
        fd = fs_open_directory(scratch_fd, "", false);
        check(scratch_fd >= 0 && fd >= 0 && fd != scratch_fd && fstat(fd, &a) >= 0 &&
                fstat(scratch_fd, &b) >= 0);
        check(a.st_ino == b.st_ino);
        close_fd(fd);

        check_int(fs_open_directory(scratch_fd, "/tmp", false), -EINVAL);
        check_int(fs_open_directory(scratch_fd, "..", false), -EINVAL);
        check_int(fs_open_directory(scratch_fd, "a/../a", false), -EINVAL);
        check_int(fs_open_directory(scratch_fd, "./a", true), -EINVAL);
        check_int(fs_open_directory(-EBADF, "a", false), -EBADF);
}

/* A link is not followed wherever it stands, and nothing is made behind it. */
static void test_links(void) {
        int fd;

        fd = fs_open_directory(scratch_fd, "target/inner", true);
        check(fd >= 0);
        close_fd(fd);
        check(symlinkat("target", scratch_fd, "link") >= 0);
        check(symlinkat("/etc", scratch_fd, "absolute") >= 0);
        fd = fs_open_directory(scratch_fd, "link", false);
        check(fd == -ELOOP || fd == -ENOTDIR);
        fd = fs_open_directory(scratch_fd, "link/inner", false);
        check(fd == -ELOOP || fd == -ENOTDIR);
        fd = fs_open_directory(scratch_fd, "link/new", true);
        check(fd == -ELOOP || fd == -ENOTDIR);
        check_int(faccessat(scratch_fd, "target/new", F_OK, 0), -1);
        fd = fs_open_directory(scratch_fd, "absolute", false);
        check(fd == -ELOOP || fd == -ENOTDIR);

        scratch_write(scratch_fd, "file", "text");
        check(symlinkat("file", scratch_fd, "file-link") >= 0);
        check_int(fs_open_directory(scratch_fd, "file", false), -ENOTDIR);
        check_int(fs_read_file(scratch_fd, "file-link", 100, &(char *) {}, &(size_t) {}), -ELOOP);
        check_content(scratch_fd, "file", "text");
}

static void test_open_root(void) {
        _cleanup_free_ char *path = NULL;
        int fd;

        check_int(fs_open_root("relative", true), -EINVAL);
        path = text_format("%s/root/x/y", scratch_path);
        check_int(fs_open_root(path, false), -ENOENT);
        fd = fs_open_root(path, true);
        check(fd >= 0);
        close_fd(fd);
        /* What is there is fine, and the administrator's links are followed. */
        check(symlinkat("root", scratch_fd, "root-link") >= 0);
        free(TAKE_PTR(path));
        path = text_format("%s/root-link/x/y/z", scratch_path);
        fd = fs_open_root(path, true);
        check(fd >= 0);
        close_fd(fd);
        check_int(faccessat(scratch_fd, "root/x/y/z", F_OK, 0), 0);
}

static void test_read(void) {
        char *data = NULL;
        size_t size = 99;

        scratch_write(scratch_fd, "ten", "0123456789");
        scratch_write(scratch_fd, "none", "");
        check_content(scratch_fd, "ten", "0123456789");
        check_content(scratch_fd, "none", "");
        check_int(fs_read_file(scratch_fd, "ten", 9, &data, &size), -EFBIG);
        check_int(fs_read_file(scratch_fd, "absent", 9, &data, &size), -ENOENT);
        check_int(fs_read_file(scratch_fd, "a", 9, &data, &size), -EISDIR);
        /* A pipe with nobody at its other end does not block. */
        check(mkfifoat(scratch_fd, "pipe", 0600) >= 0);
        check_int(fs_read_file(scratch_fd, "pipe", 9, &data, &size), -EBADFD);
        check(!data && size == 99);
        check_int(fs_read_file(scratch_fd, "ten", 10, &data, &size), 0);
        check_int(size, 10);
        free(data);
}

static size_t count_entries(int dirfd) {
        int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *directory;
        size_t n = 0;

        check(fd >= 0);
        directory = fdopendir(fd);
        check(directory);
        while (readdir(directory))
                n++;
        (void) closedir(directory);
        return n;
}

static void test_write_durably(void) {
        struct rlimit limit, small;
        char *large = calloc(1, 100 * KIB);
        struct stat st;
        size_t n;

        check(large);
        check_int(fs_write_file_durably(scratch_fd, "document", "one", 3, 0640), 0);
        check_content(scratch_fd, "document", "one");
        check(fstatat(scratch_fd, "document", &st, 0) >= 0 && (st.st_mode & 07777) == 0640);
        check_int(fs_write_file_durably(scratch_fd, "document", "", 0, 0644), 0);
        check_content(scratch_fd, "document", "");

        /* A link is replaced, not written through. */
        scratch_write(scratch_fd, "behind", "behind");
        check(symlinkat("behind", scratch_fd, "through") >= 0);
        check_int(fs_write_file_durably(scratch_fd, "through", "new", 3, 0644), 0);
        check_content(scratch_fd, "behind", "behind");
        check_content(scratch_fd, "through", "new");

        /* What cannot be written whole leaves what was there, and nothing beside it. */
        n = count_entries(scratch_fd);
        check(getrlimit(RLIMIT_FSIZE, &limit) >= 0);
        small = (struct rlimit) { 64 * KIB, limit.rlim_max };
        check(setrlimit(RLIMIT_FSIZE, &small) >= 0);
        check_int(fs_write_file_durably(scratch_fd, "through", large, 100 * KIB, 0644), -EFBIG);
        check(setrlimit(RLIMIT_FSIZE, &limit) >= 0);
        check_content(scratch_fd, "through", "new");
        check_int(fs_write_file_durably(scratch_fd, "a", "x", 1, 0644), -EISDIR);
        check_int(count_entries(scratch_fd), n);
        free(large);
}

static void test_open_parent(void) {
        const char *name = NULL;
        int fd;

        fd = fs_open_parent(scratch_fd, "p/q/name", true, &name);
        check(fd >= 0);
        check_string(name, "name");
        check(faccessat(scratch_fd, "p/q", F_OK, 0) >= 0);
        check_int(faccessat(scratch_fd, "p/q/name", F_OK, 0), -1);
        close_fd(fd);
        fd = fs_open_parent(scratch_fd, "name", false, &name);
        check(fd >= 0);
        close_fd(fd);

        check_int(fs_open_parent(scratch_fd, "absent/name", false, &name), -ENOENT);
        check_int(fs_open_parent(scratch_fd, "", true, &name), -EINVAL);
        check_int(fs_open_parent(scratch_fd, "p/", true, &name), -EINVAL);
        check_int(fs_open_parent(scratch_fd, "p/..", true, &name), -EINVAL);
        check_int(fs_open_parent(scratch_fd, "p/.", true, &name), -EINVAL);
        check_int(fs_open_parent(scratch_fd, "p/../q", true, &name), -EINVAL);
        check_int(fs_open_parent(scratch_fd, "/etc/passwd", false, &name), -EINVAL);
}

static void test_memory_file(void) {
        char text[16] = {};
        int fd = fs_memory_file("test", "content", 7);

        check(fd >= 0);
        check_int(read(fd, text, sizeof(text)), 7);
        check_string(text, "content");
        /* Whoever it is handed to can neither change nor cut it. */
        check_int(pwrite(fd, "X", 1, 0), -1);
        check_int(ftruncate(fd, 3), -1);
        check_int(ftruncate(fd, 30), -1);
        check(mmap(NULL, 7, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
        close_fd(fd);
        fd = fs_memory_file("empty", NULL, 0);
        check(fd >= 0 && read(fd, text, 1) == 0);
        close_fd(fd);
}

static void test_write_all(void) {
        int fds[2];

        check_int(fs_write_all(-EBADF, "x", 1), -EBADF);
        check_int(fs_write_all(-EBADF, "", 0), 0);
        check(pipe2(fds, O_CLOEXEC | O_NONBLOCK) >= 0);
        check_int(fs_write_all(fds[1], "abc", 3), 0);
        check_int(read(fds[0], &(char[8]) {}, 8), 3);
        (void) close(fds[0]);
        check_int(fs_write_all(fds[1], "abc", 3), -EPIPE);
        (void) close(fds[1]);
}

/* A tree goes whole, links in it as links; what they lead to stays. */
static void test_remove_tree(void) {
        int fd;

        fd = fs_open_directory(scratch_fd, "tree/a/b", true);
        check(fd >= 0);
        for (unsigned i = 0; i < 200; i++) {
                _cleanup_free_ char *name = text_format("file-%u", i);

                scratch_write(fd, name, "x");
        }
        close_fd(fd);
        fd = fs_open_directory(scratch_fd, "kept", true);
        scratch_write(fd, "file", "kept");
        check(symlinkat("../../kept", scratch_fd, "tree/a/link") >= 0);

        check_int(fs_remove_tree(scratch_fd, "tree"), 0);
        check(faccessat(scratch_fd, "tree", F_OK, 0) < 0 && errno == ENOENT);
        check_content(fd, "file", "kept");
        close_fd(fd);

        check_int(fs_remove_tree(scratch_fd, "tree"), -ENOENT);
        fd = fs_open_directory(scratch_fd, "emptied/a", true);
        scratch_write(fd, "file", "x");
        close_fd(fd);
        fd = fs_open_directory(scratch_fd, "emptied", false);
        check_int(fs_remove_content(fd), 0);
        check(faccessat(scratch_fd, "emptied/a", F_OK, 0) < 0 &&
                faccessat(scratch_fd, "emptied", F_OK, 0) >= 0);
        check_int(fs_remove_content(fd), 0);
        close_fd(fd);
        check(symlinkat("kept", scratch_fd, "link-to-kept") >= 0);
        check_int(fs_remove_tree(scratch_fd, "link-to-kept"), 0);
        check(faccessat(scratch_fd, "kept/file", F_OK, 0) >= 0);

        _cleanup_(buffer_clear) Buffer path = {};

        for (unsigned i = 0; i < 70; i++)
                check_int(buffer_append_format(&path, "%sd", i > 0 ? "/" : ""), 0);
        fd = fs_open_directory(scratch_fd, path.data, true);
        check(fd >= 0);
        close_fd(fd);
        check_int(fs_remove_tree(scratch_fd, "d"), -ELOOP);
        fd = fs_open_directory(scratch_fd, "d/d/d/d/d/d/d/d", false);
        check_int(fs_remove_tree(fd, "d"), 0);
        close_fd(fd);
        check_int(fs_remove_tree(scratch_fd, "d"), 0);
}

int main(void) {
        (void) signal(SIGPIPE, SIG_IGN);
        (void) signal(SIGXFSZ, SIG_IGN);
        (void) umask(0022);
        scratch_fd = scratch_open();
        test_open_directory();
        test_links();
        test_open_root();
        test_read();
        test_write_durably();
        test_open_parent();
        test_memory_file();
        test_write_all();
        test_remove_tree();
        scratch_fd = close_fd(scratch_fd);
        return EXIT_SUCCESS;
}
