/* Where hosts keep their provider registries: service discovery (protocols: "Service discovery and Provider Registry
 * Protocol v1"), asked of each host once an hour at most. */
#pragma once

#include "base/util.h"
#include "fetch/fetcher.h"

typedef struct Services Services;

/* Borrowed, valid during the call. */
typedef struct ServicesAnswer {
        FetchResult fetch;         /* FETCH_OK: `providers_url` is known */
        const char *providers_url; /* as registry_versions_url() takes it */
        const char *message;       /* for people; NULL when it is known */
        uint64_t not_before_usec;  /* realtime; 0: nothing known */
} ServicesAnswer;

typedef void (*ServicesDone)(const ServicesAnswer *answer, void *userdata);

int services_new(Fetcher *fetcher, Services **ret);
/* No callback is called any more. */
Services *services_free(Services *services);
DEFINE_CLEANUP(Services *, services_free)

/* `base_url`: "https://<host>", or what stands in for it. `token`: for the host, NULL: none. `done` may be called from within this
 * call, when everything is at hand. What was known stays in use when the host cannot be asked. */
int services_get(
        Services *services, const char *base_url, const char *token, ServicesDone done, void *userdata);
/* Forgets the callbacks with this userdata. */
void services_forget(Services *services, void *userdata);
