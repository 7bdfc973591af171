#include "model/version.h"

#include "test.h"

static Version *parse(const char *text) {
        Version *version = NULL;

        if (version_parse(text, &version) < 0) {
                (void) fprintf(stderr, "\"%s\" is no version\n", text);
                exit(EXIT_FAILURE);
        }
        return version;
}

static int sign(int value) {
        return (value > 0) - (value < 0);
}

/* The next field of a line of tab-separated values. */
static char *field(char **rest) {
        char *text = strsep(rest, "\t\n");

        check(text);
        return text;
}

static FILE *open_cases(const char *name) {
        char path[4096], header[256];
        FILE *file;

        (void) snprintf(path, sizeof(path), "%s/versions/%s", test_fixtures(), name);
        file = fopen(path, "re");
        check(file);
        check(fgets(header, sizeof(header), file));
        return file;
}

static void unescape_newlines(char *text) {
        char *newline;

        while ((newline = strstr(text, "\\n"))) {
                newline[0] = '\n';
                memmove(newline + 1, newline + 2, strlen(newline + 2) + 1);
        }
}

static void test_recorded_parse(void) {
        FILE *file = open_cases("go-version-parse-cases.tsv");
        char line[1024];
        size_t n = 0;

        while (fgets(line, sizeof(line), file)) {
                _cleanup_(version_freep) Version *version = NULL;
                char *rest = line, *text = field(&rest);
                bool is_error = streq(field(&rest), "true");
                int r;

                unescape_newlines(text);
                r = version_parse(text, &version);
                if (r != (is_error ? -EINVAL : 0)) {
                        (void) fprintf(stderr, "parse \"%s\": %d\n", text, r);
                        test_fail(__FILE__, __LINE__, "recorded parse case");
                }
                n++;
        }
        (void) fclose(file);
        check_int(n, 25);
}

static void test_recorded_compare(void) {
        FILE *file = open_cases("go-version-compare-cases.tsv");
        char line[1024];
        size_t n = 0;

        while (fgets(line, sizeof(line), file)) {
                char *rest = line;
                _cleanup_(version_freep) Version *a = parse(field(&rest)), *b = parse(field(&rest));
                int expected = atoi(field(&rest));

                if (version_compare(a, b) != expected) {
                        (void) fprintf(stderr, "compare %s %s: %d, expected %d\n", version_string(a),
                                version_string(b), version_compare(a, b), expected);
                        test_fail(__FILE__, __LINE__, "recorded comparison");
                }
                n++;
        }
        (void) fclose(file);
        check_int(n, 38);
}

static void test_string(void) {
        static const struct {
                const char *text, *normalised, *prerelease;
                size_t n_segments, n_written;
        } cases[] = {
                { "1", "1.0.0", "", 3, 1 },
                { "v1.2", "1.2.0", "", 3, 2 },
                { "17.03.0-ce", "17.3.0-ce", "ce", 3, 3 },
                { "v17.03-ce", "17.3.0-ce", "ce", 3, 2 },
                { "1.7rc2", "1.7.0-rc2", "rc2", 3, 2 },
                { "1.2.3.4.5", "1.2.3.4.5", "", 5, 5 },
                { "1.0-", "1.0.0--", "-", 3, 2 },
                { "1.0--", "1.0.0--", "-", 3, 2 },
                { "1.0--5", "1.0.0--5", "-5", 3, 2 },
                { "1.0~x", "1.0.0-~x", "~x", 3, 2 },
                { "1.2-5", "1.2.0-5", "5", 3, 2 },
                { "1+a.b", "1.0.0+a.b", "", 3, 1 },
                { "1.2.0-X-1.2.0+metadata~dist", "1.2.0-X-1.2.0+metadata~dist", "X-1.2.0", 3, 3 },
                { "000.0000", "0.0.0", "", 3, 2 },
                { "9223372036854775807", "9223372036854775807.0.0", "", 3, 1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(version_freep) Version *version = parse(cases[i].text);

                check_string(version_string(version), cases[i].normalised);
                check_string(version_prerelease(version), cases[i].prerelease);
                check_int(version_is_prerelease(version), cases[i].prerelease[0] != '\0');
                check_int(version_n_segments(version), cases[i].n_segments);
                check_int(version_n_segments_written(version), cases[i].n_written);
        }
}

static void test_refused(void) {
        static const char *const cases[] = { "", "v", "vv1", "V1", "1.", ".1", "1..2", "1.x", "1.2.*", " 1",
                "1 ", "1.0\n", "-1", "+1", "1+", "1+a..b", "1-a.", "1-a..b", "1-a+", "1-a_b", "1,2",
                "9223372036854775808", "99999999999999999999999", "1.2.3-\xc3\xa4", "1\xff" };
        char text[VERSION_LENGTH_MAX + 2];
        Version *version = NULL;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                if (version_parse(cases[i], &version) != -EINVAL) {
                        (void) fprintf(stderr, "\"%s\" was accepted\n", cases[i]);
                        test_fail(__FILE__, __LINE__, "refused");
                }
        check(!version);

        memset(text, '1', sizeof(text));
        for (size_t i = 1; i < sizeof(text); i += 2)
                text[i] = '.';
        text[VERSION_LENGTH_MAX + 1] = '\0';
        check_int(version_parse(text, &version), -EINVAL);
        text[VERSION_LENGTH_MAX - 1] = '\0';
        version = parse(text);
        check_int(version_n_segments(version), VERSION_LENGTH_MAX / 2);
        check_int(version_segment(version, VERSION_LENGTH_MAX / 2 - 1), 1);
        check_int(version_segment(version, VERSION_LENGTH_MAX / 2), 0);
        version_free(version);
}

static void test_compare_quirks(void) {
        static const struct {
                const char *a, *b;
                int expected;
        } cases[] = {
                { "1.2.0.0-b", "1.2.0", 0 }, /* other numbers of segments: the pre-release does not count */
                { "1.2.0", "1.2.0.0-b", 0 },
                { "1.0-a", "1.0-a.1", -1 }, /* a missing token is below a number … */
                { "1.0-a", "1.0-a.b", 1 },  /* … and above text */
                { "1.0-01", "1.0-1", -1 },  /* equal numbers in different spelling: always less */
                { "1.0-1", "1.0-01", -1 },
                { "1.0--5", "1.0-1", -1 }, /* "-5" is a number */
                { "1.0-99999999999999999999", "1.0-a",
                        1 }, /* not one any more, but its clamped value counts */
                { "1.0-a.99999999999999999999", "1.0-a.99999999999999999999-x",
                        -1 }, /* … of its digits alone */
                { "1.0-9223372036854775808x", "1.0-a", -1 },
                { "1.0-1", "1.0-a", -1 },
                { "9223372036854775807.0", "9223372036854775806.9", 1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_(version_freep) Version *a = parse(cases[i].a), *b = parse(cases[i].b);

                check_int(version_compare(a, b), cases[i].expected);
        }
}

static int order(const void *a, const void *b) {
        return version_order(*(Version *const *) a, *(Version *const *) b);
}

static void test_order(void) {
        static const char *const sorted[] = { "0.9", "1.0.0-1", "1.0.0-2", "1.0.0-10",
                "1.0.0-99999999999999999999", "1.0.0--5", "1.0.0-a", "1.0.0-a.01", "1.0.0-a.1", "1.0.0-a.b",
                "1.0.0-b", "1.0.0.0-b", "1.0.0", "1.0.0+x", "1.0.0.0", "1.0.0.1", "1.1", "10.0" };
        Version *versions[ELEMENTSOF(sorted)];
        size_t n = ELEMENTSOF(sorted);

        for (size_t i = 0; i < n; i++)
                versions[i] = parse(sorted[i]);
        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < n; j++) {
                        int expected = (i > j) - (i < j);

                        if (sign(version_order(versions[i], versions[j])) != expected) {
                                (void) fprintf(stderr, "order %s %s\n", sorted[i], sorted[j]);
                                test_fail(__FILE__, __LINE__, "order");
                        }
                }

        qsort(versions, n, sizeof(Version *), order);
        check_string(version_string(versions[0]), "0.9.0");
        check_string(version_string(versions[n - 1]), "10.0.0");
        for (size_t i = 0; i < n; i++)
                version_free(versions[i]);
}

int main(void) {
        test_string();
        test_refused();
        test_compare_quirks();
        test_order();
        test_recorded_parse();
        test_recorded_compare();
        return EXIT_SUCCESS;
}
