/* The pool of workers against the real worker and against programs that do everything wrong in its place. */
#include "worker/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "test.h"
#include "worker/protocol.h"

static char directory[] = "/tmp/opendepot-test-XXXXXX";
static sd_event *event;

static const WorkerLimits default_limits = {
        .parallel = 2,
        .timeout_usec = 60 * USEC_PER_SEC,
        .entries_max = 100,
        .unpacked_size_max = GIB,
        .ratio_max = 100,
        .artifact_size_max = GIB,
};

/* What a callback has seen. */
typedef struct Answer {
        unsigned n;
        unsigned order;
        WorkerResult result;
        char *message;
        char h1[64];
        uint64_t size;
        WorkerPool **free_pool;  /* to be freed from within the callback */
        WorkerJob **cancel;      /* to be cancelled from within the callback */
        struct Answer *resubmit; /* to be submitted from within the callback */
        WorkerPool *pool;
} Answer;

static unsigned n_answers;

static WorkerJob *submit_zip(WorkerPool *pool, Answer *answer);

static void on_done(const WorkerReport *report, void *userdata) {
        Answer *answer = userdata;

        answer->n++;
        answer->order = ++n_answers;
        answer->result = report->result;
        free(answer->message);
        answer->message = report->message ? strdup(report->message) : NULL;
        memcpy(answer->h1, report->h1, sizeof(answer->h1));
        answer->size = report->size;
        if (answer->cancel)
                *answer->cancel = worker_job_cancel(*answer->cancel);
        if (answer->resubmit)
                check(submit_zip(answer->pool, answer->resubmit));
        if (answer->free_pool)
                *answer->free_pool = worker_pool_free(*answer->free_pool);
}

/* An empty zip: its h1 is known. */
static int empty_zip(void) {
        int fd = memfd_create("test", MFD_CLOEXEC);

        check(fd >= 0);
        check_int(fs_write_all(fd, "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22), 0);
        return fd;
}

static WorkerJob *submit_zip(WorkerPool *pool, Answer *answer) {
        WorkerRequest request = WORKER_REQUEST_INIT(WORKER_HASH_ZIP);
        WorkerJob *job = NULL;
        unsigned n = answer->n;

        request.input_fd = empty_zip();
        check_int(worker_pool_submit(pool, &request, on_done, answer, &job), 0);
        check_int(request.input_fd, -EBADF);
        check_int(answer->n, n); /* never from within the call */
        return job;
}

static WorkerPool *new_pool(const char *program, const WorkerLimits *limits) {
        WorkerPool *pool;

        check_int(worker_pool_new(event, program, limits, &pool), 0);
        return pool;
}

static void run_until(const unsigned *n, unsigned value) {
        uint64_t deadline = clock_boottime_usec() + 60 * USEC_PER_SEC;

        while (*n < value) {
                check(sd_event_run(event, USEC_PER_SEC) >= 0);
                check(clock_boottime_usec() < deadline);
        }
}

static void run_until_idle(WorkerPool *pool) {
        uint64_t deadline = clock_boottime_usec() + 60 * USEC_PER_SEC;

        while (worker_pool_n_running(pool) > 0) {
                check(sd_event_run(event, USEC_PER_SEC) >= 0);
                check(clock_boottime_usec() < deadline);
        }
}

/* Lets everything that is ready happen. */
static void run_ready(void) {
        while (sd_event_run(event, 0) > 0)
                ;
}

static char *script(const char *body) {
        static unsigned n;
        _cleanup_close_ int fd = -EBADF;
        char *path;

        check(asprintf(&path, "%s/worker-%u", directory, n++) > 0);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
        check(fd >= 0);
        /* Takes its job first: a socket that is closed with something unread in it makes an error at the other end. */
        check(dprintf(fd, "#!/bin/sh\ndd bs=65536 count=1 <&3 >/dev/null 2>&1\n%s\n", body) > 0);
        return path;
}

static void answer_done(Answer *answer) {
        free(answer->message);
        *answer = (Answer) {};
}

/* One job on a program in the worker's place fails with this message. */
static void check_failure(const char *body, const char *message) {
        _cleanup_free_ char *program = script(body);
        WorkerPool *pool = new_pool(program, &default_limits);
        Answer answer = {};

        (void) submit_zip(pool, &answer);
        run_until(&answer.n, 1);
        check_string(answer.message, message);
        check_int(answer.result, WORKER_FAILED);
        check_int(worker_pool_n_running(pool), 0);
        worker_pool_free(pool);
        check_int(answer.n, 1);
        answer_done(&answer);
}

#define HEAD "printf '{\"version\":1,\"kind\":\"hash-zip\",\"result\":\"ok\",\"size\":22,\"sha256\":\"\","
#define H1 "\"h1\":\"h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\""
#define TAIL ",\"entries\":0,\"unpackedSize\":0}' >&3"

static void test_wrong_programs(void) {
        static const char quiet[] = "the worker (hash-zip) gave no report: it ended with exit status 0";

        check_failure("exit 0", quiet);
        check_failure("exit 7", "the worker (hash-zip) failed: it ended with exit status 7");
        check_failure("kill -SEGV $$", "the worker (hash-zip) failed: it was killed by signal SIGSEGV");
        check_failure("kill -KILL $$", "the worker (hash-zip) failed: it was killed by signal SIGKILL");
        check_failure("exec 3>&-; exit 0", quiet);
        check_failure("printf 'garbage' >&3", "the worker (hash-zip) gave a malformed report (unexpected "
                                              "character): it ended with exit status 0");
        check_failure("printf '{\"version\":1,' >&3",
                "the worker (hash-zip) gave a malformed report (truncated): it ended with exit status 0");
        check_failure("printf '[]' >&3", "the worker (hash-zip) gave a malformed report (not an object): it "
                                         "ended with exit status 0");
        check_failure("dd if=/dev/zero of=/proc/self/fd/3 bs=70000 count=1 2>/dev/null || "
                      "dd if=/dev/zero bs=70000 count=1 2>/dev/null >&3",
                "the worker (hash-zip) gave a report of 70000 bytes, more than 65536 are not accepted: it "
                "ended with exit "
                "status 0");
        check_failure(HEAD H1 TAIL "; exit 1", "the worker (hash-zip) failed: it ended with exit status 1");
        check_failure(HEAD H1 TAIL "; kill -TERM $$",
                "the worker (hash-zip) failed: it was killed by signal SIGTERM");
        check_failure(HEAD H1 TAIL "\n" HEAD H1 TAIL, "the worker (hash-zip) gave more than one report");
        check_failure(HEAD "\"h1\":\"h1:short\"" TAIL,
                "the worker (hash-zip) gave a malformed report (h1): it ended with exit status 0");

        /* What is right, in the same form. */
        _cleanup_free_ char *program = script(HEAD H1 TAIL);
        WorkerPool *pool = new_pool(program, &default_limits);
        Answer answer = {};
        (void) submit_zip(pool, &answer);
        run_until(&answer.n, 1);
        check_string(answer.message, NULL);
        check_int(answer.result, WORKER_OK);
        worker_pool_free(pool);

        pool = new_pool("/nonexistent/opendepot-worker", &default_limits);
        (void) submit_zip(pool, &answer);
        run_until(&answer.n, 2);
        check_string(
                answer.message, "cannot start /nonexistent/opendepot-worker: No such file or directory");
        check_int(answer.result, WORKER_FAILED);
        worker_pool_free(pool);
        answer_done(&answer);
}

/* What the child gets: the socket, standard descriptors, two variables, no blocked or ignored signals. */
static void test_environment(void) {
        _cleanup_free_ char *program = NULL, *body = NULL, *path = NULL, *text = NULL;
        Answer answer = {};
        sigset_t mask;
        size_t size;

        check(asprintf(&body,
                      "{ ls /proc/self/fd | tr '\\n' ' '; readlink /proc/self/fd/0; env | grep -v "
                      "'^_=\\|^PWD=\\|^SHLVL=\\|^OLDPWD=' "
                      "| sed 's/^PATH=.*/PATH/' | sort; grep -E '^Sig(Blk|Ign)' /proc/self/status; } > "
                      "%s/seen",
                      directory) > 0);
        program = script(body);
        check(sigemptyset(&mask) == 0 && sigaddset(&mask, SIGTERM) == 0 && sigaddset(&mask, SIGCHLD) == 0);
        check_int(sigprocmask(SIG_BLOCK, &mask, NULL), 0);
        check(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
        int leaked = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */
        check(leaked > 3);

        WorkerPool *pool = new_pool(program, &default_limits);
        (void) submit_zip(pool, &answer);
        run_until(&answer.n, 1);
        worker_pool_free(pool);
        close_fd(leaked);
        check_int(sigprocmask(SIG_UNBLOCK, &mask, NULL), 0);

        check(asprintf(&path, "%s/seen", directory) > 0);
        check_int(fs_read_file(AT_FDCWD, path, MIB, &text, &size), 0);
        /* ls itself has 4 open, for the directory. */
        check_string(text,
                "0 1 2 3 4 "
                "/dev/null\nLANG=C.UTF-8\nPATH\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
        answer_done(&answer);
}

static void test_real(const char *worker) {
        WorkerLimits limits = default_limits;
        WorkerPool *pool = new_pool(worker, &limits);
        Answer answers[20] = {};
        unsigned most = 0;

        for (size_t i = 0; i < ELEMENTSOF(answers); i++)
                (void) submit_zip(pool, &answers[i]);
        check_int(worker_pool_n_running(pool), 0);
        for (n_answers = 0; n_answers < ELEMENTSOF(answers);) {
                check(sd_event_run(event, 10 * USEC_PER_SEC) >= 0);
                most = MAX_OF(most, worker_pool_n_running(pool));
        }
        check_int(most, limits.parallel);
        for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
                check_string(answers[i].message, NULL);
                check_int(answers[i].n, 1);
                check_int(answers[i].result, WORKER_OK);
                check_string(answers[i].h1, "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
                check_int(answers[i].size, 22);
        }

        /* One at a time: in the order of submission. */
        limits.parallel = 1;
        worker_pool_set_limits(pool, &limits);
        n_answers = 0;
        for (size_t i = 0; i < 5; i++)
                (void) submit_zip(pool, &answers[i]);
        run_until(&n_answers, 5);
        for (size_t i = 0; i < 5; i++)
                check_int(answers[i].order, i + 1);

        /* A refusal, and a request that is not complete. */
        WorkerRequest request = WORKER_REQUEST_INIT(WORKER_HASH_ZIP);
        request.input_fd = memfd_create("test", MFD_CLOEXEC);
        check_int(worker_pool_submit(pool, &request, on_done, &answers[0], NULL), 0);
        run_until(&answers[0].n, 3);
        check_int(answers[0].result, WORKER_REFUSED);
        check_string(answers[0].message, "not a zip archive: only 0 bytes");
        request = WORKER_REQUEST_INIT(WORKER_REPACK);
        request.input_fd = memfd_create("test", MFD_CLOEXEC);
        check_int(worker_pool_submit(pool, &request, on_done, &answers[1], NULL), 0);
        run_until(&answers[1].n, 3);
        check_int(answers[1].result, WORKER_FAILED);
        check_string(answers[1].message, "cannot send the job to the worker: Invalid argument");

        worker_pool_free(pool);
        for (size_t i = 0; i < ELEMENTSOF(answers); i++)
                answer_done(&answers[i]);
}

static void test_time_limit(void) {
        WorkerLimits limits = default_limits;
        _cleanup_free_ char *slow = script("exec sleep 60");
        _cleanup_free_ char *stubborn = script("trap '' TERM; while :; do sleep 0.05; done");
        Answer answer = {};
        WorkerPool *pool;
        uint64_t start;

        limits.timeout_usec = USEC_PER_SEC;
        pool = new_pool(slow, &limits);
        start = clock_boottime_usec();
        (void) submit_zip(pool, &answer);
        run_until(&answer.n, 1);
        check_string(answer.message, "the worker (hash-zip) took longer than 1 s and was ended");
        check_int(answer.result, WORKER_FAILED);
        check(clock_boottime_usec() - start >= USEC_PER_SEC);
        check(clock_boottime_usec() - start < 1 * USEC_PER_SEC + 1900 * USEC_PER_MSEC); /* SIGTERM did it */
        worker_pool_free(pool);

        /* SIGTERM is not heard; SIGKILL comes two seconds later. */
        pool = new_pool(stubborn, &limits);
        start = clock_boottime_usec();
        (void) submit_zip(pool, &answer);
        run_until(&answer.n, 2);
        check_string(answer.message, "the worker (hash-zip) took longer than 1 s and was ended");
        check(clock_boottime_usec() - start >= 3 * USEC_PER_SEC);
        worker_pool_free(pool);
        answer_done(&answer);
}

static void read_number(const char *name, long *ret) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        size_t size;

        check(asprintf(&path, "%s/%s", directory, name) > 0);
        while (fs_read_file(AT_FDCWD, path, MIB, &text, &size) < 0 || size == 0) {
                check(sd_event_run(event, 10 * USEC_PER_MSEC) >= 0);
                free(TAKE_PTR(text));
        }
        check(unlink(path) == 0);
        *ret = strtol(text, NULL, 10);
        check(*ret > 1);
}

/* A process group whose processes have been killed is there until init has taken the last of them. */
static void wait_for_end(long group) {
        uint64_t deadline = clock_boottime_usec() + 30 * USEC_PER_SEC;

        while (kill((pid_t) -group, 0) == 0) {
                check(clock_boottime_usec() < deadline);
                (void) usleep(1000);
        }
        check_int(errno, ESRCH);
}

/* Each of them starts its successor and ends. */
#define CHAINS "trap '' TERM; next() { next & }; for i in 1 2 3 4 5; do next & done;"

/* What a worker has started ends with it, however it ends, and does not keep it from ending. */
static void test_what_is_left(void) {
        static const char *const bodies[] = {
                "trap '' TERM; sleep 600 & tell; " HEAD H1 TAIL,
                CHAINS " tell; " HEAD H1 TAIL,
                "(trap '' TERM; sleep 600; sleep 600) & tell; kill -SEGV $$",
                "(trap '' TERM; sleep 600; sleep 600) & tell; exec sleep 600",
                "trap '' TERM; sleep 600 & tell; while :; do sleep 0.05; done",
        };

        for (size_t i = 0; i < ELEMENTSOF(bodies); i++) {
                WorkerLimits limits = default_limits;
                _cleanup_free_ char *program = NULL, *body = NULL;
                bool ends = i < 3, is_cancelled = i == 4;
                Answer answer = {};
                WorkerPool *pool;
                WorkerJob *job;
                long group;

                check(asprintf(&body, "tell() { echo $$ > %s/new; mv %s/new %s/group; }; %s", directory,
                              directory, directory, bodies[i]) > 0);
                program = script(body);
                limits.timeout_usec = ends || is_cancelled ? 60 * USEC_PER_SEC : USEC_PER_SEC;
                pool = new_pool(program, &limits);
                job = submit_zip(pool, &answer);
                read_number("group", &group);
                if (is_cancelled) {
                        (void) worker_job_cancel(job);
                        run_until_idle(pool);
                } else
                        run_until(&answer.n, 1);
                check_int(answer.result, i < 2 ? WORKER_OK : is_cancelled ? 0 : WORKER_FAILED);
                wait_for_end(group);
                worker_pool_free(pool);
                answer_done(&answer);
        }
}

/* A job may have a limit of its own. */
static void test_own_time_limit(void) {
        _cleanup_free_ char *slow = script("exec sleep 60");
        WorkerPool *pool = new_pool(slow, &default_limits);
        WorkerRequest request = WORKER_REQUEST_INIT(WORKER_HASH_ZIP);
        Answer answer = {};

        request.input_fd = empty_zip();
        request.timeout_usec = USEC_PER_SEC;
        check_int(worker_pool_submit(pool, &request, on_done, &answer, NULL), 0);
        run_until(&answer.n, 1);
        check_string(answer.message, "the worker (hash-zip) took longer than 1 s and was ended");
        worker_pool_free(pool);
        answer_done(&answer);
}

static void test_cancel(const char *worker) {
        _cleanup_free_ char *slow = script("exec sleep 60");
        WorkerLimits limits = default_limits;
        Answer a = {}, b = {}, c = {};
        WorkerJob *job_a, *job_b;
        WorkerPool *pool;

        limits.parallel = 1;
        check(!worker_job_cancel(NULL));

        /* While queued, before and after the first turn. */
        pool = new_pool(slow, &limits);
        job_a = submit_zip(pool, &a);
        job_b = submit_zip(pool, &b);
        worker_job_cancel(job_a);
        run_ready();
        check_int(worker_pool_n_running(pool), 1);

        /* While running: its place stays taken until it is gone. */
        worker_job_cancel(job_b);
        check_int(worker_pool_n_running(pool), 1);
        (void) submit_zip(pool, &c);
        run_until_idle(pool);
        check(a.n == 0 && b.n == 0 && c.n == 0);
        run_ready();
        check_int(worker_pool_n_running(pool), 1);

        /* With the pool: those that are left hear of it. */
        job_a = submit_zip(pool, &a);
        worker_pool_free(pool);
        check_int(c.n, 1);
        check_int(c.result, WORKER_CANCELLED);
        check_int(a.n, 1);
        check_int(a.result, WORKER_CANCELLED);

        /* Whoever is first cancels the other from within its callback: while that runs, and when it has finished but has
         * not been told. */
        for (unsigned i = 0; i < 10; i++) {
                limits.parallel = 2;
                pool = new_pool(worker, &limits);
                a = (Answer) { .cancel = &job_b };
                b = (Answer) { .cancel = &job_a };
                job_a = submit_zip(pool, &a);
                job_b = submit_zip(pool, &b);
                if (i % 2 > 0) {
                        check_int(worker_pool_n_running(pool), 0);
                        while (worker_pool_n_running(pool) < 2)
                                check(sd_event_run(event, USEC_PER_SEC) >= 0);
                        (void) usleep(200000);
                }
                while (a.n + b.n == 0)
                        check(sd_event_run(event, USEC_PER_SEC) >= 0);
                run_until_idle(pool);
                run_ready();
                check_int(a.n + b.n, 1);
                worker_pool_free(pool);
                check_int(a.n + b.n, 1);
        }

        /* The pool itself from within a callback, with others queued, running and finished. */
        pool = new_pool(worker, &limits);
        a = (Answer) { .free_pool = &pool };
        b = c = (Answer) {};
        (void) submit_zip(pool, &a);
        (void) submit_zip(pool, &b);
        (void) submit_zip(pool, &c);
        run_until(&a.n, 1);
        check(!pool);
        check_int(a.n, 1);
        check_int(a.result, WORKER_OK);
        check_int(b.n, 1);
        check_int(c.n, 1);
        run_ready();

        /* A new job from within a callback. */
        pool = new_pool(worker, &limits);
        a = (Answer) { .resubmit = &b, .pool = pool };
        b = (Answer) {};
        (void) submit_zip(pool, &a);
        run_until(&b.n, 1);
        check_int(b.result, WORKER_OK);
        worker_pool_free(pool);
        answer_done(&a);
        answer_done(&b);
        answer_done(&c);
}

/* A worker does not outlive its daemon. */
static void test_death_of_the_daemon(const char *worker) {
        int pipe_ends[2], status, pair[2];
        pid_t child;
        char byte;

        /* A worker that waits for its job, with the end of a pipe to watch it by. */
        check_int(pipe(pipe_ends), 0);
        child = fork();
        check(child >= 0);
        if (child == 0) {
                check_int(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
                pid_t grandchild = fork();
                if (grandchild == 0) {
                        (void) dup2(pair[1], WORKER_FD);
                        /* Both ends stay open in the worker, so that only the signal can end it. */
                        (void) execl(worker, "opendepot-worker", NULL);
                        _exit(1);
                }
                /* Time to start; then die like a daemon that is killed. */
                (void) usleep(500000);
                (void) kill(getpid(), SIGKILL);
        }
        close_fd(pipe_ends[1]);
        check_int(waitpid(child, &status, 0), child);
        check(WIFSIGNALED(status));
        check_int(read(pipe_ends[0], &byte, 1), 0); /* the last writer is gone */
        close_fd(pipe_ends[0]);
}

int main(void) {
        const char *worker = getenv("OPENDEPOT_WORKER");

        if (isempty(worker) || access(worker, X_OK) < 0)
                test_skip("OPENDEPOT_WORKER does not name the program");
        check(mkdtemp(directory));
        check_int(sd_event_new(&event), 0);

        test_wrong_programs();
        test_environment();
        test_real(worker);
        test_time_limit();
        test_own_time_limit();
        test_what_is_left();
        test_cancel(worker);
        test_death_of_the_daemon(worker);

        sd_event_unref(event);
        _cleanup_free_ char *command = NULL;
        check(asprintf(&command, "rm -r %s", directory) > 0);
        check_int(system(command), 0);
        return 0;
}
