/* The first byte chooses the question, the rest is the report: one that is accepted says the same again when it is
 * written anew. */
#include "base/json.h"
#include "fuzz.h"
#include "worker/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        WorkerRequest request = WORKER_REQUEST_INIT(WORKER_HASH_ZIP);
        _cleanup_free_ char *text = NULL, *again = NULL;
        WorkerReport report, second;
        const char *error = NULL;

        if (size == 0)
                return 0;
        request.kind = (WorkerKind) (data[0] % _WORKER_KIND_MAX);
        request.hash_file = data[0] & 8;

        if (worker_report_parse(&request, (const char *) data + 1, size - 1, &report, &error) < 0) {
                if (!error)
                        abort();
                return 0;
        }
        if (report.result == WORKER_CANCELLED || worker_report_format(request.kind, &report, &text) < 0 ||
                worker_report_parse(&request, text, strlen(text), &second, &error) < 0 ||
                worker_report_format(request.kind, &second, &again) < 0 || !streq(text, again))
                abort();
        worker_report_done(&report);
        worker_report_done(&second);
        return 0;
}
