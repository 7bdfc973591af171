/* Checks a detached OpenPGP signature with gpgv. */
#pragma once

#include "worker/protocol.h"

#define SIGNATURE_DATA_SIZE_MAX (64 * MIB)
#define SIGNATURE_SIZE_MAX (64 * KIB)
#define SIGNATURE_KEYRING_SIZE_MAX (1 * MIB)

/* Fills the signature fields of the report. Keyrings and signature are armored or binary; gpgv reads binary keyrings
 * only and opens files by name, so everything is handed to it as sealed memory files below /proc/self/fd. Returns 0 with
 * WORKER_OK when there is a verdict, good or not; -EBADMSG with report->message when a key file is not one; or
 * another negative errno, with or without a message. */
int signature_run(const WorkerDescription *description, WorkerReport *report);
