/* The batches that change a package in the store. Order in each: artifacts, record, documents; what is removed goes in the
 * other direction. A stop between any two steps leaves what job/check.h brings in order at the next start. */
#pragma once

#include "job/package.h"
#include "job/version-task.h"
#include "publish/publish.h"

PublishTarget commit_target(const Package *package, const Settings *settings);

/* Puts record.json as the package's record is now, on condition that the store still has the revision last seen. */
int commit_record(StoreBatch *batch, const Package *package);

/* What tasks have brought: puts their versions into the package's record and adds all steps for them. Somebody else's
 * change of the record is found before anything is done; then the same yields may be committed again onto another record. */
int commit_yields(StoreBatch *batch, Package *package, const Settings *settings, VersionYield *yields,
        size_t n_yields);

/* Moves an artifact to the side of the quarantine that is named, from the other. */
int commit_move_artifact(StoreBatch *batch, const Package *package, bool quarantined, const char *file);

/* The documents that show a version, or its absence when it is not published; and that of all versions. */
int commit_version_documents(
        StoreBatch *batch, const Package *package, const Settings *settings, const RecordVersion *version);
int commit_index(StoreBatch *batch, const Package *package, const Settings *settings);

/* Takes the version out of sight: the record, in which it is VERSION_PRUNING already, and the documents are to follow. */
int commit_hide(StoreBatch *batch, const Package *package, const Settings *settings);

/* Removes the files of every version that is VERSION_PRUNING, then drops these versions from the record; nothing, should
 * somebody else have changed it. */
int commit_finish_pruning(StoreBatch *batch, Package *package);
bool commit_has_pruning(const Package *package);
