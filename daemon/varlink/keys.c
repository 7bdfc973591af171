#include "varlink/keys.h"

#include <ctype.h>

#include "varlink/describe.h"
#include "varlink/reply.h"
#include "worker/protocol.h"

typedef struct Parameters {
        const char *provider_namespace, *fingerprint;
} Parameters;

#define FIELD(name, member, flags)                                                                          \
        { name, SD_JSON_VARIANT_STRING, sd_json_dispatch_const_string, offsetof(Parameters, member),        \
                (flags) }

int keys_on_list(sd_varlink *link, sd_json_variant *parameters, const Manager *manager) {
        static const sd_json_dispatch_field fields[] = {
                FIELD("namespace", provider_namespace, SD_JSON_NULLABLE),
                {},
        };
        sd_json_variant *array = NULL;
        Parameters p = {};
        KeyInfo info;
        int r;

        r = sd_varlink_dispatch(link, parameters, fields, &p);
        if (r != 0)
                return r;
        for (size_t i = 0; r >= 0 && keys_describe(manager_keys(manager), i, &info); i++) {
                sd_json_variant *element = NULL;

                if (p.provider_namespace && !streq(p.provider_namespace, info.provider_namespace))
                        continue;
                r = describe_key(&info, &element);
                r = reply_append(&array, element, r);
        }
        return reply_array(link, "keys", array, r);
}

static bool find(const Manager *manager, const Parameters *p, KeyInfo *ret) {
        for (size_t i = 0; keys_describe(manager_keys(manager), i, ret); i++)
                if (streq(ret->provider_namespace, p->provider_namespace) &&
                        streq(ret->fingerprint, p->fingerprint))
                        return true;
        return false;
}

int keys_on_decide(sd_varlink *link, sd_json_variant *parameters, Manager *manager, bool accept) {
        static const sd_json_dispatch_field fields[] = {
                FIELD("namespace", provider_namespace, SD_JSON_MANDATORY),
                FIELD("fingerprint", fingerprint, SD_JSON_MANDATORY),
                {},
        };
        _cleanup_free_ char *fingerprint = NULL;
        sd_json_variant *key = NULL;
        Parameters p = {};
        KeyInfo info;
        int r;

        r = sd_varlink_dispatch(link, parameters, fields, &p);
        if (r != 0)
                return r;
        fingerprint = strdup(p.fingerprint);
        if (!fingerprint)
                return -ENOMEM;
        for (char *c = fingerprint; *c; c++)
                *c = (char) toupper((unsigned char) *c);
        if (!fingerprint_is_valid(fingerprint))
                return sd_varlink_error_invalid_parameter_name(link, "fingerprint");
        p.fingerprint = fingerprint;

        r = manager_decide_key(manager, p.provider_namespace, fingerprint, accept);
        if (r == -ENOENT || r == -EPERM)
                return sd_varlink_errorbo(link,
                        r == -ENOENT ? "io.defdev.opendepot.NoSuchKey"
                                     : "io.defdev.opendepot.KeyIsConfigured",
                        SD_JSON_BUILD_PAIR_STRING("namespace", p.provider_namespace),
                        SD_JSON_BUILD_PAIR_STRING("fingerprint", fingerprint));
        if (r >= 0)
                r = find(manager, &p, &info) ? describe_key(&info, &key) : -ENOENT;
        return reply_value(link, "key", key, r);
}
