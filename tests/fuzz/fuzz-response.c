/* The value of a Content-Range or Retry-After header. */
#include "base/clock.h"
#include "fetch/response.h"
#include "fuzz.h"

#define NOW (UINT64_C(1795406706) * USEC_PER_SEC)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *value = strndup((const char *) data, size);
        uint64_t first = 1, total = 0, until;

        if (!value)
                return 0;
        /* A part begins inside the whole. */
        if (response_parse_content_range(value, &first, &total) >= 0 ? first >= total
                                                                     : first != 1 || total != 0)
                abort();
        /* Now or later, but no server makes us wait for more than six hours. */
        until = response_parse_retry_after(value, NOW);
        if (until != 0 && (until < NOW || until > NOW + 6 * 60 * USEC_PER_MINUTE))
                abort();
        return 0;
}
