/* What the documents of all kinds have in common: the options of one package, and their words. */
#pragma once

#include "config/problem.h"
#include "config/yaml.h"
#include "model/depot.h"

/* Decodes the options of a module or a provider (entry->kind) over what it inherits from `global`. `what` names the mapping
 * for messages; `name` is that of the package if the mapping gives none, NULL: it has to. Returns 0 or -ENOMEM. */
int depot_entry_decode(const YamlNode *node, const char *what, const DepotEntry *global, const char *name,
        DepotEntry *entry, Problems *problems);

/* The name of an operating system or an architecture, or "*". */
bool platform_word_is_valid(const char *text);
