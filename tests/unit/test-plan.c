#include "plan-scenarios.h"

static void test_names(void) {
        for (PlanAction action = 0; action < _PLAN_ACTION_MAX; action++)
                check(plan_action_to_string(action));
        check(!plan_action_to_string(_PLAN_ACTION_MAX));
        check(!plan_action_to_string((PlanAction) -1));
}

static void test_nothing(void) {
        CHECK_PLAN(MODULE, .releases = "", .wants = { { "d" } }, .expected = "");
        CHECK_PLAN(MODULE, .releases = "1.0.0", .expected = "");
        CHECK_PLAN(MODULE, .releases = "", .record = "", .wants = { { "d" } }, .expected = "");
        /* What nobody wants and nobody has is not spoken of. */
        CHECK_PLAN(MODULE, .releases = "1.0.0 2.0.0!", .wants = { { "d", ">= 3" } }, .expected = "");
}

static void test_add(void) {
        CHECK_PLAN(MODULE, .releases = "1.0.0 2.0.0 1.10.0 1.9.0", .wants = { { "d" } },
                .expected = "add 2.0.0: wanted by depot d\n"
                            "add 1.10.0: wanted by depot d\n"
                            "add 1.9.0: wanted by depot d\n"
                            "add 1.0.0: wanted by depot d\n");
        CHECK_PLAN(MODULE, .releases = "1.0.0 2.0.0 3.0.0", .wants = { { "d", ">= 1, != 2, < 3" } },
                .expected = "add 1.0.0: wanted by depot d (>= 1, != 2, < 3)\n");
        /* Upstream's "v" and missing segments are not the version. */
        CHECK_PLAN(MODULE, .releases = "v1.2", .wants = { { "d" } },
                .expected = "add 1.2.0: wanted by depot d\n");
}

static void test_keep(void) {
        CHECK_PLAN(MODULE, .releases = "1.0.0 2.0.0", .record = "1.0.0", .wants = { { "d" } },
                .expected = "add 2.0.0: wanted by depot d\n"
                            "keep 1.0.0: published\n");
        /* Removing a depot, or asking for less, removes nothing. */
        CHECK_PLAN(MODULE, .releases = "1.0.0", .record = "1.0.0",
                .expected = "keep 1.0.0: published; no depot asks for it any more\n");
        CHECK_PLAN(MODULE, .releases = "2.0.0 1.0.0", .record = "1.0.0 2.0.0", .wants = { { "d", ">= 2" } },
                .expected = "keep 2.0.0: published\n"
                            "keep 1.0.0: published; no depot asks for it any more\n");
}

/* Without a constraint there are no pre-releases; one that names one lets it in, as go-version has it. */
static void test_prereleases(void) {
        CHECK_PLAN(MODULE, .releases = "2.0.0-rc1 1.0.0 1.0.0-beta", .wants = { { "d" } },
                .expected = "add 1.0.0: wanted by depot d\n");
        CHECK_PLAN(MODULE, .releases = "2.0.0-rc1 1.0.0", .wants = { { "d", ">= 1" } },
                .expected = "add 1.0.0: wanted by depot d (>= 1)\n");
        CHECK_PLAN(MODULE, .releases = "2.0.0-rc2 2.0.0-rc1 1.0.0", .wants = { { "d", ">= 2.0.0-rc1" } },
                .expected = "add 2.0.0-rc2: wanted by depot d (>= 2.0.0-rc1)\n"
                            "add 2.0.0-rc1: wanted by depot d (>= 2.0.0-rc1)\n");
        CHECK_PLAN(MODULE, .releases = "2.0.0-rc1", .record = "2.0.0-rc1", .wants = { { "d" } },
                .expected = "keep 2.0.0-rc1: published; no depot asks for it any more\n");
        /* They do not take the places of releases in the history. */
        CHECK_PLAN(MODULE, .releases = "3.0.0-a 3.0.0-b 2.0.0 1.0.0", .wants = { { "d", NULL, 1 } },
                .expected = "add 2.0.0: wanted by depot d\n");
}

static void test_withdrawn(void) {
        CHECK_PLAN(MODULE, .releases = "2.0.0! 1.5.0!leaks 1.0.0", .wants = { { "d" } },
                .expected = "withdraw 2.0.0: withdrawn upstream\n"
                            "withdraw 1.5.0: withdrawn upstream: leaks\n"
                            "add 1.0.0: wanted by depot d\n");
        /* What is published stays: lock files name it. */
        CHECK_PLAN(MODULE, .releases = "2.0.0!", .record = "2.0.0", .wants = { { "d" } },
                .expected = "keep 2.0.0: published; withdrawn upstream since\n");
        /* A withdrawn version takes no place in the history, nor does it when it is published: that one does. */
        CHECK_PLAN(MODULE, .releases = "3.0.0! 2.0.0 1.0.0", .wants = { { "d", NULL, 1 } },
                .expected = "withdraw 3.0.0: withdrawn upstream\n"
                            "add 2.0.0: wanted by depot d\n");
        CHECK_PLAN(MODULE, .releases = "3.0.0! 2.0.0 1.0.0", .record = "3.0.0",
                .wants = { { "d", NULL, 1 } },
                .expected = "keep 3.0.0: published; withdrawn upstream since\n");
        /* Beyond the limit nobody asks for it. */
        CHECK_PLAN(MODULE, .releases = "2.0.0 1.0.0!", .wants = { { "d", NULL, 1 } },
                .expected = "add 2.0.0: wanted by depot d\n");
        CHECK_PLAN(MODULE, .releases = "1.0.0!", .only = "1.0.0", .force = true, .wants = { { "d" } },
                .expected = "withdraw 1.0.0: withdrawn upstream\n");
}

static void test_vanished(void) {
        CHECK_PLAN(MODULE, .releases = "3.0.0 1.0.0", .record = "2.0.0 1.0.0", .wants = { { "d" } },
                .expected = "add 3.0.0: wanted by depot d\n"
                            "keep 2.0.0: published; upstream no longer lists it\n"
                            "keep 1.0.0: published\n");
        CHECK_PLAN(MODULE, .releases = "", .record = "2.0.0", .wants = { { "d", "< 2" } },
                .expected = "keep 2.0.0: published; no depot asks for it any more\n");
        /* It keeps its place in the history, and goes when newer ones are in. */
        CHECK_PLAN(MODULE, .releases = "1.0.0", .record = "2.0.0", .wants = { { "d", NULL, 1 } },
                .expected = "keep 2.0.0: published; upstream no longer lists it\n");
        CHECK_PLAN(MODULE, .releases = "3.0.0", .record = "3.0.0 2.0.0", .wants = { { "d", NULL, 1 } },
                .expected = "keep 3.0.0: published\n"
                            "prune 2.0.0: beyond versionHistoryLimit 1 of depot d\n");
        /* Withdrawn and failed versions that upstream forgets are forgotten. */
        CHECK_PLAN(MODULE, .releases = "", .failures = { { "2.0.0", 0 } }, .wants = { { "d" } },
                .expected = "");
}

static void test_failures(void) {
        CHECK_PLAN(MODULE, .releases = "3.0.0 2.0.0 1.0.0",
                .failures = { { "1.0.0", 1001 }, { "2.0.0", 1000 }, { "3.0.0", 0 } }, .wants = { { "d" } },
                .expected = "retry 3.0.0: wanted by depot d\n"
                            "retry 2.0.0: wanted by depot d\n"
                            "wait 1.0.0: wanted by depot d\n");
        CHECK_PLAN(MODULE, .releases = "1.0.0", .force = true, .failures = { { "1.0.0", UINT64_MAX } },
                .wants = { { "d" } }, .expected = "retry 1.0.0: wanted by depot d\n");
        CHECK_PLAN(MODULE, .releases = "1.0.0", .only = "1.0.0", .failures = { { "1.0.0", UINT64_MAX } },
                .wants = { { "d" } }, .expected = "wait 1.0.0: wanted by depot d\n");
        /* A failure of what is published (a moved tag) is none. */
        CHECK_PLAN(MODULE, .releases = "1.0.0", .record = "1.0.0", .failures = { { "1.0.0", 0 } },
                .wants = { { "d" } }, .expected = "keep 1.0.0: published\n");
        /* One platform is in, the other failed. */
        CHECK_PLAN(PROVIDER, .releases = "1.0.0=linux_amd64,linux_arm64", .record = "1.0.0=linux_amd64",
                .failures = { { "1.0.0", 5000 } }, .wants = { { "d" } },
                .expected = "wait 1.0.0 linux_arm64: wanted by depot d\n");
        CHECK_PLAN(PROVIDER, .releases = "1.0.0=linux_amd64,linux_arm64", .record = "1.0.0=linux_amd64",
                .failures = { { "1.0.0", 500 } }, .wants = { { "d" } },
                .expected = "retry 1.0.0 linux_arm64: wanted by depot d\n");
}

static void test_only(void) {
        CHECK_PLAN(MODULE, .releases = "3.0.0 2.0.0 1.0.0", .only = "2.0.0", .wants = { { "d" } },
                .expected = "add 2.0.0: wanted by depot d\n");
        CHECK_PLAN(MODULE, .releases = "2.0.0 1.0.0", .record = "2.0.0", .only = "2.0.0",
                .wants = { { "d" } }, .expected = "keep 2.0.0: published\n");
        CHECK_PLAN(MODULE, .releases = "2.0.0 1.0.0", .record = "2.0.0", .only = "2.0.0", .force = true,
                .wants = { { "d" } }, .expected = "add 2.0.0: fetched anew on request\n");
        CHECK_PLAN(MODULE, .releases = "2.0.0", .only = "2.0.0", .force = true, .wants = { { "d" } },
                .expected = "add 2.0.0: wanted by depot d\n");
        /* Force without a version fetches nothing that is there. */
        CHECK_PLAN(MODULE, .releases = "2.0.0", .record = "2.0.0", .force = true, .wants = { { "d" } },
                .expected = "keep 2.0.0: published\n");
        CHECK_PLAN(PROVIDER, .releases = "1.0.0=linux_amd64,linux_arm64", .only = "1.0.0", .force = true,
                .record = "1.0.0=linux_amd64,linux_arm64", .wants = { { "d" } },
                .expected = "add 1.0.0 linux_amd64,linux_arm64: fetched anew on request\n");
        /* Asking for a version is not wishing for it: the depot's word holds. */
        CHECK_PLAN(MODULE, .releases = "2.0.0 1.0.0", .only = "1.0.0", .force = true,
                .wants = { { "d", ">= 2" } }, .expected = "");
        CHECK_PLAN(MODULE, .releases = "2.0.0 1.0.0", .only = "1.0.0", .wants = { { "d", NULL, 1 } },
                .expected = "");
        CHECK_PLAN(MODULE, .releases = "2.0.0", .only = "7.0.0", .wants = { { "d" } }, .expected = "");
        /* Nothing is pruned on the way. */
        CHECK_PLAN(MODULE, .releases = "2.0.0 1.0.0", .record = "2.0.0 1.0.0", .only = "1.0.0",
                .wants = { { "d", NULL, 1 } },
                .expected =
                        "keep 1.0.0: published; beyond versionHistoryLimit, kept until newer versions are "
                        "in\n");
}

static void test_history(void) {
        CHECK_PLAN(MODULE, .releases = "4.0.0 3.0.0 2.0.0 1.0.0", .wants = { { "d", NULL, 2 } },
                .expected = "add 4.0.0: wanted by depot d\n"
                            "add 3.0.0: wanted by depot d\n");
        /* Before the newer ones are in, the older stay; shown beforehand, they go. */
        CHECK_PLAN(MODULE, .releases = "4.0.0 3.0.0 2.0.0 1.0.0", .record = "2.0.0 1.0.0",
                .wants = { { "d", NULL, 2 } },
                .expected =
                        "add 4.0.0: wanted by depot d\n"
                        "add 3.0.0: wanted by depot d\n"
                        "keep 2.0.0: published; beyond versionHistoryLimit, kept until newer versions are "
                        "in\n"
                        "keep 1.0.0: published; beyond versionHistoryLimit, kept until newer versions are "
                        "in\n");
        CHECK_PLAN(MODULE, .releases = "4.0.0 3.0.0 2.0.0 1.0.0", .record = "2.0.0 1.0.0",
                .assume_added = true, .wants = { { "d", NULL, 2 } },
                .expected = "add 4.0.0: wanted by depot d\n"
                            "add 3.0.0: wanted by depot d\n"
                            "prune 2.0.0: beyond versionHistoryLimit 2 of depot d\n"
                            "prune 1.0.0: beyond versionHistoryLimit 2 of depot d\n");
        /* One of two is in: the oldest may go, as two newer ones are published. */
        CHECK_PLAN(MODULE, .releases = "4.0.0 3.0.0 2.0.0 1.0.0", .record = "4.0.0 2.0.0 1.0.0",
                .failures = { { "3.0.0", 5000 } }, .wants = { { "d", NULL, 2 } },
                .expected =
                        "keep 4.0.0: published\n"
                        "wait 3.0.0: wanted by depot d\n"
                        "keep 2.0.0: published; beyond versionHistoryLimit, kept until newer versions are "
                        "in\n"
                        "prune 1.0.0: beyond versionHistoryLimit 2 of depot d\n");
        CHECK_PLAN(MODULE, .releases = "4.0.0 3.0.0 2.0.0 1.0.0", .record = "4.0.0 3.0.0 2.0.0 1.0.0",
                .wants = { { "d", NULL, 2 } },
                .expected = "keep 4.0.0: published\n"
                            "keep 3.0.0: published\n"
                            "prune 2.0.0: beyond versionHistoryLimit 2 of depot d\n"
                            "prune 1.0.0: beyond versionHistoryLimit 2 of depot d\n");
        /* The history is that of the versions the wish matches. */
        CHECK_PLAN(MODULE, .releases = "4.0.0 3.0.0 2.0.0 1.0.0", .wants = { { "d", "< 3.0.0", 1 } },
                .expected = "add 2.0.0: wanted by depot d (< 3.0.0)\n");
        CHECK_PLAN(MODULE, .releases = "4.0.0 3.0.0 2.0.0 1.0.0", .record = "4.0.0 3.0.0 2.0.0 1.0.0",
                .wants = { { "d", "< 3.0.0", 1 } },
                .expected = "keep 4.0.0: published; no depot asks for it any more\n"
                            "keep 3.0.0: published; no depot asks for it any more\n"
                            "keep 2.0.0: published\n"
                            "prune 1.0.0: beyond versionHistoryLimit 1 of depot d\n");
        /* No number is too large. */
        CHECK_PLAN(MODULE, .releases = "1.0.0", .record = "1.0.0", .wants = { { "d", NULL, UINT64_MAX } },
                .expected = "keep 1.0.0: published\n");
}

/* Held back is not published: what it replaces stays until it is. */
static void test_held(void) {
        CHECK_PLAN(MODULE, .releases = "2.0.0 1.0.0", .record = "2.0.0~held 1.0.0",
                .wants = { { "d", NULL, 1 } },
                .expected =
                        "keep 2.0.0: held back\n"
                        "keep 1.0.0: published; beyond versionHistoryLimit, kept until newer versions are "
                        "in\n");
        CHECK_PLAN(MODULE, .releases = "", .record = "2.0.0~held", .wants = { { "d" } },
                .expected = "keep 2.0.0: held back; upstream no longer lists it\n");
        CHECK_PLAN(MODULE, .releases = "", .record = "2.0.0~held",
                .expected = "keep 2.0.0: held back; no depot asks for it any more\n");
}

/* What is being removed is as good as gone. */
static void test_pruning(void) {
        CHECK_PLAN(MODULE, .releases = "2.0.0", .record = "2.0.0 1.0.0~pruning", .wants = { { "d" } },
                .expected = "keep 2.0.0: published\n");
        CHECK_PLAN(MODULE, .releases = "2.0.0 1.0.0", .record = "2.0.0 1.0.0~pruning",
                .wants = { { "d", NULL, 1 } }, .expected = "keep 2.0.0: published\n");
        /* Wanted again before it was removed. */
        CHECK_PLAN(MODULE, .releases = "2.0.0 1.0.0", .record = "2.0.0 1.0.0~pruning", .wants = { { "d" } },
                .expected = "keep 2.0.0: published\n"
                            "add 1.0.0: wanted by depot d\n");
}

/* Several depots: the union of what they want, and the larger history. */
static void test_union(void) {
        CHECK_PLAN(MODULE, .releases = "3.0.0 2.0.0 1.0.0", .wants = { { "a", "= 1" }, { "b", ">= 3" } },
                .expected = "add 3.0.0: wanted by depot b (>= 3)\n"
                            "add 1.0.0: wanted by depot a (= 1)\n");
        CHECK_PLAN(MODULE, .releases = "3.0.0 2.0.0 1.0.0",
                .wants = { { "a", NULL, 1 }, { "b", ">= 1", 2 } },
                .expected = "add 3.0.0: wanted by depot a\n"
                            "add 2.0.0: wanted by depot b (>= 1)\n");
        CHECK_PLAN(MODULE, .releases = "4.0.0 3.0.0 2.0.0 1.0.0", .record = "4.0.0 3.0.0 2.0.0 1.0.0",
                .wants = { { "a", NULL, 1 }, { "b", NULL, 3 } },
                .expected = "keep 4.0.0: published\n"
                            "keep 3.0.0: published\n"
                            "keep 2.0.0: published\n"
                            "prune 1.0.0: beyond versionHistoryLimit 3 of depot b\n");
        /* One without a limit keeps everything it matches, and only that. */
        CHECK_PLAN(MODULE, .releases = "4.0.0 3.0.0 2.0.0 1.0.0", .record = "4.0.0 3.0.0 2.0.0 1.0.0",
                .wants = { { "a", NULL, 1 }, { "b", "= 2" } },
                .expected = "keep 4.0.0: published\n"
                            "prune 3.0.0: beyond versionHistoryLimit 1 of depot a\n"
                            "keep 2.0.0: published\n"
                            "prune 1.0.0: beyond versionHistoryLimit 1 of depot a\n");
        /* Removed only when it is beyond both, with the newer ones of each in. */
        CHECK_PLAN(MODULE, .releases = "4.0.0 3.0.0 2.0.0 1.0.0", .record = "4.0.0 2.0.0 1.0.0",
                .failures = { { "3.0.0", 5000 } }, .wants = { { "a", "!= 2", 2 }, { "b", "< 4", 1 } },
                .expected =
                        "keep 4.0.0: published\n"
                        "wait 3.0.0: wanted by depot a (!= 2)\n"
                        "keep 2.0.0: published; beyond versionHistoryLimit, kept until newer versions are "
                        "in\n"
                        "keep 1.0.0: published; beyond versionHistoryLimit, kept until newer versions are "
                        "in\n");
}

static void test_platforms(void) {
        CHECK_PLAN(PROVIDER, .releases = "1.0.0=darwin_arm64,linux_amd64,linux_arm64,windows_amd64",
                .wants = { { "d", NULL, 0, "linux", "amd64 arm64" } },
                .expected = "add 1.0.0 linux_amd64,linux_arm64: wanted by depot d\n");
        CHECK_PLAN(PROVIDER, .releases = "1.0.0=darwin_arm64,linux_amd64", .wants = { { "d" } },
                .expected = "add 1.0.0 darwin_arm64,linux_amd64: wanted by depot d\n");
        CHECK_PLAN(PROVIDER, .releases = "1.0.0=darwin_arm64,linux_amd64,linux_arm64",
                .wants = { { "d", NULL, 0, "*", "arm64" } },
                .expected = "add 1.0.0 darwin_arm64,linux_arm64: wanted by depot d\n");
        CHECK_PLAN(PROVIDER, .releases = "1.0.0=darwin_arm64,linux_amd64,linux_arm64",
                .wants = { { "d", NULL, 0, "linux", "*" } },
                .expected = "add 1.0.0 linux_amd64,linux_arm64: wanted by depot d\n");
        /* The architecture is all that stands behind the first "_". */
        CHECK_PLAN(PROVIDER, .releases = "1.0.0=linux_arm_v6,linux_arm",
                .wants = { { "d", NULL, 0, "linux", "arm_v6" } },
                .expected = "add 1.0.0 linux_arm_v6: wanted by depot d\n");
}

/* The union is one of platforms, not of halves of platforms. */
/* What proves the artifacts is fetched again as they are, and for the same reasons. */
static void test_proof(void) {
        CHECK_PLAN(PROVIDER, .releases = "2.0.0=linux_amd64 1.0.0=linux_amd64,linux_arm64",
                .record = "2.0.0=linux_amd64~unproven 1.0.0=linux_amd64~unproven", .wants = { { "d" } },
                .expected = "add 2.0.0: the store has lost its SHA256SUMS, their signature or the keys\n"
                            "add 1.0.0 linux_arm64: wanted by depot d\n");
        CHECK_PLAN(PROVIDER, .releases = "1.0.0=linux_amd64", .record = "1.0.0=linux_amd64~unproven",
                .failures = { { "1.0.0", 5000 } }, .wants = { { "d" } },
                .expected = "wait 1.0.0: the store has lost its SHA256SUMS, their signature or the keys\n");
        CHECK_PLAN(PROVIDER, .releases = "1.0.0=linux_amd64", .record = "1.0.0=linux_amd64~unproven",
                .failures = { { "1.0.0", 500 } }, .wants = { { "d" } },
                .expected = "retry 1.0.0: the store has lost its SHA256SUMS, their signature or the keys\n");
        /* Nobody has it any more, or nobody wants it. */
        CHECK_PLAN(PROVIDER, .releases = "", .record = "1.0.0=linux_amd64~unproven", .wants = { { "d" } },
                .expected = "keep 1.0.0: published; upstream no longer lists it\n");
        CHECK_PLAN(PROVIDER, .releases = "1.0.0=linux_amd64", .record = "1.0.0=linux_amd64~unproven",
                .wants = { { "d", "> 1" } },
                .expected = "keep 1.0.0: published; no depot asks for it any more\n");
}

static void test_platforms_union(void) {
        CHECK_PLAN(PROVIDER, .releases = "1.0.0=darwin_amd64,darwin_arm64,linux_amd64,linux_arm64",
                .wants = { { "a", NULL, 0, "linux", "amd64" }, { "b", NULL, 0, "darwin", "arm64" } },
                .expected = "add 1.0.0 darwin_arm64,linux_amd64: wanted by depot a\n");
        /* Each only for the versions that it wants. */
        CHECK_PLAN(PROVIDER, .releases = "2.0.0=darwin_arm64,linux_amd64 1.0.0=darwin_arm64,linux_amd64",
                .wants = { { "a", NULL, 0, "linux" }, { "b", "< 2", 0, "darwin" } },
                .expected = "add 2.0.0 linux_amd64: wanted by depot a\n"
                            "add 1.0.0 darwin_arm64,linux_amd64: wanted by depot a\n");
        CHECK_PLAN(PROVIDER, .releases = "2.0.0=darwin_arm64,linux_amd64 1.0.0=darwin_arm64,linux_amd64",
                .wants = { { "a", NULL, 0, "linux" }, { "b", NULL, 1, "darwin" } },
                .expected = "add 2.0.0 darwin_arm64,linux_amd64: wanted by depot a\n"
                            "add 1.0.0 linux_amd64: wanted by depot a\n");
}

static void test_platforms_missing(void) {
        /* A version of which upstream has nothing that is wanted is none. */
        CHECK_PLAN(PROVIDER, .releases = "2.0.0=linux_amd64 1.0.0=windows_386 0.9.0",
                .wants = { { "d", NULL, 0, "linux" } },
                .expected = "add 2.0.0 linux_amd64: wanted by depot d\n");
        /* Nor does it take a place in the history, neither before nor after the others are in. */
        CHECK_PLAN(PROVIDER, .releases = "4.0.0=windows_386 3.0.0 2.0.0=linux_amd64 1.0.0=linux_amd64",
                .wants = { { "d", NULL, 1, "linux" } },
                .expected = "add 2.0.0 linux_amd64: wanted by depot d\n");
        CHECK_PLAN(PROVIDER, .releases = "4.0.0=windows_386 3.0.0 2.0.0=linux_amd64 1.0.0=linux_amd64",
                .record = "2.0.0=linux_amd64 1.0.0=linux_amd64", .assume_added = true,
                .wants = { { "d", NULL, 1, "linux" } },
                .expected = "keep 2.0.0: published\n"
                            "prune 1.0.0: beyond versionHistoryLimit 1 of depot d\n");
        /* For one wish it counts, for the other it does not. */
        CHECK_PLAN(PROVIDER, .releases = "3.0.0=windows_386 2.0.0=linux_amd64 1.0.0=linux_amd64,windows_386",
                .wants = { { "a", NULL, 1, "linux" }, { "b", NULL, 2, "windows" } },
                .expected = "add 3.0.0 windows_386: wanted by depot b\n"
                            "add 2.0.0 linux_amd64: wanted by depot a\n"
                            "add 1.0.0 windows_386: wanted by depot b\n");
        /* What is in the store counts, whatever upstream has of it now. */
        CHECK_PLAN(PROVIDER, .releases = "2.0.0=windows_386 1.0.0=linux_amd64",
                .record = "2.0.0=linux_amd64", .wants = { { "d", NULL, 1, "linux" } },
                .expected = "keep 2.0.0: published\n");
        /* What has appeared since, or is wanted since, is brought. */
        CHECK_PLAN(PROVIDER, .releases = "1.0.0=linux_amd64,linux_arm64", .record = "1.0.0=linux_amd64",
                .wants = { { "d" } }, .expected = "add 1.0.0 linux_arm64: wanted by depot d\n");
        CHECK_PLAN(PROVIDER, .releases = "1.0.0=linux_amd64,linux_arm64",
                .record = "1.0.0=linux_amd64,linux_arm64", .wants = { { "d" } },
                .expected = "keep 1.0.0: published\n");
        /* What upstream has no more, or nobody wants any more, stays. */
        CHECK_PLAN(PROVIDER, .releases = "1.0.0=linux_amd64", .record = "1.0.0=linux_amd64,linux_arm64",
                .wants = { { "d" } }, .expected = "keep 1.0.0: published\n");
        CHECK_PLAN(PROVIDER, .releases = "1.0.0=linux_amd64", .record = "1.0.0=linux_amd64",
                .wants = { { "d", NULL, 0, "darwin" } }, .expected = "keep 1.0.0: published\n");
        CHECK_PLAN(PROVIDER, .releases = "1.0.0", .record = "1.0.0=linux_amd64", .wants = { { "d" } },
                .expected = "keep 1.0.0: published\n");
}

static ReleaseList *make_many_releases(unsigned n) {
        ReleaseList *releases = calloc(1, sizeof(ReleaseList));

        check(releases);
        for (unsigned i = 0; i < n; i++) {
                _cleanup_free_ char *text = text_format("1.%u.0", i);
                Release release = {};

                check_int(version_parse(text, &release.version), 0);
                check_int(string_assign(&release.tag, text), 0);
                check_int(release_list_append(releases, &release), 0);
        }
        release_list_normalize(releases);
        return releases;
}

static void test_many(void) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_(release_list_freep) ReleaseList *releases = make_many_releases(20000);
        DepotEntry entry = { .kind = PACKAGE_MODULE, .version_history_limit = 5000 };

        check_int(plan_make(
                          &(PlanInput) {
                                  .kind = PACKAGE_MODULE,
                                  .wants = &(PlanWant) { "d", &entry },
                                  .n_wants = 1,
                                  .releases = releases,
                          },
                          &plan),
                0);
        check_int(plan->n_items, 5000);
        check_string(plan->items[0].version, "1.19999.0");
        check_string(plan->items[4999].version, "1.15000.0");
        check(!plan_free(NULL));
}

static int compare_failures(const void *a, const void *b) {
        return strcmp(((const PlanFailure *) a)->version, ((const PlanFailure *) b)->version);
}

/* The loop waits for the plan, however many have failed. */
static void test_many_failures(void) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_(release_list_freep) ReleaseList *releases = make_many_releases(RELEASES_MAX);
        _cleanup_free_ PlanFailure *failures = calloc(RELEASES_MAX, sizeof(PlanFailure));
        DepotEntry entry = { .kind = PACKAGE_MODULE };
        uint64_t before;

        check(failures);
        for (size_t i = 0; i < RELEASES_MAX; i++)
                failures[i] = (PlanFailure) { version_string(releases->releases[i].version), 5000 };
        qsort(failures, RELEASES_MAX, sizeof(PlanFailure), compare_failures);
        before = test_cpu_usec();
        check_int(plan_make(
                          &(PlanInput) {
                                  .kind = PACKAGE_MODULE,
                                  .wants = &(PlanWant) { "d", &entry },
                                  .n_wants = 1,
                                  .releases = releases,
                                  .failures = failures,
                                  .n_failures = RELEASES_MAX,
                                  .now_usec = 1000,
                          },
                          &plan),
                0);
        (void) printf("planning took %llu ms\n",
                (unsigned long long) ((test_cpu_usec() - before) / USEC_PER_MSEC));
        check(test_cpu_usec() - before < 200 * USEC_PER_MSEC);
        check_int(plan->n_items, RELEASES_MAX);
        for (size_t i = 0; i < plan->n_items; i++)
                check_int(plan->items[i].action, PLAN_WAIT);
}

/* What is listed is wanted, nothing else; no limit reaches it, and what is not there is told. */
static void test_listed(void) {
        CHECK_PLAN(MODULE, .releases = "1.0.0 1.1.0-rc1 2.0.0",
                .wants = { { "module/a/b", .listed = "v1.0.0 1.0.0 1.1.0-rc1" } },
                .expected = "add 1.1.0-rc1: listed by module/a/b\n"
                            "add 1.0.0: listed by module/a/b\n");
        CHECK_PLAN(MODULE, .releases = "1.0.0", .wants = { { "module/a/b", .listed = "" } }, .expected = "");
        CHECK_PLAN(MODULE, .releases = "1.0.0 2.0.0 2.5.0!gone", .record = "0.9.0",
                .wants = { { "module/a/b", .listed = "3.0.0 2.5.0 1.5.0 1.0.0 0.9.0 0.1.0" } },
                .expected = "missing 3.0.0: listed by module/a/b: upstream has no such version\n"
                            "withdraw 2.5.0: withdrawn upstream: gone\n"
                            "missing 1.5.0: listed by module/a/b: upstream has no such version\n"
                            "add 1.0.0: listed by module/a/b\n"
                            "keep 0.9.0: published; upstream no longer lists it\n"
                            "missing 0.1.0: listed by module/a/b: upstream has no such version\n");
        /* The union with what a depot discovers: its limit prunes none of the listed. */
        CHECK_PLAN(MODULE, .releases = "1.0.0 2.0.0 3.0.0", .record = "1.0.0 2.0.0 3.0.0",
                .wants = { { "d", ">= 1", 1 }, { "module/a/b", .listed = "1.0.0 4.0.0" } },
                .expected = "missing 4.0.0: listed by module/a/b: upstream has no such version\n"
                            "keep 3.0.0: published\n"
                            "prune 2.0.0: beyond versionHistoryLimit 1 of depot d\n"
                            "keep 1.0.0: published\n");
        /* Deliberate is deliberate: neither age nor pre-release policy holds it back. */
        CHECK_PLAN(MODULE, .releases = "1.0.0@3 2.0.0-rc1@3", .day = 3,
                .wants = { { "d", .age = 7 },
                        { "m", .age = 7, .prereleases = PRERELEASES_NEVER, .listed = "1.0.0 2.0.0-rc1" } },
                .expected = "add 2.0.0-rc1: listed by m\nadd 1.0.0: listed by m\n");
        /* Two lists, one version of each and one of both. */
        CHECK_PLAN(MODULE, .releases = "2.0.0",
                .wants = { { "module/a/b", .listed = "3.0.0 2.0.0" },
                        { "module/a/c", .listed = "3.0.0 1.0.0" } },
                .expected = "missing 3.0.0: listed by module/a/b: upstream has no such version\n"
                            "add 2.0.0: listed by module/a/b\n"
                            "missing 1.0.0: listed by module/a/c: upstream has no such version\n");
        CHECK_PLAN(PROVIDER, .releases = "1.0.0=linux_amd64,darwin_arm64 2.0.0=windows_amd64",
                .wants = { { "provider/a/b", .systems = "linux", .listed = "1.0.0 2.0.0" },
                        { "provider/a/b", .systems = "darwin", .architectures = "arm64",
                                .listed = "1.0.0" } },
                .expected =
                        "missing 2.0.0: listed by provider/a/b: upstream has it for none of the platforms\n"
                        "add 1.0.0 darwin_arm64,linux_amd64: listed by provider/a/b\n");
        CHECK_PLAN(MODULE, .releases = "1.0.0", .wants = { { "m", .listed = "1.0.0 2.0.0 3.0.0" } },
                .only = "2.0.0", .expected = "missing 2.0.0: listed by m: upstream has no such version\n");
        CHECK_PLAN(MODULE, .releases = "1.0.0", .wants = { { "m", .listed = "1.0.0" } },
                .failures = { { "1.0.0", 2000 } }, .expected = "wait 1.0.0: listed by m\n");
}

int main(void) {
        test_names();
        test_nothing();
        test_add();
        test_keep();
        test_prereleases();
        test_withdrawn();
        test_vanished();
        test_failures();
        test_only();
        test_history();
        test_held();
        test_pruning();
        test_union();
        test_platforms();
        test_listed();
        test_proof();
        test_platforms_union();
        test_platforms_missing();
        test_many();
        test_many_failures();
        return EXIT_SUCCESS;
}
