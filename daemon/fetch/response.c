#include "fetch/response.h"

#include <stdio.h>
#include <strings.h>

#include "base/clock.h"

/* Waits that a server asks for are believed up to this. */
#define NOT_BEFORE_MAX_USEC (6 * 60 * USEC_PER_MINUTE)
/* GitHub's word for a secondary limit without Retry-After. */
#define SECONDARY_LIMIT_USEC (60 * USEC_PER_SEC)

long response_status(CURL *easy) {
        long status = 0;

        (void) curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        return status;
}

bool response_is_good(long status) {
        return status == 200 || status == 201 || status == 206;
}

static const char *get_header(CURL *easy, const char *name) {
        struct curl_header *header;

        return curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value
                                                                                       : NULL;
}

static bool parse_number(const char **text, uint64_t *ret) {
        uint64_t value = 0;

        if (**text < '0' || **text > '9')
                return false;
        for (; **text >= '0' && **text <= '9'; (*text)++)
                if (__builtin_mul_overflow(value, 10, &value) ||
                        __builtin_add_overflow(value, (uint64_t) (**text - '0'), &value))
                        return false;
        *ret = value;
        return true;
}

int response_parse_content_range(const char *value, uint64_t *ret_first, uint64_t *ret_total) {
        uint64_t first, last, total = UINT64_MAX;

        if (strncasecmp(value, "bytes ", 6) != 0)
                return -EBADMSG;
        value += 6;
        if (!parse_number(&value, &first) || *value++ != '-' || !parse_number(&value, &last) ||
                *value++ != '/')
                return -EBADMSG;
        if (streq(value, "*"))
                value++;
        else if (!parse_number(&value, &total))
                return -EBADMSG;
        if (*value || last < first || last >= total)
                return -EBADMSG;
        *ret_first = first;
        *ret_total = total;
        return 0;
}

int response_start(CURL *easy, uint64_t offset, FetchStart *ret) {
        const char *range = get_header(easy, "Content-Range");
        curl_off_t length = -1;
        int r;

        *ret = (FetchStart) { .etag = get_header(easy, "ETag"), .size = UINT64_MAX };
        if (response_status(easy) == 206) {
                if (!range)
                        return -EBADMSG;
                r = response_parse_content_range(range, &ret->offset, &ret->size);
                if (r < 0)
                        return r;
                return ret->offset == offset ? 0 : -EBADMSG;
        }
        (void) curl_easy_getinfo(easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
        if (length >= 0)
                ret->size = (uint64_t) length;
        return 0;
}

uint64_t response_parse_retry_after(const char *value, uint64_t now_usec) {
        const char *rest = value;
        uint64_t seconds;
        time_t date;

        if (parse_number(&rest, &seconds) && !*rest)
                return now_usec + MIN_OF(seconds, NOT_BEFORE_MAX_USEC / USEC_PER_SEC) * USEC_PER_SEC;
        date = curl_getdate(value, NULL);
        if (date < 0)
                return 0;
        return MIN_OF(MAX_OF((uint64_t) date * USEC_PER_SEC, now_usec), now_usec + NOT_BEFORE_MAX_USEC);
}

/* Of the last answer, or of the first one, which may have led elsewhere. */
static bool get_number(CURL *easy, const char *name, uint64_t *ret) {
        struct curl_header *header;
        const char *value;

        if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK &&
                curl_easy_header(easy, name, 0, CURLH_HEADER, 0, &header) != CURLHE_OK)
                return false;
        value = header->value;
        return parse_number(&value, ret) && !*value;
}

void response_budget(CURL *easy, BudgetWord *ret) {
        uint64_t now = clock_realtime_usec(), seconds;

        *ret = (BudgetWord) {};
        if (!get_number(easy, "x-ratelimit-remaining", &ret->remaining) ||
                !get_number(easy, "x-ratelimit-reset", &seconds))
                return;
        /* Without it there is at least what remains. */
        if (!get_number(easy, "x-ratelimit-limit", &ret->limit))
                ret->limit = MAX_OF(ret->remaining, UINT64_C(1));
        ret->limit = MIN_OF(ret->limit, (uint64_t) INT32_MAX);
        ret->remaining = MIN_OF(ret->remaining, ret->limit);
        seconds =
                MIN_OF(MAX_OF(seconds, now / USEC_PER_SEC + 1), (now + NOT_BEFORE_MAX_USEC) / USEC_PER_SEC);
        ret->reset_usec = seconds * USEC_PER_SEC;
        ret->known = true;
}

/* GitHub answers 403 both to what is forbidden and to who has asked too much (protocols: "GitHub REST", limits). */
static uint64_t limited_until(CURL *easy, long status, const Buffer *body) {
        const char *after = get_header(easy, "Retry-After");
        uint64_t now = clock_realtime_usec();
        BudgetWord word;

        if (after && (status == 403 || status == 429 || status == 503))
                return response_parse_retry_after(after, now);
        if (status != 403 && status != 429)
                return 0;
        response_budget(easy, &word);
        if (word.known && word.remaining == 0)
                return word.reset_usec;
        if (status == 429 || (body->data && (strstr(body->data, "secondary-rate-limits") ||
                                                    strstr(body->data, "#abuse-rate-limits"))))
                return now + SECONDARY_LIMIT_USEC;
        return 0;
}

static FetchResult judge_status(long status, uint64_t not_before_usec) {
        if (response_is_good(status))
                return FETCH_OK;
        if (status == 304)
                return FETCH_NOT_MODIFIED;
        if (status == 404 || status == 410)
                return FETCH_NOT_FOUND;
        if (status >= 500)
                return FETCH_UNAVAILABLE;
        return not_before_usec > 0 ? FETCH_RATE_LIMITED : FETCH_REFUSED;
}

static uint64_t response_date(CURL *easy) {
        const char *text = get_header(easy, "Date");
        time_t date = text ? curl_getdate(text, NULL) : -1;

        return date > 0 ? (uint64_t) date * USEC_PER_SEC : 0;
}

/* Where it was answered, for people. The query of an address that a server led to may be a key to what is there. */
static char *shown_url(CURL *easy, bool hides_query) {
        const char *url = NULL;
        long n_redirects = 0;
        char *shown;

        (void) curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &url);
        (void) curl_easy_getinfo(easy, CURLINFO_REDIRECT_COUNT, &n_redirects);
        shown = strdup(strempty(url));
        if (shown && (hides_query || n_redirects > 0))
                shown[strcspn(shown, "?#")] = '\0';
        return shown;
}

void response_judge(CURL *easy, CURLcode code, bool hides_query, const char *error_text, const Buffer *body,
        FetchResponse *response, char **ret_error) {
        _cleanup_free_ char *shown = shown_url(easy, hides_query);
        const char *url = strempty(shown);
        long status = response_status(easy);

        (void) curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &response->url);
        response->date_usec = response_date(easy);
        response->etag = get_header(easy, "ETag");
        response->link = get_header(easy, "Link");

        if (code == CURLE_TOO_MANY_REDIRECTS) {
                response->result = FETCH_REFUSED;
                text_set(ret_error, "%s: more than five redirects", url);
                return;
        }
        /* The same code without a redirect is an answer that is not HTTP at all. */
        if (code == CURLE_UNSUPPORTED_PROTOCOL && status >= 300 && status < 400) {
                response->result = FETCH_REFUSED;
                text_set(ret_error, "%s: the redirect leaves https", url);
                return;
        }
        if (code != CURLE_OK) {
                /* A certificate does not become good within seconds. */
                response->result =
                        code == CURLE_PEER_FAILED_VERIFICATION ? FETCH_REFUSED : FETCH_UNAVAILABLE;
                text_set(ret_error, "%s: %s", url,
                        isempty(error_text) ? curl_easy_strerror(code) : error_text);
                return;
        }

        response->not_before_usec = limited_until(easy, status, body);
        response->result = judge_status(status, response->not_before_usec);
        if (response->result == FETCH_RATE_LIMITED) {
                char until[CLOCK_TEXT_SIZE];

                clock_format(response->not_before_usec, until);
                text_set(ret_error, "%s: HTTP %ld, the rate limit is used up until %s", url, status, until);
        } else if (response->result != FETCH_OK && response->result != FETCH_NOT_MODIFIED)
                text_set(ret_error, "%s: HTTP %ld", url, status);
}
