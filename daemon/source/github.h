/* GitHub's list of releases (protocols: "GitHub REST"), parsed; no I/O here. */
#pragma once

#include "base/util.h"
#include "model/release.h"

/* "<api>/repos/<owner>/<repository>/releases?per_page=100" */
char *github_releases_url(const char *api_url, const char *owner, const char *repository);
/* "<api>/repos/<owner>/<repository>/tags?per_page=100" */
char *github_tags_url(const char *api_url, const char *owner, const char *repository);
/* "<web>/<owner>/<repository>/archive/refs/tags/<tag>.tar.gz", the tag percent-encoded: costs no API budget. */
char *github_archive_url(const char *web_url, const char *owner, const char *repository, const char *tag);

/* "<api>/repos/<owner>/<repository>/tarball/refs/tags/<tag>": leads to the archive also of a private repository. */
char *github_tarball_url(const char *api_url, const char *owner, const char *repository, const char *tag);

/* Owner and repository of "<web>/<owner>/<repository>[.git][/]". Returns 0, -EXDEV when the URL is not below `web_url`,
 * -EINVAL when it is not a repository. */
int github_parse_repository_url(
        const char *url, const char *web_url, char **ret_owner, char **ret_repository);

/* One page. Drafts and tags that are not `prefix` (NULL: none) and a version, with or without "v", are skipped and counted.
 * *ret_error: message to be freed (may be NULL). Returns 0 or -EBADMSG / -ENOMEM. */
int github_parse_releases(
        const char *data, size_t size, const char *prefix, ReleaseList **ret, char **ret_error);
/* The same for a page of tags, of which no time is known but the commit is. */
int github_parse_tags(
        const char *data, size_t size, const char *prefix, ReleaseList **ret, char **ret_error);

/* The target of rel="next" in a Link header (RFC 8288). Returns 1 and the URL, 0 when there is none, -EBADMSG. */
int github_parse_link_next(const char *header, char **ret_url);
