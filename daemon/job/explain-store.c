/* What the store has of a version, how that was verified, and what it had. */

#include "base/clock.h"
#include "base/text.h"
#include "job/explain-private.h"

/* What is known of the key beside its fingerprint. */
static bool find_key(const Explainer *explainer, const char *fingerprint, KeyInfo *ret) {
        const ExplainInput *input = explainer->input;

        for (size_t i = 0; input->keys && keys_describe(input->keys, i, ret); i++)
                if (streq(ret->provider_namespace, input->package->key_namespace) &&
                        streq(ret->fingerprint, fingerprint))
                        return true;
        return false;
}

static void explain_signature(Explainer *explainer) {
        const RecordVersion *known = explainer->known;
        char since[CLOCK_TEXT_SIZE] = "";
        Decision *decision;
        KeyInfo key = {};
        bool found = find_key(explainer, known->key_fingerprint, &key);

        if (found && key.since_usec > 0)
                clock_format(key.since_usec, since);
        decision = explain_add(explainer, DECISION_VERIFIED, DECISION_FOR,
                "SHA256SUMS was signed by key %s%s%s%s%s%s%s%s%s%s", known->key_fingerprint,
                key.user ? " (" : "", strempty(key.user), key.user ? ")" : "", found ? ", which is " : "",
                found ? key.state : "", since[0] ? " since " : "", since,
                found && !key.trusted ? " and no longer trusted" : "",
                known->key_expired ? "; the key has expired since" : "");
        if (!decision)
                return;
        decision->at_usec = known->signed_usec;
        decision->fingerprint = strdup(known->key_fingerprint);
        if (!decision->fingerprint)
                explainer->error = -ENOMEM;
}

static void explain_verified(Explainer *explainer) {
        const RecordVersion *known = explainer->known;

        if (explainer->input->package->kind == PACKAGE_MODULE)
                explain_add(explainer, DECISION_VERIFIED, DECISION_FOR, "tag %s was commit %s",
                        strempty(known->tag), known->commit ? known->commit : "that upstream does not name");
        else if (known->key_fingerprint)
                explain_signature(explainer);
        else
                explain_add(explainer, DECISION_VERIFIED, DECISION_NEUTRAL,
                        "SHA256SUMS has no signature that could be checked, and none is required");
        if (known->proof_missing)
                explain_add(explainer, DECISION_VERIFIED, DECISION_NEUTRAL,
                        "the store has lost SHA256SUMS, their signature or the keys: they are fetched "
                        "again");
}

static void explain_artifacts(Explainer *explainer) {
        const RecordVersion *known = explainer->known;

        for (size_t i = 0; i < known->n_artifacts; i++) {
                const RecordArtifact *artifact = &known->artifacts[i];
                RecordDigests digests = record_artifact_digests(artifact);

                explain_add(explainer, DECISION_HASHED, DECISION_FOR, "%s: %llu bytes, SHA-256 %s%s%s",
                        artifact->file, (unsigned long long) artifact->size, digests.sha256,
                        artifact->has_h1 ? ", content " : "", digests.h1);
        }
}

static void explain_known(Explainer *explainer) {
        const RecordVersion *known = explainer->known;
        const Package *package = explainer->input->package;
        _cleanup_free_ char *scan = record_version_describe_scans(known);
        bool published = known->state == VERSION_PUBLISHED;
        Decision *decision;

        explain_verified(explainer);
        explain_artifacts(explainer);
        explain_add(explainer, DECISION_POLICY, DECISION_NEUTRAL, "scan: %s", strempty(scan));
        decision = explain_add(explainer, DECISION_STORED, published ? DECISION_FOR : DECISION_AGAINST,
                "in %s below %s, %s%s%s", package->store_identity, package->directory,
                published ? "where it can be installed from" : "but out of sight",
                published || !known->reason ? "" : ": ", published ? "" : strempty(known->reason));
        if (decision)
                decision->at_usec = known->published_usec;
        for (size_t i = 0; i < known->n_drift; i++) {
                decision = explain_add(explainer, DECISION_DRIFTED, DECISION_NEUTRAL, "%s: %s",
                        known->drift[i].kind, known->drift[i].detail);
                if (decision)
                        decision->at_usec = known->drift[i].seen_usec;
        }
}

void explain_stored(Explainer *explainer) {
        const RecordVersion *known = explainer->known;
        const RecordPruned *pruned = explainer->pruned;
        Decision *decision;

        if (known)
                explain_known(explainer);
        if (known && known->state == VERSION_PRUNING)
                explain_add(explainer, DECISION_PRUNED, DECISION_AGAINST, "it is being removed: %s",
                        strempty(known->reason));
        if (!pruned)
                return;
        decision = explain_add(explainer, DECISION_PRUNED, DECISION_AGAINST,
                "it was in the store, and was removed: %s", strempty(pruned->reason));
        if (decision)
                decision->at_usec = pruned->pruned_usec;
}
