#include "base/json.h"

#include "base/text.h"
#include "test.h"

static json_object *parse(const char *text) {
        json_object *object = NULL;

        check_int(json_parse(text, strlen(text), &object, NULL), 0);
        return object;
}

static void check_refused(const char *data, size_t size) {
        json_object *object = NULL;
        const char *error = NULL;

        if (json_parse(data, size, &object, &error) != -EBADMSG) {
                (void) fprintf(stderr, "accepted: %.*s\n", (int) MIN_OF(size, (size_t) 100), data);
                check(!"refused");
        }
        check(!object && !isempty(error));
        /* The error may be left out. */
        check_int(json_parse(data, size, &object, NULL), -EBADMSG);
}

#define REFUSED(literal) check_refused((literal), sizeof(literal) - 1)

static void test_parse(void) {
        json_unref(parse("{}"));
        json_unref(parse(" [1, \"a\"]\r\n\t "));
        json_unref(parse("\"text\""));
}

static void test_refused(void) {
        REFUSED("");
        REFUSED(" ");
        REFUSED("null");
        REFUSED("{");
        REFUSED("[1,");
        REFUSED("\"a");
        REFUSED("{} {}");
        REFUSED("{}x");
        REFUSED("{}\0");
        REFUSED("{}\n\0");
        REFUSED("[1,]");
        REFUSED("{\"a\":1,}");
        REFUSED("{a:1}");
        REFUSED("[01]");
        REFUSED("[nul]");
        REFUSED("/* comment */ {}");
        REFUSED("[\"a\nb\"]");
        REFUSED("[\"\\x\"]");
        check_refused("{}", (size_t) INT32_MAX + 1);
}

/* Text beyond ASCII is read as strictly as the rest. */
static void test_utf8(void) {
        _cleanup_(json_unrefp) json_object *object =
                parse("{\"caf\xc3\xa9\": \"\xe2\x82\xac\", \"b\": \"\\u20ac\"}");
        const char *text;

        check_int(json_get_string(object, "caf\xc3\xa9", &text), 1);
        check_string(text, "\xe2\x82\xac");
        check_int(json_get_string(object, "b", &text), 1);
        check_string(text, "\xe2\x82\xac");

        REFUSED("[\"\xff\"]");
        REFUSED("[\"\xc3\"]");
        REFUSED("[\"\xc0\xaf\"]");
        REFUSED("[\"\xc3\xa4\",]");
        REFUSED("[\"\xc3\xa4\"] x");
        REFUSED("[\"\xc3\xa4\"");
        REFUSED("['\xc3\xa4']");
        REFUSED("[\"\xc3\xa4\n\"]");
        REFUSED("[1, \xc3\xa4]");
        REFUSED("[1] \xc3\xa4");
}

static void test_depth(void) {
        for (size_t depth = JSON_DEPTH_MAX - 2; depth <= JSON_DEPTH_MAX + 2; depth++) {
                Buffer text = {};
                json_object *object = NULL;
                int r;

                for (size_t i = 0; i < depth; i++)
                        check_int(buffer_append(&text, "[", 1), 0);
                for (size_t i = 0; i < depth; i++)
                        check_int(buffer_append(&text, "]", 1), 0);
                r = json_parse(text.data, text.size, &object, NULL);
                check_int(r, depth <= JSON_DEPTH_MAX ? 0 : -EBADMSG);
                json_unref(object);
                buffer_clear(&text);
        }
}

/* What was never closed is refused at the limit, not when it has all been kept. */
static void test_endless_depth(void) {
        size_t size = 8 * MIB;
        char *text = malloc(size);

        check(text);
        memset(text, '[', size);
        check_refused(text, size);
        free(text);
}

static void test_get(void) {
        _cleanup_(json_unrefp) json_object *object = parse(
                "{\"s\": \"text\", \"b\": true, \"n\": 7, \"neg\": -1, \"f\": 1.5, \"a\": [1], \"o\": {}, "
                "\"z\": null, \"nan\": NaN, \"nul\": \"a\\u0000b\", \"big\": 18446744073709551615}");
        _cleanup_(json_unrefp) json_object *array = parse("[]");
        const char *string = "untouched";
        json_object *value = NULL;
        uint64_t number = 99;
        bool flag = false;

        check_int(json_get_string(object, "s", &string), 1);
        check_string(string, "text");
        check_int(json_get_bool(object, "b", &flag), 1);
        check(flag);
        check_int(json_get_uint64(object, "n", &number), 1);
        check_int(number, 7);
        check_int(json_get_uint64(object, "big", &number), 1);
        check(number == UINT64_MAX);
        check_int(json_get_array(object, "a", &value), 1);
        check(json_object_array_length(value) == 1);
        check_int(json_get_object(object, "o", &value), 1);
        check(json_object_object_length(value) == 0);

        /* Absent and null are the same, and leave the value alone. */
        string = "untouched";
        number = 99;
        check_int(json_get_string(object, "none", &string), 0);
        check_int(json_get_string(object, "z", &string), 0);
        check_int(json_get_uint64(object, "z", &number), 0);
        check_string(string, "untouched");

        check_int(json_get_string(object, "n", &string), -EBADMSG);
        check_int(json_get_string(object, "nul", &string), -EBADMSG);
        check_int(json_get_bool(object, "n", &flag), -EBADMSG);
        check_int(json_get_uint64(object, "neg", &number), -EBADMSG);
        check_int(json_get_uint64(object, "f", &number), -EBADMSG);
        /* json-c reads it as a number; it is none that anything here takes. */
        check_int(json_get_uint64(object, "nan", &number), -EBADMSG);
        check_int(json_get_uint64(object, "s", &number), -EBADMSG);
        check_int(json_get_array(object, "o", &value), -EBADMSG);
        check_int(json_get_object(object, "a", &value), -EBADMSG);
        check_int(json_get_string(array, "s", &string), -EBADMSG);
        check_int(json_get_string(NULL, "s", &string), -EBADMSG);
        check_string(string, "untouched");
        check_int(number, 99);
}

static void test_set(void) {
        _cleanup_(json_unrefp) json_object *object = json_object_new_object();
        _cleanup_free_ char *plain = NULL, *pretty = NULL;
        json_object *array = json_object_new_array();

        check_int(json_set_string(object, "s", "a/\"b\""), 0);
        check_int(json_set_string(object, "none", NULL), 0);
        check_int(json_set_uint64(object, "n", UINT64_MAX), 0);
        check_int(json_set_bool(object, "b", false), 0);
        check_int(json_set(object, "a", array), 0);
        check_int(json_append(array, json_object_new_string("x")), 0);
        /* What could not be made is out of memory. */
        check_int(json_set(object, "missing", NULL), -ENOMEM);
        check_int(json_append(array, NULL), -ENOMEM);
        /* A member that is set again is replaced. */
        check_int(json_set_bool(object, "b", true), 0);

        plain = json_format(object, false);
        check_string(plain, "{\"s\":\"a/\\\"b\\\"\",\"n\":18446744073709551615,\"b\":true,\"a\":[\"x\"]}\n");
        pretty = json_format(object, true);
        check(pretty && strstr(pretty, "{\n  \"s\": \"a/\\\"b\\\"\",\n") && endswith(pretty, "}\n"));
}

static void test_foreach(void) {
        _cleanup_(json_unrefp) json_object *array = parse("[1, null, 3]");
        json_object *element;
        int64_t sum = 0;
        size_t n = 0;

        JSON_ARRAY_FOREACH (element, array) {
                sum += json_object_get_int64(element);
                n++;
        }
        check_int(n, 3);
        check_int(sum, 4);
}

int main(void) {
        test_parse();
        test_refused();
        test_utf8();
        test_depth();
        test_endless_depth();
        test_get();
        test_set();
        test_foreach();
        return EXIT_SUCCESS;
}
