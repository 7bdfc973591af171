/* What holds for every list of releases that a parser gives. */
#pragma once

#include "fuzz.h"
#include "model/release.h"

static inline void check_releases(ReleaseList *list) {
        _cleanup_(release_list_freep) ReleaseList *again = NULL;
        _cleanup_(json_unrefp) json_object *array = NULL, *array_again = NULL;

        release_list_normalize(list);
        for (size_t i = 0; i < list->n_releases; i++)
                if (release_list_find(list, list->releases[i].version) != &list->releases[i])
                        abort();

        array = release_list_to_json(list);
        if (!array || release_list_from_json(array, &again) < 0)
                abort();
        array_again = release_list_to_json(again);
        if (!array_again || !json_object_equal(array, array_again))
                abort();
}
