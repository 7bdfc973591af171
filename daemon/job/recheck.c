#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "job/recheck-private.h"

/* What does not answer is left alone for so long, and left out for this pass after so many tries. */
#define PAUSE_USEC (10 * USEC_PER_MINUTE)
#define TRIES_MAX 3U

uint64_t recheck_due(const Package *package, const Settings *settings) {
        uint64_t interval = settings->recheck_interval_usec;

        return interval == 0 ? USEC_INFINITY
                             : MAX_OF(package->recheck_usec + interval, package->recheck_not_before_usec);
}

static Recheck *recheck_free(Recheck *recheck) {
        if (!recheck)
                return NULL;
        listing_cancel(recheck->listing);
        if (recheck->asking_services)
                services_forget(recheck->context->services, recheck);
        packages_cancel(recheck->packages);
        transfer_cancel(recheck->transfer);
        sd_event_source_disable_unref(recheck->deferred);
        release_list_free(recheck->releases);
        buffer_clear(&recheck->answer);
        free(recheck->shasums_url);
        free(recheck->signature_url);
        free(recheck->next);
        free(recheck);
        return NULL;
}

Recheck *recheck_cancel(Recheck *recheck) {
        if (!recheck)
                return NULL;
        if (!recheck->reading)
                return recheck_free(recheck);
        recheck->cancelled = true;
        recheck->deferred = sd_event_source_disable_unref(recheck->deferred);
        return NULL;
}

static int on_deferred(sd_event_source *source, void *userdata) {
        Recheck *recheck = userdata;
        RecheckOutcome outcome = recheck->outcome;
        RecheckDone done = recheck->done;
        void *done_userdata = recheck->userdata;
        _cleanup_free_ char *next = NULL;

        if (!recheck->finished) {
                recheck_look_at_next(recheck);
                return 0;
        }
        outcome.next = next = TAKE_PTR(recheck->next);
        recheck_free(recheck);
        done(&outcome, done_userdata);
        return 0;
}

void recheck_go_on(Recheck *recheck) {
        (void) sd_event_source_set_enabled(recheck->deferred, SD_EVENT_ONESHOT);
}

void recheck_finish(Recheck *recheck, int error) {
        recheck->finished = true;
        recheck->outcome.error = error;
        (void) sd_event_source_set_enabled(recheck->deferred, SD_EVENT_ONESHOT);
}

void recheck_finish_pass(Recheck *recheck) {
        recheck->outcome.ended = true;
        recheck_finish(recheck, 0);
}

void recheck_stop(Recheck *recheck) {
        recheck->stopping = true;
        /* The store answers soon. */
        if (recheck->reading)
                return;
        recheck->listing = listing_cancel(recheck->listing);
        if (recheck->asking_services)
                services_forget(recheck->context->services, recheck);
        recheck->asking_services = false;
        recheck->packages = packages_cancel(recheck->packages);
        recheck->transfer = transfer_cancel(recheck->transfer);
        recheck_finish(recheck, recheck->outcome.error);
}

void recheck_pause(Recheck *recheck, FetchResult result, uint64_t not_before_usec, const char *message,
        const char *next) {
        bool skip = fetch_result_is_final(result) ||
                    (result != FETCH_RATE_LIMITED && recheck->package->recheck_tries + 1 >= TRIES_MAX);
        int r = 0;

        log_debug("%s: what is published is not compared with upstream now: %s", recheck->package->name,
                strempty(message));
        recheck->outcome.not_before_usec = MAX_OF(not_before_usec, clock_realtime_usec() + PAUSE_USEC);
        if (skip && !next)
                recheck->outcome.ended = true;
        else if (skip)
                r = string_assign(&recheck->next, next);
        recheck_finish(recheck, r);
}

/* Returns whether to go on. */
static bool take_note(Recheck *recheck, int r) {
        if (r < 0) {
                recheck_finish(recheck, r);
                return false;
        }
        recheck->outcome.changed = recheck->outcome.changed || r > 0;
        return true;
}

bool recheck_note(Recheck *recheck, const char *kind, const char *detail) {
        return take_note(
                recheck, detail ? drift_note(recheck->drift, recheck->version, kind, detail) : -ENOMEM);
}

bool recheck_forget(Recheck *recheck, const char *kind) {
        return take_note(recheck, drift_forget(recheck->drift, recheck->version, kind));
}

/* Modules */

static void on_tags(ListingResult *result, void *userdata) {
        Recheck *recheck = userdata;
        const Record *record = recheck->package->record;

        recheck->listing = NULL;
        recheck->outcome.n_asked = 1;
        if (result->fetch != FETCH_OK) {
                recheck_pause(recheck, result->fetch, result->not_before_usec, result->message, NULL);
                return;
        }
        for (size_t i = 0; i < record->n_versions; i++) {
                RecordVersion *version = record->versions[i];
                const Release *release = release_list_find(result->releases, version->version);

                if (version->state != VERSION_PRUNING &&
                        !take_note(recheck, drift_compare_commit(recheck->drift, version, release)))
                        return;
        }
        recheck_finish_pass(recheck);
}

static int list_tags(Recheck *recheck) {
        const JobContext *context = recheck->context;
        const Package *package = recheck->package;
        Source source = package->source;

        source.tags = true;
        return listing_start(context->fetcher, context->listings,
                &(ListingRequest) {
                        .source = &source,
                        .api_url = package_api_url(package, context->settings),
                        .access = package_access(package, context->accesses),
                        .page_size_max = context->settings->document_size_max,
                        .leave_half = true,
                        .done = on_tags,
                        .userdata = recheck,
                },
                &recheck->listing);
}

int recheck_start(const JobContext *context, Drift *drift, Package *package, RecheckDone done,
        void *userdata, Recheck **ret) {
        Recheck *recheck = calloc(1, sizeof(Recheck));
        int r;

        if (!recheck)
                return -ENOMEM;
        *recheck = (Recheck) {
                .context = context,
                .package = package,
                .drift = drift,
                .done = done,
                .userdata = userdata,
        };
        r = string_assign(&recheck->next, package->recheck_next);
        if (r >= 0)
                r = sd_event_add_defer(context->event, &recheck->deferred, on_deferred, recheck);
        if (r >= 0)
                r = sd_event_source_set_enabled(recheck->deferred, SD_EVENT_OFF);
        if (r >= 0 && package->kind == PACKAGE_PROVIDER)
                r = recheck_provider_start(recheck);
        else if (r >= 0 && !package->source.tags)
                r = list_tags(recheck);
        else if (r >= 0)
                /* Each poll says all that there is to know. */
                recheck_finish_pass(recheck);
        if (r < 0) {
                recheck_free(recheck);
                return r;
        }
        *ret = recheck;
        return 0;
}
