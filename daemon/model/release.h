/* What an upstream offers: the releases of one module or provider, as discovery read them. */
#pragma once

#include "base/json.h"
#include "base/util.h"
#include "model/version.h"

typedef struct Place Place;

/* As many as a record holds: what could never be stored is not looked at. */
#define RELEASES_MAX 10000
#define RELEASES_PER_PAGE_MAX RELEASES_MAX
#define RELEASE_PLATFORMS_MAX 1000
#define RELEASE_SIGNATURES_MAX 100
#define RELEASE_PROTOCOLS_MAX 16

typedef struct Release {
        Version *version;
        char *tag; /* as upstream writes it: "v5.80.0"; for providers the version's own text "5.80.0" */
        uint64_t created_usec;   /* when it could first be had; 0: unknown */
        uint64_t committed_usec; /* of its tag's commit; 0: unknown */
        char *commit;            /* of its tag; NULL: upstream does not tell */
        bool withdrawn;
        uint32_t position;       /* where it was listed, for release_list_normalize() alone */
        char *withdrawn_message; /* may be NULL */

        /* providers */
        char **platforms;       /* "linux_amd64", sorted, each once */
        char *shasums_file;     /* last path segment; NULL: upstream names none */
        char **signature_files; /* last path segments, in upstream's order */
        char **protocols;       /* versions of the plugin protocol, "5.0"; NULL: upstream does not tell */
} Release;

typedef struct ReleaseList {
        Release *releases;
        size_t n_releases;
        size_t n_skipped; /* drafts, tags that are no version, other license classes */
} ReleaseList;

/* A version of the plugin protocol: digits and dots. */
bool protocol_is_valid(const char *text);

ReleaseList *release_list_free(ReleaseList *list);
DEFINE_CLEANUP(ReleaseList *, release_list_free)

/* Takes over the members of *release (left empty), whatever happens. */
int release_list_append(ReleaseList *list, Release *release);
void release_clear(Release *release);

/* Gives the release its version, which `text` is, and its tag. Returns 1, 0 when it is no version or none that a file of the store
 * can be named after, or -ENOMEM. */
int release_set_version(Release *release, const char *text, const char *tag);

/* "<os>_<arch>" of the members "os" and "arch" of an object, whether that is a platform or not. Returns 0, -EBADMSG or
 * -ENOMEM. */
int release_parse_platform(const Place *object, char **ret);

/* Gives the release its platforms, a NULL-terminated array in any order that is taken over: sorted, each once, without
 * slack. */
void release_set_platforms(Release *release, char **platforms);

/* Moves all releases of *other to the end; on lack of memory some, the others stay in *other. */
int release_list_join(ReleaseList *list, ReleaseList *other);

/* Newest version first; of releases with the same normalised version only one stays: the one whose tag is the
 * version's text itself or "v" + text, else the first that was listed. */
void release_list_normalize(ReleaseList *list);

/* Binary search by version text after release_list_normalize(); NULL if absent. */
const Release *release_list_find(const ReleaseList *list, const Version *version);

/* The compact form that is cached between polls: {"tag": …, "created": microseconds, "platforms": "a_b c_d", …}. NULL
 * when out of memory. */
json_object *release_list_to_json(const ReleaseList *list);
/* -EBADMSG when the document is not such a list. The order is kept. */
int release_list_from_json(json_object *array, ReleaseList **ret);
