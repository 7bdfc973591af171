#include "source/github-answer.h"

#include "base/text.h"
#include "test.h"

static int parse(const char *text, Secret *ret, uint64_t *ret_ends, char **ret_error) {
        _cleanup_free_ char *copy = strdup(text);
        size_t size = strlen(text);
        int r;

        check(copy);
        r = github_parse_token(copy, size, ret, ret_ends, ret_error);
        for (size_t i = 0; i < size; i++)
                check(copy[i] == '\0');
        return r;
}

static void test_token(void) {
        _cleanup_(secret_clear) Secret token = {};
        uint64_t ends = 0;

        check_int(parse("{\"token\": \"ghs_a.b-c\", \"expires_at\": \"1970-01-01T00:00:07Z\"}", &token,
                          &ends, NULL),
                0);
        check_string(token.data, "ghs_a.b-c");
        check_int(token.size, 9);
        check_int(ends, 7 * USEC_PER_SEC);
}

static void test_bad_tokens(void) {
        static const char *const texts[] = { "", "[]", "{}", "{\"token\": null}", "{\"token\": \"\"}",
                "{\"token\": \"hidden hidden\", \"expires_at\": \"2026-01-01T00:00:00Z\"}",
                "{\"token\": \"hidden\\n\", \"expires_at\": \"2026-01-01T00:00:00Z\"}",
                "{\"token\": \"hidden\"}", "{\"token\": \"hidden\", \"expires_at\": 5}",
                "{\"token\": \"hidden\", \"expires_at\": \"hidden\"}", "{\"token\": \"hidden" };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                _cleanup_free_ char *error = NULL;
                Secret token = {};
                uint64_t ends;

                check_int(parse(texts[i], &token, &ends, &error), -EBADMSG);
                check(!token.data && error && !strstr(error, "hidden"));
        }
}

static void test_installation(void) {
        static const char *const bad[] = { "[]", "{}", "{\"id\": 0}", "{\"id\": \"1\"}", "{\"id\": -1}",
                "x" };
        uint64_t id = 0;

        check_int(github_parse_installation("{\"id\": 42}", 10, &id, NULL), 0);
        check_int(id, 42);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_free_ char *error = NULL;

                check_int(github_parse_installation(bad[i], strlen(bad[i]), &id, &error), -EBADMSG);
                check(error);
        }
}

static void test_message(void) {
        static const char text[] = "{\"message\": \"no \\u0007 good\"}";
        char *message = github_parse_message(text, strlen(text), "secret");

        check_string(message, "no ? good");
        free(message);
        check(!github_parse_message(text, strlen(text), "good"));
        check(!github_parse_message("<html>", 6, NULL) && !github_parse_message("{}", 2, NULL));
}

int main(void) {
        test_token();
        test_bad_tokens();
        test_installation();
        test_message();
        return EXIT_SUCCESS;
}
