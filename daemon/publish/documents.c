#include "publish/documents.h"

#include <stdio.h>

/* What has no members of its own yet. */
static int set_empty(json_object *object, const char *key) {
        return json_set(object, key, json_object_new_object());
}

char *documents_index(const Record *record) {
        _cleanup_(json_unrefp) json_object *document = json_object_new_object();
        json_object *versions;

        if (!document || set_empty(document, "versions") < 0 ||
                json_get_object(document, "versions", &versions) <= 0)
                return NULL;
        for (size_t i = 0; i < record->n_versions; i++)
                if (record->versions[i]->state == VERSION_PUBLISHED &&
                        set_empty(versions, version_string(record->versions[i]->version)) < 0)
                        return NULL;
        return json_format(document, true);
}

static int append_hashes(json_object *hashes, const RecordArtifact *artifact) {
        RecordDigests digests = record_artifact_digests(artifact);
        char zh[sizeof("zh:") + sizeof(digests.sha256)];
        int r = 0;

        if (artifact->has_h1)
                r = json_append(hashes, json_object_new_string(digests.h1));
        (void) snprintf(zh, sizeof(zh), "zh:%s", digests.sha256);
        return r < 0 ? r : json_append(hashes, json_object_new_string(zh));
}

static int add_archive(json_object *archives, const RecordArtifact *artifact, const char *url_prefix) {
        _cleanup_(json_unrefp) json_object *archive = json_object_new_object(),
                                           *hashes = json_object_new_array();
        _cleanup_free_ char *url = NULL;
        int r;

        if (!archive || !hashes)
                return -ENOMEM;
        if (asprintf(&url, "%s%s", url_prefix, artifact->file) < 0) {
                url = NULL;
                return -ENOMEM;
        }
        r = json_set_string(archive, "url", url);
        if (r >= 0)
                r = append_hashes(hashes, artifact);
        if (r >= 0)
                r = json_set(archive, "hashes", TAKE_PTR(hashes));
        if (r >= 0)
                r = json_set(archives, artifact->platform, TAKE_PTR(archive));
        return r;
}

char *documents_version(const RecordVersion *version, const char *url_prefix) {
        _cleanup_(json_unrefp) json_object *document = json_object_new_object();
        json_object *archives;

        if (!document || set_empty(document, "archives") < 0 ||
                json_get_object(document, "archives", &archives) <= 0)
                return NULL;

        /* What is held back or going away has no archive that may be installed. A module's artifact has no platform and
         * no place in a mirror of providers. */
        for (size_t i = 0; version->state == VERSION_PUBLISHED && i < version->n_artifacts; i++)
                if (version->artifacts[i].platform &&
                        add_archive(archives, &version->artifacts[i], url_prefix) < 0)
                        return NULL;
        return json_format(document, true);
}
