/* A bounded pool of threads for what would block the event loop: fsync, rename, reading back. A thread runs one
 * function on the data of its own request and touches nothing else; the result comes back on the loop. */
#pragma once

#include <systemd/sd-event.h>

#include "base/util.h"

typedef struct Offload Offload;

/* Runs in a thread. Returns 0, a positive value or a negative errno. */
typedef int (*OffloadWork)(void *userdata);
/* Runs on the loop afterwards, with the result of the work; never before offload_run() has returned. */
typedef void (*OffloadDone)(int result, void *userdata);

int offload_new(sd_event *event, unsigned n_threads, Offload **ret);
/* Waits for what is running, drops what is queued (their `done` gets -ECANCELED), frees. */
Offload *offload_free(Offload *offload);
DEFINE_CLEANUP(Offload *, offload_free)

int offload_run(Offload *offload, OffloadWork work, OffloadDone done, void *userdata);
