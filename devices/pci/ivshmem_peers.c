/* SPDX-License-Identifier: MIT
 *
 * See ivshmem_peers.h. What the server says after the memory is read in the I/O thread, where the device's
 * own eventfds are waited for, too. One lock covers the table of peers.
 */
#include "devices/pci/ivshmem_peers.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/io_loop.h"
#include "util/log.h"

#define VERSION   0
#define MEMORY_ID (-1)
#define FDS_MAX   8 /* of one message; one is expected */
#define REST_MS   1 /* between two rings of a vector that a peer keeps ringing */

struct peer {
    bool used;
    uint32_t id;
    unsigned count; /* of eventfds; the first is that of vector 0 */
    int fds[IVSHMEM_VECTORS_MAX];
};

struct own_vector {
    struct io_watch watch;
    struct ivshmem_peers *peers;
    unsigned number;
};

struct ivshmem_peers {
    struct ivshmem_peers_config config;
    struct io_loop *loop;
    int socket;
    bool watched; /* the socket is */
    struct io_watch watch;
    uint32_t id;
    uint8_t *memory;
    uint64_t size;
    struct { /* a message that has come in part */
        uint8_t bytes[8];
        size_t length;
        int fd; /* -1: none */
    } message;
    pthread_mutex_t lock;
    struct peer peers[IVSHMEM_PEERS_MAX]; /* the first is the device itself */
    struct own_vector own[IVSHMEM_VECTORS_MAX];
    unsigned fd_count; /* of all peers */
    bool held;
    uint64_t missed; /* vectors that were rung meanwhile */
};

bool ivshmem_size_fits(uint64_t size)
{
    return size >= IVSHMEM_MEMORY_MIN && size <= IVSHMEM_MEMORY_MAX && !(size & (size - 1));
}

/* ---- Messages ------------------------------------------------------------------------------------------ */

/* Keeps the first descriptor that came along, and closes the others. */
static void take_fds(struct ivshmem_peers *peers, struct msghdr *header)
{
    for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t n = 0; n < count; n++) {
            int fd;
            memcpy(&fd, CMSG_DATA(part) + n * sizeof(int), sizeof(fd));
            if (peers->message.fd < 0)
                peers->message.fd = fd;
            else
                close(fd);
        }
    }
}

/* 1: the message is whole; 0: not yet; -1: the server has gone. */
static int receive(struct ivshmem_peers *peers)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
    } control;
    struct iovec iov = { peers->message.bytes + peers->message.length,
                         sizeof(peers->message.bytes) - peers->message.length };
    struct msghdr header = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
    };
    ssize_t length = recvmsg(peers->socket, &header, MSG_CMSG_CLOEXEC);
    if (length < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    take_fds(peers, &header);
    peers->message.length += (size_t)length;
    return !length ? -1 : peers->message.length == sizeof(peers->message.bytes);
}

/* Takes the message that is whole. Its descriptor is then the caller's. */
static int64_t take_message(struct ivshmem_peers *peers, int *fd)
{
    int64_t value;
    memcpy(&value, peers->message.bytes, sizeof(value)); /* little-endian, as the host is */
    *fd = peers->message.fd;
    peers->message.length = 0;
    peers->message.fd = -1;
    return value;
}

/* ---- Peers --------------------------------------------------------------------------------------------- */

/* NULL: there is none, and `add` is false or there is no room. [locked] */
static struct peer *find(struct ivshmem_peers *peers, uint32_t id, bool add)
{
    struct peer *room = NULL;
    for (unsigned n = 0; n < IVSHMEM_PEERS_MAX; n++) {
        struct peer *peer = &peers->peers[n];
        if (peer->used && peer->id == id)
            return peer;
        if (!peer->used && !room)
            room = peer;
    }
    if (!add || !room)
        return NULL;
    *room = (struct peer){ .used = true, .id = id };
    return room;
}

/* An eventfd, or another file of the kernel's without a type: unlike with a pipe or a socket, a write waits
 * for nobody unless a peer makes it blocking again and fills its counter at that moment. */
static bool is_eventfd(int fd)
{
    struct stat status;
    int flags = fcntl(fd, F_GETFL);
    return fstat(fd, &status) == 0 && !(status.st_mode & S_IFMT) && flags >= 0 &&
           fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

/* Whether O_NONBLOCK is set is up to the peers, too: it belongs to the open file that they share, and they
 * may empty the counter after poll(). So the read itself says that it must not wait. Offset -1: as with
 * read(). */
static bool take_ring(struct own_vector *own)
{
    uint64_t count;
    struct iovec iov = { &count, sizeof(count) };
    if (preadv2(own->watch.fd, &iov, 1, -1, RWF_NOWAIT) == sizeof(count))
        return true;
    if (errno != EAGAIN && errno != EINTR) {
        LOG_GUEST("ivshmem-doorbell: vector %u is not waited for any more: %s", own->number, strerror(errno));
        io_watch_set(own->peers->loop, &own->watch, own->watch.fd, 0);
    }
    return false;
}

static void own_ready(void *opaque, short revents)
{
    struct own_vector *own = opaque;
    struct ivshmem_peers *peers = own->peers;
    (void)revents;
    if (!take_ring(own))
        return;
    /* A semaphore with a large count would ring again and again. */
    if (poll(&(struct pollfd){ own->watch.fd, POLLIN, 0 }, 1, 0) == 1)
        io_watch_sleep(peers->loop, &own->watch, REST_MS);
    pthread_mutex_lock(&peers->lock);
    if (peers->held)
        peers->missed |= UINT64_C(1) << own->number;
    else
        peers->config.rung(peers->config.opaque, own->number);
    pthread_mutex_unlock(&peers->lock);
}

/* The n-th descriptor that comes for an id is that of vector n. */
static void add_eventfd(struct ivshmem_peers *peers, uint32_t id, int fd)
{
    pthread_mutex_lock(&peers->lock);
    struct peer *peer = find(peers, id, true);
    unsigned vector = peer ? peer->count : 0;
    bool taken =
        peer && vector < peers->config.vectors && peers->fd_count < IVSHMEM_FDS_MAX && is_eventfd(fd);
    if (taken) {
        peer->fds[peer->count++] = fd;
        peers->fd_count++;
    }
    pthread_mutex_unlock(&peers->lock);
    if (!taken) {
        LOG_GUEST("ivshmem-doorbell: the server sent a descriptor for peer %u that is not taken", id);
        close(fd);
    } else if (id == peers->id) {
        struct own_vector *own = &peers->own[vector];
        own->peers = peers;
        own->number = vector;
        own->watch = (struct io_watch){ .fd = fd, .events = POLLIN, .ready = own_ready, .opaque = own };
        io_watch_add(peers->loop, &own->watch);
    }
}

static void remove_peer(struct ivshmem_peers *peers, uint32_t id)
{
    pthread_mutex_lock(&peers->lock);
    struct peer *peer = id == peers->id ? NULL : find(peers, id, false);
    for (unsigned n = 0; peer && n < peer->count; n++)
        close(peer->fds[n]);
    if (peer) {
        peers->fd_count -= peer->count;
        peer->used = false;
    }
    pthread_mutex_unlock(&peers->lock);
}

static void server_ready(void *opaque, short revents)
{
    struct ivshmem_peers *peers = opaque;
    int fd, result = receive(peers);
    (void)revents;
    if (result < 0) { /* the peers that are there stay */
        LOG_GUEST("ivshmem-doorbell: the server has gone");
        io_watch_set(peers->loop, &peers->watch, peers->socket, 0);
        return;
    }
    if (!result)
        return;
    int64_t id = take_message(peers, &fd);
    if (id < 0 || id > IVSHMEM_ID_MAX) {
        LOG_GUEST("ivshmem-doorbell: the server says %lld, which is no peer", (long long)id);
        if (fd >= 0)
            close(fd);
    } else if (fd >= 0) {
        add_eventfd(peers, (uint32_t)id, fd);
    } else {
        remove_peer(peers, (uint32_t)id);
    }
}

bool ivshmem_peers_ring(struct ivshmem_peers *peers, uint32_t id, uint32_t vector)
{
    const uint64_t one = 1;
    pthread_mutex_lock(&peers->lock);
    struct peer *peer = find(peers, id, false);
    bool there = peer && vector < peer->count;
    /* If its counter is full, the peer has been told often enough. */
    if (there && poll(&(struct pollfd){ peer->fds[vector], POLLOUT, 0 }, 1, 0) == 1 &&
        write(peer->fds[vector], &one, sizeof(one)) < 0)
        LOG_GUEST("ivshmem-doorbell: the doorbell of peer %u: %s", id, strerror(errno));
    pthread_mutex_unlock(&peers->lock);
    return there;
}

void ivshmem_peers_hold(struct ivshmem_peers *peers, bool held)
{
    pthread_mutex_lock(&peers->lock);
    peers->held = held;
    for (unsigned n = 0; n < IVSHMEM_VECTORS_MAX && !held; n++)
        if (peers->missed >> n & 1)
            peers->config.rung(peers->config.opaque, n);
    if (!held)
        peers->missed = 0;
    pthread_mutex_unlock(&peers->lock);
}

/* ---- The first messages -------------------------------------------------------------------------------- */

static bool open_socket(struct ivshmem_peers *peers, struct error *error)
{
    const char *path = peers->config.path;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval wait = { .tv_sec = peers->config.wait_ms / 1000,
                            .tv_usec = (long)(peers->config.wait_ms % 1000) * 1000 };
    if (strlen(path) >= sizeof(address.sun_path))
        return error_set(error, "ivshmem-doorbell: the socket's name is too long: %.200s", path);
    strcpy(address.sun_path, path);
    peers->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (peers->socket < 0 || connect(peers->socket, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        setsockopt(peers->socket, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0)
        return error_set(error, "ivshmem-doorbell: the server at %.200s: %s", path, strerror(errno));
    return true;
}

static bool expect(struct ivshmem_peers *peers, int64_t *value, int *fd, struct error *error)
{
    int result = 0;
    errno = 0;
    for (unsigned n = 0; !result && n < sizeof(peers->message.bytes); n++)
        if (!(result = receive(peers)) && errno == EAGAIN)
            break;
    if (result == 1) {
        *value = take_message(peers, fd);
        return true;
    }
    return error_set(error, "ivshmem-doorbell: the server at %.200s %s", peers->config.path,
                     result ? "has ended the connection" : "says nothing");
}

static bool map_memory(struct ivshmem_peers *peers, int fd, struct error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || !ivshmem_size_fits((uint64_t)status.st_size))
        return error_set(error,
                         "ivshmem-doorbell: the server's memory is no file with a size that is a power "
                         "of two, up to 64G");
    void *at = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return error_set(error, "ivshmem-doorbell: the server's memory: %s", strerror(errno));
    peers->memory = at;
    peers->size = (uint64_t)status.st_size;
    return true;
}

static bool greet(struct ivshmem_peers *peers, struct error *error)
{
    int64_t version, id, memory;
    int fds[3] = { -1, -1, -1 };
    bool ok = expect(peers, &version, &fds[0], error) && expect(peers, &id, &fds[1], error) &&
              expect(peers, &memory, &fds[2], error);
    if (ok && (version != VERSION || id < 0 || id > IVSHMEM_ID_MAX || memory != MEMORY_ID || fds[0] >= 0 ||
               fds[1] >= 0 || fds[2] < 0))
        ok = error_set(error, "ivshmem-doorbell: what is at %.200s is no ivshmem server of version 0",
                       peers->config.path);
    ok = ok && map_memory(peers, fds[2], error);
    for (unsigned n = 0; n < 3; n++)
        if (fds[n] >= 0)
            close(fds[n]);
    if (ok)
        peers->id = (uint32_t)id;
    return ok;
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

struct ivshmem_peers *ivshmem_peers_connect(const struct ivshmem_peers_config *config, struct error *error)
{
    struct ivshmem_peers *peers = calloc(1, sizeof(*peers));
    if (!peers) {
        error_set(error, "ivshmem-doorbell: out of memory");
        return NULL;
    }
    peers->config = *config;
    peers->socket = peers->message.fd = -1;
    peers->held = true;
    pthread_mutex_init(&peers->lock, NULL);
    if (open_socket(peers, error) && greet(peers, error) && (peers->loop = io_loop_acquire(error))) {
        find(peers, peers->id, true); /* its place is not given to another */
        peers->watch = (struct io_watch){
            .fd = peers->socket, .events = POLLIN, .ready = server_ready, .opaque = peers
        };
        fcntl(peers->socket, F_SETFL, fcntl(peers->socket, F_GETFL) | O_NONBLOCK);
        io_watch_add(peers->loop, &peers->watch);
        peers->watched = true;
        return peers;
    }
    ivshmem_peers_destroy(peers);
    return NULL;
}

uint32_t ivshmem_peers_id(const struct ivshmem_peers *peers)
{
    return peers->id;
}

uint8_t *ivshmem_peers_memory(const struct ivshmem_peers *peers, uint64_t *size)
{
    *size = peers->size;
    return peers->memory;
}

void ivshmem_peers_destroy(struct ivshmem_peers *peers)
{
    if (peers->watched)
        io_watch_remove(peers->loop, &peers->watch);
    for (unsigned n = 0; n < IVSHMEM_VECTORS_MAX; n++)
        if (peers->own[n].peers)
            io_watch_remove(peers->loop, &peers->own[n].watch);
    if (peers->loop)
        io_loop_release(peers->loop);
    for (unsigned n = 0; n < IVSHMEM_PEERS_MAX; n++)
        for (unsigned vector = 0; peers->peers[n].used && vector < peers->peers[n].count; vector++)
            close(peers->peers[n].fds[vector]);
    if (peers->message.fd >= 0)
        close(peers->message.fd);
    if (peers->socket >= 0)
        close(peers->socket);
    if (peers->memory)
        munmap(peers->memory, peers->size);
    pthread_mutex_destroy(&peers->lock);
    free(peers);
}
