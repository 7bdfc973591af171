#include "base/secret.h"

#include "scratch.h"

static int directory_fd;

static void check_refused(const char *name, int expected, const char *words) {
        _cleanup_free_ char *error = NULL;
        Secret secret = {};

        check_int(secret_read_token(directory_fd, name, &secret, &error), expected);
        check(!secret.data && strstr(error, words));
        check(!strstr(error, "hidden"));
}

static void test_read(void) {
        _cleanup_(secret_clear) Secret secret = {};
        _cleanup_free_ char *error = NULL;

        scratch_write(directory_fd, "token", "hidden\r\n \n");
        check_int(secret_read_token(directory_fd, "token", &secret, &error), 0);
        check_string(secret.data, "hidden");
        check_int(secret.size, 6);
        check_int(secret_read(directory_fd, "token", &secret, &error), 0);
        check_string(secret.data, "hidden\r\n \n");
        check_int(secret_read(-ENOENT, "token", &secret, &error), -ENOENT);
        check_string(error, "the service has no credential 'token' (LoadCredential=)");
}

static void test_refused(void) {
        _cleanup_free_ char *large = calloc(1, SECRET_SIZE_MAX + 2);

        check(large);
        scratch_write(directory_fd, "empty", "");
        scratch_write(directory_fd, "blank", " \n");
        scratch_write(directory_fd, "lines", "hidden\nhidden\n");
        scratch_write(directory_fd, "control", "hidden\a");
        memset(large, 'x', SECRET_SIZE_MAX + 1);
        scratch_write(directory_fd, "large", large);
        check(symlinkat("token", directory_fd, "link") >= 0);
        check(mkdirat(directory_fd, "directory", 0700) >= 0);
        check(mkfifoat(directory_fd, "fifo", 0600) >= 0);
        check_refused("missing", -ENOENT, "has no credential 'missing'");
        check_refused("empty", -ENODATA, "is empty");
        check_refused("blank", -EBADMSG, "is not a token");
        check_refused("lines", -EBADMSG, "is not a token");
        check_refused("control", -EBADMSG, "is not a token");
        check_refused("large", -EFBIG, "is larger than");
        check_refused("link", -ELOOP, "is not a regular file");
        check_refused("directory", -EINVAL, "is not a regular file");
        check_refused("fifo", -EINVAL, "is not a regular file");
}

static void test_directory(void) {
        int fd;

        check_int(unsetenv("CREDENTIALS_DIRECTORY"), 0);
        check_int(secret_open_directory(), -ENOENT);
        check_int(setenv("CREDENTIALS_DIRECTORY", "/does/not/exist", 1), 0);
        check_int(secret_open_directory(), -ENOENT);
        check_int(setenv("CREDENTIALS_DIRECTORY", "/", 1), 0);
        fd = secret_open_directory();
        check(fd >= 0);
        close_fd(fd);
}

int main(void) {
        directory_fd = scratch_open();
        test_read();
        test_refused();
        test_directory();
        close_fd(directory_fd);
        return EXIT_SUCCESS;
}
