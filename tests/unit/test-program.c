/* A program in the sandbox, as a scanner runs there: it can do its work, and nothing else. */
#include "worker/program.h"

#include <sys/wait.h>

#include "scratch.h"
#include "worker/sandbox.h"

#define OUTPUT_MAX (1 * MIB)

static int scratch_fd;
static char *hostile_path;

/* Of the sandbox that the calling process is in, and of the program in it. */
static unsigned layers;
static Program program;

static char *below(const char *name) {
        char *path = text_format("%s/%s", scratch_path, name);

        check(path);
        return path;
}

static int open_place(const char *path) {
        int fd = open(path, O_PATH | O_CLOEXEC);

        check(fd >= 0);
        return fd;
}

static void enter(void) {
        _cleanup_free_ char *input = below("input"), *empty = below("empty"), *home = below("home");
        SandboxPlace places[] = {
                { NULL, SANDBOX_EXECUTE, open_place(hostile_path) },
                { NULL, SANDBOX_READ, open_place(input) },
                { NULL, SANDBOX_WRITE, open_place(home) },
        };

        program = (Program) {
                .executable_fd = places[0].fd,
                .directory_fd = open(empty, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                .home = strdup(home),
                .temporary = "/nowhere",
                .output_fd = -EBADF,
                .given_fds = { -EBADF, STDIN_FILENO },
                .n_given = 2,
        };
        check(program.directory_fd >= 0 && program.home);
        check_int(sandbox_enter(places, ELEMENTSOF(places), true, &layers), 0);
        close_fd(places[1].fd);
        close_fd(places[2].fd);
}

static int attack(const char *name, const char *argument, ProgramEnd *ret) {
        const char *arguments[] = { "scanner", name, argument, NULL };

        program.arguments = arguments;
        return program_run(&program, ret);
}

/* It was refused what it wanted, for the right reason. */
static void check_contained(const char *name, const char *argument) {
        ProgramEnd end;

        check_int(attack(name, argument, &end), 0);
        check_string(end.error, NULL);
        check_int(end.signal, 0);
        check_int(end.exit_status, 0);
}

static void check_contained_below(const char *name, const char *path) {
        _cleanup_free_ char *argument = below(path);

        check_contained(name, argument);
}

static int take_output(const void *data, size_t size, void *userdata) {
        return buffer_append(userdata, data, size);
}

static void test_work(void) {
        _cleanup_(buffer_clear) Buffer output = { .max = OUTPUT_MAX };
        _cleanup_free_ char *empty = below("empty"), *made = NULL;
        char text[32];

        program.on_output = take_output;
        program.userdata = &output;
        check_contained_below("work", "input/file");
        check_string(output.data, "worked\n");
        program.on_output = NULL;

        /* Into a file. */
        made = below("home/made");
        check(unlink(made) >= 0);
        program.output_fd = open(made, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        check(program.output_fd >= 0);
        check_contained("print-line", "a report");
        check(pread(program.output_fd, text, sizeof(text), 0) == 8 && memcmp(text, "a report", 8) == 0);
        program.output_fd = close_fd(program.output_fd);
        check_contained("look-around", empty);
}

static void test_attacks(void) {
        char outside[16];

        if (layers & SANDBOX_BIT(SANDBOX_SYSTEM_CALLS)) {
                check_contained("tcp", "");
                check_contained("udp", "");
                check_contained("unix", "");
                check_contained("leave-group", "");
        }
        if (layers & SANDBOX_BIT(SANDBOX_SCOPE)) {
                (void) snprintf(outside, sizeof(outside), "%d", (int) getppid());
                check_contained("signal", outside);
        }
        if (!(layers & SANDBOX_BIT(SANDBOX_FILES)))
                return;
        check_contained("read", "/etc/shadow");
        check_contained("read", "/proc/self/environ");
        check_contained("read", "/dev/null");
        check_contained("read", "/");
        check_contained_below("read", "state/record.json");
        check_contained_below("read", "credentials/token");
        check_contained_below("read", "other-home/report.json");
        check_contained_below("read", "input/../state/record.json");
        check_contained_below("read", "input/link");
        check_contained_below("read", "home/../other-home");
        check_contained("write", "/tmp/opendepot-test-escaped");
        check_contained("write", "/dev/shm/opendepot-test-escaped");
        check_contained_below("write", "input/new");
        check_contained_below("write", "input/file");
        check_contained_below("write", "empty/trivy.yaml");
        check_contained_below("write", "state/record.json");
        check_contained("execute", "/bin/sh");
        check_contained("execute", "/usr/bin/env");
        check_contained_below("execute", "input/program");
}

static void test_limits(void) {
        _cleanup_free_ char *filled = below("home/filled");
        _cleanup_(buffer_clear) Buffer output = { .max = OUTPUT_MAX };
        ProgramEnd end;

        program.data_max = 128 * MIB;
        program.files_max = 64;
        program.file_size_max = 1 * MIB;
        check_contained("eat-memory", "");
        check_contained("open-many", "");
        check_int(attack("fill-file", filled, &end), 0);
        check_int(end.signal, SIGXFSZ);
        check_int(end.exit_status, -1);
        program_end_done(&end);

        program.on_output = take_output;
        program.userdata = &output;
        check_int(attack("print", "", &end), -EFBIG);
        check(output.size <= OUTPUT_MAX);
        program.on_output = NULL;
}

static void test_ends(void) {
        _cleanup_(buffer_clear) Buffer output = { .max = OUTPUT_MAX };
        ProgramEnd end;

        check_int(attack("crash", "", &end), 0);
        check_int(end.signal, SIGSEGV);
        check_int(end.exit_status, -1);
        check_string(end.error, NULL);

        check_int(attack("complain", "", &end), 0);
        check_int(end.exit_status, 3);
        check_int(end.signal, 0);
        check(end.error && streq(end.error, "?]0;title?the last line"));
        program_end_done(&end);

        /* One that holds the pipes open is not waited for. */
        program.on_output = take_output;
        program.userdata = &output;
        check_contained("leave-child", "");
        program.on_output = NULL;

        /* No program at all: a script has no loader here, a directory is none. */
        int executable = program.executable_fd;
        _cleanup_free_ char *script = below("input/program"), *directory = below("home");
        program.executable_fd = open_place(directory);
        check_int(attack("work", "", &end), -EACCES);
        close_fd(program.executable_fd);
        program.executable_fd = open_place(script);
        check_int(attack("work", "", &end), -EACCES);
        close_fd(program.executable_fd);
        program.executable_fd = executable;
}

/* In a process of its own, which leads a process group like a worker; what it has left running ends with that. */
static void in_sandbox(void (*test)(void)) {
        int status;
        pid_t child = fork();

        check(child >= 0);
        if (child == 0) {
                check(setpgid(0, 0) >= 0);
                enter();
                test();
                free((char *) program.home);
                close_fd(program.executable_fd);
                close_fd(program.directory_fd);
                (void) fflush(NULL);
                _exit(EXIT_SUCCESS);
        }
        check(waitid(P_PID, (id_t) child, &(siginfo_t) {}, WEXITED | WNOWAIT) >= 0);
        (void) kill(-child, SIGKILL);
        check(waitpid(child, &status, 0) == child);
        check(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS);
}

static void make_files(void) {
        static const char *const directories[] = { "input", "empty", "home", "state", "credentials",
                "other-home" };

        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                check(mkdirat(scratch_fd, directories[i], 0700) >= 0);
        scratch_write(scratch_fd, "input/file", "input");
        scratch_write(scratch_fd, "input/program", "#!/bin/sh\n");
        check(fchmodat(scratch_fd, "input/program", 0755, 0) >= 0);
        check(symlinkat("../state/record.json", scratch_fd, "input/link") >= 0);
        scratch_write(scratch_fd, "state/record.json", "{}");
        scratch_write(scratch_fd, "credentials/token", "secret");
        scratch_write(scratch_fd, "other-home/report.json", "{}");
}

int main(void) {
        const char *path = getenv("OPENDEPOT_HOSTILE");
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

        check(path && null >= 0 && dup2(null, STDIN_FILENO) >= 0);
        close_fd(null);
        hostile_path = realpath(path, NULL);
        check(hostile_path);
        scratch_fd = scratch_open();
        make_files();

        in_sandbox(test_work);
        in_sandbox(test_attacks);
        in_sandbox(test_limits);
        in_sandbox(test_ends);

        free(hostile_path);
        close_fd(scratch_fd);
        return EXIT_SUCCESS;
}
