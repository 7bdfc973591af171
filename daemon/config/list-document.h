/* A document of kind List, as `kubectl get … -o yaml` prints several documents; also DepotList, ModuleList, ProviderList. */
#pragma once

#include "config/problem.h"
#include "config/yaml.h"

bool list_document_is_one(const YamlNode *root);

/* Its items, a list; NULL with a problem. Returns 0 or -ENOMEM. */
int list_document_items(const YamlNode *root, Problems *problems, const YamlNode **ret);
