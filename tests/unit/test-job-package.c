#include "job/package.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/text.h"
#include "config/settings.h"
#include "test.h"

#define MINUTE USEC_PER_MINUTE

static Settings *settings;

/* A depot with one entry, which is filled in by the caller. */
static Depot *new_depot(const char *name, const char *registry_namespace, PackageKind kind) {
        Depot *depot = calloc(1, sizeof(Depot));

        check(depot);
        depot->n_ref = 1;
        depot->n_entries = 1;
        depot->entries = calloc(1, sizeof(DepotEntry));
        check(depot->entries);
        depot->entries[0].kind = kind;
        check_int(string_assign(&depot->name, name), 0);
        check_int(string_assign(&depot->registry_namespace, registry_namespace), 0);
        return depot;
}

static Depot *new_module(const char *depot_name, const char *name, const char *system, const char *owner) {
        Depot *depot = new_depot(depot_name, "team", PACKAGE_MODULE);

        check_int(string_assign(&depot->entries[0].name, name), 0);
        check_int(string_assign(&depot->entries[0].system, system), 0);
        check_int(string_assign(&depot->entries[0].repo_owner, owner), 0);
        return depot;
}

static Depot *new_provider(const char *depot_name, const char *provider_namespace, const char *name) {
        Depot *depot = new_depot(depot_name, "team", PACKAGE_PROVIDER);

        check_int(string_assign(&depot->entries[0].name, name), 0);
        check_int(string_assign(&depot->entries[0].provider_namespace, provider_namespace), 0);
        return depot;
}

static Package *new_package(const Depot *depot) {
        Package *package = NULL;

        check_int(package_new(depot, &depot->entries[0], settings, "/var/lib/x/store", &package), 0);
        return package;
}

static void test_states(void) {
        for (PackageState state = 0; state < _PACKAGE_STATE_MAX; state++)
                check(package_state_to_string(state));
        check(!package_state_to_string(_PACKAGE_STATE_MAX));
}

static void test_module(void) {
        _cleanup_(depot_unrefp) Depot *depot = new_module("d", "terraform-aws-eks", "aws", "modules");
        _cleanup_(package_freep) Package *package = new_package(depot);
        _cleanup_free_ char *key = package_key(package, "1.0.0.zip");

        check_string(package->name, "team/terraform-aws-eks/aws");
        check_string(package->directory, "modules/team/terraform-aws-eks/aws");
        check_string(package->source_name, "github:modules/terraform-aws-eks");
        check_string(package->store_identity, "fileSystem:/var/lib/x/store");
        check_string(package->leaf, "terraform-aws-eks");
        check_string(key, "modules/team/terraform-aws-eks/aws/1.0.0.zip");
        check(!package->problem && package->n_wants == 0 && !package->record);
        check_int(package->state, PACKAGE_UNKNOWN);
        check(!package_depot(package) && !package_latest(package));
}

static void test_module_url(void) {
        _cleanup_(depot_unrefp) Depot *depot = new_module("d", "eks", "aws", "ignored");
        DepotEntry *entry = &depot->entries[0];
        Package *package;

        /* The URL says where the releases are; the address keeps the name. */
        check_int(string_assign(&entry->repo_url, "https://github.com/owner/terraform-aws-eks.git"), 0);
        package = new_package(depot);
        check_string(package->source_name, "github:owner/terraform-aws-eks");
        check_string(package->name, "team/eks/aws");
        check(!package->problem);
        package_free(package);

        check_int(string_assign(&entry->repo_url, "https://gitlab.com/owner/repository"), 0);
        package = new_package(depot);
        check(strstr(package->problem, "https://gitlab.com/owner/repository") &&
                strstr(package->problem, "https://github.com"));
        package_free(package);
        check_int(string_assign(&entry->repo_url, "https://github.com/owner"), 0);
        package = new_package(depot);
        check(package->problem);
        package_free(package);

        check_int(string_assign(&entry->repo_url, NULL), 0);
        entry->use_authenticated_client = true;
        package = new_package(depot);
        check(package->authenticated && !package->problem);
        check_string(package->registry_namespace, "team");
        package_free(package);
        check(!package_free(NULL));
}

static void test_provider(void) {
        _cleanup_(depot_unrefp) Depot *depot = new_provider("d", "hashicorp", "aws"),
                                      *upper = new_provider("d", "HashiCorp", "aws"),
                                      *foreign = new_provider("d", "datadog", "datadog");
        _cleanup_(package_freep) Package *package = new_package(depot), *same = new_package(upper),
                                         *other = new_package(foreign);

        check_string(package->name, "hashicorp/aws");
        check_string(package->directory, "providers/registry.terraform.io/hashicorp/aws");
        check_string(package->source_name, "hashicorp:terraform-provider-aws");
        check_string(package->provider_namespace, "hashicorp");
        check(!package->problem);

        check_int(package_compare(package, same), 0);
        check_string(same->directory, package->directory);
        check(!same->problem);

        check_string(other->name, "datadog/datadog");
        check_string(other->source_name, "registry:registry.terraform.io/datadog/datadog");
        check_string(other->registry_url, "https://registry.terraform.io");
        check_string(other->directory, "providers/registry.terraform.io/datadog/datadog");
        check_string(other->key_namespace, "datadog");
        check(!other->problem && !other->providers_url);
        check(!package_api_url(other, settings) && package_api_url(package, settings));
}

/* What a public registry has goes under all names of the mirror, what another one has under its own. */
static void test_registry(void) {
        _cleanup_(depot_unrefp) Depot *depot = new_provider("d", "HashiCorp", "aws"),
                                      *private = new_provider("e", "Acme", "Thing");
        Package *package;

        check_int(string_assign(&depot->entries[0].registry, "registry.opentofu.org"), 0);
        package = new_package(depot);
        check_string(package->name, "hashicorp/aws");
        check_string(package->source_name, "registry:registry.opentofu.org/hashicorp/aws");
        check_string(package->directory, "providers/registry.terraform.io/hashicorp/aws");
        check_string(package->key_namespace, "hashicorp");
        check(package_hostnames(package, settings) == settings->provider_hostnames);
        package_free(package);

        check_int(string_assign(&private->entries[0].registry, "depot.acme.example:8443"), 0);
        package = new_package(private);
        check_string(package->name, "depot.acme.example:8443/acme/thing");
        check_string(package->source_name, "registry:depot.acme.example:8443/acme/thing");
        check_string(package->registry_url, "https://depot.acme.example:8443");
        check_string(package->directory, "providers/depot.acme.example:8443/acme/thing");
        check_string(package->key_namespace, "depot.acme.example:8443/acme");
        check_string(package_hostnames(package, settings)[0], "depot.acme.example:8443");
        check(!package_hostnames(package, settings)[1]);
        package_free(package);
}

/* The same package in the same store, however the store is named. */
static void test_identity(void) {
        _cleanup_(depot_unrefp) Depot *depot = new_provider("d", "hashicorp", "aws"),
                                      *named = new_provider("e", "hashicorp", "aws"),
                                      *elsewhere = new_provider("f", "hashicorp", "aws"),
                                      *bucket = new_provider("g", "hashicorp", "aws");
        Package *a, *b;

        check_int(string_assign(&named->entries[0].storage.directory_path, "/var/lib/x/store"), 0);
        check_int(string_assign(&elsewhere->entries[0].storage.directory_path, "/srv"), 0);
        bucket->entries[0].storage.backend = STORAGE_S3;
        check_int(string_assign(&bucket->entries[0].storage.bucket, "b"), 0);

        a = new_package(depot);
        b = new_package(named);
        check_int(package_compare(a, b), 0);
        package_free(b);
        b = new_package(elsewhere);
        check(package_compare(a, b) != 0 && package_compare(a, b) == -package_compare(b, a));
        package_free(b);
        b = new_package(bucket);
        check_string(b->store_identity, "s3:b");
        check(package_compare(a, b) != 0);
        package_free(b);
        package_free(a);
}

static int join(Package *package, Depot *depot, char **ret_error) {
        _cleanup_(package_freep) Package *other = new_package(depot);

        check_int(package_compare(package, other), 0);
        return package_join(package, depot, &depot->entries[0], other, ret_error);
}

static void test_join(void) {
        Depot *first = new_module("first", "eks", "aws", "owner"),
              *second = new_module("second", "eks", "aws", "owner"),
              *third = new_module("third", "eks", "aws", "fork"),
              *tar = new_module("fourth", "eks", "aws", "owner");
        _cleanup_(package_freep) Package *package = new_package(first);
        _cleanup_free_ char *error = NULL;

        check_int(join(package, first, &error), 0);
        check_int(join(package, second, &error), 0);
        check(!error);
        check_int(package->n_wants, 2);
        check_string(package_depot(package), "first");
        check(package->wants[1].entry == &second->entries[0]);

        /* Both depots are named, and what each wants. */
        check_int(join(package, third, &error), -EEXIST);
        check_string(error, "depot first takes it from github:owner/eks, depot third from github:fork/eks");
        tar->entries[0].file_format = FILE_FORMAT_TAR_GZ;
        check_int(join(package, tar, &error), -EEXIST);
        check_string(error, "depot first stores it as zip, depot fourth as tar");
        check_int(package->n_wants, 2);

        /* The package keeps the documents alive that it was made from. */
        depot_unref(first);
        depot_unref(second);
        check_string(package_depot(package), "first");
        check_string(package->wants[1].entry->repo_owner, "owner");
        depot_unref(third);
        depot_unref(tar);
}

/* What a provider is fetched as does not depend on file formats. */
static void test_join_provider(void) {
        Depot *first = new_provider("first", "hashicorp", "aws"),
              *second = new_provider("second", "hashicorp", "aws");
        _cleanup_(package_freep) Package *package = new_package(first);

        second->entries[0].file_format = FILE_FORMAT_TAR_GZ;
        check_int(join(package, first, NULL), 0);
        check_int(join(package, second, NULL), 0);
        depot_unref(first);
        depot_unref(second);
}

static void test_statuses(void) {
        _cleanup_(depot_unrefp) Depot *depot = new_provider("d", "hashicorp", "aws");
        _cleanup_(package_freep) Package *package = new_package(depot);
        VersionStatus *status;

        check(!package_find_status(package, "1.0.0"));
        status = package_set_status(package, "1.0.0", VERSION_FAILED, "why");
        check(status && status == package_find_status(package, "1.0.0"));
        status->attempts = 3;
        check(package_set_status(package, "2.0.0", VERSION_FETCHING, NULL));
        check(package_set_status(package, "3.0.0", VERSION_WITHDRAWN, "gone"));

        /* Changed, not added; how often it failed is kept. */
        status = package_set_status(package, "1.0.0", VERSION_FETCHING, NULL);
        check_int(package->n_statuses, 3);
        check_int(status->attempts, 3);
        check(!status->reason);
        /* The reason may be its own. */
        status = package_find_status(package, "3.0.0");
        status = package_set_status(package, "3.0.0", VERSION_FAILED, status->reason);
        check_string(status->reason, "gone");

        package_clear_status(package, "1.0.0");
        package_clear_status(package, "1.0.0");
        package_clear_status(package, "9.0.0");
        check_int(package->n_statuses, 2);
        check(!package_find_status(package, "1.0.0") && package_find_status(package, "2.0.0") &&
                package_find_status(package, "3.0.0"));
        package_clear_statuses(package);
        check_int(package->n_statuses, 0);
        check(package_set_status(package, "4.0.0", VERSION_PLANNED, NULL));
        check_int(package->n_statuses, 1);
}

/* Sorted, in whatever order they come. */
static void check_sorted(const Package *package) {
        for (size_t i = 1; i < package->n_statuses; i++)
                check(strcmp(package->statuses[i - 1]->version, package->statuses[i]->version) < 0);
}

static void add_item(Plan *plan, PlanAction action, const char *version) {
        PlanItem item = { .action = action };

        check_int(string_assign(&item.version, version), 0);
        check_int(LIST_APPEND(plan->items, plan->n_items, item), 0);
}

static void test_keep_planned(void) {
        _cleanup_(depot_unrefp) Depot *depot = new_provider("d", "hashicorp", "aws");
        _cleanup_(package_freep) Package *package = new_package(depot);
        _cleanup_(plan_freep) Plan *plan = calloc(1, sizeof(Plan));

        check(plan);
        check_int(package_keep_planned_statuses(package, plan), 0);
        for (unsigned i = 0; i < _PLAN_ACTION_MAX; i++) {
                _cleanup_free_ char *version = text_format("1.%u.0", i);

                add_item(plan, (PlanAction) i, version);
                check(package_set_status(package, version, VERSION_FAILED, "why"));
        }
        add_item(plan, PLAN_ADD, "2.0.0");
        check(package_set_status(package, "0.1.0", VERSION_FAILED, "why"));
        check(package_set_status(package, "9.0.0", VERSION_FAILED, "why"));
        check_int(package_keep_planned_statuses(package, plan), 0);
        check_sorted(package);
        check_int(package->n_statuses, _PLAN_ACTION_MAX - 4);
        for (unsigned i = 0; i < _PLAN_ACTION_MAX; i++) {
                _cleanup_free_ char *version = text_format("1.%u.0", i);

                check(!package_find_status(package, version) ==
                        (i == PLAN_KEEP || i == PLAN_PRUNE || i == PLAN_HIDE || i == PLAN_RESTORE));
        }
}

static void test_stop_progress(void) {
        _cleanup_(depot_unrefp) Depot *depot = new_provider("d", "hashicorp", "aws");
        _cleanup_(package_freep) Package *package = new_package(depot);

        VersionStatus *status;

        package_stop_progress(package, "stopped");
        for (VersionState state = 0; state < _VERSION_STATE_MAX; state++) {
                _cleanup_free_ char *version = text_format("1.%d.0", (int) state);

                check(package_set_status(package, version, state, "why"));
        }
        /* How often it has failed and when it is tried again are not forgotten. */
        status = package_set_status(package, "2.0.0", VERSION_STORING, NULL);
        check(status);
        status->attempts = 3;
        status->next_try_usec = 1000;
        package_stop_progress(package, "stopped");
        check_int(package->n_statuses, 4);
        check_int(package->statuses[0]->state, VERSION_HELD);
        check_int(package->statuses[1]->state, VERSION_FAILED);
        check_string(package->statuses[1]->reason, "why");
        check_int(package->statuses[2]->state, VERSION_WITHDRAWN);
        check_int(package->statuses[3]->state, VERSION_FAILED);
        check_int(package->statuses[3]->attempts, 3);
        check_int(package->statuses[3]->next_try_usec, 1000);
        check_string(package->statuses[3]->reason, "stopped");
}

/* The loop waits for this with every package that is planned. */
static void test_many_statuses(void) {
        _cleanup_(depot_unrefp) Depot *depot = new_provider("d", "hashicorp", "aws");
        _cleanup_(package_freep) Package *package = new_package(depot);
        _cleanup_(plan_freep) Plan *plan = calloc(1, sizeof(Plan));
        uint64_t before;

        check(plan);
        for (unsigned i = RELEASES_MAX; i > 0; i--) {
                _cleanup_free_ char *version = text_format("1.%u.0", i);

                add_item(plan, i % 2 ? PLAN_ADD : PLAN_KEEP, version);
        }
        before = test_cpu_usec();
        for (size_t i = 0; i < plan->n_items; i++)
                check(package_set_status(package, plan->items[i].version, VERSION_FAILED, "why"));
        check_int(package->n_statuses, RELEASES_MAX);
        for (size_t i = 0; i < plan->n_items; i++)
                check(package_find_status(package, plan->items[i].version));
        check_sorted(package);
        check_int(package_keep_planned_statuses(package, plan), 0);
        check_int(package->n_statuses, RELEASES_MAX / 2);
        for (size_t i = 0; i < plan->n_items; i++)
                package_clear_status(package, plan->items[i].version);
        check_int(package->n_statuses, 0);
        (void) printf("statuses took %llu ms\n",
                (unsigned long long) ((test_cpu_usec() - before) / USEC_PER_MSEC));
        check(test_cpu_usec() - before < 300 * USEC_PER_MSEC);
}

static void test_count(void) {
        static const struct {
                const char *version;
                VersionState state;
        } held[] = { { "1.0.0", VERSION_PUBLISHED }, { "2.0.0", VERSION_PUBLISHED },
                { "3.0.0", VERSION_HELD }, { "3.1.0", VERSION_HELD }, { "0.1.0", VERSION_PRUNING } };
        _cleanup_(depot_unrefp) Depot *depot = new_provider("d", "hashicorp", "aws");
        _cleanup_(package_freep) Package *package = new_package(depot);
        VersionCounts counts = package_count(package);

        check(counts.published == 0 && counts.held == 0 && counts.failed == 0 && counts.pending == 0);
        check_int(record_new(PACKAGE_PROVIDER, "hashicorp/aws", "x", &package->record), 0);
        for (size_t i = 0; i < ELEMENTSOF(held); i++) {
                RecordVersion *version;

                check_int(record_version_new(held[i].version, &version), 0);
                version->state = held[i].state;
                /* What upstream has withdrawn is none that policy keeps back. */
                version->hidden = streq(held[i].version, "3.1.0");
                check_int(record_put(package->record, version), 0);
        }
        for (VersionState state = 0; state < _VERSION_STATE_MAX; state++) {
                _cleanup_free_ char *version = text_format("4.%d.0", (int) state);

                if (state != VERSION_PUBLISHED)
                        check(package_set_status(package, version, state, NULL));
        }
        counts = package_count(package);
        check_int(counts.published, 2);
        check_int(counts.held, 2);
        check_int(counts.failed, 1);
        /* Planned, fetching, verifying, repacking, scanning, storing. */
        check_int(counts.pending, 6);
        check_string(package_latest(package), "2.0.0");
}

static void check_delay(unsigned attempts, bool refused, uint64_t min_usec) {
        for (size_t i = 0; i < 20; i++) {
                uint64_t before = clock_realtime_usec(), next = package_next_try(attempts, refused, 0),
                         after = clock_realtime_usec();

                check(next >= before + min_usec && next <= after + min_usec + min_usec / 5);
        }
}

static void test_backoff(void) {
        uint64_t now, next, smallest = UINT64_MAX, largest = 0;

        check_delay(0, false, MINUTE / 2);
        check_delay(1, false, MINUTE / 2);
        check_delay(2, false, MINUTE);
        check_delay(3, false, 2 * MINUTE);
        check_delay(10, false, 256 * MINUTE);
        check_delay(11, false, 360 * MINUTE);
        check_delay(1000, false, 360 * MINUTE);
        check_delay(UINT32_MAX, false, 360 * MINUTE);
        check_delay(1, true, 10 * MINUTE);
        check_delay(2, true, 20 * MINUTE);
        check_delay(6, true, 320 * MINUTE);
        check_delay(7, true, 360 * MINUTE);

        /* Never before upstream's word, and not all at the same moment after it. */
        now = clock_realtime_usec();
        for (size_t i = 0; i < 100; i++) {
                next = package_next_try(1, false, now + 100 * MINUTE);
                check(next >= now + 100 * MINUTE && next < now + 101 * MINUTE);
                smallest = MIN_OF(smallest, next);
                largest = MAX_OF(largest, next);
        }
        check(largest - smallest > USEC_PER_SEC);
        next = package_next_try(1, false, now);
        check(next >= now + MINUTE / 2);
}

static void test_revision(void) {
        _cleanup_(depot_unrefp) Depot *depot = new_provider("d", "hashicorp", "aws");
        _cleanup_(package_freep) Package *package = new_package(depot);
        char longest[STORE_REVISION_SIZE];

        check_string(package->record_revision, "");
        memset(longest, 'r', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        package_set_revision(package, longest);
        check_string(package->record_revision, longest);
        package_set_revision(package, "");
        check_string(package->record_revision, "");
}

int main(void) {
        check_int(settings_new(&settings), 0);
        test_states();
        test_module();
        test_module_url();
        test_provider();
        test_registry();
        test_identity();
        test_join();
        test_join_provider();
        test_statuses();
        test_keep_planned();
        test_stop_progress();
        test_many_statuses();
        test_count();
        test_backoff();
        test_revision();
        settings_free(settings);
        return EXIT_SUCCESS;
}
