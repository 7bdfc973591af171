/* The method Why, which is answered when what upstream listed last was read. */
#pragma once

#include <systemd/sd-varlink.h>

#include "manager/manager.h"

typedef struct WhyCall WhyCall;

/* The calls that are not answered yet. */
typedef struct WhyCalls {
        WhyCall *first;
} WhyCalls;

int why_on_call(sd_varlink *link, sd_json_variant *parameters, Manager *manager, WhyCalls *calls);
/* Nobody waits for the answers on this connection (NULL: on any) any more. */
void why_calls_forget(WhyCalls *calls, const sd_varlink *link);
