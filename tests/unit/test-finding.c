#include "model/finding.h"

#include "base/clock.h"
#include "fixtures.h"

static char *copy(const char *text) {
        char *result = text ? strdup(text) : NULL;

        check(result || !text);
        return result;
}

static void add(Findings *findings, Severity severity, const char *id, const char *component,
        const char *fixed, const char *target, uint32_t line) {
        Finding finding = {
                .kind = component ? FINDING_VULNERABILITY : FINDING_MISCONFIGURATION,
                .severity = severity,
                .id = copy(id),
                .target = copy(target),
                .component = copy(component),
                .fixed = copy(fixed),
                .start_line = line,
        };

        check_int(findings_add(findings, &finding), 0);
        check(!finding.id);
}

static Findings make_findings(void) {
        Findings findings = { .origin = { SCAN_MODULE, copy("0.68.2"), 0, 1700000000 * USEC_PER_SEC } };

        add(&findings, SEVERITY_LOW, "AVD-AWS-0001", NULL, NULL, "a.tf", 3);
        add(&findings, SEVERITY_HIGH, "AVD-AWS-0002", NULL, NULL, "b.tf", 9);
        add(&findings, SEVERITY_HIGH, "AVD-AWS-0002", NULL, NULL, "b.tf", 2);
        add(&findings, SEVERITY_CRITICAL, "CVE-1", "golang.org/x/crypto", "0.31.0", "p", 0);
        findings.findings[0].marked = true;
        findings.findings[0].message = copy("said \xc3\xa4");
        check_int(findings_add_mark(&findings, "a.tf", 2, "trivy:ignore:*"), 0);
        return findings;
}

static char *to_text(json_object *object) {
        char *text = json_format(object, false);

        check(object && text);
        json_unref(object);
        return text;
}

static void test_document(void) {
        Findings findings = make_findings(), again = {};
        _cleanup_free_ char *text = NULL, *text_again = NULL;

        findings_sort(&findings);
        check_string(findings.findings[0].id, "CVE-1");
        check_int(findings.findings[1].start_line, 2);
        check_int(findings.findings[2].start_line, 9);
        check_int(findings.findings[3].severity, SEVERITY_LOW);

        text = to_text(findings_to_json(&findings));
        check(strstr(text, "\"scannedAt\":\"2023-11-14T22:13:20Z\"") && !strstr(text, "database"));
        check_int(findings_parse(text, strlen(text), &again, NULL), 0);
        text_again = to_text(findings_to_json(&again));
        check_string(text, text_again);
        check_int(again.n_findings, 4);
        check(again.findings[3].marked);
        check_int(again.n_marks, 1);
        findings_clear(&findings);
        findings_clear(&again);
}

static void test_refused(void) {
#define HEAD "{\"format\":1,\"subject\":\"binary\",\"findings\":["
        static const char *const bad[] = {
                "[]",
                "{\"format\":2,\"subject\":\"binary\",\"findings\":[]}",
                "{\"format\":1,\"subject\":\"bin\",\"findings\":[]}",
                "{\"format\":1,\"subject\":\"binary\"}",
                HEAD "1]}",
                HEAD "{\"kind\":\"x\",\"severity\":\"low\",\"id\":\"a\",\"target\":\"t\"}]}",
                HEAD
                "{\"kind\":\"misconfiguration\",\"severity\":\"grave\",\"id\":\"a\",\"target\":\"t\"}]}",
                HEAD "{\"kind\":\"misconfiguration\",\"severity\":\"low\",\"id\":\"\",\"target\":\"t\"}]}",
                HEAD "{\"kind\":\"misconfiguration\",\"severity\":\"low\",\"id\":\"a\\u001b\",\"target\":"
                     "\"t\"}]}",
                HEAD "{\"kind\":\"vulnerability\",\"severity\":\"low\",\"id\":\"a\",\"target\":\"t\"}]}",
                HEAD "],\"marks\":[{\"file\":\"a\"}]}",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_free_ char *error = NULL;
                Findings findings = { .n_findings = 77 };

                check_int(findings_parse(bad[i], strlen(bad[i]), &findings, &error), -EBADMSG);
                check(error);
                check_int(findings.n_findings, 77);
        }
}

static ScanSummary parse_again(const ScanSummary *summary) {
        json_object *object = scan_summary_to_json(summary);
        _cleanup_free_ char *text = NULL, *text_again = NULL, *error = NULL;
        ScanSummary again;

        check(object);
        check_int(scan_summary_from_json(object, "scan", &again, &error), 0);
        text = to_text(object);
        text_again = to_text(scan_summary_to_json(&again));
        check_string(text, text_again);
        return again;
}

static void test_summary(void) {
        Findings findings = make_findings();
        _cleanup_free_ char *described = NULL, *nothing = NULL;
        ScanSummary summary, again, copied, empty = {};

        check_int(findings_summarize(&findings, &summary), 0);
        check_int(summary.counts[SEVERITY_HIGH], 2);
        check_int(summary.n_marked, 1);
        check_int(summary.n_severe, 2); /* the same in another line is one */
        check_string(summary.severe[0].id, "CVE-1");
        check(summary.severe[0].fixable && !summary.severe[1].fixable);

        again = parse_again(&summary);
        check_int(scan_summary_copy(&again, &copied), 0);
        scan_summary_clear(&again);
        check_string(copied.severe[1].target, "b.tf");
        check_string(copied.origin.scanner, "0.68.2");
        described = scan_summary_describe(&copied);
        check_string(described, "1 critical, 2 high, 1 low");
        nothing = scan_summary_describe(&empty);
        check_string(nothing, "nothing found");
        scan_summary_clear(&copied);
        scan_summary_clear(&summary);
        findings_clear(&findings);
}

/* Critical ones have the room, and the others are still counted. */
static void test_many(void) {
        Findings findings = { .origin.scanned_usec = USEC_PER_SEC };
        Finding one_more = {};
        ScanSummary summary, again;
        char id[32];

        for (int i = 0; i < FINDINGS_MAX; i++) {
                (void) snprintf(id, sizeof(id), "CVE-%d", i);
                add(&findings, i < FINDINGS_MAX - 10 ? SEVERITY_HIGH : SEVERITY_CRITICAL, id, "c", NULL, "t",
                        0);
        }
        check_int(findings_add(&findings, &one_more), -E2BIG);
        check_int(findings_summarize(&findings, &summary), 0);
        check_int(summary.n_severe, SUMMARY_SEVERE_MAX);
        check_int(summary.severe[9].severity, SEVERITY_CRITICAL);
        check_int(summary.severe[10].severity, SEVERITY_HIGH);
        check_int(summary.n_more[SEVERITY_HIGH], FINDINGS_MAX - SUMMARY_SEVERE_MAX);
        again = parse_again(&summary);
        scan_summary_clear(&again);
        scan_summary_clear(&summary);
        findings_clear(&findings);
}

/* What is counted and not shown would be judged by nobody. */
static void test_summary_refused(void) {
        static const char *const bad[] = {
                "{}",
                "{\"subject\":\"binary\",\"counts\":{\"critical\":1}}",
                "{\"subject\":\"binary\",\"severe\":[{\"severity\":\"high\",\"id\":\"a\",\"target\":\"t\"}]"
                "}",
                "{\"subject\":\"binary\",\"counts\":{\"low\":1},\"more\":{\"low\":1}}",
                "{\"subject\":\"binary\",\"counts\":{\"low\":1},"
                "\"severe\":[{\"severity\":\"low\",\"id\":\"a\",\"target\":\"t\"}]}",
                "{\"subject\":\"binary\",\"counts\":{\"high\":-1}}",
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                _cleanup_(json_unrefp) json_object *object = NULL;
                _cleanup_free_ char *error = NULL;
                ScanSummary summary;

                check_int(json_parse(bad[i], strlen(bad[i]), &object, NULL), 0);
                check_int(scan_summary_from_json(object, "scan", &summary, &error), -EBADMSG);
                check(error);
        }
}

int main(void) {
        test_document();
        test_refused();
        test_summary();
        test_many();
        test_summary_refused();
        return EXIT_SUCCESS;
}
