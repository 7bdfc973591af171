#include "base/clock.h"
#include "ctl/verbs.h"

static const FieldColumn version_columns[] = {
        { { "VERSION", TABLE_CUT }, "version", FIELD_TEXT, COLOR_BOLD },
        { { "STATE", 0 }, "state", FIELD_STATE, COLOR_NONE },
        { { "SIZE", TABLE_RIGHT }, "artifacts", FIELD_ARTIFACTS_SIZE, COLOR_NONE },
        { { "PLATFORMS", TABLE_HIDE_EMPTY | TABLE_OPTIONAL | TABLE_CUT }, "artifacts", FIELD_PLATFORMS,
                COLOR_NONE },
        { { "PUBLISHED", TABLE_HIDE_EMPTY }, "publishedAt", FIELD_TIME, COLOR_NONE },
        { { "SCAN", TABLE_HIDE_EMPTY | TABLE_OPTIONAL }, "scan", FIELD_TEXT, COLOR_NONE },
        { { "TRIES", TABLE_RIGHT | TABLE_HIDE_EMPTY | TABLE_OPTIONAL }, "attempts", FIELD_COUNT,
                COLOR_NONE },
        { { "NEXT TRY", TABLE_HIDE_EMPTY }, "nextTry", FIELD_TIME, COLOR_NONE },
        { { "WITHDRAWN", TABLE_HIDE_EMPTY | TABLE_CUT }, "withdrawn", FIELD_TEXT, COLOR_MAGENTA },
        { { "DRIFT", TABLE_HIDE_EMPTY | TABLE_OPTIONAL }, "drift", FIELD_DRIFT, COLOR_YELLOW },
        { { "REASON", TABLE_HIDE_EMPTY | TABLE_CUT }, "reason", FIELD_TEXT, COLOR_NONE },
        {},
};

typedef enum DetailForm {
        DETAIL_TEXT,
        DETAIL_STATE,
        DETAIL_TIME,
        DETAIL_COUNT,
        DETAIL_LIST,
        DETAIL_SIZE,
        DETAIL_FLAG,
} DetailForm;

typedef struct Detail {
        const char *label, *path;
        DetailForm form;
} Detail;

static const Detail package_details[] = {
        { "Kind", "kind", DETAIL_TEXT },
        { "State", "state", DETAIL_STATE },
        { "Reason", "reason", DETAIL_TEXT },
        { "Tries", "attempts", DETAIL_COUNT },
        { "Next try", "nextTry", DETAIL_TIME },
        { "Last check", "lastCheck", DETAIL_TIME },
        { "Latest", "latest", DETAIL_TEXT },
        { "Source", "source", DETAIL_TEXT },
        { "Store", "store", DETAIL_TEXT },
        { "Depots", "depots", DETAIL_LIST },
        {},
};

static const Detail version_details[] = {
        { "Store", "store", DETAIL_TEXT },
        { "State", "state", DETAIL_STATE },
        { "Reason", "reason", DETAIL_TEXT },
        { "Tries", "attempts", DETAIL_COUNT },
        { "Next try", "nextTry", DETAIL_TIME },
        { "Published", "publishedAt", DETAIL_TIME },
        { "Tag", "tag", DETAIL_TEXT },
        { "Commit", "commit", DETAIL_TEXT },
        { "Signing key", "key", DETAIL_TEXT },
        { "Key expired", "keyExpired", DETAIL_FLAG },
        { "Protocols", "protocols", DETAIL_LIST },
        { "Withdrawn", "withdrawn", DETAIL_TEXT },
        { "Scan", "scan", DETAIL_TEXT },
        {},
};

static const Detail drift_details[] = {
        { "Drift", "detail", DETAIL_TEXT },
        { "Since", "seenAt", DETAIL_TIME },
        {},
};

static const Detail artifact_details[] = {
        { "Size", "size", DETAIL_SIZE },
        { "SHA-256", "sha256", DETAIL_TEXT },
        { "Content", "h1", DETAIL_TEXT },
        {},
};

static void print_text(const Style *style, const char *text, Color color) {
        _cleanup_free_ char *shown = text_shown(style, text);

        (void) printf("%s%s%s", color_on(style, color), strempty(shown), color_off(style, color));
}

static void print_value(
        const Style *style, const Detail *detail, sd_json_variant *member, const char *string) {
        _cleanup_free_ char *time = NULL;
        char size[FORMAT_SIZE_MAX];
        sd_json_variant *element;
        const char *comma = "";

        switch (detail->form) {
        case DETAIL_TEXT:
                print_text(style, string, COLOR_NONE);
                break;
        case DETAIL_STATE:
                print_text(style, string, state_color(string));
                break;
        case DETAIL_TIME:
                time = format_time(style, string, TIME_LONG, clock_realtime_usec());
                (void) fputs(strempty(time), stdout);
                break;
        case DETAIL_COUNT:
                (void) printf("%llu", (unsigned long long) sd_json_variant_unsigned(member));
                break;
        case DETAIL_SIZE:
                format_size(sd_json_variant_unsigned(member), size);
                (void) printf(
                        "%s (%llu bytes)", size, (unsigned long long) sd_json_variant_unsigned(member));
                break;
        case DETAIL_FLAG:
                (void) fputs("yes, after the signature was made", stdout);
                break;
        case DETAIL_LIST:
                FIELD_FOREACH(element, member) {
                        (void) fputs(comma, stdout);
                        print_text(style,
                                sd_json_variant_is_string(element) ? sd_json_variant_string(element) : "?",
                                COLOR_NONE);
                        comma = ", ";
                }
                break;
        }
}

static bool detail_is_there(const Detail *detail, sd_json_variant *member) {
        switch (detail->form) {
        case DETAIL_LIST:
                return field_element(member, 0);
        case DETAIL_SIZE:
                return member && sd_json_variant_is_unsigned(member);
        case DETAIL_COUNT:
                return member && sd_json_variant_is_unsigned(member) && sd_json_variant_unsigned(member) > 0;
        case DETAIL_FLAG:
                return member && sd_json_variant_is_boolean(member) && sd_json_variant_boolean(member);
        default:
                return member && sd_json_variant_is_string(member) &&
                       !isempty(sd_json_variant_string(member));
        }
}

/* "   Label: value" for each member that is there; hashes and reasons are never cut. */
static void print_details(const Style *style, const Detail *details, sd_json_variant *object) {
        for (const Detail *detail = details; detail->label; detail++) {
                sd_json_variant *member = field_at(object, detail->path);

                if (!detail_is_there(detail, member))
                        continue;
                (void) printf("%12s: ", detail->label);
                print_value(style, detail, member, field_string(object, detail->path));
                (void) putchar('\n');
        }
}

static void print_version(const Style *style, sd_json_variant *version) {
        sd_json_variant *artifact, *drift;

        print_text(style, field_string(version, "package"), COLOR_BOLD);
        (void) putchar(' ');
        print_text(style, field_string(version, "version"), COLOR_BOLD);
        (void) putchar('\n');
        print_details(style, version_details, version);
        FIELD_FOREACH(drift, field_at(version, "drift")) {
                print_details(style, drift_details, drift);
        }
        FIELD_FOREACH(artifact, field_at(version, "artifacts")) {
                (void) putchar('\n');
                print_text(style, field_string(artifact, "file"), COLOR_BOLD);
                (void) putchar('\n');
                print_details(style, artifact_details, artifact);
        }
}

/* A package stands once for each of its stores, each with versions of its own. */
static int print_versions_of(const Style *style, sd_json_variant *package, sd_json_variant *versions) {
        _cleanup_(table_freep) Table *table = NULL;
        const char *store = field_string(package, "store");
        sd_json_variant *version;
        int r = fields_table_new(style, version_columns, &table);

        if (r < 0)
                return r;
        FIELD_FOREACH(version, versions) {
                if (streq(field_string(version, "store"), store))
                        fields_table_add(table, style, version_columns, version);
        }
        if (table_n_rows(table) > 0)
                return table_print(table, stdout);
        (void) puts("No version is known yet.");
        return 0;
}

static ExitStatus show(const Invocation *invocation, sd_json_variant *packages, sd_json_variant *versions) {
        const Style *style = &invocation->style;
        sd_json_variant *element;
        const char *blank = "";
        int r;

        if (invocation->arguments[1]) {
                FIELD_FOREACH(element, versions) {
                        (void) fputs(blank, stdout);
                        print_version(style, element);
                        blank = "\n";
                }
                return CTL_OK;
        }
        FIELD_FOREACH(element, packages) {
                (void) fputs(blank, stdout);
                blank = "\n";
                print_text(style, field_string(element, "name"), COLOR_BOLD);
                (void) putchar('\n');
                print_details(style, package_details, element);
                (void) putchar('\n');
                r = print_versions_of(style, element, versions);
                if (r < 0)
                        return report_errno(r, "cannot show the versions");
        }
        return CTL_OK;
}

ExitStatus verb_show(const Invocation *invocation) {
        _cleanup_(sd_json_variant_unrefp) sd_json_variant *parameters = NULL, *packages = NULL,
                                                          *versions = NULL;
        const char *package = invocation->arguments[0], *version = invocation->arguments[1];
        _cleanup_(client_freep) Client *client = NULL;
        ExitStatus status;
        int r;

        status = client_connect(invocation->socket, &client);
        if (status != CTL_OK)
                return status;
        r = parameters_new(&parameters, "package", package, NULL);
        if (r < 0)
                return report_errno(r, "cannot ask the daemon");
        status = client_call(client, "ListPackages", parameters, &packages);
        if (status != CTL_OK)
                return status;
        if (sd_json_variant_elements(field_at(packages, "packages")) == 0) {
                report("no depot names the package %s; opendepotctl list lists them", package);
                return CTL_NOT_FOUND;
        }
        if (version) {
                r = sd_json_variant_set_field_string(&parameters, "version", version);
                if (r < 0)
                        return report_errno(r, "cannot ask the daemon");
        }
        status = client_collect(client, "ListVersions", parameters, "versions", &versions);
        if (status != CTL_OK)
                return status;
        if (version && sd_json_variant_elements(field_at(versions, "versions")) == 0) {
                report("%s has no version %s; opendepotctl show %s lists them", package, version, package);
                return CTL_NOT_FOUND;
        }

        if (invocation->json != JSON_OFF) {
                r = sd_json_variant_merge_object(&packages, versions);
                if (r < 0)
                        return report_errno(r, "cannot write JSON");
                return json_print(packages, invocation->json, &invocation->style);
        }
        return show(invocation, field_at(packages, "packages"), field_at(versions, "versions"));
}
