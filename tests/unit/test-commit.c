#include "job/commit.h"

#include "base/sha256.h"
#include "base/shared.h"
#include "config/settings.h"
#include "loop.h"
#include "scratch.h"

#define SHA "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define H1_OLD "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define H1_NEW "h1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static sd_event *event;
static Offload *offload;
static Store *store;
static Settings *settings;
static Depot *depot;
static int root_fd;

/* What the last call came to. */
static unsigned n_done;
static int result;
static char revision[STORE_REVISION_SIZE];

static void on_committed(int r, const char *key, const char *new_revision, void *userdata) {
        n_done++;
        result = r;
        (void) snprintf(revision, sizeof(revision), "%s", new_revision);
}

static int commit(StoreBatch *batch) {
        n_done = 0;
        check_int(store_commit(store, &batch, on_committed, NULL), 0);
        LOOP_UNTIL(event, n_done > 0);
        return result;
}

static Package *new_package(PackageKind kind) {
        DepotEntry *entry = &depot->entries[0];
        Package *package = NULL;

        entry->kind = kind;
        check_int(package_new(depot, entry, settings, scratch_path, &package), 0);
        package->store = store;
        return package;
}

static RecordVersion *new_version(const char *text, const char *platform, const char *file, const char *h1) {
        RecordArtifact artifact = { .size = 1 };
        RecordVersion *version;

        check_int(record_artifact_set_digests(&artifact, SHA, h1), 0);
        check_int(shared_assign(&artifact.platform, platform), 0);
        check_int(string_assign(&artifact.file, file), 0);
        check_int(record_version_new(text, &version), 0);
        check_int(string_assign(&version->tag, text), 0);
        check_int(record_version_put_artifact(version, &artifact), 0);
        return version;
}

/* What a task brings, with a file in the staging directory. */
static VersionYield new_yield(const char *text, const char *platform, const char *file, const char *h1) {
        VersionYield yield = { .version = new_version(text, platform, file, h1) };

        scratch_write(store->staging_fd, "staged", "artifact");
        check_int(string_assign(&yield.text, text), 0);
        check_int(version_yield_add_file(&yield, "staged", file), 0);
        check_int(version_yield_add_document(&yield, "keys", "key", 3), 0);
        return yield;
}

static int commit_yield(Package *package, VersionYield *yield) {
        StoreBatch *batch;

        check_int(store_batch_new(&batch), 0);
        check_int(commit_yields(batch, package, settings, yield, 1), 0);
        return commit(batch);
}

static bool is_there(int dirfd, const char *path) {
        return faccessat(dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

#define DIRECTORY "providers/registry.terraform.io/hashicorp/null/"

/* Another daemon has published another platform of the same version first. */
static void test_stale(void) {
        _cleanup_(package_freep) Package *package = new_package(PACKAGE_PROVIDER),
                                         *other = new_package(PACKAGE_PROVIDER);
        VersionYield yield = new_yield("1.0.0", "darwin_arm64", "darwin.zip", NULL);
        const RecordVersion *version;

        /* Nobody has published anything. */
        check_int(commit_yield(other, &yield), 0);
        check_string(version_string(yield.recorded->version), "1.0.0");
        check(!is_there(store->staging_fd, "staged") && is_there(root_fd, DIRECTORY "darwin.zip"));
        check(is_there(root_fd, DIRECTORY "keys") && is_there(root_fd, DIRECTORY "1.0.0.json"));
        package_set_revision(other, revision);
        version_yield_clear(&yield);

        /* Nothing of what comes too late is done, and what was brought is still whole. */
        (void) unlinkat(root_fd, DIRECTORY "keys", 0);
        yield = new_yield("1.0.0", "linux_amd64", "linux.zip", NULL);
        check_int(commit_yield(package, &yield), -ESTALE);
        check(is_there(store->staging_fd, "staged") && !is_there(root_fd, DIRECTORY "linux.zip"));
        check(!is_there(root_fd, DIRECTORY "keys"));
        check(yield.version && yield.n_files == 1 && yield.n_documents == 1);

        record_free(package->record);
        package->record = TAKE_PTR(other->record);
        package_set_revision(package, other->record_revision);
        check_int(commit_yield(package, &yield), 0);
        version = yield.recorded;
        check_int(version->n_artifacts, 2);
        check_string(version->artifacts[0].file, "darwin.zip");
        check_string(version->artifacts[1].file, "linux.zip");
        check(!is_there(store->staging_fd, "staged") && is_there(root_fd, DIRECTORY "linux.zip"));
        check(is_there(root_fd, DIRECTORY "darwin.zip") && is_there(root_fd, DIRECTORY "keys"));
        package_set_revision(package, revision);
        version_yield_clear(&yield);

        /* What is being removed may be half gone: nothing of it is said to be there. */
        package->record->versions[0]->state = VERSION_PRUNING;
        yield = new_yield("1.0.0", "windows_386", "windows.zip", NULL);
        check_int(commit_yield(package, &yield), 0);
        check_int(yield.recorded->state, VERSION_PUBLISHED);
        check_int(yield.recorded->n_artifacts, 1);
        package_set_revision(package, revision);
        version_yield_clear(&yield);
}

/* What another daemon has changed is not removed. */
static void test_stale_pruning(void) {
        _cleanup_(package_freep) Package *package = new_package(PACKAGE_PROVIDER);
        VersionYield yield = new_yield("2.0.0", "linux_amd64", "two.zip", NULL);
        StoreBatch *batch;

        (void) unlinkat(root_fd, DIRECTORY RECORD_FILE, 0);
        check_int(commit_yield(package, &yield), 0);
        version_yield_clear(&yield);
        package_set_revision(package, SHA);
        package->record->versions[0]->state = VERSION_PRUNING;
        check_int(store_batch_new(&batch), 0);
        check_int(commit_finish_pruning(batch, package), 0);
        check_int(commit(batch), -ESTALE);
        check(is_there(root_fd, DIRECTORY "two.zip"));
}

#define HELD "held/" DIRECTORY

/* What a scan has found in each artifact; NULL: nothing. */
static void scan(RecordVersion *version, const char *id) {
        SevereFinding severe = {
                .severity = SEVERITY_CRITICAL, .id = (char *) id, .target = (char *) "binary"
        };
        ScanSummary summary = { .severe = &severe, .n_severe = id != NULL };

        summary.counts[SEVERITY_CRITICAL] = id != NULL;
        for (size_t i = 0; i < version->n_artifacts; i++) {
                version->artifacts[i].scan = record_scan_free(version->artifacts[i].scan);
                check_int(record_scan_new(&summary, &version->artifacts[i].scan), 0);
        }
}

static void want_scans(Package *package, bool want) {
        static PackageWant wanted;

        depot->entries[0].scanning.providers = want ? CHOICE_YES : CHOICE_NO;
        depot->entries[0].scanning.modules = want ? CHOICE_YES : CHOICE_NO;
        wanted = (PackageWant) { .depot = depot, .entry = &depot->entries[0] };
        package->wants = want ? &wanted : NULL;
        package->n_wants = want;
}

static void commit_scanned(Package *package, VersionYield *yield) {
        check_int(commit_yield(package, yield), 0);
        package_set_revision(package, revision);
        version_yield_clear(yield);
}

/* What the store has is scanned anew. */
static void scan_again(Package *package, const char *id) {
        VersionYield yield = { .is_stored = true };

        check_int(record_version_copy(package->record->versions[0], &yield.version), 0);
        scan(yield.version, id);
        check_int(string_assign(&yield.text, version_string(yield.version->version)), 0);
        commit_scanned(package, &yield);
}

static void check_shown(const char *file, bool shown) {
        _cleanup_free_ char *index = scratch_read(root_fd, DIRECTORY "index.json");
        _cleanup_free_ char *held = text_format(HELD "%s", file), *open = text_format(DIRECTORY "%s", file);

        check(is_there(root_fd, open) == shown && is_there(root_fd, held) == !shown);
        check(is_there(root_fd, DIRECTORY "3.0.0.json") == shown);
        check(!!strstr(index, "3.0.0") == shown);
}

/* What is held is out of the clients' reach, whichever way it came there. */
static void test_quarantine(void) {
        _cleanup_(package_freep) Package *package = new_package(PACKAGE_PROVIDER);
        VersionYield yield = new_yield("3.0.0", "linux_amd64", "three.zip", NULL);
        StoreBatch *batch;

        (void) unlinkat(root_fd, DIRECTORY RECORD_FILE, 0);
        want_scans(package, true);
        commit_scanned(package, &yield);
        check_shown("three.zip", false);
        check_string(package->record->versions[0]->reason, "not scanned yet");
        check(is_there(root_fd, DIRECTORY "keys"));

        scan_again(package, NULL);
        check_int(package->record->versions[0]->state, VERSION_PUBLISHED);
        check_string(package->record->versions[0]->reason, NULL);
        check_shown("three.zip", true);
        scan_again(package, "CVE-2026-1");
        check_shown("three.zip", false);

        /* A clean platform does not let out the others, nor itself. */
        yield = new_yield("3.0.0", "darwin_arm64", "three-darwin.zip", NULL);
        scan(yield.version, NULL);
        commit_scanned(package, &yield);
        check_shown("three.zip", false);
        check_shown("three-darwin.zip", false);
        check(strstr(package->record->versions[0]->reason, "CVE-2026-1"));

        /* One that is not takes the others with it. */
        scan_again(package, NULL);
        check_shown("three.zip", true);
        check_shown("three-darwin.zip", true);
        yield = new_yield("3.0.0", "windows_386", "three-windows.zip", NULL);
        scan(yield.version, "CVE-2026-2");
        commit_scanned(package, &yield);
        check_shown("three.zip", false);
        check_shown("three-darwin.zip", false);
        check_shown("three-windows.zip", false);

        /* Pruning finds it where it is. */
        package->record->versions[0]->state = VERSION_PRUNING;
        check_int(store_batch_new(&batch), 0);
        check_int(commit_finish_pruning(batch, package), 0);
        check_int(commit(batch), 0);
        check(!is_there(root_fd, HELD "three.zip") && !is_there(root_fd, HELD "three-windows.zip"));
        want_scans(package, false);
}

/* Nobody wants it scanned any more; and what was there before anybody did. */
static void test_unscanned(void) {
        _cleanup_(package_freep) Package *package = new_package(PACKAGE_PROVIDER);
        VersionYield yield = new_yield("3.0.0", "linux_amd64", "three.zip", NULL);

        (void) unlinkat(root_fd, DIRECTORY RECORD_FILE, 0);
        commit_scanned(package, &yield);
        check_shown("three.zip", true);
        want_scans(package, true);
        yield = (VersionYield) { .is_stored = true };
        check_int(record_version_copy(package->record->versions[0], &yield.version), 0);
        commit_scanned(package, &yield);
        check_shown("three.zip", true);
        scan_again(package, "CVE-2026-1");
        check_shown("three.zip", false);

        want_scans(package, false);
        yield = (VersionYield) { .is_stored = true };
        check_int(record_version_copy(package->record->versions[0], &yield.version), 0);
        commit_scanned(package, &yield);
        check_shown("three.zip", true);
}

/* A module that may change takes the place of what was held, and the other way round. */
static void test_quarantine_of_module(void) {
        static const char *const findings[] = { "AWS-0107", NULL, "AWS-0107" };
        _cleanup_(package_freep) Package *package = new_package(PACKAGE_MODULE);

        want_scans(package, true);
        for (size_t i = 0; i < ELEMENTSOF(findings); i++) {
                VersionYield yield = new_yield("1.0.0", NULL, "1.0.0.zip", findings[i] ? H1_OLD : H1_NEW);

                scan(yield.version, findings[i]);
                commit_scanned(package, &yield);
                check(is_there(root_fd, "held/modules/team/null/aws/1.0.0.zip") == (findings[i] != NULL));
                check(is_there(root_fd, "modules/team/null/aws/1.0.0.zip") == (findings[i] == NULL));
        }
        want_scans(package, false);
}

static void check_judged(const char *known, VersionState state, bool immutable, bool ready, bool refused) {
        _cleanup_(package_freep) Package *package = new_package(PACKAGE_MODULE);
        VersionYield yield = { .version = new_version("1.0.0", NULL, "1.0.0.zip", H1_NEW),
                .immutable = immutable };

        check_int(record_new(PACKAGE_MODULE, package->name, "test", &package->record), 0);
        if (known) {
                RecordVersion *version = new_version("1.0.0", NULL, "1.0.0.zip", known);

                version->state = state;
                check_int(record_put(package->record, version), 0);
        }
        version_yield_judge(&yield, package);
        check(!!yield.version == ready);
        check(yield.refused == refused && !!yield.error == refused);
        check(!!yield.drift == refused && yield.agrees == (!ready && !refused));
        if (refused)
                check_string(yield.drift, "the tree of tag 1.0.0 is " H1_NEW ", was " H1_OLD);
        if (refused)
                check_string(yield.error, "tag 1.0.0 has moved: its tree was " H1_OLD ", is " H1_NEW
                                          "; the published one stays "
                                          "(immutable)");
        version_yield_clear(&yield);
}

static void test_judge(void) {
        _cleanup_(package_freep) Package *package = new_package(PACKAGE_MODULE);
        VersionYield yield = {};

        check_judged(NULL, VERSION_PUBLISHED, true, true, false);
        check_judged(H1_NEW, VERSION_PUBLISHED, true, false, false);
        check_judged(H1_NEW, VERSION_PUBLISHED, false, false, false);
        check_judged(H1_NEW, VERSION_HELD, true, false, false);
        check_judged(H1_OLD, VERSION_PUBLISHED, true, false, true);
        check_judged(H1_OLD, VERSION_PUBLISHED, false, true, false);
        check_judged(H1_OLD, VERSION_PRUNING, true, true, false);
        check_judged(H1_NEW, VERSION_PRUNING, true, true, false);

        /* Nothing was brought, or nothing is recorded. */
        version_yield_judge(&yield, package);
        check(!yield.version && !yield.error);
        yield.version = new_version("1.0.0", NULL, "1.0.0.zip", H1_NEW);
        version_yield_judge(&yield, package);
        check(yield.version);
        version_yield_clear(&yield);
}

/* The proof alone is of use only for what is there. */
static void test_judge_proof(void) {
        _cleanup_(package_freep) Package *package = new_package(PACKAGE_PROVIDER);
        VersionYield yield = {};

        check_int(record_new(PACKAGE_PROVIDER, package->name, "test", &package->record), 0);
        check_int(record_put(package->record, new_version("1.0.0", "linux_amd64", "one.zip", NULL)), 0);
        check_int(record_put(package->record, new_version("2.0.0", "linux_amd64", "two.zip", NULL)), 0);
        package->record->versions[0]->state = VERSION_PRUNING;
        for (unsigned i = 1; i <= 3; i++) {
                _cleanup_free_ char *text = text_format("%u.0.0", i);

                check_int(record_version_new(text, &yield.version), 0);
                version_yield_judge(&yield, package);
                check(!!yield.version == (i == 1));
                version_yield_clear(&yield);
        }
}

int main(void) {
        StorageConfig storage = {};
        _cleanup_free_ char *error = NULL;

        event = loop_new();
        root_fd = scratch_open();
        check_int(settings_new(&settings), 0);
        check_int(offload_new(event, 1, &offload), 0);
        check_int(store_open(offload, &storage, scratch_path, &store, &error), 0);
        depot = calloc(1, sizeof(Depot));
        check(depot);
        *depot = (Depot) { .n_ref = 1, .n_entries = 1, .entries = calloc(1, sizeof(DepotEntry)) };
        check(depot->entries);
        check_int(string_assign(&depot->name, "d"), 0);
        check_int(string_assign(&depot->registry_namespace, "team"), 0);
        check_int(string_assign(&depot->entries[0].name, "null"), 0);
        check_int(string_assign(&depot->entries[0].system, "aws"), 0);
        check_int(string_assign(&depot->entries[0].repo_owner, "acme"), 0);
        check_int(string_assign(&depot->entries[0].provider_namespace, "hashicorp"), 0);

        test_stale();
        test_stale_pruning();
        test_quarantine();
        test_unscanned();
        test_quarantine_of_module();
        test_judge();
        test_judge_proof();

        depot_unref(depot);
        store_free(store);
        offload_free(offload);
        settings_free(settings);
        sd_event_unref(event);
        close_fd(root_fd);
        return EXIT_SUCCESS;
}
