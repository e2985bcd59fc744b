/* SPDX-License-Identifier: MIT
 *
 * The gdb server's thread: waits for gdb, splits its bytes into packets, and is told when harts stop. It
 * serves one gdb at a time. A second one gets an error message as the answer to its first packets, which gdb
 * shows, and is disconnected.
 *
 * Other threads only set atomic flags and write to wake_fd.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "machine/gdb/internal.h"
#include "util/host_time.h"
#include "util/log.h"
#include "util/resolve.h"
#include "util/thread.h"
#include "util/thread_signals.h"
#include "util/write_all.h"

#define SEND_SECONDS   10   /* until a gdb that does not read is disconnected */
#define ACCEPT_MS      100  /* between two attempts to accept while there is no descriptor */
#define REFUSE_PACKETS 4    /* that are answered to a second gdb */
#define REFUSE_MS      3000 /* until it is disconnected in any case */

/* ---- Listening ----------------------------------------------------------------------------------------- */

static int listen_at(int fd, const struct sockaddr *address, socklen_t length)
{
    int on = 1;
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, address, length) == 0 && listen(fd, 4) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int listen_tcp(const char *where, const char *host_port, struct error *error)
{
    char port[8];
    struct resolve_place place;
    struct error why = { "the port is missing; write tcp::PORT or tcp:HOST:PORT" };
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *list = NULL;
    if (!resolve_split(host_port, strlen(host_port), &place, &why) || !place.has_port) {
        error_set(error, "-gdb %s: %s", where, why.text);
        return -1;
    }
    snprintf(port, sizeof(port), "%u", place.port);
    int status = resolve(place.host[0] ? place.host : "127.0.0.1", port, &hints, &list);
    if (status) {
        error_set(error, "-gdb %s: %s", where, gai_strerror(status));
        return -1;
    }
    int fd = -1;
    for (struct addrinfo *at = list; at && fd < 0; at = at->ai_next)
        fd = listen_at(socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), at->ai_addr,
                       at->ai_addrlen);
    if (fd < 0)
        error_set(error, "-gdb %s: cannot listen there: %s; choose another port", where, strerror(errno));
    freeaddrinfo(list);
    return fd;
}

static int listen_unix(struct gdb *gdb, const char *where, const char *path, struct error *error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (!*path || strlen(path) >= sizeof(address.sun_path)) {
        error_set(error, "-gdb %s: the path of a socket has 1 to %zu characters", where,
                  sizeof(address.sun_path) - 1);
        return -1;
    }
    strcpy(address.sun_path, path);
    unlink(path); /* an earlier run may have left it */
    int fd = listen_at(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
                       (const struct sockaddr *)&address, sizeof(address));
    if (fd < 0)
        error_set(error, "-gdb %s: cannot make the socket: %s", where, strerror(errno));
    else
        strcpy(gdb->path, path);
    return fd;
}

/* Scripts for QEMU may give options that only say what holds anyway. */
static bool cut_options(char *where, const char *whole, struct error *error)
{
    static const char *const fine[] = {
        "server", "server=on", "nowait", "wait=off", "nodelay", "nodelay=on"
    };
    char *comma = strchr(where, ',');
    if (!comma)
        return true;
    *comma = '\0';
    for (char *rest = comma + 1, *option; (option = strsep(&rest, ","));) {
        bool known = false;
        for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
            known |= strcmp(option, fine[i]) == 0;
        if (!known)
            return error_set(error, "-gdb %s: unknown option %s; the server listens, and does not wait",
                             whole, option);
    }
    return true;
}

static bool open_server(struct gdb *gdb, const char *whole, struct error *error)
{
    char where[512];
    if (snprintf(where, sizeof(where), "%s", whole) >= (int)sizeof(where))
        return error_set(error, "-gdb: the address is too long");
    if (!cut_options(where, whole, error))
        return false;
    gdb->listen_fd = gdb->in_fd = gdb->out_fd = -1;
    if (strcmp(where, "stdio") == 0) {
        gdb->in_fd = STDIN_FILENO;
        gdb->out_fd = STDOUT_FILENO;
        return true;
    }
    if (strncmp(where, "tcp:", 4) == 0)
        gdb->listen_fd = listen_tcp(whole, where + 4, error);
    else if (strncmp(where, "unix:", 5) == 0)
        gdb->listen_fd = listen_unix(gdb, whole, where + 5, error);
    else
        error_set(error, "-gdb %s: there are tcp:HOST:PORT, tcp::PORT, unix:PATH, stdio and none", whole);
    return gdb->listen_fd >= 0;
}

/* ---- Sending ------------------------------------------------------------------------------------------- */

static void close_session(struct gdb *gdb, bool run)
{
    gdb_end_session(gdb, run);
    if (gdb->in_fd >= 0 && gdb->in_fd != STDIN_FILENO)
        close(gdb->in_fd);
    gdb->in_fd = gdb->out_fd = -1;
    gdb->closing = false;
    gdb->parser.state = GDB_IDLE;
    gdb->reply.length = gdb->out.length = 0;
}

/* If gdb does not take the bytes, the session ends soon. */
static void send_bytes(struct gdb *gdb, const char *bytes, size_t length)
{
    if (gdb->out_fd >= 0 && !write_all(gdb->out_fd, bytes, length))
        gdb->closing = true;
}

static void send_packet(struct gdb *gdb, const struct gdb_text *payload)
{
    gdb->out.length = 0;
    gdb_text_packet(&gdb->out, payload->bytes, payload->failed ? 0 : payload->length);
    if (!gdb->out.failed)
        send_bytes(gdb, gdb->out.bytes, gdb->out.length);
}

void gdb_send_reply(struct gdb *gdb)
{
    send_packet(gdb, &gdb->reply);
    gdb->reply.length = 0;
}

void gdb_send_extra(struct gdb *gdb, const struct gdb_text *payload)
{
    send_packet(gdb, payload);
}

/* ---- A second gdb -------------------------------------------------------------------------------------- */

static void let_go(struct gdb_refused *refused)
{
    close(refused->fd);
    refused->fd = -1;
}

static void refuse(struct gdb *gdb, int fd)
{
    for (unsigned i = 0; i < GDB_REFUSED_MAX; i++) {
        struct gdb_refused *refused = &gdb->refused[i];
        if (refused->fd >= 0)
            continue;
        refused->fd = fd;
        refused->packets = 0;
        refused->since = host_now_ms();
        refused->parser.state = GDB_IDLE;
        return;
    }
    close(fd);
}

static void answer_refused(struct gdb_refused *refused)
{
    static const char text[] = "E.another gdb is attached to this machine; detach it first";
    char bytes[512];
    ssize_t length = read(refused->fd, bytes, sizeof(bytes));
    bool alive = length > 0 || (length < 0 && (errno == EAGAIN || errno == EINTR));
    for (ssize_t i = 0; alive && i < length; i++) {
        if (gdb_parse(&refused->parser, (uint8_t)bytes[i]) != GDB_PACKET)
            continue;
        struct gdb_text packet = { 0 };
        gdb_text_printf(&packet, "+");
        gdb_text_packet(&packet, text, sizeof(text) - 1);
        alive = !packet.failed && write_all(refused->fd, packet.bytes, packet.length) &&
                ++refused->packets < REFUSE_PACKETS;
        gdb_text_free(&packet);
    }
    if (!alive)
        let_go(refused);
}

/* ---- The thread ---------------------------------------------------------------------------------------- */

static void take_bytes(struct gdb *gdb);

/* Reads what is left: the attached gdb may be gone, with its last bytes unread. */
static void catch_up(struct gdb *gdb)
{
    struct pollfd ready = { .fd = gdb->in_fd, .events = POLLIN };
    for (unsigned reads = 0; reads < 16 && gdb->in_fd >= 0 && poll(&ready, 1, 0) > 0; reads++)
        take_bytes(gdb);
}

static void accept_one(struct gdb *gdb)
{
    int on = 1, fd = accept4(gdb->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    struct timeval limit = { .tv_sec = SEND_SECONDS };
    if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
        gdb->accept_at = host_now_ms() + ACCEPT_MS;
        if (!gdb->accept_failed)
            log_warn("-gdb: a client waits: %s", strerror(errno));
        gdb->accept_failed = true;
    }
    if (fd < 0)
        return;
    gdb->accept_failed = false;
    /* Fails on Unix sockets, which send without delay anyway. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    catch_up(gdb);
    if (gdb->in_fd >= 0) {
        refuse(gdb, fd);
        return;
    }
    gdb->in_fd = gdb->out_fd = fd;
    gdb->no_ack = false;
    gdb->peer = (struct peer_check){ 0 };
}

static void take_byte(struct gdb *gdb, uint8_t byte)
{
    switch (gdb_parse(&gdb->parser, byte)) {
    case GDB_NOTHING: break;
    case GDB_PACKET:
        if (!gdb->no_ack)
            send_bytes(gdb, "+", 1);
        gdb_handle_packet(gdb, gdb->parser.data, gdb->parser.length);
        break;
    case GDB_BAD_PACKET:
        if (!gdb->no_ack)
            send_bytes(gdb, "-", 1);
        break;
    case GDB_INTERRUPT: gdb_interrupt(gdb); break;
    case GDB_RESEND:
        if (!gdb->no_ack)
            send_bytes(gdb, gdb->out.bytes, gdb->out.length);
        break;
    }
}

static void take_bytes(struct gdb *gdb)
{
    uint8_t bytes[4096];
    ssize_t length = read(gdb->in_fd, bytes, sizeof(bytes));
    if (length < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (length <= 0)
        gdb->closing = true;
    if (length > 0 && peer_is_browser(&gdb->peer, bytes, (size_t)length)) {
        static struct log_site site;
        if (log_site_allows(&site))
            log_warn("-gdb: a web browser has connected; it is disconnected");
        gdb->closing = true;
    }
    for (ssize_t i = 0; i < length && !gdb->closing; i++)
        take_byte(gdb, bytes[i]);
    if (gdb->closing)
        close_session(gdb, false);
}

static void look_at_machine(struct gdb *gdb)
{
    bool hart = atomic_exchange(&gdb->hart_stopped, false);
    bool other = atomic_exchange(&gdb->paused_by_other, false);
    if (hart || other)
        gdb_report_stop(gdb);
    if (atomic_exchange(&gdb->was_reset, false))
        gdb_report_restart(gdb);
    if (hart && gdb->in_fd < 0)
        machine_pause(gdb->machine); /* the hart stopped when gdb left, and nobody waits for the stop */
}

/* There is no descriptor for a new connection. Its client waits in the queue, and poll() must not report it
 * again and again. */
static bool accepts_later(const struct gdb *gdb)
{
    return gdb->accept_at > host_now_ms();
}

/* Fills the list and returns its length. [0] is wake_fd, [1] is gdb or the listening socket, [2] is a second
 * gdb. */
static unsigned fill_poll(struct gdb *gdb, struct pollfd *fds)
{
    fds[0] = (struct pollfd){ .fd = gdb->wake_fd, .events = POLLIN };
    fds[1] = (struct pollfd){ .fd = accepts_later(gdb) ? -1 : gdb->listen_fd, .events = POLLIN };
    fds[2] = (struct pollfd){ .fd = gdb->in_fd, .events = POLLIN };
    for (unsigned i = 0; i < GDB_REFUSED_MAX; i++)
        fds[3 + i] = (struct pollfd){ .fd = gdb->refused[i].fd, .events = POLLIN };
    return 3 + GDB_REFUSED_MAX;
}

static void serve(struct gdb *gdb, const struct pollfd *fds)
{
    uint64_t count;
    if (fds[0].revents && read(gdb->wake_fd, &count, sizeof(count)) > 0)
        look_at_machine(gdb);
    if (fds[2].revents && gdb->in_fd >= 0)
        take_bytes(gdb);
    if (fds[1].revents)
        accept_one(gdb);
    for (unsigned i = 0; i < GDB_REFUSED_MAX; i++) {
        struct gdb_refused *refused = &gdb->refused[i];
        if (refused->fd >= 0 && refused->fd == fds[3 + i].fd && fds[3 + i].revents)
            answer_refused(refused);
        if (refused->fd >= 0 && host_now_ms() - refused->since > REFUSE_MS)
            let_go(refused);
    }
}

static bool any_refused(const struct gdb *gdb)
{
    for (unsigned i = 0; i < GDB_REFUSED_MAX; i++)
        if (gdb->refused[i].fd >= 0)
            return true;
    return false;
}

static void say_goodbye(struct gdb *gdb)
{
    int status = atomic_load(&gdb->exit_status);
    if (gdb->waits && status >= 0) {
        gdb_text_printf(&gdb->reply, "W%02x", status & 0xff);
        gdb_send_reply(gdb);
    }
    if (!gdb->leaving)
        gdb->started = false; /* the harts have stopped for good */
    close_session(gdb, false);
}

static void *gdb_thread(void *opaque)
{
    struct gdb *gdb = opaque;
    while (!atomic_load(&gdb->quit)) {
        struct pollfd fds[3 + GDB_REFUSED_MAX];
        unsigned count = fill_poll(gdb, fds);
        if (poll(fds, count, any_refused(gdb) || accepts_later(gdb) ? 100 : -1) >= 0 || errno == EINTR)
            serve(gdb, fds);
    }
    say_goodbye(gdb);
    return NULL;
}

/* ---- From other threads -------------------------------------------------------------------------------- */

static void wake(struct gdb *gdb)
{
    uint64_t one = 1;
    ssize_t ignored = write(gdb->wake_fd, &one, sizeof(one)); /* the counter cannot overflow */
    (void)ignored;
}

/* Called on the hart's thread. The server's thread stops the other harts and tells gdb. */
static void on_hart_stopped(void *opaque, struct hart *hart)
{
    struct gdb *gdb = opaque;
    atomic_fetch_or(&gdb->stopped, 1ul << hart_id(hart));
    atomic_store(&gdb->hart_stopped, true);
    wake(gdb);
}

static void on_notice(void *opaque, enum machine_notice notice, bool by_guest)
{
    struct gdb *gdb = opaque;
    (void)by_guest;
    if (notice == MACHINE_NOTICE_RESET) {
        atomic_store(&gdb->was_reset, true);
        wake(gdb);
    }
    bool off = notice == MACHINE_NOTICE_SHUTDOWN && atomic_load(&gdb->machine->no_shutdown);
    if (notice != MACHINE_NOTICE_PAUSED && !off)
        return;
    atomic_store(&gdb->paused_by_other, true);
    wake(gdb);
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

static bool start_thread(struct gdb *gdb, struct error *error)
{
    sigset_t old;
    thread_signals_block(&old);
    int status = thread_create(&gdb->thread, THREAD_HOST, "gdb", gdb_thread, gdb);
    gdb->serving = status == 0;
    thread_signals_restore(&old);
    return status == 0 || error_set(error, "cannot start the gdb server's thread: %s", strerror(status));
}

static void close_listener(struct gdb *gdb)
{
    if (gdb->listen_fd >= 0)
        close(gdb->listen_fd);
    if (gdb->path[0])
        unlink(gdb->path);
    for (unsigned i = 0; i < GDB_REFUSED_MAX; i++)
        if (gdb->refused[i].fd >= 0)
            let_go(&gdb->refused[i]);
    gdb->listen_fd = gdb->in_fd = gdb->out_fd = -1;
    gdb->path[0] = '\0';
}

static void release(struct gdb *gdb)
{
    close_listener(gdb);
    if (gdb->wake_fd >= 0)
        close(gdb->wake_fd);
    gdb_points_clear(gdb);
    free(gdb->points);
    gdb_text_free(&gdb->reply);
    gdb_text_free(&gdb->out);
    debug_destroy(gdb->debug);
    free(gdb);
}

struct gdb *gdb_create(struct machine *machine, const char *where, struct error *error)
{
    struct gdb *gdb = calloc(1, sizeof(*gdb));
    if (!gdb) {
        error_set(error, "out of memory for the gdb server");
        return NULL;
    }
    struct debug_config config = { .accept = gdb_point_accept, .stopped = on_hart_stopped, .opaque = gdb };
    gdb->machine = machine;
    gdb->listen_fd = gdb->in_fd = gdb->out_fd = -1;
    atomic_store(&gdb->exit_status, -1);
    for (unsigned i = 0; i < GDB_REFUSED_MAX; i++)
        gdb->refused[i].fd = -1;
    gdb->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    gdb->debug = debug_create(&config, error);
    for (unsigned i = 0; gdb->debug && i < machine->hart_count; i++)
        debug_attach(gdb->debug, machine->harts[i]);
    gdb->listener = (struct machine_listener){ .notice = on_notice, .opaque = gdb };
    if (gdb->debug && gdb_serve(gdb, where, error)) {
        machine_listen(machine, &gdb->listener);
        return gdb;
    }
    release(gdb);
    return NULL;
}

bool gdb_serve(struct gdb *gdb, const char *where, struct error *error)
{
    if (gdb->serving && pthread_equal(pthread_self(), gdb->thread))
        return error_set(error, "gdb cannot close its own connection; detach does");
    gdb->leaving = true;
    gdb_stop(gdb);
    gdb->leaving = false;
    close_listener(gdb);
    if (where && (!open_server(gdb, where, error) || !start_thread(gdb, error))) {
        close_listener(gdb);
        return false;
    }
    return true;
}

void gdb_finish(struct gdb *gdb, int status)
{
    if (gdb)
        atomic_store(&gdb->exit_status, status);
}

void gdb_stop(struct gdb *gdb)
{
    if (!gdb || !gdb->serving)
        return;
    atomic_store(&gdb->quit, true);
    wake(gdb);
    thread_join(&gdb->thread);
    gdb->serving = false;
    atomic_store(&gdb->quit, false);
}

void gdb_destroy(struct gdb *gdb)
{
    if (gdb)
        release(gdb);
}
