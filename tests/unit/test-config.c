#include "config/config.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/list.h"
#include "base/names.h"
#include "base/text.h"
#include "test.h"

static char directory[] = "/tmp/test-config-XXXXXX";

#define HEAD                                                                                                \
        "apiVersion: opendepot.defdev.io/v1alpha1\nkind: Depot\nmetadata: {name: x}\nspec:\n" /* four lines */

static void write_file(const char *name, const char *text, size_t size) {
        _cleanup_free_ char *path = NULL;
        FILE *file;

        check(asprintf(&path, "%s/%s", directory, name) > 0);
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                (void) mkdir(path, 0755);
                *slash = '/';
        }
        file = fopen(path, "we");
        check(file);
        check_int(fwrite(text, 1, size, file), size);
        check_int(fclose(file), 0);
}

static void write_text(const char *name, const char *text) {
        write_file(name, text, strlen(text));
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        return remove(path);
}

static void empty_directory(void) {
        check_int(nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
        check_int(mkdir(directory, 0755), 0);
}

/* Loads from the directories named below the test's own. */
static Config *load(const char *first, const char *second) {
        _cleanup_(strings_freep) char **directories = NULL;
        _cleanup_free_ char *a = NULL, *b = NULL;
        Config *config = NULL;

        check(asprintf(&a, "%s/%s", directory, first) > 0);
        check(asprintf(&b, "%s/%s", directory, strempty(second)) > 0);
        check_int(strings_append(&directories, a), 0);
        if (second)
                check_int(strings_append(&directories, b), 0);
        check_int(config_load(directories, &config), 0);
        return config;
}

/* All problems as they are shown, without the directory in front. */
static char *describe_problems(const Config *config) {
        Buffer buffer = {};

        for (size_t i = 0; i < config->n_problems; i++) {
                _cleanup_free_ char *text = config_problem_format(&config->problems[i]);
                const char *rest = startswith(text, directory);

                check_int(buffer_append_format(&buffer, "%s\n", rest ? rest + 1 : text), 0);
        }
        return buffer.data;
}

static void check_config(const Config *config, const char *expected) {
        _cleanup_free_ char *problems = describe_problems(config);

        check_string(strempty(problems), expected);
}

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

static void check_settings(const char *text, const char *expected) {
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_free_ char *problems = NULL;

        write_text("set/opendepot.yaml", text);
        config = load("set", NULL);
        problems = describe_problems(config);
        check_string(strempty(problems), expected);
        check_int(config->settings != NULL, isempty(expected));
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
        check_document(
                "apiVersion: opendepot.defdev.io/v1alpha1\nkind: Module\nmetadata: {name: m}\nspec: {}\n",
                "2:7: kind 'Module' is not supported by this version of OpenDepot, only 'Depot' is\n");
        check_document("apiVersion: opendepot.defdev.io/v1alpha1\nkind: GroupBinding\nrules: 1\n",
                "2:7: kind 'GroupBinding' is not supported by this version of OpenDepot, only 'Depot' is\n");
        check_document("apiVersion: opendepot.defdev.io/v1alpha1\nkind: depot\n",
                "2:7: 'kind' must be 'Depot', not 'depot'\n");
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

        check(name_is_valid("terraform-aws_x.1+2") && name_is_valid("_a"));
        check(!name_is_valid("") && !name_is_valid(".") && !name_is_valid("..") && !name_is_valid("-a"));
        check(!name_is_valid("a/b") && !name_is_valid("a b") && !name_is_valid("a~") &&
                !name_is_valid("\xc3\xa4"));
        memset(longest, 'a', sizeof(longest));
        longest[NAME_LENGTH_MAX] = '\0';
        check(name_is_valid(longest));
        longest[NAME_LENGTH_MAX] = 'a';
        longest[NAME_LENGTH_MAX + 1] = '\0';
        check(!name_is_valid(longest));
        check(tag_is_valid("v1.2.3-rc~1+x") && tag_is_valid("modules/a/v1"));
        check(!tag_is_valid("") && !tag_is_valid("/a") && !tag_is_valid("a/") && !tag_is_valid("a//b"));
        check(!tag_is_valid("a/../b") && !tag_is_valid("a/-b") && !tag_is_valid("a\\b"));
        check(hostname_is_valid("a") && hostname_is_valid("registry.terraform.io") &&
                hostname_is_valid("a-b.c:65535"));
        check(!hostname_is_valid("") && !hostname_is_valid("A") && !hostname_is_valid("a.") &&
                !hostname_is_valid(".a"));
        check(!hostname_is_valid("a-.b") && !hostname_is_valid("-a") && !hostname_is_valid("a_b") &&
                !hostname_is_valid("a:"));
        check(!hostname_is_valid("a:0") && !hostname_is_valid("a:65536") && !hostname_is_valid("a:1x") &&
                !hostname_is_valid("a/b"));
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
        check_document(HEAD "  moduleConfigs: {a: b}\n  providerConfig: []\n  pollingIntervalMinutes: 0\n",
                "5:18: 'moduleConfigs' must be a list, not a mapping\n"
                "6:3: unknown key 'providerConfig', did you mean 'providerConfigs'?\n"
                "7:27: 'pollingIntervalMinutes' must be between 1 and 525600, not '0'\n");
        check_document(HEAD "  pollingIntervalMinutes: 525601\n",
                "5:27: 'pollingIntervalMinutes' must be between 1 and 525600, not '525601'\n");
        check_document(HEAD "  pollingIntervalMinutes: 99999999999999999999999\n",
                "5:27: 'pollingIntervalMinutes' must be between 1 and 525600, not "
                "'99999999999999999999999'\n");
        check_document(HEAD "  pollingIntervalMinutes: 1.5\n",
                "5:27: 'pollingIntervalMinutes' must be a whole number, not a number\n");
        check_document(HEAD "  pollingIntervalMinutes: '60'\n",
                "5:27: 'pollingIntervalMinutes' must be a whole number, not text\n");
        check_document(HEAD "  pollingIntervalMinutes: 525600\n", "");
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
                        "6:54: 'ttl' must be between 1s and 168h, not '8000h'\n" },
                { "{gcs: {bucket: b}, presign: {ttl: 0s}}",
                        "6:54: 'ttl' must be between 1s and 168h, not '0s'\n" },
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
                                        "  e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n";
        Buffer buffer = {};

        check_document(bomb,
                "9:19: the document has more than 50000 values, those behind aliases counted each time\n");
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
        for (size_t i = 0; i < 70000; i++)
                check_int(buffer_append(&buffer, "x", 1), 0);
        check_int(buffer_append(&buffer, "\n", 1), 0);
        check_document_size(buffer.data, buffer.size, "5:18: a value is longer than 64 KiB\n");

        buffer_clear(&buffer);
        check_int(buffer_append(&buffer, HEAD, strlen(HEAD)), 0);
        for (size_t i = 0; i < 60; i++)
                check_int(buffer_append_format(&buffer, "  unknown%zu: 1\n", i), 0);
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

/* The largest document that is accepted, with its own anchors: sixteen thousand entries of one alias. */
static void test_large_document(void) {
        _cleanup_(config_freep) Config *config = NULL;
        Buffer buffer = {};

        check_int(buffer_append_format(&buffer, HEAD "  providerConfigs:\n"), 0);
        for (size_t i = 0; i < 16000; i++)
                check_int(buffer_append_format(&buffer, "    - {name: p%zu}\n", i), 0);
        write_file("etc/conf.d/d.yaml", buffer.data, buffer.size);
        buffer_clear(&buffer);
        config = load("etc", NULL);
        check_config(config, "");
        check_int(config->depots[0]->n_entries, 16000);
}

static void test_several_documents(void) {
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_free_ char *expected = NULL;

#define DOCUMENT(name)                                                                                      \
        "apiVersion: opendepot.defdev.io/v1alpha1\nkind: Depot\nmetadata: {name: " name "}\nspec: {}\n"
        empty_directory();
        write_text("etc/conf.d/10-a.yaml",
                "---\n" DOCUMENT("zeta") "---\n# nothing\n---\n" DOCUMENT("alpha") "---\n" DOCUMENT(
                        "bad") "typo: 1\n"
                               "---\n" DOCUMENT("alpha") "---\n" DOCUMENT("last"));
        write_text("etc/conf.d/20-b.yml",
                DOCUMENT("zeta") "---\n" DOCUMENT("bad") "---\n" DOCUMENT(
                        "mid") "---\nkind: Depot\nmetadata: {name: cut}\nspec: [\n---\n" DOCUMENT("lost"));
        write_text("etc/conf.d/ignored.txt", "{");
        write_text("etc/conf.d/.hidden.yaml", "{");
        config = load("etc", NULL);
        check(asprintf(&expected,
                      "etc/conf.d/10-a.yaml:18:1: unknown key 'typo'\n"
                      "etc/conf.d/10-a.yaml:22:18: the name 'alpha' is taken by the document at "
                      "%s/etc/conf.d/10-a.yaml:9; this one is not used\n"
                      "etc/conf.d/20-b.yml:3:18: the name 'zeta' is taken by the document at "
                      "%s/etc/conf.d/10-a.yaml:2; this one is not used\n"
                      "etc/conf.d/20-b.yml:8:18: the name 'bad' is taken by the document at "
                      "%s/etc/conf.d/10-a.yaml:14; this one is not used\n"
                      "etc/conf.d/20-b.yml:19:1: while parsing a flow node: did not find expected node "
                      "content\n",
                      directory, directory, directory) > 0);
        check_config(config, expected);
        check_string(config->problems[0].depot, "bad");
        check_string(config->problems[1].depot, "alpha");
        check_string(config->problems[4].depot, "cut");

        check_int(config->n_depots, 4);
        check_string(config->depots[0]->name, "alpha");
        check_int(config->depots[0]->line, 9);
        check_string(config->depots[1]->name, "last");
        check_string(config->depots[2]->name, "mid");
        check_string(config->depots[3]->name, "zeta");
}

static char *below(const char *name) {
        char *path;

        check(asprintf(&path, "%s/%s", directory, name) > 0);
        return path;
}

static void test_search_path(void) {
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_free_ char *null_link = below("etc/conf.d/null.yaml"),
                            *link = below("etc/conf.d/link.yaml");

        empty_directory();
        write_text("etc/conf.d/both.yaml", DOCUMENT("from-etc"));
        write_text("usr/conf.d/both.yaml", DOCUMENT("from-usr"));
        write_text("usr/conf.d/empty.yaml", DOCUMENT("empty"));
        write_text("etc/conf.d/empty.yaml", "");
        write_text("usr/conf.d/null.yaml", DOCUMENT("null"));
        check_int(symlink("/dev/null", null_link), 0);
        write_text("usr/conf.d/only.yaml", DOCUMENT("only"));
        write_text("elsewhere.yaml", DOCUMENT("linked"));
        check_int(symlink("../../elsewhere.yaml", link), 0);
        write_text("usr/opendepot.yaml", "transfers: {parallel: 3}\n");

        config = load("etc", "usr");
        check_config(config, "");
        check_int(config->n_depots, 3);
        check_string(config->depots[0]->name, "from-etc");
        check_string(config->depots[1]->name, "linked");
        check_string(config->depots[2]->name, "only");
        check_int(config->settings->transfers_parallel, 3);

        config = config_free(config);
        write_text("etc/opendepot.yaml", "");
        config = load("etc", "usr");
        check_int(config->settings->transfers_parallel, 8);

        config = config_free(config);
        write_text("etc/opendepot.yaml", "transfers: {parallel: 5}\n");
        config = load("etc", "usr");
        check_int(config->settings->transfers_parallel, 5);

        config = config_free(config);
        config = load("absent", NULL);
        check_config(config, "");
        check(config->settings && config->n_depots == 0);
}

static void test_bad_files(void) {
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_free_ char *fifo = below("etc/conf.d/b-fifo.yaml"),
                            *dangling = below("etc/conf.d/c-dangling.yaml"),
                            *loop = below("etc/conf.d/d-loop.yaml"),
                            *secret = below("etc/conf.d/f-secret.yaml"),
                            *device = below("etc/conf.d/g-device.yaml"), *large = NULL;

        empty_directory();
        write_text("etc/conf.d/a-directory.yaml/x", "");
        check_int(mkfifo(fifo, 0644), 0);
        check_int(symlink("nowhere", dangling), 0);
        check_int(symlink("d-loop.yaml", loop), 0);
        large = calloc(1, YAML_FILE_SIZE_MAX + 1);
        check(large);
        memset(large, '#', YAML_FILE_SIZE_MAX + 1);
        write_file("etc/conf.d/e-large.yaml", large, YAML_FILE_SIZE_MAX + 1);
        write_text("etc/conf.d/f-secret.yaml", geteuid() == 0 ? "" : DOCUMENT("secret"));
        check_int(chmod(secret, 0), 0);
        check_int(symlink("/dev/zero", device), 0);
        write_text("etc/conf.d/h-good.yaml", DOCUMENT("good"));
        write_text("usr/conf.d", "no directory");

        config = load("etc", "usr");
        if (geteuid() == 0)
                check_config(config,
                        "usr/conf.d: cannot be read: Not a directory\n"
                        "etc/conf.d/a-directory.yaml: is a directory\n"
                        "etc/conf.d/b-fifo.yaml: is not a regular file\n"
                        "etc/conf.d/c-dangling.yaml: cannot be read: No such file or directory\n"
                        "etc/conf.d/d-loop.yaml: cannot be read: Too many levels of symbolic links\n"
                        "etc/conf.d/e-large.yaml: is larger than 1 MiB\n"
                        "etc/conf.d/g-device.yaml: is not a regular file\n");
        else
                check_config(config,
                        "usr/conf.d: cannot be read: Not a directory\n"
                        "etc/conf.d/a-directory.yaml: is a directory\n"
                        "etc/conf.d/b-fifo.yaml: is not a regular file\n"
                        "etc/conf.d/c-dangling.yaml: cannot be read: No such file or directory\n"
                        "etc/conf.d/d-loop.yaml: cannot be read: Too many levels of symbolic links\n"
                        "etc/conf.d/e-large.yaml: is larger than 1 MiB\n"
                        "etc/conf.d/f-secret.yaml: cannot be read: Permission denied\n"
                        "etc/conf.d/g-device.yaml: is not a regular file\n");
        check_int(config->n_depots, 1);
        check_string(config->depots[0]->name, "good");

        config = config_free(config);
        write_text("set/opendepot.yaml/x", "");
        config = load("set", NULL);
        check_config(config, "set/opendepot.yaml: is a directory\n");
        check(!config->settings);
}

static void test_settings(void) {
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_(settings_freep) Settings *defaults = NULL;
        Settings *s;

        check_int(settings_new(&defaults), 0);
        check_string(defaults->github_api_url, "https://api.github.com");
        check_string(defaults->github_web_url, "https://github.com");
        check_string(defaults->hashicorp_api_url, "https://api.releases.hashicorp.com");
        check_string(defaults->hashicorp_releases_url, "https://releases.hashicorp.com");
        check_int(defaults->connect_timeout_usec, 30 * USEC_PER_SEC);
        check_int(defaults->artifact_size_max, 4 * GIB);
        check_int(strings_length(defaults->provider_hostnames), 2);
        check_int(defaults->n_keys, 1);
        check_string(defaults->keys[0].provider_namespace, "hashicorp");
        check_string(defaults->keys[0].fingerprint, "C874011F0AB405110D02105534365D9472D7468F");
        check_string(defaults->keys[0].url, "https://www.hashicorp.com/.well-known/pgp-key.txt");
        check(defaults->allow_expired_keys && !defaults->allow_weak_hashes);
        check(defaults->workers_parallel >= 1);

        empty_directory();
        write_text("set/opendepot.yaml",
                "upstream:\n"
                "  github: {apiUrl: \"https://ghe.example.com/api/v3/\", webUrl: \"http://[::1]:8080\"}\n"
                "  hashicorp: {apiUrl: http://localhost:1/a/, releasesUrl: HTTPS}\n");
        config = load("set", NULL);
        check_config(config, "set/opendepot.yaml:3:59: 'releasesUrl' must be an http:// or https:// address "
                             "without user, query and fragment, not 'HTTPS'\n");
        check(!config->settings);
        config = config_free(config);

        write_text("set/opendepot.yaml",
                "upstream:\n"
                "  github: {apiUrl: \"https://ghe.example.com/api/v3/\", webUrl: \"http://[::1]:8080\"}\n"
                "  hashicorp: {apiUrl: http://localhost:1/a//, releasesUrl: null}\n"
                "network: {caFile: /etc/ca.pem, userAgent: Mirror/1, connectTimeout: 5s, stallTimeout: "
                "1m30s}\n"
                "transfers: {parallel: 64, parallelPerHost: 1, maxArtifactSize: 2G, maxDocumentSize: "
                "65536}\n"
                "workers: {parallel: 3, timeout: 1h}\n"
                "modules: {maxEntries: 10, maxUnpackedSize: 512M, maxRatio: 1}\n"
                "store: {directoryPath: /srv/store/}\n"
                "providerHostnames: [registry.example.com, \"localhost:8443\"]\n"
                "keys:\n"
                "  - {namespace: Other, fingerprint: c874011f0ab405110d02105534365d9472d7468f, file: "
                "/etc/k.asc}\n"
                "  - {namespace: other, fingerprint: c874011f0ab405110d02105534365d9472d7468f, url: "
                "\"https://k.example.com/get?x=1&y=2\"}\n"
                "allowExpiredKeys: false\n"
                "allowWeakHashes: true\n");
        config = load("set", NULL);
        check_config(config, "");
        s = config->settings;
        check_string(s->github_api_url, "https://ghe.example.com/api/v3");
        check_string(s->github_web_url, "http://[::1]:8080");
        check_string(s->hashicorp_api_url, "http://localhost:1/a");
        check_string(s->hashicorp_releases_url, "https://releases.hashicorp.com");
        check_string(s->ca_file, "/etc/ca.pem");
        check_string(s->user_agent, "Mirror/1");
        check_int(s->connect_timeout_usec, 5 * USEC_PER_SEC);
        check_int(s->stall_timeout_usec, 90 * USEC_PER_SEC);
        check_int(s->transfers_parallel, 64);
        check_int(s->transfers_parallel_per_host, 1);
        check_int(s->artifact_size_max, 2 * GIB);
        check_int(s->document_size_max, 65536);
        check_int(s->workers_parallel, 3);
        check_int(s->worker_timeout_usec, 60 * USEC_PER_MINUTE);
        check_int(s->module_entries_max, 10);
        check_int(s->module_unpacked_size_max, 512 * MIB);
        check_int(s->module_ratio_max, 1);
        check_string(s->store_directory, "/srv/store");
        check_int(strings_length(s->provider_hostnames), 2);
        check_string(s->provider_hostnames[1], "localhost:8443");
        check_int(s->n_keys, 3);
        check_string(s->keys[0].fingerprint, "C874011F0AB405110D02105534365D9472D7468F");
        check_string(s->keys[0].file, "/etc/k.asc");
        check_string(s->keys[1].url, "https://k.example.com/get?x=1&y=2");
        check_string(s->keys[2].provider_namespace, "hashicorp");
        check(!s->allow_expired_keys && s->allow_weak_hashes);
        config = config_free(config);

        write_text("set/opendepot.yaml", "keys: [{namespace: hashicorp, fingerprint: "
                                         "91A6E7F85D05C65630BEF18951852D87348FFC4C, file: /k}]\n");
        config = load("set", NULL);
        check_config(config, "");
        check_int(config->settings->n_keys, 1);
        check_string(config->settings->keys[0].file, "/k");
}

static void test_settings_problems(void) {
        check_settings("", "");
        check_settings("# nothing\n", "");
        check_settings("- a\n", "set/opendepot.yaml:1:1: the document must be a mapping, not a list\n");
        check_settings("transfer: {}\nnetwork: {caFile: ca.pem, proxy: x}\n",
                "set/opendepot.yaml:1:1: unknown key 'transfer', did you mean 'transfers'?\n"
                "set/opendepot.yaml:2:19: 'caFile' must be an absolute path without '.' and '..', not "
                "'ca.pem'\n"
                "set/opendepot.yaml:2:27: unknown key 'proxy'\n");
        check_settings(
                "transfers: {parallel: 0, parallelPerHost: 65, maxArtifactSize: 1K, maxDocumentSize: 4T}\n",
                "set/opendepot.yaml:1:23: 'parallel' must be between 1 and 64, not '0'\n"
                "set/opendepot.yaml:1:43: 'parallelPerHost' must be between 1 and 64, not '65'\n"
                "set/opendepot.yaml:1:64: 'maxArtifactSize' must be between 1M and 1024G, not '1K'\n"
                "set/opendepot.yaml:1:85: 'maxDocumentSize' must be a size such as 512K, 32M or 4G, not "
                "'4T'\n");
        check_settings("transfers: {maxArtifactSize: 99999999999999999999G}\n",
                "set/opendepot.yaml:1:30: 'maxArtifactSize' must be a size such as 512K, 32M or 4G, not "
                "'99999999999999999999G'\n");
        check_settings("transfers: {maxArtifactSize: 18446744073709551615G}\n",
                "set/opendepot.yaml:1:30: 'maxArtifactSize' must be a size such as 512K, 32M or 4G, not "
                "'18446744073709551615G'\n");
        check_settings("workers: {parallel: 4294967297, timeout: 25h}\n",
                "set/opendepot.yaml:1:21: 'parallel' must be between 1 and 256, not '4294967297'\n"
                "set/opendepot.yaml:1:42: 'timeout' must be between 1s and 24h, not '25h'\n");
        check_settings("upstream: {github: {apiUrl: \"https://token@ghe/\", webUrl: \"https://ghe/?a\"}, "
                       "hashicorp: {apiUrl: \"https://\", releasesUrl: \"https://a:b/\"}}\n",
                "set/opendepot.yaml:1:29: 'apiUrl' must not hold a user or password\n"
                "set/opendepot.yaml:1:59: 'webUrl' must be an http:// or https:// address without user, "
                "query and fragment, not 'https://ghe/?a'\n"
                "set/opendepot.yaml:1:98: 'apiUrl' must be an http:// or https:// address without user, "
                "query and fragment, not 'https://'\n"
                "set/opendepot.yaml:1:123: 'releasesUrl' must be an http:// or https:// address without "
                "user, query and fragment, not 'https://a:b/'\n");
        check_settings("network: {userAgent: \"a\\nb\"}\n",
                "set/opendepot.yaml:1:22: 'userAgent' must be printable ASCII text of at most 200 "
                "characters, not 'a?b'\n");
        check_settings("providerHostnames: []\n",
                "set/opendepot.yaml:1:20: 'providerHostnames' must have 1 to 16 elements, not 0\n");
        check_settings("providerHostnames: [Registry.terraform.io, a/b]\n",
                "set/opendepot.yaml:1:21: 'providerHostnames' must be a host name in lower case, with :port "
                "if it has one, not 'Registry.terraform.io'\n"
                "set/opendepot.yaml:1:44: 'providerHostnames' must be a host name in lower case, with :port "
                "if it has one, not 'a/b'\n");
        check_settings(
                "keys: [{namespace: a, fingerprint: \"1234\", url: \"https://x\"}, {namespace: a}, x,\n"
                "  {namespace: a, fingerprint: C874011F0AB405110D02105534365D9472D7468F},\n"
                "  {namespace: a, fingerprint: C874011F0AB405110D02105534365D9472D7468F, url: "
                "\"https://x\", file: /x}]\n",
                "set/opendepot.yaml:1:36: 'fingerprint' must be the fingerprint of a primary key, 40 or 64 "
                "hexadecimal digits, not '1234'\n"
                "set/opendepot.yaml:1:63: an element of 'keys' lacks the key 'fingerprint'\n"
                "set/opendepot.yaml:1:79: an element of 'keys' must be a mapping, not text\n"
                "set/opendepot.yaml:2:3: a key needs exactly one of 'url' and 'file'\n"
                "set/opendepot.yaml:3:3: a key needs exactly one of 'url' and 'file'\n");
        check_settings(
                "keys: &k [{namespace: a, fingerprint: C874011F0AB405110D02105534365D9472D7468F, file: "
                "/x},\n"
                "  {namespace: A, fingerprint: c874011f0ab405110d02105534365d9472d7468f, file: /x}]\n",
                "set/opendepot.yaml:2:3: this key is in the list already\n");
        check_settings("store: {}\n---\nstore: {}\n",
                "set/opendepot.yaml:3:1: settings are one document, not several\n");
        check_settings("store: {\n",
                "set/opendepot.yaml:2:1: while parsing a flow node: did not find expected node content\n");
}

/* verify-config tells settings from documents by what they say. */
static void test_named_files(void) {
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_free_ char *settings = below("host.yaml"), *document = below("doc"),
                            *neither = below("neither.yaml"), *absent = below("absent.yaml"),
                            *bad = below("bad-settings.yaml");
        char *files[] = { settings, document, neither, absent, NULL }, *bad_files[] = { bad, NULL };

        empty_directory();
        write_text("host.yaml", "workers: {parallel: 7}\n");
        write_text("doc", DOCUMENT("one"));
        write_text("neither.yaml", "hello: world\n");
        write_text("bad-settings.yaml", "workers: {parallel: x}\n");
        check_int(config_load_files(files, &config), 0);
        check_config(config, "neither.yaml:1:1: unknown key 'hello'\n"
                             "neither.yaml:1:1: the document lacks the key 'apiVersion'\n"
                             "neither.yaml:1:1: the document lacks the key 'kind'\n"
                             "neither.yaml:1:1: the document lacks the key 'metadata'\n"
                             "neither.yaml:1:1: the document lacks the key 'spec'\n"
                             "absent.yaml: cannot be read: No such file or directory\n");
        check_int(config->settings->workers_parallel, 7);
        check_int(config->n_depots, 1);
        check_string(config->depots[0]->name, "one");

        config = config_free(config);
        check_int(config_load_files(bad_files, &config), 0);
        check_config(config, "bad-settings.yaml:1:21: 'parallel' must be a whole number, not text\n");
        check(!config->settings);
}

int main(void) {
        check(mkdtemp(directory));
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
        test_large_document();
        test_several_documents();
        test_search_path();
        test_bad_files();
        test_settings();
        test_settings_problems();
        test_named_files();
        check_int(nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
        test_fixture_documents();
        return EXIT_SUCCESS;
}
