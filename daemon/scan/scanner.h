/* What differs between versions of the scanner: flags that not all have, and an unknown flag is fatal. They are looked up in
 * its help once; and the command lines that are made with them. */
#pragma once

#include "base/util.h"
#include "model/finding.h"

#define SCANNER_VERSION_SIZE 32
#define SCANNER_ARGUMENTS_MAX 24

/* Flags that are given when the scanner has them. */
typedef enum ScannerFlag {
        SCANNER_OFFLINE,          /* --offline-scan */
        SCANNER_NO_JAVA_DATABASE, /* --skip-java-db-update */
        SCANNER_NO_CHECK_UPDATE,  /* --skip-check-update */
        SCANNER_NO_POLICY_UPDATE, /* --skip-policy-update, as it was called before */
        SCANNER_NO_VERSION_CHECK, /* --skip-version-check */
        SCANNER_NO_TELEMETRY,     /* --disable-telemetry */
        SCANNER_NO_PROGRESS,      /* --no-progress */
        SCANNER_ALL_PACKAGES,     /* --list-all-pkgs */
        _SCANNER_FLAG_MAX,
} ScannerFlag;

#define SCANNER_FLAG_BIT(flag) (1U << (unsigned) (flag))

bool scanner_version_is_valid(const char *version);
/* The version in what `--version` prints ("Version: 0.68.2"). Returns 0 or -EBADMSG. */
int scanner_parse_version(const char *text, char ret_version[static SCANNER_VERSION_SIZE]);
/* Which of the flags stand in what `--help` prints. *ret_missing (static) is one without which nothing works, then the result is
 * -EOPNOTSUPP. */
int scanner_parse_help(const char *text, unsigned *ret_flags, const char **ret_missing);

/* The command line, without the program's name, for scanning `target` with a cache directory, both of which are paths; ended by
 * NULL. Texts are borrowed. */
void scanner_sbom_arguments(unsigned flags, const char *cache, const char *target,
        const char *ret_arguments[static SCANNER_ARGUMENTS_MAX]);
void scanner_arguments(ScanSubject subject, unsigned flags, const char *cache, const char *target,
        const char *ret_arguments[static SCANNER_ARGUMENTS_MAX]);
