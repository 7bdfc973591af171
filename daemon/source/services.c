#include "source/services.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/text.h"
#include "source/registry.h"

#define DOCUMENT_SIZE_MAX (1 * MIB)
#define KNOWN_USEC (60 * USEC_PER_MINUTE)

typedef struct Waiter {
        ServicesDone done;
        void *userdata;
} Waiter;

typedef struct Host {
        Services *services;
        char *base_url;
        char *providers_url; /* NULL: not known yet */
        uint64_t asked_usec; /* boottime, of the last answer */
        Transfer *transfer;
        Waiter *waiters;
        size_t n_waiters;
} Host;

struct Services {
        Fetcher *fetcher;
        Host **hosts; /* as many as the configuration has named so far */
        size_t n_hosts;
};

static Host *host_free(Host *host) {
        if (!host)
                return NULL;
        transfer_cancel(host->transfer);
        free(host->base_url);
        free(host->providers_url);
        free(host->waiters);
        free(host);
        return NULL;
}

int services_new(Fetcher *fetcher, Services **ret) {
        Services *services = calloc(1, sizeof(Services));

        if (!services)
                return -ENOMEM;
        services->fetcher = fetcher;
        *ret = services;
        return 0;
}

Services *services_free(Services *services) {
        if (!services)
                return NULL;
        for (size_t i = 0; i < services->n_hosts; i++)
                host_free(services->hosts[i]);
        free(services->hosts);
        free(services);
        return NULL;
}

static Host *find_host(const Services *services, const char *base_url) {
        for (size_t i = 0; i < services->n_hosts; i++)
                if (streq(services->hosts[i]->base_url, base_url))
                        return services->hosts[i];
        return NULL;
}

static int find_or_add_host(Services *services, const char *base_url, Host **ret) {
        Host *host = find_host(services, base_url);
        int r = 0;

        if (!host) {
                host = calloc(1, sizeof(Host));
                if (!host)
                        return -ENOMEM;
                host->services = services;
                r = string_assign(&host->base_url, base_url);
                if (r >= 0)
                        r = LIST_APPEND(services->hosts, services->n_hosts, host);
                if (r < 0) {
                        host_free(host);
                        return r;
                }
        }
        *ret = host;
        return 0;
}

/* A callback may forget others, and ask again, which the next answer is for. */
static void tell(Host *host, const ServicesAnswer *answer) {
        size_t n = host->n_waiters;

        for (size_t i = 0; i < n; i++) {
                Waiter waiter = TAKE_GENERIC(host->waiters[i], (Waiter) {});

                if (waiter.done)
                        waiter.done(answer, waiter.userdata);
        }
        host->n_waiters -= n;
        memmove(host->waiters, host->waiters + n, host->n_waiters * sizeof(Waiter));
}

static FetchResult read_answer(Host *host, const FetchResponse *response, char **ret_message) {
        _cleanup_free_ char *url = NULL, *error = NULL;
        int r;

        if (response->result == FETCH_NOT_FOUND)
                r = -ENOENT;
        else if (response->result != FETCH_OK) {
                text_set(ret_message, "%s", strempty(response->error));
                return response->result;
        } else
                r = registry_parse_discovery(
                        strempty(response->body->data), response->body->size, response->url, &url, &error);
        if (r == -ENOENT) {
                text_set(ret_message, "%s has no provider registry", host->base_url);
                return FETCH_NOT_FOUND;
        }
        if (r < 0) {
                text_set(ret_message, "%s: %s", response->url, error ? error : strerror(-r));
                return r == -ENOMEM ? FETCH_UNAVAILABLE : FETCH_REFUSED;
        }
        free(host->providers_url);
        host->providers_url = TAKE_PTR(url);
        return FETCH_OK;
}

static void on_document(const FetchResponse *response, void *userdata) {
        _cleanup_free_ char *message = NULL;
        Host *host = userdata;
        FetchResult result;

        host->transfer = NULL;
        result = read_answer(host, response, &message);
        if (result == FETCH_OK)
                host->asked_usec = clock_boottime_usec();
        else if (host->providers_url) {
                log_debug("%s; what was known of the host stays in use", strempty(message));
                result = FETCH_OK;
        }
        tell(host, &(ServicesAnswer) {
                           .fetch = result,
                           .providers_url = result == FETCH_OK ? host->providers_url : NULL,
                           .message = result == FETCH_OK ? NULL : strempty(message),
                           .not_before_usec = response->not_before_usec,
                   });
}

static int ask(Host *host, const char *token) {
        _cleanup_free_ char *url = registry_discovery_url(host->base_url);

        if (!url)
                return -ENOMEM;
        return fetcher_start(host->services->fetcher,
                &(FetchRequest) {
                        .url = url,
                        .accept = "application/json",
                        .size_max = DOCUMENT_SIZE_MAX,
                        .bearer = token,
                        .on_done = on_document,
                        .userdata = host,
                },
                &host->transfer);
}

int services_get(
        Services *services, const char *base_url, const char *token, ServicesDone done, void *userdata) {
        Host *host;
        int r;

        r = find_or_add_host(services, base_url, &host);
        if (r < 0)
                return r;
        if (host->providers_url && clock_boottime_usec() - host->asked_usec < KNOWN_USEC) {
                done(&(ServicesAnswer) { .fetch = FETCH_OK, .providers_url = host->providers_url },
                        userdata);
                return 0;
        }
        if (!host->transfer) {
                r = ask(host, token);
                if (r < 0)
                        return r;
        }
        return LIST_APPEND(host->waiters, host->n_waiters, ((Waiter) { done, userdata }));
}

void services_forget(Services *services, void *userdata) {
        for (size_t i = 0; i < services->n_hosts; i++)
                for (size_t j = 0; j < services->hosts[i]->n_waiters; j++)
                        if (services->hosts[i]->waiters[j].userdata == userdata)
                                services->hosts[i]->waiters[j] = (Waiter) {};
}
