#include "fetch/throttle.h"

/* What may pass at once after a pause is what a tenth of a second allows. */
#define BURST_PER_SEC 10
/* Longer than any wait for what is overdrawn, and short enough for the arithmetic below. */
#define ELAPSED_MAX_USEC (3600 * USEC_PER_SEC)
#define RATE_MAX (UINT64_C(1) << 30)

void throttle_set_rate(Throttle *throttle, uint64_t rate, uint64_t now_usec) {
        if (rate != throttle->rate)
                *throttle = (Throttle) { .rate = rate, .at_usec = now_usec };
}

uint64_t throttle_wait_usec(Throttle *throttle, uint64_t now_usec) {
        uint64_t rate = throttle->rate, elapsed, grown;

        if (rate == 0)
                return 0;
        elapsed = now_usec > throttle->at_usec ? now_usec - throttle->at_usec : 0;
        elapsed = MIN_OF(elapsed, ELAPSED_MAX_USEC);
        /* Fractions of a byte are left for the next time. */
        grown = rate <= RATE_MAX ? rate * elapsed / USEC_PER_SEC : rate / USEC_PER_SEC * elapsed;
        if (grown > 0) {
                throttle->level += (int64_t) grown;
                throttle->at_usec = now_usec;
        }
        throttle->level = MIN_OF(throttle->level, (int64_t) (rate / BURST_PER_SEC));
        if (throttle->level > 0)
                return 0;
        return (uint64_t) (1 - throttle->level) * USEC_PER_SEC / rate + 1;
}

void throttle_take(Throttle *throttle, size_t size) {
        if (throttle->rate > 0)
                throttle->level -= (int64_t) size;
}
