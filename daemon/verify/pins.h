/* What is known of keys beside the configuration: those pinned on first use, accepted or refused by the operator, taken over
 * from a record, or only seen upstream. Kept in pins.json in the state directory, written durably after each change. */
#pragma once

#include "base/offload.h"
#include "base/util.h"

#define PINS_FILE "pins.json"
#define PINS_FILE_SIZE_MAX (4 * MIB)
#define PINS_MAX 1024
#define PINS_PER_NAMESPACE_MAX 16
#define PIN_TEXT_MAX 512

typedef enum PinState {
        PIN_OFFERED,   /* upstream names it; it vouches for nothing */
        PIN_FIRST_USE, /* the first key whose signature was seen in a namespace that had none */
        PIN_RECORDED,  /* versions in a store were published with it */
        PIN_ACCEPTED,  /* by the operator */
        PIN_REFUSED,   /* by the operator */
        _PIN_STATE_MAX,
        _PIN_STATE_INVALID = -EINVAL,
} PinState;

const char *pin_state_to_string(
        PinState state); /* "offered", "firstUse", "recorded", "accepted", "refused" */
PinState pin_state_from_string(const char *string);
bool pin_state_is_trusted(PinState state);

typedef struct Pin {
        char *provider_namespace;
        char *fingerprint; /* upper case */
        char *source;      /* where it was seen; may be NULL */
        char *user;        /* what it calls itself; may be NULL */
        PinState state;
        bool awaited;        /* a good signature of it was seen while it was not trusted */
        uint64_t since_usec; /* of the state; realtime */
} Pin;

typedef struct Pins Pins;

/* Reads what the directory (duplicated) has. A file that cannot be read is told of and makes pins_are_damaged(). */
int pins_new(Offload *offload, int directory_fd, Pins **ret);
/* To be called after offload_free(), which ends what is being written. */
Pins *pins_free(Pins *pins);
DEFINE_CLEANUP(Pins *, pins_free)

size_t pins_count(const Pins *pins);
const Pin *pins_at(const Pins *pins, size_t i);
const Pin *pins_find(const Pins *pins, const char *provider_namespace, const char *fingerprint);
/* What was pinned before is not known: nothing may be pinned by itself. */
bool pins_are_damaged(const Pins *pins);

/* Adds the pin, or changes its state; source and user replace what is known unless they are NULL. Returns 0, -ENOSPC when
 * there are too many, -ENOMEM. */
int pins_set(Pins *pins, const char *provider_namespace, const char *fingerprint, PinState state,
        const char *source, const char *user);
/* Notes that versions wait for it. Returns 1 when that is news, 0, or -ENOENT. */
int pins_set_awaited(Pins *pins, const char *provider_namespace, const char *fingerprint);

/* Something is still on its way to the disk. */
bool pins_is_writing(const Pins *pins);

/* The text of the file, and what it says; strict, as everything that decides on trust is. For tests. */
char *pins_format(const Pins *pins);
int pins_parse(Pins *pins, const char *data, size_t size, const char **ret_error);
