#include "plan-scenarios.h"

#define HIDES .withdrawn = WITHDRAWN_HIDE

/* A young version waits, takes no place in the history, and leaves the older ones as they are. */
static void test_age(void) {
        CHECK_PLAN(MODULE, .releases = "3.0.0@9 2.0.0@7 1.0.0@1", .day = 10, .wants = { { "d", .age = 3 } },
                .expected = "hold 3.0.0: younger than minimumReleaseAge 3d of depot d; due "
                            "1970-01-13T00:00:00Z\n"
                            "add 2.0.0: wanted by depot d\n"
                            "add 1.0.0: wanted by depot d\n");
        CHECK_PLAN(MODULE, .releases = "3.0.0@9 2.0.0@7 1.0.0@1", .record = "2.0.0 1.0.0", .day = 10,
                .wants = { { "d", NULL, 2, .age = 3 } },
                .expected = "hold 3.0.0: younger than minimumReleaseAge 3d of depot d; due "
                            "1970-01-13T00:00:00Z\n"
                            "keep 2.0.0: published\n"
                            "keep 1.0.0: published\n");
        CHECK_PLAN(MODULE, .releases = "3.0.0@9 2.0.0@8 1.0.0@1", .day = 10,
                .wants = { { "d", NULL, 1, .age = 3 } },
                .expected = "hold 3.0.0: younger than minimumReleaseAge 3d of depot d; due "
                            "1970-01-13T00:00:00Z\n"
                            "hold 2.0.0: younger than minimumReleaseAge 3d of depot d; due "
                            "1970-01-12T00:00:00Z\n"
                            "add 1.0.0: wanted by depot d\n");
        /* One that is late for its place is not spoken of. */
        CHECK_PLAN(MODULE, .releases = "3.0.0@1 2.0.0@9", .day = 10, .wants = { { "d", NULL, 1, .age = 3 } },
                .expected = "add 3.0.0: wanted by depot d\n");
        /* A clock that is behind does not make it old. */
        CHECK_PLAN(MODULE, .releases = "1.0.0@12", .day = 10, .wants = { { "d", .age = 3 } },
                .expected = "hold 1.0.0: younger than minimumReleaseAge 3d of depot d; due "
                            "1970-01-16T00:00:00Z\n");
        /* What is in the store already stays, and gets its other platforms. */
        CHECK_PLAN(MODULE, .releases = "1.0.0@9", .record = "1.0.0", .day = 10,
                .wants = { { "d", .age = 3 } }, .expected = "keep 1.0.0: published\n");
        CHECK_PLAN(PROVIDER, .releases = "1.0.0@9=linux_amd64,linux_arm64", .record = "1.0.0=linux_amd64",
                .day = 10, .wants = { { "d", .age = 3 } },
                .expected = "add 1.0.0 linux_arm64: wanted by depot d\n");
        /* Neither force nor a failure that was makes it older. */
        CHECK_PLAN(MODULE, .releases = "1.0.0@9", .day = 10, .force = true, .only = "1.0.0",
                .failures = { { "1.0.0", 0 } }, .wants = { { "d", .age = 3 } },
                .expected = "hold 1.0.0: younger than minimumReleaseAge 3d of depot d; due "
                            "1970-01-13T00:00:00Z\n");
        /* Withdrawn is withdrawn. */
        CHECK_PLAN(MODULE, .releases = "1.0.0@9!", .day = 10, .wants = { { "d", .age = 3 } },
                .expected = "withdraw 1.0.0: withdrawn upstream\n");
}

/* Where upstream does not tell, a version is as old as it is known. */
static void test_first_seen(void) {
#define FIRST_SEEN(day)                                                                                     \
        "first seen 1970-01-" day "T00:00:00Z, as upstream does not say when it was released: "
        CHECK_PLAN(MODULE, .releases = "2.0.0 1.0.0", .day = 10, .wants = { { "d", .age = 3 } },
                .expected = "hold 2.0.0: " FIRST_SEEN(
                        "11") "younger than minimumReleaseAge 3d of depot d; due "
                              "1970-01-14T00:00:00Z\n"
                              "hold 1.0.0: " FIRST_SEEN(
                                      "11") "younger than minimumReleaseAge 3d of depot d; due "
                                            "1970-01-14T00:00:00Z\n");
        CHECK_PLAN(MODULE, .releases = "3.0.0 2.0.0 1.0.0", .record = "1.0.0", .seen = "3.0.0 2.0.0",
                .seen_day = 8, .day = 10, .wants = { { "d", .age = 3 }, { "e", "2.0.0", .age = 2 } },
                .expected =
                        "hold 3.0.0: " FIRST_SEEN("09") "younger than minimumReleaseAge 3d of depot d; due "
                                                        "1970-01-12T00:00:00Z\n"
                                                        "add 2.0.0: wanted by depot e (2.0.0)\n"
                                                        "keep 1.0.0: published\n");
        /* Once it is told, that counts; and a time that has not come yet is now. */
        CHECK_PLAN(MODULE, .releases = "2.0.0@1 1.0.0", .record = "", .seen = "2.0.0 1.0.0", .seen_day = 30,
                .day = 10, .wants = { { "d", .age = 3 } },
                .expected =
                        "add 2.0.0: wanted by depot d\n"
                        "hold 1.0.0: " FIRST_SEEN("11") "younger than minimumReleaseAge 3d of depot d; due "
                                                        "1970-01-14T00:00:00Z\n");
        CHECK_PLAN(MODULE, .releases = "2.0.0 1.0.0", .day = 10, .now = true, .only = "2.0.0",
                .wants = { { "d", .age = 3 } }, .expected = "add 2.0.0: wanted by depot d\n");
        /* It takes no place in the history. */
        CHECK_PLAN(MODULE, .releases = "2.0.0 1.0.0", .record = "1.0.0", .day = 10,
                .wants = { { "d", NULL, 1, .age = 3 } },
                .expected =
                        "hold 2.0.0: " FIRST_SEEN("11") "younger than minimumReleaseAge 3d of depot d; due "
                                                        "1970-01-14T00:00:00Z\n"
                                                        "keep 1.0.0: published\n");
}

/* One version can be let in before its time, and only that. */
static void test_now(void) {
        CHECK_PLAN(MODULE, .releases = "3.0.0@9 2.0.0@9", .day = 10, .now = true, .only = "2.0.0",
                .wants = { { "d", .age = 3 } }, .expected = "add 2.0.0: wanted by depot d\n");
        CHECK_PLAN(MODULE, .releases = "3.0.0@9", .day = 10, .now = true, .wants = { { "d", .age = 3 } },
                .expected = "hold 3.0.0: younger than minimumReleaseAge 3d of depot d; due "
                            "1970-01-13T00:00:00Z\n");
        /* It is no wish. */
        CHECK_PLAN(MODULE, .releases = "3.0.0@9", .day = 10, .now = true, .only = "3.0.0",
                .wants = { { "d", "< 3", .age = 3 } }, .expected = "");
}

/* For whom it is old enough has it; else it waits for the first to have it. */
static void test_age_union(void) {
        CHECK_PLAN(MODULE, .releases = "1.0.0@9", .day = 10, .wants = { { "a", .age = 3 }, { "b" } },
                .expected = "add 1.0.0: wanted by depot b\n");
        CHECK_PLAN(MODULE, .releases = "1.0.0@9", .day = 10,
                .wants = { { "a", .age = 30 }, { "b", .age = 3 } },
                .expected = "hold 1.0.0: younger than minimumReleaseAge 3d of depot b; due "
                            "1970-01-13T00:00:00Z\n");
        CHECK_PLAN(PROVIDER, .releases = "1.0.0@9=linux_amd64,windows_amd64", .day = 10,
                .wants = { { "a", NULL, 0, "linux", .age = 3 }, { "b", NULL, 0, "windows" } },
                .expected = "add 1.0.0 windows_amd64: wanted by depot b\n");
        /* A version that has nothing for anybody does not wait either. */
        CHECK_PLAN(PROVIDER, .releases = "1.0.0@9=windows_amd64", .day = 10,
                .wants = { { "a", NULL, 0, "linux", .age = 3 } }, .expected = "");
}

static void test_prerelease_policy(void) {
        CHECK_PLAN(MODULE, .releases = "2.0.0-rc1 1.0.0 1.0.0-a",
                .wants = { { "d", .prereleases = PRERELEASES_WANTED } },
                .expected = "add 2.0.0-rc1: wanted by depot d\n"
                            "add 1.0.0: wanted by depot d\n"
                            "add 1.0.0-a: wanted by depot d\n");
        CHECK_PLAN(MODULE, .releases = "2.0.0-rc1 1.1.0-a 1.0.0 1.0.0-a",
                .wants = { { "d", ">= 1, < 2", .prereleases = PRERELEASES_WANTED } },
                .expected = "add 1.1.0-a: wanted by depot d (>= 1, < 2)\n"
                            "add 1.0.0: wanted by depot d (>= 1, < 2)\n");
        CHECK_PLAN(MODULE, .releases = "2.0.0-rc1 1.0.0", .record = "2.0.0-rc1",
                .wants = { { "d", ">= 1, != 3", .prereleases = PRERELEASES_NEVER } },
                .expected = "keep 2.0.0-rc1: published; no depot asks for it any more\n"
                            "add 1.0.0: wanted by depot d (>= 1, != 3)\n");
        /* go-version lets one in that "!=" says nothing of, which this does not. */
        CHECK_PLAN(MODULE, .releases = "2.0.0-rc1", .wants = { { "d", "!= 3" } },
                .expected = "add 2.0.0-rc1: wanted by depot d (!= 3)\n");
        CHECK_PLAN(MODULE, .releases = "2.0.0-rc1 2.0.0-rc2",
                .wants = { { "d", "!= 2.0.0-rc2", .prereleases = PRERELEASES_NEVER } }, .expected = "");
}

static void test_hidden(void) {
        CHECK_PLAN(PROVIDER, .releases = "2.0.0=linux_amd64!leaks 1.0.0=linux_amd64",
                .record = "2.0.0=linux_amd64", .wants = { { "d", HIDES } },
                .expected = "hide 2.0.0: withdrawn upstream: leaks\n"
                            "add 1.0.0 linux_amd64: wanted by depot d\n");
        CHECK_PLAN(PROVIDER, .releases = "2.0.0=linux_amd64!", .record = "2.0.0=linux_amd64~hidden",
                .wants = { { "d", HIDES } }, .expected = "withdraw 2.0.0: withdrawn upstream\n");
        CHECK_PLAN(PROVIDER, .releases = "2.0.0=linux_amd64", .record = "2.0.0=linux_amd64~hidden",
                .wants = { { "d", HIDES } }, .expected = "restore 2.0.0: no longer withdrawn upstream\n");
        /* One that keeps it is enough. */
        CHECK_PLAN(PROVIDER, .releases = "2.0.0=linux_amd64!", .record = "2.0.0=linux_amd64",
                .wants = { { "a", HIDES }, { "b", ">= 2" } },
                .expected = "keep 2.0.0: published; withdrawn upstream since\n");
        CHECK_PLAN(PROVIDER, .releases = "2.0.0=linux_amd64!", .record = "2.0.0=linux_amd64~hidden",
                .wants = { { "a", HIDES }, { "b", ">= 2" } },
                .expected = "restore 2.0.0: withdrawn upstream, and a depot keeps what is withdrawn\n");
        CHECK_PLAN(PROVIDER, .releases = "2.0.0=linux_amd64!", .record = "2.0.0=linux_amd64",
                .wants = { { "a", HIDES }, { "b", "< 2" } }, .expected = "hide 2.0.0: withdrawn upstream\n");
        /* Nobody says anything of what nobody wants; what upstream forgets is as it was. */
        CHECK_PLAN(PROVIDER, .releases = "2.0.0=linux_amd64!", .record = "2.0.0=linux_amd64",
                .expected = "keep 2.0.0: published; no depot asks for it any more\n");
        CHECK_PLAN(PROVIDER, .releases = "", .record = "2.0.0=linux_amd64~hidden",
                .expected = "withdraw 2.0.0: withdrawn upstream\n");
        CHECK_PLAN(PROVIDER, .releases = "", .record = "2.0.0=linux_amd64~hidden",
                .wants = { { "d", HIDES } }, .expected = "withdraw 2.0.0: withdrawn upstream\n");
        /* It takes no place in the history, and is none of the newer ones that let an older one go. */
        CHECK_PLAN(PROVIDER, .releases = "2.0.0=linux_amd64! 1.0.0=linux_amd64",
                .record = "2.0.0=linux_amd64~hidden 1.0.0=linux_amd64", .wants = { { "d", NULL, 1, HIDES } },
                .expected = "withdraw 2.0.0: withdrawn upstream\n"
                            "keep 1.0.0: published\n");
        CHECK_PLAN(PROVIDER, .releases = "2.0.0=linux_amd64! 1.0.0=linux_amd64",
                .record = "2.0.0=linux_amd64 1.0.0=linux_amd64", .assume_added = true,
                .wants = { { "d", NULL, 1, HIDES } },
                .expected = "hide 2.0.0: withdrawn upstream\n"
                            "keep 1.0.0: published\n");
        CHECK_PLAN(PROVIDER, .releases = "2.0.0=linux_amd64 1.0.0=linux_amd64!",
                .record = "2.0.0=linux_amd64 1.0.0=linux_amd64~hidden", .wants = { { "d", NULL, 1, HIDES } },
                .expected = "keep 2.0.0: published\n"
                            "prune 1.0.0: beyond versionHistoryLimit 1 of depot d\n");
}

/* The last version that can be installed on a platform is not removed. */
static void test_history_of_platforms(void) {
        CHECK_PLAN(PROVIDER, .releases = "2.0.0=windows_386 1.0.0=linux_amd64,windows_386",
                .record = "2.0.0=windows_386 1.0.0=linux_amd64,windows_386", .wants = { { "d", NULL, 1 } },
                .expected = "keep 2.0.0: published\n"
                            "keep 1.0.0: published; beyond versionHistoryLimit, kept until a newer version "
                            "has linux_amd64\n");
        CHECK_PLAN(PROVIDER, .releases = "2.0.0=windows_386 1.0.0=linux_amd64,windows_386",
                .record = "2.0.0=windows_386 1.0.0=linux_amd64,windows_386",
                .wants = { { "d", NULL, 1, "windows" } },
                .expected = "keep 2.0.0: published\n"
                            "prune 1.0.0: beyond versionHistoryLimit 1 of depot d\n");
        /* One that is still to come is none yet. */
        CHECK_PLAN(PROVIDER, .releases = "2.0.0=linux_amd64,windows_386 1.0.0=linux_amd64",
                .record = "2.0.0=windows_386 1.0.0=linux_amd64", .wants = { { "d", NULL, 1 } },
                .expected = "add 2.0.0 linux_amd64: wanted by depot d\n"
                            "keep 1.0.0: published; beyond versionHistoryLimit, kept until a newer version "
                            "has linux_amd64\n");
        CHECK_PLAN(PROVIDER, .releases = "2.0.0=linux_amd64,windows_386 1.0.0=linux_amd64",
                .record = "2.0.0=windows_386 1.0.0=linux_amd64", .assume_added = true,
                .wants = { { "d", NULL, 1 } },
                .expected = "add 2.0.0 linux_amd64: wanted by depot d\n"
                            "prune 1.0.0: beyond versionHistoryLimit 1 of depot d\n");
}

/* What each wish says to one version, wherever the plan puts it. */
static void check_standing(const char *explain, PlanVerdict first, uint64_t newer, PlanVerdict second) {
        _cleanup_(release_list_freep) ReleaseList *releases =
                make_releases("4.0.0@9 3.0.0@1 2.0.0@1 1.1.0-a@1 1.0.0@1");
        _cleanup_(version_freep) Version *version = NULL;
        _cleanup_(plan_freep) Plan *plan = NULL;
        DepotEntry entries[2] = { { .version_history_limit = 1 }, {} };
        const PlanWant wants[] = {
                { "a", &entries[0],
                        { .minimum_release_age_usec = 3 * USEC_PER_DAY,
                                .prereleases = PRERELEASES_WANTED } },
                { "b", &entries[1], { .prereleases = PRERELEASES_NEVER } },
        };

        check_int(constraint_parse("< 2", &entries[1].constraint, NULL), 0);
        check_int(version_parse(explain, &version), 0);
        check_int(plan_make(
                          &(PlanInput) {
                                  .kind = PACKAGE_MODULE,
                                  .wants = wants,
                                  .n_wants = ELEMENTSOF(wants),
                                  .releases = releases,
                                  .now_usec = 10 * USEC_PER_DAY,
                                  .explain = version,
                          },
                          &plan),
                0);
        check(plan->standings);
        check_int(plan->standings[0].verdict, first);
        check_int(plan->standings[0].newer, newer);
        check_int(plan->standings[0].due_usec, first == PLAN_YOUNG ? 12 * USEC_PER_DAY : 0);
        check_int(plan->standings[1].verdict, second);
        depot_entry_clear(&entries[1]);
}

static void test_standings(void) {
        check_standing("4.0.0", PLAN_YOUNG, 0, PLAN_REJECTED);
        check_standing("3.0.0", PLAN_WANTED, 0, PLAN_REJECTED);
        check_standing("2.0.0", PLAN_BEYOND, 1, PLAN_REJECTED);
        check_standing("1.1.0-a", PLAN_BEYOND, 2, PLAN_PRERELEASE);
        check_standing("1.0.0", PLAN_BEYOND, 3, PLAN_WANTED);
}

int main(void) {
        test_standings();
        test_age();
        test_first_seen();
        test_now();
        test_age_union();
        test_prerelease_policy();
        test_hidden();
        test_history_of_platforms();
        return EXIT_SUCCESS;
}
