#include "worker/signature.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/fs.h"
#include "worker/armor.h"
#include "worker/file.h"
#include "worker/gpgv-status.h"

#define EXIT_NOT_STARTED 127
/* Where gpgv finds its descriptors. */
#define STATUS_FD 3
#define DATA_FD 4
#define SIGNATURE_FD 5
#define KEYRING_FD 6
#define PATH_SIZE 32

typedef struct Input {
        int data, signature;
        int keyrings[WORKER_KEYRINGS_MAX];
        size_t n_keyrings;
} Input;

static void input_done(Input *input) {
        close_fd(input->data);
        close_fd(input->signature);
        for (size_t i = 0; i < input->n_keyrings; i++)
                close_fd(input->keyrings[i]);
}

/* Copies a file, without armor if `kind` is given, into memory. Returns the descriptor. */
static int load(int fd, const char *what, size_t i, const char *kind, uint64_t size_max, char **ret_error) {
        _cleanup_free_ char *text = NULL;
        _cleanup_(buffer_clear) Buffer binary = {};
        const char *error = NULL;
        size_t size;
        int r;

        r = fs_read_fd(fd, size_max, &text, &size);
        if (r == -EFBIG)
                return refuse(ret_error, "%s: more than %llu bytes", what, (unsigned long long) size_max);
        if (r < 0)
                return r;
        if (!kind)
                return fs_memory_file(what, text, size);
        r = armor_decode(kind, text, size, &binary, &error);
        if (r == -EBADMSG && i > 0)
                return refuse(ret_error, "%s %zu: %s", what, i, error);
        if (r == -EBADMSG)
                return refuse(ret_error, "%s: %s", what, error);
        return r < 0 ? r : fs_memory_file(what, binary.data, binary.size);
}

static int input_load(
        const WorkerRequest *request, Input *input, bool *ret_bad_signature, char **ret_error) {
        int r;

        for (; input->n_keyrings < request->n_keyrings; input->n_keyrings++) {
                size_t i = input->n_keyrings;

                r = load(request->keyring_fds[i], "key file", i + 1, "PUBLIC KEY BLOCK",
                        SIGNATURE_KEYRING_SIZE_MAX, ret_error);
                if (r < 0)
                        return r;
                input->keyrings[i] = r;
        }
        input->data = r =
                load(request->input_fd, "signed data", 0, NULL, SIGNATURE_DATA_SIZE_MAX, ret_error);
        if (r < 0)
                return r;
        input->signature = r =
                load(request->signature_fd, "signature", 0, "SIGNATURE", SIGNATURE_SIZE_MAX, ret_error);
        *ret_bad_signature = r == -EBADMSG;
        return r < 0 ? r : 0;
}

/* Moves a descriptor above all places that gpgv's ones go to. */
static int move_up(int fd) {
        return fcntl(fd, F_DUPFD_CLOEXEC, KEYRING_FD + WORKER_KEYRINGS_MAX);
}

/* Runs in the child. dup2() to another number leaves the copy open across the exec. */
[[noreturn]] static void exec_gpgv(const Input *input, int status) {
        char keyrings[WORKER_KEYRINGS_MAX][PATH_SIZE], signature[PATH_SIZE], data[PATH_SIZE];
        const char *arguments[8 + 2 * WORKER_KEYRINGS_MAX + 3];
        int keyring_fds[WORKER_KEYRINGS_MAX], data_fd, signature_fd, null, n = 0;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        arguments[n++] = "gpgv";
        arguments[n++] = "--homedir";
        arguments[n++] = "/nonexistent";
        arguments[n++] = "--status-fd";
        arguments[n++] = "3";
        static_assert(STATUS_FD == 3);

        /* All up first, so that nothing is overwritten; then down. The socket to the daemon is where the status goes:
         * gpgv must not have it. */
        status = move_up(status);
        data_fd = move_up(input->data);
        signature_fd = move_up(input->signature);
        if (status < 0 || data_fd < 0 || signature_fd < 0)
                _exit(EXIT_NOT_STARTED);
        for (size_t i = 0; i < input->n_keyrings; i++) {
                keyring_fds[i] = move_up(input->keyrings[i]);
                if (keyring_fds[i] < 0)
                        _exit(EXIT_NOT_STARTED);
        }
        if (dup2(status, STATUS_FD) < 0 || dup2(data_fd, DATA_FD) < 0 ||
                dup2(signature_fd, SIGNATURE_FD) < 0)
                _exit(EXIT_NOT_STARTED);
        for (size_t i = 0; i < input->n_keyrings; i++) {
                if (dup2(keyring_fds[i], KEYRING_FD + (int) i) < 0)
                        _exit(EXIT_NOT_STARTED);
                (void) snprintf(keyrings[i], PATH_SIZE, "/proc/self/fd/%d", KEYRING_FD + (int) i);
                arguments[n++] = "--keyring";
                arguments[n++] = keyrings[i];
        }
        (void) snprintf(signature, PATH_SIZE, "/proc/self/fd/%d", SIGNATURE_FD);
        (void) snprintf(data, PATH_SIZE, "/proc/self/fd/%d", DATA_FD);
        arguments[n++] = signature;
        arguments[n++] = data;
        arguments[n] = NULL;

        /* What it has to say to people is in the user's language and not needed. */
        null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
                dup2(null, STDERR_FILENO) < 0)
                _exit(EXIT_NOT_STARTED);
        (void) execvp("gpgv", (char **) arguments);
        _exit(EXIT_NOT_STARTED);
}

/* Reads what gpgv writes until it closes. More than a status can have is an error. */
static int read_status(int fd, Buffer *status) {
        for (;;) {
                char block[4096];
                ssize_t n = read(fd, block, sizeof(block));
                int r;

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return negative_errno();
                }
                if (n == 0)
                        return 0;
                r = buffer_append(status, block, (size_t) n);
                if (r < 0)
                        return r;
        }
}

static int run_gpgv(const Input *input, Buffer *status, int *ret_exit_status, char **ret_error) {
        _cleanup_close_ int read_end = -EBADF, write_end = -EBADF;
        int ends[2], wait_status, r;
        pid_t pid;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return negative_errno();
        read_end = ends[0];
        write_end = ends[1];

        /* A plain fork: this process has one thread and little memory. */
        pid = fork();
        if (pid < 0)
                return negative_errno();
        if (pid == 0)
                exec_gpgv(input, write_end);
        write_end = close_fd(write_end);

        r = read_status(read_end, status);
        if (r < 0)
                (void) kill(pid, SIGKILL);
        while (waitpid(pid, &wait_status, 0) < 0)
                if (errno != EINTR)
                        return negative_errno();
        if (r == -EFBIG)
                text_set(ret_error, "gpgv wrote more than %zu bytes of status",
                        (size_t) GPGV_STATUS_SIZE_MAX);
        if (r < 0)
                return r;

        if (!WIFEXITED(wait_status)) {
                text_set(ret_error, "gpgv was killed by signal %d", WTERMSIG(wait_status));
                return -EPROTO;
        }
        if (WEXITSTATUS(wait_status) == EXIT_NOT_STARTED) {
                text_set(ret_error, "gpgv cannot be started; is it installed?");
                return -ENOENT;
        }
        *ret_exit_status = WEXITSTATUS(wait_status);
        return 0;
}

int signature_run(const WorkerDescription *description, WorkerReport *report) {
        const WorkerRequest *request = &description->request;
        _cleanup_(input_done) Input input = { .data = -EBADF, .signature = -EBADF };
        _cleanup_(buffer_clear) Buffer status = { .max = GPGV_STATUS_SIZE_MAX };
        const SignaturePolicy policy = {
                .fingerprints = request->fingerprints,
                .allow_expired_keys = request->allow_expired_keys,
                .allow_weak_hashes = request->allow_weak_hashes,
        };
        bool bad_signature = false;
        int exit_status, r;

        r = input_load(request, &input, &bad_signature, &report->message);
        if (bad_signature) {
                /* Something else than a signature was there: a verdict like any other. */
                report->signature = SIGNATURE_BAD;
                report->result = WORKER_OK;
                return 0;
        }
        if (r < 0)
                return r;
        r = run_gpgv(&input, &status, &exit_status, &report->message);
        if (r < 0)
                return r;
        r = gpgv_status_read(strempty(status.data), status.size, exit_status, &policy, report);
        return r == -EBADMSG ? -EPROTO : r;
}
