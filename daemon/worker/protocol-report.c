#include <sys/socket.h>

#include "base/h1.h"
#include "base/json.h"
#include "base/names.h"
#include "base/sha256.h"
#include "base/text.h"
#include "scan/sbom.h"
#include "worker/layer.h"
#include "worker/protocol.h"
#include "worker/reader.h"

#define MESSAGE_LENGTH_MAX (8 * KIB)

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

const char *worker_result_to_string(WorkerResult result) {
        return result >= 0 && result < _WORKER_RESULT_MAX ? result_names[result] : NULL;
}

const char *signature_verdict_to_string(SignatureVerdict verdict) {
        return verdict >= 0 && verdict < _SIGNATURE_VERDICT_MAX ? verdict_names[verdict] : NULL;
}

void worker_report_done(WorkerReport *report) {
        free(report->message);
        scan_summary_clear(&report->scan);
        *report = (WorkerReport) {};
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
        if (kind == WORKER_SCAN)
                return json_set(document, "scan", scan_summary_to_json(&report->scan));
        if (kind == WORKER_RESCAN)
                return json_set_uint64(document, "scanned", report->n_scanned);
        if (kind == WORKER_SCANNER)
                return json_set_string(document, "scanner", report->scanner) < 0 ||
                                       json_set_uint64(document, "flags", report->scanner_flags) < 0
                               ? -ENOMEM
                               : 0;
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
        report->signature = (SignatureVerdict) reader_name(
                reader, "signature", verdict_names, ELEMENTSOF(verdict_names), "signature");
        reader_checked(reader, "primaryFingerprint", report->primary_fingerprint,
                sizeof(report->primary_fingerprint), fingerprint_is_valid, true, "primaryFingerprint");
        reader_checked(reader, "signingFingerprint", report->signing_fingerprint,
                sizeof(report->signing_fingerprint), fingerprint_is_valid, true, "signingFingerprint");
        report->signed_at = reader_number(reader, "signedAt", UINT64_MAX / USEC_PER_SEC, "signedAt");
        report->hash_algorithm =
                (unsigned) reader_number(reader, "hashAlgorithm", UINT8_MAX, "hashAlgorithm");
        report->key_expired = reader_bool(reader, "keyExpired", "keyExpired");
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
                reader_checked(&one, "fingerprint", key.fingerprint, sizeof(key.fingerprint),
                        fingerprint_is_valid, false, "fingerprint");
                reader_checked(&one, "user", key.user, sizeof(key.user), user_is_valid, true, "user");
                key.created = reader_number(&one, "created", UINT32_MAX, "created");
                key.n_revocations = (unsigned) reader_number(&one, "revocations", UINT32_MAX, "revocations");
                if (reader_finish(&one) < 0) {
                        reader->error = one.error;
                        return;
                }
                report->keys[report->n_keys++] = key;
        }
        if (!reader->error && report->message)
                reader->error = "message";
}

/* Of what was asked for, and not of something else. */
static void read_scan(Reader *reader, const WorkerRequest *request, WorkerReport *report) {
        json_object *object = NULL;
        int r = json_get_object(reader->object, "scan", &object);

        if (r > 0 && scan_summary_from_json(object, "scan", &report->scan, NULL) < 0)
                r = -EBADMSG;
        if (reader_took(reader, r, "scan") && report->scan.origin.subject != request->scan.subject)
                reader->error = "a scan of something else";
        if (!reader->error && report->message)
                reader->error = "message";
}

static void read_rescan(Reader *reader, WorkerReport *report) {
        report->n_scanned = reader_number(reader, "scanned", SBOM_BINARIES_MAX, "scanned");
        if (!reader->error && report->message)
                reader->error = "message";
}

static void read_scanner(Reader *reader, WorkerReport *report) {
        reader_checked(reader, "scanner", report->scanner, sizeof(report->scanner), scanner_version_is_valid,
                false, "scanner");
        report->scanner_flags = (unsigned) reader_number(reader, "flags", UINT32_MAX, "flags");
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

        report->size = reader_number(reader, "size", INT64_MAX, "size");
        reader_checked(reader, "sha256", report->sha256, sizeof(report->sha256), sha256_hex_is_valid,
                !hashed, "sha256");
        reader_checked(reader, "h1", report->h1, sizeof(report->h1), h1_is_valid, false, "h1");
        report->n_entries = reader_number(reader, "entries", UINT32_MAX, "entries");
        report->unpacked_size = reader_number(reader, "unpackedSize", INT64_MAX, "unpackedSize");
        if (request->kind == WORKER_REPACK) {
                reader_checked(reader, "commit", report->commit, sizeof(report->commit), commit_is_valid,
                        true, "commit");
                report->readme_size = reader_number(reader, "readmeSize", INT64_MAX, "readmeSize");
        }
        if (!reader->error && report->message)
                reader->error = "message";
}

static int report_read(
        const WorkerRequest *request, json_object *document, WorkerReport *report, const char **ret_error) {
        Reader reader = { .object = document };
        int kind, result;

        if (reader_number(&reader, "version", UINT64_MAX, "version") != WORKER_PROTOCOL_VERSION)
                reader.error = "version";
        kind = reader_name(&reader, "kind", worker_kind_names, ELEMENTSOF(worker_kind_names), "kind");
        if (!reader.error && kind != (int) request->kind)
                reader.error = "an answer to another kind of job";
        result = reader_name(&reader, "result", result_names, ELEMENTSOF(result_names), "result");
        report->result = result < 0 ? WORKER_FAILED : (WorkerResult) result;
        if (!reader.error && report->result == WORKER_CANCELLED)
                reader.error = "result";

        if (json_object_object_get_ex(document, "message", NULL) || report->result != WORKER_OK) {
                const char *message = reader_text(&reader, "message", "message");

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
                else if (request->kind == WORKER_SCAN)
                        read_scan(&reader, request, report);
                else if (request->kind == WORKER_RESCAN)
                        read_rescan(&reader, report);
                else if (request->kind == WORKER_SCANNER)
                        read_scanner(&reader, report);
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
