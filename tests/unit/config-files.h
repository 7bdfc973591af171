/* What the tests of the configuration share: files in a directory of the test's own, loaded, and the problems as text. */
#pragma once

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/list.h"
#include "base/text.h"
#include "config/config.h"
#include "test.h"

/* A small document, four lines. */
#define DOCUMENT(name)                                                                                      \
        "apiVersion: opendepot.defdev.io/v1alpha1\nkind: Depot\nmetadata: {name: " name "}\nspec: {}\n"

static char directory[] = "/tmp/test-opendepot-XXXXXX";

static inline void write_file(const char *name, const char *text, size_t size) {
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

static inline void write_text(const char *name, const char *text) {
        write_file(name, text, strlen(text));
}

static inline int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw) {
        return remove(path);
}

static inline void empty_directory(void) {
        check_int(nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
        check_int(mkdir(directory, 0755), 0);
}

/* Loads from the directories named below the test's own. */
static inline Config *load(const char *first, const char *second) {
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
static inline char *describe_problems(const Config *config) {
        Buffer buffer = {};

        for (size_t i = 0; i < config->n_problems; i++) {
                _cleanup_free_ char *text = config_problem_format(&config->problems[i]);
                const char *rest = startswith(text, directory);

                check_int(buffer_append_format(&buffer, "%s\n", rest ? rest + 1 : text), 0);
        }
        return buffer.data;
}

static inline void check_config(const Config *config, const char *expected) {
        _cleanup_free_ char *problems = describe_problems(config);

        check_string(strempty(problems), expected);
}

static inline char *below(const char *name) {
        char *path;

        check(asprintf(&path, "%s/%s", directory, name) > 0);
        return path;
}

/* Before and after the tests of a program. */
static inline void directory_make(void) {
        check(mkdtemp(directory));
}

static inline void directory_remove(void) {
        check_int(nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
}
