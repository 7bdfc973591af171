#include "config/yaml.h"

#include <stdio.h>
#include <yaml.h>

#include "base/list.h"
#include "base/text.h"

#define CORE_TAG_PREFIX "tag:yaml.org,2002:"

/* A document that is refused for its depth is skipped up to its end, but the parser's time grows with the depth: beyond
 * this the rest of the file is given up. */
#define DEPTH_GIVE_UP (2 * YAML_DEPTH_MAX)

typedef struct Anchor {
        char *name;
        YamlNode *node;
} Anchor;

/* State while one document is read. */
typedef struct Builder {
        YamlDocument *document;
        YamlNode *stack[YAML_DEPTH_MAX]; /* the open lists and mappings */
        size_t depth;
        size_t n_open;  /* the same, counted on when the document is refused */
        size_t n_nodes; /* aliases expanded */
        Anchor *anchors;
        size_t n_anchors;
        bool refused; /* a limit was hit: what follows is skipped up to the end of the document */
} Builder;

static const char *const type_descriptions[_YAML_TYPE_MAX] = {
        [YAML_NULL] = "nothing",
        [YAML_BOOL] = "true or false",
        [YAML_INTEGER] = "a number",
        [YAML_FLOAT] = "a number",
        [YAML_TEXT] = "text",
        [YAML_LIST] = "a list",
        [YAML_MAPPING] = "a mapping",
};

const char *yaml_type_describe(YamlType type) {
        return type_descriptions[type];
}

static bool is_one_of(const char *text, const char *const *words, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (streq(text, words[i]))
                        return true;
        return false;
}

static size_t n_digits(const char *text) {
        return strspn(text, "0123456789");
}

/* The number forms of the core schema (YAML 1.2.2, section 10.3.2). */
static YamlType number_type(const char *text) {
        static const char *const specials[] = { ".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN" };
        size_t whole, fraction = 0;
        YamlType type = YAML_INTEGER;

        if (startswith(text, "0x"))
                return text[2] && text[2 + strspn(text + 2, "0123456789abcdefABCDEF")] == '\0' ? YAML_INTEGER
                                                                                               : YAML_TEXT;
        if (startswith(text, "0o"))
                return text[2] && text[2 + strspn(text + 2, "01234567")] == '\0' ? YAML_INTEGER : YAML_TEXT;

        if (*text == '-' || *text == '+')
                text++;
        if (is_one_of(text, specials, ELEMENTSOF(specials)))
                return YAML_FLOAT;

        whole = n_digits(text);
        text += whole;
        if (*text == '.') {
                fraction = n_digits(text + 1);
                text += 1 + fraction;
                type = YAML_FLOAT;
        }
        if (whole + fraction == 0)
                return YAML_TEXT;
        if (*text == 'e' || *text == 'E') {
                text++;
                if (*text == '-' || *text == '+')
                        text++;
                if (n_digits(text) == 0)
                        return YAML_TEXT;
                text += n_digits(text);
                type = YAML_FLOAT;
        }
        return *text == '\0' ? type : YAML_TEXT;
}

static YamlType plain_type(const char *text) {
        static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };
        static const char *const bools[] = { "true", "True", "TRUE", "false", "False", "FALSE" };

        if (is_one_of(text, nulls, ELEMENTSOF(nulls)))
                return YAML_NULL;
        if (is_one_of(text, bools, ELEMENTSOF(bools)))
                return YAML_BOOL;
        return number_type(text);
}

static int builder_problem(Builder *builder, unsigned line, unsigned column, const char *message) {
        return problems_add(&builder->document->problems, line, column, "%s", message);
}

/* Like builder_problem(), and nothing more of this document is read. */
static int builder_refuse(Builder *builder, unsigned line, unsigned column, const char *message) {
        builder->refused = true;
        return builder_problem(builder, line, column, message);
}

/* A message with one piece of the document in it, at %s. */
#define builder_problem_about(builder, line, column, format, piece)                                         \
        ({                                                                                                  \
                _cleanup_free_ char *_excerpt = problem_excerpt(piece);                                     \
                _excerpt ? problems_add(                                                                    \
                                   &(builder)->document->problems, (line), (column), (format), _excerpt)    \
                         : -ENOMEM;                                                                         \
        })

static unsigned mark_line(const yaml_mark_t *mark) {
        return (unsigned) mark->line + 1;
}

static unsigned mark_column(const yaml_mark_t *mark) {
        return (unsigned) mark->column + 1;
}

static int node_new(Builder *builder, YamlType type, const yaml_event_t *event, YamlNode **ret) {
        YamlNode *node = calloc(1, sizeof(YamlNode));

        if (!node)
                return -ENOMEM;
        node->type = type;
        node->line = mark_line(&event->start_mark);
        node->column = mark_column(&event->start_mark);
        node->next_created = builder->document->created;
        builder->document->created = node;
        *ret = node;
        return 0;
}

static bool is_key(const Builder *builder) {
        const YamlNode *parent = builder->depth > 0 ? builder->stack[builder->depth - 1] : NULL;

        return parent && parent->type == YAML_MAPPING && parent->n_items % 2 == 0;
}

static int check_key(Builder *builder, const YamlNode *node, unsigned line, unsigned column) {
        if (node->type >= YAML_LIST)
                return builder_refuse(builder, line, column, "a key must be text, not a list or mapping");
        if (node->text_column > 0 && node->text_column == node->column && streq(node->text, "<<"))
                return builder_problem(
                        builder, line, column, "merge keys ('<<') are not supported; write the keys out");
        return 0;
}

/* Puts a node, or what an alias stands for, at the current place of the tree. */
static int builder_attach(Builder *builder, YamlNode *node, size_t weight, const yaml_event_t *event) {
        unsigned line = mark_line(&event->start_mark), column = mark_column(&event->start_mark);
        YamlNode *parent;
        int r;

        builder->n_nodes += weight;
        if (builder->n_nodes > YAML_NODES_MAX)
                return builder_refuse(builder, line, column,
                        "the document has more than 300000 values, those behind aliases counted each time");

        if (builder->depth == 0) {
                builder->document->root = node;
                return 0;
        }
        if (is_key(builder)) {
                r = check_key(builder, node, line, column);
                if (r < 0 || builder->refused)
                        return r;
        }
        parent = builder->stack[builder->depth - 1];
        return LIST_APPEND(parent->items, parent->n_items, node);
}

static int builder_anchor(Builder *builder, const yaml_char_t *name, YamlNode *node) {
        Anchor anchor = { .node = node };
        int r;

        if (!name)
                return 0;
        if (builder->n_anchors >= YAML_ANCHORS_MAX)
                return builder_refuse(
                        builder, node->line, node->column, "the document has more than 1000 anchors");
        anchor.name = strdup((const char *) name);
        if (!anchor.name)
                return -ENOMEM;
        r = LIST_APPEND(builder->anchors, builder->n_anchors, anchor);
        if (r < 0)
                free(anchor.name);
        return r;
}

static int builder_alias(Builder *builder, const yaml_event_t *event) {
        const char *name = (const char *) event->data.alias.anchor;
        unsigned line = mark_line(&event->start_mark), column = mark_column(&event->start_mark);
        YamlNode *target = NULL;

        /* An anchor may be given again; the one before the alias counts. */
        for (size_t i = builder->n_anchors; i > 0 && !target; i--)
                if (streq(builder->anchors[i - 1].name, name))
                        target = builder->anchors[i - 1].node;

        if (!target) {
                builder->refused = true;
                return builder_problem_about(
                        builder, line, column, "the alias '*%s' has no anchor before it", name);
        }
        if (target->weight == 0) {
                builder->refused = true;
                return builder_problem_about(
                        builder, line, column, "the alias '*%s' stands within its own anchor", name);
        }
        if (builder->depth + target->height > YAML_DEPTH_MAX)
                return builder_refuse(
                        builder, line, column, "lists and mappings are nested deeper than 32 levels");
        return builder_attach(builder, target, target->weight, event);
}

/* A node is complete: its parent, which is still open, takes its size over when it is closed itself. */
static void node_measure(YamlNode *node) {
        node->weight = 1;
        node->height = node->type >= YAML_LIST;
        for (size_t i = 0; i < node->n_items; i++) {
                node->weight += node->items[i]->weight;
                node->height = MAX_OF(node->height, node->items[i]->height + 1);
        }
}

static size_t n_characters(const char *text) {
        size_t n = 0;

        for (; *text; text++)
                n += ((unsigned char) *text & 0xc0) != 0x80;
        return n;
}

/* Text on one line that is as long in the file as it is in memory has no escapes in it. */
static unsigned find_text_column(const yaml_event_t *event, const YamlNode *node) {
        yaml_scalar_style_t style = event->data.scalar.style;
        size_t quotes = style == YAML_PLAIN_SCALAR_STYLE ? 0 : 2;

        if (style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE ||
                event->start_mark.line != event->end_mark.line ||
                event->end_mark.column - event->start_mark.column != n_characters(node->text) + quotes)
                return 0;
        return node->column + (unsigned) (quotes / 2);
}

/* Sets *ret_text when the tag says that the value is text, whatever it looks like. */
static int check_tag(Builder *builder, const yaml_event_t *event, const yaml_char_t *tag, bool is_scalar,
        bool *ret_text) {
        static const char *const scalars[] = { "null", "bool", "int", "float", "str" };
        static const char *const collections[] = { "seq", "map" };
        const char *core;

        if (!tag)
                return 0;
        core = startswith((const char *) tag, CORE_TAG_PREFIX);
        if (streq((const char *) tag, "!") || (core && streq(core, "str") && is_scalar)) {
                *ret_text = true;
                return 0;
        }
        if (core && (is_scalar ? is_one_of(core, scalars, ELEMENTSOF(scalars))
                               : is_one_of(core, collections, ELEMENTSOF(collections))))
                return 0;
        return builder_problem_about(builder, mark_line(&event->start_mark), mark_column(&event->start_mark),
                "the tag '%s' is not supported", (const char *) tag);
}

static int builder_scalar(Builder *builder, const yaml_event_t *event) {
        const char *value = (const char *) event->data.scalar.value;
        size_t length = event->data.scalar.length;
        bool is_text = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        YamlNode *node;
        int r;

        r = node_new(builder, YAML_TEXT, event, &node);
        if (r < 0)
                return r;
        if (length > YAML_SCALAR_SIZE_MAX)
                return builder_refuse(builder, node->line, node->column, "a value is longer than 256 KiB");
        if (memchr(value, '\0', length))
                return builder_refuse(builder, node->line, node->column, "a value holds a NUL character");

        node->text = strdup(value);
        if (!node->text)
                return -ENOMEM;
        r = check_tag(builder, event, event->data.scalar.tag, true, &is_text);
        if (r < 0)
                return r;
        node->type = is_text ? YAML_TEXT : plain_type(node->text);
        node->text_column = find_text_column(event, node);
        node_measure(node);

        r = builder_anchor(builder, event->data.scalar.anchor, node);
        if (r < 0 || builder->refused)
                return r;
        return builder_attach(builder, node, 1, event);
}

static int builder_open(Builder *builder, const yaml_event_t *event, YamlType type) {
        bool is_list = type == YAML_LIST, is_text = false;
        YamlNode *node;
        int r;

        r = node_new(builder, type, event, &node);
        if (r < 0)
                return r;
        if (builder->depth >= YAML_DEPTH_MAX)
                return builder_refuse(builder, node->line, node->column,
                        "lists and mappings are nested deeper than 32 levels");
        r = check_tag(builder, event,
                is_list ? event->data.sequence_start.tag : event->data.mapping_start.tag, false, &is_text);
        if (r < 0)
                return r;
        r = builder_anchor(builder,
                is_list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor, node);
        if (r < 0 || builder->refused)
                return r;
        r = builder_attach(builder, node, 1, event);
        if (r < 0 || builder->refused)
                return r;
        builder->stack[builder->depth++] = node;
        return 0;
}

static int compare_keys(const void *a, const void *b) {
        const YamlNode *x = *(YamlNode *const *) a, *y = *(YamlNode *const *) b;
        int c = strcmp(x->text, y->text);

        if (c != 0)
                return c;
        return x->line != y->line ? (x->line > y->line) - (x->line < y->line)
                                  : (x->column > y->column) - (x->column < y->column);
}

static int check_duplicates(Builder *builder, const YamlNode *mapping) {
        size_t n = mapping->n_items / 2;
        _cleanup_free_ YamlNode **keys = NULL;
        const YamlNode *first;
        int r;

        if (n < 2)
                return 0;
        keys = reallocarray(NULL, n, sizeof(YamlNode *));
        if (!keys)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                keys[i] = mapping->items[2 * i];
        qsort(keys, n, sizeof(YamlNode *), compare_keys);

        first = keys[0];
        for (size_t i = 1; i < n; i++) {
                _cleanup_free_ char *excerpt = NULL;

                if (!streq(keys[i]->text, first->text)) {
                        first = keys[i];
                        continue;
                }
                excerpt = problem_excerpt(keys[i]->text);
                if (!excerpt)
                        return -ENOMEM;
                r = problems_add(&builder->document->problems, keys[i]->line, keys[i]->column,
                        "the key '%s' is there already, on line %u", excerpt, first->line);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int builder_close(Builder *builder) {
        YamlNode *node = builder->stack[--builder->depth];

        node_measure(node);
        return node->type == YAML_MAPPING ? check_duplicates(builder, node) : 0;
}

static int builder_event(Builder *builder, const yaml_event_t *event) {
        if (event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT)
                builder->n_open++;
        else if (event->type == YAML_SEQUENCE_END_EVENT || event->type == YAML_MAPPING_END_EVENT)
                builder->n_open--;
        if (builder->refused)
                return 0;
        switch (event->type) {
        case YAML_SCALAR_EVENT:
                return builder_scalar(builder, event);
        case YAML_ALIAS_EVENT:
                return builder_alias(builder, event);
        case YAML_SEQUENCE_START_EVENT:
                return builder_open(builder, event, YAML_LIST);
        case YAML_MAPPING_START_EVENT:
                return builder_open(builder, event, YAML_MAPPING);
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT:
                return builder_close(builder);
        default:
                return 0;
        }
}

static void builder_finish(Builder *builder) {
        YamlDocument *document = builder->document;

        if (document) {
                if (document->root)
                        document->line = document->root->line;
                problems_sort(&document->problems);
        }
        for (size_t i = 0; i < builder->n_anchors; i++)
                free(builder->anchors[i].name);
        free(builder->anchors);
        *builder = (Builder) {};
}

static int stream_add(YamlStream *stream, unsigned line, Builder *builder) {
        YamlDocument document = { .line = line };
        int r = LIST_APPEND(stream->documents, stream->n_documents, document);

        if (r < 0)
                return r;
        *builder = (Builder) { .document = &stream->documents[stream->n_documents - 1] };
        return 0;
}

/* The problem that ends the reading of the stream: of the document that is open, or of one that never began. */
static int stream_fail(
        YamlStream *stream, Builder *builder, unsigned line, unsigned column, const char *message) {
        int r;

        if (!builder->document) {
                r = stream_add(stream, line, builder);
                if (r < 0)
                        return r;
        }
        return builder_problem(builder, line, column, message);
}

static int stream_fail_parser(YamlStream *stream, Builder *builder, const yaml_parser_t *parser) {
        const yaml_mark_t *mark = parser->error == YAML_READER_ERROR ? &parser->mark : &parser->problem_mark;
        _cleanup_free_ char *message = NULL;

        if (parser->error == YAML_MEMORY_ERROR)
                return -ENOMEM;
        text_set(&message, "%s%s%s", strempty(parser->context), parser->context ? ": " : "",
                parser->problem ? parser->problem : "this is no YAML");
        if (!message)
                return -ENOMEM;
        return stream_fail(stream, builder, mark_line(mark), mark_column(mark), message);
}

/* One event. Returns 1 while there are more, 0 at the end. */
static int stream_step(YamlStream *stream, Builder *builder, yaml_parser_t *parser) {
        yaml_event_t event;
        int r = 1;

        if (!yaml_parser_parse(parser, &event)) {
                r = stream_fail_parser(stream, builder, parser);
                return r < 0 ? r : 0;
        }

        switch (event.type) {
        case YAML_STREAM_END_EVENT:
                r = 0;
                break;
        case YAML_DOCUMENT_START_EVENT:
                if (stream->n_documents >= YAML_DOCUMENTS_MAX) {
                        r = stream_fail(stream, builder, mark_line(&event.start_mark),
                                mark_column(&event.start_mark), "the file has more than 1000 documents");
                        break;
                }
                r = stream_add(stream, mark_line(&event.start_mark), builder);
                r = r < 0 ? r : 1;
                break;
        case YAML_DOCUMENT_END_EVENT:
                builder_finish(builder);
                break;
        default:
                r = builder->document ? builder_event(builder, &event) : 0;
                if (r >= 0 && builder->n_open <= DEPTH_GIVE_UP)
                        r = 1;
                else if (r >= 0)
                        r = stream_fail(stream, builder, mark_line(&event.start_mark),
                                mark_column(&event.start_mark),
                                "the rest of the file is not read because of this nesting");
        }
        yaml_event_delete(&event);
        return r;
}

/* Finds the first byte that is no text, which the parser would only report without its place. */
static const char *find_bad_character(
        const char *data, size_t size, unsigned *ret_line, unsigned *ret_column) {
        const unsigned char *text = (const unsigned char *) data, *end = text + size;
        unsigned line = 1, column = 1;

        if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
                text += 3;
        while (text < end) {
                uint32_t c = *text;
                size_t length = c < 0x80             ? 1
                                : (c & 0xe0) == 0xc0 ? 2
                                : (c & 0xf0) == 0xe0 ? 3
                                : (c & 0xf8) == 0xf0 ? 4
                                                     : 0;
                static const uint32_t min[] = { 0, 0, 0x80, 0x800, 0x10000 };
                bool valid = length > 0 && length <= (size_t) (end - text);

                *ret_line = line;
                *ret_column = column;
                if (length > 1)
                        c &= 0xffu >> (length + 1);
                for (size_t i = 1; valid && i < length; i++) {
                        valid = (text[i] & 0xc0) == 0x80;
                        c = c << 6 | (text[i] & 0x3f);
                }
                if (!valid || c < min[length] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
                        return "the file is not valid UTF-8 here";
                if (c == 0)
                        return "there is a NUL character here";
                if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') ||
                        (c >= 0x7f && c < 0xa0 && c != 0x85) || c == 0xfffe || c == 0xffff)
                        return "there is a control character here";

                text += length;
                column++;
                if (c == '\n' || (c == '\r' && (text == end || *text != '\n')) || c == 0x85 || c == 0x2028 ||
                        c == 0x2029) {
                        line++;
                        column = 1;
                }
        }
        return NULL;
}

int yaml_parse(const char *data, size_t size, YamlStream **ret) {
        _cleanup_(yaml_stream_freep) YamlStream *stream = calloc(1, sizeof(YamlStream));
        Builder builder = {};
        yaml_parser_t parser;
        unsigned line = 0, column = 0;
        const char *bad;
        int r = 0;

        if (!stream)
                return -ENOMEM;

        bad = size > YAML_FILE_SIZE_MAX ? "the file is larger than 4 MiB"
                                        : find_bad_character(data, size, &line, &column);
        if (bad) {
                r = stream_fail(stream, &builder, line, column, bad);
                builder_finish(&builder);
                if (r >= 0)
                        *ret = TAKE_PTR(stream);
                return r;
        }

        if (!yaml_parser_initialize(&parser))
                return -ENOMEM;
        yaml_parser_set_input_string(&parser, (const unsigned char *) data, size);
        do
                r = stream_step(stream, &builder, &parser);
        while (r > 0);
        yaml_parser_delete(&parser);
        builder_finish(&builder);
        if (r < 0)
                return r;

        *ret = TAKE_PTR(stream);
        return 0;
}

YamlStream *yaml_stream_free(YamlStream *stream) {
        if (!stream)
                return NULL;
        for (size_t i = 0; i < stream->n_documents; i++) {
                YamlDocument *document = &stream->documents[i];

                for (YamlNode *node = document->created, *next; node; node = next) {
                        next = node->next_created;
                        free(node->text);
                        free(node->items);
                        free(node);
                }
                problems_clear(&document->problems);
        }
        free(stream->documents);
        free(stream);
        return NULL;
}

const YamlNode *yaml_mapping_get(const YamlNode *node, const char *key) {
        if (!node || node->type != YAML_MAPPING)
                return NULL;
        for (size_t i = 0; i + 1 < node->n_items; i += 2)
                if (streq(node->items[i]->text, key))
                        return node->items[i + 1];
        return NULL;
}
