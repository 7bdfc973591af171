/* Runs a program for a job that needs one, in a worker that has locked itself in with `may_execute`. The program gets an
 * empty environment but for HOME and TMPDIR, no descriptor but the standard ones, its own and those that it is given, and limits of
 * its own. How long it may take is the daemon's business, which ends the worker with all that it has started.
 *
 * Landlock has to allow that the file is executed and, if it is not linked statically, that its loader and libraries are read; the
 * program reads and writes what the sandbox leaves open (SandboxPlace). */
#pragma once

#include "base/util.h"

/* Where the program finds its own file, open, and from where on those that it is given. */
#define PROGRAM_FD 3
#define PROGRAM_GIVEN_FD 4
#define PROGRAM_GIVEN_MAX 4

typedef struct Program {
        int executable_fd;                /* O_PATH suffices, but for a script */
        const char *const *arguments;     /* from the name that it is called by to the NULL at their end */
        int directory_fd;                 /* where it runs */
        const char *home, *temporary;     /* its HOME and TMPDIR */
        int given_fds[PROGRAM_GIVEN_MAX]; /* -EBADF: nothing is open there */
        size_t n_given;

        /* Gets its standard output; -EBADF: on_output() does, piece by piece. A negative errno of that ends the program, and is what
         * program_run() returns. Without either nobody gets it. */
        int output_fd;
        int (*on_output)(const void *data, size_t size, void *userdata);
        void *userdata;

        /* What each of its processes may have; 0: as much as the worker. */
        uint64_t data_max;      /* bytes of memory of its own */
        uint64_t file_size_max; /* bytes in a file; beyond that it is killed by SIGXFSZ */
        unsigned files_max;     /* descriptors */
        unsigned
                processes_max; /* counted for all processes of the user; a control group has a limit of its own */
} Program;

typedef struct ProgramEnd {
        int exit_status; /* -1: it was killed */
        int signal;      /* 0: it was not */
        char *error;     /* the last line that it wrote to standard error, printable; NULL: none */
} ProgramEnd;

void program_end_done(ProgramEnd *end);

/* Returns 0 when the program has run and ended, however it did; what it has left running may still be there, but is not
 * waited for. A negative errno: it could not be started, or on_output() had enough. */
int program_run(const Program *program, ProgramEnd *ret);
