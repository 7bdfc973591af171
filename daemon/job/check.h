/* Compares a package's directory in the store with its record, and mends what an interruption or a hand has left: artifacts
 * that are gone are to be fetched again, and so is what proves those of a provider; documents that do not say what the
 * record says are written anew, what is on the wrong side of the quarantine is moved, pruning that was begun is ended. */
#pragma once

#include "job/context.h"
#include "job/package.h"

typedef struct Check Check;

/* `n_mended`: how many things had to be mended. `r`: 0 or a negative errno of the store. */
typedef void (*CheckDone)(int r, unsigned n_mended, void *userdata);

/* The package has a record. Called once from the loop, never from within this call; the check frees itself. */
int check_start(const JobContext *context, Package *package, CheckDone done, void *userdata, Check **ret);
/* Forgets it without calling anything; it must not touch the package any more. Returns NULL. */
Check *check_cancel(Check *check);
