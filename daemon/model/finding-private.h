/* What the files that make up model/finding.h share. */
#pragma once

#include "model/finding.h"
#include "model/place.h"

extern const char *const finding_severity_table[_SEVERITY_MAX];

int finding_origin_to_json(json_object *object, const ScanOrigin *origin);
int finding_read_origin(const Place *place, ScanOrigin *origin);
/* A text of at most FINDING_NAME_MAX printable bytes that is not empty. */
int finding_read_name(const Place *place, const char *key, PlaceNeed need, char **ret);
/* One of the words of a table. */
int finding_read_word(const Place *place, const char *key, const char *const *table, size_t n, int *ret);
/* 0 if it is absent. */
int finding_read_number(const Place *place, const char *key, uint32_t *ret);
/* Leaves 0 out. */
int finding_set_number(json_object *object, const char *key, uint64_t number);
