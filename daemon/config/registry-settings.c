#include "config/registry-settings.h"

#include "base/list.h"
#include "base/names.h"
#include "base/text.h"

#define DEFAULT_HOST "registry.terraform.io"

static void upstream_clear(RegistryUpstream *upstream) {
        free(upstream->host);
        free(upstream->url);
        free(upstream->token_credential);
        *upstream = (RegistryUpstream) {};
}

int registry_settings_init(RegistrySettings *settings) {
        *settings = (RegistrySettings) {};
        return string_assign(&settings->default_host, DEFAULT_HOST);
}

void registry_settings_clear(RegistrySettings *settings) {
        free(settings->default_host);
        for (size_t i = 0; i < settings->n_registries; i++)
                upstream_clear(&settings->registries[i]);
        free(settings->registries);
        *settings = (RegistrySettings) {};
}

static const RegistryUpstream *find(const RegistrySettings *settings, const char *host) {
        for (size_t i = 0; i < settings->n_registries; i++)
                if (streq_ptr(settings->registries[i].host, host))
                        return &settings->registries[i];
        return NULL;
}

char *registry_settings_url(const RegistrySettings *settings, const char *host) {
        const RegistryUpstream *upstream = find(settings, host);
        char *url = NULL;

        if (upstream && upstream->url)
                (void) string_assign(&url, upstream->url);
        else
                text_set(&url, "https://%s", host);
        return url;
}

static int decode_registry(const YamlNode *node, RegistryUpstream *upstream, Problems *problems) {
        static const SchemaField fields[] = {
                { "host", schema_text, .offset = offsetof(RegistryUpstream, host), .required = true,
                        .check = hostname_is_valid,
                        .expected = "a host name in lower case, with :port if it has one" },
                { "url", schema_base_url, .offset = offsetof(RegistryUpstream, url) },
                { "tokenCredential", schema_text, .offset = offsetof(RegistryUpstream, token_credential),
                        .check = name_is_valid, .expected = "the name of a systemd credential" },
                {},
        };
        size_t before = problems->n_found;
        int r;

        r = schema_decode(fields, node, "an element of 'registries'", upstream, problems);
        if (r < 0 || problems->n_found > before)
                return r;
        if (!upstream->url && !upstream->token_credential)
                return problems_add(problems, node->line, node->column,
                        "a registry needs 'url', 'tokenCredential' or both");
        /* What is sent in the clear is no secret any more. */
        if (upstream->token_credential && upstream->url && !startswith(upstream->url, "https://"))
                return problems_add(problems, node->line, node->column,
                        "credentials are sent to an https:// address only, not to %s", upstream->url);
        return 0;
}

int registry_settings_decode(
        const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        RegistrySettings *settings = value;
        int r;

        r = schema_expect(field, node, YAML_LIST, problems);
        if (r <= 0)
                return r;
        if (node->n_items > REGISTRIES_MAX)
                return problems_add(problems, node->line, node->column, "'%s' has more than %d elements",
                        field->name, REGISTRIES_MAX);
        for (size_t i = 0; i < node->n_items; i++) {
                const YamlNode *item = node->items[i];
                RegistryUpstream upstream = {};

                r = decode_registry(item, &upstream, problems);
                if (r >= 0 && upstream.host && find(settings, upstream.host))
                        r = problems_add(problems, item->line, item->column,
                                "the host '%s' is in the list already", upstream.host);
                if (r >= 0)
                        r = LIST_APPEND(settings->registries, settings->n_registries, upstream);
                if (r < 0) {
                        upstream_clear(&upstream);
                        return r;
                }
        }
        return 0;
}
