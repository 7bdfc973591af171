/* HTTP transfers: libcurl's multi interface on the event loop, with a global limit, a limit per host, a queue in order of
 * priority, and repeated tries of what failed on the way. Bodies go to memory or to a sink as they arrive. */
#pragma once

#include <systemd/sd-event.h>

#include "base/text.h"
#include "base/util.h"
#include "fetch/budget.h"

typedef struct Fetcher Fetcher;
typedef struct Network Network;
typedef struct Transfer Transfer;

typedef enum FetchResult {
        FETCH_OK,           /* the body is complete */
        FETCH_NOT_MODIFIED, /* 304 to If-None-Match or If-Modified-Since */
        FETCH_NOT_FOUND,    /* 404, 410 */
        FETCH_RATE_LIMITED, /* 403 or 429 with an exhausted budget or Retry-After: not before `not_before_usec` */
        FETCH_REFUSED,      /* any other answer that is not an error of the server */
        FETCH_UNAVAILABLE, /* network, TLS, 5xx, stalled or short body, after the tries that were allowed */
        FETCH_TOO_LARGE,
        FETCH_ABORTED, /* the sink failed */
        _FETCH_RESULT_MAX,
} FetchResult;

/* Whether asking the same again soon is of no use: upstream's answer itself is what is wrong. */
static inline bool fetch_result_is_final(FetchResult result) {
        return result == FETCH_NOT_FOUND || result == FETCH_REFUSED || result == FETCH_TOO_LARGE;
}

/* Valid during the callback. */
typedef struct FetchResponse {
        FetchResult result;
        long status;       /* of HTTP; 0: no answer */
        const char *error; /* for people, "HTTP 503 from …", NULL when FETCH_OK or FETCH_NOT_MODIFIED */
        const char *url;   /* of the answer, behind all redirects */
        const char *etag;  /* NULL: none */
        const char *link;  /* Link header, NULL: none */
        uint64_t not_before_usec; /* realtime; 0: nothing known */
        uint64_t date_usec;       /* the server's clock when it answered, realtime; 0: unknown */
        Buffer *body;             /* without a sink; of an error, its beginning */
} FetchResponse;

/* What is known when the headers of a good answer are in. */
typedef struct FetchStart {
        const char *etag; /* strong or weak; NULL: none */
        uint64_t
                offset; /* where the body starts: 0, or what was asked for by `resume` when the server agreed */
        uint64_t size; /* of the whole content; UINT64_MAX: unknown */
} FetchStart;

/* A sink must not start, cancel or resume transfers. A negative result ends the transfer with FETCH_ABORTED; from on_data,
 * -EAGAIN takes nothing and pauses it until transfer_resume(), after which the same data come again. */
typedef struct FetchSink {
        /* Before each try, when it is the transfer's turn: where to continue. *ret_if_range is borrowed until on_start;
         * leave both for a fresh start. -EAGAIN: not yet; the transfer waits in its place among those that run for
         * transfer_resume(), after which this is asked again. */
        int (*on_try)(void *userdata, uint64_t *ret_offset, const char **ret_if_range);
        /* A try has failed, and the next one is some time away. */
        void (*on_wait)(void *userdata);
        int (*on_start)(const FetchStart *start, void *userdata);
        int (*on_data)(const void *data, size_t size, void *userdata);
} FetchSink;

typedef struct FetchRequest {
        const char *url;
        const char *accept;           /* NULL: anything */
        const char *etag;             /* If-None-Match; NULL: unconditional */
        uint64_t modified_since_usec; /* If-Modified-Since, realtime; 0: unconditional */
        uint64_t size_max;
        bool hides_query; /* what is behind the '?' of the URL may be a key to what is there, and is not for people */
        bool bulk;   /* an artifact: waits behind documents */
        bool serial; /* never two such at once to one host, or of one budget; of bulk, until the body begins */
        Budget *budget;   /* what it counts against, borrowed; NULL: limits hold for the whole host */
        bool use_reserve; /* of the budget */
        bool leave_half;  /* of the budget for others */
        const char
                *bearer;  /* credential (RFC 6750), sent to the host of `url` and to no other; NULL: none */
        const char *body; /* sent with POST, JSON, no redirect is followed; NULL: GET */
        const FetchSink *sink; /* NULL: to memory */
        void (*on_done)(const FetchResponse *response, void *userdata);
        void *userdata;
} FetchRequest;

typedef struct FetcherOptions {
        unsigned parallel, parallel_per_host;
        uint64_t connect_timeout_usec, stall_timeout_usec;
        uint64_t rate_max; /* bytes a second of all bodies together; 0: no limit */
        const char *ca_file;
        const char *user_agent;
        const Network *network; /* NULL: straight on, without a certificate */
} FetcherOptions;

/* curl_global_init() must have been called. The options are copied. */
int fetcher_new(sd_event *event, const FetcherOptions *options, Fetcher **ret);
/* For transfers that start from now on. */
int fetcher_set_options(Fetcher *fetcher, const FetcherOptions *options);
/* The clock was set by so much: hosts that want to be left alone are for as long as before. */
void fetcher_shift_holds(Fetcher *fetcher, int64_t by_usec);
/* No callback is called any more. */
Fetcher *fetcher_free(Fetcher *fetcher);
DEFINE_CLEANUP(Fetcher *, fetcher_free)

unsigned fetcher_n_running(const Fetcher *fetcher);
unsigned fetcher_n_queued(const Fetcher *fetcher);
uint64_t fetcher_bytes_received(const Fetcher *fetcher);

/* Queues a request; `on_done` is called once from the loop, never from within this call. *ret is valid until then. */
int fetcher_start(Fetcher *fetcher, const FetchRequest *request, Transfer **ret);
/* Goes on after a pause; a transfer that does not pause is left alone. Not from within a sink. */
void transfer_resume(Transfer *transfer);
/* Forgets it without calling anything. Returns NULL. Not from within a sink. */
Transfer *transfer_cancel(Transfer *transfer);
