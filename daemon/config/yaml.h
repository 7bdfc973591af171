/* YAML text as a tree in which every node knows its place. Bounded in every direction, because whoever may write a
 * document should not be able to hurt the daemon with it:
 *
 *   - anchors and aliases work, but the nodes an alias stands for count as often as they appear;
 *   - keys are text and stand once in a mapping; merge keys ("<<") are refused, not merged;
 *   - tags beyond those of the core schema are refused.
 *
 * Columns count characters, as editors do. */
#pragma once

#include "base/util.h"
#include "config/problem.h"

#define YAML_FILE_SIZE_MAX (4 * MIB)
#define YAML_DEPTH_MAX 32
#define YAML_NODES_MAX 300000
#define YAML_SCALAR_SIZE_MAX (256 * KIB) /* as large as the annotations of an object may be in Kubernetes */
#define YAML_ANCHORS_MAX 1000
#define YAML_DOCUMENTS_MAX 1000

typedef enum YamlType {
        YAML_NULL,
        YAML_BOOL,
        YAML_INTEGER,
        YAML_FLOAT,
        YAML_TEXT,
        YAML_LIST,
        YAML_MAPPING,
        _YAML_TYPE_MAX,
} YamlType;

typedef struct YamlNode YamlNode;
struct YamlNode {
        YamlType type; /* of a scalar: by the core schema of YAML 1.2 */
        unsigned line, column;
        unsigned
                text_column; /* where the text starts if it stands in the file as it is, on one line; else 0 */
        char *text;          /* scalars; holds no NUL */
        YamlNode **items;    /* a list's elements; a mapping's keys, each followed by its value */
        size_t n_items;
        unsigned weight; /* nodes, aliases expanded; 0 while it is being read */
        unsigned height; /* levels of lists and mappings */
        YamlNode *next_created;
};

typedef struct YamlDocument {
        YamlNode *root;    /* NULL if nothing could be read */
        YamlNode *created; /* all nodes, which an alias may make appear at several places */
        unsigned line;     /* of the first node, or of the document's start */
        Problems problems; /* if there are any, the tree is incomplete or not to be used */
} YamlDocument;

typedef struct YamlStream {
        YamlDocument *documents;
        size_t n_documents;
} YamlStream;

/* Reads all documents of a text. What is wrong within a document is its problem alone; after a syntax error nothing
 * more can be read, and the last document has that as its problem. Returns 0 or -ENOMEM. */
int yaml_parse(const char *data, size_t size, YamlStream **ret);
YamlStream *yaml_stream_free(YamlStream *stream);
DEFINE_CLEANUP(YamlStream *, yaml_stream_free)

/* The value of `key`, or NULL (also if the node is NULL or no mapping). */
const YamlNode *yaml_mapping_get(const YamlNode *node, const char *key);

/* "text", "a number", "a list" …, for messages. */
const char *yaml_type_describe(YamlType type);
