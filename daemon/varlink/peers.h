/* The connections of users who may only look: few for each of them and not all for all of them, since a connection can
 * hold a message of up to 16 MiB (sd-varlink's own limit) that never comes to its end. */
#pragma once

#include <systemd/sd-varlink.h>

#include "base/util.h"

#define PEERS_MAX 128U
#define PEERS_PER_USER_MAX 24U

/* Zero-initialised: nobody. */
typedef struct Peers {
        struct {
                const sd_varlink *link;
                uid_t uid;
        } places[PEERS_MAX];
        size_t n;
} Peers;

/* Returns -EUSERS when there is no room for another connection of this user. */
int peers_add(Peers *peers, const sd_varlink *link, uid_t uid);
/* Does nothing for a link that was not added. */
void peers_remove(Peers *peers, const sd_varlink *link);
