/* Reads an HTTP answer: what it means for the caller. */
#pragma once

#include <curl/curl.h>

#include "fetch/fetcher.h"

long response_status(CURL *easy);
/* The body is what was asked for. */
bool response_is_good(long status);

/* From the headers of a 200 or 206. Returns -EBADMSG when a 206 does not start at `offset`, the byte asked for. */
int response_start(CURL *easy, uint64_t offset, FetchStart *ret);

/* Fills result, etag, link, date_usec and not_before_usec of *response (whose strings live as long as the handle), and the error. */
void response_judge(CURL *easy, CURLcode code, bool hides_query, const char *error_text, const Buffer *body,
        FetchResponse *response, char **ret_error);

/* What the headers x-ratelimit-… say; `limited` is left to the caller. */
void response_budget(CURL *easy, BudgetWord *ret);

/* Retry-After (RFC 9110 section 10.2.3), seconds or a date, as a realtime; 0 when malformed. */
uint64_t response_parse_retry_after(const char *value, uint64_t now_usec);

/* The first byte and the whole size (UINT64_MAX for "*") of "bytes a-b/total" (RFC 9110 section 14.4). */
int response_parse_content_range(const char *value, uint64_t *ret_first, uint64_t *ret_total);
