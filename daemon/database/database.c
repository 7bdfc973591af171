#include "database/database.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/text.h"

#define CURRENT "current"
#define CURRENT_NEW "current.new"
#define INCOMING "incoming"
#define NAME_SIZE CLOCK_TEXT_SIZE

Database *database_free(Database *database) {
        if (!database)
                return NULL;
        close_fd(database->fd);
        free(database->name);
        free(database);
        return NULL;
}

/* The name of the generation in use: one component, made by clock_format(). */
static int read_current(int directory_fd, char ret[static NAME_SIZE]) {
        uint64_t usec;
        ssize_t n;

        n = readlinkat(directory_fd, CURRENT, ret, NAME_SIZE);
        if (n < 0)
                return errno == EINVAL ? -EBADMSG : negative_errno();
        if (n == NAME_SIZE)
                return -EBADMSG;
        ret[n] = '\0';
        return strchr(ret, '/') || clock_parse(ret, &usec) < 0 ? -EBADMSG : 0;
}

/* The descriptor of db/trivy.db; the file is looked at and not read. */
static int open_data(int fd, int *ret, char **ret_error) {
        _cleanup_close_ int data = -EBADF;
        struct stat st;

        data = openat(fd, "trivy.db", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (data < 0 && errno != ENOENT && errno != ELOOP)
                return negative_errno();
        if (data < 0 || fstat(data, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0) {
                text_set(ret_error, "db/trivy.db is missing, empty or no file");
                return -EBADMSG;
        }
        *ret = TAKE_FD(data);
        return 0;
}

static int read_metadata(int fd, DatabaseMetadata *ret, char **ret_error) {
        _cleanup_free_ char *text = NULL;
        const char *error = NULL;
        size_t size;
        int r;

        r = fs_read_file(fd, "metadata.json", DATABASE_METADATA_SIZE_MAX, &text, &size);
        if (r == -ENOENT || r == -EFBIG || r == -ELOOP || r == -EISDIR || r == -EBADFD)
                error = strerror(-r);
        else if (r < 0)
                return r;
        else if (database_metadata_parse(text, size, ret, &error) >= 0)
                return 0;
        text_set(ret_error, "db/metadata.json: %s", error);
        return -EBADMSG;
}

/* Looks at the database below `fd`; returns the descriptors of db/ and of db/trivy.db. */
static int inspect(int fd, DatabaseMetadata *ret, int *ret_db, int *ret_data, char **ret_error) {
        _cleanup_close_ int db = -EBADF, data = -EBADF;
        int r;

        db = fs_open_directory(fd, "db", false);
        if (db == -ENOENT || db == -ENOTDIR || db == -ELOOP) {
                text_set(ret_error, "the directory db is missing");
                return -EBADMSG;
        }
        if (db < 0)
                return db;
        r = open_data(db, &data, ret_error);
        if (r >= 0)
                r = read_metadata(db, ret, ret_error);
        if (r < 0)
                return r;
        *ret_db = TAKE_FD(db);
        *ret_data = TAKE_FD(data);
        return 0;
}

int database_open(int directory_fd, Database **ret, char **ret_error) {
        _cleanup_(database_freep) Database *database = calloc(1, sizeof(Database));
        _cleanup_close_ int db = -EBADF, data = -EBADF;
        char name[NAME_SIZE];
        int r;

        if (!database)
                return -ENOMEM;
        database->fd = -EBADF;
        r = read_current(directory_fd, name);
        if (r == -EBADMSG)
                text_set(ret_error, "'" CURRENT "' is not a link to a generation");
        if (r < 0)
                return r;
        r = string_assign(&database->name, name);
        if (r < 0)
                return r;
        database->fd = fs_open_directory(directory_fd, name, false);
        if (database->fd == -ENOENT || database->fd == -ENOTDIR || database->fd == -ELOOP) {
                text_set(ret_error, "the generation %s is missing", name);
                return -EBADMSG;
        }
        if (database->fd < 0)
                return database->fd;
        r = inspect(database->fd, &database->metadata, &db, &data, ret_error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(database);
        return 0;
}

int database_prepare(int directory_fd) {
        int r;

        r = fs_remove_tree(directory_fd, INCOMING);
        if (r < 0 && r != -ENOENT)
                return r;
        if (mkdirat(directory_fd, INCOMING, 0755) < 0 || mkdirat(directory_fd, DATABASE_FETCHED, 0755) < 0 ||
                mkdirat(directory_fd, DATABASE_WORK, 0755) < 0)
                return negative_errno();
        return 0;
}

/* Trivy may make its files readable by itself alone, and workers belong to another user. */
static int make_durable(int generation, int db, int data) {
        if (fchmod(generation, 0755) < 0 || fchmod(db, 0755) < 0 || fchmod(data, 0644) < 0 ||
                fchmodat(db, "metadata.json", 0644, 0) < 0 || fsync(data) < 0)
                return negative_errno();

        _cleanup_close_ int metadata = openat(db, "metadata.json", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

        if (metadata < 0 || fsync(metadata) < 0 || fsync(db) < 0 || fsync(generation) < 0)
                return negative_errno();
        return 0;
}

/* A generation of this name that is not in use was left by an interruption, or has been damaged since. */
static int move_into_place(int directory_fd, const char *name) {
        int r;

        r = fs_remove_tree(directory_fd, name);
        if (r < 0 && r != -ENOENT)
                return r;
        if (renameat(directory_fd, DATABASE_FETCHED, directory_fd, name) < 0 || fsync(directory_fd) < 0)
                return negative_errno();
        return 0;
}

static int switch_to(int directory_fd, const char *name) {
        if (unlinkat(directory_fd, CURRENT_NEW, 0) < 0 && errno != ENOENT)
                return negative_errno();
        if (symlinkat(name, directory_fd, CURRENT_NEW) < 0 ||
                renameat(directory_fd, CURRENT_NEW, directory_fd, CURRENT) < 0 || fsync(directory_fd) < 0)
                return negative_errno();
        return 0;
}

/* Removes every generation but two. */
static int remove_others(int directory_fd, const char *current, const char *previous) {
        int fd = openat(directory_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
        DIR *directory = fd < 0 ? NULL : fdopendir(fd);
        const struct dirent *entry;

        if (!directory) {
                r = negative_errno();
                close_fd(fd);
                return r;
        }
        while (r >= 0 && (entry = readdir(directory))) {
                uint64_t usec;

                if (clock_parse(entry->d_name, &usec) >= 0 && !streq(entry->d_name, current) &&
                        !streq(entry->d_name, previous))
                        r = fs_remove_tree(directory_fd, entry->d_name);
        }
        (void) closedir(directory);
        return r;
}

int database_install(int directory_fd, char **ret_error) {
        _cleanup_(database_freep) Database *used = NULL;
        _cleanup_close_ int fd = -EBADF, db = -EBADF, data = -EBADF;
        char name[NAME_SIZE], previous[NAME_SIZE] = "";
        DatabaseMetadata metadata = {};
        int r;

        fd = fs_open_directory(directory_fd, DATABASE_FETCHED, false);
        if (fd < 0)
                return fd;
        r = inspect(fd, &metadata, &db, &data, ret_error);
        if (r < 0)
                return r;
        clock_format(metadata.updated_usec, name);

        r = database_open(directory_fd, &used, ret_error);
        if (r < 0 && r != -ENOENT && r != -EBADMSG) /* one that is damaged is replaced */
                return r;
        if (used && metadata.updated_usec < used->metadata.updated_usec) {
                text_set(ret_error, "it is of %s, older than the one in use, of %s", name, used->name);
                return -ESTALE;
        }
        if (used && streq(used->name, name))
                return 0;
        if (used)
                (void) stpcpy(previous, used->name);

        r = make_durable(fd, db, data);
        if (r >= 0)
                r = move_into_place(directory_fd, name);
        if (r >= 0)
                r = switch_to(directory_fd, name);
        if (r >= 0)
                r = remove_others(directory_fd, name, previous);
        return r < 0 ? r : 1;
}
