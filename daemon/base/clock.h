/* Time: microseconds since the Unix epoch (CLOCK_REALTIME) or since boot (CLOCK_BOOTTIME), and RFC 3339 text. */
#pragma once

#include "base/util.h"

#define CLOCK_TEXT_SIZE 32
#define USEC_INFINITY UINT64_MAX

uint64_t clock_realtime_usec(void);
uint64_t clock_boottime_usec(void);
uint64_t clock_monotonic_usec(void); /* what sd_notify(3) reports a reload in */

/* By how much CLOCK_REALTIME is ahead of CLOCK_BOOTTIME: what changes is that the clock was set. */
int64_t clock_offset_usec(void);
/* Moves a time; 0 and USEC_INFINITY, which are none, stay what they are, and nothing becomes one of them. */
void clock_shift(uint64_t *usec, int64_t by_usec);

/* RFC 3339 in UTC with whole seconds, "2026-11-23T04:05:06Z". */
void clock_format(uint64_t realtime_usec, char ret[static CLOCK_TEXT_SIZE]);

/* RFC 3339 with any offset and fraction. Returns 0 or -EINVAL. */
int clock_parse(const char *text, uint64_t *ret_realtime_usec);

/* A random share of `usec` between 0 and `usec`, for jitter. */
uint64_t clock_jitter(uint64_t usec);
