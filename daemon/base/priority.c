#include "base/priority.h"

#include <sys/resource.h>

#define BACKGROUND_NICE 19

void priority_background(void) {
        /* Of this thread alone (setpriority(2), NOTES). What the system call filter refuses is done without. */
        (void) setpriority(PRIO_PROCESS, 0, BACKGROUND_NICE);
}
