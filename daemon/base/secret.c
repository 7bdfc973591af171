#include "base/secret.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/text.h"

void secret_clear(Secret *secret) {
        if (secret->data)
                explicit_bzero(secret->data, secret->size);
        free(secret->data);
        *secret = (Secret) {};
}

int secret_assign(Secret *secret, const char *data, size_t size) {
        char *copy = malloc(size + 1);

        if (!copy)
                return -ENOMEM;
        memcpy(copy, data, size);
        copy[size] = '\0';
        secret_clear(secret);
        *secret = (Secret) { .data = copy, .size = size };
        return 0;
}

char *secret_text_free(char *text) {
        if (text)
                explicit_bzero(text, strlen(text));
        free(text);
        return NULL;
}

int secret_open_directory(void) {
        const char *path = secure_getenv("CREDENTIALS_DIRECTORY");
        int fd;

        if (isempty(path))
                return -ENOENT;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? negative_errno() : fd;
}

static int read_all(int fd, Secret *secret) {
        while (secret->size < SECRET_SIZE_MAX + 1) {
                ssize_t n = read(fd, secret->data + secret->size, SECRET_SIZE_MAX + 1 - secret->size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return negative_errno();
                if (n == 0) {
                        secret->data[secret->size] = '\0';
                        return secret->size > 0 ? 0 : -ENODATA;
                }
                secret->size += (size_t) n;
        }
        return -EFBIG;
}

static int read_file(int directory_fd, const char *name, Secret *ret) {
        _cleanup_(secret_clear) Secret secret = {};
        _cleanup_close_ int fd = -EBADF;
        struct stat status;
        int r;

        if (directory_fd < 0)
                return -ENOENT;
        fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &status) < 0)
                return negative_errno();
        if (!S_ISREG(status.st_mode))
                return -EINVAL;
        /* Of its largest size from the beginning: what moves while it grows leaves copies behind. */
        secret.data = malloc(SECRET_SIZE_MAX + 2);
        if (!secret.data)
                return -ENOMEM;
        r = read_all(fd, &secret);
        return r < 0 ? r : secret_assign(ret, secret.data, secret.size);
}

int secret_read(int directory_fd, const char *name, Secret *ret, char **ret_error) {
        int r = read_file(directory_fd, name, ret);

        if (r == -ENOENT)
                text_set(ret_error, "the service has no credential '%s' (LoadCredential=)", name);
        else if (r == -ENODATA)
                text_set(ret_error, "the credential '%s' is empty", name);
        else if (r == -EFBIG)
                text_set(ret_error, "the credential '%s' is larger than %llu bytes", name,
                        (unsigned long long) SECRET_SIZE_MAX);
        else if (r == -EINVAL || r == -ELOOP)
                text_set(ret_error, "the credential '%s' is not a regular file", name);
        else if (r < 0)
                text_set(ret_error, "the credential '%s' cannot be read: %s", name, strerror(-r));
        return r;
}

int secret_read_token(int directory_fd, const char *name, Secret *ret, char **ret_error) {
        _cleanup_(secret_clear) Secret secret = {};
        bool bad = false;
        int r;

        r = secret_read(directory_fd, name, &secret, ret_error);
        if (r < 0)
                return r;
        while (secret.size > 0 && strchr(" \t\r\n", secret.data[secret.size - 1]))
                secret.data[--secret.size] = '\0';
        for (size_t i = 0; i < secret.size; i++)
                bad = bad || secret.data[i] <= ' ' || secret.data[i] > '~';
        if (bad || secret.size == 0) {
                text_set(ret_error, "the credential '%s' is not a token: one line of printable characters",
                        name);
                return -EBADMSG;
        }
        *ret = TAKE_GENERIC(secret, ((Secret) {}));
        return 0;
}
