/* A findings document: what parses is written in a form that parses again and is written the same. */
#include "fuzz.h"
#include "model/finding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(json_unrefp) json_object *document = NULL, *document_again = NULL;
        _cleanup_free_ char *error = NULL, *text = NULL, *text_again = NULL;
        Findings findings, again;

        if (findings_parse((const char *) data, size, &findings, &error) < 0) {
                if (!error)
                        abort();
                return 0;
        }
        document = findings_to_json(&findings);
        text = document ? json_format(document, true) : NULL;
        if (!text || findings_parse(text, strlen(text), &again, NULL) < 0)
                abort();
        document_again = findings_to_json(&again);
        text_again = document_again ? json_format(document_again, true) : NULL;
        if (!text_again || !streq(text, text_again))
                abort();
        findings_clear(&findings);
        findings_clear(&again);
        return 0;
}
