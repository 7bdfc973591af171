#include "fetch/writer.h"

#include <fcntl.h>
#include <sys/stat.h>

#define WRITE_SIZE_MIN (WRITER_CHUNK_SIZE / 2)

#include "base/background-unlink.h"

typedef struct Chunk {
        uint8_t *data;
        size_t size;
        uint64_t expected; /* of the file, when the stream has just begun or goes on; 0: nothing is known */
        bool rewind;       /* empty the file first */
        bool last;         /* the file ends here, whatever lay behind */
} Chunk;

struct Writer {
        Offload *offload;
        WriterReady ready;
        WriterDone done; /* set: the end is near */
        void *userdata;

        Chunk filling;
        uint64_t size;
        bool in_flight, paused, resting, abandoned;
        int error;

        /* The thread's while `in_flight`. */
        Chunk writing;
        int fd;
        Sha256 sha256;
        uint64_t offset;
};

static void writer_destroy(Writer *writer) {
        /* What was abandoned in the middle may have lost its name meanwhile. */
        if (writer->abandoned)
                background_close(writer->offload, writer->fd);
        else
                close_fd(writer->fd);
        free(writer->filling.data);
        free(writer->writing.data);
        free(writer);
}

Writer *writer_free(Writer *writer) {
        if (!writer)
                return NULL;
        writer->abandoned = true;
        if (!writer->in_flight)
                writer_destroy(writer);
        return NULL;
}

int writer_new(Offload *offload, int fd, const Sha256 *sha256, uint64_t size, WriterReady ready,
        void *userdata, Writer **ret) {
        Writer *writer = calloc(1, sizeof(Writer));

        if (!writer)
                return -ENOMEM;
        *writer = (Writer) {
                .offload = offload,
                .ready = ready,
                .userdata = userdata,
                .size = size,
                .offset = size,
                .sha256 = *sha256,
                .fd = fcntl(fd, F_DUPFD_CLOEXEC, 3),
        };
        if (writer->fd < 0) {
                int r = negative_errno();

                writer_destroy(writer);
                return r;
        }
        *ret = writer;
        return 0;
}

uint64_t writer_size(const Writer *writer) {
        return writer->size;
}

/* A file that was emptied is written out when it is closed (ext4(5), auto_da_alloc): not one that was empty before. */
static int empty_file(int fd) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return negative_errno();
        return st.st_size > 0 && ftruncate(fd, 0) < 0 ? negative_errno() : 0;
}

static int write_chunk(void *userdata) {
        Writer *writer = userdata;
        const uint8_t *rest = writer->writing.data;
        size_t left = writer->writing.size;

        if (writer->writing.rewind) {
                int r = empty_file(writer->fd);

                if (r < 0)
                        return r;
                sha256_start(&writer->sha256);
                writer->offset = 0;
        }
        /* Blocks that are found for the whole file at once cost less than those found for each piece, and lie together. Where
         * this fails, writing says why, or succeeds. */
        if (writer->writing.expected > writer->offset)
                (void) fallocate(writer->fd, FALLOC_FL_KEEP_SIZE, (off_t) writer->offset,
                        (off_t) (writer->writing.expected - writer->offset));
        if (left > 0)
                sha256_add(&writer->sha256, rest, left);
        while (left > 0) {
                ssize_t n = pwrite(writer->fd, rest, left, (off_t) writer->offset);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return negative_errno();
                rest += n;
                left -= (size_t) n;
                writer->offset += (uint64_t) n;
        }
        if (writer->writing.last && ftruncate(writer->fd, (off_t) writer->offset) < 0)
                return negative_errno();
        return 0;
}

static int writer_submit(Writer *writer);

/* The writer is gone before its owner hears of the end. */
static void writer_end(Writer *writer) {
        WriterDone done = writer->done;
        void *userdata = writer->userdata;
        uint64_t size = writer->offset;
        char hex[SHA256_HEX_SIZE];
        int error = writer->error;

        sha256_finish_hex(&writer->sha256, hex);
        writer_destroy(writer);
        done(error, size, hex, userdata);
}

/* A thread is not woken for every record of TLS. */
static bool is_worth_writing(const Writer *writer) {
        return writer->filling.size >= WRITE_SIZE_MIN ||
               ((writer->paused || writer->resting) && writer->filling.size > 0);
}

static void free_buffers(Writer *writer) {
        free(TAKE_PTR(writer->filling.data));
        free(TAKE_PTR(writer->writing.data));
        /* Only after an error there is anything in it. */
        writer->filling.size = 0;
}

static int make_buffers(Writer *writer) {
        writer->resting = false;
        if (!writer->filling.data)
                writer->filling.data = malloc(WRITER_CHUNK_SIZE);
        if (!writer->writing.data && !writer->in_flight)
                writer->writing.data = malloc(WRITER_CHUNK_SIZE);
        return writer->filling.data && writer->writing.data ? 0 : -ENOMEM;
}

static void on_written(int result, void *userdata) {
        Writer *writer = userdata;

        writer->in_flight = false;
        if (writer->abandoned) {
                writer_destroy(writer);
                return;
        }
        if (writer->error == 0)
                writer->error = MIN_OF(result, 0);
        if (writer->error == 0 && (writer->done ? !writer->writing.last : is_worth_writing(writer)))
                writer->error = writer_submit(writer);
        if (writer->done && !writer->in_flight) {
                writer_end(writer);
                return;
        }
        if (writer->resting && !writer->in_flight)
                free_buffers(writer);
        if (writer->paused) {
                writer->paused = false;
                writer->ready(writer->userdata);
        }
}

static int writer_submit(Writer *writer) {
        Chunk empty = writer->writing;
        int r;

        writer->writing = writer->filling;
        writer->writing.last = writer->done;
        writer->filling = (Chunk) { .data = empty.data };
        r = offload_run(writer->offload, write_chunk, on_written, writer);
        if (r >= 0)
                writer->in_flight = true;
        return MIN_OF(r, 0);
}

void writer_rest(Writer *writer) {
        writer->resting = true;
        if (!writer->in_flight && writer->error == 0 && is_worth_writing(writer))
                writer->error = writer_submit(writer);
        if (!writer->in_flight)
                free_buffers(writer);
}

int writer_add(Writer *writer, const void *data, size_t size) {
        if (writer->error == 0)
                writer->error = make_buffers(writer);
        if (writer->error < 0)
                return writer->error;
        if (size > WRITER_CHUNK_SIZE)
                return -EMSGSIZE;
        if (size > WRITER_CHUNK_SIZE - writer->filling.size) {
                if (writer->in_flight) {
                        /* There is this one buffer meanwhile, and it is full. */
                        writer->paused = true;
                        return -EAGAIN;
                }
                writer->error = writer_submit(writer);
                if (writer->error < 0)
                        return writer->error;
        }
        memcpy(writer->filling.data + writer->filling.size, data, size);
        writer->filling.size += size;
        writer->size += size;
        if (!writer->in_flight && is_worth_writing(writer))
                writer->error = writer_submit(writer);
        return writer->error;
}

void writer_rewind(Writer *writer) {
        writer->filling.size = 0;
        writer->filling.rewind = true;
        writer->size = 0;
}

void writer_expect(Writer *writer, uint64_t size) {
        writer->filling.expected = MIN_OF(size, (uint64_t) INT64_MAX);
}

int writer_finish(Writer *writer, WriterDone done) {
        writer->done = done;
        /* An empty piece brings the answer on a later turn. */
        return writer->in_flight ? 0 : writer_submit(writer);
}
