#include "worker/protocol.h"

#include <sys/socket.h>

#include "base/json.h"
#include "base/list.h"
#include "base/names.h"
#include "worker/reader.h"

/* cgroup, input, output, scratch, readme, signature, scanner, database, directory, raw, sbom */
#define N_SINGLE_FDS 11
#define FDS_MAX (N_SINGLE_FDS + WORKER_KEYRINGS_MAX)

const char *const worker_kind_names[_WORKER_KIND_MAX] = {
        [WORKER_HASH_ZIP] = "hash-zip",
        [WORKER_REPACK] = "repack",
        [WORKER_SIGNATURE] = "signature",
        [WORKER_KEYS] = "keys",
        [WORKER_SCAN] = "scan",
        [WORKER_SCANNER] = "scanner",
        [WORKER_RESCAN] = "rescan",
        [WORKER_PROBE] = "probe",
};

/* The names of the single descriptors, as they stand in the job and in WorkerRequest. */
static const struct {
        const char *name;
        size_t offset;
} single_fds[N_SINGLE_FDS] = {
        { "cgroup", offsetof(WorkerRequest, cgroup_fd) },
        { "input", offsetof(WorkerRequest, input_fd) },
        { "output", offsetof(WorkerRequest, output_fd) },
        { "scratch", offsetof(WorkerRequest, scratch_fd) },
        { "readme", offsetof(WorkerRequest, readme_fd) },
        { "signature", offsetof(WorkerRequest, signature_fd) },
        { "scanner", offsetof(WorkerRequest, scanner_fd) },
        { "database", offsetof(WorkerRequest, database_fd) },
        { "directory", offsetof(WorkerRequest, directory_fd) },
        { "raw", offsetof(WorkerRequest, raw_fd) },
        { "sbom", offsetof(WorkerRequest, sbom_fd) },
};

const char *worker_kind_to_string(WorkerKind kind) {
        return kind >= 0 && kind < _WORKER_KIND_MAX ? worker_kind_names[kind] : NULL;
}

bool fingerprint_is_valid(const char *fingerprint) {
        size_t length = strlen(fingerprint);

        return (length == 40 || length == 64) && strspn(fingerprint, "0123456789ABCDEF") == length;
}

static int *request_fd(WorkerRequest *request, size_t i) {
        return (int *) (void *) ((char *) request + single_fds[i].offset);
}

void worker_request_close(WorkerRequest *request) {
        for (size_t i = 0; i < N_SINGLE_FDS; i++) {
                int *fd = request_fd(request, i);
                *fd = close_fd(*fd);
        }
        for (size_t i = 0; i < MIN_OF(request->n_keyrings, (size_t) WORKER_KEYRINGS_MAX); i++)
                request->keyring_fds[i] = close_fd(request->keyring_fds[i]);
        request->n_keyrings = 0;
}

void worker_description_done(WorkerDescription *description) {
        worker_request_close(&description->request);
        free(TAKE_PTR(description->subdirectory));
        description->request.subdirectory = NULL;
        description->fingerprints = strings_free(description->fingerprints);
        description->request.fingerprints = NULL;
}

/* What each kind needs; also what a worker may rely on. */
static bool request_is_complete(const WorkerRequest *request) {
        bool no_input = request->kind == WORKER_PROBE || request->kind == WORKER_SCANNER;

        if (!no_input && request->input_fd < 0)
                return false;
        switch (request->kind) {
        case WORKER_HASH_ZIP:
        case WORKER_KEYS:
        case WORKER_PROBE:
                return true;
        case WORKER_REPACK:
                return request->output_fd >= 0 && request->scratch_fd >= 0 &&
                       (request->file_format == FILE_FORMAT_ZIP ||
                               request->file_format == FILE_FORMAT_TAR_GZ);
        case WORKER_SIGNATURE: {
                size_t n = strings_length(request->fingerprints);

                if (request->signature_fd < 0 || request->n_keyrings == 0 ||
                        request->n_keyrings > WORKER_KEYRINGS_MAX || n > WORKER_FINGERPRINTS_MAX)
                        return false;
                for (size_t i = 0; i < request->n_keyrings; i++)
                        if (request->keyring_fds[i] < 0)
                                return false;
                for (size_t i = 0; i < n; i++)
                        if (!fingerprint_is_valid(request->fingerprints[i]))
                                return false;
                return true;
        }
        case WORKER_RESCAN:
        case WORKER_SCAN:
                return request->scanner_fd >= 0 && request->directory_fd >= 0 && request->output_fd >= 0 &&
                       request->raw_fd >= 0 && !isempty(request->scan.scanner) &&
                       (request->scan.subject == SCAN_MODULE || request->database_fd >= 0);
        case WORKER_SCANNER:
                return request->scanner_fd >= 0 && request->directory_fd >= 0;
        default:
                return false;
        }
}

/* The description of the job; the names of the descriptors that go with it, in their order, are in it. */
static int job_format(const WorkerRequest *request, const WorkerLimits *limits, char **ret,
        int fds[static FDS_MAX], size_t *ret_n_fds) {
        _cleanup_(json_unrefp) json_object *job = json_object_new_object();
        json_object *names, *fingerprints;
        size_t n_fds = 0;

        if (!job)
                return -ENOMEM;
        names = json_object_new_array();
        if (json_set(job, "descriptors", names) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < N_SINGLE_FDS; i++) {
                int fd = *(const int *) (const void *) ((const char *) request + single_fds[i].offset);

                if (fd < 0)
                        continue;
                fds[n_fds++] = fd;
                if (json_append(names, json_object_new_string(single_fds[i].name)) < 0)
                        return -ENOMEM;
        }
        for (size_t i = 0; i < request->n_keyrings; i++) {
                fds[n_fds++] = request->keyring_fds[i];
                if (json_append(names, json_object_new_string("keyring")) < 0)
                        return -ENOMEM;
        }

        if (json_set_uint64(job, "version", WORKER_PROTOCOL_VERSION) < 0 ||
                json_set_string(job, "kind", worker_kind_to_string(request->kind)) < 0 ||
                json_set_uint64(job, "entriesMax", limits->entries_max) < 0 ||
                json_set_uint64(job, "unpackedSizeMax", limits->unpacked_size_max) < 0 ||
                json_set_uint64(job, "ratioMax", limits->ratio_max) < 0 ||
                json_set_uint64(job, "artifactSizeMax", limits->artifact_size_max) < 0)
                return -ENOMEM;
        if (request->kind == WORKER_HASH_ZIP && json_set_bool(job, "hashFile", request->hash_file) < 0)
                return -ENOMEM;
        if (request->kind == WORKER_REPACK &&
                json_set_string(
                        job, "fileFormat", request->file_format == FILE_FORMAT_ZIP ? "zip" : "tar.gz") < 0)
                return -ENOMEM;
        if (request->kind == WORKER_REPACK &&
                json_set_string(job, "subdirectory", request->subdirectory) < 0)
                return -ENOMEM;
        if (request->kind == WORKER_SIGNATURE) {
                fingerprints = json_object_new_array();
                if (json_set(job, "fingerprints", fingerprints) < 0 ||
                        json_set_bool(job, "allowExpiredKeys", request->allow_expired_keys) < 0 ||
                        json_set_bool(job, "allowWeakHashes", request->allow_weak_hashes) < 0)
                        return -ENOMEM;
                for (char *const *fingerprint = request->fingerprints; fingerprint && *fingerprint;
                        fingerprint++)
                        if (json_append(fingerprints, json_object_new_string(*fingerprint)) < 0)
                                return -ENOMEM;
        }

        if ((request->kind == WORKER_SCAN || request->kind == WORKER_RESCAN) &&
                (json_set_string(job, "subject", scan_subject_to_string(request->scan.subject)) < 0 ||
                        json_set_string(job, "scanner", request->scan.scanner) < 0 ||
                        json_set_uint64(job, "scannerFlags", request->scan.scanner_flags) < 0 ||
                        json_set_uint64(job, "reportSizeMax", request->scan.report_size_max) < 0))
                return -ENOMEM;

        *ret = json_format(job, false);
        *ret_n_fds = n_fds;
        return *ret ? 0 : -ENOMEM;
}

int worker_job_send(int socket, const WorkerRequest *request, const WorkerLimits *limits) {
        _cleanup_free_ char *text = NULL;
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(FDS_MAX * sizeof(int))];
        } control = {};
        int fds[FDS_MAX], r;
        size_t n_fds;

        if (!request_is_complete(request))
                return -EINVAL;
        r = job_format(request, limits, &text, fds, &n_fds);
        if (r < 0)
                return r;
        if (strlen(text) > WORKER_JOB_SIZE_MAX)
                return -EMSGSIZE;

        control.header = (struct cmsghdr) {
                .cmsg_level = SOL_SOCKET,
                .cmsg_type = SCM_RIGHTS,
                .cmsg_len = CMSG_LEN(n_fds * sizeof(int)),
        };
        memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
        struct iovec iov = { text, strlen(text) };
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = n_fds > 0 ? &control : NULL,
                .msg_controllen = n_fds > 0 ? CMSG_SPACE(n_fds * sizeof(int)) : 0,
        };
        return sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? negative_errno() : 0;
}

/* Gives each descriptor to the place that the job names for it. Those left in `fds` are closed by the caller. */
static int take_descriptors(json_object *names, int *fds, size_t n_fds, WorkerRequest *request) {
        if (json_object_array_length(names) != n_fds)
                return -EBADMSG;
        for (size_t i = 0; i < n_fds; i++) {
                json_object *element = json_object_array_get_idx(names, i);
                int *place = NULL;

                if (!json_object_is_type(element, json_type_string))
                        return -EBADMSG;
                for (size_t j = 0; j < N_SINGLE_FDS; j++)
                        if (streq(json_object_get_string(element), single_fds[j].name))
                                place = request_fd(request, j);
                if (!place && streq(json_object_get_string(element), "keyring") &&
                        request->n_keyrings < WORKER_KEYRINGS_MAX) {
                        place = &request->keyring_fds[request->n_keyrings++];
                        *place = -EBADF;
                }
                if (!place || *place >= 0)
                        return -EBADMSG;
                *place = TAKE_FD(fds[i]);
        }
        return 0;
}

/* It may be left out. */
static int take_subdirectory(Reader *reader, WorkerDescription *description) {
        const char *value = NULL;
        int r = json_get_string(reader->object, "subdirectory", &value);

        if (r == 0)
                return 0;
        if (!reader_took(reader, r > 0 && tag_is_valid(value) ? 1 : -EBADMSG, "subdirectory"))
                return 0;
        r = string_assign(&description->subdirectory, value);
        description->request.subdirectory = description->subdirectory;
        return r;
}

static int take_fingerprints(Reader *reader, WorkerDescription *description) {
        json_object *array = NULL, *element;

        if (!reader_took(reader, json_get_array(reader->object, "fingerprints", &array), "fingerprints"))
                return 0;
        if (json_object_array_length(array) > WORKER_FINGERPRINTS_MAX)
                return -EBADMSG;
        JSON_ARRAY_FOREACH (element, array) {
                if (!json_object_is_type(element, json_type_string))
                        return -EBADMSG;
                if (strings_append(&description->fingerprints, json_object_get_string(element)) < 0)
                        return -ENOMEM;
        }
        description->request.fingerprints = description->fingerprints;
        return 0;
}

static int job_parse(const char *data, size_t size, int *fds, size_t n_fds, WorkerDescription *description) {
        static const char *const format_names[] = {
                [FILE_FORMAT_ZIP] = "zip", [FILE_FORMAT_TAR_GZ] = "tar.gz"
        };
        _cleanup_(json_unrefp) json_object *job = NULL;
        WorkerRequest *request = &description->request;
        json_object *names = NULL;
        int r;

        r = json_parse(data, size, &job, NULL);
        if (r < 0)
                return r;
        if (!json_object_is_type(job, json_type_object))
                return -EBADMSG;

        Reader reader = { .object = job };
        if (reader_number(&reader, "version", UINT64_MAX, "version") != WORKER_PROTOCOL_VERSION)
                return -EBADMSG;
        r = reader_name(&reader, "kind", worker_kind_names, ELEMENTSOF(worker_kind_names), "kind");
        if (r < 0)
                return -EBADMSG;
        request->kind = (WorkerKind) r;
        description->limits = (WorkerLimits) {
                .entries_max = reader_number(&reader, "entriesMax", UINT64_MAX, "entriesMax"),
                .unpacked_size_max =
                        reader_number(&reader, "unpackedSizeMax", UINT64_MAX, "unpackedSizeMax"),
                .ratio_max = reader_number(&reader, "ratioMax", UINT64_MAX, "ratioMax"),
                .artifact_size_max =
                        reader_number(&reader, "artifactSizeMax", UINT64_MAX, "artifactSizeMax"),
        };

        switch (request->kind) {
        case WORKER_HASH_ZIP:
                request->hash_file = reader_bool(&reader, "hashFile", "hashFile");
                break;
        case WORKER_REPACK:
                r = reader_name(&reader, "fileFormat", format_names, ELEMENTSOF(format_names), "fileFormat");
                if (r < 0)
                        return -EBADMSG;
                request->file_format = (FileFormat) r;
                r = take_subdirectory(&reader, description);
                if (r < 0)
                        return r;
                break;
        case WORKER_SCAN:
        case WORKER_RESCAN:
                r = scan_subject_from_string(reader_text(&reader, "subject", "subject"));
                if (r < 0)
                        return -EBADMSG;
                request->scan.subject = (ScanSubject) r;
                reader_checked(&reader, "scanner", request->scan.scanner, sizeof(request->scan.scanner),
                        scanner_version_is_valid, false, "scanner");
                request->scan.scanner_flags =
                        (unsigned) reader_number(&reader, "scannerFlags", UINT32_MAX, "scannerFlags");
                request->scan.report_size_max =
                        reader_number(&reader, "reportSizeMax", INT64_MAX, "reportSizeMax");
                break;
        case WORKER_KEYS:
        case WORKER_SCANNER:
        case WORKER_PROBE:
                break;
        default:
                request->allow_expired_keys = reader_bool(&reader, "allowExpiredKeys", "allowExpiredKeys");
                request->allow_weak_hashes = reader_bool(&reader, "allowWeakHashes", "allowWeakHashes");
                r = take_fingerprints(&reader, description);
                if (r < 0)
                        return r;
        }

        if (reader_took(&reader, json_get_array(job, "descriptors", &names), "descriptors")) {
                r = take_descriptors(names, fds, n_fds, request);
                if (r < 0)
                        return r;
        }
        r = reader_finish(&reader);
        if (r < 0)
                return r;
        return request_is_complete(request) ? 0 : -EBADMSG;
}

int worker_job_receive(int socket, WorkerDescription *ret) {
        WorkerDescription description = { .request = WORKER_REQUEST_INIT(WORKER_HASH_ZIP) };
        char data[WORKER_JOB_SIZE_MAX + 1];
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(FDS_MAX * sizeof(int))];
        } control;
        struct iovec iov = { data, sizeof(data) };
        struct msghdr message = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        int fds[FDS_MAX], r;
        size_t n_fds = 0;
        ssize_t n;

        do
                n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return negative_errno();
        if (n == 0)
                return -ENODATA;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
                        n_fds = MIN_OF((c->cmsg_len - CMSG_LEN(0)) / sizeof(int), (size_t) FDS_MAX);
                        memcpy(fds, CMSG_DATA(c), n_fds * sizeof(int));
                        break;
                }
        r = message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || (size_t) n > WORKER_JOB_SIZE_MAX
                    ? -EBADMSG
                    : job_parse(data, (size_t) n, fds, n_fds, &description);
        for (size_t i = 0; i < n_fds; i++)
                close_fd(fds[i]);
        if (r < 0) {
                worker_description_done(&description);
                return r;
        }
        *ret = description;
        return 0;
}
