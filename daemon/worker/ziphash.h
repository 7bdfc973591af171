/* The hashes of a provider zip. */
#pragma once

#include "worker/protocol.h"

/* Zips whose content is larger are refused. */
#define ZIPHASH_UNPACKED_SIZE_MAX (8 * GIB)

/* Fills size, h1, n_entries, unpacked_size and, if it is asked for, sha256 of the report, and sees to it that the file
 * is on the disk. The h1 is that of Go's dirhash.HashZip: directory entries count as empty files. Returns 0 with
 * WORKER_OK in the report, -EBADMSG with the reason in report->message when the zip is refused, or a negative errno. */
int ziphash_run(const WorkerDescription *description, WorkerReport *report);
