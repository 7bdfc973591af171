/* opendepot-worker: one job from the daemon on WORKER_FD, one report back, then the end. See worker/protocol.h. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/priority.h"
#include "base/text.h"
#include "worker/openpgp.h"
#include "worker/protocol.h"
#include "worker/repack.h"
#include "worker/signature.h"
#include "worker/ziphash.h"

/* No job needs more memory of its own than this: everything large is streamed. */
#define DATA_SIZE_MAX (1 * GIB)

static void set_limit(int resource, uint64_t value) {
        struct rlimit limit;

        /* Lowering only; what cannot be set leaves the limit that the service has. */
        if (getrlimit((__rlimit_resource_t) resource, &limit) < 0)
                return;
        limit.rlim_cur = MIN_OF((rlim_t) value, limit.rlim_max);
        limit.rlim_max = limit.rlim_cur;
        (void) setrlimit((__rlimit_resource_t) resource, &limit);
}

/* Before the job is read: nothing of the outside has been seen yet. */
static void prepare_process(void) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        (void) signal(SIGXFSZ, SIG_IGN); /* a write beyond the limit fails with EFBIG instead */
        (void) signal(SIGPIPE, SIG_IGN);
        (void) umask(0077);
        priority_background();
        set_limit(RLIMIT_CORE, 0);
#if !defined(__SANITIZE_ADDRESS__)
        set_limit(RLIMIT_DATA, DATA_SIZE_MAX);
#endif
}

/* The job is known, its data is not read yet: the place where the process locks itself in, since from here on it
 * needs nothing but the descriptors it has (and gpgv, for signatures). */
static void confine_process(const WorkerDescription *description) {
        uint64_t write_max = description->limits.artifact_size_max;

        if (description->request.kind == WORKER_REPACK)
                write_max = MAX_OF(write_max, description->limits.unpacked_size_max);
        set_limit(RLIMIT_FSIZE, write_max);
}

/* A daemon that died before prepare_process() left its end of the socket closed. */
static bool daemon_is_gone(void) {
        struct pollfd pollfd = { .fd = WORKER_FD };

        return poll(&pollfd, 1, 0) > 0 && (pollfd.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static void run_job(const WorkerDescription *description, WorkerReport *report) {
        int r;

        report->result = WORKER_FAILED;
        switch (description->request.kind) {
        case WORKER_HASH_ZIP:
                r = ziphash_run(description, report);
                break;
        case WORKER_REPACK:
                r = repack_run(description, report);
                break;
        case WORKER_KEYS:
                r = openpgp_run(description, report);
                break;
        default:
                r = signature_run(description, report);
        }
        if (r >= 0)
                return;

        /* Only a refusal has both this error and a reason; a damaged disk has the error alone. */
        report->result = r == -EBADMSG && report->message ? WORKER_REFUSED : WORKER_FAILED;
        if (!report->message)
                text_set(&report->message, "%s", strerror(-r));
}

int main(int argc, char *argv[]) {
        WorkerDescription description;
        WorkerReport report = {};
        int r;

        if (argc > 1) {
                (void) fprintf(
                        stderr, "opendepot-worker is started by opendepotd and takes no arguments.\n");
                return EXIT_FAILURE;
        }
        prepare_process();
        r = worker_job_receive(WORKER_FD, &description);
        if (r == -ENODATA)
                return EXIT_FAILURE;
        if (r >= 0 && daemon_is_gone()) {
                worker_description_done(&description);
                return EXIT_FAILURE;
        }
        if (r < 0) {
                (void) fprintf(stderr, "opendepot-worker: cannot read the job: %s\n", strerror(-r));
                return EXIT_FAILURE;
        }
        confine_process(&description);

        run_job(&description, &report);

        r = worker_report_send(WORKER_FD, description.request.kind, &report);
        worker_report_done(&report);
        worker_description_done(&description);
        if (r < 0) {
                (void) fprintf(stderr, "opendepot-worker: cannot send the report: %s\n", strerror(-r));
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
