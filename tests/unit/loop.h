/* Runs an event loop until something is so, and fails when it takes too long. */
#pragma once

#include <systemd/sd-event.h>

#include "base/clock.h"
#include "test.h"

#define LOOP_TIME_MAX_USEC (60 * USEC_PER_SEC)

static inline sd_event *loop_new(void) {
        sd_event *event;

        check(sd_event_new(&event) >= 0);
        return event;
}

#define LOOP_UNTIL(event, condition)                                                                        \
        do {                                                                                                \
                uint64_t _deadline = clock_boottime_usec() + LOOP_TIME_MAX_USEC;                            \
                while (!(condition)) {                                                                      \
                        if (clock_boottime_usec() > _deadline)                                              \
                                test_fail(__FILE__, __LINE__, "in time: " #condition);                      \
                        check(sd_event_run((event), 10 * USEC_PER_MSEC) >= 0);                              \
                }                                                                                           \
        } while (false)

/* Lets it go on for a while. */
static inline void loop_run_for(sd_event *event, uint64_t usec) {
        uint64_t end = clock_boottime_usec() + usec;

        while (clock_boottime_usec() < end)
                check(sd_event_run(event, 5 * USEC_PER_MSEC) >= 0);
}
