/* Modules repacked: what comes out, that it is always the same, and the archives that are refused. */
#include "worker/repack.h"

#include <archive.h>
#include <archive_entry.h>

#include "archives.h"
#include "base/sha256.h"
#include "worker/file.h"

static const WorkerLimits default_limits = {
        .entries_max = 100, .unpacked_size_max = 64 * MIB, .ratio_max = 100, .artifact_size_max = 64 * MIB
};

typedef struct Result {
        int r;
        WorkerReport report;
        char *output, *readme;
        size_t output_size, readme_size;
} Result;

static void result_done(Result *result) {
        worker_report_done(&result->report);
        free(result->output);
        free(result->readme);
        *result = (Result) {};
}

static Result run_with(int fd, FileFormat format, const WorkerLimits *limits) {
        WorkerDescription description = { .request = WORKER_REQUEST_INIT(WORKER_REPACK), .limits = *limits };
        Result result = { .report.result = WORKER_FAILED };

        description.request.input_fd = fd;
        description.request.output_fd = empty_file();
        description.request.scratch_fd = empty_file();
        description.request.readme_fd = empty_file();
        description.request.file_format = format;
        result.r = repack_run(&description, &result.report);
        check_int(fs_read_fd(description.request.output_fd, GIB, &result.output, &result.output_size), 0);
        check_int(fs_read_fd(description.request.readme_fd, GIB, &result.readme, &result.readme_size), 0);
        worker_request_close(&description.request);
        return result;
}

static Result run(int fd, FileFormat format) {
        return run_with(fd, format, &default_limits);
}

static Result run_good(int fd, FileFormat format) {
        Result result = run(fd, format);
        char hex[SHA256_HEX_SIZE];

        if (result.r < 0)
                test_fail(__FILE__, __LINE__, strempty(result.report.message));
        check_int(result.report.result, WORKER_OK);
        check_int(result.report.size, result.output_size);
        sha256_hex_of(result.output, result.output_size, hex);
        check_string(result.report.sha256, hex);
        check_int(result.report.readme_size, result.readme_size);
        return result;
}

static void check_refused_with(int fd, const WorkerLimits *limits, const char *message) {
        Result result = run_with(fd, FILE_FORMAT_ZIP, limits);

        check_string(result.report.message, message);
        check_int(result.r, -EBADMSG);
        result_done(&result);
}

static void check_refused(int fd, const char *message) {
        check_refused_with(fd, &default_limits, message);
}

/* The entries as a client sees them: "mode path [-> target] [size] mtime uid" in a line each. */
static char *list(const Result *result) {
        struct archive *archive = archive_read_new();
        struct archive_entry *entry;
        Buffer text = {};
        int r;

        check(archive);
        check_int(archive_read_support_format_all(archive), ARCHIVE_OK);
        check_int(archive_read_support_filter_gzip(archive), ARCHIVE_OK);
        check_int(archive_read_open_memory(archive, result->output, result->output_size), ARCHIVE_OK);
        while ((r = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) {
                check_int(archive_entry_mtime(entry), 315532800);
                check_int(archive_entry_uid(entry), 0);
                check_int(archive_entry_gid(entry), 0);
                check_int(buffer_append_format(&text, "%06o %s", archive_entry_mode(entry),
                                  archive_entry_pathname(entry)),
                        0);
                if (archive_entry_symlink(entry))
                        check_int(buffer_append_format(&text, " -> %s", archive_entry_symlink(entry)), 0);
                else {
                        char content[64] = {};

                        check(archive_read_data(archive, content, sizeof(content) - 1) >= 0);
                        check_int(buffer_append_format(&text, " = %s", content), 0);
                }
                check_int(buffer_append(&text, "\n", 1), 0);
        }
        check_int(r, ARCHIVE_EOF);
        check_int(archive_read_free(archive), ARCHIVE_OK);
        return text.data;
}

static void pax_global(Buffer *tar, const char *comment) {
        _cleanup_(buffer_clear) Buffer records = {};

        pax_record(&records, "comment", comment);
        tar_add(tar, "pax_global_header", 'g', 0666, NULL, records.data, records.size);
}

static const char commit[] = "0123456789abcdef0123456789abcdef01234567";

static int module_tar(bool reversed) {
        Buffer tar = {};

        pax_global(&tar, commit);
        tar_add(&tar, "o-r-0123456/", '5', 0775, NULL, NULL, 0);
        if (reversed) {
                tar_add(&tar, "o-r-0123456/z", '2', 0777, "modules/a/main.tf", NULL, 0);
                tar_file(&tar, "o-r-0123456/modules/a/main.tf", "content");
        }
        tar_file(&tar, "o-r-0123456/README.md", "# Readme\n");
        tar_file(&tar, "o-r-0123456/main.tf", "main");
        tar_add(&tar, "o-r-0123456/empty/", '5', 0775, NULL, NULL, 0);
        tar_add(&tar, "o-r-0123456/modules/", '5', 0775, NULL, NULL, 0);
        tar_file(&tar, "o-r-0123456/modules-x", "sorts before modules/");
        if (!reversed)
                tar_file(&tar, "o-r-0123456/modules/a/main.tf", "content");
        tar_add(&tar, "o-r-0123456/run.sh", '0', 04775, NULL, "#!/bin/sh", 9);
        if (!reversed)
                tar_add(&tar, "o-r-0123456/z", '2', 0777, "modules/a/main.tf", NULL, 0);
        return tar_finish(&tar);
}

static int module_zip(void) {
        ZipBuilder zip = { .comment = commit };

        zip_add(&zip, (ZipItem) { .name = "o-r-0123456/", .mode = 040755 });
        zip_add(&zip, (ZipItem) { .name = "o-r-0123456/z", .mode = 0120777, .data = "modules/a/main.tf" });
        zip_add(&zip, (ZipItem) { .name = "o-r-0123456/README.md", .mode = 0100644, .data = "# Readme\n" });
        zip_add(&zip, (ZipItem) { .name = "o-r-0123456/main.tf", .data = "main" });
        zip_add(&zip, (ZipItem) { .name = "o-r-0123456/modules-x", .data = "sorts before modules/" });
        zip_add(&zip, (ZipItem) { .name = "o-r-0123456/modules/", .mode = 040755 });
        zip_add(&zip, (ZipItem) { .name = "o-r-0123456/modules/a/main.tf", .data = "content" });
        zip_add(&zip, (ZipItem) { .name = "o-r-0123456/run.sh", .mode = 0104755, .data = "#!/bin/sh" });
        return zip_finish(&zip, false);
}

static const char module_listing[] = "100644 README.md = # Readme\n\n"
                                     "100644 main.tf = main\n"
                                     "100644 modules-x = sorts before modules/\n"
                                     "100644 modules/a/main.tf = content\n"
                                     "100755 run.sh = #!/bin/sh\n"
                                     "120777 z -> modules/a/main.tf\n";

/* Python: base64 of the sha256 of the lines of sha256 and name, the link as a copy of its file. */
static const char module_h1[] = "h1:dBOfr2eW/EBlOdbWLZ1XrAekB+egrxlLBkc28YmE3GA=";

static void check_module(Result *result) {
        _cleanup_free_ char *listing = list(result);

        check_string(listing, module_listing);
        check_string(result->report.h1, module_h1);
        check_string(result->report.commit, commit);
        check_string(result->readme, "# Readme\n");
        check_int(result->report.n_entries, 6);
        check_int(result->report.unpacked_size, 9 + 4 + 21 + 7 + 9);
}

static void test_output(void) {
        static const FileFormat formats[] = { FILE_FORMAT_ZIP, FILE_FORMAT_TAR_GZ };

        for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
                Result first = run_good(module_tar(false), formats[i]), other;

                check_module(&first);

                /* Again in another time zone, in another order, out of another format: the same bytes. */
                (void) setenv("TZ", "Pacific/Auckland", 1);
                for (unsigned j = 0; j < 3; j++) {
                        other = run_good(j == 0   ? module_tar(false)
                                         : j == 1 ? module_tar(true)
                                                  : module_zip(),
                                formats[i]);
                        check_module(&other);
                        check_int(other.output_size, first.output_size);
                        check(memcmp(other.output, first.output, first.output_size) == 0);
                        result_done(&other);
                }
                result_done(&first);
        }
}

static void test_gzip_header(void) {
        Result result = run_good(module_tar(false), FILE_FORMAT_TAR_GZ);

        /* No name, no time (RFC 1952 section 2.3). */
        check(memcmp(result.output, "\x1f\x8b\x08\0\0\0\0\0", 8) == 0);
        result_done(&result);
}

/* Names beyond ustar and beyond ASCII, and an archive within the archive's own pax headers. */
static void test_names(void) {
        static const FileFormat formats[] = { FILE_FORMAT_ZIP, FILE_FORMAT_TAR_GZ };
        char path[401];

        for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
                _cleanup_(buffer_clear) Buffer records = {}, expected = {};
                _cleanup_free_ char *listing = NULL;
                Buffer tar = {};

                (void) snprintf(path, sizeof(path), "top/%0150d/\xc3\xa9\xe2\x82\xac/%0150d", 1, 2);
                pax_record(&records, "path", path);
                tar_add(&tar, "PaxHeader/x", 'x', 0644, NULL, records.data, records.size);
                tar_file(&tar, "top/short", "x");
                tar_file(&tar, "./top/.hidden", "y");
                Result result = run_good(tar_finish(&tar), formats[i]);
                listing = list(&result);
                check_int(
                        buffer_append_format(&expected, "100644 %s = x\n100644 .hidden = y\n", path + 4), 0);
                check_int(strlen(listing), expected.size);
                check(strstr(listing, path + 4));
                check(strstr(listing, "100644 .hidden = y\n"));
                result_done(&result);
        }
}

static void test_hard_links(void) {
        _cleanup_free_ char *listing = NULL;
        Buffer tar = {};

        tar_file(&tar, "top/a", "content");
        tar_add(&tar, "top/b", '1', 0644, "top/a", NULL, 0);
        tar_add(&tar, "top/c", '1', 0644, "top/b", NULL, 0);
        Result result = run_good(tar_finish(&tar), FILE_FORMAT_ZIP);
        listing = list(&result);
        check_string(listing, "100644 a = content\n100644 b = content\n100644 c = content\n");
        check_int(result.report.unpacked_size, 21);
        result_done(&result);

        static const char *const bad[] = { "top/none", "other/a", "top/dir", "/top/a", "top/../top/a" };
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                tar_file(&tar, "top/a", "content");
                tar_add(&tar, "top/dir/", '5', 0755, NULL, NULL, 0);
                tar_add(&tar, "top/b", '1', 0644, bad[i], NULL, 0);
                result = run(tar_finish(&tar), FILE_FORMAT_ZIP);
                check_int(result.r, -EBADMSG);
                check(strstr(result.report.message, "b"));
                check(strstr(result.report.message, ": hard link to "));
                result_done(&result);
        }
}

static void test_links(void) {
        static const struct {
                const char *path, *target;
        } good[] = {
                { "top/l", "file" },
                { "top/l", "./dir/../file" },
                { "top/l", "dir" },
                { "top/l", "none" },
                { "top/dir/l", "../file" },
                { "top/dir/l", "../dir/../other/none" },
                { "top/dir/l", ".." },
                { "top/l", "." },
        };
        static const struct {
                const char *path, *target, *message;
        } bad[] = {
                { "top/l", "/etc/passwd", "l: symbolic link to the absolute path /etc/passwd" },
                { "top/l", "..", "l: symbolic link to .. leads out of the archive or in a circle" },
                { "top/l", "../top/file",
                        "l: symbolic link to ../top/file leads out of the archive or in a circle" },
                { "top/dir/l", "../../x",
                        "dir/l: symbolic link to ../../x leads out of the archive or in a circle" },
                { "top/l", "dir/../../x",
                        "l: symbolic link to dir/../../x leads out of the archive or in a circle" },
                { "top/l", "none/../../x",
                        "l: symbolic link to none/../../x leads out of the archive or in a circle" },
                { "top/l", "up/../x",
                        "l: symbolic link to up/../x leads out of the archive or in a circle" },
                { "top/l", "l", "l: symbolic link to l leads out of the archive or in a circle" },
                { "top/l", "dir\\..\\x", "l: symbolic link with a backslash in its target" },
                { "top/l", "a\nb", "\"top/l\": control character or invalid UTF-8 in the link's target" },
        };
        Buffer tar = {};

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                tar_file(&tar, "top/file", "content");
                tar_file(&tar, "top/dir/file", "content");
                tar_add(&tar, good[i].path, '2', 0777, good[i].target, NULL, 0);
                Result result = run_good(tar_finish(&tar), FILE_FORMAT_TAR_GZ);
                _cleanup_free_ char *listing = list(&result);
                check(strstr(listing, good[i].target));
                result_done(&result);
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                tar_file(&tar, "top/file", "content");
                tar_file(&tar, "top/dir/file", "content");
                /* Inside the tree, but a level less deep than its name looks. */
                tar_add(&tar, "top/dir/up", '2', 0777, "..", NULL, 0);
                tar_add(&tar, "top/up", '2', 0777, "dir/up", NULL, 0);
                tar_add(&tar, bad[i].path, '2', 0777, bad[i].target, NULL, 0);
                check_refused(tar_finish(&tar), bad[i].message);
        }

        /* The same through a zip. */
        ZipBuilder zip = {};
        zip_add(&zip, (ZipItem) { .name = "top/l", .mode = 0120777, .data = "../../etc/passwd" });
        check_refused(zip_finish(&zip, false),
                "l: symbolic link to ../../etc/passwd leads out of the archive or in a circle");
}

static void test_refused_entries(void) {
        static const struct {
                const char *name;
                char type;
                const char *link, *message;
        } cases[] = {
                { "../evil", '0', NULL, "\"../evil\": \"..\" in the path" },
                { "top/../../evil", '0', NULL, "\"top/../../evil\": \"..\" in the path" },
                { "top/..", '5', NULL, "\"top/..\": \"..\" in the path" },
                { "/etc/passwd", '0', NULL, "\"/etc/passwd\": absolute path" },
                { "top//etc", '0', NULL, "\"top//etc\": empty path component" },
                { "top/..\\evil", '0', NULL, "\"top/..\\evil\": backslash in the name" },
                { "top/a\nb", '0', NULL, "\"top/a?b\": control character or invalid UTF-8 in the name" },
                { "top/\xff", '0', NULL, "\"top/?\": control character or invalid UTF-8 in the name" },
                { "other/x", '0', NULL, "\"other/x\": lies outside of the archive's top directory \"top\"" },
                { "x", '0', NULL, "\"x\": lies outside of the archive's top directory \"top\"" },
                { "top", '0', NULL, "\"top\": lies beside the archive's top directory" },
                { "top/null", '3', NULL, "\"top/null\": is a device" },
                { "top/sda", '4', NULL, "\"top/sda\": is a device" },
                { "top/pipe", '6', NULL, "\"top/pipe\": is a fifo" },
                { "top/file", '0', NULL, "file: is in the archive more than once" },
                { "top/file", '5', NULL, "file: is in the archive more than once" },
                { "top/file/below", '0', NULL, "file/below: lies below file, which is not a directory" },
                { "top/link/below", '0', NULL, "link/below: lies below link, which is not a directory" },
                { "top/dir", '0', NULL, "dir: is in the archive more than once" },
        };
        Buffer tar = {};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                tar_file(&tar, "top/file", "content");
                tar_add(&tar, "top/dir/", '5', 0755, NULL, NULL, 0);
                tar_add(&tar, "top/link", '2', 0777, "dir", NULL, 0);
                tar_add(&tar, cases[i].name, cases[i].type, 0644, cases[i].link, NULL, 0);
                check_refused(tar_finish(&tar), cases[i].message);
        }

        ZipBuilder zip = {};
        zip_add(&zip, (ZipItem) { .name = "top/pipe", .mode = 010644 });
        check_refused(zip_finish(&zip, false), "\"top/pipe\": is a fifo");
        zip_add(&zip, (ZipItem) { .name = "top/null", .mode = 020644 });
        check_refused(zip_finish(&zip, false), "\"top/null\": is a device");
        zip_add(&zip, (ZipItem) { .name = "top/sock", .mode = 0140644 });
        check_refused(zip_finish(&zip, false), "\"top/sock\": is a socket");
        zip_add(&zip, (ZipItem) { .name = "top/../x", .data = "x" });
        check_refused(zip_finish(&zip, false), "\"top/../x\": \"..\" in the path");
        zip_add(&zip, (ZipItem) { .name = "top/x/", .mode = 0100644 });
        check_refused(zip_finish(&zip, false), "\"top/x/\": is a directory and something else");

        tar_add(&tar, "top/", '5', 0755, NULL, NULL, 0);
        check_refused(tar_finish(&tar), "there is no file in the archive");
        check_refused(tar_finish(&tar), "there is no file in the archive");
        check_refused(zip_finish(&zip, false), "there is no file in the archive");
}

static void test_limits(void) {
        WorkerLimits limits = default_limits;
        Buffer tar = {};
        enum { SIZE = 20 * 1024 * 1024 };
        _cleanup_free_ char *zeros = calloc(1, SIZE);

        check(zeros);
        limits.entries_max = 2;
        tar_file(&tar, "top/a", "x");
        tar_file(&tar, "top/b", "x");
        tar_file(&tar, "top/c", "x");
        check_refused_with(tar_finish(&tar), &limits, "\"top/c\": more than 2 entries are not accepted");

        limits = default_limits;
        limits.unpacked_size_max = 10;
        tar_file(&tar, "top/a", "123456");
        tar_file(&tar, "top/b", "123456");
        check_refused_with(tar_finish(&tar), &limits, "\"b\": more than 10 bytes unpacked are not accepted");

        /* Hard links multiply what is packed again. */
        tar_file(&tar, "top/a", "123456");
        tar_add(&tar, "top/b", '1', 0644, "top/a", NULL, 0);
        check_refused_with(tar_finish(&tar), &limits, "\"b\": more than 10 bytes unpacked are not accepted");

        limits = default_limits;
        limits.artifact_size_max = 100;
        check_refused_with(module_tar(false), &limits, "repacked, the archive is larger than 100 bytes");

        /* Real compression: 20 MiB of zeros in a few KiB, as our own output for a module that is allowed to be so. */
        limits = default_limits;
        limits.ratio_max = 100000;
        tar_add(&tar, "top/zeros", '0', 0644, NULL, zeros, SIZE);
        Result small = run_with(tar_finish(&tar), FILE_FORMAT_ZIP, &limits);
        check_int(small.r, 0);
        check(small.output_size < 64 * KIB);
        result_done(&small);
}

/* A bomb: gzip members of stored zeros would be as large as what they hold, so this one is deflated by the library. */
static void test_ratio(void) {
        enum { SIZE = 20 * 1024 * 1024 };
        _cleanup_free_ uint8_t *zeros = calloc(1, SIZE), *packed = malloc(SIZE);
        struct isal_zstream stream;
        Buffer tar = {}, gzip = {};

        check(zeros && packed);
        tar_add(&tar, "top/zeros", '0', 0644, NULL, zeros, SIZE);
        isal_deflate_stateless_init(&stream);
        stream.gzip_flag = IGZIP_GZIP;
        stream.end_of_stream = 1;
        stream.next_in = (uint8_t *) tar.data;
        stream.avail_in = (uint32_t) tar.size;
        stream.next_out = packed;
        stream.avail_out = SIZE;
        check_int(isal_deflate_stateless(&stream), COMP_OK);
        put(&gzip, packed, stream.total_out);
        check(gzip.size * 100 < SIZE);

        Result result = run(memory_file(&gzip), FILE_FORMAT_ZIP);
        check_int(result.r, -EBADMSG);
        check(startswith(
                result.report.message, "\"zeros\": the archive unpacks to more than 100 times its "));
        result_done(&result);

        WorkerLimits limits = default_limits;
        limits.unpacked_size_max = MIB;
        result = run_with(memory_file(&gzip), FILE_FORMAT_ZIP, &limits);
        check_int(result.r, -EBADMSG);
        check_string(result.report.message, "\"zeros\": more than 1048576 bytes unpacked are not accepted");
        result_done(&result);

        /* The same bytes where no content is wanted, in the body of a directory. */
        buffer_clear(&tar);
        tar_add(&tar, "top/dir/", '5', 0755, NULL, zeros, SIZE);
        buffer_clear(&gzip);
        isal_deflate_stateless_init(&stream);
        stream.gzip_flag = IGZIP_GZIP;
        stream.end_of_stream = 1;
        stream.next_in = (uint8_t *) tar.data;
        stream.avail_in = (uint32_t) tar.size;
        stream.next_out = packed;
        stream.avail_out = SIZE;
        check_int(isal_deflate_stateless(&stream), COMP_OK);
        put(&gzip, packed, stream.total_out);
        result = run_with(memory_file(&gzip), FILE_FORMAT_ZIP, &limits);
        check_int(result.r, -EBADMSG);
        check(result.report.message);
        result_done(&result);
        buffer_clear(&tar);
        buffer_clear(&gzip);
}

static void test_damaged(void) {
        _cleanup_free_ char *data = NULL;
        _cleanup_close_ int fd = module_tar(false);
        Buffer copy = {};
        size_t size;

        check_int(fs_read_fd(fd, MIB, &data, &size), 0);

        /* A bit of a file's content: only the checksum of gzip knows. */
        char *content = memmem(data, size, "sorts before", 12);
        check(content);
        content[0] ^= 1;
        put(&copy, data, size);
        check_refused(memory_file(&copy), "damaged gzip file: the checksum does not match");
        content[0] ^= 1;
        buffer_clear(&copy);

        for (size_t cut = 1; cut < 40; cut++) {
                put(&copy, data, size - cut * 37 % size);
                Result result = run(memory_file(&copy), FILE_FORMAT_ZIP);
                check_int(result.r, -EBADMSG);
                check(result.report.message);
                result_done(&result);
                buffer_clear(&copy);
        }

        put(&copy, data, size);
        put(&copy, "tail", 4);
        check_refused(memory_file(&copy), "truncated, or data after the end of the gzip stream");
        put(&copy, "tail that is longer than a header", 33);
        check_refused(memory_file(&copy), "data after the end of the gzip stream");
        buffer_clear(&copy);
        put(&copy, "<html>not an archive</html>", 27);
        check_refused(memory_file(&copy), "neither a tar.gz nor a zip archive");
        buffer_clear(&copy);
        check_refused(memory_file(&copy), "neither a tar.gz nor a zip archive");
        put(&copy, "\x1f\x8b", 2);
        check_refused(memory_file(&copy), "truncated gzip file");
        buffer_clear(&copy);
}

static void test_readme(void) {
        static const struct {
                const char *names[4];
                const char *expected;
        } cases[] = {
                { { "top/README.txt", "top/readme.MD", "top/README", NULL }, "top/readme.MD" },
                { { "top/README.rst", "top/Readme", NULL }, "top/Readme" },
                { { "top/readme.txt", "top/README.rst", NULL }, "top/README.rst" },
                { { "top/readme.txt", "top/x/README.md", NULL }, "top/readme.txt" },
                { { "top/main.tf", "top/x/README.md", NULL }, "" },
        };
        Buffer tar = {};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                for (const char *const *name = cases[i].names; *name; name++)
                        tar_file(&tar, *name, *name);
                Result result = run_good(tar_finish(&tar), FILE_FORMAT_ZIP);
                check_string(result.readme, cases[i].expected);
                result_done(&result);
        }

        /* Behind a link, and too large: cut at the end of a line. */
        _cleanup_free_ char *text = malloc(2 * MIB);
        check(text);
        memset(text, 'x', 2 * MIB);
        text[MIB - 10] = '\n';
        tar_add(&tar, "top/docs/long.md", '0', 0644, NULL, text, 2 * MIB);
        tar_add(&tar, "top/README.md", '2', 0777, "docs/long.md", NULL, 0);
        Result result = run_good(tar_finish(&tar), FILE_FORMAT_ZIP);
        check_int(result.readme_size, MIB - 9);
        check(memcmp(result.readme, text, MIB - 9) == 0);
        result_done(&result);
}

static void test_commit(void) {
        static const struct {
                const char *comment;
                bool accepted;
        } cases[] = {
                { "0123456789abcdef0123456789abcdef01234567", true },
                { "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", true },
                { "0123456789ABCDEF0123456789abcdef01234567", false },
                { "0123456789abcdef", false },
                { "", false },
        };
        Buffer tar = {};

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                pax_global(&tar, cases[i].comment);
                tar_file(&tar, "top/a", "x");
                Result result = run_good(tar_finish(&tar), FILE_FORMAT_ZIP);
                check_string(result.report.commit, cases[i].accepted ? cases[i].comment : "");
                result_done(&result);
        }
        tar_file(&tar, "top/a", "x");
        Result result = run_good(tar_finish(&tar), FILE_FORMAT_ZIP);
        check_string(result.report.commit, "");
        result_done(&result);
}

/* An archive as GitHub serves it. */
static void test_recorded(void) {
        const char *fixtures = getenv("OPENDEPOT_FIXTURES");
        _cleanup_free_ char *path = NULL, *listing = NULL;
        int fd;

        if (isempty(fixtures) || asprintf(&path, "%s/github/octokit-get-archive.tar.gz", fixtures) < 0)
                return;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
                (void) printf("without the recorded archive: %s\n", path);
                return;
        }
        Result result = run_good(fd, FILE_FORMAT_ZIP);
        listing = list(&result);
        check_string(listing, "100644 README.md = # get-archive\n");
        check_string(result.report.commit, "900f3f818d8c2ac46196b3cdaee655d1ee986381");
        check_string(result.report.h1, "h1:P/Ft96iBRrE3w26ioY46Y2PmqYPMB11f7XkwWSynmMY=");
        result_done(&result);
}

int main(void) {
        test_output();
        test_gzip_header();
        test_names();
        test_hard_links();
        test_links();
        test_refused_entries();
        test_limits();
        test_ratio();
        test_damaged();
        test_readme();
        test_commit();
        test_recorded();
        return 0;
}
