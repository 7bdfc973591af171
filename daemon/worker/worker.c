#include "worker/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/list.h"
#include "base/offload.h"
#include "base/text.h"
#include "worker/protocol.h"

#define KILL_AFTER_USEC (2 * USEC_PER_SEC)
#define REAP_TIMEOUT_USEC (2 * USEC_PER_SEC)
#define ACCURACY_USEC (10 * USEC_PER_MSEC)

typedef enum JobState {
        JOB_QUEUED,   /* waits for a place */
        JOB_STARTING, /* a thread is making its process */
        JOB_RUNNING,  /* has a process */
        JOB_ENDING, /* forgotten by its owner, the killed process is still to be made or reaped; keeps its place */
        JOB_FINISHED, /* has its report, `done` is to be called */
        JOB_DONE,     /* in no list: `done` has been called, the object goes when that returns */
} JobState;

struct WorkerJob {
        WorkerPool *pool;
        WorkerJob *previous, *next; /* in the list of its state */
        JobState state;
        WorkerRequest request;
        char **fingerprints;
        char *subdirectory;
        WorkerDone done;
        void *userdata;

        Cgroup *cgroup; /* NULL: none is to be had */
        pid_t pid;      /* 0: not started, reaped, or not known */
        int pidfd, socket;
        sd_event_source *exit_source, *timer_source;
        bool timed_out;
        uint64_t timeout_usec;
        WorkerReport report;
};

typedef struct JobList {
        WorkerJob *first, *last;
} JobList;

struct WorkerPool {
        sd_event *event;
        sd_event_source
                *defer_source; /* starts jobs and hands out reports, in turns of the loop of its own */
        Offload *starter;      /* one thread that makes the processes */
        char *program;
        Cgroups *cgroups; /* NULL: workers are not grouped */
        WorkerLimits limits;
        JobList queued, running /* and starting, and ending */, finished;
        unsigned n_running;
        bool closing;
};

static JobList *job_list(WorkerJob *job) {
        switch (job->state) {
        case JOB_QUEUED:
                return &job->pool->queued;
        case JOB_FINISHED:
                return &job->pool->finished;
        default:
                return &job->pool->running;
        }
}

static void job_unlink(WorkerJob *job) {
        JobList *list = job_list(job);

        *(job->previous ? &job->previous->next : &list->first) = job->next;
        *(job->next ? &job->next->previous : &list->last) = job->previous;
        job->previous = job->next = NULL;
        if (list == &job->pool->running)
                job->pool->n_running--;
}

static void job_link(WorkerJob *job, JobState state) {
        JobList *list;

        job->state = state;
        list = job_list(job);
        job->previous = list->last;
        *(list->last ? &list->last->next : &list->first) = job;
        list->last = job;
        if (list == &job->pool->running)
                job->pool->n_running++;
}

/* Frees a job that is in no list. */
static WorkerJob *job_free(WorkerJob *job) {
        if (!job)
                return NULL;
        sd_event_source_disable_unref(job->exit_source);
        sd_event_source_disable_unref(job->timer_source);
        job->cgroup = cgroup_give_back(job->cgroup);
        worker_request_close(&job->request);
        strings_free(job->fingerprints);
        free(job->subdirectory);
        close_fd(job->pidfd);
        close_fd(job->socket);
        worker_report_done(&job->report);
        free(job);
        return NULL;
}
DEFINE_CLEANUP(WorkerJob *, job_free)

static void pool_wake(WorkerPool *pool) {
        if (pool->closing ||
                (!pool->finished.first && (!pool->queued.first || pool->n_running >= pool->limits.parallel)))
                return;
        (void) sd_event_source_set_enabled(pool->defer_source, SD_EVENT_ONESHOT);
}

/* To the process and to what it has started. The number of its process group is its own, and nobody else's as long as it is not
 * reaped. */
static void job_signal(WorkerJob *job, int signal) {
        if (job->pid > 0)
                (void) kill(-job->pid, signal);
        else if (job->pidfd >= 0)
                (void) pidfd_send_signal(job->pidfd, signal, NULL, 0);
        if (signal == SIGKILL && job->cgroup)
                cgroup_kill(job->cgroup);
}

/* Takes what is left of the process when it has ended. What it has started and left behind ends with it. Returns whether it
 * has; a negative errno if it cannot be known. */
static int job_reap(WorkerJob *job, siginfo_t *ret_info) {
        if (waitid(P_PIDFD, (id_t) job->pidfd, ret_info, WEXITED | WNOHANG | WNOWAIT) < 0)
                return errno == EINTR ? 0 : negative_errno();
        if (ret_info->si_pid == 0)
                return 0;
        job_signal(job, SIGKILL);
        job->pid = 0;
        return waitid(P_PIDFD, (id_t) job->pidfd, ret_info, WEXITED | WNOHANG) < 0 ? negative_errno() : 1;
}

/* The job has its result. Its owner hears of it in a later turn of the loop. */
static void job_finish(WorkerJob *job) {
        job_unlink(job);
        job->exit_source = sd_event_source_disable_unref(job->exit_source);
        job->timer_source = sd_event_source_disable_unref(job->timer_source);
        job->cgroup = cgroup_give_back(job->cgroup);
        worker_request_close(&job->request);
        job->pidfd = close_fd(job->pidfd);
        job->socket = close_fd(job->socket);
        job_link(job, JOB_FINISHED);
        pool_wake(job->pool);
}

_printf_(2, 3) static void job_fail(WorkerJob *job, const char *format, ...) {
        va_list arguments;
        char *message;

        va_start(arguments, format);
        message = text_vformat(format, arguments);
        va_end(arguments);
        worker_report_done(&job->report);
        job->report = (WorkerReport) { .result = WORKER_FAILED, .message = message };
}

/* How a process ended, for a message: "it was killed by signal SEGV". */
static void describe_exit(const siginfo_t *info, char *ret, size_t size) {
        if (info->si_code == CLD_EXITED)
                (void) snprintf(ret, size, "it ended with exit status %d", info->si_status);
        else {
                const char *name = sigabbrev_np(info->si_status);

                (void) snprintf(
                        ret, size, "it was killed by signal %s%s", name ? "SIG" : "", name ? name : "?");
        }
}

/* Takes the report out of the socket after the process has ended: a packet stays there until it is read. */
static void job_read_report(WorkerJob *job, const siginfo_t *info) {
        _cleanup_free_ char *data = malloc(WORKER_REPORT_SIZE_MAX + 1);
        const char *kind = worker_kind_to_string(job->request.kind), *error = NULL;
        char how[64], second;
        ssize_t n;
        int r;

        describe_exit(info, how, sizeof(how));
        if (!data) {
                job_fail(job, "out of memory for the report");
                return;
        }
        /* Descriptors that a worker might send back are dropped by the kernel: there is no room for them. */
        n = recv(job->socket, data, WORKER_REPORT_SIZE_MAX + 1, MSG_DONTWAIT | MSG_TRUNC);

        if (job->cgroup && cgroup_was_out_of_memory(job->cgroup))
                job_fail(job, "the worker (%s) wanted more memory than it may have", kind);
        else if (info->si_code != CLD_EXITED || info->si_status != 0) {
                if (job->timed_out)
                        job_fail(job, "the worker (%s) took longer than %llu s and was ended", kind,
                                (unsigned long long) (job->timeout_usec / USEC_PER_SEC));
                else
                        job_fail(job, "the worker (%s) failed: %s", kind, how);
        } else if (n <= 0)
                job_fail(job, "the worker (%s) gave no report: %s", kind, how);
        else if ((size_t) n > WORKER_REPORT_SIZE_MAX)
                job_fail(job,
                        "the worker (%s) gave a report of %zd bytes, more than %zu are not accepted: %s",
                        kind, n, (size_t) WORKER_REPORT_SIZE_MAX, how);
        else if (recv(job->socket, &second, sizeof(second), MSG_DONTWAIT) > 0)
                job_fail(job, "the worker (%s) gave more than one report", kind);
        else {
                r = worker_report_parse(&job->request, data, (size_t) n, &job->report, &error);
                if (r < 0)
                        job_fail(job, "the worker (%s) gave a malformed report (%s): %s", kind,
                                error ? error : strerror(-r), how);
        }
}

static int on_process_end(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        WorkerJob *job = userdata;
        WorkerPool *pool = job->pool;
        siginfo_t info = {};
        int r = job_reap(job, &info);

        if (r == 0)
                return 0;
        if (r < 0)
                job_fail(job, "the worker cannot be waited for: %s", strerror(-r));
        else if (job->state == JOB_RUNNING)
                job_read_report(job, &info);

        if (job->state == JOB_ENDING) {
                /* Only this source refers to the job now; sd-event keeps the source itself until we have returned. */
                job_unlink(job);
                job_free(job);
                pool_wake(pool);
        } else
                job_finish(job);
        return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        WorkerJob *job = userdata;

        if (job->timed_out) {
                job_signal(job, SIGKILL);
                return 0;
        }
        job->timed_out = true;
        job_signal(job, SIGTERM);
        if (sd_event_source_set_time_relative(source, KILL_AFTER_USEC) < 0 ||
                sd_event_source_set_enabled(source, SD_EVENT_ONESHOT) < 0)
                job_signal(job, SIGKILL);
        return 0;
}

/* Starts the program with the socket as WORKER_FD, nothing on standard input and output, our standard error and no
 * other descriptor. It has a process group of its own, not a session: the kernel may give each session an equal share of the
 * processors (autogroup, sched(7)), and a worker's niceness would count for nothing. posix_spawn() shares our memory until the exec, so that it neither copies page tables nor runs
 * anything that threads of ours could have left locked. */
static int spawn(const char *program, int socket, int *ret_pidfd) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        char *arguments[] = { (char *) "opendepot-worker", NULL }, *environment[3] = {}, *path = NULL;
        const char *our_path = getenv("PATH");
        sigset_t all, none;
        int r, pidfd;

        if (asprintf(&path, "PATH=%s", isempty(our_path) ? "/usr/local/bin:/usr/bin:/bin" : our_path) < 0)
                return -ENOMEM;
        environment[0] = path;
        environment[1] = (char *) "LANG=C.UTF-8";

        (void) sigemptyset(&none);
        (void) sigfillset(&all);
        r = posix_spawn_file_actions_init(&actions);
        if (r != 0) {
                free(path);
                return -r;
        }
        r = posix_spawnattr_init(&attributes);
        if (r != 0) {
                (void) posix_spawn_file_actions_destroy(&actions);
                free(path);
                return -r;
        }

        /* dup2() first: the null device must not take the place of a socket that is 0 or 1. */
        if ((r = posix_spawn_file_actions_adddup2(&actions, socket, WORKER_FD)) == 0 &&
                (r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)) ==
                        0 &&
                (r = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)) ==
                        0 &&
                (r = posix_spawn_file_actions_addclosefrom_np(&actions, WORKER_FD + 1)) == 0 &&
                (r = posix_spawnattr_setsigmask(&attributes, &none)) == 0 &&
                (r = posix_spawnattr_setsigdefault(&attributes, &all)) == 0 &&
                (r = posix_spawnattr_setflags(&attributes,
                         POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP)) == 0)
                r = pidfd_spawn(&pidfd, program, &actions, &attributes, arguments, environment);

        (void) posix_spawnattr_destroy(&attributes);
        (void) posix_spawn_file_actions_destroy(&actions);
        free(path);
        if (r == 0)
                *ret_pidfd = pidfd;
        return -r;
}

static int job_watch(WorkerJob *job) {
        sd_event *event = job->pool->event;
        int r;

        r = sd_event_add_io(event, &job->exit_source, job->pidfd, EPOLLIN, on_process_end, job);
        if (r >= 0)
                (void) sd_event_source_set_description(job->exit_source, "worker-exit");
        if (r >= 0 && job->timeout_usec > 0)
                r = sd_event_add_time_relative(event, &job->timer_source, CLOCK_MONOTONIC, job->timeout_usec,
                        ACCURACY_USEC, on_timer, job);
        return r;
}

/* The process of a job that has been cancelled meanwhile is killed, but watched like the others. */
static int job_adopt_process(WorkerJob *job, int pidfd) {
        int r;

        job->pidfd = pidfd;
        job->pid = MAX_OF(pidfd_getpid(pidfd), 0);
        if (job->state == JOB_ENDING)
                job_signal(job, SIGKILL);
        else
                job->state = JOB_RUNNING;
        r = job_watch(job);
        if (r < 0) {
                siginfo_t info;

                /* Without a source nobody would reap it: do it here; a process that has hardly begun ends at once. */
                job_signal(job, SIGKILL);
                (void) waitid(P_PIDFD, (id_t) job->pidfd, &info, WEXITED);
                job->pid = 0;
                job_fail(job, "cannot watch the worker: %s", strerror(-r));
        }
        return r;
}

/* The parent is stopped until its child has had the processor and called exec, on a busy machine for milliseconds, and
 * the loop must not be. A launch owns itself; its job is in the pool at least until the thread comes back. */
typedef struct Launch {
        WorkerJob *job;
        int socket; /* the end of the worker */
        int pidfd;
} Launch;

static int launch_work(void *userdata) {
        Launch *launch = userdata;

        return spawn(launch->job->pool->program, launch->socket, &launch->pidfd);
}

static void launch_done(int result, void *userdata) {
        _cleanup_free_ Launch *launch = userdata;
        WorkerJob *job = launch->job;
        WorkerPool *pool = job->pool;
        int r = result;

        close_fd(launch->socket);
        if (r < 0)
                job_fail(job, "cannot start %s: %s", pool->program, strerror(-r));
        else
                r = job_adopt_process(job, launch->pidfd);
        if (r >= 0)
                return;
        if (job->state == JOB_ENDING) {
                job_unlink(job);
                job_free(job);
                pool_wake(pool);
        } else
                job_finish(job);
}

static int launch_start(WorkerJob *job, int socket) {
        Launch *launch = malloc(sizeof(Launch));
        int r;

        if (!launch)
                return -ENOMEM;
        *launch = (Launch) { .job = job, .socket = socket, .pidfd = -EBADF };
        r = offload_run(job->pool->starter, launch_work, launch_done, launch);
        if (r < 0)
                free(launch);
        return r;
}

static int job_take_cgroup(WorkerJob *job) {
        int r;

        if (!job->pool->cgroups)
                return 0;
        r = cgroups_take(job->pool->cgroups, &job->pool->limits.cgroup, &job->cgroup);
        if (r < 0)
                return r;
        job->request.cgroup_fd = cgroup_open_processes(job->cgroup);
        return MIN_OF(job->request.cgroup_fd, 0);
}

/* Sends a queued job its descriptors and has its process made; on failure it is finished with the reason. */
static void job_start(WorkerJob *job) {
        WorkerPool *pool = job->pool;
        _cleanup_close_ int theirs = -EBADF;
        int pair[2], r;

        job_unlink(job);
        job_link(job, JOB_STARTING);
        job->timeout_usec =
                job->request.timeout_usec > 0 ? job->request.timeout_usec : pool->limits.timeout_usec;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
                job_fail(job, "cannot make a socket for the worker: %s", strerror(errno));
                job_finish(job);
                return;
        }
        job->socket = pair[0];
        theirs = pair[1];

        r = job_take_cgroup(job);
        if (r < 0) {
                job_fail(job, "cannot make a control group for the worker: %s", strerror(-r));
                job_finish(job);
                return;
        }
        /* The job waits in the socket, so that our copies of its descriptors can be closed now. */
        r = worker_job_send(job->socket, &job->request, &pool->limits);
        if (r < 0) {
                job_fail(job, "cannot send the job to the worker: %s", strerror(-r));
                job_finish(job);
                return;
        }
        r = launch_start(job, theirs);
        if (r < 0) {
                job_fail(job, "cannot start %s: %s", pool->program, strerror(-r));
                job_finish(job);
                return;
        }
        TAKE_FD(theirs);

        WorkerRequest kept = { .kind = job->request.kind,
                .hash_file = job->request.hash_file,
                .scan.subject = job->request.scan.subject };
        worker_request_close(&job->request);
        job->request = WORKER_REQUEST_INIT(kept.kind);
        job->request.hash_file = kept.hash_file;
        job->request.scan = kept.scan;
}

/* One report or one start per turn, so that a burst of small jobs does not hold up the loop. Nothing of the pool is
 * touched after `done`: it may free the pool. */
static int on_defer(sd_event_source *source, void *userdata) {
        WorkerPool *pool = userdata;
        WorkerJob *job = pool->finished.first;

        if (job) {
                job_unlink(job);
                job->state = JOB_DONE;
                pool_wake(pool);
                job->done(&job->report, job->userdata);
                job_free(job);
                return 0;
        }
        if (pool->queued.first && pool->n_running < pool->limits.parallel)
                job_start(pool->queued.first);
        pool_wake(pool);
        return 0;
}

int worker_pool_new(sd_event *event, const char *program, const WorkerLimits *limits, WorkerPool **ret) {
        _cleanup_(worker_pool_freep) WorkerPool *pool = NULL;
        int r;

        if (limits->parallel == 0)
                return -EINVAL;
        pool = calloc(1, sizeof(*pool));
        if (!pool)
                return -ENOMEM;
        pool->event = sd_event_ref(event);
        pool->limits = *limits;
        pool->program = strdup(program);
        if (!pool->program)
                return -ENOMEM;

        r = offload_new(event, 1, &pool->starter);
        if (r < 0)
                return r;
        r = sd_event_add_defer(event, &pool->defer_source, on_defer, pool);
        if (r < 0)
                return r;
        r = sd_event_source_set_enabled(pool->defer_source, SD_EVENT_OFF);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(pool->defer_source, "worker-pool");
        *ret = TAKE_PTR(pool);
        return 0;
}

/* Waits a short time for processes that SIGKILL ends; one that hangs in the kernel is left to init. */
static void reap(WorkerJob *job, const struct timespec *deadline) {
        for (;;) {
                struct timespec now, step = { .tv_nsec = 1000000 };
                siginfo_t info = {};

                if (job_reap(job, &info) != 0)
                        return;
                (void) clock_gettime(CLOCK_MONOTONIC, &now);
                if (now.tv_sec > deadline->tv_sec ||
                        (now.tv_sec == deadline->tv_sec && now.tv_nsec >= deadline->tv_nsec))
                        return;
                (void) nanosleep(&step, NULL);
        }
}

WorkerPool *worker_pool_free(WorkerPool *pool) {
        static const WorkerReport cancelled = { .result = WORKER_CANCELLED };
        JobList dead = {};
        WorkerJob *job;

        if (!pool)
                return NULL;
        pool->closing = true;
        /* From here on no job is starting. */
        pool->starter = offload_free(pool->starter);

        /* Callbacks may cancel other jobs, so each turn looks at the lists anew. */
        for (;;) {
                JobState state;

                for (job = pool->running.first; job && job->state == JOB_ENDING; job = job->next)
                        ;
                if (!job)
                        job = pool->finished.first ? pool->finished.first : pool->queued.first;
                if (!job)
                        break;

                state = job->state;
                job_unlink(job);
                if (state == JOB_RUNNING) {
                        job_signal(job, SIGKILL);
                        job_link(job, JOB_ENDING);
                        job->done(&cancelled, job->userdata);
                } else {
                        job->state = JOB_DONE;
                        job->done(&cancelled, job->userdata);
                        job_free(job);
                }
        }

        struct timespec deadline;
        (void) clock_gettime(CLOCK_MONOTONIC, &deadline);
        deadline.tv_sec += (time_t) (REAP_TIMEOUT_USEC / USEC_PER_SEC);
        dead = pool->running;
        for (job = dead.first; job;) {
                WorkerJob *next = job->next;

                reap(job, &deadline);
                job_free(job);
                job = next;
        }
        sd_event_source_disable_unref(pool->defer_source);
        sd_event_unref(pool->event);
        cgroups_free(pool->cgroups);
        free(pool->program);
        free(pool);
        return NULL;
}

void worker_pool_set_cgroups(WorkerPool *pool, Cgroups *cgroups) {
        pool->cgroups = cgroups;
}

void worker_pool_set_limits(WorkerPool *pool, const WorkerLimits *limits) {
        unsigned parallel = MAX_OF(limits->parallel, 1U);

        pool->limits = *limits;
        pool->limits.parallel = parallel;
        pool_wake(pool);
}

unsigned worker_pool_n_running(const WorkerPool *pool) {
        return pool->n_running;
}

int worker_pool_submit(
        WorkerPool *pool, WorkerRequest *request, WorkerDone done, void *userdata, WorkerJob **ret) {
        _cleanup_(job_freep) WorkerJob *job = calloc(1, sizeof(*job));

        if (!job) {
                worker_request_close(request);
                return -ENOMEM;
        }
        job->pool = pool;
        job->pidfd = job->socket = -EBADF;
        job->done = done;
        job->userdata = userdata;
        job->request = *request;
        for (size_t i = request->n_keyrings; i < WORKER_KEYRINGS_MAX; i++)
                job->request.keyring_fds[i] = -EBADF;
        *request = WORKER_REQUEST_INIT(request->kind);

        for (char *const *fingerprint = job->request.fingerprints; fingerprint && *fingerprint;
                fingerprint++)
                if (strings_append(&job->fingerprints, *fingerprint) < 0)
                        return -ENOMEM;
        job->request.fingerprints = job->fingerprints;
        if (string_assign(&job->subdirectory, job->request.subdirectory) < 0)
                return -ENOMEM;
        job->request.subdirectory = job->subdirectory;
        if (pool->closing)
                return -ESHUTDOWN;

        job_link(job, JOB_QUEUED);
        pool_wake(pool);
        if (ret)
                *ret = job;
        (void) TAKE_PTR(job);
        return 0;
}

WorkerJob *worker_job_cancel(WorkerJob *job) {
        if (!job || job->state == JOB_ENDING || job->state == JOB_DONE)
                return NULL;
        if (job->state == JOB_STARTING || job->state == JOB_RUNNING) {
                /* SIGKILL at once: nobody wants its result. The place is free when the process is gone. */
                job_signal(job, SIGKILL);
                job->timer_source = sd_event_source_disable_unref(job->timer_source);
                job->state = JOB_ENDING;
                return NULL;
        }
        job_unlink(job);
        return job_free(job);
}
