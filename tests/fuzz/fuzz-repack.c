/* The first byte is the format to make; the rest a zip, a gzip file, or else a tar stream that is wrapped here, since no
 * fuzzer finds checksums. What is accepted is accepted again with the same result. */
#include "../unit/archives.h"
#include "fuzz.h"
#include "worker/repack.h"

#define TAR_SIZE_MAX (256 * KIB)

static int wrap(const uint8_t *data, size_t size) {
        _cleanup_(buffer_clear) Buffer file = {};

        if (size >= 2 && (memcmp(data, "PK", 2) == 0 || memcmp(data, "\x1f\x8b", 2) == 0))
                put(&file, data, size);
        else {
                put(&file, "\x1f\x8b\x08\0\0\0\0\0\0\3", 10);
                put_deflated(&file, data, size);
                put32(&file, crc_of(data, size));
                put32(&file, size);
        }
        return memory_file(&file);
}

static int run(const uint8_t *data, size_t size, FileFormat format, WorkerReport *report) {
        WorkerDescription description = {
                .request = WORKER_REQUEST_INIT(WORKER_REPACK),
                .limits = { .entries_max = 100,
                        .unpacked_size_max = MIB,
                        .ratio_max = 100,
                        .artifact_size_max = 2 * MIB },
        };
        struct stat st;
        int r;

        description.request.input_fd = wrap(data, size);
        description.request.output_fd = empty_file();
        description.request.scratch_fd = empty_file();
        description.request.readme_fd = empty_file();
        description.request.file_format = format;
        *report = (WorkerReport) { .result = WORKER_FAILED };
        r = repack_run(&description, report);
        if ((r >= 0) != (report->result == WORKER_OK) || (r == -EBADMSG && !report->message) ||
                fstat(description.request.output_fd, &st) < 0 ||
                (r >= 0 && (uint64_t) st.st_size != report->size))
                abort();
        worker_request_close(&description.request);
        return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        WorkerReport first, second;
        FileFormat format;

        if (size == 0 || size > TAR_SIZE_MAX)
                return 0;
        format = data[0] & 1 ? FILE_FORMAT_TAR_GZ : FILE_FORMAT_ZIP;
        if (run(data + 1, size - 1, format, &first) >= 0 &&
                (run(data + 1, size - 1, format, &second) < 0 || !streq(first.sha256, second.sha256) ||
                        !streq(first.h1, second.h1)))
                abort();
        worker_report_done(&first);
        return 0;
}
