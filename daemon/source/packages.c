#include "source/packages.h"

#include "base/list.h"
#include "base/text.h"

typedef struct Question {
        Packages *packages;
        const char *platform;
        Transfer *transfer;
} Question;

struct Packages {
        PackagesDone done;
        void *userdata;
        Question *questions;
        PackagesAnswer *answers;
        size_t n_platforms, n_answered;
};

Packages *packages_cancel(Packages *packages) {
        if (!packages)
                return NULL;
        for (size_t i = 0; packages->questions && i < packages->n_platforms; i++)
                transfer_cancel(packages->questions[i].transfer);
        for (size_t i = 0; packages->answers && i < packages->n_platforms; i++) {
                registry_package_clear(&packages->answers[i].package);
                free(packages->answers[i].error);
        }
        free(packages->questions);
        free(packages->answers);
        free(packages);
        return NULL;
}
DEFINE_CLEANUP(Packages *, packages_cancel)

static void read_answer(const FetchResponse *response, const char *platform, PackagesAnswer *answer) {
        _cleanup_free_ char *error = NULL;
        int r;

        if (response->result != FETCH_OK) {
                answer->refused = fetch_result_is_final(response->result);
                answer->not_before_usec = response->not_before_usec;
                text_set(&answer->error, "%s", strempty(response->error));
                return;
        }
        r = registry_parse_package(strempty(response->body->data), response->body->size, response->url,
                platform, &answer->package, &error);
        if (r < 0) {
                answer->refused = r != -ENOMEM;
                text_set(&answer->error, "the registry's answer for %s: %s", platform,
                        error ? error : strerror(-r));
        }
}

static void on_answer(const FetchResponse *response, void *userdata) {
        Question *question = userdata;
        Packages *packages = question->packages;

        question->transfer = NULL;
        read_answer(response, question->platform, &packages->answers[question - packages->questions]);
        if (++packages->n_answered == packages->n_platforms)
                packages->done(packages->answers, packages->n_platforms, packages->userdata);
}

static int ask(Fetcher *fetcher, const PackagesRequest *request, Question *question) {
        _cleanup_free_ char *url = registry_package_url(request->providers_url, request->provider_namespace,
                request->type, request->version, question->platform);

        if (!url)
                return -ENOMEM;
        return fetcher_start(fetcher,
                &(FetchRequest) {
                        .url = url,
                        .accept = "application/json",
                        .size_max = request->document_size_max,
                        .bearer = request->token,
                        .on_done = on_answer,
                        .userdata = question,
                },
                &question->transfer);
}

int packages_start(Fetcher *fetcher, const PackagesRequest *request, Packages **ret) {
        _cleanup_(packages_cancelp) Packages *packages = calloc(1, sizeof(Packages));
        size_t n = strings_length(request->platforms);
        int r;

        if (n == 0)
                return -EINVAL;
        if (!packages)
                return -ENOMEM;
        packages->done = request->done;
        packages->userdata = request->userdata;
        packages->questions = calloc(n, sizeof(Question));
        packages->answers = calloc(n, sizeof(PackagesAnswer));
        if (!packages->questions || !packages->answers)
                return -ENOMEM;
        packages->n_platforms = n;
        for (size_t i = 0; i < n; i++) {
                packages->questions[i] =
                        (Question) { .packages = packages, .platform = request->platforms[i] };
                r = ask(fetcher, request, &packages->questions[i]);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(packages);
        return 0;
}
