/* record.json: what the store knows of one package, and its commit point. Format 1:
 *
 *   {"format": 1, "kind": "provider", "package": "hashicorp/aws", "source": "hashicorp:terraform-provider-aws",
 *    "versions": {"5.80.0": {"state": "published", "publishedAt": "2026-…Z", "tag": "5.80.0",
 *        "signature": {"key": "C874…", "subkey": "374E…", "signedAt": "…Z", "hash": 8, "keyExpired": false},
 *        "scan": "not scanned",
 *        "artifacts": {"linux_amd64": {"file": "terraform-provider-aws_5.80.0_linux_amd64.zip", "size": 1,
 *                                      "sha256": "…", "h1": "h1:…"}}}}}
 *
 * A version whose SHA256SUMS, signature or keys the store has lost has "proofMissing": true until they are there again.
 * What upstream told of the plugin protocols of a provider: "protocols": ["5.0"].
 * A module has "commit" beside "tag", no "signature", and its one artifact under "module". 
 *
 * What upstream has said since: "withdrawn": {"message": "…", "hidden": true} (hidden: held because of it), and "drift":
 * [{"kind": "vanished", "seenAt": "…Z", "detail": "…"}], each difference once as long as it lasts. What it said when the
 * version was brought, for comparing: "upstream": {"releasedAt", "committedAt"}.
 *
 * An artifact that was scanned has "scan", a summary (model/finding.h), or {"error": "…", "failedAt": "…Z"} when it could not be
 * assessed; a provider whose source was has "sourceScan" beside "scan", which says the same in words.
 *
 * A version whose scan or the lack of one keeps it out is held and "quarantined": true: its artifacts are not where clients look,
 * but below RECORD_QUARANTINE.
 *
 * What was pruned, the latest first: "pruned": [{"version": "5.79.0", "prunedAt": "…Z", "publishedAt": "…Z", "reason": "…"}].
 *
 * Since when versions are listed that the record does not have and upstream tells no time of, newest version first, as long as
 * somebody wants to know: "seen": [{"version": "5.81.0", "seenAt": "…Z", "commit": "…"}]. The commit is that of the tag, if upstream
 * tells it.
 *
 * Members that are not known (written by a newer version) are kept as they are when the record is written again. */
#pragma once

#include "base/h1.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/util.h"
#include "model/finding.h"
#include "model/package.h"
#include "model/version.h"

#define RECORD_FILE "record.json"
/* Where the artifacts of quarantined versions are: before the package's directory. */
#define RECORD_QUARANTINE "held"
#define RECORD_SIZE_MAX (64 * MIB)
typedef struct Release Release;
typedef struct ReleaseList ReleaseList;

/* How many versions that are gone are remembered. */
#define RECORD_PRUNED_MAX 256

/* The life of a version. The record holds only those marked (r), the others are states of the running daemon. */
typedef enum VersionState {
        VERSION_PLANNED,
        VERSION_FETCHING,
        VERSION_VERIFYING,
        VERSION_REPACKING,
        VERSION_SCANNING,
        VERSION_STORING,
        VERSION_PUBLISHED, /* (r) */
        VERSION_HELD,      /* (r) */
        VERSION_FAILED,
        VERSION_WITHDRAWN,
        VERSION_PRUNING, /* (r) no longer served; its artifacts are being removed */
        _VERSION_STATE_MAX,
        _VERSION_STATE_INVALID = -EINVAL,
} VersionState;

/* Kept out until its next try: failed or held. */
bool version_state_is_tried_again(VersionState state);
const char *version_state_to_string(VersionState state); /* "planned", "fetching", … */
VersionState version_state_from_string(const char *string);

typedef struct RecordScan {
        ScanSummary summary; /* of no value with an error */
        char *error;         /* why it could not be assessed; NULL: it was */
        uint64_t failed_usec;
} RecordScan;

typedef struct RecordArtifact {
        const char *platform; /* shared: "linux_amd64"; NULL for a module */
        char *file;           /* name in the package's directory */
        uint64_t size;
        uint8_t sha256[SHA256_DIGEST_SIZE];
        uint8_t h1[SHA256_DIGEST_SIZE];
        bool has_h1;      /* of what is held back it may not be known */
        RecordScan *scan; /* NULL: it was not scanned */
} RecordArtifact;

/* As they are written. */
typedef struct RecordDigests {
        char sha256[SHA256_HEX_SIZE];
        char h1[H1_SIZE]; /* "": not known */
} RecordDigests;

/* How upstream differs from what was published; the published bytes stay. */
#define DRIFT_VANISHED "vanished" /* the listing has the version no more */
#define DRIFT_TAG "tag"       /* the release, or the time of the tag's commit, is not the one that it was */
#define DRIFT_COMMIT "commit" /* the tag leads to another commit */
#define DRIFT_CHECKSUM "checksum" /* SHA256SUMS says something else of a published file */
#define DRIFT_SUMS                                                                                          \
        "sums" /* SHA256SUMS is gone, or is another text that says the same of the published files */
#define DRIFT_SIGNATURE "signature" /* SHA256SUMS was signed anew, or its signature is gone */
#define DRIFT_TREE "tree"           /* the tag's archive, which was fetched anew, holds something else */

typedef struct RecordDrift {
        char *kind;         /* one of the above, or a newer version's */
        uint64_t seen_usec; /* when it was first seen */
        char *detail;
        json_object *unknown;
} RecordDrift;

/* When upstream released it, and made its commit, as it said when the version was brought; 0: not known. */
typedef struct RecordRelease {
        uint64_t released_usec, committed_usec;
} RecordRelease;

typedef struct RecordVersion {
        Version *version;
        VersionState state;
        unsigned hash_algorithm; /* of the signature */
        char *reason;            /* held, pruning: why; else NULL */
        uint64_t published_usec;
        char *tag, *commit; /* may be NULL */

        const char *key_fingerprint, *subkey_fingerprint; /* shared; NULL: unsigned (modules) */
        uint64_t signed_usec;
        bool key_expired;

        bool proof_missing; /* the store has lost SHA256SUMS, their signature or the keys: to be fetched again */

        bool withdrawn;   /* upstream has withdrawn it since */
        bool hidden;      /* for that reason VERSION_HELD, until upstream takes it back */
        bool quarantined; /* VERSION_HELD for `reason`, and its artifacts are out of the clients' reach */
        uint32_t n_drift, n_artifacts;
        char *withdrawn_message;
        RecordDrift *drift;
        RecordRelease upstream;

        char **protocols;          /* versions of the plugin protocol, "5.0"; NULL: upstream did not tell */
        RecordScan *source_scan;   /* of a provider; NULL: it was not scanned */
        RecordArtifact *artifacts; /* sorted by platform */
        json_object *unknown;      /* members of a newer format; NULL if none */
} RecordVersion;

/* A version that is gone. */
typedef struct RecordPruned {
        Version *version;
        uint64_t pruned_usec, published_usec; /* 0: not known */
        char *reason;                         /* may be NULL */
        json_object *unknown;
} RecordPruned;

/* A version that is not here. */
typedef struct RecordSeen {
        Version *version;
        uint64_t seen_usec; /* in whole seconds */
        char *commit;       /* may be NULL */
        json_object *unknown;
} RecordSeen;

typedef struct Record {
        PackageKind kind;
        char *package;            /* as people name it */
        char *source;             /* where the versions come from */
        RecordVersion **versions; /* newest first */
        size_t n_versions;
        RecordPruned *pruned; /* the latest first */
        size_t n_pruned;
        RecordSeen *seen; /* newest version first */
        size_t n_seen;
        json_object *unknown;
} Record;

int record_new(PackageKind kind, const char *package, const char *source, Record **ret);
Record *record_free(Record *record);
DEFINE_CLEANUP(Record *, record_free)
RecordVersion *record_version_free(RecordVersion *version);
DEFINE_CLEANUP(RecordVersion *, record_version_free)
/* A new version without artifacts, VERSION_PUBLISHED; parses `text`. */
int record_version_new(const char *text, RecordVersion **ret);

/* Strict: every name is checked with names.h, every digest for its form; a bad document gives -EBADMSG and *ret_error
 * (may be NULL) a message to be freed. */
int record_parse(const char *data, size_t size, Record **ret, char **ret_error);
/* The document, pretty; NULL when out of memory. */
char *record_format(const Record *record);

RecordScan *record_scan_free(RecordScan *scan);
DEFINE_CLEANUP(RecordScan *, record_scan_free)
/* What all scans of the version have found, or that it was not scanned, in words; to be freed. NULL when out of memory. */
char *record_version_describe_scans(const RecordVersion *version);
/* Copies the summary; or says why there is none. Return 0 or -ENOMEM. */
int record_scan_new(const ScanSummary *summary, RecordScan **ret);
int record_scan_new_failed(const char *error, uint64_t failed_usec, RecordScan **ret);

RecordVersion *record_find(const Record *record, const Version *version);
/* How many versions are not older. */
size_t record_n_from(const Record *record, const Version *version);
/* Puts the version in (replacing one with the same text, which is freed), keeping the order; takes it over on success. It is no
 * longer remembered as pruned. */
int record_put(Record *record, RecordVersion *version);
void record_remove(Record *record, const Version *version);

/* Remembers that the version, which is about to be removed, was pruned for its reason. */
int record_note_pruned(Record *record, const RecordVersion *version, uint64_t now_usec);
const RecordPruned *record_find_pruned(const Record *record, const Version *version);

RecordDigests record_artifact_digests(const RecordArtifact *artifact);
/* `h1` NULL: not known. Returns 0, or -EINVAL when one of them is none, then nothing has changed. */
int record_artifact_set_digests(RecordArtifact *artifact, const char *sha256, const char *h1);
/* Notes of what upstream lists and tells no time of, and the record does not have, that it is seen now, unless that is known; of
 * another commit it is news. What is listed no more is forgotten. Returns 1 when the record has changed. */
int record_note_seen(Record *record, const ReleaseList *releases, uint64_t now_usec);
const RecordSeen *record_find_seen(const Record *record, const Version *version);
/* Since when the release is listed, `now_usec` if that is news. `record` may be NULL. */
uint64_t record_first_seen(const Record *record, const Release *release, uint64_t now_usec);
/* Moves the times of what was seen between the two times. Returns whether there are any. */
bool record_shift_seen(Record *record, uint64_t since_usec, uint64_t until_usec, int64_t by_usec);

RecordArtifact *record_version_find_artifact(const RecordVersion *version, const char *platform);
/* Adds or replaces; takes over the strings of *artifact (left empty) whatever happens. */
int record_version_put_artifact(RecordVersion *version, RecordArtifact *artifact);
/* A deep copy, for changing a version without touching the record before the store has it. */
int record_version_copy(const RecordVersion *version, RecordVersion **ret);
/* What `known` becomes with what was brought for it: described as `brought` is, with the artifacts of both, and published
 * since when it was; quarantined if either is. */
int record_version_join(const RecordVersion *known, const RecordVersion *brought, RecordVersion **ret);

/* Takes the version out of sight for the reason, or lets it be seen again unless it is hidden. Returns 0 or -ENOMEM, then
 * nothing has changed. */
int record_version_quarantine(RecordVersion *version, const char *reason);
void record_version_release(RecordVersion *version);

const RecordDrift *record_version_find_drift(const RecordVersion *version, const char *kind);
/* Notes a difference. Returns 1, 0 when just that is noted already, -E2BIG or -ENOMEM. */
int record_version_set_drift(
        RecordVersion *version, const char *kind, uint64_t seen_usec, const char *detail);
/* It is gone again. Returns whether it was noted. */
bool record_version_clear_drift(RecordVersion *version, const char *kind);
