#include "worker/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>
#include <sys/stat.h>

#include "base/text.h"
#include "worker/archive-path.h"
#include "worker/file.h"
#include "worker/gunzip.h"
#include "worker/zip.h"

#define BLOCK_SIZE (128 * KIB)
#define TAR_BLOCK_SIZE 512
/* What an entry may take in the tar stream beside its content: headers, long names, padding. */
#define TAR_OVERHEAD_MAX (4 * KIB)
#define PAX_HEADER_SIZE_MAX (64 * KIB)
/* Of a name that is refused: the reason behind it must not be cut off. */
#define NAME_SHOWN_MAX 200U

typedef struct Unpack {
        int scratch_fd;
        bool whole; /* there is no top directory */
        const WorkerLimits *limits;
        uint64_t packed_size; /* of the archive */
        uint64_t size;        /* of the content so far = the end of the scratch file */
        uint64_t n_entries;
        char *top; /* the top directory, once known */
        Tree tree;
        char commit[65];
        char **error;

        /* the file that is being unpacked */
        TreeEntry *file;
        Sha256 sha256;
        /* the target of a link in a zip file, or NULL */
        Buffer *target;

        /* tar.gz */
        Gunzip *gunzip;
        int gunzip_error;
        bool first_block_seen;
        uint8_t *block;
} Unpack;

static void unpack_done(Unpack *unpack) {
        gunzip_free(unpack->gunzip);
        free(unpack->block);
        free(unpack->top);
        tree_done(&unpack->tree);
}

void unpacked_done(Unpacked *unpacked) {
        tree_done(&unpacked->tree);
}

/* The refusal of an entry by its name in the archive, which may hold anything and be of any length. */
static int refuse_entry(Unpack *unpack, const char *name, const char *reason) {
        _cleanup_free_ char *start = strndup(name, NAME_SHOWN_MAX),
                            *printable = start ? text_printable(start) : NULL;

        return refuse(unpack->error, "\"%s%s\": %s", strempty(printable),
                strlen(name) > NAME_SHOWN_MAX ? "..." : "", reason);
}

static int check_size(Unpack *unpack, const char *name, uint64_t size) {
        if (size > unpack->limits->unpacked_size_max)
                return refuse(unpack->error, "\"%s\": more than %llu bytes unpacked are not accepted", name,
                        (unsigned long long) unpack->limits->unpacked_size_max);
        if (size > UNPACK_RATIO_FROM && size / unpack->limits->ratio_max > unpack->packed_size)
                return refuse(unpack->error,
                        "\"%s\": the archive unpacks to more than %llu times its %llu bytes", name,
                        (unsigned long long) unpack->limits->ratio_max,
                        (unsigned long long) unpack->packed_size);
        return 0;
}

/* Checks a name as it stands in the archive and cuts the top directory off. *ret_path points into `name`; it is NULL
 * for the top directory itself. */
static int strip_top(
        Unpack *unpack, const char *original, char *name, bool directory, const char **ret_path) {
        size_t length = strlen(name), top_length;
        const char *error;

        while (directory && length > 1 && name[length - 1] == '/')
                name[--length] = '\0';
        if (startswith(name, "./") && length > 2)
                name += 2;
        if (directory && streq(name, ".")) {
                *ret_path = NULL;
                return 0;
        }
        error = archive_path_check(name);
        if (error)
                return refuse_entry(unpack, original, error);

        if (unpack->whole) {
                *ret_path = name;
                return 0;
        }
        top_length = strcspn(name, "/");
        if (!unpack->top) {
                unpack->top = strndup(name, top_length);
                if (!unpack->top)
                        return -ENOMEM;
        } else if (strlen(unpack->top) != top_length || memcmp(name, unpack->top, top_length) != 0)
                return refuse(unpack->error, "\"%s\": lies outside of the archive's top directory \"%s\"",
                        original, unpack->top);
        if (name[top_length] == '\0' && !directory)
                return refuse_entry(unpack, original, "lies beside the archive's top directory");
        *ret_path = name[top_length] == '\0' ? NULL : name + top_length + 1;
        return 0;
}

/* Takes an entry in. After a file, its content follows with add_content() and file_end(). */
static int add_entry(Unpack *unpack, const char *original, TreeType type, mode_t mode, const char *target) {
        _cleanup_free_ char *name = NULL, *target_copy = NULL;
        const char *path = NULL;
        TreeEntry *entry;
        int r;

        if (++unpack->n_entries > unpack->limits->entries_max)
                return refuse(unpack->error, "\"%s\": more than %llu entries are not accepted", original,
                        (unsigned long long) unpack->limits->entries_max);
        name = strdup(original);
        if (!name)
                return -ENOMEM;
        r = strip_top(unpack, original, name, type == TREE_DIRECTORY, &path);
        if (r < 0)
                return r;
        if (!path)
                return 0;

        if (type == TREE_HARD_LINK && !target)
                return refuse_entry(unpack, original, "hard link without a target");
        if (target && strlen(target) > ARCHIVE_PATH_LENGTH_MAX)
                return refuse_entry(unpack, original, "link with a target that is too long");
        if (type == TREE_HARD_LINK) {
                target_copy = strdup(target);
                if (!target_copy)
                        return -ENOMEM;
                r = strip_top(unpack, original, target_copy, false, &target);
                if (r < 0) {
                        _cleanup_free_ char *printable = text_printable(target_copy);
                        return r == -EBADMSG
                                       ? refuse(unpack->error,
                                                 "\"%s\": hard link to %s, which is no file of the archive",
                                                 original, strempty(printable))
                                       : r;
                }
        } else if (type == TREE_LINK) {
                target_copy = text_printable(target);
                if (!target_copy)
                        return -ENOMEM;
                if (!streq(target_copy, target))
                        return refuse_entry(
                                unpack, original, "control character or invalid UTF-8 in the link's target");
        }

        r = tree_add(&unpack->tree, type, path, target, &entry);
        if (r == -E2BIG)
                return refuse_entry(unpack, original, "the names in the archive take too much memory");
        if (r < 0)
                return r;
        entry->executable = mode & 0100;
        entry->offset = unpack->size;
        unpack->file = entry;
        sha256_start(&unpack->sha256);
        return 0;
}

static int add_content(Unpack *unpack, const void *data, size_t size) {
        uint64_t end;
        int r;

        if (__builtin_add_overflow(unpack->size, size, &end))
                return -EOVERFLOW;
        r = check_size(unpack, unpack->file->path, end);
        if (r < 0)
                return r;
        r = file_write_at(unpack->scratch_fd, data, size, unpack->size);
        if (r < 0) {
                text_set(unpack->error, "cannot unpack %s: %s", unpack->file->path, strerror(-r));
                return r;
        }
        sha256_add(&unpack->sha256, data, size);
        unpack->size = end;
        return 0;
}

static void file_end(Unpack *unpack) {
        unpack->file->size = unpack->size - unpack->file->offset;
        sha256_finish(&unpack->sha256, unpack->file->digest);
        unpack->file = NULL;
}

/* The commit in the "comment" of a pax global header (POSIX.1-2017 pax, "Extended Header"), which `git archive` writes
 * first. libarchive has no access to it. `block` is the beginning of the tar stream. */
static void read_commit(const uint8_t *block, size_t size, char ret_commit[static 65]) {
        const char *record, *end;
        uint64_t header_size = 0;

        if (size < TAR_BLOCK_SIZE || memcmp(block + 257, "ustar", 5) != 0 || block[156] != 'g')
                return;
        for (size_t i = 124; i < 136 && block[i] >= '0' && block[i] <= '7'; i++)
                header_size = header_size * 8 + (uint64_t) (block[i] - '0');
        if (header_size > PAX_HEADER_SIZE_MAX || header_size > size - TAR_BLOCK_SIZE)
                return;

        record = (const char *) block + TAR_BLOCK_SIZE;
        end = record + header_size;
        while (record < end) {
                static const char key[] = "comment=";
                size_t length = 0, digits = 0, n;

                while (record + digits < end && digits < 6 && record[digits] >= '0' && record[digits] <= '9')
                        length = length * 10 + (size_t) (record[digits++] - '0');
                /* "<length> <key>=<value>\n", the length counts everything */
                if (digits == 0 || length > (size_t) (end - record) || length < digits + 2 ||
                        record[digits] != ' ' || record[length - 1] != '\n')
                        return;
                n = length - digits - 2;
                if (n > strlen(key) && memcmp(record + digits + 1, key, strlen(key)) == 0) {
                        const char *value = record + digits + 1 + strlen(key);

                        n -= strlen(key);
                        for (size_t i = 0; i < n; i++)
                                if (!memchr("0123456789abcdef", value[i], 16))
                                        return;
                        if (n == 40 || n == 64) {
                                memcpy(ret_commit, value, n);
                                ret_commit[n] = '\0';
                        }
                        return;
                }
                record += length;
        }
}

static la_ssize_t read_block(struct archive *archive, void *userdata, const void **ret_block) {
        Unpack *unpack = userdata;
        size_t size = 0;
        int r;

        r = gunzip_read(unpack->gunzip, unpack->block, BLOCK_SIZE, &size, unpack->error);
        if (r < 0) {
                unpack->gunzip_error = r;
                archive_set_error(archive, -r, "cannot read the archive");
                return ARCHIVE_FATAL;
        }
        if (!unpack->first_block_seen) {
                unpack->first_block_seen = true;
                read_commit(unpack->block, size, unpack->commit);
        }
        *ret_block = unpack->block;
        return (la_ssize_t) size;
}

static int refuse_tar(Unpack *unpack, struct archive *archive, const char *name) {
        _cleanup_free_ char *printable = NULL;

        if (unpack->gunzip_error < 0)
                return unpack->gunzip_error;
        printable = text_printable(strempty(archive_error_string(archive)));
        if (archive_errno(archive) == ENOMEM)
                return -ENOMEM;
        return refuse(unpack->error, "\"%s\": malformed tar archive: %s", name, strempty(printable));
}

static int add_tar_content(Unpack *unpack, struct archive *archive, const char *name) {
        _cleanup_free_ uint8_t *buffer = malloc(BLOCK_SIZE);

        if (!buffer)
                return -ENOMEM;
        for (;;) {
                la_ssize_t n =
                        archive_read_data(archive, buffer, BLOCK_SIZE); /* fills holes of sparse files */
                int r;

                if (n < 0)
                        return refuse_tar(unpack, archive, name);
                if (n == 0)
                        return 0;
                r = add_content(unpack, buffer, (size_t) n);
                if (r < 0)
                        return r;
        }
}

static int add_tar_entry(Unpack *unpack, struct archive *archive, struct archive_entry *entry) {
        const char *pathname = archive_entry_pathname(entry);
        _cleanup_free_ char *name = NULL;
        int r;

        if (!pathname)
                return refuse(unpack->error, "entry %llu: its name is not valid UTF-8",
                        (unsigned long long) unpack->n_entries + 1);
        name = strdup(pathname);
        if (!name)
                return -ENOMEM;

        if (archive_entry_hardlink(entry))
                return add_entry(unpack, name, TREE_HARD_LINK, archive_entry_perm(entry),
                        archive_entry_hardlink(entry));
        switch (archive_entry_filetype(entry)) {
        case AE_IFDIR:
                return add_entry(unpack, name, TREE_DIRECTORY, 0, NULL);
        case AE_IFLNK:
                return add_entry(unpack, name, TREE_LINK, 0, strempty(archive_entry_symlink(entry)));
        case AE_IFREG:
                r = add_entry(unpack, name, TREE_FILE, archive_entry_perm(entry), NULL);
                if (r < 0)
                        return r;
                r = add_tar_content(unpack, archive, name);
                if (r < 0)
                        return r;
                file_end(unpack);
                return 0;
        case AE_IFCHR:
        case AE_IFBLK:
                return refuse_entry(unpack, name, "is a device");
        case AE_IFIFO:
                return refuse_entry(unpack, name, "is a fifo");
        case AE_IFSOCK:
                return refuse_entry(unpack, name, "is a socket");
        default:
                return refuse_entry(unpack, name, "is neither a file, a directory nor a link");
        }
}

static int read_tar_entries(Unpack *unpack, struct archive *archive) {
        size_t size;
        int r;

        for (;;) {
                struct archive_entry *entry;

                r = archive_read_next_header(archive, &entry);
                if (r == ARCHIVE_EOF)
                        break;
                /* A warning means that something of the entry was not understood: no guessing. */
                if (r != ARCHIVE_OK) {
                        const char *name = r == ARCHIVE_WARN ? archive_entry_pathname(entry) : NULL;
                        _cleanup_free_ char *printable = text_printable(name ? name : "?");

                        return refuse_tar(unpack, archive, strempty(printable));
                }
                r = add_tar_entry(unpack, archive, entry);
                if (r < 0)
                        return r;
        }

        /* What follows the end of the archive is padding; its checksum belongs to the whole. */
        do {
                r = gunzip_read(unpack->gunzip, unpack->block, BLOCK_SIZE, &size, unpack->error);
                if (r < 0)
                        return r;
        } while (size > 0);
        return 0;
}

static int unpack_tar_gz(Unpack *unpack, int fd) {
        struct archive *archive;
        uint64_t stream_max;
        int r;

        /* A bomb that hides in headers or in content that is skipped ends here. */
        if (__builtin_mul_overflow(unpack->limits->entries_max, TAR_OVERHEAD_MAX, &stream_max) ||
                __builtin_add_overflow(stream_max, unpack->limits->unpacked_size_max, &stream_max) ||
                __builtin_add_overflow(stream_max, MIB, &stream_max))
                stream_max = UINT64_MAX;
        r = gunzip_new(fd, stream_max, &unpack->gunzip);
        if (r < 0)
                return r;
        unpack->block = malloc(BLOCK_SIZE);
        archive = archive_read_new();
        if (!unpack->block || !archive) {
                (void) archive_read_free(archive);
                return -ENOMEM;
        }
        if (archive_read_support_format_tar(archive) != ARCHIVE_OK)
                r = -ENOMEM;
        else if (archive_read_open(archive, unpack, NULL, read_block, NULL) != ARCHIVE_OK)
                r = refuse_tar(unpack, archive, "?");
        else
                r = read_tar_entries(unpack, archive);
        (void) archive_read_free(archive);
        return r;
}

static int add_zip_piece(const void *data, size_t size, void *userdata) {
        Unpack *unpack = userdata;

        return unpack->target ? buffer_append(unpack->target, data, size) : add_content(unpack, data, size);
}

static int add_zip_link(Unpack *unpack, ZipReader *reader, const ZipEntry *entry) {
        _cleanup_(buffer_clear) Buffer target = { .max = ARCHIVE_PATH_LENGTH_MAX };
        int r;

        unpack->target = &target;
        r = zip_reader_read(reader, entry, add_zip_piece, unpack, unpack->error);
        unpack->target = NULL;
        if (r == -EFBIG)
                return refuse_entry(unpack, entry->name, "link with a target that is too long");
        if (r < 0)
                return r;
        if (memchr(strempty(target.data), '\0', target.size))
                return refuse_entry(unpack, entry->name, "NUL in the link's target");
        return add_entry(unpack, entry->name, TREE_LINK, 0, strempty(target.data));
}

static int add_zip_entry(Unpack *unpack, ZipReader *reader, const ZipEntry *entry) {
        mode_t format = entry->unix_mode & S_IFMT;
        int r;

        if (endswith(entry->name, "/") || format == S_IFDIR) {
                if (entry->size > 0 || (format != 0 && format != S_IFDIR))
                        return refuse_entry(unpack, entry->name, "is a directory and something else");
                return add_entry(unpack, entry->name, TREE_DIRECTORY, 0, NULL);
        }
        if (format == S_IFLNK)
                return add_zip_link(unpack, reader, entry);
        if (format != 0 && format != S_IFREG)
                return refuse_entry(unpack, entry->name,
                        format == S_IFIFO    ? "is a fifo"
                        : format == S_IFSOCK ? "is a socket"
                                             : "is a device");
        r = add_entry(unpack, entry->name, TREE_FILE, entry->unix_mode, NULL);
        if (r < 0)
                return r;
        r = zip_reader_read(reader, entry, add_zip_piece, unpack, unpack->error);
        if (r < 0)
                return r;
        file_end(unpack);
        return 0;
}

static int unpack_zip(Unpack *unpack, int fd) {
        const ZipLimits limits = {
                .entries_max = unpack->limits->entries_max,
                .unpacked_size_max = unpack->limits->unpacked_size_max,
        };
        _cleanup_(zip_reader_freep) ZipReader *reader = NULL;
        const ZipEntry *entries;
        const char *comment;
        size_t n;
        int r;

        r = zip_reader_new(fd, &limits, &reader, unpack->error);
        if (r < 0)
                return r;
        comment = zip_reader_comment(reader);
        if ((strlen(comment) == 40 || strlen(comment) == 64) &&
                strspn(comment, "0123456789abcdef") == strlen(comment))
                memcpy(unpack->commit, comment, strlen(comment) + 1);
        entries = zip_reader_entries(reader, &n);
        for (size_t i = 0; i < n; i++) {
                r = add_zip_entry(unpack, reader, &entries[i]);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The sizes again, now that hard links count as the files they are going to be. */
static int check_tree(Unpack *unpack, uint64_t *ret_size) {
        uint64_t size = 0;
        bool empty = true;

        for (size_t i = 0; i < unpack->tree.n_entries; i++) {
                const TreeEntry *entry = &unpack->tree.entries[i];
                int r;

                if (entry->type == TREE_DIRECTORY)
                        continue;
                empty = false;
                if (__builtin_add_overflow(size, entry->size, &size))
                        return -EOVERFLOW;
                r = check_size(unpack, entry->path, size);
                if (r < 0)
                        return r;
        }
        if (empty)
                return refuse(unpack->error, "there is no file in the archive");
        *ret_size = size;
        return 0;
}

int unpack_prepare(void) {
        /* Without a locale of UTF-8, libarchive cannot give out names from pax headers; C.UTF-8 is part of the C library. */
        return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -EOPNOTSUPP;
}

static int unpack_archive(int input_fd, int scratch_fd, bool whole, const WorkerLimits *limits,
        Unpacked *ret, char **ret_error) {
        _cleanup_(unpack_done) Unpack unpack = {
                .scratch_fd = scratch_fd, .whole = whole, .limits = limits, .error = ret_error
        };
        uint8_t magic[2] = {};
        uint64_t size = 0;
        struct stat st;
        int r;

        if (limits->ratio_max == 0)
                return -EINVAL;
        if (fstat(input_fd, &st) < 0)
                return negative_errno();
        unpack.packed_size = (uint64_t) st.st_size;
        r = file_read_at(input_fd, magic, sizeof(magic), 0);
        if (r < 0 && r != -ENODATA)
                return r;

        r = unpack_prepare();
        if (r < 0)
                return r;
        if (magic[0] == 0x1f && magic[1] == 0x8b)
                r = unpack_tar_gz(&unpack, input_fd);
        else if (magic[0] == 'P' && magic[1] == 'K')
                r = unpack_zip(&unpack, input_fd);
        else
                r = refuse(ret_error, "neither a tar.gz nor a zip archive");
        if (r < 0)
                return r;

        r = tree_seal(&unpack.tree, ret_error);
        if (r < 0)
                return r;
        r = check_tree(&unpack, &size);
        if (r < 0)
                return r;
        *ret = (Unpacked) { .tree = unpack.tree, .size = size };
        unpack.tree = (Tree) {};
        memcpy(ret->commit, unpack.commit, sizeof(ret->commit));
        return 0;
}

int unpack(int input_fd, int scratch_fd, const WorkerLimits *limits, Unpacked *ret, char **ret_error) {
        return unpack_archive(input_fd, scratch_fd, false, limits, ret, ret_error);
}

int unpack_module(
        int input_fd, int scratch_fd, const WorkerLimits *limits, Unpacked *ret, char **ret_error) {
        return unpack_archive(input_fd, scratch_fd, true, limits, ret, ret_error);
}
