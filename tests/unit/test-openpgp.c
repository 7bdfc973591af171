/* Which keys real and hostile key files hold. */
#include "worker/openpgp.h"

#include "fixtures.h"
#include "worker/armor.h"

#define HASHICORP "C874011F0AB405110D02105534365D9472D7468F"
#define HASHICORP_OLD "91A6E7F85D05C65630BEF18951852D87348FFC4C"
#define AUTHOR "5BFEEC4317E746008621970637A6AB3BCF2C170A"

static int list(const char *fixture, WorkerKey keys[static WORKER_KEYS_MAX]) {
        _cleanup_(buffer_clear) Buffer binary = {};
        _cleanup_free_ char *text = NULL;
        const char *error = NULL;
        size_t size;
        int n;

        memset(keys, 0, WORKER_KEYS_MAX * sizeof(WorkerKey));
        text = read_fixture(fixture, &size);
        check_int(armor_decode("PUBLIC KEY BLOCK", text, size, &binary, &error), 0);
        n = openpgp_list_keys(binary.data, binary.size, keys, &error);
        check(n > 0 && !error);
        return n;
}

static void test_recorded(void) {
        WorkerKey keys[WORKER_KEYS_MAX];

        check_int(list("openpgp/tenv-hashicorp-pgp-key.txt", keys), 1);
        check_string(keys[0].fingerprint, HASHICORP);
        check_string(keys[0].user, "HashiCorp Security (hashicorp.com/security) <security@hashicorp.com>");
        check_int(keys[0].n_revocations, 0);
        check_int(list("openpgp/hc-install-DefaultPublicKey.asc", keys), 1);
        check_string(keys[0].fingerprint, HASHICORP);
        /* Both copies in one file are one key. */
        check_int(list("openpgp/derived-merged-hashicorp-2021+2026.asc", keys), 1);
        check_string(keys[0].fingerprint, HASHICORP);
        check_int(list("openpgp/hashicorp-old-348FFC4C.asc", keys), 1);
        check_string(keys[0].fingerprint, HASHICORP_OLD);
        check_int(list("openpgp/test-author.asc", keys), 1);
        check_string(keys[0].fingerprint, AUTHOR);
}

#define KEY "\xc6\x07\x04\x41\x41\x41\x41\x01\x41"

static void test_hostile(void) {
        static const struct {
                const char *data;
                size_t size;
                const char *error;
        } cases[] = {
                { "", 0, "no public key" },
                { "\xcd\x01\x41", 3, "no public key before" },
                { "\xc5\x07\x04\x41\x41\x41\x41\x01\x41", 9, "secret key" },
                { KEY "\xc7\x01\x41", 12, "secret key" },
                { KEY "\xcd\x02\x41", 12, "truncated" },
                { KEY "A", 10, "malformed" },
                { "\xc6\xe1\x41\x41", 4, "malformed" },
                { "\x9b\x04\x41\x41\x41\x41\x01\x41", 8, "malformed" },
                { "\xc6\xff\xff\xff\xff\xff\x41", 7, "truncated" },
                { "\xc6\x07\x03\x41\x41\x41\x41\x01\x41", 9, "unknown kind" },
                { "\xc6\x02\x04\x41", 4, "unknown kind" },
        };
        char many[(WORKER_KEYS_MAX + 1) * 9];
        WorkerKey keys[WORKER_KEYS_MAX] = {};
        const char *error;

        for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
                error = NULL;
                check_int(openpgp_list_keys(cases[i].data, cases[i].size, keys, &error), -EBADMSG);
                check(strstr(error, cases[i].error));
        }
        for (size_t i = 0; i <= WORKER_KEYS_MAX; i++) {
                memcpy(many + i * 9, KEY, 9);
                many[i * 9 + 8] = (char) ('A' + i);
        }
        memset(keys, 0, sizeof(keys));
        check_int(openpgp_list_keys(many, sizeof(many), keys, &error), -EBADMSG);
        check(strstr(error, "too many keys"));
        memset(keys, 0, sizeof(keys));
        check_int(openpgp_list_keys(many, sizeof(many) - 9, keys, &error), WORKER_KEYS_MAX);
}

static void test_revocations(void) {
        static const char data[] = KEY "\xc2\x03\x04\x20\x01"         /* of the key */
                                       "\xc2\x05\x03\x05\x28\x41\x41" /* of a subkey, version 3 */
                                       "\xc2\x03\x04\x13\x01"         /* a binding */
                                       "\xc2\x03\x04\x30\x01"; /* of a certification: none of the key */
        WorkerKey keys[WORKER_KEYS_MAX] = {};
        const char *error = NULL;

        check_int(openpgp_list_keys(data, sizeof(data) - 1, keys, &error), 1);
        check_int(keys[0].n_revocations, 2);
        check_int(keys[0].created, 0x41414141);
}

int main(void) {
        test_recorded();
        test_hostile();
        test_revocations();
        return EXIT_SUCCESS;
}
