#include "config/config.h"
#include "ctl/problem.h"
#include "ctl/verbs.h"

static int problems_to_json(const Config *config, sd_json_variant **ret) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *array = NULL;
        int r;

        r = sd_json_variant_new_array(&array, NULL, 0);
        for (size_t i = 0; r >= 0 && i < config->n_problems; i++) {
                const ConfigProblem *problem = config->problems + i;

                r = sd_json_variant_append_arraybo(&array,
                        SD_JSON_BUILD_PAIR_STRING("file", strempty(problem->file)),
                        SD_JSON_BUILD_PAIR_UNSIGNED("line", problem->line),
                        SD_JSON_BUILD_PAIR_UNSIGNED("column", problem->column),
                        SD_JSON_BUILD_PAIR_STRING("message", strempty(problem->message)));
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(array);
        return 0;
}

static int depots_to_json(const Config *config, sd_json_variant **ret) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *array = NULL;
        int r;

        r = sd_json_variant_new_array(&array, NULL, 0);
        for (size_t i = 0; r >= 0 && i < config->n_depots; i++) {
                _cleanup_(sd_json_variant_unrefp) sd_json_variant *name = NULL;

                r = sd_json_variant_new_string(&name, config->depots[i]->name);
                if (r >= 0)
                        r = sd_json_variant_append_array(&array, name);
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(array);
        return 0;
}

static ExitStatus print_json(const Invocation *invocation, const Config *config, sd_json_variant *problems) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *object = NULL, *depots = NULL;
        int r;

        r = depots_to_json(config, &depots);
        if (r >= 0)
                r = sd_json_buildo(&object, SD_JSON_BUILD_PAIR_VARIANT("depots", depots),
                        SD_JSON_BUILD_PAIR_VARIANT("problems", problems));
        if (r < 0)
                return report_errno(r, "cannot write JSON");
        return json_print(object, invocation->json, &invocation->style);
}

static void print_text(const Invocation *invocation, const Config *config, sd_json_variant *problems) {
        sd_json_variant *problem;

        FIELD_FOREACH(problem, problems)
        problem_print(&invocation->style, problem);
        if (config->n_problems == 0 && !invocation->quiet)
                (void) printf("The configuration is good: %zu depot%s.\n", config->n_depots,
                        config->n_depots == 1 ? "" : "s");
}

ExitStatus verb_verify_config(const Invocation *invocation) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *problems = NULL;
        _cleanup_(config_freep) Config *config = NULL;
        ExitStatus status = CTL_OK;
        int r;

        if (invocation->arguments[0])
                r = config_load_files(invocation->arguments, &config);
        else
                r = config_load(config_directories, &config);
        if (r >= 0)
                r = problems_to_json(config, &problems);
        if (r < 0)
                return report_errno(r, "cannot read the configuration");

        if (invocation->json != JSON_OFF)
                status = print_json(invocation, config, problems);
        else
                print_text(invocation, config, problems);
        if (status != CTL_OK)
                return status;
        return config->n_problems > 0 ? CTL_FAILED : CTL_OK;
}
