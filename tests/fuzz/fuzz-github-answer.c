/* What GitHub answers to an App. */
#include <stdlib.h>

#include "fuzz.h"
#include "source/github-answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *copy = malloc(size + 1), *error = NULL, *message = NULL;
        _cleanup_(secret_clear) Secret token = {};
        uint64_t id = 0, ends;

        if (!copy)
                abort();
        memcpy(copy, data, size);
        copy[size] = '\0';
        message = github_parse_message(copy, size, "secret");
        if (message && strstr(message, "secret"))
                abort();
        if (github_parse_installation(copy, size, &id, &error) < 0 ? !error : id == 0)
                abort();
        free(TAKE_PTR(error));
        if (github_parse_token(copy, size, &token, &ends, &error) < 0) {
                if (!error || token.data)
                        abort();
        } else if (token.size == 0 || strlen(token.data) != token.size)
                abort();
        for (size_t i = 0; i < size; i++)
                if (copy[i])
                        abort();
        return 0;
}
