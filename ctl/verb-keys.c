#include "ctl/verbs.h"

static const FieldColumn key_columns[] = {
        { { "NAMESPACE", TABLE_CUT }, "namespace", FIELD_TEXT, COLOR_BOLD },
        { { "FINGERPRINT", 0 }, "fingerprint", FIELD_TEXT, COLOR_NONE },
        { { "STATE", 0 }, "state", FIELD_STATE, COLOR_NONE },
        { { "COPIES", TABLE_RIGHT | TABLE_OPTIONAL }, "copies", FIELD_COUNT, COLOR_NONE },
        { { "SINCE", TABLE_HIDE_EMPTY | TABLE_OPTIONAL }, "since", FIELD_TIME, COLOR_NONE },
        { { "USER", TABLE_HIDE_EMPTY | TABLE_OPTIONAL | TABLE_CUT }, "user", FIELD_TEXT, COLOR_NONE },
        { { "SOURCE", TABLE_HIDE_EMPTY | TABLE_OPTIONAL | TABLE_CUT }, "source", FIELD_TEXT, COLOR_NONE },
        {},
};

/* What an operator has to decide on. */
static void print_awaited(const Style *style, sd_json_variant *keys) {
        sd_json_variant *key;

        FIELD_FOREACH(key, keys) {
                if (!field_bool(key, "awaited"))
                        continue;
                _cleanup_free_ char *name = text_shown(style, field_string(key, "namespace"));
                _cleanup_free_ char *fingerprint = text_shown(style, field_string(key, "fingerprint"));
                (void) printf("%sVersions of %s are held for this key; compare its fingerprint, then:%s\n"
                              "  opendepotctl keys accept %s %s\n",
                        color_on(style, COLOR_YELLOW), strempty(name), color_off(style, COLOR_YELLOW),
                        strempty(name), strempty(fingerprint));
        }
}

static ExitStatus list(const Invocation *invocation) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *parameters = NULL, *reply = NULL;
        const char *name = invocation->arguments[0] ? invocation->arguments[1] : NULL;
        _cleanup_(client_freep) Client *client = NULL;
        const Style *style = &invocation->style;
        ExitStatus status;
        int r;

        status = client_connect(invocation->socket, &client);
        if (status != CTL_OK)
                return status;
        r = parameters_new(&parameters, "namespace", name, NULL);
        if (r < 0)
                return report_errno(r, "cannot ask the daemon");
        status = client_call(client, "ListKeys", parameters, &reply);
        if (status != CTL_OK)
                return status;
        if (invocation->json != JSON_OFF)
                return json_print(reply, invocation->json, style);
        r = fields_table_print(style, key_columns, field_at(reply, "keys"), stdout);
        if (r < 0)
                return report_errno(r, "cannot list the keys");
        if (style->legend)
                print_awaited(style, field_at(reply, "keys"));
        return CTL_OK;
}

static ExitStatus decide(const Invocation *invocation, bool accept) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *parameters = NULL, *reply = NULL;
        const char *name = invocation->arguments[1], *fingerprint = name ? invocation->arguments[2] : NULL;
        _cleanup_(client_freep) Client *client = NULL;
        ExitStatus status;
        int r;

        if (!fingerprint) {
                report("usage: opendepotctl keys %s NAMESPACE FINGERPRINT", accept ? "accept" : "refuse");
                return CTL_USAGE;
        }
        status = client_connect(invocation->socket, &client);
        if (status != CTL_OK)
                return status;
        r = parameters_new(&parameters, "namespace", name, "fingerprint", fingerprint, NULL);
        if (r < 0)
                return report_errno(r, "cannot ask the daemon");
        status = client_call(client, accept ? "AcceptKey" : "RefuseKey", parameters, &reply);
        if (status != CTL_OK)
                return status;
        if (invocation->json != JSON_OFF)
                return json_print(reply, invocation->json, &invocation->style);
        if (!invocation->quiet)
                (void) printf("The key %s is %s for namespace %s.\n", field_string(reply, "key.fingerprint"),
                        accept ? "accepted" : "refused", field_string(reply, "key.namespace"));
        return CTL_OK;
}

ExitStatus verb_keys(const Invocation *invocation) {
        const char *action = invocation->arguments[0];

        if (!action || (streq(action, "list") && (!invocation->arguments[1] || !invocation->arguments[2])))
                return list(invocation);
        if (streq(action, "accept") || streq(action, "refuse"))
                return decide(invocation, streq(action, "accept"));
        report("usage: opendepotctl keys [list [NAMESPACE] | accept NAMESPACE FINGERPRINT | "
               "refuse NAMESPACE FINGERPRINT]");
        return CTL_USAGE;
}
