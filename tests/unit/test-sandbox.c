/* What a process in the sandbox can still do, tried from inside. */
#include "worker/sandbox.h"

#include <arpa/inet.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "scratch.h"

static int scratch_fd;
static unsigned layers;

/* Runs in a process of its own, in a sandbox whose places are all below the scratch directory; true if it comes to its end. */
static bool runs(bool may_execute, const SandboxPlace *places, size_t n_places, void (*attack)(void)) {
        int status;
        pid_t child = fork();

        check(child >= 0);
        if (child == 0) {
                int r = sandbox_enter(places, n_places, may_execute, &layers);

                if (r < 0) {
                        (void) fprintf(stderr, "the sandbox cannot be entered: %s\n", strerror(-r));
                        _exit(EXIT_FAILURE);
                }
                attack();
                _exit(EXIT_SUCCESS);
        }
        check(waitpid(child, &status, 0) == child);
        return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
}

static bool has(SandboxLayer layer) {
        return layers & SANDBOX_BIT(layer);
}

#define check_refused(call, error)                                                                          \
        do {                                                                                                \
                errno = 0;                                                                                  \
                check((call) < 0);                                                                          \
                check_int(errno, (error));                                                                  \
        } while (false)

/* What was open before, and stays so. */
static int held_file, held_directory, held_tcp, held_unix[2];
static char held_path[256];

static void use_files(void) {
        char byte;

        check(has(SANDBOX_NO_NEW_PRIVILEGES));
        if (has(SANDBOX_FILES)) {
                check_refused(open("/etc/shadow", O_RDONLY | O_CLOEXEC), EACCES);
                check_refused(open("/etc/passwd", O_RDONLY | O_CLOEXEC), EACCES);
                check_refused(open("/proc/self/environ", O_RDONLY | O_CLOEXEC), EACCES);
                check_refused(open("/dev/null", O_RDWR | O_CLOEXEC), EACCES);
                check_refused(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC), EACCES);
                check_refused(openat(held_directory, "secret", O_RDONLY | O_CLOEXEC), EACCES);
                check_refused(openat(held_directory, "new", O_RDWR | O_CREAT | O_CLOEXEC, 0600), EACCES);
                check_refused(openat(held_directory, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600), EACCES);
                check_refused(mkdirat(held_directory, "new", 0700), EACCES);
                check_refused(unlinkat(held_directory, "secret", 0), EACCES);
                check_refused(renameat(held_directory, "secret", held_directory, "other"), EACCES);
                check_refused(symlinkat("/etc", held_directory, "link"), EACCES);
                check_refused(truncate(held_path, 0), EACCES);
        }
        /* What was handed over stays usable. */
        check(pread(held_file, &byte, 1, 0) == 1 && pwrite(held_file, "x", 1, 0) == 1);
        check(ftruncate(held_file, 1) >= 0);
        check(send(held_unix[0], "x", 1, 0) == 1);
}

static void use_places(void) {
        char path[256], other[256];
        int fd;

        if (!has(SANDBOX_FILES))
                return;
        (void) snprintf(path, sizeof(path), "%s/read/file", scratch_path);
        check(access(path, R_OK) >= 0);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        check(fd >= 0);
        check_refused(open(path, O_WRONLY | O_CLOEXEC), EACCES);
        check_refused(unlink(path), EACCES);
        (void) snprintf(path, sizeof(path), "%s/read/../secret", scratch_path);
        check_refused(open(path, O_RDONLY | O_CLOEXEC), EACCES);

        (void) snprintf(path, sizeof(path), "%s/write/new", scratch_path);
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
        check(fd >= 0 && write(fd, "#!/bin/true\n", 12) == 12);
        close_fd(fd);
        check_refused(execl(path, path, NULL), EACCES);
        (void) snprintf(other, sizeof(other), "%s/write/directory", scratch_path);
        check(mkdir(other, 0700) >= 0);
        (void) snprintf(other, sizeof(other), "%s/write/directory/new", scratch_path);
        check(rename(path, other) >= 0 && truncate(other, 0) >= 0);
        /* A link that leaves the place leads nowhere. */
        (void) snprintf(other, sizeof(other), "%s/secret", scratch_path);
        check(symlink(other, path) >= 0);
        check_refused(open(path, O_RDONLY | O_CLOEXEC), EACCES);
        (void) snprintf(other, sizeof(other), "%s/moved", scratch_path);
        check_refused(rename(path, other), EACCES);
        (void) snprintf(path, sizeof(path), "%s/write/fifo", scratch_path);
        check(mkfifo(path, 0600) < 0);
}

static void use_network(void) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(9) };

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (has(SANDBOX_SYSTEM_CALLS)) {
                for (int family = AF_UNIX; family < AF_MAX; family++)
                        check_refused(socket(family, SOCK_STREAM, 0), EPERM);
                check_refused(socket(AF_INET, SOCK_DGRAM, 0), EPERM);
                check_refused(connect(held_tcp, (struct sockaddr *) &address, sizeof(address)), EPERM);
                check_refused(bind(held_tcp, (struct sockaddr *) &address, sizeof(address)), EPERM);
                check_refused(listen(held_tcp, 1), EPERM);
                check_refused(accept4(held_tcp, NULL, NULL, SOCK_CLOEXEC), EPERM);
        } else if (has(SANDBOX_TCP))
                check_refused(connect(held_tcp, (struct sockaddr *) &address, sizeof(address)), EACCES);
}

static void use_kernel(void) {
        struct io_uring_params parameters = {};

        if (!has(SANDBOX_SYSTEM_CALLS))
                return;
        check_refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL), EPERM);
        check_refused(unshare(CLONE_NEWUSER), EPERM);
        check_refused(mount("none", "/", NULL, MS_REMOUNT, NULL), EPERM);
        check_refused(chroot("."), EPERM);
        check_refused(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0), EPERM);
        check_refused(syscall(SYS_bpf, 0, NULL, 0), EPERM);
        check_refused(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0), EPERM);
        check_refused(syscall(SYS_io_uring_setup, 1, &parameters), EPERM);
        check_refused(syscall(SYS_userfaultfd, 0), EPERM);
        check_refused(syscall(SYS_setuid, getuid()), EPERM);
        check_refused(syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0), EPERM);
        check_refused(syscall(SYS_clone3, NULL, 0), ENOSYS);
        check_refused(syscall(SYS_reboot, 0, 0, 0, NULL), EPERM);
}

static void use_processes(void) {
        char *arguments[] = { (char *) "true", NULL };

        if (has(SANDBOX_SCOPE)) {
                check_refused(kill(getppid(), 0), EPERM);
                check_refused(kill(1, 0), EPERM);
        }
        if (has(SANDBOX_SYSTEM_CALLS)) {
                check_refused(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0UL), EPERM);
                check_refused(execve("/bin/true", arguments, NULL), EPERM);
        }
}

static void use_programs(void) {
        int status;
        pid_t child;

        if (has(SANDBOX_SYSTEM_CALLS))
                check_refused(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0UL), EPERM);
        child = fork();
        check(child >= 0);
        if (child == 0) {
                (void) execl("/usr/bin/true", "true", NULL);
                _exit(EXIT_FAILURE);
        }
        check(waitpid(child, &status, 0) == child);
        check(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
        /* Programs that are nowhere among the places are not started, and nothing is gained by another's privileges. */
        if (has(SANDBOX_FILES)) {
                char path[256];

                (void) snprintf(path, sizeof(path), "%s/read/program", scratch_path);
                check_refused(execl(path, path, NULL), EACCES);
        }
}

static void make_files(void) {
        static const char *const directories[] = { "read", "write" };

        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                check(mkdirat(scratch_fd, directories[i], 0700) >= 0);
        for (size_t i = 0; i < 3; i++) {
                static const char *const names[] = { "secret", "read/file", "read/program" };
                int fd = openat(scratch_fd, names[i], O_RDWR | O_CREAT | O_CLOEXEC, 0700);

                check(fd >= 0 && write(fd, "#!/usr/bin/true\n", 16) == 16);
                close_fd(fd);
        }
        (void) snprintf(held_path, sizeof(held_path), "%s/held", scratch_path);
        held_file = open(held_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        check(held_file >= 0 && write(held_file, "content", 7) == 7);
        held_directory = scratch_fd;
        held_tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        check(held_tcp >= 0);
        check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, held_unix) >= 0);
}

static void report_layers(void) {
        for (SandboxLayer layer = 0; layer < _SANDBOX_LAYER_MAX; layer++)
                if (!has(layer))
                        (void) printf("SKIP: the layer %s: the kernel here does not have it\n",
                                sandbox_layer_to_string(layer));
        (void) fflush(stdout);
}

static void test_names(void) {
        for (SandboxLayer layer = 0; layer < _SANDBOX_LAYER_MAX; layer++)
                check_int(sandbox_layer_from_string(sandbox_layer_to_string(layer)), layer);
        check_int(sandbox_layer_from_string("walls"), _SANDBOX_LAYER_INVALID);
        check(!sandbox_layer_to_string(_SANDBOX_LAYER_MAX));
}

int main(void) {
        _cleanup_free_ char *readable = NULL, *writable = NULL;
        SandboxPlace places[] = { { NULL, SANDBOX_READ }, { NULL, SANDBOX_WRITE },
                { "/nowhere/at/all", SANDBOX_READ } };
        static const SandboxPlace programs[] = {
                { "/usr", SANDBOX_EXECUTE },
                { "/lib", SANDBOX_EXECUTE },
                { "/lib64", SANDBOX_EXECUTE },
                { "/etc/ld.so.cache", SANDBOX_READ },
        };

        scratch_fd = scratch_open();
        make_files();
        places[0].path = readable = text_format("%s/read", scratch_path);
        places[1].path = writable = text_format("%s/write", scratch_path);
        check(readable && writable);

        test_names();
        check(runs(false, NULL, 0, report_layers));
        check(runs(false, NULL, 0, use_files));
        check(runs(true, places, ELEMENTSOF(places), use_places));
        check(runs(false, NULL, 0, use_network));
        check(runs(false, NULL, 0, use_kernel));
        check(runs(false, NULL, 0, use_processes));
        check(runs(true, programs, ELEMENTSOF(programs), use_programs));

        close_fd(held_file);
        close_fd(held_tcp);
        close_fd(held_unix[0]);
        close_fd(held_unix[1]);
        close_fd(scratch_fd);
        return EXIT_SUCCESS;
}
