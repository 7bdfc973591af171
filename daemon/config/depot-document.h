/* A document of kind Depot, Module or Provider: from its tree to the Depot that is inherited, checked and complete. */
#pragma once

#include "base/util.h"
#include "config/problem.h"
#include "config/yaml.h"
#include "model/depot.h"

#define DEPOT_API_VERSION "opendepot.defdev.io/v1alpha1"
#define DEPOT_ENTRIES_MAX 10000

/* `file` is for messages and becomes part of the depot. Returns 0 or -ENOMEM; *ret is set only if there were no problems,
 * else it is left alone. */
int depot_decode(const YamlNode *root, const char *file, Problems *problems, Depot **ret);

/* The name that the depot of this document has or would have, also of one that is incomplete or wrong: metadata.name,
 * of a Module or Provider with kind and namespace before it. *ret is NULL if it has none. Returns 0 or -ENOMEM. */
int depot_document_name(const YamlNode *root, char **ret);

/* Whether the document says what it is (apiVersion, kind), as settings do not. */
bool depot_document_is_one(const YamlNode *root);
