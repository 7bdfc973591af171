#include "source/access.h"

#include "base/list.h"
#include "base/secret.h"
#include "base/sha256.h"
#include "base/text.h"
#include "source/github-app.h"
#include "source/jwt.h"

struct Access {
        char *registry_host;      /* of a provider registry; NULL: GitHub */
        char *registry_namespace; /* NULL: all others */
        bool authenticated;
        char *api_url, *web_url;
        char *name;
        char *problem;
        Secret token;
        App *app;       /* borrowed */
        Budget *budget; /* borrowed; NULL: an App has one for each installation */
};

struct Accesses {
        sd_event *event;
        Fetcher *fetcher;
        Offload *offload;
        Budgets *budgets;
        Access **items;
        size_t n_items;
        App **apps; /* each once, whatever namespaces use it */
        size_t n_apps;
        Sha256 sha256; /* of all secrets, and of what was wrong with them */
        char digest[SHA256_HEX_SIZE];
};

char *access_budget_name(const char *api_url, const char *who) {
        const char *url = strempty(api_url), *host = strstr(url, "://");

        host = host ? host + strlen("://") : url;
        return text_format("%.*s, %s", (int) strcspn(host, "/"), host, who);
}

static Access *access_free(Access *access) {
        if (!access)
                return NULL;
        secret_clear(&access->token);
        free(access->registry_host);
        free(access->registry_namespace);
        free(access->api_url);
        free(access->web_url);
        free(access->name);
        free(access->problem);
        free(access);
        return NULL;
}
DEFINE_CLEANUP(Access *, access_free)

Accesses *accesses_free(Accesses *accesses) {
        if (!accesses)
                return NULL;
        for (size_t i = 0; i < accesses->n_items; i++)
                access_free(accesses->items[i]);
        free(accesses->items);
        for (size_t i = 0; i < accesses->n_apps; i++)
                app_free(accesses->apps[i]);
        free(accesses->apps);
        sd_event_unref(accesses->event);
        free(accesses);
        return NULL;
}

bool accesses_are_equal(const Accesses *a, const Accesses *b) {
        return streq(a->digest, b->digest);
}

/* What was read, or why it could not be. */
static void note_secret(Accesses *accesses, const Secret *secret, const char *problem) {
        sha256_add(&accesses->sha256, &secret->size, sizeof(secret->size));
        sha256_add(&accesses->sha256, strempty(secret->data), secret->size);
        sha256_add(&accesses->sha256, strempty(problem), strlen(strempty(problem)) + 1);
}

static int load_token(Accesses *accesses, Access *access, const char *credential, int credentials_fd) {
        int r;

        text_set(&access->name, "token %s", credential);
        if (!access->name)
                return -ENOMEM;
        r = secret_read_token(credentials_fd, credential, &access->token, &access->problem);
        note_secret(accesses, &access->token, access->problem);
        return r == -ENOMEM ? r : 0;
}

static int find_or_add_app(Accesses *accesses, const AppOptions *options, App **ret) {
        _cleanup_(app_freep) App *app = NULL;
        int r;

        for (size_t i = 0; i < accesses->n_apps; i++)
                if (app_is(accesses->apps[i], options)) {
                        *ret = accesses->apps[i];
                        return 0;
                }
        r = app_new(accesses->event, accesses->fetcher, accesses->offload, accesses->budgets, options, &app);
        if (r >= 0)
                r = LIST_APPEND(accesses->apps, accesses->n_apps, app);
        if (r >= 0)
                *ret = TAKE_PTR(app);
        return r;
}

static int load_app(Accesses *accesses, Access *access, const GithubUpstream *upstream, int credentials_fd) {
        _cleanup_(secret_clear) Secret key = {};
        _cleanup_free_ char *error = NULL;
        int r;

        text_set(&access->name, "app %s", upstream->app_id);
        if (!access->name)
                return -ENOMEM;
        r = secret_read(credentials_fd, upstream->app_key_credential, &key, &access->problem);
        if (r >= 0) {
                r = jwt_check_key(&key, &error);
                if (r < 0)
                        text_set(&access->problem, "the credential '%s' is %s", upstream->app_key_credential,
                                strempty(error));
        }
        note_secret(accesses, &key, access->problem);
        if (r < 0)
                return r == -ENOMEM ? r : 0;
        return find_or_add_app(accesses,
                &(AppOptions) {
                        .api_url = upstream->api_url,
                        .id = upstream->app_id,
                        .installation_id = upstream->app_installation_id,
                        .key_credential = upstream->app_key_credential,
                        .key = &key,
                },
                &access->app);
}

static void refuse_without_credentials(Access *access, const GithubUpstream *upstream) {
        if (upstream->registry_namespace)
                text_set(&access->problem,
                        "githubClientConfig.useAuthenticatedClient: upstream.github in opendepot.yaml names "
                        "no "
                        "credentials for the namespace %s",
                        upstream->registry_namespace);
        else
                text_set(&access->problem, "githubClientConfig.useAuthenticatedClient: upstream.github in "
                                           "opendepot.yaml names no credentials");
}

/* Namespaces that ask one host with one credential share its budget. */
static int set_budget(Accesses *accesses, Access *access) {
        _cleanup_free_ char *name =
                access_budget_name(access->api_url, access->name ? access->name : "without credentials");

        if (!name)
                return -ENOMEM;
        access->budget = budgets_get(accesses->budgets, name);
        return 0;
}

static int add_access(
        Accesses *accesses, const GithubUpstream *upstream, bool authenticated, int credentials_fd) {
        _cleanup_(access_freep) Access *access = calloc(1, sizeof(Access));
        int r;

        if (!access)
                return -ENOMEM;
        access->authenticated = authenticated;
        r = string_assign(&access->registry_namespace, upstream->registry_namespace);
        if (r >= 0)
                r = string_assign(&access->api_url, upstream->api_url);
        if (r >= 0)
                r = string_assign(&access->web_url, upstream->web_url);
        if (r >= 0 && authenticated && upstream->token_credential)
                r = load_token(accesses, access, upstream->token_credential, credentials_fd);
        else if (r >= 0 && authenticated && upstream->app_id)
                r = load_app(accesses, access, upstream, credentials_fd);
        else if (authenticated)
                refuse_without_credentials(access, upstream);
        if (r >= 0 && !access->app && !access->problem)
                r = set_budget(accesses, access);
        if (r >= 0)
                r = LIST_APPEND(accesses->items, accesses->n_items, access);
        if (r >= 0)
                TAKE_PTR(access);
        return r;
}

static int add_registry(Accesses *accesses, const RegistryUpstream *upstream, int credentials_fd) {
        _cleanup_(access_freep) Access *access = calloc(1, sizeof(Access));
        int r;

        if (!access)
                return -ENOMEM;
        access->authenticated = true;
        r = string_assign(&access->registry_host, upstream->host);
        if (r >= 0)
                r = load_token(accesses, access, upstream->token_credential, credentials_fd);
        if (r >= 0)
                r = LIST_APPEND(accesses->items, accesses->n_items, access);
        if (r >= 0)
                TAKE_PTR(access);
        return r;
}

int accesses_new(sd_event *event, Fetcher *fetcher, Offload *offload, Budgets *budgets,
        const GithubSettings *github, const RegistrySettings *registry, int credentials_fd, Accesses **ret) {
        _cleanup_(accesses_freep) Accesses *accesses = calloc(1, sizeof(Accesses));
        int r;

        if (!accesses)
                return -ENOMEM;
        accesses->event = sd_event_ref(event);
        accesses->fetcher = fetcher;
        accesses->offload = offload;
        accesses->budgets = budgets;
        sha256_start(&accesses->sha256);
        r = add_access(accesses, &github->common, false, credentials_fd);
        if (r >= 0)
                r = add_access(accesses, &github->common, true, credentials_fd);
        for (size_t i = 0; i < github->n_namespaces && r >= 0; i++) {
                r = add_access(accesses, &github->namespaces[i], false, credentials_fd);
                if (r >= 0)
                        r = add_access(accesses, &github->namespaces[i], true, credentials_fd);
        }
        for (size_t i = 0; i < registry->n_registries && r >= 0; i++)
                if (registry->registries[i].token_credential)
                        r = add_registry(accesses, &registry->registries[i], credentials_fd);
        if (r < 0)
                return r;
        sha256_finish_hex(&accesses->sha256, accesses->digest);
        *ret = TAKE_PTR(accesses);
        return 0;
}

Access *accesses_find(Accesses *accesses, const char *registry_namespace, bool authenticated) {
        Access *common = NULL;

        for (size_t i = 0; i < accesses->n_items; i++) {
                Access *access = accesses->items[i];

                if (access->registry_host || access->authenticated != authenticated)
                        continue;
                if (streq_ptr(access->registry_namespace, registry_namespace))
                        return access;
                if (!access->registry_namespace)
                        common = access;
        }
        return common;
}

Access *accesses_find_registry(Accesses *accesses, const char *host) {
        for (size_t i = 0; i < accesses->n_items; i++)
                if (streq_ptr(accesses->items[i]->registry_host, host))
                        return accesses->items[i];
        return NULL;
}

const char *access_problem(const Access *access) {
        return access->problem;
}

const char *access_api_url(const Access *access) {
        return access->api_url;
}

const char *access_web_url(const Access *access) {
        return access->web_url;
}

bool access_is_authenticated(const Access *access) {
        return access->authenticated;
}

const char *access_token(const Access *access) {
        return access->token.data;
}

const char *access_name(const Access *access) {
        return access->name;
}

int access_ask(Access *access, const char *owner, const char *repository, AccessDone done, void *userdata,
        AccessWait **ret, AccessAnswer *ret_answer) {
        if (access->app)
                return app_ask(access->app, owner, repository, done, userdata, ret, ret_answer);
        *ret_answer = (AccessAnswer) {
                .result = FETCH_OK, .bearer = access->token.data, .budget = access->budget
        };
        return 1;
}

AccessWait *access_wait_cancel(AccessWait *wait) {
        return app_wait_cancel(wait);
}

bool access_reject(Access *access, const char *owner) {
        return access->app && app_reject(access->app, owner);
}
