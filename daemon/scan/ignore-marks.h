/* Comments by which the author of a module tells the scanner to be silent: "trivy:ignore:ID" and "tfsec:ignore:ID", anywhere
 * in a line. The scanner gets a copy of the module in which they mean nothing; where they were is remembered, so that a
 * finding can be shown with them.
 *
 * A rule is a word (what stands between spaces, without '#', '/' and '*' before it) that begins with "trivy:" or "tfsec:" and
 * has the section "ignore" behind some colon, followed by another. So ":ignore:" is what must not be left. In HCL, and in
 * strings of JSON, it becomes ": ignore:": a space there is no word of a rule, and changes no expression; an author could not
 * use it to make a file unreadable, or a value unknown, for the scanner. Elsewhere, where a space may mean something (YAML),
 * it becomes ":ignorE:". No line gets another number. */
#pragma once

#include "base/text.h"
#include "model/finding.h"

/* Appends a copy of the file's content without working marks to `out`, and the marks to findings->marks (as long as there is
 * room). `file` is its path in the module. Returns 0, or what buffer_append() gave. */
int ignore_marks_neutralize(
        const char *file, const char *data, size_t size, Findings *findings, Buffer *out);

/* Whether a mark is meant for what was found under `id` in what begins in this line of the file. */
bool ignore_marks_cover(const Findings *findings, const char *file, uint32_t line, const char *id);
