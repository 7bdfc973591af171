/* Makes the archive of a module that is stored: the same bytes for the same content, whatever the archive it came in. */
#pragma once

#include "worker/protocol.h"

/* A longer README is cut at the end of a line. */
#define REPACK_README_SIZE_MAX (1 * MIB)

/* With a subdirectory, only that is the module (see tree_narrow()), and its root is where it begins.
 *
 * Reads the archive in input_fd (tar.gz or zip), see unpack(), and writes to output_fd a zip or tar.gz without the top
 * directory, its entries sorted bytewise, with the time 1980-01-01 (the oldest that a zip can have), owner 0 and mode 0644 or
 * 0755. There are no entries for directories, so that the hash of the packed and the unpacked module is the same, and
 * empty directories are lost, as they are in git. Symbolic links stay links. The output is on the disk afterwards.
 *
 * The README is the file of the module's root with the first of the names README.md, README, README.rst, README.txt that
 * is there, in any case; it is copied to readme_fd.
 *
 * Fills all values of the report for this kind; h1 is tree_hash(). Returns as ziphash_run(). */
int repack_run(const WorkerDescription *description, WorkerReport *report);
