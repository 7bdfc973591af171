/* Runs a fuzz target over files, and over every file of directories, named as arguments: seeds as ordinary tests. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/util.h"
#include "fuzz.h"

#define INPUT_SIZE_MAX (64 * MIB)

static int replay_file(int dirfd, const char *name) {
        _cleanup_free_ char *data = NULL;
        _cleanup_free_ uint8_t *copy = NULL;
        size_t size;
        int r = fs_read_file(dirfd, name, INPUT_SIZE_MAX, &data, &size);

        if (r < 0) {
                (void) fprintf(stderr, "%s: %s\n", name, strerror(-r));
                return r;
        }
        /* A copy of the exact size, so that the sanitizer sees a read behind the end. */
        copy = malloc(MAX_OF(size, (size_t) 1));
        if (!copy)
                return -ENOMEM;
        memcpy(copy, data, size);
        (void) fprintf(stderr, "%s (%zu bytes)\n", name, size);
        return LLVMFuzzerTestOneInput(copy, size) == 0 ? 1 : -EINVAL;
}

static int replay_directory(const char *path) {
        DIR *directory = opendir(path);
        struct dirent *entry;
        int n = 0, r = 0;

        if (!directory)
                return negative_errno();
        while (r >= 0 && (entry = readdir(directory))) {
                if (entry->d_name[0] == '.')
                        continue;
                r = replay_file(dirfd(directory), entry->d_name);
                n += r > 0;
        }
        (void) closedir(directory);
        return r < 0 ? r : n;
}

int main(int argc, char *argv[]) {
        int total = 0;

        for (int i = 1; i < argc; i++) {
                struct stat st;
                int r = stat(argv[i], &st) < 0 ? negative_errno()
                        : S_ISDIR(st.st_mode)  ? replay_directory(argv[i])
                                               : replay_file(AT_FDCWD, argv[i]);

                if (r < 0) {
                        (void) fprintf(stderr, "%s: %s\n", argv[i], strerror(-r));
                        return EXIT_FAILURE;
                }
                total += r;
        }
        /* Without a single input the test would prove nothing. */
        if (total == 0) {
                (void) fprintf(stderr, "no inputs\n");
                return EXIT_FAILURE;
        }
        (void) printf("%d inputs\n", total);
        return EXIT_SUCCESS;
}
