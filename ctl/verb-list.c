#include "ctl/verbs.h"

static const FieldColumn package_columns[] = {
        { { "PACKAGE", TABLE_CUT }, "name", FIELD_TEXT, COLOR_BOLD },
        { { "KIND", TABLE_OPTIONAL }, "kind", FIELD_TEXT, COLOR_NONE },
        { { "STATE", 0 }, "state", FIELD_STATE, COLOR_NONE },
        { { "LATEST", TABLE_CUT }, "latest", FIELD_TEXT, COLOR_NONE },
        { { "PUBLISHED", TABLE_RIGHT }, "versions.published", FIELD_COUNT, COLOR_GREEN },
        { { "PENDING", TABLE_RIGHT | TABLE_HIDE_EMPTY }, "versions.pending", FIELD_COUNT, COLOR_YELLOW },
        { { "HELD", TABLE_RIGHT | TABLE_HIDE_EMPTY }, "versions.held", FIELD_COUNT, COLOR_MAGENTA },
        { { "FAILED", TABLE_RIGHT | TABLE_HIDE_EMPTY }, "versions.failed", FIELD_COUNT, COLOR_RED },
        { { "DEPOTS", TABLE_OPTIONAL | TABLE_CUT }, "depots", FIELD_LIST, COLOR_NONE },
        { { "STORE", TABLE_OPTIONAL | TABLE_CUT }, "store", FIELD_TEXT, COLOR_NONE },
        { { "LAST CHECK", TABLE_OPTIONAL }, "lastCheck", FIELD_TIME, COLOR_NONE },
        { { "NEXT TRY", TABLE_HIDE_EMPTY | TABLE_OPTIONAL }, "nextTry", FIELD_TIME, COLOR_NONE },
        { { "REASON", TABLE_HIDE_EMPTY | TABLE_CUT }, "reason", FIELD_TEXT, COLOR_NONE },
        {},
};

static const FieldColumn version_columns[] = {
        { { "PACKAGE", TABLE_CUT }, "package", FIELD_TEXT, COLOR_BOLD },
        { { "VERSION", TABLE_CUT }, "version", FIELD_TEXT, COLOR_BOLD },
        { { "STATE", 0 }, "state", FIELD_STATE, COLOR_NONE },
        { { "SIZE", TABLE_RIGHT }, "artifacts", FIELD_ARTIFACTS_SIZE, COLOR_NONE },
        { { "PLATFORMS", TABLE_HIDE_EMPTY | TABLE_OPTIONAL | TABLE_CUT }, "artifacts", FIELD_PLATFORMS,
                COLOR_NONE },
        { { "PUBLISHED", TABLE_HIDE_EMPTY }, "publishedAt", FIELD_TIME, COLOR_NONE },
        { { "NEXT TRY", TABLE_HIDE_EMPTY | TABLE_OPTIONAL }, "nextTry", FIELD_TIME, COLOR_NONE },
        { { "WITHDRAWN", TABLE_HIDE_EMPTY | TABLE_CUT }, "withdrawn", FIELD_TEXT, COLOR_MAGENTA },
        { { "DRIFT", TABLE_HIDE_EMPTY | TABLE_OPTIONAL }, "drift", FIELD_DRIFT, COLOR_YELLOW },
        { { "REASON", TABLE_HIDE_EMPTY | TABLE_CUT }, "reason", FIELD_TEXT, COLOR_NONE },
        {},
};

/* All versions of all packages in one array. */
static ExitStatus collect_versions(Client *client, sd_json_variant *packages, sd_json_variant **ret) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *all = NULL;
        const char *last = "";
        sd_json_variant *package, *version;
        int r;

        r = sd_json_variant_new_array(&all, NULL, 0);
        if (r < 0)
                return report_errno(r, "cannot list the versions");
        FIELD_FOREACH(package, packages) {
                _cleanup_(sd_json_variant_unrefp) sd_json_variant *parameters = NULL, *reply = NULL;
                const char *name = field_string(package, "name");
                ExitStatus status;

                /* A package stands once for each of its stores, its versions come together. */
                if (streq(name, last))
                        continue;
                last = name;
                r = parameters_new(&parameters, "package", name, NULL);
                if (r < 0)
                        return report_errno(r, "cannot list the versions");
                status = client_collect(client, "ListVersions", parameters, "versions", &reply);
                if (status != CTL_OK)
                        return status;
                FIELD_FOREACH(version, field_at(reply, "versions")) {
                        r = sd_json_variant_append_array(&all, version);
                        if (r < 0)
                                return report_errno(r, "cannot list the versions");
                }
        }
        *ret = TAKE_PTR(all);
        return CTL_OK;
}

static ExitStatus list_versions(const Invocation *invocation, Client *client, sd_json_variant *packages) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *versions = NULL, *object = NULL;
        ExitStatus status;
        int r;

        status = collect_versions(client, packages, &versions);
        if (status != CTL_OK)
                return status;
        if (invocation->json == JSON_OFF)
                r = fields_table_print(&invocation->style, version_columns, versions, stdout);
        else {
                r = sd_json_buildo(&object, SD_JSON_BUILD_PAIR_VARIANT("versions", versions));
                if (r >= 0)
                        return json_print(object, invocation->json, &invocation->style);
        }
        if (r < 0)
                return report_errno(r, "cannot list the versions");
        return CTL_OK;
}

ExitStatus verb_list(const Invocation *invocation) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *parameters = NULL, *reply = NULL;
        _cleanup_(client_freep) Client *client = NULL;
        ExitStatus status;
        int r;

        status = client_connect(invocation->socket, &client);
        if (status != CTL_OK)
                return status;
        r = parameters_new(&parameters, "depot", invocation->depot, NULL);
        if (r < 0)
                return report_errno(r, "cannot ask the daemon");
        status = client_call(client, "ListPackages", parameters, &reply);
        if (status != CTL_OK)
                return status;

        if (invocation->versions)
                return list_versions(invocation, client, field_at(reply, "packages"));
        if (invocation->json != JSON_OFF)
                return json_print(reply, invocation->json, &invocation->style);
        r = fields_table_print(&invocation->style, package_columns, field_at(reply, "packages"), stdout);
        if (r < 0)
                return report_errno(r, "cannot list the packages");
        return CTL_OK;
}
