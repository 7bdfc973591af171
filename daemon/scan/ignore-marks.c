#include "scan/ignore-marks.h"

#include <strings.h>

#define SECTION ":ignore:"
#define MARK_TEXT_MAX 200

/* Whether the file is HCL, or JSON, whose strings may have expressions of HCL. */
static bool is_terraform(const char *file) {
        static const char *const suffixes[] = { ".tf", ".tofu", ".hcl", ".tfvars", ".json" };

        for (size_t i = 0; i < ELEMENTSOF(suffixes); i++)
                if (endswith(file, suffixes[i]))
                        return true;
        return false;
}

/* The mark in the word that has the section at `at`; NULL if the word is none. */
static const char *find_mark(const char *data, const char *at, size_t *ret_length, size_t size) {
        const char *begin = at, *end = at;

        while (begin > data && begin[-1] != ' ' && begin[-1] != '\n')
                begin--;
        while (end < data + size && *end != ' ' && *end != '\n')
                end++;
        while (begin < at && strchr("\t\r\v\f#/*", *begin) && *begin)
                begin++;
        if ((size_t) (at - begin) < strlen("trivy") ||
                (strncasecmp(begin, "trivy:", strlen("trivy:")) != 0 &&
                        strncasecmp(begin, "tfsec:", strlen("tfsec:")) != 0))
                return NULL;
        *ret_length = (size_t) (end - begin);
        return begin;
}

static int add_mark(const char *file, const char *mark, size_t length, uint32_t line, Findings *findings) {
        _cleanup_free_ char *copy = strndup(mark, length), *text = NULL;
        int r;

        if (!copy)
                return -ENOMEM;
        text = text_line(copy, MARK_TEXT_MAX);
        if (!text)
                return -ENOMEM;
        r = findings_add_mark(findings, file, line, text);
        /* It has no effect even if there is no room for it. */
        return r == -E2BIG ? 0 : r;
}

int ignore_marks_neutralize(
        const char *file, const char *data, size_t size, Findings *findings, Buffer *out) {
        const char *replacement = is_terraform(file) ? ": ignore" : ":ignorE", *last_mark = NULL;
        const char *const end = data + size;
        const char *copied = data, *counted = data, *at = data;
        uint32_t line = 1;
        int r;

        while (size >= strlen(SECTION) && (at = memchr(at, ':', (size_t) (end - at)))) {
                const char *mark;
                size_t length;

                if ((size_t) (end - at) < strlen(SECTION))
                        break;
                if (strncasecmp(at, SECTION, strlen(SECTION)) != 0) {
                        at++;
                        continue;
                }
                for (; counted < at; counted++)
                        line += *counted == '\n';
                mark = find_mark(data, at, &length, size);
                if (mark && mark != last_mark) {
                        r = add_mark(file, mark, length, line, findings);
                        if (r < 0)
                                return r;
                        last_mark = mark;
                }
                r = buffer_append(out, copied, (size_t) (at - copied));
                if (r >= 0)
                        r = buffer_append(out, replacement, strlen(replacement));
                if (r < 0)
                        return r;
                /* The colon at its end may be the one before the next. */
                at += strlen(SECTION) - 1;
                copied = at;
        }
        return buffer_append(out, copied, (size_t) (end - copied));
}

/* An identifier such as AVD-AWS-0086, of which the first part may be left out. */
static bool is_number(const char *id, size_t length) {
        return length > 5 && id[length - 5] == '-' && strspn(id + length - 4, "0123456789") >= 4;
}

static bool mark_names(const char *text, const char *id) {
        const char *named = strcasestr(text, SECTION);
        const char *short_id = startswith(id, "AVD-");
        size_t length;

        if (!named)
                return false;
        named += strlen(SECTION);
        length = strcspn(named, ":[");
        if (length == 0 || (length == 1 && named[0] == '*'))
                return true;
        /* Checks have names besides, which are not in a report. */
        if (!is_number(named, length))
                return true;
        if (strncmp(named, "AVD-", strlen("AVD-")) == 0) {
                named += strlen("AVD-");
                length -= strlen("AVD-");
        }
        if (!short_id)
                short_id = id;
        return strlen(short_id) == length && strncmp(named, short_id, length) == 0;
}

bool ignore_marks_cover(const Findings *findings, const char *file, uint32_t line, const char *id) {
        for (size_t i = 0; i < findings->n_marks; i++) {
                const FindingMark *mark = &findings->marks[i];
                uint32_t last = mark->line;

                if (!streq(mark->file, file) || mark->line > line)
                        continue;
                /* Marks in lines that follow each other are all for what comes after the last one. */
                for (size_t j = i + 1; j < findings->n_marks && streq(findings->marks[j].file, file) &&
                                       findings->marks[j].line <= last + 1;
                        j++)
                        last = findings->marks[j].line;
                if ((line == mark->line || line == last || line == last + 1) && mark_names(mark->text, id))
                        return true;
        }
        return false;
}
