/* Two lines, each a version: the normalised text parses to itself, and the orders agree with themselves. */
#include "fuzz.h"
#include "model/version.h"

static int sign(int value) {
        return (value > 0) - (value < 0);
}

static void require(bool condition) {
        if (!condition)
                abort();
}

static void check_one(const Version *version) {
        _cleanup_(version_freep) Version *again = NULL;
        const char *text = version_string(version);

        require(version_n_segments(version) >= 3);
        require(version_n_segments_written(version) <= version_n_segments(version));
        /* Padding may carry the normalised text over the limit. */
        if (strlen(text) <= VERSION_LENGTH_MAX) {
                require(version_parse(text, &again) >= 0);
                require(streq(version_string(again), text));
                require(version_equal_segments(version, again));
                require(streq(version_prerelease(version), version_prerelease(again)));
                require(version_order(version, again) == 0);
        }
        require(version_compare(version, version) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(version_freep) Version *a = NULL, *b = NULL;
        _cleanup_free_ char *text = strndup((const char *) data, size);
        char *second;

        if (!text)
                return 0;
        second = strchr(text, '\n');
        if (second)
                *second++ = '\0';

        if (version_parse(text, &a) < 0)
                return 0;
        check_one(a);
        if (!second || version_parse(second, &b) < 0)
                return 0;
        check_one(b);
        require(version_order(a, b) == -sign(version_order(b, a)));
        (void) version_compare(a, b);
        return 0;
}
