/* SPDX-License-Identifier: MIT
 *
 * A network over a connection, TCP or a Unix socket: see peers.h for what is on the wire.
 *
 * Everything belongs to the pump's thread, except `text`. Frames of the guest go to the end of `out`, and as
 * much of it as the host takes is sent when the guest has nothing more. The card hands over no frame while
 * `out` is full, so its queue stands still. The connection is read in large pieces into `in`; what is not a
 * whole frame yet stays there.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/net/peers.h"
#include "devices/net/pump.h"
#include "util/host_time.h"
#include "util/log.h"

#define STREAM_LENGTH 4u /* bytes before each frame */
#define STREAM_OUT    (256u << 10)
#define STREAM_IN     (128u << 10)
#define STREAM_FIRST  5000u /* ms: for the first attempt of a client that makes only one */
#define STREAM_ACCEPT 100u  /* ms between two attempts to accept while there is no descriptor */

enum state { STREAM_APART, STREAM_CONNECTING, STREAM_TOGETHER };

struct net_stream {
    struct net_pump pump;    /* must be first */
    const char *type, *path; /* path: of a listening Unix socket, removed at the end; or NULL */
    int listening, fd;       /* or -1 */
    enum state state;
    bool held; /* the card has a frame that it could not hand over */
    struct net_address to[NET_ADDRESSES_MAX];
    unsigned to_count, to_next;
    uint32_t reconnect_ms;
    uint64_t again_at; /* host ms: when to connect, or to accept, again; 0: no such wait */
    size_t in_count, out_start, out_end;
    uint8_t in[STREAM_IN];
    uint8_t out[STREAM_OUT + STREAM_LENGTH + NETDEV_FRAME_MAX];
    pthread_mutex_t text_lock;
    char text[160];
};

_Static_assert(STREAM_IN >= STREAM_LENGTH + NETDEV_WIRE_MAX, "a whole frame has room");

static void say(struct net_stream *stream, const char *before, const struct net_address *address)
{
    char place[112] = "";
    if (address)
        net_address_text(address, place, sizeof(place));
    pthread_mutex_lock(&stream->text_lock);
    snprintf(stream->text, sizeof(stream->text), "%s%s", before, place);
    pthread_mutex_unlock(&stream->text_lock);
}

static void describe(struct netdev *netdev, char *text, size_t size)
{
    struct net_stream *stream = (struct net_stream *)netdev;
    pthread_mutex_lock(&stream->text_lock);
    snprintf(text, size, "%s", stream->text);
    pthread_mutex_unlock(&stream->text_lock);
}

/* ---- Coming together and going apart ------------------------------------------------------------------- */

static bool is_socket(const struct net_stream *stream)
{
    return strcmp(stream->type, "socket") == 0;
}

/* The connection, if there is one, ends; what comes next is prepared. */
static void part(struct net_stream *stream, const char *why)
{
    if (stream->fd >= 0)
        close(stream->fd);
    if (stream->state == STREAM_TOGETHER)
        log_warn("-netdev %s: the connection has ended: %s", stream->type, why);
    stream->fd = -1;
    stream->state = STREAM_APART;
    stream->in_count = stream->out_start = stream->out_end = 0;
    stream->again_at = stream->reconnect_ms && stream->to_count ? host_now_ms() + stream->reconnect_ms : 0;
    say(stream,
        is_socket(stream)        ? ""
        : stream->listening >= 0 ? "listening"
        : stream->again_at       ? "connecting"
                                 : "",
        NULL);
    if (stream->held) /* its frames are lost from now on */
        net_pump_resume(&stream->pump);
}

/* A peer whose host has vanished says nothing: it is asked after half a minute, and is gone after another. */
static void keep_alive(int fd)
{
    int one = 1, idle = 30, interval = 10, count = 3;
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void join(struct net_stream *stream, const struct net_address *peer)
{
    int family = peer->storage.ss_family;
    const char *before = is_socket(stream)
                             ? stream->listening >= 0 ? "socket: connection from " : "socket: connect to "
                         : family == AF_UNIX ? "unix:"
                                             : "tcp:";
    stream->state = STREAM_TOGETHER;
    stream->again_at = 0;
    if (family == AF_INET || family == AF_INET6)
        keep_alive(stream->fd);
    say(stream, before, peer);
    net_pump_resume(&stream->pump);
}

/* Returns whether a connection is being made, or is there. */
static bool dial(struct net_stream *stream)
{
    for (unsigned n = 0; n < stream->to_count; n++) {
        stream->fd = net_address_connect(&stream->to[stream->to_next]);
        if (stream->fd >= 0) {
            stream->state = STREAM_CONNECTING;
            return true;
        }
        stream->to_next = (stream->to_next + 1) % stream->to_count;
    }
    return false;
}

/* The attempt has ended; returns 0 or an error number. */
static int dialled(struct net_stream *stream)
{
    int status = 0;
    socklen_t size = sizeof(status);
    if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &status, &size))
        status = errno;
    if (!status) {
        join(stream, &stream->to[stream->to_next]);
        return 0;
    }
    stream->to_next = (stream->to_next + 1) % stream->to_count;
    return status;
}

static void take_peer(struct net_stream *stream)
{
    struct net_address peer = { .length = sizeof(peer.storage) };
    stream->again_at = 0;
    stream->fd = accept4(stream->listening, (struct sockaddr *)&peer.storage, &peer.length,
                         SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (stream->fd >= 0)
        join(stream, &peer);
    else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
        stream->again_at = host_now_ms() + STREAM_ACCEPT; /* poll() would report it again and again */
}

/* ---- Frames -------------------------------------------------------------------------------------------- */

static bool can_send(struct netdev *netdev)
{
    struct net_stream *stream = (struct net_stream *)netdev;
    stream->held = stream->state == STREAM_TOGETHER && stream->out_end >= STREAM_OUT;
    return !stream->held;
}

static void stream_send(struct netdev *netdev, const uint8_t *frame, size_t length)
{
    struct net_stream *stream = (struct net_stream *)netdev;
    uint8_t *at = stream->out + stream->out_end;
    if (stream->state != STREAM_TOGETHER || STREAM_LENGTH + length > sizeof(stream->out) - stream->out_end)
        return;
    for (unsigned n = 0; n < STREAM_LENGTH; n++)
        at[n] = (uint8_t)(length >> (24 - 8 * n));
    memcpy(at + STREAM_LENGTH, frame, length);
    stream->out_end += STREAM_LENGTH + length;
}

/* Sends as much of `out` as the host takes. */
static void flush(struct net_stream *stream)
{
    while (stream->out_start < stream->out_end) {
        ssize_t done = send(stream->fd, stream->out + stream->out_start, stream->out_end - stream->out_start,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0 && errno != EAGAIN && errno != ENOBUFS) {
            part(stream, strerror(errno));
            return;
        }
        if (done < 0)
            break;
        stream->out_start += (size_t)done;
    }
    size_t left = stream->out_end - stream->out_start;
    if (!left || (stream->out_end >= STREAM_OUT && left <= STREAM_OUT / 2)) { /* it makes room */
        memmove(stream->out, stream->out + stream->out_start, left);
        stream->out_start = 0;
        stream->out_end = left;
    }
    if (stream->held && stream->out_end < STREAM_OUT)
        net_pump_resume(&stream->pump);
}

/* Delivers the whole frames of `in`. False: there is none of that length, so what follows has no meaning. */
static bool take_frames(struct net_stream *stream)
{
    size_t at = 0;
    while (stream->in_count - at >= STREAM_LENGTH) {
        const uint8_t *from = stream->in + at;
        uint32_t length =
            (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
        if (length > NETDEV_WIRE_MAX)
            return false;
        if (stream->in_count - at - STREAM_LENGTH < length)
            break;
        if (length >= NETDEV_ETHERNET_HEADER)
            netdev_deliver(&stream->pump.netdev, from + STREAM_LENGTH, length);
        at += STREAM_LENGTH + length;
    }
    stream->in_count -= at;
    memmove(stream->in, stream->in + at, stream->in_count);
    return true;
}

static void read_peer(struct net_stream *stream)
{
    ssize_t got = recv(stream->fd, stream->in + stream->in_count, STREAM_IN - stream->in_count, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        part(stream, got ? strerror(errno) : "the peer has closed it");
        return;
    }
    stream->in_count += (size_t)got;
    if (!take_frames(stream))
        part(stream, "the peer sent an impossible length");
}

/* ---- The thread ---------------------------------------------------------------------------------------- */

static int stream_prepare(struct net_pump *pump, struct pollfd fds[NET_PUMP_FDS])
{
    struct net_stream *stream = (struct net_stream *)pump;
    uint64_t now = host_now_ms();
    if (stream->state == STREAM_TOGETHER)
        flush(stream);
    if (stream->state == STREAM_TOGETHER) {
        fds[0].fd = stream->fd;
        fds[0].events = netdev_is_full(&pump->netdev) ? 0 : POLLIN;
        fds[0].events |= stream->out_start < stream->out_end ? POLLOUT : 0;
        if (!fds[0].events) /* poll() would report the end of the connection again and again */
            fds[0].fd = -1;
    } else if (stream->state == STREAM_CONNECTING) {
        fds[0].fd = stream->fd;
        fds[0].events = POLLOUT;
    }
    if (stream->state == STREAM_APART && stream->again_at > now)
        return (int)(stream->again_at - now < 60000 ? stream->again_at - now : 60000);
    if (stream->state == STREAM_APART && stream->listening >= 0) {
        fds[1].fd = stream->listening;
        fds[1].events = POLLIN;
    }
    return stream->state == STREAM_APART && stream->again_at ? 0 : -1;
}

static void stream_serve(struct net_pump *pump, const struct pollfd fds[NET_PUMP_FDS])
{
    struct net_stream *stream = (struct net_stream *)pump;
    if (fds[1].revents && stream->state == STREAM_APART)
        take_peer(stream);
    if (stream->state == STREAM_CONNECTING && fds[0].revents) {
        int status = dialled(stream);
        if (status)
            part(stream, strerror(status));
    } else if (stream->state == STREAM_TOGETHER && fds[0].fd == stream->fd && fds[0].events & POLLIN &&
               fds[0].revents & ~POLLOUT) {
        read_peer(stream);
    } else if (stream->state == STREAM_APART && stream->to_count && stream->again_at &&
               stream->again_at <= host_now_ms() && !dial(stream)) {
        part(stream, strerror(errno));
    }
}

/* ---- Making and unmaking ------------------------------------------------------------------------------- */

static void stream_destroy(struct netdev *netdev)
{
    struct net_stream *stream = (struct net_stream *)netdev;
    net_pump_fini(&stream->pump);
    if (stream->fd >= 0)
        close(stream->fd);
    if (stream->listening >= 0)
        close(stream->listening);
    if (stream->path)
        unlink(stream->path);
    pthread_mutex_destroy(&stream->text_lock);
    free(stream);
}

static const struct netdev_ops stream_ops = {
    .name = "stream network",
    .send = stream_send,
    .wake = net_pump_wake,
    .destroy = stream_destroy,
    .can_send = can_send,
    .describe = describe,
};

/* A client that tries only once must succeed, so that the user learns of it. */
static bool dial_now(struct net_stream *stream, const char *where, struct error *error)
{
    int status = 0;
    for (unsigned n = 0; n < stream->to_count; n++) {
        bool begun = dial(stream);
        struct pollfd fd = { .fd = stream->fd, .events = POLLOUT };
        status = begun ? ETIMEDOUT : errno;
        if (begun && poll(&fd, 1, STREAM_FIRST) > 0)
            status = dialled(stream);
        if (!status)
            return true;
        part(stream, strerror(status));
    }
    return error_set(error,
                     "-netdev %s: cannot connect to %s: %s; start the other end first, or use -netdev "
                     "stream,...,reconnect-ms=1000, which tries again",
                     stream->type, where, strerror(status));
}

/* A descriptor that was handed over: one that listens, or a connection. */
static bool adopt(struct net_stream *stream, int fd, bool server, struct error *error)
{
    int listens = 0;
    socklen_t size = sizeof(listens);
    struct net_address peer = { .length = sizeof(peer.storage) };
    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
    if (server != (listens != 0)) {
        close(fd);
        return error_set(error, "-netdev %s: the descriptor is %s, so server=%s is needed", stream->type,
                         listens ? "a listening socket" : "a connection", listens ? "on" : "off");
    }
    if (server) {
        stream->listening = fd;
        return true;
    }
    stream->fd = fd;
    if (getpeername(fd, (struct sockaddr *)&peer.storage, &peer.length))
        return error_set(error, "-netdev %s: the descriptor is not connected: %s", stream->type,
                         strerror(errno));
    join(stream, &peer);
    return true;
}

static bool listen_there(struct net_stream *stream, const struct net_place *place, struct error *error)
{
    struct error why;
    stream->listening = net_place_open(place, SOCK_STREAM, &why);
    if (stream->listening < 0)
        return error_set(error, "-netdev %s: %s", stream->type, why.text);
    if (place->kind == NET_PLACE_UNIX && !place->abstract)
        stream->path = place->path;
    return true;
}

static bool open_stream(struct net_stream *stream, const struct netdev_peer_config *config,
                        struct error *error)
{
    const struct net_place *place = config->server ? &config->local : &config->remote;
    struct error why;
    char where[256];
    if (place->kind == NET_PLACE_FD) {
        int fd = net_place_open(place, SOCK_STREAM, &why);
        return fd < 0 ? error_set(error, "-netdev %s: %s", stream->type, why.text)
                      : adopt(stream, fd, config->server, error);
    }
    if (config->server)
        return listen_there(stream, place, error);
    net_place_text(place, where, sizeof(where));
    stream->to_count = net_place_find(place, SOCK_STREAM, false, stream->to, &why);
    if (!stream->to_count)
        return error_set(error, "-netdev %s: %s", stream->type, why.text);
    if (!config->reconnect_ms)
        return dial_now(stream, where, error);
    stream->reconnect_ms = config->reconnect_ms;
    stream->again_at = 1; /* at once */
    return true;
}

struct netdev *netdev_stream_create(const struct netdev_peer_config *config, struct error *error)
{
    struct net_stream *stream = calloc(1, sizeof(*stream));
    if (!stream) {
        error_set(error, "-netdev %s: out of memory", config->type);
        return NULL;
    }
    stream->type = config->type;
    stream->listening = stream->fd = -1;
    stream->pump.prepare = stream_prepare;
    stream->pump.serve = stream_serve;
    pthread_mutex_init(&stream->text_lock, NULL);
    bool ok = net_pump_init(&stream->pump, &stream_ops, error) && open_stream(stream, config, error);
    if (ok && stream->state == STREAM_APART)
        say(stream, is_socket(stream) ? "" : config->server ? "listening" : "connecting", NULL);
    if (ok && net_pump_start(&stream->pump, error))
        return &stream->pump.netdev;
    stream_destroy(&stream->pump.netdev);
    return NULL;
}
