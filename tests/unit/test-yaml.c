#include "config/yaml.h"

#include <time.h>

#include "base/text.h"
#include "test.h"

static YamlStream *parse(const char *text, size_t size) {
        YamlStream *stream = NULL;

        check_int(yaml_parse(text, size, &stream), 0);
        check(stream);
        return stream;
}

/* All problems of all documents, "document:line:column: message" each. */
static char *describe_problems(const YamlStream *stream) {
        Buffer buffer = {};

        for (size_t i = 0; i < stream->n_documents; i++)
                for (size_t j = 0; j < stream->documents[i].problems.n_items; j++) {
                        const Problem *problem = &stream->documents[i].problems.items[j];

                        check_int(buffer_append_format(&buffer, "%zu:%u:%u: %s\n", i, problem->line,
                                          problem->column, problem->message),
                                0);
                }
        return buffer.data;
}

static void check_problems_of(const char *text, size_t size, const char *expected) {
        _cleanup_(yaml_stream_freep) YamlStream *stream = parse(text, size);
        _cleanup_free_ char *problems = describe_problems(stream);

        check_string(strempty(problems), expected);
}

static void check_problems(const char *text, const char *expected) {
        check_problems_of(text, strlen(text), expected);
}

static void test_tree(void) {
        static const char text[] = "# comment\n"
                                   "a: 1\n"
                                   "list: [x, \"y z\", {k: v}]\n"
                                   "anchored: &n {deep: yes}\n"
                                   "again: *n\n"
                                   "block: |\n"
                                   "  line\n"
                                   "unicode: \"\xc3\xa4\" # \xc3\xa4\n"
                                   "---\n"
                                   "...\n"
                                   "---\n"
                                   "second\n";
        _cleanup_(yaml_stream_freep) YamlStream *stream = parse(text, strlen(text));
        const YamlNode *root, *list, *again;

        check_int(stream->n_documents, 3);
        root = stream->documents[0].root;
        check_int(stream->documents[0].line, 2);
        check_int(root->type, YAML_MAPPING);
        check_int(root->n_items, 12);
        check_int(yaml_mapping_get(root, "a")->type, YAML_INTEGER);
        check_int(yaml_mapping_get(root, "a")->line, 2);
        check_int(yaml_mapping_get(root, "a")->column, 4);
        check_int(yaml_mapping_get(root, "a")->text_column, 4);

        list = yaml_mapping_get(root, "list");
        check_int(list->type, YAML_LIST);
        check_int(list->n_items, 3);
        check_string(list->items[1]->text, "y z");
        check_int(list->items[1]->column, 11);
        check_int(list->items[1]->text_column, 12);
        check_int(list->height, 2);
        check_int(list->weight, 6);

        again = yaml_mapping_get(root, "again");
        check(again == yaml_mapping_get(root, "anchored"));
        check_string(yaml_mapping_get(again, "deep")->text, "yes");
        check_int(yaml_mapping_get(again, "deep")->type, YAML_TEXT);
        check_int(again->line, 4);
        check_string(yaml_mapping_get(root, "block")->text, "line\n");
        check_int(yaml_mapping_get(root, "block")->text_column, 0);
        check_string(yaml_mapping_get(root, "unicode")->text, "\xc3\xa4");
        check_int(yaml_mapping_get(root, "unicode")->text_column, 11);
        check(!yaml_mapping_get(root, "absent"));
        check(!yaml_mapping_get(list, "x"));
        check(!yaml_mapping_get(NULL, "x"));

        check_int(stream->documents[1].root->type, YAML_NULL);
        check_string(stream->documents[2].root->text, "second");
        check_int(stream->documents[2].root->line, 12);
}

static void test_types(void) {
        static const struct {
                const char *text;
                YamlType type;
        } cases[] = {
                { "~", YAML_NULL },
                { "null", YAML_NULL },
                { "nULL", YAML_TEXT },
                { "\"\"", YAML_TEXT },
                { "''", YAML_TEXT },
                { "true", YAML_BOOL },
                { "FALSE", YAML_BOOL },
                { "yes", YAML_TEXT },
                { "'true'", YAML_TEXT },
                { "0", YAML_INTEGER },
                { "-12", YAML_INTEGER },
                { "+7", YAML_INTEGER },
                { "007", YAML_INTEGER },
                { "0x1F", YAML_INTEGER },
                { "0x", YAML_TEXT },
                { "0o17", YAML_INTEGER },
                { "0o8", YAML_TEXT },
                { "1.0", YAML_FLOAT },
                { ".5", YAML_FLOAT },
                { "1.", YAML_FLOAT },
                { ".", YAML_TEXT },
                { "-", YAML_LIST },
                { "1e3", YAML_FLOAT },
                { "1.5E-7", YAML_FLOAT },
                { "1e", YAML_TEXT },
                { ".inf", YAML_FLOAT },
                { "-.Inf", YAML_FLOAT },
                { ".nan", YAML_FLOAT },
                { "1.2.3", YAML_TEXT },
                { "1m", YAML_TEXT },
                { "!!str 5", YAML_TEXT },
                { "! 5", YAML_TEXT },
                { "!!int 5", YAML_INTEGER },
                { "\"5\"", YAML_TEXT },
                { "'>= 1.0'", YAML_TEXT },
                { "[]", YAML_LIST },
                { "{}", YAML_MAPPING },
                { "!!map {}", YAML_MAPPING },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(yaml_stream_freep) YamlStream *stream =
                        parse(cases[i].text, strlen(cases[i].text));

                if (stream->n_documents != 1 || stream->documents[0].problems.n_items > 0 ||
                        stream->documents[0].root->type != cases[i].type) {
                        (void) fprintf(stderr, "%s: another type\n", cases[i].text);
                        test_fail(__FILE__, __LINE__, "type");
                }
        }
}

static void test_empty(void) {
        _cleanup_(yaml_stream_freep) YamlStream *nothing = parse("", 0), *comment = parse("# only\n", 7);

        check_int(nothing->n_documents, 0);
        check_int(comment->n_documents, 0);
}

static void test_refused(void) {
        check_problems("a: 1\nb: [1, 2\nc: 3\n",
                "0:3:2: while parsing a flow sequence: did not find expected ',' or ']'\n");
        check_problems("a: 1\n  b: 2\n", "0:2:4: mapping values are not allowed in this context\n");
        check_problems(
                "a: \"x\n", "0:2:1: while scanning a quoted scalar: found unexpected end of stream\n");
        check_problems(
                "a: 'x\\\n\n", "0:3:1: while scanning a quoted scalar: found unexpected end of stream\n");
        check_problems("\ta: 1\n",
                "0:1:1: while scanning for the next token: found character that cannot start any token\n");
        check_problems("%YAML 3.0\n---\na: 1\n", "0:1:1: found incompatible YAML document\n");

        check_problems("a: 1\nb: 2\na: 3\nb: 4\na: 5\n", "0:3:1: the key 'a' is there already, on line 1\n"
                                                         "0:4:1: the key 'b' is there already, on line 2\n"
                                                         "0:5:1: the key 'a' is there already, on line 1\n");
        check_problems("x: {\"a\": 1, 'a': 2}\n", "0:1:13: the key 'a' is there already, on line 1\n");
        check_problems("base: &b {a: 1}\nuse:\n  <<: *b\n  c: 2\n",
                "0:3:3: merge keys ('<<') are not supported; write the keys out\n");
        check_problems("? [a, b]\n: 1\n", "0:1:3: a key must be text, not a list or mapping\n");
        check_problems("l: &l [a]\n*l : 1\n", "0:2:1: a key must be text, not a list or mapping\n");
        check_problems("a: !secret x\n", "0:1:4: the tag '!secret' is not supported\n");
        check_problems("a: !!binary aGk=\n", "0:1:4: the tag 'tag:yaml.org,2002:binary' is not supported\n");
        check_problems("a: !!set {x}\n", "0:1:4: the tag 'tag:yaml.org,2002:set' is not supported\n");

        check_problems("a: *nowhere\n", "0:1:4: the alias '*nowhere' has no anchor before it\n");
        check_problems("a: &a\n  - *a\n", "0:2:5: the alias '*a' stands within its own anchor\n");
        check_problems("a: &a {b: {c: *a}}\n", "0:1:15: the alias '*a' stands within its own anchor\n");

        check_problems("a: \"x\\0y\"\n", "0:1:4: a value holds a NUL character\n");
        check_problems_of("a: 1\nb: x\0y\n", 11, "0:2:5: there is a NUL character here\n");
        check_problems("a: 1\nb: \xc3\xa4\xff\n", "0:2:5: the file is not valid UTF-8 here\n");
        check_problems("a: \xc0\xaf\n", "0:1:4: the file is not valid UTF-8 here\n");
        check_problems("a: \xed\xa0\x80\n", "0:1:4: the file is not valid UTF-8 here\n");
        check_problems("a: x\xe2\x82", "0:1:5: the file is not valid UTF-8 here\n");
        check_problems("a: \x1b[31m\n", "0:1:4: there is a control character here\n");
        check_problems_of("\xff\xfe"
                          "a\0:\0",
                6, "0:1:1: the file is not valid UTF-8 here\n");
}

/* What is wrong in one document leaves the others alone, as far as they can be read. */
static void test_documents(void) {
        static const char text[] = "first: 1\n---\na: 1\na: 2\n---\nthird: *x\nrest: [ok]\n---\nfourth: "
                                   "4\n---\nfifth: }\n---\nlost: 1\n";
        _cleanup_(yaml_stream_freep) YamlStream *stream = parse(text, strlen(text));
        _cleanup_free_ char *problems = describe_problems(stream);

        check_int(stream->n_documents, 5);
        check_string(yaml_mapping_get(stream->documents[0].root, "first")->text, "1");
        check_string(yaml_mapping_get(stream->documents[3].root, "fourth")->text, "4");
        check_string(problems, "1:4:1: the key 'a' is there already, on line 3\n"
                               "2:6:8: the alias '*x' has no anchor before it\n"
                               "4:11:8: while parsing a block node: did not find expected node content\n");
}

static char *repeat(const char *head, const char *part, size_t n, const char *tail, size_t *ret_size) {
        size_t size = strlen(head) + n * strlen(part) + strlen(tail);
        char *text = malloc(size + 1), *end = text;

        check(text);
        end = stpcpy(end, head);
        for (size_t i = 0; i < n; i++)
                end = stpcpy(end, part);
        (void) stpcpy(end, tail);
        *ret_size = size;
        return text;
}

static void check_repeated(
        const char *head, const char *part, size_t n, const char *tail, const char *expected) {
        size_t size;
        _cleanup_free_ char *text = repeat(head, part, n, tail, &size);

        check_problems_of(text, size, expected);
}

static void test_limits(void) {
        static const char depth[] = "lists and mappings are nested deeper than 32 levels";
        static const char nodes[] =
                "the document has more than 300000 values, those behind aliases counted each time";
        _cleanup_free_ char *expected = NULL;

        check_repeated("", "[", 32, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "");
        text_set(&expected, "0:1:33: %s\n", depth);
        check_repeated("", "[", 33, "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", expected);
        text_set(&expected, "0:1:65: %s\n", depth);
        check_repeated("", "- ", 64, "x\n", expected);
        /* So deep that the parser would need hours for the end of the document. */
        text_set(&expected, "0:1:33: %s\n0:1:65: the rest of the file is not read because of this nesting\n",
                depth);
        check_repeated("", "[", 500000, "", expected);
        text_set(&expected,
                "0:1:129: %s\n0:1:257: the rest of the file is not read because of this nesting\n", depth);
        check_repeated("", "{a: ", 200000, "", expected);
        /* By aliases: 20 levels behind an anchor, 13 more around it. */
        text_set(&expected, "0:2:17: %s\n", depth);
        check_problems("a: &a [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]\nb: [[[[[[[[[[[[ *a ]]]]]]]]]]]]\n",
                expected);
        check_problems(
                "a: &a [[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]\nb: [[[[[[[[[[[ *a ]]]]]]]]]]]\n", "");

        check_repeated("- x\n", "- x\n", 299998, "", "");
        text_set(&expected, "0:300000:3: %s\n", nodes);
        check_repeated("- x\n", "- x\n", 299999, "", expected);

        /* The bomb of nine lines: with aliases expanded, ten times as much on each. */
        text_set(&expected, "0:6:11: %s\n", nodes);
        check_problems("a: &a [x,x,x,x,x,x,x,x,x,x]\n"
                       "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                       "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                       "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                       "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
                       "f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n"
                       "g: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n"
                       "h: &h [*g,*g,*g,*g,*g,*g,*g,*g,*g,*g]\n",
                expected);

        check_repeated("a: ", "x", 262144, "\n", "");
        check_repeated("a: 1\nb: ", "x", 262145, "\n", "0:2:4: a value is longer than 256 KiB\n");
        check_repeated("a: |\n", "  some text\n", 40000, "", "0:1:4: a value is longer than 256 KiB\n");
        check_repeated("", "- &a x\n", 1000, "", "");
        check_repeated("", "- &a x\n", 1001, "", "0:1001:3: the document has more than 1000 anchors\n");
        check_repeated("", "---\n- x\n", 1001, "", "1000:2001:1: the file has more than 1000 documents\n");
        check_repeated("", "a: b\n", 840000, "", "0:0:0: the file is larger than 4 MiB\n");
        check_repeated("", "# text text text text text\n", 155000, "", "");
}

/* Too many problems are not all kept, and the last line says so. */
static void test_many_problems(void) {
        size_t size;
        _cleanup_free_ char *text = repeat("", "a: 1\n", 200, "", &size);
        _cleanup_(yaml_stream_freep) YamlStream *stream = parse(text, size);
        const Problems *problems = &stream->documents[0].problems;

        check_int(problems->n_items, PROBLEMS_MAX + 1);
        check_int(problems->items[0].line, 2);
        check_int(problems->items[PROBLEMS_MAX - 1].line, 51);
        check_string(problems->items[PROBLEMS_MAX].message, "there are more problems, which are not shown");
}

static void test_excerpt(void) {
        static const char text[] = "0123456789012345678901234567890123456789012345678901234567890123";
        _cleanup_free_ char *exact = problem_excerpt(text), *longer = NULL, *cut = NULL, *control = NULL;
        char buffer[128];

        check_string(exact, text);
        (void) snprintf(buffer, sizeof(buffer), "%s4", text);
        longer = problem_excerpt(buffer);
        check_string(longer, "0123456789012345678901234567890123456789012345678901234567890123...");
        (void) snprintf(buffer, sizeof(buffer), "%.63s\xc3\xa4xyz", text);
        cut = problem_excerpt(buffer);
        check_string(cut, "012345678901234567890123456789012345678901234567890123456789012...");
        control = problem_excerpt("a\x1b[31m\xff");
        check_string(control, "a?[31m?");
}

/* Text made to be slow must not be: the whole of it is read in the time that the loop can spare. */
static void test_time(void) {
        static const struct {
                const char *head, *part;
                size_t n;
                const char *tail;
        } cases[] = {
                { "{", "a,", 500000, "}" },
                { "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "a,", 500000, "" },
                { "", "? - ", 250000, "" },
                { "[", "[],", 300000, "]" },
                { "", "- - - - ", 130000, "" },
                { "a: \"", "\\x41", 250000, "\"" },
                { "", "&a ", 300000, "" },
                { "", "*a ", 300000, "" },
                { "", "!a ", 300000, "" },
                { "", "\n", 1000000, "" },
                { "x: 'a", "\n", 1000000, "'" },
                { "", "a:\n ", 200000, "" },
                { "{a: ", "{a: ", 250000, "" },
                { "&x [", "*x,", 300000, "]" },
                { "- &a x\n", "- *a\n", 200000, "" },
                { "", "%TAG ! tag:\n", 80000, "" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                size_t size;
                _cleanup_free_ char *text =
                        repeat(cases[i].head, cases[i].part, cases[i].n, cases[i].tail, &size);
                YamlStream *stream;
                clock_t start = clock();
                double seconds;

                stream = parse(text, size);
                yaml_stream_free(stream);
                seconds = (double) (clock() - start) / CLOCKS_PER_SEC;
                if (getenv("TEST_VERBOSE"))
                        (void) printf("%s%s...: %.2f s\n", cases[i].head, cases[i].part, seconds);
                if (seconds > 20) {
                        (void) fprintf(
                                stderr, "%s%s... took %.1f s\n", cases[i].head, cases[i].part, seconds);
                        test_fail(__FILE__, __LINE__, "time");
                }
        }
}

int main(void) {
        test_tree();
        test_types();
        test_empty();
        test_refused();
        test_documents();
        test_limits();
        test_many_problems();
        test_excerpt();
        test_time();
        return EXIT_SUCCESS;
}
