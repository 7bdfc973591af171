/* opendepotd: options, signals, readiness; everything else is in the manager. */

#include <curl/curl.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/message-id.h"
#include "build-config.h"
#include "database/database.h"
#include "manager/manager.h"
#include "varlink/server.h"

static char **arg_configuration_directories = NULL;
static const char *arg_state_directory = NULL;
static const char *arg_runtime_directory = NULL;
static const char *arg_database_directory = DATABASE_DIRECTORY;
static const char *arg_worker = OPENDEPOT_LIBEXECDIR "/opendepot-worker";

static int help(void) {
        (void) printf(
                "opendepotd [OPTIONS...]\n"
                "\n"
                "Mirrors Terraform and OpenTofu modules and providers into a store.\n"
                "\n"
                "  -h --help                        Show this help\n"
                "     --version                     Show the version\n"
                "     --config-directory=DIR        Read opendepot.yaml and conf.d/ below DIR; may be "
                "repeated,\n"
                "                                   earlier ones mask later ones\n"
                "     --state-directory=DIR         Keep state and the default store below DIR\n"
                "     --runtime-directory=DIR       Listen on DIR/io.defdev.opendepot\n"
                "     --database-directory=DIR      Read the scanner's database below DIR\n"
                "     --worker=PATH                 Run this opendepot-worker\n"
                "     --log-level=LEVEL             Show messages up to LEVEL: 0 (emergency) to 7 (debug)\n"
                "\n"
                "See opendepotd(8) and opendepot.yaml(5).\n");
        return 0;
}

static int parse_log_level(const char *text) {
        if (strlen(text) != 1 || text[0] < '0' || text[0] > '7') {
                log_error("--log-level=%s: expected a number from 0 to 7", text);
                return -EINVAL;
        }
        log_set_max_level(text[0] - '0');
        return 0;
}

/* Returns 1 to go on, 0 to end well. */
static int parse_arguments(int argc, char *argv[]) {
        enum {
                ARG_VERSION = 0x100,
                ARG_CONFIGURATION_DIRECTORY,
                ARG_STATE_DIRECTORY,
                ARG_RUNTIME_DIRECTORY,
                ARG_DATABASE_DIRECTORY,
                ARG_WORKER,
                ARG_LOG_LEVEL,
        };
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { "version", no_argument, NULL, ARG_VERSION },
                { "config-directory", required_argument, NULL, ARG_CONFIGURATION_DIRECTORY },
                { "state-directory", required_argument, NULL, ARG_STATE_DIRECTORY },
                { "runtime-directory", required_argument, NULL, ARG_RUNTIME_DIRECTORY },
                { "database-directory", required_argument, NULL, ARG_DATABASE_DIRECTORY },
                { "worker", required_argument, NULL, ARG_WORKER },
                { "log-level", required_argument, NULL, ARG_LOG_LEVEL },
                {},
        };
        int c, r = 0;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
                switch (c) {
                case 'h':
                        return help();
                case ARG_VERSION:
                        (void) printf("opendepotd %s\n", OPENDEPOT_VERSION);
                        return 0;
                case ARG_CONFIGURATION_DIRECTORY:
                        r = strings_append(&arg_configuration_directories, optarg);
                        break;
                case ARG_STATE_DIRECTORY:
                        arg_state_directory = optarg;
                        break;
                case ARG_RUNTIME_DIRECTORY:
                        arg_runtime_directory = optarg;
                        break;
                case ARG_DATABASE_DIRECTORY:
                        arg_database_directory = optarg;
                        break;
                case ARG_WORKER:
                        arg_worker = optarg;
                        break;
                case ARG_LOG_LEVEL:
                        r = parse_log_level(optarg);
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

/* systemd.exec(5) tells a service its directories. */
static void complete_directories(void) {
        const char *state = getenv("STATE_DIRECTORY"), *runtime = getenv("RUNTIME_DIRECTORY");

        if (!arg_state_directory)
                arg_state_directory = isempty(state) ? "/var/lib/opendepot" : state;
        if (!arg_runtime_directory)
                arg_runtime_directory = isempty(runtime) ? "/run/opendepot" : runtime;
}

static int on_reload_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        (void) sd_notifyf(
                false, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long) clock_monotonic_usec());
        (void) manager_reload(userdata);
        (void) sd_notify(false, "READY=1");
        return 0;
}

static int on_stop_signal(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        log_entry(LOG_NOTICE, MESSAGE_STOPPING, NULL, "Stopping");
        (void) sd_notify(false, "STOPPING=1");
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int set_up_loop(sd_event **ret) {
        sd_event *event = NULL;
        int r;

        r = sd_event_default(&event);
        if (r >= 0)
                r = sd_event_set_watchdog(event, true);
        if (r >= 0)
                r = sd_event_add_signal(
                        event, NULL, SIGTERM | SD_EVENT_SIGNAL_PROCMASK, on_stop_signal, NULL);
        if (r >= 0)
                r = sd_event_add_signal(
                        event, NULL, SIGINT | SD_EVENT_SIGNAL_PROCMASK, on_stop_signal, NULL);
        if (r < 0) {
                sd_event_unref(event);
                return r;
        }
        *ret = event;
        return 0;
}

static int run(sd_event *event) {
        _cleanup_(manager_freep) Manager *manager = NULL;
        _cleanup_(varlink_server_freep) VarlinkServer *server = NULL;
        int r;

        r = manager_new(event,
                &(ManagerOptions) {
                        .configuration_directories = arg_configuration_directories
                                                             ? arg_configuration_directories
                                                             : config_directories,
                        .state_directory = arg_state_directory,
                        .database_directory = arg_database_directory,
                        .worker = arg_worker,
                },
                &manager);
        if (r >= 0)
                r = varlink_server_new(event, manager, arg_runtime_directory, &server);
        if (r >= 0)
                r = sd_event_add_signal(
                        event, NULL, SIGHUP | SD_EVENT_SIGNAL_PROCMASK, on_reload_signal, manager);
        if (r >= 0)
                r = manager_start(manager);
        if (r < 0)
                return r;

        log_entry(LOG_NOTICE, MESSAGE_STARTED, NULL, "OpenDepot %s is running: %zu depots, %zu packages",
                OPENDEPOT_VERSION, manager_n_depots(manager), manager_n_packages(manager));
        (void) sd_notify(false, "READY=1");
        return sd_event_loop(event);
}

int main(int argc, char *argv[]) {
        sd_event *event = NULL;
        int r;

        r = parse_arguments(argc, argv);
        if (r <= 0)
                return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;

        /* Transfers come and go in large buffers: those are given back at once, and one arena is enough for one loop. */
        (void) mallopt(M_ARENA_MAX, 1);
        (void) mallopt(M_MMAP_THRESHOLD, 128 * 1024);
        (void) setrlimit(RLIMIT_CORE, &(struct rlimit) {});
        (void) signal(SIGPIPE, SIG_IGN);
        if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
                log_error("Cannot initialise libcurl");
                return EXIT_FAILURE;
        }

        complete_directories();
        r = set_up_loop(&event);
        if (r >= 0)
                r = run(event);
        if (r < 0)
                log_error("Failed: %s", strerror(-r));
        sd_event_unref(event);
        curl_global_cleanup();
        strings_free(arg_configuration_directories);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
