#include "worker/layer.h"

static const char *const layer_names[_SANDBOX_LAYER_MAX] = {
        [SANDBOX_NO_NEW_PRIVILEGES] = "no-new-privileges",
        [SANDBOX_FILES] = "files",
        [SANDBOX_TCP] = "tcp",
        [SANDBOX_SCOPE] = "scope",
        [SANDBOX_SYSTEM_CALLS] = "system-calls",
        [SANDBOX_GROUP] = "group",
        [SANDBOX_MEMORY] = "memory",
        [SANDBOX_PROCESSES] = "processes",
};

const char *sandbox_layer_to_string(SandboxLayer layer) {
        return (unsigned) layer < ELEMENTSOF(layer_names) ? layer_names[layer] : NULL;
}

SandboxLayer sandbox_layer_from_string(const char *string) {
        for (size_t i = 0; i < ELEMENTSOF(layer_names); i++)
                if (streq(layer_names[i], string))
                        return (SandboxLayer) i;
        return _SANDBOX_LAYER_INVALID;
}
