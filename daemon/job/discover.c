/* Upstream is asked for its releases, and the plan is made from them. */

#include "base/clock.h"
#include "base/text.h"
#include "job/reconcile-private.h"

/* How often upstream is asked for its releases before it is told that they change while they are read. */
#define LISTINGS_MAX 4U

int reconcile_make_plan(Reconcile *reconcile, bool assume_added, Plan **ret) {
        return package_make_plan(reconcile->package, reconcile->context->settings,
                &(PlanInput) {
                        .releases = reconcile->releases,
                        .force = reconcile->force,
                        .only = reconcile->only,
                        .now = reconcile->now,
                        .assume_added = assume_added,
                },
                ret);
}

/* Before the plan, which counts from then. */
static int note_seen(Reconcile *reconcile) {
        Package *package = reconcile->package;
        bool first = !package->record;
        int r = 0;

        if (reconcile->mode != RECONCILE_SYNC)
                return 0;
        reconcile->seen_changed = TAKE_GENERIC(package->seen_moved, false);
        if (!package_has_minimum_age(package, reconcile->context->settings))
                return 0;
        if (first)
                r = record_new(package->kind, package->name, package->source_name, &package->record);
        if (r >= 0)
                r = record_note_seen(package->record, reconcile->releases, clock_realtime_usec());
        /* One that the store does not have is none. */
        if (first && r == 0)
                package->record = record_free(package->record);
        reconcile->seen_changed = reconcile->seen_changed || r > 0;
        return r;
}

static bool version_is_known(const Reconcile *reconcile) {
        return release_list_find(reconcile->releases, reconcile->only) ||
               (reconcile->package->record && record_find(reconcile->package->record, reconcile->only));
}

static int list_releases(Reconcile *reconcile);

/* GitHub numbers its pages: when a release goes while they are read, the first of the next page moves onto one that was read
 * already, and is seen on neither. So what is missed counts only when two listings in a row miss it. Returns true when that is
 * still to be found out, or never will be. */
static bool is_in_doubt(Reconcile *reconcile, ListingResult *result) {
        int r;

        if (reconcile->package->source.kind != SOURCE_GITHUB || result->n_pages == 1 ||
                !reconcile_misses_any(reconcile, result->releases, reconcile->doubted))
                return false;
        release_list_free(reconcile->doubted);
        reconcile->doubted = TAKE_PTR(result->releases);
        if (reconcile->n_listings >= LISTINGS_MAX) {
                reconcile_fail(reconcile, false, 0, "the releases change while they are read, page by page");
                return true;
        }
        r = list_releases(reconcile);
        if (r < 0)
                reconcile_fail_locally(reconcile, "cannot ask upstream", r);
        return true;
}

static void on_listed(ListingResult *result, void *userdata) {
        Reconcile *reconcile = userdata;
        Package *package = reconcile->package;
        const JobContext *context = reconcile->context;
        int r;

        reconcile->listing = NULL;
        package->last_check_usec = clock_realtime_usec();
        if (result->fetch != FETCH_OK) {
                reconcile_fail(reconcile, fetch_result_is_final(result->fetch), result->not_before_usec,
                        strempty(result->message));
                return;
        }
        if (is_in_doubt(reconcile, result))
                return;
        reconcile->releases = TAKE_PTR(result->releases);
        reconcile->doubted = release_list_free(reconcile->doubted);
        if (reconcile->only && !version_is_known(reconcile)) {
                reconcile->outcome.no_such_version = true;
                reconcile_succeed(reconcile);
                return;
        }

        r = note_seen(reconcile);
        if (r >= 0)
                r = reconcile_make_plan(reconcile, true, &reconcile->plan);
        if (r < 0) {
                reconcile_fail_locally(reconcile, "cannot plan", r);
                return;
        }
        context->on_event(
                &(JobEvent) { .type = JOB_EVENT_PLAN, .package = package, .plan = reconcile->plan },
                context->userdata);
        if (reconcile->mode == RECONCILE_PLAN) {
                reconcile_succeed(reconcile);
                return;
        }
        /* A version that failed and is no longer asked for has no failure to tell of. */
        if (!reconcile->only && package_keep_planned_statuses(package, reconcile->plan) < 0) {
                reconcile_fail_locally(reconcile, "cannot plan", -ENOMEM);
                return;
        }
        reconcile_note_planned(reconcile);
        reconcile_set_state(reconcile, PACKAGE_SYNCING, NULL);
        r = reconcile_mark(reconcile);
        if (r < 0)
                reconcile_fail_locally(reconcile, "cannot note what upstream says", r);
        else if (r == 0)
                reconcile_go_on(reconcile);
}

static int list_releases(Reconcile *reconcile) {
        const JobContext *context = reconcile->context;
        const Package *package = reconcile->package;

        reconcile->n_listings++;
        return listing_start(context->fetcher, context->listings,
                &(ListingRequest) {
                        .source = &package->source,
                        .api_url = package_api_url(package, context->settings),
                        .access = package_access(package, context->accesses),
                        .use_reserve = package->use_reserve,
                        .page_size_max = context->settings->document_size_max,
                        .unconditional = reconcile->force && !reconcile->doubted,
                        .done = on_listed,
                        .userdata = reconcile,
                },
                &reconcile->listing);
}

static void begin_listing(Reconcile *reconcile) {
        int r = list_releases(reconcile);

        if (r < 0)
                reconcile_fail_locally(reconcile, "cannot ask upstream", r);
}

static void on_services(const ServicesAnswer *answer, void *userdata) {
        Reconcile *reconcile = userdata;

        reconcile->asking_services = false;
        if (answer->fetch != FETCH_OK) {
                reconcile_fail(reconcile, fetch_result_is_final(answer->fetch), answer->not_before_usec,
                        strempty(answer->message));
                return;
        }
        if (string_assign(&reconcile->package->providers_url, answer->providers_url) < 0)
                reconcile_fail_locally(reconcile, "cannot ask upstream", -ENOMEM);
        else
                begin_listing(reconcile);
}

void reconcile_discover(Reconcile *reconcile) {
        const JobContext *context = reconcile->context;
        const Package *package = reconcile->package;
        int r;

        if (reconcile->mode == RECONCILE_RECHECK) {
                reconcile_recheck(reconcile);
                return;
        }
        if (reconcile->mode == RECONCILE_CHECK) {
                reconcile_go_on(reconcile);
                return;
        }
        reconcile_set_state(reconcile, PACKAGE_DISCOVERING, NULL);
        if (reconcile->force && package->kind == PACKAGE_PROVIDER)
                keys_ask_again(context->keys, package->key_namespace);
        if (package->source.kind != SOURCE_REGISTRY) {
                begin_listing(reconcile);
                return;
        }
        reconcile->asking_services = true;
        r = package_ask_services(package, context->services, context->accesses, on_services, reconcile);
        if (r < 0) {
                reconcile->asking_services = false;
                reconcile_fail_locally(reconcile, "cannot ask upstream", r);
        }
}
