/* What the record remembers of versions that it does not have: since when they are listed. */

#include "base/clock.h"
#include "base/list.h"
#include "base/names.h"
#include "model/record-private.h"
#include "model/release.h"

static char *const seen_members[] = { "version", "seenAt", "commit", NULL };

static void seen_clear(RecordSeen *seen) {
        version_free(seen->version);
        free(seen->commit);
        json_unref(seen->unknown);
        *seen = (RecordSeen) {};
}

static void seen_free(RecordSeen *seen, size_t n_seen) {
        for (size_t i = 0; i < n_seen; i++)
                seen_clear(&seen[i]);
        free(seen);
}

void record_seen_clear(Record *record) {
        seen_free(TAKE_PTR(record->seen), record->n_seen);
        record->n_seen = 0;
}

static int compare_seen(const void *version, const void *seen) {
        return version_order(((const RecordSeen *) seen)->version, version);
}

const RecordSeen *record_find_seen(const Record *record, const Version *version) {
        return record->n_seen == 0
                       ? NULL
                       : bsearch(version, record->seen, record->n_seen, sizeof(RecordSeen), compare_seen);
}

uint64_t record_first_seen(const Record *record, const Release *release, uint64_t now_usec) {
        const RecordSeen *seen = record ? record_find_seen(record, release->version) : NULL;

        /* Another commit is another version, whatever its tag was before. */
        return seen && streq_ptr(seen->commit, release->commit) ? MIN_OF(seen->seen_usec, now_usec)
                                                                : now_usec;
}

void record_forget_seen(Record *record, const Version *version) {
        RecordSeen *known = (RecordSeen *) record_find_seen(record, version);

        if (!known)
                return;
        seen_clear(known);
        record->n_seen--;
        memmove(known, known + 1, (size_t) (record->seen + record->n_seen - known) * sizeof(RecordSeen));
}

static bool is_to_note(const Record *record, const Release *release) {
        return release->created_usec == 0 && !record_find(record, release->version);
}

/* As the document has it, where no time is none. */
static uint64_t whole_seconds(uint64_t usec) {
        return MAX_OF(usec - usec % USEC_PER_SEC, USEC_PER_SEC);
}

/* Whether just these versions are noted, at times and commits that still hold. */
static bool is_noted(const Record *record, const ReleaseList *releases, uint64_t now_usec) {
        size_t n = 0;

        for (size_t i = 0; i < releases->n_releases; i++) {
                const Release *release = &releases->releases[i];
                const RecordSeen *seen;

                if (!is_to_note(record, release))
                        continue;
                seen = record_find_seen(record, release->version);
                if (!seen || !streq_ptr(seen->commit, release->commit) || seen->seen_usec > now_usec)
                        return false;
                n++;
        }
        return n == record->n_seen;
}

static int note(const Record *record, const Release *release, uint64_t now_usec, RecordSeen *ret) {
        const RecordSeen *known = record_find_seen(record, release->version);
        int r;

        *ret = (RecordSeen) { .seen_usec = record_first_seen(record, release, now_usec) };
        r = version_parse(version_string(release->version), &ret->version);
        if (r >= 0)
                r = string_assign(&ret->commit, release->commit);
        if (r >= 0 && known)
                ret->unknown = json_object_get(known->unknown);
        if (r < 0)
                seen_clear(ret);
        return r;
}

int record_note_seen(Record *record, const ReleaseList *releases, uint64_t now_usec) {
        RecordSeen *seen;
        size_t n = 0;

        now_usec = whole_seconds(now_usec);
        if (is_noted(record, releases, now_usec))
                return 0;
        seen = calloc(MAX_OF(releases->n_releases, (size_t) 1), sizeof(RecordSeen));
        if (!seen)
                return -ENOMEM;
        for (size_t i = 0; i < releases->n_releases; i++) {
                int r;

                if (!is_to_note(record, &releases->releases[i]))
                        continue;
                r = note(record, &releases->releases[i], now_usec, &seen[n]);
                if (r < 0) {
                        seen_free(seen, n);
                        return r;
                }
                n++;
        }
        record_seen_clear(record);
        record->seen = seen;
        record->n_seen = n;
        return 1;
}

bool record_shift_seen(Record *record, uint64_t since_usec, uint64_t until_usec, int64_t by_usec) {
        bool any = false;

        for (size_t i = 0; i < record->n_seen; i++) {
                RecordSeen *seen = &record->seen[i];

                if (seen->seen_usec < since_usec || seen->seen_usec > until_usec)
                        continue;
                clock_shift(&seen->seen_usec, by_usec);
                seen->seen_usec = whole_seconds(seen->seen_usec);
                any = true;
        }
        return any;
}

static int parse_one(const Place *place, RecordSeen *seen) {
        int r = place_version(place, "version", PLACE_REQUIRED, &seen->version);

        if (r >= 0)
                r = place_time(place, "seenAt", PLACE_REQUIRED, &seen->seen_usec);
        if (r >= 0)
                r = place_copy(place, "commit", PLACE_OPTIONAL, commit_is_valid, "a commit", &seen->commit);
        return r;
}

int record_seen_parse(const Place *place, Record *record) {
        Place array, element;
        size_t n;
        int r;

        r = place_array(place, "seen", RELEASES_MAX, PLACE_OPTIONAL, &array);
        if (r <= 0)
                return r;
        n = json_object_array_length(array.value);
        record->seen = calloc(MAX_OF(n, (size_t) 1), sizeof(RecordSeen));
        if (!record->seen)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                _cleanup_(json_unrefp) json_object *unknown = NULL;
                RecordSeen *seen = &record->seen[i];

                record->n_seen = i + 1;
                r = place_element(&array, i, json_type_object, &element);
                if (r >= 0)
                        r = parse_one(&element, seen);
                if (r >= 0 && i > 0 && version_order(seen[-1].version, seen->version) <= 0)
                        r = place_refuse_text(&element, "version", version_string(seen->version),
                                "is not older than the one before it");
                if (r >= 0)
                        r = record_keep_unknown_below(&unknown, "seen", element.value, seen_members);
                if (r < 0)
                        return r;
                if (unknown)
                        seen->unknown = json_object_get(record_unknown_below(unknown, "seen"));
        }
        return 0;
}

static int format_one(json_object *array, const RecordSeen *seen) {
        json_object *one = json_object_new_object();
        int r = json_append(array, one);

        if (r >= 0)
                r = json_set_string(one, "version", version_string(seen->version));
        if (r >= 0)
                r = record_set_time(one, "seenAt", seen->seen_usec);
        if (r >= 0)
                r = json_set_string(one, "commit", seen->commit);
        return r < 0 ? r : record_add_unknown(one, seen->unknown, seen_members);
}

int record_seen_format(json_object *object, const Record *record) {
        _cleanup_(json_unrefp) json_object *array = NULL;

        if (record->n_seen == 0)
                return 0;
        array = json_object_new_array();
        for (size_t i = 0; i < record->n_seen; i++) {
                int r = array ? format_one(array, &record->seen[i]) : -ENOMEM;

                if (r < 0)
                        return r;
        }
        return json_set(object, "seen", TAKE_PTR(array));
}
