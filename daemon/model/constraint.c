#include "model/constraint.h"

#include "base/list.h"

typedef enum Operator {
        OPERATOR_EQUAL,
        OPERATOR_NOT_EQUAL,
        OPERATOR_GREATER,
        OPERATOR_GREATER_EQUAL,
        OPERATOR_LESS,
        OPERATOR_LESS_EQUAL,
        OPERATOR_PESSIMISTIC,
} Operator;

typedef struct Term {
        Operator operator;
        Version *version;
} Term;

struct Constraint {
        Term *terms;
        size_t n_terms;
};

#define WHITESPACE "\t\n\f\r "

static Operator operator_parse(const char **text) {
        /* Longer ones first. */
        static const struct {
                const char *text;
                Operator operator;
        } operators[] = {
                { "!=", OPERATOR_NOT_EQUAL },
                { ">=", OPERATOR_GREATER_EQUAL },
                { "<=", OPERATOR_LESS_EQUAL },
                { "~>", OPERATOR_PESSIMISTIC },
                { "=", OPERATOR_EQUAL },
                { ">", OPERATOR_GREATER },
                { "<", OPERATOR_LESS },
        };

        for (size_t i = 0; i < ELEMENTSOF(operators); i++) {
                const char *rest = startswith(*text, operators[i].text);

                if (rest) {
                        *text = rest;
                        return operators[i].operator;
                }
        }
        return OPERATOR_EQUAL;
}

/* Parses the `length` bytes of one term; *ret_bad is where its text, without surrounding space, starts. */
static int term_parse(const char *text, size_t length, Term *ret, const char **ret_bad) {
        char version_text[VERSION_LENGTH_MAX + 1];
        const char *end = text + length;
        Operator operator;
        int r;

        text += MIN_OF(strspn(text, WHITESPACE), length);
        *ret_bad = text;
        while (end > text && strchr(WHITESPACE, end[-1]))
                end--;
        if (text == end)
                return -EINVAL;

        operator= operator_parse(&text);
        text += strspn(text, WHITESPACE);
        if (text >= end || (size_t) (end - text) > VERSION_LENGTH_MAX)
                return -EINVAL;

        memcpy(version_text, text, (size_t) (end - text));
        version_text[end - text] = '\0';
        r = version_parse(version_text, &ret->version);
        if (r < 0)
                return r;
        ret->operator= operator;
        return 0;
}

int constraint_parse(const char *text, Constraint **ret, size_t *ret_error_offset) {
        _cleanup_(constraint_freep) Constraint *constraint = calloc(1, sizeof(Constraint));
        const char *part = text;

        if (!constraint)
                return -ENOMEM;

        for (;;) {
                size_t length = strcspn(part, ",");
                const char *bad = part;
                Term term = {};
                int r = -E2BIG;

                if (constraint->n_terms < CONSTRAINT_TERMS_MAX)
                        r = term_parse(part, length, &term, &bad);
                if (r != -ENOMEM && r < 0 && ret_error_offset)
                        *ret_error_offset = (size_t) (bad - text);
                if (r < 0)
                        return r;
                r = LIST_APPEND(constraint->terms, constraint->n_terms, term);
                if (r < 0) {
                        version_free(term.version);
                        return -ENOMEM;
                }

                if (part[length] == '\0')
                        break;
                part += length + 1;
        }

        *ret = TAKE_PTR(constraint);
        return 0;
}

Constraint *constraint_free(Constraint *constraint) {
        if (!constraint)
                return NULL;
        for (size_t i = 0; i < constraint->n_terms; i++)
                version_free(constraint->terms[i].version);
        free(constraint->terms);
        free(constraint);
        return NULL;
}

/* A pre-release is wanted only by a bound that is a pre-release of the same version itself. */
static bool prerelease_allowed(const Version *version, const Version *bound) {
        if (!version_is_prerelease(version))
                return true;
        return version_is_prerelease(bound) && version_equal_segments(version, bound);
}

/* "~>": at least the bound, and all but the last segment that was written stay as they are. */
static bool pessimistic_matches(const Version *version, const Version *bound) {
        size_t n = version_n_segments(bound);

        if (version_is_prerelease(bound) && !version_is_prerelease(version))
                return false;
        if (version_compare(version, bound) < 0 || version_n_segments(version) < n)
                return false;
        for (size_t i = 0; i + 1 < version_n_segments_written(bound); i++)
                if (version_segment(version, i) != version_segment(bound, i))
                        return false;
        /* The last segment after padding, not the last one written: so go-version has it. */
        return version_segment(bound, n - 1) <= version_segment(version, n - 1);
}

/* Without the question whether a pre-release is wanted at all. */
static bool bounds_match(const Term *term, const Version *version) {
        const Version *bound = term->version;

        switch (term->operator) {
        case OPERATOR_EQUAL:
                return version_compare(version, bound) == 0;
        case OPERATOR_NOT_EQUAL:
                return version_compare(version, bound) != 0;
        case OPERATOR_GREATER:
                return version_compare(version, bound) > 0;
        case OPERATOR_GREATER_EQUAL:
                return version_compare(version, bound) >= 0;
        case OPERATOR_LESS:
                return version_compare(version, bound) < 0;
        case OPERATOR_LESS_EQUAL:
                return version_compare(version, bound) <= 0;
        default:
                return pessimistic_matches(version, bound);
        }
}

static bool term_matches(const Term *term, const Version *version) {
        bool exact = term->operator== OPERATOR_EQUAL || term->operator== OPERATOR_NOT_EQUAL;

        return (exact || prerelease_allowed(version, term->version)) && bounds_match(term, version);
}

bool constraint_matches(const Constraint *constraint, const Version *version) {
        return constraint_find_rejecting(constraint, version) < 0;
}

int constraint_find_rejecting(const Constraint *constraint, const Version *version) {
        for (size_t i = 0; i < constraint->n_terms; i++)
                if (!term_matches(&constraint->terms[i], version))
                        return (int) i;
        return -ENOENT;
}

static bool all_bounds_match(const Constraint *constraint, const Version *version) {
        for (size_t i = 0; i < constraint->n_terms; i++)
                if (!bounds_match(&constraint->terms[i], version))
                        return false;
        return true;
}

bool constraint_matches_with_prereleases(const Constraint *constraint, const Version *version) {
        _cleanup_(version_freep) Version *release = NULL;
        _cleanup_free_ char *text = NULL;

        if (constraint_matches(constraint, version))
                return true;
        if (!version_is_prerelease(version) || !all_bounds_match(constraint, version))
                return false;
        /* Without memory it is not wanted this time. */
        text = strndup(version_string(version), strcspn(version_string(version), "-+"));
        return text && version_parse(text, &release) >= 0 && all_bounds_match(constraint, release);
}
