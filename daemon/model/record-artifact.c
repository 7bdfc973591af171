/* What belongs to a version and is in the store: its artifacts, with their digests. */

#include "base/h1.h"
#include "base/list.h"
#include "base/names.h"
#include "base/shared.h"
#include "model/place.h"
#include "model/record-private.h"
#include "model/release.h"

#define RECORD_ARTIFACTS_MAX 1000
/* The key of the one artifact of a module. */
#define RECORD_MODULE_ARTIFACT "module"

static char *const artifact_members[] = { "file", "size", "sha256", "h1", "scan", NULL };

static void artifact_clear(RecordArtifact *artifact) {
        shared_unref(artifact->platform);
        free(artifact->file);
        record_scan_free(artifact->scan);
        *artifact = (RecordArtifact) {};
}

void record_artifacts_clear(RecordVersion *version) {
        for (size_t i = 0; i < version->n_artifacts; i++)
                artifact_clear(&version->artifacts[i]);
        free(version->artifacts);
}

RecordDigests record_artifact_digests(const RecordArtifact *artifact) {
        RecordDigests digests = {};

        sha256_format_hex(artifact->sha256, digests.sha256);
        if (artifact->has_h1)
                h1_format(artifact->h1, digests.h1);
        return digests;
}

int record_artifact_set_digests(RecordArtifact *artifact, const char *sha256, const char *h1) {
        uint8_t h1_digest[SHA256_DIGEST_SIZE] = {};
        int r;

        r = h1 ? h1_parse(h1, h1_digest) : 0;
        if (r >= 0)
                r = sha256_parse_hex(sha256, artifact->sha256);
        if (r < 0)
                return r;
        memcpy(artifact->h1, h1_digest, sizeof(artifact->h1));
        artifact->has_h1 = h1;
        return 0;
}

/* Orders platforms; the artifact of a module has none. */
static int compare_platforms(const char *a, const char *b) {
        if (!a || !b)
                return (a != NULL) - (b != NULL);
        return strcmp(a, b);
}

static int compare_artifact(const void *key, const void *element) {
        return compare_platforms(key, ((const RecordArtifact *) element)->platform);
}

static bool find_artifact_position(const RecordVersion *version, const char *platform, size_t *ret) {
        return list_find_position(version->artifacts, version->n_artifacts, sizeof(RecordArtifact), platform,
                compare_artifact, ret);
}

RecordArtifact *record_version_find_artifact(const RecordVersion *version, const char *platform) {
        size_t position;

        return find_artifact_position(version, platform, &position) ? &version->artifacts[position] : NULL;
}

/* Members that are not known describe the artifact that is going away. */
static void forget_unknown_artifact(RecordVersion *version, const char *platform) {
        json_object *artifacts;

        if (version->unknown && json_get_object(version->unknown, "artifacts", &artifacts) > 0)
                json_object_object_del(artifacts, platform ? platform : RECORD_MODULE_ARTIFACT);
}

int record_version_put_artifact(RecordVersion *version, RecordArtifact *artifact) {
        RecordArtifact taken = TAKE_GENERIC(*artifact, (RecordArtifact) {});
        size_t position;
        int r;

        if (find_artifact_position(version, taken.platform, &position)) {
                forget_unknown_artifact(version, taken.platform);
                artifact_clear(&version->artifacts[position]);
                version->artifacts[position] = taken;
                return 0;
        }
        r = list_grow(&version->artifacts, version->n_artifacts, sizeof(RecordArtifact));
        if (r < 0) {
                artifact_clear(&taken);
                return r;
        }
        memmove(version->artifacts + position + 1, version->artifacts + position,
                (version->n_artifacts - position) * sizeof(RecordArtifact));
        version->artifacts[position] = taken;
        version->n_artifacts++;
        return 0;
}

int record_artifact_copy(RecordVersion *version, const RecordArtifact *artifact) {
        RecordArtifact copy = *artifact;

        copy.file = NULL;
        if (record_scan_copy(artifact->scan, &copy.scan) < 0)
                return -ENOMEM;
        if (string_assign(&copy.file, artifact->file) < 0) {
                record_scan_free(copy.scan);
                return -ENOMEM;
        }
        copy.platform = NULL;
        shared_copy(&copy.platform, artifact->platform);
        return record_version_put_artifact(version, &copy);
}

/* --- the document --- */

/* "1.0.0-~x.zip" is the file of a version that go-version accepts, so it is more than a name. */
static bool file_name_is_valid(const char *name) {
        return tag_is_valid(name) && !strchr(name, '/');
}

static int parse_artifact(const Place *place, VersionState state, RecordArtifact *artifact) {
        const char *sha256, *h1 = NULL;
        int r;

        r = place_copy(place, "file", PLACE_REQUIRED, file_name_is_valid, "a file name", &artifact->file);
        if (r >= 0)
                r = place_uint64(place, "size", INT64_MAX, PLACE_REQUIRED, &artifact->size);
        if (r >= 0)
                r = record_scan_parse(place, "scan", &artifact->scan);
        if (r >= 0)
                r = place_string(place, "sha256", PLACE_REQUIRED, &sha256);
        if (r < 0)
                return r;
        if (sha256_parse_hex(sha256, artifact->sha256) < 0)
                return place_refuse_text(place, "sha256", sha256, "is not a SHA-256 digest");

        /* What is served has it; what is held back may not have come that far. */
        r = place_string(place, "h1", state == VERSION_PUBLISHED ? PLACE_REQUIRED : PLACE_OPTIONAL, &h1);
        if (r <= 0)
                return r;
        if (h1_parse(h1, artifact->h1) < 0)
                return place_refuse_text(place, "h1", h1, "is not an h1 hash");
        artifact->has_h1 = true;
        return 0;
}

int record_artifacts_parse(const Place *place, PackageKind kind, RecordVersion *version) {
        _cleanup_(json_unrefp) json_object *unknown = NULL;
        Place artifacts, one;
        int r;

        r = place_member(place, "artifacts", json_type_object, PLACE_OPTIONAL, &artifacts);
        if (r <= 0)
                return r;
        if (json_object_object_length(artifacts.value) > RECORD_ARTIFACTS_MAX)
                return place_refuse(&artifacts, NULL, "%d members, at most %d are accepted",
                        json_object_object_length(artifacts.value), RECORD_ARTIFACTS_MAX);

        json_object_object_foreach(artifacts.value, key, value) {
                RecordArtifact artifact = {};

                (void) value;
                if (kind == PACKAGE_MODULE && !streq(key, RECORD_MODULE_ARTIFACT))
                        return place_refuse_text(
                                &artifacts, NULL, key, "is not \"" RECORD_MODULE_ARTIFACT "\"");
                if (kind == PACKAGE_PROVIDER && !platform_is_valid(key))
                        return place_refuse_text(&artifacts, NULL, key, "is not a platform");

                r = place_member(&artifacts, key, json_type_object, PLACE_REQUIRED, &one);
                if (r >= 0)
                        r = parse_artifact(&one, version->state, &artifact);
                if (r >= 0 && kind == PACKAGE_PROVIDER)
                        r = shared_assign(&artifact.platform, key);
                if (r >= 0)
                        r = record_version_put_artifact(version, &artifact);
                if (r >= 0)
                        r = record_keep_unknown_below(&unknown, key, one.value, artifact_members);
                if (r < 0) {
                        artifact_clear(&artifact);
                        return r;
                }
        }
        return unknown ? record_set_member(&version->unknown, "artifacts", TAKE_PTR(unknown)) : 0;
}

static int format_artifact(json_object *artifacts, const RecordArtifact *artifact, json_object *unknown) {
        _cleanup_(json_unrefp) json_object *object = json_object_new_object();
        const char *key = artifact->platform ? artifact->platform : RECORD_MODULE_ARTIFACT;
        RecordDigests digests = record_artifact_digests(artifact);
        int r;

        if (!object)
                return -ENOMEM;
        r = json_set_string(object, "file", artifact->file);
        if (r >= 0)
                r = json_set_uint64(object, "size", artifact->size);
        if (r >= 0)
                r = json_set_string(object, "sha256", digests.sha256);
        if (r >= 0 && artifact->has_h1)
                r = json_set_string(object, "h1", digests.h1);
        if (r >= 0)
                r = record_scan_format(object, "scan", artifact->scan);
        if (r >= 0)
                r = record_add_unknown(object, record_unknown_below(unknown, key), artifact_members);
        if (r < 0)
                return r;
        return json_set(artifacts, key, TAKE_PTR(object));
}

int record_artifacts_format(json_object *object, const RecordVersion *version) {
        _cleanup_(json_unrefp) json_object *artifacts = json_object_new_object();
        json_object *unknown = record_unknown_below(version->unknown, "artifacts");
        int r;

        if (!artifacts)
                return -ENOMEM;
        for (size_t i = 0; i < version->n_artifacts; i++) {
                r = format_artifact(artifacts, &version->artifacts[i], unknown);
                if (r < 0)
                        return r;
        }
        return json_set(object, "artifacts", TAKE_PTR(artifacts));
}
