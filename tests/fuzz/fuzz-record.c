/* A record: what parses is written in a form that parses again and is written the same. */
#include "fuzz.h"
#include "model/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(record_freep) Record *record = NULL, *again = NULL;
        _cleanup_free_ char *error = NULL, *text = NULL, *text_again = NULL;

        if (record_parse((const char *) data, size, &record, &error) < 0) {
                if (!error)
                        abort();
                return 0;
        }
        text = record_format(record);
        if (!text || record_parse(text, strlen(text), &again, NULL) < 0)
                abort();
        text_again = record_format(again);
        if (!text_again || !streq(text, text_again))
                abort();
        return 0;
}
