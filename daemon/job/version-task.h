/* Brings one version of a package as far as the staging directory: fetched, verified, hashed or repacked. What comes out
 * is for the store to commit. */
#pragma once

#include "job/context.h"
#include "job/package.h"

typedef struct VersionTask VersionTask;

typedef struct StagedFile {
        char *staged; /* name in the staging directory */
        char *file;   /* name in the package's directory */
} StagedFile;

typedef struct StagedDocument {
        char *file;
        char *data;
        size_t size;
} StagedDocument;

/* What is ready for the store. */
typedef struct VersionYield {
        char *text;                          /* the version, normalised */
        RecordVersion *version;              /* what was brought, for the record; NULL: nothing is ready */
        bool immutable;                      /* a module's tree never changes once it is published */
        const RecordVersion *recorded;       /* where commit_yields() has put it; borrowed from the record */
        bool is_stored;                      /* the store has it: it was scanned or judged anew */
        bool was_published, was_quarantined; /* of what was known when it was recorded */
        char *scan_problem;                  /* why it was not scanned; NULL: nothing kept it from that */
        bool moves; /* what of it lies in the store already goes into quarantine, or out of it */
        StagedFile *files;
        size_t n_files;
        StagedDocument *documents; /* beside the artifacts */
        size_t n_documents;
        char *drift;  /* of a module that is there already: its tree is another one upstream, and how */
        bool agrees;  /* its tree is the same */
        char *error;  /* what went wrong, with everything or with some platforms; NULL: nothing */
        bool held;    /* the error is for a person to decide on */
        bool refused; /* the error lies in what upstream serves: trying again soon is no use */
        uint64_t not_before_usec; /* realtime */
} VersionYield;

void version_yield_clear(VersionYield *yield);
/* Also gives back the space that its files take: what is not committed is fetched anew. */
void version_yield_discard(VersionYield *yield, const JobContext *context, const Package *package);
/* Compares what was brought with the record as it is now: of a module that is there already, or may not change, and of the
 * proof of what is gone, nothing is ready any more; nor of what the store had when it was scanned, and has no more. */
void version_yield_judge(VersionYield *yield, const Package *package);
/* Whether the staging directory still has its files: what the store has taken cannot be given to it once more. */
bool version_yield_is_staged(const VersionYield *yield, const Package *package);
/* NULL: it is not among them. */
const StagedFile *version_yield_find_file(const VersionYield *yield, const char *file);
int version_yield_add_file(VersionYield *yield, const char *staged, const char *file);
int version_yield_add_document(VersionYield *yield, const char *file, const void *data, size_t size);

/* *yield may be taken over (leave it empty). Called once from the loop, never from within version_task_start(). */
typedef void (*VersionTaskDone)(VersionTask *task, VersionYield *yield, void *userdata);

/* `item` and what it borrows from live at least as long as the task. The task frees itself after `done`. */
int version_task_start(const JobContext *context, Package *package, const PlanItem *item,
        VersionTaskDone done, void *userdata, VersionTask **ret);
/* Forgets it without calling anything. Returns NULL. */
VersionTask *version_task_cancel(VersionTask *task);
const char *version_task_version(const VersionTask *task);
