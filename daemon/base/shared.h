/* Texts that many objects have in common: one copy, counted. They belong to the loop, no thread may touch the count. */
#pragma once

#include "base/util.h"

/* *target becomes a text of its own, equal to `text`; NULL: none. Returns 0 or -ENOMEM, then nothing has changed. */
int shared_assign(const char **target, const char *text);
/* *target becomes another reference of `text`, which is NULL or comes from here. */
void shared_copy(const char **target, const char *text);
/* The same if both are equal: then one of two copies may go. */
void shared_merge(const char **target, const char *text);
/* NULL is fine. Returns NULL. */
const char *shared_unref(const char *text);
