/* How opendepot-worker locks itself in before it reads what comes from outside: Landlock for files, TCP, signals and abstract
 * sockets (landlock(7)), a filter of system calls (seccomp(2)), no new privileges. What the process may use is what it
 * has open already. */
#pragma once

#include "worker/layer.h"

typedef enum SandboxAccess {
        SANDBOX_READ,
        SANDBOX_EXECUTE, /* and read */
        SANDBOX_WRITE,   /* and read: files and directories are made, changed and removed */
        _SANDBOX_ACCESS_MAX,
} SandboxAccess;

/* One place that stays open: a directory with everything below it, or one file. What does not exist is left out. */
typedef struct SandboxPlace {
        const char *path; /* NULL: `fd` is open on it, O_PATH suffices */
        SandboxAccess access;
        int fd;
} SandboxPlace;

/* For the rest of the process's life, and for what it starts. Without `may_execute` it starts nothing; with it, everything
 * that it starts stays in its process group. A layer that the kernel does not have is not in *ret_layers; an error (a
 * negative errno) means that the process must not go on. */
int sandbox_enter(const SandboxPlace *places, size_t n_places, bool may_execute, unsigned *ret_layers);
