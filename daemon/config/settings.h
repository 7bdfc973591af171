/* opendepot.yaml: what belongs to the host. Every default is here and in opendepot.yaml(5).
 *
 *   upstream:
 *     github:
 *       apiUrl: https://api.github.com
 *       webUrl: https://github.com
 *       tokenCredential: NAME                      or app: {id: ID, installationId: N, privateKeyCredential: NAME}
 *       budgetReserve: 10                          percent
 *       namespaces:                                for single registry namespaces
 *         - {namespace: NAME, apiUrl: …, webUrl: …, tokenCredential: NAME}     or app: {…}
 *     hashicorp: {apiUrl: https://api.releases.hashicorp.com, releasesUrl: https://releases.hashicorp.com}
 *     defaultRegistry: registry.terraform.io       of providers of other namespaces than hashicorp
 *     registries:                                  for hosts that want a token, or are not at https://<host>
 *       - {host: NAME, url: https://…, tokenCredential: NAME}
 *   network: {caFile: /path, userAgent: text, connectTimeout: 30s, stallTimeout: 60s, maxRate: 10M,
 *             proxy: http://host:port, proxyCredential: name, noProxy: [host, .domain, network/bits],
 *             clientCertificate: /path, clientKeyCredential: name}
 *   transfers: {parallel: 8, parallelPerHost: 8, maxArtifactSize: 4G, maxDocumentSize: 32M}
 *   workers: {parallel: 2, timeout: 10m, maxMemory: 1G, maxProcesses: 256}
 *                                                  parallel omitted: the number of processors
 *   modules: {maxEntries: 100000, maxUnpackedSize: 2G, maxRatio: 200}
 *   recheck: {interval: 7d, perHour: 120}          how often what is published is compared with upstream again; 0s: never
 *   store: {directoryPath: /path}                  of the default file-system store
 *   scanning: {modules: false, providers: false, blockOnCritical: true, blockOnHigh: false, ignoreUnfixed: false,
 *              onScannerError: hold,               or allow
 *              nonBlockingPaths: [PATTERN],        default: what is below examples, test and tests
 *              waivers: [{id: CVE-…, package: hashicorp/aws, component: golang.org/x/crypto, until: 2026-12-31, reason: …}]}
 *   providerHostnames: [registry.terraform.io, registry.opentofu.org]   hostnames the network mirror answers for
 *   keys:
 *     - {namespace: hashicorp, fingerprint: <40 or 64 hex digits>, url: https://…}    or file: /path
 *                                                  fingerprint omitted: what is found there is pinned on first use, or
 *                                                  held until the operator accepts it
 *   trustOnFirstUse: false                         pin the first key seen in a namespace that has none
 *   requireSignature: true                         no provider without a good signature
 *   allowExpiredKeys: true                         a signature made while its key was valid stays good; a signature by
 *                                                  a key that has expired since is accepted, as terraform does
 *   scanner: {path: /usr/bin/trivy, maxMemory: 1G, maxReportSize: 64M, database: {repositories: [ghcr.io/aquasecurity/trivy-db:2], maxAge: 72h}}
 *   allowWeakHashes: false                         MD5, SHA-1, RIPEMD-160 in signatures
 *
 * Keys given for the namespace hashicorp replace its default; those of other namespaces stand beside it.
 * Durations: whole numbers and h, m, s ("1h30m"); sizes: whole number and optional K, M, G (powers of 1024).
 * Secrets are systemd credentials, here are only their names.
 */
#pragma once

#include "base/util.h"
#include "config/github-settings.h"
#include "config/problem.h"
#include "config/registry-settings.h"
#include "config/yaml.h"
#include "model/policy.h"
#include "model/scan-policy.h"

typedef struct KeySetting {
        char *provider_namespace;
        char *fingerprint; /* upper-case hexadecimal, the primary key; NULL: none is pinned */
        char *url;         /* exactly one of url and file */
        char *file;
} KeySetting;

typedef struct Settings {
        /* base URLs, without a final slash */
        GithubSettings github;
        char *hashicorp_api_url, *hashicorp_releases_url;
        RegistrySettings registry;

        char *ca_file; /* NULL: the system's */
        char *user_agent;
        uint64_t connect_timeout_usec;
        uint64_t stall_timeout_usec; /* less than one byte per second for this long ends a transfer */
        uint64_t rate_max;           /* bytes per second, of all transfers; 0: no limit */
        char *proxy;                 /* NULL: none */
        char *proxy_credential;      /* name of the credential "user:password"; NULL: none */
        char **no_proxy;
        char *client_certificate;    /* path; NULL: none */
        char *client_key_credential; /* NULL: the key is in the file of the certificate */

        unsigned transfers_parallel, transfers_parallel_per_host;
        uint64_t artifact_size_max, document_size_max;

        unsigned workers_parallel;
        uint64_t worker_timeout_usec;
        uint64_t worker_memory_max;
        unsigned worker_processes_max;

        uint64_t module_entries_max, module_unpacked_size_max, module_ratio_max;

        uint64_t recheck_interval_usec; /* 0: never */
        unsigned recheck_per_hour;      /* versions */

        char *store_directory; /* NULL: "store" in the state directory */
        char **provider_hostnames;

        KeySetting *keys;
        size_t n_keys;
        bool allow_expired_keys, allow_weak_hashes;
        bool trust_on_first_use, require_signature;

        char *scanner;                /* the scanner, an absolute path */
        char **database_repositories; /* OCI references of its vulnerability database; NULL: its own */
        uint64_t database_age_max_usec;
        uint64_t scanner_memory;  /* for all scans that run at once */
        uint64_t scan_report_max; /* bytes of one report */

        VersionPolicy policy; /* of what no depot says otherwise */
        ScanPolicy scanning;  /* the same */

        char digest[65]; /* SHA-256 of the file's text; "" for the defaults */
} Settings;

/* The most keys for one provider namespace. */
#define SETTINGS_KEYS_PER_NAMESPACE_MAX 8

/* HashiCorp's release key (protocols: "Release signing key"), the default for the namespace "hashicorp". */
#define HASHICORP_KEY_FINGERPRINT "C874011F0AB405110D02105534365D9472D7468F"
#define HASHICORP_KEY_URL "https://www.hashicorp.com/.well-known/pgp-key.txt"

/* The defaults alone. Returns 0 or -ENOMEM. */
int settings_new(Settings **ret);
Settings *settings_free(Settings *settings);
DEFINE_CLEANUP(Settings *, settings_free)

/* Decodes one document over the defaults. Returns 0 or -ENOMEM; *ret is set only if there were no problems, else it is
 * left alone. */
int settings_decode(const YamlNode *root, Problems *problems, Settings **ret);

/* Whether `key` is one of the keys at the top of opendepot.yaml. */
bool settings_has_key(const char *key);
