#include "job/explain.h"

#include "base/clock.h"
#include "plan-scenarios.h"

static Settings *settings;
static Depot *depot;
static Package *package;

static void set_constraint(const char *text) {
        DepotEntry *entry = &depot->entries[0];

        entry->constraint = constraint_free(entry->constraint);
        check_int(string_assign(&entry->constraint_text, text), 0);
        if (text)
                check_int(constraint_parse(text, &entry->constraint, NULL), 0);
}

/* One depot that wants everything of one module, of which nothing is known. */
static void set_up(void) {
        DepotEntry *entry;

        depot = calloc(1, sizeof(Depot));
        check(depot);
        *depot = (Depot) { .n_ref = 1, .n_entries = 1, .line = 3 };
        check_int(string_assign(&depot->name, "demo"), 0);
        check_int(string_assign(&depot->registry_namespace, "team"), 0);
        check_int(string_assign(&depot->file, "/etc/demo.yaml"), 0);
        entry = depot->entries = calloc(1, sizeof(DepotEntry));
        check(entry);
        *entry = (DepotEntry) { .kind = PACKAGE_MODULE, .line = 7, .column = 5, .immutable = true };
        check_int(string_assign(&entry->name, "eks"), 0);
        check_int(string_assign(&entry->system, "aws"), 0);
        check_int(string_assign(&entry->repo_owner, "owner"), 0);
        check_int(package_new(depot, entry, settings, "/store", &package), 0);
        check_int(package_join(package, depot, entry, package, NULL), 0);
        package->state = PACKAGE_CURRENT;
}

static void tear_down(void) {
        package = package_free(package);
        depot = depot_unref(depot);
}

/* What is said of the version: "<state>: <reason>\n", then "<effect> <step>: <reason>\n" for each decision. `releases` NULL:
 * nothing is known. */
static char *explain(const char *releases, const char *text) {
        _cleanup_(release_list_freep) ReleaseList *list = releases ? make_releases(releases) : NULL;
        _cleanup_(explanation_freep) Explanation *explanation = NULL;
        _cleanup_(version_freep) Version *version = NULL;
        Buffer said = {};

        check_int(version_parse(text, &version), 0);
        check_int(explain_version(
                          &(ExplainInput) {
                                  .package = package,
                                  .settings = settings,
                                  .releases = list,
                                  .version = version,
                          },
                          &explanation),
                0);
        check(explanation->package == package);
        check_string(explanation->version, version_string(version));
        check_int(buffer_append_format(&said, "%s: %s\n", explanation_state_to_string(explanation->state),
                          strempty(explanation->reason)),
                0);
        for (size_t i = 0; i < explanation->n_decisions; i++) {
                const Decision *decision = &explanation->decisions[i];

                check_int(buffer_append_format(&said, "%s %s: %s%s%s\n",
                                  decision_effect_to_string(decision->effect),
                                  decision_step_to_string(decision->step), decision->reason,
                                  decision->term ? " | " : "", strempty(decision->term)),
                        0);
                check_int(decision->line, decision->depot ? 7 : 0);
                check(!decision->depot == !decision->file);
        }
        return said.data;
}

static void check_explained(const char *releases, const char *version, const char *expected) {
        _cleanup_free_ char *said = explain(releases, version);

        check_string(said, expected);
}

static void test_names(void) {
        for (ExplanationState i = 0; i < _EXPLANATION_STATE_MAX; i++)
                check(explanation_state_to_string(i));
        for (DecisionStep i = 0; i < _DECISION_STEP_MAX; i++)
                check(decision_step_to_string(i));
        for (DecisionEffect i = 0; i < _DECISION_EFFECT_MAX; i++)
                check(decision_effect_to_string(i));
        check(!explanation_state_to_string(_EXPLANATION_STATE_MAX) &&
                !decision_step_to_string(_DECISION_STEP_MAX) &&
                !decision_effect_to_string(_DECISION_EFFECT_MAX));
        check(!explanation_free(NULL));
}

static void test_constraints(void) {
        set_up();
        check_explained("1.0.0", "1.0.0",
                "pending: wanted by depot demo\n"
                "for listed: github:owner/eks lists it\n"
                "for matched: depot demo asks for every version\n"
                "neutral planned: add: wanted by depot demo\n");
        check_explained("1.1.0-rc1 1.0.0", "1.1.0-rc1",
                "rejected: it is a pre-release, and depot demo takes only those that its constraint names: "
                "prereleases is not set\n"
                "for listed: github:owner/eks lists it\n"
                "for matched: depot demo asks for every version\n"
                "against policy: it is a pre-release, and depot demo takes only those that its constraint "
                "names: "
                "prereleases is not set\n");
        set_constraint(">= 1.0.0 ,  != 1.5.0\t, < 2.0.0");
        check_explained("1.5.0", "1.5.0",
                "rejected: depot demo asks for \">= 1.0.0 ,  != 1.5.0\t, < 2.0.0\", of which it does not "
                "match "
                "\"!= 1.5.0\"\n"
                "for listed: github:owner/eks lists it\n"
                "against matched: depot demo asks for \">= 1.0.0 ,  != 1.5.0\t, < 2.0.0\", of which it does "
                "not "
                "match \"!= 1.5.0\" | != 1.5.0\n");
        /* The constraint is as good for what nobody has. */
        check_explained("", "0.9.0",
                "unlisted: neither upstream nor the store has it\n"
                "against listed: github:owner/eks lists no version at all\n"
                "against matched: depot demo asks for \">= 1.0.0 ,  != 1.5.0\t, < 2.0.0\", of which it does "
                "not "
                "match \">= 1.0.0\" | >= 1.0.0\n");
        check_explained("3.0.0 2.0.0", "1.2.0",
                "unlisted: neither upstream nor the store has it\n"
                "against listed: github:owner/eks does not list it; it lists 2 versions, the newest is "
                "3.0.0\n"
                "for matched: depot demo asks for \">= 1.0.0 ,  != 1.5.0\t, < 2.0.0\", which it matches\n");
        tear_down();
}

/* Upstream tells no age: it counts from the fifth day. */
static void check_explained_by_first_seen(void) {
        _cleanup_(release_list_freep) ReleaseList *list = make_releases("1.0.0");
        VersionPolicy *policy = &depot->entries[0].policy;
        uint64_t age = policy->minimum_release_age_usec;

        check_int(record_new(PACKAGE_MODULE, package->name, NULL, &package->record), 0);
        check_int(record_note_seen(package->record, list, 5 * USEC_PER_DAY), 1);
        check_explained("1.0.0", "1.0.0",
                "pending: wanted by depot demo\n"
                "for listed: github:owner/eks lists it\n"
                "for matched: depot demo asks for every version\n"
                "neutral policy: upstream does not say when it was released: its age counts from "
                "1970-01-06T00:00:00Z, when it was first seen\n"
                "for policy: it is older than minimumReleaseAge of depot demo\n"
                "neutral planned: add: wanted by depot demo\n");
        policy->minimum_release_age_usec = 36525 * USEC_PER_DAY;
        check_explained("1.0.0", "1.0.0",
                "held: first seen 1970-01-06T00:00:00Z, as upstream does not say when it was released: "
                "younger "
                "than minimumReleaseAge 36525d of depot demo; due 2070-01-06T00:00:00Z\n"
                "for listed: github:owner/eks lists it\n"
                "for matched: depot demo asks for every version\n"
                "neutral policy: upstream does not say when it was released: its age counts from "
                "1970-01-06T00:00:00Z, when it was first seen\n"
                "against policy: it is younger than minimumReleaseAge of depot demo, and old enough at "
                "2070-01-06T00:00:00Z\n"
                "neutral planned: hold: first seen 1970-01-06T00:00:00Z, as upstream does not say when it "
                "was "
                "released: younger than minimumReleaseAge 36525d of depot demo; due 2070-01-06T00:00:00Z\n");
        policy->minimum_release_age_usec = age;
        package->record = record_free(package->record);
}

static void test_policies(void) {
        set_up();
        depot->entries[0].version_history_limit = 1;
        check_explained("2.0.0 1.0.0", "1.0.0",
                "rejected: it is beyond versionHistoryLimit 1 of depot demo: 1 newer version comes first\n"
                "for listed: github:owner/eks lists it\n"
                "for matched: depot demo asks for every version\n"
                "against policy: it is beyond versionHistoryLimit 1 of depot demo: 1 newer version comes "
                "first\n");
        depot->entries[0].version_history_limit = 0;
        depot->entries[0].policy.has_minimum_release_age = true;
        depot->entries[0].policy.minimum_release_age_usec = USEC_PER_DAY;
        check_explained_by_first_seen();
        check_explained("1.0.0@2", "1.0.0",
                "pending: wanted by depot demo\n"
                "for listed: github:owner/eks lists it, released 1970-01-03T00:00:00Z\n"
                "for matched: depot demo asks for every version\n"
                "for policy: it is older than minimumReleaseAge of depot demo\n"
                "neutral planned: add: wanted by depot demo\n");
        check_explained("1.0.0!Bad", "1.0.0",
                "withdrawn: withdrawn upstream: Bad\n"
                "for listed: github:owner/eks lists it\n"
                "against listed: upstream has withdrawn it: Bad\n"
                "for matched: depot demo asks for every version\n"
                "against policy: what upstream has withdrawn is not fetched\n"
                "neutral planned: withdraw: withdrawn upstream: Bad\n");
        tear_down();
}

/* What goes on in the daemon, and what it does not know. */
static void test_states(void) {
        VersionStatus *status;

        set_up();
        package->state = PACKAGE_UNKNOWN;
        check_explained(NULL, "1.0.0",
                "unknown: upstream has not answered yet\n"
                "neutral listed: github:owner/eks has not answered yet, so it is not known what it lists\n"
                "neutral stored: the record of the package has not been read since the daemon started\n"
                "for matched: depot demo asks for every version\n");
        package->state = PACKAGE_FAILED;
        package->attempts = 2;
        check_int(string_assign(&package->reason, "HTTP 503"), 0);
        check_explained(NULL, "1.0.0",
                "failed: HTTP 503\n"
                "against tried: the package could not be looked at (tried 2 times): HTTP 503\n"
                "for matched: depot demo asks for every version\n");
        package->state = PACKAGE_CURRENT;
        status = package_set_status(package, "1.0.0", VERSION_FAILED, "broken");
        status->attempts = 1;
        status->next_try_usec = UINT64_MAX / 2;
        check_explained("1.0.0", "1.0.0",
                "failed: broken\n"
                "for listed: github:owner/eks lists it\n"
                "for matched: depot demo asks for every version\n"
                "against tried: failed after 1 try: broken\n"
                "neutral planned: wait: wanted by depot demo\n");
        (void) package_set_status(package, "1.0.0", VERSION_REPACKING, NULL);
        check_explained("1.0.0", "1.0.0",
                "pending: repacking\n"
                "for listed: github:owner/eks lists it\n"
                "for matched: depot demo asks for every version\n"
                "neutral tried: it is on its way: repacking\n"
                "neutral planned: add: wanted by depot demo\n");
        check_int(string_assign(&package->problem, "cannot be"), 0);
        package_clear_statuses(package);
        check_explained(NULL, "1.0.0",
                "failed: cannot be\n"
                "against tried: cannot be\n"
                "for matched: depot demo asks for every version\n");
        tear_down();
}

static void test_store(void) {
        RecordVersion *version;

        set_up();
        package->record = make_record(PACKAGE_MODULE, "1.1.0~hidden 1.0.0");
        version = package->record->versions[1];
        check_int(string_assign(&version->tag, "v1.0.0"), 0);
        check_int(record_version_set_drift(version, DRIFT_TAG, 5, "moved"), 1);
        check_explained("1.0.0", "1.0.0",
                "published: it can be installed\n"
                "for listed: github:owner/eks lists it\n"
                "for matched: depot demo asks for every version\n"
                "neutral policy: immutable is true: what is published never changes\n"
                "for verified: tag v1.0.0 was commit that upstream does not name\n"
                "for hashed: file: 1 bytes, SHA-256 " SHA "\n"
                "neutral policy: scan: not scanned\n"
                "for stored: in fileSystem:/store below modules/team/eks/aws, where it can be installed "
                "from\n"
                "neutral drifted: tag: moved\n"
                "neutral planned: keep: published\n");
        depot->entries[0].policy.withdrawn = WITHDRAWN_HIDE;
        check_int(string_assign(&package->record->versions[0]->reason, "bad"), 0);
        check_explained("1.1.0! 1.0.0", "1.1.0",
                "withdrawn: bad\n"
                "for listed: github:owner/eks lists it\n"
                "neutral listed: upstream has withdrawn it\n"
                "for matched: depot demo asks for every version\n"
                "against policy: depot demo hides what upstream has withdrawn: withdrawn is hide\n"
                "neutral policy: immutable is true: what is published never changes\n"
                "for verified: tag  was commit that upstream does not name\n"
                "for hashed: file: 1 bytes, SHA-256 " SHA "\n"
                "neutral policy: scan: not scanned\n"
                "against stored: in fileSystem:/store below modules/team/eks/aws, but out of sight: bad\n"
                "neutral planned: withdraw: withdrawn upstream\n");
        tear_down();
}

static void test_pruned(void) {
        RecordVersion *version;

        set_up();
        package->record = make_record(PACKAGE_MODULE, "2.0.0 1.0.0~pruning");
        version = package->record->versions[1];
        check_int(string_assign(&version->reason, "too old"), 0);
        depot->entries[0].version_history_limit = 1;
        {
                _cleanup_free_ char *said = explain("2.0.0 1.0.0", "1.0.0");

                check(startswith(said, "pruned: too old\n") &&
                        strstr(said, "against pruned: it is being removed: too old\n"));
        }
        check_int(record_note_pruned(package->record, version, 9), 0);
        record_remove(package->record, version->version);
        check_explained("2.0.0 1.0.0", "1.0.0",
                "pruned: too old\n"
                "for listed: github:owner/eks lists it\n"
                "for matched: depot demo asks for every version\n"
                "against policy: it is beyond versionHistoryLimit 1 of depot demo: 1 newer version comes "
                "first\n"
                "against pruned: it was in the store, and was removed: too old\n");
        /* Also when upstream has it no more. */
        check_explained("2.0.0", "1.0.0",
                "pruned: too old\n"
                "against listed: github:owner/eks does not list it; it lists 1 version, the newest is "
                "2.0.0\n"
                "for matched: depot demo asks for every version\n"
                "against pruned: it was in the store, and was removed: too old\n");
        tear_down();
}

int main(void) {
        check_int(settings_new(&settings), 0);
        test_names();
        test_constraints();
        test_policies();
        test_states();
        test_store();
        test_pruned();
        settings_free(settings);
        return EXIT_SUCCESS;
}
