/* SPDX-License-Identifier: MIT
 *
 * See pump.h.
 */
#include "devices/net/pump.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "util/log.h"
#include "util/thread.h"
#include "util/thread_signals.h"

void net_pump_wake(struct netdev *netdev)
{
    struct net_pump *pump = (struct net_pump *)netdev;
    uint64_t one = 1;
    atomic_store(&pump->wanted, true);
    if (!atomic_exchange(&pump->sleeping, false))
        return; /* the thread reads `wanted` before it sleeps */
    while (write(pump->event, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

void net_pump_resume(struct net_pump *pump)
{
    atomic_store(&pump->wanted, true);
}

/* Waits for the kind's descriptors and for a call of wake(). */
static void wait_for(struct net_pump *pump, struct pollfd fds[NET_PUMP_FDS + 1])
{
    uint64_t count;
    for (unsigned n = 0; n < NET_PUMP_FDS; n++)
        fds[n] = (struct pollfd){ .fd = -1 };
    fds[NET_PUMP_FDS] = (struct pollfd){ .fd = pump->event, .events = POLLIN };
    int timeout = pump->prepare(pump, fds);
    atomic_store(&pump->sleeping, true);
    if (atomic_load(&pump->wanted) || atomic_load(&pump->stop))
        timeout = 0;
    int ready = poll(fds, NET_PUMP_FDS + 1, timeout);
    atomic_store(&pump->sleeping, false);
    for (unsigned n = 0; ready <= 0 && n <= NET_PUMP_FDS; n++)
        fds[n].revents = 0;
    if (fds[NET_PUMP_FDS].revents && read(pump->event, &count, sizeof(count)) < 0 && errno != EAGAIN)
        log_warn("%s: its event descriptor fails: %s", pump->netdev.ops->name, strerror(errno));
}

static void *pump_thread(void *opaque)
{
    struct net_pump *pump = opaque;
    struct pollfd fds[NET_PUMP_FDS + 1];
    while (!atomic_load(&pump->stop)) {
        if (atomic_exchange(&pump->wanted, false) && netdev_run(&pump->netdev))
            atomic_store(&pump->wanted, true);
        wait_for(pump, fds);
        pump->serve(pump, fds);
        netdev_deliver_end(&pump->netdev);
    }
    return NULL;
}

bool net_pump_init(struct net_pump *pump, const struct netdev_ops *ops, struct error *error)
{
    netdev_init(&pump->netdev, ops);
    pump->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return pump->event >= 0 ||
           error_set(error, "%s: cannot make an event descriptor: %s", ops->name, strerror(errno));
}

bool net_pump_start(struct net_pump *pump, struct error *error)
{
    /* Signals are for the threads that expect them, so the new thread blocks them. */
    sigset_t before;
    thread_signals_block(&before);
    int rc = thread_create(&pump->thread, THREAD_HOST, "net", pump_thread, pump);
    thread_signals_restore(&before);
    if (rc)
        return error_set(error, "%s: cannot start its thread: %s", pump->netdev.ops->name, strerror(rc));
    pump->has_thread = true;
    return true;
}

void net_pump_fini(struct net_pump *pump)
{
    if (pump->has_thread) {
        atomic_store(&pump->stop, true);
        net_pump_wake(&pump->netdev);
        thread_join(&pump->thread);
    }
    if (pump->event >= 0)
        close(pump->event);
    netdev_fini(&pump->netdev);
}
