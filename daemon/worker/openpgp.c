#include "worker/openpgp.h"

#include <nettle/sha1.h>
#include <stdio.h>

#include "base/fs.h"
#include "base/sha256.h"
#include "base/text.h"
#include "worker/armor.h"
#include "worker/file.h"

/* Packet types */
#define SIGNATURE 2
#define SECRET_KEY 5
#define PUBLIC_KEY 6
#define SECRET_SUBKEY 7
#define MARKER 10
#define USER_ID 13
#define PADDING 21

/* Signature types */
#define KEY_REVOCATION 0x20
#define SUBKEY_REVOCATION 0x28

typedef struct Packet {
        unsigned type;
        const uint8_t *body;
        size_t size;
} Packet;

typedef struct Input {
        const uint8_t *data;
        size_t size;
} Input;

static uint32_t big_endian(const uint8_t *bytes, size_t n) {
        uint32_t value = 0;

        for (size_t i = 0; i < n; i++)
                value = value << 8 | bytes[i];
        return value;
}

static bool take(Input *input, size_t n, const uint8_t **ret) {
        if (input->size < n)
                return false;
        *ret = input->data;
        input->data += n;
        input->size -= n;
        return true;
}

/* The length in the new form; false also for a partial one, which no key has. */
static bool take_new_length(Input *input, size_t *ret) {
        const uint8_t *bytes;

        if (!take(input, 1, &bytes))
                return false;
        if (bytes[0] < 192) {
                *ret = bytes[0];
                return true;
        }
        if (bytes[0] < 224) {
                size_t high = (size_t) (bytes[0] - 192) << 8;

                if (!take(input, 1, &bytes))
                        return false;
                *ret = high + bytes[0] + 192;
                return true;
        }
        if (bytes[0] != 255 || !take(input, 4, &bytes))
                return false;
        *ret = big_endian(bytes, 4);
        return true;
}

static bool take_packet(Input *input, Packet *ret) {
        const uint8_t *bytes;
        size_t size;
        uint8_t tag;

        if (!take(input, 1, &bytes) || !(bytes[0] & 0x80))
                return false;
        tag = bytes[0];
        if (tag & 0x40) {
                ret->type = tag & 0x3f;
                if (!take_new_length(input, &size))
                        return false;
        } else {
                size_t n = (size_t) 1 << (tag & 3);

                /* 3: as long as the file, which no key is. */
                if (n > 4 || !take(input, n, &bytes))
                        return false;
                ret->type = (unsigned) (tag >> 2) & 0xf;
                size = big_endian(bytes, n);
        }
        ret->size = size;
        return take(input, size, &ret->body);
}

static void format_hex(const uint8_t *digest, size_t size, char *ret) {
        for (size_t i = 0; i < size; i++)
                (void) snprintf(ret + 2 * i, 3, "%02X", digest[i]);
}

/* RFC 9580 section 5.5.4; version 5 is that of LibrePGP. */
static bool key_fingerprint(const Packet *packet, WorkerKey *key) {
        uint8_t header[5], digest[SHA256_DIGEST_SIZE];
        struct sha1_ctx sha1;
        Sha256 sha256;

        if (packet->size < 6)
                return false;
        key->created = big_endian(packet->body + 1, 4);
        switch (packet->body[0]) {
        case 4:
                if (packet->size > UINT16_MAX)
                        return false;
                header[0] = 0x99;
                header[1] = (uint8_t) (packet->size >> 8);
                header[2] = (uint8_t) packet->size;
                sha1_init(&sha1);
                sha1_update(&sha1, 3, header);
                sha1_update(&sha1, packet->size, packet->body);
                sha1_digest(&sha1, SHA1_DIGEST_SIZE, digest);
                format_hex(digest, SHA1_DIGEST_SIZE, key->fingerprint);
                return true;
        case 5:
        case 6:
                header[0] = packet->body[0] == 6 ? 0x9b : 0x9a;
                for (size_t i = 0; i < 4; i++)
                        header[1 + i] = (uint8_t) (packet->size >> (24 - 8 * i));
                sha256_start(&sha256);
                sha256_add(&sha256, header, sizeof(header));
                sha256_add(&sha256, packet->body, packet->size);
                sha256_finish(&sha256, digest);
                format_hex(digest, SHA256_DIGEST_SIZE, key->fingerprint);
                return true;
        default:
                return false;
        }
}

static WorkerKey *find_or_add(WorkerKey keys[static WORKER_KEYS_MAX], int *n, const WorkerKey *key) {
        for (int i = 0; i < *n; i++)
                if (streq(keys[i].fingerprint, key->fingerprint))
                        return &keys[i];
        if (*n >= WORKER_KEYS_MAX)
                return NULL;
        keys[*n] = *key;
        return &keys[(*n)++];
}

static void take_user(const Packet *packet, WorkerKey *key) {
        size_t size = MIN_OF(packet->size, sizeof(key->user) - 1);

        /* The first one; a NUL would end it anyway. */
        if (key->user[0] == '\0')
                memcpy(key->user, packet->body, size);
}

static bool is_revocation(const Packet *packet) {
        uint8_t type;

        if (packet->size < 3)
                return false;
        /* Version 3 has the length of what is hashed before the type. */
        type = packet->body[0] == 3 ? packet->body[2] : packet->body[1];
        return type == KEY_REVOCATION || type == SUBKEY_REVOCATION;
}

int openpgp_list_keys(
        const void *data, size_t size, WorkerKey keys[static WORKER_KEYS_MAX], const char **ret_error) {
        Input input = { data, size };
        WorkerKey *key = NULL;
        Packet packet;
        int n = 0;

        while (input.size > 0) {
                WorkerKey found = {};

                if (!take_packet(&input, &packet)) {
                        *ret_error = "malformed or truncated OpenPGP packets";
                        return -EBADMSG;
                }
                switch (packet.type) {
                case SECRET_KEY:
                case SECRET_SUBKEY:
                        *ret_error = "a secret key, which should not be there";
                        return -EBADMSG;
                case PUBLIC_KEY:
                        if (!key_fingerprint(&packet, &found)) {
                                *ret_error = "a public key of an unknown kind";
                                return -EBADMSG;
                        }
                        key = find_or_add(keys, &n, &found);
                        if (!key) {
                                *ret_error = "too many keys in one text";
                                return -EBADMSG;
                        }
                        break;
                case MARKER:
                case PADDING:
                        break;
                default:
                        if (!key) {
                                *ret_error = "OpenPGP packets, but no public key before them";
                                return -EBADMSG;
                        }
                        if (packet.type == USER_ID)
                                take_user(&packet, key);
                        else if (packet.type == SIGNATURE)
                                key->n_revocations += is_revocation(&packet);
                }
        }
        if (n == 0) {
                *ret_error = "no public key";
                return -EBADMSG;
        }
        return n;
}

int openpgp_run(const WorkerDescription *description, WorkerReport *report) {
        _cleanup_(buffer_clear) Buffer binary = {};
        _cleanup_free_ char *text = NULL;
        const char *error = NULL;
        size_t size;
        int r;

        r = fs_read_fd(description->request.input_fd, OPENPGP_TEXT_SIZE_MAX, &text, &size);
        if (r == -EFBIG)
                return refuse(&report->message, "more than %llu bytes",
                        (unsigned long long) OPENPGP_TEXT_SIZE_MAX);
        if (r < 0)
                return r;
        r = armor_decode("PUBLIC KEY BLOCK", text, size, &binary, &error);
        if (r >= 0)
                r = openpgp_list_keys(strempty(binary.data), binary.size, report->keys, &error);
        if (r == -EBADMSG)
                return refuse(&report->message, "%s", error);
        if (r < 0)
                return r;
        report->n_keys = (size_t) r;
        report->result = WORKER_OK;
        return 0;
}
