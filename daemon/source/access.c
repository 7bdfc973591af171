#include "source/access.h"

#include "base/list.h"
#include "base/secret.h"
#include "base/sha256.h"
#include "base/text.h"

struct Access {
        char *registry_namespace; /* NULL: all others */
        bool authenticated;
        char *api_url, *web_url;
        char *name;
        char *problem;
        Secret token;
};

struct Accesses {
        Access **items;
        size_t n_items;
        Sha256 sha256; /* of all secrets, and of what was wrong with them */
        char digest[SHA256_HEX_SIZE];
};

static Access *access_free(Access *access) {
        if (!access)
                return NULL;
        secret_clear(&access->token);
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

static int load_token(
        Accesses *accesses, Access *access, const GithubUpstream *upstream, int credentials_fd) {
        int r;

        text_set(&access->name, "token %s", upstream->token_credential);
        if (!access->name)
                return -ENOMEM;
        r = secret_read_token(credentials_fd, upstream->token_credential, &access->token, &access->problem);
        note_secret(accesses, &access->token, access->problem);
        return r == -ENOMEM ? r : 0;
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
                r = load_token(accesses, access, upstream, credentials_fd);
        else if (authenticated)
                refuse_without_credentials(access, upstream);
        if (r >= 0)
                r = LIST_APPEND(accesses->items, accesses->n_items, access);
        if (r >= 0)
                TAKE_PTR(access);
        return r;
}

int accesses_new(const GithubSettings *settings, int credentials_fd, Accesses **ret) {
        _cleanup_(accesses_freep) Accesses *accesses = calloc(1, sizeof(Accesses));
        int r;

        if (!accesses)
                return -ENOMEM;
        sha256_start(&accesses->sha256);
        r = add_access(accesses, &settings->common, false, credentials_fd);
        if (r >= 0)
                r = add_access(accesses, &settings->common, true, credentials_fd);
        for (size_t i = 0; i < settings->n_namespaces && r >= 0; i++) {
                r = add_access(accesses, &settings->namespaces[i], false, credentials_fd);
                if (r >= 0)
                        r = add_access(accesses, &settings->namespaces[i], true, credentials_fd);
        }
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

                if (access->authenticated != authenticated)
                        continue;
                if (streq_ptr(access->registry_namespace, registry_namespace))
                        return access;
                if (!access->registry_namespace)
                        common = access;
        }
        return common;
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

const char *access_name(const Access *access) {
        return access->name;
}

int access_ask(Access *access, const char *owner, const char *repository, AccessDone done, void *userdata,
        AccessWait **ret, AccessAnswer *ret_answer) {
        *ret_answer = (AccessAnswer) { .result = FETCH_OK, .bearer = access->token.data };
        return 1;
}

AccessWait *access_wait_cancel(AccessWait *wait) {
        return NULL;
}

bool access_reject(Access *access, const char *owner) {
        return false;
}
