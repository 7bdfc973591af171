#include "base/shared.h"

#include "test.h"

static void test_assign(void) {
        const char *text = NULL;

        check_int(shared_assign(&text, "one"), 0);
        check_string(text, "one");
        /* From itself, too. */
        check_int(shared_assign(&text, text + 1), 0);
        check_string(text, "ne");
        check_int(shared_assign(&text, NULL), 0);
        check(!text);
        check(!shared_unref(NULL));
}

static void test_copy(void) {
        const char *a = NULL, *b = NULL;

        check_int(shared_assign(&a, "one"), 0);
        shared_copy(&b, a);
        check(a == b);
        shared_copy(&b, b);
        check(a == b);
        /* It stays as long as anybody has it. */
        a = shared_unref(a);
        check_string(b, "one");
        shared_copy(&b, NULL);
        check(!b);
}

static void test_merge(void) {
        const char *a = NULL, *b = NULL, *other = NULL;

        check_int(shared_assign(&a, "one"), 0);
        check_int(shared_assign(&b, "one"), 0);
        check_int(shared_assign(&other, "other"), 0);
        check(a != b);
        shared_merge(&b, other);
        check_string(b, "one");
        shared_merge(&b, NULL);
        check_string(b, "one");
        shared_merge(&b, a);
        check(a == b);
        shared_merge(&b, a);
        shared_unref(a);
        shared_unref(b);
        shared_unref(other);
}

int main(void) {
        test_assign();
        test_copy();
        test_merge();
        return EXIT_SUCCESS;
}
