/* The scanner as a process of the worker: in an empty directory, with nothing in its environment, its output in a file of
 * bounded size. The sandbox that the worker is in holds for it, too. */
#pragma once

#include "base/util.h"

/* Directories in the worker's scratch directory, which scanner_prepare() makes. */
#define SCANNER_EMPTY "empty"
#define SCANNER_HOME "home"
#define SCANNER_TEMPORARY "tmp"
#define SCANNER_CACHE "cache"

/* What the scanner calls them: the second is the cache directory of a scan that needs no database. The first is the database. */
#define SCANNER_DATABASE_PATH "/proc/self/fd/4"
#define SCANNER_CACHE_PATH "/proc/self/fd/5/" SCANNER_CACHE

typedef struct ScannerProcess {
        int program_fd;
        int database_fd; /* directory; -EBADF: none */
        int scratch_fd;  /* directory */
        int output_fd;   /* empty file: what it prints */
        uint64_t output_max;
        const char *const *arguments; /* without the program's name */
} ScannerProcess;

int scanner_prepare(int scratch_fd);
/* Runs it until it ends. Returns 0 if it ended with exit status 0, -EPROTO with what happened in
 * *ret_error if not, or another negative errno. */
int scanner_run(const ScannerProcess *process, char **ret_error);
