/* Documents of the kinds Module, Provider and List, as people write them and as clusters print them. */
#include "base/text.h"
#include "config-files.h"

#define API "apiVersion: opendepot.defdev.io/v1alpha1\n"

static Config *load_text(const char *text, const char *expected) {
        Config *config;

        write_text("etc/conf.d/d.yaml", text);
        config = load("etc", NULL);
        check_config(config, expected);
        return config;
}

static void check_problems(const char *text, const char *expected) {
        _cleanup_(config_freep) Config *config = load_text(text, expected);

        check_int(config->n_depots, 0);
}

static void check_versions(const DepotEntry *entry, const char *expected) {
        Buffer text = {};

        for (size_t i = 0; i < entry->n_versions; i++)
                check_int(buffer_append_format(&text, "%s ", version_string(entry->versions[i])), 0);
        check_string(strempty(text.data), expected);
        buffer_clear(&text);
}

static void test_module(void) {
        _cleanup_(config_freep) Config *config = NULL;
        const DepotEntry *entry;
        const Depot *depot;

        config = load_text(API
                "kind: Module\n"
                "metadata: {name: terraform-aws-eks, namespace: team}\n"
                "spec:\n"
                "  forceSync: true\n"
                "  moduleConfig: {provider: aws, repoOwner: acme, fileFormat: tar, immutable: false,\n"
                "    versionConstraints: \">= 1\", versionHistoryLimit: 3}\n"
                "  versions:\n"
                "  - {version: v1.2.0, name: x, fileName: y.zip, synced: true}\n"
                "  - {version: \"2.0\"}\n"
                "  - {version: 1.2.0}\n",
                "");
        check_int(config->n_depots, 1);
        depot = config->depots[0];
        check_int(depot->kind, DOCUMENT_MODULE);
        check_string(depot->name, "module/team/terraform-aws-eks");
        check_string(depot->registry_namespace, "team");
        check_int(depot->polling_interval_usec, 0);
        check_int(depot->n_entries, 1);
        entry = &depot->entries[0];
        check_int(entry->kind, PACKAGE_MODULE);
        check_string(entry->name, "terraform-aws-eks");
        check_string(entry->system, "aws");
        check_int(entry->file_format, FILE_FORMAT_TAR_GZ);
        check(entry->listed && !entry->immutable && !entry->constraint && !entry->constraint_text);
        check_int(entry->version_history_limit, 0);
        check_versions(entry, "2.0.0 1.2.0 ");
}

static void test_provider(void) {
        _cleanup_(config_freep) Config *config = NULL;
        const Depot *depot;

        config = load_text(API
                "kind: Provider\n"
                "metadata: {name: aws-example}\n"
                "spec:\n"
                "  providerConfig: {name: aws, operatingSystems: [linux], architectures: [amd64, arm64]}\n"
                "  versions:\n"
                "  - {version: 5.80.0}\n"
                "  - {version: 5.81.0, operatingSystem: darwin, architecture: arm64}\n"
                "  - {version: 5.79.0, operatingSystem: darwin, architecture: arm64}\n"
                "  - {version: 5.78.0, architecture: \"*\"}\n"
                "  - {version: 5.77.0, architecture: \"*\"}\n",
                "");
        depot = config->depots[0];
        check_string(depot->name, "provider/default/aws-example");
        check_int(depot->n_entries, 3);
        check_string(depot->entries[0].name, "aws");
        check_string(depot->entries[0].provider_namespace, "hashicorp");
        check_int(strings_length(depot->entries[0].architectures), 2);
        check_versions(&depot->entries[0], "5.80.0 ");
        check_string(depot->entries[1].operating_systems[0], "darwin");
        check_int(strings_length(depot->entries[1].architectures), 1);
        check_versions(&depot->entries[1], "5.81.0 5.79.0 ");
        check_string(depot->entries[2].operating_systems[0], "linux");
        check(!depot->entries[2].architectures);
        check_versions(&depot->entries[2], "5.78.0 5.77.0 ");
        config = config_free(config);

        /* A controller that has found nothing yet. */
        config = load_text(
                API "kind: Provider\nmetadata: {name: aws}\nspec: {providerConfig: {}, versions: []}\n", "");
        check_int(config->depots[0]->n_entries, 0);
}

static void test_problems(void) {
        check_problems(API "kind: Module\nmetadata: {name: m}\nspec: {}\n",
                "etc/conf.d/d.yaml:4:7: 'spec' lacks the key 'moduleConfig'\n"
                "etc/conf.d/d.yaml:4:7: 'spec' lacks the key 'versions'\n");
        check_problems(API "kind: Module\nmetadata: {name: m}\nspec:\n"
                           "  moduleConfig: {provider: aws, repoOwner: o, nmae: x}\n"
                           "  versions: [{version: one}, {versions: 1.0.0}, 1.0.0, {version: 1.0}]\n"
                           "  providerConfig: {}\n",
                "etc/conf.d/d.yaml:5:47: unknown key 'nmae', did you mean 'name'?\n"
                "etc/conf.d/d.yaml:6:24: 'version' must be a version such as '1.2.3' or 'v1.2.3', not "
                "'one'\n"
                "etc/conf.d/d.yaml:6:30: an element of 'versions' lacks the key 'version'\n"
                "etc/conf.d/d.yaml:6:31: unknown key 'versions', did you mean 'version'?\n"
                "etc/conf.d/d.yaml:6:49: an element of 'versions' must be a mapping, not text\n"
                "etc/conf.d/d.yaml:6:66: 'version' must be text, not a number (write it in quotes)\n"
                "etc/conf.d/d.yaml:7:3: unknown key 'providerConfig'\n");
        check_problems(API
                "kind: Provider\nmetadata: {name: p}\nspec:\n  providerConfig: []\n  versions: {}\n",
                "etc/conf.d/d.yaml:5:19: 'providerConfig' must be a mapping, not a list\n"
                "etc/conf.d/d.yaml:6:13: 'versions' must be a list, not a mapping\n");
        check_problems(API
                "kind: Module\nmetadata: {name: m}\nspec:\n  moduleConfig: {name: a/b, provider: aws, "
                "repoOwner: o}\n  versions: []\n",
                "etc/conf.d/d.yaml:5:24: 'name' must be a name of letters, digits, '-', '_', '.' and '+', "
                "not "
                "'a/b'\n");
}

/* As `kubectl get depots,modules,providers -A -o yaml` prints them. */
#define SERVER                                                                                              \
        "    annotations:\n"                                                                                \
        "      kubectl.kubernetes.io/last-applied-configuration: |\n"                                       \
        "        {\"apiVersion\":\"opendepot.defdev.io/v1alpha1\"}\n"                                       \
        "    creationTimestamp: \"2026-01-01T00:00:00Z\"\n"                                                 \
        "    finalizers:\n    - opendepot.defdev.io/finalizer\n"                                            \
        "    generation: 2\n"                                                                               \
        "    managedFields:\n    - {apiVersion: v1, fieldsV1: {\"f:spec\": {}}, manager: m}\n"              \
        "    ownerReferences:\n    - {apiVersion: v1, kind: Depot, name: d, uid: u}\n"                      \
        "    resourceVersion: \"1234\"\n"                                                                   \
        "    uid: 0b1c\n"
#define ITEM(kind, name)                                                                                    \
        "- apiVersion: opendepot.defdev.io/v1alpha1\n  kind: " kind "\n  metadata:\n    name: " name "\n"

static void test_list(void) {
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_free_ char *expected = NULL;

        config = load_text("apiVersion: v1\nitems:\n" ITEM("Depot", "d") SERVER
                "  spec: {pollingIntervalMinutes: 60}\n  status: {modules: [d]}\n" ITEM("Module", "d") SERVER
                "    namespace: team\n"
                "  spec: {moduleConfig: {provider: aws, repoOwner: o}, versions: [{version: 1.0.0}]}\n"
                "  status: {syncStatus: x}\n" ITEM("Module", "d") SERVER
                "    namespace: other\n"
                "  spec: {moduleConfig: {provider: aws, repoOwner: o}, versions: [{version: 1.0.0}]}\n" ITEM(
                        "Provider", "d") SERVER
                "  spec: {providerConfig: {}, versions: [{version: 1.0.0}]}\n"
                "kind: List\nmetadata:\n  resourceVersion: \"\"\n  selfLink: \"\"\n",
                "");
        check_int(config->n_depots, 4);
        check_string(config->depots[0]->name, "d");
        check_string(config->depots[1]->name, "module/other/d");
        check_string(config->depots[2]->name, "module/team/d");
        check_string(config->depots[3]->name, "provider/default/d");
        check_int(config->depots[0]->line, 3);
        config = config_free(config);

        /* One that is bad leaves the others alone, and says where it is. */
        expected = text_format(
                "etc/conf.d/d.yaml:13:5: unknown key 'unknown'\n"
                "etc/conf.d/d.yaml:18:11: the name 'a' is taken by the document at %s/etc/conf.d/d.yaml:4; "
                "this one is not "
                "used\n"
                "etc/conf.d/d.yaml:20:16: 'apiVersion' must be 'opendepot.defdev.io/v1alpha1', not 'v1'\n"
                "etc/conf.d/d.yaml:21:3: the document must be a mapping, not a number\n",
                directory);
        check(expected);
        config = load_text("apiVersion: v1\nkind: List\nitems:\n" ITEM("Depot", "a") "  spec: {}\n" ITEM(
                                   "Depot", "b") "    unknown: 1\n  spec: {}\n" ITEM("Depot",
                                   "a") "  spec: {}\n"
                                        "- {apiVersion: v1, kind: Secret}\n- 5\n",
                expected);
        check_int(config->n_depots, 1);
        check_string(config->problems[0].depot, "b");
        config = config_free(config);

        check_problems("apiVersion: v1\nkind: List\nitem: []\n",
                "etc/conf.d/d.yaml:1:1: the document lacks the key 'items'\n"
                "etc/conf.d/d.yaml:3:1: unknown key 'item', did you mean 'items'?\n");
        check_problems("apiVersion: v1\nkind: SecretList\nitems: []\n",
                "etc/conf.d/d.yaml:2:7: 'kind' must be 'List', 'DepotList', 'ModuleList' or 'ProviderList', "
                "not "
                "'SecretList'\n");
        check_problems("apiVersion: v1\nkind: DepotList\nmetadata: {uid: 1}\nitems: {}\n",
                "etc/conf.d/d.yaml:1:13: 'apiVersion' must be 'opendepot.defdev.io/v1alpha1', not 'v1'\n"
                "etc/conf.d/d.yaml:3:12: unknown key 'uid'\n"
                "etc/conf.d/d.yaml:4:8: 'items' must be a list, not a mapping\n");
        check_problems("apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: List, items: []}]\n",
                "etc/conf.d/d.yaml:3:22: 'apiVersion' must be 'opendepot.defdev.io/v1alpha1', not 'v1'\n");
}

/* A cluster says each version of a provider twice, and again for each platform in the status: megabytes. */
static void test_large_list(void) {
        _cleanup_(config_freep) Config *config = NULL;
        Buffer buffer = {};

        check_int(buffer_append_format(&buffer, "apiVersion: v1\nkind: List\nitems:\n"), 0);
        for (unsigned i = 0; i < 12; i++) {
                check_int(
                        buffer_append_format(&buffer,
                                "- apiVersion: opendepot.defdev.io/v1alpha1\n  kind: Provider\n"
                                "  metadata: {name: p%u, uid: u}\n"
                                "  spec:\n    providerConfig: {operatingSystems: [linux]}\n    versions:\n",
                                i),
                        0);
                for (unsigned j = 0; j < 700; j++)
                        check_int(buffer_append_format(&buffer, "    - version: 5.%u.0\n", j), 0);
                check_int(buffer_append_format(&buffer, "  status:\n    providerVersionRefs:\n"), 0);
                for (unsigned j = 0; j < 1400; j++)
                        check_int(buffer_append_format(&buffer,
                                          "      5.%u.0-linux-%u:\n        architecture: arm64\n"
                                          "        name: p%u-5-%u-0-linux-arm64\n"
                                          "        operatingSystem: linux\n        version: 5.%u.0\n",
                                          j / 2, j % 2, i, j / 2, j / 2),
                                0);
        }
        check(buffer.size > 2 * MIB);
        config = load_text(buffer.data, "");
        check_int(config->n_depots, 12);
        check_int(config->depots[11]->entries[0].n_versions, 700);
        buffer_clear(&buffer);
}

int main(void) {
        directory_make();
        test_module();
        test_provider();
        test_problems();
        test_list();
        test_large_list();
        directory_remove();
        return EXIT_SUCCESS;
}
