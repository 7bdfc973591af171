/* What the two kinds of version task share. */
#pragma once

#include <stdarg.h>
#include <stdio.h>

#include "job/version-task.h"

typedef struct VersionTaskKind {
        size_t size; /* of the object that begins with a VersionTask */
        int (*start)(VersionTask *task);
        void (*clear)(VersionTask *task); /* frees what the kind has, cancels what runs */
} VersionTaskKind;

struct VersionTask {
        const VersionTaskKind *kind; /* NULL until its start */
        const JobContext *context;
        Package *package;
        const PlanItem *item;
        VersionTaskDone done;
        void *userdata;
        sd_event_source *deferred;
        VersionState state;
        VersionYield yield;
};

extern const VersionTaskKind provider_task_kind, module_task_kind;

/* Tells everybody. */
void version_task_set_state(VersionTask *task, VersionState state);
/* Notes what went wrong; the task goes on until version_task_finish(). */
void version_task_fail(VersionTask *task, bool refused, uint64_t not_before_usec, const char *format, ...)
        _printf_(4, 5);
/* The only end: `done` is called on a later turn of the loop. */
void version_task_finish(VersionTask *task);
