/* Every document of the text as a Depot and as settings: what is accepted is complete, what is refused says why. */
#include "base/names.h"
#include "base/text.h"
#include "config/depot-document.h"
#include "config/list-document.h"
#include "config/settings.h"
#include "fuzz.h"

static void require(bool condition) {
        if (!condition)
                abort();
}

static void check_entry(const DepotEntry *entry) {
        char *identity = storage_config_identity(&entry->storage);

        require(identity != NULL);
        free(identity);
        require(name_is_valid(entry->name));
        require(!entry->constraint == !entry->constraint_text);
        require(entry->listed || entry->n_versions == 0);
        for (size_t i = 0; i < entry->n_versions; i++)
                require(depot_entry_lists(entry, entry->versions[i]));
        if (entry->kind == PACKAGE_MODULE)
                require(name_is_valid(entry->system) && name_is_valid(entry->repo_owner));
        else
                require(name_is_valid(entry->provider_namespace));
        if (entry->storage.backend == STORAGE_S3)
                require(entry->storage.bucket && entry->storage.region);
}

static void check_problems(const Problems *problems, bool accepted) {
        require((problems->n_items == 0) == accepted);
        for (size_t i = 0; i < problems->n_items; i++) {
                _cleanup_free_ char *printable = text_printable(problems->items[i].message);

                require(problems->items[i].line > 0 && problems->items[i].column > 0);
                require(streq(printable, problems->items[i].message));
        }
}

static void try_depot(const YamlNode *root) {
        _cleanup_(depot_unrefp) Depot *depot = NULL;
        _cleanup_free_ char *name = NULL;
        Problems problems = {};

        require(depot_decode(root, "file", &problems, &depot) >= 0);
        check_problems(&problems, depot != NULL);
        problems_clear(&problems);
        if (!depot)
                return;
        require(depot_document_name(root, &name) >= 0 && streq_ptr(depot->name, name));
        require(!isempty(depot->registry_namespace) && strlen(depot->digest) == 64);
        for (size_t i = 0; i < depot->n_entries; i++)
                check_entry(&depot->entries[i]);
}

static void try_list(const YamlNode *root) {
        const YamlNode *items = NULL;
        Problems problems = {};

        require(list_document_items(root, &problems, &items) >= 0);
        check_problems(&problems, items != NULL);
        problems_clear(&problems);
        for (size_t i = 0; items && i < items->n_items; i++)
                try_depot(items->items[i]);
}

static void try_settings(const YamlNode *root) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        Problems problems = {};

        require(settings_decode(root, &problems, &settings) >= 0);
        check_problems(&problems, settings != NULL);
        problems_clear(&problems);
        if (!settings)
                return;
        require(settings->transfers_parallel >= 1 && settings->transfers_parallel <= 64);
        require(settings->provider_hostnames && settings->provider_hostnames[0]);
        for (size_t i = 0; i < settings->n_keys; i++)
                require(!settings->keys[i].url != !settings->keys[i].file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(yaml_stream_freep) YamlStream *stream = NULL;

        if (yaml_parse((const char *) data, size, &stream) < 0)
                return 0;
        for (size_t i = 0; i < stream->n_documents; i++) {
                const YamlDocument *document = &stream->documents[i];

                if (document->problems.n_items > 0 || !document->root)
                        continue;
                try_depot(document->root);
                try_list(document->root);
                try_settings(document->root);
        }
        return 0;
}
