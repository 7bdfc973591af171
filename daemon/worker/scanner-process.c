#include "worker/scanner-process.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "worker/program.h"

#define ARGUMENTS_MAX 32
/* Counted for all processes of the user; the control group has a limit of its own. */
#define PROCESSES_MAX 1024
#define FILES_MAX 4096
/* Where it has what it is given. */
#define SCRATCH "/proc/self/fd/5/"
static_assert(PROGRAM_GIVEN_FD == 4);

int scanner_prepare(int scratch_fd) {
        static const char *const directories[] = { SCANNER_EMPTY, SCANNER_HOME, SCANNER_TEMPORARY,
                SCANNER_CACHE };

        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                if (mkdirat(scratch_fd, directories[i], 0700) < 0)
                        return negative_errno();
        return 0;
}

static int judge_end(const ScannerProcess *process, const ProgramEnd *end, char **ret_error) {
        struct stat st;

        if (fstat(process->output_fd, &st) < 0)
                return negative_errno();
        if ((uint64_t) st.st_size >= process->output_max)
                text_set(ret_error, "the scanner's report is larger than %llu bytes",
                        (unsigned long long) process->output_max);
        else if (end->signal != 0) {
                const char *name = sigabbrev_np(end->signal);

                text_set(ret_error, "the scanner was killed by signal SIG%s", name ? name : "?");
        } else if (end->exit_status != 0)
                text_set(ret_error, "the scanner ended with exit status %d%s%s", end->exit_status,
                        end->error ? ": " : "", strempty(end->error));
        else
                return 0;
        return -EPROTO;
}

int scanner_run(const ScannerProcess *process, char **ret_error) {
        const char *arguments[ARGUMENTS_MAX + 2] = { "trivy" };
        _cleanup_close_ int empty_fd =
                openat(process->scratch_fd, SCANNER_EMPTY, O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_(program_end_done) ProgramEnd end = {};
        const Program program = {
                .executable_fd = process->program_fd,
                .arguments = arguments,
                .directory_fd = empty_fd,
                .home = SCRATCH SCANNER_HOME,
                .temporary = SCRATCH SCANNER_TEMPORARY,
                .given_fds = { process->database_fd, process->scratch_fd },
                .n_given = 2,
                .output_fd = process->output_fd,
                .file_size_max = process->output_max,
                .files_max = FILES_MAX,
                .processes_max = PROCESSES_MAX,
        };
        int r;

        if (empty_fd < 0)
                return negative_errno();
        for (size_t i = 0; i < ARGUMENTS_MAX && process->arguments[i]; i++)
                arguments[i + 1] = process->arguments[i];
        r = program_run(&program, &end);
        if (r < 0) {
                text_set(ret_error, "the scanner cannot be started: %s", strerror(-r));
                return -EPROTO;
        }
        return judge_end(process, &end, ret_error);
}
