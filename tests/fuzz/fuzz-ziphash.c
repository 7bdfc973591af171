/* A zip archive; what is accepted has a hash. */
#include <fcntl.h>
#include <sys/mman.h>

#include "base/fs.h"
#include "fuzz.h"
#include "worker/ziphash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        WorkerDescription description = {
                .request = WORKER_REQUEST_INIT(WORKER_HASH_ZIP),
                .limits = { .entries_max = 100,
                        .unpacked_size_max = MIB,
                        .ratio_max = 10,
                        .artifact_size_max = MIB },
        };
        WorkerReport report = { .result = WORKER_FAILED };
        int r;

        description.request.input_fd = memfd_create("fuzz", MFD_CLOEXEC);
        if (description.request.input_fd < 0 || fs_write_all(description.request.input_fd, data, size) < 0)
                abort();
        r = ziphash_run(&description, &report);
        if ((r >= 0) != (report.result == WORKER_OK && strlen(report.h1) == 47) ||
                (r == -EBADMSG && !report.message))
                abort();
        worker_report_done(&report);
        worker_request_close(&description.request);
        return 0;
}
