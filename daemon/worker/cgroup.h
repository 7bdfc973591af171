/* Control groups for workers, below the one that the service manager has given to the daemon (Delegate= of systemd.resource-control(5),
 * cgroups(7)): one for each worker that may run at once. Whatever a worker starts stays in its group, and ends with it. */
#pragma once

#include "base/util.h"

typedef struct Cgroups Cgroups;
typedef struct Cgroup Cgroup;

typedef struct CgroupLimits {
        uint64_t memory_max; /* bytes, of all its processes together, with what the kernel keeps for them */
        unsigned processes_max; /* and threads */
} CgroupLimits;

/* Opens the directory of the group that is the daemon's to divide. -ENOENT: none is. */
int cgroup_open_delegated(void);
/* `delegated_fd` is taken over. The calling process moves into a group below it. */
int cgroups_new(int delegated_fd, Cgroups **ret);
/* No group may be taken. Removes the groups. */
Cgroups *cgroups_free(Cgroups *cgroups);
DEFINE_CLEANUP(Cgroups *, cgroups_free)
/* SANDBOX_BIT() of each layer that the groups are: which controllers the kernel and the service manager have given us. */
unsigned cgroups_layers(const Cgroups *cgroups);

/* A group that nobody is in, with these limits, as far as there are controllers for them. */
int cgroups_take(Cgroups *cgroups, const CgroupLimits *limits, Cgroup **ret);
/* A process that writes "0" there is in the group from then on. The caller's to close. */
int cgroup_open_processes(const Cgroup *cgroup);
/* Ends everything in it at once. */
void cgroup_kill(const Cgroup *cgroup);
/* Whether the kernel has ended a process in it since it was taken, because of `memory_max`. */
bool cgroup_was_out_of_memory(const Cgroup *cgroup);
/* What is left in it is ended. Returns NULL. */
Cgroup *cgroup_give_back(Cgroup *cgroup);
