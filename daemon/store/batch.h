/* The inside of a batch, for the backends. */
#pragma once

#include "store/store.h"

typedef enum StoreStepType {
        STORE_STEP_PUT_FILE,
        STORE_STEP_PUT,
        STORE_STEP_MOVE,
        STORE_STEP_DELETE,
        STORE_STEP_EXPECT,
        STORE_STEP_BARRIER,
} StoreStepType;

typedef struct StoreStep {
        StoreStepType type;
        char *key;
        char *staged; /* put file */
        char *target; /* move: the new key */
        char *data;   /* put */
        size_t size;
        char *revision; /* put: NULL, "" or a revision; expect: "" or a revision */
} StoreStep;

struct StoreBatch {
        StoreStep *steps;
        size_t n_steps;
};
