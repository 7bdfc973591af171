#include "worker/gunzip.h"

#include <isa-l.h>
#include <sys/stat.h>

#include "worker/file.h"

#define INPUT_SIZE (128 * KIB)

struct Gunzip {
        int fd;
        uint64_t offset, file_size; /* what is read, and how much there is */
        uint64_t written, size_max;
        bool in_member, had_member;
        struct inflate_state inflate;
        uint8_t input[INPUT_SIZE];
};

int gunzip_new(int fd, uint64_t size_max, Gunzip **ret) {
        Gunzip *gunzip;
        struct stat st;

        if (fstat(fd, &st) < 0)
                return negative_errno();
        if (!S_ISREG(st.st_mode))
                return -EBADF;
        gunzip = malloc(sizeof(*gunzip)); /* large buffers that need not be zero */
        if (!gunzip)
                return -ENOMEM;
        gunzip->fd = fd;
        gunzip->offset = gunzip->written = 0;
        gunzip->file_size = (uint64_t) st.st_size;
        gunzip->size_max = size_max;
        gunzip->in_member = gunzip->had_member = false;
        isal_inflate_init(&gunzip->inflate);
        gunzip->inflate.avail_in = 0;
        *ret = gunzip;
        return 0;
}

Gunzip *gunzip_free(Gunzip *gunzip) {
        free(gunzip);
        return NULL;
}

/* Makes sure that there is input. Returns 0 when the file is at its end. */
static int fill(Gunzip *gunzip) {
        size_t n = MIN_OF(gunzip->file_size - gunzip->offset, (uint64_t) INPUT_SIZE);
        int r;

        if (gunzip->inflate.avail_in > 0)
                return 1;
        if (n == 0)
                return 0;
        r = file_read_at(gunzip->fd, gunzip->input, n, gunzip->offset);
        if (r < 0)
                return r;
        gunzip->offset += n;
        gunzip->inflate.next_in = gunzip->input;
        gunzip->inflate.avail_in = (uint32_t) n;
        return 1;
}

static void start_member(Gunzip *gunzip) {
        uint8_t *next_in = gunzip->inflate.next_in;
        uint32_t avail_in = gunzip->inflate.avail_in;

        isal_inflate_init(&gunzip->inflate);
        gunzip->inflate.next_in = next_in;
        gunzip->inflate.avail_in = avail_in;
        gunzip->inflate.crc_flag = ISAL_GZIP;
        gunzip->in_member = true;
}

static int inflate_error(const Gunzip *gunzip, int code, char **ret_error) {
        switch (code) {
        case ISAL_INVALID_WRAPPER:
        case ISAL_UNSUPPORTED_METHOD:
                return refuse(ret_error,
                        gunzip->had_member ? "data after the end of the gzip stream" : "not a gzip file");
        case ISAL_INCORRECT_CHECKSUM:
                return refuse(ret_error, "damaged gzip file: the checksum does not match");
        default:
                return refuse(ret_error, "damaged gzip file");
        }
}

int gunzip_read(Gunzip *gunzip, void *buffer, size_t size, size_t *ret_size, char **ret_error) {
        struct inflate_state *state = &gunzip->inflate;
        size_t done = 0;

        while (done < size) {
                uint32_t n = (uint32_t) MIN_OF(size - done, (size_t) (64 * MIB)), avail_in;
                int more = fill(gunzip), code;

                if (more < 0)
                        return more;
                if (!gunzip->in_member) {
                        if (!more && gunzip->had_member)
                                break;
                        start_member(gunzip);
                }

                state->next_out = (uint8_t *) buffer + done;
                state->avail_out = n;
                avail_in = state->avail_in;
                code = isal_inflate(state);
                if (code != ISAL_DECOMP_OK && code != ISAL_END_INPUT)
                        return inflate_error(gunzip, code, ret_error);
                n -= state->avail_out;
                done += n;
                gunzip->written += n;
                if (gunzip->written > gunzip->size_max)
                        return refuse(ret_error, "unpacks to more than %llu bytes",
                                (unsigned long long) gunzip->size_max);

                if (state->block_state == ISAL_BLOCK_FINISH) {
                        gunzip->in_member = false;
                        gunzip->had_member = true;
                } else if (n == 0 && state->avail_in == avail_in && !more)
                        return refuse(ret_error,
                                gunzip->had_member ? "truncated, or data after the end of the gzip stream"
                                                   : "truncated gzip file");
        }
        *ret_size = done;
        return 0;
}
