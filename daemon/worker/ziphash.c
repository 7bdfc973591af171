#include "worker/ziphash.h"

#include <fcntl.h>

#include "worker/dirhash.h"
#include "worker/file.h"
#include "worker/zip.h"

typedef struct Line {
        const char *name;
        uint8_t digest[SHA256_DIGEST_SIZE];
} Line;

static int compare_lines(const void *a, const void *b) {
        return strcmp(((const Line *) a)->name, ((const Line *) b)->name);
}

static int hash_piece(const void *data, size_t size, void *userdata) {
        sha256_add(userdata, data, size);
        return 0;
}

int ziphash_run(const WorkerDescription *description, WorkerReport *report) {
        const ZipLimits limits = {
                .entries_max = description->limits.entries_max,
                .unpacked_size_max = ZIPHASH_UNPACKED_SIZE_MAX,
        };
        int fd = description->request.input_fd, r;
        _cleanup_(zip_reader_freep) ZipReader *reader = NULL;
        _cleanup_free_ Line *lines = NULL;
        const ZipEntry *entries;
        DirHash hash;
        size_t n;

        /* The disk writes while we inflate, so that little is left for fsync(). Where this cannot be done, fsync()
         * does it all. */
        (void) sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);

        r = zip_reader_new(fd, &limits, &reader, &report->message);
        if (r < 0)
                return r;
        entries = zip_reader_entries(reader, &n);
        lines = calloc(MAX_OF(n, (size_t) 1), sizeof(*lines));
        if (!lines)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                Sha256 sha256;

                sha256_start(&sha256);
                r = zip_reader_read(reader, &entries[i], hash_piece, &sha256, &report->message);
                if (r < 0)
                        return r;
                lines[i].name = entries[i].name;
                sha256_finish(&sha256, lines[i].digest);
                report->unpacked_size += entries[i].size;
        }
        report->n_entries = n;

        qsort(lines, n, sizeof(*lines), compare_lines);
        dirhash_start(&hash);
        for (size_t i = 0; i < n; i++)
                dirhash_add(&hash, lines[i].name, lines[i].digest);
        dirhash_finish(&hash, report->h1);

        report->size = zip_reader_size(reader);
        if (description->request.hash_file) {
                r = file_hash(fd, &report->size, report->sha256);
                if (r < 0)
                        return r;
        }
        if (fsync(fd) < 0)
                return negative_errno();
        report->result = WORKER_OK;
        return 0;
}
