#include "worker/protocol.h"

#include <sys/socket.h>

#include "base/h1.h"
#include "base/json.h"
#include "base/list.h"
#include "base/names.h"
#include "base/sha256.h"
#include "base/text.h"
#include "worker/layer.h"

/* cgroup, input, output, scratch, readme, signature */
#define N_SINGLE_FDS 6
#define FDS_MAX (N_SINGLE_FDS + WORKER_KEYRINGS_MAX)
#define MESSAGE_LENGTH_MAX (8 * KIB)

static const char *const kind_names[_WORKER_KIND_MAX] = {
        [WORKER_HASH_ZIP] = "hash-zip",
        [WORKER_REPACK] = "repack",
        [WORKER_SIGNATURE] = "signature",
        [WORKER_KEYS] = "keys",
        [WORKER_PROBE] = "probe",
};

static const char *const result_names[_WORKER_RESULT_MAX] = {
        [WORKER_OK] = "ok",
        [WORKER_REFUSED] = "refused",
        [WORKER_FAILED] = "failed",
        [WORKER_CANCELLED] = "cancelled",
};

static const char *const verdict_names[_SIGNATURE_VERDICT_MAX] = {
        [SIGNATURE_GOOD] = "good",
        [SIGNATURE_BAD] = "bad",
        [SIGNATURE_UNKNOWN_KEY] = "unknown-key",
        [SIGNATURE_WRONG_KEY] = "wrong-key",
        [SIGNATURE_EXPIRED] = "expired",
        [SIGNATURE_REVOKED] = "revoked",
        [SIGNATURE_WEAK_HASH] = "weak-hash",
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
};

static const char *string_of(const char *const *names, size_t n, int value) {
        return value >= 0 && (size_t) value < n ? names[value] : NULL;
}

static int value_of(const char *const *names, size_t n, const char *string) {
        for (size_t i = 0; i < n; i++)
                if (streq(names[i], string))
                        return (int) i;
        return -EINVAL;
}

const char *worker_kind_to_string(WorkerKind kind) {
        return string_of(kind_names, ELEMENTSOF(kind_names), (int) kind);
}

const char *worker_result_to_string(WorkerResult result) {
        return string_of(result_names, ELEMENTSOF(result_names), (int) result);
}

const char *signature_verdict_to_string(SignatureVerdict verdict) {
        return string_of(verdict_names, ELEMENTSOF(verdict_names), (int) verdict);
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

void worker_report_done(WorkerReport *report) {
        free(report->message);
        *report = (WorkerReport) {};
}

/* What each kind needs; also what a worker may rely on. */
static bool request_is_complete(const WorkerRequest *request) {
        if (request->kind != WORKER_PROBE && request->input_fd < 0)
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

/* Reads the members of one object, counting them, so that a member that nobody asked for is noticed. The first thing
 * that is wrong is kept in `error`; all later reads do nothing. */
typedef struct Reader {
        json_object *object;
        size_t n_taken;
        const char *error;
} Reader;

static bool reader_took(Reader *reader, int r, const char *error) {
        if (r > 0)
                reader->n_taken++;
        else if (!reader->error)
                reader->error = error;
        return r > 0;
}

static uint64_t read_number(Reader *reader, const char *key, uint64_t max, const char *error) {
        uint64_t value = 0;
        int r = json_get_uint64(reader->object, key, &value);

        if (r > 0 && value > max)
                r = -EBADMSG;
        return reader_took(reader, r, error) ? value : 0;
}

static bool read_bool(Reader *reader, const char *key, const char *error) {
        bool value = false;

        return reader_took(reader, json_get_bool(reader->object, key, &value), error) && value;
}

static const char *read_text(Reader *reader, const char *key, const char *error) {
        const char *value = NULL;

        return reader_took(reader, json_get_string(reader->object, key, &value), error) ? value : "";
}

static int read_name(
        Reader *reader, const char *key, const char *const *names, size_t n, const char *error) {
        const char *value = NULL;
        int r = json_get_string(reader->object, key, &value), found = -EINVAL;

        if (r > 0) {
                found = value_of(names, n, value);
                if (found < 0)
                        r = -EBADMSG;
        }
        return reader_took(reader, r, error) ? found : -EINVAL;
}

/* A string that is empty or passes `is_valid` goes to `ret`, whose size is known to suffice. */
static void read_checked(Reader *reader, const char *key, char *ret, size_t ret_size,
        bool (*is_valid)(const char *), bool may_be_empty, const char *error) {
        const char *value = NULL;
        int r = json_get_string(reader->object, key, &value);

        if (r > 0 && (strlen(value) >= ret_size || (isempty(value) ? !may_be_empty : !is_valid(value))))
                r = -EBADMSG;
        if (reader_took(reader, r, error))
                memcpy(ret, value, strlen(value) + 1);
}

static int reader_finish(Reader *reader) {
        if (!reader->error && reader->n_taken != (size_t) json_object_object_length(reader->object))
                reader->error = "unknown member";
        return reader->error ? -EBADMSG : 0;
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
        if (read_number(&reader, "version", UINT64_MAX, "version") != WORKER_PROTOCOL_VERSION)
                return -EBADMSG;
        r = read_name(&reader, "kind", kind_names, ELEMENTSOF(kind_names), "kind");
        if (r < 0)
                return -EBADMSG;
        request->kind = (WorkerKind) r;
        description->limits = (WorkerLimits) {
                .entries_max = read_number(&reader, "entriesMax", UINT64_MAX, "entriesMax"),
                .unpacked_size_max = read_number(&reader, "unpackedSizeMax", UINT64_MAX, "unpackedSizeMax"),
                .ratio_max = read_number(&reader, "ratioMax", UINT64_MAX, "ratioMax"),
                .artifact_size_max = read_number(&reader, "artifactSizeMax", UINT64_MAX, "artifactSizeMax"),
        };

        switch (request->kind) {
        case WORKER_HASH_ZIP:
                request->hash_file = read_bool(&reader, "hashFile", "hashFile");
                break;
        case WORKER_REPACK:
                r = read_name(&reader, "fileFormat", format_names, ELEMENTSOF(format_names), "fileFormat");
                if (r < 0)
                        return -EBADMSG;
                request->file_format = (FileFormat) r;
                r = take_subdirectory(&reader, description);
                if (r < 0)
                        return r;
                break;
        case WORKER_KEYS:
        case WORKER_PROBE:
                break;
        default:
                request->allow_expired_keys = read_bool(&reader, "allowExpiredKeys", "allowExpiredKeys");
                request->allow_weak_hashes = read_bool(&reader, "allowWeakHashes", "allowWeakHashes");
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

static int report_add_keys(json_object *document, const WorkerReport *report) {
        json_object *keys = json_object_new_array();

        if (json_set(document, "keys", keys) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < report->n_keys; i++) {
                json_object *key = json_object_new_object();
                _cleanup_free_ char *user = text_printable(report->keys[i].user);

                if (!user || json_append(keys, key) < 0 ||
                        json_set_string(key, "fingerprint", report->keys[i].fingerprint) < 0 ||
                        json_set_string(key, "user", user) < 0 ||
                        json_set_uint64(key, "created", report->keys[i].created) < 0 ||
                        json_set_uint64(key, "revocations", report->keys[i].n_revocations) < 0)
                        return -ENOMEM;
        }
        return 0;
}

static int report_add_layers(json_object *document, unsigned layers) {
        json_object *names = json_object_new_array();

        if (json_set(document, "layers", names) < 0)
                return -ENOMEM;
        for (SandboxLayer layer = 0; layer < _SANDBOX_LAYER_MAX; layer++)
                if (layers & SANDBOX_BIT(layer) &&
                        json_append(names, json_object_new_string(sandbox_layer_to_string(layer))) < 0)
                        return -ENOMEM;
        return 0;
}

static int report_add_values(json_object *document, WorkerKind kind, const WorkerReport *report) {
        if (kind == WORKER_PROBE)
                return report_add_layers(document, report->layers);
        if (kind == WORKER_KEYS)
                return report_add_keys(document, report);
        if (kind == WORKER_SIGNATURE)
                return json_set_string(
                               document, "signature", signature_verdict_to_string(report->signature)) < 0 ||
                                       json_set_string(document, "primaryFingerprint",
                                               report->primary_fingerprint) < 0 ||
                                       json_set_string(document, "signingFingerprint",
                                               report->signing_fingerprint) < 0 ||
                                       json_set_uint64(document, "signedAt", report->signed_at) < 0 ||
                                       json_set_uint64(document, "hashAlgorithm", report->hash_algorithm) <
                                               0 ||
                                       json_set_bool(document, "keyExpired", report->key_expired) < 0
                               ? -ENOMEM
                               : 0;

        if (json_set_uint64(document, "size", report->size) < 0 ||
                json_set_string(document, "sha256", report->sha256) < 0 ||
                json_set_string(document, "h1", report->h1) < 0 ||
                json_set_uint64(document, "entries", report->n_entries) < 0 ||
                json_set_uint64(document, "unpackedSize", report->unpacked_size) < 0)
                return -ENOMEM;
        if (kind == WORKER_REPACK &&
                (json_set_string(document, "commit", report->commit) < 0 ||
                        json_set_uint64(document, "readmeSize", report->readme_size) < 0))
                return -ENOMEM;
        return 0;
}

int worker_report_format(WorkerKind kind, const WorkerReport *report, char **ret) {
        _cleanup_(json_unrefp) json_object *document = json_object_new_object();
        _cleanup_free_ char *text = NULL, *message = NULL;

        if (!document || json_set_uint64(document, "version", WORKER_PROTOCOL_VERSION) < 0 ||
                json_set_string(document, "kind", worker_kind_to_string(kind)) < 0 ||
                json_set_string(document, "result", worker_result_to_string(report->result)) < 0)
                return -ENOMEM;
        if (report->message) {
                _cleanup_free_ char *cut = strndup(report->message, MESSAGE_LENGTH_MAX);

                /* After the cut, so that a character that was cut in two is replaced. */
                message = cut ? text_printable(cut) : NULL;
                if (!message || json_set_string(document, "message", message) < 0)
                        return -ENOMEM;
        }
        if (report->result == WORKER_OK && report_add_values(document, kind, report) < 0)
                return -ENOMEM;

        text = json_format(document, false);
        if (!text)
                return -ENOMEM;
        if (strlen(text) > WORKER_REPORT_SIZE_MAX)
                return -EMSGSIZE;
        *ret = TAKE_PTR(text);
        return 0;
}

int worker_report_send(int socket, WorkerKind kind, const WorkerReport *report) {
        _cleanup_free_ char *text = NULL;
        ssize_t n;
        int r;

        r = worker_report_format(kind, report, &text);
        if (r < 0)
                return r;
        do
                n = send(socket, text, strlen(text), MSG_NOSIGNAL);
        while (n < 0 && errno == EINTR);
        return n < 0 ? negative_errno() : 0;
}

static bool message_is_valid(const char *message) {
        _cleanup_free_ char *printable = text_printable(message);

        return printable && streq(printable, message) && !isempty(message) &&
               strlen(message) <= MESSAGE_LENGTH_MAX;
}

static void read_signature(Reader *reader, WorkerReport *report) {
        report->signature = (SignatureVerdict) read_name(
                reader, "signature", verdict_names, ELEMENTSOF(verdict_names), "signature");
        read_checked(reader, "primaryFingerprint", report->primary_fingerprint,
                sizeof(report->primary_fingerprint), fingerprint_is_valid, true, "primaryFingerprint");
        read_checked(reader, "signingFingerprint", report->signing_fingerprint,
                sizeof(report->signing_fingerprint), fingerprint_is_valid, true, "signingFingerprint");
        report->signed_at = read_number(reader, "signedAt", UINT64_MAX / USEC_PER_SEC, "signedAt");
        report->hash_algorithm = (unsigned) read_number(reader, "hashAlgorithm", UINT8_MAX, "hashAlgorithm");
        report->key_expired = read_bool(reader, "keyExpired", "keyExpired");
        if (!reader->error && report->signature == SIGNATURE_GOOD && isempty(report->primary_fingerprint))
                reader->error = "a good signature without a fingerprint";
        if (!reader->error && (report->signature == SIGNATURE_GOOD) != !report->message)
                reader->error = "message";
}

static bool user_is_valid(const char *user) {
        _cleanup_free_ char *printable = text_printable(user);

        return printable && streq(printable, user);
}

static void read_keys(Reader *reader, WorkerReport *report) {
        json_object *array = NULL, *element;

        if (!reader_took(reader, json_get_array(reader->object, "keys", &array), "keys"))
                return;
        if (json_object_array_length(array) == 0 || json_object_array_length(array) > WORKER_KEYS_MAX)
                reader->error = "keys";
        JSON_ARRAY_FOREACH (element, array) {
                Reader one = { .object = element, .error = reader->error };
                WorkerKey key = {};

                if (!one.error && !json_object_is_type(element, json_type_object))
                        one.error = "a key that is not an object";
                if (one.error) {
                        reader->error = one.error;
                        return;
                }
                read_checked(&one, "fingerprint", key.fingerprint, sizeof(key.fingerprint),
                        fingerprint_is_valid, false, "fingerprint");
                read_checked(&one, "user", key.user, sizeof(key.user), user_is_valid, true, "user");
                key.created = read_number(&one, "created", UINT32_MAX, "created");
                key.n_revocations = (unsigned) read_number(&one, "revocations", UINT32_MAX, "revocations");
                if (reader_finish(&one) < 0) {
                        reader->error = one.error;
                        return;
                }
                report->keys[report->n_keys++] = key;
        }
        if (!reader->error && report->message)
                reader->error = "message";
}

static void read_layers(Reader *reader, WorkerReport *report) {
        json_object *array = NULL, *element;

        if (!reader_took(reader, json_get_array(reader->object, "layers", &array), "layers"))
                return;
        JSON_ARRAY_FOREACH (element, array) {
                SandboxLayer layer = json_object_is_type(element, json_type_string)
                                             ? sandbox_layer_from_string(json_object_get_string(element))
                                             : _SANDBOX_LAYER_INVALID;

                if (layer < 0 || report->layers & SANDBOX_BIT(layer)) {
                        reader->error = "layers";
                        return;
                }
                report->layers |= SANDBOX_BIT(layer);
        }
        if (!reader->error && report->message)
                reader->error = "message";
}

static void read_archive(Reader *reader, const WorkerRequest *request, WorkerReport *report) {
        bool hashed = request->kind == WORKER_REPACK || request->hash_file;

        report->size = read_number(reader, "size", INT64_MAX, "size");
        read_checked(reader, "sha256", report->sha256, sizeof(report->sha256), sha256_hex_is_valid, !hashed,
                "sha256");
        read_checked(reader, "h1", report->h1, sizeof(report->h1), h1_is_valid, false, "h1");
        report->n_entries = read_number(reader, "entries", UINT32_MAX, "entries");
        report->unpacked_size = read_number(reader, "unpackedSize", INT64_MAX, "unpackedSize");
        if (request->kind == WORKER_REPACK) {
                read_checked(reader, "commit", report->commit, sizeof(report->commit), commit_is_valid, true,
                        "commit");
                report->readme_size = read_number(reader, "readmeSize", INT64_MAX, "readmeSize");
        }
        if (!reader->error && report->message)
                reader->error = "message";
}

static int report_read(
        const WorkerRequest *request, json_object *document, WorkerReport *report, const char **ret_error) {
        Reader reader = { .object = document };
        int kind, result;

        if (read_number(&reader, "version", UINT64_MAX, "version") != WORKER_PROTOCOL_VERSION)
                reader.error = "version";
        kind = read_name(&reader, "kind", kind_names, ELEMENTSOF(kind_names), "kind");
        if (!reader.error && kind != (int) request->kind)
                reader.error = "an answer to another kind of job";
        result = read_name(&reader, "result", result_names, ELEMENTSOF(result_names), "result");
        report->result = result < 0 ? WORKER_FAILED : (WorkerResult) result;
        if (!reader.error && report->result == WORKER_CANCELLED)
                reader.error = "result";

        if (json_object_object_get_ex(document, "message", NULL) || report->result != WORKER_OK) {
                const char *message = read_text(&reader, "message", "message");

                if (!reader.error && !message_is_valid(message))
                        reader.error = "message";
                if (!reader.error) {
                        report->message = strdup(message);
                        if (!report->message)
                                return -ENOMEM;
                }
        }
        if (!reader.error && report->result == WORKER_OK) {
                if (request->kind == WORKER_SIGNATURE)
                        read_signature(&reader, report);
                else if (request->kind == WORKER_KEYS)
                        read_keys(&reader, report);
                else if (request->kind == WORKER_PROBE)
                        read_layers(&reader, report);
                else
                        read_archive(&reader, request, report);
        }
        if (reader_finish(&reader) < 0) {
                *ret_error = reader.error;
                return -EBADMSG;
        }
        return 0;
}

int worker_report_parse(const WorkerRequest *request, const char *data, size_t size, WorkerReport *ret,
        const char **ret_error) {
        _cleanup_(json_unrefp) json_object *document = NULL;
        WorkerReport report = {};
        int r;

        if (size > WORKER_REPORT_SIZE_MAX) {
                *ret_error = "too large";
                return -EBADMSG;
        }
        r = json_parse(data, size, &document, ret_error);
        if (r < 0)
                return r;
        if (!json_object_is_type(document, json_type_object)) {
                *ret_error = "not an object";
                return -EBADMSG;
        }
        r = report_read(request, document, &report, ret_error);
        if (r < 0) {
                worker_report_done(&report);
                return r;
        }
        *ret = report;
        return 0;
}
