/* SPDX-License-Identifier: MIT
 *
 * The thread of a network that is a descriptor of the host: a socket or a tap interface. It runs the netdev,
 * then waits with poll(2) for the descriptors that its kind of network names, then lets that look at them.
 */
#ifndef DEVICES_NET_PUMP_H
#define DEVICES_NET_PUMP_H

#include <poll.h>
#include <pthread.h>

#include "devices/net/netdev.h"

#define NET_PUMP_FDS  2
#define NET_PUMP_TURN 64 /* frames from the host before the guest's turn comes */

struct net_pump {
    struct netdev netdev; /* must be first */
    /* Both are called in the thread. prepare() fills in what to wait for (fd -1: nothing; those are preset),
     * and returns for how many ms at most, or -1. serve() looks at the result, and delivers frames. */
    int (*prepare)(struct net_pump *pump, struct pollfd fds[NET_PUMP_FDS]);
    void (*serve)(struct net_pump *pump, const struct pollfd fds[NET_PUMP_FDS]);
    /* The rest belongs to pump.c. */
    pthread_t thread;
    bool has_thread;
    int event;
    atomic_bool stop;
    atomic_bool wanted;   /* netdev_run() has to be called */
    atomic_bool sleeping; /* the thread is in poll(2), or about to be: it has to be woken */
};

/* Sets up the netdev; ops->wake must be net_pump_wake(). False, with *error filled; net_pump_fini() must be
 * called in any case. */
bool net_pump_init(struct net_pump *pump, const struct netdev_ops *ops, struct error *error);
/* Starts the thread. False, with *error filled. */
bool net_pump_start(struct net_pump *pump, struct error *error);
/* Ends the thread, and frees what the pump and the netdev have. */
void net_pump_fini(struct net_pump *pump);

void net_pump_wake(struct netdev *netdev);
/* In the thread: the host takes frames again. */
void net_pump_resume(struct net_pump *pump);

#endif
