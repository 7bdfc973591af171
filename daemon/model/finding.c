#include "model/finding.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/text.h"
#include "model/finding-private.h"

#define FINDINGS_FORMAT 1
/* Room for a count: no scan has more findings. */
#define COUNT_MAX UINT32_MAX

const char *const finding_severity_table[_SEVERITY_MAX] = {
        [SEVERITY_UNKNOWN] = "unknown",
        [SEVERITY_LOW] = "low",
        [SEVERITY_MEDIUM] = "medium",
        [SEVERITY_HIGH] = "high",
        [SEVERITY_CRITICAL] = "critical",
};

static const char *const kind_table[_FINDING_KIND_MAX] = {
        [FINDING_VULNERABILITY] = "vulnerability",
        [FINDING_MISCONFIGURATION] = "misconfiguration",
};

static const char *const subject_table[_SCAN_SUBJECT_MAX] = {
        [SCAN_BINARY] = "binary",
        [SCAN_SOURCE] = "source",
        [SCAN_MODULE] = "module",
};

static int find_name(const char *const *table, size_t n, const char *string) {
        for (size_t i = 0; i < n; i++)
                if (streq(table[i], string))
                        return (int) i;
        return -EINVAL;
}

const char *severity_to_string(Severity severity) {
        return severity >= 0 && severity < _SEVERITY_MAX ? finding_severity_table[severity] : NULL;
}

Severity severity_from_string(const char *string) {
        return (Severity) find_name(finding_severity_table, _SEVERITY_MAX, string);
}

const char *finding_kind_to_string(FindingKind kind) {
        return kind >= 0 && kind < _FINDING_KIND_MAX ? kind_table[kind] : NULL;
}

const char *scan_subject_to_string(ScanSubject subject) {
        return subject >= 0 && subject < _SCAN_SUBJECT_MAX ? subject_table[subject] : NULL;
}

ScanSubject scan_subject_from_string(const char *string) {
        return (ScanSubject) find_name(subject_table, _SCAN_SUBJECT_MAX, string);
}

void finding_clear(Finding *finding) {
        free(finding->id);
        free(finding->target);
        free(finding->title);
        free(finding->component);
        free(finding->installed);
        free(finding->fixed);
        free(finding->status);
        free(finding->resource);
        free(finding->message);
        *finding = (Finding) {};
}

static void mark_clear(FindingMark *mark) {
        free(mark->file);
        free(mark->text);
        *mark = (FindingMark) {};
}

void findings_clear(Findings *findings) {
        free(findings->origin.scanner);
        for (size_t i = 0; i < findings->n_findings; i++)
                finding_clear(&findings->findings[i]);
        free(findings->findings);
        for (size_t i = 0; i < findings->n_marks; i++)
                mark_clear(&findings->marks[i]);
        free(findings->marks);
        *findings = (Findings) {};
}

int findings_add(Findings *findings, Finding *finding) {
        Finding taken = TAKE_GENERIC(*finding, (Finding) {});
        int r = findings->n_findings >= FINDINGS_MAX
                        ? -E2BIG
                        : LIST_APPEND(findings->findings, findings->n_findings, taken);

        if (r < 0)
                finding_clear(&taken);
        return r;
}

int findings_add_mark(Findings *findings, const char *file, uint32_t line, const char *text) {
        FindingMark mark = { .line = line };
        int r = findings->n_marks >= FINDING_MARKS_MAX ? -E2BIG : string_assign(&mark.file, file);

        if (r >= 0)
                r = string_assign(&mark.text, text);
        if (r >= 0)
                r = LIST_APPEND(findings->marks, findings->n_marks, mark);
        if (r < 0)
                mark_clear(&mark);
        return r;
}

/* NULL comes first. */
static int compare_texts(const char *a, const char *b) {
        return strcmp(strempty(a), strempty(b));
}

static int compare_findings(const void *a, const void *b) {
        const Finding *left = a, *right = b;
        int order;

        if (left->severity != right->severity)
                return left->severity > right->severity ? -1 : 1;
        order = compare_texts(left->target, right->target);
        if (order == 0)
                order = (left->start_line > right->start_line) - (left->start_line < right->start_line);
        if (order == 0)
                order = compare_texts(left->id, right->id);
        if (order == 0)
                order = compare_texts(left->component, right->component);
        return order != 0 ? order : compare_texts(left->resource, right->resource);
}

void findings_sort(Findings *findings) {
        if (findings->n_findings > 0)
                qsort(findings->findings, findings->n_findings, sizeof(Finding), compare_findings);
}

static int set_time(json_object *object, const char *key, uint64_t usec) {
        char text[CLOCK_TEXT_SIZE];

        if (usec == 0)
                return 0;
        clock_format(usec, text);
        return json_set_string(object, key, text);
}

/* Numbers that are 0 are left out. */
int finding_set_number(json_object *object, const char *key, uint64_t number) {
        return number > 0 ? json_set_uint64(object, key, number) : 0;
}

int finding_origin_to_json(json_object *object, const ScanOrigin *origin) {
        if (json_set_string(object, "subject", scan_subject_to_string(origin->subject)) < 0 ||
                json_set_string(object, "scanner", origin->scanner) < 0 ||
                set_time(object, "database", origin->database_usec) < 0 ||
                set_time(object, "scannedAt", origin->scanned_usec) < 0)
                return -ENOMEM;
        return 0;
}

static int finding_to_json(json_object *array, const Finding *finding) {
        json_object *object = json_object_new_object();

        if (json_append(array, object) < 0 ||
                json_set_string(object, "kind", finding_kind_to_string(finding->kind)) < 0 ||
                json_set_string(object, "severity", severity_to_string(finding->severity)) < 0 ||
                json_set_string(object, "id", finding->id) < 0 ||
                json_set_string(object, "target", finding->target) < 0 ||
                finding_set_number(object, "startLine", finding->start_line) < 0 ||
                finding_set_number(object, "endLine", finding->end_line) < 0 ||
                json_set_string(object, "component", finding->component) < 0 ||
                json_set_string(object, "installed", finding->installed) < 0 ||
                json_set_string(object, "fixed", finding->fixed) < 0 ||
                json_set_string(object, "status", finding->status) < 0 ||
                json_set_string(object, "resource", finding->resource) < 0 ||
                json_set_string(object, "title", finding->title) < 0 ||
                json_set_string(object, "message", finding->message) < 0 ||
                (finding->marked && json_set_bool(object, "marked", true) < 0))
                return -ENOMEM;
        return 0;
}

json_object *findings_to_json(const Findings *findings) {
        _cleanup_(json_unrefp) json_object *document = json_object_new_object();
        json_object *array = json_object_new_array(), *marks;

        if (!document || json_set_uint64(document, "format", FINDINGS_FORMAT) < 0 ||
                finding_origin_to_json(document, &findings->origin) < 0 ||
                json_set(document, "findings", array) < 0)
                return NULL;
        for (size_t i = 0; i < findings->n_findings; i++)
                if (finding_to_json(array, &findings->findings[i]) < 0)
                        return NULL;
        if (findings->n_marks == 0)
                return TAKE_PTR(document);
        marks = json_object_new_array();
        if (json_set(document, "marks", marks) < 0)
                return NULL;
        for (size_t i = 0; i < findings->n_marks; i++) {
                json_object *mark = json_object_new_object();

                if (json_append(marks, mark) < 0 ||
                        json_set_string(mark, "file", findings->marks[i].file) < 0 ||
                        json_set_uint64(mark, "line", findings->marks[i].line) < 0 ||
                        json_set_string(mark, "text", findings->marks[i].text) < 0)
                        return NULL;
        }
        return TAKE_PTR(document);
}

static bool text_is_valid(const char *text) {
        _cleanup_free_ char *printable = text_printable(text);

        static_assert(FINDING_TEXT_MAX <= FINDING_NAME_MAX);
        return printable && streq(printable, text) &&
               strnlen(text, FINDING_NAME_MAX + 1) <= FINDING_NAME_MAX;
}

static bool name_is_good(const char *text) {
        return !isempty(text) && text_is_valid(text);
}

int finding_read_name(const Place *place, const char *key, PlaceNeed need, char **ret) {
        return place_copy(place, key, need, name_is_good, "a printable text of up to 512 bytes", ret);
}

static int read_text(const Place *place, const char *key, char **ret) {
        return place_copy(
                place, key, PLACE_OPTIONAL, text_is_valid, "a printable text of up to 512 bytes", ret);
}

/* A word of a table. */
int finding_read_word(const Place *place, const char *key, const char *const *table, size_t n, int *ret) {
        const char *word;
        int r, value;

        r = place_string(place, key, PLACE_REQUIRED, &word);
        if (r < 0)
                return r;
        value = find_name(table, n, word);
        if (value < 0)
                return place_refuse_text(place, key, word, "is not known");
        *ret = value;
        return 0;
}

int finding_read_number(const Place *place, const char *key, uint32_t *ret) {
        uint64_t number = 0;
        int r = place_uint64(place, key, COUNT_MAX, PLACE_OPTIONAL, &number);

        if (r >= 0)
                *ret = (uint32_t) number;
        return r;
}

int finding_read_origin(const Place *place, ScanOrigin *origin) {
        int r, subject = 0;

        r = finding_read_word(place, "subject", subject_table, _SCAN_SUBJECT_MAX, &subject);
        origin->subject = (ScanSubject) subject;
        if (r >= 0)
                r = read_text(place, "scanner", &origin->scanner);
        if (r >= 0)
                r = place_time(place, "database", PLACE_OPTIONAL, &origin->database_usec);
        if (r >= 0)
                r = place_time(place, "scannedAt", PLACE_OPTIONAL, &origin->scanned_usec);
        return r;
}

static int read_finding(const Place *place, Finding *finding) {
        int r, kind = 0, severity = 0;

        r = finding_read_word(place, "kind", kind_table, _FINDING_KIND_MAX, &kind);
        if (r >= 0)
                r = finding_read_word(place, "severity", finding_severity_table, _SEVERITY_MAX, &severity);
        finding->kind = (FindingKind) kind;
        finding->severity = (Severity) severity;
        if (r < 0 || (r = finding_read_name(place, "id", PLACE_REQUIRED, &finding->id)) < 0 ||
                (r = finding_read_name(place, "target", PLACE_REQUIRED, &finding->target)) < 0 ||
                (r = finding_read_number(place, "startLine", &finding->start_line)) < 0 ||
                (r = finding_read_number(place, "endLine", &finding->end_line)) < 0 ||
                (r = read_text(place, "title", &finding->title)) < 0 ||
                (r = read_text(place, "component", &finding->component)) < 0 ||
                (r = read_text(place, "installed", &finding->installed)) < 0 ||
                (r = read_text(place, "fixed", &finding->fixed)) < 0 ||
                (r = read_text(place, "status", &finding->status)) < 0 ||
                (r = read_text(place, "resource", &finding->resource)) < 0 ||
                (r = read_text(place, "message", &finding->message)) < 0 ||
                (r = place_bool(place, "marked", PLACE_OPTIONAL, &finding->marked)) < 0)
                return r;
        if ((finding->kind == FINDING_VULNERABILITY) != !isempty(finding->component))
                return place_refuse(place, "component", "a vulnerability has one, nothing else does");
        return 0;
}

static int read_findings(const Place *document, Findings *findings) {
        Place array, element;
        int r;

        r = place_array(document, "findings", FINDINGS_MAX, PLACE_REQUIRED, &array);
        for (size_t i = 0; r >= 0 && i < json_object_array_length(array.value); i++) {
                Finding finding = {};

                r = place_element(&array, i, json_type_object, &element);
                if (r >= 0)
                        r = read_finding(&element, &finding);
                if (r >= 0)
                        r = findings_add(findings, &finding);
                finding_clear(&finding);
        }
        return r;
}

static int read_marks(const Place *document, Findings *findings) {
        Place array, element;
        int r;

        r = place_array(document, "marks", FINDING_MARKS_MAX, PLACE_OPTIONAL, &array);
        if (r <= 0)
                return r;
        for (size_t i = 0; r >= 0 && i < json_object_array_length(array.value); i++) {
                FindingMark mark = {};

                r = place_element(&array, i, json_type_object, &element);
                if (r >= 0)
                        r = finding_read_name(&element, "file", PLACE_REQUIRED, &mark.file);
                if (r >= 0)
                        r = finding_read_number(&element, "line", &mark.line);
                if (r >= 0)
                        r = finding_read_name(&element, "text", PLACE_REQUIRED, &mark.text);
                if (r >= 0)
                        r = findings_add_mark(findings, mark.file, mark.line, mark.text);
                mark_clear(&mark);
        }
        return r;
}

int findings_parse(const char *data, size_t size, Findings *ret, char **ret_error) {
        _cleanup_(json_unrefp) json_object *value = NULL;
        Findings findings = {};
        uint64_t format = 0;
        Place document;
        int r;

        r = place_parse(data, size, "findings", json_type_object, &value, &document, ret_error);
        if (r < 0)
                return r;
        r = place_uint64(&document, "format", UINT32_MAX, PLACE_REQUIRED, &format);
        if (r >= 0 && format != FINDINGS_FORMAT)
                r = place_refuse(&document, "format", "a form that this version does not know");
        if (r >= 0)
                r = finding_read_origin(&document, &findings.origin);
        if (r >= 0)
                r = read_findings(&document, &findings);
        if (r >= 0)
                r = read_marks(&document, &findings);
        if (r < 0) {
                findings_clear(&findings);
                return r;
        }
        *ret = findings;
        return 0;
}
