#include "worker/cgroup.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/list.h"
#include "base/text.h"
#include "worker/layer.h"

#define CGROUP_DIRECTORY "/sys/fs/cgroup"
/* A worker steps back behind everything else in the service (the default is 100). */
#define CPU_WEIGHT "10"
#define VALUE_SIZE_MAX (4 * KIB)
#define GROUPS_MAX 1024U

struct Cgroup {
        int fd;
        uint64_t n_oom_kills; /* when it was taken */
        bool taken;
};

struct Cgroups {
        int fd;
        unsigned layers;
        Cgroup **groups;
        unsigned n_groups;
};

static int write_value(int directory_fd, const char *name, const char *value) {
        _cleanup_close_ int fd = openat(directory_fd, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

        if (fd < 0)
                return negative_errno();
        /* One call: the kernel takes each as a whole value. */
        return write(fd, value, strlen(value)) < 0 ? negative_errno() : 0;
}

_printf_(3, 4) static int write_number(int directory_fd, const char *name, const char *format, ...) {
        _cleanup_free_ char *value = NULL;
        va_list arguments;

        va_start(arguments, format);
        value = text_vformat(format, arguments);
        va_end(arguments);
        return value ? write_value(directory_fd, name, value) : -ENOMEM;
}

/* What the kernel writes has no size before it is read. Longer text is cut. */
static int read_value(int directory_fd, const char *name, char ret[static VALUE_SIZE_MAX]) {
        _cleanup_close_ int fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        ssize_t n;

        if (fd < 0)
                return negative_errno();
        n = read(fd, ret, VALUE_SIZE_MAX - 1);
        if (n < 0)
                return negative_errno();
        ret[n] = '\0';
        return 0;
}

/* Finding our own */

static bool is_delegated(int fd) {
        char value;

        return fgetxattr(fd, "user.delegate", &value, 1) == 1 && value == '1';
}

/* The path of the unified hierarchy in /proc/self/cgroup, below its mount point: the line "0::/PATH". */
static int own_path(char **ret) {
        char text[VALUE_SIZE_MAX];
        int r;

        r = read_value(AT_FDCWD, "/proc/self/cgroup", text);
        if (r < 0)
                return r;
        for (char *line = text, *end; *line; line = end) {
                const char *path = startswith(line, "0::/");

                end = strchrnul(line, '\n');
                if (*end)
                        *end++ = '\0';
                if (!path)
                        continue;
                *ret = strdup(path);
                return *ret ? 0 : -ENOMEM;
        }
        return -ENOENT;
}

int cgroup_open_delegated(void) {
        _cleanup_close_ int mount_fd = -EBADF, own_fd = -EBADF;
        _cleanup_free_ char *path = NULL;
        int r;

        r = own_path(&path);
        if (r < 0)
                return r;
        mount_fd = open(CGROUP_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (mount_fd < 0)
                return negative_errno();
        own_fd = openat(mount_fd, isempty(path) ? "." : path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (own_fd < 0)
                return negative_errno();
        return is_delegated(own_fd) ? TAKE_FD(own_fd) : -ENOENT;
}

/* One group */

static void free_group(Cgroup *group) {
        close_fd(group->fd);
        free(group);
}

static int set_limits(const Cgroups *cgroups, int fd, const CgroupLimits *limits) {
        int r = 0;

        if (cgroups->layers & SANDBOX_BIT(SANDBOX_MEMORY)) {
                r = write_number(fd, "memory.max", "%llu", (unsigned long long) limits->memory_max);
                /* Where there is no swap there are no such files. */
                (void) write_value(fd, "memory.swap.max", "0");
                (void) write_value(fd, "memory.zswap.max", "0");
                (void) write_value(fd, "memory.oom.group", "1");
        }
        if (r >= 0 && cgroups->layers & SANDBOX_BIT(SANDBOX_PROCESSES))
                r = write_number(fd, "pids.max", "%u", limits->processes_max);
        (void) write_value(fd, "cpu.weight", CPU_WEIGHT);
        return r;
}

static int add_group(Cgroups *cgroups, Cgroup **ret) {
        _cleanup_free_ char *name = text_format("worker-%u", cgroups->n_groups);
        _cleanup_close_ int fd = -EBADF;
        Cgroup *group;
        int r;

        if (!name)
                return -ENOMEM;
        if (cgroups->n_groups >= GROUPS_MAX)
                return -E2BIG;
        /* One may be left of a daemon that was killed; what is in it belongs to nobody. */
        if (mkdirat(cgroups->fd, name, 0755) < 0 && errno != EEXIST)
                return negative_errno();
        fd = openat(cgroups->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return negative_errno();
        (void) write_value(fd, "cgroup.kill", "1");

        group = malloc(sizeof(Cgroup));
        if (!group)
                return -ENOMEM;
        *group = (Cgroup) { .fd = TAKE_FD(fd) };
        r = LIST_APPEND(cgroups->groups, cgroups->n_groups, group);
        if (r < 0) {
                free_group(group);
                return r;
        }
        *ret = group;
        return 0;
}

static uint64_t count_oom_kills(const Cgroup *cgroup) {
        char text[VALUE_SIZE_MAX];
        const char *line;

        if (read_value(cgroup->fd, "memory.events", text) < 0)
                return 0;
        line = strstr(text, "\noom_kill ");
        return line ? strtoull(line + strlen("\noom_kill "), NULL, 10) : 0;
}

int cgroup_open_processes(const Cgroup *cgroup) {
        int fd = openat(cgroup->fd, "cgroup.procs", O_WRONLY | O_NOFOLLOW | O_CLOEXEC);

        return fd < 0 ? negative_errno() : fd;
}

void cgroup_kill(const Cgroup *cgroup) {
        (void) write_value(cgroup->fd, "cgroup.kill", "1");
}

bool cgroup_was_out_of_memory(const Cgroup *cgroup) {
        return count_oom_kills(cgroup) > cgroup->n_oom_kills;
}

Cgroup *cgroup_give_back(Cgroup *cgroup) {
        if (!cgroup)
                return NULL;
        cgroup_kill(cgroup);
        cgroup->taken = false;
        return NULL;
}

/* All of them */

/* A group whose members are processes cannot give controllers to its groups (cgroups(7), "no internal processes"): the daemon
 * goes into one of its own. */
static int move_own_process(int delegated_fd) {
        _cleanup_close_ int fd = -EBADF;

        if (mkdirat(delegated_fd, "daemon", 0755) < 0 && errno != EEXIST)
                return negative_errno();
        fd = openat(delegated_fd, "daemon", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? negative_errno() : write_value(fd, "cgroup.procs", "0");
}

int cgroups_new(int delegated_fd, Cgroups **ret) {
        static const struct {
                const char *enable;
                unsigned layers;
        } controllers[] = {
                { "+memory", SANDBOX_BIT(SANDBOX_MEMORY) },
                { "+pids", SANDBOX_BIT(SANDBOX_PROCESSES) },
                { "+cpu", 0 },
        };
        _cleanup_close_ int fd = delegated_fd;
        Cgroups *cgroups;
        int r;

        r = move_own_process(fd);
        if (r < 0)
                return r;
        cgroups = malloc(sizeof(Cgroups));
        if (!cgroups)
                return -ENOMEM;
        *cgroups = (Cgroups) { .fd = TAKE_FD(fd), .layers = SANDBOX_BIT(SANDBOX_GROUP) };
        for (size_t i = 0; i < ELEMENTSOF(controllers); i++)
                if (write_value(cgroups->fd, "cgroup.subtree_control", controllers[i].enable) >= 0)
                        cgroups->layers |= controllers[i].layers;
        *ret = cgroups;
        return 0;
}

Cgroups *cgroups_free(Cgroups *cgroups) {
        if (!cgroups)
                return NULL;
        for (unsigned i = 0; i < cgroups->n_groups; i++) {
                char name[32];

                /* One whose processes are not gone yet stays, and goes with the service's. */
                (void) snprintf(name, sizeof(name), "worker-%u", i);
                (void) unlinkat(cgroups->fd, name, AT_REMOVEDIR);
                free_group(cgroups->groups[i]);
        }
        free(cgroups->groups);
        close_fd(cgroups->fd);
        free(cgroups);
        return NULL;
}

unsigned cgroups_layers(const Cgroups *cgroups) {
        return cgroups->layers;
}

static bool is_empty(const Cgroup *group) {
        char text[VALUE_SIZE_MAX];

        return read_value(group->fd, "cgroup.events", text) >= 0 && strstr(text, "populated 0");
}

int cgroups_take(Cgroups *cgroups, const CgroupLimits *limits, Cgroup **ret) {
        Cgroup *group = NULL;
        int r;

        /* What was killed may take its time to go. */
        for (unsigned i = 0; i < cgroups->n_groups && !group; i++)
                if (!cgroups->groups[i]->taken && is_empty(cgroups->groups[i]))
                        group = cgroups->groups[i];
        if (!group) {
                r = add_group(cgroups, &group);
                if (r < 0)
                        return r;
        }
        r = set_limits(cgroups, group->fd, limits);
        if (r < 0)
                return r;
        group->taken = true;
        group->n_oom_kills = count_oom_kills(group);
        *ret = group;
        return 0;
}
