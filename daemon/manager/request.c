#include "manager/request.h"

#include "base/clock.h"
#include "manager/manager-private.h"
#include "manager/runner.h"

static void request_free(Request *request) {
        Manager *manager = request->manager;

        for (size_t i = 0; i < manager->n_runners; i++)
                runner_detach(manager->runners[i], request);
        if (request->previous)
                request->previous->next = request->next;
        else
                manager->requests = request->next;
        if (request->next)
                request->next->previous = request->previous;
        sd_event_source_disable_unref(request->deferred);
        free(request->version);
        free(request);
}

void request_free_all(Manager *manager) {
        while (manager->requests)
                request_free(manager->requests);
}

static int on_deferred(sd_event_source *source, void *userdata) {
        Request *request = userdata;
        Manager *manager = request->manager;

        request->outcome.bytes = fetcher_bytes_received(request->manager->fetcher) - request->started_bytes;
        request->outcome.duration_usec = clock_boottime_usec() - request->started_usec;
        if (request->done)
                request->done(request, &request->outcome, request->userdata);
        if (manager->changed && manager_save_state(manager) >= 0)
                manager->changed = false;
        request_free(request);
        return 0;
}

void request_add_changes(Request *request, const ReconcileOutcome *outcome) {
        request->outcome.versions_added += outcome->added;
        request->outcome.versions_pruned += outcome->pruned;
}

void request_package_done(Request *request, const Package *package, const ReconcileOutcome *outcome) {
        request_add_changes(request, outcome);
        request->outcome.versions_failed += outcome->failed;
        request->outcome.versions_rechecked += outcome->rechecked;
        request->outcome.packages_failed += outcome->package_failed || outcome->failed > 0;
        request->outcome.no_such_version = request->outcome.no_such_version || outcome->no_such_version;
        if (--request->n_left == 0)
                (void) sd_event_source_set_enabled(request->deferred, SD_EVENT_ONESHOT);
}

void request_forget(Request *request) {
        request->done = NULL;
}

bool request_covers(const Request *request, const Package *package) {
        const Manager *manager = request->manager;

        for (size_t i = 0; i < manager->n_runners; i++)
                if (manager->runners[i]->package == package)
                        return runner_serves(manager->runners[i], request);
        return false;
}

RequestProgress request_progress(const Request *request) {
        return (RequestProgress) {
                .packages_done = request->n_packages - request->n_left,
                .packages_total = request->n_packages,
                .versions_done = request->versions_done,
                .versions_total = request->versions_total,
                .bytes = fetcher_bytes_received(request->manager->fetcher) - request->started_bytes,
        };
}

static bool is_asked_for(const Package *package, const char *depot, const char *name) {
        return (!depot || package_is_wanted_by(package, depot)) && (!name || streq(package->name, name));
}

int manager_request(Manager *manager, const ReconcileOptions *options, const char *depot,
        const char *package, RequestDone done, void *userdata, Request **ret) {
        Request *request;
        int r;

        if (depot && !manager_find_depot(manager, depot))
                return -ENOENT;
        request = calloc(1, sizeof(Request));
        if (!request)
                return -ENOMEM;
        *request = (Request) {
                .manager = manager,
                .next = manager->requests,
                .options = *options,
                .done = done,
                .userdata = userdata,
                .started_usec = clock_boottime_usec(),
                .started_bytes = fetcher_bytes_received(manager->fetcher),
        };
        if (request->next)
                request->next->previous = request;
        manager->requests = request;

        r = string_assign(&request->version, options->version);
        request->options.version = request->version;
        if (r >= 0)
                r = sd_event_add_defer(manager->event, &request->deferred, on_deferred, request);
        if (r >= 0)
                r = sd_event_source_set_enabled(request->deferred, SD_EVENT_OFF);
        for (size_t i = 0; i < manager->n_runners && r >= 0; i++) {
                Runner *runner = manager->runners[i];

                if (!is_asked_for(runner->package, depot, package))
                        continue;
                r = runner_attach(runner, request);
                if (r >= 0)
                        request->n_packages++;
        }
        if (r >= 0 && request->n_packages == 0 && package)
                r = -ENOENT;
        if (r < 0) {
                request_free(request);
                return r;
        }
        request->n_left = request->outcome.packages = request->n_packages;
        if (request->n_left == 0)
                (void) sd_event_source_set_enabled(request->deferred, SD_EVENT_ONESHOT);
        if (ret)
                *ret = request;
        return 0;
}
