/* The documents that clients read, made from a record; pure (protocols: "Network mirror"). */
#pragma once

#include "base/util.h"
#include "model/record.h"

/* index.json: {"versions": {"5.80.0": {}}} with every published version. NULL when out of memory. */
char *documents_index(const Record *record);

/* <version>.json: {"archives": {"linux_amd64": {"url": "…", "hashes": ["h1:…", "zh:…"]}}}. `url_prefix` goes before each
 * file name: "" beside the artifacts, "../../../registry.terraform.io/hashicorp/aws/" elsewhere. */
char *documents_version(const RecordVersion *version, const char *url_prefix);
