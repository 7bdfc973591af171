#include "worker/scan-copy.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/text.h"
#include "scan/ignore-marks.h"
#include "worker/file.h"
#include "worker/unpack.h"
#include "worker/zip.h"

#define SOURCE_SIZE_MAX (4 * MIB)
#define EXECUTABLE_PREFIX "terraform-provider-"

static int open_input(int scratch_fd, const char *directory) {
        return fs_open_directory(scratch_fd, directory, true);
}

static int create_file(int directory_fd, const char *name, mode_t mode) {
        int fd = openat(directory_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);

        return fd < 0 ? negative_errno() : fd;
}

/* provider */

static bool is_executable_name(const char *name) {
        return startswith(name, EXECUTABLE_PREFIX) && !strchr(name, '/') &&
               strnlen(name, SCAN_COPY_NAME_MAX) < SCAN_COPY_NAME_MAX;
}

/* NULL, with the reason, if it is not the only one. */
static const ZipEntry *find_executable(const ZipReader *reader, char **ret_error) {
        const ZipEntry *entries, *found = NULL;
        size_t n;

        entries = zip_reader_entries(reader, &n);
        for (size_t i = 0; i < n; i++) {
                if (!is_executable_name(entries[i].name))
                        continue;
                if (found) {
                        (void) refuse(ret_error, "the archive has more than one executable, %s and %s",
                                found->name, entries[i].name);
                        return NULL;
                }
                found = &entries[i];
        }
        if (!found)
                (void) refuse(ret_error, "the archive has no executable of a provider");
        return found;
}

static int write_piece(const void *data, size_t size, void *userdata) {
        return fs_write_all(*(const int *) userdata, data, size);
}

int scan_copy_binary(
        int input_fd, int scratch_fd, const WorkerLimits *limits, char *ret_name, char **ret_error) {
        const ZipLimits zip_limits = { .entries_max = limits->entries_max,
                .unpacked_size_max = limits->artifact_size_max };
        _cleanup_(zip_reader_freep) ZipReader *reader = NULL;
        _cleanup_close_ int directory_fd = -EBADF, fd = -EBADF;
        const ZipEntry *entry;
        int r;

        directory_fd = open_input(scratch_fd, SCAN_COPY_INPUT);
        if (directory_fd < 0)
                return directory_fd;
        r = zip_reader_new(input_fd, &zip_limits, &reader, ret_error);
        if (r < 0)
                return r;
        entry = find_executable(reader, ret_error);
        if (!entry)
                return -EBADMSG;
        fd = create_file(directory_fd, entry->name, 0700);
        if (fd < 0)
                return fd;
        r = zip_reader_read(reader, entry, write_piece, &fd, ret_error);
        if (r < 0)
                return r;
        memcpy(ret_name, entry->name, strlen(entry->name) + 1);
        return 0;
}

int scan_copy_source(int input_fd, int scratch_fd, char **ret_error) {
        _cleanup_close_ int directory_fd = -EBADF, fd = -EBADF;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        directory_fd = open_input(scratch_fd, SCAN_COPY_INPUT);
        if (directory_fd < 0)
                return directory_fd;
        r = fs_read_fd(input_fd, SOURCE_SIZE_MAX, &text, &size);
        if (r == -EFBIG)
                return refuse(ret_error, "go.mod has more than %zu bytes", (size_t) SOURCE_SIZE_MAX);
        if (r < 0)
                return r;
        fd = create_file(directory_fd, SCAN_COPY_SOURCE, 0600);
        return fd < 0 ? fd : fs_write_all(fd, text, size);
}

/* module */

typedef struct Copy {
        int content_fd;   /* the content of all files, one after the other */
        int directory_fd; /* where they go */
        Findings *findings;
        char **ret_error;
} Copy;

/* Whether any part of the path is ".git", which the scanner always leaves out. */
static bool is_hidden_from_scanner(const char *path) {
        for (const char *part = path; part; part = strchr(part, '/')) {
                size_t length;

                part += part != path;
                length = strcspn(part, "/");
                if (length == strlen(".git") && strncmp(part, ".git", length) == 0)
                        return true;
        }
        return false;
}

static int write_without_marks(Copy *copy, const TreeEntry *entry, const char *content, int fd) {
        _cleanup_(buffer_clear) Buffer neutral = {};
        int r;

        r = ignore_marks_neutralize(entry->path, content, entry->size, copy->findings, &neutral);
        return r < 0 ? r : fs_write_all(fd, strempty(neutral.data), neutral.size);
}

/* `entry` is the name, `file` what is read there. */
static int copy_file(Copy *copy, const TreeEntry *entry, const TreeEntry *file) {
        TreeEntry named = { .path = entry->path, .size = file->size };
        _cleanup_close_ int directory_fd = -EBADF, fd = -EBADF;
        _cleanup_free_ char *content = NULL;
        const char *name;
        int r;

        if (is_hidden_from_scanner(entry->path))
                return refuse(copy->ret_error, "%s: a directory of this name is not scanned", entry->path);
        if (file->size > SCAN_COPY_FILE_MAX)
                return refuse(copy->ret_error, "%s: a file of more than %zu bytes is not scanned",
                        entry->path, (size_t) SCAN_COPY_FILE_MAX);
        content = malloc(MAX_OF(file->size, UINT64_C(1)));
        if (!content)
                return -ENOMEM;
        r = file_read_at(copy->content_fd, content, file->size, file->offset);
        if (r < 0)
                return r;
        directory_fd = fs_open_parent(copy->directory_fd, entry->path, true, &name);
        if (directory_fd < 0)
                return directory_fd;
        fd = create_file(directory_fd, name, 0600);
        return fd < 0 ? fd : write_without_marks(copy, &named, content, fd);
}

/* A link to a file becomes the file, as terraform reads it. What a link to a directory leads to is in the module itself, and scanned
 * there. */
static int copy_tree(Copy *copy, const Tree *tree) {
        for (size_t i = 0; i < tree->n_entries; i++) {
                const TreeEntry *entry = &tree->entries[i], *file;
                int r;

                if (entry->type == TREE_DIRECTORY)
                        continue;
                file = tree_follow(tree, entry);
                if (!file || file->type != TREE_FILE)
                        continue;
                r = copy_file(copy, entry, file);
                if (r < 0)
                        return r;
        }
        return 0;
}

int scan_copy_module(
        int input_fd, int scratch_fd, const WorkerLimits *limits, Findings *findings, char **ret_error) {
        _cleanup_close_ int content_fd = -EBADF, directory_fd = -EBADF;
        _cleanup_(unpacked_done) Unpacked unpacked = {};
        Copy copy = { .findings = findings, .ret_error = ret_error };
        int r;

        copy.directory_fd = directory_fd = open_input(scratch_fd, SCAN_COPY_INPUT "/" SCAN_COPY_MODULE);
        if (directory_fd < 0)
                return directory_fd;
        /* Without a name from the start. */
        copy.content_fd = content_fd = openat(scratch_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (content_fd < 0)
                return negative_errno();
        r = unpack_module(input_fd, content_fd, limits, &unpacked, ret_error);
        return r < 0 ? r : copy_tree(&copy, &unpacked.tree);
}
