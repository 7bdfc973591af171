#include "scan/report.h"

#include "fixtures.h"
#include "text-source.h"

static int read_text(const char *text, size_t size, SbomWriter *sbom, ScanReport *report, char **ret_error) {
        const JsonStreamLimits limits = { .size_max = 16 * MIB, .element_max = SCAN_REPORT_ELEMENT_MAX };
        _cleanup_(json_stream_freep) JsonStream *stream = NULL;
        Source source = { text, size };

        check_int(json_stream_new(read_source, &source, &limits, &stream), 0);
        return scan_report_read(stream, sbom, report, ret_error);
}

static ScanReport read_good(const char *text) {
        _cleanup_free_ char *error = NULL;
        ScanReport report = {};
        int r = read_text(text, strlen(text), NULL, &report, &error);

        check_string(error, NULL);
        check_int(r, 0);
        return report;
}

static void check_bad(const char *text, int result, const char *expected) {
        ScanReport report = {};
        char *error = NULL;

        check_int(read_text(text, strlen(text), NULL, &report, &error), result);
        check_message(error, expected);
        scan_report_clear(&report);
}

#define REPORT(results) "{\"SchemaVersion\":2,\"Results\":[" results "]}"
#define BINARY(members) REPORT("{\"Target\":\"p\",\"Type\":\"gobinary\"," members "}")

static void test_malformed(void) {
        check_bad("", -EBADMSG, "truncated at byte 0");
        check_bad("[]", -EBADMSG, "not an object");
        check_bad("{}", -EBADMSG, "SchemaVersion is missing");
        check_bad("{\"SchemaVersion\":1}", -EBADMSG, "report.SchemaVersion: expected 2");
        check_bad("{\"SchemaVersion\":2}x", -EBADMSG, "text after the document at byte 19");
        check_bad("{\"SchemaVersion\":2,\"Results\":{}}", -EBADMSG, "Results is not an array");
        check_bad(REPORT("1"), -EBADMSG, "a result is not an object");
        check_bad(REPORT("{}"), -EBADMSG, "a result has no target");
        check_bad(BINARY("\"Packages\":[{}]"), -EBADMSG, "package.Name: missing");
        check_bad(BINARY("\"Vulnerabilities\":{}"), -EBADMSG, "a list of a result is none");
        check_bad(BINARY("\"Vulnerabilities\":[{\"PkgName\":\"a\"}]"), -EBADMSG,
                "vulnerability.VulnerabilityID: missing");
        check_bad(BINARY("\"Vulnerabilities\":[{\"VulnerabilityID\":\"a\",\"PkgName\":\"b\","
                         "\"Severity\":\"GRAVE\"}]"),
                -EBADMSG, "vulnerability.Severity: \"GRAVE\" is not known");
        check_bad(BINARY("\"Misconfigurations\":[{\"ID\":\" \\n\"}]"), -EBADMSG,
                "misconfiguration.ID: is empty");
        check_bad(BINARY("\"Vulnerabilities\":[{\"VulnerabilityID\":\"a\",\"PkgName\":\"b"), -EBADMSG,
                "truncated at byte 119");
}

/* The shape of the report does not matter, its text does. */
static void test_hostile_text(void) {
        ScanReport report = read_good(
                REPORT("{\"Misconfigurations\":[{\"ID\":\"\\u001b[31mX\\u0007\",\"Severity\":\"HIGH\","
                       "\"Title\":\"two\\n\\n lines\\t\",\"Message\":\"\\u009b\xc3\xa4\",\"Unknown\":[1]},"
                       "{\"ID\":\"Y\",\"Status\":\"PASS\"}],\"Target\":\"a\\u0085b\"},"
                       "{\"Target\":\"t\",\"Misconfigurations\":null,\"Packages\":null,\"Type\":null}"));

        check_int(report.findings.n_findings, 1);
        check_string(report.findings.findings[0].id, "?[31mX?");
        check_string(report.findings.findings[0].title, "two lines");
        check_string(report.findings.findings[0].message, "??\xc3\xa4");
        check_string(report.findings.findings[0].target, "a??b");
        check_int(report.n_targets, 2);
        scan_report_clear(&report);
}

static void test_bounds(void) {
        _cleanup_free_ char *text = NULL, *large = NULL, *many = NULL, *long_id = NULL;
        ScanReport report;

        text = repeat("{\"SchemaVersion\":2,\"Results\":[{\"Target\":\"p\",\"Vulnerabilities\":[{"
                      "\"VulnerabilityID\":\"a\",\"PkgName\":\"b\",\"Title\":\"",
                "\xc3\xa4", 1000, "\"}]}]}");
        report = read_good(text);
        check_int(strlen(report.findings.findings[0].title), FINDING_TEXT_MAX - 1);
        check(endswith(report.findings.findings[0].title, "\xc3\xa4\xe2\x80\xa6"));
        scan_report_clear(&report);

        long_id = repeat("{\"SchemaVersion\":2,\"Results\":[{\"Target\":\"p\",\"Vulnerabilities\":[{"
                         "\"PkgName\":\"b\",\"VulnerabilityID\":\"",
                "a", 513, "\"}]}]}");
        check_bad(long_id, -EBADMSG, "vulnerability.VulnerabilityID: is longer than 512 bytes");
        large = repeat("{\"SchemaVersion\":2,\"Results\":[{\"Target\":\"p\",\"Vulnerabilities\":[{"
                       "\"PkgName\":\"b\",\"VulnerabilityID\":\"",
                "a", MIB, "\"}]}]}");
        check_bad(large, -EFBIG, "a value of more than 1048576 bytes");
        many = repeat("{\"SchemaVersion\":2,\"Results\":[{\"Target\":\"p\",\"Vulnerabilities\":[",
                "{\"VulnerabilityID\":\"a\",\"PkgName\":\"b\"},", FINDINGS_MAX + 1,
                "{\"VulnerabilityID\":\"a\",\"PkgName\":\"b\"}]}]}");
        check_bad(many, -EFBIG, "more than 10000 findings");
}

static void test_proof(void) {
        ScanReport none = read_good("{\"SchemaVersion\":2}"), empty = read_good(BINARY("\"Packages\":[]")),
                   good = read_good(BINARY("\"Packages\":[{\"Name\":\"a\"}]")),
                   module = read_good(REPORT("{\"Target\":\".\",\"Type\":\"terraform\","
                                             "\"MisconfSummary\":{\"Successes\":1,\"Failures\":0}}"));

        check(!scan_report_saw_binary(&none, "p") && !scan_report_saw_module(&none));
        check(!scan_report_saw_binary(&empty, "p"));
        check(scan_report_saw_binary(&good, "p") && !scan_report_saw_binary(&good, "q"));
        check(!scan_report_saw_source(&good) && !scan_report_saw_module(&good));
        check(scan_report_saw_module(&module));
        scan_report_clear(&none);
        scan_report_clear(&empty);
        scan_report_clear(&good);
        scan_report_clear(&module);
}

static void test_marks(void) {
        static const char text[] =
                REPORT("{\"Target\":\"a.tf\",\"Misconfigurations\":["
                       "{\"ID\":\"A-0001\",\"CauseMetadata\":{\"StartLine\":4}},"
                       "{\"ID\":\"A-0001\",\"CauseMetadata\":{\"StartLine\":5}},"
                       "{\"ID\":\"A-0001\",\"CauseMetadata\":{\"StartLine\":9,\"Occurrences\":["
                       "{\"Filename\":\"b.tf\",\"Location\":{\"StartLine\":1}},"
                       "{\"Filename\":\"a.tf\",\"Location\":{\"StartLine\":4}}]}}]}");
        _cleanup_free_ char *error = NULL;
        ScanReport report = {};

        check_int(findings_add_mark(&report.findings, "a.tf", 3, "trivy:ignore:A-0001"), 0);
        check_int(read_text(text, strlen(text), NULL, &report, &error), 0);
        check(report.findings.findings[0].marked && !report.findings.findings[1].marked &&
                report.findings.findings[2].marked);
        scan_report_clear(&report);
}

static void test_take(void) {
        ScanReport report = read_good(REPORT(
                "{\"Target\":\"0\",\"Vulnerabilities\":[{\"VulnerabilityID\":\"a\",\"PkgName\":\"x\"}]},"
                "{\"Target\":\"1\",\"Vulnerabilities\":[{\"VulnerabilityID\":\"b\",\"PkgName\":\"x\"},"
                "{\"VulnerabilityID\":\"c\",\"PkgName\":\"x\"}]}"));
        Findings findings = {};

        check_int(scan_report_take(&report, 1, "name", &findings), 0);
        check_int(scan_report_take(&report, 1, "name", &findings), 0);
        check_int(findings.n_findings, 2);
        check_string(findings.findings[0].id, "b");
        check_string(findings.findings[1].target, "name");
        findings_clear(&findings);
        scan_report_clear(&report);
}

/* Reads a recorded report. */
static ScanReport read_recorded(const char *name) {
        char path[256];
        _cleanup_free_ char *data = NULL, *error = NULL;
        ScanReport report = {};
        size_t size;

        (void) snprintf(path, sizeof(path), "trivy/%s", name);
        data = read_fixture(path, &size);
        if (read_text(data, size, NULL, &report, &error) < 0)
                (void) fprintf(stderr, "%s\n", name);
        check_string(error, NULL);
        return report;
}

static void check_recorded(const char *name, size_t n_targets, size_t n_vulnerabilities,
        size_t n_misconfigurations, const char *scanner) {
        ScanReport report = read_recorded(name);
        size_t counts[_FINDING_KIND_MAX] = {};

        check_int(report.n_targets, n_targets);
        check_string(report.scanner, scanner);
        for (size_t i = 0; i < report.findings.n_findings; i++) {
                const Finding *finding = &report.findings.findings[i];

                counts[finding->kind]++;
                check(!isempty(finding->id) && !isempty(finding->target));
                check(finding->kind == FINDING_VULNERABILITY ? !isempty(finding->installed)
                                                             : finding->start_line > 0);
        }
        check_int(counts[FINDING_VULNERABILITY], n_vulnerabilities);
        check_int(counts[FINDING_MISCONFIGURATION], n_misconfigurations);
        scan_report_clear(&report);
}

static void test_recorded(void) {
        ScanReport report;
        const Finding *finding;

        check_recorded("recorded/fs-gomod.json", 1, 1, 0, NULL);
        check_recorded("recorded/fs-misconfig.json", 2, 0, 12, NULL);
        check_recorded("recorded/rootfs-gobinary.json", 1, 1, 0, NULL);
        check_recorded("recorded/rootfs-no-x-bit.json", 0, 0, 0, NULL);
        check_recorded("recorded/sbom.json", 1, 1, 0, NULL);
        check_recorded("gomod-skip.json.golden", 2, 4, 0, "dev");
        check_recorded("gomod-vex.json.golden", 3, 4, 0, "dev");
        check_recorded("gomod.json.golden", 3, 5, 0, "dev");
        check_recorded("terraform-exclude-misconfs-remote-module.json.golden", 2, 0, 0, "dev");
        check_recorded("terraform-opentofu-registry.json.golden", 2, 0, 3, "dev");
        check_recorded("terraform-remote-module-in-child.json.golden", 2, 0, 3, "dev");
        check_recorded("terraform-remote-module.json.golden", 2, 0, 3, "dev");
        check_recorded("terraform-remote-submodule.json.golden", 2, 0, 2, "dev");
        check_recorded("terraform-terraform-registry.json.golden", 2, 0, 3, "dev");
        check_recorded("defectdojo-issue_14136-terraform-fs.json", 1, 0, 1, NULL);
        check_recorded("gobinary.excerpt.json", 1, 3, 0, NULL);

        report = read_recorded("recorded/rootfs-gobinary.json");
        check(scan_report_saw_binary(&report, "terraform-provider-weak_v1.0.0"));
        check(!scan_report_saw_source(&report));
        finding = &report.findings.findings[0];
        check_string(finding->id, "CVE-2024-45337");
        check_int(finding->severity, SEVERITY_CRITICAL);
        check_string(finding->component, "golang.org/x/crypto");
        check_string(finding->installed, "v0.30.0");
        check_string(finding->fixed, "0.31.0");
        check_string(finding->status, "fixed");
        check_string(finding->target, "terraform-provider-weak_v1.0.0");
        check(report.created_usec > 0);
        scan_report_clear(&report);

        report = read_recorded("recorded/rootfs-no-x-bit.json");
        check(!scan_report_saw_binary(&report, "terraform-provider-weak_v1.0.0"));
        scan_report_clear(&report);
        report = read_recorded("recorded/fs-gomod.json");
        check(scan_report_saw_source(&report));
        scan_report_clear(&report);
        report = read_recorded("recorded/fs-misconfig.json");
        check(scan_report_saw_module(&report));
        check_int(report.findings.findings[0].start_line, 10);
        check_string(report.findings.findings[0].resource, "aws_s3_bucket.b");
        scan_report_clear(&report);
}

int main(void) {
        test_malformed();
        test_hostile_text();
        test_bounds();
        test_proof();
        test_marks();
        test_take();
        test_recorded();
        return EXIT_SUCCESS;
}
