#include "store/file-system.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>

#include "base/background-unlink.h"
#include "base/fs.h"
#include "base/list.h"
#include "base/sha256.h"
#include "base/text.h"
#include "store/batch.h"

#define STAGING_DIRECTORY ".staging"
#define STAGING_DIRECTORIES_MAX 16U
/* What nobody has continued for so long is not going to be. */
#define STAGING_AGE_MAX_SEC (7 * 24 * 3600)
#define LIST_ENTRIES_MAX 200000U

typedef struct FileSystemStore {
        Store base;
        Offload *offload;
        int fd;
} FileSystemStore;

static Store *file_system_store_free(Store *base) {
        FileSystemStore *store = (FileSystemStore *) base;

        close_fd(store->fd);
        close_fd(base->staging_fd);
        free(base->identity);
        free(store);
        return NULL;
}

/* Requests run in a thread: they have a descriptor of their own and touch nothing of the store. */

typedef struct Request {
        int fd;
        char *key;
        size_t max;
        void *userdata;

        StoreGetDone get_done;
        StoreObject object;

        StoreListDone list_done;
        StoreListEntry *entries;
        size_t n_entries;

        StoreCommitDone commit_done;
        StoreBatch *batch;
        int staging_fd;
        int lock_fd; /* the directory of the objects whose revisions the batch names */
        char *failed_key;
        char revision[STORE_REVISION_SIZE];
} Request;

static Request *request_free(Request *request) {
        if (!request)
                return NULL;
        close_fd(request->fd);
        close_fd(request->staging_fd);
        close_fd(request->lock_fd);
        free(request->key);
        free(request->object.data);
        for (size_t i = 0; i < request->n_entries; i++)
                free(request->entries[i].name);
        free(request->entries);
        store_batch_free(request->batch);
        free(request->failed_key);
        free(request);
        return NULL;
}
DEFINE_CLEANUP(Request *, request_free)

static int request_new(FileSystemStore *store, const char *key, void *userdata, Request **ret) {
        _cleanup_(request_freep) Request *request = calloc(1, sizeof(Request));
        int r;

        if (!request)
                return -ENOMEM;
        request->staging_fd = request->lock_fd = -EBADF;
        request->userdata = userdata;
        request->fd = fs_open_directory(store->fd, "", false);
        if (request->fd < 0)
                return request->fd;
        r = string_assign(&request->key, key);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(request);
        return 0;
}

static int request_run(FileSystemStore *store, Request *request, OffloadWork work, OffloadDone done) {
        int r = offload_run(store->offload, work, done, request);

        if (r < 0)
                request_free(request);
        return r;
}

/* get */

static int get_work(void *userdata) {
        Request *request = userdata;
        _cleanup_close_ int dirfd = -EBADF;
        const char *name;
        int r;

        dirfd = fs_open_parent(request->fd, request->key, false, &name);
        if (dirfd < 0)
                return dirfd;
        r = fs_read_file(dirfd, name, request->max, &request->object.data, &request->object.size);
        if (r < 0)
                return r;
        sha256_hex_of(request->object.data, request->object.size, request->object.revision);
        return 0;
}

static void get_done(int result, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;

        request->get_done(result, result < 0 ? NULL : &request->object, request->userdata);
}

static int file_system_get(Store *base, const char *key, size_t max, StoreGetDone done, void *userdata) {
        FileSystemStore *store = (FileSystemStore *) base;
        Request *request;
        int r;

        r = request_new(store, key, userdata, &request);
        if (r < 0)
                return r;
        request->max = max;
        request->get_done = done;
        return request_run(store, request, get_work, get_done);
}

/* list */

static int compare_entries(const void *a, const void *b) {
        return strcmp(((const StoreListEntry *) a)->name, ((const StoreListEntry *) b)->name);
}

static int list_work(void *userdata) {
        Request *request = userdata;
        int fd = fs_open_directory(request->fd, request->key, false), r = 0;
        DIR *directory;

        if (fd < 0)
                return fd == -ENOENT ? 0 : fd;
        directory = fdopendir(fd);
        if (!directory) {
                r = negative_errno();
                close_fd(fd);
                return r;
        }

        for (struct dirent *dirent; r >= 0 && (dirent = readdir(directory));) {
                StoreListEntry entry = {};
                struct stat st;

                if (dirent->d_name[0] == '.' || fstatat(fd, dirent->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                        !S_ISREG(st.st_mode))
                        continue;
                if (request->n_entries >= LIST_ENTRIES_MAX) {
                        r = -EFBIG;
                        break;
                }
                entry = (StoreListEntry) { .name = strdup(dirent->d_name), .size = (uint64_t) st.st_size };
                r = entry.name ? LIST_APPEND(request->entries, request->n_entries, entry) : -ENOMEM;
                if (r < 0)
                        free(entry.name);
        }
        (void) closedir(directory);
        if (request->n_entries > 0)
                qsort(request->entries, request->n_entries, sizeof(StoreListEntry), compare_entries);
        return r;
}

static void list_done(int result, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;

        request->list_done(result, request->entries, request->n_entries, request->userdata);
}

static int file_system_list(Store *base, const char *prefix, StoreListDone done, void *userdata) {
        FileSystemStore *store = (FileSystemStore *) base;
        Request *request;
        int r;

        r = request_new(store, prefix, userdata, &request);
        if (r < 0)
                return r;
        request->list_done = done;
        return request_run(store, request, list_work, list_done);
}

/* commit */

/* The directories that a barrier has to make durable. */
typedef struct TouchedDirectories {
        char **paths;
} TouchedDirectories;

static int touch_directory(TouchedDirectories *touched, const char *key) {
        const char *slash = strrchr(key, '/');
        _cleanup_free_ char *path = slash ? strndup(key, (size_t) (slash - key)) : strdup("");

        if (!path)
                return -ENOMEM;
        return strings_contain(touched->paths, path) ? 0 : strings_append(&touched->paths, path);
}

/* A new directory is itself an entry of its parent, up to the root of the store. */
static int sync_directories(int root_fd, TouchedDirectories *touched) {
        for (char **path = touched->paths; path && *path; path++)
                for (;;) {
                        _cleanup_close_ int fd = fs_open_directory(root_fd, *path, false);
                        char *slash = strrchr(*path, '/');

                        /* What was to be deleted may never have had a directory. */
                        if (fd < 0 && fd != -ENOENT)
                                return fd;
                        if (fd >= 0 && fsync(fd) < 0)
                                return negative_errno();
                        if (!**path)
                                break;
                        *(slash ? slash : *path) = '\0';
                }
        touched->paths = strings_free(touched->paths);
        return 0;
}

static int check_revision(int dirfd, const char *name, const char *expected) {
        _cleanup_free_ char *data = NULL;
        char revision[SHA256_HEX_SIZE] = "";
        size_t size;
        int r;

        r = fs_read_file(dirfd, name, SIZE_MAX / 2, &data, &size);
        if (r < 0 && r != -ENOENT)
                return r;
        if (r >= 0)
                sha256_hex_of(data, size, revision);
        return streq(revision, expected) ? 0 : -ESTALE;
}

/* Other daemons on the same directory take the same lock; it is held until the batch ends, and goes with its descriptor. */
static int lock_directory(Request *request, int dirfd) {
        if (request->lock_fd >= 0)
                return 0;
        request->lock_fd = fcntl(dirfd, F_DUPFD_CLOEXEC, 3);
        return request->lock_fd < 0 || flock(request->lock_fd, LOCK_EX) < 0 ? negative_errno() : 0;
}

static int expect_revision(Request *request, const StoreStep *step, int dirfd, const char *name) {
        int r = lock_directory(request, dirfd);

        return r < 0 ? r : check_revision(dirfd, name, step->revision);
}

static int put_document(Request *request, const StoreStep *step, int dirfd, const char *name) {
        int r;

        if (step->revision) {
                r = expect_revision(request, step, dirfd, name);
                if (r < 0)
                        return r;
                sha256_hex_of(step->data, step->size, request->revision);
        }
        return fs_write_file_durably_through(request->staging_fd, dirfd, name, step->data, step->size, 0644);
}

/* The object may have been moved by a commit that was interrupted. */
static int move_object(
        const Request *request, const StoreStep *step, int from_dirfd, const char *from_name) {
        _cleanup_close_ int dirfd = -EBADF;
        const char *name;

        dirfd = fs_open_parent(request->fd, step->target, true, &name);
        if (dirfd < 0)
                return dirfd;
        if (from_dirfd >= 0 && renameat(from_dirfd, from_name, dirfd, name) >= 0)
                return 0;
        if (from_dirfd >= 0 && errno != ENOENT)
                return negative_errno();
        return faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 ? negative_errno() : 0;
}

static int commit_step(Request *request, const StoreStep *step) {
        _cleanup_close_ int dirfd = -EBADF;
        /* What is expected to be absent is about to be made: the lock needs the directory. */
        bool create = step->type == STORE_STEP_PUT || step->type == STORE_STEP_PUT_FILE ||
                      (step->type == STORE_STEP_EXPECT && !step->revision[0]);
        const char *name;

        dirfd = fs_open_parent(request->fd, step->key, create, &name);
        if (dirfd == -ENOENT && step->type == STORE_STEP_DELETE)
                return 0;
        if (dirfd == -ENOENT && step->type == STORE_STEP_MOVE)
                return move_object(request, step, -EBADF, NULL);
        if (dirfd == -ENOENT && step->type == STORE_STEP_EXPECT)
                return -ESTALE;
        if (dirfd < 0)
                return dirfd;

        switch (step->type) {
        case STORE_STEP_PUT_FILE:
                return renameat(request->staging_fd, step->staged, dirfd, name) < 0 ? negative_errno() : 0;
        case STORE_STEP_PUT:
                return put_document(request, step, dirfd, name);
        case STORE_STEP_MOVE:
                return move_object(request, step, dirfd, name);
        case STORE_STEP_DELETE:
                return unlinkat(dirfd, name, 0) < 0 && errno != ENOENT ? negative_errno() : 0;
        case STORE_STEP_EXPECT:
                return expect_revision(request, step, dirfd, name);
        case STORE_STEP_BARRIER:
                break;
        }
        return -EINVAL;
}

static int commit_work(void *userdata) {
        Request *request = userdata;
        TouchedDirectories touched = {};
        int r = 0;

        for (size_t i = 0; r >= 0 && i < request->batch->n_steps; i++) {
                const StoreStep *step = &request->batch->steps[i];

                if (step->type == STORE_STEP_BARRIER) {
                        r = sync_directories(request->fd, &touched);
                        continue;
                }
                r = commit_step(request, step);
                if (r >= 0 && step->type != STORE_STEP_EXPECT)
                        r = touch_directory(&touched, step->key);
                if (r >= 0 && step->type == STORE_STEP_MOVE)
                        r = touch_directory(&touched, step->target);
                if (r < 0)
                        request->failed_key = strdup(step->key);
        }
        if (r >= 0)
                r = sync_directories(request->fd, &touched);
        strings_free(touched.paths);
        request->lock_fd = close_fd(request->lock_fd);
        return r;
}

static void commit_done(int result, void *userdata) {
        _cleanup_(request_freep) Request *request = userdata;

        request->commit_done(result, strempty(request->failed_key), request->revision, request->userdata);
}

static int file_system_commit(Store *base, StoreBatch *batch, StoreCommitDone done, void *userdata) {
        FileSystemStore *store = (FileSystemStore *) base;
        _cleanup_(request_freep) Request *request = NULL;
        int r;

        r = request_new(store, "", userdata, &request);
        if (r < 0)
                return r;
        request->commit_done = done;
        request->staging_fd = fcntl(base->staging_fd, F_DUPFD_CLOEXEC, 3);
        if (request->staging_fd < 0)
                return negative_errno();
        request->batch = batch;
        r = offload_run(store->offload, commit_work, commit_done, request);
        if (r < 0) {
                request->batch = NULL;
                return r;
        }
        TAKE_PTR(request);
        return 0;
}

static int file_system_open_object(Store *base, const char *key) {
        FileSystemStore *store = (FileSystemStore *) base;
        _cleanup_close_ int dirfd = -EBADF, fd = -EBADF;
        const char *name;
        struct stat st;

        dirfd = fs_open_parent(store->fd, key, false, &name);
        if (dirfd < 0)
                return dirfd;
        fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
                return negative_errno();
        if (!S_ISREG(st.st_mode))
                return S_ISDIR(st.st_mode) ? -EISDIR : -EBADFD;
        return TAKE_FD(fd);
}

static const StoreBackend file_system_backend = {
        .name = "fileSystem",
        .get = file_system_get,
        .list = file_system_list,
        .commit = file_system_commit,
        .open_object = file_system_open_object,
        .free = file_system_store_free,
};

/* Removes what was left in the staging directory and cannot be continued: everything but unfinished downloads, and those
 * that are old. */
static int clean_staging(Offload *offload, int staging_fd) {
        int fd = fs_open_directory(staging_fd, "", false);
        time_t now = time(NULL);
        DIR *directory;

        if (fd < 0)
                return fd;
        directory = fdopendir(fd);
        if (!directory) {
                close_fd(fd);
                return negative_errno();
        }
        for (struct dirent *dirent; (dirent = readdir(directory));) {
                const char *name = dirent->d_name;
                struct stat st;

                if (fstatat(staging_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode))
                        continue;
                if (!S_ISREG(st.st_mode) || !(endswith(name, ".part") || endswith(name, ".meta")) ||
                        st.st_mtime < now - STAGING_AGE_MAX_SEC)
                        background_unlink(offload, staging_fd, name);
        }
        (void) closedir(directory);
        return 0;
}

/* Daemons that share the directory must not write to each other's unfinished files: each holds one staging directory by a
 * lock that ends with it. What nobody holds is cleaned. */
static int open_staging(Offload *offload, int root_fd) {
        _cleanup_close_ int own = -EBADF;
        int r;

        for (unsigned i = 1; i <= STAGING_DIRECTORIES_MAX; i++) {
                _cleanup_close_ int fd = -EBADF;
                char name[32] = STAGING_DIRECTORY;

                if (i > 1)
                        (void) snprintf(name, sizeof(name), STAGING_DIRECTORY "-%u", i);
                fd = fs_open_directory(root_fd, name, own < 0);
                if (fd == -ENOENT)
                        continue;
                if (fd < 0)
                        return fd;
                if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                        if (errno == EWOULDBLOCK)
                                continue;
                        return negative_errno();
                }
                r = clean_staging(offload, fd);
                if (r < 0)
                        return r;
                if (own < 0)
                        own = TAKE_FD(fd);
        }
        return own < 0 ? -EBUSY : TAKE_FD(own);
}

int file_system_store_open(Offload *offload, const char *directory, Store **ret, char **ret_error) {
        _cleanup_(store_freep) Store *base = NULL;
        FileSystemStore *store = calloc(1, sizeof(FileSystemStore));
        int r;

        if (!store)
                return -ENOMEM;
        *store = (FileSystemStore) {
                .base = { .backend = &file_system_backend, .staging_fd = -EBADF },
                .offload = offload,
                .fd = -EBADF,
        };
        base = &store->base;
        r = string_assign(&base->identity, directory);
        if (r < 0)
                return r;

        store->fd = fs_open_root(directory, true);
        if (store->fd >= 0)
                base->staging_fd = open_staging(offload, store->fd);
        r = store->fd < 0 ? store->fd : base->staging_fd;
        if (r < 0) {
                text_set(ret_error, "cannot open the store %s: %s", directory, strerror(-r));
                return r;
        }
        *ret = TAKE_PTR(base);
        return 0;
}
