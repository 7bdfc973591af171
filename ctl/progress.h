/* The live display of a running sync: finished versions scroll by above a block of a few lines that is drawn anew. */
#pragma once

#include "ctl/fields.h"

typedef struct ProgressDisplay ProgressDisplay;

int progress_display_new(const Style *style, ProgressDisplay **ret);
/* Removes the block from the terminal. */
ProgressDisplay *progress_display_free(ProgressDisplay *display);
DEFINE_CLEANUP(ProgressDisplay *, progress_display_free)

/* Takes an event in, and prints it when it is one to keep: plans with something to do, ends of versions, failures. */
void progress_display_event(ProgressDisplay *display, sd_json_variant *event);
/* Draws the block. */
void progress_display_tick(ProgressDisplay *display);

/* "[#####-----]": `done` of `total` as a bar of `width` columns, brackets included; at least 3. */
#define PROGRESS_BAR_SIZE 256
void progress_bar(
        uint64_t done, uint64_t total, unsigned width, bool unicode, char ret[static PROGRESS_BAR_SIZE]);
