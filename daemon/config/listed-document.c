#include "config/listed-document.h"

#include "base/list.h"
#include "base/names.h"
#include "config/depot-entry.h"
#include "config/schema.h"

#define PLATFORMS_MAX 256

typedef struct ListedSpec {
        bool force_sync;
        const YamlNode *config, *versions;
} ListedSpec;

/* One element of `versions`. */
typedef struct ListedVersion {
        char *version, *operating_system, *architecture, *file_name, *name;
        bool synced;
} ListedVersion;

static bool version_is_valid(const char *text) {
        _cleanup_(version_freep) Version *version = NULL;

        return version_parse(text, &version) >= 0;
}

static void listed_clear(ListedVersion *listed) {
        free(listed->version);
        free(listed->operating_system);
        free(listed->architecture);
        free(listed->file_name);
        free(listed->name);
}

#define AT(member) .offset = offsetof(ListedVersion, member)
#define VERSION_FIELD                                                                                       \
        { "version", schema_text, AT(version), .required = true, .check = version_is_valid,                 \
                .expected = "a version such as '1.2.3' or 'v1.2.3'" }

/* What a controller notes beside the version is accepted and means nothing here. */
static const SchemaField module_version_fields[] = {
        VERSION_FIELD,
        { "name", schema_text, AT(name) },
        { "fileName", schema_text, AT(file_name) },
        { "synced", schema_bool, AT(synced) },
        {},
};

static const SchemaField provider_version_fields[] = {
        VERSION_FIELD,
        { "operatingSystem", schema_text, AT(operating_system), .check = platform_word_is_valid,
                .expected = "an operating system in lower case, such as 'linux'" },
        { "architecture", schema_text, AT(architecture), .check = platform_word_is_valid,
                .expected = "an architecture in lower case, such as 'amd64'" },
        { "name", schema_text, AT(name) },
        { "fileName", schema_text, AT(file_name) },
        { "synced", schema_bool, AT(synced) },
        {},
};

#undef AT

/* Whether the list is what replace_words() makes of the inherited one. */
static bool names_word(char *const *words, char *const *inherited, const char *word) {
        if (!word)
                return strings_equal(words, inherited);
        return streq(word, "*") ? !words : strings_length(words) == 1 && streq(words[0], word);
}

static int replace_words(char ***words, const char *word) {
        if (!word)
                return 0;
        *words = strings_free(*words);
        return streq(word, "*") ? 0 : strings_append(words, word);
}

static int make_entry(
        PackageKind kind, const YamlNode *config, const char *name, DepotEntry *ret, Problems *problems) {
        const DepotEntry defaults = { .immutable = true };
        int r;

        *ret = (DepotEntry) { .kind = kind, .line = config->line, .column = config->column, .listed = true };
        r = depot_entry_decode(config, kind == PACKAGE_MODULE ? "'moduleConfig'" : "'providerConfig'",
                &defaults, name, ret, problems);
        if (r < 0)
                return r;
        /* These choose among what is discovered. What is listed is chosen. */
        ret->constraint = constraint_free(ret->constraint);
        free(TAKE_PTR(ret->constraint_text));
        ret->version_history_limit = 0;
        return 0;
}

/* The entry for the platforms that the version names. */
static int find_or_add_entry(Depot *depot, const DepotEntry *whole, const YamlNode *config, const char *name,
        const ListedVersion *listed, DepotEntry **ret, Problems *problems) {
        _cleanup_(depot_entry_clear) DepotEntry added = {};
        int r;

        for (size_t i = 0; i < depot->n_entries; i++) {
                DepotEntry *entry = &depot->entries[i];

                if (names_word(
                            entry->operating_systems, whole->operating_systems, listed->operating_system) &&
                        names_word(entry->architectures, whole->architectures, listed->architecture)) {
                        *ret = entry;
                        return 0;
                }
        }
        if (depot->n_entries >= PLATFORMS_MAX)
                return problems_add(problems, config->line, config->column,
                        "the versions are listed for too many platforms");
        r = make_entry(whole->kind, config, name, &added, problems);
        if (r >= 0)
                r = replace_words(&added.operating_systems, listed->operating_system);
        if (r >= 0)
                r = replace_words(&added.architectures, listed->architecture);
        if (r >= 0)
                r = LIST_APPEND(depot->entries, depot->n_entries, added);
        if (r < 0)
                return r;
        added = (DepotEntry) {};
        *ret = &depot->entries[depot->n_entries - 1];
        return 0;
}

static int decode_version(
        PackageKind kind, const YamlNode *node, ListedVersion *listed, Problems *problems) {
        return schema_decode(kind == PACKAGE_MODULE ? module_version_fields : provider_version_fields, node,
                "an element of 'versions'", listed, problems);
}

static int check_versions(PackageKind kind, const YamlNode *list, Problems *problems) {
        int r = schema_expect(&(SchemaField) { .name = "versions" }, list, YAML_LIST, problems);

        if (r <= 0)
                return r;
        if (list->n_items > LISTED_VERSIONS_MAX)
                return problems_add(problems, list->line, list->column,
                        "'versions' has more than %d elements", LISTED_VERSIONS_MAX);
        for (size_t i = 0; i < list->n_items; i++) {
                _cleanup_(listed_clear) ListedVersion listed = {};

                r = decode_version(kind, list->items[i], &listed, problems);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The version is known to be good. */
static int add_version(Depot *depot, const DepotEntry *whole, const YamlNode *config, const char *name,
        const YamlNode *node, Problems *problems) {
        _cleanup_(listed_clear) ListedVersion listed = {};
        _cleanup_(version_freep) Version *version = NULL;
        DepotEntry *entry = NULL;
        int r;

        r = decode_version(whole->kind, node, &listed, problems);
        if (r >= 0)
                r = version_parse(listed.version, &version);
        if (r >= 0)
                r = find_or_add_entry(depot, whole, config, name, &listed, &entry, problems);
        if (r < 0 || !entry)
                return r;
        r = LIST_APPEND(entry->versions, entry->n_versions, version);
        if (r >= 0)
                version = NULL; /* the entry's now */
        return r;
}

int listed_decode_spec(
        PackageKind kind, const YamlNode *node, const char *name, Depot *depot, Problems *problems) {
#define FIELDS(config_name)                                                                                 \
        {                                                                                                   \
                { "forceSync", schema_bool, .offset = offsetof(ListedSpec, force_sync) },                   \
                { config_name, schema_node, .offset = offsetof(ListedSpec, config), .required = true },     \
                { "versions", schema_node, .offset = offsetof(ListedSpec, versions), .required = true },    \
                {},                                                                                         \
        }
        static const SchemaField module_fields[] = FIELDS("moduleConfig");
        static const SchemaField provider_fields[] = FIELDS("providerConfig");
#undef FIELDS
        _cleanup_(depot_entry_clear) DepotEntry whole = {};
        size_t before = problems->n_found;
        ListedSpec spec = {};
        int r;

        r = schema_decode(
                kind == PACKAGE_MODULE ? module_fields : provider_fields, node, "'spec'", &spec, problems);
        if (r >= 0 && spec.config)
                r = make_entry(kind, spec.config, name, &whole, problems);
        if (r >= 0 && spec.versions)
                r = check_versions(kind, spec.versions, problems);
        if (r < 0 || problems->n_found > before || !spec.config || !spec.versions)
                return MIN_OF(r, 0);

        for (size_t i = 0; r >= 0 && i < spec.versions->n_items; i++)
                r = add_version(depot, &whole, spec.config, name, spec.versions->items[i], problems);
        for (size_t i = 0; i < depot->n_entries; i++)
                depot_entry_sort_versions(&depot->entries[i]);
        return MIN_OF(r, 0);
}
