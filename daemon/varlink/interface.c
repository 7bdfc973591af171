#include "varlink/interface.h"

static SD_VARLINK_DEFINE_ENUM_TYPE(PackageKind, SD_VARLINK_FIELD_COMMENT("A module of the module registry"),
        SD_VARLINK_DEFINE_ENUM_VALUE(module),
        SD_VARLINK_FIELD_COMMENT("A provider of the upstream registries"),
        SD_VARLINK_DEFINE_ENUM_VALUE(provider));

static SD_VARLINK_DEFINE_ENUM_TYPE(PackageState,
        SD_VARLINK_FIELD_COMMENT("Not yet looked at since the daemon started"),
        SD_VARLINK_DEFINE_ENUM_VALUE(unknown), SD_VARLINK_FIELD_COMMENT("Waits for its turn"),
        SD_VARLINK_DEFINE_ENUM_VALUE(queued),
        SD_VARLINK_FIELD_COMMENT("Its upstream is being asked for releases"),
        SD_VARLINK_DEFINE_ENUM_VALUE(discovering),
        SD_VARLINK_FIELD_COMMENT("Versions are being fetched, verified, stored or pruned"),
        SD_VARLINK_DEFINE_ENUM_VALUE(syncing), SD_VARLINK_FIELD_COMMENT("Everything wanted is published"),
        SD_VARLINK_DEFINE_ENUM_VALUE(current),
        SD_VARLINK_FIELD_COMMENT("Some versions failed; the others are published"),
        SD_VARLINK_DEFINE_ENUM_VALUE(incomplete),
        SD_VARLINK_FIELD_COMMENT("Nothing could be done, see reason"), SD_VARLINK_DEFINE_ENUM_VALUE(failed));

static SD_VARLINK_DEFINE_ENUM_TYPE(VersionState, SD_VARLINK_DEFINE_ENUM_VALUE(planned),
        SD_VARLINK_DEFINE_ENUM_VALUE(fetching), SD_VARLINK_DEFINE_ENUM_VALUE(verifying),
        SD_VARLINK_DEFINE_ENUM_VALUE(repacking), SD_VARLINK_DEFINE_ENUM_VALUE(scanning),
        SD_VARLINK_DEFINE_ENUM_VALUE(storing), SD_VARLINK_FIELD_COMMENT("Can be installed"),
        SD_VARLINK_DEFINE_ENUM_VALUE(published),
        SD_VARLINK_FIELD_COMMENT("Kept out of sight by policy, see reason and, if it is too young, nextTry"),
        SD_VARLINK_DEFINE_ENUM_VALUE(held),
        SD_VARLINK_FIELD_COMMENT("Kept out, see reason; tried again at nextTry"),
        SD_VARLINK_DEFINE_ENUM_VALUE(failed), SD_VARLINK_FIELD_COMMENT("Upstream has withdrawn it"),
        SD_VARLINK_DEFINE_ENUM_VALUE(withdrawn),
        SD_VARLINK_FIELD_COMMENT("Being removed because of versionHistoryLimit"),
        SD_VARLINK_DEFINE_ENUM_VALUE(pruning));

static SD_VARLINK_DEFINE_ENUM_TYPE(PlanAction, SD_VARLINK_FIELD_COMMENT("Published already, nothing to do"),
        SD_VARLINK_DEFINE_ENUM_VALUE(keep), SD_VARLINK_FIELD_COMMENT("To be fetched"),
        SD_VARLINK_DEFINE_ENUM_VALUE(add), SD_VARLINK_FIELD_COMMENT("Failed before, to be fetched again"),
        SD_VARLINK_DEFINE_ENUM_VALUE(retry),
        SD_VARLINK_FIELD_COMMENT("Failed before, its next try is not due yet"),
        SD_VARLINK_DEFINE_ENUM_VALUE(wait),
        SD_VARLINK_FIELD_COMMENT("Upstream has withdrawn it, it is not fetched"),
        SD_VARLINK_DEFINE_ENUM_VALUE(withdraw),
        SD_VARLINK_FIELD_COMMENT("Listed by a Module or Provider document, but upstream does not have it"),
        SD_VARLINK_DEFINE_ENUM_VALUE(missing),
        SD_VARLINK_FIELD_COMMENT("To be removed because of versionHistoryLimit"),
        SD_VARLINK_DEFINE_ENUM_VALUE(prune),
        SD_VARLINK_FIELD_COMMENT("Younger than minimumReleaseAge, see due"),
        SD_VARLINK_DEFINE_ENUM_VALUE(hold),
        SD_VARLINK_FIELD_COMMENT("Withdrawn upstream, to be hidden from clients"),
        SD_VARLINK_DEFINE_ENUM_VALUE(hide), SD_VARLINK_FIELD_COMMENT("Hidden, to be published again"),
        SD_VARLINK_DEFINE_ENUM_VALUE(restore));

static SD_VARLINK_DEFINE_ENUM_TYPE(EventType, SD_VARLINK_FIELD_COMMENT("A request was taken up"),
        SD_VARLINK_DEFINE_ENUM_VALUE(accepted),
        SD_VARLINK_FIELD_COMMENT("What is going to be done for one package, see plan"),
        SD_VARLINK_DEFINE_ENUM_VALUE(plan), SD_VARLINK_FIELD_COMMENT("A package changed its state"),
        SD_VARLINK_DEFINE_ENUM_VALUE(package), SD_VARLINK_FIELD_COMMENT("A version changed its state"),
        SD_VARLINK_DEFINE_ENUM_VALUE(version),
        SD_VARLINK_FIELD_COMMENT("How far the transfers of one request have come, see progress"),
        SD_VARLINK_DEFINE_ENUM_VALUE(progress),
        SD_VARLINK_FIELD_COMMENT("The configuration was loaded anew"), SD_VARLINK_DEFINE_ENUM_VALUE(reload),
        SD_VARLINK_FIELD_COMMENT("A request has ended, see outcome"), SD_VARLINK_DEFINE_ENUM_VALUE(done));

static SD_VARLINK_DEFINE_ENUM_TYPE(KeyState, SD_VARLINK_FIELD_COMMENT("Pinned by opendepot.yaml"),
        SD_VARLINK_DEFINE_ENUM_VALUE(configured),
        SD_VARLINK_FIELD_COMMENT("Seen upstream; it vouches for nothing"),
        SD_VARLINK_DEFINE_ENUM_VALUE(offered),
        SD_VARLINK_FIELD_COMMENT("The first one in a namespace that had none"),
        SD_VARLINK_DEFINE_ENUM_VALUE(firstUse),
        SD_VARLINK_FIELD_COMMENT("Versions in the store were published with it"),
        SD_VARLINK_DEFINE_ENUM_VALUE(recorded), SD_VARLINK_FIELD_COMMENT("By an operator"),
        SD_VARLINK_DEFINE_ENUM_VALUE(accepted), SD_VARLINK_FIELD_COMMENT("By an operator"),
        SD_VARLINK_DEFINE_ENUM_VALUE(refused));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Problem, SD_VARLINK_DEFINE_FIELD(file, SD_VARLINK_STRING, 0),
        SD_VARLINK_FIELD_COMMENT("From 1; 0: about the file as a whole"),
        SD_VARLINK_DEFINE_FIELD(line, SD_VARLINK_INT, 0), SD_VARLINK_DEFINE_FIELD(column, SD_VARLINK_INT, 0),
        SD_VARLINK_DEFINE_FIELD(message, SD_VARLINK_STRING, 0));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Counts, SD_VARLINK_FIELD_COMMENT("Versions that can be installed"),
        SD_VARLINK_DEFINE_FIELD(published, SD_VARLINK_INT, 0),
        SD_VARLINK_FIELD_COMMENT("Versions on their way: planned up to storing"),
        SD_VARLINK_DEFINE_FIELD(pending, SD_VARLINK_INT, 0),
        SD_VARLINK_DEFINE_FIELD(held, SD_VARLINK_INT, 0),
        SD_VARLINK_DEFINE_FIELD(failed, SD_VARLINK_INT, 0));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Budget,
        SD_VARLINK_FIELD_COMMENT("The host, and the credential by its name"),
        SD_VARLINK_DEFINE_FIELD(name, SD_VARLINK_STRING, 0),
        SD_VARLINK_FIELD_COMMENT("Requests of this window; absent: not known, or there is no limit"),
        SD_VARLINK_DEFINE_FIELD(limit, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD(remaining, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("When the next window begins"),
        SD_VARLINK_DEFINE_FIELD(reset, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("Polls ask nothing before; absent: they may now"),
        SD_VARLINK_DEFINE_FIELD(nextTry, SD_VARLINK_STRING, SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Sandbox,
        SD_VARLINK_FIELD_COMMENT("What keeps workers in: no-new-privileges, files, tcp, scope, "
                                 "system-calls, group, memory, processes"),
        SD_VARLINK_DEFINE_FIELD(layers, SD_VARLINK_STRING, SD_VARLINK_ARRAY),
        SD_VARLINK_FIELD_COMMENT("What the kernel or the service manager does not give"),
        SD_VARLINK_DEFINE_FIELD(missing, SD_VARLINK_STRING, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Status, SD_VARLINK_FIELD_COMMENT("Version of the daemon"),
        SD_VARLINK_DEFINE_FIELD(version, SD_VARLINK_STRING, 0),
        SD_VARLINK_FIELD_COMMENT("Times are RFC 3339 in UTC"),
        SD_VARLINK_DEFINE_FIELD(startedAt, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_FIELD(loadedAt, SD_VARLINK_STRING, 0),
        SD_VARLINK_FIELD_COMMENT("Packages that are being looked at or worked on, or wait for that"),
        SD_VARLINK_DEFINE_FIELD(packagesActive, SD_VARLINK_INT, 0),
        SD_VARLINK_DEFINE_FIELD(packages, SD_VARLINK_INT, 0),
        SD_VARLINK_FIELD_COMMENT("Packages in state failed or incomplete"),
        SD_VARLINK_DEFINE_FIELD(packagesFailed, SD_VARLINK_INT, 0),
        SD_VARLINK_DEFINE_FIELD_BY_TYPE(versions, Counts, 0),
        SD_VARLINK_DEFINE_FIELD(transfersRunning, SD_VARLINK_INT, 0),
        SD_VARLINK_DEFINE_FIELD(transfersQueued, SD_VARLINK_INT, 0),
        SD_VARLINK_FIELD_COMMENT("Bytes received since the start"),
        SD_VARLINK_DEFINE_FIELD(bytesReceived, SD_VARLINK_INT, 0),
        SD_VARLINK_DEFINE_FIELD(workersRunning, SD_VARLINK_INT, 0),
        SD_VARLINK_FIELD_COMMENT("Absent: no worker has run yet"),
        SD_VARLINK_DEFINE_FIELD_BY_TYPE(sandbox, Sandbox, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("Request budgets of GitHub that have been used"),
        SD_VARLINK_DEFINE_FIELD_BY_TYPE(budgets, Budget, SD_VARLINK_ARRAY),
        SD_VARLINK_FIELD_COMMENT("What was refused when the configuration was loaded last"),
        SD_VARLINK_DEFINE_FIELD_BY_TYPE(problems, Problem, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Depot, SD_VARLINK_DEFINE_FIELD(name, SD_VARLINK_STRING, 0),
        SD_VARLINK_FIELD_COMMENT("The registry namespace"),
        SD_VARLINK_DEFINE_FIELD(namespace, SD_VARLINK_STRING, 0),
        SD_VARLINK_FIELD_COMMENT("Where its document stands"),
        SD_VARLINK_DEFINE_FIELD(file, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_FIELD(line, SD_VARLINK_INT, 0),
        SD_VARLINK_FIELD_COMMENT("The document on disk was refused, the one loaded before stays in force"),
        SD_VARLINK_DEFINE_FIELD(stale, SD_VARLINK_BOOL, 0),
        SD_VARLINK_FIELD_COMMENT("A poll of it is running"),
        SD_VARLINK_DEFINE_FIELD(polling, SD_VARLINK_BOOL, 0),
        SD_VARLINK_FIELD_COMMENT("Absent: once at start and on request"),
        SD_VARLINK_DEFINE_FIELD(pollingIntervalMinutes, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD(lastPoll, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD(nextPoll, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD(packages, SD_VARLINK_INT, 0),
        SD_VARLINK_DEFINE_FIELD(packagesFailed, SD_VARLINK_INT, 0),
        SD_VARLINK_DEFINE_FIELD_BY_TYPE(versions, Counts, 0));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Package,
        SD_VARLINK_FIELD_COMMENT("NAMESPACE/NAME/SYSTEM of a module, NAMESPACE/TYPE of a provider"),
        SD_VARLINK_DEFINE_FIELD(name, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_FIELD_BY_TYPE(kind, PackageKind, 0),
        SD_VARLINK_FIELD_COMMENT("BACKEND:ADDRESS, for instance fileSystem:/srv/opendepot"),
        SD_VARLINK_DEFINE_FIELD(store, SD_VARLINK_STRING, 0),
        SD_VARLINK_FIELD_COMMENT("Where its versions come from"),
        SD_VARLINK_DEFINE_FIELD(source, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("The depots that name it"),
        SD_VARLINK_DEFINE_FIELD(depots, SD_VARLINK_STRING, SD_VARLINK_ARRAY),
        SD_VARLINK_DEFINE_FIELD_BY_TYPE(state, PackageState, 0),
        SD_VARLINK_DEFINE_FIELD(reason, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("Failed tries in a row, and when the next one is due"),
        SD_VARLINK_DEFINE_FIELD(attempts, SD_VARLINK_INT, 0),
        SD_VARLINK_DEFINE_FIELD(nextTry, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD(lastCheck, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("The newest published version"),
        SD_VARLINK_DEFINE_FIELD(latest, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD_BY_TYPE(versions, Counts, 0));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Artifact, SD_VARLINK_FIELD_COMMENT("OS_ARCH; absent for a module"),
        SD_VARLINK_DEFINE_FIELD(platform, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD(file, SD_VARLINK_STRING, 0), SD_VARLINK_FIELD_COMMENT("Bytes"),
        SD_VARLINK_DEFINE_FIELD(size, SD_VARLINK_INT, 0),
        SD_VARLINK_DEFINE_FIELD(sha256, SD_VARLINK_STRING, 0),
        SD_VARLINK_FIELD_COMMENT("Hash of the content, as in a dependency lock file"),
        SD_VARLINK_DEFINE_FIELD(h1, SD_VARLINK_STRING, 0));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Drift,
        SD_VARLINK_FIELD_COMMENT("vanished: no longer listed; tag: moved, or released anew; commit: the tag "
                                 "leads to another one; "
                                 "tree: the archive of the tag holds something else; "
                                 "checksum: SHA256SUMS says something else of a published file; "
                                 "sums: SHA256SUMS is gone, or says something else of other files only; "
                                 "signature: SHA256SUMS was signed anew, or its signature is gone"),
        SD_VARLINK_DEFINE_FIELD(kind, SD_VARLINK_STRING, 0),
        SD_VARLINK_FIELD_COMMENT("When it was first seen"),
        SD_VARLINK_DEFINE_FIELD(seenAt, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD(detail, SD_VARLINK_STRING, 0));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Version, SD_VARLINK_DEFINE_FIELD(package, SD_VARLINK_STRING, 0),
        SD_VARLINK_FIELD_COMMENT("Where it stands, as of the package"),
        SD_VARLINK_DEFINE_FIELD(store, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_FIELD(version, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_FIELD_BY_TYPE(state, VersionState, 0),
        SD_VARLINK_DEFINE_FIELD(reason, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD(attempts, SD_VARLINK_INT, 0),
        SD_VARLINK_DEFINE_FIELD(nextTry, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD(publishedAt, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD(tag, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD(commit, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("Primary fingerprint of the OpenPGP key whose signature was verified"),
        SD_VARLINK_DEFINE_FIELD(key, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("The signature is good, its key has expired since"),
        SD_VARLINK_DEFINE_FIELD(keyExpired, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("Versions of the plugin protocol, where upstream tells"),
        SD_VARLINK_DEFINE_FIELD(protocols, SD_VARLINK_STRING, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("Upstream has withdrawn it, for this reason"),
        SD_VARLINK_DEFINE_FIELD(withdrawn, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("How upstream differs from what is published"),
        SD_VARLINK_DEFINE_FIELD_BY_TYPE(drift, Drift, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD(scan, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD_BY_TYPE(artifacts, Artifact, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_ENUM_TYPE(ExplanationState, SD_VARLINK_FIELD_COMMENT("Can be installed"),
        SD_VARLINK_DEFINE_ENUM_VALUE(published),
        SD_VARLINK_FIELD_COMMENT("Wanted, and on its way or waiting for the next poll"),
        SD_VARLINK_DEFINE_ENUM_VALUE(pending),
        SD_VARLINK_FIELD_COMMENT("Kept out until it is old enough, or somebody decides"),
        SD_VARLINK_DEFINE_ENUM_VALUE(held), SD_VARLINK_FIELD_COMMENT("Kept out until the next try"),
        SD_VARLINK_DEFINE_ENUM_VALUE(failed),
        SD_VARLINK_FIELD_COMMENT("Upstream has withdrawn it: not fetched, or hidden"),
        SD_VARLINK_DEFINE_ENUM_VALUE(withdrawn), SD_VARLINK_FIELD_COMMENT("No depot wants it"),
        SD_VARLINK_DEFINE_ENUM_VALUE(rejected),
        SD_VARLINK_FIELD_COMMENT("Removed because of versionHistoryLimit"),
        SD_VARLINK_DEFINE_ENUM_VALUE(pruned),
        SD_VARLINK_FIELD_COMMENT("Neither upstream nor the store has it"),
        SD_VARLINK_DEFINE_ENUM_VALUE(unlisted), SD_VARLINK_FIELD_COMMENT("Upstream has not answered yet"),
        SD_VARLINK_DEFINE_ENUM_VALUE(unknown));

static SD_VARLINK_DEFINE_ENUM_TYPE(DecisionStep, SD_VARLINK_FIELD_COMMENT("What upstream says"),
        SD_VARLINK_DEFINE_ENUM_VALUE(listed), SD_VARLINK_FIELD_COMMENT("What a depot asks for"),
        SD_VARLINK_DEFINE_ENUM_VALUE(matched),
        SD_VARLINK_FIELD_COMMENT("What a policy says, of a depot or the host"),
        SD_VARLINK_DEFINE_ENUM_VALUE(policy),
        SD_VARLINK_FIELD_COMMENT("What was tried, and when that is done again"),
        SD_VARLINK_DEFINE_ENUM_VALUE(tried),
        SD_VARLINK_FIELD_COMMENT("The signature and its key, or the commit of a module"),
        SD_VARLINK_DEFINE_ENUM_VALUE(verified), SD_VARLINK_FIELD_COMMENT("A file and its digests"),
        SD_VARLINK_DEFINE_ENUM_VALUE(hashed), SD_VARLINK_FIELD_COMMENT("Where it is, and since when"),
        SD_VARLINK_DEFINE_ENUM_VALUE(stored),
        SD_VARLINK_FIELD_COMMENT("How upstream differs from what was published"),
        SD_VARLINK_DEFINE_ENUM_VALUE(drifted), SD_VARLINK_FIELD_COMMENT("That it was removed, and why"),
        SD_VARLINK_DEFINE_ENUM_VALUE(pruned),
        SD_VARLINK_FIELD_COMMENT("What the next sync does, if upstream says the same"),
        SD_VARLINK_DEFINE_ENUM_VALUE(planned));

static SD_VARLINK_DEFINE_ENUM_TYPE(DecisionEffect, SD_VARLINK_FIELD_COMMENT("It lets the version through"),
        SD_VARLINK_DEFINE_ENUM_VALUE(for), SD_VARLINK_FIELD_COMMENT("It keeps the version out"),
        SD_VARLINK_DEFINE_ENUM_VALUE(against), SD_VARLINK_DEFINE_ENUM_VALUE(neutral));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Decision, SD_VARLINK_DEFINE_FIELD_BY_TYPE(step, DecisionStep, 0),
        SD_VARLINK_DEFINE_FIELD_BY_TYPE(effect, DecisionEffect, 0),
        SD_VARLINK_DEFINE_FIELD(reason, SD_VARLINK_STRING, 0),
        SD_VARLINK_FIELD_COMMENT("The depot that says so, and where its entry stands"),
        SD_VARLINK_DEFINE_FIELD(depot, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD(file, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD(line, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD(column, SD_VARLINK_INT, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("The part of the constraint that does not match"),
        SD_VARLINK_DEFINE_FIELD(term, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("Primary fingerprint of the OpenPGP key"),
        SD_VARLINK_DEFINE_FIELD(key, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("When that was: asked, signed, published, seen, pruned"),
        SD_VARLINK_DEFINE_FIELD(at, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("When it is judged or tried anew"),
        SD_VARLINK_DEFINE_FIELD(due, SD_VARLINK_STRING, SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Explanation, SD_VARLINK_DEFINE_FIELD(package, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_FIELD_BY_TYPE(kind, PackageKind, 0),
        SD_VARLINK_DEFINE_FIELD(store, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_FIELD(version, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_FIELD_BY_TYPE(state, ExplanationState, 0),
        SD_VARLINK_FIELD_COMMENT("What decided it"),
        SD_VARLINK_DEFINE_FIELD(reason, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("In the order in which they are made"),
        SD_VARLINK_DEFINE_FIELD_BY_TYPE(decisions, Decision, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_STRUCT_TYPE(PlanItem, SD_VARLINK_DEFINE_FIELD(package, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_FIELD(version, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_FIELD_BY_TYPE(action, PlanAction, 0),
        SD_VARLINK_FIELD_COMMENT("The platforms to fetch; empty for modules"),
        SD_VARLINK_DEFINE_FIELD(platforms, SD_VARLINK_STRING, SD_VARLINK_ARRAY),
        SD_VARLINK_FIELD_COMMENT("Held: when it is old enough"),
        SD_VARLINK_DEFINE_FIELD(due, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD(reason, SD_VARLINK_STRING, 0));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Progress,
        SD_VARLINK_FIELD_COMMENT("Packages of the request that are finished, and all of them"),
        SD_VARLINK_DEFINE_FIELD(packagesDone, SD_VARLINK_INT, 0),
        SD_VARLINK_DEFINE_FIELD(packagesTotal, SD_VARLINK_INT, 0),
        SD_VARLINK_FIELD_COMMENT("Versions that were planned to be fetched, and those finished"),
        SD_VARLINK_DEFINE_FIELD(versionsDone, SD_VARLINK_INT, 0),
        SD_VARLINK_DEFINE_FIELD(versionsTotal, SD_VARLINK_INT, 0),
        SD_VARLINK_FIELD_COMMENT("Bytes received since the request was taken up"),
        SD_VARLINK_DEFINE_FIELD(bytes, SD_VARLINK_INT, 0));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Outcome, SD_VARLINK_DEFINE_FIELD(packages, SD_VARLINK_INT, 0),
        SD_VARLINK_FIELD_COMMENT("Packages that could not be brought up to date, wholly or in part"),
        SD_VARLINK_DEFINE_FIELD(packagesFailed, SD_VARLINK_INT, 0),
        SD_VARLINK_DEFINE_FIELD(versionsAdded, SD_VARLINK_INT, 0),
        SD_VARLINK_DEFINE_FIELD(versionsPruned, SD_VARLINK_INT, 0),
        SD_VARLINK_DEFINE_FIELD(versionsFailed, SD_VARLINK_INT, 0),
        SD_VARLINK_DEFINE_FIELD(bytes, SD_VARLINK_INT, 0),
        SD_VARLINK_DEFINE_FIELD(durationUSec, SD_VARLINK_INT, 0));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Event, SD_VARLINK_DEFINE_FIELD_BY_TYPE(type, EventType, 0),
        SD_VARLINK_DEFINE_FIELD(time, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_FIELD(package, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD(version, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("The new state of the package or version"),
        SD_VARLINK_DEFINE_FIELD(state, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD(reason, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD_BY_TYPE(plan, PlanItem, SD_VARLINK_ARRAY | SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD_BY_TYPE(progress, Progress, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_FIELD_BY_TYPE(outcome, Outcome, SD_VARLINK_NULLABLE));

static SD_VARLINK_DEFINE_STRUCT_TYPE(Key, SD_VARLINK_FIELD_COMMENT("The provider namespace"),
        SD_VARLINK_DEFINE_FIELD(namespace, SD_VARLINK_STRING, 0),
        SD_VARLINK_FIELD_COMMENT("Of the primary key"),
        SD_VARLINK_DEFINE_FIELD(fingerprint, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_FIELD_BY_TYPE(state, KeyState, 0),
        SD_VARLINK_FIELD_COMMENT("Its signatures are accepted"),
        SD_VARLINK_DEFINE_FIELD(trusted, SD_VARLINK_BOOL, 0),
        SD_VARLINK_FIELD_COMMENT(
                "Versions with a good signature of it are held until it is accepted or refused"),
        SD_VARLINK_DEFINE_FIELD(awaited, SD_VARLINK_BOOL, 0),
        SD_VARLINK_FIELD_COMMENT("What it calls itself, which nobody has verified"),
        SD_VARLINK_DEFINE_FIELD(user, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("Where it was seen"),
        SD_VARLINK_DEFINE_FIELD(source, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("Since when it is in this state"),
        SD_VARLINK_DEFINE_FIELD(since, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("Texts of it that are at hand; more than one when it was issued again"),
        SD_VARLINK_DEFINE_FIELD(copies, SD_VARLINK_INT, 0));

static SD_VARLINK_DEFINE_METHOD(GetStatus, SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(status, Status, 0));

static SD_VARLINK_DEFINE_METHOD(ListDepots, SD_VARLINK_FIELD_COMMENT("Only this depot"),
        SD_VARLINK_DEFINE_INPUT(depot, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(depots, Depot, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_METHOD(ListPackages,
        SD_VARLINK_FIELD_COMMENT("Only the packages that this depot names"),
        SD_VARLINK_DEFINE_INPUT(depot, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("Only the packages of this name (one in each store)"),
        SD_VARLINK_DEFINE_INPUT(package, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(packages, Package, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_METHOD_FULL(ListVersions, SD_VARLINK_SUPPORTS_MORE,
        SD_VARLINK_DEFINE_INPUT(package, SD_VARLINK_STRING, 0),
        SD_VARLINK_FIELD_COMMENT("Only this version"),
        SD_VARLINK_DEFINE_INPUT(version, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT(
                "With 'more': as many replies as it takes, each with the versions that follow those of the "
                "reply before it, as they are then: one that is gone by then is left out. Without 'more': "
                "all; where there are more than about 2000 versions and artifacts, the error is "
                "org.varlink.service.ExpectedMore"),
        SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(versions, Version, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_METHOD(Why, SD_VARLINK_DEFINE_INPUT(package, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_INPUT(version, SD_VARLINK_STRING, 0),
        SD_VARLINK_FIELD_COMMENT("One for each store that has a package of this name"),
        SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(explanations, Explanation, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_METHOD_FULL(Plan, SD_VARLINK_REQUIRES_MORE,
        SD_VARLINK_DEFINE_INPUT(depot, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_INPUT(package, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT(
                "One event of type plan for each package (package in state failed where upstream could not "
                "be asked), then one of type done"),
        SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(event, Event, 0));

static SD_VARLINK_DEFINE_METHOD_FULL(Sync, SD_VARLINK_SUPPORTS_MORE,
        SD_VARLINK_FIELD_COMMENT("Only this depot; with none of depot and package, everything"),
        SD_VARLINK_DEFINE_INPUT(depot, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_INPUT(package, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("Only this version of the package"),
        SD_VARLINK_DEFINE_INPUT(version, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT(
                "Ask upstream unconditionally, try failed versions before they are due, and check a version "
                "named explicitly anew against upstream"),
        SD_VARLINK_DEFINE_INPUT(force, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("Take the version named even if it is younger than minimumReleaseAge"),
        SD_VARLINK_DEFINE_INPUT(now, SD_VARLINK_BOOL, SD_VARLINK_NULLABLE),
        SD_VARLINK_FIELD_COMMENT("Without 'more': accepted. With 'more': accepted, plan, package, version "
                                 "and progress as they "
                                 "come, last done"),
        SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(event, Event, 0));

static SD_VARLINK_DEFINE_METHOD(Reload,
        SD_VARLINK_FIELD_COMMENT("What was refused; everything else is in force"),
        SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(problems, Problem, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_METHOD_FULL(Subscribe, SD_VARLINK_REQUIRES_MORE,
        SD_VARLINK_FIELD_COMMENT(
                "Every event from now on; the first, of type accepted, says that the subscription stands"),
        SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(event, Event, 0));

static SD_VARLINK_DEFINE_METHOD(ListKeys, SD_VARLINK_FIELD_COMMENT("Only those of this provider namespace"),
        SD_VARLINK_DEFINE_INPUT(namespace, SD_VARLINK_STRING, SD_VARLINK_NULLABLE),
        SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(keys, Key, SD_VARLINK_ARRAY));

static SD_VARLINK_DEFINE_METHOD(AcceptKey, SD_VARLINK_DEFINE_INPUT(namespace, SD_VARLINK_STRING, 0),
        SD_VARLINK_FIELD_COMMENT("Of the primary key, 40 or 64 hexadecimal digits"),
        SD_VARLINK_DEFINE_INPUT(fingerprint, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(key, Key, 0));

static SD_VARLINK_DEFINE_METHOD(RefuseKey, SD_VARLINK_DEFINE_INPUT(namespace, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_INPUT(fingerprint, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_OUTPUT_BY_TYPE(key, Key, 0));

static SD_VARLINK_DEFINE_ERROR(NoSuchKey, SD_VARLINK_DEFINE_FIELD(namespace, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_FIELD(fingerprint, SD_VARLINK_STRING, 0));
static SD_VARLINK_DEFINE_ERROR(KeyIsConfigured, SD_VARLINK_DEFINE_FIELD(namespace, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_FIELD(fingerprint, SD_VARLINK_STRING, 0));
static SD_VARLINK_DEFINE_ERROR(NoSuchDepot, SD_VARLINK_DEFINE_FIELD(depot, SD_VARLINK_STRING, 0));
static SD_VARLINK_DEFINE_ERROR(NoSuchPackage, SD_VARLINK_DEFINE_FIELD(package, SD_VARLINK_STRING, 0));
static SD_VARLINK_DEFINE_ERROR(NoSuchVersion, SD_VARLINK_DEFINE_FIELD(package, SD_VARLINK_STRING, 0),
        SD_VARLINK_DEFINE_FIELD(version, SD_VARLINK_STRING, 0));
static SD_VARLINK_DEFINE_ERROR(TooManySubscribers);

SD_VARLINK_DEFINE_INTERFACE(opendepot_varlink, "io.defdev.opendepot",
        SD_VARLINK_INTERFACE_COMMENT("Control of the OpenDepot daemon. Reading is open to every local user; "
                                     "Plan, Sync, Reload, AcceptKey and RefuseKey need root "
                                     "or the group of the daemon."),
        SD_VARLINK_SYMBOL_COMMENT("The kinds of package"), &vl_type_PackageKind,
        SD_VARLINK_SYMBOL_COMMENT("What a package is doing, or how its last reconciliation ended"),
        &vl_type_PackageState, SD_VARLINK_SYMBOL_COMMENT("The life of a version"), &vl_type_VersionState,
        SD_VARLINK_SYMBOL_COMMENT("What is to be done with a version"), &vl_type_PlanAction,
        SD_VARLINK_SYMBOL_COMMENT("The kinds of event"), &vl_type_EventType,
        SD_VARLINK_SYMBOL_COMMENT("Why a key is trusted, or not"), &vl_type_KeyState,
        SD_VARLINK_SYMBOL_COMMENT("An OpenPGP key that signs providers of a namespace"), &vl_type_Key,
        SD_VARLINK_SYMBOL_COMMENT("A complaint about the configuration"), &vl_type_Problem,
        SD_VARLINK_SYMBOL_COMMENT("Numbers of versions"), &vl_type_Counts,
        SD_VARLINK_SYMBOL_COMMENT("How many requests a server still answers"), &vl_type_Budget,
        SD_VARLINK_SYMBOL_COMMENT("How workers are locked in"), &vl_type_Sandbox,
        SD_VARLINK_SYMBOL_COMMENT("The daemon as a whole"), &vl_type_Status,
        SD_VARLINK_SYMBOL_COMMENT("A Depot document"), &vl_type_Depot,
        SD_VARLINK_SYMBOL_COMMENT("A module or provider that depots name"), &vl_type_Package,
        SD_VARLINK_SYMBOL_COMMENT("A file that clients install from"), &vl_type_Artifact,
        SD_VARLINK_SYMBOL_COMMENT("A difference between upstream and what was published"), &vl_type_Drift,
        SD_VARLINK_SYMBOL_COMMENT("A version that the store holds or that is wanted"), &vl_type_Version,
        SD_VARLINK_SYMBOL_COMMENT("Whether a version can be installed"), &vl_type_ExplanationState,
        SD_VARLINK_SYMBOL_COMMENT("The steps on the way into the store"), &vl_type_DecisionStep,
        SD_VARLINK_SYMBOL_COMMENT("What a decision does to a version"), &vl_type_DecisionEffect,
        SD_VARLINK_SYMBOL_COMMENT("One decision on a version, and where it comes from"), &vl_type_Decision,
        SD_VARLINK_SYMBOL_COMMENT("Every decision on one version of one package"), &vl_type_Explanation,
        SD_VARLINK_SYMBOL_COMMENT("One decision about one version, with its reason"), &vl_type_PlanItem,
        SD_VARLINK_SYMBOL_COMMENT("How far a request has come"), &vl_type_Progress,
        SD_VARLINK_SYMBOL_COMMENT("How a request has ended"), &vl_type_Outcome,
        SD_VARLINK_SYMBOL_COMMENT("Something that happened; only the members that its type has are set"),
        &vl_type_Event, SD_VARLINK_SYMBOL_COMMENT("The state of the daemon"), &vl_method_GetStatus,
        SD_VARLINK_SYMBOL_COMMENT("The depots in force, by name"), &vl_method_ListDepots,
        SD_VARLINK_SYMBOL_COMMENT("The packages that the depots name, by name"), &vl_method_ListPackages,
        SD_VARLINK_SYMBOL_COMMENT("The versions of one package, newest first"), &vl_method_ListVersions,
        SD_VARLINK_SYMBOL_COMMENT(
                "Says why a version can be installed or cannot, from what is known; upstream is not asked"),
        &vl_method_Why,
        SD_VARLINK_SYMBOL_COMMENT("Asks upstream and says what a sync would do, without doing it"),
        &vl_method_Plan, SD_VARLINK_SYMBOL_COMMENT("Asks upstream and brings the store up to date"),
        &vl_method_Sync,
        SD_VARLINK_SYMBOL_COMMENT(
                "Reads the configuration anew; documents that did not change keep running"),
        &vl_method_Reload, SD_VARLINK_SYMBOL_COMMENT("Follows what happens"), &vl_method_Subscribe,
        SD_VARLINK_SYMBOL_COMMENT("The keys of provider namespaces: configured, pinned and seen"),
        &vl_method_ListKeys,
        SD_VARLINK_SYMBOL_COMMENT(
                "Trusts a key that was seen upstream; versions that are held for it are fetched"),
        &vl_method_AcceptKey, SD_VARLINK_SYMBOL_COMMENT("Never trusts this key by itself"),
        &vl_method_RefuseKey, SD_VARLINK_SYMBOL_COMMENT("No such key was seen in the namespace"),
        &vl_error_NoSuchKey,
        SD_VARLINK_SYMBOL_COMMENT("The key is pinned by opendepot.yaml, which is to be changed instead"),
        &vl_error_KeyIsConfigured, SD_VARLINK_SYMBOL_COMMENT("No depot of this name is in force"),
        &vl_error_NoSuchDepot, SD_VARLINK_SYMBOL_COMMENT("No depot names this package"),
        &vl_error_NoSuchPackage, SD_VARLINK_SYMBOL_COMMENT("The package has no such version"),
        &vl_error_NoSuchVersion, SD_VARLINK_SYMBOL_COMMENT("Too many subscriptions at once"),
        &vl_error_TooManySubscribers);
