#include "worker/scanner-process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/text.h"
#include "worker/file.h"

#define EXIT_NOT_STARTED 127
#define PROGRAM_FD 3
#define DATABASE_FD 4
#define SCRATCH_FD 5
#define FIRST_FREE_FD 6
#define ARGUMENTS_MAX 32
/* The end of what it says on standard error, and how much of its last line is shown. */
#define ERRORS_READ_MAX (4 * KIB)
#define ERROR_SHOWN_MAX 400
/* Counted for all processes of the user; the control group has a limit of its own. */
#define PROCESSES_MAX 1024
#define FILES_MAX 4096

int scanner_prepare(int scratch_fd) {
        static const char *const directories[] = { SCANNER_EMPTY, SCANNER_HOME, SCANNER_TEMPORARY,
                SCANNER_CACHE };

        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                if (mkdirat(scratch_fd, directories[i], 0700) < 0)
                        return negative_errno();
        return 0;
}

static void limit(int resource, uint64_t value) {
        struct rlimit rlimit;

        if (getrlimit((__rlimit_resource_t) resource, &rlimit) < 0)
                return;
        rlimit.rlim_max = MIN_OF((rlim_t) value, rlimit.rlim_max);
        rlimit.rlim_cur = rlimit.rlim_max;
        (void) setrlimit((__rlimit_resource_t) resource, &rlimit);
}

/* Above all the places that descriptors go to. */
static int move_up(int fd) {
        return fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD);
}

/* Puts the descriptors where the scanner expects them; the socket to the daemon is not among them. */
static int place_descriptors(const ScannerProcess *process, int errors_fd) {
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        const int from[FIRST_FREE_FD] = { null, process->output_fd, errors_fd, process->program_fd,
                process->database_fd >= 0 ? process->database_fd : null, process->scratch_fd };
        int up[FIRST_FREE_FD];

        for (int i = 0; i < FIRST_FREE_FD; i++) {
                up[i] = from[i] >= 0 ? move_up(from[i]) : -EBADF;
                if (up[i] < 0)
                        return -EBADF;
        }
        for (int i = 0; i < FIRST_FREE_FD; i++)
                if (dup2(up[i], i) < 0)
                        return -EBADF;
        return close_range(FIRST_FREE_FD, ~0U, 0);
}

/* Runs in the child. */
[[noreturn]] static void exec_scanner(const ScannerProcess *process, int errors_fd) {
        const char *arguments[ARGUMENTS_MAX + 2] = { "trivy" };
        char home[] = "HOME=/proc/self/fd/5/" SCANNER_HOME,
             temporary[] = "TMPDIR=/proc/self/fd/5/" SCANNER_TEMPORARY;
        char *environment[] = { home, temporary, NULL };
        int empty;

        static_assert(PROGRAM_FD == 3 && DATABASE_FD == 4 && SCRATCH_FD == 5);
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) signal(SIGTERM, SIG_DFL);
        (void) signal(SIGXFSZ, SIG_DFL);
        (void) signal(SIGPIPE, SIG_DFL);
        for (size_t i = 0; i < ARGUMENTS_MAX && process->arguments[i]; i++)
                arguments[i + 1] = process->arguments[i];
        empty = openat(process->scratch_fd, SCANNER_EMPTY, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (empty < 0 || fchdir(empty) < 0 || place_descriptors(process, errors_fd) < 0)
                _exit(EXIT_NOT_STARTED);
        limit(RLIMIT_FSIZE, process->output_max);
        limit(RLIMIT_NPROC, PROCESSES_MAX);
        limit(RLIMIT_NOFILE, FILES_MAX);
        (void) execve("/proc/self/fd/3", (char **) arguments, environment);
        _exit(EXIT_NOT_STARTED);
}

/* Ended by the daemon, nothing that was started here may stay. Signals reach nobody else, or this is not set. */
static void on_terminate(int signal) {
        (void) kill(-1, SIGKILL);
        _exit(EXIT_FAILURE);
}

/* Waits for the scanner, then ends what is left of its descendants, who are ours by now. */
static int wait_for(pid_t pid, bool scoped, int *ret_status) {
        while (waitpid(pid, ret_status, 0) < 0)
                if (errno != EINTR)
                        return negative_errno();
        if (!scoped)
                return 0;
        do
                (void) kill(-1, SIGKILL);
        while (waitpid(-1, NULL, 0) >= 0 || errno == EINTR);
        return 0;
}

/* The last line of what it said. */
static char *last_words(int errors_fd) {
        char text[ERRORS_READ_MAX + 1], *line;
        struct stat st;
        size_t size;

        if (fstat(errors_fd, &st) < 0 || st.st_size <= 0)
                return NULL;
        size = MIN_OF((size_t) st.st_size, (size_t) ERRORS_READ_MAX);
        if (file_read_at(errors_fd, text, size, (uint64_t) st.st_size - size) < 0)
                return NULL;
        for (size_t i = 0; i < size; i++)
                text[i] = text[i] ? text[i] : '?';
        while (size > 0 && strchr(" \t\r\n", text[size - 1]))
                size--;
        text[size] = '\0';
        line = strrchr(text, '\n');
        line = text_line(line ? line + 1 : text, ERROR_SHOWN_MAX);
        if (line && isempty(line))
                free(TAKE_PTR(line));
        return line;
}

static int judge_status(const ScannerProcess *process, int status, int errors_fd, char **ret_error) {
        _cleanup_free_ char *words = NULL;
        struct stat st;

        if (fstat(process->output_fd, &st) < 0)
                return negative_errno();
        if ((uint64_t) st.st_size >= process->output_max)
                text_set(ret_error, "the scanner's report is larger than %llu bytes",
                        (unsigned long long) process->output_max);
        else if (WIFSIGNALED(status)) {
                const char *name = sigabbrev_np(WTERMSIG(status));

                text_set(ret_error, "the scanner was killed by signal SIG%s", name ? name : "?");
        } else if (WEXITSTATUS(status) == EXIT_NOT_STARTED)
                text_set(ret_error, "the scanner cannot be started");
        else if (WEXITSTATUS(status) != 0) {
                words = last_words(errors_fd);
                text_set(ret_error, "the scanner ended with exit status %d%s%s", WEXITSTATUS(status),
                        words ? ": " : "", strempty(words));
        } else
                return 0;
        return -EPROTO;
}

int scanner_run(const ScannerProcess *process, char **ret_error) {
        _cleanup_close_ int errors_fd =
                openat(process->scratch_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        int status, r;
        pid_t pid;

        if (errors_fd < 0)
                return negative_errno();
        if (process->signals_are_scoped) {
                if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
                        return negative_errno();
                (void) signal(SIGTERM, on_terminate);
        }
        pid = fork();
        if (pid < 0)
                return negative_errno();
        if (pid == 0)
                exec_scanner(process, errors_fd);
        r = wait_for(pid, process->signals_are_scoped, &status);
        return r < 0 ? r : judge_status(process, status, errors_fd, ret_error);
}
