/* WORKER_RESCAN: many artifacts by their SBOMs, which are merged for one run of the scanner. */
#pragma once

#include "worker/protocol.h"

/* Refused (-EBADMSG) is an array that is none or has too many documents, and a document that is none: the message names it. An
 * artifact that the scanner does not mention has its error in the output. More findings than a report may have are a failure: half
 * as many documents may do. */
int rescan_run(const WorkerDescription *description, WorkerReport *report);
