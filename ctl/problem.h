/* Problems of the configuration, as the daemon or the loader of the configuration says them. */
#pragma once

#include "ctl/fields.h"

/* Prints "file:line:column: message" for an element of the daemon's array `problems`. */
void problem_print(const Style *style, sd_json_variant *problem);
