/* Structured logging: to the journal when standard error is connected to it, else as lines on standard error. */
#pragma once

#include <syslog.h>
#include <systemd/sd-id128.h>

#include "base/util.h"

/* Context of a message; every member may be NULL. Becomes the journal fields OPENDEPOT_DEPOT=, OPENDEPOT_PACKAGE=,
 * OPENDEPOT_VERSION=, OPENDEPOT_PLATFORM=, OPENDEPOT_STATE=, OPENDEPOT_REASON=. */
typedef struct LogContext {
        const char *depot;
        const char *package;
        const char *version;
        const char *platform;
        const char *state;
        const char *reason;
} LogContext;

/* Messages above this level (syslog numbers) are dropped, except those with a MESSAGE_ID that go to the journal. Default
 * LOG_INFO. */
void log_set_max_level(int level);
int log_get_max_level(void);

/* One entry. `message_id` is a 128-bit id as 32 hexadecimal digits from base/message-id.h, or NULL. */
void log_entry(int level, const char *message_id, const LogContext *context, const char *format, ...)
        _printf_(4, 5);

#define log_error(...) log_entry(LOG_ERR, NULL, NULL, __VA_ARGS__)
#define log_warning(...) log_entry(LOG_WARNING, NULL, NULL, __VA_ARGS__)
#define log_notice(...) log_entry(LOG_NOTICE, NULL, NULL, __VA_ARGS__)
#define log_info(...) log_entry(LOG_INFO, NULL, NULL, __VA_ARGS__)
#define log_debug(...) log_entry(LOG_DEBUG, NULL, NULL, __VA_ARGS__)
