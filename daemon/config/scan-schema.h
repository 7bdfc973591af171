/* What is scanned and which findings block: `scanning`, which opendepot.yaml, `global` and an entry of a Depot have. */
#pragma once

#include "config/schema.h"
#include "model/scan-policy.h"

/* The value is a ScanPolicy. In opendepot.yaml and in `global` "modules" and "providers" say what is scanned, in an entry it is
 * "enabled". Waivers are added to those that it has. */
int schema_scanning(const SchemaField *field, const YamlNode *node, void *value, Problems *problems);
int schema_module_scanning(const SchemaField *field, const YamlNode *node, void *value, Problems *problems);
int schema_provider_scanning(
        const SchemaField *field, const YamlNode *node, void *value, Problems *problems);
