#include "config/config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fs.h"
#include "base/list.h"
#include "base/sha256.h"
#include "build-config.h"
#include "config/depot-document.h"
#include "config/list-document.h"
#include "config/yaml.h"

#define FILES_MAX 4096
#define DEPOT_DOCUMENTS_MAX 4096
#define TOTAL_SIZE_MAX (64 * MIB)

char *const config_directories[] = {
        (char *) OPENDEPOT_CONFIGURATION_DIRECTORY,
        (char *) "/run/opendepot",
        (char *) OPENDEPOT_LIBEXECDIR,
        NULL,
};

/* A name that a document has, good or not: it is taken, so that mending a bad document changes nothing else. */
typedef struct TakenName {
        char *name, *file;
        unsigned line;
} TakenName;

typedef struct Loader {
        Config *config;
        TakenName *names;
        size_t n_names;
        size_t n_documents;
        uint64_t total_size;
} Loader;

/* A file to be read; its name decides on masking and order. */
typedef struct ConfigFile {
        char *path;
        const char *name; /* in `path` */
} ConfigFile;

typedef enum FileKind {
        FILE_DEPOTS,
        FILE_SETTINGS,
        FILE_ANY, /* told by its content */
} FileKind;

static int add_problem(Loader *loader, const char *file, unsigned line, unsigned column, const char *message,
        const char *depot) {
        ConfigProblem problem = { .line = line, .column = column };
        int r;

        if (string_assign(&problem.file, file) < 0 || string_assign(&problem.message, message) < 0 ||
                string_assign(&problem.depot, depot) < 0)
                r = -ENOMEM;
        else
                r = LIST_APPEND(loader->config->problems, loader->config->n_problems, problem);
        if (r < 0) {
                free(problem.file);
                free(problem.message);
                free(problem.depot);
        }
        return r;
}

static int add_file_problem(Loader *loader, const char *file, const char *message) {
        return add_problem(loader, file, 0, 0, message, NULL);
}

static int add_errno_problem(Loader *loader, const char *file, int error) {
        _cleanup_free_ char *message = NULL;

        if (error == -ENOMEM)
                return error;
        if (asprintf(&message, "cannot be read: %s", strerror(-error)) < 0) {
                message = NULL;
                return -ENOMEM;
        }
        return add_file_problem(loader, file, message);
}

static int add_document_problems(
        Loader *loader, const char *file, const Problems *problems, const char *depot) {
        for (size_t i = 0; i < problems->n_items; i++) {
                const Problem *problem = &problems->items[i];
                int r = add_problem(loader, file, problem->line, problem->column, problem->message, depot);

                if (r < 0)
                        return r;
        }
        return 0;
}

/* Registers the name of the document. Returns 1, or 0 if another one has it (a problem was added). */
static int take_name(Loader *loader, const char *name, const char *file, const YamlDocument *document) {
        TakenName taken = { .line = document->line };
        _cleanup_free_ char *message = NULL, *excerpt = NULL;
        const YamlNode *place = yaml_mapping_get(yaml_mapping_get(document->root, "metadata"), "name");
        int r;

        for (size_t i = 0; i < loader->n_names; i++) {
                const TakenName *first = &loader->names[i];

                if (!streq(first->name, name))
                        continue;
                excerpt = problem_excerpt(name);
                if (!excerpt)
                        return -ENOMEM;
                if (asprintf(&message,
                            "the name '%s' is taken by the document at %s:%u; this one is not used", excerpt,
                            first->file, first->line) < 0) {
                        message = NULL;
                        return -ENOMEM;
                }
                r = add_problem(loader, file, place->line, place->column, message, name);
                return MIN_OF(r, 0);
        }

        if (string_assign(&taken.name, name) < 0 || string_assign(&taken.file, file) < 0)
                r = -ENOMEM;
        else
                r = LIST_APPEND(loader->names, loader->n_names, taken);
        if (r < 0) {
                free(taken.name);
                free(taken.file);
                return r;
        }
        return 1;
}

static int load_depot(Loader *loader, const char *file, YamlDocument *document) {
        _cleanup_(depot_unrefp) Depot *depot = NULL;
        _cleanup_free_ char *name = NULL;
        int r;

        r = depot_document_name(document->root, &name);
        if (r < 0)
                return r;
        if (loader->n_documents > DEPOT_DOCUMENTS_MAX)
                return 0;
        if (++loader->n_documents > DEPOT_DOCUMENTS_MAX)
                return add_problem(loader, file, document->line, 1,
                        "there are more than 4096 documents; from here on they are not used", name);

        if (document->problems.n_items == 0) {
                r = depot_decode(document->root, file, &document->problems, &depot);
                if (r < 0)
                        return r;
        }
        if (name) {
                r = take_name(loader, name, file, document);
                if (r < 0)
                        return r;
                if (r == 0)
                        depot = depot_unref(depot);
        }
        r = add_document_problems(loader, file, &document->problems, name);
        if (r < 0 || !depot)
                return r;
        r = LIST_APPEND(loader->config->depots, loader->config->n_depots, depot);
        if (r >= 0)
                depot = NULL; /* the configuration's now */
        return r;
}

/* Each item is a document with problems of its own. */
static int load_list(Loader *loader, const char *file, YamlDocument *document) {
        const YamlNode *items = NULL;
        int r = 0;

        if (document->problems.n_items == 0)
                r = list_document_items(document->root, &document->problems, &items);
        if (r >= 0)
                r = add_document_problems(loader, file, &document->problems, NULL);
        for (size_t i = 0; items && i < items->n_items && r >= 0; i++) {
                YamlDocument item = { .root = items->items[i], .line = items->items[i]->line };

                r = load_depot(loader, file, &item);
                problems_clear(&item.problems);
        }
        return r;
}

static int load_settings(Loader *loader, const char *file, YamlDocument *document) {
        _cleanup_(settings_freep) Settings *settings = NULL;
        int r;

        if (document->problems.n_items == 0) {
                r = settings_decode(document->root, &document->problems, &settings);
                if (r < 0)
                        return r;
                problems_sort(&document->problems);
        }
        loader->config->settings = settings_free(loader->config->settings);
        loader->config->settings = TAKE_PTR(settings);
        return add_document_problems(loader, file, &document->problems, NULL);
}

/* Settings do not say what they are: they are told by their keys. */
static bool looks_like_settings(const YamlNode *root) {
        if (!root || root->type != YAML_MAPPING || depot_document_is_one(root))
                return false;
        for (size_t i = 0; i < root->n_items; i += 2)
                if (settings_has_key(root->items[i]->text))
                        return true;
        return false;
}

static bool is_empty(const YamlDocument *document) {
        return document->problems.n_items == 0 && (!document->root || document->root->type == YAML_NULL);
}

static int load_text(Loader *loader, const char *file, FileKind kind, const char *data, size_t size) {
        _cleanup_(yaml_stream_freep) YamlStream *stream = NULL;
        size_t n_settings = 0;
        int r;

        r = yaml_parse(data, size, &stream);
        if (r < 0)
                return r;
        for (size_t i = 0; i < stream->n_documents; i++) {
                YamlDocument *document = &stream->documents[i];

                if (is_empty(document))
                        continue;
                if (kind == FILE_SETTINGS || (kind == FILE_ANY && looks_like_settings(document->root))) {
                        if (n_settings++ > 0 && document->problems.n_items == 0) {
                                r = problems_add(&document->problems, document->line, 1,
                                        "settings are one document, not several");
                                if (r < 0)
                                        return r;
                        }
                        r = load_settings(loader, file, document);
                        if (r >= 0 && loader->config->settings)
                                sha256_hex_of(data, size, loader->config->settings->digest);
                } else if (list_document_is_one(document->root))
                        r = load_list(loader, file, document);
                else
                        r = load_depot(loader, file, document);
                if (r < 0)
                        return r;
        }
        return 0;
}

static bool is_null_device(const struct stat *st) {
        return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

/* Reads a file that an administrator named, links included. Returns 1, or 0 if there is nothing to read: the file is
 * masked, or there is a problem with it, which was added. With `optional`, a missing file gives -ENOENT. */
static int read_file(Loader *loader, const char *path, bool optional, char **ret_data, size_t *ret_size) {
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        int r;

        /* Looked at before it is opened: opening a device can do something, and opening a FIFO waits. */
        if (stat(path, &st) < 0) {
                r = negative_errno();
                if (r == -ENOENT && optional && lstat(path, &st) < 0)
                        return -ENOENT;
                return add_errno_problem(loader, path, r);
        }
        if (is_null_device(&st))
                return 0;
        if (!S_ISREG(st.st_mode))
                return add_file_problem(
                        loader, path, S_ISDIR(st.st_mode) ? "is a directory" : "is not a regular file");

        fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        if (fd < 0)
                return add_errno_problem(loader, path, negative_errno());
        r = fs_read_fd(fd, YAML_FILE_SIZE_MAX, ret_data, ret_size);
        if (r == -EFBIG)
                return add_file_problem(loader, path, "is larger than 4 MiB");
        if (r == -EAGAIN)
                return add_file_problem(
                        loader, path, "changes while it is read; reload when it is complete");
        if (r < 0)
                return add_errno_problem(loader, path, r);

        loader->total_size += *ret_size;
        if (loader->total_size > TOTAL_SIZE_MAX)
                return add_file_problem(
                        loader, path, "is not used: all files together are larger than 64 MiB");
        return 1;
}

/* A file that cannot be read is a problem only; -ENOENT as from read_file(). */
static int load_file(Loader *loader, const char *path, FileKind kind, bool optional) {
        _cleanup_free_ char *data = NULL;
        size_t size, before = loader->config->n_problems;
        int r;

        r = read_file(loader, path, optional, &data, &size);
        if (r > 0)
                return load_text(loader, path, kind, data, size);
        if (r == 0 && kind == FILE_SETTINGS && loader->config->n_problems > before)
                loader->config->settings = settings_free(loader->config->settings);
        return r;
}

static char *path_join(const char *directory, const char *name) {
        char *path;

        return asprintf(&path, "%s%s%s", directory, endswith(directory, "/") ? "" : "/", name) < 0 ? NULL
                                                                                                   : path;
}

/* The first opendepot.yaml counts. */
static int load_settings_file(Loader *loader, char *const *directories) {
        for (char *const *directory = directories; *directory; directory++) {
                _cleanup_free_ char *path = path_join(*directory, "opendepot.yaml");
                int r;

                if (!path)
                        return -ENOMEM;
                r = load_file(loader, path, FILE_SETTINGS, true);
                if (r != -ENOENT)
                        return r;
        }
        return 0;
}

static bool is_config_file_name(const char *name) {
        return name[0] != '.' && (endswith(name, ".yaml") || endswith(name, ".yml"));
}

static bool is_masked(const ConfigFile *files, size_t n_files, const char *name) {
        for (size_t i = 0; i < n_files; i++)
                if (streq(files[i].name, name))
                        return true;
        return false;
}

static int list_directory(Loader *loader, const char *path, ConfigFile **files, size_t *n_files) {
        /* What this directory masks is in the others: it does not mask itself. */
        DIR *directory = opendir(path);
        struct dirent *entry;
        int r = 0;

        if (!directory)
                return errno == ENOENT ? 0 : add_errno_problem(loader, path, negative_errno());
        while (r >= 0 && (entry = readdir(directory))) {
                ConfigFile file = {};

                if (!is_config_file_name(entry->d_name) || is_masked(*files, *n_files, entry->d_name))
                        continue;
                if (*n_files >= FILES_MAX) {
                        r = add_file_problem(loader, path, "has too many files: at most 4096 are read");
                        break;
                }
                file.path = path_join(path, entry->d_name);
                if (!file.path) {
                        r = -ENOMEM;
                        break;
                }
                file.name = strrchr(file.path, '/') + 1;
                r = LIST_APPEND(*files, *n_files, file);
                if (r < 0)
                        free(file.path);
        }
        (void) closedir(directory);
        return r;
}

static int compare_files(const void *a, const void *b) {
        return strcmp(((const ConfigFile *) a)->name, ((const ConfigFile *) b)->name);
}

static int load_depot_files(Loader *loader, char *const *directories) {
        ConfigFile *files = NULL;
        size_t n_files = 0;
        int r = 0;

        for (char *const *directory = directories; r >= 0 && *directory; directory++) {
                _cleanup_free_ char *path = path_join(*directory, "conf.d");

                r = path ? list_directory(loader, path, &files, &n_files) : -ENOMEM;
        }
        if (n_files > 0)
                qsort(files, n_files, sizeof(ConfigFile), compare_files);
        for (size_t i = 0; i < n_files; i++) {
                if (r >= 0)
                        r = load_file(loader, files[i].path, FILE_DEPOTS, false);
                free(files[i].path);
        }
        free(files);
        return r;
}

static int compare_depots(const void *a, const void *b) {
        return strcmp((*(Depot *const *) a)->name, (*(Depot *const *) b)->name);
}

static int loader_start(Loader *loader) {
        *loader = (Loader) { .config = calloc(1, sizeof(Config)) };
        if (!loader->config)
                return -ENOMEM;
        return settings_new(&loader->config->settings);
}

static int loader_finish(Loader *loader, int result, Config **ret) {
        Config *config = loader->config;

        for (size_t i = 0; i < loader->n_names; i++) {
                free(loader->names[i].name);
                free(loader->names[i].file);
        }
        free(loader->names);
        if (result < 0) {
                config_free(config);
                return result;
        }
        if (config->n_depots > 0)
                qsort(config->depots, config->n_depots, sizeof(Depot *), compare_depots);
        *ret = config;
        return 0;
}

int config_load(char *const *directories, Config **ret) {
        Loader loader;
        int r;

        r = loader_start(&loader);
        if (r >= 0)
                r = load_settings_file(&loader, directories);
        if (r >= 0)
                r = load_depot_files(&loader, directories);
        return loader_finish(&loader, r, ret);
}

int config_load_files(char *const *files, Config **ret) {
        Loader loader;
        int r;

        r = loader_start(&loader);
        for (char *const *file = files; r >= 0 && *file; file++) {
                const char *slash = strrchr(*file, '/');
                bool settings = streq(slash ? slash + 1 : *file, "opendepot.yaml");

                r = load_file(&loader, *file, settings ? FILE_SETTINGS : FILE_ANY, false);
        }
        return loader_finish(&loader, r, ret);
}

Config *config_free(Config *config) {
        if (!config)
                return NULL;
        settings_free(config->settings);
        for (size_t i = 0; i < config->n_depots; i++)
                depot_unref(config->depots[i]);
        free(config->depots);
        for (size_t i = 0; i < config->n_problems; i++) {
                free(config->problems[i].file);
                free(config->problems[i].message);
                free(config->problems[i].depot);
        }
        free(config->problems);
        free(config);
        return NULL;
}

char *config_problem_format(const ConfigProblem *problem) {
        char *text;
        int n;

        if (problem->line == 0)
                n = asprintf(&text, "%s: %s", problem->file, problem->message);
        else
                n = asprintf(&text, "%s:%u:%u: %s", problem->file, problem->line, problem->column,
                        problem->message);
        return n < 0 ? NULL : text;
}
