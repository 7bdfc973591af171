/* upstream.registries and upstream.defaultRegistry of opendepot.yaml: the provider registries that are asked for what HashiCorp's
 * Releases API does not have. */
#pragma once

#include "base/util.h"
#include "config/schema.h"

/* The most registries with settings of their own. */
#define REGISTRIES_MAX 256

typedef struct RegistryUpstream {
        char *host;
        char *url;              /* what stands in for https://<host>, without a final slash; NULL: that */
        char *token_credential; /* name of the credential; NULL: none */
} RegistryUpstream;

typedef struct RegistrySettings {
        char *default_host; /* of entries that name none */
        RegistryUpstream *registries;
        size_t n_registries;
} RegistrySettings;

/* The defaults. Returns 0 or -ENOMEM. */
int registry_settings_init(RegistrySettings *settings);
void registry_settings_clear(RegistrySettings *settings);

/* Where the host's service discovery is, to be freed; NULL when out of memory. */
char *registry_settings_url(const RegistrySettings *settings, const char *host);

/* Decodes the list `registries` into a RegistrySettings. */
int registry_settings_decode(
        const SchemaField *field, const YamlNode *node, void *value, Problems *problems);
