/* Events of the daemon as lines of text. */
#pragma once

#include "ctl/fields.h"

/* The outcome of a request in words: "3 added, 1 pruned, 0 failed; 2 of 2 packages complete; 12.0M in 3.1s". */
void event_format_outcome(sd_json_variant *outcome, char *ret, size_t size);

/* Counts of a plan: "3 to add, 1 to prune, 40 unchanged"; `plan` is the array of an event. */
typedef struct PlanCounts {
        uint64_t keep, add, retry, wait, withdraw, missing, prune, hold, hide, restore;
} PlanCounts;

void plan_counts_add(PlanCounts *counts, sd_json_variant *plan);
bool plan_counts_changes(const PlanCounts *counts); /* is there anything to do? */
void plan_counts_format(const PlanCounts *counts, char *ret, size_t size);

/* Writes the event as one line. */
void event_print(sd_json_variant *event, const Style *style, FILE *file);
