/* The hashes of provider zips, and the zips that are refused. */
#include "worker/ziphash.h"

#include <archive.h>
#include <archive_entry.h>

#include "archives.h"
#include "base/sha256.h"

static const WorkerLimits limits = {
        .entries_max = 10, .unpacked_size_max = MIB, .ratio_max = 100, .artifact_size_max = GIB
};

static int run(int fd, bool hash_file, WorkerReport *report) {
        WorkerDescription description = { .request = WORKER_REQUEST_INIT(WORKER_HASH_ZIP),
                .limits = limits };
        int r;

        description.request.input_fd = fd;
        description.request.hash_file = hash_file;
        *report = (WorkerReport) { .result = WORKER_FAILED };
        r = ziphash_run(&description, report);
        worker_request_close(&description.request);
        return r;
}

static void check_hash(int fd, const char *h1, uint64_t n_entries, uint64_t unpacked_size) {
        WorkerReport report;

        if (run(fd, false, &report) < 0)
                test_fail(__FILE__, __LINE__, strempty(report.message));
        check_int(report.result, WORKER_OK);
        check_string(report.h1, h1);
        check_string(report.sha256, "");
        check_int(report.n_entries, n_entries);
        check_int(report.unpacked_size, unpacked_size);
        worker_report_done(&report);
}

/* The input is refused with exactly this message. */
static void check_refused(int fd, const char *message) {
        WorkerReport report;

        check_int(run(fd, false, &report), -EBADMSG);
        check_string(report.message, message);
        check(report.result != WORKER_OK);
        worker_report_done(&report);
}

/* The expected values were computed with Python's zipfile, hashlib and base64. */
static void test_good(void) {
        static const char hello_and_directory[] = "h1:d14zbomnwIbD8bpYjSDvQFn2hs0t0CVHPKCP2bFu9EQ=";
        _cleanup_(buffer_clear) Buffer deflated = {};
        ZipBuilder zip = {};

        check_hash(zip_finish(&zip, false), "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", 0, 0);

        zip_add(&zip, (ZipItem) { .name = "a.txt", .data = "hello" });
        zip_add(&zip, (ZipItem) { .name = "dir/" });
        check_hash(zip_finish(&zip, false), hello_and_directory, 2, 5);

        /* The order of the entries does not matter, nor how they are packed, nor a comment. */
        put_deflated(&deflated, "hello", 5);
        zip.comment = "PK\5\6 in a comment";
        zip_add(&zip, (ZipItem) { .name = "dir/" });
        zip_add(&zip, (ZipItem) { .name = "a.txt",
                              .method = 8,
                              .flags = 8,
                              .data = deflated.data,
                              .data_size = deflated.size,
                              .size = 5,
                              .crc = crc_of("hello", 5) });
        check_hash(zip_finish(&zip, false), hello_and_directory, 2, 5);

        zip_add(&zip, (ZipItem) { .name = "a.txt", .data = "hello", .zip64 = true });
        zip_add(&zip, (ZipItem) { .name = "dir/" });
        check_hash(zip_finish(&zip, true), hello_and_directory, 2, 5);
}

static void test_file_hash(void) {
        _cleanup_(buffer_clear) Buffer expected = {};
        char hex[SHA256_HEX_SIZE];
        ZipBuilder zip = {};
        WorkerReport report;

        check_int(run(zip_finish(&zip, false), true, &report), 0);
        check_int(report.size, 22);
        put32(&expected, 0x06054b50);
        put(&expected, (const char[18]) {}, 18);
        sha256_hex_of(expected.data, expected.size, hex);
        check_string(report.sha256, hex);
        check_string(report.sha256, "8739c76e681f900923b900c9df0ef75cf421d39cabb54650c4b9ad19b6a76d85");
        worker_report_done(&report);
}

static la_ssize_t append(struct archive *archive, void *userdata, const void *data, size_t size) {
        put(userdata, data, size);
        return (la_ssize_t) size;
}

/* Real deflate data, larger than all buffers, with the descriptors that a streaming writer makes. */
static void test_deflated(void) {
        enum { SIZE = 3000000 };
        _cleanup_(buffer_clear) Buffer file = {};
        _cleanup_free_ char *text = malloc(SIZE);
        struct archive *archive = archive_write_new();
        struct archive_entry *entry = archive_entry_new();

        check(text && archive && entry);
        for (uint32_t i = 0, state = 1; i < SIZE; i++) {
                state = state * 1664525 + 1013904223;
                text[i] = (char) (i % 1000 < 500 ? state >> 24 : 'x');
        }
        check_int(archive_write_set_format_zip(archive), ARCHIVE_OK);
        check_int(archive_write_set_bytes_in_last_block(archive, 1), ARCHIVE_OK);
        check_int(archive_write_open(archive, &file, NULL, append, NULL), ARCHIVE_OK);
        archive_entry_set_pathname(entry, "terraform-provider-x");
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0755);
        archive_entry_set_size(entry, SIZE);
        check_int(archive_write_header(archive, entry), ARCHIVE_OK);
        check_int(archive_write_data(archive, text, SIZE), SIZE);
        archive_entry_free(entry);
        check_int(archive_write_free(archive), ARCHIVE_OK);
        check(file.size < SIZE * 2 / 3);

        /* Against a hash of the same content by another way. */
        Sha256 lines;
        uint8_t digest[SHA256_DIGEST_SIZE];
        char hex[SHA256_HEX_SIZE];
        WorkerReport report;

        sha256_hex_of(text, SIZE, hex);
        sha256_start(&lines);
        sha256_add(&lines, hex, 64);
        sha256_add(&lines, "  terraform-provider-x\n", 23);
        sha256_finish(&lines, digest);
        check_int(run(memory_file(&file), false, &report), 0);
        check(startswith(report.h1, "h1:"));
        static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for (size_t i = 0; i + 2 < sizeof(digest); i += 3) {
                uint32_t group = (uint32_t) digest[i] << 16 | (uint32_t) digest[i + 1] << 8 | digest[i + 2];

                for (size_t j = 0; j < 4; j++)
                        check_int(report.h1[3 + i / 3 * 4 + j], alphabet[group >> (18 - 6 * j) & 63]);
        }
        worker_report_done(&report);

        /* One bit in the middle of the content. */
        file.data[file.size / 2] ^= 4;
        int r = run(memory_file(&file), false, &report);
        check_int(r, -EBADMSG);
        check(startswith(report.message, "terraform-provider-x: "));
        worker_report_done(&report);

        /* Cut short. */
        file.size -= 100;
        check_refused(memory_file(&file), "not a zip archive: no end of central directory");
}

static void test_refused_names(void) {
        static const struct {
                const char *name;
                size_t length;
                const char *message;
        } cases[] = {
                { "../evil", 0, "\"../evil\": \"..\" in the path" },
                { "a/../../evil", 0, "\"a/../../evil\": \"..\" in the path" },
                { "a/..", 0, "\"a/..\": \"..\" in the path" },
                { "/etc/passwd", 0, "\"/etc/passwd\": absolute path" },
                { "a//b", 0, "\"a//b\": empty path component" },
                { "a/./b", 0, "\"a/./b\": \".\" in the path" },
                { "..\\evil", 0, "\"..\\evil\": backslash in the name" },
                { "a\nb", 0, "\"a?b\": control character or invalid UTF-8 in the name" },
                { "a\x1b[31m", 0, "\"a?[31m\": control character or invalid UTF-8 in the name" },
                { "a\xff", 0, "\"a?\": control character or invalid UTF-8 in the name" },
                { "a\0b", 3, "\"a\": NUL in the name" },
                { "/", 0, "\"/\": empty name" },
        };
        ZipBuilder zip = {};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                zip_add(&zip, (ZipItem) { .name = "good", .data = "x" });
                zip_add(&zip,
                        (ZipItem) { .name = cases[i].name, .name_length = cases[i].length, .data = "x" });
                check_refused(zip_finish(&zip, false), cases[i].message);
        }

        char long_name[300];
        memset(long_name, 'n', sizeof(long_name));
        zip_add(&zip, (ZipItem) { .name = long_name, .name_length = 256 });
        WorkerReport report;
        check_int(run(zip_finish(&zip, false), false, &report), -EBADMSG);
        check(endswith(report.message, ": path component too long"));
        worker_report_done(&report);
}

static void test_refused_structure(void) {
        ZipBuilder zip = {};
        Buffer text = {};

        check_refused(memory_file(&text), "not a zip archive: only 0 bytes");
        put(&text, "this is a text of more than twenty-two bytes", 44);
        check_refused(memory_file(&text), "not a zip archive: no end of central directory");
        buffer_clear(&text);

        zip_add(&zip, (ZipItem) { .name = "x", .data = "secret", .flags = 1 });
        check_refused(zip_finish(&zip, false), "x: encrypted");
        zip_add(&zip, (ZipItem) { .name = "x", .data = "data", .method = 12 });
        check_refused(zip_finish(&zip, false), "x: compression method 12 (bzip2) is not supported");
        zip_add(&zip, (ZipItem) { .name = "x", .local_name = "y", .data = "data" });
        check_refused(zip_finish(&zip, false), "x: has another name in its local header");
        zip_add(&zip, (ZipItem) { .name = "x", .data = "data", .local_size = 5 });
        check_refused(zip_finish(&zip, false), "x: has another size or CRC in its local header");
        zip_add(&zip, (ZipItem) { .name = "x", .data = "data", .size = 5 });
        check_refused(zip_finish(&zip, false), "x: stored, but its two sizes differ");
        zip_add(&zip, (ZipItem) { .name = "x", .data = "data", .crc = 7 });
        check_refused(zip_finish(&zip, false), "x: CRC-32 is adf3f363, the archive says 00000007");
        zip_add(&zip, (ZipItem) { .name = "x/", .data = "data" });
        check_refused(zip_finish(&zip, false), "x/: a directory with content");

        zip_add(&zip, (ZipItem) { .name = "x", .data = "one" });
        zip_add(&zip, (ZipItem) { .name = "x", .data = "two" });
        check_refused(zip_finish(&zip, false), "x: is in the archive more than once");
        /* One file twice under two names, and one in the content of another: the tricks of bombs without nesting. */
        zip_add(&zip, (ZipItem) { .name = "x", .data = "one" });
        zip_add(&zip, (ZipItem) { .name = "y", .data = "one", .no_local = true });
        WorkerReport report;
        check_int(run(zip_finish(&zip, false), false, &report), -EBADMSG);
        check(strstr(report.message, " overlaps ") || strstr(report.message, "another name"));
        worker_report_done(&report);

        zip_add(&zip, (ZipItem) { .name = "y", .data = "two" });
        _cleanup_(buffer_clear) Buffer inner = zip.file;
        zip.file = (Buffer) {};
        buffer_clear(&zip.directory);
        zip.n = 0;
        zip_add(&zip, (ZipItem) { .name = "x", .data = inner.data, .data_size = inner.size });
        zip_add(&zip, (ZipItem) { .name = "y", .data = "two", .no_local = true, .local_offset = 31 });
        check_refused(zip_finish(&zip, false), "y: overlaps x");

        zip.offset_shift = 1;
        zip_add(&zip, (ZipItem) { .name = "x", .data = "data" });
        check_refused(
                zip_finish(&zip, false), "the central directory does not end where the end record begins");
        zip.disk = 1;
        zip_add(&zip, (ZipItem) { .name = "x", .data = "data" });
        check_refused(zip_finish(&zip, false), "archive in several parts");
        zip.n_announced = 1;
        zip_add(&zip, (ZipItem) { .name = "x", .data = "data" });
        zip_add(&zip, (ZipItem) { .name = "y", .data = "data" });
        check_refused(
                zip_finish(&zip, false), "malformed central directory: more than the announced entries");
        zip.n_announced = 3;
        zip_add(&zip, (ZipItem) { .name = "x", .data = "data" });
        check_refused(zip_finish(&zip, false), "malformed central directory");
        zip.n_announced = 11;
        check_refused(zip_finish(&zip, false), "11 entries, more than 10 are not accepted");
}

static void test_refused_content(void) {
        _cleanup_(buffer_clear) Buffer deflated = {};
        ZipBuilder zip = {};
        uint32_t crc = crc_of("hello", 5);

        put_deflated(&deflated, "hello", 5);
        ZipItem item = { .name = "x", .method = 8, .data = deflated.data, .size = 5, .crc = crc };

        item.data_size = deflated.size - 1;
        zip_add(&zip, item);
        check_refused(zip_finish(&zip, false), "x: its deflate data has no end");

        item.data_size = deflated.size;
        item.size = 4;
        zip_add(&zip, item);
        check_refused(zip_finish(&zip, false), "x: unpacks to more than the 4 bytes it announces");
        item.size = 6;
        zip_add(&zip, item);
        check_refused(zip_finish(&zip, false), "x: unpacks to 5 bytes instead of the 6 it announces");

        item.size = 5;
        put(&deflated, "tail", 4);
        item.data = deflated.data;
        item.data_size = deflated.size;
        zip_add(&zip, item);
        check_refused(zip_finish(&zip, false), "x: its deflate data ends after 10 of 14 bytes");

        item.data = "\7\7\7\7";
        item.data_size = 4;
        zip_add(&zip, item);
        check_refused(zip_finish(&zip, false), "x: damaged deflate data");

        item.size = 9 * GIB;
        item.zip64 = true;
        item.data = deflated.data;
        item.data_size = 10;
        zip_add(&zip, item);
        check_refused(zip_finish(&zip, true), "x: more than 8589934592 bytes unpacked are not accepted");
        item.size = UINT64_MAX;
        zip_add(&zip, (ZipItem) { .name = "a", .data = "x" });
        zip_add(&zip, item);
        check_refused(zip_finish(&zip, true), "x: more than 8589934592 bytes unpacked are not accepted");
}

/* Every prefix and every flipped byte of a small archive: no crash (the sanitizers watch), and never another hash. */
static void test_damage(void) {
        _cleanup_(buffer_clear) Buffer deflated = {};
        _cleanup_free_ char *data = NULL;
        char good[64];
        WorkerReport report;
        ZipBuilder zip = {};
        size_t size;

        put_deflated(&deflated, "hello", 5);
        zip_add(&zip, (ZipItem) { .name = "a",
                              .method = 8,
                              .data = deflated.data,
                              .data_size = deflated.size,
                              .size = 5,
                              .crc = crc_of("hello", 5) });
        zip_add(&zip, (ZipItem) { .name = "b", .data = "world", .zip64 = true });
        _cleanup_close_ int fd = zip_finish(&zip, true);
        check_int(fs_read_fd(fd, MIB, &data, &size), 0);
        check_int(run(dup(fd), false, &report), 0);
        memcpy(good, report.h1, sizeof(good));
        worker_report_done(&report);

        for (size_t i = 0; i < size; i++) {
                check_int(run(memory_file(&(Buffer) { .data = data, .size = i }), false, &report), -EBADMSG);
                worker_report_done(&report);
        }
        for (size_t i = 0; i < size; i++)
                for (unsigned bit = 0; bit < 8; bit++) {
                        int r;

                        data[i] = (char) (data[i] ^ 1 << bit);
                        r = run(memory_file(&(Buffer) { .data = data, .size = size }), false, &report);
                        if (r >= 0) {
                                /* Only a name, in both places at once, could change the hash. */
                                check_string(report.h1, good);
                        } else
                                check(report.message);
                        data[i] = (char) (data[i] ^ 1 << bit);
                        worker_report_done(&report);
                }
}

int main(void) {
        test_good();
        test_file_hash();
        test_deflated();
        test_refused_names();
        test_refused_structure();
        test_refused_content();
        test_damage();
        return 0;
}
