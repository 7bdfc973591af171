/* Unpacks a module archive (tar.gz or zip) into a tree and a scratch file. */
#pragma once

#include "worker/tree.h"
#include "worker/worker.h"

/* Archives of less content than this may have any ratio. */
#define UNPACK_RATIO_FROM (16 * MIB)

typedef struct Unpacked {
        Tree tree;       /* sealed, without the top directory of the archive */
        uint64_t size;   /* of all files of the tree */
        char commit[65]; /* of a `git archive`: in the pax global header or the comment of the zip; or "" */
} Unpacked;

void unpacked_done(Unpacked *unpacked);

/* Loads what unpack() needs of the system's files: for a process that will not be able to open any. Returns 0 or -EOPNOTSUPP. */
int unpack_prepare(void);
/* Reads the archive in `input_fd` and writes the content of its files one after the other to `scratch_fd`. All entries
 * must lie in one top directory. Refused with the entry's name: names that archive_path_check() or tree_seal() refuse,
 * devices, fifos, sockets, and what goes beyond the limits. Modes are reduced to executable or not. Returns 0, -EBADMSG with the
 * reason in *ret_error, or a negative errno (with a message if it concerns the scratch file). */
int unpack(int input_fd, int scratch_fd, const WorkerLimits *limits, Unpacked *ret, char **ret_error);
/* The same for an archive that was repacked here: it has no top directory. */
int unpack_module(int input_fd, int scratch_fd, const WorkerLimits *limits, Unpacked *ret, char **ret_error);
