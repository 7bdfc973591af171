/* The methods of io.defdev.opendepot that are about keys. */
#pragma once

#include <systemd/sd-varlink.h>

#include "manager/manager.h"

int keys_on_list(sd_varlink *link, sd_json_variant *parameters, const Manager *manager);
/* The peer is known to be allowed to. */
int keys_on_decide(sd_varlink *link, sd_json_variant *parameters, Manager *manager, bool accept);
