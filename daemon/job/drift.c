#include "job/drift.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/message-id.h"
#include "base/text.h"

struct DriftNews {
        const RecordVersion *version; /* of the record that was given to the store */
        bool gone;
        char *detail; /* of what is gone: its kind */
};

void drift_discard(Drift *drift) {
        for (size_t i = 0; i < drift->n_news; i++)
                free(drift->news[i].detail);
        free(drift->news);
        drift->news = NULL;
        drift->n_news = 0;
}

void drift_tell(Drift *drift) {
        for (size_t i = 0; i < drift->n_news; i++) {
                const DriftNews *one = &drift->news[i];

                package_log_version(drift->package, one->version, one->gone ? LOG_NOTICE : LOG_WARNING,
                        MESSAGE_VERSION_DRIFTED,
                        one->gone ? "upstream is again what was published"
                                  : "upstream is no longer what was published, which stays as it is",
                        one->detail);
        }
        drift_discard(drift);
}

static int add_news(Drift *drift, const RecordVersion *version, bool gone, const char *detail) {
        DriftNews added = { .version = version, .gone = gone };
        int r = string_assign(&added.detail, detail);

        if (r >= 0)
                r = LIST_APPEND(drift->news, drift->n_news, added);
        if (r < 0)
                free(added.detail);
        return r < 0 ? r : 1;
}

int drift_note(Drift *drift, RecordVersion *version, const char *kind, const char *detail) {
        int r = record_version_set_drift(version, kind, clock_realtime_usec(), detail);

        if (r > 0)
                return add_news(drift, version, false, detail);
        /* As many as fit are as many as are kept. */
        return r == -E2BIG ? 0 : r;
}

int drift_forget(Drift *drift, RecordVersion *version, const char *kind) {
        return record_version_clear_drift(version, kind) ? add_news(drift, version, true, kind) : 0;
}

int drift_compare_listed(Drift *drift, RecordVersion *version, const Release *release) {
        return release ? drift_forget(drift, version, DRIFT_VANISHED)
                       : drift_note(drift, version, DRIFT_VANISHED, "upstream no longer lists it");
}

/* The record keeps whole seconds. */
static bool times_differ(uint64_t a, uint64_t b) {
        return a > 0 && b > 0 && a / USEC_PER_SEC != b / USEC_PER_SEC;
}

/* Another time than when it was brought is another release, or another commit, under the same tag. */
int drift_compare_times(Drift *drift, RecordVersion *version, const Release *release) {
        const RecordRelease *known = &version->upstream;
        char before[CLOCK_TEXT_SIZE], after[CLOCK_TEXT_SIZE];
        _cleanup_free_ char *detail = NULL;

        if (!release)
                return 0;
        if (times_differ(known->committed_usec, release->committed_usec)) {
                clock_format(known->committed_usec, before);
                clock_format(release->committed_usec, after);
                text_set(&detail, "the commit of tag %s is of %s, was of %s", strempty(release->tag), after,
                        before);
        } else if (times_differ(known->released_usec, release->created_usec)) {
                clock_format(known->released_usec, before);
                clock_format(release->created_usec, after);
                text_set(&detail, "released anew: %s, was %s", after, before);
        } else
                return drift_forget(drift, version, DRIFT_TAG);
        /* Who knows the commits has said it already. */
        if (record_version_find_drift(version, DRIFT_COMMIT))
                return 0;
        return detail ? drift_note(drift, version, DRIFT_TAG, detail) : -ENOMEM;
}

int drift_compare_commit(Drift *drift, RecordVersion *version, const Release *release) {
        _cleanup_free_ char *detail = NULL;

        if (!release || !release->commit || !version->commit)
                return 0;
        if (streq(release->commit, version->commit))
                return drift_forget(drift, version, DRIFT_COMMIT);
        /* That it has moved is known by its time. */
        if (record_version_find_drift(version, DRIFT_TAG))
                return 0;
        text_set(&detail, "tag %s is commit %s, was %s", strempty(release->tag), release->commit,
                version->commit);
        return detail ? drift_note(drift, version, DRIFT_COMMIT, detail) : -ENOMEM;
}
