#include "model/record.h"

static const char *const version_state_table[_VERSION_STATE_MAX] = {
        [VERSION_PLANNED] = "planned",
        [VERSION_FETCHING] = "fetching",
        [VERSION_VERIFYING] = "verifying",
        [VERSION_REPACKING] = "repacking",
        [VERSION_SCANNING] = "scanning",
        [VERSION_STORING] = "storing",
        [VERSION_PUBLISHED] = "published",
        [VERSION_HELD] = "held",
        [VERSION_FAILED] = "failed",
        [VERSION_WITHDRAWN] = "withdrawn",
        [VERSION_PRUNING] = "pruning",
};

const char *version_state_to_string(VersionState state) {
        return state >= 0 && state < _VERSION_STATE_MAX ? version_state_table[state] : NULL;
}

bool version_state_is_tried_again(VersionState state) {
        return state == VERSION_FAILED || state == VERSION_HELD;
}

VersionState version_state_from_string(const char *string) {
        for (VersionState state = 0; state < _VERSION_STATE_MAX; state++)
                if (streq(string, version_state_table[state]))
                        return state;
        return _VERSION_STATE_INVALID;
}
