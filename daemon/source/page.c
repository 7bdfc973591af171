#include "source/page.h"

#include "base/list.h"
#include "base/names.h"

int page_parse(const Place *array, PageParse parse, const void *context, ReleaseList **ret) {
        _cleanup_(release_list_freep) ReleaseList *list = calloc(1, sizeof(ReleaseList));
        size_t n = json_object_array_length(array->value);

        if (!list)
                return -ENOMEM;
        if (n > RELEASES_PER_PAGE_MAX)
                return place_refuse(
                        array, NULL, "%zu elements, at most %d are accepted", n, RELEASES_PER_PAGE_MAX);
        for (size_t i = 0; i < n; i++) {
                Release release = {};
                Place one;
                int r;

                r = place_element(array, i, json_type_object, &one);
                if (r >= 0)
                        r = parse(&one, context, &release);
                if (r > 0)
                        r = release_list_append(list, &release);
                else if (r == 0)
                        list->n_skipped++;
                release_clear(&release);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(list);
        return 0;
}

int page_parse_version(const Place *place, Release *release) {
        const char *text;
        int r;

        r = place_string(place, "version", PLACE_REQUIRED, &text);
        if (r < 0)
                return r;
        return name_is_valid(text) ? release_set_version(release, text, text) : 0;
}

int page_parse_platforms(
        const Place *array, PagePlatformParse parse, const void *context, Release *release) {
        size_t n = json_object_array_length(array->value), n_listed = 0;
        _cleanup_(strings_freep) char **platforms = calloc(n + 1, sizeof(char *));

        if (!platforms)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                Place one;
                int r;

                r = place_element(array, i, json_type_object, &one);
                if (r >= 0)
                        r = parse(&one, context, &platforms[n_listed]);
                if (r < 0)
                        return r;
                n_listed += r > 0;
        }
        release_set_platforms(release, TAKE_PTR(platforms));
        return 0;
}
