/* Jobs that have the scanner look at an artifact. */
#pragma once

#include "worker/protocol.h"

/* WORKER_SCAN. Refused (-EBADMSG) is what cannot be assessed: the scanner's report does not prove that it has looked. Failed is a
 * scanner that did not do its work. */
int scan_run(const WorkerDescription *description, WorkerReport *report);
/* Where what is found comes from: the scanner's version, the database, now. Returns 0, -EPROTO with a message, or -ENOMEM. */
int scan_set_origin(const WorkerRequest *request, const char *scanner, ScanOrigin *origin, char **ret_error);
/* WORKER_SCANNER: which scanner it is, and which flags it knows. */
int scan_probe_run(const WorkerDescription *description, WorkerReport *report);
