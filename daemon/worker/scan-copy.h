/* What the scanner gets to read: copies in the worker's scratch directory, made of artifacts as they are stored. */
#pragma once

#include "model/finding.h"
#include "worker/worker.h"

/* The directory in `scratch_fd` that the copies are in, and the one in it that holds a module: the scanner leaves out some
 * directories at the very top. */
#define SCAN_COPY_INPUT "input"
#define SCAN_COPY_MODULE "module"
/* The name of a provider's go.mod. */
#define SCAN_COPY_SOURCE "go.mod"
#define SCAN_COPY_NAME_MAX 256
/* The largest file that marks are looked for in; no text of a module is larger. */
#define SCAN_COPY_FILE_MAX (64 * MIB)

/* All make SCAN_COPY_INPUT. They return 0, -EBADMSG with the reason in *ret_error if what is there cannot be scanned, or another
 * negative errno. */

/* The executable of a provider's zip, with its execute bits. *ret_name (SCAN_COPY_NAME_MAX bytes) is that of the file. */
int scan_copy_binary(
        int input_fd, int scratch_fd, const WorkerLimits *limits, char *ret_name, char **ret_error);
int scan_copy_source(int input_fd, int scratch_fd, char **ret_error);
/* All files of a module, in which no comment silences the scanner; where it was tried is in findings->marks. */
int scan_copy_module(
        int input_fd, int scratch_fd, const WorkerLimits *limits, Findings *findings, char **ret_error);
