/* A module's file in which an author tells the scanner to be silent: nothing of that is left, and all else stays. The first
 * byte is the kind of file. */
#include "fuzz.h"
#include "scan/ignore-marks.h"

static size_t count(const char *data, size_t size, char byte) {
        size_t n = 0;

        for (size_t i = 0; i < size; i++)
                n += data[i] == byte;
        return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *text = (const char *) data + 1, *file;
        Findings findings = {};
        Buffer out = {};
        size_t added;

        if (size < 1)
                return 0;
        file = data[0] == 'y' ? "a.yaml" : "a.tf";
        size--;
        if (ignore_marks_neutralize(file, text, size, &findings, &out) < 0)
                abort();
        if (memmem(strempty(out.data), out.size, ":ignore:", 8))
                abort();
        added = out.size - size;
        if (out.size < size || count(out.data, out.size, '\n') != count(text, size, '\n') ||
                count(out.data, out.size, ' ') != count(text, size, ' ') + added ||
                (data[0] == 'y' && added > 0))
                abort();
        for (size_t i = 0; i < findings.n_marks; i++)
                if (findings.marks[i].line == 0 || isempty(findings.marks[i].text) ||
                        (i > 0 && findings.marks[i].line < findings.marks[i - 1].line))
                        abort();
        findings_clear(&findings);
        buffer_clear(&out);
        return 0;
}
