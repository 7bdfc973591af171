#include "ctl/problem.h"
#include "ctl/verbs.h"

ExitStatus verb_reload(const Invocation *invocation) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *reply = NULL;
        _cleanup_(client_freep) Client *client = NULL;
        sd_json_variant *problems, *problem;
        ExitStatus status;

        status = client_connect(invocation->socket, &client);
        if (status == CTL_OK)
                status = client_call(client, "Reload", NULL, &reply);
        if (status != CTL_OK)
                return status;

        problems = field_at(reply, "problems");
        if (invocation->json != JSON_OFF) {
                status = json_print(reply, invocation->json, &invocation->style);
                if (status != CTL_OK)
                        return status;
        } else
                FIELD_FOREACH(problem, problems)
        problem_print(&invocation->style, problem);
        return sd_json_variant_elements(problems) > 0 ? CTL_FAILED : CTL_OK;
}
