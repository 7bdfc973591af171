/* The interface io.systemd.service, as other services of a systemd host offer it: Ping and SetLogLevel. */
#pragma once

#include <systemd/sd-varlink-idl.h>
#include <systemd/sd-varlink.h>

extern const sd_varlink_interface vl_interface_service_varlink;

/* For sd_varlink_dispatch(): a method without parameters. */
extern const sd_json_dispatch_field no_parameters[];

int service_on_ping(
        sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata);
/* Who may do it is for the caller to check. */
int service_on_set_log_level(
        sd_varlink *link, sd_json_variant *parameters, sd_varlink_method_flags_t flags, void *userdata);
