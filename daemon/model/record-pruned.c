/* What the record remembers of versions that are gone: when and why. */

#include "base/list.h"
#include "model/record-private.h"

static char *const pruned_members[] = { "version", "prunedAt", "publishedAt", "reason", NULL };

static void pruned_clear(RecordPruned *pruned) {
        version_free(pruned->version);
        free(pruned->reason);
        json_unref(pruned->unknown);
        *pruned = (RecordPruned) {};
}

void record_pruned_clear(Record *record) {
        for (size_t i = 0; i < record->n_pruned; i++)
                pruned_clear(&record->pruned[i]);
        free(record->pruned);
        record->pruned = NULL;
        record->n_pruned = 0;
}

const RecordPruned *record_find_pruned(const Record *record, const Version *version) {
        for (size_t i = 0; i < record->n_pruned; i++)
                if (version_order(record->pruned[i].version, version) == 0)
                        return &record->pruned[i];
        return NULL;
}

void record_forget_pruned(Record *record, const Version *version) {
        RecordPruned *known = (RecordPruned *) record_find_pruned(record, version);

        if (!known)
                return;
        pruned_clear(known);
        record->n_pruned--;
        memmove(known, known + 1,
                (size_t) (record->pruned + record->n_pruned - known) * sizeof(RecordPruned));
}

/* Newest first; what was pruned longest ago is forgotten first. `pruned` is taken over on success. */
static int insert(Record *record, const RecordPruned *pruned, size_t position) {
        int r = list_grow(&record->pruned, record->n_pruned, sizeof(RecordPruned));

        if (r < 0)
                return r;
        memmove(record->pruned + position + 1, record->pruned + position,
                (record->n_pruned - position) * sizeof(RecordPruned));
        record->pruned[position] = *pruned;
        if (++record->n_pruned > RECORD_PRUNED_MAX)
                pruned_clear(&record->pruned[--record->n_pruned]);
        return 0;
}

int record_note_pruned(Record *record, const RecordVersion *version, uint64_t now_usec) {
        RecordPruned pruned = { .pruned_usec = now_usec, .published_usec = version->published_usec };
        int r;

        record_forget_pruned(record, version->version);
        r = version_parse(version_string(version->version), &pruned.version);
        if (r >= 0)
                r = string_assign(&pruned.reason, version->reason);
        if (r >= 0)
                r = insert(record, &pruned, 0);
        if (r < 0)
                pruned_clear(&pruned);
        return r;
}

static int parse_one(const Place *place, RecordPruned *pruned) {
        int r = place_version(place, "version", PLACE_REQUIRED, &pruned->version);

        if (r >= 0)
                r = place_time(place, "prunedAt", PLACE_OPTIONAL, &pruned->pruned_usec);
        if (r >= 0)
                r = place_time(place, "publishedAt", PLACE_OPTIONAL, &pruned->published_usec);
        if (r >= 0)
                r = place_copy(place, "reason", PLACE_OPTIONAL, NULL, NULL, &pruned->reason);
        return r;
}

int record_pruned_parse(const Place *place, Record *record) {
        Place array, element;
        int r;

        r = place_array(place, "pruned", RECORD_PRUNED_MAX, PLACE_OPTIONAL, &array);
        if (r <= 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(array.value); i++) {
                _cleanup_(json_unrefp) json_object *unknown = NULL;
                RecordPruned pruned = {};

                r = place_element(&array, i, json_type_object, &element);
                if (r >= 0)
                        r = parse_one(&element, &pruned);
                if (r >= 0 && record_find_pruned(record, pruned.version))
                        r = place_refuse_text(
                                &element, "version", version_string(pruned.version), "is there already");
                if (r >= 0)
                        r = record_keep_unknown_below(&unknown, "pruned", element.value, pruned_members);
                if (r >= 0 && unknown)
                        pruned.unknown = json_object_get(record_unknown_below(unknown, "pruned"));
                if (r >= 0)
                        r = insert(record, &pruned, record->n_pruned);
                if (r < 0) {
                        pruned_clear(&pruned);
                        return r;
                }
        }
        return 0;
}

static int format_one(json_object *array, const RecordPruned *pruned) {
        json_object *one = json_object_new_object();
        int r = json_append(array, one);

        if (r >= 0)
                r = json_set_string(one, "version", version_string(pruned->version));
        if (r >= 0)
                r = record_set_time(one, "prunedAt", pruned->pruned_usec);
        if (r >= 0)
                r = record_set_time(one, "publishedAt", pruned->published_usec);
        if (r >= 0)
                r = json_set_string(one, "reason", pruned->reason);
        return r < 0 ? r : record_add_unknown(one, pruned->unknown, pruned_members);
}

int record_pruned_format(json_object *object, const Record *record) {
        _cleanup_(json_unrefp) json_object *array = NULL;

        if (record->n_pruned == 0)
                return 0;
        array = json_object_new_array();
        for (size_t i = 0; i < record->n_pruned; i++) {
                int r = array ? format_one(array, &record->pruned[i]) : -ENOMEM;

                if (r < 0)
                        return r;
        }
        return json_set(object, "pruned", TAKE_PTR(array));
}
