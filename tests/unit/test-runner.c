#include "manager/runner.h"

#include "base/clock.h"
#include "loop.h"
#include "manager/manager-private.h"

/* When a try is made again: that of the package, else the first of its versions. */
static void check_retry(sd_event *event, uint64_t package_next, uint64_t version_next, bool due) {
        Manager manager = { .event = event };
        Package *package = calloc(1, sizeof(Package));
        VersionStatus *status;
        Runner *runner;

        check(package && string_assign(&package->name, "hashicorp/null") >= 0);
        package->next_try_usec = package_next;
        status = package_set_status(package, "1.0.0", VERSION_FAILED, "why");
        check(status && package_set_status(package, "2.0.0", VERSION_FAILED, "why"));
        status->next_try_usec = version_next;
        check_int(runner_new(&manager, package, &runner), 0);
        runner_schedule_retry(runner);
        if (due)
                LOOP_UNTIL(event, runner->retry_due);
        else
                loop_run_for(event, 1500 * USEC_PER_MSEC);
        check(runner->retry_due == due);
        runner_free(runner);
}

/* A package that cannot even be begun with says so, and is tried again. */
static void test_cannot_start(sd_event *event) {
        Manager manager = { .event = event, .context.event = event };
        Package *package = calloc(1, sizeof(Package));
        Store store = {};
        Runner *runner;

        check(package && string_assign(&package->name, "hashicorp/null") >= 0);
        check(string_assign(&package->directory, "no/../key") >= 0);
        package->store = &store;
        package->state = PACKAGE_QUEUED;
        check_int(runner_new(&manager, package, &runner), 0);
        runner_start(runner);
        check(!runner->running && manager.n_running == 0 && manager.changed);
        check_int(package->state, PACKAGE_FAILED);
        check_string(package->reason, strerror(EINVAL));
        check_int(package->attempts, 1);
        check(package->next_try_usec > clock_realtime_usec() && runner->retry_timer);
        runner_free(runner);
}

int main(void) {
        uint64_t now = clock_realtime_usec(), later = now + 3600 * USEC_PER_SEC;
        sd_event *event = loop_new();

        check_retry(event, 0, 0, false);
        check_retry(event, 0, now, true);
        check_retry(event, now, 0, true);
        check_retry(event, 0, later, false);
        /* What a failed commit has left as it was is not tried over and over. */
        check_retry(event, later, now, false);
        check_retry(event, now, later, true);
        test_cannot_start(event);
        sd_event_unref(event);
        return EXIT_SUCCESS;
}
