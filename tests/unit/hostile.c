/* What test-program runs in the sandbox: hostile ATTACK [ARGUMENT]. It ends with 0 if the attack fails as it should. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ELEMENTS(array) (sizeof(array) / sizeof(*(array)))

static int refused(long result, int error, const char *what) {
        if (result < 0 && errno == error)
                return EXIT_SUCCESS;
        (void) fprintf(stderr, "%s: %s\n", what, result < 0 ? strerror(errno) : "done");
        return EXIT_FAILURE;
}

static int use_tcp(const char *argument) {
        return refused(socket(AF_INET, SOCK_STREAM, 0), EPERM, "TCP");
}

static int use_udp(const char *argument) {
        return refused(socket(AF_INET6, SOCK_DGRAM, 0), EPERM, "UDP");
}

static int use_unix(const char *argument) {
        return refused(socket(AF_UNIX, SOCK_STREAM, 0), EPERM, "UNIX");
}

static int read_file(const char *path) {
        return refused(open(path, O_RDONLY | O_CLOEXEC), EACCES, path);
}

static int write_file(const char *path) {
        return refused(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), EACCES, path);
}

static int execute(const char *path) {
        char *arguments[] = { (char *) path, NULL };

        return refused(execve(path, arguments, environ), EACCES, path);
}

static int leave_group(const char *argument) {
        /* As a child of its own, which leads no group and could. */
        pid_t child = fork();
        int status;

        if (child == 0)
                _exit(refused(setsid(), EPERM, "setsid") + refused(setpgid(0, 0), EPERM, "setpgid"));
        return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                                     : EXIT_FAILURE;
}

static int signal_others(const char *pid) {
        return refused(kill((pid_t) strtol(pid, NULL, 10), 0), EPERM, "kill");
}

/* What it may: to read its input, to write below HOME, to start processes. */
static int work(const char *input) {
        char path[512], text[8] = "";
        pid_t child;
        int fd, status;

        fd = open(input, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || read(fd, text, 5) != 5 || strcmp(text, "input") != 0)
                return refused(0, 0, input);
        (void) snprintf(path, sizeof(path), "%s/made", getenv("HOME"));
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
        if (fd < 0 || write(fd, "made", 4) != 4 || close(fd) < 0)
                return refused(0, 0, path);
        child = fork();
        if (child == 0)
                _exit(7);
        if (child < 0 || waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 7)
                return refused(0, 0, "fork");
        (void) printf("%s", "worked\n");
        /* What it has made is no program. */
        return execute(path);
}

static int look_around(const char *directory) {
        static const char *const names[] = { "HOME=", "TMPDIR=" };
        char path[512];

        for (size_t i = 0; i < ELEMENTS(names); i++)
                if (!environ[i] || strncmp(environ[i], names[i], strlen(names[i])) != 0)
                        return refused(0, 0, "environment");
        if (environ[ELEMENTS(names)])
                return refused(0, 0, environ[ELEMENTS(names)]);
        if (!getcwd(path, sizeof(path)) || strcmp(path, directory) != 0)
                return refused(0, 0, path);
        for (int fd = 0; fd < 1024; fd++)
                if ((fcntl(fd, F_GETFD) >= 0) != (fd <= 3 || fd == 5)) /* its own, and the second of two */
                        return refused(0, 0, "descriptors");
        for (int number = 1; number < 32; number++) {
                struct sigaction action;

                if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
                        return refused(0, 0, "signals");
        }
        return EXIT_SUCCESS;
}

static int print_line(const char *argument) {
        return fputs(argument, stdout) < 0;
}

static int print_without_end(const char *argument) {
        static char block[1 << 16];

        memset(block, 'x', sizeof(block));
        for (;;)
                if (write(STDOUT_FILENO, block, sizeof(block)) < 0)
                        return EXIT_FAILURE;
}

static int complain(const char *argument) {
        for (int i = 0; i < 100000; i++)
                (void) fprintf(stderr, "\033[31mline %d\377\n", i);
        (void) fprintf(stderr, "\033]0;title\007the last line\n\n");
        return 3;
}

static int fill_file(const char *path) {
        static const char block[1 << 16];
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        while (write(fd, block, sizeof(block)) > 0)
                ;
        return refused(0, 0, path);
}

static int eat_memory(const char *argument) {
        for (int i = 0; i < 64; i++) {
                void *block = malloc(16 << 20);

                if (!block)
                        return EXIT_SUCCESS;
                memset(block, 1, 16 << 20);
        }
        return refused(0, 0, "1 GiB of memory");
}

static int open_many(const char *argument) {
        for (int i = 0; i < 1000; i++)
                if (dup(STDIN_FILENO) < 0)
                        return refused(-1, EMFILE, "dup");
        return refused(0, 0, "1000 descriptors");
}

static int crash(const char *argument) {
        (void) raise(SIGSEGV);
        return EXIT_FAILURE;
}

/* It keeps the pipes open and is in nobody's way. */
static int leave_child(const char *argument) {
        if (fork() == 0) {
                (void) signal(SIGTERM, SIG_IGN);
                for (;;)
                        (void) pause();
        }
        return EXIT_SUCCESS;
}

static const struct {
        const char *name;
        int (*run)(const char *argument);
} attacks[] = {
        { "tcp", use_tcp },
        { "udp", use_udp },
        { "unix", use_unix },
        { "read", read_file },
        { "write", write_file },
        { "execute", execute },
        { "leave-group", leave_group },
        { "signal", signal_others },
        { "work", work },
        { "look-around", look_around },
        { "print-line", print_line },
        { "print", print_without_end },
        { "complain", complain },
        { "fill-file", fill_file },
        { "eat-memory", eat_memory },
        { "open-many", open_many },
        { "crash", crash },
        { "leave-child", leave_child },
};

int main(int argc, char *argv[]) {
        for (size_t i = 0; argc == 3 && i < ELEMENTS(attacks); i++)
                if (strcmp(argv[1], attacks[i].name) == 0)
                        return attacks[i].run(argv[2]);
        return EXIT_FAILURE;
}
