/* Which keys a key text holds: OpenPGP packets (RFC 9580 sections 4.2, 5.2, 5.5, 5.11), walked for what names a key. Whether
 * it is any good, and what it signed, is gpgv's business. */
#pragma once

#include "worker/protocol.h"

#define OPENPGP_TEXT_SIZE_MAX (1 * MIB)

/* The primary keys in binary packets, in their order; what stands of one key in several places is one. Returns their number,
 * at most WORKER_KEYS_MAX, or -EBADMSG with what is wrong in *ret_error (static text): no public key is in it, a secret
 * one is, or it is malformed. */
int openpgp_list_keys(
        const void *data, size_t size, WorkerKey keys[static WORKER_KEYS_MAX], const char **ret_error);

/* The job WORKER_KEYS: a key file, armored or binary, to report->keys. Errors as those of signature_run(). */
int openpgp_run(const WorkerDescription *description, WorkerReport *report);
