/* pins.json, as an earlier daemon, or something else, has left it: what is accepted is written and read again as it is. */
#include "base/log.h"
#include "fuzz-scratch.h"
#include "verify/pins.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_free_ char *text = NULL, *again = NULL;
        _cleanup_(pins_freep) Pins *pins = NULL;
        const char *error = NULL;

        log_set_max_level(LOG_EMERG);
        if (pins_new(NULL, fuzz_scratch(), &pins) < 0)
                abort();
        if (pins_parse(pins, (const char *) data, size, &error) < 0) {
                if (!error || pins_count(pins) > 0)
                        abort();
                return 0;
        }
        text = pins_format(pins);
        if (!text || pins_count(pins) > PINS_MAX || pins_parse(pins, text, strlen(text), &error) < 0)
                abort();
        again = pins_format(pins);
        if (!again || !streq(text, again))
                abort();
        return 0;
}
