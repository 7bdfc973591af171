/* Has what belongs to a version scanned, as far as it was not: from the staging directory before it is committed, or from the
 * store. What is found becomes part of the yield: in the record of each artifact, and as documents beside it. */
#pragma once

#include "job/context.h"
#include "job/package.h"
#include "job/version-task.h"

/* The documents that a scan leaves beside an artifact. */
typedef enum ScanOutput {
        SCAN_OUTPUT_FINDINGS,
        SCAN_OUTPUT_REPORT, /* the scanner's own */
        SCAN_OUTPUT_SBOM,   /* of providers */
        _SCAN_OUTPUT_MAX,
} ScanOutput;

/* What follows the artifact's name in that of the document. */
const char *scan_output_suffix(ScanOutput output);

typedef struct ScanTask ScanTask;

/* *yield may be taken over (leave it empty). Called once from the loop, never from within scan_task_start(). */
typedef void (*ScanTaskDone)(ScanTask *task, VersionYield *yield, void *userdata);

/* Whether something is to be scanned: an artifact has no scan, or one that failed at or before `failed_usec`. */
bool scan_task_is_needed(const RecordVersion *version, uint64_t failed_usec);
/* Takes over *yield (left empty), which has a version, whatever is returned. */
int scan_task_start(const JobContext *context, Package *package, VersionYield *yield, uint64_t failed_usec,
        ScanTaskDone done, void *userdata, ScanTask **ret);
const char *scan_task_version(const ScanTask *task);
/* Forgets it without calling anything, and what was staged for it. Returns NULL. */
ScanTask *scan_task_cancel(ScanTask *task);
