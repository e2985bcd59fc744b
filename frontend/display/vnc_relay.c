/* SPDX-License-Identifier: MIT
 *
 * Moves bytes between viewers and libvncserver; see vnc_relay.h. Everything about a viewer belongs to the
 * relay's thread, except `slow` and what the lock guards: the list of viewers that libvncserver has not taken
 * yet, the spare descriptors, and whether libvncserver still has its end.
 *
 * What waits for a viewer is limited: beyond SLOW_BYTES nothing more is read from the viewer, and no new
 * picture is made for it. So at most that much and one picture wait.
 */
#include "frontend/display/vnc_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "frontend/display/vnc_protocol.h"
#include "frontend/display/vnc_stream.h"
#include "util/check.h"
#include "util/host_time.h"
#include "util/log.h"
#include "util/thread.h"
#include "util/thread_signals.h"

#define CHUNK         65536u
#define SLOW_BYTES    (512u << 10)
#define FAST_BYTES    (64u << 10)
#define START_MS      30000u /* for a viewer's handshake */
#define CROWDED_MS    3000u  /* the same while there is no room for others */
#define ACCEPT_MS     100u   /* between two attempts to accept while there is no descriptor */
#define POLLS_EACH    2u
#define POLLS_AT      3u /* behind wake_fd and the listeners */
#define LISTENERS     2u
#define SPARE_LOWEST  3 /* the numbers of the standard streams are not used */
#define LISTEN_LENGTH 16
#define LIBRARY_TYPES 2u /* libvncserver lists its one security type in these bytes */

struct vnc_viewer {
    struct vnc_viewer *next;    /* in the list of all viewers, which is the thread's */
    struct vnc_viewer *arrived; /* in the list of those that libvncserver has not taken; under the lock */
    struct vnc_relay *relay;
    struct vnc_stream outer;
    int inner;        /* -1: closed */
    int library;      /* libvncserver's end, until it is taken; then -1 */
    bool library_has; /* libvncserver has its end, or will take it; under the lock */
    bool greeted;
    struct vnc_protocol protocol;
    uint64_t since;
    uint8_t in[VNC_MESSAGE_MAX];
    size_t in_count, in_passed; /* bytes that have come; how many of them are for libvncserver */
    size_t banner_left;         /* bytes of libvncserver's greeting that the viewer does not get */
    atomic_bool slow;
};

struct vnc_relay {
    struct vnc_relay_config config;
    pthread_t thread;
    bool has_thread;
    int listeners[LISTENERS]; /* for RFB, and for websockets; -1: none */
    int wake_fd;
    struct vnc_origin_policy origins;
    atomic_bool stop;
    struct vnc_viewer *viewers;
    unsigned count;
    uint64_t accept_at; /* ms; until then no connection is accepted */
    bool accept_failed;
    pthread_mutex_t lock;
    struct vnc_viewer *arrivals;
    int spare[VNC_VIEWERS_MAX];
    unsigned spare_count;
};

static void wake_thread(struct vnc_relay *relay)
{
    uint64_t one = 1;
    ssize_t ignored = write(relay->wake_fd, &one, sizeof(one)); /* the counter cannot overflow */
    (void)ignored;
}

/* ---- Low descriptors ----------------------------------------------------------------------------------- */

/* Fills up the spare descriptors, as far as there are any. [locked] */
static void set_aside(struct vnc_relay *relay)
{
    CHECK_HELD(&relay->lock);
    while (relay->spare_count < VNC_VIEWERS_MAX) {
        int fd = fcntl(relay->wake_fd, F_DUPFD_CLOEXEC, SPARE_LOWEST);
        if (fd < 0)
            return;
        if (fd >= FD_SETSIZE) {
            close(fd);
            return;
        }
        relay->spare[relay->spare_count++] = fd;
    }
}

/* Gives the file of `fd` a low number, and closes `fd`. -1: there is no low number left. */
static int make_low(struct vnc_relay *relay, int fd)
{
    int low = -1;
    pthread_mutex_lock(&relay->lock);
    set_aside(relay);
    if (relay->spare_count)
        low = relay->spare[--relay->spare_count];
    pthread_mutex_unlock(&relay->lock);
    if (low >= 0 && dup3(fd, low, O_CLOEXEC) < 0) {
        close(low);
        low = -1;
    }
    close(fd);
    return low;
}

/* ---- Viewers ------------------------------------------------------------------------------------------- */

static bool out_append(struct vnc_viewer *viewer, const uint8_t *bytes, size_t length)
{
    if (!vnc_stream_write(&viewer->outer, bytes, length))
        return false;
    if (viewer->outer.out_count > SLOW_BYTES)
        atomic_store(&viewer->slow, true);
    return true;
}

/* Writes what the viewer takes now; false if the viewer is gone. */
static bool out_flush(struct vnc_viewer *viewer)
{
    if (!vnc_stream_flush(&viewer->outer))
        return false;
    if (viewer->outer.out_count < FAST_BYTES && atomic_exchange(&viewer->slow, false))
        viewer->relay->config.wake(viewer->relay->config.opaque);
    return true;
}

/* Closes what belongs to the relay; libvncserver sees the end of its input. */
static void hang_up(struct vnc_viewer *viewer)
{
    vnc_stream_close(&viewer->outer);
    if (viewer->inner >= 0)
        close(viewer->inner);
    viewer->inner = -1;
    if (atomic_exchange(&viewer->slow, false))
        viewer->relay->config.wake(viewer->relay->config.opaque);
}

static void refuse(struct vnc_viewer *viewer, const char *why)
{
    static struct log_site site;
    if (log_site_allows(&site))
        log_warn("%s: a viewer is disconnected: %s", viewer->relay->config.name, why);
    hang_up(viewer);
}

/* Frees the viewers that are finished on both sides. */
static void sweep(struct vnc_relay *relay)
{
    for (struct vnc_viewer **link = &relay->viewers; *link;) {
        struct vnc_viewer *viewer = *link;
        pthread_mutex_lock(&relay->lock);
        bool done = viewer->outer.fd < 0 && !viewer->library_has;
        pthread_mutex_unlock(&relay->lock);
        if (!done) {
            link = &viewer->next;
            continue;
        }
        *link = viewer->next;
        relay->count--;
        free(viewer);
    }
}

static bool set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

/* The viewer has said which version it speaks. Now it is introduced to libvncserver. */
static bool introduce(struct vnc_viewer *viewer)
{
    struct vnc_relay *relay = viewer->relay;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return false;
    viewer->inner = pair[0];
    viewer->library = make_low(relay, pair[1]);
    if (viewer->library < 0 || !set_nonblocking(viewer->inner))
        return false;
    viewer->banner_left = VNC_BANNER_BYTES + (viewer->protocol.tls ? LIBRARY_TYPES : 0);
    pthread_mutex_lock(&relay->lock);
    viewer->library_has = true;
    viewer->arrived = relay->arrivals;
    relay->arrivals = viewer;
    pthread_mutex_unlock(&relay->lock);
    return true;
}

/* Gives libvncserver as much as it has room for of what may be passed on. False: its end is closed. */
static bool in_flush(struct vnc_viewer *viewer)
{
    while (viewer->in_passed) {
        ssize_t sent = send(viewer->inner, viewer->in, viewer->in_passed, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN;
        viewer->in_passed -= (size_t)sent;
        viewer->in_count -= (size_t)sent;
        memmove(viewer->in, viewer->in + sent, viewer->in_count);
    }
    return true;
}

static bool send_reply(struct vnc_viewer *viewer)
{
    unsigned length = viewer->protocol.reply_length;
    viewer->protocol.reply_length = 0;
    return out_append(viewer, viewer->protocol.reply, length) && out_flush(viewer);
}

/* Throws away bytes that are not for libvncserver. */
static void in_drop(struct vnc_viewer *viewer, uint8_t *at, size_t length)
{
    viewer->in_count -= length;
    memmove(at, at + length, viewer->in_count - viewer->in_passed);
}

/* Handles the first `length` bytes at `at` as the verdict says. False: the viewer has been disconnected. */
static bool in_act(struct vnc_viewer *viewer, enum vnc_verdict verdict, bool first, uint8_t *at,
                   size_t length)
{
    if (verdict == VNC_PASS)
        viewer->in_passed += length;
    else
        in_drop(viewer, at, length);
    const char *fault = NULL;
    if (verdict == VNC_PASS && first && !introduce(viewer))
        fault = "there is no descriptor for it";
    else if (!send_reply(viewer))
        fault = "it does not take what it asked for";
    else if (verdict == VNC_TLS && !vnc_stream_start_tls(&viewer->outer, viewer->relay->config.tls))
        fault = "TLS cannot begin";
    if (fault)
        refuse(viewer, fault);
    return !fault;
}

/* Checks what has come. False: the viewer has been disconnected. */
static bool in_check(struct vnc_viewer *viewer)
{
    for (;;) {
        uint8_t *at = viewer->in + viewer->in_passed;
        size_t count = viewer->in_count - viewer->in_passed, length = 0;
        const char *fault = "";
        bool first = viewer->protocol.state == VNC_VERSION;
        enum vnc_verdict verdict = vnc_protocol_next(&viewer->protocol, at, count, &length, &fault);
        if (verdict == VNC_MORE)
            return true;
        if (verdict == VNC_CLOSE) {
            refuse(viewer, fault);
            return false;
        }
        if (!in_act(viewer, verdict, first, at, length))
            return false;
    }
}

/* The server speaks first, as soon as the connection is ready. */
static void greet(struct vnc_viewer *viewer)
{
    viewer->greeted = true;
    if (!out_append(viewer, (const uint8_t *)VNC_BANNER, VNC_BANNER_BYTES) || !out_flush(viewer))
        hang_up(viewer);
}

static void from_viewer(struct vnc_viewer *viewer)
{
    const char *fault;
    size_t room = sizeof(viewer->in) - viewer->in_count;
    ssize_t got = vnc_stream_read(&viewer->outer, viewer->in + viewer->in_count, room, &fault);
    if (got < 0 && fault)
        refuse(viewer, fault);
    else if (got < 0)
        hang_up(viewer);
    else if (!viewer->greeted && vnc_stream_is_ready(&viewer->outer))
        greet(viewer);
    if (got <= 0)
        return;
    bool is_new = viewer->inner < 0;
    viewer->in_count += (size_t)got;
    if (in_check(viewer) && viewer->inner >= 0 && !in_flush(viewer))
        hang_up(viewer);
    else if (is_new && viewer->inner >= 0)
        viewer->relay->config.wake(viewer->relay->config.opaque);
}

static void from_library(struct vnc_viewer *viewer)
{
    static uint8_t chunk[CHUNK]; /* there is only one thread that uses it */
    ssize_t got = recv(viewer->inner, chunk, sizeof(chunk), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        out_flush(viewer); /* this may say why a password was refused */
        hang_up(viewer);
        return;
    }
    size_t skip = viewer->banner_left < (size_t)got ? viewer->banner_left : (size_t)got;
    viewer->banner_left -= skip;
    if (!out_append(viewer, chunk + skip, (size_t)got - skip))
        refuse(viewer, "it takes too little of what it asked for");
    else if (!out_flush(viewer))
        hang_up(viewer);
}

/* ---- The thread ---------------------------------------------------------------------------------------- */

static void add_viewer(struct vnc_relay *relay, int fd, bool websocket)
{
    int on = 1;
    struct vnc_viewer *viewer = relay->count < VNC_VIEWERS_MAX ? calloc(1, sizeof(*viewer)) : NULL;
    if (!viewer) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    viewer->relay = relay;
    viewer->inner = viewer->library = -1;
    viewer->protocol.password = relay->config.password;
    viewer->protocol.tls = !websocket && relay->config.tls;
    viewer->since = host_now_ms();
    viewer->next = relay->viewers;
    relay->viewers = viewer;
    relay->count++;
    if (vnc_stream_open(&viewer->outer, fd, websocket ? &relay->origins : NULL,
                        websocket ? relay->config.tls : NULL) &&
        vnc_stream_is_ready(&viewer->outer))
        greet(viewer);
}

static void accept_viewer(struct vnc_relay *relay, unsigned listener)
{
    int fd = accept4(relay->listeners[listener], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
        add_viewer(relay, fd, listener == 1);
        relay->accept_failed = false;
        return;
    }
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
        return;
    relay->accept_at = host_now_ms() + ACCEPT_MS;
    if (!relay->accept_failed)
        log_warn("%s: viewers wait: %s", relay->config.name, strerror(errno));
    relay->accept_failed = true;
}

static bool takes_more(const struct vnc_viewer *viewer)
{
    return viewer->in_count < sizeof(viewer->in) && viewer->outer.out_count <= SLOW_BYTES;
}

/* For a viewer that has not begun TLS yet, what libvncserver says has to wait. */
static bool takes_from_library(const struct vnc_viewer *viewer)
{
    enum vnc_protocol_state state = viewer->protocol.state;
    return state != VNC_TLS_VERSION && state != VNC_TLS_TYPE && !viewer->outer.tls_begins &&
           (state != VNC_SECURITY || !viewer->protocol.tls);
}

/* Fills the list, POLLS_EACH entries a viewer. Returns the timeout. */
static int fill_poll(struct vnc_relay *relay, struct pollfd *fds, unsigned *count)
{
    uint64_t now = host_now_ms();
    int timeout = -1;
    bool full = relay->count >= VNC_VIEWERS_MAX, later = relay->accept_at > now;
    fds[0] = (struct pollfd){ .fd = relay->wake_fd, .events = POLLIN };
    for (unsigned n = 0; n < LISTENERS; n++)
        fds[1 + n] = (struct pollfd){ .fd = full || later ? -1 : relay->listeners[n], .events = POLLIN };
    if (later)
        timeout = ACCEPT_MS;
    *count = POLLS_AT;
    for (const struct vnc_viewer *viewer = relay->viewers; viewer; viewer = viewer->next) {
        bool starting = viewer->protocol.state != VNC_NORMAL, takes = takes_more(viewer);
        short outer = vnc_stream_events(&viewer->outer, takes);
        short inner = (short)(POLLIN | (viewer->in_passed ? POLLOUT : 0));
        if (starting && viewer->outer.fd >= 0)
            timeout = timeout < 0 || timeout > 1000 ? 1000 : timeout;
        if (takes && vnc_stream_is_pending(&viewer->outer))
            timeout = 0;
        fds[(*count)++] = (struct pollfd){ .fd = viewer->outer.fd, .events = outer };
        fds[(*count)++] =
            (struct pollfd){ .fd = takes_from_library(viewer) ? viewer->inner : -1, .events = inner };
    }
    return timeout;
}

static bool is_open(const struct vnc_viewer *viewer)
{
    return viewer->outer.fd >= 0;
}

static void serve_viewer(struct vnc_viewer *viewer, const struct pollfd *fds)
{
    short came = fds[0].revents;
    bool begins = viewer->outer.tls_begins;
    if (came & (POLLOUT | POLLERR | POLLHUP) && is_open(viewer) && (!out_flush(viewer) || came & POLLERR))
        hang_up(viewer);
    if (fds[1].revents & (POLLOUT | POLLERR) && viewer->inner >= 0 && !in_flush(viewer))
        hang_up(viewer);
    if (fds[1].revents & (POLLIN | POLLHUP) && viewer->inner >= 0)
        from_library(viewer);
    if (is_open(viewer) && (came & (POLLIN | POLLHUP) || (begins && came & POLLOUT) ||
                            (takes_more(viewer) && vnc_stream_is_pending(&viewer->outer))))
        from_viewer(viewer);
    uint64_t patience = viewer->relay->count < VNC_VIEWERS_MAX ? START_MS : CROWDED_MS;
    if (is_open(viewer) && viewer->protocol.state != VNC_NORMAL && host_now_ms() - viewer->since > patience)
        refuse(viewer, "it does not go on with the handshake");
}

static void *relay_thread(void *opaque)
{
    struct vnc_relay *relay = opaque;
    struct pollfd fds[POLLS_AT + POLLS_EACH * VNC_VIEWERS_MAX];
    while (!atomic_load(&relay->stop)) {
        unsigned count, at = POLLS_AT;
        uint64_t ignored;
        int timeout = fill_poll(relay, fds, &count);
        if (poll(fds, count, timeout) < 0)
            continue;
        if (fds[0].revents && read(relay->wake_fd, &ignored, sizeof(ignored)) < 0)
            continue;
        for (struct vnc_viewer *viewer = relay->viewers; viewer; viewer = viewer->next, at += POLLS_EACH)
            serve_viewer(viewer, fds + at);
        for (unsigned n = 0; n < LISTENERS; n++) {
            if (fds[1 + n].revents)
                accept_viewer(relay, n);
        }
        sweep(relay);
    }
    return NULL;
}

/* ---- For libvncserver's thread ------------------------------------------------------------------------- */

int vnc_relay_take(struct vnc_relay *relay, struct vnc_viewer **viewer)
{
    int fd = -1;
    pthread_mutex_lock(&relay->lock);
    *viewer = relay->arrivals;
    if (*viewer) {
        relay->arrivals = (*viewer)->arrived;
        fd = (*viewer)->library;
        (*viewer)->library = -1;
    }
    pthread_mutex_unlock(&relay->lock);
    return fd;
}

bool vnc_viewer_is_slow(struct vnc_viewer *viewer)
{
    return atomic_load(&viewer->slow);
}

void vnc_viewer_gone(struct vnc_viewer *viewer)
{
    struct vnc_relay *relay = viewer->relay;
    pthread_mutex_lock(&relay->lock);
    set_aside(relay);
    viewer->library_has = false; /* from now on the relay frees it */
    pthread_mutex_unlock(&relay->lock);
    wake_thread(relay);
}

/* ---- Starting and stopping ----------------------------------------------------------------------------- */

static int listen_at(const struct vnc_relay_config *config, const struct sockaddr *address,
                     struct error *error)
{
    int on = 1, fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (fd >= 0 && bind(fd, address, config->address_length) == 0 && listen(fd, LISTEN_LENGTH) == 0)
        return fd;
    int why = errno;
    if (address->sa_family == AF_UNIX)
        error_set(error, "%s: the socket cannot be made: %s", config->name, strerror(why));
    else
        error_set(error, "%s: port %u cannot be listened on: %s", config->name,
                  ntohs(((const struct sockaddr_in *)(const void *)address)->sin_port), strerror(why));
    if (fd >= 0)
        close(fd);
    errno = why;
    return -1;
}

/* The port is at the same place in IPv4 and IPv6 addresses. */
static bool open_listeners(struct vnc_relay *relay, struct error *error)
{
    const struct vnc_relay_config *config = &relay->config;
    struct sockaddr_storage other = { 0 };
    relay->listeners[0] = listen_at(config, config->address, error);
    if (relay->listeners[0] < 0 || !config->websocket)
        return relay->listeners[0] >= 0;
    memcpy(&other, config->address, config->address_length);
    ((struct sockaddr_in *)(void *)&other)->sin_port = htons(config->websocket);
    relay->listeners[1] = listen_at(config, (const struct sockaddr *)&other, error);
    return relay->listeners[1] >= 0;
}

static bool start_thread(struct vnc_relay *relay, struct error *error)
{
    sigset_t before;
    thread_signals_block(&before);
    int status = thread_create(&relay->thread, THREAD_HOST, "vnc viewers", relay_thread, relay);
    thread_signals_restore(&before);
    if (status)
        return error_set(error, "%s: cannot start its thread: %s", relay->config.name, strerror(status));
    relay->has_thread = true;
    return true;
}

struct vnc_relay *vnc_relay_start(const struct vnc_relay_config *config, struct error *error)
{
    struct vnc_relay *relay = calloc(1, sizeof(*relay));
    if (!relay) {
        error_set(error, "%s: out of memory", config->name);
        return NULL;
    }
    relay->config = *config;
    relay->origins = (struct vnc_origin_policy){ config->origin, config->password };
    relay->listeners[0] = relay->listeners[1] = -1;
    pthread_mutex_init(&relay->lock, NULL);
    relay->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (relay->wake_fd < 0)
        error_set(error, "%s: cannot make an event descriptor: %s", config->name, strerror(errno));
    else if (open_listeners(relay, error)) {
        pthread_mutex_lock(&relay->lock);
        set_aside(relay);
        pthread_mutex_unlock(&relay->lock);
        if (start_thread(relay, error))
            return relay;
    }
    vnc_relay_stop(relay);
    return NULL;
}

void vnc_relay_stop(struct vnc_relay *relay)
{
    if (relay->has_thread) {
        atomic_store(&relay->stop, true);
        wake_thread(relay);
        thread_join(&relay->thread);
    }
    for (struct vnc_viewer *viewer = relay->viewers; viewer; viewer = viewer->next) {
        out_flush(viewer);
        hang_up(viewer);
        if (viewer->library >= 0)
            close(viewer->library);
        viewer->library_has = false;
    }
    sweep(relay);
    while (relay->spare_count)
        close(relay->spare[--relay->spare_count]);
    for (unsigned n = 0; n < LISTENERS; n++) {
        if (relay->listeners[n] >= 0)
            close(relay->listeners[n]);
    }
    if (relay->wake_fd >= 0)
        close(relay->wake_fd);
    pthread_mutex_destroy(&relay->lock);
    free(relay);
}
