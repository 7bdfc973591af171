/* A time in RFC 3339: what is read can be written, and means the same when it is read again. */
#include "base/clock.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = strndup((const char *) data, size);
        char again[CLOCK_TEXT_SIZE];
        uint64_t usec = 0, usec_again;

        if (!text || clock_parse(text, &usec) < 0)
                return 0;
        clock_format(usec, again);
        /* A time zone may carry the last day of the year 9999 over into a year that has no four digits. */
        if (usec >= UINT64_C(253402300800) * USEC_PER_SEC)
                return 0;
        if (clock_parse(again, &usec_again) < 0 || usec_again != usec - usec % USEC_PER_SEC)
                abort();
        return 0;
}
