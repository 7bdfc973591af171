/* The daemon's side of opendepot-worker: one process per job, opened descriptors in, one bounded report out.
 *
 * A job's descriptors and description go over a SOCK_SEQPACKET pair; the report comes back on it as one JSON document of at
 * most WORKER_REPORT_SIZE_MAX bytes that is schema-checked like any hostile input. The process is watched by pidfd,
 * has a wall-clock limit, and is ended with SIGTERM and, two seconds later, SIGKILL; so is all that it has started, which is
 * gone at the latest when it is. */
#pragma once

#include <systemd/sd-event.h>

#include "base/util.h"
#include "model/depot.h"
#include "model/finding.h"
#include "scan/scanner.h"
#include "worker/cgroup.h"

#define WORKER_REPORT_SIZE_MAX (64 * KIB)
#define WORKER_KEYRINGS_MAX 16
#define WORKER_KEYS_MAX 16

typedef struct WorkerPool WorkerPool;
typedef struct WorkerJob WorkerJob;

typedef enum WorkerKind {
        WORKER_HASH_ZIP,  /* provider zip: sha256 and h1 of the file, fsync of its descriptor */
        WORKER_REPACK,    /* module archive in, deterministic archive and README out */
        WORKER_SIGNATURE, /* detached OpenPGP signature by gpgv */
        WORKER_KEYS,      /* which keys a key file holds */
        WORKER_PROBE,     /* nothing is read: how well a worker can be locked in here */
        WORKER_SCAN,      /* what the scanner finds in an artifact */
        WORKER_SCANNER,   /* which scanner there is */
        WORKER_RESCAN,    /* what the scanner finds in many artifacts by their SBOMs, in one run */
        _WORKER_KIND_MAX,
} WorkerKind;

typedef enum WorkerResult {
        WORKER_OK,      /* done; for a signature: a verdict was reached, see `signature` */
        WORKER_REFUSED, /* the input is bad: `message` says what and where; trying again gives the same */
        WORKER_FAILED, /* the job could not be done: crash, time limit, out of disk, bad report; `message` says why */
        WORKER_CANCELLED,
        _WORKER_RESULT_MAX,
} WorkerResult;

typedef enum SignatureVerdict {
        SIGNATURE_GOOD,
        SIGNATURE_BAD,         /* does not match the data, or is malformed */
        SIGNATURE_UNKNOWN_KEY, /* made by a key that is not in the keyrings */
        SIGNATURE_WRONG_KEY,   /* good, but the primary fingerprint is not a pinned one */
        SIGNATURE_EXPIRED,     /* refused by policy: the key or signature has expired */
        SIGNATURE_REVOKED,
        SIGNATURE_WEAK_HASH, /* refused by policy */
        _SIGNATURE_VERDICT_MAX,
        _SIGNATURE_VERDICT_INVALID = -EINVAL,
} SignatureVerdict;

const char *signature_verdict_to_string(SignatureVerdict verdict);

/* What a scan is told. */
typedef struct WorkerScan {
        ScanSubject subject;
        char scanner[SCANNER_VERSION_SIZE]; /* as WORKER_SCANNER has told */
        unsigned scanner_flags;
        uint64_t report_size_max;
} WorkerScan;

/* Descriptors are taken over by worker_pool_submit(), whatever it returns. Unused ones are -EBADF. */
typedef struct WorkerRequest {
        WorkerKind kind;
        uint64_t timeout_usec; /* wall clock; 0: that of the pool */
        int cgroup_fd;         /* the pool's business: where the worker puts itself into its control group */
        int input_fd; /* hash-zip: the file, which is fsynced; repack: archive; signature: the data; keys: the file */
        int output_fd; /* repack: empty file opened for writing; fsynced by the worker */

        /* hash-zip */
        bool hash_file; /* the sha256 of the file too: for a file whose bytes were not hashed while they arrived */

        /* repack */
        int scratch_fd; /* empty file without a name (O_TMPFILE), opened read-write: holds the unpacked content */
        int readme_fd; /* empty file for the README of the top directory; -EBADF: not wanted */
        FileFormat file_format;
        const char *
                subdirectory; /* what of the archive is the module; NULL: all of it. Borrowed during the call */

        /* signature */
        int signature_fd;
        int keyring_fds[WORKER_KEYRINGS_MAX]; /* armored or binary */
        size_t n_keyrings;
        char *const *
                fingerprints; /* pinned primary fingerprints, upper case; borrowed during the call; none: no signature
                                    * can be good, the verdict says who made it */
        bool allow_expired_keys, allow_weak_hashes;

        /* scan: the artifact is `input_fd`, a provider's zip, a go.mod, or a module as it was repacked; `output_fd`, `raw_fd` and
         * `sbom_fd` are empty files, opened read-write and fsynced by the worker: findings document, the scanner's own report,
         * CycloneDX document (-EBADF: none is wanted). rescan: `input_fd` is an array of up to SBOM_BINARIES_MAX CycloneDX
         * documents that scans have made, `output_fd` gets an array of as many objects, in their order: {"summary", "findings"},
         * or {"error"}. scanner: only the scanner and the directory */
        int scanner_fd;  /* the program */
        int database_fd; /* the scanner's cache directory with the database; not for modules */
        int directory_fd; /* an empty directory, for the worker alone, whose content is the caller's to remove */
        int raw_fd, sbom_fd;
        WorkerScan scan;
} WorkerRequest;

#define WORKER_REQUEST_INIT(k)                                                                              \
        (WorkerRequest) {                                                                                   \
                .kind = (k), .cgroup_fd = -EBADF, .input_fd = -EBADF, .output_fd = -EBADF,                  \
                .scratch_fd = -EBADF, .readme_fd = -EBADF, .signature_fd = -EBADF, .scanner_fd = -EBADF,    \
                .database_fd = -EBADF, .directory_fd = -EBADF, .raw_fd = -EBADF, .sbom_fd = -EBADF,         \
        }

/* A primary key in a key file. Nothing of it is verified: gpgv does that. */
typedef struct WorkerKey {
        char fingerprint[65];   /* upper case */
        char user[128];         /* the first user id, cut to what fits; "" if there is none */
        uint64_t created;       /* seconds since the epoch */
        unsigned n_revocations; /* signatures that revoke it or a subkey, if they are good */
} WorkerKey;

/* Only what the kind of job gives is set. Owned by the pool, valid during the callback. */
typedef struct WorkerReport {
        WorkerResult result;
        char *message; /* for people, printable; NULL when WORKER_OK, except that it says what
                                               is wrong with a signature that is not good */

        uint64_t size;   /* hash-zip: of the input; repack: of the output */
        char sha256[65]; /* the same file; hash-zip: "" unless hash_file was asked for */
        char h1[64];     /* "h1:…" of the zip's content, or of the module tree */

        char commit[65]; /* repack: from the pax header, "" if there is none */
        uint64_t n_entries, unpacked_size;
        uint64_t readme_size; /* 0: no README */

        SignatureVerdict signature;
        char primary_fingerprint[65]; /* "" if unknown */
        char signing_fingerprint[65];
        uint64_t signed_at;      /* seconds since the epoch */
        unsigned hash_algorithm; /* RFC 9580 section 9.5 */
        bool key_expired;        /* good and accepted, but the key has expired since */

        WorkerKey keys[WORKER_KEYS_MAX];
        size_t n_keys;

        ScanSummary scan;   /* scan */
        uint64_t n_scanned; /* rescan: how many documents there were */

        char scanner[SCANNER_VERSION_SIZE]; /* scanner */
        unsigned scanner_flags;

        unsigned layers; /* probe: what the kernel has of the sandbox, SANDBOX_BIT() of each */
} WorkerReport;

typedef void (*WorkerDone)(const WorkerReport *report, void *userdata);

typedef struct WorkerLimits {
        unsigned parallel;
        uint64_t timeout_usec;
        uint64_t entries_max, unpacked_size_max, ratio_max; /* of archives */
        uint64_t artifact_size_max;                         /* bytes a job may write */
        CgroupLimits cgroup;
} WorkerLimits;

/* `program` is the path of opendepot-worker. */
int worker_pool_new(sd_event *event, const char *program, const WorkerLimits *limits, WorkerPool **ret);
/* From now on each job has a control group of its own, with `limits.cgroup`. Taken over. To be called once. */
void worker_pool_set_cgroups(WorkerPool *pool, Cgroups *cgroups);
/* Kills what runs; every outstanding callback is called with WORKER_CANCELLED first. */
WorkerPool *worker_pool_free(WorkerPool *pool);
DEFINE_CLEANUP(WorkerPool *, worker_pool_free)
/* For jobs that start from now on. */
void worker_pool_set_limits(WorkerPool *pool, const WorkerLimits *limits);
unsigned worker_pool_n_running(const WorkerPool *pool);

/* Queues the job; `done` is called exactly once, from the loop and never from within this call, unless cancelled.
 * *ret (may be NULL) is valid until then. */
int worker_pool_submit(
        WorkerPool *pool, WorkerRequest *request, WorkerDone done, void *userdata, WorkerJob **ret);
/* Forgets the job: `done` is not called, a running process is killed. Returns NULL. */
WorkerJob *worker_job_cancel(WorkerJob *job);
