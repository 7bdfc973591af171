/* The files of a module archive while it is repacked: their names and hashes in memory, their content in a scratch
 * file. */
#pragma once

#include "worker/dirhash.h"

/* Memory that names and link targets may take. */
#define TREE_NAMES_SIZE_MAX (64 * MIB)

typedef enum TreeType {
        TREE_FILE,
        TREE_DIRECTORY, /* only kept to find clashes of names */
        TREE_LINK,      /* symbolic */
        TREE_HARD_LINK, /* until tree_seal(), which makes it a file */
} TreeType;

typedef struct TreeEntry {
        char *path;   /* relative to the module's root */
        char *target; /* links; hard links: relative to the root */
        TreeType type;
        bool executable;
        uint64_t offset, size;              /* the content of a file in the scratch file */
        uint8_t digest[SHA256_DIGEST_SIZE]; /* of the content, or of the target's text */
} TreeEntry;

typedef struct Tree {
        TreeEntry *entries;
        size_t n_entries;
        size_t names_size;
        bool sealed;
} Tree;

void tree_done(Tree *tree);

/* Appends an entry, whose path has passed archive_path_check(); strings are copied. The result is valid until the next
 * call. Returns 0, -E2BIG when the names take too much memory, or -ENOMEM. */
int tree_add(Tree *tree, TreeType type, const char *path, const char *target, TreeEntry **ret);

/* Sorts the entries bytewise and refuses what cannot be unpacked or would leave the tree: names that are there twice, a
 * file where another entry needs a directory, hard links to nothing, symbolic links that lead out of the tree, followed as
 * a kernel follows them. Returns 0, -EBADMSG with the reason in *ret_error, or -ENOMEM. */
int tree_seal(Tree *tree, char **ret_error);

/* Leaves only what is below the directory `subdirectory` (plain names and slashes) of a sealed tree, with paths relative to it. A
 * symbolic link that leads out of it becomes the file that it leads to. Returns 0, -EBADMSG with the reason in *ret_error when
 * there is no such directory or a link leads elsewhere, or -ENOMEM. */
int tree_narrow(Tree *tree, const char *subdirectory, char **ret_error);

/* In a sealed tree: the entry with this path, or NULL. */
const TreeEntry *tree_find(const Tree *tree, const char *path);

/* The file that opening `entry` of a sealed tree opens: the entry itself, or what a symbolic link leads to. NULL if that
 * is a directory or not there. */
const TreeEntry *tree_follow(const Tree *tree, const TreeEntry *entry);

/* The hash of the unpacked tree as terraform computes it for a directory: all files by their content; a symbolic link
 * counts as the file it leads to, since that is what a client reads. A link to a directory or to nothing, which no client
 * can hash, counts as the text of its target. Directories do not count. */
void tree_hash(const Tree *tree, char ret_h1[static H1_SIZE]);
