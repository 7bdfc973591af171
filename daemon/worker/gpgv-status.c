#include "worker/gpgv-status.h"

#include <time.h>

#include "base/list.h"
#include "base/text.h"
#include "worker/protocol.h"

#define FIELDS_MAX 16
#define LINE_LENGTH_MAX 4096

/* gpg-error codes in ERRSIG */
#define ERROR_DIGEST_ALGORITHM 5
#define ERROR_NO_PUBLIC_KEY 9

typedef struct Status {
        unsigned n_signatures, n_good, n_expired_key, n_valid, n_bad, n_error, n_revoked,
                n_expired_signature;
        bool no_data, key_expiry_known;
        uint64_t key_expiry, signing_key_expiry; /* the last KEYEXPIRED; the same when EXPKEYSIG came */
        bool signing_key_expiry_known;
        uint64_t error_code;
        char key[65];       /* long id or fingerprint that goes with the verdict */
        char error_key[65]; /* the same in ERRSIG */
        char signing[65], primary[65];
        uint64_t created, hash_algorithm;
} Status;

static bool parse_number(const char *text, uint64_t max, uint64_t *ret) {
        uint64_t value = 0;

        if (isempty(text))
                return false;
        for (; *text; text++) {
                if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10, &value) ||
                        __builtin_add_overflow(value, (uint64_t) (*text - '0'), &value) || value > max)
                        return false;
        }
        *ret = value;
        return true;
}

static size_t split_fields(char *line, char *ret_fields[static FIELDS_MAX]) {
        char *state = NULL;
        size_t n = 0;

        for (char *field = strtok_r(line, " ", &state); field && n < FIELDS_MAX;
                field = strtok_r(NULL, " ", &state))
                ret_fields[n++] = field;
        return n;
}

static bool key_id_is_valid(const char *id) {
        size_t length = strlen(id);

        return (length == 16 || length == 40 || length == 64) && strspn(id, "0123456789ABCDEF") == length;
}

/* VALIDSIG <fingerprint> <date> <epoch> <expiry> <version> <reserved> <public key> <hash> <class> <primary> */
static int read_valid(Status *status, char **fields, size_t n) {
        if (n != 11 || !fingerprint_is_valid(fields[1]) || !fingerprint_is_valid(fields[10]) ||
                !parse_number(fields[3], UINT32_MAX, &status->created) ||
                !parse_number(fields[8], UINT8_MAX, &status->hash_algorithm))
                return -EBADMSG;
        status->n_valid++;
        memcpy(status->signing, fields[1], strlen(fields[1]) + 1);
        memcpy(status->primary, fields[10], strlen(fields[10]) + 1);
        return 0;
}

/* ERRSIG <key id> <public key> <hash> <class> <epoch> <code> [<fingerprint> or "-"] */
static int read_error(Status *status, char **fields, size_t n) {
        const char *key;

        if (n < 7 || !key_id_is_valid(fields[1]) ||
                !parse_number(fields[6], UINT16_MAX, &status->error_code) ||
                !parse_number(fields[3], UINT8_MAX, &status->hash_algorithm))
                return -EBADMSG;
        status->n_error++;
        key = n > 7 && fingerprint_is_valid(fields[7]) ? fields[7] : fields[1];
        memcpy(status->error_key, key, strlen(key) + 1);
        return 0;
}

static bool is_verdict(const char *keyword) {
        static const char *const keywords[] = { "GOODSIG", "EXPKEYSIG", "EXPSIG", "REVKEYSIG", "BADSIG" };

        for (size_t i = 0; i < ELEMENTSOF(keywords); i++)
                if (streq(keyword, keywords[i]))
                        return true;
        return false;
}

static int read_line(Status *status, char *line) {
        char *fields[FIELDS_MAX];
        static const char prefix[] = "[GNUPG:] ";
        size_t n;

        if (!startswith(line, prefix) || line[strlen(prefix)] == ' ')
                return -EBADMSG;
        n = split_fields(line + strlen(prefix), fields);
        if (n == 0)
                return -EBADMSG;
        if (is_verdict(fields[0])) {
                if (n < 2 || !key_id_is_valid(fields[1]))
                        return -EBADMSG;
                memcpy(status->key, fields[1], strlen(fields[1]) + 1);
        }

        if (streq(fields[0], "NEWSIG"))
                status->n_signatures++;
        else if (streq(fields[0], "GOODSIG"))
                status->n_good++;
        else if (streq(fields[0], "EXPKEYSIG")) {
                status->n_expired_key++;
                status->signing_key_expiry = status->key_expiry;
                status->signing_key_expiry_known = status->key_expiry_known;
        } else if (streq(fields[0], "VALIDSIG"))
                return read_valid(status, fields, n);
        else if (streq(fields[0], "BADSIG"))
                status->n_bad++;
        else if (streq(fields[0], "ERRSIG"))
                return read_error(status, fields, n);
        else if (streq(fields[0], "REVKEYSIG"))
                status->n_revoked++;
        else if (streq(fields[0], "EXPSIG"))
                status->n_expired_signature++;
        else if (streq(fields[0], "NODATA"))
                status->no_data = true;
        else if (streq(fields[0], "KEYEXPIRED")) {
                /* Either an epoch or an ISO date, which says "T": that one is not given for OpenPGP keys. */
                if (n < 2 || !parse_number(fields[1], UINT32_MAX, &status->key_expiry))
                        return -EBADMSG;
                status->key_expiry_known = true;
        }
        return 0;
}

static int read_text(Status *status, const char *text, size_t size) {
        if (size > GPGV_STATUS_SIZE_MAX || memchr(text, '\0', size))
                return -EBADMSG;
        while (size > 0) {
                const char *end = memchr(text, '\n', size);
                char line[LINE_LENGTH_MAX + 1];
                size_t length;
                int r;

                if (!end)
                        return -EBADMSG; /* the last line was cut off */
                length = (size_t) (end - text);
                if (length > LINE_LENGTH_MAX)
                        return -EBADMSG;
                memcpy(line, text, length);
                line[length] = '\0';
                r = read_line(status, line);
                if (r < 0)
                        return r;
                text += length + 1;
                size -= length + 1;
        }
        return 0;
}

static char *pinned_text(const SignaturePolicy *policy) {
        Buffer buffer = {};

        for (char *const *fingerprint = policy->fingerprints; fingerprint && *fingerprint; fingerprint++)
                if (buffer_append_format(&buffer, "%s%s", buffer.size > 0 ? " or " : "", *fingerprint) < 0)
                        break;
        return buffer.data;
}

static const char *hash_name(uint64_t algorithm) {
        switch (algorithm) {
        case 1:
                return "MD5";
        case 2:
                return "SHA-1";
        case 3:
                return "RIPEMD-160";
        default:
                return "unsupported";
        }
}

static SignatureVerdict judge_not_valid(const Status *status, const char *pinned, char **message) {
        if (status->n_bad > 0) {
                text_set(message,
                        "the signature by key %s does not match the data: one of the two was altered",
                        status->key);
                return SIGNATURE_BAD;
        }
        if (status->n_error > 0 && status->error_code == ERROR_NO_PUBLIC_KEY) {
                text_set(message,
                        "the signature was made by key %s, which is not among the configured keys; expected "
                        "%s",
                        status->error_key, pinned);
                return SIGNATURE_UNKNOWN_KEY;
        }
        if (status->n_error > 0 && status->error_code == ERROR_DIGEST_ALGORITHM) {
                text_set(message, "the signature by key %s uses the %s hash (%llu), which gpgv refuses",
                        status->error_key, hash_name(status->hash_algorithm),
                        (unsigned long long) status->hash_algorithm);
                return SIGNATURE_WEAK_HASH;
        }
        if (status->n_error > 0) {
                text_set(message, "the signature by key %s cannot be checked (gpgv error %llu)",
                        status->error_key, (unsigned long long) status->error_code);
                return SIGNATURE_BAD;
        }
        text_set(message, status->no_data ? "the signature is truncated or is no OpenPGP signature"
                                          : "the signature is malformed: gpgv found no valid one in it");
        return SIGNATURE_BAD;
}

static void format_day(uint64_t epoch, char ret[static 32]) {
        time_t time = (time_t) epoch;
        struct tm tm;

        if (!gmtime_r(&time, &tm) || strftime(ret, 32, "%Y-%m-%d", &tm) == 0)
                memcpy(ret, "?", 2);
}

static SignatureVerdict judge_expired_key(
        const Status *status, const SignaturePolicy *policy, bool *ret_accepted, char **message) {
        char made[32], expired[32] = "an unknown day";

        format_day(status->created, made);
        if (status->signing_key_expiry_known)
                format_day(status->signing_key_expiry, expired);
        if (!policy->allow_expired_keys) {
                text_set(message,
                        "the signature is good, but its key %s expired on %s and expired keys are not "
                        "allowed",
                        status->primary, expired);
                return SIGNATURE_EXPIRED;
        }
        if (status->signing_key_expiry_known && status->created >= status->signing_key_expiry) {
                text_set(message, "the signature was made on %s, after its key %s had expired on %s", made,
                        status->primary, expired);
                return SIGNATURE_EXPIRED;
        }
        *ret_accepted = true;
        return SIGNATURE_GOOD;
}

static SignatureVerdict judge(
        const Status *status, const SignaturePolicy *policy, bool *ret_key_expired, char **message) {
        _cleanup_free_ char *pinned = pinned_text(policy);

        if (status->n_revoked > 0) {
                text_set(message, "the signature was made by key %s, which has been revoked", status->key);
                return SIGNATURE_REVOKED;
        }
        if (status->n_expired_signature > 0) {
                text_set(message, "the signature by key %s has itself expired", status->key);
                return SIGNATURE_EXPIRED;
        }
        if (status->n_valid == 0 || status->n_bad > 0 || status->n_error > 0)
                return judge_not_valid(status, strempty(pinned), message);
        if (status->n_signatures > 1 || status->n_valid > 1 || status->n_good + status->n_expired_key != 1) {
                text_set(message, "more than one signature where exactly one is expected");
                return SIGNATURE_BAD;
        }
        if (!strings_contain(policy->fingerprints, status->primary)) {
                text_set(message, "the signature is good, but was made by key %s; expected %s",
                        status->primary, strempty(pinned));
                return SIGNATURE_WRONG_KEY;
        }
        if (status->hash_algorithm <= 3 && !policy->allow_weak_hashes) {
                text_set(message, "the signature by key %s uses the weak hash %s, which is not allowed",
                        status->primary, hash_name(status->hash_algorithm));
                return SIGNATURE_WEAK_HASH;
        }
        return status->n_expired_key > 0 ? judge_expired_key(status, policy, ret_key_expired, message)
                                         : SIGNATURE_GOOD;
}

int gpgv_status_read(const char *text, size_t size, int exit_status, const SignaturePolicy *policy,
        WorkerReport *report) {
        bool key_expired = false;
        SignatureVerdict verdict;
        Status status = {};
        int r;

        r = read_text(&status, text, size);
        if (r < 0) {
                text_set(&report->message, "gpgv gave a malformed status");
                return r;
        }
        verdict = judge(&status, policy, &key_expired, &report->message);
        if (verdict == SIGNATURE_GOOD && exit_status != 0) {
                text_set(&report->message, "gpgv found the signature valid but ended with exit status %d",
                        exit_status);
                return -EBADMSG;
        }
        if (verdict == SIGNATURE_GOOD) {
                free(report->message);
                report->message = NULL;
        } else if (!report->message)
                return -ENOMEM;

        report->signature = verdict;
        report->signed_at = status.created;
        report->hash_algorithm = (unsigned) status.hash_algorithm;
        report->key_expired = key_expired;
        memcpy(report->primary_fingerprint, status.primary, sizeof(status.primary));
        memcpy(report->signing_fingerprint, status.signing, sizeof(status.signing));
        report->result = WORKER_OK;
        return 0;
}
