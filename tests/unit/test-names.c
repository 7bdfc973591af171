#include "base/names.h"

#include "test.h"

static void test_name(void) {
        char longest[NAME_LENGTH_MAX + 2];

        check(name_is_valid("terraform-aws_x.1+2") && name_is_valid("_a"));
        check(!name_is_valid("") && !name_is_valid(".") && !name_is_valid("..") && !name_is_valid("-a"));
        check(!name_is_valid("a/b") && !name_is_valid("a b") && name_is_valid("a~") &&
                !name_is_valid("~a") && !name_is_valid("\xc3\xa4"));
        memset(longest, 'a', sizeof(longest));
        longest[NAME_LENGTH_MAX] = '\0';
        check(name_is_valid(longest));
        longest[NAME_LENGTH_MAX] = 'a';
        longest[NAME_LENGTH_MAX + 1] = '\0';
        check(!name_is_valid(longest));
}

static void test_tag(void) {
        check(tag_is_valid("v1.2.3-rc~1+x") && tag_is_valid("modules/a/v1"));
        check(!tag_is_valid("") && !tag_is_valid("/a") && !tag_is_valid("a/") && !tag_is_valid("a//b"));
        check(!tag_is_valid("a/../b") && !tag_is_valid("a/-b") && !tag_is_valid("a\\b"));
}

static void test_commit(void) {
        check(commit_is_valid("0123456789abcdef0123456789abcdef01234567"));
        check(commit_is_valid("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"));
        check(!commit_is_valid("") && !commit_is_valid("0123456789ABCDEF0123456789abcdef01234567"));
        check(!commit_is_valid("0123456789abcdef0123456789abcdef0123456"));
}

static void test_hostname(void) {
        check(hostname_is_valid("a") && hostname_is_valid("registry.terraform.io") &&
                hostname_is_valid("a-b.c:65535"));
        check(!hostname_is_valid("") && !hostname_is_valid("A") && !hostname_is_valid("a.") &&
                !hostname_is_valid(".a"));
        check(!hostname_is_valid("a-.b") && !hostname_is_valid("-a") && !hostname_is_valid("a_b") &&
                !hostname_is_valid("a:"));
        check(!hostname_is_valid("a:0") && !hostname_is_valid("a:65536") && !hostname_is_valid("a:1x") &&
                !hostname_is_valid("a/b"));
}

int main(void) {
        test_name();
        test_tag();
        test_commit();
        test_hostname();
        return EXIT_SUCCESS;
}
