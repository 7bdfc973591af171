/* The verbs: one function each, called with its arguments checked for their number and its options for belonging. */
#pragma once

#include "base/util.h"
#include "ctl/client.h"
#include "ctl/fields.h"
#include "ctl/format.h"

typedef struct Invocation {
        char **arguments; /* after the verb, ended by NULL */
        const char *socket;
        JsonMode json;
        Style style;
        bool quiet;

        const char *depot; /* --depot=, NULL: not given */
        bool versions, all, wait, force, now;
} Invocation;

ExitStatus verb_status(const Invocation *invocation);
ExitStatus verb_list(const Invocation *invocation);
ExitStatus verb_show(const Invocation *invocation);
ExitStatus verb_why(const Invocation *invocation);
ExitStatus verb_plan(const Invocation *invocation);
ExitStatus verb_sync(const Invocation *invocation);
ExitStatus verb_keys(const Invocation *invocation);
ExitStatus verb_monitor(const Invocation *invocation);
ExitStatus verb_reload(const Invocation *invocation);
ExitStatus verb_verify_config(const Invocation *invocation);
