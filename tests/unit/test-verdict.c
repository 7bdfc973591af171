#include "job/verdict.h"

#include "base/clock.h"
#include "config/settings.h"
#include "test.h"

static Settings *settings;
static DepotEntry entries[2];
static Depot depot = { .n_ref = 1 };
static PackageWant wants[2];
static Package package = { .kind = PACKAGE_PROVIDER, .name = (char *) "hashicorp/weak", .wants = wants };

/* Who wants the package, and whether they have it scanned. */
static void want(size_t n, Choice first, Choice second) {
        for (size_t i = 0; i < ELEMENTSOF(wants); i++) {
                entries[i] = (DepotEntry) { .kind = PACKAGE_PROVIDER,
                        .scanning.providers = i == 0 ? first : second };
                wants[i] = (PackageWant) { .depot = &depot, .entry = &entries[i] };
        }
        package.n_wants = n;
}

static RecordVersion *new_version(void) {
        RecordVersion *version = NULL;
        RecordArtifact artifact = { .size = 1 };

        check_int(record_version_new("1.0.0", &version), 0);
        check_int(string_assign(&artifact.file, "weak.zip"), 0);
        check_int(record_version_put_artifact(version, &artifact), 0);
        return version;
}

static void find(RecordVersion *version, const char *id) {
        SevereFinding severe = {
                .severity = SEVERITY_CRITICAL, .id = (char *) id, .target = (char *) "weak"
        };
        ScanSummary summary = { .severe = &severe, .n_severe = id != NULL };

        summary.counts[SEVERITY_CRITICAL] = id != NULL;
        record_scan_free(version->artifacts[0].scan);
        check_int(record_scan_new(&summary, &version->artifacts[0].scan), 0);
}

/* `part`: of the reason; NULL: it may be seen. */
static uint64_t check_verdict(
        RecordVersion *version, bool is_new, const char *problem, const char *part, bool changes) {
        _cleanup_(judge_freep) Judge *judge = NULL;
        Verdict verdict;

        check_int(judge_new(&package, settings, &judge), 0);
        check_int(judge_version(judge, version, is_new, problem, &verdict), 0);
        check(!verdict.reason == !part);
        if (part && !strstr(verdict.reason, part))
                check_string(verdict.reason, part);
        check_int(verdict.changes, changes);
        check_int(verdict_apply(&verdict, version), 0);
        check_int(version->state, part ? VERSION_HELD : VERSION_PUBLISHED);
        check_int(version->quarantined, part != NULL);
        free(verdict.reason);
        return verdict.until_usec;
}

static void test_wanted(void) {
        _cleanup_(record_version_freep) RecordVersion *version = new_version();

        want(1, CHOICE_UNSAID, CHOICE_UNSAID);
        check(!verdict_wants_scan(&package, settings));
        check_verdict(version, true, NULL, NULL, false);
        settings->scanning.providers = CHOICE_YES;
        check(verdict_wants_scan(&package, settings));
        /* What is published already is not taken away before it was scanned; what is new waits. */
        check_verdict(version, false, NULL, NULL, false);
        check_verdict(version, true, NULL, "not scanned yet", true);
        check_verdict(version, false, "there is no database", "not scanned yet: there is no database", true);
        check_verdict(
                version, false, "there is no database", "not scanned yet: there is no database", false);
        want(1, CHOICE_NO, CHOICE_UNSAID);
        check(!verdict_wants_scan(&package, settings));
        check_verdict(version, false, NULL, NULL, true);
        /* One of several who want it is enough. */
        want(2, CHOICE_NO, CHOICE_YES);
        check(verdict_wants_scan(&package, settings));
        check_verdict(version, true, NULL, "not scanned yet", true);
        settings->scanning.providers = CHOICE_UNSAID;
        want(0, CHOICE_UNSAID, CHOICE_UNSAID);
        check_verdict(version, false, NULL, NULL, true);
}

static void test_found(void) {
        _cleanup_(record_version_freep) RecordVersion *version = new_version();
        uint64_t soon = clock_realtime_usec() + USEC_PER_DAY;
        ScanWaiver waiver = {
                .id = (char *) "CVE-2026-1", .until_usec = soon, .reason = (char *) "not reached"
        };

        want(2, CHOICE_YES, CHOICE_NO);
        find(version, NULL);
        check_int(check_verdict(version, true, NULL, NULL, false), USEC_INFINITY);
        find(version, "CVE-2026-1");
        check_verdict(version, false, NULL, "CVE-2026-1", true);

        /* As long as the waiver holds. */
        entries[0].scanning.waivers = &waiver;
        entries[0].scanning.n_waivers = 1;
        check_int(check_verdict(version, false, NULL, NULL, true), soon);
        /* The other one waives nothing. */
        entries[1].scanning.providers = CHOICE_YES;
        check_verdict(version, false, NULL, "CVE-2026-1", true);
        entries[1].scanning.block_on_critical = CHOICE_NO;
        check_int(check_verdict(version, false, NULL, NULL, true), soon);
        waiver.until_usec = 1;
        check_verdict(version, false, NULL, "CVE-2026-1", true);
}

/* A scanner that failed is not a pass, unless the policy says so. */
static void test_failed(void) {
        _cleanup_(record_version_freep) RecordVersion *version = new_version();

        want(1, CHOICE_YES, CHOICE_UNSAID);
        check_int(record_scan_new_failed("the executable is packed", 1, &version->artifacts[0].scan), 0);
        check_verdict(version, true, NULL, "not assessable: the executable is packed", true);
        entries[0].scanning.on_scanner_error = SCANNER_ERROR_ALLOW;
        check_verdict(version, false, NULL, NULL, true);
        /* Nor is one that was not there. */
        version->artifacts[0].scan = record_scan_free(version->artifacts[0].scan);
        check_verdict(version, true, "there is no scanner", NULL, false);
        check_verdict(version, true, NULL, "not scanned yet", true);
}

int main(void) {
        check_int(settings_new(&settings), 0);
        test_wanted();
        test_found();
        test_failed();
        settings_free(settings);
        return 0;
}
