/* The clock is set. Timers run on CLOCK_BOOTTIME and do not notice, but from when on something may be tried again is a time
 * of CLOCK_REALTIME, for people and over restarts: it is moved with the clock, so that the delay stays what it was. */

#include <sys/timerfd.h>

#include "base/clock.h"
#include "base/log.h"
#include "manager/manager-private.h"

/* What is less is not worth a word. */
#define CHANGE_MIN_USEC ((int64_t) USEC_PER_SEC)

/* Since when a version is seen, by the clock that was wrong: that is, since the daemon runs. */
static void shift_seen(const Manager *manager, Package *package, int64_t by_usec) {
        uint64_t running = clock_boottime_usec() - manager->started_boottime_usec + USEC_PER_SEC,
                 until = clock_realtime_usec(), since;

        clock_shift(&until, -by_usec);
        since = until > running ? until - running : 0;
        if (package->record && record_shift_seen(package->record, since, until, by_usec))
                package->seen_moved = true;
}

void manager_shift_times(Manager *manager, int64_t by_usec) {
        for (size_t i = 0; i < manager->n_depots; i++)
                clock_shift(&manager->depots[i]->next_poll_usec, by_usec);
        for (size_t i = 0; i < manager->n_runners; i++) {
                Package *package = manager->runners[i]->package;

                clock_shift(&package->next_try_usec, by_usec);
                shift_seen(manager, package, by_usec);
                clock_shift(&package->recheck_usec, by_usec);
                clock_shift(&package->recheck_not_before_usec, by_usec);
                for (size_t j = 0; j < package->n_statuses; j++)
                        /* Without a try it is when a release is old enough, which no clock of ours has said, or what
                         * follows from when it was first seen. */
                        if (package->statuses[j]->attempts > 0)
                                clock_shift(&package->statuses[j]->next_try_usec, by_usec);
        }
        budgets_shift(manager->budgets, by_usec);
        fetcher_shift_holds(manager->fetcher, by_usec);
}

void manager_check_clock(Manager *manager) {
        int64_t offset = clock_offset_usec(), by = offset - manager->clock_offset_usec;

        if (by > -CHANGE_MIN_USEC && by < CHANGE_MIN_USEC)
                return;
        manager->clock_offset_usec = offset;
        log_info("The clock was set by %+lld s; what is to be tried again waits as long as before",
                (long long) (by / (int64_t) USEC_PER_SEC));
        manager_shift_times(manager, by);
        for (size_t i = 0; i < manager->n_runners; i++)
                if (!manager->runners[i]->running)
                        runner_schedule_retry(manager->runners[i]);
}

static int arm(int fd) {
        /* Never reached; it is there to be cancelled. */
        const struct itimerspec never = { .it_value.tv_sec = INT32_MAX };
        int flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;

        return timerfd_settime(fd, flags, &never, NULL) < 0 ? negative_errno() : 0;
}

static int on_clock_set(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        uint64_t n;
        int r;

        /* -ECANCELED is how it is told. */
        (void) !read(fd, &n, sizeof(n));
        manager_check_clock(userdata);
        r = arm(fd);
        if (r >= 0)
                return 0;
        log_warning("Changes of the clock are no longer noticed: %s", strerror(-r));
        return sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

int manager_watch_clock(Manager *manager) {
        _cleanup_close_ int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
        int r = fd < 0 ? negative_errno() : arm(fd);

        if (r < 0)
                return r;
        manager->clock_offset_usec = clock_offset_usec();
        r = sd_event_add_io(manager->event, &manager->clock_source, fd, EPOLLIN, on_clock_set, manager);
        if (r >= 0)
                r = sd_event_source_set_io_fd_own(manager->clock_source, true);
        if (r >= 0)
                TAKE_FD(fd);
        return MIN_OF(r, 0);
}
