/* Reading a JSON document of any size piece by piece: objects and arrays are entered, what stands in them is handed out
 * one value at a time, parsed by json_parse(). Only one value and 64 KiB of the text are in memory.
 *
 *   json_stream_enter(stream, '{');
 *   while ((r = json_stream_next_member(stream, &key)) > 0)
 *           if (streq(key, "name"))
 *                   r = json_stream_value(stream, &value);
 *
 * A value that is neither entered nor taken is skipped: then only its strings, brackets and depth are checked. Every
 * function returns a negative errno once one has failed: -EBADMSG if the document is malformed, -EFBIG if it is, or a value
 * of it, larger than allowed, or what reading gave; json_stream_error() says what is wrong. */
#pragma once

#include "base/json.h"
#include "base/util.h"

typedef struct JsonStream JsonStream;

typedef struct JsonStreamLimits {
        uint64_t size_max;  /* of the document, in bytes */
        size_t element_max; /* of a value that is taken, in bytes */
} JsonStreamLimits;

/* Reads up to `size` bytes; 0 at the end, or a negative errno. */
typedef ssize_t (*JsonStreamRead)(void *userdata, void *buffer, size_t size);

/* Returns 0 or -ENOMEM. */
int json_stream_new(JsonStreamRead read, void *userdata, const JsonStreamLimits *limits, JsonStream **ret);
/* From a descriptor, which stays the caller's. */
int json_stream_open(int fd, const JsonStreamLimits *limits, JsonStream **ret);
JsonStream *json_stream_free(JsonStream *stream);
DEFINE_CLEANUP(JsonStream *, json_stream_free)

/* Enters the value that stands here if it is an object ('{') or an array ('['). Returns 1, or 0 if it is something else, which
 * is still to be taken. */
int json_stream_enter(JsonStream *stream, char bracket);
/* Goes to the next member of the object, or element of the array, that was entered last. Returns 1, or 0 at its end, which
 * leaves it. The key is borrowed until the next call, and holds no NUL. */
int json_stream_next_member(JsonStream *stream, const char **ret_key);
int json_stream_next_element(JsonStream *stream);
/* Takes the value that stands here. Returns 1, or 0 if it is null. */
int json_stream_value(JsonStream *stream, json_object **ret);
int json_stream_skip(JsonStream *stream);
/* After the document's own value: only white space may follow. Returns 0. */
int json_stream_finish(JsonStream *stream);

/* What went wrong and after how many bytes, a text for people; NULL: nothing did. */
const char *json_stream_error(const JsonStream *stream);
/* How many bytes have been read. */
uint64_t json_stream_size(const JsonStream *stream);
