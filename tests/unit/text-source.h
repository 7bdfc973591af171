/* A text as a source of a JsonStream. */
#pragma once

#include "base/json-stream.h"

typedef struct Source {
        const char *text;
        size_t size;
} Source;

static inline ssize_t read_source(void *userdata, void *buffer, size_t size) {
        Source *source = userdata;
        size_t n = MIN_OF(size, source->size);

        memcpy(buffer, source->text, n);
        source->text += n;
        source->size -= n;
        return (ssize_t) n;
}
