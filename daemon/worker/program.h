/* Runs a program for a job that needs one, in a worker that has locked itself in with `may_execute`. The program gets an
 * empty environment but for HOME and TMPDIR, no descriptor but the standard ones, and limits of its own. How long it may take
 * is the daemon's business, which ends the worker with all that it has started.
 *
 * Landlock has to allow that the file is executed and, if it is not linked statically, that its loader and libraries are read; the
 * program reads and writes what the sandbox leaves open (SandboxPlace). */
#pragma once

#include "base/util.h"

#define PROGRAM_ARGUMENTS_MAX 64

typedef struct Program {
        int executable_fd; /* the file itself, not a script: it is executed by its descriptor; O_PATH suffices */
        char *const *arguments; /* from the name that it is called by to the NULL at their end */
        int directory_fd;       /* where it runs */
        const char *home;       /* its HOME and TMPDIR: the scratch directory */

        /* What each of its processes may have; 0: as much as the worker. */
        uint64_t data_max;      /* bytes of memory of its own */
        uint64_t file_size_max; /* bytes in a file; beyond that it is killed by SIGXFSZ */
        unsigned files_max;     /* descriptors */

        /* Gets its standard output, piece by piece; NULL: nobody does. A negative errno ends the program, and is what
         * program_run() returns. */
        int (*on_output)(const void *data, size_t size, void *userdata);
        void *userdata;
} Program;

typedef struct ProgramEnd {
        int exit_status; /* -1: it was killed */
        int signal;      /* 0: it was not */
        char *error; /* the end of what it wrote to standard error, printable, in one line; NULL: nothing */
} ProgramEnd;

void program_end_done(ProgramEnd *end);

/* Returns 0 when the program has run and ended, however it did; what it has left running may still be there, but is not
 * waited for. A negative errno: it could not be started, or on_output() had enough. */
int program_run(const Program *program, ProgramEnd *ret);
