/* One artifact from a URL into a file of a staging directory: SHA-256 while it streams, continued after an interruption
 * (Range with If-Range, RFC 9110 section 13.1.5), also one that ended an earlier process.
 *
 * While it is incomplete the file is "<name>.part", and "<name>.meta" holds the URL and the strong ETag that allow to
 * continue it. */
#pragma once

#include "base/offload.h"
#include "base/util.h"
#include "fetch/fetcher.h"

typedef struct Download Download;

typedef enum DownloadResult {
        DOWNLOAD_OK,
        DOWNLOAD_MISMATCH, /* complete, but its digest is not the expected one; the file is gone */
        DOWNLOAD_FAILED,   /* see the response: network, server, limit */
        DOWNLOAD_LOCAL, /* the staging directory cannot take it: `error` is the errno, for instance -ENOSPC */
        _DOWNLOAD_RESULT_MAX,
} DownloadResult;

/* Valid during the callback. */
typedef struct DownloadReport {
        DownloadResult result;
        FetchResult fetch;        /* of DOWNLOAD_FAILED */
        long status;              /* of HTTP, of DOWNLOAD_FAILED; 0: no answer */
        int error;                /* of DOWNLOAD_LOCAL */
        const char *message;      /* for people; NULL when DOWNLOAD_OK */
        uint64_t not_before_usec; /* realtime; 0: nothing known */
        int fd;                   /* of DOWNLOAD_OK: opened for reading and writing, borrowed */
        uint64_t size;
        char sha256[65];
} DownloadReport;

/* See fetch_result_is_final(). */
static inline bool download_report_is_final(const DownloadReport *report) {
        return report->result == DOWNLOAD_FAILED && fetch_result_is_final(report->fetch);
}

typedef struct DownloadRequest {
        const char *url;
        bool hides_query;   /* see FetchRequest */
        const char *bearer; /* the same; NULL: none */
        Budget *budget;     /* the same; then the requests are serial */
        bool use_reserve;
        int staging_fd;              /* directory, borrowed for as long as the download lives */
        const char *name;            /* of the file that is left there */
        const char *expected_sha256; /* NULL: unknown; then nothing is continued */
        uint64_t size_max;
        void (*on_done)(const DownloadReport *report, void *userdata);
        void *userdata;
} DownloadRequest;

/* `on_done` is called once from the loop, never from within this call; the download frees itself after it. */
int download_start(Fetcher *fetcher, Offload *offload, const DownloadRequest *request, Download **ret);
/* Forgets it without calling anything; what has arrived stays for the next time if it can be
 * continued. Returns NULL. */
Download *download_cancel(Download *download);
/* Bytes that are in the file so far. */
uint64_t download_received(const Download *download);
