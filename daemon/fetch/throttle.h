/* A limit of bytes a second, as a bucket that fills while time goes by. What is taken may overdraw it once; the next one
 * waits the longer, so that the average holds whatever the sizes of the pieces are. */
#pragma once

#include "base/util.h"

typedef struct Throttle {
        uint64_t rate;    /* bytes a second; 0: no limit */
        int64_t level;    /* bytes that may pass now; negative: overdrawn */
        uint64_t at_usec; /* monotonic, when the level was right */
} Throttle;

/* Starts anew with another rate if it is another one. */
void throttle_set_rate(Throttle *throttle, uint64_t rate, uint64_t now_usec);
/* How long nothing may pass; 0: something may. */
uint64_t throttle_wait_usec(Throttle *throttle, uint64_t now_usec);
void throttle_take(Throttle *throttle, size_t size);
