#include "model/version.h"

#include <ctype.h>

#define SEGMENTS_MIN 3
#define SEGMENT_MAX ((uint64_t) INT64_MAX)

/* One allocation: the segments, the normalised text, and the pre-release as a string of its own when metadata follows
 * it in the text (else it is the tail of the text). Thousands of these are kept. */
struct Version {
        uint16_t n_segments;
        uint16_t n_segments_written;
        uint16_t prerelease_offset; /* from text_of() */
        uint64_t segments[];
};

/* Where the parts of a version stand in the text it is parsed from. */
typedef struct Parts {
        const char *segments;
        size_t n_segments;
        const char *prerelease;
        size_t prerelease_length;
        const char *metadata;
        size_t metadata_length;
} Parts;

static char *text_of(const Version *version) {
        return (char *) (version->segments + version->n_segments);
}

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

static bool is_word(char c) {
        return isascii(c) && (isalnum((unsigned char) c) || c == '-' || c == '~');
}

static size_t word_length(const char *text) {
        size_t n = 0;

        while (is_word(text[n]))
                n++;
        return n;
}

/* The length of dot-separated words, of which the first may be checked already; 0 if there is an empty one. */
static size_t words_length(const char *text) {
        size_t length = 0;

        for (;;) {
                size_t n = word_length(text + length);

                if (n == 0)
                        return 0;
                length += n;
                if (text[length] != '.')
                        return length;
                length++;
        }
}

static int split(const char *text, Parts *ret) {
        Parts parts = {};

        if (*text == 'v')
                text++;

        parts.segments = text;
        for (;;) {
                if (!is_digit(*text))
                        return -EINVAL;
                while (is_digit(*text))
                        text++;
                parts.n_segments++;
                if (*text != '.')
                        break;
                text++;
        }

        if (*text != '\0' && *text != '+') {
                /* A token that starts with a digit needs its dash; another one takes it only if something follows,
                 * so that "1.0-" has the pre-release "-". */
                if (*text == '-' && is_word(text[1]))
                        text++;
                parts.prerelease = text;
                parts.prerelease_length = words_length(text);
                if (parts.prerelease_length == 0)
                        return -EINVAL;
                text += parts.prerelease_length;
        }

        if (*text == '+') {
                parts.metadata = text + 1;
                parts.metadata_length = words_length(text + 1);
                if (parts.metadata_length == 0)
                        return -EINVAL;
                text += 1 + parts.metadata_length;
        }
        if (*text != '\0')
                return -EINVAL;

        *ret = parts;
        return 0;
}

static int parse_segments(const char *text, size_t n, uint64_t *segments) {
        for (size_t i = 0; i < n; i++) {
                uint64_t value = 0;

                for (; is_digit(*text); text++)
                        if (__builtin_mul_overflow(value, 10, &value) ||
                                __builtin_add_overflow(value, (uint64_t) (*text - '0'), &value) ||
                                value > SEGMENT_MAX)
                                return -EINVAL;
                segments[i] = value;
                text++;
        }
        return 0;
}

static char *append_number(char *text, uint64_t value) {
        char digits[20];
        size_t n = 0;

        do
                digits[n++] = (char) ('0' + value % 10);
        while ((value /= 10) > 0);
        while (n > 0)
                *text++ = digits[--n];
        return text;
}

static char *append_text(char *text, char lead, const char *part, size_t length) {
        if (lead)
                *text++ = lead;
        return mempcpy(text, part, length);
}

int version_parse(const char *text, Version **ret) {
        _cleanup_(version_freep) Version *version = NULL;
        size_t n_segments, size;
        Parts parts;
        char *end;
        int r;

        if (strnlen(text, VERSION_LENGTH_MAX + 1) > VERSION_LENGTH_MAX)
                return -EINVAL;
        r = split(text, &parts);
        if (r < 0)
                return r;

        /* At most 256 bytes of text make at most 128 segments, none of which grows; nothing here can overflow. */
        n_segments = MAX_OF(parts.n_segments, (size_t) SEGMENTS_MIN);
        size = sizeof(Version) + n_segments * sizeof(uint64_t);
        size += strlen(parts.segments) + strlen(".0.0") + strlen("-") + 1;
        if (parts.metadata)
                size += parts.prerelease_length + 1;

        version = calloc(1, size);
        if (!version)
                return -ENOMEM;
        version->n_segments = (uint16_t) n_segments;
        version->n_segments_written = (uint16_t) parts.n_segments;
        r = parse_segments(parts.segments, parts.n_segments, version->segments);
        if (r < 0)
                return r;

        end = text_of(version);
        for (size_t i = 0; i < n_segments; i++) {
                if (i > 0)
                        *end++ = '.';
                end = append_number(end, version->segments[i]);
        }
        if (parts.prerelease) {
                version->prerelease_offset = (uint16_t) (end + 1 - text_of(version));
                end = append_text(end, '-', parts.prerelease, parts.prerelease_length);
        }
        if (parts.metadata) {
                end = append_text(end, '+', parts.metadata, parts.metadata_length);
                *end++ = '\0';
                version->prerelease_offset = (uint16_t) (end - text_of(version));
                end = append_text(end, '\0', strempty(parts.prerelease), parts.prerelease_length);
        } else if (!parts.prerelease)
                version->prerelease_offset = (uint16_t) (end - text_of(version));
        *end = '\0';

        *ret = TAKE_PTR(version);
        return 0;
}

Version *version_free(Version *version) {
        free(version);
        return NULL;
}

const char *version_string(const Version *version) {
        return text_of(version);
}

const char *version_prerelease(const Version *version) {
        return text_of(version) + version->prerelease_offset;
}

bool version_is_prerelease(const Version *version) {
        return !isempty(version_prerelease(version));
}

size_t version_n_segments(const Version *version) {
        return version->n_segments;
}

size_t version_n_segments_written(const Version *version) {
        return version->n_segments_written;
}

uint64_t version_segment(const Version *version, size_t i) {
        return i < version->n_segments ? version->segments[i] : 0;
}

bool version_equal_segments(const Version *a, const Version *b) {
        return a->n_segments == b->n_segments &&
               memcmp(a->segments, b->segments, a->n_segments * sizeof(uint64_t)) == 0;
}

static int compare_segments(const Version *a, const Version *b) {
        size_t n = MAX_OF(a->n_segments, b->n_segments);

        for (size_t i = 0; i < n; i++) {
                uint64_t x = version_segment(a, i), y = version_segment(b, i);

                if (x != y)
                        return x < y ? -1 : 1;
        }
        return 0;
}

/* A dot-separated part of a pre-release; empty behind the last. */
typedef struct Token {
        const char *text;
        size_t length;
} Token;

static Token token_next(const char **rest) {
        Token token = { .text = *rest, .length = strcspn(*rest, ".") };

        *rest += token.length;
        if (**rest == '.')
                (*rest)++;
        return token;
}

static int token_compare_bytes(Token a, Token b) {
        int c = memcmp(a.text, b.text, MIN_OF(a.length, b.length));

        if (c != 0)
                return c < 0 ? -1 : 1;
        return (a.length > b.length) - (a.length < b.length);
}

/* As strconv.ParseInt() reads a token: a sign is accepted; text gives false and 0, a number out of range false and the
 * nearest end of the range, which go-version then compares all the same. Digits that overflow 64 bits are out of range
 * at once, whatever follows them. */
static bool token_parse_int(Token token, int64_t *ret) {
        bool negative = token.length > 0 && token.text[0] == '-', overflow = false;
        uint64_t value = 0, limit = (uint64_t) INT64_MAX + negative;

        *ret = 0;
        if (token.length == (size_t) negative)
                return false;
        for (size_t i = negative; i < token.length && !overflow; i++) {
                if (!is_digit(token.text[i]))
                        return false;
                overflow = __builtin_mul_overflow(value, 10, &value) ||
                           __builtin_add_overflow(value, (uint64_t) (token.text[i] - '0'), &value);
        }
        if (overflow || value > limit) {
                *ret = negative ? INT64_MIN : INT64_MAX;
                return false;
        }
        *ret = negative ? (int64_t) (0 - value) : (int64_t) value;
        return true;
}

/* The order of two different tokens. With "01" and "1" the second is always the greater one, whichever comes first:
 * that is how go-version answers. */
static int token_compare(Token a, Token b) {
        int64_t x, y;
        bool a_numeric, b_numeric;
        int c = token_compare_bytes(a, b);

        if (c == 0)
                return 0;
        a_numeric = token_parse_int(a, &x);
        b_numeric = token_parse_int(b, &y);

        if (a.length == 0)
                return b_numeric ? -1 : 1;
        if (b.length == 0)
                return a_numeric ? 1 : -1;
        if (a_numeric != b_numeric)
                return a_numeric ? -1 : 1;
        if (!a_numeric && c > 0)
                return 1;
        return x > y ? 1 : -1;
}

/* Compares token by token as long as either side has one. */
static int compare_prereleases(const char *a, const char *b, int (*compare)(Token, Token)) {
        while (*a || *b) {
                Token x = token_next(&a), y = token_next(&b);
                int c = compare(x, y);

                if (c != 0)
                        return c;
        }
        return 0;
}

static int compare_releases(const Version *a, const Version *b, int (*compare)(Token, Token)) {
        const char *x = version_prerelease(a), *y = version_prerelease(b);

        if (isempty(x) || isempty(y))
                return (int) isempty(x) - (int) isempty(y);
        return compare_prereleases(x, y, compare);
}

int version_compare(const Version *a, const Version *b) {
        if (version_equal_segments(a, b))
                return compare_releases(a, b, token_compare);

        /* With other numbers of segments ("1.2.0.0-b" and "1.2.0") go-version ignores the pre-release. */
        return compare_segments(a, b);
}

/* Semantic versioning: a missing token first, then numbers of any size by value, then text. */
static int token_order(Token a, Token b) {
        size_t zeros_a = 0, zeros_b = 0;
        bool a_numeric = a.length > 0, b_numeric = b.length > 0;

        for (size_t i = 0; i < a.length; i++)
                a_numeric = a_numeric && is_digit(a.text[i]);
        for (size_t i = 0; i < b.length; i++)
                b_numeric = b_numeric && is_digit(b.text[i]);

        if (a.length == 0 || b.length == 0)
                return (a.length > 0) - (b.length > 0);
        if (a_numeric != b_numeric)
                return a_numeric ? -1 : 1;
        if (!a_numeric)
                return token_compare_bytes(a, b);

        while (zeros_a + 1 < a.length && a.text[zeros_a] == '0')
                zeros_a++;
        while (zeros_b + 1 < b.length && b.text[zeros_b] == '0')
                zeros_b++;
        if (a.length - zeros_a != b.length - zeros_b)
                return a.length - zeros_a < b.length - zeros_b ? -1 : 1;
        return token_compare_bytes((Token) { a.text + zeros_a, a.length - zeros_a },
                (Token) { b.text + zeros_b, b.length - zeros_b });
}

int version_order(const Version *a, const Version *b) {
        int c = compare_segments(a, b);

        if (c == 0)
                c = compare_releases(a, b, token_order);
        if (c == 0)
                c = strcmp(version_string(a), version_string(b));
        return (c > 0) - (c < 0);
}
