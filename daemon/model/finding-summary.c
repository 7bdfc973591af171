#include "base/list.h"
#include "base/text.h"
#include "model/finding-private.h"

static void severe_clear(SevereFinding *severe) {
        free(severe->id);
        free(severe->target);
        free(severe->component);
        *severe = (SevereFinding) {};
}

void scan_summary_clear(ScanSummary *summary) {
        free(summary->origin.scanner);
        for (size_t i = 0; i < summary->n_severe; i++)
                severe_clear(&summary->severe[i]);
        free(summary->severe);
        *summary = (ScanSummary) {};
}

static bool severe_is(const SevereFinding *severe, const Finding *finding) {
        return severe->severity == finding->severity && streq(severe->id, finding->id) &&
               streq(severe->target, finding->target) && streq_ptr(severe->component, finding->component);
}

static size_t names_size(const SevereFinding *severe) {
        return strlen(severe->id) + strlen(severe->target) + strlen(strempty(severe->component));
}

static bool has_room(const ScanSummary *summary, const Finding *finding) {
        size_t size = strlen(finding->id) + strlen(finding->target) + strlen(strempty(finding->component));

        for (size_t i = 0; i < summary->n_severe; i++)
                size += names_size(&summary->severe[i]);
        return summary->n_severe < SUMMARY_SEVERE_MAX && size <= SUMMARY_NAMES_MAX;
}

static int add_severe(ScanSummary *summary, const Finding *finding) {
        SevereFinding severe = { .severity = finding->severity, .fixable = !isempty(finding->fixed) };
        int r;

        for (size_t i = 0; i < summary->n_severe; i++)
                if (severe_is(&summary->severe[i], finding)) {
                        summary->severe[i].fixable = summary->severe[i].fixable || severe.fixable;
                        return 0;
                }
        if (!has_room(summary, finding)) {
                summary->n_more[finding->severity]++;
                return 0;
        }
        r = string_assign(&severe.id, finding->id);
        if (r >= 0)
                r = string_assign(&severe.target, finding->target);
        if (r >= 0)
                r = string_assign(&severe.component, finding->component);
        if (r >= 0)
                r = LIST_APPEND(summary->severe, summary->n_severe, severe);
        if (r < 0)
                severe_clear(&severe);
        return r;
}

static int origin_copy(const ScanOrigin *origin, ScanOrigin *ret) {
        char *scanner = NULL;
        int r = string_assign(&scanner, origin->scanner);

        if (r < 0)
                return r;
        *ret = *origin;
        ret->scanner = scanner;
        return 0;
}

int findings_summarize(const Findings *findings, ScanSummary *ret) {
        ScanSummary summary = {};
        int r;

        r = origin_copy(&findings->origin, &summary.origin);
        for (Severity severity = SEVERITY_CRITICAL; r >= 0 && severity >= SEVERITY_HIGH; severity--)
                for (size_t i = 0; r >= 0 && i < findings->n_findings; i++)
                        if (findings->findings[i].severity == severity)
                                r = add_severe(&summary, &findings->findings[i]);
        if (r < 0) {
                scan_summary_clear(&summary);
                return r;
        }
        for (size_t i = 0; i < findings->n_findings; i++) {
                summary.counts[findings->findings[i].severity]++;
                summary.n_marked += findings->findings[i].marked;
        }
        *ret = summary;
        return 0;
}

int scan_summary_copy(const ScanSummary *summary, ScanSummary *ret) {
        ScanSummary copy = *summary;
        int r;

        copy.severe = NULL;
        copy.n_severe = 0;
        r = origin_copy(&summary->origin, &copy.origin);
        if (r < 0)
                return r;
        for (size_t i = 0; r >= 0 && i < summary->n_severe; i++) {
                SevereFinding severe = summary->severe[i];

                severe.id = severe.target = severe.component = NULL;
                if ((r = string_assign(&severe.id, summary->severe[i].id)) < 0 ||
                        (r = string_assign(&severe.target, summary->severe[i].target)) < 0 ||
                        (r = string_assign(&severe.component, summary->severe[i].component)) < 0 ||
                        (r = LIST_APPEND(copy.severe, copy.n_severe, severe)) < 0)
                        severe_clear(&severe);
        }
        if (r < 0) {
                scan_summary_clear(&copy);
                return r;
        }
        *ret = copy;
        return 0;
}

/* {"critical": 1}, without those that are 0; no member if all are. */
static int set_counts(json_object *object, const char *key, const uint32_t counts[static _SEVERITY_MAX]) {
        json_object *member = NULL;

        for (Severity severity = 0; severity < _SEVERITY_MAX; severity++) {
                if (counts[severity] == 0)
                        continue;
                if (!member) {
                        member = json_object_new_object();
                        if (json_set(object, key, member) < 0)
                                return -ENOMEM;
                }
                if (json_set_uint64(member, severity_to_string(severity), counts[severity]) < 0)
                        return -ENOMEM;
        }
        return 0;
}

json_object *scan_summary_to_json(const ScanSummary *summary) {
        _cleanup_(json_unrefp) json_object *object = json_object_new_object();
        json_object *array = NULL;

        if (!object || finding_origin_to_json(object, &summary->origin) < 0 ||
                set_counts(object, "counts", summary->counts) < 0 ||
                set_counts(object, "more", summary->n_more) < 0 ||
                finding_set_number(object, "marked", summary->n_marked) < 0)
                return NULL;
        if (summary->n_severe > 0) {
                array = json_object_new_array();
                if (json_set(object, "severe", array) < 0)
                        return NULL;
        }
        for (size_t i = 0; i < summary->n_severe; i++) {
                const SevereFinding *severe = &summary->severe[i];
                json_object *element = json_object_new_object();

                if (json_append(array, element) < 0 ||
                        json_set_string(element, "severity", severity_to_string(severe->severity)) < 0 ||
                        json_set_string(element, "id", severe->id) < 0 ||
                        json_set_string(element, "component", severe->component) < 0 ||
                        json_set_string(element, "target", severe->target) < 0 ||
                        (severe->fixable && json_set_bool(element, "fixable", true) < 0))
                        return NULL;
        }
        return TAKE_PTR(object);
}

static int read_counts(const Place *place, const char *key, uint32_t ret[static _SEVERITY_MAX]) {
        Place counts;
        int r;

        r = place_member(place, key, json_type_object, PLACE_OPTIONAL, &counts);
        for (Severity severity = 0; r > 0 && severity < _SEVERITY_MAX; severity++)
                if (finding_read_number(&counts, severity_to_string(severity), &ret[severity]) < 0)
                        return -EBADMSG;
        return r;
}

static int read_severe(const Place *place, SevereFinding *severe) {
        int r, severity = 0;

        r = finding_read_word(place, "severity", finding_severity_table, _SEVERITY_MAX, &severity);
        if (r >= 0 && severity < (int) SEVERITY_HIGH)
                r = place_refuse(place, "severity", "is not a severe one");
        severe->severity = (Severity) severity;
        if (r >= 0)
                r = finding_read_name(place, "id", PLACE_REQUIRED, &severe->id);
        if (r >= 0)
                r = finding_read_name(place, "target", PLACE_REQUIRED, &severe->target);
        if (r >= 0)
                r = finding_read_name(place, "component", PLACE_OPTIONAL, &severe->component);
        if (r >= 0)
                r = place_bool(place, "fixable", PLACE_OPTIONAL, &severe->fixable);
        return r;
}

static int read_all_severe(const Place *place, ScanSummary *summary) {
        Place array, element;
        int r;

        r = place_array(place, "severe", SUMMARY_SEVERE_MAX, PLACE_OPTIONAL, &array);
        if (r <= 0)
                return r;
        for (size_t i = 0; r >= 0 && i < json_object_array_length(array.value); i++) {
                SevereFinding severe = {};

                r = place_element(&array, i, json_type_object, &element);
                if (r >= 0)
                        r = read_severe(&element, &severe);
                if (r >= 0)
                        r = LIST_APPEND(summary->severe, summary->n_severe, severe);
                if (r < 0)
                        severe_clear(&severe);
        }
        return r;
}

/* A summary that shows fewer findings than it counts would let something pass. */
static int check_counts(const Place *place, const ScanSummary *summary) {
        uint64_t shown[_SEVERITY_MAX] = {};

        for (size_t i = 0; i < summary->n_severe; i++)
                shown[summary->severe[i].severity]++;
        for (Severity severity = 0; severity < _SEVERITY_MAX; severity++) {
                bool severe = severity >= SEVERITY_HIGH;

                if (shown[severity] + summary->n_more[severity] > summary->counts[severity] ||
                        (severe && summary->counts[severity] > 0 &&
                                shown[severity] + summary->n_more[severity] == 0) ||
                        (!severe && summary->n_more[severity] > 0))
                        return place_refuse(place, "counts", "do not agree with the severe findings");
        }
        return 0;
}

int scan_summary_from_json(json_object *object, const char *name, ScanSummary *ret, char **ret_error) {
        ScanSummary summary = {};
        Place place;
        int r;

        r = place_open(object, name, json_type_object, &place, ret_error);
        if (r < 0)
                return r;
        r = finding_read_origin(&place, &summary.origin);
        if (r >= 0)
                r = read_counts(&place, "counts", summary.counts);
        if (r >= 0)
                r = read_counts(&place, "more", summary.n_more);
        if (r >= 0)
                r = finding_read_number(&place, "marked", &summary.n_marked);
        if (r >= 0)
                r = read_all_severe(&place, &summary);
        if (r >= 0)
                r = check_counts(&place, &summary);
        if (r < 0) {
                scan_summary_clear(&summary);
                return r;
        }
        *ret = summary;
        return 0;
}

char *scan_summary_describe(const ScanSummary *summary) {
        Buffer text = {};

        for (Severity severity = _SEVERITY_MAX; severity-- > 0;)
                if (summary->counts[severity] > 0 &&
                        buffer_append_format(&text, "%s%u %s", text.size > 0 ? ", " : "",
                                summary->counts[severity], severity_to_string(severity)) < 0) {
                        buffer_clear(&text);
                        return NULL;
                }
        return text.size > 0 ? text.data : strdup("nothing found");
}
