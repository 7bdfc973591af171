#include "verify/shasums.h"

#include "fixtures.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void check_found(const char *text, const char *file, const char *expected) {
        char sha256[65] = "";
        unsigned line = 77;

        check_int(shasums_find(text, strlen(text), file, sha256, &line), 0);
        check_string(sha256, expected);
        check_int(line, 77);
}

static void check_fails(const char *text, const char *file, int result, unsigned expected_line) {
        char sha256[65] = "untouched";
        unsigned line = 77;
        int r = shasums_find(text, strlen(text), file, sha256, &line);

        if (r != result)
                (void) fprintf(stderr, "%s\n", text);
        check_int(r, result);
        check_string(sha256, "untouched");
        check_int(line, expected_line);
        check_int(shasums_find(text, strlen(text), file, sha256, NULL), result);
}

static void test_lines(void) {
        check_found(A "  x.zip\n", "x.zip", A);
        check_found(A "  x.zip", "x.zip", A);
        check_found(A " *x.zip\n" B "  y.zip\n", "x.zip", A);
        check_found(A "  x.zip\n" B "  y.zip\n", "y.zip", B);
        check_found(A "  x.zip\n" A "  x.zip\n", "x.zip", A);
        check_found(A "  xx.zip\n" B "  x.zip\n" A "  x.zip.sig\n", "x.zip", B);

        check_fails("", "x.zip", -ENOENT, 77);
        check_fails(A "  x.zip\n", "x", -ENOENT, 77);
        check_fails(A "  x.zip\n", "x.zip\n", -ENOENT, 77);
        check_fails(A "  x.zip\n", "", -ENOENT, 77);
        check_fails(A "  x.zip\n" B "  x.zip\n", "x.zip", -ENOTUNIQ, 77);
        check_fails(A "  x.zip\n" B "  x.zip\n" A "  x.zip\n", "x.zip", -ENOTUNIQ, 77);
        check_fails(A "  x.zip\n" B "  x.zip\n", "y.zip", -ENOENT, 77);
}

/* A bad line makes the whole text worthless, also behind the one that is looked for. */
static void test_malformed(void) {
        static const char *const bad[] = {
                "",
                "\r",
                "example shasums data",
                A,
                A " ",
                A "  ",
                A " x.zip",
                A "\tx.zip",
                A "   x.zip",
                A "  x.zip\r",
                A "  x.zip ",
                A "  x y.zip",
                "a" A "  x.zip",
                " " A "  x.zip",
                "A" B "  x.zip",
                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA  x.zip",
                "gaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa  x.zip",
                A "  ../x.zip",
                A "  /x.zip",
                A "  a/x.zip",
                A "  a\\x.zip",
                A "  .",
                A "  ..",
                A "  x\x1b.zip",
                A "  \xc3\xa4.zip",
                "\\" A "  x.zip",
                ("SHA256 (x.zip) = " A),
        };
        static const char nul[] = A "  x.zip\n" B "  y\0.zip\n";
        _cleanup_free_ char *long_name = repeat(A "  ", "x", 256, "\n");
        char sha256[65];
        unsigned line = 0;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                char text[512];

                (void) snprintf(text, sizeof(text), "%s\n" B "  y.zip\n", bad[i]);
                check_fails(text, "y.zip", -EBADMSG, 1);
                (void) snprintf(text, sizeof(text), B "  y.zip\n" A "  z.zip\n%s\n", bad[i]);
                check_fails(text, "y.zip", -EBADMSG, 3);
        }
        check_int(shasums_find(nul, sizeof(nul) - 1, "x.zip", sha256, &line), -EBADMSG);
        check_int(line, 2);
        check_fails(long_name, "x", -EBADMSG, 1);
}

static void test_size(void) {
        /* 64 + 2 + 13 + 1 = 80 bytes */
        _cleanup_free_ char *text = repeat("", A "  abcdefghi.zip\n", SHASUMS_SIZE_MAX / 80, "");
        _cleanup_free_ char *large = repeat("", A "  abcdefghi.zip\n", SHASUMS_SIZE_MAX / 80 + 1, "");

        check(strlen(text) <= SHASUMS_SIZE_MAX && strlen(large) > SHASUMS_SIZE_MAX);
        check_found(text, "abcdefghi.zip", A);
        check_fails(large, "abcdefghi.zip", -EBADMSG, 0);
}

/* Every line of a recorded file is found by its name, with its digest. */
static void check_recorded(const char *name, size_t expected_lines) {
        _cleanup_free_ char *data = NULL, *copy = NULL;
        size_t size, n = 0;
        char *rest, *line;

        data = read_fixture(name, &size);
        copy = strdup(data);
        check(copy);
        rest = copy;
        while ((line = strsep(&rest, "\n"))) {
                char sha256[65];

                if (!*line)
                        continue;
                check(strlen(line) > 66);
                line[64] = '\0';
                check_int(shasums_find(data, size, line + 66, sha256, NULL), 0);
                check_string(sha256, line);
                n++;
        }
        check_int(n, expected_lines);
        check_fails(data, "terraform_9.9.9_linux_amd64.zip", -ENOENT, 77);
}

static void test_recorded(void) {
        _cleanup_free_ char *placeholder = NULL;
        size_t size;

        check_recorded("openpgp/null_3.1.0_SHA256SUMS", 11);
        check_recorded("openpgp/terraform_0.12.26_SHA256SUMS", 12);
        check_recorded("openpgp/terraform_1.6.6_SHA256SUMS", 14);
        check_recorded("openpgp/test-shasums-realistic.txt", 12);
        placeholder = read_fixture("openpgp/test-shasums-placeholder.txt", &size);
        check_fails(placeholder, "x", -EBADMSG, 1);
}

int main(void) {
        test_lines();
        test_malformed();
        test_size();
        test_recorded();
        return EXIT_SUCCESS;
}
