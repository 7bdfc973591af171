/* The way to the upstreams: proxy, certificates, protocol. */
#pragma once

#include <curl/curl.h>

#include "base/util.h"

typedef struct Network {
        char *proxy;       /* http:// or https://host[:port]; NULL: none. The environment is never asked. */
        char *proxy_login; /* "user:password"; NULL: none */
        char *no_proxy;    /* as libcurl reads it: hosts, domains, networks with commas between them */
        char *client_certificate; /* path of a file in PEM; NULL: none */
        char *client_key; /* path of a file in PEM; NULL: the key is in the file of the certificate */
        char *problem;    /* why nothing can be fetched this way; NULL: it can */
} Network;

/* Replaces *to by a copy; NULL stands for none of it. Returns 0 or -ENOMEM, then *to is unchanged. */
int network_copy(Network *to, const Network *from);
/* Wipes what is secret. */
void network_clear(Network *network);

/* Sets a handle up. `share`: as a stream of a connection that others use too, where the server has that; else it gets a
 * connection of its own while it runs. Returns 0 or -EINVAL. */
int network_apply(const Network *network, CURL *easy, const char *ca_file, bool share);

/* Why no handshake can succeed that was possible when the network was set up: the file of the certificate is gone. NULL: it is
 * not, or memory is. */
char *network_explain_failure(const Network *network);
