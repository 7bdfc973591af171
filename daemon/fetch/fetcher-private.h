/* The inside of the fetcher, for the files that make it up. */
#pragma once

#include <curl/curl.h>

#include "fetch/fetcher.h"
#include "fetch/network.h"
#include "fetch/throttle.h"

#define HOLDS_MAX 64U
#define PARALLEL_MAX 64U

typedef enum TransferState {
        TRANSFER_QUEUED,
        TRANSFER_RUNNING,
        TRANSFER_WAITING, /* for its next try */
} TransferState;

struct Transfer {
        Fetcher *fetcher;
        Transfer *previous, *next; /* in the fetcher's list, oldest first */
        TransferState state;

        char *url, *accept, *etag, *host;
        char *shown;  /* the URL for people */
        char *bearer; /* secret */
        char *request_body;
        uint64_t size_max;
        bool bulk, serial, use_reserve, leave_half, hides_query;
        uint64_t modified_since_usec;
        Budget *budget;
        const FetchSink *sink;
        void (*on_done)(const FetchResponse *response, void *userdata);
        void *userdata;

        CURL *easy;
        struct curl_slist *headers;
        char error_buffer[CURL_ERROR_SIZE];
        unsigned n_tries;
        uint64_t offset;   /* asked for */
        uint64_t received; /* of the body, including what was resumed */
        uint64_t size;     /* of the whole content, as a 206 says; UINT64_MAX: unknown */
        bool started, paused, too_large, sink_failed;
        bool throttled, granted; /* waits for the rate; has its turn */
        uint64_t throttled_at;   /* who waits longer comes first */
        Buffer body;             /* without a sink; or of an error */
        sd_event_source *retry_timer;
};

typedef struct SocketSource {
        sd_event_source *source;
        Fetcher *fetcher;
} SocketSource;

/* A host that has said that nothing more is to be asked of it for now. */
typedef struct Hold {
        char *host;
        uint64_t until_usec; /* realtime */
} Hold;

struct Fetcher {
        sd_event *event;
        CURLM *multi;
        sd_event_source *timer;    /* libcurl's */
        sd_event_source *deferred; /* starts what may start and completes what has ended */

        FetcherOptions options;
        char *ca_file, *user_agent;
        Network network;
        Throttle throttle;
        uint64_t throttle_turn;
        sd_event_source *throttle_timer;

        Transfer *first, *last;
        Transfer *running[PARALLEL_MAX];
        unsigned n_running, n_queued;
        uint64_t bytes_received;
        Hold holds[HOLDS_MAX];
};

/* Something may start or has ended: looked at on the next turn of the loop. */
void fetcher_wake(Fetcher *fetcher);
/* Whether the transfer has to wait for the rate; its turn is promised to it then. */
bool transfer_throttle(Transfer *transfer);

/* transfer.c: one try, as libcurl is told of it and as its answer comes in. */
int transfer_prepare(Transfer *transfer, const char *if_range);
int transfer_begin_body(Transfer *transfer);
