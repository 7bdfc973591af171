#include "config-files.h"

#include "config/depot-document.h"

#define HEAD                                                                                                \
        "apiVersion: opendepot.defdev.io/v1alpha1\nkind: Depot\nmetadata: {name: x}\nspec:\n" /* four lines */

/* One file of Depot documents: its problems, each without the file's name. */
static void check_document_size(const char *text, size_t size, const char *expected) {
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_free_ char *problems = NULL;
        Buffer buffer = {};

        write_file("etc/conf.d/d.yaml", text, size);
        config = load("etc", NULL);
        problems = describe_problems(config);
        for (char *line = problems; line && *line; line = strchr(line, '\n') + 1) {
                const char *rest = startswith(line, "etc/conf.d/d.yaml:");

                check(rest);
                check_int(buffer_append(&buffer, rest, strcspn(rest, "\n") + 1), 0);
        }
        check_string(strempty(buffer.data), expected);
        check_int(config->n_depots, isempty(expected));
        buffer_clear(&buffer);
}

static void check_document(const char *text, const char *expected) {
        check_document_size(text, strlen(text), expected);
}

static void test_fixture_documents(void) {
        static const struct {
                const char *file, *name;
                size_t n_entries;
                uint64_t minutes;
        } cases[] = {
                { "my-team-depot.yaml", "my-team-depot", 3, 60 },
                { "public-modules.yaml", "public-modules", 3, 360 },
                { "storage-override.yaml", "storage-override", 3, 0 },
                { "upstream-providers.yaml", "upstream-providers", 3, 1440 },
        };
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_(strings_freep) char **files = NULL;
        const DepotEntry *entry;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                _cleanup_free_ char *path = NULL;

                check(asprintf(&path, "%s/depots/%s", test_fixtures(), cases[i].file) > 0);
                check_int(strings_append(&files, path), 0);
        }
        check_int(config_load_files(files, &config), 0);
        check_config(config, "");
        check_int(config->n_depots, ELEMENTSOF(cases));
        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                check_string(config->depots[i]->name, cases[i].name);
                check_string(config->depots[i]->registry_namespace, "opendepot-system");
                check_string(config->depots[i]->file, files[i]);
                check_int(config->depots[i]->n_entries, cases[i].n_entries);
                check_int(config->depots[i]->polling_interval_usec, cases[i].minutes * USEC_PER_MINUTE);
                check_int(strlen(config->depots[i]->digest), 64);
        }

        entry = &config->depots[0]->entries[0];
        check_int(entry->kind, PACKAGE_MODULE);
        check_string(entry->name, "terraform-aws-eks");
        check_string(entry->system, "aws");
        check_string(entry->repo_owner, "terraform-aws-modules");
        check_string(entry->constraint_text, ">= 21.10.1, != 21.13.0");
        check(entry->use_authenticated_client && entry->immutable);
        check_int(entry->file_format, FILE_FORMAT_ZIP);
        check_int(entry->storage.backend, STORAGE_S3);
        check_string(entry->storage.bucket, "opendepot-modules");
        check_string(entry->storage.region, "us-west-2");
        check_int(entry->line, 18);
        check_int(entry->column, 7);

        entry = &config->depots[2]->entries[0];
        check_int(entry->storage.backend, STORAGE_AZURE);
        check_string(entry->storage.account_url, "https://opendepotmodules.blob.core.windows.net");
        check(!entry->storage.bucket && !entry->storage.region);
        check_int(entry->version_history_limit, 5);
        entry = &config->depots[2]->entries[1];
        check_int(entry->kind, PACKAGE_PROVIDER);
        check_string(entry->provider_namespace, "DataDog");
        check_int(entry->storage.backend, STORAGE_S3);
        check(strings_contain(entry->operating_systems, "linux") &&
                strings_length(entry->operating_systems) == 1);
        check(!entry->use_authenticated_client);
}

static const char complete[] =
        "apiVersion: opendepot.defdev.io/v1alpha1\n"
        "kind: Depot\n"
        "metadata:\n"
        "  name: team.a-1\n"
        "  labels: {app: x}\n"
        "  annotations: {\"note/x\": \"1\"}\n"
        "  creationTimestamp: null\n"
        "  managedFields: [{manager: kubectl}]\n"
        "spec:\n"
        "  moduleConfigs:\n"
        "    - name: m1\n"
        "      provider: aws\n"
        "      repoOwner: owner\n"
        "    - name: m2\n"
        "      provider: aws\n"
        "      repoOwner: owner\n"
        "      repoUrl: https://git.example.com:8443/Owner/m2.git/\n"
        "      versionConstraints: ~> 1.2\n"
        "      versionHistoryLimit: 3\n"
        "      fileFormat: zip\n"
        "      immutable: true\n"
        "      githubClientConfig: {useAuthenticatedClient: false}\n"
        "      storageConfig: {fileSystem: {directoryPath: /srv//depot/}}\n"
        "  providerConfigs:\n"
        "    - name: aws\n"
        "      operatingSystems: []\n"
        "      architectures: [\"*\"]\n"
        "      sourceRepository: https://github.com/hashicorp/terraform-provider-aws\n"
        "      requireSignature: false\n"
        "    - {name: aws, namespace: other, operatingSystems: [linux, linux, darwin], versionHistoryLimit: "
        "null,\n"
        "       storageConfig: {gcs: {bucket: b.c}, presign: {enabled: true, ttl: 1h30m0s, fallbackToProxy: "
        "false}}}\n"
        "  global:\n"
        "    githubClientConfig: {useAuthenticatedClient: true}\n"
        "    moduleConfig: {fileFormat: tar, immutable: false}\n"
        "    storageConfig:\n"
        "      s3: {bucket: b, region: r, key: some/prefix/}\n"
        "      presign: {enabled: true}\n"
        "status: {modules: [x]}\n";

static void test_complete_document(void) {
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_free_ char *identity = NULL, *identity2 = NULL, *identity3 = NULL;
        const DepotEntry *e;
        const Depot *depot;

        write_text("etc/conf.d/d.yaml", complete);
        config = load("etc", NULL);
        check_config(config, "");
        check_int(config->n_depots, 1);
        depot = config->depots[0];
        check_string(depot->name, "team.a-1");
        check_string(depot->registry_namespace, "default");
        check_int(depot->line, 1);
        check_int(depot->polling_interval_usec, 0);
        check_int(depot->n_entries, 4);

        e = &depot->entries[0];
        check(!e->repo_url && !e->constraint && !e->constraint_text && !e->immutable &&
                e->use_authenticated_client);
        check_int(e->file_format, FILE_FORMAT_TAR_GZ);
        check_int(e->version_history_limit, 0);
        check(e->storage.presign_set && e->storage.presign_enabled && e->storage.presign_fallback_to_proxy);
        check_int(e->storage.presign_ttl_usec, 15 * USEC_PER_MINUTE);
        identity = storage_config_identity(&e->storage);
        check_string(identity, "s3:b/some/prefix");

        e = &depot->entries[1];
        check_string(e->repo_url, "https://git.example.com:8443/Owner/m2");
        check(e->constraint && e->immutable && !e->use_authenticated_client && !e->storage.presign_set);
        check_int(e->file_format, FILE_FORMAT_ZIP);
        check_int(e->version_history_limit, 3);
        identity2 = storage_config_identity(&e->storage);
        check_string(identity2, "fileSystem:/srv/depot");

        e = &depot->entries[2];
        check_string(e->provider_namespace, "hashicorp");
        check_string(e->source_repository, "https://github.com/hashicorp/terraform-provider-aws");
        check_int(e->signature_rule, SIGNATURE_RULE_OPTIONAL);
        check(!e->operating_systems && !e->architectures);

        e = &depot->entries[3];
        check_string(e->provider_namespace, "other");
        check_int(strings_length(e->operating_systems), 2);
        check_int(e->storage.presign_ttl_usec, 90 * USEC_PER_MINUTE);
        check(!e->storage.presign_fallback_to_proxy && !e->storage.region);
        identity3 = storage_config_identity(&e->storage);
        check_string(identity3, "gcs:b.c");
}

/* Replaces the first `from` of the complete document and returns the digest. */
static void digest_with(const char *from, const char *to, char ret[static 65]) {
        _cleanup_(config_freep) Config *config = NULL;
        const char *at = strstr(complete, from);
        char text[4096];

        check(at);
        (void) snprintf(
                text, sizeof(text), "%.*s%s%s", (int) (at - complete), complete, to, at + strlen(from));
        write_text("etc/conf.d/d.yaml", text);
        config = load("etc", NULL);
        check_config(config, "");
        memcpy(ret, config->depots[0]->digest, 65);
}

static void test_digest(void) {
        static const char *const same[][2] = {
                { "app: x", "app: y" },
                { "status: {modules: [x]}\n", "# a comment\n" },
                { "versionHistoryLimit: null", "versionHistoryLimit: " },
                { "  name: team.a-1\n", "  namespace: default\n\n  name: 'team.a-1'\n" },
                { "      operatingSystems: []\n", "" },
                { "[linux, linux, darwin]", "[linux, darwin]" },
        };
        static const char *const different[][2] = {
                { "name: team.a-1", "name: team.a-2" },
                { "- name: m1", "- name: m3" },
                { "~> 1.2", "~> 1.3" },
                { "key: some/prefix/", "key: some/prefix2" },
                { "ttl: 1h30m0s", "ttl: 1h" },
                { "[linux, linux, darwin]", "[linuxd, arwin]" },
                { "  global:\n", "  pollingIntervalMinutes: 1\n  global:\n" },
                { "fileFormat: tar", "fileFormat: zip" },
        };
        char original[65], other[65];

        digest_with("app", "app", original);
        for (size_t i = 0; i < ELEMENTSOF(same); i++) {
                digest_with(same[i][0], same[i][1], other);
                check_string(other, original);
        }
        for (size_t i = 0; i < ELEMENTSOF(different); i++) {
                digest_with(different[i][0], different[i][1], other);
                check(!streq(other, original));
        }
}

static void test_document_shape(void) {
        check_document(HEAD "  {}\n", "");
        check_document("- a\n", "1:1: the document must be a mapping, not a list\n");
        check_document("hello\n", "1:1: the document must be a mapping, not text\n");
        check_document("kind: Depot\n", "1:1: the document lacks the key 'apiVersion'\n"
                                        "1:1: the document lacks the key 'metadata'\n"
                                        "1:1: the document lacks the key 'spec'\n");
        check_document("apiVersion: opendepot.defdev.io/v2\nkind: Depot\nspecs: 1\n",
                "1:13: 'apiVersion' must be 'opendepot.defdev.io/v1alpha1', not 'opendepot.defdev.io/v2'\n");
        check_document("apiVersion: v1\nkind: Secret\ndata: {}\n",
                "1:13: 'apiVersion' must be 'opendepot.defdev.io/v1alpha1', not 'v1'\n");
        check_document("apiVersion: opendepot.defdev.io/v1alpha1\nkind: GroupBinding\nrules: 1\n",
                "2:7: kind 'GroupBinding' is not supported by this version of OpenDepot, only 'Depot', "
                "'Module' "
                "and 'Provider' are\n");
        check_document("apiVersion: opendepot.defdev.io/v1alpha1\nkind: depot\n",
                "2:7: 'kind' must be 'Depot', 'Module' or 'Provider', not 'depot'\n");
        check_document("apiVersion: 1\nkind: [Depot]\nmetadata: x\nspec: 5\n",
                "1:13: 'apiVersion' must be text, not a number (write it in quotes)\n"
                "2:7: 'kind' must be text, not a list\n"
                "3:11: 'metadata' must be a mapping, not text\n"
                "4:7: 'spec' must be a mapping, not a number\n");
        check_document("apiVersion: opendepot.defdev.io/v1alpha1\nkind: Depot\nmetadata: {namespace: "
                       "My_Space, nmae: x}\nspec:\n",
                "1:1: the document lacks the key 'spec'\n"
                "3:11: 'metadata' lacks the key 'name'\n"
                "3:23: 'namespace' must be a name of lower-case letters, digits and '-' (at most 63 "
                "characters), not 'My_Space'\n"
                "3:33: unknown key 'nmae', did you mean 'name'?\n");
}

static void test_names(void) {
        static const char *const good[] = { "a", "a-b.c-d", "0", "a.b.c" };
        static const char *const bad[] = { "A", "-a", "a-", "a..b", ".a", "a.", "a.-b", "a-.b", "a_b", "a/b",
                "\xc3\xa4" };
        char text[512], expected[512], longest[260];

        for (size_t i = 0; i < ELEMENTSOF(good); i++) {
                (void) snprintf(text, sizeof(text),
                        "apiVersion: opendepot.defdev.io/v1alpha1\nkind: Depot\n"
                        "metadata: {name: \"%s\"}\nspec: {}\n",
                        good[i]);
                check_document(text, "");
        }
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                (void) snprintf(text, sizeof(text),
                        "apiVersion: opendepot.defdev.io/v1alpha1\nkind: Depot\n"
                        "metadata: {name: \"%s\"}\nspec: {}\n",
                        bad[i]);
                (void) snprintf(expected, sizeof(expected),
                        "3:18: 'name' must be a name of lower-case letters, digits, '-' and '.' (at most "
                        "253 "
                        "characters), not '%s'\n",
                        bad[i]);
                check_document(text, expected);
        }
        memset(longest, 'a', sizeof(longest));
        longest[253] = '\0';
        (void) snprintf(text, sizeof(text),
                "apiVersion: opendepot.defdev.io/v1alpha1\nkind: Depot\n"
                "metadata: {name: \"%s\"}\nspec: {}\n",
                longest);
        check_document(text, "");
}

/* Wrong keys, types and values, all of them at once. */
static void test_module_problems(void) {
        check_document(HEAD "  moduleConfigs:\n"
                            "    - name: a/b\n"
                            "      provider: [aws]\n"
                            "      repoOwner: ../x\n"
                            "      repoUrl: https://github.com/owner\n"
                            "      versionConstraint: \">= 1.0\"\n"
                            "      versionHistoryLimit: 0\n"
                            "      fileFormat: tgz\n"
                            "      immutable: \"true\"\n"
                            "      githubClientConfig: {useAuthenticatedClient: 1, token: x}\n"
                            "    - provider: aws\n"
                            "      versionHistoryLimit: -3\n"
                            "    - text\n",
                "6:13: 'name' must be a name of letters, digits, '-', '_', '.' and '+', not 'a/b'\n"
                "7:17: 'provider' must be text, not a list\n"
                "8:18: 'repoOwner' must be a name of letters, digits, '-', '_', '.' and '+', not '../x'\n"
                "9:16: 'repoUrl' must be the address of a repository, https://host/owner/name, not "
                "'https://github.com/owner'\n"
                "10:7: unknown key 'versionConstraint', did you mean 'versionConstraints'?\n"
                "11:28: 'versionHistoryLimit' must be between 1 and 1000000, not '0'\n"
                "12:19: 'fileFormat' must be 'zip' or 'tar', not 'tgz'\n"
                "13:18: 'immutable' must be true or false, not text\n"
                "14:52: 'useAuthenticatedClient' must be true or false, not a number\n"
                "14:55: unknown key 'token'\n"
                "15:7: a module lacks the key 'name'\n"
                "15:7: a module lacks the key 'repoOwner'\n"
                "16:28: 'versionHistoryLimit' must be between 1 and 1000000, not '-3'\n"
                "17:7: a module must be a mapping, not text\n");
        check_document(HEAD
                "  moduleConfigs: {a: b}\n  providerConfig: []\n  pollingIntervalMinutes: 525602\n",
                "5:18: 'moduleConfigs' must be a list, not a mapping\n"
                "6:3: unknown key 'providerConfig', did you mean 'providerConfigs'?\n"
                "7:27: 'pollingIntervalMinutes' must be between 0 and 525600, not '525602'\n");
        check_document(HEAD "  pollingIntervalMinutes: 525601\n",
                "5:27: 'pollingIntervalMinutes' must be between 0 and 525600, not '525601'\n");
        check_document(HEAD "  pollingIntervalMinutes: 99999999999999999999999\n",
                "5:27: 'pollingIntervalMinutes' must be between 0 and 525600, not "
                "'99999999999999999999999'\n");
        check_document(HEAD "  pollingIntervalMinutes: 1.5\n",
                "5:27: 'pollingIntervalMinutes' must be a whole number, not a number\n");
        check_document(HEAD "  pollingIntervalMinutes: '60'\n",
                "5:27: 'pollingIntervalMinutes' must be a whole number, not text\n");
        check_document(HEAD "  pollingIntervalMinutes: 525600\n", "");
        /* What OpenDepot's schema allows there, and its controller does not look at. */
        check_document(HEAD
                "  global: {moduleConfig: {name: x, provider: aws, repoOwner: o, repoUrl: u, "
                "githubClientConfig: "
                "{},\n    storageConfig: {}, versionConstraints: '>= 1', versionHistoryLimit: 3}}\n",
                "");
        check_document(HEAD "  global: {moduleConfig: {operatingSystems: [linux]}}\n",
                "5:27: unknown key 'operatingSystems'\n");
        check_document(HEAD "  global: {modulConfig: {}, storageconfig: {}, quota: 1}\n",
                "5:12: unknown key 'modulConfig', did you mean 'moduleConfig'?\n"
                "5:29: unknown key 'storageconfig', did you mean 'storageConfig'?\n"
                "5:48: unknown key 'quota'\n");
}

static void test_provider_problems(void) {
        check_document(HEAD "  providerConfigs:\n"
                            "    - name: aws\n"
                            "      namespace: \"\"\n"
                            "      operatingSystems: linux\n"
                            "      architectures: [amd64, AMD64, 386, \"*\"]\n"
                            "      sourceRepository: ftp://x/a/b\n"
                            "      repoOwner: x\n",
                "7:18: 'namespace' must be a name of letters, digits, '-', '_', '.' and '+', not ''\n"
                "8:25: 'operatingSystems' must be a list, not text\n"
                "9:30: 'architectures' must be an architecture in lower case, such as 'amd64', not 'AMD64'\n"
                "9:37: 'architectures' must be text, not a number (write it in quotes)\n"
                "10:25: 'sourceRepository' must be an http:// or https:// address without user, query and "
                "fragment, not 'ftp://x/a/b'\n"
                "11:7: unknown key 'repoOwner'\n");
        check_document(HEAD "  providerConfigs: [{name: aws, architectures: [amd64, \"*\"]}]\n",
                "5:48: in 'architectures', '*' must stand alone\n");
}

static void test_constraint_problems(void) {
        static const char head[] = HEAD "  providerConfigs:\n    - name: aws\n      versionConstraints: ";
        static const struct {
                const char *value, *expected;
        } cases[] = {
                { "\">= 1.0, < 2.0\"", "" },
                { "1.2.3", "" },
                { "1.0", "7:27: 'versionConstraints' must be text, not a number (write it in quotes)\n" },
                { "\">= 1.0, < 2.x , != 3\"", "7:36: '< 2.x' in 'versionConstraints' is no version "
                                              "constraint such as \">= 1.2.0\"\n" },
                { "~> 1.0, >= latest", "7:35: '>= latest' in 'versionConstraints' is no version constraint "
                                       "such as \">= 1.2.0\"\n" },
                { "'1.0 || 2.0'", "7:28: '1.0 || 2.0' in 'versionConstraints' is no version constraint such "
                                  "as \">= 1.2.0\"\n" },
                { "\">= 1.0,\"", "7:35: 'versionConstraints' lacks a constraint here; leave the key out to "
                                 "take every version\n" },
                { "\"\"", "7:28: 'versionConstraints' lacks a constraint here; leave the key out to take "
                          "every version\n" },
                { "|\n          >= 1.0,\n          bad\n", "7:27: 'bad?' in 'versionConstraints' is no "
                                                           "version constraint such as \">= 1.2.0\"\n" },
                { "\">= \\x31.0, x\"", "7:27: 'x' in 'versionConstraints' is no version constraint such as "
                                       "\">= 1.2.0\"\n" },
                { "[1]", "7:27: 'versionConstraints' must be text, not a list\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char text[1024];

                (void) snprintf(text, sizeof(text), "%s%s\n", head, cases[i].value);
                check_document(text, cases[i].expected);
        }
}

static void test_storage_problems(void) {
        static const struct {
                const char *value, *expected;
        } cases[] = {
                { "{fileSystem: {}}", "" },
                { "{fileSystem: {directoryPath: /}}", "" },
                { "{s3: {bucket: b, region: r}, gcs: null}", "" },
                { "{}", "6:20: 'storageConfig' must have exactly one of fileSystem, s3, azureStorage and "
                        "gcs, not 0\n" },
                { "{presign: {enabled: true}}", "6:20: 'storageConfig' must have exactly one of fileSystem, "
                                                "s3, azureStorage and gcs, not 0\n" },
                { "{s3: {bucket: b, region: r}, gcs: {bucket: b}}",
                        "6:20: 'storageConfig' must have exactly one of fileSystem, s3, azureStorage and "
                        "gcs, not 2\n" },
                { "{s3: {bucket: b}}", "6:25: 's3' lacks the key 'region'\n" },
                { "{s3: {bucket: b, region: r, key: a/../b}}",
                        "6:53: 'key' must be a prefix of names, which '/' may separate, not 'a/../b'\n" },
                { "{s3: {bucket: b, region: r, key: /a}}",
                        "6:53: 'key' must be a prefix of names, which '/' may separate, not '/a'\n" },
                { "{s4: {bucket: b}}", "6:20: 'storageConfig' must have exactly one of fileSystem, s3, "
                                       "azureStorage and gcs, not 0\n"
                                       "6:21: unknown key 's4', did you mean 's3'?\n" },
                { "{fileSystem: {directoryPath: relative/path}}",
                        "6:49: 'directoryPath' must be an absolute path without '.' and '..', not "
                        "'relative/path'\n" },
                { "{fileSystem: {directoryPath: /srv/../etc}}",
                        "6:49: 'directoryPath' must be an absolute path without '.' and '..', not "
                        "'/srv/../etc'\n" },
                { "{azureStorage: {accountUrl: \"https://u:p@x.net\", subscriptionID: \"\"}}",
                        "6:35: 'azureStorage' lacks the key 'accountName'\n"
                        "6:48: 'accountUrl' must not hold a user or password\n"
                        "6:85: 'subscriptionID' must not be empty\n" },
                { "{gcs: {bucket: b}, presign: {ttl: 15 minutes, enabled: yes}}",
                        "6:54: 'ttl' must be a duration such as 30s, 15m or 1h, not '15 minutes'\n"
                        "6:75: 'enabled' must be true or false, not text\n" },
                { "{gcs: {bucket: b}, presign: {ttl: 8000h}}",
                        "6:54: 'ttl' must be between 1s and 7d, not '8000h'\n" },
                { "{gcs: {bucket: b}, presign: {ttl: 0s}}",
                        "6:54: 'ttl' must be between 1s and 7d, not '0s'\n" },
                { "{gcs: {bucket: b}, presign: {ttl: 1m1h}}",
                        "6:54: 'ttl' must be a duration such as 30s, 15m or 1h, not '1m1h'\n" },
                { "{gcs: {bucket: b}, presign: {ttl: 15}}",
                        "6:54: 'ttl' must be a duration such as 30s, 15m or 1h, not '15'\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                char text[1024];

                (void) snprintf(
                        text, sizeof(text), HEAD "  global:\n    storageConfig: %s\n", cases[i].value);
                check_document(text, cases[i].expected);
        }
}

static void test_duplicate_packages(void) {
        check_document(HEAD
                "  moduleConfigs:\n"
                "    - {name: m, provider: aws, repoOwner: o}\n"
                "    - {name: m, provider: google, repoOwner: o}\n"
                "    - {name: m, provider: aws, repoOwner: p}\n"
                "    - {name: m, provider: aws, repoOwner: p, storageConfig: {gcs: {bucket: b}}}\n"
                "  providerConfigs:\n"
                "    - {name: datadog, namespace: DataDog}\n"
                "    - {name: aws}\n"
                "    - {name: aws, namespace: hashicorp}\n"
                "    - {name: datadog, namespace: datadog}\n"
                "    - {name: aws, namespace: other}\n",
                "8:7: the module 'm/aws' is there already, on line 6, with the same store\n"
                "13:7: the provider 'hashicorp/aws' is there already, on line 12, with the same store\n"
                "14:7: the provider 'datadog/datadog' is there already, on line 11, with the same store\n");
}

static void test_hostile_documents(void) {
        static const char bomb[] = HEAD "  a: &a [x,x,x,x,x,x,x,x,x,x]\n"
                                        "  b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                                        "  c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                                        "  d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
                                        "  e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
                                        "  f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n";
        Buffer buffer = {};

        check_document(bomb,
                "10:13: the document has more than 300000 values, those behind aliases counted each time\n");
        check_document(HEAD "  global: &g {moduleConfig: *g}\n",
                "5:29: the alias '*g' stands within its own anchor\n");
        check_document(HEAD
                "  moduleConfigs: "
                "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n",
                "5:48: lists and mappings are nested deeper than 32 levels\n");
        check_document(HEAD "  pollingIntervalMinutes: 60\n  pollingIntervalMinutes: 61\n",
                "6:3: the key 'pollingIntervalMinutes' is there already, on line 5\n");
        check_document(HEAD "  base: &b {name: x}\n  moduleConfigs: [{<<: *b}]\n",
                "6:20: merge keys ('<<') are not supported; write the keys out\n");
        check_document(HEAD "  \"\\e[31m\\xe9\": 1\n", "5:3: unknown key '?[31m\xc3\xa9'\n");
        check_document_size(
                HEAD "  a: \0\n", sizeof(HEAD "  a: \0\n") - 1, "5:6: there is a NUL character here\n");

        check_int(buffer_append(&buffer, HEAD, strlen(HEAD)), 0);
        check_int(buffer_append(&buffer, "  moduleConfigs: ", 17), 0);
        for (size_t i = 0; i < 270000; i++)
                check_int(buffer_append(&buffer, "x", 1), 0);
        check_int(buffer_append(&buffer, "\n", 1), 0);
        check_document_size(buffer.data, buffer.size, "5:18: a value is longer than 256 KiB\n");

        buffer_clear(&buffer);
        check_int(buffer_append(&buffer, HEAD, strlen(HEAD)), 0);
        for (size_t i = 0; i < 60; i++)
                check_int(buffer_append_format(&buffer, "  unknown%zu: 1\n", i), 0);
        /* What is found behind them is wrong all the same. */
        check_int(
                buffer_append_format(&buffer, "  moduleConfigs: [{name: m, provider: p, repoUrl: 'ftp:x'}]\n"
                                              "  providerConfigs: [{name: p, architectures: [1, '']}]\n"),
                0);
        {
                _cleanup_(config_freep) Config *config = NULL;

                write_file("etc/conf.d/d.yaml", buffer.data, buffer.size);
                config = load("etc", NULL);
                check_int(config->n_problems, PROBLEMS_MAX + 1);
                check_string(config->problems[PROBLEMS_MAX].message,
                        "there are more problems, which are not shown");
        }
        buffer_clear(&buffer);
}

/* The largest document that is accepted, and one that is larger. */
static void test_large_document(void) {
        _cleanup_(config_freep) Config *config = NULL;
        Buffer buffer = {};

        check_int(buffer_append_format(&buffer, HEAD "  providerConfigs:\n"), 0);
        for (size_t i = 0; i < DEPOT_ENTRIES_MAX; i++)
                check_int(buffer_append_format(&buffer, "    - {name: p%zu}\n", i), 0);
        write_file("etc/conf.d/d.yaml", buffer.data, buffer.size);
        config = load("etc", NULL);
        check_config(config, "");
        check_int(config->depots[0]->n_entries, DEPOT_ENTRIES_MAX);

        check_int(buffer_append_format(
                          &buffer, "  moduleConfigs:\n    - {name: m, provider: p, repoOwner: o}\n"),
                0);
        check_document_size(buffer.data, buffer.size,
                "5:3: a depot has at most 10000 modules and providers, this one has 10001\n");
        buffer_clear(&buffer);
}

/* An entry's own word comes first, then that of `global`, then that of the host. */
static void test_policies(void) {
        const VersionPolicy host = { .has_minimum_release_age = true,
                .minimum_release_age_usec = 7 * USEC_PER_DAY,
                .prereleases = PRERELEASES_NEVER,
                .withdrawn = WITHDRAWN_HIDE };
        _cleanup_(config_freep) Config *config = NULL;
        const DepotEntry *entries;
        VersionPolicy policy;

        write_text("etc/conf.d/d.yaml", HEAD
                "  global: {minimumReleaseAge: 2d, withdrawn: keep}\n"
                "  moduleConfigs:\n"
                "    - {name: a, provider: aws, repoOwner: o, minimumReleaseAge: 0s, prereleases: true}\n"
                "  providerConfigs:\n"
                "    - {name: p}\n");
        config = load("etc", NULL);
        check_config(config, "");
        entries = config->depots[0]->entries;
        policy = version_policy_join(entries[0].policy, host);
        check_int(policy.minimum_release_age_usec, 0);
        check_int(policy.prereleases, PRERELEASES_WANTED);
        check_int(policy.withdrawn, WITHDRAWN_KEEP);
        policy = version_policy_join(entries[1].policy, host);
        check_int(policy.minimum_release_age_usec, 2 * USEC_PER_DAY);
        check_int(policy.prereleases, PRERELEASES_NEVER);
        check_int(policy.withdrawn, WITHDRAWN_KEEP);
        policy = version_policy_join((VersionPolicy) {}, host);
        check_int(policy.minimum_release_age_usec, 7 * USEC_PER_DAY);

        check_document(HEAD "  providerConfigs:\n    - {name: p, minimumReleaseAge: 3 days}\n",
                "6:36: 'minimumReleaseAge' must be a duration such as 30s, 15m or 1h, not '3 days'\n");
}

/* What an entry does not say of scanning is said by `global`; the waivers of both hold. */
static void test_scanning(void) {
        _cleanup_(config_freep) Config *config = NULL;
        const DepotEntry *entries;

        write_text("etc/conf.d/d.yaml",
                HEAD "  global:\n"
                     "    scanning: {blockOnHigh: true, modules: false, waivers: [{id: A, reason: r}]}\n"
                     "  moduleConfigs:\n"
                     "    - name: a\n"
                     "      provider: aws\n"
                     "      repoOwner: o\n"
                     "      scanning: {blockOnHigh: false, waivers: [{id: B, reason: r}]}\n"
                     "  providerConfigs:\n"
                     "    - {name: p, scanning: {enabled: false}}\n");
        config = load("etc", NULL);
        check_config(config, "");
        entries = config->depots[0]->entries;
        check_int(entries[0].scanning.block_on_high, CHOICE_NO);
        check_int(entries[0].scanning.modules, CHOICE_NO);
        check_int(entries[0].scanning.n_waivers, 2);
        check_string(entries[0].scanning.waivers[1].id, "B");
        check_int(entries[1].scanning.block_on_high, CHOICE_YES);
        check_int(entries[1].scanning.providers, CHOICE_NO);
        check_int(entries[1].scanning.n_waivers, 1);

        check_document(HEAD
                "  providerConfigs:\n    - {name: p, scanning: {enabled: true, modules: false}}\n",
                "6:43: unknown key 'modules'\n");
}

/* A document that says something else about versions is another one. */
static void test_policy_digest(void) {
        static const char *const policies[] = { "", ", minimumReleaseAge: 0s", ", minimumReleaseAge: 1d",
                ", prereleases: true", ", prereleases: false", ", withdrawn: keep", ", withdrawn: hide",
                ", scanning: {blockOnHigh: true}", ", scanning: {waivers: [{id: a, reason: b}]}",
                ", scanning: {waivers: [{id: a, component: b, reason: b}]}" };
        char digests[ELEMENTSOF(policies)][65];

        for (size_t i = 0; i < ELEMENTSOF(policies); i++) {
                _cleanup_free_ char *text =
                        text_format(HEAD "  providerConfigs:\n    - {name: p%s}\n", policies[i]);
                _cleanup_(config_freep) Config *config = NULL;

                write_text("etc/conf.d/d.yaml", text);
                config = load("etc", NULL);
                check_config(config, "");
                memcpy(digests[i], config->depots[0]->digest, sizeof(digests[i]));
                for (size_t j = 0; j < i; j++)
                        check(!streq(digests[i], digests[j]));
        }
}

int main(void) {
        directory_make();
        test_names();
        test_document_shape();
        test_module_problems();
        test_provider_problems();
        test_constraint_problems();
        test_storage_problems();
        test_duplicate_packages();
        test_hostile_documents();
        test_complete_document();
        test_digest();
        test_policies();
        test_scanning();
        test_policy_digest();
        test_large_document();
        directory_remove();
        test_fixture_documents();
        return EXIT_SUCCESS;
}
