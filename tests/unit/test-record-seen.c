/* Since when a record says that versions are listed which it does not have. */
#include "base/clock.h"
#include "plan-scenarios.h"

#define DAY(n) ((n) * USEC_PER_DAY)
#define COMMIT_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define COMMIT_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* Lists these, and returns whether the record has changed. */
static int note(Record *record, const char *releases, uint64_t now_usec) {
        _cleanup_(release_list_freep) ReleaseList *list = make_releases(releases);

        return record_note_seen(record, list, now_usec);
}

/* "<version> <day>\n" for each. */
static void check_seen(const Record *record, const char *expected) {
        Buffer text = {};

        for (size_t i = 0; i < record->n_seen; i++)
                check_int(buffer_append_format(&text, "%s %llu\n", version_string(record->seen[i].version),
                                  (unsigned long long) (record->seen[i].seen_usec / USEC_PER_DAY)),
                        0);
        check_string(strempty(text.data), expected);
        buffer_clear(&text);
}

static Record *parse(const char *text) {
        Record *record = NULL;

        check_int(record_parse(text, strlen(text), &record, NULL), 0);
        return record;
}

static void test_noted(void) {
        _cleanup_(record_freep) Record *record = make_record(PACKAGE_PROVIDER, "1.0.0"), *again = NULL;
        _cleanup_free_ char *text = NULL, *text_again = NULL;

        /* Of what is there, and of what upstream tells the time of, nothing is noted. */
        check_int(note(record, "3.0.0@5 2.0.0 1.0.0", DAY(10) + 7), 1);
        check_seen(record, "2.0.0 10\n");
        check_int(record->seen[0].seen_usec, DAY(10));
        check_int(note(record, "3.0.0@5 2.0.0 1.0.0", DAY(11)), 0);
        check_int(note(record, "4.0.0 2.0.0 1.5.0 1.0.0", DAY(12)), 1);
        check_seen(record, "4.0.0 12\n2.0.0 10\n1.5.0 12\n");

        text = record_format(record);
        again = parse(text);
        text_again = record_format(again);
        check_string(text_again, text);
        check_seen(again, "4.0.0 12\n2.0.0 10\n1.5.0 12\n");
        check_int(note(again, "4.0.0 2.0.0 1.5.0 1.0.0", DAY(13)), 0);

        /* What goes, and what is there at last, is forgotten. */
        check_int(note(record, "4.0.0 1.5.0 1.0.0", DAY(13)), 1);
        check_seen(record, "4.0.0 12\n1.5.0 12\n");
        {
                RecordVersion *version;

                check_int(record_version_new("4.0.0", &version), 0);
                check_int(record_put(record, version), 0);
        }
        check_seen(record, "1.5.0 12\n");
        check_int(note(record, "4.0.0 1.5.0 1.0.0", DAY(13)), 0);
        check_int(note(record, "", DAY(13)), 1);
        check_seen(record, "");
}

/* A tag that is moved is another version, and its age begins anew. */
static void test_commits(void) {
        _cleanup_(release_list_freep) ReleaseList *list = make_releases("2.0.0 1.0.0");
        _cleanup_(record_freep) Record *record = make_record(PACKAGE_PROVIDER, ""), *again = NULL;
        _cleanup_free_ char *text = NULL;

        check_int(string_assign(&list->releases[0].commit, COMMIT_A), 0);
        check_int(string_assign(&list->releases[1].commit, COMMIT_A), 0);
        check_int(record_note_seen(record, list, DAY(3)), 1);
        check_int(record_first_seen(record, &list->releases[0], DAY(5)), DAY(3));
        check_int(string_assign(&list->releases[0].commit, COMMIT_B), 0);
        check_int(record_first_seen(record, &list->releases[0], DAY(5)), DAY(5));
        check_int(record_first_seen(record, &list->releases[1], DAY(5)), DAY(3));
        check_int(record_first_seen(NULL, &list->releases[1], DAY(5)), DAY(5));
        check_int(record_note_seen(record, list, DAY(5)), 1);
        check_seen(record, "2.0.0 5\n1.0.0 3\n");
        text = record_format(record);
        again = parse(text);
        check_string(again->seen[0].commit, COMMIT_B);
        check_int(record_note_seen(again, list, DAY(6)), 0);
}

static void test_clock(void) {
        _cleanup_(record_freep) Record *record = make_record(PACKAGE_PROVIDER, "");

        check_int(note(record, "1.0.0", DAY(2)), 1);
        check_int(note(record, "2.0.0 1.0.0", DAY(20)), 1);
        /* The clock was ten days ahead since the fifth. */
        check(record_shift_seen(record, DAY(5), DAY(21), -(int64_t) DAY(10)));
        check_seen(record, "2.0.0 10\n1.0.0 2\n");
        check(!record_shift_seen(record, DAY(5), DAY(9), DAY(1)));
        check_seen(record, "2.0.0 10\n1.0.0 2\n");
        /* What is seen in the future was seen by a clock that was wrong: it is seen now. */
        check_int(note(record, "2.0.0 1.0.0", DAY(4)), 1);
        check_seen(record, "2.0.0 4\n1.0.0 2\n");
        /* No time is none. */
        check_int(note(record, "3.0.0", 5), 1);
        check_int(record->seen[0].seen_usec, USEC_PER_SEC);
        check(record_shift_seen(record, 0, DAY(1), -(int64_t) DAY(1)));
        check_int(record->seen[0].seen_usec, USEC_PER_SEC);
}

#define SEEN(text)                                                                                          \
        "{\"format\":1,\"kind\":\"module\",\"package\":\"a/b/c\",\"versions\":{},\"seen\":[" text "]}"
#define ONE(version) "{\"version\":\"" version "\",\"seenAt\":\"2026-11-23T04:05:06Z\"}"

static void check_refused(const char *text, const char *expected) {
        _cleanup_free_ char *error = NULL;
        Record *record;

        check_int(record_parse(text, strlen(text), &record, &error), -EBADMSG);
        check_string(error, expected);
}

static void test_refused(void) {
        check_refused(SEEN("[]"), "seen[0]: expected an object, found an array");
        check_refused(SEEN("{\"seenAt\":\"2026-11-23T04:05:06Z\"}"), "seen[0].version: missing");
        check_refused(SEEN("{\"version\":\"1.0.0\"}"), "seen[0].seenAt: missing");
        check_refused(SEEN(ONE("v1.0.0")), "seen[0].version: \"v1.0.0\" is not a normalised version");
        check_refused(SEEN(ONE("1.0.0") "," ONE("1.0.0")),
                "seen[1].version: \"1.0.0\" is not older than the one before it");
        check_refused(SEEN(ONE("1.0.0") "," ONE("2.0.0")),
                "seen[1].version: \"2.0.0\" is not older than the one before it");
        check_refused(SEEN("{\"version\":\"1.0.0\",\"seenAt\":\"2026-11-23T04:05:06Z\",\"commit\":\"x\"}"),
                "seen[0].commit: \"x\" is not a commit");
}

/* What a newer version has written stays. */
static void test_unknown(void) {
        _cleanup_(record_freep) Record *record =
                parse(SEEN("{\"version\":\"1.0.0\",\"seenAt\":\"2026-11-23T04:05:06Z\",\"x\":[1]}"));
        _cleanup_free_ char *text = NULL;

        check_int(note(record, "2.0.0 1.0.0", DAY(30000)), 1);
        text = record_format(record);
        check(strstr(text, "\"x\""));
}

int main(void) {
        test_noted();
        test_commits();
        test_clock();
        test_refused();
        test_unknown();
        return EXIT_SUCCESS;
}
