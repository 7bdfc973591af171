/* The settings of the network, with the credentials that they name, as the fetcher takes them. */
#pragma once

#include "config/settings.h"
#include "fetch/fetcher.h"

/* A credential that is missing or no good is logged, and nothing is fetched until the settings are other ones: going on
 * without it would ask others than those that were meant. Returns 0 or -ENOMEM. */
int network_settings_start(const Settings *settings, sd_event *event, Fetcher **ret);
/* The same for a fetcher that runs. */
int network_settings_apply(const Settings *settings, Fetcher *fetcher);
