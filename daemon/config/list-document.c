#include "config/list-document.h"

#include "config/depot-document.h"
#include "config/schema.h"

typedef struct ListDocument {
        char *api_version, *kind;
        const YamlNode *items;
} ListDocument;

bool list_document_is_one(const YamlNode *root) {
        const YamlNode *kind = yaml_mapping_get(root, "kind");

        return kind && kind->type == YAML_TEXT && endswith(kind->text, "List");
}

/* Items of any kind are in a List of Kubernetes itself, those of one kind in a list of their interface. */
static int check_kind(const YamlNode *root, const ListDocument *list, Problems *problems) {
        static const char *const kinds[] = { "DepotList", "ModuleList", "ProviderList" };
        const YamlNode *kind = yaml_mapping_get(root, "kind");
        bool plain = list->kind && streq(list->kind, "List"), known = plain;

        for (size_t i = 0; list->kind && i < ELEMENTSOF(kinds); i++)
                known = known || streq(list->kind, kinds[i]);
        if (list->kind && !known)
                return schema_problem(&(SchemaField) { .name = "kind" }, kind,
                        "'List', 'DepotList', 'ModuleList' or 'ProviderList'", problems);
        if (list->api_version && !streq(list->api_version, plain ? "v1" : DEPOT_API_VERSION))
                return schema_problem(&(SchemaField) { .name = "apiVersion" },
                        yaml_mapping_get(root, "apiVersion"), plain ? "'v1'" : "'" DEPOT_API_VERSION "'",
                        problems);
        return 0;
}

int list_document_items(const YamlNode *root, Problems *problems, const YamlNode **ret) {
        static const SchemaField metadata_fields[] = {
                { .name = "continue" },
                { .name = "remainingItemCount" },
                { .name = "resourceVersion" },
                { .name = "selfLink" },
                {},
        };
        static const SchemaField fields[] = {
                { "apiVersion", schema_text, .offset = offsetof(ListDocument, api_version),
                        .required = true },
                { "kind", schema_text, .offset = offsetof(ListDocument, kind), .required = true },
                { "metadata", schema_mapping, .fields = metadata_fields },
                { "items", schema_node, .offset = offsetof(ListDocument, items), .required = true },
                {},
        };
        ListDocument list = {};
        size_t before = problems->n_found;
        int r;

        r = schema_decode(fields, root, "the document", &list, problems);
        if (r >= 0)
                r = check_kind(root, &list, problems);
        if (r >= 0 && list.items)
                r = schema_expect(&(SchemaField) { .name = "items" }, list.items, YAML_LIST, problems);
        if (r >= 0)
                *ret = problems->n_found == before ? list.items : NULL;
        free(list.api_version);
        free(list.kind);
        problems_sort(problems);
        return MIN_OF(r, 0);
}
