#include "fetch/download.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/background-unlink.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/sha256.h"
#include "fetch/writer.h"

#define META_SIZE_MAX (16 * KIB)

/* Reads what an earlier try has left; runs in a thread and owns itself when the download is cancelled meanwhile. */
typedef struct Resume {
        Download *download; /* NULL: cancelled */
        int fd;
        Sha256 sha256;
        uint64_t size;
} Resume;

struct Download {
        Fetcher *fetcher;
        Offload *offload;
        Transfer *transfer;
        Resume *resume;

        int staging_fd;
        char *url, *name, *part, *meta;
        char *shown; /* the URL for people */
        bool hides_query;
        Budget *budget;
        bool use_reserve;
        char *bearer;                          /* secret */
        char expected_sha256[SHA256_HEX_SIZE]; /* "": unknown */
        uint64_t size_max;
        void (*on_done)(const DownloadReport *report, void *userdata);
        void *userdata;

        int fd; /* -EBADF: its turn has not come yet */
        Writer *writer;
        char *etag;   /* strong, of what is in the file; NULL: cannot be continued */
        bool begun;   /* what an earlier process has left was looked at */
        bool resumed; /* what is in the file came from more than one answer */
        bool restarted;
        int error; /* of the staging directory */
};

static const FetchSink download_sink;

static Download *download_free(Download *download) {
        transfer_cancel(download->transfer);
        writer_free(download->writer);
        if (download->resume)
                download->resume->download = NULL;
        close_fd(download->fd);
        free(download->url);
        free(download->shown);
        secret_text_free(download->bearer);
        free(download->name);
        free(download->part);
        free(download->meta);
        free(download->etag);
        free(download);
        return NULL;
}

/* What has arrived takes space for nothing. */
static void remove_part(Download *download) {
        download->fd = close_fd(download->fd);
        background_unlink(download->offload, download->staging_fd, download->part);
}

Download *download_cancel(Download *download) {
        if (!download)
                return NULL;
        download->writer = writer_free(download->writer);
        /* What cannot be continued goes. What was not looked at may be continued. */
        if (download->fd >= 0 && !download->etag)
                remove_part(download);
        return download_free(download);
}

uint64_t download_received(const Download *download) {
        return download->writer ? writer_size(download->writer) : 0;
}

/* The state beside the file */

static void forget_meta(Download *download) {
        free(TAKE_PTR(download->etag));
        (void) unlinkat(download->staging_fd, download->meta, 0);
}

static int write_meta(Download *download) {
        _cleanup_(json_unrefp) json_object *object = json_object_new_object();
        _cleanup_free_ char *text = NULL;
        _cleanup_close_ int fd = -EBADF;

        if (!object || json_set_string(object, "url", download->shown) < 0 ||
                json_set_string(object, "etag", download->etag) < 0)
                return -ENOMEM;
        text = json_format(object, false);
        if (!text)
                return -ENOMEM;
        fd = openat(download->staging_fd, download->meta,
                O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
        return fd < 0 ? negative_errno() : fs_write_all(fd, text, strlen(text));
}

/* The ETag with which the file may be continued, NULL if it may not. */
static char *read_meta(const Download *download) {
        _cleanup_(json_unrefp) json_object *object = NULL;
        _cleanup_free_ char *data = NULL;
        const char *url = NULL, *etag = NULL;
        size_t size;

        if (fs_read_file(download->staging_fd, download->meta, META_SIZE_MAX, &data, &size) < 0 ||
                json_parse(data, size, &object, NULL) < 0 || json_get_string(object, "url", &url) <= 0 ||
                json_get_string(object, "etag", &etag) <= 0 || !streq(url, download->shown) ||
                etag[0] != '"')
                return NULL;
        return strdup(etag);
}

/* The end */

static void download_end(Download *download, DownloadReport *report) {
        void (*on_done)(const DownloadReport *, void *) = download->on_done;
        void *userdata = download->userdata;
        _cleanup_close_ int fd = TAKE_FD(download->fd);

        report->fd = fd;
        download_free(download);
        on_done(report, userdata);
}

static void download_end_locally(Download *download, int error) {
        _cleanup_free_ char *message = NULL;
        DownloadReport report = { .result = DOWNLOAD_LOCAL, .error = error };

        text_set(&message, "cannot write to the staging directory: %s", strerror(-error));
        report.message = message;
        /* A full disk is not made better by what cannot be finished. */
        if (error == -ENOSPC || error == -EDQUOT) {
                download->writer = writer_free(download->writer);
                remove_part(download);
                forget_meta(download);
        }
        download_end(download, &report);
}

static int download_begin(Download *download);

/* Throws away what is there and fetches it whole, but only once. Returns false when even that cannot be started. */
static bool download_restart(Download *download) {
        if (download->restarted)
                return false;
        download->restarted = true;
        forget_meta(download);
        download->resumed = false;
        return download_begin(download) >= 0;
}

static void on_written(int r, uint64_t size, const char *sha256, void *userdata) {
        DownloadReport report = { .result = DOWNLOAD_OK, .size = size };
        _cleanup_free_ char *message = NULL;
        Download *download = userdata;

        download->writer = NULL;
        if (r < 0) {
                download_end_locally(download, r);
                return;
        }
        (void) snprintf(report.sha256, sizeof(report.sha256), "%s", sha256);
        if (download->expected_sha256[0] && !streq(report.sha256, download->expected_sha256)) {
                /* Damage may be ours: a file that an interrupted machine left is not above suspicion. */
                if (download->resumed && download_restart(download))
                        return;
                remove_part(download);
                forget_meta(download);
                report.result = DOWNLOAD_MISMATCH;
                text_set(&message, "%s: expected SHA-256 %s, received %s", download->shown,
                        download->expected_sha256, report.sha256);
                report.message = message;
                download_end(download, &report);
                return;
        }
        if (renameat(download->staging_fd, download->part, download->staging_fd, download->name) < 0) {
                download_end_locally(download, negative_errno());
                return;
        }
        forget_meta(download);
        download_end(download, &report);
}

/* Whether the next try asks for the rest of what is there. */
static bool is_continuable(const Download *download) {
        return download->etag && download_received(download) > 0;
}

static void on_transfer_done(const FetchResponse *response, void *userdata) {
        Download *download = userdata;
        DownloadReport report = {
                .result = DOWNLOAD_FAILED,
                .fetch = response->result,
                .status = response->status,
                .message = response->error,
                .not_before_usec = response->not_before_usec,
        };
        int r;

        download->transfer = NULL;
        if (response->result == FETCH_OK) {
                r = writer_finish(download->writer, on_written);
                if (r < 0)
                        download_end_locally(download, r);
                return;
        }
        if (download->error < 0) {
                download_end_locally(download, download->error);
                return;
        }
        /* The server did not continue where it was asked to (a wrong Content-Range, or 416). */
        if (is_continuable(download) && (response->result == FETCH_ABORTED || response->status == 416) &&
                download_restart(download))
                return;
        if (response->result == FETCH_ABORTED)
                report.message = "the server answered with another range than it was asked for";
        download_end(download, &report);
}

/* The file */

static void on_room(void *userdata) {
        const Download *download = userdata;

        if (download->transfer)
                transfer_resume(download->transfer);
}

static int open_file(Download *download) {
        download->fd = openat(
                download->staging_fd, download->part, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
        return download->fd < 0 ? negative_errno() : 0;
}

static int write_behind(Download *download, const Sha256 *sha256, uint64_t size) {
        return writer_new(
                download->offload, download->fd, sha256, size, on_room, download, &download->writer);
}

static int hash_existing(void *userdata) {
        Resume *resume = userdata;
        _cleanup_free_ char *buffer = malloc(MIB);

        if (!buffer)
                return -ENOMEM;
        sha256_start(&resume->sha256);
        for (;;) {
                ssize_t n = pread(resume->fd, buffer, MIB, (off_t) resume->size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return negative_errno();
                if (n == 0)
                        return 0;
                sha256_add(&resume->sha256, buffer, (size_t) n);
                resume->size += (uint64_t) n;
        }
}

static void on_existing_hashed(int result, void *userdata) {
        Resume *resume = userdata;
        Download *download = resume->download;

        if (download) {
                download->resume = NULL;
                if (result < 0) {
                        resume->size = 0;
                        sha256_start(&resume->sha256);
                }
                if (resume->size > 0)
                        download->resumed = true;
                else
                        forget_meta(download);
                download->error = write_behind(download, &resume->sha256, resume->size);
                transfer_resume(download->transfer);
        }
        close_fd(resume->fd);
        free(resume);
}

/* Looks at what an earlier process has left. Returns -EAGAIN when that is being read, 0 when there is nothing to continue. */
static int resume_start(Download *download) {
        Resume *resume;
        int r;

        if (download->begun || !download->expected_sha256[0])
                return 0;
        download->begun = true;
        download->etag = read_meta(download);
        if (!download->etag)
                return 0;

        r = open_file(download);
        if (r < 0)
                return r;
        resume = calloc(1, sizeof(Resume));
        if (!resume)
                return -ENOMEM;
        resume->download = download;
        resume->fd = fcntl(download->fd, F_DUPFD_CLOEXEC, 3);
        r = resume->fd < 0 ? negative_errno()
                           : offload_run(download->offload, hash_existing, on_existing_hashed, resume);
        if (r < 0) {
                close_fd(resume->fd);
                free(resume);
                return r;
        }
        download->resume = resume;
        return -EAGAIN;
}

/* The sink */

static int on_try(void *userdata, uint64_t *ret_offset, const char **ret_if_range) {
        Download *download = userdata;
        int r;

        r = download->error < 0 ? download->error : resume_start(download);
        if (r < 0) {
                if (r != -EAGAIN)
                        download->error = r;
                return r;
        }
        if (is_continuable(download)) {
                *ret_offset = writer_size(download->writer);
                *ret_if_range = download->etag;
        }
        return 0;
}

static void on_wait(void *userdata) {
        const Download *download = userdata;

        if (download->writer)
                writer_rest(download->writer);
}

/* The answer is the content from its beginning. */
static int start_file(Download *download, const char *etag) {
        Sha256 sha256;
        int r = 0;

        download->resumed = false;
        forget_meta(download);
        if (download->fd < 0)
                r = open_file(download);
        if (r >= 0 && !download->writer) {
                sha256_start(&sha256);
                r = write_behind(download, &sha256, 0);
        }
        if (r < 0)
                return r;
        /* An earlier try or process may have left something. */
        writer_rewind(download->writer);
        if (!download->expected_sha256[0] || !etag || etag[0] != '"')
                return 0;
        r = string_assign(&download->etag, etag);
        return r < 0 ? r : write_meta(download);
}

static int on_start(const FetchStart *start, void *userdata) {
        Download *download = userdata;
        int r = 0;

        if (start->offset > 0)
                download->resumed = true;
        else
                r = start_file(download, start->etag);
        if (r < 0)
                download->error = r;
        else if (start->size != UINT64_MAX)
                writer_expect(download->writer, start->size);
        return r;
}

static int on_data(const void *data, size_t size, void *userdata) {
        Download *download = userdata;
        int r;

        r = writer_add(download->writer, data, size);
        if (r < 0 && r != -EAGAIN)
                download->error = r;
        return r;
}

static const FetchSink download_sink = {
        .on_try = on_try, .on_wait = on_wait, .on_start = on_start, .on_data = on_data
};

/* The start */

static int download_begin(Download *download) {
        return fetcher_start(download->fetcher,
                &(FetchRequest) {
                        .url = download->url,
                        .hides_query = download->hides_query,
                        .bearer = download->bearer,
                        .budget = download->budget,
                        .use_reserve = download->use_reserve,
                        .serial = download->budget,
                        .size_max = download->size_max,
                        .bulk = true,
                        .sink = &download_sink,
                        .on_done = on_transfer_done,
                        .userdata = download,
                },
                &download->transfer);
}

int download_start(Fetcher *fetcher, Offload *offload, const DownloadRequest *request, Download **ret) {
        Download *download = malloc(sizeof(Download));
        int r;

        if (!download)
                return -ENOMEM;
        *download = (Download) {
                .fetcher = fetcher,
                .offload = offload,
                .staging_fd = request->staging_fd,
                .budget = request->budget,
                .use_reserve = request->use_reserve,
                .size_max = request->size_max,
                .on_done = request->on_done,
                .userdata = request->userdata,
                .fd = -EBADF,
        };
        if (request->expected_sha256)
                (void) snprintf(download->expected_sha256, sizeof(download->expected_sha256), "%s",
                        request->expected_sha256);

        r = string_assign(&download->url, request->url);
        if (r >= 0)
                r = string_assign(&download->shown, request->url);
        if (r >= 0 && download->shown && request->hides_query)
                download->shown[strcspn(download->shown, "?#")] = '\0';
        if (r >= 0)
                r = string_assign(&download->bearer, request->bearer);
        if (r >= 0)
                r = string_assign(&download->name, request->name);
        text_set(&download->part, "%s.part", request->name);
        text_set(&download->meta, "%s.meta", request->name);
        if (r >= 0 && (!download->part || !download->meta))
                r = -ENOMEM;
        if (r >= 0)
                r = download_begin(download);
        if (r < 0) {
                download_free(download);
                return r;
        }
        *ret = download;
        return 0;
}
