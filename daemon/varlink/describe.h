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
/* Adds the versions of the package (only `version`, if it is not NULL) to the array, newest first. */
int describe_versions(const Package *package, const char *version, sd_json_variant **array);

int describe_explanation(const Explanation *explanation, sd_json_variant **ret);

int describe_job_event(const JobEvent *event, sd_json_variant **ret);
int describe_progress(const RequestProgress *progress, sd_json_variant **ret);
int describe_outcome(const RequestOutcome *outcome, sd_json_variant **ret);
/* An event that consists of its type alone. */
int describe_event(const char *type, sd_json_variant **ret);
