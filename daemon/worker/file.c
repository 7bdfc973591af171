#include "worker/file.h"

#include <sys/stat.h>

#include "base/text.h"

#define BUFFER_SIZE (128 * KIB)

int file_read_at(int fd, void *data, size_t size, uint64_t offset) {
        uint8_t *rest = data;

        while (size > 0) {
                ssize_t n = pread(fd, rest, size, (off_t) offset);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return negative_errno();
                }
                if (n == 0)
                        return -ENODATA;
                rest += n;
                size -= (size_t) n;
                offset += (uint64_t) n;
        }
        return 0;
}

int file_write_at(int fd, const void *data, size_t size, uint64_t offset) {
        const uint8_t *rest = data;

        while (size > 0) {
                ssize_t n = pwrite(fd, rest, size, (off_t) offset);

                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return negative_errno();
                }
                rest += n;
                size -= (size_t) n;
                offset += (uint64_t) n;
        }
        return 0;
}

int file_hash(int fd, uint64_t *ret_size, char ret_hex[static SHA256_HEX_SIZE]) {
        _cleanup_free_ uint8_t *buffer = malloc(BUFFER_SIZE);
        uint64_t offset = 0;
        struct stat st;
        Sha256 sha256;

        if (!buffer)
                return -ENOMEM;
        if (fstat(fd, &st) < 0)
                return negative_errno();
        sha256_start(&sha256);
        while (offset < (uint64_t) st.st_size) {
                size_t n = MIN_OF((uint64_t) st.st_size - offset, (uint64_t) BUFFER_SIZE);
                int r = file_read_at(fd, buffer, n, offset);

                if (r < 0)
                        return r;
                sha256_add(&sha256, buffer, n);
                offset += n;
        }
        sha256_finish_hex(&sha256, ret_hex);
        *ret_size = offset;
        return 0;
}

int refuse(char **ret_error, const char *format, ...) {
        va_list arguments;
        char *message;

        va_start(arguments, format);
        message = text_vformat(format, arguments);
        va_end(arguments);
        free(*ret_error);
        *ret_error = message;
        return -EBADMSG;
}
