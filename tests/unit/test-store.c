#include "store/store.h"

#include <sys/file.h>

#include "base/clock.h"
#include "base/sha256.h"
#include "loop.h"
#include "scratch.h"
#include "store/batch.h"

static sd_event *event;
static Offload *offload;
static Store *store;
static int scratch_fd, root_fd;
static char *root_path;

/* What the last call came to. */
static unsigned n_done;
static int result;
static char *text, *failed_key;
static size_t text_size;
static char revision[STORE_REVISION_SIZE];

static void forget(void) {
        n_done = 0;
        result = 1;
        free(TAKE_PTR(text));
        free(TAKE_PTR(failed_key));
        text_size = 0;
        revision[0] = '\0';
}

static void on_got(int r, const StoreObject *object, void *userdata) {
        check(userdata == &n_done && (r < 0) == !object);
        n_done++;
        result = r;
        if (!object)
                return;
        check(object->data[object->size] == '\0');
        check_int(string_assign(&text, object->data), 0);
        text_size = object->size;
        memcpy(revision, object->revision, sizeof(revision));
}

static int get(const char *key, size_t max) {
        forget();
        check_int(store_get(store, key, max, on_got, &n_done), 0);
        check_int(n_done, 0);
        LOOP_UNTIL(event, n_done > 0);
        check_int(n_done, 1);
        return result;
}

static void check_object(const char *key, const char *expected) {
        check_int(get(key, MIB), 0);
        check_string(text, expected);
        check_int(text_size, strlen(expected));
}

/* The list as "name:size name:size". */
static void on_listed(int r, const StoreListEntry *entries, size_t n_entries, void *userdata) {
        Buffer buffer = {};

        n_done++;
        result = r;
        for (size_t i = 0; i < n_entries; i++)
                check_int(buffer_append_format(&buffer, "%s%s:%llu", i > 0 ? " " : "", entries[i].name,
                                  (unsigned long long) entries[i].size),
                        0);
        free(text);
        text = buffer.data ? buffer.data : strdup("");
}

static void check_list(const char *prefix, const char *expected) {
        forget();
        check_int(store_list(store, prefix, on_listed, &n_done), 0);
        LOOP_UNTIL(event, n_done > 0);
        check_int(result, 0);
        check_string(text, expected);
}

static void on_committed(int r, const char *key, const char *new_revision, void *userdata) {
        n_done++;
        result = r;
        check_int(string_assign(&failed_key, key), 0);
        (void) snprintf(revision, sizeof(revision), "%s", new_revision);
}

static int commit(StoreBatch *batch) {
        StoreBatch *handed_over = batch;

        forget();
        check_int(store_commit(store, &handed_over, on_committed, NULL), 0);
        check(!handed_over);
        check_int(n_done, 0);
        LOOP_UNTIL(event, n_done > 0);
        check_int(n_done, 1);
        return result;
}

static StoreBatch *new_batch(void) {
        StoreBatch *batch;

        check_int(store_batch_new(&batch), 0);
        return batch;
}

static int put(const char *key, const char *data, const char *expected_revision) {
        StoreBatch *batch = new_batch();

        check_int(store_batch_put(batch, key, data, strlen(data), expected_revision), 0);
        return commit(batch);
}

static void test_open(void) {
        StorageConfig storage = { .backend = STORAGE_S3 };
        _cleanup_free_ char *error = NULL, *elsewhere = text_format("%s/elsewhere", scratch_path);
        Store *opened = NULL;

        check_int(store_open(offload, &storage, root_path, &opened, &error), -EOPNOTSUPP);
        check(strstr(error, "s3"));
        storage = (StorageConfig) { .presign_set = true, .presign_enabled = true };
        check_int(store_open(offload, &storage, root_path, &opened, &error), -EOPNOTSUPP);
        check(strstr(error, "presign"));
        storage = (StorageConfig) { .directory_path = (char *) "relative" };
        check_int(store_open(offload, &storage, root_path, &opened, &error), -EINVAL);
        check(strstr(error, "relative"));
        scratch_write(scratch_fd, "file", "");
        free(TAKE_PTR(error));
        storage.directory_path = text_format("%s/file", scratch_path);
        check(store_open(offload, &storage, root_path, &opened, &error) < 0 && error);
        free(storage.directory_path);
        check(!opened && !store_free(NULL));

        /* Its own directory goes before the default one; a presign block that is off does not matter. */
        storage = (StorageConfig) { .directory_path = elsewhere, .presign_set = true };
        check_int(store_open(offload, &storage, root_path, &opened, &error), 0);
        check(opened->staging_fd >= 0);
        store_free(opened);
        check(faccessat(scratch_fd, "elsewhere", F_OK, 0) >= 0);
        check(faccessat(scratch_fd, "root", F_OK, 0) < 0);
}

static void test_keys(void) {
        static const char *const bad[] = { "", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/../b",
                "a/./b", ".staging/x", "a/.hidden", "-a", "a/-b", "a b", "a\nb", "a\\b", "a/b\x7f",
                "a/\xc3\xa4", "~a", "a*", "a:b" };
        StoreBatch *batch = new_batch();
        char *longest = malloc(STORE_KEY_MAX + 2);

        check(longest);
        check_int(get("providers/depot.example:8443/a/b", 1), -ENOENT);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                forget();
                check_int(store_get(store, bad[i], 1, on_got, &n_done), -EINVAL);
                check_int(store_list(store, bad[i], on_listed, NULL), -EINVAL);
                check_int(store_open_object(store, bad[i]), -EINVAL);
                check_int(store_batch_put(batch, bad[i], "", 0, NULL), -EINVAL);
                check_int(store_batch_put_file(batch, bad[i], "staged"), -EINVAL);
                check_int(store_batch_delete(batch, bad[i]), -EINVAL);
                check_int(store_batch_move(batch, bad[i], "good"), -EINVAL);
                check_int(store_batch_move(batch, "good", bad[i]), -EINVAL);
                check_int(store_batch_expect(batch, bad[i], ""), -EINVAL);
        }
        check_int(batch->n_steps, 0);
        check(store_batch_is_empty(batch));

        /* As long as may be, in components that are no longer than names may be. */
        for (size_t i = 0; i < STORE_KEY_MAX + 1; i++)
                longest[i] = i % 100 == 99 ? '/' : 'k';
        longest[STORE_KEY_MAX + 1] = '\0';
        check_int(store_batch_delete(batch, longest), -EINVAL);
        longest[STORE_KEY_MAX] = '\0';
        check_int(store_batch_delete(batch, longest), 0);
        check_int(commit(batch), 0);
        memset(longest, 'k', STORE_KEY_MAX);
        longest[200] = '\0';
        check_int(store_open_object(store, longest), -EINVAL);
        free(longest);

        check_int(put("a/b-c_d.e+f~g/H.json", "x", NULL), 0);
        check_object("a/b-c_d.e+f~g/H.json", "x");
}

static void test_get(void) {
        check_int(get("nothing", 10), -ENOENT);
        check_int(get("no/such/directory", 10), -ENOENT);
        check_int(put("get/ten", "0123456789", NULL), 0);
        check_int(get("get/ten", 10), 0);
        check_int(get("get/ten", 9), -EFBIG);
        check_int(get("get", 100), -EISDIR);
        check_int(get("get/ten/x", 100), -ENOTDIR);
        check_int(put("get/empty", "", NULL), 0);
        check_object("get/empty", "");
        check_string(revision, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void test_list(void) {
        int fd;

        check_list("list", "");
        check_list("list/deep", "");
        check_int(put("list/b", "12", NULL), 0);
        check_int(put("list/a", "1", NULL), 0);
        check_int(put("list/a.json", "123", NULL), 0);
        check_int(put("list/sub/c", "1", NULL), 0);
        fd = fs_open_directory(root_fd, "list", false);
        scratch_write(fd, ".hidden", "x");
        check(symlinkat("a", fd, "link") >= 0 && mkfifoat(fd, "pipe", 0600) >= 0);
        close_fd(fd);
        /* Files alone, by name. */
        check_list("list", "a:1 a.json:3 b:2");
        check_list("list/sub", "c:1");
        forget();
        check_int(store_list(store, "list/a", on_listed, NULL), 0);
        LOOP_UNTIL(event, n_done > 0);
        check_int(result, -ENOTDIR);
}

static void test_commit_order(void) {
        StoreBatch *batch = new_batch();

        check(store_batch_is_empty(batch));
        check_int(store_batch_barrier(batch), 0);
        check_int(store_batch_expect(batch, "order/a", ""), 0);
        check(store_batch_is_empty(batch));
        scratch_write(store->staging_fd, "staged", "artifact");
        check_int(store_batch_put_file(batch, "order/x/artifact.zip", "staged"), 0);
        check(!store_batch_is_empty(batch));
        check_int(store_batch_barrier(batch), 0);
        check_int(store_batch_put(batch, "order/a", "first", 5, NULL), 0);
        check_int(store_batch_put(batch, "order/a", "second", 6, NULL), 0);
        check_int(store_batch_put(batch, "order/b", "gone", 4, NULL), 0);
        check_int(store_batch_delete(batch, "order/b"), 0);
        check_int(store_batch_delete(batch, "order/never"), 0);
        check_int(store_batch_delete(batch, "order/no/such/directory"), 0);
        check_int(store_batch_barrier(batch), 0);
        check_int(store_batch_barrier(batch), 0);
        check_int(commit(batch), 0);
        check_string(failed_key, "");
        check_string(revision, "");
        check_object("order/x/artifact.zip", "artifact");
        check_object("order/a", "second");
        check_int(get("order/b", 10), -ENOENT);
        check(faccessat(store->staging_fd, "staged", F_OK, 0) < 0);

        /* A whole batch of nothing but what is not there. */
        batch = new_batch();
        check_int(store_batch_delete(batch, "never/there/x"), 0);
        check_int(store_batch_barrier(batch), 0);
        check_int(store_batch_delete(batch, "never/there/y"), 0);
        check_int(commit(batch), 0);
        check_int(commit(new_batch()), 0);

        /* Binary data, and an artifact in place of another one. */
        batch = new_batch();
        scratch_write(store->staging_fd, "staged", "newer");
        check_int(store_batch_put_file(batch, "order/x/artifact.zip", "staged"), 0);
        check_int(store_batch_put(batch, "order/binary", "a\0b", 3, NULL), 0);
        check_int(commit(batch), 0);
        check_object("order/x/artifact.zip", "newer");
        check_int(get("order/binary", 10), 0);
        check_int(text_size, 3);
}

static void test_move(void) {
        StoreBatch *batch = new_batch();

        check_int(put("move/here/file", "moved", NULL), 0);
        check_int(store_batch_move(batch, "move/here/file", "move/there/below/file"), 0);
        check_int(commit(batch), 0);
        check_int(get("move/here/file", 10), -ENOENT);
        check_object("move/there/below/file", "moved");

        /* Once more, as after an interruption: it is where it has to be. */
        batch = new_batch();
        check_int(store_batch_move(batch, "move/here/file", "move/there/below/file"), 0);
        check_int(store_batch_move(batch, "move/no/such/directory/file", "move/there/below/file"), 0);
        check_int(commit(batch), 0);
        check_object("move/there/below/file", "moved");

        /* What is at the target is replaced. */
        check_int(put("move/here/file", "again", NULL), 0);
        batch = new_batch();
        check_int(store_batch_move(batch, "move/here/file", "move/there/below/file"), 0);
        check_int(commit(batch), 0);
        check_object("move/there/below/file", "again");

        /* It is nowhere. */
        batch = new_batch();
        check_int(store_batch_move(batch, "move/here/other", "move/there/below/other"), 0);
        check_int(commit(batch), -ENOENT);
        check_string(failed_key, "move/here/other");
}

/* From the step that failed on nothing is done, and what failed is named. */
static void test_commit_failure(void) {
        StoreBatch *batch = new_batch();

        check_int(put("failure/file", "x", NULL), 0);
        check_int(store_batch_put(batch, "failure/before", "1", 1, NULL), 0);
        check_int(store_batch_put_file(batch, "failure/artifact", "not-staged"), 0);
        check_int(store_batch_put(batch, "failure/behind", "1", 1, NULL), 0);
        check_int(commit(batch), -ENOENT);
        check_string(failed_key, "failure/artifact");
        check_object("failure/before", "1");
        check_int(get("failure/behind", 10), -ENOENT);

        batch = new_batch();
        check_int(store_batch_put(batch, "failure/file/below", "1", 1, NULL), 0);
        check_int(commit(batch), -ENOTDIR);
        check_string(failed_key, "failure/file/below");
        batch = new_batch();
        check_int(store_batch_delete(batch, "failure"), 0);
        check(commit(batch) < 0);
        check_object("failure/file", "x");
        store_batch_free(new_batch());
        check(!store_batch_free(NULL));
}

static void test_revisions(void) {
        char first[STORE_REVISION_SIZE], second[STORE_REVISION_SIZE];
        StoreBatch *batch;

        /* Nothing there: "" is right, anything else is not. */
        check_int(put("revision/record", "one", "0123"), -ESTALE);
        check_string(failed_key, "revision/record");
        check_int(get("revision/record", 10), -ENOENT);
        check_int(put("revision/record", "one", ""), 0);
        memcpy(first, revision, sizeof(first));
        check(first[0]);
        check_object("revision/record", "one");
        check_string(revision, first);

        check_int(put("revision/record", "two", ""), -ESTALE);
        check_object("revision/record", "one");
        check_int(put("revision/record", "two", first), 0);
        memcpy(second, revision, sizeof(second));
        check(!streq(first, second));
        check_int(put("revision/record", "three", first), -ESTALE);
        check_object("revision/record", "two");

        /* What stands before the step is done, what stands behind it is not. */
        batch = new_batch();
        check_int(store_batch_put(batch, "revision/before", "1", 1, NULL), 0);
        check_int(store_batch_put(batch, "revision/record", "three", 5, first), 0);
        check_int(store_batch_put(batch, "revision/behind", "1", 1, NULL), 0);
        check_int(commit(batch), -ESTALE);
        check_string(failed_key, "revision/record");
        check_object("revision/before", "1");
        check_int(get("revision/behind", 10), -ENOENT);

        /* The revision that is told is that of the last conditional step. */
        batch = new_batch();
        check_int(store_batch_put(batch, "revision/record", "three", 5, second), 0);
        check_int(store_batch_put(batch, "revision/index.json", "{}", 2, NULL), 0);
        check_int(commit(batch), 0);
        memcpy(first, revision, sizeof(first));
        check_object("revision/record", "three");
        check_string(revision, first);

        batch = new_batch();
        check_int(store_batch_expect(batch, "revision/record", first), 0);
        check_int(store_batch_expect(batch, "revision/none", ""), 0);
        check_int(store_batch_expect(batch, "no/directory", ""), 0);
        check_int(store_batch_put(batch, "revision/after", "1", 1, NULL), 0);
        check_int(commit(batch), 0);
        check_object("revision/after", "1");
        batch = new_batch();
        check_int(store_batch_expect(batch, "revision/record", second), 0);
        check_int(store_batch_delete(batch, "revision/after"), 0);
        check_int(commit(batch), -ESTALE);
        check_object("revision/after", "1");
        batch = new_batch();
        check_int(store_batch_expect(batch, "no/directory", first), 0);
        check_int(commit(batch), -ESTALE);
}

static void on_counted(int r, const char *key, const char *new_revision, void *userdata) {
        unsigned *n_written = userdata;

        n_done++;
        check(r == 0 || r == -ESTALE);
        *n_written += r == 0;
}

/* Many at once for the same revision, also from another store on the same directory: one wins. */
static void test_race(void) {
        StorageConfig storage = { .directory_path = root_path };
        _cleanup_free_ char *error = NULL;
        unsigned n_written = 0;
        Store *other;

        check_int(store_open(offload, &storage, NULL, &other, &error), 0);
        check_int(put("race/record", "start", ""), 0);
        for (unsigned round = 0; round < 20; round++) {
                char expected[STORE_REVISION_SIZE];

                check_int(get("race/record", 100), 0);
                memcpy(expected, revision, sizeof(expected));
                n_done = n_written = 0;
                for (unsigned i = 0; i < 8; i++) {
                        StoreBatch *batch = new_batch();
                        _cleanup_free_ char *data = text_format("%u %u", round, i);

                        check_int(store_batch_put(batch, "race/record", data, strlen(data), expected), 0);
                        check_int(
                                store_commit(i % 2 == 0 ? store : other, &batch, on_counted, &n_written), 0);
                }
                LOOP_UNTIL(event, n_done == 8);
                check_int(n_written, 1);
        }
        store_free(other);
}

/* A link inside the store leads nowhere, in whatever place it stands. */
static void test_links(void) {
        _cleanup_free_ char *victim = NULL;
        int fd, r;

        check(mkdirat(scratch_fd, "outside", 0755) >= 0);
        fd = fs_open_directory(scratch_fd, "outside", false);
        scratch_write(fd, "victim", "precious");
        check_int(put("links/real/object", "object", NULL), 0);
        close_fd(fd);
        fd = fs_open_directory(root_fd, "links", false);
        check(symlinkat("../../outside", fd, "directory") >= 0);
        check(symlinkat("../../outside/victim", fd, "file") >= 0);
        check(symlinkat("real", fd, "inside") >= 0);

        check_int(get("links/file", 100), -ELOOP);
        r = get("links/directory/victim", 100);
        check(r == -ELOOP || r == -ENOTDIR);
        r = get("links/inside/object", 100);
        check(r == -ELOOP || r == -ENOTDIR);
        check_int(store_open_object(store, "links/file"), -ELOOP);
        r = store_open_object(store, "links/directory/victim");
        check(r == -ELOOP || r == -ENOTDIR);
        r = put("links/directory/new", "x", NULL);
        check(r == -ELOOP || r == -ENOTDIR);
        check(faccessat(scratch_fd, "outside/new", F_OK, 0) < 0);
        check_list("links", "");

        /* Written over, the link is replaced; deleted, it goes itself; compared, it is no object. */
        check_int(put("links/file", "x", ""), -ELOOP);
        check_int(put("links/file", "written", NULL), 0);
        check_object("links/file", "written");
        check(unlinkat(fd, "file", 0) >= 0 && symlinkat("../../outside/victim", fd, "file") >= 0);
        {
                StoreBatch *batch = new_batch();

                check_int(store_batch_delete(batch, "links/file"), 0);
                check_int(commit(batch), 0);
                check(faccessat(fd, "file", F_OK, AT_SYMLINK_NOFOLLOW) < 0);
        }
        victim = scratch_read(scratch_fd, "outside/victim");
        check_string(victim, "precious");
        close_fd(fd);
}

/* It can be read and synced, not changed. */
static void test_open_object(void) {
        char first;
        int fd;

        check_int(put("object/file", "content", NULL), 0);
        fd = store_open_object(store, "object/file");
        check(fd >= 0);
        check_int(pread(fd, &first, 1, 0), 1);
        check_int(first, 'c');
        check_int(fsync(fd), 0);
        check(pwrite(fd, "C", 1, 0) < 0 && errno == EBADF);
        close_fd(fd);
        check_object("object/file", "content");
        check_int(store_open_object(store, "object/none"), -ENOENT);
        check_int(store_open_object(store, "none/none"), -ENOENT);
        check_int(store_open_object(store, "object"), -EISDIR);
}

/* What is being written is never seen in part, and nothing is left of it. */
static void test_nothing_beside(void) {
        check_int(put("beside/a", "1", NULL), 0);
        check_int(put("beside/a", "2", NULL), 0);
        check_int(put("beside/a", "3", "wrong"), -ESTALE);
        check_list("beside", "a:1");
        {
                int fd = fs_open_directory(root_fd, "beside", false);

                check(unlinkat(fd, "a", 0) >= 0);
                close_fd(fd);
                /* Not even hidden files. */
                check(unlinkat(root_fd, "beside", AT_REMOVEDIR) >= 0);
        }
}

/* Unfinished downloads stay for a week, all else goes. */
static void test_staging(void) {
        static const struct {
                const char *name;
                time_t age;
                bool stays;
        } files[] = {
                { "young.part", 3600, true },
                { "young.meta", 3600, true },
                { "old.part", 8 * 24 * 3600, false },
                { "old.meta", 8 * 24 * 3600, false },
                { "finished", 0, false },
                { "x.repacked", 0, false },
                { ".tmp-0123456789abcdef", 0, false },
        };
        StorageConfig storage = { .directory_path = root_path };
        _cleanup_free_ char *error = NULL;
        time_t now = (time_t) (clock_realtime_usec() / USEC_PER_SEC);
        Store *other;
        int fd;

        /* Held by the store that is open: another one has another directory, and cleans nothing of this one's. */
        scratch_write(store->staging_fd, "working", "x");
        check_int(store_open(offload, &storage, NULL, &other, &error), 0);
        check(faccessat(store->staging_fd, "working", F_OK, 0) >= 0);
        check(faccessat(other->staging_fd, "working", F_OK, 0) < 0);
        scratch_write(other->staging_fd, "left", "x");
        store_free(other);
        check(faccessat(root_fd, ".staging-2/left", F_OK, 0) >= 0);

        store = store_free(store);
        fd = fs_open_directory(root_fd, ".staging", false);
        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                struct timespec times[2] = { { .tv_sec = now - files[i].age },
                        { .tv_sec = now - files[i].age } };

                scratch_write(fd, files[i].name, "x");
                check(utimensat(fd, files[i].name, times, 0) >= 0);
        }
        check(symlinkat("../get/ten", fd, "link.part") >= 0);
        check(mkdirat(fd, "directory", 0755) >= 0);

        check_int(store_open(offload, &storage, NULL, &store, &error), 0);
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                check_int(faccessat(fd, files[i].name, F_OK, 0) >= 0, files[i].stays);
        check(faccessat(fd, "link.part", F_OK, AT_SYMLINK_NOFOLLOW) < 0);
        check(faccessat(root_fd, "get/ten", F_OK, 0) >= 0);
        check(faccessat(fd, "working", F_OK, 0) < 0);
        /* Also what another one has left that is gone. */
        check(faccessat(root_fd, ".staging-2/left", F_OK, 0) < 0);
        close_fd(fd);
        check_object("get/ten", "0123456789");
}

/* Answers that are still to come when the end comes, come. */
static void test_end(void) {
        StoreBatch *batch = new_batch();

        forget();
        check_int(store_batch_put(batch, "end/a", "1", 1, NULL), 0);
        check_int(store_commit(store, &batch, on_committed, NULL), 0);
        check_int(store_get(store, "get/ten", 100, on_got, &n_done), 0);
        check_int(store_list(store, "list", on_listed, NULL), 0);
        offload = offload_free(offload);
        check_int(n_done, 3);
        store = store_free(store);
        forget();
}

int main(void) {
        StorageConfig storage = {};
        char *error = NULL;

        (void) umask(0022);
        scratch_fd = scratch_open();
        root_path = text_format("%s/root", scratch_path);
        event = loop_new();
        check_int(offload_new(event, 4, &offload), 0);
        test_open();

        check_int(store_open(offload, &storage, root_path, &store, &error), 0);
        root_fd = fs_open_root(root_path, false);
        check(root_fd >= 0 && store->staging_fd >= 0);
        test_keys();
        test_get();
        test_list();
        test_commit_order();
        test_move();
        test_commit_failure();
        test_revisions();
        test_race();
        test_links();
        test_open_object();
        test_nothing_beside();
        test_staging();
        test_end();

        sd_event_unref(event);
        close_fd(root_fd);
        close_fd(scratch_fd);
        free(root_path);
        free(error);
        return EXIT_SUCCESS;
}
