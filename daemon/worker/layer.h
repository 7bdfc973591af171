/* What the sandbox of opendepot-worker is made of. */
#pragma once

#include "base/util.h"

typedef enum SandboxLayer {
        SANDBOX_NO_NEW_PRIVILEGES,
        SANDBOX_FILES,        /* no file is opened but below given directories */
        SANDBOX_TCP,          /* no TCP, even through a socket that was handed over */
        SANDBOX_SCOPE,        /* no signals and no abstract sockets to processes outside */
        SANDBOX_SYSTEM_CALLS, /* no sockets, no privileges, nothing of the kernel that a job has no use for */
        SANDBOX_GROUP,        /* what a worker leaves behind ends with it */
        SANDBOX_MEMORY,       /* how much memory it has, with all it starts */
        SANDBOX_PROCESSES,    /* and how many processes */
        _SANDBOX_LAYER_MAX,
        _SANDBOX_LAYER_INVALID = -EINVAL,
} SandboxLayer;

/* A set of layers. */
#define SANDBOX_BIT(layer) (1U << (unsigned) (layer))
#define SANDBOX_ALL (SANDBOX_BIT(_SANDBOX_LAYER_MAX) - 1)

const char *sandbox_layer_to_string(SandboxLayer layer);
SandboxLayer sandbox_layer_from_string(const char *string);
