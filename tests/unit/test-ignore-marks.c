#include "scan/ignore-marks.h"

#include "test.h"

static void check_neutral(const char *file, const char *text, const char *expected, size_t n_marks) {
        Findings findings = {};
        Buffer out = {};

        check_int(ignore_marks_neutralize(file, text, strlen(text), &findings, &out), 0);
        check_string(strempty(out.data), expected);
        check_int(findings.n_marks, n_marks);
        buffer_clear(&out);
        findings_clear(&findings);
}

static void test_forms(void) {
        check_neutral("a.tf", "", "", 0);
        check_neutral("a.tf", ":", ":", 0);
        check_neutral("a.tf", ":ignore", ":ignore", 0);
        check_neutral("a.tf", "#trivy:ignore:*\nx", "#trivy: ignore:*\nx", 1);
        check_neutral("a.tf", "# tfsec:ignore:AWS001", "# tfsec: ignore:AWS001", 1);
        check_neutral("a.tf", "//trivy:ignore:A trivy:ignore:B", "//trivy: ignore:A trivy: ignore:B", 2);
        check_neutral("a.tf", "/*trivy:ignore:A*/ x = 1 /* trivy:ignore:B */",
                "/*trivy: ignore:A*/ x = 1 /* trivy: ignore:B */", 2);
        check_neutral("a.tf", "x = 1 # trivy:exp:2030-01-01:ignore:A[x=y]:ignore:B",
                "x = 1 # trivy:exp:2030-01-01: ignore:A[x=y]: ignore:B", 1);
        check_neutral("a.tf", "#trivy:ignore:ignore:ignore:", "#trivy: ignore: ignore: ignore:", 1);
        check_neutral("a.tf", "\ttrivy:ignore:A\r\n", "\ttrivy: ignore:A\r\n", 1);
        check_neutral("a.tf", "##/*/trivy:ignore:A", "##/*/trivy: ignore:A", 1);
        check_neutral("a.tf.json", "{\"//\": \"x trivy:ignore:* \"}", "{\"//\": \"x trivy: ignore:* \"}", 1);
        check_neutral("a/b.yaml", "a: x # trivy:ignore:A", "a: x # trivy:ignorE:A", 1);
        check_neutral("Dockerfile", "#trivy:ignore:A", "#trivy:ignorE:A", 1);
        /* No rules, and harmless. */
        check_neutral("a.tf", "x = a ? b:ignore:c", "x = a ? b: ignore:c", 0);
        check_neutral("a.tf", "atrivy:ignore:A", "atrivy: ignore:A", 0);
        check_neutral(
                "a.tf", "x = { trivy: true, y = \"trivy:\" }", "x = { trivy: true, y = \"trivy:\" }", 0);
}

static void test_places(void) {
        static const char text[] = "\n#trivy:ignore:A\n\nresource {} # trivy:ignore:B trivy:ignore:C\xff\n";
        static const char nul[] = "\0#\n trivy:ignore:\0D";
        Findings findings = {};
        Buffer out = {};

        check_int(ignore_marks_neutralize("a.tf", text, strlen(text), &findings, &out), 0);
        check_int(findings.n_marks, 3);
        check_string(findings.marks[0].file, "a.tf");
        check_int(findings.marks[0].line, 2);
        check_string(findings.marks[0].text, "trivy:ignore:A");
        check_int(findings.marks[1].line, 4);
        check_string(findings.marks[1].text, "trivy:ignore:B");
        check_int(findings.marks[2].line, 4);
        check_string(findings.marks[2].text, "trivy:ignore:C?");
        out.size = 0;
        check_int(ignore_marks_neutralize("b.tf", nul, sizeof(nul) - 1, &findings, &out), 0);
        check_int(out.size, sizeof(nul));
        check_int(findings.n_marks, 4);
        check_int(findings.marks[3].line, 2);
        buffer_clear(&out);
        findings_clear(&findings);
}

/* Beyond what is remembered they have no effect either. */
static void test_many(void) {
        Findings findings = {};
        Buffer text = {}, out = {};

        for (int i = 0; i < FINDING_MARKS_MAX + 10; i++)
                check_int(buffer_append(&text, "#trivy:ignore:A\n", 16), 0);
        check_int(ignore_marks_neutralize("a.tf", text.data, text.size, &findings, &out), 0);
        check_int(findings.n_marks, FINDING_MARKS_MAX);
        check(!strstr(out.data, ":ignore:"));
        buffer_clear(&text);
        buffer_clear(&out);
        findings_clear(&findings);
}

static void test_cover(void) {
        static const char text[] = "#trivy:ignore:AVD-AWS-0086\n"             /* 1 */
                                   "#tfsec:ignore:aws-s3-specify-public\n"    /* 2 */
                                   "resource {}\n"                            /* 3 */
                                   "x = 1 #trivy:ignore:AWS-0107[a=b]:ws:c\n" /* 4 */
                                   "#trivy:ignore:*\n";                       /* 5 */
        Findings findings = {};
        Buffer out = {};

        check_int(ignore_marks_neutralize("a.tf", text, strlen(text), &findings, &out), 0);
        check_int(findings.n_marks, 4);
        check(ignore_marks_cover(&findings, "a.tf", 3, "AVD-AWS-0086"));
        check(ignore_marks_cover(&findings, "a.tf", 3, "AWS-0086"));
        check(ignore_marks_cover(&findings, "a.tf", 1, "AWS-0086"));
        check(ignore_marks_cover(&findings, "a.tf", 3, "AWS-0001")); /* by a name */
        check(!ignore_marks_cover(&findings, "b.tf", 3, "AWS-0001"));
        check(!ignore_marks_cover(&findings, "a.tf", 1, "AWS-0001"));
        check(ignore_marks_cover(&findings, "a.tf", 4, "AVD-AWS-0107"));
        check(!ignore_marks_cover(&findings, "a.tf", 4, "AVD-AWS-0108"));
        check(ignore_marks_cover(&findings, "a.tf", 6, "AVD-AWS-0108"));
        check(!ignore_marks_cover(&findings, "a.tf", 7, "AVD-AWS-0108"));
        buffer_clear(&out);
        findings_clear(&findings);
}

int main(void) {
        test_forms();
        test_places();
        test_many();
        test_cover();
        return EXIT_SUCCESS;
}
