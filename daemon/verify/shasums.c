#include "verify/shasums.h"

#include "base/sha256.h"

#define FILE_NAME_MAX 255
#define DIGEST_LENGTH (SHA256_HEX_SIZE - 1)

/* One component of a path, of visible ASCII. */
static bool file_name_is_valid(const char *name, size_t length) {
        if (length == 0 || length > FILE_NAME_MAX || name[0] == '.')
                return false;
        for (size_t i = 0; i < length; i++)
                if (name[i] <= ' ' || name[i] > '~' || name[i] == '/' || name[i] == '\\')
                        return false;
        return true;
}

/* Splits a line into digest and file name; the name is what remains of the line. */
static bool parse_line(
        const char *line, size_t length, char ret_sha256[static SHA256_HEX_SIZE], const char **ret_name) {
        if (length < DIGEST_LENGTH + 2 || line[DIGEST_LENGTH] != ' ' ||
                (line[DIGEST_LENGTH + 1] != ' ' && line[DIGEST_LENGTH + 1] != '*'))
                return false;
        memcpy(ret_sha256, line, DIGEST_LENGTH);
        ret_sha256[DIGEST_LENGTH] = '\0';
        *ret_name = line + DIGEST_LENGTH + 2;
        return sha256_hex_is_valid(ret_sha256) && file_name_is_valid(*ret_name, length - DIGEST_LENGTH - 2);
}

int shasums_find(
        const char *data, size_t size, const char *file, char ret_sha256[static 65], unsigned *ret_line) {
        char found[SHA256_HEX_SIZE] = "", sha256[SHA256_HEX_SIZE];
        const char *name, *end;
        bool is_ambiguous = false;
        unsigned n = 0;

        if (size > SHASUMS_SIZE_MAX) {
                if (ret_line)
                        *ret_line = 0;
                return -EBADMSG;
        }

        if (size == 0)
                return -ENOENT;

        /* The whole text is checked, wherever the file stands in it. */
        end = data + size;
        for (const char *line = data; line < end;) {
                const char *newline = memchr(line, '\n', (size_t) (end - line));
                const char *line_end = newline ? newline : end;

                n++;
                if (!parse_line(line, (size_t) (line_end - line), sha256, &name)) {
                        if (ret_line)
                                *ret_line = n;
                        return -EBADMSG;
                }
                if (strlen(file) == (size_t) (line_end - name) &&
                        strncmp(name, file, (size_t) (line_end - name)) == 0) {
                        if (found[0] && !streq(found, sha256))
                                is_ambiguous = true;
                        memcpy(found, sha256, sizeof(found));
                }
                line = newline ? newline + 1 : end;
        }
        if (is_ambiguous)
                return -ENOTUNIQ;
        if (!found[0])
                return -ENOENT;
        memcpy(ret_sha256, found, sizeof(found));
        return 0;
}
