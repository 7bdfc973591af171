/* The scanner of this host: which one it is, its database, and the scans that run. A scan that cannot be made now says what is
 * missing, so that what waits for it can. */
#pragma once

#include <systemd/sd-event.h>

#include "base/offload.h"
#include "config/settings.h"
#include "worker/worker.h"

typedef struct Scans Scans;
typedef struct ScanJob ScanJob;

typedef struct ScansOptions {
        sd_event *event;
        Offload *offload;
        WorkerPool *workers;
        int directory_fd; /* for what the scanner reads and leaves; duplicated, its content is removed */
        const char *database_directory; /* absolute */
} ScansOptions;

int scans_new(const ScansOptions *options, Scans **ret);
/* Calls nobody: its jobs have been cancelled. */
Scans *scans_free(Scans *scans);
DEFINE_CLEANUP(Scans *, scans_free)

/* For scans that begin from now on; borrowed. The scanner is looked at anew. */
void scans_set_settings(Scans *scans, const Settings *settings);

typedef struct ScanAnswer {
        const WorkerReport *report; /* NULL: the scan could not be made */
        const char *problem;        /* why */
        uint64_t database_usec;     /* of the database; 0: none was used */
} ScanAnswer;

/* Borrowed, valid during the call, which comes from the loop and never from within scans_start(). */
typedef void (*ScanDone)(const ScanAnswer *answer, void *userdata);

/* The files of a scan, taken over whatever is returned: the artifact; empty files for the findings, the scanner's own report and
 * the SBOM (-EBADF: none). */
typedef struct ScanFiles {
        int input_fd, findings_fd, raw_fd, sbom_fd;
} ScanFiles;

int scans_start(Scans *scans, ScanSubject subject, const ScanFiles *files, ScanDone done, void *userdata,
        ScanJob **ret);
/* Forgets it without calling anything. Returns NULL. */
ScanJob *scan_job_cancel(ScanJob *job);
