/* The daemon's objects as the types of io.defdev.opendepot. */
#pragma once

#include <systemd/sd-json.h>

#include "job/explain.h"
#include "manager/manager.h"

int describe_status(const Manager *manager, sd_json_variant **ret);
int describe_problems(const Manager *manager, sd_json_variant **ret);
int describe_depot(const Manager *manager, const DepotState *state, sd_json_variant **ret);
int describe_key(const KeyInfo *info, sd_json_variant **ret);
int describe_package(const Package *package, sd_json_variant **ret);
/* Adds versions of the package to the array, newest first, until they, with their artifacts, have filled the room; at least
 * one where there is any room. They are older than `*after` (NULL: all are), which becomes the last of them. Returns 1 if there
 * are more, 0 if those were the last. */
int describe_versions(const Package *package, Version **after, size_t *room, sd_json_variant **array);
/* The same for one version, if the package has it. */
int describe_one_version(const Package *package, const Version *version, sd_json_variant **array);

int describe_explanation(const Explanation *explanation, sd_json_variant **ret);

int describe_job_event(const JobEvent *event, sd_json_variant **ret);
int describe_progress(const RequestProgress *progress, sd_json_variant **ret);
int describe_outcome(const RequestOutcome *outcome, sd_json_variant **ret);
/* An event that consists of its type alone. */
int describe_event(const char *type, sd_json_variant **ret);
