/* What scans have told of an artifact, or of the source of a version: the members "scan" of an artifact and "sourceScan" of a
 * version. A scan is replaced as a whole, so that nothing unknown is kept of it. */

#include "base/text.h"
#include "model/record-private.h"

RecordScan *record_scan_free(RecordScan *scan) {
        if (!scan)
                return NULL;
        scan_summary_clear(&scan->summary);
        free(scan->error);
        free(scan);
        return NULL;
}

int record_scan_new(const ScanSummary *summary, RecordScan **ret) {
        _cleanup_(record_scan_freep) RecordScan *scan = calloc(1, sizeof(RecordScan));
        int r;

        if (!scan)
                return -ENOMEM;
        r = scan_summary_copy(summary, &scan->summary);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(scan);
        return 0;
}

int record_scan_new_failed(const char *error, uint64_t failed_usec, RecordScan **ret) {
        _cleanup_(record_scan_freep) RecordScan *scan = calloc(1, sizeof(RecordScan));
        int r;

        if (!scan)
                return -ENOMEM;
        r = string_assign(&scan->error, error);
        if (r < 0)
                return r;
        scan->failed_usec = failed_usec;
        *ret = TAKE_PTR(scan);
        return 0;
}

int record_scan_copy(const RecordScan *scan, RecordScan **ret) {
        if (!scan) {
                *ret = NULL;
                return 0;
        }
        return scan->error ? record_scan_new_failed(scan->error, scan->failed_usec, ret)
                           : record_scan_new(&scan->summary, ret);
}

int record_scan_parse(const Place *place, const char *key, RecordScan **ret) {
        _cleanup_(record_scan_freep) RecordScan *scan = NULL;
        _cleanup_free_ char *error = NULL;
        Place object;
        int r;

        r = place_member(place, key, json_type_object, PLACE_OPTIONAL, &object);
        if (r <= 0)
                return r;
        scan = calloc(1, sizeof(RecordScan));
        if (!scan)
                return -ENOMEM;
        r = place_copy(&object, "error", PLACE_OPTIONAL, NULL, NULL, &scan->error);
        if (r > 0)
                r = place_time(&object, "failedAt", PLACE_REQUIRED, &scan->failed_usec);
        else if (r == 0) {
                r = scan_summary_from_json(object.value, key, &scan->summary, &error);
                if (r == -EBADMSG)
                        return place_refuse(place, NULL, "%s", strempty(error));
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(scan);
        return 0;
}

int record_scan_format(json_object *object, const char *key, const RecordScan *scan) {
        _cleanup_(json_unrefp) json_object *value = NULL;
        int r = 0;

        if (!scan)
                return 0;
        value = scan->error ? json_object_new_object() : scan_summary_to_json(&scan->summary);
        if (!value)
                return -ENOMEM;
        if (scan->error) {
                r = json_set_string(value, "error", scan->error);
                if (r >= 0)
                        r = record_set_time(value, "failedAt", scan->failed_usec);
        }
        return r < 0 ? r : json_set(object, key, TAKE_PTR(value));
}

/* The more severe of two, where the first wins when they are equal. */
static const ScanSummary *more_severe(const ScanSummary *a, const ScanSummary *b) {
        for (int severity = _SEVERITY_MAX - 1; a && severity >= 0; severity--)
                if (a->counts[severity] != b->counts[severity])
                        return a->counts[severity] > b->counts[severity] ? a : b;
        return a ? a : b;
}

/* One that could not be assessed is what has to be said. */
static const RecordScan *find_failed(const RecordVersion *version) {
        if (version->source_scan && version->source_scan->error)
                return version->source_scan;
        for (size_t i = 0; i < version->n_artifacts; i++)
                if (version->artifacts[i].scan && version->artifacts[i].scan->error)
                        return version->artifacts[i].scan;
        return NULL;
}

char *record_version_describe_scans(const RecordVersion *version) {
        const RecordScan *failed = find_failed(version);
        const ScanSummary *worst = NULL;
        _cleanup_free_ char *artifacts = NULL, *source = NULL;
        size_t n_scanned = 0;

        if (failed)
                return text_format("not assessable: %s", failed->error);
        for (size_t i = 0; i < version->n_artifacts; i++)
                if (version->artifacts[i].scan) {
                        worst = more_severe(worst, &version->artifacts[i].scan->summary);
                        n_scanned++;
                }
        if (worst && !(artifacts = scan_summary_describe(worst)))
                return NULL;
        if (version->source_scan && !(source = scan_summary_describe(&version->source_scan->summary)))
                return NULL;
        if (!worst && !source)
                return strdup("not scanned");
        if (n_scanned > 0 && n_scanned < version->n_artifacts)
                return text_format("%s%s%s; %zu of %zu artifacts not scanned", artifacts,
                        source ? "; source: " : "", strempty(source), version->n_artifacts - n_scanned,
                        (size_t) version->n_artifacts);
        return text_format("%s%s%s", artifacts ? artifacts : "not scanned", source ? "; source: " : "",
                strempty(source));
}
