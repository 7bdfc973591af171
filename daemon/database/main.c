/* opendepot-trivy-db: refreshes the vulnerability database that scans read; started by opendepot-trivy-db.timer. */
#include <getopt.h>
#include <stdio.h>

#include "base/list.h"
#include "base/log.h"
#include "build-config.h"
#include "config/config.h"
#include "database/database.h"
#include "database/refresh.h"

static char **arg_configuration_directories = NULL;
static const char *arg_directory = NULL;
static bool arg_force = false;

static int help(void) {
        (void) printf("opendepot-trivy-db [OPTIONS...]\n"
                      "\n"
                      "Lets Trivy fetch its vulnerability database and puts it into use for scans.\n"
                      "\n"
                      "  -h --help                        Show this help\n"
                      "     --version                     Show the version\n"
                      "     --config-directory=DIR        Read the configuration below DIR; may be "
                      "repeated, earlier "
                      "ones "
                      "mask\n"
                      "                                   later ones\n"
                      "     --database-directory=DIR      Keep the database below DIR\n"
                      "     --force                       Fetch it also when nobody wants one, or no newer "
                      "one is due\n"
                      "\n"
                      "See opendepot-trivy-db(8) and opendepot.yaml(5).\n");
        return 0;
}

/* Returns 1 to go on, 0 to end well. */
static int parse_arguments(int argc, char *argv[]) {
        enum {
                ARG_VERSION = 0x100,
                ARG_CONFIGURATION_DIRECTORY,
                ARG_DATABASE_DIRECTORY,
                ARG_FORCE,
        };
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, ARG_VERSION },
                { "config-directory", required_argument, NULL, ARG_CONFIGURATION_DIRECTORY },
                { "database-directory", required_argument, NULL, ARG_DATABASE_DIRECTORY },
                { "force", no_argument, NULL, ARG_FORCE },
                {},
        };
        int c, r = 0;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                switch (c) {
                case 'h':
                        return help();
                case ARG_VERSION:
                        (void) printf("opendepot-trivy-db %s\n", OPENDEPOT_VERSION);
                        return 0;
                case ARG_CONFIGURATION_DIRECTORY:
                        r = strings_append(&arg_configuration_directories, optarg);
                        break;
                case ARG_DATABASE_DIRECTORY:
                        arg_directory = optarg;
                        break;
                case ARG_FORCE:
                        arg_force = true;
                        break;
                default:
                        return -EINVAL;
                }
                if (r < 0)
                        return r;
        }
        if (optind < argc) {
                log_error("Unexpected argument: %s", argv[optind]);
                return -EINVAL;
        }
        return 1;
}

static int load_settings(Config **ret) {
        _cleanup_(config_freep) Config *config = NULL;
        int r;

        r = config_load(
                arg_configuration_directories ? arg_configuration_directories : config_directories, &config);
        if (r < 0)
                return r;
        /* Problems of Depot documents are for the daemon to tell. */
        if (!config->settings) {
                for (size_t i = 0; i < config->n_problems; i++) {
                        _cleanup_free_ char *text = config_problem_format(&config->problems[i]);

                        log_error("%s", text ? text : "out of memory");
                }
                return -EINVAL;
        }
        *ret = TAKE_PTR(config);
        return 0;
}

static bool is_wanted(const Config *config) {
        for (size_t i = 0; i < config->n_depots; i++)
                for (size_t j = 0; j < config->depots[i]->n_entries; j++) {
                        const DepotEntry *entry = &config->depots[i]->entries[j];
                        Choice choice = entry->scanning.providers;

                        if (choice == CHOICE_UNSAID)
                                choice = config->settings->scanning.providers;
                        if (entry->kind == PACKAGE_PROVIDER && choice == CHOICE_YES)
                                return true;
                }
        return false;
}

/* systemd.exec(5) tells a service its directory. */
static const char *database_directory(void) {
        const char *state = getenv("STATE_DIRECTORY");

        if (arg_directory)
                return arg_directory;
        return isempty(state) ? DATABASE_DIRECTORY : state;
}

static int run(void) {
        _cleanup_(config_freep) Config *config = NULL;
        const Settings *settings;
        int r;

        r = load_settings(&config);
        if (r < 0)
                return r;
        settings = config->settings;
        if (!arg_force && !is_wanted(config)) {
                log_info("No depot has providers scanned: no database is needed");
                return 0;
        }
        return database_refresh(database_directory(),
                &(DatabaseSource) {
                        .program = settings->scanner,
                        .repositories = settings->database_repositories,
                        .proxy = settings->proxy,
                        .no_proxy = settings->no_proxy,
                        .ca_file = settings->ca_file,
                },
                arg_force);
}

int main(int argc, char *argv[]) {
        int r;

        r = parse_arguments(argc, argv);
        if (r > 0)
                r = run();
        strings_free(arg_configuration_directories);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
