#include "worker/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"

/* How much is kept of what it writes to standard error: the end; and how much of its last line. */
#define ERROR_SIZE_MAX (4 * KIB)
#define ERROR_LINE_MAX 400
#define FIRST_FREE_FD (PROGRAM_GIVEN_FD + PROGRAM_GIVEN_MAX)
#define BLOCK_SIZE (64 * KIB)

typedef struct Run {
        const Program *program;
        pid_t pid; /* 0: reaped */
        int pidfd, output, error, started;
        char tail[ERROR_SIZE_MAX];
        size_t tail_size;
} Run;

static void run_done(Run *run) {
        if (run->pid > 0) {
                (void) kill(run->pid, SIGKILL);
                (void) waitpid(run->pid, NULL, 0);
        }
        close_fd(run->pidfd);
        close_fd(run->output);
        close_fd(run->error);
        close_fd(run->started);
}

/* In the child */

static void lower_limit(__rlimit_resource_t resource, uint64_t value) {
        struct rlimit limit;

        if (value == 0 || getrlimit(resource, &limit) < 0)
                return;
        limit.rlim_cur = limit.rlim_max = MIN_OF((rlim_t) value, limit.rlim_max);
        (void) setrlimit(resource, &limit);
}

/* Puts the descriptors where the program expects them. All go up first, so that nothing is overwritten. Standard input is the
 * worker's: the null device. The socket to the daemon is not among them. */
static int place_descriptors(const Program *program, int output, int error) {
        int from[FIRST_FREE_FD];

        for (size_t i = 0; i < ELEMENTSOF(from); i++)
                from[i] = -EBADF;
        from[STDOUT_FILENO] = output;
        from[STDERR_FILENO] = error;
        from[PROGRAM_FD] = program->executable_fd;
        for (size_t i = 0; i < program->n_given; i++)
                from[PROGRAM_GIVEN_FD + i] = program->given_fds[i];
        for (size_t i = 0; i < ELEMENTSOF(from); i++) {
                if (from[i] < 0)
                        continue;
                from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, FIRST_FREE_FD);
                if (from[i] < 0)
                        return negative_errno();
        }
        for (int i = STDOUT_FILENO; i < FIRST_FREE_FD; i++) {
                if (from[i] < 0 && i > STDERR_FILENO)
                        (void) close(i);
                else if (from[i] >= 0 && dup2(from[i], i) < 0)
                        return negative_errno();
        }
        return close_range(FIRST_FREE_FD, ~0U, CLOSE_RANGE_CLOEXEC) < 0 ? negative_errno() : 0;
}

static int prepare_child(const Program *program, int output, int error, int *started, pid_t parent) {
        int r;

        /* What our parent ignores stays ignored over an exec. */
        if (signal(SIGPIPE, SIG_DFL) == SIG_ERR || signal(SIGXFSZ, SIG_DFL) == SIG_ERR)
                return negative_errno();
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
                return negative_errno();
        if (getppid() != parent)
                return -ESRCH;
        if (fchdir(program->directory_fd) < 0)
                return negative_errno();
        r = fcntl(*started, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
        if (r < 0)
                return negative_errno();
        *started = r;
        r = place_descriptors(program, output, error);
        if (r < 0)
                return r;
        lower_limit(RLIMIT_DATA, program->data_max);
        lower_limit(RLIMIT_FSIZE, program->file_size_max);
        lower_limit(RLIMIT_NOFILE, program->files_max);
        lower_limit(RLIMIT_NPROC, program->processes_max);
        return 0;
}

/* Only what is safe between fork() and exec; an error goes to `started`, which an exec closes. */
[[noreturn]] static void run_child(
        const Program *program, char *const *environment, int output, int error, int started, pid_t parent) {
        int r = prepare_child(program, output, error, &started, parent);

        if (r >= 0) {
                (void) execveat(
                        PROGRAM_FD, "", (char *const *) program->arguments, environment, AT_EMPTY_PATH);
                r = negative_errno();
        }
        (void) !write(started, &r, sizeof(r));
        _exit(EXIT_FAILURE);
}

/* In the worker */

static int start(Run *run) {
        const Program *program = run->program;
        _cleanup_free_ char *home = text_format("HOME=%s", program->home);
        _cleanup_free_ char *temporary = text_format("TMPDIR=%s", program->temporary);
        char *environment[] = { home, temporary, NULL };
        _cleanup_close_ int output = -EBADF, error = -EBADF, started = -EBADF;
        int ends[2], failure = 0;
        pid_t worker = getpid();
        ssize_t n;

        if (!home || !temporary)
                return -ENOMEM;
        if (program->n_given > PROGRAM_GIVEN_MAX)
                return -EINVAL;
        if (program->output_fd < 0 && program->on_output) {
                if (pipe2(ends, O_CLOEXEC) < 0)
                        return negative_errno();
                run->output = ends[0];
                output = ends[1];
        }
        if (pipe2(ends, O_CLOEXEC) < 0)
                return negative_errno();
        run->error = ends[0];
        error = ends[1];
        if (pipe2(ends, O_CLOEXEC) < 0)
                return negative_errno();
        run->started = ends[0];
        started = ends[1];
        if ((run->output >= 0 && fcntl(run->output, F_SETFL, O_NONBLOCK) < 0) ||
                fcntl(run->error, F_SETFL, O_NONBLOCK) < 0)
                return negative_errno();

        /* A plain fork: a worker has one thread. */
        run->pid = fork();
        if (run->pid < 0)
                return negative_errno();
        if (run->pid == 0)
                run_child(program, environment, output >= 0 ? output : program->output_fd, error, started,
                        worker);
        started = close_fd(started);
        do
                n = read(run->started, &failure, sizeof(failure));
        while (n < 0 && errno == EINTR);
        if (n != 0)
                return n == sizeof(failure) && failure < 0 ? failure : -EIO;
        run->pidfd = pidfd_open(run->pid, 0);
        return run->pidfd < 0 ? negative_errno() : 0;
}

static void keep_tail(Run *run, const char *data, size_t size) {
        size_t kept;

        if (size > ERROR_SIZE_MAX) {
                data += size - ERROR_SIZE_MAX;
                size = ERROR_SIZE_MAX;
        }
        kept = MIN_OF(run->tail_size, ERROR_SIZE_MAX - size);
        memmove(run->tail, run->tail + run->tail_size - kept, kept);
        memcpy(run->tail + kept, data, size);
        run->tail_size = kept + size;
}

/* Reads one block; *fd is closed at its end. Returns whether there was one. */
static int take_block(Run *run, int *fd, char *block) {
        ssize_t n = read(*fd, block, BLOCK_SIZE);
        int r = 0;

        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : negative_errno();
        if (n == 0) {
                *fd = close_fd(*fd);
                return 0;
        }
        if (fd == &run->error)
                keep_tail(run, block, (size_t) n);
        else
                r = run->program->on_output(block, (size_t) n, run->program->userdata);
        return r < 0 ? r : 1;
}

/* Until the program has ended. Others may still have the other ends of the pipes then: what is in them is taken, no more is
 * waited for. */
static int follow(Run *run, char *block) {
        for (bool ended = false; !ended;) {
                struct pollfd polled[] = {
                        { .fd = run->pidfd, .events = POLLIN },
                        { .fd = run->output, .events = POLLIN },
                        { .fd = run->error, .events = POLLIN },
                };
                int r;

                if (poll(polled, ELEMENTSOF(polled), -1) < 0) {
                        if (errno == EINTR)
                                continue;
                        return negative_errno();
                }
                ended = polled[0].revents != 0;
                if (run->output >= 0 && polled[1].revents) {
                        r = take_block(run, &run->output, block);
                        if (r < 0)
                                return r;
                }
                if (run->error >= 0 && polled[2].revents) {
                        r = take_block(run, &run->error, block);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

/* A pipe holds so much at most; somebody who goes on writing is not listened to. */
static int drain(Run *run, int *fd, char *block) {
        long size = *fd >= 0 ? fcntl(*fd, F_GETPIPE_SZ) : 0;
        int r = 1;

        for (long taken = 0; *fd >= 0 && taken <= size && r > 0; taken += BLOCK_SIZE)
                r = take_block(run, fd, block);
        return MIN_OF(r, 0);
}

static char *last_line(const Run *run) {
        char text[ERROR_SIZE_MAX + 1], *line;
        size_t size = run->tail_size;

        memcpy(text, run->tail, size);
        for (size_t i = 0; i < size; i++)
                text[i] = text[i] ? text[i] : '?';
        while (size > 0 && strchr(" \t\r\n", text[size - 1]))
                size--;
        text[size] = '\0';
        if (size == 0)
                return NULL;
        line = strrchr(text, '\n');
        return text_line(line ? line + 1 : text, ERROR_LINE_MAX);
}

void program_end_done(ProgramEnd *end) {
        free(TAKE_PTR(end->error));
}

int program_run(const Program *program, ProgramEnd *ret) {
        _cleanup_(run_done) Run run = {
                .program = program,
                .pidfd = -EBADF,
                .output = -EBADF,
                .error = -EBADF,
                .started = -EBADF,
        };
        _cleanup_free_ char *block = malloc(BLOCK_SIZE);
        int status, r;

        if (!block)
                return -ENOMEM;
        r = start(&run);
        if (r >= 0)
                r = follow(&run, block);
        if (r >= 0)
                r = drain(&run, &run.output, block);
        if (r >= 0)
                r = drain(&run, &run.error, block);
        if (r < 0)
                return r;

        if (waitpid(run.pid, &status, 0) < 0)
                return negative_errno();
        run.pid = 0;
        *ret = (ProgramEnd) {
                .exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
                .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                .error = last_line(&run),
        };
        return 0;
}
