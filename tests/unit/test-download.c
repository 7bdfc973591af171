#include "fetch/download.h"

#include <curl/curl.h>
#include <dirent.h>
#include <limits.h>
#include <sys/resource.h>

#include "base/sha256.h"
#include "http-server.h"
#include "loop.h"
#include "scratch.h"

#define SIZE (3 * MIB + 12345)
#define ETAG "ETag: \"one\"\r\n"

typedef struct Got {
        unsigned n_done;
        DownloadResult result;
        FetchResult fetch;
        int error;
        char *message;
        uint64_t size, not_before_usec;
        char sha256[65];
        Download *download;
        char *content; /* as read back from the descriptor */
} Got;

static sd_event *event;
static HttpServer *server;
static Fetcher *fetcher;
static Offload *offload;
static int scratch_fd, staging_fd;
static char *content, *other; /* two contents of SIZE bytes that differ everywhere */
static char content_sha256[SHA256_HEX_SIZE], other_sha256[SHA256_HEX_SIZE];

/* How the server answers now. */
static atomic_bool changed; /* it has the other content, with another ETag */
static atomic_bool damaged; /* a continued answer is wrong */
static atomic_uint n_cut;   /* so many answers end early */
static atomic_ulong first_range, n_ranges;

static void got_clear(Got *got) {
        free(got->message);
        free(got->content);
        *got = (Got) {};
}

static void on_done(const DownloadReport *report, void *userdata) {
        Got *got = userdata;

        got->n_done++;
        got->download = NULL;
        got->result = report->result;
        got->fetch = report->fetch;
        got->error = report->error;
        got->size = report->size;
        got->not_before_usec = report->not_before_usec;
        memcpy(got->sha256, report->sha256, sizeof(got->sha256));
        check_int(string_assign(&got->message, report->message), 0);
        check((report->result == DOWNLOAD_OK) == !report->message);
        if (report->result == DOWNLOAD_OK) {
                size_t size;

                check_int(fs_read_fd(report->fd, 64 * MIB, &got->content, &size), 0);
                check_int(size, report->size);
                /* For reading and writing. */
                check_int(pwrite(report->fd, got->content, MIN_OF(size, (size_t) 1), 0), size > 0);
        }
}

/* All of it from `offset`, but only the first half of that when it is to be cut. */
static bool send_content(
        const HttpRequest *request, const char *headers, uint64_t offset, const char *from) {
        _cleanup_free_ char *head = NULL, *range = NULL;
        size_t size = SIZE - offset;
        bool cut = atomic_load(&n_cut) > 0;

        if (offset > 0)
                range = text_format("Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long) offset,
                        (unsigned long long) SIZE - 1, (unsigned long long) SIZE);
        head = text_format("HTTP/1.1 %s\r\n%s%sContent-Length: %zu\r\n\r\n",
                offset > 0 ? "206 Part" : "200 OK", headers, strempty(range), size);
        http_send_text(request, head);
        http_send(request, from + offset, cut ? size / 2 : size);
        if (cut)
                (void) atomic_fetch_sub(&n_cut, 1);
        return !cut;
}

static bool answer_file(const HttpRequest *request) {
        _cleanup_free_ char *range = http_header(request, "Range"),
                            *if_range = http_header(request, "If-Range");
        const char *from = atomic_load(&changed) ? other : content;
        unsigned long long offset = 0;

        if (range) {
                check(sscanf(range, "bytes=%llu-", &offset) == 1);
                if (atomic_fetch_add(&n_ranges, 1) == 0)
                        atomic_store(&first_range, offset);
        }
        /* Without an ETag nothing may be continued. */
        if (startswith(request->path, "/plain")) {
                check(!range);
                return send_content(request, "", 0, from);
        }
        if (startswith(request->path, "/weak")) {
                check(!range);
                return send_content(request, "ETag: W/\"one\"\r\n", 0, from);
        }
        check(!range == !if_range);
        if (!range || !streq(if_range, "\"one\"") || atomic_load(&changed))
                return send_content(request, atomic_load(&changed) ? "ETag: \"two\"\r\n" : ETAG, 0, from);
        if (startswith(request->path, "/elsewhere"))
                return http_reply_text(request, "206 Part", ETAG "Content-Range: bytes 1-4/5\r\n", "abcd");
        if (offset >= SIZE)
                return http_reply_text(request, "416 Range Not Satisfiable", NULL, "");
        return send_content(request, ETAG, offset, atomic_load(&damaged) ? other : from);
}

static bool answer(const HttpRequest *request, void *userdata) {
        if (startswith(request->path, "/held")) {
                http_send_text(request, "HTTP/1.1 200 OK\r\n" ETAG "Content-Length: 100\r\n\r\nonly this");
                http_wait_for_gate(request);
                return false;
        }
        if (streq(request->path, "/empty"))
                return http_reply_text(request, "200 OK", ETAG, "");
        if (streq(request->path, "/limited"))
                return http_reply_text(request, "403 No", "Retry-After: 100\r\n", "");
        if (streq(request->path, "/absent"))
                return http_reply_text(request, "404 Not Found", NULL, "nothing here");
        return answer_file(request);
}

static void start(const char *path, const char *expected, uint64_t size_max, int directory_fd, Got *got) {
        _cleanup_free_ char *url = http_server_url(server, streq(path, "/limited") ? 2 : 1, path);

        got_clear(got);
        atomic_store(&n_ranges, 0);
        check_int(download_start(fetcher, offload,
                          &(DownloadRequest) {
                                  .url = url,
                                  .staging_fd = directory_fd,
                                  .name = "file",
                                  .expected_sha256 = expected,
                                  .size_max = size_max,
                                  .on_done = on_done,
                                  .userdata = got,
                          },
                          &got->download),
                0);
        check_int(got->n_done, 0);
}

static void download(const char *path, const char *expected, Got *got) {
        start(path, expected, 64 * MIB, staging_fd, got);
        LOOP_UNTIL(event, got->n_done > 0);
        check_int(got->n_done, 1);
}

static bool is_there(const char *name) {
        return faccessat(staging_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

static void remove_all(void) {
        (void) unlinkat(staging_fd, "file", 0);
        (void) unlinkat(staging_fd, "file.part", 0);
        (void) unlinkat(staging_fd, "file.meta", 0);
}

/* The content is there under its name, the right way round, and nothing beside it. */
static void check_complete(const Got *got, const char *expected, const char *sha256) {
        _cleanup_free_ char *data = NULL;

        if (got->result != DOWNLOAD_OK)
                (void) fprintf(stderr, "%s\n", strempty(got->message));
        check_int(got->result, DOWNLOAD_OK);
        check_int(got->size, SIZE);
        check_string(got->sha256, sha256);
        check(memcmp(got->content, expected, SIZE) == 0);
        data = scratch_read(staging_fd, "file");
        check(data && memcmp(data, expected, SIZE) == 0);
        check(!is_there("file.part") && !is_there("file.meta"));
        remove_all();
}

/* Leaves what an earlier process had when it ended. */
static void leave(const char *from, size_t size, const char *path, const char *etag) {
        _cleanup_free_ char *url = http_server_url(server, 1, path), *meta = NULL;
        int fd;

        remove_all();
        meta = text_format("{\"url\": \"%s\", \"etag\": \"%s\"}", url, etag);
        scratch_write(staging_fd, "file.meta", meta);
        fd = openat(staging_fd, "file.part", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        check(fd >= 0);
        check_int(fs_write_all(fd, from, size), 0);
        close_fd(fd);
}

static void test_whole(void) {
        Got got = {};

        download("/file", content_sha256, &got);
        check_complete(&got, content, content_sha256);
        download("/file", NULL, &got);
        check_complete(&got, content, content_sha256);
        download("/plain", content_sha256, &got);
        check_complete(&got, content, content_sha256);
        check_int(n_ranges, 0);

        download("/empty", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", &got);
        check_int(got.result, DOWNLOAD_OK);
        check_int(got.size, 0);
        check(is_there("file") && !is_there("file.part"));
        remove_all();
        got_clear(&got);
}

/* What is no good leaves nothing to be mistaken for it. */
static void test_failures(void) {
        Got got = {};

        download("/file", other_sha256, &got);
        check_int(got.result, DOWNLOAD_MISMATCH);
        check_string(got.sha256, content_sha256);
        check(strstr(got.message, content_sha256) && strstr(got.message, other_sha256));
        check(!is_there("file") && !is_there("file.part") && !is_there("file.meta"));

        download("/absent", content_sha256, &got);
        check_int(got.result, DOWNLOAD_FAILED);
        check_int(got.fetch, FETCH_NOT_FOUND);
        check(strstr(got.message, "HTTP 404") && !is_there("file"));

        download("/limited", NULL, &got);
        check_int(got.fetch, FETCH_RATE_LIMITED);
        check(got.not_before_usec > clock_realtime_usec());

        start("/file", content_sha256, SIZE, staging_fd, &got);
        LOOP_UNTIL(event, got.n_done > 0);
        check_complete(&got, content, content_sha256);
        start("/file", content_sha256, SIZE - 1, staging_fd, &got);
        LOOP_UNTIL(event, got.n_done > 0);
        check_int(got.result, DOWNLOAD_FAILED);
        check_int(got.fetch, FETCH_TOO_LARGE);
        check(!is_there("file"));
        remove_all();
        got_clear(&got);
}

/* Interrupted on the way: the next try goes on where the last one ended. */
static void test_interrupted(void) {
        Got got = {};

        n_cut = 2;
        download("/file", content_sha256, &got);
        check_complete(&got, content, content_sha256);
        check_int(n_ranges, 2);
        check(first_range > 0 && first_range <= SIZE / 2);

        /* What cannot be recognised again is fetched anew: nothing expected, no ETag, a weak one. */
        n_cut = 1;
        download("/file", NULL, &got);
        check_complete(&got, content, content_sha256);
        check_int(n_ranges, 0);
        n_cut = 1;
        download("/plain", content_sha256, &got);
        check_complete(&got, content, content_sha256);
        n_cut = 1;
        download("/weak", content_sha256, &got);
        check_complete(&got, content, content_sha256);

        /* The rest is of something else: all of it is fetched once more. */
        n_cut = 1;
        damaged = true;
        download("/file", content_sha256, &got);
        check_complete(&got, content, content_sha256);
        check_int(n_ranges, 1);
        damaged = false;

        /* The server goes on somewhere else. */
        n_cut = 1;
        download("/elsewhere", content_sha256, &got);
        check_complete(&got, content, content_sha256);
        check_int(n_ranges, 1);
        got_clear(&got);
}

/* A server that always breaks off and always goes on wrongly does not keep us busy for ever. */
static void test_endless(void) {
        Got got = {};

        n_cut = 1000;
        download("/elsewhere", content_sha256, &got);
        check_int(got.result, DOWNLOAD_FAILED);
        check(!is_there("file"));
        check(http_server_n_asked(server, "/elsewhere", NULL, 0) < 12);
        n_cut = 0;
        remove_all();
        got_clear(&got);
}

/* Begun by an earlier process. */
static void test_continued(void) {
        Got got = {};

        leave(content, MIB, "/file", "\\\"one\\\"");
        download("/file", content_sha256, &got);
        check_complete(&got, content, content_sha256);
        check_int(n_ranges, 1);
        check_int(first_range, MIB);

        /* Upstream has something else now, and it is what is expected. */
        leave(content, MIB, "/file", "\\\"one\\\"");
        changed = true;
        download("/file", other_sha256, &got);
        check_complete(&got, other, other_sha256);
        check_int(n_ranges, 1);
        changed = false;

        /* What lies there is damaged: seen by the digest at the end, then fetched whole. */
        leave(other, MIB, "/file", "\\\"one\\\"");
        download("/file", content_sha256, &got);
        check_complete(&got, content, content_sha256);
        check_int(n_ranges, 1);

        /* Damaged, and what upstream has is not what is expected either. */
        leave(other, MIB, "/file", "\\\"one\\\"");
        download("/file", "0000000000000000000000000000000000000000000000000000000000000000", &got);
        check_int(got.result, DOWNLOAD_MISMATCH);
        check(!is_there("file.part") && !is_there("file.meta"));

        /* It is all there, or more than all. */
        leave(content, SIZE, "/file", "\\\"one\\\"");
        download("/file", content_sha256, &got);
        check_complete(&got, content, content_sha256);

        leave(content, MIB, "/elsewhere", "\\\"one\\\"");
        download("/elsewhere", content_sha256, &got);
        check_complete(&got, content, content_sha256);
        check_int(n_ranges, 1);
        got_clear(&got);
}

/* What does not belong to this download is not continued. */
static void test_not_continued(void) {
        static const char *const metas[] = { "", "{}", "null", "[]", "{\"url\": 1, \"etag\": 2}",
                "{\"url\": \"x\"}", "{\"url\": \"http://elsewhere/file\", \"etag\": \"\\\"one\\\"\"}",
                "{\"url\": \"" };
        Got got = {};
        int fd;

        /* Another URL, a weak ETag, no ETag, and everything that is no description at all. */
        leave(other, MIB, "/otherwise", "\\\"one\\\"");
        download("/file", content_sha256, &got);
        check_complete(&got, content, content_sha256);
        check_int(n_ranges, 0);
        leave(other, MIB, "/file", "W/\\\"one\\\"");
        download("/file", content_sha256, &got);
        check_complete(&got, content, content_sha256);
        check_int(n_ranges, 0);
        for (size_t i = 0; i < ELEMENTSOF(metas); i++) {
                leave(other, MIB, "/file", "\\\"one\\\"");
                scratch_write(staging_fd, "file.meta", metas[i]);
                download("/file", content_sha256, &got);
                check_complete(&got, content, content_sha256);
                check_int(n_ranges, 0);
        }
        /* Longer than the content: the rest must not stay behind its end. */
        leave(other, SIZE, "/file", "");
        fd = openat(staging_fd, "file.part", O_WRONLY | O_CLOEXEC);
        check(fd >= 0 && ftruncate(fd, SIZE + MIB) >= 0);
        close_fd(fd);
        download("/plain", content_sha256, &got);
        check_complete(&got, content, content_sha256);

        /* Nothing there: the description says nothing. */
        leave("", 0, "/file", "\\\"one\\\"");
        download("/file", content_sha256, &got);
        check_complete(&got, content, content_sha256);
        check_int(n_ranges, 0);

        /* No digest, no continuing. */
        leave(content, MIB, "/file", "\\\"one\\\"");
        download("/file", NULL, &got);
        check_complete(&got, content, content_sha256);
        check_int(n_ranges, 0);
        got_clear(&got);
}

/* Links in the staging directory lead nowhere. */
static void test_links(void) {
        _cleanup_free_ char *victim = NULL;
        Got got = {};

        scratch_write(scratch_fd, "victim", "precious");
        check(symlinkat("../victim", staging_fd, "file.part") >= 0);
        download("/file", NULL, &got);
        check_int(got.result, DOWNLOAD_LOCAL);
        check_int(got.error, -ELOOP);
        remove_all();
        leave("", 0, "/file", "\\\"one\\\"");
        check(unlinkat(staging_fd, "file.part", 0) >= 0);
        check(symlinkat("../victim", staging_fd, "file.part") >= 0);
        download("/file", content_sha256, &got);
        check_int(got.error, -ELOOP);
        remove_all();
        check(symlinkat("../victim", staging_fd, "file.meta") >= 0);
        download("/file", content_sha256, &got);
        victim = scratch_read(scratch_fd, "victim");
        check_string(victim, "precious");
        remove_all();
        got_clear(&got);
}

static void test_cancel(void) {
        Got got = {};

        /* In the queue, while what lies there is read, and on the way; what has arrived stays. */
        leave(content, 2 * MIB, "/file", "\\\"one\\\"");
        start("/file", content_sha256, SIZE, staging_fd, &got);
        check(!download_cancel(got.download));
        start("/file", content_sha256, SIZE, staging_fd, &got);
        LOOP_UNTIL(event, fetcher_n_running(fetcher) == 1);
        check(!download_cancel(got.download));
        loop_run_for(event, 50 * USEC_PER_MSEC);
        check_int(got.n_done, 0);
        check(is_there("file.part") && is_there("file.meta"));
        download("/file", content_sha256, &got);
        check_complete(&got, content, content_sha256);
        check_int(first_range, 2 * MIB);

        http_server_set_gate(server, false);
        start("/held", content_sha256, SIZE, staging_fd, &got);
        LOOP_UNTIL(event, is_there("file.meta") && download_received(got.download) == 9);
        download_cancel(got.download);
        http_server_set_gate(server, true);
        loop_run_for(event, 50 * USEC_PER_MSEC);
        check_int(got.n_done, 0);
        check(is_there("file.part") && is_there("file.meta"));
        check(!download_cancel(NULL));
        remove_all();
        got_clear(&got);
}

/* Descriptors of this process that lead to where the name ends so. */
static unsigned count_open(const char *suffix) {
        DIR *directory = opendir("/proc/self/fd");
        int fd = directory ? dirfd(directory) : -EBADF;
        unsigned n = 0;

        check(fd >= 0);
        for (struct dirent *entry; (entry = readdir(directory));) {
                char target[PATH_MAX] = "";

                n += readlinkat(fd, entry->d_name, target, sizeof(target) - 1) >= 0 &&
                     endswith(target, suffix);
        }
        (void) closedir(directory);
        return n;
}

static uint64_t memory_size(void) {
        unsigned long long pages = 0;
        FILE *file = fopen("/proc/self/statm", "re");

        check(file && fscanf(file, "%llu", &pages) == 1);
        (void) fclose(file);
        return pages * (uint64_t) sysconf(_SC_PAGESIZE);
}

#define MANY 10000
#define CONTINUED 200

/* What waits for its turn takes no descriptors and no buffers, and nothing is read for it. */
static void test_many(void) {
        _cleanup_free_ Got *got = calloc(MANY, sizeof(Got));
        _cleanup_free_ char *url = http_server_url(server, 1, "/held"),
                            *meta = text_format("{\"url\": \"%s\", \"etag\": \"\\\"one\\\"\"}", url);
        uint64_t before;
        unsigned n_open;

        check(got);
        for (unsigned i = 0; i < CONTINUED; i++) {
                _cleanup_free_ char *part = text_format("%u.part", i), *name = text_format("%u.meta", i);

                scratch_write(staging_fd, part, "begun");
                scratch_write(staging_fd, name, meta);
        }
        http_server_forget(server);
        http_server_set_gate(server, false);
        before = memory_size();
        n_open = count_open("");
        for (unsigned i = 0; i < MANY; i++) {
                _cleanup_free_ char *name = text_format("%u", i);

                check_int(download_start(fetcher, offload,
                                  &(DownloadRequest) {
                                          .url = url,
                                          .staging_fd = staging_fd,
                                          .name = name,
                                          .expected_sha256 = content_sha256,
                                          .size_max = SIZE,
                                          .on_done = on_done,
                                          .userdata = &got[i],
                                  },
                                  &got[i].download),
                        0);
        }
        check_int(count_open(".part"), 0);
        LOOP_UNTIL(event, http_server_n_asked(server, "/held", NULL, 0) == 4);
        loop_run_for(event, 50 * USEC_PER_MSEC);
        /* Four are on the way. */
        check(fetcher_n_running(fetcher) == 4 && fetcher_n_queued(fetcher) == MANY - 4);
        check(count_open(".part") <= 2 * 4);
        check(count_open("") <= n_open + 32);
        check(memory_size() < before + 200 * MIB);

        for (unsigned i = 0; i < MANY; i++) {
                check_int(got[i].n_done, 0);
                download_cancel(got[i].download);
        }
        http_server_set_gate(server, true);
        /* Threads close them. */
        LOOP_UNTIL(event, count_open(".part") == 0);
        /* What an earlier process has left is there for the next time. */
        for (unsigned i = 0; i < CONTINUED; i++) {
                _cleanup_free_ char *part = text_format("%u.part", i), *name = text_format("%u.meta", i);

                check(is_there(part) && is_there(name));
                check(unlinkat(staging_fd, part, 0) >= 0 && unlinkat(staging_fd, name, 0) >= 0);
        }
}

static void test_full_disk(void) {
        int fd = scratch_small_directory("1m");
        struct rlimit limit;
        Got got = {};

        /* No file may be larger: what is there may be finished when the limit is lifted. */
        check(getrlimit(RLIMIT_FSIZE, &limit) >= 0);
        check(setrlimit(RLIMIT_FSIZE, &(struct rlimit) { MIB, limit.rlim_max }) >= 0);
        start("/file", content_sha256, SIZE, staging_fd, &got);
        LOOP_UNTIL(event, got.n_done > 0);
        check(setrlimit(RLIMIT_FSIZE, &limit) >= 0);
        check_int(got.result, DOWNLOAD_LOCAL);
        check_int(got.error, -EFBIG);
        check(got.message && !is_there("file") && is_there("file.part"));
        download("/file", content_sha256, &got);
        check_complete(&got, content, content_sha256);
        check(first_range > 0 && first_range <= MIB);

        if (fd < 0) {
                (void) printf("SKIP: a full file system: none can be mounted here\n");
                return;
        }
        start("/file", content_sha256, SIZE, fd, &got);
        LOOP_UNTIL(event, got.n_done > 0);
        check_int(got.result, DOWNLOAD_LOCAL);
        check_int(got.error, -ENOSPC);
        check(strstr(got.message, strerror(ENOSPC)));
        /* What cannot be finished makes room for what can. */
        check_int(faccessat(fd, "file.part", F_OK, 0), -1);
        check_int(faccessat(fd, "file.meta", F_OK, 0), -1);
        close_fd(fd);
        got_clear(&got);
}

static char *make_content(unsigned seed, char sha256[static SHA256_HEX_SIZE]) {
        char *data = malloc(SIZE);

        check(data);
        for (size_t i = 0; i < SIZE; i++)
                data[i] = (char) ((i * 2654435761U >> 13) + seed);
        sha256_hex_of(data, SIZE, sha256);
        return data;
}

int main(void) {
        (void) signal(SIGXFSZ, SIG_IGN);
        check_int(curl_global_init(CURL_GLOBAL_DEFAULT), CURLE_OK);
        scratch_fd = scratch_open();
        staging_fd = fs_open_directory(scratch_fd, "staging", true);
        check(staging_fd >= 0);
        content = make_content(0, content_sha256);
        other = make_content(1, other_sha256);
        event = loop_new();
        server = http_server_new(answer, NULL);
        check_int(offload_new(event, 2, &offload), 0);
        check_int(fetcher_new(event,
                          &(FetcherOptions) {
                                  .parallel = 4,
                                  .parallel_per_host = 4,
                                  .connect_timeout_usec = 5 * USEC_PER_SEC,
                                  .stall_timeout_usec = 5 * USEC_PER_SEC,
                                  .user_agent = "test/1",
                          },
                          &fetcher),
                0);

        test_whole();
        test_failures();
        test_interrupted();
        test_endless();
        test_continued();
        test_not_continued();
        test_links();
        test_cancel();
        test_many();
        test_full_disk();

        offload_free(offload);
        fetcher_free(fetcher);
        http_server_free(server);
        sd_event_unref(event);
        curl_global_cleanup();
        free(content);
        free(other);
        close_fd(staging_fd);
        close_fd(scratch_fd);
        return EXIT_SUCCESS;
}
