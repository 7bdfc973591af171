/* Reading the members of the JSON objects that pass between the daemon and its workers. */
#pragma once

#include "base/json.h"
#include "worker/worker.h"

/* Reads the members of one object, counting them, so that a member that nobody asked for is noticed. The first thing
 * that is wrong is kept in `error`; all later reads do nothing. */
typedef struct Reader {
        json_object *object;
        size_t n_taken;
        const char *error;
} Reader;

/* Each counts the member if it is there and is what it must be; else `error` is noted, and the value is 0, false, "" or
 * -EINVAL. */
bool reader_took(Reader *reader, int r, const char *error);
uint64_t reader_number(Reader *reader, const char *key, uint64_t max, const char *error);
bool reader_bool(Reader *reader, const char *key, const char *error);
const char *reader_text(Reader *reader, const char *key, const char *error);
int reader_name(Reader *reader, const char *key, const char *const *names, size_t n, const char *error);
/* A string that is empty or passes `is_valid` goes to `ret`, whose size is known to suffice. */
void reader_checked(Reader *reader, const char *key, char *ret, size_t ret_size,
        bool (*is_valid)(const char *), bool may_be_empty, const char *error);
/* Whether all members were asked for: 0 or -EBADMSG. */
int reader_finish(Reader *reader);

extern const char *const worker_kind_names[_WORKER_KIND_MAX];
