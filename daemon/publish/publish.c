#include "publish/publish.h"

#include "base/text.h"
#include "model/package.h"
#include "publish/documents.h"

#define INDEX_FILE "index.json"

char *publish_directory(const PublishTarget *target, size_t i) {
        return target->hostnames[i] ? package_directory(PACKAGE_PROVIDER, target->hostnames[i],
                                              target->provider_namespace, target->type, NULL)
                                    : NULL;
}

char *publish_index_text(const Record *record) {
        return documents_index(record);
}

char *publish_version_text(const PublishTarget *target, size_t i, const RecordVersion *version) {
        _cleanup_free_ char *prefix = NULL;

        if (i == 0)
                return documents_version(version, "");
        text_set(&prefix, "../../../%s/%s/%s/", target->hostnames[0], target->provider_namespace,
                target->type);
        return prefix ? documents_version(version, prefix) : NULL;
}

/* The key of a file below the i-th hostname. */
static char *document_key(const PublishTarget *target, size_t i, const char *name, const char *suffix) {
        _cleanup_free_ char *directory = publish_directory(target, i);
        char *key = NULL;

        if (directory)
                text_set(&key, "%s/%s%s", directory, name, suffix);
        return key;
}

static int put(StoreBatch *batch, const char *key, const char *text) {
        return key && text ? store_batch_put(batch, key, text, strlen(text), NULL) : -ENOMEM;
}

int publish_index(StoreBatch *batch, const PublishTarget *target, const Record *record) {
        _cleanup_free_ char *text = publish_index_text(record);
        int r = 0;

        for (size_t i = 0; target->hostnames[i] && r >= 0; i++) {
                _cleanup_free_ char *key = document_key(target, i, INDEX_FILE, "");

                r = put(batch, key, text);
        }
        return r;
}

int publish_version(StoreBatch *batch, const PublishTarget *target, const RecordVersion *version) {
        int r = 0;

        for (size_t i = 0; target->hostnames[i] && r >= 0; i++) {
                _cleanup_free_ char *key = document_key(
                                            target, i, version_string(version->version), ".json"),
                                    *text = publish_version_text(target, i, version);

                r = put(batch, key, text);
        }
        return r;
}

int publish_remove_version(StoreBatch *batch, const PublishTarget *target, const char *version) {
        int r = 0;

        for (size_t i = 0; target->hostnames[i] && r >= 0; i++) {
                _cleanup_free_ char *key = document_key(target, i, version, ".json");

                r = key ? store_batch_delete(batch, key) : -ENOMEM;
        }
        return r;
}
