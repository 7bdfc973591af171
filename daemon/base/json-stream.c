#include "base/json-stream.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

#define CHUNK_SIZE (64 * KIB)

struct JsonStream {
        JsonStreamRead read;
        void *userdata;
        JsonStreamLimits limits;
        int fd; /* of json_stream_open() */

        char *chunk; /* what has been read and not taken yet: from `start` to `end` */
        size_t start, end;
        uint64_t size; /* of what has been read so far */
        bool at_end;

        char brackets[JSON_DEPTH_MAX]; /* of what has been entered */
        unsigned depth;
        bool value_here; /* a value stands here that has not been taken */
        bool first;      /* nothing of what was entered last has been read */

        Buffer value;
        char *key;
        int failure;
        char error[128];
};

int json_stream_new(JsonStreamRead read, void *userdata, const JsonStreamLimits *limits, JsonStream **ret) {
        _cleanup_(json_stream_freep) JsonStream *stream = malloc(sizeof(JsonStream));

        if (!stream)
                return -ENOMEM;
        *stream = (JsonStream) {
                .read = read,
                .userdata = userdata,
                .limits = *limits,
                .fd = -EBADF,
                .value_here = true,
                .value.max = limits->element_max + 1,
        };
        stream->chunk = malloc(CHUNK_SIZE);
        if (!stream->chunk)
                return -ENOMEM;
        *ret = TAKE_PTR(stream);
        return 0;
}

static ssize_t read_fd(void *userdata, void *buffer, size_t size) {
        const JsonStream *stream = userdata;
        ssize_t n;

        do
                n = read(stream->fd, buffer, size);
        while (n < 0 && errno == EINTR);
        return n < 0 ? negative_errno() : n;
}

int json_stream_open(int fd, const JsonStreamLimits *limits, JsonStream **ret) {
        int r = json_stream_new(read_fd, NULL, limits, ret);

        if (r >= 0) {
                (*ret)->fd = fd;
                (*ret)->userdata = *ret;
        }
        return r;
}

JsonStream *json_stream_free(JsonStream *stream) {
        if (!stream)
                return NULL;
        free(stream->chunk);
        free(stream->key);
        buffer_clear(&stream->value);
        free(stream);
        return NULL;
}

const char *json_stream_error(const JsonStream *stream) {
        return stream->failure < 0 ? stream->error : NULL;
}

uint64_t json_stream_size(const JsonStream *stream) {
        return stream->size;
}

_printf_(3, 4) static int fail(JsonStream *stream, int error, const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        (void) vsnprintf(stream->error, sizeof(stream->error), format, arguments);
        va_end(arguments);
        stream->failure = error;
        return error;
}

/* A fault of the text, at the byte that comes next. */
static int malformed(JsonStream *stream, const char *what) {
        return fail(stream, -EBADMSG, "%s at byte %llu", what,
                (unsigned long long) (stream->size - (stream->end - stream->start)));
}

/* Reads on when everything has been taken. Returns 1, or 0 at the end. */
static int fill(JsonStream *stream) {
        ssize_t n;

        if (stream->start < stream->end)
                return 1;
        if (stream->at_end)
                return 0;
        n = stream->read(stream->userdata, stream->chunk, CHUNK_SIZE);
        if (n < 0)
                return fail(stream, (int) n, "cannot be read: %s", strerror((int) -n));
        stream->start = 0;
        stream->end = (size_t) n;
        stream->size += (size_t) n;
        stream->at_end = n == 0;
        if (stream->size > stream->limits.size_max)
                return fail(stream, -EFBIG, "larger than %llu bytes",
                        (unsigned long long) stream->limits.size_max);
        return n > 0;
}

/* The next byte that is not white space, which stays; 0 at the end. */
static int peek(JsonStream *stream, char *ret) {
        int r;

        while ((r = fill(stream)) > 0) {
                char c = stream->chunk[stream->start];

                if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
                        *ret = c;
                        return 1;
                }
                stream->start++;
        }
        return r;
}

static int peek_required(JsonStream *stream, char *ret) {
        int r = peek(stream, ret);

        return r == 0 ? malformed(stream, "truncated") : r;
}

/* Where the bytes of one value end; its grammar is json-c's business. */
typedef struct Frame {
        char brackets[JSON_DEPTH_MAX];
        unsigned depth, depth_max;
        bool string, escaped;
        bool word; /* a number or a word, which only what follows ends */
} Frame;

typedef enum FrameStep {
        FRAME_GOES_ON,
        FRAME_ENDS,  /* with this byte */
        FRAME_ENDED, /* before this byte */
        FRAME_BROKEN,
        FRAME_DEEP,
} FrameStep;

static FrameStep frame_string(Frame *frame, char c) {
        if (frame->escaped)
                frame->escaped = false;
        else if (c == '\\')
                frame->escaped = true;
        else if (c == '"') {
                frame->string = false;
                return frame->depth == 0 ? FRAME_ENDS : FRAME_GOES_ON;
        }
        return FRAME_GOES_ON;
}

static FrameStep frame_step(Frame *frame, char c) {
        if (frame->string)
                return frame_string(frame, c);
        switch (c) {
        case '"':
                frame->string = true;
                break;
        case '{':
        case '[':
                if (frame->depth == frame->depth_max)
                        return FRAME_DEEP;
                frame->brackets[frame->depth++] = c;
                break;
        case '}':
        case ']':
                if (frame->depth == 0)
                        return frame->word ? FRAME_ENDED : FRAME_BROKEN;
                if (frame->brackets[--frame->depth] != (c == '}' ? '{' : '['))
                        return FRAME_BROKEN;
                return frame->depth == 0 ? FRAME_ENDS : FRAME_GOES_ON;
        case ',':
        case ':':
        case ' ':
        case '\t':
        case '\r':
        case '\n':
                if (frame->depth == 0)
                        return frame->word ? FRAME_ENDED : FRAME_BROKEN;
                break;
        default:
                frame->word = true;
        }
        return FRAME_GOES_ON;
}

/* Moves behind the value that begins with the next byte; it is in stream->value if `keep`. */
static int take(JsonStream *stream, bool keep) {
        Frame frame = { .depth_max = JSON_DEPTH_MAX - stream->depth };
        FrameStep step = FRAME_GOES_ON;
        int r;

        stream->value.size = 0;
        while (step == FRAME_GOES_ON) {
                size_t i;

                r = fill(stream);
                if (r < 0)
                        return r;
                if (r == 0) {
                        if (frame.depth > 0 || !frame.word || frame.string)
                                return malformed(stream, "truncated");
                        break;
                }
                for (i = stream->start; i < stream->end && step == FRAME_GOES_ON; i++)
                        step = frame_step(&frame, stream->chunk[i]);
                if (step == FRAME_ENDED || step == FRAME_BROKEN || step == FRAME_DEEP)
                        i--;
                if (keep)
                        r = buffer_append(&stream->value, stream->chunk + stream->start, i - stream->start);
                stream->start = i;
                if (r == -EFBIG || (r >= 0 && stream->value.size > stream->limits.element_max))
                        return fail(stream, -EFBIG, "a value of more than %zu bytes",
                                stream->limits.element_max);
                if (r < 0)
                        return fail(stream, r, "%s", strerror(-r));
        }
        if (step == FRAME_BROKEN)
                return malformed(stream, "unexpected character");
        if (step == FRAME_DEEP)
                return malformed(stream, "nesting too deep");
        return 0;
}

static int parse_taken(JsonStream *stream, json_object **ret) {
        const char *error = NULL;
        int r;

        /* A number ends with what follows it. */
        r = buffer_append(&stream->value, " ", 1);
        if (r >= 0)
                r = json_parse(stream->value.data, stream->value.size, ret, &error);
        if (r < 0)
                return r == -EBADMSG ? malformed(stream, strempty(error))
                                     : fail(stream, r, "%s", strerror(-r));
        return 0;
}

static int begin_value(JsonStream *stream) {
        char c;

        if (stream->failure < 0)
                return stream->failure;
        if (!stream->value_here)
                return fail(stream, -EINVAL, "no value is here");
        return peek_required(stream, &c);
}

int json_stream_value(JsonStream *stream, json_object **ret) {
        int r = begin_value(stream);

        if (r >= 0)
                r = take(stream, true);
        if (r < 0)
                return r;
        stream->value_here = false;
        if (stream->value.size == strlen("null") && memcmp(stream->value.data, "null", strlen("null")) == 0)
                return 0;
        r = parse_taken(stream, ret);
        return r < 0 ? r : 1;
}

int json_stream_skip(JsonStream *stream) {
        int r = begin_value(stream);

        if (r >= 0)
                r = take(stream, false);
        if (r >= 0)
                stream->value_here = false;
        return r;
}

int json_stream_enter(JsonStream *stream, char bracket) {
        int r = begin_value(stream);
        char c;

        if (r < 0)
                return r;
        c = stream->chunk[stream->start];
        if (c != bracket)
                return 0;
        if (stream->depth == JSON_DEPTH_MAX)
                return malformed(stream, "nesting too deep");
        stream->start++;
        stream->brackets[stream->depth++] = c;
        stream->value_here = false;
        stream->first = true;
        return 1;
}

/* Goes behind the comma, or behind the end of what was entered. Returns 1, or 0 at the end. */
static int next(JsonStream *stream, char bracket) {
        char c = 0, closing = bracket == '{' ? '}' : ']';
        bool first;
        int r;

        if (stream->failure < 0)
                return stream->failure;
        if (stream->value_here) {
                r = json_stream_skip(stream);
                if (r < 0)
                        return r;
        }
        if (stream->depth == 0 || stream->brackets[stream->depth - 1] != bracket)
                return fail(stream, -EINVAL, "nothing of this kind was entered");
        first = stream->first;
        stream->first = false;
        r = peek_required(stream, &c);
        if (r < 0)
                return r;
        if (c == closing) {
                stream->start++;
                stream->depth--;
                return 0;
        }
        if (first)
                return 1;
        if (c != ',')
                return malformed(stream, "a comma is missing");
        stream->start++;
        r = peek_required(stream, &c);
        if (r > 0 && c == closing)
                return malformed(stream, "unexpected character");
        return r;
}

int json_stream_next_element(JsonStream *stream) {
        int r = next(stream, '[');

        stream->value_here = r > 0;
        return r;
}

int json_stream_next_member(JsonStream *stream, const char **ret_key) {
        _cleanup_(json_unrefp) json_object *key = NULL;
        char c = 0;
        int r;

        r = next(stream, '{');
        if (r <= 0)
                return r;
        r = peek_required(stream, &c);
        if (r > 0 && c != '"')
                r = malformed(stream, "a key is missing");
        if (r > 0)
                r = take(stream, true);
        if (r >= 0)
                r = parse_taken(stream, &key);
        if (r < 0)
                return r;
        if (strlen(json_object_get_string(key)) != (size_t) json_object_get_string_len(key))
                return malformed(stream, "a key with NUL");
        r = peek_required(stream, &c);
        if (r < 0)
                return r;
        if (c != ':')
                return malformed(stream, "a colon is missing");
        stream->start++;
        r = string_assign(&stream->key, json_object_get_string(key));
        if (r < 0)
                return fail(stream, r, "%s", strerror(-r));
        stream->value_here = true;
        *ret_key = stream->key;
        return 1;
}

int json_stream_finish(JsonStream *stream) {
        char c;
        int r;

        if (stream->failure < 0)
                return stream->failure;
        if (stream->value_here || stream->depth > 0)
                return fail(stream, -EINVAL, "the document is not read yet");
        r = peek(stream, &c);
        return r > 0 ? malformed(stream, "text after the document") : r;
}
