#include "worker/tree.h"

#include "base/list.h"
#include "worker/archive-path.h"
#include "worker/file.h"

#define FOLLOW_LINKS_MAX 40 /* as the kernel's */
#define FOLLOW_COMPONENTS_MAX 512

void tree_done(Tree *tree) {
        for (size_t i = 0; i < tree->n_entries; i++) {
                free(tree->entries[i].path);
                free(tree->entries[i].target);
        }
        free(tree->entries);
        *tree = (Tree) {};
}

int tree_add(Tree *tree, TreeType type, const char *path, const char *target, TreeEntry **ret) {
        _cleanup_free_ char *path_copy = strdup(path), *target_copy = target ? strdup(target) : NULL;
        size_t size = sizeof(TreeEntry) + strlen(path) + 1 + (target ? strlen(target) + 1 : 0);
        int r;

        if (!path_copy || (target && !target_copy))
                return -ENOMEM;
        if (size > TREE_NAMES_SIZE_MAX - MIN_OF(tree->names_size, (size_t) TREE_NAMES_SIZE_MAX))
                return -E2BIG;
        r = LIST_APPEND(tree->entries, tree->n_entries, ((TreeEntry) { .type = type }));
        if (r < 0)
                return r;
        tree->names_size += size;
        *ret = &tree->entries[tree->n_entries - 1];
        (*ret)->path = TAKE_PTR(path_copy);
        (*ret)->target = TAKE_PTR(target_copy);
        return 0;
}

static int compare_entries(const void *a, const void *b) {
        return strcmp(((const TreeEntry *) a)->path, ((const TreeEntry *) b)->path);
}

static TreeEntry *find(const Tree *tree, const char *path) {
        const TreeEntry key = { .path = (char *) path };

        if (tree->n_entries == 0)
                return NULL;
        return bsearch(&key, tree->entries, tree->n_entries, sizeof(TreeEntry), compare_entries);
}

const TreeEntry *tree_find(const Tree *tree, const char *path) {
        return find(tree, path);
}

/* No entry may lie below another that is not a directory. */
static int check_parents(const Tree *tree, const TreeEntry *entry, char **ret_error) {
        char parent[ARCHIVE_PATH_LENGTH_MAX + 1];

        for (const char *slash = strchr(entry->path, '/'); slash; slash = strchr(slash + 1, '/')) {
                size_t length = (size_t) (slash - entry->path);
                const TreeEntry *found;

                if (length > ARCHIVE_PATH_LENGTH_MAX)
                        return -ENAMETOOLONG;
                memcpy(parent, entry->path, length);
                parent[length] = '\0';
                found = find(tree, parent);
                if (found && found->type != TREE_DIRECTORY)
                        return refuse(ret_error, "%s: lies below %s, which is not a directory", entry->path,
                                parent);
        }
        return 0;
}

/* A hard link becomes a file with the same content. It may name another hard link. */
static int resolve_hard_link(const Tree *tree, TreeEntry *entry, char **ret_error) {
        const TreeEntry *target = entry;

        for (unsigned i = 0; target && target->type == TREE_HARD_LINK; i++) {
                if (i >= FOLLOW_LINKS_MAX)
                        return refuse(ret_error, "%s: too many hard links in a row", entry->path);
                target = find(tree, target->target);
        }
        if (!target || target->type != TREE_FILE)
                return refuse(ret_error, "%s: hard link to %s, which is no file of the archive", entry->path,
                        entry->target);
        entry->offset = target->offset;
        entry->size = target->size;
        memcpy(entry->digest, target->digest, sizeof(entry->digest));
        return 0;
}

/* Walks the target of a link as the kernel would, with `current` the path of a directory of the tree ("" for the root)
 * and `rest` what is still to be walked. Components that are not there are taken for directories, so that the walk
 * cannot be led astray by them; then the end is not a file. Returns 1 when the walk stays in the tree, 0 when it leaves it
 * or is too long; *ret is the entry at the end or NULL. */
static int walk(const Tree *tree, const TreeEntry *link, const TreeEntry **ret) {
        char current[2 * ARCHIVE_PATH_LENGTH_MAX + 2], rest[2 * ARCHIVE_PATH_LENGTH_MAX + 2];
        unsigned n_links = 1, n_components = 0;
        const char *slash = strrchr(link->path, '/');
        const TreeEntry *found = NULL;
        size_t length = slash ? (size_t) (slash - link->path) : 0;

        memcpy(current, link->path, length);
        current[length] = '\0';
        memcpy(rest, link->target, strlen(link->target) + 1);

        for (char *next = rest; *next;) {
                size_t n = strcspn(next, "/"), old_length = length;
                char *after = next + n + strspn(next + n, "/");

                if (++n_components > FOLLOW_COMPONENTS_MAX)
                        return 0;
                if (n == 0 || (n == 1 && next[0] == '.')) {
                        next = after;
                        continue;
                }
                if (n == 2 && next[0] == '.' && next[1] == '.') {
                        char *last = strrchr(current, '/');

                        if (length == 0)
                                return 0;
                        length = last ? (size_t) (last - current) : 0;
                        current[length] = '\0';
                        found = NULL;
                        next = after;
                        continue;
                }
                if (length + 1 + n > ARCHIVE_PATH_LENGTH_MAX)
                        return 0;
                if (length > 0)
                        current[length++] = '/';
                memcpy(current + length, next, n);
                length += n;
                current[length] = '\0';
                found = find(tree, current);
                next = after;
                if (found && found->type == TREE_LINK) {
                        size_t target_length = strlen(found->target), rest_length = strlen(next);

                        if (++n_links > FOLLOW_LINKS_MAX || target_length + 1 + rest_length >= sizeof(rest))
                                return 0;
                        memmove(rest + target_length + 1, next, rest_length + 1);
                        memcpy(rest, found->target, target_length);
                        rest[target_length] = '/';
                        next = rest;
                        length = old_length;
                        current[length] = '\0';
                        found = NULL;
                }
        }
        *ret = found;
        return 1;
}

static int check_link(const Tree *tree, const TreeEntry *entry, char **ret_error) {
        const TreeEntry *found;

        if (isempty(entry->target))
                return refuse(ret_error, "%s: symbolic link without a target", entry->path);
        if (entry->target[0] == '/')
                return refuse(
                        ret_error, "%s: symbolic link to the absolute path %s", entry->path, entry->target);
        if (strchr(entry->target, '\\'))
                return refuse(ret_error, "%s: symbolic link with a backslash in its target", entry->path);
        if (!walk(tree, entry, &found))
                return refuse(ret_error, "%s: symbolic link to %s leads out of the archive or in a circle",
                        entry->path, entry->target);
        return 0;
}

int tree_seal(Tree *tree, char **ret_error) {
        int r;

        if (tree->n_entries > 0)
                qsort(tree->entries, tree->n_entries, sizeof(TreeEntry), compare_entries);
        for (size_t i = 1; i < tree->n_entries; i++)
                if (streq(tree->entries[i - 1].path, tree->entries[i].path))
                        return refuse(
                                ret_error, "%s: is in the archive more than once", tree->entries[i].path);

        for (size_t i = 0; i < tree->n_entries; i++) {
                TreeEntry *entry = &tree->entries[i];

                r = check_parents(tree, entry, ret_error);
                if (r < 0)
                        return r;
                r = entry->type == TREE_HARD_LINK ? resolve_hard_link(tree, entry, ret_error)
                    : entry->type == TREE_LINK    ? check_link(tree, entry, ret_error)
                                                  : 0;
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < tree->n_entries; i++)
                if (tree->entries[i].type == TREE_HARD_LINK)
                        tree->entries[i].type = TREE_FILE;
        tree->sealed = true;
        return 0;
}

static void become_file(TreeEntry *entry, const TreeEntry *file) {
        free(TAKE_PTR(entry->target));
        entry->type = TREE_FILE;
        entry->executable = file->executable;
        entry->offset = file->offset;
        entry->size = file->size;
        memcpy(entry->digest, file->digest, sizeof(entry->digest));
}

/* The entry of `whole` that has become `entry` of the narrowed tree is `original`. */
static int narrow_link(const Tree *whole, const TreeEntry *original, const Tree *narrowed, TreeEntry *entry,
        char **ret_error) {
        const TreeEntry *found;

        if (walk(narrowed, entry, &found))
                return 0;
        found = tree_follow(whole, original);
        if (!found)
                return refuse(ret_error,
                        "%s: symbolic link to %s leads out of the subdirectory, and to no file",
                        original->path, original->target);
        become_file(entry, found);
        return 0;
}

/* Both trees are in the same order. */
static int narrow_links(const Tree *whole, const char *subdirectory, Tree *narrowed, char **ret_error) {
        size_t next = 0;
        int r = 0;

        for (size_t i = 0; i < whole->n_entries && r >= 0; i++) {
                const char *rest = startswith(whole->entries[i].path, subdirectory);

                if (!rest || rest[0] != '/')
                        continue;
                if (whole->entries[i].type == TREE_LINK)
                        r = narrow_link(
                                whole, &whole->entries[i], narrowed, &narrowed->entries[next], ret_error);
                next++;
        }
        return r;
}

int tree_narrow(Tree *tree, const char *subdirectory, char **ret_error) {
        _cleanup_(tree_done) Tree narrowed = {};
        bool found = false;
        int r;

        for (size_t i = 0; i < tree->n_entries; i++) {
                const TreeEntry *entry = &tree->entries[i];
                const char *rest = startswith(entry->path, subdirectory);
                TreeEntry *added;

                if (!rest || rest[0] != '/')
                        continue;
                r = tree_add(&narrowed, entry->type, rest + 1, entry->target, &added);
                if (r < 0)
                        return r;
                added->executable = entry->executable;
                added->offset = entry->offset;
                added->size = entry->size;
                memcpy(added->digest, entry->digest, sizeof(added->digest));
                found = found || entry->type != TREE_DIRECTORY;
        }
        if (!found)
                return refuse(ret_error, "the archive has no files in the directory %s", subdirectory);
        narrowed.sealed = true;
        r = narrow_links(tree, subdirectory, &narrowed, ret_error);
        if (r < 0)
                return r;
        tree_done(tree);
        *tree = TAKE_GENERIC(narrowed, ((Tree) {}));
        return 0;
}

const TreeEntry *tree_follow(const Tree *tree, const TreeEntry *entry) {
        const TreeEntry *found = entry;

        if (entry->type == TREE_LINK && !walk(tree, entry, &found))
                return NULL;
        return found && found->type == TREE_FILE ? found : NULL;
}

void tree_hash(const Tree *tree, char ret_h1[static H1_SIZE]) {
        DirHash hash;

        dirhash_start(&hash);
        for (size_t i = 0; i < tree->n_entries; i++) {
                const TreeEntry *entry = &tree->entries[i], *file;
                uint8_t digest[SHA256_DIGEST_SIZE];

                if (entry->type == TREE_DIRECTORY)
                        continue;
                file = tree_follow(tree, entry);
                if (file)
                        memcpy(digest, file->digest, sizeof(digest));
                else {
                        Sha256 sha256;

                        sha256_start(&sha256);
                        sha256_add(&sha256, entry->target, strlen(entry->target));
                        sha256_finish(&sha256, digest);
                }
                dirhash_add(&hash, entry->path, digest);
        }
        dirhash_finish(&hash, ret_h1);
}
