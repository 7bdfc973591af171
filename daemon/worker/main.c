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
#include "worker/rescan.h"
#include "worker/sandbox.h"
#include "worker/scan.h"
#include "worker/signature.h"
#include "worker/unpack.h"
#include "worker/ziphash.h"

/* No job needs more memory of its own than this: everything large is streamed. The scanner is another matter. */
#define DATA_SIZE_MAX (1 * GIB)
#define SCANNER_DATA_SIZE_MAX (8 * GIB)

#if defined(__SANITIZE_ADDRESS__)
/* The check for leaks traces the process from a thread of its own, which the sandbox does not allow. The tests of each kind of
 * job have it. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) {
        return 1;
}
#endif

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
        (void) signal(SIGXFSZ, SIG_IGN); /* a write beyond the limit fails with EFBIG instead */
        (void) signal(SIGPIPE, SIG_IGN);
        (void) umask(0077);
        priority_background();
        set_limit(RLIMIT_CORE, 0);
}

/* Programs and what the dynamic loader needs of them. */
static const SandboxPlace program_places[] = {
        { "/usr", SANDBOX_EXECUTE },
        { "/bin", SANDBOX_EXECUTE },
        { "/lib", SANDBOX_EXECUTE },
        { "/lib64", SANDBOX_EXECUTE },
        { "/etc/ld.so.cache", SANDBOX_READ },
        { "/dev/null", SANDBOX_WRITE },
};

#define PLACES_MAX (ELEMENTSOF(program_places) + 3)

/* What stays open for the kind of job. Returns how many places. */
static size_t choose_places(const WorkerRequest *request, SandboxPlace places[static PLACES_MAX]) {
        size_t n = ELEMENTSOF(program_places);

        for (size_t i = 0; i < n; i++)
                places[i] = program_places[i];
        switch (request->kind) {
        case WORKER_SIGNATURE:
                break;
        case WORKER_SCAN:
        case WORKER_RESCAN:
        case WORKER_SCANNER:
                places[n++] = (SandboxPlace) { .fd = request->scanner_fd, .access = SANDBOX_EXECUTE };
                places[n++] = (SandboxPlace) { .fd = request->directory_fd, .access = SANDBOX_WRITE };
                if (request->database_fd >= 0)
                        places[n++] = (SandboxPlace) { .fd = request->database_fd, .access = SANDBOX_READ };
                break;
        default:
                return 0;
        }
        return n;
}

/* The job is known, its data is not read yet: from here on the process needs nothing but the descriptors it has (and gpgv,
 * for signatures). */
static int confine_process(const WorkerDescription *description, unsigned *ret_layers) {
        uint64_t write_max = description->limits.artifact_size_max;
        SandboxPlace places[PLACES_MAX];
        size_t n_places = choose_places(&description->request, places);

        /* First of all: what follows counts there. */
        if (description->request.cgroup_fd >= 0 && write(description->request.cgroup_fd, "0", 1) < 0)
                return negative_errno();
        if (description->request.kind == WORKER_REPACK || description->request.kind == WORKER_SCAN) {
                int r = unpack_prepare();

                if (r < 0)
                        return r;
                write_max = MAX_OF(write_max, description->limits.unpacked_size_max);
        }
        if (description->request.kind == WORKER_SCAN || description->request.kind == WORKER_RESCAN)
                write_max = MAX_OF(write_max, description->request.scan.report_size_max);
        set_limit(RLIMIT_FSIZE, write_max);
#if !defined(__SANITIZE_ADDRESS__)
        set_limit(RLIMIT_DATA, description->request.scanner_fd >= 0 ? SCANNER_DATA_SIZE_MAX : DATA_SIZE_MAX);
#endif
        return sandbox_enter(places, n_places, n_places > 0, ret_layers);
}

/* A daemon that died before prepare_process() left its end of the socket closed. */
static bool daemon_is_gone(void) {
        struct pollfd pollfd = { .fd = WORKER_FD };

        return poll(&pollfd, 1, 0) > 0 && (pollfd.revents & (POLLHUP | POLLERR | POLLNVAL));
}

static void run_job(const WorkerDescription *description, unsigned layers, WorkerReport *report) {
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
        case WORKER_SCAN:
                r = scan_run(description, report);
                break;
        case WORKER_RESCAN:
                r = rescan_run(description, report);
                break;
        case WORKER_SCANNER:
                r = scan_probe_run(description, report);
                break;
        case WORKER_PROBE:
                report->layers = layers;
                report->result = WORKER_OK;
                r = 0;
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
        unsigned layers = 0;
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
        r = confine_process(&description, &layers);
        if (r >= 0)
                run_job(&description, layers, &report);
        else {
                report.result = WORKER_FAILED;
                text_set(&report.message, "the worker cannot be confined: %s", strerror(-r));
        }

        r = worker_report_send(WORKER_FD, description.request.kind, &report);
        worker_report_done(&report);
        worker_description_done(&description);
        if (r < 0) {
                (void) fprintf(stderr, "opendepot-worker: cannot send the report: %s\n", strerror(-r));
                return EXIT_FAILURE;
        }
        return EXIT_SUCCESS;
}
