#include "database/database.h"

#include <stdio.h>

#include "database/metadata.h"
#include "scratch.h"
#include "test.h"

#define METADATA(updated, next)                                                                             \
        "{\"DownloadedAt\":\"2026-11-01T08:00:00Z\",\"NextUpdate\":\"" next "\",\"UpdatedAt\":\"" updated   \
        "\",\"Version\":2}"
#define OCTOBER "2026-10-01T00:00:00Z"
#define NOVEMBER "2026-11-01T06:12:33Z"
#define DECEMBER "2026-12-01T00:00:00Z"

static int scratch_fd = -EBADF;

static void test_metadata(void) {
        static const struct {
                const char *text, *error;
        } wrong[] = {
                { "{}", "'Version' is not a number" },
                { "{\"Version\":\"2\",\"UpdatedAt\":\"" NOVEMBER "\"}", "'Version' is not a number" },
                { "{\"Version\":2}", "'UpdatedAt' is not a time" },
                { "{\"Version\":2,\"UpdatedAt\":17}", "'UpdatedAt' is not a time" },
                { "{\"Version\":2,\"UpdatedAt\":\"yesterday\"}", "'UpdatedAt' is not a time" },
                { "{\"Version\":2,\"UpdatedAt\":\"" NOVEMBER "\",\"NextUpdate\":\"soon\"}",
                        "'NextUpdate' is not a time" },
        };
        static const char good[] = METADATA("2026-11-01T06:12:33.123456789Z", "2026-11-02T00:00:00Z");
        DatabaseMetadata metadata = {};
        const char *error = NULL;

        check_int(database_metadata_parse(good, strlen(good), &metadata, &error), 0);
        check_int(metadata.schema, 2);
        check_int(metadata.updated_usec, 1793513553123456);
        check_int(metadata.next_update_usec, 1793577600000000);
        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                check_int(database_metadata_parse(wrong[i].text, strlen(wrong[i].text), &metadata, &error),
                        -EBADMSG);
                check_string(error, wrong[i].error);
        }
        check_int(database_metadata_parse(good, 20, &metadata, &error), -EBADMSG);
}

/* What Trivy would have fetched. */
static void fetch(const char *data, const char *metadata) {
        int fd;

        check_int(database_prepare(scratch_fd), 0);
        fd = fs_open_directory(scratch_fd, "incoming/cache/db", true);
        check(fd >= 0);
        if (data)
                scratch_write(fd, "trivy.db", data);
        if (metadata)
                scratch_write(fd, "metadata.json", metadata);
        close_fd(fd);
}

static int install(char **error) {
        free(*error);
        *error = NULL;
        return database_install(scratch_fd, error);
}

static void check_in_use(const char *name, const char *content) {
        _cleanup_(database_freep) Database *database = NULL;
        _cleanup_free_ char *error = NULL, *data = NULL;
        int db;

        check_int(database_open(scratch_fd, &database, &error), 0);
        check_string(database->name, name);
        db = fs_open_directory(database->fd, "db", false);
        data = scratch_read(db, "trivy.db");
        check_string(data, content);
        close_fd(db);
}

static bool exists(const char *name) {
        return faccessat(scratch_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

static void test_none(void) {
        _cleanup_(database_freep) Database *database = NULL;
        _cleanup_free_ char *error = NULL;

        check_int(database_open(scratch_fd, &database, &error), -ENOENT);
        check(!error && !database);
}

static void test_install(void) {
        _cleanup_free_ char *error = NULL;

        fetch("october", METADATA(OCTOBER, NOVEMBER));
        check_int(install(&error), 1);
        check_in_use(OCTOBER, "october");

        /* The same one again is nothing new, and changes nothing. */
        fetch("october, again", METADATA(OCTOBER, NOVEMBER));
        check_int(install(&error), 0);
        check_in_use(OCTOBER, "october");

        /* The one before the last stays for those who read it. */
        fetch("november", METADATA(NOVEMBER, DECEMBER));
        check_int(install(&error), 1);
        check_in_use(NOVEMBER, "november");
        check(exists(OCTOBER));
        fetch("december", METADATA(DECEMBER, DECEMBER));
        check_int(install(&error), 1);
        check_in_use(DECEMBER, "december");
        check(exists(NOVEMBER) && !exists(OCTOBER));

        /* A mirror does not take back what is known. */
        fetch("october", METADATA(OCTOBER, NOVEMBER));
        check_int(install(&error), -ESTALE);
        check_string(error, "it is of " OCTOBER ", older than the one in use, of " DECEMBER);
        check_in_use(DECEMBER, "december");
}

static void test_damaged(void) {
        static const struct {
                const char *data, *metadata, *error;
        } wrong[] = {
                { NULL, METADATA(DECEMBER, DECEMBER), "db/trivy.db is missing, empty or no file" },
                { "", METADATA(DECEMBER, DECEMBER), "db/trivy.db is missing, empty or no file" },
                { "data", NULL, "db/metadata.json: No such file or directory" },
                { "data", "{\"Version\":2}", "db/metadata.json: 'UpdatedAt' is not a time" },
        };
        _cleanup_(database_freep) Database *database = NULL;
        _cleanup_free_ char *error = NULL;

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                fetch(wrong[i].data, wrong[i].metadata);
                check_int(install(&error), -EBADMSG);
                check_string(error, wrong[i].error);
                check_in_use(DECEMBER, "december");
        }
        check_int(database_prepare(scratch_fd), 0);
        check_int(install(&error), -EBADMSG);
        check_string(error, "the directory db is missing");

        /* One in use that is damaged is replaced, by one of the same time, too. */
        check(unlinkat(scratch_fd, DECEMBER "/db/trivy.db", 0) >= 0);
        free(error);
        error = NULL;
        check_int(database_open(scratch_fd, &database, &error), -EBADMSG);
        fetch("december, whole", METADATA(DECEMBER, DECEMBER));
        check_int(install(&error), 1);
        check_in_use(DECEMBER, "december, whole");
}

static void test_link(void) {
        _cleanup_(database_freep) Database *database = NULL;
        _cleanup_free_ char *error = NULL;

        check(unlinkat(scratch_fd, "current", 0) >= 0);
        check(symlinkat("../../etc", scratch_fd, "current") >= 0);
        check_int(database_open(scratch_fd, &database, &error), -EBADMSG);
        check_string(error, "'current' is not a link to a generation");
        check(unlinkat(scratch_fd, "current", 0) >= 0);
        check(symlinkat("2020-01-01T00:00:00Z", scratch_fd, "current") >= 0);
        free(error);
        error = NULL;
        check_int(database_open(scratch_fd, &database, &error), -EBADMSG);
        check_string(error, "the generation 2020-01-01T00:00:00Z is missing");
}

int main(void) {
        scratch_fd = scratch_open();
        test_metadata();
        test_none();
        test_install();
        test_damaged();
        test_link();
        close_fd(scratch_fd);
        return 0;
}
