/* SPDX-License-Identifier: MIT
 *
 * Where the peers of a network are: an address and a port, a Unix socket's path, or a descriptor that was
 * open when the program started. Names are looked up once, when the network is made.
 */
#ifndef DEVICES_NET_PLACE_H
#define DEVICES_NET_PLACE_H

#include <stdbool.h>
#include <sys/socket.h>

#include "util/error.h"

enum net_place_kind { NET_PLACE_NONE, NET_PLACE_INET, NET_PLACE_UNIX, NET_PLACE_FD };

/* Strings are borrowed while the network is made. */
struct net_place {
    enum net_place_kind kind;
    const char *host; /* INET; NULL or "": any */
    unsigned port;
    bool no_ipv4, no_ipv6;
    const char *path; /* UNIX */
    bool abstract;    /* the path is a name in the abstract namespace */
    int fd;           /* FD; a copy of it is used */
};

struct net_address {
    struct sockaddr_storage storage;
    socklen_t length;
};

#define NET_ADDRESSES_MAX 4

/* Looks up a place of kind INET or UNIX; `type` is SOCK_STREAM or SOCK_DGRAM. Returns the number of
 * addresses, at most NET_ADDRESSES_MAX; 0, with *error filled. */
unsigned net_place_find(const struct net_place *place, int type, bool passive,
                        struct net_address addresses[NET_ADDRESSES_MAX], struct error *error);
/* Makes a socket that listens (SOCK_STREAM) or is bound (SOCK_DGRAM) there; for FD, a copy of it. What a
 * killed program left of a Unix socket is replaced. Returns the descriptor, non-blocking; -1, with *error
 * filled. */
int net_place_open(const struct net_place *place, int type, struct error *error);
/* Begins to connect a new socket; returns it, non-blocking, or -1 and errno. It is connected when it can be
 * written and has no SO_ERROR. */
int net_address_connect(const struct net_address *address);
/* Writes "HOST:PORT" or the path. */
void net_place_text(const struct net_place *place, char *text, size_t size);
void net_address_text(const struct net_address *address, char *text, size_t size);

#endif
