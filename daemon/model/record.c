#include "model/record.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/names.h"
#include "base/shared.h"
#include "model/place.h"
#include "model/record-private.h"
#include "model/release.h"

#define RECORD_FORMAT 1
#define RECORD_VERSIONS_MAX 10000
#define RECORD_TEXT_MAX 1024

static char *const record_members[] = { "format", "kind", "package", "source", "versions", "pruned", "seen",
        NULL };
static char *const version_members[] = { "state", "reason", "publishedAt", "tag", "commit", "signature",
        "proofMissing", "quarantined", "scan", "sourceScan", "artifacts", "withdrawn", "drift", "upstream",
        "protocols", NULL };
static char *const signature_members[] = { "key", "subkey", "signedAt", "hash", "keyExpired", NULL };
RecordVersion *record_version_free(RecordVersion *version) {
        if (!version)
                return NULL;
        version_free(version->version);
        free(version->reason);
        free(version->tag);
        free(version->commit);
        shared_unref(version->key_fingerprint);
        shared_unref(version->subkey_fingerprint);
        record_scan_free(version->source_scan);
        strings_free(version->protocols);
        record_upstream_clear(version);
        record_artifacts_clear(version);
        json_unref(version->unknown);
        free(version);
        return NULL;
}

int record_version_new(const char *text, RecordVersion **ret) {
        _cleanup_(record_version_freep) RecordVersion *version = calloc(1, sizeof(RecordVersion));
        int r;

        if (!version)
                return -ENOMEM;
        version->state = VERSION_PUBLISHED;
        r = version_parse(text, &version->version);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(version);
        return 0;
}

Record *record_free(Record *record) {
        if (!record)
                return NULL;
        for (size_t i = 0; i < record->n_versions; i++)
                record_version_free(record->versions[i]);
        free(record->versions);
        record_pruned_clear(record);
        record_seen_clear(record);
        free(record->package);
        free(record->source);
        json_unref(record->unknown);
        free(record);
        return NULL;
}

int record_new(PackageKind kind, const char *package, const char *source, Record **ret) {
        _cleanup_(record_freep) Record *record = calloc(1, sizeof(Record));

        if (!record)
                return -ENOMEM;
        record->kind = kind;
        if (string_assign(&record->package, package) < 0 || string_assign(&record->source, source) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(record);
        return 0;
}

static int compare_version(const void *key, const void *element) {
        const RecordVersion *const *version = element;

        return version_order((*version)->version, key);
}

/* The place of the version in the order, newest first: where it is (true) or where it belongs (false). */
static bool find_position(const Record *record, const Version *version, size_t *ret) {
        return list_find_position(record->versions, record->n_versions, sizeof(RecordVersion *), version,
                compare_version, ret);
}

RecordVersion *record_find(const Record *record, const Version *version) {
        size_t position;

        return find_position(record, version, &position) ? record->versions[position] : NULL;
}

size_t record_n_from(const Record *record, const Version *version) {
        size_t position;

        return find_position(record, version, &position) ? position + 1 : position;
}

/* The texts that it has in common with its neighbour are kept once. */
static void share_texts(const Record *record, size_t position) {
        RecordVersion *version = record->versions[position];
        const RecordVersion *other;

        if (record->n_versions < 2)
                return;
        other = record->versions[position > 0 ? position - 1 : position + 1];
        shared_merge(&version->key_fingerprint, other->key_fingerprint);
        shared_merge(&version->subkey_fingerprint, other->subkey_fingerprint);
        for (size_t i = 0; i < version->n_artifacts; i++) {
                const RecordArtifact *artifact =
                        record_version_find_artifact(other, version->artifacts[i].platform);

                if (artifact)
                        shared_merge(&version->artifacts[i].platform, artifact->platform);
        }
}

int record_put(Record *record, RecordVersion *version) {
        size_t position;
        int r;

        record_forget_pruned(record, version->version);
        record_forget_seen(record, version->version);
        if (find_position(record, version->version, &position)) {
                if (record->versions[position] != version)
                        record_version_free(record->versions[position]);
                record->versions[position] = version;
                share_texts(record, position);
                return 0;
        }
        r = list_grow(&record->versions, record->n_versions, sizeof(RecordVersion *));
        if (r < 0)
                return r;
        memmove(record->versions + position + 1, record->versions + position,
                (record->n_versions - position) * sizeof(RecordVersion *));
        record->versions[position] = version;
        record->n_versions++;
        share_texts(record, position);
        return 0;
}

void record_remove(Record *record, const Version *version) {
        size_t position;

        if (!find_position(record, version, &position))
                return;
        record_version_free(record->versions[position]);
        record->n_versions--;
        memmove(record->versions + position, record->versions + position + 1,
                (record->n_versions - position) * sizeof(RecordVersion *));
}

static int replace_strings(char ***strings, char *const *by) {
        *strings = strings_free(*strings);
        for (; by && *by; by++)
                if (strings_append(strings, *by) < 0)
                        return -ENOMEM;
        return 0;
}

static void copy_shared(RecordVersion *to, const RecordVersion *from) {
        shared_copy(&to->key_fingerprint, from->key_fingerprint);
        shared_copy(&to->subkey_fingerprint, from->subkey_fingerprint);
}

int record_version_copy(const RecordVersion *version, RecordVersion **ret) {
        _cleanup_(record_version_freep) RecordVersion *copy = NULL;
        int r;

        r = record_version_new(version_string(version->version), &copy);
        if (r < 0)
                return r;
        copy->state = version->state;
        copy->published_usec = version->published_usec;
        copy->signed_usec = version->signed_usec;
        copy->hash_algorithm = version->hash_algorithm;
        copy->key_expired = version->key_expired;
        copy->proof_missing = version->proof_missing;
        copy->quarantined = version->quarantined;
        if (string_assign(&copy->reason, version->reason) < 0 ||
                string_assign(&copy->tag, version->tag) < 0 ||
                string_assign(&copy->commit, version->commit) < 0 ||
                replace_strings(&copy->protocols, version->protocols) < 0)
                return -ENOMEM;
        copy_shared(copy, version);
        if (record_scan_copy(version->source_scan, &copy->source_scan) < 0)
                return -ENOMEM;
        for (size_t i = 0; i < version->n_artifacts; i++) {
                r = record_artifact_copy(copy, &version->artifacts[i]);
                if (r < 0)
                        return r;
        }
        r = record_upstream_copy(copy, version);
        if (r < 0)
                return r;
        if (version->unknown && json_object_deep_copy(version->unknown, &copy->unknown, NULL) < 0)
                return -ENOMEM;
        *ret = TAKE_PTR(copy);
        return 0;
}

int record_version_join(const RecordVersion *known, const RecordVersion *brought, RecordVersion **ret) {
        _cleanup_(record_version_freep) RecordVersion *joined = NULL;
        int r;

        r = record_version_copy(known, &joined);
        if (r < 0)
                return r;
        joined->quarantined = known->quarantined || brought->quarantined;
        joined->state = joined->quarantined ? VERSION_HELD : brought->state;
        if (joined->published_usec == 0)
                joined->published_usec = brought->published_usec;
        joined->signed_usec = brought->signed_usec;
        joined->hash_algorithm = brought->hash_algorithm;
        joined->key_expired = brought->key_expired;
        joined->proof_missing = brought->proof_missing;
        joined->hidden = joined->hidden && joined->state == VERSION_HELD;
        record_upstream_join(joined, brought);
        if (string_assign(&joined->reason,
                    known->quarantined && !brought->quarantined ? known->reason : brought->reason) < 0 ||
                string_assign(&joined->tag, brought->tag) < 0 ||
                string_assign(&joined->commit, brought->commit) < 0 ||
                (brought->protocols && replace_strings(&joined->protocols, brought->protocols) < 0))
                return -ENOMEM;
        copy_shared(joined, brought);
        for (size_t i = 0; i < brought->n_artifacts; i++) {
                r = record_artifact_copy(joined, &brought->artifacts[i]);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(joined);
        return 0;
}

int record_version_quarantine(RecordVersion *version, const char *reason) {
        int r = string_assign(&version->reason, reason);

        if (r < 0)
                return r;
        version->quarantined = true;
        version->state = VERSION_HELD;
        return 0;
}

void record_version_release(RecordVersion *version) {
        version->quarantined = false;
        version->state = version->hidden ? VERSION_HELD : VERSION_PUBLISHED;
        free(TAKE_PTR(version->reason));
}

/* --- the document --- */

/* What may stand in a message or a header: a line of printable ASCII. */
bool record_line_is_valid(const char *line) {
        size_t length = strnlen(line, RECORD_TEXT_MAX + 1);

        for (size_t i = 0; i < length; i++)
                if (line[i] < 0x20 || line[i] > 0x7e)
                        return false;
        return length > 0 && length <= RECORD_TEXT_MAX;
}

static bool fingerprint_is_valid(const char *fingerprint) {
        size_t length = strlen(fingerprint);

        return (length == 40 || length == 64) && strspn(fingerprint, "0123456789ABCDEF") == length;
}

/* "<namespace>/<type>", "<host>/<namespace>/<type>" or "<namespace>/<name>/<system>". */
static bool package_is_valid(PackageKind kind, const char *package) {
        size_t n_separators = 0;

        for (const char *c = package; *c; c++)
                n_separators += *c == '/';
        if (kind == PACKAGE_PROVIDER && n_separators == 2) {
                _cleanup_free_ char *host = strndup(package, strcspn(package, "/"));

                if (!host || !hostname_is_valid(host))
                        return false;
                package += strlen(host) + 1;
                n_separators--;
        }
        return n_separators == (kind == PACKAGE_MODULE ? 2 : 1) && !strchr(package, '~') &&
               tag_is_valid(package);
}

int record_set_member(json_object **object, const char *key, json_object *value) {
        if (!*object)
                *object = json_object_new_object();
        if (!*object || json_object_object_add(*object, key, value) < 0) {
                json_unref(value);
                return -ENOMEM;
        }
        return 0;
}

/* Collects the members that are not known. A null is a value like any other here. */
static int keep_unknown(json_object *object, char *const *known, json_object **unknown) {
        json_object_object_foreach(object, key, value) {
                int r;

                if (strings_contain(known, key))
                        continue;
                r = record_set_member(unknown, key, json_object_get(value));
                if (r < 0)
                        return r;
        }
        return 0;
}

/* The same for an object inside of the version, under its key. */
int record_keep_unknown_below(
        json_object **unknown, const char *key, json_object *object, char *const *known) {
        _cleanup_(json_unrefp) json_object *below = NULL;
        int r;

        r = keep_unknown(object, known, &below);
        if (r < 0 || !below)
                return r;
        return record_set_member(unknown, key, TAKE_PTR(below));
}

static int parse_shared(const Place *place, const char *key, PlaceNeed need,
        bool (*is_valid)(const char *text), const char *what, const char **ret) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = place_copy(place, key, need, is_valid, what, &text);
        return r > 0 ? shared_assign(ret, text) : r;
}

static int parse_signature(const Place *place, RecordVersion *version) {
        Place signature;
        uint64_t hash = 0;
        int r;

        r = place_member(place, "signature", json_type_object, PLACE_OPTIONAL, &signature);
        if (r <= 0)
                return r;
        r = parse_shared(&signature, "key", PLACE_REQUIRED, fingerprint_is_valid, "a fingerprint",
                &version->key_fingerprint);
        if (r >= 0)
                r = parse_shared(&signature, "subkey", PLACE_OPTIONAL, fingerprint_is_valid, "a fingerprint",
                        &version->subkey_fingerprint);
        if (r >= 0)
                r = place_time(&signature, "signedAt", PLACE_OPTIONAL, &version->signed_usec);
        if (r >= 0)
                r = place_uint64(&signature, "hash", UINT8_MAX, PLACE_OPTIONAL, &hash);
        if (r >= 0)
                r = place_bool(&signature, "keyExpired", PLACE_OPTIONAL, &version->key_expired);
        if (r < 0)
                return r;
        version->hash_algorithm = (unsigned) hash;
        return record_keep_unknown_below(&version->unknown, "signature", signature.value, signature_members);
}

static int parse_state(const Place *place, VersionState *ret) {
        VersionState state;
        const char *text;
        int r;

        r = place_string(place, "state", PLACE_REQUIRED, &text);
        if (r < 0)
                return r;
        state = version_state_from_string(text);
        if (state != VERSION_PUBLISHED && state != VERSION_HELD && state != VERSION_PRUNING)
                return place_refuse_text(place, "state", text, "is not a state that a record holds");
        *ret = state;
        return 0;
}

static int parse_version(const Place *place, PackageKind kind, RecordVersion **ret) {
        _cleanup_(record_version_freep) RecordVersion *version = NULL;
        int r;

        r = tag_is_valid(place->name) ? record_version_new(place->name, &version) : -EINVAL;
        if (r == -EINVAL)
                return place_refuse(place, NULL, "not a version");
        if (r < 0)
                return r;
        if (!streq(version_string(version->version), place->name))
                return place_refuse(place, NULL, "not normalised, it is version \"%s\"",
                        version_string(version->version));

        r = parse_state(place, &version->state);
        if (r >= 0)
                r = place_copy(place, "reason", PLACE_OPTIONAL, NULL, NULL, &version->reason);
        if (r >= 0)
                r = place_time(place, "publishedAt", PLACE_OPTIONAL, &version->published_usec);
        if (r >= 0)
                r = place_copy(place, "tag", PLACE_OPTIONAL, tag_is_valid, "a tag", &version->tag);
        if (r >= 0)
                r = place_copy(
                        place, "commit", PLACE_OPTIONAL, commit_is_valid, "a commit", &version->commit);
        if (r >= 0)
                r = place_bool(place, "proofMissing", PLACE_OPTIONAL, &version->proof_missing);
        if (r >= 0)
                r = place_bool(place, "quarantined", PLACE_OPTIONAL, &version->quarantined);
        if (r >= 0 && version->quarantined && version->state == VERSION_PUBLISHED)
                return place_refuse(place, "quarantined", "the version is published");
        if (r >= 0)
                r = record_scan_parse(place, "sourceScan", &version->source_scan);
        if (r >= 0)
                r = place_strings(place, "protocols", RELEASE_PROTOCOLS_MAX, PLACE_OPTIONAL,
                        protocol_is_valid, "a version of the plugin protocol", &version->protocols);
        if (r >= 0)
                r = keep_unknown(place->value, version_members, &version->unknown);
        if (r >= 0)
                r = parse_signature(place, version);
        if (r >= 0)
                r = record_upstream_parse(place, version);
        if (r >= 0)
                r = record_artifacts_parse(place, kind, version);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(version);
        return 0;
}

static int parse_versions(const Place *place, Record *record) {
        Place versions, one;
        int r;

        r = place_member(place, "versions", json_type_object, PLACE_REQUIRED, &versions);
        if (r < 0)
                return r;
        if (json_object_object_length(versions.value) > RECORD_VERSIONS_MAX)
                return place_refuse(&versions, NULL, "%d members, at most %d are accepted",
                        json_object_object_length(versions.value), RECORD_VERSIONS_MAX);

        json_object_object_foreach(versions.value, key, value) {
                _cleanup_(record_version_freep) RecordVersion *version = NULL;

                (void) value;
                r = place_member(&versions, key, json_type_object, PLACE_REQUIRED, &one);
                if (r >= 0)
                        r = parse_version(&one, record->kind, &version);
                if (r >= 0)
                        r = record_put(record, version);
                if (r < 0)
                        return r;
                TAKE_PTR(version);
        }
        return 0;
}

static int parse_head(const Place *place, Record *record) {
        const char *text;
        uint64_t format;
        int r;

        r = place_uint64(place, "format", INT64_MAX, PLACE_REQUIRED, &format);
        if (r >= 0 && format != RECORD_FORMAT)
                return place_refuse(place, "format", "%llu is not known, expected %d",
                        (unsigned long long) format, RECORD_FORMAT);
        if (r >= 0)
                r = place_string(place, "kind", PLACE_REQUIRED, &text);
        if (r < 0)
                return r;
        record->kind = package_kind_from_string(text);
        if (record->kind < 0)
                return place_refuse_text(place, "kind", text, "is not a kind of package");
        r = place_copy(place, "package", PLACE_REQUIRED, NULL, NULL, &record->package);
        if (r < 0)
                return r;
        if (!package_is_valid(record->kind, record->package))
                return place_refuse_text(place, "package", record->package, "is not the name of a package");
        r = place_copy(place, "source", PLACE_OPTIONAL, record_line_is_valid, "a source", &record->source);
        return r < 0 ? r : 0;
}

int record_parse(const char *data, size_t size, Record **ret, char **ret_error) {
        _cleanup_(record_freep) Record *record = calloc(1, sizeof(Record));
        _cleanup_(json_unrefp) json_object *value = NULL;
        Place place = { .ret_error = ret_error };
        int r;

        if (!record)
                return -ENOMEM;
        if (size > RECORD_SIZE_MAX)
                return place_refuse(&place, NULL, "%zu bytes, at most %llu are accepted", size,
                        (unsigned long long) RECORD_SIZE_MAX);
        r = place_parse(data, size, NULL, json_type_object, &value, &place, ret_error);
        if (r >= 0)
                r = parse_head(&place, record);
        if (r >= 0)
                r = parse_versions(&place, record);
        if (r >= 0)
                r = record_pruned_parse(&place, record);
        if (r >= 0)
                r = record_seen_parse(&place, record);
        if (r >= 0)
                r = keep_unknown(value, record_members, &record->unknown);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(record);
        return 0;
}

int record_set_time(json_object *object, const char *key, uint64_t usec) {
        char text[CLOCK_TEXT_SIZE];

        if (usec == 0)
                return 0;
        clock_format(usec, text);
        return json_set_string(object, key, text);
}

/* Puts back what keep_unknown() collected. */
int record_add_unknown(json_object *object, json_object *unknown, char *const *known) {
        if (!unknown)
                return 0;
        json_object_object_foreach(unknown, key, value) {
                int r;

                if (strings_contain(known, key))
                        continue;
                r = record_set_member(&object, key, json_object_get(value));
                if (r < 0)
                        return r;
        }
        return 0;
}

json_object *record_unknown_below(json_object *unknown, const char *key) {
        json_object *below = NULL;

        return unknown && json_get_object(unknown, key, &below) > 0 ? below : NULL;
}

static int format_signature(json_object *object, const RecordVersion *version) {
        _cleanup_(json_unrefp) json_object *signature = NULL;
        int r;

        if (!version->key_fingerprint)
                return 0;
        signature = json_object_new_object();
        if (!signature)
                return -ENOMEM;
        r = json_set_string(signature, "key", version->key_fingerprint);
        if (r >= 0)
                r = json_set_string(signature, "subkey", version->subkey_fingerprint);
        if (r >= 0)
                r = record_set_time(signature, "signedAt", version->signed_usec);
        if (r >= 0)
                r = json_set_uint64(signature, "hash", version->hash_algorithm);
        if (r >= 0)
                r = json_set_bool(signature, "keyExpired", version->key_expired);
        if (r >= 0)
                r = record_add_unknown(
                        signature, record_unknown_below(version->unknown, "signature"), signature_members);
        if (r < 0)
                return r;
        return json_set(object, "signature", TAKE_PTR(signature));
}

static int format_version(json_object *versions, const RecordVersion *version) {
        _cleanup_(json_unrefp) json_object *object = json_object_new_object();
        _cleanup_free_ char *scan = record_version_describe_scans(version);
        int r;

        if (!object || !scan)
                return -ENOMEM;
        r = json_set_string(object, "state", version_state_to_string(version->state));
        if (r >= 0)
                r = json_set_string(object, "reason", version->reason);
        if (r >= 0)
                r = record_set_time(object, "publishedAt", version->published_usec);
        if (r >= 0)
                r = json_set_string(object, "tag", version->tag);
        if (r >= 0)
                r = json_set_string(object, "commit", version->commit);
        if (r >= 0)
                r = format_signature(object, version);
        if (r >= 0 && version->proof_missing)
                r = json_set_bool(object, "proofMissing", true);
        if (r >= 0 && version->quarantined)
                r = json_set_bool(object, "quarantined", true);
        if (r >= 0 && version->n_artifacts > 0)
                r = json_set_string(object, "scan", scan);
        if (r >= 0)
                r = record_scan_format(object, "sourceScan", version->source_scan);
        if (r >= 0)
                r = json_set_strings(object, "protocols", version->protocols);
        if (r >= 0)
                r = record_artifacts_format(object, version);
        if (r >= 0)
                r = record_upstream_format(object, version);
        if (r >= 0)
                r = record_add_unknown(object, version->unknown, version_members);
        if (r < 0)
                return r;
        return json_set(versions, version_string(version->version), TAKE_PTR(object));
}

static int format_record(json_object *object, const Record *record) {
        json_object *versions;
        int r;

        r = json_set_uint64(object, "format", RECORD_FORMAT);
        if (r >= 0)
                r = json_set_string(object, "kind", package_kind_to_string(record->kind));
        if (r >= 0)
                r = json_set_string(object, "package", record->package);
        if (r >= 0)
                r = json_set_string(object, "source", record->source);
        if (r < 0)
                return r;
        versions = json_object_new_object();
        r = json_set(object, "versions", versions);
        for (size_t i = 0; r >= 0 && i < record->n_versions; i++)
                r = format_version(versions, record->versions[i]);
        if (r >= 0)
                r = record_pruned_format(object, record);
        if (r >= 0)
                r = record_seen_format(object, record);
        return r < 0 ? r : record_add_unknown(object, record->unknown, record_members);
}

char *record_format(const Record *record) {
        _cleanup_(json_unrefp) json_object *object = json_object_new_object();

        if (!object || format_record(object, record) < 0)
                return NULL;
        return json_format(object, true);
}
