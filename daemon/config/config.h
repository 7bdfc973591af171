/* The configuration of the host: opendepot.yaml and every Depot document below conf.d, read, validated, immutable. */
#pragma once

#include "base/util.h"
#include "config/settings.h"
#include "model/depot.h"

/* One complaint: file:line:column: message (line and column 0: about the file as a whole). */
typedef struct ConfigProblem {
        char *file;
        unsigned line, column;
        char *message;
        char *depot; /* the name of the document that was refused, when it could still be read; else NULL */
} ConfigProblem;

typedef struct Config {
        Settings *settings;
        Depot **depots; /* sorted by name; each name once */
        size_t n_depots;
        ConfigProblem
                *problems; /* in the order of the files; a document with a problem is not among the depots */
        size_t n_problems;
} Config;

/* Where the configuration is read by default: /etc/opendepot, /run/opendepot, /usr/lib/opendepot. NULL-terminated. */
extern char *const config_directories[];

/* Reads `opendepot.yaml` and `conf.d/` + `*.yaml` (also *.yml) below each of `directories` (earlier masks later, by file
 * name; an empty file or a link to /dev/null masks too). A missing directory or a missing opendepot.yaml is no problem.
 * A problem in opendepot.yaml leaves `settings` NULL: the caller keeps the old ones or does not start.
 * Returns 0 (also with problems) or -ENOMEM. */
int config_load(char *const *directories, Config **ret);

/* The same for the files named, whatever they are (Depot documents or settings): for verify-config. */
int config_load_files(char *const *files, Config **ret);

Config *config_free(Config *config);
DEFINE_CLEANUP(Config *, config_free)

/* "file:line:column: message", to be freed; NULL when out of memory. */
char *config_problem_format(const ConfigProblem *problem);
