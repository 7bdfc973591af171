/* Decoding a mapping into a struct by a table of its keys. Every problem is collected, decoding goes on; the struct is
 * good only if there were none. A value of null counts as left out. */
#pragma once

#include "base/util.h"
#include "config/problem.h"
#include "config/yaml.h"

/* The most keys a table may have. */
#define SCHEMA_FIELDS_MAX 64

typedef struct SchemaField SchemaField;

/* Stores what the node says in *value, which points at the field's offset in the struct. Returns 0 (also with problems)
 * or -ENOMEM. */
typedef int (*SchemaDecode)(const SchemaField *field, const YamlNode *node, void *value, Problems *problems);

struct SchemaField {
        const char *name;    /* NULL ends a table */
        SchemaDecode decode; /* NULL: the key is accepted and its value ignored */
        size_t offset;
        bool required;
        uint64_t min, max; /* numbers: bounds; durations in microseconds, sizes in bytes */
        bool (*check)(const char *text);
        const char *expected;      /* what `check` accepts, after "must be" */
        const SchemaField *fields; /* schema_mapping() */
};

/* The node must be a mapping; `what` names it for messages. */
int schema_decode(
        const SchemaField *fields, const YamlNode *node, const char *what, void *target, Problems *problems);

/* Values, and the type they store. Text is copied and an older value freed. */
int schema_mapping(const SchemaField *field, const YamlNode *node, void *value,
        Problems *problems); /* nested, same struct */
int schema_node(const SchemaField *field, const YamlNode *node, void *value,
        Problems *problems); /* const YamlNode * */
int schema_text(const SchemaField *field, const YamlNode *node, void *value,
        Problems *problems); /* char *, not empty */
int schema_text_list(const SchemaField *field, const YamlNode *node, void *value,
        Problems *problems); /* char **; [] NULL */
int schema_text_map(
        const SchemaField *field, const YamlNode *node, void *value, Problems *problems); /* checked only */
int schema_bool(const SchemaField *field, const YamlNode *node, void *value, Problems *problems); /* bool */
int schema_uint64(
        const SchemaField *field, const YamlNode *node, void *value, Problems *problems); /* uint64_t */
int schema_unsigned(
        const SchemaField *field, const YamlNode *node, void *value, Problems *problems); /* unsigned */
int schema_duration(const SchemaField *field, const YamlNode *node, void *value,
        Problems *problems); /* uint64_t, µs: "1h30m" */
int schema_size(const SchemaField *field, const YamlNode *node, void *value,
        Problems *problems); /* uint64_t: "4G" */
int schema_base_url(const SchemaField *field, const YamlNode *node, void *value,
        Problems *problems); /* char *, no final slash */
int schema_document_url(const SchemaField *field, const YamlNode *node, void *value,
        Problems *problems); /* char *, query allowed */
int schema_path(const SchemaField *field, const YamlNode *node, void *value,
        Problems *problems); /* char *, absolute */

/* For decoders of their own: whether the node has the type; if not, the problem is added. Returns 1, 0 or -ENOMEM. */
int schema_expect(const SchemaField *field, const YamlNode *node, YamlType type, Problems *problems);

/* Adds "'name' must be <expected>, not '<text>'". Returns 0 or -ENOMEM. */
int schema_problem(const SchemaField *field, const YamlNode *node, const char *expected, Problems *problems);
