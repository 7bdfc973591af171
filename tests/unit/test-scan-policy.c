#include "scan/policy.h"

#include "base/clock.h"
#include "base/list.h"
#include "test.h"

#define NOW (1800000000 * USEC_PER_SEC)
#define PACKAGE "hashicorp/aws"

static SevereFinding critical = { SEVERITY_CRITICAL, true, (char *) "CVE-1", (char *) "p_v1.0.0",
        (char *) "golang.org/x/crypto" },
                     unfixed = { SEVERITY_CRITICAL, false, (char *) "CVE-2", (char *) "p_v1.0.0",
                             (char *) "stdlib" },
                     high = { SEVERITY_HIGH, true, (char *) "CVE-3", (char *) "p_v1.0.0",
                             (char *) "stdlib" },
                     open_group = { SEVERITY_CRITICAL, false, (char *) "AVD-AWS-0107", (char *) "main.tf" },
                     example = { SEVERITY_CRITICAL, false, (char *) "AVD-AWS-0107",
                             (char *) "examples/complete/main.tf" },
                     nested = { SEVERITY_CRITICAL, false, (char *) "AVD-AWS-0107",
                             (char *) "modules/examples/main.tf" };

static void check_stand(const ScanPolicy *policy, const SevereFinding *finding, const char *expected) {
        check_string(finding_standing_to_string(scan_policy_stand(policy, PACKAGE, finding, NOW, NULL)),
                expected);
}

static void test_severities(void) {
        ScanPolicy policy = {};

        check_stand(&policy, &critical, "blocks");
        check_stand(&policy, &unfixed, "blocks");
        check_stand(&policy, &high, "minor");
        policy.block_on_high = CHOICE_YES;
        policy.block_on_critical = CHOICE_NO;
        check_stand(&policy, &critical, "minor");
        check_stand(&policy, &high, "blocks");
        policy = (ScanPolicy) { .ignore_unfixed = CHOICE_YES };
        check_stand(&policy, &unfixed, "unfixed");
        check_stand(&policy, &critical, "blocks");
        check_stand(&policy, &open_group, "blocks"); /* there is no such thing as a fixed version */
}

static void test_paths(void) {
        char *patterns[] = { (char *) "modules/*", NULL };
        ScanPolicy policy = {}, other = { .has_paths = true, .non_blocking_paths = patterns },
                   none = { .has_paths = true };
        SevereFinding tests = { SEVERITY_CRITICAL, false, (char *) "a", (char *) "tests/a/b.tf" },
                      lookalike = { SEVERITY_CRITICAL, false, (char *) "a", (char *) "examples.tf" },
                      component = { SEVERITY_CRITICAL, true, (char *) "a", (char *) "examples/x",
                              (char *) "stdlib" };

        check_stand(&policy, &open_group, "blocks");
        check_stand(&policy, &example, "apart");
        check_stand(&policy, &tests, "apart");
        check_stand(&policy, &nested, "blocks");
        check_stand(&policy, &lookalike, "blocks");
        check_stand(&policy, &component, "blocks");
        check_stand(&other, &example, "blocks");
        check_stand(&other, &nested, "apart");
        check_stand(&none, &example, "blocks");
}

static void test_waivers(void) {
        ScanWaiver waivers[] = {
                { (char *) "cve-1", NULL, NULL, NOW + 5, (char *) "r" },
                { (char *) "CVE-1", NULL, NULL, NOW + 9, (char *) "r" },
                { (char *) "CVE-2", NULL, NULL, NOW, (char *) "r" },
                { (char *) "AWS-0107", NULL, NULL, USEC_INFINITY, (char *) "r" },
                { (char *) "CVE-3", (char *) "hashicorp/google", NULL, USEC_INFINITY, (char *) "r" },
        };
        ScanPolicy policy = { .waivers = waivers, .n_waivers = 5, .block_on_high = CHOICE_YES };
        uint64_t until;

        check_int(scan_policy_stand(&policy, PACKAGE, &critical, NOW, &until), FINDING_WAIVED);
        check_int(until, NOW + 9);
        check_int(scan_policy_stand(&policy, PACKAGE, &critical, NOW + 9, &until), FINDING_BLOCKS);
        check_int(until, USEC_INFINITY);
        check_stand(&policy, &unfixed, "blocks"); /* over just now */
        check_stand(&policy, &open_group, "waived");
        check_stand(&policy, &high, "blocks");
        waivers[4].package = (char *) PACKAGE;
        check_stand(&policy, &high, "waived");
        waivers[4].component = (char *) "golang.org/x/net";
        check_stand(&policy, &high, "blocks");
        waivers[4].component = (char *) "stdlib";
        check_stand(&policy, &high, "waived");
}

static void test_verdict(void) {
        SevereFinding many[] = { critical, unfixed, open_group, example, high };
        ScanWaiver waivers[] = { { (char *) "CVE-2", NULL, NULL, NOW + 7, (char *) "r" } };
        ScanPolicy policy = { .waivers = waivers, .n_waivers = 1 };
        ScanSummary first = { .severe = many, .n_severe = ELEMENTSOF(many) },
                    second = { .severe = many, .n_severe = 1 };
        const ScanSummary *summaries[] = { &first, &second };
        ScanVerdict verdict;

        check_int(scan_policy_judge(&policy, PACKAGE, summaries, 2, NOW, &verdict), 0);
        check_string(
                verdict.reason, "CVE-1 (critical, golang.org/x/crypto), AVD-AWS-0107 (critical, main.tf)");
        check_int(verdict.counts[FINDING_BLOCKS], 3);
        check_int(verdict.counts[FINDING_WAIVED], 1);
        check_int(verdict.counts[FINDING_APART], 1);
        check_int(verdict.counts[FINDING_MINOR], 1);
        check_int(verdict.until_usec, NOW + 7);
        scan_verdict_clear(&verdict);

        /* What is only counted blocks too. */
        first.n_more[SEVERITY_CRITICAL] = 4;
        first.n_more[SEVERITY_HIGH] = 100;
        check_int(scan_policy_judge(&policy, PACKAGE, summaries, 1, NOW, &verdict), 0);
        check_string(verdict.reason,
                "CVE-1 (critical, golang.org/x/crypto), AVD-AWS-0107 (critical, main.tf) and 4 more");
        scan_verdict_clear(&verdict);
        first.n_severe = 0;
        check_int(scan_policy_judge(&policy, PACKAGE, summaries, 1, NOW, &verdict), 0);
        check_string(verdict.reason, "4 findings, too many to be listed");
        scan_verdict_clear(&verdict);

        policy.block_on_critical = CHOICE_NO;
        check_int(scan_policy_judge(&policy, PACKAGE, summaries, 2, NOW, &verdict), 0);
        check_string(verdict.reason, NULL);
        check_int(verdict.until_usec, USEC_INFINITY);
        check_int(scan_policy_judge(&policy, PACKAGE, NULL, 0, NOW, &verdict), 0);
        check_string(verdict.reason, NULL);
}

static void test_inheritance(void) {
        ScanWaiver waiver = { (char *) "CVE-1", (char *) "p", (char *) "c", 7, (char *) "r" };
        char *patterns[] = { (char *) "x/*", NULL };
        ScanPolicy host = { .modules = CHOICE_YES,
                .providers = CHOICE_NO,
                .block_on_high = CHOICE_YES,
                .on_scanner_error = SCANNER_ERROR_ALLOW,
                .waivers = &waiver,
                .n_waivers = 1,
                .has_paths = true,
                .non_blocking_paths = patterns },
                   depot = { .block_on_high = CHOICE_NO, .waivers = &waiver, .n_waivers = 1 }, entry = {};

        check_int(scan_policy_copy(&depot, &entry), 0);
        check_int(scan_policy_inherit(&entry, &host), 0);
        check_int(entry.block_on_high, CHOICE_NO);
        check_int(entry.on_scanner_error, SCANNER_ERROR_ALLOW);
        check_int(entry.n_waivers, 2);
        check_string(entry.waivers[1].component, "c");
        check(entry.waivers[1].id != waiver.id);
        check(entry.has_paths && strings_equal(entry.non_blocking_paths, patterns));
        check(scan_policy_wants(&entry, PACKAGE_MODULE) && !scan_policy_wants(&entry, PACKAGE_PROVIDER));
        scan_policy_clear(&entry);
        check(!scan_policy_wants(&entry, PACKAGE_MODULE));
}

int main(void) {
        test_severities();
        test_paths();
        test_waivers();
        test_verdict();
        test_inheritance();
        return EXIT_SUCCESS;
}
