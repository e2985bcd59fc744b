/* SPDX-License-Identifier: MIT
 *
 * Forwarding rules of a user network: ports of the host that lead to the guest (hostfwd), and addresses of
 * the guest's network that lead to a program or a socket of the host (guestfwd). All with libslirp's lock
 * held.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "devices/net/slirp_internal.h"
#include "util/log.h"
#include "util/peer.h"
#include "util/resolve.h"

#define HOSTFWD_FORM  "[tcp|udp]:[HOSTADDR]:HOSTPORT-[GUESTADDR]:GUESTPORT"
#define GUESTFWD_FORM "[tcp]:ADDRESS:PORT-cmd:COMMAND, -unix:PATH or -tcp:HOST:PORT"

/* Copies what stands before the first `stop`, and moves *at behind it. False if there is no `stop`. */
static bool next_part(const char **at, char stop, char *part, size_t size)
{
    const char *end = stop ? strchr(*at, stop) : *at + strlen(*at);
    if (!end || (size_t)(end - *at) >= size)
        return false;
    memcpy(part, *at, (size_t)(end - *at));
    part[end - *at] = '\0';
    *at = end + (stop != '\0');
    return true;
}

static bool parse_port(const char *text, int *port)
{
    unsigned value;
    bool ok = peer_parse_port(text, &value);
    *port = (int)value;
    return ok && value;
}

/* "" is any address. */
static bool parse_address(const char *text, struct in_addr *address)
{
    address->s_addr = INADDR_ANY;
    return !*text || inet_pton(AF_INET, text, address) == 1;
}

struct rule {
    bool udp;
    struct in_addr host, guest;
    int host_port, guest_port;
};

static bool parse_host_side(const char **at, char stop, struct rule *rule)
{
    char kind[8], address[64], port[8];
    if (!next_part(at, ':', kind, sizeof(kind)) || !next_part(at, ':', address, sizeof(address)) ||
        !next_part(at, stop, port, sizeof(port)))
        return false;
    rule->udp = strcmp(kind, "udp") == 0;
    return (rule->udp || !*kind || strcmp(kind, "tcp") == 0) && parse_address(address, &rule->host) &&
           parse_port(port, &rule->host_port);
}

static bool parse_hostfwd(const char *text, struct rule *rule)
{
    char address[64];
    return parse_host_side(&text, '-', rule) && next_part(&text, ':', address, sizeof(address)) &&
           parse_address(address, &rule->guest) && parse_port(text, &rule->guest_port);
}

static bool add_hostfwd(struct netdev_slirp *slirp, const char *text, struct error *error)
{
    struct rule rule;
    if (!parse_hostfwd(text, &rule))
        return error_set(error, "user network: hostfwd=%s is not of the form " HOSTFWD_FORM, text);
    if (slirp_add_hostfwd(slirp->slirp, rule.udp, rule.host, rule.host_port, rule.guest, rule.guest_port) < 0)
        return error_set(error, "user network: hostfwd=%s: cannot listen on port %d: %s", text,
                         rule.host_port, strerror(errno));
    return true;
}

bool netdev_slirp_add_hostfwd(struct netdev *netdev, const char *text, struct error *error)
{
    slirp_lock();
    bool ok = add_hostfwd((struct netdev_slirp *)netdev, text, error);
    slirp_unlock();
    netdev_wake(netdev);
    return ok;
}

bool netdev_slirp_remove_hostfwd(struct netdev *netdev, const char *text, struct error *error)
{
    struct netdev_slirp *slirp = (struct netdev_slirp *)netdev;
    struct rule rule;
    const char *at = text;
    if (!parse_host_side(&at, '\0', &rule))
        return error_set(error, "user network: %s is not of the form [tcp|udp]:[HOSTADDR]:HOSTPORT", text);
    slirp_lock();
    int rc = slirp_remove_hostfwd(slirp->slirp, rule.udp, rule.host, rule.host_port);
    slirp_unlock();
    slirp_leave_poll(slirp);
    return rc == 0 || error_set(error, "user network: there is no hostfwd for %s", text);
}

/* ---- guestfwd to a TCP server -------------------------------------------------------------------------- */

/* Bytes from the guest. What the server does not take at once is kept in a buffer; if that is full, the bytes
 * are lost. */
static ssize_t stream_write(const void *bytes, size_t length, void *opaque)
{
    struct slirp_stream *stream = opaque;
    if (length > sizeof(stream->out) - stream->out_count || stream->fd < 0) {
        LOG_GUEST("user network: what the guest sends to the guestfwd at port %d is lost", stream->port);
        return (ssize_t)length;
    }
    memcpy(stream->out + stream->out_count, bytes, length);
    stream->out_count += length;
    return (ssize_t)length;
}

void slirp_streams_fill(struct netdev_slirp *slirp)
{
    slirp_check_locked();
    for (struct slirp_stream *stream = slirp->streams; stream; stream = stream->next) {
        short events = stream->out_count ? POLLOUT : 0;
        stream->poll_index = -1;
        if (stream->fd < 0)
            continue;
        if (slirp_socket_can_recv(slirp->slirp, stream->address, stream->port))
            events |= POLLIN;
        if (events)
            stream->poll_index = slirp_poll_add(slirp, stream->fd, events);
    }
}

bool slirp_streams_know(const struct netdev_slirp *slirp, const struct net_packet *packet)
{
    slirp_check_locked();
    for (const struct slirp_stream *stream = slirp->streams; stream; stream = stream->next) {
        if (memcmp(&stream->address, packet->to, 4) == 0 && stream->port == (int)packet->to_port)
            return true;
    }
    return false;
}

static void stream_close(struct slirp_stream *stream, const char *why)
{
    log_warn("user network: the server behind the guestfwd at port %d is gone: %s", stream->port, why);
    close(stream->fd);
    stream->fd = -1;
    stream->out_count = 0;
}

static void stream_receive(struct slirp_stream *stream)
{
    uint8_t bytes[4096];
    size_t room = slirp_socket_can_recv(stream->slirp->slirp, stream->address, stream->port);
    ssize_t got = recv(stream->fd, bytes, room < sizeof(bytes) ? room : sizeof(bytes), MSG_DONTWAIT);
    if (got > 0)
        slirp_socket_recv(stream->slirp->slirp, stream->address, stream->port, bytes, (int)got);
    else if (got == 0 && room)
        stream_close(stream, "it closed the connection");
    else if (got < 0 && errno != EAGAIN && errno != EINTR)
        stream_close(stream, strerror(errno));
}

static void stream_send(struct slirp_stream *stream)
{
    ssize_t sent = send(stream->fd, stream->out, stream->out_count, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
        stream->out_count -= (size_t)sent;
        memmove(stream->out, stream->out + sent, stream->out_count);
    } else if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        stream_close(stream, strerror(errno));
    }
}

void slirp_streams_poll(struct netdev_slirp *slirp)
{
    slirp_check_locked();
    for (struct slirp_stream *stream = slirp->streams; stream; stream = stream->next) {
        short revents = stream->poll_index < 0 ? 0 : slirp->fds[stream->poll_index].revents;
        if (revents & (POLLOUT | POLLERR) && stream->out_count)
            stream_send(stream);
        if (revents & (POLLIN | POLLHUP | POLLERR) && stream->fd >= 0)
            stream_receive(stream);
    }
}

void slirp_streams_close(struct netdev_slirp *slirp)
{
    slirp_check_locked();
    while (slirp->streams) {
        struct slirp_stream *stream = slirp->streams;
        slirp->streams = stream->next;
        if (stream->fd >= 0)
            close(stream->fd);
        free(stream);
    }
}

static int connect_to(const char *host, const char *port, const char **why)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
    int rc = resolve(*host ? host : "localhost", port, &hints, &list), fd = -1;
    *why = rc ? gai_strerror(rc) : "";
    for (const struct addrinfo *at = rc ? NULL : list; at && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen)) {
            *why = strerror(errno);
            close(fd);
            fd = -1;
        }
    }
    if (!rc)
        freeaddrinfo(list);
    return fd;
}

static bool add_stream(struct netdev_slirp *slirp, const char *text, const char *target,
                       struct in_addr address, int port, struct error *error)
{
    char host[256];
    const char *why;
    if (!next_part(&target, ':', host, sizeof(host)) || !*target)
        return error_set(error, "user network: guestfwd=%s is not of the form " GUESTFWD_FORM, text);
    int target_port;
    if (!parse_port(target, &target_port))
        return error_set(error, "user network: guestfwd=%s: the port \"%s\" is no number from 1 to 65535",
                         text, target);
    struct slirp_stream *stream = calloc(1, sizeof(*stream));
    if (!stream)
        return error_set(error, "user network: out of memory for guestfwd=%s", text);
    *stream = (struct slirp_stream){ .slirp = slirp, .address = address, .port = port, .fd = -1 };
    stream->next = slirp->streams;
    slirp->streams = stream;
    stream->fd = connect_to(host, target, &why);
    if (stream->fd < 0)
        return error_set(error, "user network: guestfwd=%s: cannot connect to %s:%s: %s", text, host, target,
                         why);
    return slirp_add_guestfwd(slirp->slirp, stream_write, stream, &stream->address, port) == 0 ||
           error_set(error, "user network: guestfwd=%s: the address is not in the guest's network, or taken",
                     text);
}

/* ---- guestfwd ------------------------------------------------------------------------------------------ */

static bool add_guestfwd(struct netdev_slirp *slirp, const char *text, struct error *error)
{
    char kind[8], address_text[64], port_text[8];
    struct in_addr address;
    int port, rc;
    const char *at = text;
    if (!next_part(&at, ':', kind, sizeof(kind)) || (*kind && strcmp(kind, "tcp") != 0) ||
        !next_part(&at, ':', address_text, sizeof(address_text)) ||
        !next_part(&at, '-', port_text, sizeof(port_text)) || !parse_port(port_text, &port) ||
        inet_pton(AF_INET, address_text, &address) != 1)
        return error_set(error, "user network: guestfwd=%s is not of the form " GUESTFWD_FORM, text);
    if (strncmp(at, "tcp:", 4) == 0)
        return add_stream(slirp, text, at + 4, address, port, error);
    if (strncmp(at, "cmd:", 4) == 0 && at[4])
        rc = slirp_add_exec(slirp->slirp, at + 4, &address, port);
    else if (strncmp(at, "unix:", 5) == 0 && at[5] &&
             strlen(at + 5) < sizeof(((struct sockaddr_un *)0)->sun_path))
        rc = slirp_add_unix(slirp->slirp, at + 5, &address, port);
    else
        return error_set(error, "user network: guestfwd=%s is not of the form " GUESTFWD_FORM, text);
    return rc == 0 ||
           error_set(error, "user network: guestfwd=%s: the address is not in the guest's network, or taken",
                     text);
}

bool slirp_add_rules(struct netdev_slirp *slirp, const struct netdev_slirp_config *config,
                     struct error *error)
{
    slirp_check_locked();
    for (const char *const *rule = config->hostfwd; *rule; rule++) {
        if (!add_hostfwd(slirp, *rule, error))
            return false;
    }
    for (const char *const *rule = config->guestfwd; *rule; rule++) {
        if (!add_guestfwd(slirp, *rule, error))
            return false;
    }
    return true;
}
