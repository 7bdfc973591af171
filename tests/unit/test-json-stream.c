#include "base/json-stream.h"

#include <stdio.h>
#include <sys/mman.h>

#include "fixtures.h"

static const JsonStreamLimits limits = { .size_max = 16 * MIB, .element_max = 64 * KIB };

/* What is read comes in pieces of this size. */
typedef struct Source {
        const char *text;
        size_t piece;
        int error;
        uint64_t given, repeat; /* gives `text` so many times */
} Source;

static ssize_t read_source(void *userdata, void *buffer, size_t size) {
        Source *source = userdata;
        size_t length = strlen(source->text), at = source->given % length;
        size_t n = MIN_OF(MIN_OF(size, source->piece), length - at);

        if (source->given >= length * source->repeat)
                return source->error;
        memcpy(buffer, source->text + at, n);
        source->given += n;
        return (ssize_t) n;
}

static JsonStream *stream_of(Source *source) {
        JsonStream *stream;

        check_int(json_stream_new(read_source, source, &limits, &stream), 0);
        return stream;
}

static void check_next(JsonStream *stream, const char *expected) {
        const char *key = NULL;

        check_int(json_stream_next_member(stream, &key), expected ? 1 : 0);
        check_string(key, expected);
}

static void check_number(JsonStream *stream, int expected) {
        _cleanup_(json_unrefp) json_object *value = NULL;

        check_int(json_stream_value(stream, &value), 1);
        check_int(json_object_get_int(value), expected);
}

static void check_end(JsonStream *stream) {
        check_int(json_stream_finish(stream), 0);
        check_string(json_stream_error(stream), NULL);
}

static void read_in_pieces(size_t piece) {
        Source source = {
                " {\"a\" : 12,\n\"skip\": {\"x\": [1, \"]}\", {}]}, \"list\": [ {\"n\": 1} ,[2], null, "
                "\"\\\"\xc3\xa4\","
                " 3 ], \"\\u0062\":{}, \"empty\": [] } \n",
                piece,
                .repeat = 1,
        };
        _cleanup_(json_stream_freep) JsonStream *stream = stream_of(&source);
        _cleanup_(json_unrefp) json_object *object = NULL, *text = NULL, *none = NULL;

        check_int(json_stream_enter(stream, '['), 0);
        check_int(json_stream_enter(stream, '{'), 1);
        check_next(stream, "a");
        check_int(json_stream_enter(stream, '{'), 0);
        check_number(stream, 12);
        check_next(stream, "skip");
        check_next(stream, "list"); /* skips what was not taken */
        check_int(json_stream_enter(stream, '['), 1);
        check_int(json_stream_next_element(stream), 1);
        check_int(json_stream_value(stream, &object), 1);
        check(json_object_object_get_ex(object, "n", NULL));
        check_int(json_stream_next_element(stream), 1);
        check_int(json_stream_enter(stream, '['), 1);
        check_int(json_stream_next_element(stream), 1);
        check_number(stream, 2);
        check_int(json_stream_next_element(stream), 0);
        check_int(json_stream_next_element(stream), 1);
        check_int(json_stream_value(stream, &none), 0);
        check(!none);
        check_int(json_stream_next_element(stream), 1);
        check_int(json_stream_value(stream, &text), 1);
        check_string(json_object_get_string(text), "\"\xc3\xa4");
        check_int(json_stream_next_element(stream), 1);
        check_number(stream, 3);
        check_int(json_stream_next_element(stream), 0);
        check_next(stream, "b");
        check_int(json_stream_enter(stream, '{'), 1);
        check_next(stream, NULL);
        check_next(stream, "empty");
        check_int(json_stream_enter(stream, '['), 1);
        check_int(json_stream_next_element(stream), 0);
        check_next(stream, NULL);
        check_end(stream);
}

/* Reads it all by entering what can be entered, and gives the error. */
static int read_whole(JsonStream *stream) {
        _cleanup_(json_unrefp) json_object *value = NULL;
        const char *key;
        int r;

        r = json_stream_enter(stream, '{');
        if (r > 0) {
                while ((r = json_stream_next_member(stream, &key)) > 0 && (r = read_whole(stream)) >= 0)
                        ;
                return r;
        }
        if (r == 0)
                r = json_stream_enter(stream, '[');
        if (r > 0) {
                while ((r = json_stream_next_element(stream)) > 0 && (r = read_whole(stream)) >= 0)
                        ;
                return r;
        }
        return r < 0 ? r : json_stream_value(stream, &value);
}

static void check_malformed(const char *text, bool skipped_is_fine, const char *expected) {
        Source source = { text, 3, .repeat = 1 }, again = { text, 1000, .repeat = 1 };
        _cleanup_(json_stream_freep) JsonStream *stream = stream_of(&source), *skipped = stream_of(&again);
        int r = read_whole(stream);

        if (r >= 0)
                r = json_stream_finish(stream);
        check_int(r, -EBADMSG);
        check_string(json_stream_error(stream), expected);
        check_int(json_stream_finish(stream), -EBADMSG); /* it stays so */
        check_int(json_stream_skip(stream), -EBADMSG);

        r = json_stream_skip(skipped);
        if (r >= 0)
                r = json_stream_finish(skipped);
        check_int(r, skipped_is_fine ? 0 : -EBADMSG);
}

static void test_malformed(void) {
        _cleanup_free_ char *deep = repeat("", "[", 10000, ""), *right = repeat("", "[", 31, ""),
                            *closed = NULL;

        check_malformed(" ", false, "truncated at byte 1");
        check_malformed("{", false, "truncated at byte 1");
        check_malformed("{\"a\": 1", false, "truncated at byte 7");
        check_malformed("{\"a", false, "truncated at byte 3");
        check_malformed("[1, \"a\\\"", false, "truncated at byte 8");
        check_malformed("[1 2]", true, "a comma is missing at byte 3");
        check_malformed("[1, ]", true, "unexpected character at byte 4");
        check_malformed("[, 1]", true, "unexpected character at byte 1");
        check_malformed("{\"a\" 1}", true, "a colon is missing at byte 5");
        check_malformed("{a: 1}", true, "a key is missing at byte 1");
        check_malformed("{\"\\u0000\": 1}", true, "a key with NUL at byte 9");
        check_malformed("{\"a\": 1]", false, "a comma is missing at byte 7");
        check_malformed("[1}", false, "a comma is missing at byte 2");
        check_malformed("[1] 2", false, "text after the document at byte 4");
        check_malformed("]", false, "unexpected character at byte 0");
        check_malformed("[\"\xff\"]", true, "invalid UTF-8 at byte 4");
        check_malformed("[01]", true, "number expected at byte 3");
        check_malformed("[nul]", true, "null expected at byte 4");
        check_malformed(deep, false, "nesting too deep at byte 32");
        closed = repeat(right, "]", 31, "");
        {
                Source source = { closed, 5, .repeat = 1 };
                _cleanup_(json_stream_freep) JsonStream *stream = stream_of(&source);

                check_int(read_whole(stream), 0);
                check_end(stream);
        }
}

static void test_sizes(void) {
        _cleanup_free_ char *large = repeat("[\"", "0123456789abcdef", 64 * KIB / 16 + 1, "\"]");
        Source source = { large, 1000, .repeat = 1 }, endless = { "[[[[[1], ", 4096, .repeat = UINT32_MAX },
               many = { "[ ", 1000, .repeat = 1 };
        _cleanup_(json_stream_freep) JsonStream *stream = stream_of(&source), *no_end = stream_of(&endless),
                                                *elements = stream_of(&many);

        check_int(read_whole(stream), -EFBIG);
        check_string(json_stream_error(stream), "a value of more than 65536 bytes");
        /* Deep before it is large. */
        check_int(json_stream_skip(no_end), -EBADMSG);

        check_int(json_stream_enter(elements, '['), 1);
        many = (Source) { "\"0123456789\",", 1000, .repeat = UINT32_MAX };
        for (int r = 1, n = 0; r >= 0; n++) {
                r = json_stream_next_element(elements);
                if (r < 0) {
                        check_int(r, -EFBIG);
                        check(n > 1000000);
                }
        }
        check_string(json_stream_error(elements), "larger than 16777216 bytes");
}

static void test_reading_fails(void) {
        Source source = { "[1, 2", 2, .error = -EIO, .repeat = 1 };
        _cleanup_(json_stream_freep) JsonStream *stream = stream_of(&source), *file = NULL;
        int fd = memfd_create("test", MFD_CLOEXEC);

        check_int(read_whole(stream), -EIO);
        check_string(json_stream_error(stream), "cannot be read: Input/output error");

        check(fd >= 0 && write(fd, "[1, 2]", 6) == 6 && lseek(fd, 0, SEEK_SET) == 0);
        check_int(json_stream_open(fd, &limits, &file), 0);
        check_int(read_whole(file), 0);
        check_end(file);
        check_int(json_stream_size(file), 6);
        close_fd(fd);
}

/* Mistakes of the caller. */
static void test_misuse(void) {
        Source source = { "[1]", 10, .repeat = 1 }, other = source, third = source;
        _cleanup_(json_stream_freep) JsonStream *a = stream_of(&source), *b = stream_of(&other),
                                                *c = stream_of(&third);
        const char *key;

        check_int(json_stream_enter(a, '['), 1);
        check_int(json_stream_next_member(a, &key), -EINVAL);
        check_int(json_stream_enter(b, '['), 1);
        check_int(json_stream_finish(b), -EINVAL);
        check_int(json_stream_skip(c), 0);
        check_int(json_stream_skip(c), -EINVAL);
}

int main(void) {
        read_in_pieces(1);
        read_in_pieces(2);
        read_in_pieces(17);
        read_in_pieces(4096);
        test_malformed();
        test_sizes();
        test_reading_fails();
        test_misuse();
        return EXIT_SUCCESS;
}
