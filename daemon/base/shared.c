#include "base/shared.h"

#include <stddef.h>

typedef struct Shared {
        size_t n_references;
        char text[];
} Shared;

static Shared *shared_of(const char *text) {
        return (Shared *) (text - offsetof(Shared, text));
}

int shared_assign(const char **target, const char *text) {
        size_t size = text ? strlen(text) + 1 : 0;
        Shared *shared;

        if (!text) {
                *target = shared_unref(*target);
                return 0;
        }
        shared = malloc(sizeof(Shared) + size);
        if (!shared)
                return -ENOMEM;
        shared->n_references = 1;
        memcpy(shared->text, text, size);
        shared_unref(*target);
        *target = shared->text;
        return 0;
}

void shared_copy(const char **target, const char *text) {
        if (text)
                shared_of(text)->n_references++;
        shared_unref(*target);
        *target = text;
}

void shared_merge(const char **target, const char *text) {
        if (*target && text && *target != text && streq(*target, text))
                shared_copy(target, text);
}

const char *shared_unref(const char *text) {
        if (text && --shared_of(text)->n_references == 0)
                free(shared_of(text));
        return NULL;
}
