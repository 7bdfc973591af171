#include "config/github-settings.h"

#include "base/list.h"
#include "base/names.h"

#define APP_ID_LENGTH_MAX 100
#define BUDGET_RESERVE_DEFAULT 10
#define CREDENTIAL_EXPECTED "the name of a systemd credential"

static void upstream_clear(GithubUpstream *upstream) {
        free(upstream->registry_namespace);
        free(upstream->api_url);
        free(upstream->web_url);
        free(upstream->token_credential);
        free(upstream->app_id);
        free(upstream->app_key_credential);
        *upstream = (GithubUpstream) {};
}

int github_settings_init(GithubSettings *settings) {
        *settings = (GithubSettings) { .budget_reserve = BUDGET_RESERVE_DEFAULT };
        if (string_assign(&settings->common.api_url, "https://api.github.com") < 0 ||
                string_assign(&settings->common.web_url, "https://github.com") < 0)
                return -ENOMEM;
        return 0;
}

void github_settings_clear(GithubSettings *settings) {
        upstream_clear(&settings->common);
        for (size_t i = 0; i < settings->n_namespaces; i++)
                upstream_clear(&settings->namespaces[i]);
        free(settings->namespaces);
        *settings = (GithubSettings) {};
}

const GithubUpstream *github_settings_find(const GithubSettings *settings, const char *registry_namespace) {
        for (size_t i = 0; i < settings->n_namespaces; i++)
                if (streq_ptr(settings->namespaces[i].registry_namespace, registry_namespace))
                        return &settings->namespaces[i];
        return &settings->common;
}

/* A number, or a client ID such as "Iv23liAbCdEfGhIjKlMn". */
static int decode_app_id(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        if ((node->type != YAML_TEXT && node->type != YAML_INTEGER) || isempty(node->text) ||
                strnlen(node->text, APP_ID_LENGTH_MAX + 1) > APP_ID_LENGTH_MAX || !name_is_valid(node->text))
                return schema_problem(field, node, "the ID or client ID of a GitHub App", problems);
        return string_assign(value, node->text);
}

static int decode_app(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        static const SchemaField fields[] = {
                { "id", decode_app_id, .offset = offsetof(GithubUpstream, app_id), .required = true },
                { "installationId", schema_uint64, .offset = offsetof(GithubUpstream, app_installation_id),
                        .min = 1, .max = INT64_MAX },
                { "privateKeyCredential", schema_text,
                        .offset = offsetof(GithubUpstream, app_key_credential), .required = true,
                        .check = name_is_valid, .expected = CREDENTIAL_EXPECTED },
                {},
        };

        return schema_decode(fields, node, "'app'", value, problems);
}

#define AT(member) .offset = offsetof(GithubUpstream, member)
#define CREDENTIAL_FIELDS                                                                                   \
        { "apiUrl", schema_base_url, AT(api_url) }, { "webUrl", schema_base_url, AT(web_url) },             \
                { "tokenCredential", schema_text, AT(token_credential), .check = name_is_valid,             \
                        .expected = CREDENTIAL_EXPECTED },                                                  \
        {                                                                                                   \
                .name = "app", .decode = decode_app                                                         \
        }

static int check_upstream(const GithubUpstream *upstream, const YamlNode *node, Problems *problems) {
        if (upstream->token_credential && upstream->app_id)
                return problems_add(problems, node->line, node->column,
                        "only one of 'tokenCredential' and 'app' can be used");
        /* What is sent in the clear is no secret any more. */
        if (github_upstream_has_credentials(upstream) && upstream->api_url &&
                !startswith(upstream->api_url, "https://"))
                return problems_add(problems, node->line, node->column,
                        "credentials are sent to an https:// address only, not to %s", upstream->api_url);
        return 0;
}

static int decode_namespace(
        const GithubUpstream *common, const YamlNode *node, GithubUpstream *upstream, Problems *problems) {
        static const SchemaField fields[] = {
                { "namespace", schema_text, AT(registry_namespace), .required = true, .check = name_is_valid,
                        .expected = "a registry namespace" },
                CREDENTIAL_FIELDS,
                {},
        };
        size_t before = problems->n_found;
        int r;

        r = schema_decode(fields, node, "an element of 'namespaces'", upstream, problems);
        if (r < 0 || problems->n_found > before)
                return r;
        /* One address without the other would ask one host and download from another. */
        if (!upstream->api_url != !upstream->web_url)
                return problems_add(
                        problems, node->line, node->column, "'apiUrl' and 'webUrl' must be given together");
        if (!upstream->api_url && (string_assign(&upstream->api_url, common->api_url) < 0 ||
                                          string_assign(&upstream->web_url, common->web_url) < 0))
                return -ENOMEM;
        return check_upstream(upstream, node, problems);
}

static int decode_namespaces(GithubSettings *settings, const YamlNode *node, Problems *problems) {
        static const SchemaField list = { .name = "namespaces" };
        int r;

        r = schema_expect(&list, node, YAML_LIST, problems);
        if (r <= 0)
                return r;
        if (node->n_items > GITHUB_NAMESPACES_MAX)
                return problems_add(problems, node->line, node->column,
                        "'namespaces' has more than %d elements", GITHUB_NAMESPACES_MAX);
        for (size_t i = 0; i < node->n_items; i++) {
                const YamlNode *item = node->items[i];
                GithubUpstream upstream = {};

                r = decode_namespace(&settings->common, item, &upstream, problems);
                if (r >= 0 && upstream.registry_namespace &&
                        github_settings_find(settings, upstream.registry_namespace) != &settings->common)
                        r = problems_add(problems, item->line, item->column,
                                "the namespace '%s' is in the list already", upstream.registry_namespace);
                if (r >= 0)
                        r = LIST_APPEND(settings->namespaces, settings->n_namespaces, upstream);
                if (r < 0) {
                        upstream_clear(&upstream);
                        return r;
                }
        }
        return 0;
}

/* What both tables are decoded into. */
typedef struct Decoded {
        GithubUpstream common;
        unsigned budget_reserve;
        const YamlNode *namespaces;
} Decoded;

int github_settings_decode(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        static const SchemaField fields[] = {
                CREDENTIAL_FIELDS,
                { "budgetReserve", schema_unsigned, .offset = offsetof(Decoded, budget_reserve), .min = 0,
                        .max = 90 },
                { "namespaces", schema_node, .offset = offsetof(Decoded, namespaces) },
                {},
        };
        GithubSettings *settings = value;
        Decoded decoded = { .common = settings->common, .budget_reserve = settings->budget_reserve };
        size_t before = problems->n_found;
        int r;

        r = schema_decode(fields, node, "'github'", &decoded, problems);
        settings->common = decoded.common;
        settings->budget_reserve = decoded.budget_reserve;
        if (r >= 0 && problems->n_found == before)
                r = check_upstream(&settings->common, node, problems);
        if (r >= 0 && decoded.namespaces)
                r = decode_namespaces(settings, decoded.namespaces, problems);
        return r;
}
