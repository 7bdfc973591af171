#include <getopt.h>
#include <limits.h>
#include <stdio.h>

#include "build-config.h"
#include "ctl/verbs.h"

/* What an option sets; also the value that getopt_long() returns for it. */
enum {
        OPTION_SOCKET = 0x100,
        OPTION_JSON,
        OPTION_NO_LEGEND,
        OPTION_COLOR,
        OPTION_VERSION,
        OPTION_DEPOT,
        OPTION_VERSIONS,
        OPTION_ALL,
        OPTION_WAIT,
        OPTION_FORCE,
        OPTION_NOW,
};

typedef struct Option {
        int id;       /* a character: the short form */
        bool general; /* of every verb; else of those that list it */
        const char *name;
        const char *argument; /* NULL: takes none */
        const char *help;
} Option;

static const Option options[] = {
        { OPTION_DEPOT, false, "depot", "NAME", "Only what this depot names" },
        { OPTION_VERSIONS, false, "versions", NULL, "List the versions of the packages" },
        { OPTION_ALL, false, "all", NULL, "Also what stays as it is" },
        { OPTION_WAIT, false, "wait", NULL, "Wait for the end and show the progress" },
        { OPTION_FORCE, false, "force", NULL,
                "Ask upstream unconditionally, try failed versions now,\ncheck a named version anew" },
        { OPTION_NOW, false, "now", NULL,
                "Take the named version even if it is younger than\nminimumReleaseAge" },
        { OPTION_SOCKET, true, "socket", "PATH",
                "The daemon's socket (default: $OPENDEPOT_SOCKET, or\n" CLIENT_SOCKET_DEFAULT ")" },
        { OPTION_JSON, true, "json", "MODE", "Print JSON: short, pretty or off" },
        { 'j', true, NULL, NULL, "--json=pretty on a terminal, --json=short elsewhere" },
        { OPTION_NO_LEGEND, true, "no-legend", NULL, "No headings and summaries" },
        { OPTION_COLOR, true, "color", "WHEN", "Use colours: auto, always or never" },
        { 'q', true, "quiet", NULL, "No confirmations and no progress" },
        { 'h', true, "help", NULL, "Show this help, or that of the verb" },
        { OPTION_VERSION, true, "version", NULL, "Show the version of the program" },
};

typedef struct Verb {
        const char *name, *arguments;
        unsigned n_min, n_max;
        const int *options; /* ended by 0; NULL: none beside the general ones */
        ExitStatus (*run)(const Invocation *invocation);
        const char *summary;
        const char *description;
} Verb;

#define OPTIONS(...) ((const int[]) { __VA_ARGS__, 0 })

static const Verb verbs[] = {
        { "status", "[DEPOT]", 0, 1, OPTIONS(OPTION_DEPOT), verb_status,
                "Show the daemon, the depots and what failed",
                "The exit status is 0 whenever the daemon answers, whatever it says." },
        { "list", NULL, 0, 0, OPTIONS(OPTION_DEPOT, OPTION_VERSIONS), verb_list, "List the packages", NULL },
        { "show", "PACKAGE [VERSION]", 1, 2, NULL, verb_show,
                "Show a package, or one version with its hashes",
                "A package is NAMESPACE/NAME/SYSTEM (a module) or NAMESPACE/TYPE (a provider)." },
        { "why", "PACKAGE VERSION", 2, 2, NULL, verb_why, "Show why a version can be installed, or cannot",
                "Shows every decision on the version in order, from what is known: nobody is\n"
                "asked. The exit status is 0 if it can be installed, 1 if it cannot, 4 if neither\n"
                "upstream nor the store has it." },
        { "plan", "[PACKAGE]", 0, 1, OPTIONS(OPTION_DEPOT, OPTION_ALL), verb_plan,
                "Ask upstream and show what a sync would do",
                "The exit status is 1 when the upstream of a package could not be asked." },
        { "sync", "[PACKAGE [VERSION]]", 0, 2, OPTIONS(OPTION_DEPOT, OPTION_WAIT, OPTION_FORCE, OPTION_NOW),
                verb_sync, "Ask upstream and bring the store up to date",
                "Returns when the daemon has taken up the request; with --wait at its end, and\n"
                "then the exit status is 0 only if everything succeeded." },
        { "keys", "[list|accept|refuse ...]", 0, 3, NULL, verb_keys,
                "List the signing keys, accept or refuse one",
                "keys list [NAMESPACE]              The keys of provider namespaces (the default)\n"
                "keys accept NAMESPACE FINGERPRINT  Trust a key; what was held for it is fetched\n"
                "keys refuse NAMESPACE FINGERPRINT  Never trust it by itself" },
        { "monitor", NULL, 0, 0, NULL, verb_monitor, "Follow what happens, until interrupted", NULL },
        { "reload", NULL, 0, 0, NULL, verb_reload, "Read the configuration anew",
                "Prints what was refused; everything else is in force. The exit status is 1 if\n"
                "there was any." },
        { "verify-config", "[FILE...]", 0, UINT_MAX, NULL, verb_verify_config,
                "Check configuration files without the daemon",
                "Without files, those that the daemon would read. The exit status is 1 if there\n"
                "was a problem." },
};

static const Verb *find_verb(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (streq(verbs[i].name, name))
                        return verbs + i;
        return NULL;
}

static bool verb_takes(const Verb *verb, const Option *option) {
        if (option->general)
                return true;
        for (const int *id = verb ? verb->options : NULL; id && *id; id++)
                if (*id == option->id)
                        return true;
        return false;
}

static void help_option(const Option *option) {
        char form[32], short_form[4] = "  ";
        const char *help = option->help;
        size_t length;

        if (option->id < 0x100)
                (void) snprintf(short_form, sizeof(short_form), "-%c", option->id);
        (void) snprintf(form, sizeof(form), "%s%s%s%s", option->name ? "--" : "", strempty(option->name),
                option->argument ? "=" : "", strempty(option->argument));
        (void) printf("  %s %-16s", short_form, form);
        for (; *help; help += length + (help[length] == '\n')) {
                length = strcspn(help, "\n");
                (void) printf("%*s%.*s\n", help == option->help ? 1 : 22, "", (int) length, help);
        }
}

static void help_options(const Verb *verb, bool general) {
        bool heading = false;

        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                if (options[i].general != general || (verb && !verb_takes(verb, options + i)))
                        continue;
                if (!heading)
                        (void) printf("\n%s:\n", general ? "Options"
                                                 : verb  ? "Options of this verb"
                                                         : "Options of some verbs");
                heading = true;
                help_option(options + i);
        }
}

static void help(const Verb *verb) {
        if (verb) {
                (void) printf("Usage: opendepotctl [OPTIONS...] %s%s%s\n\n%s.\n", verb->name,
                        verb->arguments ? " " : "", strempty(verb->arguments), verb->summary);
                if (verb->description)
                        (void) printf("%s\n", verb->description);
        } else {
                (void) printf("Usage: opendepotctl [OPTIONS...] [VERB] [ARGUMENTS...]\n\n"
                              "Control the OpenDepot mirror and registry.\n\nVerbs (default: status):\n");
                for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                        char form[48];

                        (void) snprintf(
                                form, sizeof(form), "%s %s", verbs[i].name, strempty(verbs[i].arguments));
                        (void) printf("  %-25s  %s\n", form, verbs[i].summary);
                }
        }
        help_options(verb, false);
        help_options(verb, true);
        (void) printf("\nExit status: 0 success, 1 failed, 2 usage, 3 daemon not reachable, 4 no such\n"
                      "depot, package, version or key, 5 permission denied. See opendepotctl(1).\n");
}

typedef struct CommandLine {
        Invocation invocation;
        ColorMode color;
        bool legend, json_auto, help, version;
        const Option *given[ELEMENTSOF(options)]; /* those of some verbs only */
        size_t n_given;
} CommandLine;

static ExitStatus take_option(CommandLine *line, const Option *option, const char *value) {
        Invocation *invocation = &line->invocation;

        if (option->argument && isempty(value)) {
                report("--%s needs a value; opendepotctl --help", option->name);
                return CTL_USAGE;
        }
        switch (option->id) {
        case OPTION_SOCKET:
                invocation->socket = value;
                break;
        case OPTION_JSON:
                invocation->json = json_mode_from_string(value);
                line->json_auto = false;
                if (invocation->json < 0) {
                        report("--json= takes short, pretty or off, not '%s'", value);
                        return CTL_USAGE;
                }
                break;
        case 'j':
                line->json_auto = true;
                break;
        case OPTION_COLOR:
                line->color = color_mode_from_string(value);
                if (line->color < 0) {
                        report("--color= takes auto, always or never, not '%s'", value);
                        return CTL_USAGE;
                }
                break;
        case OPTION_DEPOT:
                invocation->depot = value;
                break;
        default: {
                bool *flag = option->id == OPTION_NO_LEGEND  ? &line->legend
                             : option->id == OPTION_VERSION  ? &line->version
                             : option->id == OPTION_VERSIONS ? &invocation->versions
                             : option->id == OPTION_ALL      ? &invocation->all
                             : option->id == OPTION_WAIT     ? &invocation->wait
                             : option->id == OPTION_FORCE    ? &invocation->force
                             : option->id == OPTION_NOW      ? &invocation->now
                             : option->id == 'q'             ? &invocation->quiet
                                                             : &line->help;
                *flag = option->id != OPTION_NO_LEGEND;
        }
        }
        if (!option->general && line->n_given < ELEMENTSOF(line->given))
                line->given[line->n_given++] = option;
        return CTL_OK;
}

static const Option *find_option(int id) {
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (options[i].id == id)
                        return options + i;
        return NULL;
}

/* getopt's own messages name the program as it was called; ours have one form. */
static ExitStatus report_option(int error, char **argv) {
        const char *given = optopt > 0 && optopt < 0x100 ? NULL : argv[optind - 1];

        if (error == ':')
                report("%s needs a value; opendepotctl --help", given ? given : "an option");
        else if (given)
                report("there is no option %s, or it takes no value; opendepotctl --help", given);
        else
                report("there is no option -%c; opendepotctl --help", optopt);
        return CTL_USAGE;
}

static ExitStatus parse(int argc, char **argv, CommandLine *line) {
        struct option table[ELEMENTSOF(options) + 1] = {};
        size_t n = 0;
        int id;

        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (options[i].name)
                        table[n++] = (struct option) {
                                .name = options[i].name,
                                .has_arg = options[i].argument ? required_argument : no_argument,
                                .val = options[i].id,
                        };
        while ((id = getopt_long(argc, argv, ":jqh", table, NULL)) >= 0) {
                const Option *option = find_option(id);
                ExitStatus status = option ? take_option(line, option, optarg) : report_option(id, argv);

                if (status != CTL_OK)
                        return status;
        }
        return CTL_OK;
}

static ExitStatus check_usage(const Verb *verb, const CommandLine *line, unsigned n_arguments) {
        for (size_t i = 0; i < line->n_given; i++)
                if (!verb_takes(verb, line->given[i])) {
                        report("--%s is not an option of %s; opendepotctl %s --help", line->given[i]->name,
                                verb->name, verb->name);
                        return CTL_USAGE;
                }
        if (n_arguments < verb->n_min || n_arguments > verb->n_max) {
                report("usage: opendepotctl %s%s%s; opendepotctl %s --help", verb->name,
                        verb->arguments ? " " : "", strempty(verb->arguments), verb->name);
                return CTL_USAGE;
        }
        for (unsigned i = 0; i < n_arguments; i++)
                if (isempty(line->invocation.arguments[i])) {
                        report("an argument is empty; opendepotctl %s --help", verb->name);
                        return CTL_USAGE;
                }
        return CTL_OK;
}

static ExitStatus run(int argc, char **argv) {
        const char *socket = getenv("OPENDEPOT_SOCKET");
        CommandLine line = {
                .invocation.socket = isempty(socket) ? CLIENT_SOCKET_DEFAULT : socket,
                .legend = true,
        };
        const Verb *verb = find_verb("status");
        ExitStatus status;

        status = parse(argc, argv, &line);
        if (status != CTL_OK)
                return status;
        if (line.version) {
                (void) puts("opendepotctl " OPENDEPOT_VERSION);
                return CTL_OK;
        }
        if (optind < argc) {
                verb = find_verb(argv[optind]);
                if (!verb) {
                        report("there is no verb '%s'; opendepotctl --help", argv[optind]);
                        return CTL_USAGE;
                }
                optind++;
        } else if (line.help)
                verb = NULL;
        if (line.help) {
                help(verb);
                return CTL_OK;
        }
        line.invocation.arguments = argv + optind;
        status = check_usage(verb, &line, (unsigned) (argc - optind));
        if (status != CTL_OK)
                return status;

        style_init(&line.invocation.style, line.color, line.legend);
        if (line.json_auto)
                line.invocation.json = line.invocation.style.terminal ? JSON_PRETTY : JSON_SHORT;
        return verb->run(&line.invocation);
}

int main(int argc, char **argv) {
        ExitStatus status = run(argc, argv);

        /* A full disk must not look like success. */
        if (fflush(stdout) != 0 || ferror(stdout)) {
                report_errno(negative_errno(), "cannot write the output");
                return status == CTL_OK ? CTL_FAILED : (int) status;
        }
        return (int) status;
}
