/* A GitHub App: its installations and their tokens, each asked for when it is needed and shared by all that need it (protocols:
 * "GitHub REST", GitHub App). */
#pragma once

#include "base/secret.h"
#include "source/access.h"

typedef struct App App;

typedef struct AppOptions {
        const char *api_url;
        const char *id;             /* number or client ID */
        uint64_t installation_id;   /* 0: looked up by the owner of a repository */
        const char *key_credential; /* name, for messages */
        const Secret *key;          /* has passed jwt_check_key() */
} AppOptions;

/* Everything is copied. */
int app_new(sd_event *event, Fetcher *fetcher, Offload *offload, Budgets *budgets, const AppOptions *options,
        App **ret);
/* No callback is called any more. */
App *app_free(App *app);
DEFINE_CLEANUP(App *, app_free)

bool app_is(const App *app, const AppOptions *options);

/* As access_ask(), access_wait_cancel(), access_reject(). */
int app_ask(App *app, const char *owner, const char *repository, AccessDone done, void *userdata,
        AccessWait **ret, AccessAnswer *ret_answer);
AccessWait *app_wait_cancel(AccessWait *wait);
bool app_reject(App *app, const char *owner);
