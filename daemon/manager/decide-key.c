/* What an operator says of a key, and what follows from it. */

#include "manager/manager-private.h"

const Keys *manager_keys(const Manager *manager) {
        return manager->keys;
}

/* Versions that are held are due; returns whether there are any. */
static bool release_held(Package *package) {
        bool any = false;

        for (size_t i = 0; i < package->n_statuses; i++)
                if (package->statuses[i]->state == VERSION_HELD) {
                        package->statuses[i]->next_try_usec = 0;
                        any = true;
                }
        return any;
}

int manager_decide_key(
        Manager *manager, const char *provider_namespace, const char *fingerprint, bool accept) {
        int r = accept ? keys_accept(manager->keys, provider_namespace, fingerprint)
                       : keys_refuse(manager->keys, provider_namespace, fingerprint);

        for (size_t i = 0; i < manager->n_runners && r >= 0; i++) {
                Package *package = manager->runners[i]->package;

                if (package->kind != PACKAGE_PROVIDER ||
                        !streq(package->key_namespace, provider_namespace) || !release_held(package))
                        continue;
                /* Also after a refusal: the reason is another one then. */
                r = manager_request(manager, &(ReconcileOptions) { .mode = RECONCILE_SYNC }, NULL,
                        package->name, NULL, NULL, NULL);
        }
        return r;
}
