/* Questions why a version can be installed, or cannot. What upstream listed last is read behind the scenes, for one question after
 * the other, so that many of them take no more memory than one. */
#pragma once

#include "job/explain.h"
#include "manager/manager.h"

typedef struct Why Why;

/* One explanation for each store that has a package of the name; valid during the call, as the packages are. `r`: 0 or a negative
 * errno. `n` is 0 when a reload has taken the package away meanwhile. */
typedef void (*WhyDone)(int r, Explanation *const *explanations, size_t n, void *userdata);

/* `done` is called once from the loop, never from within this call. Returns -ENOENT when there is no such package. */
int why_start(Manager *manager, const char *package, const Version *version, WhyDone done, void *userdata,
        Why **ret);
/* Forgets it without calling anything. Returns NULL. */
Why *why_cancel(Why *why);
