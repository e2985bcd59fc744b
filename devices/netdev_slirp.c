/* SPDX-License-Identifier: MIT
 *
 * The thread of the user network: see netdev_slirp.h. It runs the netdev (frames of the guest go to libslirp,
 * which answers through send_packet), then waits with poll(2) for the sockets that libslirp names, then lets
 * libslirp look at them. While much is waiting for the guest, no socket is read.
 *
 * A hostile guest could make libslirp use up the process's descriptors or memory: new connections are refused
 * beyond half of the descriptors that the process may have, and fragments of IP, which libslirp keeps for up
 * to 30 s, beyond some MiB a second.
 */
#include "devices/netdev_slirp_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "util/log.h"
#include "util/thread.h"

#define SLIRP_CONFIG_VERSION   4
#define SLIRP_SOCKETS_MAX      4096u
#define SLIRP_FRAGMENTS_SECOND (8u << 20) /* bytes */
#define SLIRP_IDLE_MS          1000u      /* what libslirp asks for where nothing is going on */

static pthread_mutex_t library_lock = PTHREAD_MUTEX_INITIALIZER;

void slirp_lock(void)
{
    pthread_mutex_lock(&library_lock);
}

void slirp_unlock(void)
{
    pthread_mutex_unlock(&library_lock);
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t now_ms(void)
{
    return now_ns() / 1000000;
}

/* ---- What libslirp calls; all in the thread, or while the network is made -------------------------- */

static ssize_t on_packet(const void *bytes, size_t length, void *opaque)
{
    netdev_deliver(opaque, bytes, length);
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
    return now_ns();
}

static void *on_timer_new(SlirpTimerId id, void *timer_opaque, void *opaque)
{
    struct netdev_slirp *slirp = opaque;
    struct slirp_timer *timer = calloc(1, sizeof(*timer));
    if (!timer)
        abort(); /* libslirp, too, ends the program where there is no memory at all */
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

static void on_socket(int fd, void *opaque)
{
    (void)fd;
    ((struct netdev_slirp *)opaque)->sockets++;
}

static void on_socket_gone(int fd, void *opaque)
{
    struct netdev_slirp *slirp = opaque;
    (void)fd;
    if (slirp->sockets)
        slirp->sockets--;
}

/* A buffer has room again: the thread looks at all sockets before it waits anyway. */
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

/* ---- From the guest ------------------------------------------------------------------------------- */

/* Does the frame begin a connection, or may it (UDP, and ICMP, which has sockets too)? */
static bool may_need_socket(const uint8_t *frame, size_t length)
{
    bool ipv4 = frame[12] == 0x08 && frame[13] == 0x00, ipv6 = frame[12] == 0x86 && frame[13] == 0xdd;
    size_t header = ipv4 && length > 14 ? 14 + (frame[14] & 0x0fu) * 4 : 14 + 40;
    if ((!ipv4 && !ipv6) || length < header + 14)
        return false;
    uint8_t protocol = ipv4 ? frame[23] : frame[20];
    return protocol != 6 || (frame[header + 13] & 0x12) == 0x02; /* SYN without ACK */
}

static bool is_fragment(const uint8_t *frame, size_t length)
{
    return length >= 14 + 20 && frame[12] == 0x08 && frame[13] == 0x00 && ((frame[20] & 0x3f) || frame[21]);
}

/* Is there still room for what the frame may cost? */
static bool affordable(struct netdev_slirp *slirp, const uint8_t *frame, size_t length)
{
    if (slirp->sockets >= slirp->sockets_max && may_need_socket(frame, length)) {
        LOG_GUEST("user network: the guest has %u connections; another one is refused", slirp->sockets);
        return false;
    }
    if (!is_fragment(frame, length))
        return true;
    int64_t second = now_ns() / 1000000000;
    if (second != slirp->fragment_second) {
        slirp->fragment_second = second;
        slirp->fragments = 0;
    }
    slirp->fragments += length;
    if (slirp->fragments <= SLIRP_FRAGMENTS_SECOND)
        return true;
    LOG_GUEST("user network: too many fragments of IP packets; one is dropped");
    return false;
}

static void net_send(struct netdev *netdev, const uint8_t *frame, size_t length)
{
    struct netdev_slirp *slirp = (struct netdev_slirp *)netdev;
    if (length >= NETDEV_ETHERNET_HEADER && affordable(slirp, frame, length))
        slirp_input(slirp->slirp, frame, (int)length);
}

/* ---- The thread ----------------------------------------------------------------------------------- */

static void wake(struct netdev *netdev)
{
    struct netdev_slirp *slirp = (struct netdev_slirp *)netdev;
    uint64_t one = 1;
    atomic_store(&slirp->wanted, true);
    if (!atomic_exchange(&slirp->sleeping, false))
        return; /* it looks at `wanted` before it sleeps */
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
    /* Not at all in the set: poll() would report hang-ups without end. */
    return wanted ? slirp_poll_add(slirp, fd, wanted) : -1;
}

static int on_get_revents(int index, void *opaque)
{
    const struct netdev_slirp *slirp = opaque;
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
    for (unsigned n = 0; n < sizeof(bits) / sizeof(bits[0]); n++)
        revents |= slirp->fds[index].revents & bits[n].poll ? bits[n].slirp : 0;
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

/* Fills the poll set; returns poll()'s timeout. libslirp never asks for more than SLIRP_IDLE_MS, also where
 * it has no socket to look after; a guest that does nothing shall cost nothing. */
static int fill(struct netdev_slirp *slirp)
{
    uint32_t timeout = UINT32_MAX;
    slirp->fd_count = 0;
    slirp_poll_add(slirp, slirp->event, POLLIN);
    slirp_streams_fill(slirp);
    unsigned own = slirp->fd_count;
    slirp_pollfds_fill(slirp->slirp, &timeout, on_add_poll, slirp);
    if (timeout >= SLIRP_IDLE_MS && slirp->fd_count == own)
        timeout = INT32_MAX;
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
        netdev_deliver_end(&slirp->netdev); /* the timers' frames */
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

/* ---- Making and unmaking -------------------------------------------------------------------------- */

static void slirp_destroy(struct netdev *netdev)
{
    struct netdev_slirp *slirp = (struct netdev_slirp *)netdev;
    if (slirp->has_thread) {
        atomic_store(&slirp->stop, true);
        wake(netdev);
        thread_join(slirp->thread);
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
    netdev_fini(netdev);
    free(slirp);
}

static const struct netdev_ops slirp_ops = { "user network", net_send, wake, slirp_destroy };

static bool start_thread(struct netdev_slirp *slirp, struct error *error)
{
    /* Signals are for the threads that expect them. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = thread_create(&slirp->thread, THREAD_HOST, slirp_thread, slirp);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc)
        return error_set(error, "user network: cannot start its thread: %s", strerror(rc));
    pthread_setname_np(slirp->thread, "slirp");
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
    slirp->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (slirp->event < 0)
        return error_set(error, "user network: cannot make an event descriptor: %s", strerror(errno));
    slirp_lock();
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
    slirp->sockets_max = sockets_limit();
    if (slirp_start(slirp, config, error))
        return &slirp->netdev;
    slirp_destroy(&slirp->netdev);
    return NULL;
}
