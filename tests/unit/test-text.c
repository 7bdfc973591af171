#include "base/text.h"

#include "test.h"

static void check_printable(const char *text, const char *expected) {
        _cleanup_free_ char *printable = text_printable(text);

        check_string(printable, expected);
}

static void test_printable(void) {
        check_printable("", "");
        check_printable("plain ~text", "plain ~text");
        check_printable("a\tb\nc\x1b[31m\x7f", "a?b?c?[31m?");
        /* Two, three and four bytes, as they are. */
        check_printable("\xc3\xa4\xe2\x82\xac\xf0\x9f\x92\xa9", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x92\xa9");
        /* Overlong, surrogate, beyond Unicode, stray, cut off. */
        check_printable("\xc0\xaf", "??");
        check_printable("\xe0\x80\xaf", "???");
        check_printable("\xed\xa0\x80", "???");
        check_printable("\xf4\x90\x80\x80", "????");
        check_printable("\x80\xff", "??");
        check_printable("\xe2\x82", "??");
        check_printable("\xf0\x9f\x92", "???");
        /* C1 control characters are sequences for some terminals; U+00A0 is the first that is none. */
        check_printable("\xc2\x9b"
                        "1m\xc2\xa0",
                "??1m\xc2\xa0");
}

static bool is_utf8(const char *text) {
        return text_is_utf8(text, strlen(text));
}

static void test_utf8(void) {
        check(text_is_utf8(NULL, 0) && text_is_utf8("a\0b", 3) && is_utf8("\x01\x7f\xc2\x80"));
        check(is_utf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x92\xa9z") && is_utf8("\xed\x9f\xbf\xee\x80\x80"));
        check(is_utf8("\xf4\x8f\xbf\xbf") && !is_utf8("\xf4\x90\x80\x80") &&
                !is_utf8("\xf8\x88\x80\x80\x80"));
        check(!is_utf8("\xc0\xaf") && !is_utf8("\xe0\x9f\xbf") && !is_utf8("\xf0\x8f\xbf\xbf"));
        check(!is_utf8("\xed\xa0\x80") && !is_utf8("\xed\xbf\xbf"));
        check(!is_utf8("\x80") && !is_utf8("\xe2\x82") && !is_utf8("\xe2(\xac") && !is_utf8("\xff"));
        /* Cut off by the size, though more bytes are there. */
        check(!text_is_utf8("\xe2\x82\xac", 2));
}

static void test_set(void) {
        char *text = NULL;

        text_set(&text, "%s %d", "one", 1);
        check_string(text, "one 1");
        /* The old text may be an argument of the new one. */
        text_set(&text, "%s, two %d", text, 2);
        check_string(text, "one 1, two 2");
        free(text);
}

static void test_format(void) {
        _cleanup_free_ char *text = text_format("%05d|%s", 42, "x");

        check_string(text, "00042|x");
}

/* Every size around the powers of two, so that a capacity that is one byte short is seen by the sanitizer. */
static void test_buffer_grows(void) {
        char data[600];

        for (size_t i = 0; i < sizeof(data); i++)
                data[i] = (char) ('a' + i % 26);
        for (size_t first = 0; first < 70; first++)
                for (size_t second = 0; second < 300; second += 1 + second / 9) {
                        Buffer buffer = {};

                        check_int(buffer_append(&buffer, data, first), 0);
                        check_int(buffer_append(&buffer, data + first, second), 0);
                        check_int(buffer_append(&buffer, "!", 1), 0);
                        check_int(buffer.size, first + second + 1);
                        check(memcmp(buffer.data, data, first + second) == 0);
                        check(buffer.data[first + second] == '!' && buffer.data[buffer.size] == '\0');
                        buffer_clear(&buffer);
                }
}

static void test_buffer_bytewise(void) {
        Buffer buffer = {};

        for (size_t i = 0; i < 5000; i++)
                check_int(buffer_append(&buffer, &(char) { (char) i }, 1), 0);
        check_int(buffer.size, 5000);
        for (size_t i = 0; i < 5000; i++)
                check(buffer.data[i] == (char) i);
        buffer_clear(&buffer);
        check(!buffer.data && buffer.size == 0);
}

static void test_buffer_limit(void) {
        Buffer buffer = { .max = 10 };

        check_int(buffer_append(&buffer, "0123456789", 10), 0);
        check_int(buffer_append(&buffer, "", 0), 0);
        check_int(buffer_append(&buffer, "x", 1), -EFBIG);
        check_int(buffer_append_format(&buffer, "%d", 1), -EFBIG);
        check_string(buffer.data, "0123456789");
        buffer_clear(&buffer);
        check_int(buffer.max, 10);
        check_int(buffer_append_format(&buffer, "%s-%d", "a", 1), 0);
        check_string(buffer.data, "a-1");
        buffer_clear(&buffer);
}

/* Sizes that no address space has are refused before anything is read. */
static void test_buffer_overflow(void) {
        Buffer buffer = {};

        check_int(buffer_append(&buffer, "abc", 3), 0);
        check_int(buffer_append(&buffer, "x", SIZE_MAX), -EOVERFLOW);
        check_int(buffer_append(&buffer, "x", SIZE_MAX - 3), -EOVERFLOW);
        check_int(buffer_append(&buffer, "x", SIZE_MAX / 2 + 1), -EOVERFLOW);
        check_string(buffer.data, "abc");
        buffer_clear(&buffer);
}

static void check_line(const char *text, size_t max, const char *expected) {
        _cleanup_free_ char *line = text_line(text, max);

        check_string(line, expected);
}

static void test_line(void) {
        check_line("", 10, "");
        check_line(" \n", 10, "");
        check_line("\ta \r\n b\v", 10, "a b");
        check_line("a\x1b[1mb\xff", 10, "a?[1mb?");
        check_line("0123456789", 10, "0123456789");
        check_line("0123456789a", 10, "0123456\xe2\x80\xa6");
        check_line("012345\xc3\xa4"
                   "6789",
                10, "012345\xe2\x80\xa6");
        check_line("\xf0\x9f\x98\x80\xf0\x9f\x98\x80", 6, "\xe2\x80\xa6");
        check_line("0123", 2, "");
}

int main(void) {
        test_printable();
        test_line();
        test_utf8();
        test_set();
        test_format();
        test_buffer_grows();
        test_buffer_bytewise();
        test_buffer_limit();
        test_buffer_overflow();
        return EXIT_SUCCESS;
}
