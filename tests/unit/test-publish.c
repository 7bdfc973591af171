#include "publish/publish.h"

#include "base/json.h"
#include "base/shared.h"
#include "base/text.h"
#include "store/batch.h"
#include "test.h"

#define SHA "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define H1 "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define FIRST "providers/registry.terraform.io/hashicorp/aws/"
#define SECOND "providers/registry.opentofu.org/hashicorp/aws/"

static char *hostnames[] = { (char *) "registry.terraform.io", (char *) "registry.opentofu.org", NULL };
static const PublishTarget target = { hostnames, "hashicorp", "aws" };

static RecordVersion *new_version(const char *text) {
        RecordArtifact artifact = { .size = 1 };
        RecordVersion *version;

        check_int(record_artifact_set_digests(&artifact, SHA, H1), 0);
        check_int(record_version_new(text, &version), 0);
        check_int(shared_assign(&artifact.platform, "linux_amd64"), 0);
        check_int(string_assign(&artifact.file, "file.zip"), 0);
        check_int(record_version_put_artifact(version, &artifact), 0);
        return version;
}

static Record *new_record(void) {
        Record *record;
        RecordVersion *held;

        check_int(record_new(PACKAGE_PROVIDER, "hashicorp/aws", "x", &record), 0);
        check_int(record_put(record, new_version("1.0.0")), 0);
        held = new_version("2.0.0");
        held->state = VERSION_HELD;
        check_int(record_put(record, held), 0);
        return record;
}

static const StoreStep *find_step(const StoreBatch *batch, StoreStepType type, const char *key) {
        for (size_t i = 0; i < batch->n_steps; i++)
                if (batch->steps[i].type == type && streq(batch->steps[i].key, key))
                        return &batch->steps[i];
        return NULL;
}

/* The URL of the one archive in a document. */
static void check_url(const char *text, const char *expected) {
        _cleanup_(json_unrefp) json_object *document = NULL;
        json_object *archives, *archive;
        const char *url;

        check_int(json_parse(text, strlen(text), &document, NULL), 0);
        check_int(json_get_object(document, "archives", &archives), 1);
        check_int(json_get_object(archives, "linux_amd64", &archive), 1);
        check_int(json_get_string(archive, "url", &url), 1);
        check_string(url, expected);
}

static void test_directory(void) {
        _cleanup_free_ char *first = publish_directory(&target, 0), *second = publish_directory(&target, 1);

        check_string(first, "providers/registry.terraform.io/hashicorp/aws");
        check_string(second, "providers/registry.opentofu.org/hashicorp/aws");
        check(!publish_directory(&target, 2));
}

/* Below every hostname but the first the artifacts are elsewhere, and the relative URL leads there. */
static void test_version(void) {
        _cleanup_(record_version_freep) RecordVersion *version = new_version("1.0.0");
        _cleanup_(store_batch_freep) StoreBatch *batch = NULL;
        _cleanup_free_ char *first = publish_version_text(&target, 0, version),
                            *second = publish_version_text(&target, 1, version);
        const StoreStep *step;

        check_url(first, "file.zip");
        check_url(second, "../../../registry.terraform.io/hashicorp/aws/file.zip");

        check_int(store_batch_new(&batch), 0);
        check_int(publish_version(batch, &target, version), 0);
        check_int(batch->n_steps, 2);
        step = find_step(batch, STORE_STEP_PUT, FIRST "1.0.0.json");
        check(step && !step->revision && step->size == strlen(step->data));
        check_string(step->data, first);
        step = find_step(batch, STORE_STEP_PUT, SECOND "1.0.0.json");
        check(step);
        check_string(step->data, second);
}

static void test_index(void) {
        _cleanup_(record_freep) Record *record = new_record();
        _cleanup_(store_batch_freep) StoreBatch *batch = NULL;
        _cleanup_free_ char *text = publish_index_text(record);
        const StoreStep *step;

        check(strstr(text, "\"1.0.0\"") && !strstr(text, "2.0.0"));
        check_int(store_batch_new(&batch), 0);
        check_int(publish_index(batch, &target, record), 0);
        check_int(batch->n_steps, 2);
        step = find_step(batch, STORE_STEP_PUT, FIRST "index.json");
        check(step && !step->revision);
        check_string(step->data, text);
        step = find_step(batch, STORE_STEP_PUT, SECOND "index.json");
        check(step);
        check_string(step->data, text);
}

static void test_remove(void) {
        _cleanup_(store_batch_freep) StoreBatch *batch = NULL;

        check_int(store_batch_new(&batch), 0);
        check_int(publish_remove_version(batch, &target, "1.0.0"), 0);
        check_int(batch->n_steps, 2);
        check(find_step(batch, STORE_STEP_DELETE, FIRST "1.0.0.json"));
        check(find_step(batch, STORE_STEP_DELETE, SECOND "1.0.0.json"));
}

/* What cannot be a key is refused before anything is done. */
static void test_bad_names(void) {
        _cleanup_(record_freep) Record *record = new_record();
        _cleanup_(store_batch_freep) StoreBatch *batch = NULL;
        const PublishTarget bad = { hostnames, "..", "aws" };

        check_int(store_batch_new(&batch), 0);
        check_int(publish_index(batch, &bad, record), -EINVAL);
        check_int(publish_version(batch, &bad, record->versions[0]), -EINVAL);
        check_int(publish_remove_version(batch, &target, "../x"), -EINVAL);
        check_int(batch->n_steps, 0);
}

int main(void) {
        test_directory();
        test_version();
        test_index();
        test_remove();
        test_bad_names();
        return EXIT_SUCCESS;
}
