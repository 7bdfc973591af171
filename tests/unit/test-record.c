#include "model/record.h"

#include "base/shared.h"
#include "fixtures.h"

#define SHA_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SHA_B "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define H1 "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
#define KEY "C874011F0AB405110D02105534365D9472D7468F"
#define SUBKEY "374EC75B485913604A831CC7C820C6D5CD27AB87"
#define COMMIT "0123456789abcdef0123456789abcdef01234567"

static Record *parse(const char *text) {
        _cleanup_free_ char *error = NULL;
        Record *record = NULL;

        if (record_parse(text, strlen(text), &record, &error) < 0)
                test_fail(__FILE__, __LINE__, strempty(error));
        return record;
}

static RecordVersion *find(const Record *record, const char *text) {
        _cleanup_(version_freep) Version *version = NULL;

        check_int(version_parse(text, &version), 0);
        return record_find(record, version);
}

static void put(Record *record, const char *text) {
        RecordVersion *version = NULL;

        check_int(record_version_new(text, &version), 0);
        check_int(record_put(record, version), 0);
}

static void put_artifact(RecordVersion *version, const char *platform, const char *file, uint64_t size) {
        RecordArtifact artifact = { .size = size };

        check_int(record_artifact_set_digests(&artifact, SHA_A, H1), 0);
        check_int(shared_assign(&artifact.platform, platform), 0);
        check_int(string_assign(&artifact.file, file), 0);
        check_int(record_version_put_artifact(version, &artifact), 0);
        check(!artifact.platform && !artifact.file);
}

static void test_digests(void) {
        RecordArtifact artifact = {};
        RecordDigests digests = record_artifact_digests(&artifact);

        check_string(digests.h1, "");
        check_int(record_artifact_set_digests(&artifact, SHA_B, NULL), 0);
        digests = record_artifact_digests(&artifact);
        check_string(digests.sha256, SHA_B);
        check_string(digests.h1, "");
        check_int(record_artifact_set_digests(&artifact, SHA_A, H1), 0);
        /* What is none changes nothing. */
        check_int(record_artifact_set_digests(&artifact, SHA_B, "h1:x"), -EINVAL);
        check_int(record_artifact_set_digests(&artifact, "x", NULL), -EINVAL);
        digests = record_artifact_digests(&artifact);
        check_string(digests.sha256, SHA_A);
        check_string(digests.h1, H1);
}

static void test_states(void) {
        for (VersionState state = 0; state < _VERSION_STATE_MAX; state++) {
                check(version_state_to_string(state));
                check_int(version_state_from_string(version_state_to_string(state)), state);
        }
        check_int(version_state_from_string("gone"), _VERSION_STATE_INVALID);
        check(!version_state_to_string(_VERSION_STATE_MAX));
}

static void test_order(void) {
        static const char *const versions[] = { "1.2.0", "1.10.0", "0.1.0", "2.0.0-rc1", "2.0.0", "1.2.0+b",
                "1.3.0" };
        static const char *const expected[] = { "2.0.0", "2.0.0-rc1", "1.10.0", "1.3.0", "1.2.0+b", "1.2.0",
                "0.1.0" };
        _cleanup_(record_freep) Record *record = NULL;
        RecordVersion *again;

        check_int(record_new(PACKAGE_PROVIDER, "hashicorp/aws", NULL, &record), 0);
        check(!find(record, "1.0.0"));
        for (size_t i = 0; i < ELEMENTSOF(versions); i++)
                put(record, versions[i]);
        check_int(record->n_versions, ELEMENTSOF(expected));
        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                check_string(version_string(record->versions[i]->version), expected[i]);
                check(find(record, expected[i]) == record->versions[i]);
        }

        /* The same text replaces, and what is there already may be put again. */
        again = find(record, "1.2.0");
        again->state = VERSION_HELD;
        check_int(record_put(record, again), 0);
        check_int(find(record, "v1.2")->state, VERSION_HELD);
        put(record, "1.2");
        check_int(record->n_versions, ELEMENTSOF(expected));
        check_int(find(record, "1.2.0")->state, VERSION_PUBLISHED);

        for (size_t i = 0; i < ELEMENTSOF(versions); i++) {
                _cleanup_(version_freep) Version *version = NULL;

                check_int(version_parse(versions[i], &version), 0);
                record_remove(record, version);
                check(!find(record, versions[i]));
                record_remove(record, version);
                check_int(record->n_versions, ELEMENTSOF(versions) - i - 1);
        }
        put(record, "1.0.0");
        check_int(record->n_versions, 1);
}

static void test_artifacts(void) {
        _cleanup_(record_version_freep) RecordVersion *version = NULL, *copy = NULL;

        check_int(record_version_new("not a version", &version), -EINVAL);
        check_int(record_version_new("v1.0", &version), 0);
        check_int(version->state, VERSION_PUBLISHED);
        check(!record_version_find_artifact(version, "linux_amd64"));
        put_artifact(version, "windows_386", "w", 1);
        put_artifact(version, "darwin_arm64", "d", 2);
        put_artifact(version, "linux_amd64", "l", 3);
        put_artifact(version, "linux_amd64", "m", 4);
        check_int(version->n_artifacts, 3);
        check_string(version->artifacts[0].platform, "darwin_arm64");
        check_string(version->artifacts[1].platform, "linux_amd64");
        check_string(version->artifacts[2].platform, "windows_386");
        check_string(record_version_find_artifact(version, "linux_amd64")->file, "m");
        check(!record_version_find_artifact(version, "linux_arm"));
        check(!record_version_find_artifact(version, NULL));

        check_int(record_version_copy(version, &copy), 0);
        check_int(string_assign(&copy->artifacts[1].file, "changed"), 0);
        check_string(version->artifacts[1].file, "m");
        put_artifact(copy, NULL, "module", 5);
        check_string(copy->artifacts[0].file, "module");
        check(record_version_find_artifact(copy, NULL) == &copy->artifacts[0]);
        check_int(version->n_artifacts, 3);
}

/* What was brought describes the version; what was there before stays beside it. */
static void test_join(void) {
        _cleanup_(record_version_freep) RecordVersion *known = NULL, *brought = NULL, *joined = NULL;

        check_int(record_version_new("1.0.0", &known), 0);
        check_int(record_version_new("1.0.0", &brought), 0);
        put_artifact(known, "darwin_arm64", "d", 1);
        put_artifact(known, "linux_amd64", "l", 2);
        put_artifact(brought, "linux_amd64", "m", 3);
        put_artifact(brought, "windows_386", "w", 4);
        known->state = VERSION_HELD;
        known->published_usec = 1000;
        brought->published_usec = 2000;
        brought->signed_usec = 3000;
        brought->hash_algorithm = 10;
        brought->key_expired = true;
        known->proof_missing = true;
        check_int(string_assign(&known->reason, "why"), 0);
        check_int(shared_assign(&known->key_fingerprint, "OLD"), 0);
        check_int(shared_assign(&brought->key_fingerprint, "NEW"), 0);
        check_int(string_assign(&brought->tag, "1.0.0"), 0);

        check_int(record_version_join(known, brought, &joined), 0);
        check_int(joined->state, VERSION_PUBLISHED);
        check_int(joined->published_usec, 1000);
        check_int(joined->signed_usec, 3000);
        check_int(joined->hash_algorithm, 10);
        check(joined->key_expired && !joined->reason && !joined->proof_missing);
        check_string(joined->key_fingerprint, "NEW");
        check_string(joined->tag, "1.0.0");
        check_int(joined->n_artifacts, 3);
        check_string(record_version_find_artifact(joined, "darwin_arm64")->file, "d");
        check_string(record_version_find_artifact(joined, "linux_amd64")->file, "m");
        check_string(record_version_find_artifact(joined, "windows_386")->file, "w");
        check_int(known->n_artifacts, 2);
        check_int(brought->n_artifacts, 2);
        check_string(known->artifacts[1].file, "l");

        known->published_usec = 0;
        record_version_free(joined);
        check_int(record_version_join(known, brought, &joined), 0);
        check_int(joined->published_usec, 2000);
}

/* Members in the order in which they are written, so the text comes back as it is. */
static const char provider_text[] =
        "{\n"
        "  \"format\": 1,\n"
        "  \"kind\": \"provider\",\n"
        "  \"package\": \"hashicorp/aws\",\n"
        "  \"source\": \"hashicorp:terraform-provider-aws\",\n"
        "  \"versions\": {\n"
        "    \"5.81.0\": {\n"
        "      \"state\": \"held\",\n"
        "      \"reason\": \"critical: CVE-2024-45337\",\n"
        "      \"artifacts\": {},\n"
        "      \"future\": null\n"
        "    },\n"
        "    \"5.80.0\": {\n"
        "      \"state\": \"published\",\n"
        "      \"publishedAt\": \"2026-11-23T04:05:06Z\",\n"
        "      \"tag\": \"5.80.0\",\n"
        "      \"signature\": {\n"
        "        \"key\": \"" KEY "\",\n"
        "        \"subkey\": \"" SUBKEY "\",\n"
        "        \"signedAt\": \"2026-11-22T00:00:00Z\",\n"
        "        \"hash\": 8,\n"
        "        \"keyExpired\": true,\n"
        "        \"notations\": [\n"
        "          \"x\"\n"
        "        ]\n"
        "      },\n"
        "      \"scan\": \"not scanned\",\n"
        "      \"artifacts\": {\n"
        "        \"darwin_arm64\": {\n"
        "          \"file\": \"terraform-provider-aws_5.80.0_darwin_arm64.zip\",\n"
        "          \"size\": 9223372036854775807,\n"
        "          \"sha256\": \"" SHA_A "\",\n"
        "          \"h1\": \"" H1 "\"\n"
        "        },\n"
        "        \"linux_amd64\": {\n"
        "          \"file\": \"terraform-provider-aws_5.80.0_linux_amd64.zip\",\n"
        "          \"size\": 0,\n"
        "          \"sha256\": \"" SHA_B "\",\n"
        "          \"h1\": \"" H1 "\",\n"
        "          \"mediaType\": \"application/zip\"\n"
        "        }\n"
        "      },\n"
        "      \"zeta\": {\n"
        "        \"a/b\": [\n"
        "          1,\n"
        "          2.5\n"
        "        ]\n"
        "      },\n"
        "      \"alpha\": true\n"
        "    }\n"
        "  },\n"
        "  \"writtenBy\": \"a newer version\",\n"
        "  \"also\": 7\n"
        "}\n";

static const char module_text[] = "{\n"
                                  "  \"format\": 1,\n"
                                  "  \"kind\": \"module\",\n"
                                  "  \"package\": \"team/eks/aws\",\n"
                                  "  \"versions\": {\n"
                                  "    \"1.0.0-~x\": {\n"
                                  "      \"state\": \"published\",\n"
                                  "      \"tag\": \"v1.0.0-~x\",\n"
                                  "      \"commit\": \"" COMMIT "\",\n"
                                  "      \"scan\": \"not scanned\",\n"
                                  "      \"artifacts\": {\n"
                                  "        \"module\": {\n"
                                  "          \"file\": \"1.0.0-~x.tar.gz\",\n"
                                  "          \"size\": 3,\n"
                                  "          \"sha256\": \"" SHA_A "\",\n"
                                  "          \"h1\": \"" H1 "\"\n"
                                  "        }\n"
                                  "      }\n"
                                  "    }\n"
                                  "  }\n"
                                  "}\n";

static void check_formatted(const Record *record, const char *expected) {
        _cleanup_free_ char *text = record_format(record);

        check_string(text, expected);
}

/* What neighbours have in common is there once. */
static void test_shared(void) {
        _cleanup_(record_freep) Record *record = NULL;
        const char *platform;

        check_int(record_new(PACKAGE_PROVIDER, "hashicorp/aws", NULL, &record), 0);
        for (unsigned i = 0; i < 3; i++) {
                const char *const texts[] = { "1.0.0", "3.0.0", "2.0.0" };
                RecordVersion *version = NULL;

                check_int(record_version_new(texts[i], &version), 0);
                check_int(shared_assign(&version->key_fingerprint, KEY), 0);
                put_artifact(version, "linux_amd64", "a.zip", 1);
                check_int(record_put(record, version), 0);
        }
        platform = record->versions[2]->artifacts[0].platform;
        for (size_t i = 0; i < record->n_versions; i++) {
                check(record->versions[i]->key_fingerprint == record->versions[0]->key_fingerprint);
                check(record->versions[i]->artifacts[0].platform == platform);
        }
        record_remove(record, record->versions[0]->version);
        check_string(record->versions[0]->key_fingerprint, KEY);
        check_string(record->versions[1]->artifacts[0].platform, "linux_amd64");
}

static void test_round_trip(void) {
        _cleanup_(record_freep) Record *provider = parse(provider_text), *module = parse(module_text);
        _cleanup_(record_freep) Record *copied = NULL;
        const RecordVersion *version = find(provider, "5.80.0");

        check_formatted(provider, provider_text);
        check_formatted(module, module_text);

        check_int(provider->kind, PACKAGE_PROVIDER);
        check_string(provider->source, "hashicorp:terraform-provider-aws");
        check_int(version->published_usec, UINT64_C(1795406706) * USEC_PER_SEC);
        check_string(version->key_fingerprint, KEY);
        check_string(version->subkey_fingerprint, SUBKEY);
        check_int(version->hash_algorithm, 8);
        check(version->key_expired && !version->reason && !version->commit);
        check(record_version_find_artifact(version, "darwin_arm64")->size == INT64_MAX);
        check_string(find(provider, "5.81.0")->reason, "critical: CVE-2024-45337");
        check_int(find(provider, "5.81.0")->state, VERSION_HELD);
        check_string(record_version_find_artifact(module->versions[0], NULL)->file, "1.0.0-~x.tar.gz");
        check_string(module->versions[0]->commit, COMMIT);
        check(!module->source);

        /* A copy is as good as what it was made from. */
        check_int(record_new(provider->kind, provider->package, provider->source, &copied), 0);
        for (size_t i = 0; i < provider->n_versions; i++) {
                RecordVersion *copy = NULL;

                check_int(record_version_copy(provider->versions[i], &copy), 0);
                check_int(record_put(copied, copy), 0);
        }
        copied->unknown = json_object_get(provider->unknown);
        check_formatted(copied, provider_text);
}

/* What upstream has said since is kept, copied, and of a version that is brought again compared anew. */
static void test_upstream(void) {
        static const char text[] = "{\n"
                                   "  \"format\": 1,\n"
                                   "  \"kind\": \"provider\",\n"
                                   "  \"package\": \"a/b\",\n"
                                   "  \"versions\": {\n"
                                   "    \"1.0.0\": {\n"
                                   "      \"state\": \"held\",\n"
                                   "      \"artifacts\": {},\n"
                                   "      \"withdrawn\": {\n"
                                   "        \"message\": \"leaks\",\n"
                                   "        \"hidden\": true,\n"
                                   "        \"since\": 1\n"
                                   "      },\n"
                                   "      \"drift\": [\n"
                                   "        {\n"
                                   "          \"kind\": \"vanished\",\n"
                                   "          \"seenAt\": \"2026-11-23T04:05:06Z\",\n"
                                   "          \"detail\": \"gone\",\n"
                                   "          \"by\": \"x\"\n"
                                   "        },\n"
                                   "        {\n"
                                   "          \"kind\": \"of-tomorrow\",\n"
                                   "          \"detail\": \"new\"\n"
                                   "        }\n"
                                   "      ],\n"
                                   "      \"upstream\": {\n"
                                   "        \"releasedAt\": \"2026-11-22T00:00:00Z\",\n"
                                   "        \"more\": 2\n"
                                   "      }\n"
                                   "    }\n"
                                   "  }\n"
                                   "}\n";
        _cleanup_(record_freep) Record *record = parse(text), *copied = NULL;
        _cleanup_(record_version_freep) RecordVersion *brought = NULL, *joined = NULL;
        RecordVersion *version = find(record, "1.0.0"), *copy = NULL;

        check_formatted(record, text);
        check(version->withdrawn && version->hidden);
        check_string(version->withdrawn_message, "leaks");
        check_int(version->n_drift, 2);
        check_int(record_version_copy(version, &copy), 0);
        check_int(record_new(record->kind, record->package, record->source, &copied), 0);
        check_int(record_put(copied, copy), 0);
        check_formatted(copied, text);

        check_int(record_version_new("1.0.0", &brought), 0);
        check_int(record_version_join(version, brought, &joined), 0);
        check(joined->state == VERSION_PUBLISHED && !joined->hidden && joined->withdrawn);
        check_int(joined->upstream.released_usec, 0);
        check_int(joined->n_drift, 2);
}

static void test_drift(void) {
        _cleanup_(record_version_freep) RecordVersion *version = NULL;

        check_int(record_version_new("1.0.0", &version), 0);
        check(!record_version_find_drift(version, DRIFT_TAG) &&
                !record_version_clear_drift(version, DRIFT_TAG));
        check_int(record_version_set_drift(version, DRIFT_TAG, 5, "moved"), 1);
        check_int(record_version_set_drift(version, DRIFT_VANISHED, 6, "gone"), 1);
        /* The same once more is no news and was first seen when it was. */
        check_int(record_version_set_drift(version, DRIFT_TAG, 7, "moved"), 0);
        check_int(record_version_find_drift(version, DRIFT_TAG)->seen_usec, 5);
        check_int(record_version_set_drift(version, DRIFT_TAG, 8, "moved again"), 1);
        check_int(version->n_drift, 2);
        check_string(record_version_find_drift(version, DRIFT_TAG)->detail, "moved again");
        check(record_version_clear_drift(version, DRIFT_TAG));
        check_int(version->n_drift, 1);
        check_string(version->drift[0].kind, DRIFT_VANISHED);
        for (unsigned i = 0; i < 100; i++) {
                _cleanup_free_ char *kind = text_format("k%u", i);
                int r = record_version_set_drift(version, kind, 9, "x");

                check_int(r, version->n_drift < 16 || i == 14 ? 1 : -E2BIG);
        }
        check_int(version->n_drift, 16);
}

/* What is gone is remembered, the latest first, until it is there again. */
static void test_pruned(void) {
        _cleanup_(record_freep) Record *record = NULL, *again = NULL;
        _cleanup_free_ char *text = NULL, *text_again = NULL;
        RecordVersion *version;

        check_int(record_new(PACKAGE_PROVIDER, "a/b", NULL, &record), 0);
        for (unsigned i = 0; i < RECORD_PRUNED_MAX + 2; i++) {
                _cleanup_free_ char *number = text_format("1.%u.0", i);

                check_int(record_version_new(number, &version), 0);
                check_int(string_assign(&version->reason, number), 0);
                version->published_usec = i * USEC_PER_SEC;
                check_int(record_note_pruned(record, version, (i + 10) * USEC_PER_SEC), 0);
                /* Once more is no other one. */
                check_int(record_note_pruned(record, version, (i + 10) * USEC_PER_SEC), 0);
                record_version_free(version);
        }
        check_int(record->n_pruned, RECORD_PRUNED_MAX);
        check_string(record->pruned[0].reason, "1.257.0");
        check_string(record->pruned[RECORD_PRUNED_MAX - 1].reason, "1.2.0");

        text = record_format(record);
        again = parse(text);
        text_again = record_format(again);
        check_string(text_again, text);
        check_int(again->n_pruned, RECORD_PRUNED_MAX);
        check_int(again->pruned[0].pruned_usec, 267 * USEC_PER_SEC);
        check_int(again->pruned[0].published_usec, 257 * USEC_PER_SEC);

        check_int(record_version_new("1.2.0", &version), 0);
        check(record_find_pruned(record, version->version));
        check_int(record_put(record, version), 0);
        check(!record_find_pruned(record, version->version));
        check_int(record->n_pruned, RECORD_PRUNED_MAX - 1);
}

/* Versions are written newest first, however they were read. */
static void test_unordered(void) {
        _cleanup_(record_freep) Record *record =
                parse("{\"versions\": {\"1.9.0\": {\"state\": \"published\", \"artifacts\": null}, "
                      "\"1.10.0\": {\"state\": \"pruning\"}},"
                      " \"package\": \"a/b\", \"source\": null, \"kind\": \"provider\", \"format\": 1}");

        check_string(version_string(record->versions[0]->version), "1.10.0");
        check_formatted(record, "{\n"
                                "  \"format\": 1,\n"
                                "  \"kind\": \"provider\",\n"
                                "  \"package\": \"a/b\",\n"
                                "  \"versions\": {\n"
                                "    \"1.10.0\": {\n"
                                "      \"state\": \"pruning\",\n"
                                "      \"artifacts\": {}\n"
                                "    },\n"
                                "    \"1.9.0\": {\n"
                                "      \"state\": \"published\",\n"
                                "      \"artifacts\": {}\n"
                                "    }\n"
                                "  }\n"
                                "}\n");
}

static void add_scan(RecordVersion *version, size_t artifact, unsigned n_critical, unsigned n_high) {
        _cleanup_(scan_summary_clear)
                ScanSummary summary = { .origin = { .subject = SCAN_BINARY, .scanned_usec = USEC_PER_DAY } };

        check_int(string_assign(&summary.origin.scanner, "0.68.2"), 0);
        summary.counts[SEVERITY_CRITICAL] = summary.n_more[SEVERITY_CRITICAL] = n_critical;
        summary.counts[SEVERITY_HIGH] = summary.n_more[SEVERITY_HIGH] = n_high;
        record_scan_free(version->artifacts[artifact].scan);
        check_int(record_scan_new(&summary, &version->artifacts[artifact].scan), 0);
}

static void check_scans(const RecordVersion *version, const char *expected) {
        _cleanup_free_ char *text = record_version_describe_scans(version);

        check_string(text, expected);
}

/* They are kept for each artifact, and said in one line for all. */
static void test_scans(void) {
        _cleanup_(record_freep) Record *record = parse(provider_text), *again = NULL;
        _cleanup_(record_version_freep) RecordVersion *copy = NULL;
        _cleanup_free_ char *text = NULL, *same = NULL;
        RecordVersion *version = find(record, "5.80.0"), *read;
        ScanSummary source = { .origin.subject = SCAN_SOURCE };

        check_scans(version, "not scanned");
        add_scan(version, 0, 0, 3);
        check_scans(version, "3 high; 1 of 2 artifacts not scanned");
        add_scan(version, 1, 1, 0);
        check_scans(version, "1 critical");
        check_int(record_scan_new(&source, &version->source_scan), 0);
        check_scans(version, "1 critical; source: nothing found");

        text = record_format(record);
        check(strstr(text, "\"scan\": \"1 critical; source: nothing found\""));
        again = parse(text);
        read = find(again, "5.80.0");
        check_int(read->artifacts[0].scan->summary.counts[SEVERITY_HIGH], 3);
        check_string(read->artifacts[1].scan->summary.origin.scanner, "0.68.2");
        check_int(read->source_scan->summary.origin.subject, SCAN_SOURCE);
        same = record_format(again);
        check_string(same, text);
        check_int(record_version_copy(read, &copy), 0);
        check_scans(copy, "1 critical; source: nothing found");

        copy->source_scan = record_scan_free(copy->source_scan);
        check_int(record_scan_new_failed("the executable is packed", USEC_PER_DAY, &copy->source_scan), 0);
        check_scans(copy, "not assessable: the executable is packed");
        check_int(record_put(again, TAKE_PTR(copy)), 0);
        free(same);
        same = record_format(again);
        check(strstr(same,
                "\"error\": \"the executable is packed\",\n        \"failedAt\": \"1970-01-02T00:00:00Z\""));
        record_free(again);
        again = parse(same);
        check_scans(find(again, "5.80.0"), "not assessable: the executable is packed");
}

/* Unknown members belong to what they stand in: a new artifact does not inherit them, nor does a copy share them. */
static void test_unknown(void) {
        _cleanup_(record_freep) Record *record = parse(provider_text);
        _cleanup_(record_version_freep) RecordVersion *copy = NULL;
        _cleanup_free_ char *text = NULL, *changed = NULL;
        RecordVersion *version = find(record, "5.80.0");

        check_int(record_version_copy(version, &copy), 0);
        put_artifact(copy, "linux_amd64", "terraform-provider-aws_5.80.0_linux_amd64.zip", 1);
        check_int(shared_assign(&copy->key_fingerprint, NULL), 0);
        text = record_format(record);
        check(strstr(text, "mediaType") && strstr(text, "notations"));

        check_int(record_put(record, TAKE_PTR(copy)), 0);
        changed = record_format(record);
        check(!strstr(changed, "mediaType") && !strstr(changed, "notations"));
        /* It is said only where it is so, and is no unknown member. */
        check(!strstr(changed, "proofMissing"));
        record->versions[0]->proof_missing = true;
        {
                _cleanup_free_ char *missing = record_format(record);
                _cleanup_(record_freep) Record *again = parse(missing);

                check(strstr(missing, "\"proofMissing\": true"));
                check(again->versions[0]->proof_missing && !again->versions[1]->proof_missing);
        }
        check_int(record_version_quarantine(record->versions[0], "CVE-2026-1"), 0);
        {
                _cleanup_free_ char *held = record_format(record);
                _cleanup_(record_freep) Record *again = parse(held);

                check(strstr(held, "\"quarantined\": true"));
                check(again->versions[0]->quarantined && again->versions[0]->state == VERSION_HELD);
                check_string(again->versions[0]->reason, "CVE-2026-1");
        }
        record_version_release(record->versions[0]);
        check_int(record->versions[0]->state, VERSION_PUBLISHED);
        check(strstr(changed, "zeta") && strstr(changed, "alpha") && strstr(changed, "writtenBy"));
}

static void check_refused(const char *text, const char *expected) {
        Record *record = NULL;
        char *error = NULL;

        check_int(record_parse(text, strlen(text), &record, &error), -EBADMSG);
        check(!record);
        check_message(error, expected);
        check_int(record_parse(text, strlen(text), &record, NULL), -EBADMSG);
}

/* What is wrong is said in the words of the JSON library. */
static void check_not_json(const char *text) {
        _cleanup_free_ char *error = NULL;
        Record *record = NULL;

        check_int(record_parse(text, strlen(text), &record, &error), -EBADMSG);
        check(!record && startswith(error, "document: "));
}

#define DOCUMENT(kind, package, versions)                                                                   \
        "{\"format\": 1, \"kind\": \"" kind "\", \"package\": \"" package "\", \"versions\": {" versions "}}"
#define PROVIDER(versions) DOCUMENT("provider", "a/b", versions)
#define VERSION(members) PROVIDER("\"1.0.0\": {\"state\": \"published\"" members "}")
#define ARTIFACT(key, members) VERSION(", \"artifacts\": {\"" key "\": {" members "}}")

static void test_refused_head(void) {
        check_refused("", "document: truncated");
        check_refused("[]", "document: expected an object, found an array");
        check_refused("{\"format\": 1", "document: truncated");
        check_not_json("{\"format\": 1} x");
        check_not_json("{\"format\": 01}");
        check_not_json("{\"format\": 1,}");
        check_refused("{}", "format: missing");
        check_refused("{\"format\": \"1\"}", "format: expected a whole number, found a string");
        check_refused("{\"format\": 1.5}", "format: expected a whole number, found a number");
        check_refused("{\"format\": -1}", "format: is negative");
        check_refused("{\"format\": 2}", "format: 2 is not known, expected 1");
        check_refused("{\"format\": 18446744073709551615}",
                "format: 18446744073709551615 is too large, at most 9223372036854775807 is accepted");
        check_not_json("{\"format\": 18446744073709551616}");
        check_refused("{\"format\": 1}", "kind: missing");
        check_refused("{\"format\": 1, \"kind\": \"chart\"}", "kind: \"chart\" is not a kind of package");
        check_refused("{\"format\": 1, \"kind\": \"module\"}", "package: missing");
        check_refused(DOCUMENT("module", "a/b", ""), "package: \"a/b\" is not the name of a package");
        check_refused(DOCUMENT("module", "a/../b", ""), "package: \"a/../b\" is not the name of a package");
        check_refused(
                DOCUMENT("provider", "a/b/c/d", ""), "package: \"a/b/c/d\" is not the name of a package");
        check_refused(DOCUMENT("provider", "a/", ""), "package: \"a/\" is not the name of a package");
        check_refused(DOCUMENT("provider", "a/b\\n", ""), "package: \"a/b?\" is not the name of a package");
        check_refused(
                "{\"format\": 1, \"kind\": \"provider\", \"package\": \"a/b\", \"source\": \"\\u001b[2J\"}",
                "source: \"?[2J\" is not a source");
        check_refused("{\"format\": 1, \"kind\": \"provider\", \"package\": \"a/b\"}", "versions: missing");
        check_refused("{\"format\": 1, \"kind\": \"provider\", \"package\": \"a/b\", \"versions\": []}",
                "versions: expected an object, found an array");
}

static void test_refused_version(void) {
        check_refused(PROVIDER("\"1.0.0\": null"), "versions[\"1.0.0\"]: expected an object, found null");
        check_refused(PROVIDER("\"latest\": {}"), "versions.latest: not a version");
        check_refused(PROVIDER("\"../1.0\": {}"), "versions[\"../1.0\"]: not a version");
        check_refused(PROVIDER("\"\": {}"), "versions[\"\"]: not a version");
        check_refused(
                PROVIDER("\"v1.0\": {}"), "versions[\"v1.0\"]: not normalised, it is version \"1.0.0\"");
        check_refused(PROVIDER("\"1.0.0\": {}"), "versions[\"1.0.0\"].state: missing");
        check_refused(PROVIDER("\"1.0.0\": {\"state\": \"fetching\"}"),
                "versions[\"1.0.0\"].state: \"fetching\" is not a state that a record holds");
        check_refused(
                VERSION(", \"reason\": 1"), "versions[\"1.0.0\"].reason: expected a string, found a number");
        check_refused(VERSION(", \"publishedAt\": \"now\""),
                "versions[\"1.0.0\"].publishedAt: \"now\" is not a time as in RFC 3339");
        check_refused(VERSION(", \"tag\": \"a//b\""), "versions[\"1.0.0\"].tag: \"a//b\" is not a tag");
        check_refused(VERSION(", \"sourceScan\": {}"), "versions[\"1.0.0\"]: sourceScan.subject: missing");
        check_refused(VERSION(", \"sourceScan\": {\"error\": \"x\"}"),
                "versions[\"1.0.0\"].sourceScan.failedAt: missing");
        check_refused(
                VERSION(", \"commit\": \"HEAD\""), "versions[\"1.0.0\"].commit: \"HEAD\" is not a commit");
        check_refused(VERSION(", \"signature\": true"),
                "versions[\"1.0.0\"].signature: expected an object, found true or false");
        check_refused(VERSION(", \"signature\": {}"), "versions[\"1.0.0\"].signature.key: missing");
        check_refused(VERSION(", \"signature\": {\"key\": \"72D7468F\"}"),
                "versions[\"1.0.0\"].signature.key: \"72D7468F\" is not a fingerprint");
        check_refused(VERSION(", \"signature\": {\"key\": \"" KEY "\", \"hash\": 256}"),
                "versions[\"1.0.0\"].signature.hash: 256 is too large, at most 255 is accepted");
        check_refused(VERSION(", \"signature\": {\"key\": \"" KEY "\", \"keyExpired\": 0}"),
                "versions[\"1.0.0\"].signature.keyExpired: expected true or false, found a number");
}

#define FILE_MEMBER "\"file\": \"x.zip\""
static void test_refused_pruned(void) {
#define PRUNED(text)                                                                                        \
        "{\"format\": 1, \"kind\": \"module\", \"package\": \"a/b/c\", \"versions\": {}, \"pruned\": "      \
        "[" text "]}"
        check_refused(PRUNED("{}"), "pruned[0].version: missing");
        check_refused(PRUNED("[]"), "pruned[0]: expected an object, found an array");
        check_refused(
                PRUNED("{\"version\": \"v1\"}"), "pruned[0].version: \"v1\" is not a normalised version");
        check_refused(PRUNED("{\"version\": \"1.0.0\"}, {\"version\": \"1.0.0\"}"),
                "pruned[1].version: \"1.0.0\" is there already");
}

#define SIZE_MEMBER ", \"size\": 1"
#define SHA_TAIL "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define H1_OTHERWISE "h1:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV="
#define WHERE "versions[\"1.0.0\"].artifacts.linux_amd64"

static void test_refused_artifact(void) {
        check_refused(VERSION(", \"artifacts\": []"),
                "versions[\"1.0.0\"].artifacts: expected an object, found an array");
        check_refused(ARTIFACT("module", ""), "versions[\"1.0.0\"].artifacts: \"module\" is not a platform");
        check_refused(ARTIFACT("../linux_amd64", ""),
                "versions[\"1.0.0\"].artifacts: \"../linux_amd64\" is not a platform");
        check_refused(DOCUMENT("module", "a/b/c",
                              "\"1.0.0\": {\"state\": \"published\", \"artifacts\": {\"linux_amd64\": {}}}"),
                "versions[\"1.0.0\"].artifacts: \"linux_amd64\" is not \"module\"");
        check_refused(VERSION(", \"artifacts\": {\"linux_amd64\": 1}"),
                WHERE ": expected an object, found a number");
        check_refused(ARTIFACT("linux_amd64", ""), WHERE ".file: missing");
        check_refused(ARTIFACT("linux_amd64", "\"file\": \"../../../etc/passwd\""),
                WHERE ".file: \"../../../etc/passwd\" is not a file name");
        check_refused(
                ARTIFACT("linux_amd64", "\"file\": \"a/b\""), WHERE ".file: \"a/b\" is not a file name");
        check_refused(ARTIFACT("linux_amd64", "\"file\": \"\""), WHERE ".file: \"\" is not a file name");
        check_refused(ARTIFACT("linux_amd64", FILE_MEMBER), WHERE ".size: missing");
        check_refused(ARTIFACT("linux_amd64", FILE_MEMBER ", \"size\": -1"), WHERE ".size: is negative");
        check_refused(ARTIFACT("linux_amd64", FILE_MEMBER ", \"size\": 9223372036854775808"),
                WHERE ".size: 9223372036854775808 is too large, at most 9223372036854775807 is accepted");
        check_refused(ARTIFACT("linux_amd64", FILE_MEMBER SIZE_MEMBER), WHERE ".sha256: missing");
        check_refused(ARTIFACT("linux_amd64", FILE_MEMBER SIZE_MEMBER ", \"sha256\": \"AB\""),
                WHERE ".sha256: \"AB\" is not a SHA-256 digest");
        check_refused(ARTIFACT("linux_amd64", FILE_MEMBER SIZE_MEMBER ", \"sha256\": \"A" SHA_TAIL "\""),
                WHERE ".sha256: \"A" SHA_TAIL "\" is not a SHA-256 digest");
        check_refused(ARTIFACT("linux_amd64", FILE_MEMBER SIZE_MEMBER ", \"sha256\": \"" SHA_A "\""),
                WHERE ".h1: missing");
        check_refused(ARTIFACT("linux_amd64",
                              FILE_MEMBER SIZE_MEMBER ", \"sha256\": \"" SHA_A "\", \"h1\": \"h1:x\""),
                WHERE ".h1: \"h1:x\" is not an h1 hash");
        /* The same digest, written otherwise: that is not what would be written again. */
        check_refused(ARTIFACT("linux_amd64", FILE_MEMBER SIZE_MEMBER ", \"sha256\": \"" SHA_A
                                                                      "\", \"h1\": \"" H1_OTHERWISE "\""),
                WHERE ".h1: \"" H1_OTHERWISE "\" is not an h1 hash");
}

static void test_bounds(void) {
        _cleanup_free_ char *deep = repeat("", "{\"a\":", 10000, "");
        _cleanup_free_ char *deep_unknown = repeat("{\"format\": 1, \"x\": ", "[", 10000, "");
        Buffer many = {};

        check_refused(deep, "document: nesting too deep");
        check_refused(deep_unknown, "document: nesting too deep");

        check_int(buffer_append_format(&many,
                          "{\"format\": 1, \"kind\": \"provider\", \"package\": \"a/b\", \"versions\": {"),
                0);
        for (unsigned i = 0; i <= 10000; i++)
                check_int(buffer_append_format(
                                  &many, "%s\"1.0.%u\": {\"state\": \"published\"}", i > 0 ? "," : "", i),
                        0);
        check_int(buffer_append_format(&many, "}}"), 0);
        check_refused(many.data, "versions: 10001 members, at most 10000 are accepted");
        buffer_clear(&many);

        check_int(buffer_append_format(&many, "{\"format\": 1, \"kind\": \"provider\", \"package\": "
                                              "\"a/b\", \"versions\": {\"1.0.0\": {\"state\": "
                                              "\"held\", \"artifacts\": {"),
                0);
        for (unsigned i = 0; i <= 1000; i++)
                check_int(buffer_append_format(&many, "%s\"a_%u\": {}", i > 0 ? "," : "", i), 0);
        check_int(buffer_append_format(&many, "}}}}"), 0);
        check_refused(many.data, "versions[\"1.0.0\"].artifacts: 1001 members, at most 1000 are accepted");
        buffer_clear(&many);
}

static void test_cut(void) {
        for (size_t cut = 0; cut < sizeof(provider_text) - 3; cut++) {
                _cleanup_free_ char *error = NULL, *copy = malloc(cut + 1);
                Record *record = NULL;

                check(copy);
                memcpy(copy, provider_text, cut);
                check_int(record_parse(copy, cut, &record, &error), -EBADMSG);
                check(!record);
                check_string(error, "document: truncated");
        }
}

int main(void) {
        test_digests();
        test_states();
        test_order();
        test_artifacts();
        test_shared();
        test_round_trip();
        test_upstream();
        test_drift();
        test_pruned();
        test_unordered();
        test_scans();
        test_unknown();
        test_join();
        test_refused_head();
        test_refused_version();
        test_refused_artifact();
        test_refused_pruned();
        test_bounds();
        test_cut();
        return EXIT_SUCCESS;
}
