/* The policies on versions, which opendepot.yaml, `global` and an entry of a Depot have under the same names. */
#pragma once

#include "config/schema.h"
#include "model/policy.h"

/* Values of a VersionPolicy, which `value` is. */
int schema_release_age(const SchemaField *field, const YamlNode *node, void *value, Problems *problems);
int schema_prereleases(const SchemaField *field, const YamlNode *node, void *value, Problems *problems);
int schema_withdrawn(const SchemaField *field, const YamlNode *node, void *value, Problems *problems);

/* The rows of a table whose struct has a VersionPolicy at this offset. */
#define SCHEMA_POLICY_FIELDS(policy_offset)                                                                 \
        { "minimumReleaseAge", schema_release_age, .offset = (policy_offset),                               \
                .max = MINIMUM_RELEASE_AGE_MAX_USEC },                                                      \
                { "prereleases", schema_prereleases, .offset = (policy_offset) }, {                         \
                "withdrawn", schema_withdrawn, .offset = (policy_offset)                                    \
        }
