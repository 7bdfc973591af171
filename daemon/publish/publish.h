/* Writes the documents that clients read into a batch: for a provider index.json and <version>.json below every hostname
 * that the network mirror answers for. The artifacts are below the first. Modules have none. */
#pragma once

#include "base/util.h"
#include "model/record.h"
#include "store/store.h"

/* Where a provider is published. Borrowed. */
typedef struct PublishTarget {
        char *const *hostnames; /* the first is that of the artifacts */
        const char *provider_namespace;
        const char *type;
} PublishTarget;

/* "providers/<hostname>/<namespace>/<type>" below the i-th hostname; NULL when out of memory or beyond the last. */
char *publish_directory(const PublishTarget *target, size_t i);
/* The document as it has to be below the i-th hostname; NULL when out of memory. */
char *publish_index_text(const Record *record);
char *publish_version_text(const PublishTarget *target, size_t i, const RecordVersion *version);

/* Add steps to the batch. */
int publish_index(StoreBatch *batch, const PublishTarget *target, const Record *record);
int publish_version(StoreBatch *batch, const PublishTarget *target, const RecordVersion *version);
int publish_remove_version(StoreBatch *batch, const PublishTarget *target, const char *version);
