/* What upstream has said of a version since it was published: that it is withdrawn, and how it differs from what was. */

#include "base/list.h"
#include "model/record-private.h"

/* A difference is noted once for each of its kinds; more than there are come from a newer version. */
#define DRIFT_MAX 16

static char *const withdrawn_members[] = { "message", "hidden", NULL };
static char *const drift_members[] = { "kind", "seenAt", "detail", NULL };
static char *const release_members[] = { "releasedAt", "committedAt", NULL };

static void drift_clear(RecordDrift *drift) {
        free(drift->kind);
        free(drift->detail);
        json_unref(drift->unknown);
        *drift = (RecordDrift) {};
}

void record_upstream_clear(RecordVersion *version) {
        free(version->withdrawn_message);
        for (size_t i = 0; i < version->n_drift; i++)
                drift_clear(&version->drift[i]);
        free(version->drift);
}

const RecordDrift *record_version_find_drift(const RecordVersion *version, const char *kind) {
        for (size_t i = 0; i < version->n_drift; i++)
                if (streq(version->drift[i].kind, kind))
                        return &version->drift[i];
        return NULL;
}

int record_version_set_drift(
        RecordVersion *version, const char *kind, uint64_t seen_usec, const char *detail) {
        RecordDrift *known = (RecordDrift *) record_version_find_drift(version, kind), added = {};
        int r;

        if (known && streq(known->detail, detail))
                return 0;
        added.seen_usec = seen_usec;
        r = string_assign(&added.kind, kind);
        if (r >= 0)
                r = string_assign(&added.detail, detail);
        if (r >= 0 && known) {
                drift_clear(known);
                *known = added;
                return 1;
        }
        if (r >= 0)
                r = version->n_drift < DRIFT_MAX ? LIST_APPEND(version->drift, version->n_drift, added)
                                                 : -E2BIG;
        if (r < 0)
                drift_clear(&added);
        return r < 0 ? r : 1;
}

bool record_version_clear_drift(RecordVersion *version, const char *kind) {
        RecordDrift *known = (RecordDrift *) record_version_find_drift(version, kind);

        if (!known)
                return false;
        drift_clear(known);
        version->n_drift--;
        memmove(known, known + 1,
                (size_t) (version->drift + version->n_drift - known) * sizeof(RecordDrift));
        return true;
}

void record_upstream_join(RecordVersion *to, const RecordVersion *brought) {
        to->upstream = brought->upstream;
}

int record_upstream_copy(RecordVersion *to, const RecordVersion *from) {
        int r;

        to->withdrawn = from->withdrawn;
        to->hidden = from->hidden;
        to->upstream = from->upstream;
        r = string_assign(&to->withdrawn_message, from->withdrawn_message);
        for (size_t i = 0; i < from->n_drift && r >= 0; i++) {
                const RecordDrift *drift = &from->drift[i];

                r = record_version_set_drift(to, drift->kind, drift->seen_usec, drift->detail);
                if (r > 0 && drift->unknown)
                        r = json_object_deep_copy(
                                    drift->unknown, &to->drift[to->n_drift - 1].unknown, NULL) < 0
                                    ? -ENOMEM
                                    : 0;
        }
        return r < 0 ? r : 0;
}

static int parse_withdrawn(const Place *place, RecordVersion *version) {
        Place withdrawn;
        int r;

        r = place_member(place, "withdrawn", json_type_object, PLACE_OPTIONAL, &withdrawn);
        if (r <= 0)
                return r;
        version->withdrawn = true;
        r = place_copy(&withdrawn, "message", PLACE_OPTIONAL, NULL, NULL, &version->withdrawn_message);
        if (r >= 0)
                r = place_bool(&withdrawn, "hidden", PLACE_OPTIONAL, &version->hidden);
        if (r < 0)
                return r;
        /* What is published can be seen. */
        if (version->hidden && version->state == VERSION_PUBLISHED)
                return place_refuse(&withdrawn, "hidden", "the version is published");
        return record_keep_unknown_below(&version->unknown, "withdrawn", withdrawn.value, withdrawn_members);
}

static int parse_drift(const Place *place, RecordVersion *version) {
        Place array, element;
        int r;

        r = place_array(place, "drift", DRIFT_MAX, PLACE_OPTIONAL, &array);
        if (r <= 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(array.value); i++) {
                _cleanup_free_ char *kind = NULL, *detail = NULL;
                json_object *unknown = NULL;
                uint64_t seen = 0;

                r = place_element(&array, i, json_type_object, &element);
                if (r >= 0)
                        r = place_copy(&element, "kind", PLACE_REQUIRED, record_line_is_valid,
                                "a kind of difference", &kind);
                if (r >= 0)
                        r = place_time(&element, "seenAt", PLACE_OPTIONAL, &seen);
                if (r >= 0)
                        r = place_copy(&element, "detail", PLACE_REQUIRED, record_line_is_valid,
                                "a line of text", &detail);
                if (r >= 0 && record_version_find_drift(version, kind))
                        return place_refuse_text(&element, "kind", kind, "is there already");
                if (r >= 0)
                        r = record_version_set_drift(version, kind, seen, detail);
                if (r >= 0)
                        r = record_keep_unknown_below(&unknown, "drift", element.value, drift_members);
                if (r < 0) {
                        json_unref(unknown);
                        return r;
                }
                if (unknown) {
                        version->drift[version->n_drift - 1].unknown =
                                json_object_get(record_unknown_below(unknown, "drift"));
                        json_unref(unknown);
                }
        }
        return 0;
}

static int parse_release(const Place *place, RecordVersion *version) {
        RecordRelease *known = &version->upstream;
        Place object;
        int r;

        r = place_member(place, "upstream", json_type_object, PLACE_OPTIONAL, &object);
        if (r <= 0)
                return r;
        r = place_time(&object, "releasedAt", PLACE_OPTIONAL, &known->released_usec);
        if (r >= 0)
                r = place_time(&object, "committedAt", PLACE_OPTIONAL, &known->committed_usec);
        return r < 0 ? r
                     : record_keep_unknown_below(
                               &version->unknown, "upstream", object.value, release_members);
}

int record_upstream_parse(const Place *place, RecordVersion *version) {
        int r = parse_withdrawn(place, version);

        if (r >= 0)
                r = parse_drift(place, version);
        return r < 0 ? r : parse_release(place, version);
}

static int format_withdrawn(json_object *object, const RecordVersion *version) {
        _cleanup_(json_unrefp) json_object *withdrawn = NULL;
        int r;

        if (!version->withdrawn)
                return 0;
        withdrawn = json_object_new_object();
        if (!withdrawn)
                return -ENOMEM;
        r = json_set_string(withdrawn, "message", version->withdrawn_message);
        if (r >= 0 && version->hidden)
                r = json_set_bool(withdrawn, "hidden", true);
        if (r >= 0)
                r = record_add_unknown(
                        withdrawn, record_unknown_below(version->unknown, "withdrawn"), withdrawn_members);
        return r < 0 ? r : json_set(object, "withdrawn", TAKE_PTR(withdrawn));
}

static int format_one_drift(json_object *array, const RecordDrift *drift) {
        json_object *one = json_object_new_object();
        int r = json_append(array, one);

        if (r >= 0)
                r = json_set_string(one, "kind", drift->kind);
        if (r >= 0)
                r = record_set_time(one, "seenAt", drift->seen_usec);
        if (r >= 0)
                r = json_set_string(one, "detail", drift->detail);
        return r < 0 ? r : record_add_unknown(one, drift->unknown, drift_members);
}

static int format_drift(json_object *object, const RecordVersion *version) {
        _cleanup_(json_unrefp) json_object *array = NULL;

        if (version->n_drift == 0)
                return 0;
        array = json_object_new_array();
        for (size_t i = 0; i < version->n_drift; i++) {
                int r = array ? format_one_drift(array, &version->drift[i]) : -ENOMEM;

                if (r < 0)
                        return r;
        }
        return json_set(object, "drift", TAKE_PTR(array));
}

static int format_release(json_object *object, const RecordVersion *version) {
        const RecordRelease *known = &version->upstream;
        json_object *unknown = record_unknown_below(version->unknown, "upstream");
        _cleanup_(json_unrefp) json_object *upstream = json_object_new_object();
        int r;

        if (!upstream)
                return -ENOMEM;
        r = record_set_time(upstream, "releasedAt", known->released_usec);
        if (r >= 0)
                r = record_set_time(upstream, "committedAt", known->committed_usec);
        if (r >= 0)
                r = record_add_unknown(upstream, unknown, release_members);
        if (r < 0 || json_object_object_length(upstream) == 0)
                return r;
        return json_set(object, "upstream", TAKE_PTR(upstream));
}

int record_upstream_format(json_object *object, const RecordVersion *version) {
        int r = format_withdrawn(object, version);

        if (r >= 0)
                r = format_drift(object, version);
        return r < 0 ? r : format_release(object, version);
}
