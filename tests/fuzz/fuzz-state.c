/* state.json, as an earlier daemon, or something else, has left it. */
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "fuzz-scratch.h"
#include "manager/manager-private.h"

static int new_depot(Depot **ret) {
        Depot *depot = calloc(1, sizeof(Depot));

        if (!depot)
                return -ENOMEM;
        depot->n_ref = 1;
        depot->polling_interval_usec = 60 * USEC_PER_MINUTE;
        (void) snprintf(depot->digest, sizeof(depot->digest), "d");
        *ret = depot;
        return string_assign(&depot->name, "depot");
}

/* One depot, one package and the state directory are all of the manager that the state concerns. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        uint64_t latest = clock_realtime_usec() + 24 * 60 * USEC_PER_MINUTE;
        Depot *depot = NULL;
        Package *package = calloc(1, sizeof(Package));
        DepotState state = {}, *states[] = { &state };
        Runner runner = { .package = package }, *runners[] = { &runner };
        Manager manager = {
                .state_fd = fuzz_scratch(),
                .depots = states,
                .n_depots = 1,
                .runners = runners,
                .n_runners = 1,
        };

        log_set_max_level(LOG_EMERG);
        if (!package || new_depot(&depot) < 0 || string_assign(&package->name, "hashicorp/aws") < 0 ||
                string_assign(&package->store_identity, "fileSystem:/s") < 0 ||
                string_assign(&package->registry_url, "https://registry.acme.example") < 0)
                abort();
        state.depot = depot;

        fuzz_write("state.json", data, size);
        if (manager_load_state(&manager) < 0 || state.next_poll_usec > latest || package->attempts > 1000 ||
                package->next_try_usec > latest)
                abort();
        if (package->providers_url && !startswith(package->providers_url, "https://"))
                abort();
        for (size_t i = 0; i < package->n_statuses; i++)
                if (!version_state_is_tried_again(package->statuses[i]->state) ||
                        package->statuses[i]->attempts > 1000 ||
                        package->statuses[i]->next_try_usec > latest)
                        abort();
        package_free(package);
        depot_unref(depot);
        return 0;
}
