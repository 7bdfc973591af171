/* A Depot document (apiVersion opendepot.defdev.io/v1alpha1), parsed, inherited from `global` and validated.
 * Immutable once built; shared by reference count between the configuration and the packages made from it. */
#pragma once

#include "base/util.h"
#include "model/constraint.h"
#include "model/package.h"
#include "model/policy.h"
#include "model/scan-policy.h"

typedef enum FileFormat {
        FILE_FORMAT_ZIP,
        FILE_FORMAT_TAR_GZ,
        _FILE_FORMAT_MAX,
        _FILE_FORMAT_INVALID = -EINVAL,
} FileFormat;

const char *file_format_to_string(FileFormat format); /* as in documents: "zip", "tar" */
FileFormat file_format_from_string(const char *string);
const char *file_format_suffix(FileFormat format); /* "zip", "tar.gz" */

/* `requireSignature`: whether a provider without a signature that can be checked is published. */
typedef enum SignatureRule {
        SIGNATURE_RULE_GENERAL, /* as opendepot.yaml has it */
        SIGNATURE_RULE_REQUIRED,
        SIGNATURE_RULE_OPTIONAL,
} SignatureRule;

typedef enum StorageBackend {
        STORAGE_FILE_SYSTEM,
        STORAGE_S3,
        STORAGE_AZURE,
        STORAGE_GCS,
        _STORAGE_BACKEND_MAX,
        _STORAGE_BACKEND_INVALID = -EINVAL,
} StorageBackend;

const char *storage_backend_to_string(
        StorageBackend backend); /* "fileSystem", "s3", "azureStorage", "gcs" */

typedef struct StorageConfig {
        StorageBackend backend;
        char *directory_path; /* fileSystem; NULL: the default store in the state directory */
        char *bucket;         /* s3, gcs */
        char *region, *key;   /* s3; key is an optional prefix */
        char *account_name, *account_url, *subscription_id, *resource_group; /* azureStorage */
        bool presign_set;                                                    /* a presign block was given */
        bool presign_enabled;
        uint64_t presign_ttl_usec;
        bool presign_fallback_to_proxy;
} StorageConfig;

/* One address of a store, equal for equal stores: "fileSystem:/srv/opendepot", "s3:bucket/prefix"; "fileSystem:" when
 * no directory is named. NULL when out of memory. */
char *storage_config_identity(const StorageConfig *storage);
/* Replaces *to by a deep copy. Returns 0 or -ENOMEM, then *to is unchanged. */
int storage_config_copy(StorageConfig *to, const StorageConfig *from);
void storage_config_clear(StorageConfig *storage);

/* One element of moduleConfigs or providerConfigs with everything inherited that it does not say itself. */
typedef struct DepotEntry {
        PackageKind kind;
        unsigned line, column;          /* where it stands in its file */
        char *name;                     /* module: repository name; provider: type */
        Constraint *constraint;         /* NULL: every version */
        char *constraint_text;          /* as written; NULL if omitted */
        uint64_t version_history_limit; /* 0: none */
        VersionPolicy policy;           /* what neither it nor `global` says is for opendepot.yaml to say */
        ScanPolicy scanning;            /* the same */
        StorageConfig storage;
        bool use_authenticated_client;
        bool listed;        /* wanted is what is in `versions`, nothing else */
        Version **versions; /* sorted, newest first, each once */
        size_t n_versions;

        /* modules */
        char *system; /* `provider:`, the system of the module address */
        char *repo_owner;
        char *repo_url; /* NULL: https://github.com/<repoOwner>/<name> */
        FileFormat file_format;
        bool immutable;     /* default true */
        bool from_tags;     /* source: tags; default: releases */
        char *tag_prefix;   /* before the version in a tag; NULL: none */
        char *subdirectory; /* of the repository that holds the module; NULL: its root */

        /* providers */
        char *provider_namespace; /* default "hashicorp" */
        char *registry; /* host; NULL: HashiCorp's Releases API for its namespace, else the default registry */
        char **operating_systems; /* NULL or {"*"}: all */
        char **architectures;
        char *source_repository;
        SignatureRule signature_rule;
} DepotEntry;

void depot_entry_clear(DepotEntry *entry);
/* Brings `versions` in order. */
void depot_entry_sort_versions(DepotEntry *entry);
bool depot_entry_lists(const DepotEntry *entry, const Version *version);

/* The kind of the document that says what is wanted. */
typedef enum DocumentKind {
        DOCUMENT_DEPOT,    /* discovers */
        DOCUMENT_MODULE,   /* lists versions of one module */
        DOCUMENT_PROVIDER, /* or provider */
        _DOCUMENT_MAX,
} DocumentKind;

typedef struct Depot {
        unsigned n_ref;
        DocumentKind kind;
        char *name;               /* metadata.name; of a Module or Provider "module/NAMESPACE/NAME" */
        char *registry_namespace; /* metadata.namespace, default "default" */
        char *file;               /* path of its file and its line there, for messages */
        unsigned line;
        DepotEntry *entries; /* in the order of the document, modules first */
        size_t n_entries;
        uint64_t polling_interval_usec; /* 0, or omitted: reconcile once, at start and on request */
        char digest[65]; /* SHA-256 of the canonical content: equal if nothing that matters changed */
} Depot;

Depot *depot_ref(Depot *depot);
Depot *depot_unref(Depot *depot);
DEFINE_CLEANUP(Depot *, depot_unref)
