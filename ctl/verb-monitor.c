#include "ctl/event.h"
#include "ctl/verbs.h"

static void on_event(sd_json_variant *event, void *userdata) {
        const Invocation *invocation = userdata;

        if (invocation->json != JSON_OFF)
                (void) json_print(event, invocation->json, &invocation->style);
        else
                event_print(event, &invocation->style, stdout);
}

ExitStatus verb_monitor(const Invocation *invocation) {
        ClientStream stream = { .event = on_event, .userdata = (void *) invocation };
        _cleanup_(client_freep) Client *client = NULL;
        int signal_number = 0;
        ExitStatus status;

        status = client_connect(invocation->socket, &client);
        if (status != CTL_OK)
                return status;
        status = client_stream(client, "Subscribe", NULL, &stream, &signal_number);
        if (status != CTL_OK)
                return status;
        /* To be interrupted is how it is meant to end. */
        if (signal_number != 0)
                return CTL_OK;
        report("the daemon ended the subscription; it may be stopping");
        return CTL_UNREACHABLE;
}
