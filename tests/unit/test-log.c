#include "base/log.h"

#include <stdio.h>

#include "base/fs.h"
#include "base/message-id.h"
#include "test.h"

/* What is written to standard error until end_capture(). */
static int saved_stderr = -EBADF;
static FILE *captured;

static void start_capture(void) {
        (void) fflush(stderr);
        captured = tmpfile();
        saved_stderr = dup(STDERR_FILENO);
        check(captured && saved_stderr >= 0 && dup2(fileno(captured), STDERR_FILENO) >= 0);
}

static void end_capture(const char *expected) {
        _cleanup_free_ char *text = NULL;
        size_t size;

        (void) fflush(stderr);
        check(saved_stderr >= 0 && dup2(saved_stderr, STDERR_FILENO) >= 0);
        saved_stderr = close_fd(saved_stderr);
        check_int(fs_read_fd(fileno(captured), MIB, &text, &size), 0);
        (void) fclose(captured);
        check_string(text, expected);
}

static void test_levels(void) {
        check_int(log_get_max_level(), LOG_INFO);
        start_capture();
        log_error("an error %d", 1);
        log_info("a note");
        log_debug("a detail");
        /* A MESSAGE_ID matters to the journal alone. */
        log_entry(LOG_DEBUG, MESSAGE_VERSION_STATE, NULL, "a state");
        end_capture("an error 1\na note\n");

        log_set_max_level(LOG_WARNING);
        start_capture();
        log_notice("not shown");
        log_warning("shown");
        end_capture("shown\n");

        log_set_max_level(LOG_DEBUG);
        start_capture();
        log_debug("shown, too");
        log_entry(LOG_DEBUG, MESSAGE_VERSION_STATE, &(LogContext) { .package = "a/b" }, "a state");
        end_capture("shown, too\na state\n");
        log_set_max_level(LOG_INFO);
}

/* What comes from outside cannot break out of its line or steer a terminal. */
static void test_hostile_text(void) {
        start_capture();
        log_error("%s", "one\ntwo\x1b[2Jthree\r\xff");
        end_capture("one?two?[2Jthree??\n");
}

int main(void) {
        /* The test may itself run below a journal. */
        (void) unsetenv("JOURNAL_STREAM");
        test_levels();
        test_hostile_text();
        return EXIT_SUCCESS;
}
