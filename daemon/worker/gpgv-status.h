/* What `gpgv --status-fd` says about a signature (GnuPG's doc/DETAILS), read strictly. */
#pragma once

#include "worker/worker.h"

#define GPGV_STATUS_SIZE_MAX (64 * KIB)

typedef struct SignaturePolicy {
        char *const *fingerprints; /* pinned primary keys, upper case */
        bool allow_expired_keys, allow_weak_hashes;
} SignaturePolicy;

/* Reads the whole status text and gpgv's exit status into the signature fields of the report. With any verdict but
 * SIGNATURE_GOOD, report->message says which key and what was expected.
 *
 * Good is only: exactly one signature, with exactly one GOODSIG or EXPKEYSIG and one VALIDSIG, no line that speaks against
 * it, a hash algorithm that policy allows, the primary key pinned, exit status 0. A key that has expired since is
 * accepted by policy if the signature was made before that: gpgv gives the expiry of the key that it verifies
 * with in the last KEYEXPIRED before its verdict.
 *
 * Returns 0 when there is a verdict, -EBADMSG when the text is not a status or contradicts itself, -ENOMEM. */
int gpgv_status_read(
        const char *text, size_t size, int exit_status, const SignaturePolicy *policy, WorkerReport *report);
