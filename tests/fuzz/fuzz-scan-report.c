/* A scanner's report: what it is read into makes a findings document that parses again, a summary, and an SBOM that can be
 * merged. */
#include "../unit/text-source.h"
#include "base/text.h"
#include "fuzz.h"
#include "scan/report.h"

static const JsonStreamLimits limits = { .size_max = MIB, .element_max = 64 * KIB };

static int append(void *userdata, const void *data, size_t size) {
        return buffer_append(userdata, data, size);
}

static int discard(void *userdata, const void *data, size_t size) {
        return 0;
}

static void check_findings(const Findings *findings) {
        _cleanup_(json_unrefp) json_object *document = findings_to_json(findings), *again = NULL,
                                           *object = NULL;
        _cleanup_free_ char *text = document ? json_format(document, false) : NULL, *error = NULL;
        Findings parsed = {};
        ScanSummary summary, reparsed;

        if (!text || findings_parse(text, strlen(text), &parsed, NULL) < 0)
                abort();
        again = findings_to_json(&parsed);
        if (!json_object_equal(document, again) || findings_summarize(&parsed, &summary) < 0)
                abort();
        object = scan_summary_to_json(&summary);
        if (!object || scan_summary_from_json(object, "scan", &reparsed, &error) < 0)
                abort();
        scan_summary_clear(&reparsed);
        scan_summary_clear(&summary);
        findings_clear(&parsed);
}

/* Only documents of one binary are merged; others are refused, not mistaken. */
static void check_sbom(const Buffer *sbom, size_t n_binaries) {
        _cleanup_(json_unrefp) json_object *document = NULL;
        _cleanup_(json_stream_freep) JsonStream *stream = NULL;
        _cleanup_(sbom_writer_freep) SbomWriter *writer = NULL;
        _cleanup_free_ char *error = NULL;
        Source source = { sbom->data, sbom->size };
        int r;

        if (json_parse(sbom->data, sbom->size, &document, NULL) < 0)
                abort();
        if (json_stream_new(read_source, &source, &limits, &stream) < 0 ||
                sbom_writer_new(discard, NULL, NULL, &writer) < 0)
                abort();
        r = sbom_merge(writer, stream, "name", NULL, &error);
        if (r >= 0)
                r = json_stream_finish(stream);
        if ((r < 0) != !!error || (n_binaries != 1 && r >= 0))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_(json_stream_freep) JsonStream *stream = NULL;
        _cleanup_(sbom_writer_freep) SbomWriter *writer = NULL;
        _cleanup_free_ char *error = NULL;
        Source source = { (const char *) data, size };
        ScanReport report = {};
        size_t n_binaries = 0;
        Buffer sbom = {};
        int r;

        if (size > 256 * KIB)
                return 0;
        if (json_stream_new(read_source, &source, &limits, &stream) < 0 ||
                sbom_writer_new(append, &sbom, NULL, &writer) < 0 ||
                findings_add_mark(&report.findings, "main.tf", 9, "trivy:ignore:AVD-AWS-0086") < 0)
                abort();
        r = scan_report_read(stream, writer, &report, &error);
        if ((r < 0) != !!error)
                abort();
        if (r >= 0) {
                for (size_t i = 0; i < report.n_targets; i++)
                        n_binaries += report.targets[i].n_packages > 0;
                check_findings(&report.findings);
                if (sbom_writer_finish(writer) < 0)
                        abort();
                check_sbom(&sbom, n_binaries);
        }
        scan_report_clear(&report);
        buffer_clear(&sbom);
        return 0;
}
