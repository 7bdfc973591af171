#include "scan/report.h"

#include "base/list.h"
#include "base/text.h"
#include "model/place.h"
#include "scan/ignore-marks.h"

#define SCHEMA_VERSION 2
#define DEPENDS_ON_MAX 20000
#define OCCURRENCES_MAX 1000

static void target_clear(ScanTarget *target) {
        free(target->name);
        free(target->type);
        *target = (ScanTarget) {};
}

void scan_report_clear(ScanReport *report) {
        free(report->scanner);
        for (size_t i = 0; i < report->n_targets; i++)
                target_clear(&report->targets[i]);
        free(report->targets);
        findings_clear(&report->findings);
        *report = (ScanReport) {};
}

/* What a report is read with. */
typedef struct Reading {
        JsonStream *stream;
        SbomWriter *sbom;
        ScanReport *report;
        char **ret_error;
        ScanTarget target; /* that is being read */
        bool in_sbom;      /* the binary has been begun there */
} Reading;

/* A text for people: absent stays NULL. */
static int get_line(const Place *place, const char *key, size_t max, char **ret) {
        const char *text = NULL;
        char *line;
        int r;

        r = place_string(place, key, PLACE_OPTIONAL, &text);
        if (r <= 0 || isempty(text))
                return MIN_OF(r, 0);
        line = text_line(text, max);
        if (!line)
                return -ENOMEM;
        free(*ret);
        *ret = line;
        return 1;
}

/* A name that decisions depend on: it is not shortened. */
static int get_name(const Place *place, const char *key, PlaceNeed need, char **ret) {
        const char *text = NULL;
        char *line;
        int r;

        r = place_string(place, key, need, &text);
        if (r <= 0)
                return r;
        if (strnlen(text, FINDING_NAME_MAX + 1) > FINDING_NAME_MAX)
                return place_refuse(place, key, "is longer than %d bytes", FINDING_NAME_MAX);
        line = text_line(text, FINDING_NAME_MAX);
        if (!line)
                return -ENOMEM;
        if (isempty(line)) {
                free(line);
                return need == PLACE_REQUIRED ? place_refuse(place, key, "is empty") : 0;
        }
        free(*ret);
        *ret = line;
        return 1;
}

static int get_severity(const Place *place, Severity *ret) {
        static const char *const names[_SEVERITY_MAX] = { "UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL" };
        const char *text = NULL;
        int r;

        r = place_string(place, "Severity", PLACE_OPTIONAL, &text);
        if (r <= 0)
                return r;
        for (Severity severity = 0; severity < _SEVERITY_MAX; severity++)
                if (streq(text, names[severity])) {
                        *ret = severity;
                        return 1;
                }
        return place_refuse_text(place, "Severity", text, "is not known");
}

static int get_line_number(const Place *place, const char *key, uint32_t *ret) {
        uint64_t number = 0;
        int r = place_uint64(place, key, INT32_MAX, PLACE_OPTIONAL, &number);

        *ret = (uint32_t) number;
        return r;
}

static int read_vulnerability(const Place *place, Finding *finding) {
        int r;

        finding->kind = FINDING_VULNERABILITY;
        if ((r = get_name(place, "VulnerabilityID", PLACE_REQUIRED, &finding->id)) < 0 ||
                (r = get_name(place, "PkgName", PLACE_REQUIRED, &finding->component)) < 0 ||
                (r = get_severity(place, &finding->severity)) < 0 ||
                (r = get_line(place, "InstalledVersion", FINDING_TEXT_MAX, &finding->installed)) < 0 ||
                (r = get_line(place, "FixedVersion", FINDING_TEXT_MAX, &finding->fixed)) < 0 ||
                (r = get_line(place, "Status", FINDING_TEXT_MAX, &finding->status)) < 0)
                return r;
        r = get_line(place, "Title", FINDING_TEXT_MAX, &finding->title);
        return r < 0 ? r : 1;
}

/* The name without the directory that everything lies in; the directory itself is ".". */
static const char *without_directory(const ScanReport *report, const char *name) {
        const char *rest = report->directory ? startswith(name, report->directory) : NULL;

        if (rest && rest[0] == '/' && rest[1])
                return rest + 1;
        return rest && rest[0] == '\0' ? "." : name;
}

/* Where else the cause is: the resource, and the calls of modules that lead to it. */
static int read_occurrences(const Place *cause, const ScanReport *report, Finding *finding) {
        Place array, element, location;
        int r;

        r = place_array(cause, "Occurrences", OCCURRENCES_MAX, PLACE_OPTIONAL, &array);
        if (r <= 0)
                return r;
        for (size_t i = 0; i < json_object_array_length(array.value); i++) {
                const char *file = NULL;
                uint32_t line = 0;

                r = place_element(&array, i, json_type_object, &element);
                if (r >= 0)
                        r = place_string(&element, "Filename", PLACE_OPTIONAL, &file);
                if (r > 0)
                        r = place_member(&element, "Location", json_type_object, PLACE_OPTIONAL, &location);
                if (r > 0)
                        r = get_line_number(&location, "StartLine", &line);
                if (r < 0)
                        return r;
                if (r > 0 && ignore_marks_cover(
                                     &report->findings, without_directory(report, file), line, finding->id))
                        finding->marked = true;
        }
        return 0;
}

/* Returns 0 if it is none: something that passed. */
static int read_misconfiguration(const Place *place, const ScanReport *report, Finding *finding) {
        const char *status = "FAIL";
        Place cause;
        int r;

        finding->kind = FINDING_MISCONFIGURATION;
        r = place_string(place, "Status", PLACE_OPTIONAL, &status);
        if (r < 0 || streq(status, "PASS"))
                return MIN_OF(r, 0);
        if ((r = get_name(place, "ID", PLACE_REQUIRED, &finding->id)) < 0 ||
                (r = get_severity(place, &finding->severity)) < 0 ||
                (r = get_line(place, "Title", FINDING_TEXT_MAX, &finding->title)) < 0 ||
                (r = get_line(place, "Message", FINDING_TEXT_MAX, &finding->message)) < 0)
                return r;
        r = place_member(place, "CauseMetadata", json_type_object, PLACE_OPTIONAL, &cause);
        if (r <= 0)
                return r < 0 ? r : 1;
        if ((r = get_line(&cause, "Resource", FINDING_TEXT_MAX, &finding->resource)) < 0 ||
                (r = get_line_number(&cause, "StartLine", &finding->start_line)) < 0 ||
                (r = get_line_number(&cause, "EndLine", &finding->end_line)) < 0 ||
                (r = read_occurrences(&cause, report, finding)) < 0)
                return r;
        return 1;
}

static int refuse(const Reading *reading, int error, const char *message) {
        text_set(reading->ret_error, "%s", message);
        return error;
}

static int add_finding(const Reading *reading, Finding *finding) {
        int r;

        /* The file is known when the whole target has been read. */
        r = string_assign(&finding->target, "");
        if (r >= 0)
                r = findings_add(&reading->report->findings, finding);
        return r == -E2BIG ? refuse(reading, -EFBIG, "more than 10000 findings") : r;
}

static int read_finding(const Reading *reading, json_object *value, bool vulnerability) {
        Finding finding = {};
        Place place;
        int r;

        r = place_open(value, vulnerability ? "vulnerability" : "misconfiguration", json_type_object, &place,
                reading->ret_error);
        if (r >= 0)
                r = vulnerability ? read_vulnerability(&place, &finding)
                                  : read_misconfiguration(&place, reading->report, &finding);
        if (r > 0)
                r = add_finding(reading, &finding);
        finding_clear(&finding);
        return r;
}

static int read_package(Reading *reading, json_object *value) {
        SbomPackage package = { .type = strempty(reading->target.type) };
        Place place, identifier, depends_on;
        int r;

        r = place_open(value, "package", json_type_object, &place, reading->ret_error);
        if (r >= 0)
                r = place_string(&place, "Name", PLACE_REQUIRED, &package.name);
        if (r < 0)
                return r;
        reading->target.n_packages++;
        if (!reading->sbom)
                return 0;
        if (!reading->in_sbom) {
                if (isempty(reading->target.name))
                        return refuse(reading, -EBADMSG, "a result names its packages before its target");
                r = sbom_writer_binary(reading->sbom, reading->target.name, package.type);
                if (r == -E2BIG)
                        return refuse(reading, -EFBIG, "too many results");
                if (r < 0)
                        return r;
                reading->in_sbom = true;
        }
        package.id = package.name;
        if ((r = place_string(&place, "ID", PLACE_OPTIONAL, &package.id)) < 0 ||
                (r = place_string(&place, "Version", PLACE_OPTIONAL, &package.version)) < 0 ||
                (r = place_array(&place, "DependsOn", DEPENDS_ON_MAX, PLACE_OPTIONAL, &depends_on)) < 0)
                return r;
        if (r > 0)
                package.depends_on = depends_on.value;
        r = place_member(&place, "Identifier", json_type_object, PLACE_OPTIONAL, &identifier);
        if (r > 0)
                r = place_string(&identifier, "PURL", PLACE_OPTIONAL, &package.purl);
        if (r < 0)
                return r;
        r = sbom_writer_package(reading->sbom, &package);
        if (r == -EBADMSG)
                return refuse(reading, r, "a package depends on something that is not a text");
        return r == -E2BIG ? refuse(reading, -EFBIG, "too many packages") : r;
}

typedef enum ListKind {
        LIST_PACKAGES,
        LIST_VULNERABILITIES,
        LIST_MISCONFIGURATIONS,
} ListKind;

static int read_list(Reading *reading, ListKind kind) {
        int r;

        r = json_stream_enter(reading->stream, '[');
        if (r == 0) {
                _cleanup_(json_unrefp) json_object *value = NULL;

                r = json_stream_value(reading->stream, &value);
                return r > 0 ? refuse(reading, -EBADMSG, "a list of a result is none") : r;
        }
        while (r >= 0 && (r = json_stream_next_element(reading->stream)) > 0) {
                _cleanup_(json_unrefp) json_object *value = NULL;

                r = json_stream_value(reading->stream, &value);
                if (r >= 0)
                        r = kind == LIST_PACKAGES
                                    ? read_package(reading, value)
                                    : read_finding(reading, value, kind == LIST_VULNERABILITIES);
        }
        return r;
}

/* A text of the result itself. */
static int read_target_text(Reading *reading, const char *key, char **ret) {
        _cleanup_(json_unrefp) json_object *value = NULL, *object = NULL;
        Place place;
        int r;

        r = json_stream_value(reading->stream, &value);
        if (r <= 0)
                return r;
        object = json_object_new_object();
        if (!object || json_set(object, key, TAKE_PTR(value)) < 0)
                return -ENOMEM;
        r = place_open(object, "result", json_type_object, &place, reading->ret_error);
        return r < 0 ? r : get_name(&place, key, PLACE_REQUIRED, ret);
}

static int read_checks(Reading *reading) {
        _cleanup_(json_unrefp) json_object *value = NULL;
        uint64_t successes = 0, failures = 0;
        Place place;
        int r;

        r = json_stream_value(reading->stream, &value);
        if (r <= 0)
                return r;
        r = place_open(value, "MisconfSummary", json_type_object, &place, reading->ret_error);
        if (r >= 0)
                r = place_uint64(&place, "Successes", UINT32_MAX, PLACE_OPTIONAL, &successes);
        if (r >= 0)
                r = place_uint64(&place, "Failures", UINT32_MAX, PLACE_OPTIONAL, &failures);
        reading->target.n_checks += successes + failures;
        return r;
}

/* The target is known to the end: its findings get their file. */
static int end_target(Reading *reading, size_t first_finding) {
        Findings *findings = &reading->report->findings;
        ScanTarget *target = &reading->target;
        _cleanup_free_ char *name = NULL;
        int r = 0;

        if (isempty(target->name))
                return refuse(reading, -EBADMSG, "a result has no target");
        name = strdup(without_directory(reading->report, target->name));
        if (!name)
                return -ENOMEM;
        free(target->name);
        target->name = TAKE_PTR(name);
        for (size_t i = first_finding; r >= 0 && i < findings->n_findings; i++) {
                Finding *finding = &findings->findings[i];

                r = string_assign(&finding->target, target->name);
                if (finding->kind == FINDING_MISCONFIGURATION &&
                        ignore_marks_cover(findings, target->name, finding->start_line, finding->id))
                        finding->marked = true;
        }
        target->first_finding = (uint32_t) first_finding;
        target->n_findings = (uint32_t) (findings->n_findings - first_finding);
        if (r >= 0)
                r = reading->report->n_targets >= SCAN_TARGETS_MAX
                            ? refuse(reading, -EFBIG, "too many results")
                            : LIST_APPEND(reading->report->targets, reading->report->n_targets, *target);
        if (r >= 0)
                *target = (ScanTarget) {};
        return r;
}

static int read_result(Reading *reading) {
        size_t first_finding = reading->report->findings.n_findings;
        const char *key;
        int r;

        reading->in_sbom = false;
        r = json_stream_enter(reading->stream, '{');
        if (r == 0)
                return refuse(reading, -EBADMSG, "a result is not an object");
        while (r >= 0 && (r = json_stream_next_member(reading->stream, &key)) > 0)
                if (streq(key, "Target"))
                        r = read_target_text(reading, "Target", &reading->target.name);
                else if (streq(key, "Type"))
                        r = read_target_text(reading, "Type", &reading->target.type);
                else if (streq(key, "MisconfSummary"))
                        r = read_checks(reading);
                else if (streq(key, "Packages"))
                        r = read_list(reading, LIST_PACKAGES);
                else if (streq(key, "Vulnerabilities"))
                        r = read_list(reading, LIST_VULNERABILITIES);
                else if (streq(key, "Misconfigurations"))
                        r = read_list(reading, LIST_MISCONFIGURATIONS);
        return r < 0 ? r : end_target(reading, first_finding);
}

static int read_results(Reading *reading) {
        int r;

        r = json_stream_enter(reading->stream, '[');
        if (r == 0) {
                _cleanup_(json_unrefp) json_object *value = NULL;

                r = json_stream_value(reading->stream, &value);
                return r > 0 ? refuse(reading, -EBADMSG, "Results is not an array") : r;
        }
        while (r >= 0 && (r = json_stream_next_element(reading->stream)) > 0)
                r = read_result(reading);
        return r;
}

/* The members that are a single value; *seen is set by the version of the form. */
static int read_envelope(Reading *reading, const char *key, bool *seen) {
        _cleanup_(json_unrefp) json_object *value = NULL, *object = json_object_new_object();
        _cleanup_free_ char *name = strdup(key);
        uint64_t schema = 0;
        Place place, version;
        int r;

        if (!object || !name)
                return -ENOMEM;
        r = json_stream_value(reading->stream, &value);
        if (r < 0)
                return r;
        if (json_object_object_add(object, name, TAKE_PTR(value)) < 0)
                return -ENOMEM;
        r = place_open(object, "report", json_type_object, &place, reading->ret_error);
        if (r < 0)
                return r;
        if (streq(name, "CreatedAt"))
                return place_time(&place, name, PLACE_OPTIONAL, &reading->report->created_usec);
        if (streq(name, "Trivy")) {
                r = place_member(&place, name, json_type_object, PLACE_OPTIONAL, &version);
                return r <= 0 ? r : get_line(&version, "Version", 64, &reading->report->scanner);
        }
        r = place_uint64(&place, name, UINT32_MAX, PLACE_REQUIRED, &schema);
        if (r >= 0 && schema != SCHEMA_VERSION)
                r = place_refuse(&place, name, "expected %d", SCHEMA_VERSION);
        *seen = true;
        return r;
}

static int read_report(Reading *reading) {
        bool seen = false;
        const char *key;
        int r;

        r = json_stream_enter(reading->stream, '{');
        if (r == 0)
                return refuse(reading, -EBADMSG, "not an object");
        while (r >= 0 && (r = json_stream_next_member(reading->stream, &key)) > 0)
                if (streq(key, "Results"))
                        r = read_results(reading);
                else if (streq(key, "SchemaVersion") || streq(key, "CreatedAt") || streq(key, "Trivy"))
                        r = read_envelope(reading, key, &seen);
        if (r >= 0)
                r = json_stream_finish(reading->stream);
        return r >= 0 && !seen ? refuse(reading, -EBADMSG, "SchemaVersion is missing") : r;
}

int scan_report_read(JsonStream *stream, SbomWriter *sbom, ScanReport *report, char **ret_error) {
        _cleanup_free_ char *error = NULL;
        Reading reading = { .stream = stream, .sbom = sbom, .report = report, .ret_error = &error };
        int r;

        r = read_report(&reading);
        target_clear(&reading.target);
        if (r >= 0)
                return 0;
        if (json_stream_error(stream))
                text_set(&error, "%s", json_stream_error(stream));
        else if (!error)
                text_set(&error, "%s", strerror(-r));
        free(*ret_error);
        *ret_error = TAKE_PTR(error);
        return r;
}

static bool saw(const ScanReport *report, const char *type, const char *name) {
        for (size_t i = 0; i < report->n_targets; i++) {
                const ScanTarget *target = &report->targets[i];

                if (streq_ptr(target->type, type) && target->n_packages > 0 && streq(target->name, name))
                        return true;
        }
        return false;
}

bool scan_report_saw_binary(const ScanReport *report, const char *name) {
        return saw(report, "gobinary", name);
}

bool scan_report_saw_source(const ScanReport *report) {
        return saw(report, "gomod", "go.mod");
}

bool scan_report_saw_module(const ScanReport *report) {
        for (size_t i = 0; i < report->n_targets; i++)
                if (streq_ptr(report->targets[i].type, "terraform") && report->targets[i].n_checks > 0)
                        return true;
        return false;
}

int scan_report_take(ScanReport *report, size_t index, const char *target, Findings *findings) {
        ScanTarget *from = &report->targets[index];
        int r = 0;

        for (size_t i = 0; r >= 0 && i < from->n_findings; i++) {
                Finding *finding = &report->findings.findings[from->first_finding + i];

                r = string_assign(&finding->target, target);
                if (r >= 0)
                        r = findings_add(findings, finding);
        }
        from->n_findings = 0;
        return r;
}
