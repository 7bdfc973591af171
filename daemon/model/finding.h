/* What a scan has found: the findings document that is stored beside an artifact, and the summary of it that the package's
 * record keeps and the policy judges.
 *
 *   {"format": 1, "subject": "binary", "scanner": "0.68.2", "database": "2026-…Z", "scannedAt": "2026-…Z", "findings":
 *    [{"kind": "vulnerability", "severity": "critical", "id": "CVE-2024-45337", "target": "terraform-provider-x_v1.0.0",
 *      "component": "golang.org/x/crypto", "installed": "v0.30.0", "fixed": "0.31.0", "status": "fixed", "title": "…"},
 *     {"kind": "misconfiguration", "severity": "high", "id": "AVD-AWS-0086", "target": "main.tf", "startLine": 10,
 *      "endLine": 10, "resource": "aws_s3_bucket.b", "title": "…", "message": "…", "marked": true}],
 *    "marks": [{"file": "main.tf", "line": 9, "text": "trivy:ignore:AVD-AWS-0086"}]}
 *
 * Summary: {"subject", "scanner", "database", "scannedAt", "counts": {"critical": 1}, "marked": 1, "severe": [{"severity",
 * "id", "component", "target", "fixable"}], "more": {"high": 3}} */
#pragma once

#include "base/json.h"
#include "base/util.h"

/* The most findings of one scan, and how many different severe ones a summary has room for. */
#define FINDINGS_MAX 10000
#define FINDING_MARKS_MAX 1000
#define FINDINGS_SIZE_MAX (32 * MIB)
#define SUMMARY_SEVERE_MAX 256
#define SUMMARY_NAMES_MAX (20 * KIB) /* bytes of all names in it */
#define FINDING_NAME_MAX 512         /* bytes of an identifier, a component, a file */
#define FINDING_TEXT_MAX 512         /* bytes of a title and a message */

typedef enum Severity {
        SEVERITY_UNKNOWN,
        SEVERITY_LOW,
        SEVERITY_MEDIUM,
        SEVERITY_HIGH,
        SEVERITY_CRITICAL,
        _SEVERITY_MAX,
        _SEVERITY_INVALID = -EINVAL,
} Severity;

const char *severity_to_string(Severity severity); /* "unknown", "low", … */
Severity severity_from_string(const char *string);

typedef enum FindingKind {
        FINDING_VULNERABILITY,    /* of a component */
        FINDING_MISCONFIGURATION, /* in a file */
        _FINDING_KIND_MAX,
        _FINDING_KIND_INVALID = -EINVAL,
} FindingKind;

const char *finding_kind_to_string(FindingKind kind);

/* What was scanned. */
typedef enum ScanSubject {
        SCAN_BINARY, /* a provider's executable */
        SCAN_SOURCE, /* what the provider's go.mod names */
        SCAN_MODULE,
        _SCAN_SUBJECT_MAX,
        _SCAN_SUBJECT_INVALID = -EINVAL,
} ScanSubject;

const char *scan_subject_to_string(ScanSubject subject); /* "binary", "source", "module" */
ScanSubject scan_subject_from_string(const char *string);

typedef struct Finding {
        FindingKind kind;
        Severity severity;
        bool marked;                   /* its author had told the scanner to be silent about it */
        uint32_t start_line, end_line; /* of the file; 0: none */
        char *id;                      /* "CVE-2024-45337", "AVD-AWS-0086" */
        char *target;                  /* the file, relative to what was scanned */
        char *title;                   /* this and all below may be NULL */
        char *component;               /* vulnerability: what has it, "golang.org/x/crypto" */
        char *installed, *fixed;       /* its version, and those without the vulnerability */
        char *status;                  /* "fixed", "affected", "will_not_fix" */
        char *resource, *message;      /* misconfiguration */
} Finding;

void finding_clear(Finding *finding);

/* A place where the author of a module had told the scanner to be silent. */
typedef struct FindingMark {
        char *file;
        uint32_t line;
        char *text;
} FindingMark;

/* A finding that a policy may look at. */
typedef struct SevereFinding {
        Severity severity; /* high or critical */
        bool fixable;      /* a version without it exists; never so for a misconfiguration */
        char *id, *target;
        char *component; /* NULL: a misconfiguration */
} SevereFinding;

/* Which scan it was. */
typedef struct ScanOrigin {
        ScanSubject subject;
        char *scanner;          /* version of the scanner; NULL: it did not tell */
        uint64_t database_usec; /* of the database of vulnerabilities; 0: none was used */
        uint64_t scanned_usec;
} ScanOrigin;

typedef struct Findings {
        ScanOrigin origin;
        Finding *findings;
        size_t n_findings;
        FindingMark *marks;
        size_t n_marks;
} Findings;

typedef struct ScanSummary {
        ScanOrigin origin;
        uint32_t counts[_SEVERITY_MAX];
        uint32_t n_marked;
        SevereFinding *severe; /* each once, critical ones first */
        size_t n_severe;
        uint32_t n_more[_SEVERITY_MAX]; /* severe findings for which there was no room */
} ScanSummary;

void findings_clear(Findings *findings);
/* Takes over what *finding has, which is left empty, whatever happens; -E2BIG beyond FINDINGS_MAX. */
int findings_add(Findings *findings, Finding *finding);
int findings_add_mark(Findings *findings, const char *file, uint32_t line, const char *text);
/* The most severe first. */
void findings_sort(Findings *findings);

/* The document; NULL when out of memory. */
json_object *findings_to_json(const Findings *findings);
/* Strict, as records are. Returns 0, -EBADMSG with *ret_error (may be NULL) a message to be freed, or -ENOMEM. */
int findings_parse(const char *data, size_t size, Findings *ret, char **ret_error);

int findings_summarize(const Findings *findings, ScanSummary *ret);
void scan_summary_clear(ScanSummary *summary);
int scan_summary_copy(const ScanSummary *summary, ScanSummary *ret);
json_object *scan_summary_to_json(const ScanSummary *summary);
/* `object` begins the messages with `name`. */
int scan_summary_from_json(json_object *object, const char *name, ScanSummary *ret, char **ret_error);
/* "1 critical, 3 high", "nothing found"; NULL when out of memory. */
char *scan_summary_describe(const ScanSummary *summary);
