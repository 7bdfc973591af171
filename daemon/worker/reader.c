#include "worker/reader.h"

static int value_of(const char *const *names, size_t n, const char *string) {
        for (size_t i = 0; i < n; i++)
                if (streq(names[i], string))
                        return (int) i;
        return -EINVAL;
}

bool reader_took(Reader *reader, int r, const char *error) {
        if (r > 0)
                reader->n_taken++;
        else if (!reader->error)
                reader->error = error;
        return r > 0;
}

uint64_t reader_number(Reader *reader, const char *key, uint64_t max, const char *error) {
        uint64_t value = 0;
        int r = json_get_uint64(reader->object, key, &value);

        if (r > 0 && value > max)
                r = -EBADMSG;
        return reader_took(reader, r, error) ? value : 0;
}

bool reader_bool(Reader *reader, const char *key, const char *error) {
        bool value = false;

        return reader_took(reader, json_get_bool(reader->object, key, &value), error) && value;
}

const char *reader_text(Reader *reader, const char *key, const char *error) {
        const char *value = NULL;

        return reader_took(reader, json_get_string(reader->object, key, &value), error) ? value : "";
}

int reader_name(Reader *reader, const char *key, const char *const *names, size_t n, const char *error) {
        const char *value = NULL;
        int r = json_get_string(reader->object, key, &value), found = -EINVAL;

        if (r > 0) {
                found = value_of(names, n, value);
                if (found < 0)
                        r = -EBADMSG;
        }
        return reader_took(reader, r, error) ? found : -EINVAL;
}

void reader_checked(Reader *reader, const char *key, char *ret, size_t ret_size,
        bool (*is_valid)(const char *), bool may_be_empty, const char *error) {
        const char *value = NULL;
        int r = json_get_string(reader->object, key, &value);

        if (r > 0 && (strlen(value) >= ret_size || (isempty(value) ? !may_be_empty : !is_valid(value))))
                r = -EBADMSG;
        if (reader_took(reader, r, error))
                memcpy(ret, value, strlen(value) + 1);
}

int reader_finish(Reader *reader) {
        if (!reader->error && reader->n_taken != (size_t) json_object_object_length(reader->object))
                reader->error = "unknown member";
        return reader->error ? -EBADMSG : 0;
}
