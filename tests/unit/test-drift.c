#include "job/drift.h"

#include "base/log.h"
#include "test.h"

/* What is news, and until when. */
static void test_news(void) {
        Package package = { .name = (char *) "hashicorp/null" };
        Drift drift = { .package = &package };
        RecordVersion *version;

        check_int(record_version_new("1.0.0", &version), 0);
        check_int(drift_forget(&drift, version, DRIFT_SUMS), 0);
        check_int(drift_note(&drift, version, DRIFT_SUMS, "other"), 1);
        check_int(drift_note(&drift, version, DRIFT_SUMS, "other"), 0);
        check_int(drift.n_news, 1);
        drift_tell(&drift);
        check_int(drift.n_news, 0);
        check_int(drift_note(&drift, version, DRIFT_SUMS, "other"), 0);
        check_int(drift_note(&drift, version, DRIFT_SUMS, "yet another"), 1);
        check_int(drift_forget(&drift, version, DRIFT_SUMS), 1);
        check_int(drift_forget(&drift, version, DRIFT_SUMS), 0);
        check_int(drift.n_news, 2);
        drift_discard(&drift);
        check(drift.n_news == 0 && !drift.news);
        record_version_free(version);
}

static void test_commits(void) {
        Package package = { .name = (char *) "platform/vpc/aws" };
        Drift drift = { .package = &package };
        Release release = { .tag = (char *) "v1.0.0", .commit = (char *) "b" };
        RecordVersion *version;

        check_int(record_version_new("1.0.0", &version), 0);
        /* What is not known cannot differ. */
        check_int(drift_compare_commit(&drift, version, &release), 0);
        check_int(string_assign(&version->commit, "a"), 0);
        check_int(drift_compare_commit(&drift, version, NULL), 0);
        check_int(drift_compare_commit(&drift, version, &(Release) {}), 0);
        check_int(drift_compare_commit(&drift, version, &release), 1);
        check_string(
                record_version_find_drift(version, DRIFT_COMMIT)->detail, "tag v1.0.0 is commit b, was a");
        release.commit = (char *) "a";
        check_int(drift_compare_commit(&drift, version, &release), 1);
        check(!record_version_find_drift(version, DRIFT_COMMIT));
        /* That it has moved is known by its time already. */
        check_int(drift_note(&drift, version, DRIFT_TAG, "released anew"), 1);
        release.commit = (char *) "b";
        check_int(drift_compare_commit(&drift, version, &release), 0);
        drift_discard(&drift);
        record_version_free(version);
}

int main(void) {
        log_set_max_level(LOG_CRIT);
        test_news();
        test_commits();
        return EXIT_SUCCESS;
}
