#include "worker/zip.h"

#include <isa-l.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/text.h"
#include "worker/archive-path.h"
#include "worker/file.h"

#define END_SIZE 22
#define END64_LOCATOR_SIZE 20
#define END64_SIZE 56
#define CENTRAL_SIZE 46
#define LOCAL_SIZE 30
#define COMMENT_SIZE_MAX 65535
#define DIRECTORY_SIZE_MAX (128 * MIB)

#define SIGNATURE_LOCAL UINT32_C(0x04034b50)
#define SIGNATURE_CENTRAL UINT32_C(0x02014b50)
#define SIGNATURE_END UINT32_C(0x06054b50)
#define SIGNATURE_END64 UINT32_C(0x06064b50)
#define SIGNATURE_END64_LOCATOR UINT32_C(0x07064b50)

#define FLAG_ENCRYPTED 0x0001
#define FLAG_DESCRIPTOR 0x0008 /* sizes and CRC follow the data; the central directory has them */
#define FLAG_PATCH 0x0020
#define FLAG_STRONG_ENCRYPTION 0x0040
#define FLAG_MASKED 0x2000

#define HOST_UNIX 3
#define HOST_DARWIN 19

#define WINDOW_SIZE (8 * MIB)
#define OUTPUT_SIZE (256 * KIB)

struct ZipReader {
        int fd;
        uint64_t file_size;
        uint64_t directory_offset, directory_size;
        uint64_t n_announced;
        uint8_t *directory;
        char *comment;
        ZipEntry *entries;
        size_t n_entries;
        ZipLimits limits;
        struct inflate_state inflate;
        /* What is mapped of the file. It is ours alone; one that is cut short meanwhile ends the worker with SIGBUS. */
        uint8_t *window;
        uint64_t window_offset;
        size_t window_size;
        uint8_t output[OUTPUT_SIZE];
};

static uint16_t get16(const uint8_t *p) {
        return (uint16_t) (p[0] | p[1] << 8);
}

static uint32_t get32(const uint8_t *p) {
        return (uint32_t) get16(p) | (uint32_t) get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p) {
        return (uint64_t) get32(p) | (uint64_t) get32(p + 4) << 32;
}

ZipReader *zip_reader_free(ZipReader *reader) {
        if (!reader)
                return NULL;
        if (reader->window)
                (void) munmap(reader->window, reader->window_size);
        free(reader->directory);
        free(reader->comment);
        free(reader->entries);
        free(reader);
        return NULL;
}

uint64_t zip_reader_size(const ZipReader *reader) {
        return reader->file_size;
}

const ZipEntry *zip_reader_entries(const ZipReader *reader, size_t *ret_n) {
        *ret_n = reader->n_entries;
        return reader->entries;
}

const char *zip_reader_comment(const ZipReader *reader) {
        return strempty(reader->comment);
}

/* The ZIP64 end record, which the locator right before the end record points at. */
static int read_end64(ZipReader *reader, const uint8_t *locator, uint64_t locator_offset, char **ret_error) {
        uint8_t end[END64_SIZE];
        uint64_t offset = get64(locator + 8), next;
        int r;

        if (get32(locator + 4) != 0 || get32(locator + 16) > 1)
                return refuse(ret_error, "archive in several parts");
        if (offset > locator_offset || locator_offset - offset < END64_SIZE)
                return refuse(ret_error, "bad offset of the ZIP64 end record");
        r = file_read_at(reader->fd, end, sizeof(end), offset);
        if (r < 0)
                return r;
        if (get32(end) != SIGNATURE_END64 || __builtin_add_overflow(offset + 12, get64(end + 4), &next) ||
                next != locator_offset)
                return refuse(ret_error, "malformed ZIP64 end record");
        if (get32(end + 16) != 0 || get32(end + 20) != 0 || get64(end + 24) != get64(end + 32))
                return refuse(ret_error, "archive in several parts");
        reader->n_announced = get64(end + 32);
        reader->directory_size = get64(end + 40);
        reader->directory_offset = get64(end + 48);
        if (reader->directory_offset > offset || offset - reader->directory_offset != reader->directory_size)
                return refuse(ret_error, "the central directory does not end where the end record begins");
        return 0;
}

/* Finds the central directory. The end record must end exactly at the end of the file. */
static int read_end(ZipReader *reader, char **ret_error) {
        uint64_t size =
                MIN_OF(reader->file_size, (uint64_t) (END_SIZE + COMMENT_SIZE_MAX + END64_LOCATOR_SIZE));
        _cleanup_free_ uint8_t *tail = malloc(size);
        const uint8_t *end = NULL;
        uint64_t end_offset;
        size_t at;
        int r;

        if (!tail)
                return -ENOMEM;
        if (size < END_SIZE)
                return refuse(ret_error, "not a zip archive: only %llu bytes", (unsigned long long) size);
        r = file_read_at(reader->fd, tail, size, reader->file_size - size);
        if (r < 0)
                return r;
        for (at = size - END_SIZE;; at--) {
                if (get32(tail + at) == SIGNATURE_END && get16(tail + at + 20) == size - END_SIZE - at) {
                        end = tail + at;
                        break;
                }
                if (at == 0)
                        return refuse(ret_error, "not a zip archive: no end of central directory");
        }
        end_offset = reader->file_size - size + at;
        reader->comment = strndup((const char *) end + END_SIZE, get16(end + 20));
        if (!reader->comment)
                return -ENOMEM;

        if (at >= END64_LOCATOR_SIZE && get32(end - END64_LOCATOR_SIZE) == SIGNATURE_END64_LOCATOR)
                return read_end64(
                        reader, end - END64_LOCATOR_SIZE, end_offset - END64_LOCATOR_SIZE, ret_error);

        if (get16(end + 4) != 0 || get16(end + 6) != 0 || get16(end + 8) != get16(end + 10))
                return refuse(ret_error, "archive in several parts");
        reader->n_announced = get16(end + 10);
        reader->directory_size = get32(end + 12);
        reader->directory_offset = get32(end + 16);
        if (reader->directory_offset > end_offset ||
                end_offset - reader->directory_offset != reader->directory_size)
                return refuse(ret_error, "the central directory does not end where the end record begins");
        return 0;
}

/* Takes the 64-bit values for the 32-bit fields that are full, in the order in which APPNOTE 4.5.3 has them. */
static int read_extra64(
        ZipEntry *entry, const uint8_t *extra, size_t size, uint16_t disk, char **ret_error) {
        uint64_t *const full[] = {
                entry->size == UINT32_MAX ? &entry->size : NULL,
                entry->compressed_size == UINT32_MAX ? &entry->compressed_size : NULL,
                entry->local_offset == UINT32_MAX ? &entry->local_offset : NULL,
        };

        if (disk != 0)
                return refuse(ret_error, "%s: archive in several parts", entry->name);
        while (size >= 4) {
                size_t length = get16(extra + 2);
                const uint8_t *value = extra + 4;

                if (length > size - 4)
                        return refuse(ret_error, "%s: malformed extra field", entry->name);
                if (get16(extra) == 1)
                        for (size_t i = 0, rest = length; i < ELEMENTSOF(full); i++) {
                                if (!full[i])
                                        continue;
                                if (rest < 8)
                                        return refuse(ret_error, "%s: malformed ZIP64 field", entry->name);
                                *full[i] = get64(value);
                                value += 8;
                                rest -= 8;
                        }
                extra += 4 + length;
                size -= 4 + length;
        }
        return 0;
}

static const char *method_name(uint16_t method) {
        switch (method) {
        case 9:
                return "deflate64";
        case 12:
                return "bzip2";
        case 14:
                return "LZMA";
        case 93:
                return "Zstandard";
        case 95:
                return "xz";
        default:
                return "unknown";
        }
}

/* A name that passes is also safe to show; directories end in one slash. */
static const char *check_name(char *name, size_t length) {
        bool directory = length > 0 && name[length - 1] == '/';
        const char *error;

        if (strlen(name) != length)
                return "NUL in the name";
        if (directory)
                name[length - 1] = '\0';
        error = archive_path_check(name);
        if (directory)
                name[length - 1] = '/';
        return error;
}

static int check_entry(const ZipReader *reader, ZipEntry *entry, uint16_t flags, char **ret_error) {
        if (flags & (FLAG_ENCRYPTED | FLAG_STRONG_ENCRYPTION | FLAG_MASKED))
                return refuse(ret_error, "%s: encrypted", entry->name);
        if (flags & FLAG_PATCH)
                return refuse(ret_error, "%s: compressed patch data", entry->name);
        if (entry->method != ZIP_METHOD_STORED && entry->method != ZIP_METHOD_DEFLATED)
                return refuse(ret_error, "%s: compression method %u (%s) is not supported", entry->name,
                        entry->method, method_name(entry->method));
        if (entry->method == ZIP_METHOD_STORED && entry->compressed_size != entry->size)
                return refuse(ret_error, "%s: stored, but its two sizes differ", entry->name);
        if (endswith(entry->name, "/") && entry->size != 0)
                return refuse(ret_error, "%s: a directory with content", entry->name);
        if (entry->local_offset >= reader->directory_offset ||
                reader->directory_offset - entry->local_offset < LOCAL_SIZE)
                return refuse(ret_error, "%s: starts outside of the archive", entry->name);
        if (entry->compressed_size > reader->directory_offset - entry->local_offset - LOCAL_SIZE)
                return refuse(ret_error, "%s: ends outside of the archive", entry->name);
        return 0;
}

/* Reads one record of the central directory at `p`, which has `left` bytes. Returns the size of the record. */
static int64_t read_central(ZipReader *reader, uint8_t *p, size_t left, ZipEntry *ret, char **ret_error) {
        size_t name_length, extra_length, comment_length, size;
        const char *error;
        uint16_t host;
        char *name;
        int r;

        if (left < CENTRAL_SIZE || get32(p) != SIGNATURE_CENTRAL)
                return refuse(ret_error, "malformed central directory");
        name_length = get16(p + 28);
        extra_length = get16(p + 30);
        comment_length = get16(p + 32);
        size = CENTRAL_SIZE + name_length + extra_length + comment_length;
        if (size > left)
                return refuse(ret_error, "malformed central directory");

        host = get16(p + 4) >> 8;
        ZipEntry entry = {
                .method = get16(p + 10),
                .crc32 = get32(p + 16),
                .compressed_size = get32(p + 20),
                .size = get32(p + 24),
                .local_offset = get32(p + 42),
                .unix_mode = host == HOST_UNIX || host == HOST_DARWIN ? get16(p + 40) : 0,
        };
        uint16_t flags = get16(p + 8), disk = get16(p + 34);

        /* Terminated in place: one byte to the left, over the header that has just been read. */
        name = (char *) p + CENTRAL_SIZE - 1;
        memmove(name, name + 1, name_length);
        name[name_length] = '\0';
        entry.name = name;
        error = check_name(name, name_length);
        if (error) {
                _cleanup_free_ char *printable = text_printable(name);
                return refuse(ret_error, "\"%s\": %s", strempty(printable), error);
        }
        r = read_extra64(&entry, p + CENTRAL_SIZE + name_length, extra_length, disk, ret_error);
        if (r < 0)
                return r;
        r = check_entry(reader, &entry, flags, ret_error);
        if (r < 0)
                return r;
        *ret = entry;
        return (int64_t) size;
}

/* The local header must tell the same as the central directory; it also says where the data begins. */
static int read_local(ZipReader *reader, ZipEntry *entry, char **ret_error) {
        uint8_t header[LOCAL_SIZE + ARCHIVE_PATH_LENGTH_MAX + 1];
        size_t name_length = strlen(entry->name);
        uint64_t overhead;
        uint16_t flags;
        int r;

        if (name_length > reader->directory_offset - entry->local_offset - LOCAL_SIZE)
                return refuse(ret_error, "%s: malformed local header", entry->name);
        r = file_read_at(reader->fd, header, LOCAL_SIZE + name_length, entry->local_offset);
        if (r < 0)
                return r;
        if (get32(header) != SIGNATURE_LOCAL)
                return refuse(ret_error, "%s: no local header where the directory says", entry->name);
        if (get16(header + 26) != name_length || memcmp(header + LOCAL_SIZE, entry->name, name_length) != 0)
                return refuse(ret_error, "%s: has another name in its local header", entry->name);
        if (get16(header + 8) != entry->method)
                return refuse(
                        ret_error, "%s: has another compression method in its local header", entry->name);
        flags = get16(header + 6);
        if (flags & (FLAG_ENCRYPTED | FLAG_STRONG_ENCRYPTION))
                return refuse(ret_error, "%s: encrypted", entry->name);
        if (!(flags & FLAG_DESCRIPTOR)) {
                uint32_t compressed_size = get32(header + 18), size = get32(header + 22);

                if (get32(header + 14) != entry->crc32 ||
                        (compressed_size != UINT32_MAX && compressed_size != entry->compressed_size) ||
                        (size != UINT32_MAX && size != entry->size))
                        return refuse(
                                ret_error, "%s: has another size or CRC in its local header", entry->name);
        }

        overhead = LOCAL_SIZE + name_length + get16(header + 28);
        if (overhead > reader->directory_offset - entry->local_offset ||
                entry->compressed_size > reader->directory_offset - entry->local_offset - overhead)
                return refuse(ret_error, "%s: ends outside of the archive", entry->name);
        entry->data_offset = entry->local_offset + overhead;
        return 0;
}

static int compare_offsets(const void *a, const void *b) {
        uint64_t x = ((const ZipEntry *) a)->local_offset, y = ((const ZipEntry *) b)->local_offset;

        return x < y ? -1 : x > y;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static int check_duplicates(const ZipReader *reader, char **ret_error) {
        _cleanup_free_ const char **names =
                reallocarray(NULL, MAX_OF(reader->n_entries, (size_t) 1), sizeof(*names));

        if (!names)
                return -ENOMEM;
        for (size_t i = 0; i < reader->n_entries; i++)
                names[i] = reader->entries[i].name;
        qsort(names, reader->n_entries, sizeof(*names), compare_names);
        for (size_t i = 1; i < reader->n_entries; i++)
                if (streq(names[i - 1], names[i]))
                        return refuse(ret_error, "%s: is in the archive more than once", names[i]);
        return 0;
}

static int read_directory(ZipReader *reader, char **ret_error) {
        uint64_t unpacked_size = 0;
        size_t at = 0;
        int r;

        if (reader->n_announced > reader->limits.entries_max)
                return refuse(ret_error, "%llu entries, more than %llu are not accepted",
                        (unsigned long long) reader->n_announced,
                        (unsigned long long) reader->limits.entries_max);
        if (reader->directory_size > DIRECTORY_SIZE_MAX ||
                reader->n_announced > reader->directory_size / CENTRAL_SIZE)
                return refuse(ret_error, "malformed central directory");

        reader->directory = malloc(MAX_OF(reader->directory_size, UINT64_C(1)));
        reader->entries = calloc(MAX_OF(reader->n_announced, UINT64_C(1)), sizeof(ZipEntry));
        if (!reader->directory || !reader->entries)
                return -ENOMEM;
        r = file_read_at(reader->fd, reader->directory, reader->directory_size, reader->directory_offset);
        if (r < 0)
                return r;

        for (; reader->n_entries < reader->n_announced; reader->n_entries++) {
                ZipEntry *entry = &reader->entries[reader->n_entries];
                int64_t size = read_central(
                        reader, reader->directory + at, reader->directory_size - at, entry, ret_error);

                if (size < 0)
                        return (int) size;
                at += (size_t) size;
                if (__builtin_add_overflow(unpacked_size, entry->size, &unpacked_size) ||
                        unpacked_size > reader->limits.unpacked_size_max)
                        return refuse(ret_error, "%s: more than %llu bytes unpacked are not accepted",
                                entry->name, (unsigned long long) reader->limits.unpacked_size_max);
        }
        if (at != reader->directory_size)
                return refuse(ret_error, "malformed central directory: more than the announced entries");
        return check_duplicates(reader, ret_error);
}

static int read_locals(ZipReader *reader, char **ret_error) {
        uint64_t end = 0;
        int r;

        qsort(reader->entries, reader->n_entries, sizeof(ZipEntry), compare_offsets);
        for (size_t i = 0; i < reader->n_entries; i++) {
                ZipEntry *entry = &reader->entries[i];

                if (entry->local_offset < end)
                        return refuse(
                                ret_error, "%s: overlaps %s", entry->name, reader->entries[i - 1].name);
                r = read_local(reader, entry, ret_error);
                if (r < 0)
                        return r;
                end = entry->data_offset + entry->compressed_size;
        }
        return 0;
}

int zip_reader_new(int fd, const ZipLimits *limits, ZipReader **ret, char **ret_error) {
        _cleanup_(zip_reader_freep) ZipReader *reader = NULL;
        struct stat st;
        int r;

        if (fstat(fd, &st) < 0)
                return negative_errno();
        if (!S_ISREG(st.st_mode))
                return -EBADF;
        reader = malloc(sizeof(*reader)); /* large buffers that need not be zero */
        if (!reader)
                return -ENOMEM;
        reader->fd = fd;
        reader->file_size = (uint64_t) st.st_size;
        reader->limits = *limits;
        reader->window = NULL;
        reader->window_offset = reader->window_size = 0;
        reader->directory = NULL;
        reader->comment = NULL;
        reader->entries = NULL;
        reader->n_entries = 0;

        r = read_end(reader, ret_error);
        if (r < 0)
                return r;
        r = read_directory(reader, ret_error);
        if (r < 0)
                return r;
        r = read_locals(reader, ret_error);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(reader);
        return 0;
}

/* One entry that is being read. */
typedef struct Content {
        ZipReader *reader;
        const ZipEntry *entry;
        ZipSink sink;
        void *userdata;
        uint64_t read, written; /* compressed bytes read from the file; content bytes passed on */
        uint32_t crc32;
} Content;

static int content_pass(Content *content, const uint8_t *data, size_t size, char **ret_error) {
        if (size > content->entry->size - content->written)
                return refuse(ret_error, "%s: unpacks to more than the %llu bytes it announces",
                        content->entry->name, (unsigned long long) content->entry->size);
        content->written += size;
        content->crc32 = crc32_gzip_refl(content->crc32, data, size);
        return content->sink(data, size, content->userdata);
}

/* Maps the part of the file in which the offset lies. */
static int move_window(ZipReader *reader, uint64_t offset) {
        uint64_t start = offset - offset % (uint64_t) sysconf(_SC_PAGESIZE);
        size_t size = (size_t) MIN_OF(reader->file_size - start, (uint64_t) WINDOW_SIZE);
        void *window;

        if (reader->window)
                (void) munmap(TAKE_PTR(reader->window), reader->window_size);
        window = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, reader->fd, (off_t) start);
        if (window == MAP_FAILED)
                return negative_errno();
        reader->window = window;
        reader->window_offset = start;
        reader->window_size = size;
        return 0;
}

/* The next compressed bytes, at least one; returns how many. */
static int64_t content_fill(Content *content, const uint8_t **ret) {
        ZipReader *reader = content->reader;
        uint64_t offset = content->entry->data_offset + content->read, n;
        int r;

        if (!reader->window || offset < reader->window_offset ||
                offset - reader->window_offset >= reader->window_size) {
                r = move_window(reader, offset);
                if (r < 0)
                        return r;
        }
        n = MIN_OF(content->entry->compressed_size - content->read,
                reader->window_offset + reader->window_size - offset);
        *ret = reader->window + (offset - reader->window_offset);
        content->read += n;
        return (int64_t) n;
}

static int copy_stored(Content *content, char **ret_error) {
        while (content->read < content->entry->compressed_size) {
                const uint8_t *data;
                int64_t n = content_fill(content, &data);
                int r;

                if (n < 0)
                        return (int) n;
                r = content_pass(content, data, (size_t) n, ret_error);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int inflate_deflated(Content *content, char **ret_error) {
        struct inflate_state *state = &content->reader->inflate;
        const ZipEntry *entry = content->entry;
        uint64_t used;

        isal_inflate_init(state);
        state->avail_in = 0;
        while (state->block_state != ISAL_BLOCK_FINISH) {
                bool filled = false;
                size_t n;
                int r;

                if (state->avail_in == 0 && content->read < entry->compressed_size) {
                        const uint8_t *data;
                        int64_t size = content_fill(content, &data);

                        if (size < 0)
                                return (int) size;
                        state->next_in = (uint8_t *) data; /* isa-l only reads it */
                        state->avail_in = (uint32_t) size;
                        filled = true;
                }
                state->next_out = content->reader->output;
                state->avail_out = OUTPUT_SIZE;
                if (isal_inflate(state) != ISAL_DECOMP_OK)
                        return refuse(ret_error, "%s: damaged deflate data", entry->name);
                n = OUTPUT_SIZE - state->avail_out;
                if (n == 0 && !filled && state->block_state != ISAL_BLOCK_FINISH && state->avail_in == 0 &&
                        content->read == entry->compressed_size)
                        return refuse(ret_error, "%s: its deflate data has no end", entry->name);
                r = content_pass(content, content->reader->output, n, ret_error);
                if (r < 0)
                        return r;
        }

        /* Whole bytes that were taken into the bit buffer beyond the end count as not used. */
        used = content->read - state->avail_in - (uint64_t) (state->read_in_length / 8);
        if (used != entry->compressed_size)
                return refuse(ret_error, "%s: its deflate data ends after %llu of %llu bytes", entry->name,
                        (unsigned long long) used, (unsigned long long) entry->compressed_size);
        return 0;
}

int zip_reader_read(
        ZipReader *reader, const ZipEntry *entry, ZipSink sink, void *userdata, char **ret_error) {
        Content content = { .reader = reader, .entry = entry, .sink = sink, .userdata = userdata };
        int r;

        r = entry->method == ZIP_METHOD_STORED ? copy_stored(&content, ret_error)
                                               : inflate_deflated(&content, ret_error);
        if (r < 0)
                return r;
        if (content.written != entry->size)
                return refuse(ret_error, "%s: unpacks to %llu bytes instead of the %llu it announces",
                        entry->name, (unsigned long long) content.written, (unsigned long long) entry->size);
        if (content.crc32 != entry->crc32)
                return refuse(ret_error, "%s: CRC-32 is %08x, the archive says %08x", entry->name,
                        content.crc32, entry->crc32);
        return 0;
}
