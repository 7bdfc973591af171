/* What has to be scanned, and which findings keep a version out: what a depot, an entry of it or the host says. What is not
 * said is 0, so that a policy can be laid over another. */
#pragma once

#include "base/util.h"
#include "model/package.h"

#define SCAN_WAIVERS_MAX 1000
#define SCAN_PATHS_MAX 100

typedef enum Choice {
        CHOICE_UNSAID,
        CHOICE_NO,
        CHOICE_YES,
} Choice;

/* When the scanner failed, or its report does not prove that it looked. */
typedef enum ScannerErrorRule {
        SCANNER_ERROR_UNSAID, /* as SCANNER_ERROR_HOLD */
        SCANNER_ERROR_HOLD,
        SCANNER_ERROR_ALLOW,
} ScannerErrorRule;

/* A finding that somebody has decided to live with. */
typedef struct ScanWaiver {
        char *id;
        char *package;       /* of the store, as people name it; NULL: of all */
        char *component;     /* that has the vulnerability; NULL: any */
        uint64_t until_usec; /* USEC_INFINITY: without end */
        char *reason;
} ScanWaiver;

typedef struct ScanPolicy {
        Choice modules, providers; /* whether they are scanned; default no */
        Choice block_on_critical;  /* default yes */
        Choice block_on_high;      /* default no */
        Choice ignore_unfixed;     /* vulnerabilities that no version is free of do not block; default no */
        ScannerErrorRule on_scanner_error;
        ScanWaiver *waivers;
        size_t n_waivers;
        bool has_paths;
        char **non_blocking_paths; /* patterns of files of modules, where '*' is any text; default: see below */
} ScanPolicy;

/* examples/, test/ and tests/ at the top of a module; NULL-terminated. */
extern char *const scan_non_blocking_paths[];

void scan_waiver_clear(ScanWaiver *waiver);
void scan_policy_clear(ScanPolicy *policy);
/* Makes *ret a deep copy. Returns 0 or -ENOMEM. */
int scan_policy_copy(const ScanPolicy *policy, ScanPolicy *ret);
/* Adds to *policy what it does not say and `inherited` does; the waivers of both hold. Returns 0 or -ENOMEM. */
int scan_policy_inherit(ScanPolicy *policy, const ScanPolicy *inherited);
bool scan_policy_wants(const ScanPolicy *policy, PackageKind kind);
