#include "source/github-app.h"

#include <strings.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/text.h"
#include "source/github-answer.h"
#include "source/jwt.h"
#include "source/url.h"

#define ACCEPT "application/vnd.github+json"
#define INSTALLATIONS_MAX 1000U
#define ANSWER_SIZE_MAX (256 * KIB)
/* A token with less left is not used for something new. */
#define RENEW_BEFORE_USEC (5 * USEC_PER_MINUTE)
/* What has failed is not tried again at once for each of many packages. */
#define FAILURE_KEPT_USEC USEC_PER_MINUTE
/* From here on a clock is said to be wrong. */
#define CLOCK_OFF_USEC (30 * USEC_PER_SEC)
/* The least that a module needs. */
#define TOKEN_REQUEST "{\"permissions\":{\"contents\":\"read\"}}"

typedef struct Installation Installation;
typedef struct Signing Signing;

struct AccessWait {
        Installation *installation;
        AccessWait *next;
        char *repository;
        AccessDone done;
        void *userdata;
};

/* Owned by the thread's request; without `installation` nobody waits for it any more. */
struct Signing {
        Installation *installation;
        Secret key, jwt;
        char *issuer;
};

struct Installation {
        App *app;
        char *owner; /* as it was asked for; NULL: that of the configuration */
        uint64_t id; /* 0: not known yet */
        Secret token;
        uint64_t ends_usec; /* boottime */
        Budget *budget;     /* borrowed */

        AccessWait *waits; /* oldest first */
        bool busy;         /* a token is on its way */
        Signing *signing;
        Secret jwt;
        Transfer *transfer;
        char *looked_up; /* repository */

        AccessAnswer failure; /* the last one */
        char *failure_text;
        uint64_t failed_until_usec; /* boottime */
        sd_event_source *deferred;  /* tells those who wait of the last failure */
};

struct App {
        sd_event *event;
        Fetcher *fetcher;
        Offload *offload;
        Budgets *budgets;
        char *api_url, *id, *key_credential;
        uint64_t installation_id;
        Secret key;
        Installation **installations;
        size_t n_installations;
};

/* Waiting */

static void wait_free(AccessWait *wait) {
        free(wait->repository);
        free(wait);
}

AccessWait *app_wait_cancel(AccessWait *wait) {
        if (!wait)
                return NULL;
        for (AccessWait **place = &wait->installation->waits; *place; place = &(*place)->next)
                if (*place == wait) {
                        *place = wait->next;
                        break;
                }
        wait_free(wait);
        return NULL;
}

/* Answers those who wait now; with `repository`, those who wait because of it. A callback may cancel others. */
static void answer_waits(Installation *installation, const AccessAnswer *answer, const char *repository) {
        AccessWait *wait = installation->waits;

        while (wait) {
                AccessDone done = wait->done;
                void *userdata = wait->userdata;

                if (repository && strcasecmp(wait->repository, repository) != 0) {
                        wait = wait->next;
                        continue;
                }
                app_wait_cancel(wait);
                done(answer, userdata);
                wait = installation->waits;
        }
}

static int installation_begin(Installation *installation);

static void installation_settle(Installation *installation) {
        secret_clear(&installation->jwt);
        installation->busy = false;
}

/* Tells all who wait, and for a while those who come. */
static void installation_fail(
        Installation *installation, FetchResult result, uint64_t not_before_usec, const char *message) {
        installation_settle(installation);
        text_set(&installation->failure_text, "GitHub App %s: %s", installation->app->id, message);
        installation->failure = (AccessAnswer) {
                .result = result,
                .not_before_usec = not_before_usec,
                .error = strempty(installation->failure_text),
        };
        installation->failed_until_usec = clock_boottime_usec() + FAILURE_KEPT_USEC;
        (void) sd_event_source_set_enabled(installation->deferred, SD_EVENT_ONESHOT);
}

static int on_deferred(sd_event_source *source, void *userdata) {
        Installation *installation = userdata;

        answer_waits(installation, &installation->failure, NULL);
        return 0;
}

/* Asking */

/* "; the clock of this machine is 600 s behind GitHub's", or nothing. */
static char *describe_clock(uint64_t date_usec) {
        uint64_t now = clock_realtime_usec(),
                 difference = date_usec > now ? date_usec - now : now - date_usec;
        char *text = NULL;

        if (date_usec > 0 && difference > CLOCK_OFF_USEC)
                text_set(&text, "; the clock of this machine is %llu s %s GitHub's",
                        (unsigned long long) (difference / USEC_PER_SEC),
                        date_usec > now ? "behind" : "ahead of");
        return text;
}

static void fail_by_answer(Installation *installation, const FetchResponse *response, const char *what) {
        const App *app = installation->app;
        _cleanup_free_ char *message = NULL, *clock = NULL,
                            *said = github_parse_message(
                                    strempty(response->body->data), response->body->size, app->key.data);
        bool refused =
                response->status >= 400 && response->status < 500 && response->result != FETCH_RATE_LIMITED;

        if (response->status == 401)
                clock = describe_clock(response->date_usec);
        if (response->status == 401)
                text_set(&message,
                        "GitHub does not accept what is signed with the key in the credential '%s' (HTTP "
                        "401%s%s)%s",
                        app->key_credential, said ? ": " : "", strempty(said),
                        clock ? clock : "; it is not a key of the App, or was deleted there");
        else if (refused)
                text_set(&message, "%s: HTTP %ld%s%s", what, response->status, said ? ": " : "",
                        strempty(said));
        else
                text_set(&message, "%s: %s", what, strempty(response->error));
        installation_fail(installation, refused ? FETCH_REFUSED : response->result,
                response->not_before_usec, strempty(message));
}

static void set_budget(Installation *installation) {
        const App *app = installation->app;
        _cleanup_free_ char *who = text_format("app %s, installation %llu", app->id,
                                    (unsigned long long) installation->id),
                            *name = who ? access_budget_name(app->api_url, who) : NULL;

        installation->budget = name ? budgets_get(app->budgets, name) : NULL;
}

static void on_token(const FetchResponse *response, void *userdata) {
        Installation *installation = userdata;
        _cleanup_free_ char *error = NULL;
        uint64_t expires_usec, now;
        int r;

        installation->transfer = NULL;
        if (response->result != FETCH_OK) {
                /* Uninstalled, and perhaps installed anew. */
                if (response->result == FETCH_NOT_FOUND)
                        installation->id = installation->app->installation_id;
                fail_by_answer(installation, response, "the installation gives no token");
                return;
        }
        r = github_parse_token(
                response->body->data, response->body->size, &installation->token, &expires_usec, &error);
        if (r < 0) {
                installation_fail(installation, FETCH_REFUSED, 0, error ? error : strerror(-r));
                return;
        }
        /* By GitHub's clock, which need not be ours. */
        now = response->date_usec > 0 ? response->date_usec : clock_realtime_usec();
        installation->ends_usec = clock_boottime_usec() + (expires_usec > now ? expires_usec - now : 0);
        installation->failed_until_usec = 0;
        installation_settle(installation);
        set_budget(installation);
        answer_waits(installation,
                &(AccessAnswer) { .result = FETCH_OK,
                        .bearer = installation->token.data,
                        .budget = installation->budget },
                NULL);
}

static int start_fetch(Installation *installation, const char *url, const char *body,
        void (*on_done)(const FetchResponse *response, void *userdata)) {
        return fetcher_start(installation->app->fetcher,
                &(FetchRequest) {
                        .url = url,
                        .accept = ACCEPT,
                        .bearer = installation->jwt.data,
                        .body = body,
                        .serial = true,
                        .size_max = ANSWER_SIZE_MAX,
                        .on_done = on_done,
                        .userdata = installation,
                },
                &installation->transfer);
}

static int ask_for_token(Installation *installation) {
        _cleanup_free_ char *url = NULL, *path = NULL;

        text_set(&path, "/app/installations/%llu/access_tokens", (unsigned long long) installation->id);
        if (!path)
                return -ENOMEM;
        url = url_join(installation->app->api_url, path);
        return url ? start_fetch(installation, url, TOKEN_REQUEST, on_token) : -ENOMEM;
}

/* The App may be there for other repositories of the owner. */
static void repository_is_not_covered(Installation *installation) {
        _cleanup_free_ char *repository = TAKE_PTR(installation->looked_up), *message = NULL;
        int r;

        text_set(&message, "GitHub App %s: it is not installed for %s/%s", installation->app->id,
                installation->owner, repository);
        installation_settle(installation);
        answer_waits(installation, &(AccessAnswer) { .result = FETCH_NOT_FOUND, .error = strempty(message) },
                repository);
        if (installation->waits && !installation->busy) {
                r = installation_begin(installation);
                if (r < 0)
                        installation_fail(installation, FETCH_UNAVAILABLE, 0, strerror(-r));
        }
}

static void on_installation(const FetchResponse *response, void *userdata) {
        Installation *installation = userdata;
        _cleanup_free_ char *error = NULL, *said = NULL;
        int r;

        installation->transfer = NULL;
        if (response->result == FETCH_NOT_FOUND) {
                said = github_parse_message(strempty(response->body->data), response->body->size, NULL);
                if (streq_ptr(said, "Integration not found"))
                        fail_by_answer(installation, response, "there is no such App");
                else
                        repository_is_not_covered(installation);
                return;
        }
        if (response->result != FETCH_OK) {
                fail_by_answer(installation, response, "its installation cannot be looked up");
                return;
        }
        r = github_parse_installation(
                strempty(response->body->data), response->body->size, &installation->id, &error);
        if (r >= 0)
                r = ask_for_token(installation);
        if (r < 0)
                installation_fail(installation, r == -EBADMSG ? FETCH_REFUSED : FETCH_UNAVAILABLE, 0,
                        error ? error : strerror(-r));
}

static int look_up(Installation *installation) {
        _cleanup_free_ char *owner = url_encode(installation->owner, ""), *repository = NULL, *url = NULL;
        int r;

        /* Whoever asked has gone meanwhile: the next one will ask again. */
        if (!installation->waits) {
                installation_settle(installation);
                return 0;
        }
        r = string_assign(&installation->looked_up, installation->waits->repository);
        if (r < 0)
                return r;
        repository = url_encode(installation->looked_up, "");
        if (!owner || !repository)
                return -ENOMEM;
        url = url_join(installation->app->api_url, "/repos/", owner, "/", repository, "/installation");
        return url ? start_fetch(installation, url, NULL, on_installation) : -ENOMEM;
}

/* Signing, in a thread */

static void signing_free(Signing *signing) {
        secret_clear(&signing->key);
        secret_clear(&signing->jwt);
        free(signing->issuer);
        free(signing);
}

static int sign(void *userdata) {
        Signing *signing = userdata;

        return jwt_sign(&signing->key, signing->issuer, clock_realtime_usec() / USEC_PER_SEC, &signing->jwt);
}

static void on_signed(int r, void *userdata) {
        Signing *signing = userdata;
        Installation *installation = signing->installation;

        if (installation) {
                installation->signing = NULL;
                installation->jwt = TAKE_GENERIC(signing->jwt, ((Secret) {}));
                if (r >= 0)
                        r = installation->id > 0 ? ask_for_token(installation) : look_up(installation);
                if (r < 0)
                        installation_fail(installation, FETCH_UNAVAILABLE, 0,
                                r == -EKEYREJECTED ? "its key cannot sign" : strerror(-r));
        }
        signing_free(signing);
}

static int installation_begin(Installation *installation) {
        const App *app = installation->app;
        Signing *signing = calloc(1, sizeof(Signing));
        int r;

        if (!signing)
                return -ENOMEM;
        r = secret_assign(&signing->key, app->key.data, app->key.size);
        if (r >= 0)
                r = string_assign(&signing->issuer, app->id);
        if (r >= 0)
                r = offload_run(app->offload, sign, on_signed, signing);
        if (r < 0) {
                signing_free(signing);
                return r;
        }
        signing->installation = installation;
        installation->signing = signing;
        installation->busy = true;
        return 0;
}

/* Installations */

static Installation *installation_free(Installation *installation) {
        if (!installation)
                return NULL;
        while (installation->waits)
                app_wait_cancel(installation->waits);
        if (installation->signing)
                installation->signing->installation = NULL;
        transfer_cancel(installation->transfer);
        sd_event_source_disable_unref(installation->deferred);
        secret_clear(&installation->token);
        secret_clear(&installation->jwt);
        free(installation->owner);
        free(installation->looked_up);
        free(installation->failure_text);
        free(installation);
        return NULL;
}
DEFINE_CLEANUP(Installation *, installation_free)

static Installation *find_installation(const App *app, const char *owner) {
        for (size_t i = 0; i < app->n_installations; i++)
                if (!app->installations[i]->owner || strcasecmp(app->installations[i]->owner, owner) == 0)
                        return app->installations[i];
        return NULL;
}

static int find_or_add_installation(App *app, const char *owner, Installation **ret) {
        _cleanup_(installation_freep) Installation *installation = NULL;
        int r;

        *ret = find_installation(app, owner);
        if (*ret)
                return 0;
        if (app->n_installations >= INSTALLATIONS_MAX)
                return -E2BIG;
        installation = calloc(1, sizeof(Installation));
        if (!installation)
                return -ENOMEM;
        installation->app = app;
        installation->id = app->installation_id;
        r = string_assign(&installation->owner, app->installation_id > 0 ? NULL : owner);
        if (r >= 0)
                r = sd_event_add_defer(app->event, &installation->deferred, on_deferred, installation);
        if (r >= 0)
                r = sd_event_source_set_enabled(installation->deferred, SD_EVENT_OFF);
        if (r >= 0)
                r = LIST_APPEND(app->installations, app->n_installations, installation);
        if (r >= 0)
                *ret = TAKE_PTR(installation);
        return r;
}

static int add_wait(Installation *installation, const char *repository, AccessDone done, void *userdata,
        AccessWait **ret) {
        AccessWait *wait = calloc(1, sizeof(AccessWait)), **end = &installation->waits;

        if (!wait)
                return -ENOMEM;
        *wait = (AccessWait) { .installation = installation, .done = done, .userdata = userdata };
        if (string_assign(&wait->repository, repository) < 0) {
                wait_free(wait);
                return -ENOMEM;
        }
        while (*end)
                end = &(*end)->next;
        *end = wait;
        *ret = wait;
        return 0;
}

int app_ask(App *app, const char *owner, const char *repository, AccessDone done, void *userdata,
        AccessWait **ret, AccessAnswer *ret_answer) {
        Installation *installation;
        uint64_t now = clock_boottime_usec();
        int r;

        r = find_or_add_installation(app, owner, &installation);
        if (r < 0)
                return r;
        if (installation->token.data && installation->ends_usec > now + RENEW_BEFORE_USEC) {
                *ret_answer = (AccessAnswer) { .result = FETCH_OK,
                        .bearer = installation->token.data,
                        .budget = installation->budget };
                return 1;
        }
        r = add_wait(installation, repository, done, userdata, ret);
        if (r < 0 || installation->busy)
                return r;
        if (installation->failed_until_usec > now) {
                (void) sd_event_source_set_enabled(installation->deferred, SD_EVENT_ONESHOT);
                return 0;
        }
        r = installation_begin(installation);
        if (r < 0)
                *ret = app_wait_cancel(*ret);
        return r;
}

bool app_reject(App *app, const char *owner) {
        Installation *installation = find_installation(app, owner);

        if (installation)
                secret_clear(&installation->token);
        return installation;
}

/* Life */

bool app_is(const App *app, const AppOptions *options) {
        return streq(app->api_url, options->api_url) && streq(app->id, options->id) &&
               streq(app->key_credential, options->key_credential) &&
               app->installation_id == options->installation_id;
}

int app_new(sd_event *event, Fetcher *fetcher, Offload *offload, Budgets *budgets, const AppOptions *options,
        App **ret) {
        _cleanup_(app_freep) App *app = calloc(1, sizeof(App));
        int r;

        if (!app)
                return -ENOMEM;
        app->event = sd_event_ref(event);
        app->fetcher = fetcher;
        app->offload = offload;
        app->budgets = budgets;
        app->installation_id = options->installation_id;
        r = secret_assign(&app->key, options->key->data, options->key->size);
        if (r >= 0)
                r = string_assign(&app->api_url, options->api_url);
        if (r >= 0)
                r = string_assign(&app->id, options->id);
        if (r >= 0)
                r = string_assign(&app->key_credential, options->key_credential);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(app);
        return 0;
}

App *app_free(App *app) {
        if (!app)
                return NULL;
        for (size_t i = 0; i < app->n_installations; i++)
                installation_free(app->installations[i]);
        free(app->installations);
        secret_clear(&app->key);
        free(app->api_url);
        free(app->id);
        free(app->key_credential);
        sd_event_unref(app->event);
        free(app);
        return NULL;
}
