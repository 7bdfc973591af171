/* One try of a transfer: what libcurl is told, and what it tells while the answer comes in. */

#include <stdio.h>

#include "fetch/fetcher-private.h"
#include "fetch/response.h"
#include "fetch/writer.h"

#define BUFFER_SIZE ((long) WRITER_CHUNK_SIZE)
#define REDIRECTS_MAX 5L
/* However slowly it comes: it comes to an end. */
#define DOCUMENT_TIME_MAX_SEC 300L
#define ARTIFACT_TIME_MAX_SEC (6 * 3600L)
#define THROTTLED_TIME_MAX_SEC (30 * 24 * 3600L)
/* With a limit of the rate, a piece is what comes in so much of a second, within bounds. */
#define PIECES_PER_SEC 16
#define PIECE_SIZE_MIN ((long) (16 * KIB))
#define ERROR_BODY_MAX (8 * KIB)

/* So that the rate alone never ends a transfer. */
static long transfer_time_max_sec(const Transfer *transfer) {
        const FetcherOptions *options = &transfer->fetcher->options;
        uint64_t seconds = transfer->bulk ? ARTIFACT_TIME_MAX_SEC : DOCUMENT_TIME_MAX_SEC;

        if (options->rate_max > 0)
                seconds += transfer->size_max / options->rate_max * options->parallel;
        return (long) MIN_OF(seconds, (uint64_t) THROTTLED_TIME_MAX_SEC);
}

static long transfer_piece_size(const Transfer *transfer) {
        uint64_t rate = transfer->fetcher->options.rate_max;
        long size = transfer->bulk ? BUFFER_SIZE : 64 * 1024L;

        if (rate > 0 && rate / PIECES_PER_SEC < (uint64_t) size)
                size = MAX_OF((long) (rate / PIECES_PER_SEC), PIECE_SIZE_MIN);
        return size;
}

/* Callbacks of libcurl: they touch nothing but their own transfer, and the rate that all share. */

int transfer_begin_body(Transfer *transfer) {
        FetchStart start;
        int r;

        r = response_start(transfer->easy, transfer->offset, &start);
        if (r < 0)
                return r;
        transfer->received = start.offset;
        if (response_status(transfer->easy) == 206)
                transfer->size = start.size;
        if (start.size != UINT64_MAX && start.size > transfer->size_max) {
                transfer->too_large = true;
                return -EFBIG;
        }
        return transfer->sink ? transfer->sink->on_start(&start, transfer->userdata) : 0;
}

static size_t on_body(char *data, size_t one, size_t size, void *userdata) {
        Transfer *transfer = userdata;
        int r = 0;

        (void) one;
        if (!response_is_good(response_status(transfer->easy))) {
                /* The start of an error's body says what kind of error it is. */
                size_t room = ERROR_BODY_MAX - MIN_OF(transfer->body.size, ERROR_BODY_MAX);

                return buffer_append(&transfer->body, data, MIN_OF(size, room)) < 0 ? 0 : size;
        }

        if (transfer_throttle(transfer))
                return CURL_WRITEFUNC_PAUSE;
        if (!transfer->started) {
                transfer->started = true;
                /* The next one of its kind may go. */
                if (transfer->bulk && transfer->serial)
                        fetcher_wake(transfer->fetcher);
                r = transfer_begin_body(transfer);
        }
        if (r >= 0 && size > transfer->size_max - MIN_OF(transfer->received, transfer->size_max)) {
                transfer->too_large = true;
                return 0;
        }
        if (r >= 0)
                r = transfer->sink ? transfer->sink->on_data(data, size, transfer->userdata)
                                   : buffer_append(&transfer->body, data, size);
        if (r == -EAGAIN && transfer->sink) {
                transfer->paused = true;
                return CURL_WRITEFUNC_PAUSE;
        }
        transfer->granted = false;
        throttle_take(&transfer->fetcher->throttle, size);
        transfer->received += size;
        transfer->fetcher->bytes_received += size;
        if (r < 0) {
                transfer->sink_failed = !transfer->too_large;
                return 0;
        }
        return size;
}

static int add_header(Transfer *transfer, const char *name, const char *value) {
        _cleanup_free_ char *line = NULL;
        struct curl_slist *grown;

        if (asprintf(&line, "%s: %s", name, value) < 0) {
                line = NULL;
                return -ENOMEM;
        }
        grown = curl_slist_append(transfer->headers, line);
        if (!grown)
                return -ENOMEM;
        transfer->headers = grown;
        return 0;
}

/* As RFC 9110 section 5.6.7 has it, whatever the locale. */
static int add_modified_since(Transfer *transfer) {
        static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
        static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
                "Oct", "Nov", "Dec" };
        time_t seconds = (time_t) (transfer->modified_since_usec / USEC_PER_SEC);
        char text[64];
        struct tm tm;

        if (!gmtime_r(&seconds, &tm))
                return -EINVAL;
        (void) snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday],
                tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
        return add_header(transfer, "If-Modified-Since", text);
}

int transfer_prepare(Transfer *transfer, const char *if_range) {
        const Fetcher *fetcher = transfer->fetcher;
        const char *protocols = startswith(transfer->url, "https://") ? "https" : "http,https";
        /* Documents of one server come as streams of one connection. An artifact waits for the disk now and then, and must
         * not hold up others meanwhile; without TLS only an answer would tell what the server can. */
        bool share = !transfer->bulk && streq(protocols, "https");
        int r = 0;

        transfer->easy = curl_easy_init();
        if (!transfer->easy)
                return -ENOMEM;
        if (transfer->accept)
                r = add_header(transfer, "Accept", transfer->accept);
        if (r >= 0 && transfer->etag)
                r = add_header(transfer, "If-None-Match", transfer->etag);
        if (r >= 0 && transfer->modified_since_usec > 0)
                r = add_modified_since(transfer);
        if (r >= 0 && transfer->request_body)
                r = add_header(transfer, "Content-Type", "application/json");
        if (r >= 0 && transfer->offset > 0) {
                char range[32];

                (void) snprintf(range, sizeof(range), "bytes=%llu-", (unsigned long long) transfer->offset);
                r = add_header(transfer, "Range", range);
                if (r >= 0 && if_range)
                        r = add_header(transfer, "If-Range", if_range);
        }
        if (r < 0)
                return r;

        transfer->error_buffer[0] = '\0';
#define SET(option, value)                                                                                  \
        do {                                                                                                \
                if (curl_easy_setopt(transfer->easy, (option), (value)) != CURLE_OK)                        \
                        return -EINVAL;                                                                     \
        } while (false)
        SET(CURLOPT_URL, transfer->url);
        SET(CURLOPT_PROTOCOLS_STR, protocols);
        SET(CURLOPT_REDIR_PROTOCOLS_STR, protocols);
        SET(CURLOPT_FOLLOWLOCATION, transfer->request_body ? 0L : 1L);
        SET(CURLOPT_MAXREDIRS, REDIRECTS_MAX);
        SET(CURLOPT_HTTPHEADER, transfer->headers);
        SET(CURLOPT_USERAGENT, fetcher->options.user_agent);
        SET(CURLOPT_CONNECTTIMEOUT_MS, (long) (fetcher->options.connect_timeout_usec / USEC_PER_MSEC));
        SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
        SET(CURLOPT_LOW_SPEED_TIME,
                (long) MAX_OF(fetcher->options.stall_timeout_usec / USEC_PER_SEC, UINT64_C(1)));
        SET(CURLOPT_TIMEOUT, transfer_time_max_sec(transfer));
        SET(CURLOPT_BUFFERSIZE, transfer_piece_size(transfer));
        SET(CURLOPT_NOSIGNAL, 1L);
        /* A transfer that ends while its host's name is being resolved would wait for the C library. With this the thread
         * that asks is left to itself, and frees what it has when it has its answer. */
        SET(CURLOPT_QUICK_EXIT, 1L);
        SET(CURLOPT_ERRORBUFFER, transfer->error_buffer);
        SET(CURLOPT_WRITEFUNCTION, on_body);
        SET(CURLOPT_WRITEDATA, transfer);
        SET(CURLOPT_PRIVATE, transfer);
        SET(CURLOPT_PATH_AS_IS, 1L);
        /* As a credential of libcurl, not as a header: it does not follow a redirect to another host, port or scheme. */
        SET(CURLOPT_UNRESTRICTED_AUTH, 0L);
        if (transfer->bearer) {
                SET(CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
                SET(CURLOPT_XOAUTH2_BEARER, transfer->bearer);
        }
        if (transfer->request_body) {
                SET(CURLOPT_POST, 1L);
                SET(CURLOPT_POSTFIELDSIZE, (long) strlen(transfer->request_body));
                SET(CURLOPT_POSTFIELDS, transfer->request_body);
        }
        if (!transfer->bulk)
                SET(CURLOPT_ACCEPT_ENCODING, "");
#undef SET
        transfer->body.max = MAX_OF(transfer->size_max, ERROR_BODY_MAX);
        return network_apply(&fetcher->network, transfer->easy, fetcher->options.ca_file, share);
}
