#include "base/list.h"

#include "test.h"

static void test_append(void) {
        uint32_t *numbers = NULL;
        size_t n = 0;

        for (uint32_t i = 0; i < 1000; i++)
                check_int(LIST_APPEND(numbers, n, i * i), 0);
        check_int(n, 1000);
        for (uint32_t i = 0; i < 1000; i++)
                check_int(numbers[i], i * i);
        free(numbers);
}

/* A list that became shorter has at least the room that its count stands for. */
static void test_shrink(void) {
        uint64_t *numbers = NULL;
        size_t n = 0;

        for (size_t round = 0; round < 40; round++) {
                size_t top = (round * 37) % 70 + 1, rest = (round * 23) % top;

                while (n < top) {
                        uint64_t value = n;

                        check_int(LIST_APPEND(numbers, n, value), 0);
                }
                n = rest;
        }
        for (size_t i = 0; i < n; i++)
                check_int(numbers[i], i);
        free(numbers);
}

static void test_overflow(void) {
        char *array = NULL;

        check_int(list_grow(&array, (SIZE_MAX >> 1) + 1, 1), -EOVERFLOW);
        check_int(list_grow(&array, (size_t) 1 << 62, 16), -EOVERFLOW);
        check(!array);
}

static void test_strings(void) {
        _cleanup_(strings_freep) char **a = NULL, **b = NULL;

        check_int(strings_length(NULL), 0);
        check(!strings_contain(NULL, "a") && strings_equal(NULL, NULL));
        check(!strings_free(NULL));

        check_int(strings_append(&a, "one"), 0);
        check_int(strings_append(&a, ""), 0);
        check_int(strings_append(&a, "three"), 0);
        check_int(strings_length(a), 3);
        check(strings_contain(a, "one") && strings_contain(a, "") && !strings_contain(a, "thre"));
        check(!a[3]);

        check(!strings_equal(a, NULL) && !strings_equal(NULL, a));
        check_int(strings_append(&b, "one"), 0);
        check_int(strings_append(&b, ""), 0);
        check(!strings_equal(a, b));
        check_int(strings_append(&b, "three"), 0);
        check(strings_equal(a, b));
        b[2][0] = 'T';
        check(!strings_equal(a, b));
}

static int compare_int(const void *key, const void *element) {
        int a = *(const int *) key, b = *(const int *) element;

        return (a > b) - (a < b);
}

static void check_position(int key, bool found, size_t expected) {
        static const int sorted[] = { 1, 3, 5, 7, 9 };
        size_t position;

        check(list_find_position(sorted, 5, sizeof(int), &key, compare_int, &position) == found);
        check_int(position, expected);
}

static void test_find_position(void) {
        size_t position = 7;
        int key = 1;

        for (int i = 0; i < 5; i++) {
                check_position(2 * i, false, (size_t) i);
                check_position(2 * i + 1, true, (size_t) i);
        }
        check_position(10, false, 5);
        check(!list_find_position(NULL, 0, sizeof(int), &key, compare_int, &position) && position == 0);
}

int main(void) {
        test_append();
        test_shrink();
        test_overflow();
        test_strings();
        test_find_position();
        return EXIT_SUCCESS;
}
