#include "base/credential.h"

#include "scratch.h"

static void write_credential(int dirfd, const char *name, const char *data, size_t size) {
        check_int(fs_write_file_durably(dirfd, name, data, size, 0400), 0);
}

static void check_read(const char *name, int expected, const char *text) {
        _cleanup_(credential_freep) char *read = NULL;

        check_int(credential_read(name, 16, &read), expected);
        check_string(strempty(read), strempty(text));
}

static void test_names(void) {
        check(credential_name_is_valid("proxy-login"));
        check(credential_name_is_valid("a.b_c"));
        check(!credential_name_is_valid(""));
        check(!credential_name_is_valid("."));
        check(!credential_name_is_valid(".."));
        check(!credential_name_is_valid("a/b"));
        check(!credential_name_is_valid("a:b"));
        check(!credential_name_is_valid("a b"));
        check(!credential_name_is_valid("gr\xc3\xbc\xc3\x9f"));
}

static void test_read(int fd) {
        _cleanup_free_ char *path = NULL;

        check_int(unsetenv("CREDENTIALS_DIRECTORY"), 0);
        check_read("login", -ENOENT, NULL);
        check_int(setenv("CREDENTIALS_DIRECTORY", scratch_path, 1), 0);
        check_read("login", -ENOENT, NULL);
        check_read("../login", -EINVAL, NULL);

        write_credential(fd, "login", "user:secret\r\n", 13);
        write_credential(fd, "bare", "user:secret", 11);
        write_credential(fd, "empty", "\n", 1);
        write_credential(fd, "binary", "a\0b", 3);
        write_credential(fd, "long", "01234567890123456", 17);
        check_read("login", 0, "user:secret");
        check_read("bare", 0, "user:secret");
        check_read("empty", -EBADMSG, NULL);
        check_read("binary", -EBADMSG, NULL);
        check_read("long", -EFBIG, NULL);

        check_int(credential_find("login", &path), 0);
        check(startswith(path, scratch_path) && endswith(path, "/login"));
        check_int(setenv("CREDENTIALS_DIRECTORY", "relative", 1), 0);
        check_read("login", -ENOENT, NULL);
}

int main(void) {
        _cleanup_close_ int fd = scratch_open();

        test_names();
        test_read(fd);
        return EXIT_SUCCESS;
}
