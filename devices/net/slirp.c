/* SPDX-License-Identifier: MIT
 *
 * The thread of the user network: see slirp.h. It runs the netdev (frames of the guest go to libslirp,
 * which answers through send_packet), then waits with poll(2) for the sockets that libslirp names, then lets
 * libslirp look at them. While much is waiting for the guest, no socket is read.
 *
 * The guest's frames pass guard.h first. A hostile guest could also make libslirp use up the process's
 * descriptors or memory, and so could the peers of forwarded ports: beyond SLIRP_SOCKETS_MAX sockets of all
 * networks, or half of the descriptors that the process may have, no new one is opened. A TCP connection has
 * two buffers of 128 KiB in libslirp, so all of them together have at most 256 MiB.
 */
#include "devices/net/slirp_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "util/check.h"
#include "util/host_time.h"
#include "util/log.h"
#include "util/thread.h"
#include "util/thread_signals.h"

#define SLIRP_CONFIG_VERSION 4
#define SLIRP_SOCKETS_MAX    1024u
#define SLIRP_IDLE_MS        1000u /* what libslirp asks for while nothing is going on */
#define SLIRP_ACCEPT_MS      100u  /* between two attempts to accept while there is no descriptor */

static pthread_mutex_t library_lock = PTHREAD_MUTEX_INITIALIZER;

/* The sockets of all networks' connections; not those that listen. Under the lock. */
static struct {
    uint8_t *is_open; /* by descriptor */
    size_t room;
    unsigned count, limit;
} sockets;

void slirp_lock(void)
{
    pthread_mutex_lock(&library_lock);
}

void slirp_check_locked(void)
{
    CHECK_HELD(&library_lock);
}

void slirp_unlock(void)
{
    pthread_mutex_unlock(&library_lock);
}

static int64_t now_ms(void)
{
    return (int64_t)host_now_ms();
}

/* ---- What libslirp calls; all in the thread, or while the network is made ------------------------------ */

static ssize_t on_packet(const void *bytes, size_t length, void *opaque)
{
    struct netdev_slirp *slirp = opaque;
    net_segments_answer(slirp->segments, bytes, length);
    netdev_deliver(&slirp->netdev, bytes, length);
    return (ssize_t)length;
}

static void on_guest_error(const char *message, void *opaque)
{
    (void)opaque;
    LOG_GUEST("user network: %s", message);
}

static int64_t on_clock(void *opaque)
{
    (void)opaque;
    return (int64_t)host_now_ns();
}

static void *on_timer_new(SlirpTimerId id, void *timer_opaque, void *opaque)
{
    struct netdev_slirp *slirp = opaque;
    struct slirp_timer *timer = calloc(1, sizeof(*timer));
    if (!timer)
        abort(); /* libslirp, too, ends the program if there is no memory at all */
    *timer = (struct slirp_timer){ slirp->timers, id, timer_opaque, INT64_MAX };
    slirp->timers = timer;
    return timer;
}

static void on_timer_free(void *timer, void *opaque)
{
    struct netdev_slirp *slirp = opaque;
    for (struct slirp_timer **link = &slirp->timers; *link; link = &(*link)->next) {
        if (*link == timer) {
            *link = (*link)->next;
            free(timer);
            return;
        }
    }
}

static void on_timer_mod(void *timer, int64_t milliseconds, void *opaque)
{
    (void)opaque;
    ((struct slirp_timer *)timer)->expires = milliseconds;
}

/* libslirp also reports values that are no sockets (-1), and sockets that it has reported before; each socket
 * counts once. */
static void on_socket(int fd, void *opaque)
{
    (void)opaque;
    if (fd < 0)
        return;
    if ((size_t)fd >= sockets.room) {
        size_t room = (size_t)fd * 2 + 64;
        uint8_t *grown = realloc(sockets.is_open, room);
        if (!grown)
            abort(); /* as libslirp does */
        memset(grown + sockets.room, 0, room - sockets.room);
        sockets.is_open = grown;
        sockets.room = room;
    }
    sockets.count += !sockets.is_open[fd];
    sockets.is_open[fd] = 1;
}

static void on_socket_gone(int fd, void *opaque)
{
    (void)opaque;
    if (fd >= 0 && (size_t)fd < sockets.room && sockets.is_open[fd]) {
        sockets.is_open[fd] = 0;
        sockets.count--;
    }
}

/* A buffer has room again. Nothing is to be done, since the thread looks at all sockets before it waits. */
static void on_notify(void *opaque)
{
    (void)opaque;
}

static const SlirpCb callbacks = {
    .send_packet = on_packet,
    .guest_error = on_guest_error,
    .clock_get_ns = on_clock,
    .timer_free = on_timer_free,
    .timer_mod = on_timer_mod,
    .register_poll_fd = on_socket,
    .unregister_poll_fd = on_socket_gone,
    .notify = on_notify,
    .timer_new_opaque = on_timer_new,
};

/* ---- From the guest ------------------------------------------------------------------------------------ */

/* Connections to a guestfwd that this process serves have buffers in libslirp, but no socket. */
static unsigned unseen_connections(struct netdev_slirp *slirp)
{
    unsigned count = 0;
    char *text = slirp_connection_info(slirp->slirp);
    for (const char *at = text; at && (at = strstr(at, "TCP[")); at++)
        count++;
    free(text);
    return count;
}

/* Is there still room for what the packet may cost? */
static bool affordable(struct netdev_slirp *slirp, const struct net_packet *packet)
{
    unsigned count = sockets.count;
    if (packet->tcp_syn && slirp_streams_know(slirp, packet)) {
        unsigned own = unseen_connections(slirp);
        count = own > count ? own : count;
    }
    if (!packet->opens || count < sockets.limit)
        return true;
    LOG_GUEST("user network: there are %u connections, as many as may be; another one is refused", count);
    return false;
}

static void net_send(struct netdev *netdev, const uint8_t *frame, size_t length)
{
    struct netdev_slirp *slirp = (struct netdev_slirp *)netdev;
    struct net_packet packet;
    const char *fault;
    if (!net_guard_pass(slirp->guard, frame, length, now_ms(), &packet, &fault)) {
        if (fault)
            LOG_GUEST("user network: dropped: %s", fault);
        return;
    }
    if (!net_segments_allow(slirp->segments, packet.frame, packet.length, now_ms())) {
        LOG_GUEST("user network: dropped: too many TCP segments out of order");
        return;
    }
    if (affordable(slirp, &packet))
        slirp_input(slirp->slirp, packet.frame, (int)packet.length);
}

/* ---- The thread ---------------------------------------------------------------------------------------- */

static void wake(struct netdev *netdev)
{
    struct netdev_slirp *slirp = (struct netdev_slirp *)netdev;
    uint64_t one = 1;
    atomic_store(&slirp->wanted, true);
    if (!atomic_exchange(&slirp->sleeping, false))
        return; /* the thread reads `wanted` before it sleeps */
    while (write(slirp->event, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

int slirp_poll_add(struct netdev_slirp *slirp, int fd, short events)
{
    if (slirp->fd_count == slirp->fd_room) {
        unsigned room = slirp->fd_room ? slirp->fd_room * 2 : 64;
        struct pollfd *grown = realloc(slirp->fds, room * sizeof(*grown));
        if (!grown)
            return -1;
        slirp->fds = grown;
        slirp->fd_room = room;
    }
    slirp->fds[slirp->fd_count] = (struct pollfd){ .fd = fd, .events = events };
    return (int)slirp->fd_count++;
}

static bool is_listener(int fd)
{
    int listens = 0;
    socklen_t length = sizeof(listens);
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 && listens;
}

/* There are too many connections, or there is no descriptor for a new one: clients of forwarded ports have to
 * wait. */
static bool accept_later(const struct netdev_slirp *slirp)
{
    return sockets.count >= sockets.limit || slirp->accept_at > now_ms();
}

static int on_add_poll(int fd, int events, void *opaque)
{
    struct netdev_slirp *slirp = opaque;
    short wanted = 0;
    if (events & SLIRP_POLL_OUT)
        wanted |= POLLOUT;
    if (!netdev_is_full(&slirp->netdev)) {
        wanted |= events & SLIRP_POLL_IN ? POLLIN : 0;
        wanted |= events & SLIRP_POLL_PRI ? POLLPRI : 0;
    }
    if (wanted == POLLIN && accept_later(slirp) && is_listener(fd)) {
        slirp->accept_waits = true;
        return -1;
    }
    /* A socket without events is left out: poll() would report hang-ups again and again. */
    return wanted ? slirp_poll_add(slirp, fd, wanted) : -1;
}

/* Can libslirp accept a connection now? Without a descriptor it would try again and again. */
static bool can_accept(struct netdev_slirp *slirp)
{
    if (accept_later(slirp))
        return false;
    int fd = fcntl(slirp->event, F_DUPFD_CLOEXEC, 0);
    if (fd >= 0) {
        close(fd);
        return true;
    }
    slirp->accept_at = now_ms() + SLIRP_ACCEPT_MS;
    if (!slirp->accept_failed)
        log_warn("user network: connections to forwarded ports wait: %s", strerror(errno));
    slirp->accept_failed = true;
    return false;
}

static int on_get_revents(int index, void *opaque)
{
    struct netdev_slirp *slirp = opaque;
    static const struct {
        short poll;
        int slirp;
    } bits[] = { { POLLIN, SLIRP_POLL_IN },
                 { POLLOUT, SLIRP_POLL_OUT },
                 { POLLPRI, SLIRP_POLL_PRI },
                 { POLLERR, SLIRP_POLL_ERR },
                 { POLLHUP, SLIRP_POLL_HUP } };
    int revents = 0;
    if (index < 0 || (unsigned)index >= slirp->fd_count)
        return 0;
    const struct pollfd *at = &slirp->fds[index];
    /* libslirp takes an error as something to read, and ends the program if it has no room for it. So a
     * socket that is only to be written learns of the error by writing. */
    if (!(at->events & POLLIN))
        return at->revents & (POLLOUT | POLLERR | POLLHUP) ? SLIRP_POLL_OUT : 0;
    for (unsigned n = 0; n < sizeof(bits) / sizeof(bits[0]); n++)
        revents |= at->revents & bits[n].poll ? bits[n].slirp : 0;
    if (revents && at->events == POLLIN && is_listener(at->fd) && !can_accept(slirp))
        return 0;
    return revents;
}

/* Fires what is due; returns the ms until the next one, at most `most`. */
static uint32_t run_timers(struct netdev_slirp *slirp, uint32_t most)
{
    int64_t now = now_ms();
    for (struct slirp_timer *timer = slirp->timers; timer; timer = timer->next) {
        if (timer->expires <= now) {
            timer->expires = INT64_MAX;
            slirp_handle_timer(slirp->slirp, timer->id, timer->opaque);
        }
    }
    for (const struct slirp_timer *timer = slirp->timers; timer; timer = timer->next) {
        if (timer->expires != INT64_MAX && timer->expires - now < most)
            most = timer->expires > now ? (uint32_t)(timer->expires - now) : 0;
    }
    return most;
}

/* Fills the poll set and returns poll()'s timeout. libslirp asks for at most SLIRP_IDLE_MS even if it has no
 * sockets; a guest that does nothing must cost nothing, so the timeout is longer then. */
static int fill(struct netdev_slirp *slirp)
{
    uint32_t timeout = UINT32_MAX;
    slirp->fd_count = 0;
    slirp->accept_waits = false;
    slirp_poll_add(slirp, slirp->event, POLLIN);
    slirp_streams_fill(slirp);
    unsigned own = slirp->fd_count;
    slirp_pollfds_fill(slirp->slirp, &timeout, on_add_poll, slirp);
    if (timeout >= SLIRP_IDLE_MS && slirp->fd_count == own)
        timeout = INT32_MAX;
    if (slirp->accept_waits && timeout > SLIRP_ACCEPT_MS)
        timeout = SLIRP_ACCEPT_MS;
    timeout = run_timers(slirp, timeout);
    return timeout >= INT32_MAX ? -1 : (int)timeout;
}

static void wait_for_sockets(struct netdev_slirp *slirp, int timeout)
{
    uint64_t count;
    atomic_store(&slirp->sleeping, true);
    if (atomic_load(&slirp->wanted) || atomic_load(&slirp->stop))
        timeout = 0;
    int ready = poll(slirp->fds, slirp->fd_count, timeout);
    atomic_store(&slirp->sleeping, false);
    atomic_fetch_add(&slirp->turns, 1);
    if (ready <= 0) {
        for (unsigned n = 0; n < slirp->fd_count; n++)
            slirp->fds[n].revents = 0;
    } else if (slirp->fds[0].revents && read(slirp->event, &count, sizeof(count)) < 0 && errno != EAGAIN) {
        log_warn("user network: its event descriptor fails: %s", strerror(errno));
    }
}

void slirp_leave_poll(struct netdev_slirp *slirp)
{
    unsigned turn = atomic_load(&slirp->turns);
    wake(&slirp->netdev);
    while (slirp->has_thread && !atomic_load(&slirp->stop) && atomic_load(&slirp->turns) == turn)
        nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
}

static void *slirp_thread(void *opaque)
{
    struct netdev_slirp *slirp = opaque;
    while (!atomic_load(&slirp->stop)) {
        slirp_lock();
        if (atomic_exchange(&slirp->wanted, false) && netdev_run(&slirp->netdev))
            atomic_store(&slirp->wanted, true);
        int timeout = fill(slirp);
        netdev_deliver_end(&slirp->netdev); /* for the frames that the timers sent */
        slirp_unlock();
        wait_for_sockets(slirp, timeout);
        slirp_lock();
        slirp_streams_poll(slirp);
        slirp_pollfds_poll(slirp->slirp, 0, on_get_revents, slirp);
        netdev_deliver_end(&slirp->netdev);
        slirp_unlock();
    }
    return NULL;
}

/* ---- Making and unmaking ------------------------------------------------------------------------------- */

static void slirp_destroy(struct netdev *netdev)
{
    struct netdev_slirp *slirp = (struct netdev_slirp *)netdev;
    if (slirp->has_thread) {
        atomic_store(&slirp->stop, true);
        wake(netdev);
        thread_join(&slirp->thread);
    }
    slirp_lock();
    slirp_streams_close(slirp);
    if (slirp->slirp)
        slirp_cleanup(slirp->slirp);
    slirp_unlock();
    while (slirp->timers)
        on_timer_free(slirp->timers, slirp);
    if (slirp->event >= 0)
        close(slirp->event);
    free(slirp->fds);
    net_guard_destroy(slirp->guard);
    net_segments_destroy(slirp->segments);
    netdev_fini(netdev);
    free(slirp);
}

static const struct netdev_ops slirp_ops = {
    .name = "user network", .send = net_send, .wake = wake, .destroy = slirp_destroy
};

static bool start_thread(struct netdev_slirp *slirp, struct error *error)
{
    /* Signals are for the threads that expect them, so the new thread blocks them. */
    sigset_t before;
    thread_signals_block(&before);
    int rc = thread_create(&slirp->thread, THREAD_HOST, "slirp", slirp_thread, slirp);
    thread_signals_restore(&before);
    if (rc)
        return error_set(error, "user network: cannot start its thread: %s", strerror(rc));
    slirp->has_thread = true;
    return true;
}

static unsigned sockets_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur / 2 > SLIRP_SOCKETS_MAX)
        return SLIRP_SOCKETS_MAX;
    return (unsigned)(limit.rlim_cur / 2);
}

static bool slirp_start(struct netdev_slirp *slirp, const struct netdev_slirp_config *config,
                        struct error *error)
{
    SlirpConfig parsed;
    if (!slirp_parse_config(config, &parsed, error))
        return false;
    parsed.version = SLIRP_CONFIG_VERSION;
    struct net_guard_config guard;
    memcpy(guard.host6, &parsed.vhost6, sizeof(guard.host6));
    memcpy(guard.dns6, &parsed.vnameserver6, sizeof(guard.dns6));
    slirp->guard = net_guard_create(&guard);
    slirp->segments = net_segments_create();
    if (!slirp->guard || !slirp->segments)
        return error_set(error, "user network: out of memory");
    slirp->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (slirp->event < 0)
        return error_set(error, "user network: cannot make an event descriptor: %s", strerror(errno));
    slirp_lock();
    sockets.limit = sockets_limit();
    slirp->slirp = slirp_new(&parsed, &callbacks, slirp);
    bool ok = slirp->slirp ? slirp_add_rules(slirp, config, error)
                           : error_set(error, "user network: libslirp %s refuses the configuration",
                                       slirp_version_string());
    slirp_unlock();
    return ok && start_thread(slirp, error);
}

struct netdev *netdev_slirp_create(const struct netdev_slirp_config *config, struct error *error)
{
    struct netdev_slirp *slirp = calloc(1, sizeof(*slirp));
    if (!slirp) {
        error_set(error, "user network: out of memory");
        return NULL;
    }
    netdev_init(&slirp->netdev, &slirp_ops);
    slirp->netdev.takes_large_tcp = true;
    slirp->netdev.checksums_right = true;
    slirp->event = -1;
    if (slirp_start(slirp, config, error))
        return &slirp->netdev;
    slirp_destroy(&slirp->netdev);
    return NULL;
}
