#include "worker/repack.h"

#include <archive.h>
#include <archive_entry.h>
#include <strings.h>
#include <time.h>

#include "base/text.h"
#include "worker/file.h"
#include "worker/unpack.h"

#define BLOCK_SIZE (128 * KIB)
/* 1980-01-01T00:00:00Z */
#define ENTRY_TIME 315532800

typedef struct Output {
        int fd;
        uint64_t size, size_max;
        Sha256 sha256;
        int error; /* of the first write that failed */
} Output;

static la_ssize_t write_output(struct archive *archive, void *userdata, const void *data, size_t size) {
        Output *output = userdata;
        int r;

        if (size > output->size_max - output->size)
                r = -EFBIG;
        else
                r = file_write_at(output->fd, data, size, output->size);
        if (r < 0) {
                output->error = r;
                archive_set_error(archive, -r, "cannot write the archive");
                return ARCHIVE_FATAL;
        }
        sha256_add(&output->sha256, data, size);
        output->size += size;
        return (la_ssize_t) size;
}

/* Every choice is said, so that the bytes do not depend on a default that may change. */
static int set_format(struct archive *archive, FileFormat format) {
        int r;

        if (format == FILE_FORMAT_ZIP) {
                r = archive_write_set_format_zip(archive);
                if (r == ARCHIVE_OK)
                        r = archive_write_set_options(archive,
                                "zip:compression=deflate,zip:compression-level=6,zip:hdrcharset=UTF-8");
        } else {
                r = archive_write_set_format_pax_restricted(archive);
                if (r == ARCHIVE_OK)
                        r = archive_write_add_filter_gzip(archive);
                if (r == ARCHIVE_OK)
                        r = archive_write_set_options(archive, "gzip:!timestamp,gzip:compression-level=6");
        }
        if (r == ARCHIVE_OK)
                r = archive_write_set_bytes_per_block(archive, BLOCK_SIZE);
        if (r == ARCHIVE_OK)
                r = archive_write_set_bytes_in_last_block(archive, 1);
        return r;
}

static int write_content(struct archive *archive, int scratch_fd, const TreeEntry *entry, uint8_t *buffer) {
        for (uint64_t done = 0; done < entry->size;) {
                size_t n = MIN_OF(entry->size - done, (uint64_t) BLOCK_SIZE);
                int r;

                r = file_read_at(scratch_fd, buffer, n, entry->offset + done);
                if (r < 0)
                        return r;
                if (archive_write_data(archive, buffer, n) != (la_ssize_t) n)
                        return -EIO;
                done += n;
        }
        return 0;
}

static int write_entry(struct archive *archive, struct archive_entry *header, int scratch_fd,
        const TreeEntry *entry, uint8_t *buffer) {
        archive_entry_clear(header);
        archive_entry_set_pathname(header, entry->path);
        archive_entry_set_mtime(header, ENTRY_TIME, 0);
        archive_entry_set_uid(header, 0);
        archive_entry_set_gid(header, 0);
        if (entry->type == TREE_LINK) {
                archive_entry_set_filetype(header, AE_IFLNK);
                archive_entry_set_perm(header, 0777);
                archive_entry_set_symlink(header, entry->target);
                archive_entry_set_size(header, 0);
        } else {
                archive_entry_set_filetype(header, AE_IFREG);
                archive_entry_set_perm(header, entry->executable ? 0755 : 0644);
                archive_entry_set_size(header, (la_int64_t) entry->size);
        }
        if (archive_write_header(archive, header) != ARCHIVE_OK)
                return -EIO;
        return entry->type == TREE_LINK ? 0 : write_content(archive, scratch_fd, entry, buffer);
}

static int write_entries(struct archive *archive, int scratch_fd, const Tree *tree) {
        _cleanup_free_ uint8_t *buffer = malloc(BLOCK_SIZE);
        struct archive_entry *header = archive_entry_new();
        int r = buffer && header ? 0 : -ENOMEM;

        for (size_t i = 0; i < tree->n_entries && r >= 0; i++)
                if (tree->entries[i].type != TREE_DIRECTORY)
                        r = write_entry(archive, header, scratch_fd, &tree->entries[i], buffer);
        archive_entry_free(header);
        return r;
}

static int write_archive(
        const WorkerDescription *description, const Tree *tree, Output *output, char **ret_error) {
        struct archive *archive;
        int r = 0;

        /* The zip writer turns times into local time. */
        (void) setenv("TZ", "UTC0", 1);
        tzset();

        archive = archive_write_new();
        if (!archive)
                return -ENOMEM;
        if (set_format(archive, description->request.file_format) != ARCHIVE_OK ||
                archive_write_open(archive, output, NULL, write_output, NULL) != ARCHIVE_OK)
                r = -EIO;
        if (r >= 0)
                r = write_entries(archive, description->request.scratch_fd, tree);
        if (r >= 0 && archive_write_close(archive) != ARCHIVE_OK)
                r = -EIO;

        if (output->error == -EFBIG)
                r = refuse(ret_error, "repacked, the archive is larger than %llu bytes",
                        (unsigned long long) output->size_max);
        else if (output->error < 0) {
                text_set(ret_error, "cannot write the archive: %s", strerror(-output->error));
                r = output->error;
        } else if (r == -EIO)
                text_set(ret_error, "cannot pack the archive: %s", strempty(archive_error_string(archive)));
        /* After a failure nothing more is to be written. */
        if (r < 0)
                (void) archive_write_fail(archive);
        (void) archive_write_free(archive);
        return r;
}

static const TreeEntry *find_readme(const Tree *tree) {
        static const char *const names[] = { "README.md", "README", "README.rst", "README.txt" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                for (size_t j = 0; j < tree->n_entries; j++)
                        if (strcasecmp(tree->entries[j].path, names[i]) == 0) {
                                const TreeEntry *file = tree_follow(tree, &tree->entries[j]);

                                if (file)
                                        return file;
                        }
        return NULL;
}

static int copy_readme(const WorkerDescription *description, const Tree *tree, uint64_t *ret_size) {
        const TreeEntry *readme = find_readme(tree);
        _cleanup_free_ char *text = NULL;
        size_t size;
        int r;

        *ret_size = 0;
        if (!readme || description->request.readme_fd < 0)
                return 0;
        size = MIN_OF(readme->size, (uint64_t) REPACK_README_SIZE_MAX);
        text = malloc(MAX_OF(size, (size_t) 1));
        if (!text)
                return -ENOMEM;
        r = file_read_at(description->request.scratch_fd, text, size, readme->offset);
        if (r < 0)
                return r;
        if (size < readme->size) {
                const char *line_end = memrchr(text, '\n', size);

                if (line_end)
                        size = (size_t) (line_end - text) + 1;
        }
        r = file_write_at(description->request.readme_fd, text, size, 0);
        if (r < 0)
                return r;
        if (fsync(description->request.readme_fd) < 0)
                return negative_errno();
        *ret_size = size;
        return 0;
}

int repack_run(const WorkerDescription *description, WorkerReport *report) {
        const WorkerRequest *request = &description->request;
        _cleanup_(unpacked_done) Unpacked unpacked = {};
        Output output = { .fd = request->output_fd, .size_max = description->limits.artifact_size_max };
        int r;

        r = unpack(
                request->input_fd, request->scratch_fd, &description->limits, &unpacked, &report->message);
        if (r < 0)
                return r;
        if (request->subdirectory) {
                r = tree_narrow(&unpacked.tree, request->subdirectory, &report->message);
                if (r < 0)
                        return r;
        }
        tree_hash(&unpacked.tree, report->h1);
        for (size_t i = 0; i < unpacked.tree.n_entries; i++)
                if (unpacked.tree.entries[i].type != TREE_DIRECTORY)
                        report->n_entries++;
        report->unpacked_size = unpacked.size;
        memcpy(report->commit, unpacked.commit, sizeof(report->commit));

        sha256_start(&output.sha256);
        r = write_archive(description, &unpacked.tree, &output, &report->message);
        if (r < 0)
                return r;
        r = copy_readme(description, &unpacked.tree, &report->readme_size);
        if (r < 0)
                return r;
        if (fsync(request->output_fd) < 0)
                return negative_errno();
        report->size = output.size;
        sha256_finish_hex(&output.sha256, report->sha256);
        report->result = WORKER_OK;
        return 0;
}
