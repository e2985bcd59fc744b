/* SPDX-License-Identifier: MIT
 *
 * tcp:HOST:PORT, unix:PATH, and fd:N for a socket that was opened before the program was started, as client
 * or server. A server serves one client at a time; the next ones wait in the listener's queue. While there is
 * no client, output is dropped. A client's end ends input and output.
 *
 * `connection` belongs to the I/O thread once the machine runs.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "devices/char/stream.h"
#include "devices/char/telnet.h"
#include "util/log.h"
#include "util/resolve.h"

#define ACCEPT_MS 100u /* between two attempts to accept while there is no descriptor */

struct socket_chardev {
    struct chardev_stream stream; /* must be first */
    struct io_watch listener;
    int listening, connection; /* descriptors or -1 */
    bool short_of_descriptors;
    char path[108]; /* of a listening Unix socket, removed at the end */
    struct telnet telnet;
};

static bool is_unix(int fd)
{
    int domain = 0;
    socklen_t size = sizeof(domain);
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX;
}

static void socket_use(struct socket_chardev *socket_, int fd)
{
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* no effect on a Unix socket */
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    socket_->connection = fd;
    socket_->stream.passes_fds = is_unix(fd);
    stream_connect(&socket_->stream, fd, fd);
    if (socket_->stream.filter)
        telnet_begin(&socket_->telnet, &socket_->stream.chardev);
}

static void socket_closed(struct chardev_stream *stream)
{
    struct socket_chardev *self = (struct socket_chardev *)stream;
    stream_disconnect(stream);
    close(self->connection);
    self->connection = -1;
    if (self->listening >= 0)
        io_watch_set(stream->loop, &self->listener, self->listening, POLLIN);
}

static void listener_event(void *opaque, short revents)
{
    struct socket_chardev *self = opaque;
    (void)revents;
    int fd = accept4(self->listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
        /* The client waits in the queue, and poll() would report it again and again. */
        if (!self->short_of_descriptors)
            log_warn("a client of a character device waits: %s", strerror(errno));
        self->short_of_descriptors = true;
        io_watch_sleep(self->stream.loop, &self->listener, ACCEPT_MS);
        return;
    }
    if (fd < 0)
        return;
    self->short_of_descriptors = false;
    io_watch_set(self->stream.loop, &self->listener, self->listening, 0);
    socket_use(self, fd);
}

static void socket_destroy(struct chardev *chardev)
{
    struct socket_chardev *self = (struct socket_chardev *)chardev;
    io_watch_remove(self->stream.loop, &self->listener);
    stream_destroy(&self->stream);
    if (self->connection >= 0)
        close(self->connection);
    if (self->listening >= 0)
        close(self->listening);
    if (self->path[0])
        unlink(self->path);
    free(self);
}

/* Binds and listens, or connects. -1 and errno on failure. */
static int socket_make(const struct sockaddr *address, socklen_t length, bool server)
{
    int one = 1, fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (server)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (server ? bind(fd, address, length) || listen(fd, 4) : connect(fd, address, length)) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

static int tcp_make(const struct chardev_config *config, struct error *error)
{
    char port[8];
    struct resolve_place place;
    struct error why = { "not HOST:PORT" };
    if (!resolve_split(config->address, strlen(config->address), &place, &why) || !place.has_port) {
        error_set(error, "tcp:%s: %s", config->address, why.text);
        return -1;
    }
    snprintf(port, sizeof(port), "%u", place.port);
    struct addrinfo hints = { .ai_family = AF_UNSPEC,
                              .ai_socktype = SOCK_STREAM,
                              .ai_flags = config->server ? AI_PASSIVE : 0 };
    struct addrinfo *list = NULL;
    int status = resolve(place.host[0] ? place.host : NULL, port, &hints, &list);
    if (status) {
        error_set(error, "tcp:%s: %s", config->address, gai_strerror(status));
        return -1;
    }
    int fd = -1;
    for (struct addrinfo *at = list; at && fd < 0; at = at->ai_next)
        fd = socket_make(at->ai_addr, at->ai_addrlen, config->server);
    if (fd < 0)
        error_set(error, "tcp:%s: cannot %s: %s", config->address, config->server ? "listen" : "connect",
                  strerror(errno));
    freeaddrinfo(list);
    return fd;
}

static int unix_make(const struct chardev_config *config, struct error *error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(config->address) >= sizeof(address.sun_path)) {
        error_set(error, "unix:%s: the path is longer than %zu bytes", config->address,
                  sizeof(address.sun_path) - 1);
        return -1;
    }
    strcpy(address.sun_path, config->address);
    int fd = socket_make((struct sockaddr *)&address, sizeof(address), config->server);
    if (fd < 0 && config->server && errno == EADDRINUSE) {
        /* A socket on which nobody listens was left behind by a run that was killed. */
        int probe = socket_make((struct sockaddr *)&address, sizeof(address), false);
        if (probe >= 0) {
            close(probe);
            errno = EADDRINUSE;
        } else if (errno == ECONNREFUSED && unlink(config->address) == 0) {
            fd = socket_make((struct sockaddr *)&address, sizeof(address), true);
        } else {
            errno = EADDRINUSE;
        }
    }
    if (fd < 0)
        error_set(error, "unix:%s: cannot %s: %s", config->address, config->server ? "listen" : "connect",
                  strerror(errno));
    return fd;
}

/* Waits for the first client. -1 with *error filled on failure. */
static int wait_client(int listening, const char *address, struct error *error)
{
    fprintf(stderr, "waiting for a connection on %s\n", address);
    int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        error_set(error, "%s: cannot accept a connection: %s", address, strerror(errno));
    return fd;
}

static size_t telnet_filter(struct chardev_stream *stream, uint8_t *bytes, size_t length)
{
    return telnet_read(&((struct socket_chardev *)stream)->telnet, bytes, length);
}

/* The descriptor is the device's from now on. */
static struct chardev *socket_open(int fd, const struct chardev_config *config, const char *path,
                                   struct error *error)
{
    static const struct chardev_ops ops = { "socket",       stream_write, stream_input_ready,
                                            socket_destroy, stream_hurry, false };
    static const struct chardev_ops telnet_ops = { "socket",       telnet_write, stream_input_ready,
                                                   socket_destroy, stream_hurry, false };
    struct socket_chardev *self = calloc(1, sizeof(*self));
    if (!self || !stream_init(&self->stream, config->telnet ? &telnet_ops : &ops, error)) {
        if (!self)
            error_set(error, "out of memory for a character device");
        free(self);
        close(fd);
        return NULL;
    }
    self->listening = config->server ? fd : -1;
    self->connection = config->server ? -1 : fd;
    if (config->server)
        snprintf(self->path, sizeof(self->path), "%s", path);
    self->stream.closed = socket_closed;
    self->stream.filter = config->telnet ? telnet_filter : NULL;
    self->listener = (struct io_watch){ .fd = self->listening, .ready = listener_event, .opaque = self };
    io_watch_add(self->stream.loop, &self->listener);
    if (config->server && config->wait) {
        self->connection = wait_client(fd, config->address, error);
        if (self->connection < 0) {
            socket_destroy(&self->stream.chardev);
            return NULL;
        }
    }
    if (self->connection >= 0)
        socket_use(self, self->connection);
    else
        io_watch_set(self->stream.loop, &self->listener, self->listening, POLLIN);
    return &self->stream.chardev;
}

struct chardev *chardev_tcp_open(const struct chardev_config *config, struct error *error)
{
    int fd = tcp_make(config, error);
    return fd < 0 ? NULL : socket_open(fd, config, "", error);
}

struct chardev *chardev_unix_open(const struct chardev_config *config, struct error *error)
{
    int fd = unix_make(config, error);
    return fd < 0 ? NULL : socket_open(fd, config, config->address, error);
}

/* The process that started the program has it open. A copy is used, so the number still belongs to that
 * process. */
struct chardev *chardev_fd_open(const struct chardev_config *config, struct error *error)
{
    char *end;
    struct stat status;
    long number = strtol(config->address, &end, 10);
    int listens = 0;
    socklen_t size = sizeof(listens);
    if (*end || number < 0 || number > INT_MAX || fstat((int)number, &status) || !S_ISSOCK(status.st_mode)) {
        error_set(error, "character device fd:%s: no open descriptor of a socket", config->address);
        return NULL;
    }
    getsockopt((int)number, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
    if ((listens != 0) != config->server) {
        error_set(error, "character device fd:%s: the socket is %s, so server=%s is needed", config->address,
                  listens ? "a listening one" : "connected", listens ? "on" : "off");
        return NULL;
    }
    int fd = fcntl((int)number, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        error_set(error, "character device fd:%s: %s", config->address, strerror(errno));
        return NULL;
    }
    return socket_open(fd, config, "", error);
}
