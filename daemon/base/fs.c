#include "base/fs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>

#define TEMPORARY_PREFIX ".tmp-"
#define TREE_DEPTH_MAX 64

static int open_component(int dirfd, const char *name, bool create) {
        int fd;

        if (create && mkdirat(dirfd, name, 0755) < 0 && errno != EEXIST)
                return negative_errno();
        fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? negative_errno() : fd;
}

int fs_open_directory(int dirfd, const char *path, bool create) {
        _cleanup_close_ int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_free_ char *copy = strdup(path);
        char *state = NULL;

        if (!copy)
                return -ENOMEM;
        if (fd < 0)
                return negative_errno();
        if (path[0] == '/')
                return -EINVAL;

        for (char *name = strtok_r(copy, "/", &state); name; name = strtok_r(NULL, "/", &state)) {
                int next;

                if (streq(name, ".") || streq(name, ".."))
                        return -EINVAL;
                next = open_component(fd, name, create);
                if (next < 0)
                        return next;
                close_fd(fd);
                fd = next;
        }
        return TAKE_FD(fd);
}

int fs_open_root(const char *path, bool create) {
        int fd;

        if (path[0] != '/')
                return -EINVAL;
        if (create) {
                _cleanup_free_ char *copy = strdup(path);

                if (!copy)
                        return -ENOMEM;
                for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                        *slash = '\0';
                        if (mkdir(copy, 0755) < 0 && errno != EEXIST)
                                return negative_errno();
                        *slash = '/';
                }
                if (mkdir(copy, 0755) < 0 && errno != EEXIST)
                        return negative_errno();
        }
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? negative_errno() : fd;
}

int fs_read_fd(int fd, size_t max, char **ret_data, size_t *ret_size) {
        _cleanup_free_ char *data = NULL;
        struct stat st;
        size_t size = 0, capacity;

        if (fstat(fd, &st) < 0)
                return negative_errno();
        if (!S_ISREG(st.st_mode))
                return S_ISDIR(st.st_mode) ? -EISDIR : -EBADFD;
        if (st.st_size < 0 || (uint64_t) st.st_size > max)
                return -EFBIG;

        /* One byte more than the size shows a file that is growing meanwhile. */
        capacity = (size_t) st.st_size + 1;
        data = malloc(capacity + 1);
        if (!data)
                return -ENOMEM;
        while (size < capacity) {
                ssize_t n = pread(fd, data + size, capacity - size, (off_t) size);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return negative_errno();
                }
                if (n == 0)
                        break;
                size += (size_t) n;
        }
        if (size == capacity)
                return -EAGAIN;
        data[size] = '\0';
        *ret_data = TAKE_PTR(data);
        *ret_size = size;
        return 0;
}

int fs_read_file(int dirfd, const char *name, size_t max, char **ret_data, size_t *ret_size) {
        _cleanup_close_ int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

        if (fd < 0)
                return negative_errno();
        return fs_read_fd(fd, max, ret_data, ret_size);
}

static int remove_content(int fd, unsigned depth);

static int remove_below(int dirfd, const char *name, unsigned depth) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (unlinkat(dirfd, name, 0) >= 0)
                return 0;
        if (errno != EISDIR && errno != EPERM)
                return negative_errno();
        if (depth == 0)
                return -ELOOP;
        fd = open_component(dirfd, name, false);
        if (fd < 0)
                return fd;
        r = remove_content(fd, depth - 1);
        if (r >= 0 && unlinkat(dirfd, name, AT_REMOVEDIR) < 0)
                r = negative_errno();
        return r;
}

static int remove_content(int fd, unsigned depth) {
        int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
        DIR *directory = copy < 0 ? NULL : fdopendir(copy);
        const struct dirent *entry;

        if (!directory) {
                r = negative_errno();
                close_fd(copy);
                return r;
        }
        while (r >= 0 && (entry = readdir(directory)))
                if (!streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
                        r = remove_below(fd, entry->d_name, depth);
        (void) closedir(directory);
        return r;
}

int fs_remove_tree(int dirfd, const char *name) {
        return remove_below(dirfd, name, TREE_DEPTH_MAX);
}

int fs_remove_content(int dirfd) {
        return remove_content(dirfd, TREE_DEPTH_MAX - 1);
}

int fs_write_all(int fd, const void *data, size_t size) {
        const char *rest = data;

        while (size > 0) {
                ssize_t n = write(fd, rest, size);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return negative_errno();
                }
                rest += n;
                size -= (size_t) n;
        }
        return 0;
}

int fs_write_file_durably(int dirfd, const char *name, const void *data, size_t size, mode_t mode) {
        return fs_write_file_durably_through(dirfd, dirfd, name, data, size, mode);
}

int fs_write_file_durably_through(
        int temporary_fd, int dirfd, const char *name, const void *data, size_t size, mode_t mode) {
        _cleanup_close_ int fd = -EBADF;
        char temporary[64];
        uint64_t random = 0;
        int r;

        (void) getrandom(&random, sizeof(random), GRND_NONBLOCK);
        (void) snprintf(
                temporary, sizeof(temporary), TEMPORARY_PREFIX "%016llx", (unsigned long long) random);

        fd = openat(temporary_fd, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (fd < 0)
                return negative_errno();
        r = fs_write_all(fd, data, size);
        if (r >= 0 && fsync(fd) < 0)
                r = negative_errno();
        if (r >= 0 && renameat(temporary_fd, temporary, dirfd, name) < 0)
                r = negative_errno();
        if (r < 0) {
                (void) unlinkat(temporary_fd, temporary, 0);
                return r;
        }
        return fsync(dirfd) < 0 ? negative_errno() : 0;
}

int fs_remove_temporaries(int dirfd) {
        int fd = fs_open_directory(dirfd, "", false);
        DIR *directory;

        if (fd < 0)
                return fd;
        directory = fdopendir(fd);
        if (!directory) {
                int r = negative_errno();

                close_fd(fd);
                return r;
        }
        for (struct dirent *dirent; (dirent = readdir(directory));)
                if (startswith(dirent->d_name, TEMPORARY_PREFIX))
                        (void) unlinkat(dirfd, dirent->d_name, 0);
        (void) closedir(directory);
        return 0;
}

int fs_open_parent(int dirfd, const char *path, bool create, const char **ret_name) {
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *directory = slash ? strndup(path, (size_t) (slash - path)) : strdup("");
        const char *name = slash ? slash + 1 : path;
        int fd;

        if (!directory)
                return -ENOMEM;
        if (isempty(name) || streq(name, ".") || streq(name, ".."))
                return -EINVAL;
        fd = fs_open_directory(dirfd, directory, create);
        if (fd >= 0)
                *ret_name = name;
        return fd;
}

int fs_memory_file(const char *name, const void *data, size_t size) {
        _cleanup_close_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
        int r;

        if (fd < 0)
                return negative_errno();
        r = fs_write_all(fd, data, size);
        if (r < 0)
                return r;
        if (lseek(fd, 0, SEEK_SET) < 0 ||
                fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
                return negative_errno();
        return TAKE_FD(fd);
}
