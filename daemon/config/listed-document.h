/* The spec of a document of kind Module or Provider: one package, and the versions of it that are published deliberately,
 * whatever else upstream has. */
#pragma once

#include "config/problem.h"
#include "config/yaml.h"
#include "model/depot.h"

#define LISTED_VERSIONS_MAX 10000

/* Adds the entries that the spec comes to: one, or one for each platform that versions are listed with. `name` is that of
 * the document, and of the package if the spec gives none. Returns 0 or -ENOMEM. */
int listed_decode_spec(
        PackageKind kind, const YamlNode *node, const char *name, Depot *depot, Problems *problems);
