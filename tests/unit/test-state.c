/* What the manager keeps across a restart. */
#include <curl/curl.h>
#include <fcntl.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "config-files.h"
#include "loop.h"
#include "manager/manager-private.h"

#define HOUR (60 * USEC_PER_MINUTE)

static sd_event *event;
static int state_fd;

static Manager *new_manager_of(size_t n_depots, size_t n_packages) {
        _cleanup_free_ char *configuration = below("conf"), *state = below("state");
        char *directories[] = { configuration, NULL };
        Manager *manager = NULL;

        check_int(manager_new(event,
                          &(ManagerOptions) {
                                  .configuration_directories = directories,
                                  .state_directory = state,
                                  .worker = "/nonexistent/opendepot-worker",
                          },
                          &manager),
                0);
        check_int(manager_n_depots(manager), n_depots);
        check_int(manager_n_packages(manager), n_packages);
        return manager;
}

static Manager *new_manager(void) {
        return new_manager_of(2, 2);
}

static DepotState *find_depot(const Manager *manager, const char *name) {
        DepotState *state = manager_find_depot(manager, name);

        check(state);
        return state;
}

static Package *find_package(const Manager *manager, const char *name) {
        for (size_t i = 0; i < manager->n_runners; i++)
                if (streq(manager->runners[i]->package->name, name))
                        return manager->runners[i]->package;
        check(!"the package");
        return NULL;
}

/* As if there were no state: everything is due, nothing has failed. */
static void check_fresh(const Manager *manager) {
        for (size_t i = 0; i < manager->n_depots; i++)
                check(manager->depots[i]->next_poll_usec == 0);
        for (size_t i = 0; i < manager->n_runners; i++) {
                const Package *package = manager->runners[i]->package;

                check(package->attempts == 0 && package->next_try_usec == 0 && package->n_statuses == 0);
                check(package->recheck_usec == 0 && package->recheck_not_before_usec == 0 &&
                        !package->recheck_next);
                check_int(package->state, PACKAGE_UNKNOWN);
        }
}

static void write_state(const char *text) {
        check_int(fs_write_file_durably(state_fd, "state.json", text, strlen(text), 0644), 0);
}

static void write_depots(const char *interval) {
        _cleanup_free_ char *text = text_format(
                "apiVersion: opendepot.defdev.io/v1alpha1\nkind: Depot\nmetadata: {name: timed}\n"
                "spec:\n  providerConfigs:\n  - {name: aws, operatingSystems: [linux], architectures: "
                "[amd64]}\n"
                "%s---\n"
                "apiVersion: opendepot.defdev.io/v1alpha1\nkind: Depot\nmetadata: {name: once}\n"
                "spec:\n  providerConfigs:\n  - {name: random, operatingSystems: [linux], architectures: "
                "[amd64]}\n",
                interval);

        write_text("conf/conf.d/a.yaml", text);
}

/* Saves what a daemon may have come to, and gives it back to the next one. */
static void save(const Manager *manager) {
        _cleanup_free_ char *text = manager_format_state(manager);

        check(text);
        manager_write_state(manager, text);
}

static void test_round_trip(void) {
        uint64_t now = clock_realtime_usec();
        Manager *manager = new_manager();
        Package *package = find_package(manager, "hashicorp/aws");
        VersionStatus *status;

        check_fresh(manager);
        find_depot(manager, "timed")->last_poll_usec = now - HOUR;
        find_depot(manager, "timed")->next_poll_usec = now + HOUR / 2;
        find_depot(manager, "once")->last_poll_usec = now - 2 * HOUR;
        package->state = PACKAGE_FAILED;
        check_int(string_assign(&package->reason, "HTTP 503, \"quoted\" \xc3\xa4"), 0);
        package->attempts = 4;
        package->last_check_usec = now - 5;
        package->next_try_usec = now + HOUR / 4;
        package->recheck_usec = now - 3 * HOUR;
        package->recheck_not_before_usec = now + HOUR / 6;
        check_int(string_assign(&package->recheck_next, "5.1.0"), 0);
        status = package_set_status(package, "5.0.0", VERSION_FAILED, "digest mismatch");
        status->attempts = 2;
        status->next_try_usec = now + HOUR / 3;
        check(package_set_status(package, "6.0.0", VERSION_FETCHING, NULL));
        save(manager);
        manager_free(manager);

        manager = new_manager();
        check_int(find_depot(manager, "timed")->last_poll_usec, now - HOUR);
        check_int(find_depot(manager, "timed")->next_poll_usec, now + HOUR / 2);
        check_int(find_depot(manager, "once")->last_poll_usec, now - 2 * HOUR);
        check_int(find_depot(manager, "once")->next_poll_usec, 0);
        package = find_package(manager, "hashicorp/aws");
        check_int(package->state, PACKAGE_FAILED);
        check_string(package->reason, "HTTP 503, \"quoted\" \xc3\xa4");
        check_int(package->attempts, 4);
        check_int(package->last_check_usec, now - 5);
        check_int(package->next_try_usec, now + HOUR / 4);
        check_int(package->recheck_usec, now - 3 * HOUR);
        check_int(package->recheck_not_before_usec, now + HOUR / 6);
        check_string(package->recheck_next, "5.1.0");
        check(!find_package(manager, "hashicorp/random")->recheck_next);
        /* What was under way has not failed. */
        check_int(package->n_statuses, 1);
        status = package_find_status(package, "5.0.0");
        check(status && status->state == VERSION_FAILED && status->attempts == 2);
        check_string(status->reason, "digest mismatch");
        check_int(status->next_try_usec, now + HOUR / 3);
        check_int(find_package(manager, "hashicorp/random")->n_statuses, 0);
        manager_free(manager);
}

/* A document that has changed is due at once. */
static void test_changed(void) {
        uint64_t now = clock_realtime_usec();
        Manager *manager = new_manager();

        find_depot(manager, "timed")->last_poll_usec = now - HOUR;
        find_depot(manager, "timed")->next_poll_usec = now + HOUR / 2;
        save(manager);
        manager_free(manager);

        write_depots("  pollingIntervalMinutes: 61\n");
        manager = new_manager();
        check_int(find_depot(manager, "timed")->next_poll_usec, 0);
        check_int(find_depot(manager, "timed")->last_poll_usec, now - HOUR);
        manager_free(manager);
        write_depots("  pollingIntervalMinutes: 60\n");
}

/* A clock that was wrong when the state was written stops nothing for ever. */
static void test_far_future(void) {
        uint64_t now = clock_realtime_usec();
        Manager *manager = new_manager();
        Package *package = find_package(manager, "hashicorp/aws");
        VersionStatus *status = package_set_status(package, "5.0.0", VERSION_FAILED, "why");

        find_depot(manager, "timed")->last_poll_usec = now;
        find_depot(manager, "timed")->next_poll_usec = now + 1000 * HOUR;
        package->state = PACKAGE_FAILED;
        package->attempts = 1;
        package->next_try_usec = now + 1000 * HOUR;
        package->recheck_usec = package->recheck_not_before_usec = now + 1000 * HOUR;
        status->next_try_usec = UINT64_MAX;
        save(manager);
        manager_free(manager);

        manager = new_manager();
        now = clock_realtime_usec();
        package = find_package(manager, "hashicorp/aws");
        check(find_depot(manager, "timed")->next_poll_usec <= now + 2 * HOUR);
        check(package->next_try_usec <= now + 12 * HOUR);
        check(package->recheck_usec <= now && package->recheck_not_before_usec <= now + 12 * HOUR);
        check(package_find_status(package, "5.0.0")->next_try_usec <= now + 12 * HOUR);
        manager_free(manager);
}

/* As if the clock had been an hour ahead while all this was noted: what waits does not wait the longer. */
static void note_with_clock_ahead(Manager *manager) {
        Package *package = find_package(manager, "hashicorp/aws");
        uint64_t now = clock_realtime_usec() + HOUR;
        VersionStatus *status;
        Budget *budget = budgets_get(manager->budgets, "api.github.com");

        check(budget);
        budget->used = true;
        budget->limit = 60;
        budget->reset_usec = now + HOUR / 2;
        find_depot(manager, "timed")->last_poll_usec = now;
        find_depot(manager, "timed")->next_poll_usec = now + HOUR / 2;
        package->state = PACKAGE_FAILED;
        package->attempts = 1;
        package->next_try_usec = now + USEC_PER_MINUTE;
        package->recheck_usec = now - HOUR;
        package->recheck_not_before_usec = now + USEC_PER_MINUTE;
        status = package_set_status(package, "5.0.0", VERSION_FAILED, "why");
        status->attempts = 1;
        status->next_try_usec = now + USEC_PER_MINUTE;
        status = package_set_status(package, "6.0.0", VERSION_HELD, "too young");
        status->next_try_usec = now + 10 * HOUR;
}

/* Two clocks are not read in one instant. */
static void check_delays(const Manager *manager, uint64_t noted_usec, uint64_t due_usec) {
        Package *package = find_package(manager, "hashicorp/aws");
        uint64_t before_usec = noted_usec - USEC_PER_SEC, now = clock_realtime_usec() + USEC_PER_SEC;

        check(find_depot(manager, "timed")->next_poll_usec >= before_usec + HOUR / 2);
        check(find_depot(manager, "timed")->next_poll_usec <= now + HOUR / 2);
        check(package->next_try_usec >= before_usec + USEC_PER_MINUTE);
        check(package->next_try_usec <= now + USEC_PER_MINUTE);
        check(package->recheck_usec >= before_usec - HOUR && package->recheck_usec <= now - HOUR);
        check(package->recheck_not_before_usec >= before_usec + USEC_PER_MINUTE);
        check(package->recheck_not_before_usec <= now + USEC_PER_MINUTE);
        check(package_find_status(package, "5.0.0")->next_try_usec <= now + USEC_PER_MINUTE);
        check_int(package_find_status(package, "6.0.0")->next_try_usec, due_usec);
        check(budgets_get(manager->budgets, "api.github.com")->reset_usec <= now + HOUR / 2);
}

static void test_clock_set(void) {
        static const char stamp[] = "\"savedAt\":";
        Manager *manager = new_manager();
        uint64_t before = clock_realtime_usec(), due;
        _cleanup_free_ char *text = NULL, *later = NULL;
        const char *at;

        note_with_clock_ahead(manager);
        due = package_find_status(find_package(manager, "hashicorp/aws"), "6.0.0")->next_try_usec;
        text = manager_format_state(manager);
        manager->clock_offset_usec += HOUR;
        manager_check_clock(manager);
        check_delays(manager, before, due);
        /* Once. */
        manager_check_clock(manager);
        check_delays(manager, before, due);
        manager_free(manager);

        at = text ? strstr(text, stamp) : NULL;
        check(at);
        at += strlen(stamp);
        before = clock_realtime_usec();
        later = text_format("%.*s%llu%s", (int) (at - text), text, (unsigned long long) (before + HOUR),
                at + strspn(at, "0123456789"));
        write_state(later);
        manager = new_manager();
        check_delays(manager, before - USEC_PER_MINUTE, due);
        manager_free(manager);
}

/* Since when a version is seen moves with the clock that said it; what was seen by another clock before stays. */
static void test_clock_set_and_first_seen(void) {
        static const char listed[] = "[{\"tag\": \"2.0.0\"}, {\"tag\": \"1.0.0\"}]";
        _cleanup_(json_unrefp) json_object *array = json_tokener_parse(listed);
        _cleanup_(release_list_freep) ReleaseList *list = NULL;
        Manager *manager = new_manager();
        Package *package = find_package(manager, "hashicorp/aws");
        uint64_t now = clock_realtime_usec() / USEC_PER_SEC * USEC_PER_SEC;

        check_int(release_list_from_json(array, &list), 0);
        check_int(record_new(PACKAGE_PROVIDER, "hashicorp/aws", NULL, &package->record), 0);
        list->n_releases = 1;
        check_int(record_note_seen(package->record, list, now + HOUR), 1);
        list->n_releases = 2;
        check_int(record_note_seen(package->record, list, now + HOUR), 1);
        package->record->seen[1].seen_usec = now - HOUR;
        manager->clock_offset_usec += HOUR;
        manager_check_clock(manager);
        check(package->seen_moved);
        check(package->record->seen[0].seen_usec >= now - USEC_PER_SEC &&
                package->record->seen[0].seen_usec <= clock_realtime_usec());
        check_int(package->record->seen[1].seen_usec, now - HOUR);
        manager_free(manager);
}

/* Whatever is not right is as if it were not there; the rest holds. */
static void test_damaged(void) {
        static const char *const texts[] = {
                "",
                "{",
                "null",
                "[]",
                "{}",
                "\"x\"",
                "{\"depots\": [], \"packages\": {}}",
                "{\"depots\": null, \"packages\": null}",
                "{\"depots\": {\"timed\": null, \"once\": 5}, \"packages\": [null, 1, [], {}]}",
                "{\"depots\": {\"timed\": {\"lastPoll\": \"now\", \"nextPoll\": 5}}}",
                "{\"depots\": {\"timed\": {\"lastPoll\": 1, \"nextPoll\": 9, \"digest\": \"other\"}}}",
                "{\"depots\": {\"timed\": {\"lastPoll\": -1, \"nextPoll\": -1, \"digest\": 7}}}",
                "{\"packages\": [{\"name\": \"hashicorp/aws\"}]}",
                "{\"packages\": [{\"name\": \"hashicorp/aws\", \"store\": \"s3:b\", \"attempts\": 3}]}",
                "{\"packages\": [{\"name\": \"hashicorp/none\", \"store\": \"x\", \"attempts\": 3}]}",
                "{\"packages\": [{\"name\": 1, \"store\": []}]}",
        };
        _cleanup_free_ char *store = below("state/store"), *text = NULL;
        Manager *manager;
        Package *package;
        int fd;

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                write_state(texts[i]);
                manager = new_manager();
                check_fresh(manager);
                manager_free(manager);
        }

        text = text_format(
                "{\"packages\": [{\"name\": \"hashicorp/aws\", \"store\": \"fileSystem:%s\", "
                "\"attempts\": 99999999999999, \"nextTry\": \"soon\", \"reason\": 5, \"recheck\": -1, "
                "\"recheckNext\": \"v1.0\", \"recheckNotBefore\": \"x\", \"versions\": {"
                "\"1.0.0\": {\"attempts\": 18446744073709551615, \"reason\": \"why\"}, \"2.0.0\": null, "
                "\"3.0.0\": {\"attempts\": \"x\"}, \"4.0.0\": [], \"5.0.0\": {\"nextTry\": -1}, \"latest\": "
                "{\"attempts\": 1}, "
                "\"v1.1.0\": {\"attempts\": 1}, \"1.2\": {\"attempts\": 1}}}]}",
                store);
        write_state(text);
        manager = new_manager();
        package = find_package(manager, "hashicorp/aws");
        check_int(package->attempts, 1000);
        check_int(package->next_try_usec, 0);
        check(package->recheck_usec == 0 && !package->recheck_next && package->recheck_not_before_usec == 0);
        check_int(package->n_statuses, 1);
        check_int(package_find_status(package, "1.0.0")->attempts, 1000);
        check_string(package_find_status(package, "1.0.0")->reason, "why");
        manager_free(manager);

        /* Larger than any state. */
        fd = openat(state_fd, "state.json", O_WRONLY | O_CLOEXEC);
        check(fd >= 0 && ftruncate(fd, 17 * MIB) >= 0);
        close_fd(fd);
        manager = new_manager();
        check_fresh(manager);
        manager_free(manager);
        /* And no file at all. */
        check(unlinkat(state_fd, "state.json", 0) >= 0 && mkdirat(state_fd, "state.json", 0755) >= 0);
        manager = new_manager();
        check_fresh(manager);
        save(manager);
        manager_free(manager);
        check(unlinkat(state_fd, "state.json", AT_REMOVEDIR) >= 0);
}

/* What service discovery said is known before it is asked again, for the registry that said it. */
static void test_services(void) {
        static const char *const services[] = { "https://registry.acme.example/v1/providers/",
                "https://registry.acme.example/v1/providers/?key=secret",
                "https://registry.acme.example/v1/providers/index" };
        _cleanup_free_ char *path = below("conf/conf.d/b.yaml");
        Manager *manager;

        write_text("conf/conf.d/b.yaml",
                "apiVersion: opendepot.defdev.io/v1alpha1\nkind: Depot\nmetadata: {name: registries}\n"
                "spec:\n  providerConfigs:\n"
                "  - {name: thing, namespace: acme, registry: registry.acme.example}\n"
                "  - {name: other, namespace: acme, registry: registry.acme.example}\n"
                "  - {name: thing, namespace: acme, registry: registry.example.org}\n");
        for (size_t i = 0; i < ELEMENTSOF(services); i++) {
                _cleanup_free_ char *text = NULL;

                manager = new_manager_of(3, 5);
                check_int(string_assign(
                                  &find_package(manager, "registry.acme.example/acme/thing")->providers_url,
                                  services[i]),
                        0);
                text = manager_format_state(manager);
                check(text && !strstr(text, "secret"));
                manager_write_state(manager, text);
                manager_free(manager);

                manager = new_manager_of(3, 5);
                check_string(find_package(manager, "registry.acme.example/acme/thing")->providers_url,
                        services[0]);
                check_string(find_package(manager, "registry.acme.example/acme/other")->providers_url,
                        services[0]);
                check(!find_package(manager, "registry.example.org/acme/thing")->providers_url);
                check(!find_package(manager, "hashicorp/aws")->providers_url);
                manager_free(manager);
        }

        write_state("{\"services\": {\"https://registry.acme.example\": \"file:///etc/passwd\", "
                    "\"https://registry.example.org\": \"http://registry.example.org/\"}}");
        manager = new_manager_of(3, 5);
        check(!find_package(manager, "registry.acme.example/acme/thing")->providers_url);
        check(!find_package(manager, "registry.example.org/acme/thing")->providers_url);
        manager_free(manager);
        check(unlink(path) >= 0);
}

/* A poll that is under way has not been: it begins anew at the next start. */
static void test_interrupted_poll(void) {
        Manager *manager = new_manager();
        _cleanup_(json_unrefp) json_object *state = NULL;
        _cleanup_free_ char *data = NULL;
        json_object *depots, *depot;
        uint64_t next = 42;
        size_t size;

        find_depot(manager, "timed")->last_poll_usec = clock_realtime_usec();
        check_int(manager_start(manager), 0);
        check(find_depot(manager, "timed")->poll);
        check(sd_event_run(event, 0) >= 0);
        manager_free(manager);
        check_int(fs_read_file(state_fd, "state.json", MIB, &data, &size), 0);
        check_int(json_parse(data, size, &state, NULL), 0);
        check_int(json_get_object(state, "depots", &depots), 1);
        check_int(json_get_object(depots, "timed", &depot), 1);
        check_int(json_get_uint64(depot, "nextPoll", &next), 1);
        check_int(next, 0);
}

int main(void) {
        _cleanup_free_ char *state = NULL;

        check_int(curl_global_init(CURL_GLOBAL_DEFAULT), CURLE_OK);
        log_set_max_level(LOG_CRIT);
        directory_make();
        event = loop_new();
        write_text("conf/opendepot.yaml",
                "upstream:\n  github: {apiUrl: 'http://127.0.0.1:1', webUrl: 'http://127.0.0.1:1'}\n"
                "  hashicorp: {apiUrl: 'http://127.0.0.1:1', releasesUrl: 'http://127.0.0.1:1'}\n");
        write_depots("  pollingIntervalMinutes: 60\n");
        state = below("state");
        state_fd = fs_open_root(state, true);
        check(state_fd >= 0);

        test_round_trip();
        test_changed();
        test_far_future();
        test_clock_set();
        test_clock_set_and_first_seen();
        test_damaged();
        test_services();
        test_interrupted_poll();

        close_fd(state_fd);
        sd_event_unref(event);
        directory_remove();
        curl_global_cleanup();
        return EXIT_SUCCESS;
}
