#include "config/depot-document.h"

#include "base/list.h"
#include "base/names.h"
#include "base/text.h"
#include "config/depot-digest.h"
#include "config/depot-entry.h"
#include "config/listed-document.h"
#include "config/policy-schema.h"
#include "config/scan-schema.h"
#include "config/schema.h"

#define NAME_EXPECTED "a name of letters, digits, '-', '_', '.' and '+'"
#define DEFAULT_NAMESPACE "default"
#define DEFAULT_PROVIDER_NAMESPACE "hashicorp"
#define DEFAULT_PRESIGN_TTL_USEC (15 * USEC_PER_MINUTE)
/* Seven days, the most that the object stores sign for. */
#define PRESIGN_TTL_MAX_USEC (7 * 24 * 60 * USEC_PER_MINUTE)
#define LABEL_LENGTH_MAX 63
#define SUBDOMAIN_LENGTH_MAX 253
#define PLATFORM_WORD_LENGTH_MAX 32

/* The document before anything is inherited. */
typedef struct Document {
        char *api_version, *kind;
        const YamlNode *metadata, *spec;
} Document;

typedef struct Metadata {
        char *name, *namespace;
} Metadata;

typedef struct Spec {
        const YamlNode *global, *modules, *providers;
        uint64_t polling_minutes;
} Spec;

/* A label of a host name, as Kubernetes wants its names (RFC 1123); several of them joined by dots. */
static bool labels_are_valid(const char *text, size_t length_max, bool dots) {
        size_t length = strnlen(text, length_max + 1), label = 0;

        if (length == 0 || length > length_max)
                return false;
        for (size_t i = 0; i < length; i++) {
                bool alnum = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9');

                if (text[i] == '.' && dots && label > 0 && text[i - 1] != '-') {
                        label = 0;
                        continue;
                }
                if (!alnum && (text[i] != '-' || label == 0))
                        return false;
                label++;
        }
        return label > 0 && text[length - 1] != '-';
}

static bool depot_name_is_valid(const char *text) {
        return labels_are_valid(text, SUBDOMAIN_LENGTH_MAX, true);
}

static bool namespace_is_valid(const char *text) {
        return labels_are_valid(text, LABEL_LENGTH_MAX, false);
}

bool platform_word_is_valid(const char *text) {
        if (streq(text, "*"))
                return true;
        if (isempty(text) || strnlen(text, PLATFORM_WORD_LENGTH_MAX + 1) > PLATFORM_WORD_LENGTH_MAX)
                return false;
        return text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
}

/* A key prefix: valid names joined by single slashes. */
static bool key_is_valid(const char *text) {
        size_t length = strlen(text);
        _cleanup_free_ char *trimmed = NULL;

        if (length > 0 && text[length - 1] == '/')
                length--;
        trimmed = strndup(text, length);
        return trimmed && tag_is_valid(trimmed);
}

/* The names of buckets are checked by their stores; here only what could become another part of an address. */
static int decode_key_prefix(
        const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        char **key = value;
        int r = schema_text(field, node, value, problems);

        if (r >= 0 && *key && endswith(*key, "/"))
                (*key)[strlen(*key) - 1] = '\0';
        return r;
}

/* The address of a repository: scheme://host/owner/name, without the ".git" that people copy along. */
static int decode_repository(
        const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        _cleanup_free_ char *url = NULL, *owner = NULL;
        char *path, *slash, *end;
        size_t before = problems->n_found;
        int r;

        r = schema_base_url(field, node, &url, problems);
        if (r < 0 || problems->n_found > before)
                return r;
        if (endswith(url, ".git"))
                url[strlen(url) - strlen(".git")] = '\0';

        path = strchr(strstr(url, "://") + strlen("://"), '/');
        slash = path ? strchr(path + 1, '/') : NULL;
        end = slash ? strchr(slash + 1, '/') : NULL;
        owner = slash ? strndup(path + 1, (size_t) (slash - path - 1)) : NULL;
        if (slash && !owner)
                return -ENOMEM;
        if (!slash || end || !name_is_valid(owner) || !name_is_valid(slash + 1))
                return schema_problem(
                        field, node, "the address of a repository, https://host/owner/name", problems);

        free(*(char **) value);
        *(char **) value = TAKE_PTR(url);
        return 0;
}

static int decode_file_format(
        const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        FileFormat format;
        int r;

        r = schema_expect(field, node, YAML_TEXT, problems);
        if (r <= 0)
                return r;
        format = file_format_from_string(node->text);
        if (format < 0)
                return schema_problem(field, node, "'zip' or 'tar'", problems);
        *(FileFormat *) value = format;
        return 0;
}

static int decode_source(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        int r = schema_expect(field, node, YAML_TEXT, problems);

        if (r <= 0)
                return r;
        if (!streq(node->text, "releases") && !streq(node->text, "tags"))
                return schema_problem(field, node, "'releases' or 'tags'", problems);
        *(bool *) value = streq(node->text, "tags");
        return 0;
}

/* What a version makes a tag of. */
static bool tag_prefix_is_valid(const char *text) {
        _cleanup_free_ char *tag = NULL;

        text_set(&tag, "%s0", text);
        return tag && !isempty(text) && tag_is_valid(tag);
}

/* `value` is the entry: both the constraint and its text are kept. */
static int decode_constraints(
        const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        DepotEntry *entry = value;
        _cleanup_free_ char *part = NULL, *excerpt = NULL;
        Constraint *constraint = NULL;
        unsigned column = node->column;
        size_t offset = 0, length;
        int r;

        r = schema_expect(field, node, YAML_TEXT, problems);
        if (r <= 0)
                return r;
        r = constraint_parse(node->text, &constraint, &offset);
        if (r == -ENOMEM)
                return r;
        if (r >= 0) {
                constraint_free(entry->constraint);
                entry->constraint = constraint;
                return string_assign(&entry->constraint_text, node->text);
        }

        /* Before the bad part there is only ASCII, or the part before it would be bad. */
        if (node->text_column > 0)
                column = node->text_column + (unsigned) offset;
        if (r == -E2BIG)
                return problems_add(problems, node->line, column, "'%s' has more than %d terms", field->name,
                        CONSTRAINT_TERMS_MAX);
        length = strcspn(node->text + offset, ",");
        while (length > 0 && strchr(" \t", node->text[offset + length - 1]))
                length--;
        part = strndup(node->text + offset, length);
        excerpt = part ? problem_excerpt(part) : NULL;
        if (!excerpt)
                return -ENOMEM;
        if (isempty(excerpt))
                return problems_add(problems, node->line, column,
                        "'%s' lacks a constraint here; leave the key out to take every version",
                        field->name);
        return problems_add(problems, node->line, column,
                "'%s' in '%s' is no version constraint such as \">= 1.2.0\"", excerpt, field->name);
}

static int decode_signature_rule(
        const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        size_t before = problems->n_found;
        bool required = false;
        int r;

        r = schema_bool(field, node, &required, problems);
        if (r >= 0 && problems->n_found == before)
                *(SignatureRule *) value = required ? SIGNATURE_RULE_REQUIRED : SIGNATURE_RULE_OPTIONAL;
        return r;
}

/* The lists of a provider's platforms: "*" and an empty list mean all, as leaving it out does. */
static int decode_platforms(
        const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        char ***words = value;
        size_t before = problems->n_found;
        int r;

        r = schema_text_list(field, node, value, problems);
        if (r < 0 || problems->n_found > before || !strings_contain(*words, "*"))
                return r;
        if (strings_length(*words) > 1)
                return problems_add(
                        problems, node->line, node->column, "in '%s', '*' must stand alone", field->name);
        *words = strings_free(*words);
        return 0;
}

#define AT(member) .offset = offsetof(StorageConfig, member)

static const SchemaField file_system_fields[] = {
        { "directoryPath", schema_path, AT(directory_path) },
        {},
};

static const SchemaField s3_fields[] = {
        { "bucket", schema_text, AT(bucket), .required = true, .check = name_is_valid,
                .expected = NAME_EXPECTED },
        { "region", schema_text, AT(region), .required = true, .check = name_is_valid,
                .expected = NAME_EXPECTED },
        { "key", decode_key_prefix, AT(key), .check = key_is_valid,
                .expected = "a prefix of names, which '/' may separate" },
        {},
};

static const SchemaField azure_fields[] = {
        { "accountName", schema_text, AT(account_name), .required = true, .check = name_is_valid,
                .expected = NAME_EXPECTED },
        { "accountUrl", schema_base_url, AT(account_url), .required = true },
        { "subscriptionID", schema_text, AT(subscription_id) },
        { "resourceGroup", schema_text, AT(resource_group) },
        {},
};

static const SchemaField gcs_fields[] = {
        { "bucket", schema_text, AT(bucket), .required = true, .check = name_is_valid,
                .expected = NAME_EXPECTED },
        {},
};

static const SchemaField presign_fields[] = {
        { "enabled", schema_bool, AT(presign_enabled) },
        { "ttl", schema_duration, AT(presign_ttl_usec), .min = USEC_PER_SEC, .max = PRESIGN_TTL_MAX_USEC },
        { "fallbackToProxy", schema_bool, AT(presign_fallback_to_proxy) },
        {},
};

#undef AT

/* Each backend's decoder gets the whole StorageConfig. */
static const SchemaField storage_fields[] = {
        { "fileSystem", schema_mapping, .fields = file_system_fields },
        { "s3", schema_mapping, .fields = s3_fields },
        { "azureStorage", schema_mapping, .fields = azure_fields },
        { "gcs", schema_mapping, .fields = gcs_fields },
        { "presign", schema_mapping, .fields = presign_fields },
        {},
};

/* A storageConfig replaces an inherited one whole. */
static int decode_storage(const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        StorageConfig *storage = value;
        const YamlNode *presign = yaml_mapping_get(node, "presign");
        unsigned n_backends = 0;
        int r;

        storage_config_clear(storage);
        if (presign && presign->type != YAML_NULL) {
                storage->presign_set = true;
                storage->presign_ttl_usec = DEFAULT_PRESIGN_TTL_USEC;
                storage->presign_fallback_to_proxy = true;
        }
        r = schema_decode(storage_fields, node, "'storageConfig'", storage, problems);
        if (r < 0 || node->type != YAML_MAPPING)
                return r;

        for (StorageBackend backend = 0; backend < _STORAGE_BACKEND_MAX; backend++) {
                const YamlNode *given = yaml_mapping_get(node, storage_backend_to_string(backend));

                if (given && given->type != YAML_NULL) {
                        storage->backend = backend;
                        n_backends++;
                }
        }
        if (n_backends == 1)
                return 0;
        return problems_add(problems, node->line, node->column,
                "'storageConfig' must have exactly one of fileSystem, s3, azureStorage and gcs, not %u",
                n_backends);
}

static const SchemaField github_client_fields[] = {
        { "useAuthenticatedClient", schema_bool, .offset = offsetof(DepotEntry, use_authenticated_client) },
        {},
};

#define AT(member) .offset = offsetof(DepotEntry, member)

/* The schema of OpenDepot has all options of a module here, its controller inherits these two; so do we. */
static const SchemaField global_module_fields[] = {
        { "fileFormat", decode_file_format, AT(file_format) },
        { "immutable", schema_bool, AT(immutable) },
        { .name = "githubClientConfig" },
        { .name = "name" },
        { .name = "provider" },
        { .name = "repoOwner" },
        { .name = "repoUrl" },
        { .name = "storageConfig" },
        { .name = "versionConstraints" },
        { .name = "versionHistoryLimit" },
        {},
};

/* `global` is decoded into an entry of its own, from which the others start. */
static const SchemaField global_fields[] = {
        { "githubClientConfig", schema_mapping, .fields = github_client_fields },
        { "moduleConfig", schema_mapping, .fields = global_module_fields },
        { "requireSignature", decode_signature_rule, AT(signature_rule) },
        { "storageConfig", decode_storage, AT(storage) },
        SCHEMA_POLICY_FIELDS(offsetof(DepotEntry, policy)),
        { "scanning", schema_scanning, AT(scanning) },
        {},
};

static const SchemaField module_fields[] = {
        { "name", schema_text, AT(name), .check = name_is_valid, .expected = NAME_EXPECTED },
        { "provider", schema_text, AT(system), .required = true, .check = name_is_valid,
                .expected = NAME_EXPECTED },
        { "repoOwner", schema_text, AT(repo_owner), .required = true, .check = name_is_valid,
                .expected = NAME_EXPECTED },
        { "repoUrl", decode_repository, AT(repo_url) },
        { .name = "versionConstraints", .decode = decode_constraints },
        { "versionHistoryLimit", schema_uint64, AT(version_history_limit), .min = 1, .max = 1000000 },
        SCHEMA_POLICY_FIELDS(offsetof(DepotEntry, policy)),
        { "scanning", schema_module_scanning, AT(scanning) },
        { "fileFormat", decode_file_format, AT(file_format) },
        { "immutable", schema_bool, AT(immutable) },
        { "source", decode_source, AT(from_tags) },
        { "tagPrefix", schema_text, AT(tag_prefix), .check = tag_prefix_is_valid,
                .expected =
                        "the beginning of a tag: names of letters, digits, '-', '_', '.' and '+', which '/' "
                        "may separate" },
        { "subdirectory", schema_text, AT(subdirectory), .check = tag_is_valid,
                .expected = "a path of names of letters, digits, '-', '_', '.' and '+', relative to the "
                            "repository" },
        { "githubClientConfig", schema_mapping, .fields = github_client_fields },
        { "storageConfig", decode_storage, AT(storage) },
        {},
};

static const SchemaField provider_fields[] = {
        { "name", schema_text, AT(name), .check = name_is_valid, .expected = NAME_EXPECTED },
        { "namespace", schema_text, AT(provider_namespace), .check = name_is_valid,
                .expected = NAME_EXPECTED },
        { "registry", schema_text, AT(registry), .check = hostname_is_valid,
                .expected = "the host name of a registry in lower case, with :port if it has one" },
        { "operatingSystems", decode_platforms, AT(operating_systems), .check = platform_word_is_valid,
                .expected = "an operating system in lower case, such as 'linux'" },
        { "architectures", decode_platforms, AT(architectures), .check = platform_word_is_valid,
                .expected = "an architecture in lower case, such as 'amd64'" },
        { .name = "versionConstraints", .decode = decode_constraints },
        { "versionHistoryLimit", schema_uint64, AT(version_history_limit), .min = 1, .max = 1000000 },
        SCHEMA_POLICY_FIELDS(offsetof(DepotEntry, policy)),
        { "scanning", schema_provider_scanning, AT(scanning) },
        { "sourceRepository", decode_repository, AT(source_repository) },
        { "requireSignature", decode_signature_rule, AT(signature_rule) },
        { "githubClientConfig", schema_mapping, .fields = github_client_fields },
        { "storageConfig", decode_storage, AT(storage) },
        {},
};

#undef AT

static int entry_inherit(DepotEntry *entry, const DepotEntry *global) {
        entry->use_authenticated_client = global->use_authenticated_client;
        entry->file_format = global->file_format;
        entry->immutable = global->immutable;
        entry->signature_rule = global->signature_rule;
        entry->policy = global->policy;
        if (scan_policy_inherit(&entry->scanning, &global->scanning) < 0)
                return -ENOMEM;
        if (entry->kind == PACKAGE_PROVIDER &&
                string_assign(&entry->provider_namespace, DEFAULT_PROVIDER_NAMESPACE) < 0)
                return -ENOMEM;
        return storage_config_copy(&entry->storage, &global->storage);
}

int depot_entry_decode(const YamlNode *node, const char *what, const DepotEntry *global, const char *name,
        DepotEntry *entry, Problems *problems) {
        const YamlNode *given = yaml_mapping_get(node, "name");
        int r;

        r = entry_inherit(entry, global);
        if (r >= 0 && name)
                r = string_assign(&entry->name, name);
        if (r >= 0 && !name && node->type == YAML_MAPPING && (!given || given->type == YAML_NULL))
                r = problems_add(problems, node->line, node->column, "%s lacks the key 'name'", what);
        if (r < 0)
                return r;
        return schema_decode(entry->kind == PACKAGE_MODULE ? module_fields : provider_fields, node, what,
                entry, problems);
}

static int decode_entries(
        Depot *depot, PackageKind kind, const YamlNode *list, const DepotEntry *global, Problems *problems) {
        int r;

        for (size_t i = 0; list && i < list->n_items; i++) {
                const YamlNode *node = list->items[i];
                DepotEntry entry = { .kind = kind, .line = node->line, .column = node->column };

                r = depot_entry_decode(node, kind == PACKAGE_MODULE ? "a module" : "a provider", global,
                        NULL, &entry, problems);
                if (r >= 0)
                        r = LIST_APPEND(depot->entries, depot->n_entries, entry);
                if (r < 0) {
                        depot_entry_clear(&entry);
                        return r;
                }
        }
        return 0;
}

/* An entry and what must not be there twice. */
typedef struct Identity {
        const DepotEntry *entry;
        char *storage;
} Identity;

static int compare_identities(const void *a, const void *b) {
        const Identity *x = a, *y = b;
        const DepotEntry *e = x->entry, *f = y->entry;
        int c = (e->kind > f->kind) - (e->kind < f->kind);

        /* Clients write the addresses of providers in lower case, whatever the publisher does. */
        if (c == 0 && e->kind == PACKAGE_MODULE)
                c = strcmp(e->name, f->name);
        if (c == 0 && e->kind == PACKAGE_MODULE)
                c = strcmp(e->system, f->system);
        if (c == 0 && e->kind == PACKAGE_PROVIDER)
                c = strcasecmp(e->name, f->name);
        if (c == 0 && e->kind == PACKAGE_PROVIDER)
                c = strcasecmp(e->provider_namespace, f->provider_namespace);
        if (c == 0 && e->kind == PACKAGE_PROVIDER)
                c = strcmp(strempty(e->registry), strempty(f->registry));
        return c != 0 ? c : strcmp(x->storage, y->storage);
}

static int compare_identities_in_order(const void *a, const void *b) {
        const Identity *x = a, *y = b;
        int c = compare_identities(a, b);

        return c != 0 ? c : (x->entry > y->entry) - (x->entry < y->entry);
}

static int report_duplicate(const DepotEntry *entry, const DepotEntry *first, Problems *problems) {
        bool is_module = entry->kind == PACKAGE_MODULE;

        return problems_add(problems, entry->line, entry->column,
                "the %s '%s/%s' is there already, on line %u, with the same store",
                is_module ? "module" : "provider", is_module ? entry->name : entry->provider_namespace,
                is_module ? entry->system : entry->name, first->line);
}

/* Two entries for one package in one store would contradict each other. */
static int check_unique(const Depot *depot, Problems *problems) {
        _cleanup_free_ Identity *identities = calloc(MAX_OF(depot->n_entries, (size_t) 1), sizeof(Identity));
        const Identity *first;
        int r = 0;

        if (!identities)
                return -ENOMEM;
        for (size_t i = 0; i < depot->n_entries; i++) {
                identities[i] = (Identity) { &depot->entries[i],
                        storage_config_identity(&depot->entries[i].storage) };
                if (!identities[i].storage)
                        r = -ENOMEM;
        }
        if (r >= 0) {
                qsort(identities, depot->n_entries, sizeof(Identity), compare_identities_in_order);
                first = &identities[0];
                for (size_t i = 1; r >= 0 && i < depot->n_entries; i++) {
                        if (compare_identities(first, &identities[i]) == 0)
                                r = report_duplicate(identities[i].entry, first->entry, problems);
                        else
                                first = &identities[i];
                }
        }
        for (size_t i = 0; i < depot->n_entries; i++)
                free(identities[i].storage);
        return r;
}

static int decode_list_node(
        const SchemaField *field, const YamlNode *node, void *value, Problems *problems) {
        int r = schema_expect(field, node, YAML_LIST, problems);

        return r > 0 ? schema_node(field, node, value, problems) : r;
}

static int decode_spec(const YamlNode *node, Depot *depot, Problems *problems) {
        static const SchemaField fields[] = {
                { "global", schema_node, .offset = offsetof(Spec, global) },
                { "moduleConfigs", decode_list_node, .offset = offsetof(Spec, modules) },
                { "providerConfigs", decode_list_node, .offset = offsetof(Spec, providers) },
                { "pollingIntervalMinutes", schema_uint64, .offset = offsetof(Spec, polling_minutes),
                        .min = 0, .max = 525600 },
                {},
        };
        _cleanup_(depot_entry_clear) DepotEntry global = { .immutable = true };
        size_t before = problems->n_found, n_entries;
        Spec spec = {};
        int r;

        r = schema_decode(fields, node, "'spec'", &spec, problems);
        if (r < 0)
                return r;
        if (spec.global) {
                r = schema_decode(global_fields, spec.global, "'global'", &global, problems);
                if (r < 0)
                        return r;
        }
        depot->polling_interval_usec = spec.polling_minutes * USEC_PER_MINUTE;
        n_entries =
                (spec.modules ? spec.modules->n_items : 0) + (spec.providers ? spec.providers->n_items : 0);
        if (n_entries > DEPOT_ENTRIES_MAX)
                return problems_add(problems, node->line, node->column,
                        "a depot has at most %d modules and providers, this one has %zu", DEPOT_ENTRIES_MAX,
                        n_entries);
        r = decode_entries(depot, PACKAGE_MODULE, spec.modules, &global, problems);
        if (r >= 0)
                r = decode_entries(depot, PACKAGE_PROVIDER, spec.providers, &global, problems);
        /* Entries that are incomplete have no address to compare. */
        if (r >= 0 && problems->n_found == before)
                r = check_unique(depot, problems);
        return r;
}

static int decode_metadata(const YamlNode *node, Depot *depot, Problems *problems) {
        /* What a cluster writes into its copy of a document is accepted and means nothing here. */
        static const SchemaField fields[] = {
                { "name", schema_text, .offset = offsetof(Metadata, name), .required = true,
                        .check = depot_name_is_valid,
                        .expected = "a name of lower-case letters, digits, '-' and '.' (at most 253 "
                                    "characters)" },
                { "namespace", schema_text, .offset = offsetof(Metadata, namespace),
                        .check = namespace_is_valid,
                        .expected = "a name of lower-case letters, digits and '-' (at most 63 characters)" },
                { .name = "labels", .decode = schema_text_map },
                { .name = "annotations", .decode = schema_text_map },
                { .name = "creationTimestamp" },
                { .name = "deletionGracePeriodSeconds" },
                { .name = "deletionTimestamp" },
                { .name = "finalizers" },
                { .name = "generateName" },
                { .name = "generation" },
                { .name = "managedFields" },
                { .name = "ownerReferences" },
                { .name = "resourceVersion" },
                { .name = "selfLink" },
                { .name = "uid" },
                {},
        };
        Metadata metadata = {};
        int r;

        r = schema_decode(fields, node, "'metadata'", &metadata, problems);
        if (r >= 0 && !metadata.namespace)
                r = string_assign(&metadata.namespace, DEFAULT_NAMESPACE);
        depot->name = metadata.name;
        depot->registry_namespace = metadata.namespace;
        return r;
}

static const char *const kind_table[_DOCUMENT_MAX] = {
        [DOCUMENT_DEPOT] = "Depot",
        [DOCUMENT_MODULE] = "Module",
        [DOCUMENT_PROVIDER] = "Provider",
};

/* A document that says nothing good is taken for a Depot. */
static DocumentKind document_kind(const char *text) {
        for (DocumentKind kind = 0; text && kind < _DOCUMENT_MAX; kind++)
                if (streq(text, kind_table[kind]))
                        return kind;
        return DOCUMENT_DEPOT;
}

/* Returns 1 if the document is one of ours as far as it says what it is, 0 if it is something else (a problem). */
static int check_kind(const YamlNode *root, const Document *document, Problems *problems) {
        static const char *const kinds[] = { "GroupBinding", "Version" };
        const YamlNode *kind = yaml_mapping_get(root, "kind"),
                       *version = yaml_mapping_get(root, "apiVersion");
        SchemaField field = { .name = "apiVersion" };
        int r;

        if (document->api_version && !streq(document->api_version, DEPOT_API_VERSION)) {
                r = schema_problem(&field, version, "'" DEPOT_API_VERSION "'", problems);
                return MIN_OF(r, 0);
        }
        if (!document->kind || streq(document->kind, kind_table[document_kind(document->kind)]))
                return 1;

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (streq(document->kind, kinds[i])) {
                        r = problems_add(problems, kind->line, kind->column,
                                "kind '%s' is not supported by this version of OpenDepot, only 'Depot', "
                                "'Module' and 'Provider' are",
                                kinds[i]);
                        return MIN_OF(r, 0);
                }
        field.name = "kind";
        r = schema_problem(&field, kind, "'Depot', 'Module' or 'Provider'", problems);
        return MIN_OF(r, 0);
}

/* "module/NAMESPACE/NAME": a cluster has one such name for each kind and namespace, and Depots have no '/'. */
static int name_key(DocumentKind kind, const char *namespace, const char *name, char **ret) {
        char *key = kind == DOCUMENT_DEPOT
                            ? strdup(name)
                            : text_format("%s/%s/%s", kind == DOCUMENT_MODULE ? "module" : "provider",
                                      isempty(namespace) ? DEFAULT_NAMESPACE : namespace, name);

        if (!key)
                return -ENOMEM;
        *ret = key;
        return 0;
}

static int decode_document(const Document *document, Depot *depot, Problems *problems) {
        DocumentKind kind = document_kind(document->kind);
        char *key;
        int r = 0;

        depot->kind = kind;
        if (document->metadata)
                r = decode_metadata(document->metadata, depot, problems);
        if (r >= 0 && document->spec && kind == DOCUMENT_DEPOT)
                r = decode_spec(document->spec, depot, problems);
        else if (r >= 0 && document->spec)
                r = listed_decode_spec(kind == DOCUMENT_MODULE ? PACKAGE_MODULE : PACKAGE_PROVIDER,
                        document->spec, depot->name, depot, problems);
        if (r < 0 || !depot->name || kind == DOCUMENT_DEPOT)
                return r;
        r = name_key(kind, depot->registry_namespace, depot->name, &key);
        if (r >= 0) {
                free(depot->name);
                depot->name = key;
        }
        return r;
}

int depot_decode(const YamlNode *root, const char *file, Problems *problems, Depot **ret) {
        static const SchemaField fields[] = {
                { "apiVersion", schema_text, .offset = offsetof(Document, api_version), .required = true },
                { "kind", schema_text, .offset = offsetof(Document, kind), .required = true },
                { "metadata", schema_node, .offset = offsetof(Document, metadata), .required = true },
                { "spec", schema_node, .offset = offsetof(Document, spec), .required = true },
                { .name = "status" },
                {},
        };
        _cleanup_(depot_unrefp) Depot *depot = calloc(1, sizeof(Depot));
        Problems shape = {};
        Document document = {};
        size_t before = problems->n_found;
        int r;

        if (!depot)
                return -ENOMEM;
        depot->n_ref = 1;
        depot->line = root->line;
        r = string_assign(&depot->file, file);

        /* What a document of another kind has at its top is not judged by a Depot's rules. */
        if (r >= 0)
                r = schema_decode(fields, root, "the document", &document, &shape);
        if (r >= 0)
                r = check_kind(root, &document, problems);
        if (r > 0) {
                for (size_t i = 0; r >= 0 && i < shape.n_items; i++)
                        r = problems_add(problems, shape.items[i].line, shape.items[i].column, "%s",
                                shape.items[i].message);
                if (r >= 0)
                        r = decode_document(&document, depot, problems);
        }
        problems_clear(&shape);
        free(document.api_version);
        free(document.kind);
        if (r < 0)
                return r;

        problems_sort(problems);
        if (problems->n_found == before) {
                depot_digest(depot, depot->digest);
                *ret = TAKE_PTR(depot);
        }
        return 0;
}

static const char *text_of(const YamlNode *node) {
        return node && node->type == YAML_TEXT ? node->text : NULL;
}

int depot_document_name(const YamlNode *root, char **ret) {
        const YamlNode *metadata = yaml_mapping_get(root, "metadata");
        const char *name = text_of(yaml_mapping_get(metadata, "name"));

        *ret = NULL;
        return name ? name_key(document_kind(text_of(yaml_mapping_get(root, "kind"))),
                              text_of(yaml_mapping_get(metadata, "namespace")), name, ret)
                    : 0;
}

bool depot_document_is_one(const YamlNode *root) {
        return yaml_mapping_get(root, "apiVersion") || yaml_mapping_get(root, "kind");
}
