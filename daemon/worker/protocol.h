/* What passes between the daemon and opendepot-worker on the socket WORKER_FD: one job with its descriptors
 * (SCM_RIGHTS) to the worker, one report back. Both are JSON documents in one packet each and carry the version of
 * this protocol; both sides check every member, and a member they do not know makes the document malformed. */
#pragma once

#include "worker/worker.h"

#define WORKER_PROTOCOL_VERSION 1
#define WORKER_FD 3
#define WORKER_JOB_SIZE_MAX (16 * KIB)
#define WORKER_FINGERPRINTS_MAX 64

/* A job as the worker process has received it. The descriptors and the fingerprints are its own. */
typedef struct WorkerDescription {
        WorkerRequest request;
        WorkerLimits limits; /* `parallel` and `timeout_usec` are the daemon's business and 0 here */
        char *subdirectory;  /* owned; request.subdirectory points to it */
        char **fingerprints; /* what request.fingerprints points at */
} WorkerDescription;

void worker_description_done(WorkerDescription *description);

/* Sends the job; the descriptors stay the caller's. Never blocks. Returns 0, -EINVAL if the request lacks something
 * that its kind needs, -EMSGSIZE, or a negative errno. */
int worker_job_send(int socket, const WorkerRequest *request, const WorkerLimits *limits);
/* Waits for the job. Returns 0, -ENODATA when the other side has closed, -EBADMSG if it is malformed. */
int worker_job_receive(int socket, WorkerDescription *ret);

/* Closes all descriptors of a request and makes them -EBADF. */
void worker_request_close(WorkerRequest *request);

int worker_report_send(int socket, WorkerKind kind, const WorkerReport *report);
/* The report as JSON, at most WORKER_REPORT_SIZE_MAX bytes; -EMSGSIZE. */
int worker_report_format(WorkerKind kind, const WorkerReport *report, char **ret);
/* Reads a report that claims to answer `request`. Returns 0, or -EBADMSG with what is wrong in *ret_error (static
 * text), or -ENOMEM. */
int worker_report_parse(const WorkerRequest *request, const char *data, size_t size, WorkerReport *ret,
        const char **ret_error);
void worker_report_done(WorkerReport *report);

const char *worker_kind_to_string(WorkerKind kind);
const char *worker_result_to_string(WorkerResult result);

/* True for an upper-case fingerprint of 40 or 64 hexadecimal digits. */
bool fingerprint_is_valid(const char *fingerprint);
