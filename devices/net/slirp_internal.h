/* SPDX-License-Identifier: MIT
 *
 * What the files of the user network share.
 */
#ifndef DEVICES_NET_SLIRP_INTERNAL_H
#define DEVICES_NET_SLIRP_INTERNAL_H

#include <poll.h>
#include <pthread.h>
#include <slirp/libslirp.h>

#include "devices/net/guard.h"
#include "devices/net/segments.h"
#include "devices/net/slirp.h"

struct slirp_timer {
    struct slirp_timer *next;
    SlirpTimerId id;
    void *opaque;
    int64_t expires; /* ms; INT64_MAX: not armed */
};

#define SLIRP_STREAM_BUFFER (1u << 20)

/* guestfwd to a TCP server of the host: one connection, made at the start. */
struct slirp_stream {
    struct slirp_stream *next;
    struct netdev_slirp *slirp;
    struct in_addr address; /* the address at which the guest sees it */
    int port;
    int fd, poll_index; /* fd -1: closed; poll_index -1: not polled */
    size_t out_count;   /* bytes that the server has not taken yet */
    uint8_t out[SLIRP_STREAM_BUFFER];
};

struct netdev_slirp {
    struct netdev netdev; /* must be first */
    Slirp *slirp;
    pthread_t thread;
    bool has_thread;
    int event;
    atomic_bool stop;
    atomic_bool wanted;   /* netdev_run() has to be called */
    atomic_bool sleeping; /* the thread is in poll(2), or about to be: it has to be woken */
    atomic_uint turns;    /* how often the thread has come out of poll(2) */
    /* Protected by libslirp's lock (slirp.c). */
    struct slirp_timer *timers;
    struct slirp_stream *streams;
    struct pollfd *fds;
    unsigned fd_count, fd_room;
    struct net_guard *guard;
    struct net_segments *segments;
    int64_t accept_at; /* ms; until then no connection is accepted */
    bool accept_waits, accept_failed;
};

/* libslirp has state that all of its networks share, so one lock covers all calls into it. */
void slirp_lock(void);
void slirp_unlock(void);
/* CHECKs that the caller holds this lock. */
void slirp_check_locked(void);

/* slirp_config.c */
bool slirp_parse_config(const struct netdev_slirp_config *config, SlirpConfig *out, struct error *error);
/* slirp_forward.c; with the lock. */
bool slirp_add_rules(struct netdev_slirp *slirp, const struct netdev_slirp_config *config,
                     struct error *error);
void slirp_streams_close(struct netdev_slirp *slirp);
void slirp_streams_fill(struct netdev_slirp *slirp);
/* Does the packet go to one of the streams? */
bool slirp_streams_know(const struct netdev_slirp *slirp, const struct net_packet *packet);
void slirp_streams_poll(struct netdev_slirp *slirp);
/* slirp.c: adds to the poll set; returns the index, or -1 if memory is short. */
int slirp_poll_add(struct netdev_slirp *slirp, int fd, short events);
/* Returns when the thread has come out of poll(2), which keeps a socket listening that was closed in the
 * meantime. To be called without the lock. */
void slirp_leave_poll(struct netdev_slirp *slirp);

#endif
