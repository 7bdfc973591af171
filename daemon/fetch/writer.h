/* Writes and hashes a stream in a thread, in order, with two buffers: a disk that makes its writers wait holds up the
 * transfer, not the loop. */
#pragma once

#include "base/offload.h"
#include "base/sha256.h"
#include "base/util.h"

typedef struct Writer Writer;

/* What writer_add() takes at most at once. */
#define WRITER_CHUNK_SIZE (256 * KIB)

/* There is room again after writer_add() has returned -EAGAIN. */
typedef void (*WriterReady)(void *userdata);
/* Everything is in the file, or `r` says why not. `sha256` is of the whole stream. */
typedef void (*WriterDone)(int r, uint64_t size, const char *sha256, void *userdata);

/* It takes up memory only between its first piece and writer_rest(). `fd` is duplicated. `sha256` and `size` are of what the file holds already, behind which is written. */
int writer_new(Offload *offload, int fd, const Sha256 *sha256, uint64_t size, WriterReady ready,
        void *userdata, Writer **ret);
/* What is being written is still written; nothing is called any more. */
Writer *writer_free(Writer *writer);
DEFINE_CLEANUP(Writer *, writer_free)

/* Takes all of it, or nothing: -EAGAIN when there is no room now, or the error of an earlier piece. */
int writer_add(Writer *writer, const void *data, size_t size);
/* There will be nothing to add for some time: gives the buffers back as soon as everything is written. */
void writer_rest(Writer *writer);
/* Forgets the stream so far: the file is emptied, and what comes now is its beginning. */
void writer_rewind(Writer *writer);
/* The stream will probably have this many bytes in all: room for them is made with the next piece. */
void writer_expect(Writer *writer, uint64_t size);
/* The size of the stream so far. */
uint64_t writer_size(const Writer *writer);
/* Writes what is left and frees the writer; then `done` is called, once, from the loop and never from within this call. On
 * failure the writer is still there. */
int writer_finish(Writer *writer, WriterDone done);
