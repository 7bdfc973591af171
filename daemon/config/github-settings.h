/* upstream.github of opendepot.yaml: the addresses of GitHub, or of a GitHub Enterprise host, and the credentials that it is
 * asked with, for all registry namespaces or for single ones. Only names of credentials stand here, never a secret. */
#pragma once

#include "base/util.h"
#include "config/schema.h"

/* The most registry namespaces with settings of their own. */
#define GITHUB_NAMESPACES_MAX 256

typedef struct GithubUpstream {
        char *registry_namespace;     /* NULL: of all that have no element of their own */
        char *api_url, *web_url;      /* without a final slash */
        char *token_credential;       /* at most one of token and app; NULL: no credentials */
        char *app_id;                 /* number or client ID */
        uint64_t app_installation_id; /* 0: looked up */
        char *app_key_credential;
} GithubUpstream;

typedef struct GithubSettings {
        GithubUpstream common;
        unsigned budget_reserve; /* percent that polls leave to operators */
        GithubUpstream *namespaces;
        size_t n_namespaces;
} GithubSettings;

/* The defaults. Returns 0 or -ENOMEM. */
int github_settings_init(GithubSettings *settings);
void github_settings_clear(GithubSettings *settings);

/* The element of the registry namespace, or what is common. Never NULL. */
const GithubUpstream *github_settings_find(const GithubSettings *settings, const char *registry_namespace);
static inline bool github_upstream_has_credentials(const GithubUpstream *upstream) {
        return upstream->token_credential || upstream->app_id;
}

/* Decodes into a GithubSettings. */
int github_settings_decode(const SchemaField *field, const YamlNode *node, void *value, Problems *problems);
