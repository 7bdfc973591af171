/* Any bytes as YAML: the tree keeps its limits, and every node can be reached and has a place. */
#include "config/yaml.h"
#include "fuzz.h"

static void require(bool condition) {
        if (!condition)
                abort();
}

static size_t walk(const YamlNode *node, unsigned depth) {
        size_t n = 1;

        require(depth <= YAML_DEPTH_MAX);
        require(node->line > 0 && node->column > 0 && node->weight > 0);
        require((node->type < YAML_LIST) == (node->text != NULL));
        require(!node->text || strlen(node->text) <= YAML_SCALAR_SIZE_MAX);
        for (size_t i = 0; i < node->n_items; i++)
                n += walk(node->items[i], depth + 1);
        require(n == node->weight);
        return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(yaml_stream_freep) YamlStream *stream = NULL;

        if (yaml_parse((const char *) data, size, &stream) < 0)
                return 0;
        require(stream->n_documents <= YAML_DOCUMENTS_MAX + 1);
        for (size_t i = 0; i < stream->n_documents; i++) {
                const YamlDocument *document = &stream->documents[i];

                for (size_t j = 0; j < document->problems.n_items; j++)
                        require(!isempty(document->problems.items[j].message));
                require(document->problems.n_items <= PROBLEMS_MAX + 1);
                if (document->problems.n_items == 0 && document->root)
                        require(walk(document->root, 0) <= YAML_NODES_MAX);
                (void) yaml_mapping_get(document->root, "metadata");
        }
        return 0;
}
