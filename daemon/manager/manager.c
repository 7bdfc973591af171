#include "manager/manager.h"

#include <fcntl.h>
#include <malloc.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/message-id.h"
#include "base/secret.h"
#include "base/text.h"
#include "manager/manager-private.h"
#include "manager/network-settings.h"
#include "manager/request.h"

/* Packages that are reconciled at once; transfers and workers have limits of their own. */
#define RUNNING_MAX 64U
#define OFFLOAD_THREADS 8U

/* Scheduling */

void manager_wake(Manager *manager) {
        if (manager->wake)
                (void) sd_event_source_set_enabled(manager->wake, SD_EVENT_ONESHOT);
}

static int on_wake(sd_event_source *source, void *userdata) {
        Manager *manager = userdata;

        for (size_t i = 0; i < manager->n_runners && manager->n_running < RUNNING_MAX; i++)
                if (!manager->runners[i]->running && runner_is_waiting(manager->runners[i]))
                        runner_start(manager->runners[i]);
        if (manager->n_running > 0)
                return 0;
        /* Lists and documents that were read stood between what is kept: until the next poll the system has their room. Of
         * 20,000 versions that are listed for the first time, that is 70 MiB in 6 ms, afterwards about 1 ms each time. A
         * thread, which has the lowest niceness, would hold the allocator's lock against the loop for longer. */
        (void) malloc_trim(0);
        manager_schedule_recheck(manager);
        return 0;
}

void manager_note_change(Manager *manager, const ReconcileOutcome *outcome) {
        manager->changed = manager->changed || outcome->changed;
}

/* Events */

static void log_version_state(const JobEvent *event) {
        const char *state = version_state_to_string(event->state);

        /* What ends somewhere has had an entry of its own. */
        if (event->state > VERSION_STORING && event->state != VERSION_WITHDRAWN)
                return;
        log_entry(LOG_DEBUG, MESSAGE_VERSION_STATE,
                &(LogContext) { .depot = package_depot(event->package),
                        .package = event->package->name,
                        .version = event->version,
                        .state = state },
                "%s %s: %s", event->package->name, event->version, state);
}

static void count_for_requests(const Manager *manager, const JobEvent *event) {
        for (Request *request = manager->requests; request; request = request->next) {
                if (!request_covers(request, event->package))
                        continue;
                for (size_t i = 0; event->plan && i < event->plan->n_items; i++)
                        request->versions_total += plan_item_is_to_fetch(&event->plan->items[i]);
                request->versions_done +=
                        event->type == JOB_EVENT_VERSION &&
                        (event->state == VERSION_PUBLISHED || version_state_is_tried_again(event->state));
        }
}

static void on_job_event(const JobEvent *event, void *userdata) {
        Manager *manager = userdata;

        if (event->type == JOB_EVENT_VERSION)
                log_version_state(event);
        count_for_requests(manager, event);
        if (manager->listener)
                manager->listener(&(ManagerEvent) { .type = MANAGER_EVENT_JOB, .job = event },
                        manager->listener_userdata);
}

void manager_set_listener(Manager *manager, ManagerListener listener, void *userdata) {
        manager->listener = listener;
        manager->listener_userdata = userdata;
}

/* Settings */

static WorkerLimits worker_limits(const Settings *settings) {
        return (WorkerLimits) {
                .parallel = settings->workers_parallel,
                .timeout_usec = settings->worker_timeout_usec,
                .entries_max = settings->module_entries_max,
                .unpacked_size_max = settings->module_unpacked_size_max,
                .ratio_max = settings->module_ratio_max,
                .artifact_size_max = settings->artifact_size_max,
                .cgroup = { .memory_max = settings->worker_memory_max,
                        .processes_max = settings->worker_processes_max },
        };
}

static int load_accesses(const Manager *manager, const Settings *settings, Accesses **ret) {
        _cleanup_close_ int credentials_fd = secret_open_directory();

        if (credentials_fd < 0 && credentials_fd != -ENOENT)
                log_warning("Cannot open $CREDENTIALS_DIRECTORY: %s", strerror(-credentials_fd));
        return accesses_new(manager->event, manager->fetcher, manager->offload, manager->budgets,
                &settings->github, &settings->registry, credentials_fd, ret);
}

/* What a reload may change underneath the jobs, none of which may be running. `accesses` is handed over. */
static int apply_settings(Manager *manager, const Settings *settings, Accesses *new_accesses) {
        _cleanup_(accesses_freep) Accesses *accesses = new_accesses;
        WorkerLimits limits = worker_limits(settings);
        _cleanup_(keys_freep) Keys *keys = NULL;
        _cleanup_close_ int keys_fd = -EBADF;
        char *directory = NULL;
        int r;

        keys_fd = fs_open_directory(manager->state_fd, "keys", true);
        if (keys_fd < 0)
                return keys_fd;
        /* Something may be being written there if this is a reload. */
        if (!manager->pins)
                (void) fs_remove_temporaries(keys_fd);
        /* What is pinned outlives the settings. */
        r = manager->pins ? 0 : pins_new(manager->offload, keys_fd, &manager->pins);
        if (r >= 0)
                r = keys_new(
                        &(KeysOptions) {
                                .fetcher = manager->fetcher,
                                .offload = manager->offload,
                                .workers = manager->workers,
                                .pins = manager->pins,
                                .directory_fd = keys_fd,
                                .settings = settings,
                        },
                        &keys);
        if (r >= 0)
                r = network_settings_apply(settings, manager->fetcher);
        if (r < 0)
                return r;
        text_set(&directory, "%s",
                settings->store_directory ? settings->store_directory : manager->state_directory);
        if (directory && !settings->store_directory)
                text_set(&directory, "%s/store", manager->state_directory);
        if (!directory)
                return -ENOMEM;

        budgets_set_reserve(manager->budgets, settings->github.budget_reserve);
        worker_pool_set_limits(manager->workers, &limits);
        keys_free(manager->keys);
        manager->keys = TAKE_PTR(keys);
        accesses_free(manager->accesses);
        manager->accesses = TAKE_PTR(accesses);
        free(manager->store_directory);
        manager->store_directory = directory;
        manager->context.settings = settings;
        scans_set_settings(manager->scans, settings);
        manager->context.keys = manager->keys;
        manager->context.accesses = manager->accesses;
        return 0;
}

/* Life */

/* What scans have left when the daemon was killed goes. */
static int open_scans(Manager *manager, const ManagerOptions *options) {
        _cleanup_close_ int fd = -EBADF;
        int r;

        fd = fs_open_directory(manager->state_fd, "scans", true);
        r = fd < 0 ? fd : fs_remove_content(fd);
        if (r < 0)
                return r;
        return scans_new(
                &(ScansOptions) {
                        .event = manager->event,
                        .offload = manager->offload,
                        .workers = manager->workers,
                        .directory_fd = fd,
                        .database_directory = options->database_directory,
                },
                &manager->scans);
}

static int open_parts(Manager *manager, const ManagerOptions *options, const Settings *settings) {
        WorkerLimits limits = worker_limits(settings);
        _cleanup_close_ int listings_fd = -EBADF;
        Accesses *accesses;
        int r;

        listings_fd = fs_open_directory(manager->state_fd, "listings", true);
        if (listings_fd < 0)
                return listings_fd;
        (void) fs_remove_temporaries(listings_fd);
        r = offload_new(manager->event, OFFLOAD_THREADS, &manager->offload);
        if (r >= 0)
                r = network_settings_start(settings, manager->event, &manager->fetcher);
        if (r >= 0)
                r = budgets_new(&manager->budgets);
        if (r >= 0)
                r = worker_pool_new(manager->event, options->worker, &limits, &manager->workers);
        if (r >= 0)
                r = listing_cache_new(manager->offload, listings_fd, &manager->listings);
        if (r >= 0)
                r = services_new(manager->fetcher, &manager->services);
        if (r >= 0)
                r = open_scans(manager, options);
        if (r >= 0)
                r = sd_event_add_defer(manager->event, &manager->wake, on_wake, manager);
        if (r >= 0)
                r = sd_event_source_set_enabled(manager->wake, SD_EVENT_OFF);
        if (r < 0)
                return r;
        manager->context = (JobContext) {
                .event = manager->event,
                .offload = manager->offload,
                .fetcher = manager->fetcher,
                .workers = manager->workers,
                .listings = manager->listings,
                .services = manager->services,
                .scans = manager->scans,
                .on_event = on_job_event,
                .userdata = manager,
        };
        r = manager_confine_workers(manager);
        if (r >= 0)
                r = load_accesses(manager, settings, &accesses);
        return r < 0 ? r : apply_settings(manager, settings, accesses);
}

int manager_new(sd_event *event, const ManagerOptions *options, Manager **ret) {
        _cleanup_(manager_freep) Manager *manager = calloc(1, sizeof(Manager));
        _cleanup_(config_freep) Config *config = NULL;
        int r = 0;

        if (!manager)
                return -ENOMEM;
        manager->event = sd_event_ref(event);
        manager->started_usec = clock_realtime_usec();
        manager->started_boottime_usec = clock_boottime_usec();
        manager->state_fd = -EBADF;
        for (char *const *directory = options->configuration_directories; *directory && r >= 0; directory++)
                r = strings_append(&manager->configuration_directories, *directory);
        if (r >= 0)
                r = string_assign(&manager->state_directory, options->state_directory);
        if (r < 0)
                return r;

        manager->state_fd = fs_open_root(options->state_directory, true);
        if (manager->state_fd < 0) {
                log_error("Cannot open the state directory %s: %s", options->state_directory,
                        strerror(-manager->state_fd));
                return manager->state_fd;
        }
        (void) fs_remove_temporaries(manager->state_fd);
        r = config_load(options->configuration_directories, &config);
        if (r < 0)
                return r;
        if (!config->settings) {
                for (size_t i = 0; i < config->n_problems; i++) {
                        _cleanup_free_ char *text = config_problem_format(&config->problems[i]);

                        log_error("%s", strempty(text));
                }
                return -EINVAL;
        }
        r = open_parts(manager, options, config->settings);
        if (r >= 0)
                r = manager_configure(manager, TAKE_PTR(config));
        if (r >= 0)
                r = manager_load_state(manager);
        if (r < 0)
                return r;
        r = manager_watch_clock(manager);
        if (r < 0)
                log_warning("Changes of the clock will not be noticed: %s", strerror(-r));
        *ret = TAKE_PTR(manager);
        return 0;
}

/* Depots that are due are polled now, the packages of the others are only checked against their records. */
static int start_depot(DepotState *state) {
        uint64_t now = clock_realtime_usec();

        state->changed = false;
        if (state->next_poll_usec > now) {
                depot_schedule(state, state->next_poll_usec);
                return manager_request(state->manager, &(ReconcileOptions) { .mode = RECONCILE_CHECK },
                        state->depot->name, NULL, NULL, NULL, NULL);
        }
        state->next_poll_usec = 0;
        return depot_poll(state, &(ReconcileOptions) { .mode = RECONCILE_SYNC });
}

int manager_start(Manager *manager) {
        int r = 0;

        manager->running = true;
        for (size_t i = 0; i < manager->n_depots && r >= 0; i++)
                r = start_depot(manager->depots[i]);
        for (size_t i = 0; i < manager->n_runners && r >= 0; i++)
                runner_schedule_retry(manager->runners[i]);
        manager_schedule_recheck(manager);
        manager_tidy(manager);
        return r;
}

Manager *manager_free(Manager *manager) {
        _cleanup_free_ char *state = NULL;

        if (!manager)
                return NULL;
        if (manager->running)
                state = manager_format_state(manager);

        manager_free_whys(manager);
        for (size_t i = 0; i < manager->n_runners; i++)
                runner_interrupt(manager->runners[i]);
        request_free_all(manager);
        for (size_t i = 0; i < manager->n_depots; i++) {
                manager->depots[i]->poll = NULL;
                depot_state_free(manager->depots[i]);
        }
        free(manager->depots);
        scans_free(manager->scans);
        /* Ends what was given to the store; nobody waits for the answers any more. */
        offload_free(manager->offload);
        if (state)
                manager_write_state(manager, state);
        for (size_t i = 0; i < manager->n_runners; i++)
                runner_free(manager->runners[i]);
        free(manager->runners);
        worker_pool_free(manager->workers);
        keys_free(manager->keys);
        accesses_free(manager->accesses);
        pins_free(manager->pins);
        services_free(manager->services);
        fetcher_free(manager->fetcher);
        budgets_free(manager->budgets);
        listing_cache_free(manager->listings);
        for (size_t i = 0; i < manager->n_stores; i++)
                store_free(manager->stores[i]);
        free(manager->stores);
        sd_event_source_disable_unref(manager->wake);
        sd_event_source_disable_unref(manager->tidy_timer);
        sd_event_source_disable_unref(manager->clock_source);
        sd_event_source_disable_unref(manager->recheck_timer);
        config_free(manager->config);
        strings_free(manager->configuration_directories);
        free(manager->state_directory);
        free(manager->store_directory);
        close_fd(manager->state_fd);
        sd_event_unref(manager->event);
        free(manager);
        return NULL;
}

/* Returns 1 if they have changed. */
static int swap_settings(Manager *manager, Config *config) {
        _cleanup_(accesses_freep) Accesses *accesses = NULL;
        int r;

        if (!config->settings) {
                /* The file is bad: what was in force stays. */
                config->settings = TAKE_PTR(manager->config->settings);
                return 0;
        }
        r = load_accesses(manager, config->settings, &accesses);
        if (r < 0)
                return r;
        if (streq(config->settings->digest, manager->config->settings->digest) &&
                accesses_are_equal(accesses, manager->accesses)) {
                settings_free(config->settings);
                config->settings = TAKE_PTR(manager->config->settings);
                return 0;
        }
        for (size_t i = 0; i < manager->n_runners; i++) {
                runner_interrupt(manager->runners[i]);
                manager->runners[i]->package->checked = false;
        }
        r = apply_settings(manager, config->settings, TAKE_PTR(accesses));
        if (r < 0)
                return r;
        log_notice("The settings or credentials have changed; what was under way begins anew");
        return 1;
}

static bool has_failed_packages(const Manager *manager, const char *depot) {
        for (size_t i = 0; i < manager->n_runners; i++) {
                const Package *package = manager->runners[i]->package;

                if ((package->state == PACKAGE_FAILED || package->state == PACKAGE_INCOMPLETE) &&
                        package_is_wanted_by(package, depot))
                        return true;
        }
        return false;
}

/* Other settings may mend what has failed, a proxy or a key for instance: nobody waits for the next try then. */
static int retry_failed(Manager *manager) {
        int r = 0;

        for (size_t i = 0; i < manager->n_depots && r >= 0; i++)
                if (has_failed_packages(manager, manager->depots[i]->depot->name))
                        r = depot_poll(manager->depots[i],
                                &(ReconcileOptions) { .mode = RECONCILE_SYNC, .force = true });
        return r;
}

int manager_reload(Manager *manager) {
        _cleanup_(config_freep) Config *config = NULL;
        bool settings_changed = false;
        int r;

        manager_interrupt_whys(manager);
        r = config_load(manager->configuration_directories, &config);
        if (r >= 0)
                r = swap_settings(manager, config);
        settings_changed = r > 0;
        if (r >= 0)
                r = manager_configure(manager, TAKE_PTR(config));
        if (r < 0) {
                log_error("Cannot load the configuration anew: %s", strerror(-r));
                return r;
        }
        /* What is new or has changed is due at once; the others keep their timers. */
        for (size_t i = 0; i < manager->n_depots && r >= 0; i++) {
                DepotState *state = manager->depots[i];

                if (!state->changed)
                        continue;
                state->changed = false;
                r = depot_poll(state, &(ReconcileOptions) { .mode = RECONCILE_SYNC });
        }
        /* Settings say what the documents of the store look like, too. */
        if (r >= 0 && settings_changed)
                r = manager_request(manager, &(ReconcileOptions) { .mode = RECONCILE_CHECK }, NULL, NULL,
                        NULL, NULL, NULL);
        if (r >= 0 && settings_changed)
                r = retry_failed(manager);
        manager_schedule_recheck(manager);
        manager_tidy(manager);
        log_entry(LOG_NOTICE, MESSAGE_RELOADED, NULL,
                "The configuration was loaded anew: %zu depots, %zu problems", manager->n_depots,
                manager->config->n_problems);
        if (manager->listener)
                manager->listener(
                        &(ManagerEvent) { .type = MANAGER_EVENT_RELOAD }, manager->listener_userdata);
        return r;
}

/* Reading */

size_t manager_n_depots(const Manager *manager) {
        return manager->n_depots;
}

const DepotState *manager_depot(const Manager *manager, size_t i) {
        return manager->depots[i];
}

DepotState *manager_find_depot(const Manager *manager, const char *name) {
        for (size_t i = 0; i < manager->n_depots; i++)
                if (streq(manager->depots[i]->depot->name, name))
                        return manager->depots[i];
        return NULL;
}

size_t manager_n_packages(const Manager *manager) {
        return manager->n_runners;
}

const Package *manager_package(const Manager *manager, size_t i) {
        return manager->runners[i]->package;
}

bool package_is_wanted_by(const Package *package, const char *depot) {
        for (size_t i = 0; i < package->n_wants; i++)
                if (streq(package->wants[i].depot->name, depot))
                        return true;
        return false;
}

const Budgets *manager_budgets(const Manager *manager) {
        return manager->budgets;
}

const ConfigProblem *manager_problems(const Manager *manager, size_t *ret_n) {
        *ret_n = manager->config->n_problems;
        return manager->config->problems;
}

static unsigned count_active(const Manager *manager) {
        unsigned n = 0;

        for (size_t i = 0; i < manager->n_runners; i++)
                n += manager->runners[i]->running || runner_is_waiting(manager->runners[i]);
        return n;
}

ManagerNumbers manager_numbers(const Manager *manager) {
        return (ManagerNumbers) {
                .started_usec = manager->started_usec,
                .loaded_usec = manager->loaded_usec,
                .packages_active = count_active(manager),
                .transfers_running = fetcher_n_running(manager->fetcher),
                .transfers_queued = fetcher_n_queued(manager->fetcher),
                .workers_running = worker_pool_n_running(manager->workers),
                .bytes_received = fetcher_bytes_received(manager->fetcher),
        };
}
