/* Answers of one member, and errors. The answers take what has happened so far: with a negative `r` nothing is sent, and it is returned. */
#pragma once

#include <systemd/sd-varlink.h>

/* {name: value}; takes over the value, which may be NULL with a negative `r`. */
int reply_value(sd_varlink *link, const char *name, sd_json_variant *value, int r);
/* Takes over the element. */
int reply_append(sd_json_variant **array, sd_json_variant *element, int r);
/* The same as reply_value() for an array, also when nothing was appended (NULL). */
int reply_array(sd_varlink *link, const char *name, sd_json_variant *array, int r);

/* The errors of this name. */
int reply_no_such_package(sd_varlink *link, const char *package);
int reply_no_such_version(sd_varlink *link, const char *package, const char *version);
