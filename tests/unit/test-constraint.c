#include "model/constraint.h"

#include "test.h"

static bool matches(const char *text, const char *version_text) {
        _cleanup_(constraint_freep) Constraint *constraint = NULL;
        _cleanup_(version_freep) Version *version = NULL;

        if (constraint_parse(text, &constraint, NULL) < 0 || version_parse(version_text, &version) < 0) {
                (void) fprintf(stderr, "\"%s\" or \"%s\" was refused\n", text, version_text);
                exit(EXIT_FAILURE);
        }
        return constraint_matches(constraint, version);
}

static void check_match(const char *text, const char *version, bool expected) {
        if (matches(text, version) != expected) {
                (void) fprintf(stderr, "\"%s\" with %s: %s expected\n", text, version,
                        expected ? "a match" : "no match");
                test_fail(__FILE__, __LINE__, "match");
        }
}

/* The table of the protocol reference. Its last rows are cases of go-versions, the stricter library of the clients for
 * providers; go-version agrees with them but for one: for it "~> 1" has nothing to hold on to. */
static void test_table(void) {
        static const struct {
                const char *constraint, *version;
                bool expected;
        } cases[] = {
                { ">= 1.0, < 1.2", "1.1.5", true }, { "< 1.0, < 1.2", "1.1.5", false },
                { "= 1.0", "1.1.5", false }, { "= 1.0", "1.0.0", true }, { "1.0", "1.0.0", true },
                { "~> 1.0", "2.0", false }, { "~> 1.0", "1.1", true }, { "~> 1.0", "1.2.3", true },
                { "~> 1.0.0", "1.2.3", false }, { "~> 1.0.0", "1.0.7", true },
                { "~> 1.0.0", "1.1.0", false }, { "~> 1.0.7", "1.0.4", false },
                { "~> 1.0.7", "1.0.7", true }, { "~> 1.0.7", "1.0.8", true },
                { "~> 1.0.7", "1.0.7.5", true }, { "~> 1.0.7", "1.0.6.99", false },
                { "~> 1.0.7", "1.0.8.0", true }, { "~> 1.0.9.5", "1.0.9.5", true },
                { "~> 1.0.9.5", "1.0.9.4", false }, { "~> 1.0.9.5", "1.0.9.6", true },
                { "~> 1.0.9.5", "1.0.9.5.0", true }, { "~> 1.0.9.5", "1.0.9.5.1", true },
                { "~> 2.0", "2.1.0-beta", false }, { "~> 2.1.0-a", "2.2.0", false },
                { "~> 2.1.0-a", "2.1.0", false }, { "~> 2.1.0-a", "2.1.0-beta", true },
                { "~> 2.1.0-a", "2.2.0-alpha", false }, { "> 2.0", "2.1.0-beta", false },
                { ">= 2.1.0-a", "2.1.0-beta", true }, { ">= 2.1.0-a", "2.1.1-beta", false },
                { ">= 2.1.0-a", "2.1.1", true }, { ">= 2.1.0-a", "2.1.0", true },
                { ">= 2.0.0", "2.1.0-beta", false }, { "<= 2.1.0-a", "2.0.0", true },
                { "~> 1", "1.9.9", true }, { "~> 1", "2.0.0", true }, { "~> 0", "5.0.0", true },
                { "~> 1.2", "1.2.0", true }, { "~> 1.2", "1.99.0", true }, { "~> 1.2", "2.0.0", false },
                { "~> 1.2.3", "1.2.10", true }, { "~> 1.2.3", "1.3.0", false }, { "= 1.2", "1.2.0", true },
                { "= 1.2.0", "1.2.0+meta", true }, { "= 1.2.0", "1.2.0-rc1", false },
                { "= 1.2.0-rc1", "1.2.0-rc1", true }, { "!= 1.2.0", "1.3.0-beta1", true },
                { "!= 1.2.0", "1.2.0", false }, { "!= 1.2.0", "1.2.0-rc1", true },
                { "> 1.2.0", "1.3.0-rc1", false }, { ">= 1.0.0-rc1", "1.0.0-rc2", true },
                { ">= 1.0.0-rc1", "1.0.0", true }, { ">= 1.0.0-rc1", "1.1.0-rc1", false },
                { "< 2.0.0", "2.0.0-rc1", false }, { "< 2.0.0-rc2", "2.0.0-rc1", true },
                { "<= 2.0.0-rc1", "2.0.0", false }, { "~> 1.0.0-rc1", "1.0.0-rc2", true },
                { "~> 1.0.0-rc1", "1.0.1", false }, { "1.2.0", "v1.2.0", true },
                { "= v1.2.0", "1.2.0", true }, { ">1.0,<2.0", "1.5.0", true },
                { ">=1.0 , < 2.0", "1.5.0", true }, { "= 17.3.0", "17.03.0", true },
                { ">= 1.2.3.4", "1.2.3.5", true }, { "~> 1.2.0.0", "1.2.0", false },
                { "= 1.2.0.0", "1.2.0", true }, { ">= 1.0.0", "1.0.0", true },
                { ">= 1.0.0", "1.0.0-beta1", false }, { ">= 1.0.0", "2.0.0-beta1", false },
                { ">= 1.0.0", "1.0.1", true }, { "2.0.0-beta1", "2.0.0-beta1", true },
                { "!= 2.0.0-beta1, 2.0.0-beta1", "2.0.0-beta1", false }, { "~> 1.2.3", "1.2.3", true },
                { "~> 1.2.3", "1.2.5", true }, { "~> 1.2.3", "1.3.0", false }, { "~> 1.2", "1.2.3", true },
                { "~> 1.2", "1.2.5", true }, { "~> 1.2", "1.3.0", true }, { "~> 1.2", "2.0.0", false },
                { "~> 1", "1.2.3", true }, { "~> 1", "1.2.5", true }, { "~> 1", "1.3.0", true },
                { "~> 1", "2.0.0", true }, /* go-versions says no */
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                check_match(cases[i].constraint, cases[i].version, cases[i].expected);
}

static void test_recorded(void) {
        char path[4096], line[1024];
        size_t n = 0;
        FILE *file;

        (void) snprintf(path, sizeof(path), "%s/versions/go-version-constraint-cases.tsv", test_fixtures());
        file = fopen(path, "re");
        check(file);
        check(fgets(line, sizeof(line), file));
        while (fgets(line, sizeof(line), file)) {
                char *rest = line;
                const char *constraint = strsep(&rest, "\t\n");
                const char *version = strsep(&rest, "\t\n");
                const char *expected = strsep(&rest, "\t\n");

                check(expected);
                check_match(constraint, version, streq(expected, "true"));
                n++;
        }
        (void) fclose(file);
        check_int(n, 35);
}

static void test_refused(void) {
        static const struct {
                const char *text;
                size_t offset;
        } cases[] = {
                { "", 0 },
                { "  ", 2 },
                { ">= 1.x", 0 },
                { ">= 1.0, < 2.x, != 1.5", 8 },
                { ">= 1.0 || < 2", 0 },
                { "1.0,", 4 },
                { "1.0,, 2.0", 4 },
                { ",1.0", 0 },
                { "=> 1.0", 0 },
                { "== 1.0", 0 },
                { "~ 1.0", 0 },
                { "^1.0", 0 },
                { ">", 0 },
                { ">= ", 0 },
                { "> = 1.0", 0 },
                { "1.0 2.0", 0 },
                { "1.0,\t >= latest", 6 },
        };
        char text[2 * (CONSTRAINT_TERMS_MAX + 1)];
        Constraint *constraint = NULL;
        size_t offset;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                offset = SIZE_MAX;
                if (constraint_parse(cases[i].text, &constraint, &offset) != -EINVAL ||
                        offset != cases[i].offset) {
                        (void) fprintf(stderr, "\"%s\": offset %zu\n", cases[i].text, offset);
                        test_fail(__FILE__, __LINE__, "refused");
                }
        }

        for (size_t i = 0; i < sizeof(text); i += 2)
                memcpy(text + i, "1,", 2);
        text[sizeof(text) - 1] = '\0';
        check_int(constraint_parse(text, &constraint, &offset), -E2BIG);
        check_int(offset, 2 * CONSTRAINT_TERMS_MAX);
        text[2 * CONSTRAINT_TERMS_MAX - 1] = '\0';
        check_int(constraint_parse(text, &constraint, NULL), 0);
        constraint_free(constraint);
}

static void test_with_prereleases(void) {
        static const struct {
                const char *constraint, *version;
                bool matches;
        } cases[] = {
                { ">= 1.0", "1.1.0-rc1", true },
                { ">= 1.0", "1.0.0-rc1", false },
                { "< 2.0", "2.0.0-rc1", false },
                { "< 2.0", "1.9.0-rc1", true },
                { "<= 2.0", "2.0.0-rc1", true },
                { "~> 1.2", "1.3.0-beta.1", true },
                { "~> 1.2", "2.0.0-beta.1", false },
                { "= 1.2.0", "1.2.0-rc1", false },
                { "!= 1.2.0", "1.2.0-rc1", true },
                { ">= 1.0, < 2.0", "1.5.0", true },
                { ">= 1.0, < 2.0", "2.5.0", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(constraint_freep) Constraint *constraint = NULL;
                _cleanup_(version_freep) Version *version = NULL;

                check_int(constraint_parse(cases[i].constraint, &constraint, NULL), 0);
                check_int(version_parse(cases[i].version, &version), 0);
                check_int(constraint_matches_with_prereleases(constraint, version), cases[i].matches);
        }
}

static void test_find_rejecting(void) {
        _cleanup_(constraint_freep) Constraint *constraint = NULL;
        _cleanup_(version_freep) Version *low = NULL, *high = NULL, *excluded = NULL, *good = NULL;

        check_int(constraint_parse(">= 1.0, < 2.0, != 1.5.0", &constraint, NULL), 0);
        check_int(version_parse("0.9.0", &low), 0);
        check_int(version_parse("2.0.0", &high), 0);
        check_int(version_parse("1.5.0", &excluded), 0);
        check_int(version_parse("1.6.0", &good), 0);
        check_int(constraint_find_rejecting(constraint, low), 0);
        check_int(constraint_find_rejecting(constraint, high), 1);
        check_int(constraint_find_rejecting(constraint, excluded), 2);
        check_int(constraint_find_rejecting(constraint, good), -ENOENT);
}

int main(void) {
        test_table();
        test_refused();
        check_match("\t>=\n1.0 ,\r<\f2.0", "1.5", true);
        /* Upper case does not sort before the rest of the text. */
        check_match("< 1.0.0-a", "1.0.0-B", true);
        test_recorded();
        test_with_prereleases();
        test_find_rejecting();
        return EXIT_SUCCESS;
}
