/* How GitHub is asked for the packages of a registry namespace, and a provider registry for what it has: the addresses, and the
 * credential that goes with each request.
 * Secrets are read once, from systemd credentials, and leave this file only towards the fetcher. */
#pragma once

#include <systemd/sd-event.h>

#include "base/offload.h"
#include "base/util.h"
#include "config/github-settings.h"
#include "config/registry-settings.h"
#include "fetch/fetcher.h"

typedef struct Accesses Accesses;
typedef struct Access Access;
typedef struct AccessWait AccessWait;

/* Reads the credentials that the settings name; what is wrong with one is the problem of those who would use it.
 * `credentials_fd`: $CREDENTIALS_DIRECTORY, or negative; neither it nor the settings are kept. */
int accesses_new(sd_event *event, Fetcher *fetcher, Offload *offload, Budgets *budgets,
        const GithubSettings *github, const RegistrySettings *registry, int credentials_fd, Accesses **ret);
/* No callback is called any more. */
Accesses *accesses_free(Accesses *accesses);
DEFINE_CLEANUP(Accesses *, accesses_free)

/* The secrets are the same, or what is wrong with them. */
bool accesses_are_equal(const Accesses *a, const Accesses *b);

/* For modules of this registry namespace, with its credentials or without any. Never NULL; lives as long as `accesses`. */
Access *accesses_find(Accesses *accesses, const char *registry_namespace, bool authenticated);

/* For the provider registry of this host, NULL when none of its own is configured: then it is asked without any. */
Access *accesses_find_registry(Accesses *accesses, const char *host);

/* Why it cannot be used; NULL: it can. */
const char *access_problem(const Access *access);
const char *access_api_url(const Access *access);
const char *access_web_url(const Access *access);
bool access_is_authenticated(const Access *access);
/* Of a registry: its token, secret. */
const char *access_token(const Access *access);
/* Equal for answers that may be shared; NULL without credentials. No secret. */
const char *access_name(const Access *access);

/* "host, who": the name of a budget. NULL when out of memory. */
char *access_budget_name(const char *api_url, const char *who);

/* What a request is sent with; valid during the call. */
typedef struct AccessAnswer {
        FetchResult result;       /* FETCH_OK, or why there is no credential */
        const char *error;        /* for people */
        uint64_t not_before_usec; /* realtime; 0: nothing known */
        const char *bearer;       /* secret; NULL: none is needed */
        Budget *budget;           /* of the credential; NULL: none could be had */
} AccessAnswer;

typedef void (*AccessDone)(const AccessAnswer *answer, void *userdata);

/* Returns 1 and the answer, which is good, when it is at hand. Else 0: `done` is called once from the loop, never from within
 * this call, and *ret is valid until then. */
int access_ask(Access *access, const char *owner, const char *repository, AccessDone done, void *userdata,
        AccessWait **ret, AccessAnswer *ret_answer);
/* Forgets it without calling anything. Returns NULL. */
AccessWait *access_wait_cancel(AccessWait *wait);

/* GitHub has answered 401 to the credential. Returns true when another one may be had by asking again. */
bool access_reject(Access *access, const char *owner);
