/* How well workers are locked in: what the kernel and the service manager give is found out once, when the daemon starts. */

#include "base/log.h"
#include "base/message-id.h"
#include "base/text.h"
#include "manager/manager-private.h"

SandboxLayers manager_sandbox_layers(const Manager *manager) {
        return manager->layers;
}

/* The names of a set of layers, with ", " between them. */
static char *join_layers(unsigned layers) {
        Buffer names = {};
        int r = 0;

        for (SandboxLayer layer = 0; layer < _SANDBOX_LAYER_MAX && r >= 0; layer++)
                if (layers & SANDBOX_BIT(layer))
                        r = buffer_append_format(
                                &names, "%s%s", names.size > 0 ? ", " : "", sandbox_layer_to_string(layer));
        if (r < 0)
                buffer_clear(&names);
        return names.data;
}

static void on_probed(const WorkerReport *report, void *userdata) {
        Manager *manager = userdata;
        _cleanup_free_ char *present = NULL, *missing = NULL;

        if (report->result == WORKER_CANCELLED)
                return;
        if (report->result != WORKER_OK) {
                log_entry(LOG_ERR, MESSAGE_SANDBOX, NULL, "Workers cannot be started: %s",
                        strempty(report->message));
                return;
        }
        manager->layers.known = true;
        manager->layers.present |= report->layers;
        present = join_layers(manager->layers.present);
        missing = join_layers(SANDBOX_ALL & ~manager->layers.present);
        if (missing)
                log_entry(LOG_NOTICE, MESSAGE_SANDBOX, NULL, "Workers are confined by: %s; not here: %s",
                        strempty(present), missing);
        else
                log_entry(LOG_INFO, MESSAGE_SANDBOX, NULL, "Workers are confined by: %s", strempty(present));
}

int manager_confine_workers(Manager *manager) {
        WorkerRequest request = WORKER_REQUEST_INIT(WORKER_PROBE);
        Cgroups *cgroups;
        int r = cgroup_open_delegated();

        if (r >= 0)
                r = cgroups_new(r, &cgroups);
        if (r >= 0) {
                manager->layers.present = cgroups_layers(cgroups);
                worker_pool_set_cgroups(manager->workers, cgroups);
        } else if (r != -ENOENT)
                log_warning("Workers have no control groups: %s", strerror(-r));
        return worker_pool_submit(manager->workers, &request, on_probed, manager, NULL);
}
