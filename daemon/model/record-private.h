/* The inside of records, for the files that make them up. */
#pragma once

#include "model/place.h"
#include "model/record.h"

/* The members of an object inside of the version that are not known, under its key: kept, found, put back. */
int record_keep_unknown_below(
        json_object **unknown, const char *key, json_object *object, char *const *known);
json_object *record_unknown_below(json_object *unknown, const char *key);
int record_add_unknown(json_object *object, json_object *unknown, char *const *known);
int record_set_member(json_object **object, const char *key, json_object *value);
int record_set_time(json_object *object, const char *key, uint64_t usec);
/* What may stand in a message or a header: a line of printable ASCII. */
bool record_line_is_valid(const char *line);

/* record-artifact.c: the member "artifacts" of a version. */
int record_artifacts_parse(const Place *place, PackageKind kind, RecordVersion *version);
int record_artifacts_format(json_object *object, const RecordVersion *version);
int record_artifact_copy(RecordVersion *version, const RecordArtifact *artifact);
void record_artifacts_clear(RecordVersion *version);

/* record-scan.c: a scan, under its key. */
int record_scan_parse(const Place *place, const char *key, RecordScan **ret);
int record_scan_format(json_object *object, const char *key, const RecordScan *scan);
int record_scan_copy(const RecordScan *scan, RecordScan **ret);

/* record-pruned.c: the member "pruned" of the record. */
int record_pruned_parse(const Place *place, Record *record);
int record_pruned_format(json_object *object, const Record *record);
void record_pruned_clear(Record *record);
void record_forget_pruned(Record *record, const Version *version);

/* record-seen.c: the member "seen" of the record. */
int record_seen_parse(const Place *place, Record *record);
int record_seen_format(json_object *object, const Record *record);
void record_seen_clear(Record *record);
void record_forget_seen(Record *record, const Version *version);

/* record-upstream.c: the members "withdrawn", "drift" and "upstream" of a version. */
int record_upstream_parse(const Place *place, RecordVersion *version);
int record_upstream_format(json_object *object, const RecordVersion *version);
int record_upstream_copy(RecordVersion *to, const RecordVersion *from);
/* What was brought last is what upstream is compared with from now on. */
void record_upstream_join(RecordVersion *to, const RecordVersion *brought);
void record_upstream_clear(RecordVersion *version);
