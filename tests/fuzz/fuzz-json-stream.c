/* A document read piece by piece: it is the same that json_parse() makes of it, whatever the size of the pieces (the first
 * byte), and what json_parse() accepts is accepted. */
#include "base/json-stream.h"
#include "fuzz.h"

typedef struct Text {
        const uint8_t *data;
        size_t size, piece;
} Text;

static ssize_t read_text(void *userdata, void *buffer, size_t size) {
        Text *text = userdata;
        size_t n = MIN_OF(MIN_OF(size, text->size), text->piece);

        memcpy(buffer, text->data, n);
        text->data += n;
        text->size -= n;
        return (ssize_t) n;
}

static int read_here(JsonStream *stream, json_object **ret);

static int read_object(JsonStream *stream, json_object *object) {
        const char *key;
        int r;

        while ((r = json_stream_next_member(stream, &key)) > 0) {
                _cleanup_free_ char *copy = strdup(key);
                json_object *value = NULL;

                r = read_here(stream, &value);
                if (r < 0) {
                        json_unref(value);
                        return r;
                }
                json_object_object_add(object, copy, value);
        }
        return r;
}

static int read_array(JsonStream *stream, json_object *array) {
        int r;

        while ((r = json_stream_next_element(stream)) > 0) {
                json_object *value = NULL;

                r = read_here(stream, &value);
                if (r < 0) {
                        json_unref(value);
                        return r;
                }
                json_object_array_add(array, value);
        }
        return r;
}

static int read_here(JsonStream *stream, json_object **ret) {
        int r;

        r = json_stream_enter(stream, '{');
        if (r > 0) {
                *ret = json_object_new_object();
                return read_object(stream, *ret);
        }
        if (r == 0)
                r = json_stream_enter(stream, '[');
        if (r > 0) {
                *ret = json_object_new_array();
                return read_array(stream, *ret);
        }
        return r < 0 ? r : json_stream_value(stream, ret);
}

static int skip_all(const uint8_t *data, size_t size) {
        const JsonStreamLimits limits = { .size_max = MIB, .element_max = MIB };
        _cleanup_(json_stream_freep) JsonStream *stream = NULL;
        Text text = { data, size, 7 };
        int r;

        if (json_stream_new(read_text, &text, &limits, &stream) < 0)
                abort();
        r = json_stream_skip(stream);
        return r < 0 ? r : json_stream_finish(stream);
}

/* As text: a number that is none, which json-c knows, equals nothing. */
static bool is_same(json_object *a, json_object *b) {
        _cleanup_free_ char *text_a = json_format(a, false), *text_b = json_format(b, false);

        if (!text_a || !text_b)
                abort();
        return streq(text_a, text_b);
}

static bool has_control(const uint8_t *data, size_t size) {
        for (size_t i = 0; i < size; i++)
                if (data[i] < ' ')
                        return true;
        return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const JsonStreamLimits limits = { .size_max = MIB, .element_max = 64 * KIB };
        _cleanup_(json_unrefp) json_object *whole = NULL, *pieces = NULL;
        _cleanup_(json_stream_freep) JsonStream *stream = NULL;
        Text text;
        int r;

        if (size < 1 || size > 64 * KIB)
                return 0;
        text = (Text) { data + 1, size - 1, (size_t) data[0] + 1 };
        if (json_stream_new(read_text, &text, &limits, &stream) < 0)
                abort();
        r = read_here(stream, &pieces);
        if (r >= 0)
                r = json_stream_finish(stream);
        if ((r < 0) != !!json_stream_error(stream))
                abort();
        /* In keys, json_parse() lets NUL and control characters through. */
        if (json_parse((const char *) data + 1, size - 1, &whole, NULL) < 0)
                return 0;
        if (skip_all(data + 1, size - 1) < 0)
                abort();
        if (r >= 0 && !is_same(whole, pieces))
                abort();
        if (r < 0 && !strstr(json_stream_error(stream), "NUL") && !has_control(data + 1, size - 1))
                abort();
        return 0;
}
