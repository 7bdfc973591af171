#include "base/credential.h"

#include <fcntl.h>

#include "base/fs.h"
#include "base/text.h"

#define NAME_MAX_LENGTH 255

bool credential_name_is_valid(const char *name) {
        if (isempty(name) || streq(name, ".") || streq(name, "..") ||
                strnlen(name, NAME_MAX_LENGTH + 1) > NAME_MAX_LENGTH)
                return false;
        for (const char *c = name; *c; c++)
                if (*c <= ' ' || *c >= 0x7f || *c == '/' || *c == ':')
                        return false;
        return true;
}

int credential_find(const char *name, char **ret_path) {
        const char *directory = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_free_ char *path = NULL;

        if (!credential_name_is_valid(name))
                return -EINVAL;
        if (isempty(directory) || directory[0] != '/')
                return -ENOENT;
        path = text_format("%s/%s", directory, name);
        if (!path)
                return -ENOMEM;
        if (access(path, R_OK) < 0)
                return negative_errno();
        *ret_path = TAKE_PTR(path);
        return 0;
}

int credential_read(const char *name, size_t max, char **ret) {
        _cleanup_free_ char *path = NULL;
        _cleanup_close_ int fd = -EBADF;
        char *text = NULL;
        size_t size = 0;
        int r;

        r = credential_find(name, &path);
        if (r < 0)
                return r;
        fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                return negative_errno();
        r = fs_read_fd(fd, max, &text, &size);
        if (r < 0)
                return r;
        if (size > 0 && text[size - 1] == '\n')
                text[--size] = '\0';
        if (size > 0 && text[size - 1] == '\r')
                text[--size] = '\0';
        if (size == 0 || memchr(text, '\0', size)) {
                explicit_bzero(text, size);
                free(text);
                return -EBADMSG;
        }
        *ret = text;
        return 0;
}

char *credential_free(char *text) {
        if (text)
                explicit_bzero(text, strlen(text));
        free(text);
        return NULL;
}
