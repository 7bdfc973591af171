#include "database/metadata.h"

#include "base/clock.h"
#include "base/json.h"

static int get_time(json_object *object, const char *key, uint64_t *ret) {
        const char *text = NULL;
        int r;

        r = json_get_string(object, key, &text);
        if (r <= 0)
                return r;
        return clock_parse(text, ret) < 0 ? -EBADMSG : 1;
}

int database_metadata_parse(const char *data, size_t size, DatabaseMetadata *ret, const char **ret_error) {
        _cleanup_(json_unrefp) json_object *object = NULL;
        DatabaseMetadata metadata = {};
        int r;

        r = json_parse(data, size, &object, ret_error);
        if (r < 0)
                return r;
        if (json_get_uint64(object, "Version", &metadata.schema) <= 0) {
                *ret_error = "'Version' is not a number";
                return -EBADMSG;
        }
        if (get_time(object, "UpdatedAt", &metadata.updated_usec) <= 0 || metadata.updated_usec == 0) {
                *ret_error = "'UpdatedAt' is not a time";
                return -EBADMSG;
        }
        if (get_time(object, "NextUpdate", &metadata.next_update_usec) < 0) {
                *ret_error = "'NextUpdate' is not a time";
                return -EBADMSG;
        }
        *ret = metadata;
        return 0;
}
