#include "manager/why.h"

#include "base/list.h"
#include "manager/manager-private.h"

struct Why {
        Manager *manager;
        Why *previous, *next;
        char *package;
        Version *version;
        WhyDone done;
        void *userdata;

        size_t next_runner; /* to be looked at */
        Listing *listing;
        Explanation **explanations;
        size_t n_explanations;
        int error;
};

static void forget_explanations(Why *why) {
        for (size_t i = 0; i < why->n_explanations; i++)
                explanation_free(why->explanations[i]);
        free(why->explanations);
        why->explanations = NULL;
        why->n_explanations = 0;
}

/* The first question goes on. */
static void wake(Manager *manager) {
        if (manager->whys && manager->why_wake)
                (void) sd_event_source_set_enabled(manager->why_wake, SD_EVENT_ONESHOT);
}

Why *why_cancel(Why *why) {
        Manager *manager;

        if (!why)
                return NULL;
        manager = why->manager;
        if (why->previous)
                why->previous->next = why->next;
        else
                manager->whys = why->next;
        if (why->next)
                why->next->previous = why->previous;
        listing_cancel(why->listing);
        forget_explanations(why);
        free(why->package);
        version_free(why->version);
        free(why);
        wake(manager);
        return NULL;
}

void manager_interrupt_whys(Manager *manager) {
        Why *first = manager->whys;

        if (!first)
                return;
        first->listing = listing_cancel(first->listing);
        forget_explanations(first);
        first->next_runner = 0;
        wake(manager);
}

void manager_free_whys(Manager *manager) {
        while (manager->whys)
                why_cancel(manager->whys);
        manager->why_wake = sd_event_source_disable_unref(manager->why_wake);
}

static void explain(Why *why, const Package *package, const ReleaseList *releases) {
        const JobContext *context = &why->manager->context;
        Explanation *explanation = NULL;
        int r;

        r = explain_version(
                &(ExplainInput) {
                        .package = package,
                        .settings = context->settings,
                        .keys = context->keys,
                        .releases = releases,
                        .version = why->version,
                },
                &explanation);
        if (r >= 0)
                r = LIST_APPEND(why->explanations, why->n_explanations, explanation);
        if (r < 0) {
                explanation_free(explanation);
                why->error = r;
        }
        wake(why->manager);
}

static void on_listed(ListingResult *result, void *userdata) {
        Why *why = userdata;

        why->listing = NULL;
        explain(why, why->manager->runners[why->next_runner - 1]->package, result->releases);
}

static int look_at(Why *why, const Package *package) {
        const JobContext *context = &why->manager->context;
        const char *api_url = package_api_url(package, context->settings);

        if (package->problem || !api_url) {
                explain(why, package, NULL);
                return 0;
        }
        return listing_start(NULL, context->listings,
                &(ListingRequest) {
                        .source = &package->source,
                        .api_url = api_url,
                        .access = package_access(package, context->accesses),
                        .cached = true,
                        .done = on_listed,
                        .userdata = why,
                },
                &why->listing);
}

static void finish(Why *why) {
        if (why->error < 0)
                forget_explanations(why);
        why->done(why->error, why->explanations, why->n_explanations, why->userdata);
        why_cancel(why);
}

static int on_wake(sd_event_source *source, void *userdata) {
        const Manager *manager = userdata;
        Why *why = manager->whys;

        if (!why || why->listing)
                return 0;
        while (why->error >= 0 && why->next_runner < manager->n_runners) {
                const Package *package = manager->runners[why->next_runner++]->package;

                if (!streq(package->name, why->package))
                        continue;
                why->error = look_at(why, package);
                if (why->error >= 0)
                        return 0;
        }
        finish(why);
        return 0;
}

static bool package_is_there(const Manager *manager, const char *name) {
        for (size_t i = 0; i < manager->n_runners; i++)
                if (streq(manager->runners[i]->package->name, name))
                        return true;
        return false;
}

static int add_wake(Manager *manager) {
        int r;

        if (manager->why_wake)
                return 0;
        r = sd_event_add_defer(manager->event, &manager->why_wake, on_wake, manager);
        return r < 0 ? r : sd_event_source_set_enabled(manager->why_wake, SD_EVENT_OFF);
}

int why_start(Manager *manager, const char *package, const Version *version, WhyDone done, void *userdata,
        Why **ret) {
        Why *why, *last = manager->whys;
        int r;

        if (!package_is_there(manager, package))
                return -ENOENT;
        r = add_wake(manager);
        if (r < 0)
                return r;
        why = calloc(1, sizeof(Why));
        if (!why)
                return -ENOMEM;
        *why = (Why) { .manager = manager, .done = done, .userdata = userdata };
        while (last && last->next)
                last = last->next;
        why->previous = last;
        if (last)
                last->next = why;
        else
                manager->whys = why;
        r = string_assign(&why->package, package);
        if (r >= 0)
                r = version_parse(version_string(version), &why->version);
        if (r < 0) {
                why_cancel(why);
                return r;
        }
        wake(manager);
        *ret = why;
        return 0;
}
