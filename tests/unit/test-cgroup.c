/* Control groups below one that is ours, in a hierarchy that the test mounts. */
#include "worker/cgroup.h"

#include <signal.h>
#include <sys/wait.h>

#include "scratch.h"
#include "worker/layer.h"

#define POLL_USEC (10 * 1000)
#define POLLS 1000

static char *own_path;

static void remove_own(void) {
        _cleanup_free_ char *daemon = text_format("%s/daemon", strempty(own_path));
        _cleanup_free_ char *top = text_format("%s/cgroup.procs", strempty(scratch_path));
        _cleanup_close_ int fd = open(strempty(top), O_WRONLY | O_CLOEXEC);

        (void) write(fd, "0", 1);
        (void) rmdir(strempty(daemon));
        if (own_path)
                (void) rmdir(own_path);
        if (scratch_path)
                (void) umount2(scratch_path, MNT_DETACH);
        free(own_path);
}

/* A group of the test's own in the place of a delegated one. This process goes below it and, at the end, back. */
static int open_own(void) {
        int fd;

        close_fd(scratch_open());
        check(atexit(remove_own) == 0);
        if (mount("cgroup2", scratch_path, "cgroup2", 0, NULL) < 0)
                test_skip("the hierarchy of control groups cannot be mounted here");
        own_path = text_format("%s/opendepot-test-%d", scratch_path, (int) getpid());
        check(own_path);
        if (mkdir(own_path, 0755) < 0)
                test_skip("control groups cannot be made here");
        fd = open(own_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        check(fd >= 0);
        return fd;
}

static bool ends(pid_t child) {
        for (unsigned i = 0; i < POLLS; i++) {
                if (waitpid(child, NULL, WNOHANG) == child)
                        return true;
                (void) usleep(POLL_USEC);
        }
        return false;
}

/* A process in the group, with a child that has left its process group and its session. */
static pid_t start_in(const Cgroup *group) {
        int ready[2], fd = cgroup_open_processes(group);
        char byte;
        pid_t child;

        check(fd >= 0 && pipe(ready) >= 0);
        child = fork();
        check(child >= 0);
        if (child == 0) {
                if (write(fd, "0", 1) < 0)
                        _exit(EXIT_FAILURE);
                (void) signal(SIGTERM, SIG_IGN);
                if (fork() == 0)
                        (void) setsid();
                (void) write(ready[1], "x", 1);
                for (;;)
                        (void) pause();
        }
        close_fd(fd);
        check(read(ready[0], &byte, 1) == 1 && read(ready[0], &byte, 1) == 1);
        /* It is closed when all processes have gone, whoever waits for them. */
        close_fd(ready[1]);
        check(fcntl(ready[0], F_SETFL, O_NONBLOCK) >= 0);
        check(dup2(ready[0], 100) == 100);
        close_fd(ready[0]);
        return child;
}

static bool all_have_gone(void) {
        char byte;

        for (unsigned i = 0; i < POLLS; i++) {
                if (read(100, &byte, 1) == 0)
                        return true;
                (void) usleep(POLL_USEC);
        }
        return false;
}

static void test_groups(Cgroups *cgroups) {
        const CgroupLimits limits = { .memory_max = 64 * MIB, .processes_max = 16 };
        Cgroup *one, *two, *three;
        pid_t child;

        check(cgroups_layers(cgroups) & SANDBOX_BIT(SANDBOX_GROUP));
        check_int(cgroups_take(cgroups, &limits, &one), 0);
        check_int(cgroups_take(cgroups, &limits, &two), 0);
        check(one != two && !cgroup_was_out_of_memory(one));

        /* What it has started ends with it, wherever that has gone. */
        child = start_in(one);
        check_int(waitpid(child, NULL, WNOHANG), 0);
        cgroup_kill(two);
        check_int(waitpid(child, NULL, WNOHANG), 0);
        cgroup_kill(one);
        check(ends(child) && all_have_gone());

        /* A group that has been given back is taken again, but not while anybody is in it. */
        check(!cgroup_give_back(two));
        check_int(cgroups_take(cgroups, &limits, &three), 0);
        check(three == two);
        child = start_in(three);
        check(!cgroup_give_back(three));
        check(ends(child) && all_have_gone());
        cgroup_give_back(one);
}

int main(void) {
        Cgroups *cgroups;
        int fd = open_own();

        check_int(cgroups_new(fd, &cgroups), 0);
        test_groups(cgroups);
        cgroups_free(cgroups);

        /* This process's own group has been given to nobody. */
        fd = cgroup_open_delegated();
        check(fd < 0 || close_fd(fd) < 0);
        return EXIT_SUCCESS;
}
