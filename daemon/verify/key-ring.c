#include "verify/key-ring.h"

#include <fcntl.h>
#include <stdio.h>

#include "base/background-write.h"
#include "base/fs.h"

#define NAME_SIZE 80

int key_ring_new(const char *fingerprint, KeyRing **ret) {
        KeyRing *ring = calloc(1, sizeof(KeyRing));

        if (!ring || string_assign(&ring->fingerprint, fingerprint) < 0) {
                free(ring);
                return -ENOMEM;
        }
        *ret = ring;
        return 0;
}

KeyRing *key_ring_free(KeyRing *ring) {
        if (!ring)
                return NULL;
        for (size_t i = 0; i < ring->n_copies; i++)
                free(ring->copies[i].data);
        free(ring->fingerprint);
        free(ring->user);
        free(ring);
        return NULL;
}

static void slot_name(const KeyRing *ring, unsigned slot, char ret[static NAME_SIZE]) {
        if (slot == 0)
                (void) snprintf(ret, NAME_SIZE, "%.64s.asc", ring->fingerprint);
        else
                (void) snprintf(ret, NAME_SIZE, "%.64s.%u.asc", ring->fingerprint, slot);
}

int key_ring_read(const KeyRing *ring, int directory_fd, unsigned slot, char **ret_data, size_t *ret_size,
        uint64_t *ret_modified_usec) {
        char name[NAME_SIZE];
        struct stat st;

        slot_name(ring, slot, name);
        if (fstatat(directory_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return negative_errno();
        *ret_modified_usec =
                (uint64_t) st.st_mtim.tv_sec * USEC_PER_SEC + (uint64_t) st.st_mtim.tv_nsec / 1000;
        return fs_read_file(directory_fd, name, KEY_TEXT_SIZE_MAX, ret_data, ret_size);
}

static unsigned free_slot(const KeyRing *ring) {
        for (unsigned slot = 0; slot < KEY_COPIES_MAX; slot++) {
                bool used = ring->reserved & 1U << slot;

                for (size_t i = 0; i < ring->n_copies; i++)
                        used = used || ring->copies[i].slot == slot;
                if (!used)
                        return slot;
        }
        return KEY_COPIES_MAX - 1; /* the last one that was kept may be replaced */
}

static void remove_copy(KeyRing *ring, size_t i) {
        free(ring->copies[i].data);
        memmove(&ring->copies[i], &ring->copies[i + 1], (--ring->n_copies - i) * sizeof(KeyCopy));
}

/* Puts the copy, whose text it takes over, in its place. */
static void insert_copy(KeyRing *ring, KeyCopy copy) {
        size_t i = 0;

        while (i < ring->n_copies && (ring->copies[i].n_revocations > copy.n_revocations ||
                                             (ring->copies[i].n_revocations == copy.n_revocations &&
                                                     ring->copies[i].order > copy.order)))
                i++;
        memmove(&ring->copies[i + 1], &ring->copies[i], (ring->n_copies++ - i) * sizeof(KeyCopy));
        ring->copies[i] = copy;
}

int key_ring_add(KeyRing *ring, Offload *offload, int directory_fd, const char *data, size_t size,
        const WorkerKey *key, uint64_t order, unsigned slot) {
        KeyCopy copy = { .size = size, .n_revocations = key->n_revocations, .order = order, .slot = slot };
        char name[NAME_SIZE];

        (void) string_assign(&ring->user, key->user);
        for (size_t i = 0; i < ring->n_copies; i++) {
                KeyCopy known = ring->copies[i];

                if (known.size != size || memcmp(known.data, data, size) != 0)
                        continue;
                memmove(&ring->copies[i], &ring->copies[i + 1], (--ring->n_copies - i) * sizeof(KeyCopy));
                known.order = MAX_OF(known.order, order);
                insert_copy(ring, known);
                return 0;
        }

        copy.data = malloc(size + 1);
        if (!copy.data)
                return -ENOMEM;
        memcpy(copy.data, data, size);
        copy.data[size] = '\0';
        if (ring->n_copies == KEY_COPIES_MAX)
                remove_copy(ring, KEY_COPIES_MAX - 1);
        if (slot == KEY_COPIES_MAX) {
                copy.slot = free_slot(ring);
                slot_name(ring, copy.slot, name);
                (void) background_write(offload, directory_fd, name, data, size, "a key");
        }
        insert_copy(ring, copy);
        return 1;
}
