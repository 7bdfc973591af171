#include "config-files.h"

static void test_several_documents(void) {
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_free_ char *expected = NULL;

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
                        "etc/conf.d/e-large.yaml: is larger than 4 MiB\n"
                        "etc/conf.d/g-device.yaml: is not a regular file\n");
        else
                check_config(config,
                        "usr/conf.d: cannot be read: Not a directory\n"
                        "etc/conf.d/a-directory.yaml: is a directory\n"
                        "etc/conf.d/b-fifo.yaml: is not a regular file\n"
                        "etc/conf.d/c-dangling.yaml: cannot be read: No such file or directory\n"
                        "etc/conf.d/d-loop.yaml: cannot be read: Too many levels of symbolic links\n"
                        "etc/conf.d/e-large.yaml: is larger than 4 MiB\n"
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

static void test_totals(void) {
        _cleanup_(config_freep) Config *config = NULL;
        _cleanup_free_ char *large = NULL;
        Buffer buffer = {};

        empty_directory();
        for (size_t i = 0; i < 5; i++) {
                char name[64];

                for (size_t j = 0; j < 1000; j++)
                        check_int(buffer_append_format(&buffer,
                                          "---\napiVersion: opendepot.defdev.io/v1alpha1\nkind: Depot\n"
                                          "metadata: {name: d%zu}\nspec: {}\n",
                                          i * 1000 + j),
                                0);
                (void) snprintf(name, sizeof(name), "etc/conf.d/%zu.yaml", i);
                write_file(name, buffer.data, buffer.size);
                buffer_clear(&buffer);
        }
        config = load("etc", NULL);
        check_int(config->n_depots, 4096);
        check_config(config, "etc/conf.d/4.yaml:482:1: there are more than 4096 documents; from here on "
                             "they are not used\n");
        config = config_free(config);

        empty_directory();
        large = malloc(YAML_FILE_SIZE_MAX);
        check(large);
        memset(large, '#', YAML_FILE_SIZE_MAX);
        for (size_t i = 0; i < 64 * MIB / YAML_FILE_SIZE_MAX; i++) {
                char name[64];

                (void) snprintf(name, sizeof(name), "etc/conf.d/%zu.yaml", 10 + i);
                write_file(name, large, YAML_FILE_SIZE_MAX);
        }
        write_text("etc/conf.d/zz.yaml", DOCUMENT("late"));
        config = load("etc", NULL);
        check_config(config, "etc/conf.d/zz.yaml: is not used: all files together are larger than 64 MiB\n");
        check_int(config->n_depots, 0);
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
        directory_make();
        test_several_documents();
        test_search_path();
        test_bad_files();
        test_totals();
        test_named_files();
        directory_remove();
        return EXIT_SUCCESS;
}
