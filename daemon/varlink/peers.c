#include "varlink/peers.h"

int peers_add(Peers *peers, const sd_varlink *link, uid_t uid) {
        unsigned n = 0;

        for (size_t i = 0; i < peers->n; i++)
                n += peers->places[i].uid == uid;
        if (peers->n >= PEERS_MAX || n >= PEERS_PER_USER_MAX)
                return -EUSERS;
        peers->places[peers->n].link = link;
        peers->places[peers->n++].uid = uid;
        return 0;
}

void peers_remove(Peers *peers, const sd_varlink *link) {
        for (size_t i = 0; i < peers->n; i++)
                if (peers->places[i].link == link) {
                        peers->places[i] = peers->places[--peers->n];
                        return;
                }
}
