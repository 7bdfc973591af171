/* The method ListVersions. A package may have ten thousand versions, and its stores as many each: who asks with 'more' gets
 * them in slices, each on a turn of the loop of its own and when the one before it has left. */
#pragma once

#include <systemd/sd-varlink.h>

#include "manager/manager.h"

typedef struct VersionsCall VersionsCall;

/* The calls that are not answered to the end. */
typedef struct VersionsCalls {
        sd_event *event;
        const Manager *manager;
        VersionsCall *first;
        sd_event_source *sweep; /* frees those that have ended */
} VersionsCalls;

/* `event` and `manager` are borrowed. */
int versions_calls_start(VersionsCalls *calls, sd_event *event, const Manager *manager);
void versions_calls_stop(VersionsCalls *calls);

int versions_on_call(VersionsCalls *calls, sd_varlink *link, sd_json_variant *parameters, bool more);
/* Nobody waits for the answers on this connection any more. */
void versions_calls_forget(VersionsCalls *calls, const sd_varlink *link);
