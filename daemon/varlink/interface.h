/* The varlink interface io.defdev.opendepot: `varlinkctl introspect` prints it with its comments. */
#pragma once

#include <systemd/sd-varlink-idl.h>
#include <systemd/sd-varlink.h>

#define OPENDEPOT_VARLINK_SOCKET "io.defdev.opendepot"

extern const sd_varlink_interface vl_interface_opendepot_varlink;
