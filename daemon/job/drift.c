#include "job/drift.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/message-id.h"
#include "base/text.h"

int drift_note(const Package *package, RecordVersion *version, const char *kind, const char *detail) {
        int r = record_version_set_drift(version, kind, clock_realtime_usec(), detail);

        if (r > 0)
                package_log_version(package, version, LOG_WARNING, MESSAGE_VERSION_DRIFTED,
                        "upstream is no longer what was published, which stays as it is", detail);
        /* As many as fit are as many as are kept. */
        return r == -E2BIG ? 0 : r;
}

int drift_forget(const Package *package, RecordVersion *version, const char *kind) {
        if (!record_version_clear_drift(version, kind))
                return 0;
        package_log_version(package, version, LOG_NOTICE, MESSAGE_VERSION_DRIFTED,
                "upstream is again what was published", kind);
        return 1;
}

int drift_compare_listed(const Package *package, RecordVersion *version, const Release *release) {
        return release ? drift_forget(package, version, DRIFT_VANISHED)
                       : drift_note(package, version, DRIFT_VANISHED, "upstream no longer lists it");
}

/* The record keeps whole seconds. */
static bool times_differ(uint64_t a, uint64_t b) {
        return a > 0 && b > 0 && a / USEC_PER_SEC != b / USEC_PER_SEC;
}

/* Another time than when it was brought is another release, or another commit, under the same tag. */
int drift_compare_times(const Package *package, RecordVersion *version, const Release *release) {
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
                return drift_forget(package, version, DRIFT_TAG);
        /* Who knows the commits has said it already. */
        if (record_version_find_drift(version, DRIFT_COMMIT))
                return 0;
        return detail ? drift_note(package, version, DRIFT_TAG, detail) : -ENOMEM;
}

int drift_compare_commit(const Package *package, RecordVersion *version, const Release *release) {
        _cleanup_free_ char *detail = NULL;

        if (!release || !release->commit || !version->commit)
                return 0;
        if (streq(release->commit, version->commit))
                return drift_forget(package, version, DRIFT_COMMIT);
        /* That it has moved is known by its time. */
        if (record_version_find_drift(version, DRIFT_TAG))
                return 0;
        text_set(&detail, "tag %s is commit %s, was %s", strempty(release->tag), release->commit,
                version->commit);
        return detail ? drift_note(package, version, DRIFT_COMMIT, detail) : -ENOMEM;
}
