/* Serves io.defdev.opendepot, and io.systemd.service, on a socket. */
#pragma once

#include <systemd/sd-event.h>

#include "manager/manager.h"

typedef struct VarlinkServer VarlinkServer;

/* Listens on <directory>/io.defdev.opendepot; reading is open to every local user, what changes something to root, the
 * daemon's own user and its group. Takes the manager's listener. */
int varlink_server_new(sd_event *event, Manager *manager, const char *directory, VarlinkServer **ret);
VarlinkServer *varlink_server_free(VarlinkServer *server);
DEFINE_CLEANUP(VarlinkServer *, varlink_server_free)
