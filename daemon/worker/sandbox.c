#include "worker/sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/text.h"

/* Versions of the kernel's interface, landlock(7). */
#define ABI_REFER 2
#define ABI_TRUNCATE 3
#define ABI_TCP 4
#define ABI_IOCTL 5
#define ABI_SCOPE 6

#define ACCESS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_EXECUTE (ACCESS_READ | LANDLOCK_ACCESS_FS_EXECUTE)
/* Sockets and devices are made by nobody. */
#define ACCESS_WRITE                                                                                        \
        (ACCESS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE |                        \
                LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                            \
                LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SYM |   \
                LANDLOCK_ACCESS_FS_REFER)
/* What a rule for a file, not a directory, may hold. */
#define ACCESS_OF_FILE                                                                                      \
        (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |        \
                LANDLOCK_ACCESS_FS_TRUNCATE | LANDLOCK_ACCESS_FS_IOCTL_DEV)
#define ACCESS_ALL                                                                                          \
        (ACCESS_WRITE | ACCESS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_SOCK |      \
                LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |                              \
                LANDLOCK_ACCESS_FS_IOCTL_DEV)

/* Landlock */

static uint64_t access_known(long abi) {
        uint64_t access = ACCESS_ALL;

        if (abi < ABI_REFER)
                access &= ~(uint64_t) LANDLOCK_ACCESS_FS_REFER;
        if (abi < ABI_TRUNCATE)
                access &= ~(uint64_t) LANDLOCK_ACCESS_FS_TRUNCATE;
        if (abi < ABI_IOCTL)
                access &= ~(uint64_t) LANDLOCK_ACCESS_FS_IOCTL_DEV;
        return access;
}

static int add_place(int ruleset, const SandboxPlace *place, uint64_t known) {
        static const uint64_t access[_SANDBOX_ACCESS_MAX] = {
                [SANDBOX_READ] = ACCESS_READ,
                [SANDBOX_EXECUTE] = ACCESS_EXECUTE,
                [SANDBOX_WRITE] = ACCESS_WRITE,
        };
        struct landlock_path_beneath_attr rule = { .allowed_access = access[place->access] & known };
        _cleanup_close_ int opened = -EBADF;
        int fd = place->fd;
        struct stat st;

        if (place->path)
                fd = opened = open(place->path, O_PATH | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : negative_errno();
        if (fstat(fd, &st) < 0)
                return negative_errno();
        if (!S_ISDIR(st.st_mode))
                rule.allowed_access &= ACCESS_OF_FILE;
        rule.parent_fd = fd;
        return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0
                       ? negative_errno()
                       : 0;
}

static int enter_landlock(const SandboxPlace *places, size_t n_places, unsigned *layers) {
        struct landlock_ruleset_attr attr = {};
        _cleanup_close_ int ruleset = -EBADF;
        long abi;

        abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
        if (abi <= 0)
                return 0; /* not in this kernel, or not switched on */
        attr.handled_access_fs = access_known(abi);
        if (abi >= ABI_TCP)
                attr.handled_access_net = LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP;
        if (abi >= ABI_SCOPE)
                attr.scoped = LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL;

        /* An older kernel takes a longer structure whose end is zero. */
        ruleset = (int) syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
        if (ruleset < 0)
                return negative_errno();
        for (size_t i = 0; i < n_places; i++) {
                int r = add_place(ruleset, &places[i], attr.handled_access_fs);

                if (r < 0)
                        return r;
        }
        if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
                return negative_errno();
        *layers |= SANDBOX_BIT(SANDBOX_FILES);
        if (abi >= ABI_TCP)
                *layers |= SANDBOX_BIT(SANDBOX_TCP);
        if (abi >= ABI_SCOPE)
                *layers |= SANDBOX_BIT(SANDBOX_SCOPE);
        return 0;
}

/* System calls. What is refused is what no job needs and what has been the way out of other sandboxes; the rest stays, so that
 * a new libc or a scanner's runtime does not die of it. */

static const int refused[] = {
        /* Sockets: the one to the daemon is open, and its answers go by sendto(2). */
        SCMP_SYS(socket),
        SCMP_SYS(connect),
        SCMP_SYS(bind),
        SCMP_SYS(listen),
        SCMP_SYS(accept),
        SCMP_SYS(accept4),
        /* Other processes. */
        SCMP_SYS(ptrace),
        SCMP_SYS(process_vm_readv),
        SCMP_SYS(process_vm_writev),
        SCMP_SYS(process_madvise),
        SCMP_SYS(pidfd_getfd),
        SCMP_SYS(kcmp),
        SCMP_SYS(move_pages),
        SCMP_SYS(migrate_pages),
        /* Namespaces, mounts, roots. */
        SCMP_SYS(unshare),
        SCMP_SYS(setns),
        SCMP_SYS(mount),
        SCMP_SYS(umount2),
        SCMP_SYS(pivot_root),
        SCMP_SYS(chroot),
        SCMP_SYS(move_mount),
        SCMP_SYS(open_tree),
        SCMP_SYS(fsopen),
        SCMP_SYS(fsconfig),
        SCMP_SYS(fsmount),
        SCMP_SYS(fspick),
        SCMP_SYS(mount_setattr),
        /* Keys, programs in the kernel, and what has asynchronous or wide doors into it. */
        SCMP_SYS(keyctl),
        SCMP_SYS(add_key),
        SCMP_SYS(request_key),
        SCMP_SYS(bpf),
        SCMP_SYS(perf_event_open),
        SCMP_SYS(userfaultfd),
        SCMP_SYS(io_uring_setup),
        SCMP_SYS(io_uring_enter),
        SCMP_SYS(io_uring_register),
        SCMP_SYS(init_module),
        SCMP_SYS(finit_module),
        SCMP_SYS(delete_module),
        SCMP_SYS(kexec_load),
        SCMP_SYS(kexec_file_load),
        SCMP_SYS(lookup_dcookie),
        SCMP_SYS(fanotify_init),
        SCMP_SYS(syslog),
        SCMP_SYS(vmsplice),
        /* Identity, and files by another way than their name. */
        SCMP_SYS(setuid),
        SCMP_SYS(setgid),
        SCMP_SYS(setreuid),
        SCMP_SYS(setregid),
        SCMP_SYS(setresuid),
        SCMP_SYS(setresgid),
        SCMP_SYS(setgroups),
        SCMP_SYS(setfsuid),
        SCMP_SYS(setfsgid),
        SCMP_SYS(capset),
        SCMP_SYS(name_to_handle_at),
        SCMP_SYS(open_by_handle_at),
        SCMP_SYS(mknod),
        SCMP_SYS(mknodat),
        /* The machine. */
        SCMP_SYS(reboot),
        SCMP_SYS(swapon),
        SCMP_SYS(swapoff),
        SCMP_SYS(acct),
        SCMP_SYS(quotactl),
        SCMP_SYS(quotactl_fd),
        SCMP_SYS(settimeofday),
        SCMP_SYS(clock_settime),
        SCMP_SYS(clock_adjtime),
        SCMP_SYS(adjtimex),
        SCMP_SYS(sethostname),
        SCMP_SYS(setdomainname),
        SCMP_SYS(iopl),
        SCMP_SYS(ioperm),
        SCMP_SYS(vhangup),
        SCMP_SYS(personality),
};

static const int refused_without_children[] = {
        SCMP_SYS(fork),
        SCMP_SYS(vfork),
        SCMP_SYS(clone),
        SCMP_SYS(execve),
        SCMP_SYS(execveat),
};

/* What is killed together with the process is its process group: nobody leaves that. */
static const int refused_with_children[] = {
        SCMP_SYS(setsid),
        SCMP_SYS(setpgid),
};

static const unsigned long new_namespaces[] = {
        CLONE_NEWUSER,
        CLONE_NEWNS,
        CLONE_NEWPID,
        CLONE_NEWNET,
        CLONE_NEWIPC,
        CLONE_NEWUTS,
        CLONE_NEWCGROUP,
};

static void release_filter(scmp_filter_ctx *filter) {
        seccomp_release(*filter);
}

static int refuse_calls(scmp_filter_ctx filter, const int *calls, size_t n) {
        for (size_t i = 0; i < n; i++) {
                /* The numbers of calls that an architecture does not have are negative, and left out by the library. */
                int r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 0);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int enter_filter(bool may_execute, unsigned *layers) {
        _cleanup_(release_filter) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
        int r;

        if (!filter)
                return -ENOMEM;
        r = refuse_calls(filter, refused, ELEMENTSOF(refused));
        /* The arguments of clone3() lie in memory where a filter cannot look: the libc then takes clone(). */
        if (r >= 0)
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
        if (!may_execute && r >= 0)
                r = refuse_calls(filter, refused_without_children, ELEMENTSOF(refused_without_children));
        if (may_execute && r >= 0)
                r = refuse_calls(filter, refused_with_children, ELEMENTSOF(refused_with_children));
        for (size_t i = 0; may_execute && r >= 0 && i < ELEMENTSOF(new_namespaces); i++)
                r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                        SCMP_A0(SCMP_CMP_MASKED_EQ, new_namespaces[i], new_namespaces[i]));
        /* A tree that is searched, not a list: when the kernel loads it, it runs it for each of its calls. */
        if (r >= 0)
                (void) seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
        if (r < 0)
                return r;

        r = seccomp_load(filter);
        if (r == -ECANCELED || r == -EINVAL || r == -ENOSYS)
                return 0; /* a kernel without filters */
        if (r < 0)
                return r;
        *layers |= SANDBOX_BIT(SANDBOX_SYSTEM_CALLS);
        return 0;
}

int sandbox_enter(const SandboxPlace *places, size_t n_places, bool may_execute, unsigned *ret_layers) {
        unsigned layers = 0;
        int r;

        /* The other two ask for this one (landlock_restrict_self(2), seccomp(2)). */
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return negative_errno();
        layers |= SANDBOX_BIT(SANDBOX_NO_NEW_PRIVILEGES);
        r = enter_landlock(places, n_places, &layers);
        if (r >= 0)
                r = enter_filter(may_execute, &layers);
        if (r < 0)
                return r;
        *ret_layers = layers;
        return 0;
}
