/* Trivy's report (protocols: Trivy), read piece by piece. It describes what comes from outside and is as hostile as that: all
 * text becomes one line of bounded length without control characters. */
#pragma once

#include "base/json-stream.h"
#include "model/finding.h"
#include "scan/sbom.h"

#define SCAN_TARGETS_MAX 20000
/* The largest piece of a report that is parsed at once: one finding with its excerpts of code. */
#define SCAN_REPORT_ELEMENT_MAX (1 * MIB)

/* What the report says it looked at. */
typedef struct ScanTarget {
        char *name;
        char *type;                         /* "gobinary", "gomod", "terraform"; "" if it does not tell */
        uint32_t n_packages;                /* that it is made of */
        uint64_t n_checks;                  /* that were made on it */
        uint32_t first_finding, n_findings; /* which are its; until they are sorted */
} ScanTarget;

typedef struct ScanReport {
        char *scanner;         /* version; NULL: it does not tell, as older ones */
        uint64_t created_usec; /* 0: it does not tell */
        ScanTarget *targets;
        size_t n_targets;
        Findings findings;     /* in the order of the report; `origin` is not set */
        const char *directory; /* all targets lie in it, and are named without it; borrowed, may be NULL */
} ScanReport;

void scan_report_clear(ScanReport *report);

/* Reads the report into *report, which may have marks already that findings are compared with. `sbom` (may be NULL) gets all
 * binaries and what they are made of. Returns 0, -EBADMSG or -EFBIG with *ret_error a message to be freed, or another
 * negative errno. On failure what was read is still to be cleared. */
int scan_report_read(JsonStream *stream, SbomWriter *sbom, ScanReport *report, char **ret_error);

/* Proof that the scanner has looked: at the executable of this name, and found what it is made of; at a go.mod; at modules'
 * files. A report without it says nothing, whatever its exit status was. */
bool scan_report_saw_binary(const ScanReport *report, const char *name);
bool scan_report_saw_source(const ScanReport *report);
bool scan_report_saw_module(const ScanReport *report);

/* Moves the findings of one target to another list; they are gone from the report. `target` renames them. */
int scan_report_take(ScanReport *report, size_t index, const char *target, Findings *findings);
