#include "config/settings.h"

#include <ctype.h>

#include "base/list.h"
#include "base/names.h"
#include "build-config.h"
#include "config/policy-schema.h"
#include "config/scan-schema.h"
#include "config/schema.h"

#define USER_AGENT_LENGTH_MAX 200
#define HOSTNAMES_MAX 16
#define KEYS_MAX 256
#define WORKERS_MAX 256
#define NO_PROXY_MAX 256
#define NO_PROXY_LENGTH_MAX 255
#define REPOSITORIES_MAX 8
#define REPOSITORY_LENGTH_MAX 255
#define CREDENTIAL_EXPECTED "the name of a credential: letters, digits, '-', '_', '.' and '+'"

static int decode_keys(const SchemaField *field, const YamlNode *node, void *value, Problems *problems);
static int decode_hostnames(const SchemaField *field, const YamlNode *node, void *value, Problems *problems);
static int decode_network(const SchemaField *field, const YamlNode *node, void *value, Problems *problems);
static int decode_proxy(const SchemaField *field, const YamlNode *node, void *value, Problems *problems);
static int decode_no_proxy(const SchemaField *field, const YamlNode *node, void *value, Problems *problems);
static int decode_repositories(
        const SchemaField *field, const YamlNode *node, void *value, Problems *problems);

static bool user_agent_is_valid(const char *text) {
        if (isempty(text) || strnlen(text, USER_AGENT_LENGTH_MAX + 1) > USER_AGENT_LENGTH_MAX)
                return false;
        for (; *text; text++)
                if (*text < ' ' || *text >= 0x7f)
                        return false;
        return true;
}

/* A host, a domain with or without its dot, an address, a network with its number of bits, or "*" for all. */
static bool no_proxy_is_valid(const char *text) {
        size_t length = strnlen(text, NO_PROXY_LENGTH_MAX + 1);

        if (streq(text, "*"))
                return true;
        return length > 0 && length <= NO_PROXY_LENGTH_MAX &&
               text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:/")] ==
                       '\0';
}

/* host[:port]/path[:tag|@digest] (OCI distribution specification, "Pulling manifests"); the rest is the registry's to judge. */
static bool repository_is_valid(const char *text) {
        size_t length = strnlen(text, REPOSITORY_LENGTH_MAX + 1);

        return length <= REPOSITORY_LENGTH_MAX && (isalnum((unsigned char) text[0]) || text[0] == '[') &&
               strchr(text, '/') &&
               text[strspn(text,
                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:/@[]")] == '\0';
}

static bool fingerprint_is_valid(const char *text) {
        size_t length = strspn(text, "0123456789abcdefABCDEF");

        return text[length] == '\0' && (length == 40 || length == 64);
}

#define AT(member) .offset = offsetof(Settings, member)

static const SchemaField hashicorp_fields[] = {
        { "apiUrl", schema_base_url, AT(hashicorp_api_url) },
        { "releasesUrl", schema_base_url, AT(hashicorp_releases_url) },
        {},
};

static const SchemaField upstream_fields[] = {
        { "github", github_settings_decode, AT(github) },
        { "hashicorp", schema_mapping, .fields = hashicorp_fields },
        { "defaultRegistry", schema_text, AT(registry.default_host), .check = hostname_is_valid,
                .expected = "a host name in lower case, with :port if it has one" },
        { "registries", registry_settings_decode, AT(registry) },
        {},
};

static const SchemaField network_fields[] = {
        { "caFile", schema_path, AT(ca_file) },
        { "userAgent", schema_text, AT(user_agent), .check = user_agent_is_valid,
                .expected = "printable ASCII text of at most 200 characters" },
        { "connectTimeout", schema_duration, AT(connect_timeout_usec), .min = USEC_PER_SEC,
                .max = 10 * USEC_PER_MINUTE },
        { "stallTimeout", schema_duration, AT(stall_timeout_usec), .min = USEC_PER_SEC,
                .max = 60 * USEC_PER_MINUTE },
        { "maxRate", schema_size, AT(rate_max), .min = 64 * KIB, .max = 1024 * GIB },
        { "proxy", decode_proxy, AT(proxy) },
        { "proxyCredential", schema_text, AT(proxy_credential), .check = name_is_valid,
                .expected = CREDENTIAL_EXPECTED },
        { "noProxy", decode_no_proxy, AT(no_proxy), .check = no_proxy_is_valid,
                .expected = "a host, a domain, an address, a network such as 10.0.0.0/8, or '*'" },
        { "clientCertificate", schema_path, AT(client_certificate) },
        { "clientKeyCredential", schema_text, AT(client_key_credential), .check = name_is_valid,
                .expected = CREDENTIAL_EXPECTED },
        {},
};

static const SchemaField transfers_fields[] = {
        { "parallel", schema_unsigned, AT(transfers_parallel), .min = 1, .max = 64 },
        { "parallelPerHost", schema_unsigned, AT(transfers_parallel_per_host), .min = 1, .max = 64 },
        { "maxArtifactSize", schema_size, AT(artifact_size_max), .min = MIB, .max = 1024 * GIB },
        { "maxDocumentSize", schema_size, AT(document_size_max), .min = 64 * KIB, .max = GIB },
        {},
};

static const SchemaField workers_fields[] = {
        { "parallel", schema_unsigned, AT(workers_parallel), .min = 1, .max = WORKERS_MAX },
        { "timeout", schema_duration, AT(worker_timeout_usec), .min = USEC_PER_SEC,
                .max = 24 * 60 * USEC_PER_MINUTE },
        { "maxMemory", schema_size, AT(worker_memory_max), .min = 64 * MIB, .max = 1024 * GIB },
        { "maxProcesses", schema_unsigned, AT(worker_processes_max), .min = 16, .max = 65536 },
        {},
};

static const SchemaField modules_fields[] = {
        { "maxEntries", schema_uint64, AT(module_entries_max), .min = 1, .max = 10000000 },
        { "maxUnpackedSize", schema_size, AT(module_unpacked_size_max), .min = MIB, .max = 1024 * GIB },
        { "maxRatio", schema_uint64, AT(module_ratio_max), .min = 1, .max = 100000 },
        {},
};

static const SchemaField recheck_fields[] = {
        { "interval", schema_duration, AT(recheck_interval_usec), .max = 366 * USEC_PER_DAY },
        { "perHour", schema_unsigned, AT(recheck_per_hour), .min = 1, .max = 100000 },
        {},
};

static const SchemaField store_fields[] = {
        { "directoryPath", schema_path, AT(store_directory) },
        {},
};

static const SchemaField database_fields[] = {
        { "repositories", decode_repositories, AT(database_repositories), .check = repository_is_valid,
                .expected = "an OCI reference such as registry.example/trivy-db:2" },
        { "maxAge", schema_duration, AT(database_age_max_usec), .min = 60 * USEC_PER_MINUTE,
                .max = 3650 * USEC_PER_DAY },
        {},
};

static const SchemaField scanner_fields[] = {
        { "path", schema_path, AT(scanner) },
        { "maxMemory", schema_size, AT(scanner_memory), .min = 256 * MIB, .max = 1024 * GIB },
        { "maxReportSize", schema_size, AT(scan_report_max), .min = MIB, .max = 4 * GIB },
        { "database", schema_mapping, .fields = database_fields },
        {},
};

static const SchemaField policy_fields[] = {
        SCHEMA_POLICY_FIELDS(offsetof(Settings, policy)),
        {},
};

static const SchemaField settings_fields[] = {
        { "upstream", schema_mapping, .fields = upstream_fields },
        { .name = "network", .decode = decode_network },
        { "transfers", schema_mapping, .fields = transfers_fields },
        { "workers", schema_mapping, .fields = workers_fields },
        { "modules", schema_mapping, .fields = modules_fields },
        { "recheck", schema_mapping, .fields = recheck_fields },
        { "store", schema_mapping, .fields = store_fields },
        { "policy", schema_mapping, .fields = policy_fields },
        { "scanning", schema_scanning, AT(scanning) },
        { "scanner", schema_mapping, .fields = scanner_fields },
        { "providerHostnames", decode_hostnames, AT(provider_hostnames), .check = hostname_is_valid,
                .expected = "a host name in lower case, with :port if it has one" },
        { .name = "keys", .decode = decode_keys },
        { "trustOnFirstUse", schema_bool, AT(trust_on_first_use) },
        { "requireSignature", schema_bool, AT(require_signature) },
        { "allowExpiredKeys", schema_bool, AT(allow_expired_keys) },
        { "allowWeakHashes", schema_bool, AT(allow_weak_hashes) },
        {},
};

#undef AT

bool settings_has_key(const char *key) {
        for (const SchemaField *field = settings_fields; field->name; field++)
                if (streq(field->name, key))
                        return true;
        return false;
}

static int decode_hostnames(
        const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        if (node->type == YAML_LIST && (node->n_items == 0 || node->n_items > HOSTNAMES_MAX))
                return problems_add(problems, node->line, node->column,
                        "'%s' must have 1 to %d elements, not %zu", field->name, HOSTNAMES_MAX,
                        node->n_items);
        return schema_text_list(field, node, value, problems);
}

/* Only the place of the proxy: its user and password are a credential. */
static int decode_proxy(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        _cleanup_free_ char *url = NULL;
        size_t before = problems->n_found;
        int r;

        r = schema_base_url(field, node, &url, problems);
        if (r < 0 || problems->n_found > before)
                return r;
        if (strchr(strstr(url, "://") + strlen("://"), '/'))
                return schema_problem(field, node, "http:// or https:// with a host and a port", problems);
        free(*(char **) value);
        *(char **) value = TAKE_PTR(url);
        return 0;
}

static int decode_no_proxy(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        if (node->type == YAML_LIST && node->n_items > NO_PROXY_MAX)
                return problems_add(problems, node->line, node->column, "'%s' has more than %d elements",
                        field->name, NO_PROXY_MAX);
        return schema_text_list(field, node, value, problems);
}

static int decode_repositories(
        const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        if (node->type == YAML_LIST && node->n_items > REPOSITORIES_MAX)
                return problems_add(problems, node->line, node->column, "'%s' has more than %d elements",
                        field->name, REPOSITORIES_MAX);
        return schema_text_list(field, node, value, problems);
}

static int decode_network(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        Settings *settings = value;
        size_t before = problems->n_found;
        int r;

        r = schema_decode(network_fields, node, "'network'", settings, problems);
        if (r < 0 || problems->n_found > before)
                return r;
        if (settings->proxy_credential && !settings->proxy)
                r = problems_add(problems, node->line, node->column,
                        "'proxyCredential' is of no use without 'proxy'");
        if (r >= 0 && settings->client_key_credential && !settings->client_certificate)
                r = problems_add(problems, node->line, node->column,
                        "'clientKeyCredential' is of no use without 'clientCertificate'");
        return r;
}

static void key_setting_clear(KeySetting *key) {
        free(key->provider_namespace);
        free(key->fingerprint);
        free(key->url);
        free(key->file);
        *key = (KeySetting) {};
}

static void keys_clear(Settings *settings) {
        for (size_t i = 0; i < settings->n_keys; i++)
                key_setting_clear(&settings->keys[i]);
        free(settings->keys);
        settings->keys = NULL;
        settings->n_keys = 0;
}

static int decode_key(const YamlNode *node, KeySetting *key, Problems *problems) {
        static const SchemaField fields[] = {
                { "namespace", schema_text, .offset = offsetof(KeySetting, provider_namespace),
                        .required = true, .check = key_namespace_is_valid,
                        .expected = "a provider namespace, after HOST/ when a registry of its own has it" },
                { "fingerprint", schema_text, .offset = offsetof(KeySetting, fingerprint),
                        .check = fingerprint_is_valid,
                        .expected = "the fingerprint of a primary key, 40 or 64 hexadecimal digits" },
                { "url", schema_document_url, .offset = offsetof(KeySetting, url) },
                { "file", schema_path, .offset = offsetof(KeySetting, file) },
                {},
        };
        size_t before = problems->n_found;
        int r;

        r = schema_decode(fields, node, "an element of 'keys'", key, problems);
        if (r < 0 || problems->n_found > before)
                return r;
        for (char *c = key->fingerprint; c && *c; c++)
                *c = (char) toupper((unsigned char) *c);
        if (!key->url == !key->file)
                return problems_add(
                        problems, node->line, node->column, "a key needs exactly one of 'url' and 'file'");
        return 0;
}

/* Checks a key against those read so far. */
static int check_key(
        const Settings *settings, const KeySetting *key, const YamlNode *node, Problems *problems) {
        size_t n = 1;

        for (size_t i = 0; i < settings->n_keys; i++) {
                const KeySetting *other = &settings->keys[i];

                if (strcasecmp(strempty(other->provider_namespace), strempty(key->provider_namespace)) != 0)
                        continue;
                if (streq_ptr(other->fingerprint, key->fingerprint) && streq_ptr(other->url, key->url) &&
                        streq_ptr(other->file, key->file))
                        return problems_add(
                                problems, node->line, node->column, "this key is in the list already");
                n++;
        }
        if (n > SETTINGS_KEYS_PER_NAMESPACE_MAX)
                return problems_add(problems, node->line, node->column,
                        "there are more than %d keys for the namespace '%s'",
                        SETTINGS_KEYS_PER_NAMESPACE_MAX, strempty(key->provider_namespace));
        return 0;
}

/* Given keys come first; the default stays only if none of them is for its namespace. */
static int decode_keys(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        Settings *settings = value;
        Settings given = {};
        bool replaced = false;
        int r;

        r = schema_expect(field, node, YAML_LIST, problems);
        if (r <= 0)
                return r;
        if (node->n_items > KEYS_MAX)
                return problems_add(problems, node->line, node->column, "'%s' has more than %d elements",
                        field->name, KEYS_MAX);

        for (size_t i = 0; i < node->n_items; i++) {
                const YamlNode *item = node->items[i];
                size_t before = problems->n_found;
                KeySetting key = {};

                r = decode_key(item, &key, problems);
                if (r >= 0 && problems->n_found == before)
                        r = check_key(&given, &key, item, problems);
                if (r >= 0)
                        r = LIST_APPEND(given.keys, given.n_keys, key);
                if (r < 0) {
                        key_setting_clear(&key);
                        break;
                }
                replaced = replaced || strcasecmp(strempty(key.provider_namespace), "hashicorp") == 0;
        }

        for (size_t i = 0; r >= 0 && !replaced && i < settings->n_keys; i++) {
                r = LIST_APPEND(given.keys, given.n_keys, settings->keys[i]);
                if (r >= 0)
                        settings->keys[i] = (KeySetting) {};
        }
        if (r < 0) {
                keys_clear(&given);
                return r;
        }
        keys_clear(settings);
        settings->keys = given.keys;
        settings->n_keys = given.n_keys;
        return 0;
}

static int add_default_key(Settings *settings) {
        KeySetting key = {};
        int r;

        if (string_assign(&key.provider_namespace, "hashicorp") < 0 ||
                string_assign(&key.fingerprint, HASHICORP_KEY_FINGERPRINT) < 0 ||
                string_assign(&key.url, HASHICORP_KEY_URL) < 0)
                r = -ENOMEM;
        else
                r = LIST_APPEND(settings->keys, settings->n_keys, key);
        if (r < 0)
                key_setting_clear(&key);
        return r;
}

int settings_new(Settings **ret) {
        _cleanup_(settings_freep) Settings *settings = calloc(1, sizeof(Settings));
        long processors = sysconf(_SC_NPROCESSORS_ONLN);

        if (!settings)
                return -ENOMEM;
        *settings = (Settings) {
                .connect_timeout_usec = 30 * USEC_PER_SEC,
                .stall_timeout_usec = 60 * USEC_PER_SEC,
                .transfers_parallel = 8,
                .transfers_parallel_per_host = 8,
                .artifact_size_max = 4 * GIB,
                .document_size_max = 32 * MIB,
                .workers_parallel = processors < 1 ? 1 : (unsigned) MIN_OF(processors, (long) WORKERS_MAX),
                .worker_timeout_usec = 10 * USEC_PER_MINUTE,
                .worker_memory_max = 1 * GIB,
                .worker_processes_max = 256,
                .module_entries_max = 100000,
                .module_unpacked_size_max = 2 * GIB,
                .module_ratio_max = 200,
                .database_age_max_usec = 3 * USEC_PER_DAY,
                .recheck_interval_usec = 7 * USEC_PER_DAY,
                .recheck_per_hour = 120,
                .scanner_memory = GIB,
                .scan_report_max = 64 * MIB,
                .allow_expired_keys = true,
                .require_signature = true,
        };
        if (github_settings_init(&settings->github) < 0 || registry_settings_init(&settings->registry) < 0 ||
                string_assign(&settings->hashicorp_api_url, "https://api.releases.hashicorp.com") < 0 ||
                string_assign(&settings->hashicorp_releases_url, "https://releases.hashicorp.com") < 0 ||
                string_assign(&settings->scanner, "/usr/bin/trivy") < 0 ||
                string_assign(&settings->user_agent, "OpenDepot/" OPENDEPOT_VERSION) < 0 ||
                strings_append(&settings->provider_hostnames, "registry.terraform.io") < 0 ||
                strings_append(&settings->provider_hostnames, "registry.opentofu.org") < 0 ||
                add_default_key(settings) < 0)
                return -ENOMEM;

        *ret = TAKE_PTR(settings);
        return 0;
}

int settings_decode(const YamlNode *root, Problems *problems, Settings **ret) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        size_t before = problems->n_found;
        int r;

        r = settings_new(&settings);
        if (r < 0)
                return r;
        r = schema_decode(settings_fields, root, "the document", settings, problems);
        if (r >= 0 && problems->n_found == before)
                *ret = TAKE_PTR(settings);
        return MIN_OF(r, 0);
}

Settings *settings_free(Settings *settings) {
        if (!settings)
                return NULL;
        github_settings_clear(&settings->github);
        registry_settings_clear(&settings->registry);
        free(settings->hashicorp_api_url);
        free(settings->hashicorp_releases_url);
        free(settings->ca_file);
        free(settings->user_agent);
        free(settings->proxy);
        free(settings->proxy_credential);
        strings_free(settings->no_proxy);
        free(settings->client_certificate);
        free(settings->client_key_credential);
        free(settings->store_directory);
        scan_policy_clear(&settings->scanning);
        strings_free(settings->provider_hostnames);
        free(settings->scanner);
        strings_free(settings->database_repositories);
        keys_clear(settings);
        free(settings);
        return NULL;
}
