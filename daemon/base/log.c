#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>

/* Locations would name this file for every entry. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include "base/text.h"

#define FIELDS_MAX 10

static int max_level = LOG_INFO;

void log_set_max_level(int level) {
        max_level = level;
}

int log_get_max_level(void) {
        return max_level;
}

/* systemd.exec(5): $JOURNAL_STREAM holds device and inode of the stream that standard error is connected to. */
static bool stderr_is_journal(void) {
        static int cached = -1;
        unsigned long long device, inode;
        const char *stream = getenv("JOURNAL_STREAM");
        struct stat st;

        if (cached < 0)
                cached = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
                         fstat(STDERR_FILENO, &st) >= 0 && st.st_dev == device && st.st_ino == inode;
        return cached > 0;
}

typedef struct Fields {
        struct iovec vector[FIELDS_MAX];
        int n;
} Fields;

static void add_field(Fields *fields, const char *name, const char *value) {
        char *text = NULL;

        if (!value || fields->n >= FIELDS_MAX || asprintf(&text, "%s=%s", name, value) < 0)
                return;
        fields->vector[fields->n++] = (struct iovec) { .iov_base = text, .iov_len = strlen(text) };
}

static void send_to_journal(
        int level, const char *message_id, const LogContext *context, const char *message) {
        Fields fields = {};
        char priority[2] = { (char) ('0' + level), '\0' };

        add_field(&fields, "PRIORITY", priority);
        add_field(&fields, "MESSAGE", message);
        add_field(&fields, "SYSLOG_IDENTIFIER", program_invocation_short_name);
        add_field(&fields, "MESSAGE_ID", message_id);
        if (context) {
                add_field(&fields, "OPENDEPOT_DEPOT", context->depot);
                add_field(&fields, "OPENDEPOT_PACKAGE", context->package);
                add_field(&fields, "OPENDEPOT_VERSION", context->version);
                add_field(&fields, "OPENDEPOT_PLATFORM", context->platform);
                add_field(&fields, "OPENDEPOT_STATE", context->state);
                add_field(&fields, "OPENDEPOT_REASON", context->reason);
        }
        (void) sd_journal_sendv(fields.vector, fields.n);
        for (int i = 0; i < fields.n; i++)
                free(fields.vector[i].iov_base);
}

void log_entry(int level, const char *message_id, const LogContext *context, const char *format, ...) {
        _cleanup_free_ char *raw = NULL, *message = NULL;
        va_list arguments;
        int r;

        /* What has a MESSAGE_ID is part of the record that the journal keeps, whatever is shown elsewhere. */
        if (level > max_level && !(message_id && stderr_is_journal()))
                return;
        va_start(arguments, format);
        r = vasprintf(&raw, format, arguments);
        va_end(arguments);
        if (r < 0) {
                raw = NULL;
                return;
        }
        message = text_printable(raw);
        if (!message)
                return;

        if (stderr_is_journal())
                send_to_journal(level, message_id, context, message);
        else
                (void) fprintf(stderr, "%s\n", message);
}
