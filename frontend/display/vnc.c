/* SPDX-License-Identifier: MIT
 *
 * The VNC server; see vnc.h. Its thread waits for what viewers send (vnc_relay.h) and for an eventfd that the
 * display's wake() writes to. libvncserver sends from a copy of the picture that belongs to this thread. What
 * changed is copied into it at most every FRAME_MS, and only while there are viewers.
 *
 * Once the thread runs, only this thread calls libvncserver. The lock is for the password, which a monitor's
 * thread may set.
 */
#include "frontend/display/vnc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/input-event-codes.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <rfb/rfb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "frontend/display/vnc_keys.h"
#include "frontend/display/vnc_relay.h"
#include "util/host_time.h"
#include "util/log.h"
#include "util/resolve.h"
#include "util/thread.h"
#include "util/thread_signals.h"

#define FRAME_MS    16u
#define POLL_MAX_MS 128u
#define NEVER       UINT64_MAX
#define FIRST_PORT  5900
#define CHALLENGE   16 /* bytes */

struct vnc {
    struct vnc_config config;
    char title[128], name[320];
    char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)]; /* of its socket; "": none */
    struct display_view view;
    struct vnc_relay *relay;
    struct vnc_tls *tls; /* NULL: none */
    pthread_t thread;
    pthread_mutex_t lock;
    char password[VNC_PASSWORD_MAX + 1];
    bool has_password;
    time_t password_ends; /* CLOCK_REALTIME; 0: never */
    int wake_fd;
    atomic_bool stop;
    rfbScreenInfoPtr screen;
    unsigned viewers;
    bool marked;                /* the library has something to send */
    bool changed;               /* there is something to take from the display */
    uint64_t drawn_at, poll_at; /* ms */
    unsigned poll_ms;
    bool shift[2], caps; /* the state of these keys in the guest, as far as this server sent them */
    bool lent_shift;     /* Shift is pressed in the guest, but no viewer holds it */
    int last_x, last_y;  /* of the pointer; -1: none */
    int last_mask;
};

static struct vnc *of_client(rfbClientPtr client)
{
    return client->screen->screenData;
}

/* ---- Keys ---------------------------------------------------------------------------------------------- */

static void send_key(struct vnc *vnc, unsigned code, bool down)
{
    if (code == KEY_LEFTSHIFT || code == KEY_RIGHTSHIFT)
        vnc->shift[code == KEY_RIGHTSHIFT] = down;
    if (code == KEY_CAPSLOCK && down)
        vnc->caps = !vnc->caps;
    display_key(vnc->config.display, code, down);
}

/* Programs send a sign without the Shift that it needs on this keyboard: Shift is then pressed for the
 * sign. */
static void on_key(rfbBool down, rfbKeySym keysym, rfbClientPtr client)
{
    struct vnc *vnc = of_client(client);
    struct vnc_key key = vnc_key_find(keysym);
    if (!key.code)
        return;
    bool shifted = vnc->shift[0] || vnc->shift[1] || (key.letter && vnc->caps);
    if (down && key.shift && !shifted) {
        vnc->lent_shift = true;
        display_key(vnc->config.display, KEY_LEFTSHIFT, true);
    }
    send_key(vnc, key.code, down);
    if (!down && vnc->lent_shift) {
        vnc->lent_shift = false;
        if (!vnc->shift[0])
            display_key(vnc->config.display, KEY_LEFTSHIFT, false);
    }
}

static void on_release_all(rfbClientPtr client)
{
    struct vnc *vnc = of_client(client);
    vnc->shift[0] = vnc->shift[1] = vnc->lent_shift = false;
    display_release_all(vnc->config.display);
}

/* ---- The pointer --------------------------------------------------------------------------------------- */

/* Buttons of RFB's mask: left, middle, right. The other four bits are the wheel's directions. */
static unsigned buttons_of(int mask)
{
    return (mask & 1 ? DISPLAY_LEFT : 0) | (mask & 2 ? DISPLAY_MIDDLE : 0) | (mask & 4 ? DISPLAY_RIGHT : 0);
}

static int32_t scale(int at, int size)
{
    return size > 1 ? (int32_t)((int64_t)at * DISPLAY_ABS_MAX / (size - 1)) : 0;
}

static void on_pointer(int mask, int x, int y, rfbClientPtr client)
{
    struct vnc *vnc = of_client(client);
    int pressed = mask & ~vnc->last_mask;
    struct display_pointer pointer = {
        .absolute = display_is_absolute(vnc->config.display),
        .buttons = buttons_of(mask),
        .wheel = (pressed >> 3 & 1) - (pressed >> 4 & 1),
        .tilt = (pressed >> 6 & 1) - (pressed >> 5 & 1),
    };
    if (pointer.absolute) {
        pointer.x = scale(x, vnc->screen->width);
        pointer.y = scale(y, vnc->screen->height);
    } else if (vnc->last_x >= 0) {
        pointer.x = x - vnc->last_x;
        pointer.y = y - vnc->last_y;
    }
    vnc->last_x = x;
    vnc->last_y = y;
    vnc->last_mask = mask;
    display_pointer(vnc->config.display, &pointer);
    rfbDefaultPtrAddEvent(mask, x, y, client);
}

/* ---- Viewers ------------------------------------------------------------------------------------------- */

static void on_gone(rfbClientPtr client)
{
    struct vnc *vnc = of_client(client);
    if (client->clientData)
        vnc_viewer_gone(client->clientData);
    vnc->viewers--;
    if (!vnc->viewers)
        on_release_all(client);
    vnc->last_x = vnc->last_y = -1;
    vnc->last_mask = 0;
}

static enum rfbNewClientAction on_viewer(rfbClientPtr client)
{
    of_client(client)->viewers++;
    client->clientGoneHook = on_gone;
    return RFB_CLIENT_ACCEPT;
}

static void take_viewers(struct vnc *vnc)
{
    struct vnc_viewer *viewer;
    for (int fd; (fd = vnc_relay_take(vnc->relay, &viewer)) >= 0;) {
        rfbClientPtr client = rfbNewClient(vnc->screen, fd);
        if (client)
            client->clientData = viewer;
        else
            vnc_viewer_gone(viewer);
    }
}

/* No picture is made for a viewer that has not taken the last ones. */
static void hold_slow_viewers(struct vnc *vnc)
{
    rfbClientIteratorPtr iterator = rfbGetClientIterator(vnc->screen);
    for (rfbClientPtr client; (client = rfbClientIteratorNext(iterator)) != NULL;)
        client->onHold = vnc_viewer_is_slow(client->clientData) ? TRUE : FALSE;
    rfbReleaseClientIterator(iterator);
}

/* Compares the viewer's response with the challenge encrypted with the password (RFC 6143 section 7.2.2). */
static rfbBool check_password(rfbClientPtr client, const char *response, int length)
{
    struct vnc *vnc = of_client(client);
    char password[VNC_PASSWORD_MAX + 1];
    uint8_t expected[CHALLENGE], different = 0;
    pthread_mutex_lock(&vnc->lock);
    bool valid = vnc->has_password && (!vnc->password_ends || time(NULL) < vnc->password_ends);
    memcpy(password, vnc->password, sizeof(password));
    pthread_mutex_unlock(&vnc->lock);
    memcpy(expected, client->authChallenge, CHALLENGE);
    rfbEncryptBytes(expected, password);
    for (int n = 0; length == CHALLENGE && n < CHALLENGE; n++)
        different |= (uint8_t)(expected[n] ^ (uint8_t)response[n]);
    explicit_bzero(password, sizeof(password));
    return valid && length == CHALLENGE && !different;
}

/* A viewer's window has a new size. The picture changes when the guest follows. */
static int on_desktop_size(int width, int height, int screen_count, struct rfbExtDesktopScreen *screens,
                           rfbClientPtr client)
{
    (void)screen_count, (void)screens;
    if (width <= 0 || height <= 0)
        return rfbExtDesktopSize_InvalidScreenLayout;
    display_request_size(of_client(client)->config.display, (uint32_t)width, (uint32_t)height);
    return rfbExtDesktopSize_Success;
}

/* ---- The picture --------------------------------------------------------------------------------------- */

/* Makes a framebuffer of the picture's new size. If memory is short, the library continues with the old
 * one. */
static bool resize(struct vnc *vnc, const struct display_frame *frame)
{
    uint32_t *old = (uint32_t *)(void *)vnc->screen->frameBuffer;
    uint32_t *pixels = calloc((size_t)frame->width * frame->height, sizeof(*pixels));
    if (!pixels)
        return false;
    rfbNewFramebuffer(vnc->screen, (char *)pixels, (int)frame->width, (int)frame->height, 8, 3, 4);
    /* rfbNewFramebuffer() sets the order of the colours, so it is set again. */
    vnc->screen->serverFormat.redShift = 16;
    vnc->screen->serverFormat.greenShift = 8;
    vnc->screen->serverFormat.blueShift = 0;
    rfbClientIteratorPtr iterator = rfbGetClientIterator(vnc->screen);
    for (rfbClientPtr client; (client = rfbClientIteratorNext(iterator)) != NULL;)
        rfbSetTranslateFunction(client);
    rfbReleaseClientIterator(iterator);
    free(old);
    return true;
}

/* The library frees the cursor with all its parts. Without a cursor, viewers show their own pointer; a hidden
 * cursor is one invisible pixel. */
static void set_cursor(struct vnc *vnc, const struct display_cursor *cursor)
{
    if (!cursor->known) {
        rfbSetCursor(vnc->screen, NULL);
        return;
    }
    uint32_t width = cursor->visible ? cursor->width : 1, height = cursor->visible ? cursor->height : 1;
    uint32_t row_bytes = (width + 7) / 8;
    rfbCursorPtr made = calloc(1, sizeof(*made));
    uint8_t *mask = calloc(height, row_bytes);
    uint32_t *pixels = calloc((size_t)width * height, sizeof(*pixels));
    if (!made || !mask || !pixels) {
        free(made);
        free(mask);
        free(pixels);
        return;
    }
    for (uint32_t n = 0; cursor->visible && n < width * height; n++) {
        pixels[n] = cursor->pixels[n] & 0xffffff;
        if (cursor->pixels[n] >> 31)
            mask[n / width * row_bytes + n % width / 8] |= (uint8_t)(0x80 >> n % width % 8);
    }
    made->cleanup = made->cleanupMask = made->cleanupRichSource = TRUE;
    made->width = (unsigned short)width;
    made->height = (unsigned short)height;
    made->xhot = (unsigned short)(cursor->visible ? cursor->hot_x : 0);
    made->yhot = (unsigned short)(cursor->visible ? cursor->hot_y : 0);
    made->mask = mask;
    made->richSource = (unsigned char *)pixels;
    rfbSetCursor(vnc->screen, made);
}

static void take_changes(struct vnc *vnc)
{
    struct display_changes changes = display_view_take(vnc->config.display, &vnc->view);
    const struct display_cursor *cursor;
    struct display_frame frame = display_lock(vnc->config.display, &cursor);
    bool same = vnc->screen->width == (int)frame.width && vnc->screen->height == (int)frame.height;
    struct display_rect all = { 0, 0, frame.width, frame.height };
    struct display_rect damage = same ? display_rect_intersect(changes.damage, all) : all;
    if (same || resize(vnc, &frame)) {
        uint32_t *to = (uint32_t *)(void *)vnc->screen->frameBuffer;
        for (uint32_t row = damage.y; row < damage.y + damage.height; row++)
            memcpy(to + (size_t)row * frame.width + damage.x,
                   frame.pixels + (size_t)row * frame.width + damage.x, (size_t)damage.width * 4);
    } else {
        damage.width = 0;
    }
    if (changes.cursor_image)
        set_cursor(vnc, cursor);
    display_unlock(vnc->config.display);
    vnc->marked = true;
    if (damage.width)
        rfbMarkRectAsModified(vnc->screen, (int)damage.x, (int)damage.y, (int)(damage.x + damage.width),
                              (int)(damage.y + damage.height));
}

/* Refreshes a screen that does not say what changes. The longer nothing changes, the rarer this is. */
static void poll_screen(struct vnc *vnc, uint64_t now)
{
    switch (display_refresh(vnc->config.display)) {
    case DISPLAY_CALM: vnc->poll_at = NEVER; return;
    case DISPLAY_CHANGED: vnc->poll_ms = FRAME_MS; break;
    case DISPLAY_UNCHANGED:
        vnc->poll_ms = vnc->poll_ms < POLL_MAX_MS ? vnc->poll_ms + FRAME_MS / 4 : POLL_MAX_MS;
        break;
    }
    vnc->poll_at = now + vnc->poll_ms;
}

/* Copies what is due. Returns when there is more to do, in ms from now, or -1. Nothing is due while there are
 * no viewers. */
static int do_what_is_due(struct vnc *vnc)
{
    uint64_t now = host_now_ms(), next = NEVER;
    if (!vnc->viewers)
        return -1;
    if (now >= vnc->poll_at)
        poll_screen(vnc, now);
    if (vnc->changed && now - vnc->drawn_at >= FRAME_MS) {
        take_changes(vnc);
        vnc->changed = false;
        vnc->drawn_at = now;
        if (vnc->poll_at == NEVER)
            poll_screen(vnc, now);
    } else if (vnc->changed) {
        next = vnc->drawn_at + FRAME_MS;
    }
    if (vnc->poll_at < next)
        next = vnc->poll_at;
    return next == NEVER ? -1 : next > now ? (int)(next - now) : 0;
}

/* ---- The thread ---------------------------------------------------------------------------------------- */

static void on_wake(void *opaque)
{
    uint64_t one = 1;
    ssize_t ignored =
        write(((struct vnc *)opaque)->wake_fd, &one, sizeof(one)); /* the counter cannot overflow */
    (void)ignored;
}

static void wait_for_something(struct vnc *vnc, int ms)
{
    struct pollfd fds[1 + VNC_VIEWERS_MAX];
    unsigned count = 0;
    uint64_t times;
    fds[count++] = (struct pollfd){ .fd = vnc->wake_fd, .events = POLLIN };
    rfbClientIteratorPtr iterator = rfbGetClientIterator(vnc->screen);
    for (rfbClientPtr client; (client = rfbClientIteratorNext(iterator)) != NULL;) {
        if (count <= VNC_VIEWERS_MAX && !client->onHold)
            fds[count++] = (struct pollfd){ .fd = client->sock, .events = POLLIN };
    }
    rfbReleaseClientIterator(iterator);
    if (poll(fds, count, ms) > 0 && fds[0].revents &&
        read(vnc->wake_fd, &times, sizeof(times)) == sizeof(times))
        vnc->changed = true;
}

static void *vnc_thread(void *opaque)
{
    struct vnc *vnc = opaque;
    while (!atomic_load(&vnc->stop)) {
        take_viewers(vnc);
        hold_slow_viewers(vnc);
        rfbProcessEvents(vnc->screen, 0);
        int ms = do_what_is_due(vnc);
        if (!vnc->marked) /* otherwise there is something to send first */
            wait_for_something(vnc, ms);
        vnc->marked = false;
    }
    return NULL;
}

/* ---- Starting and stopping ----------------------------------------------------------------------------- */

static void no_log(const char *format, ...)
{
    (void)format;
}

/* Finds the address of [HOST]:N. The caller frees *found. */
static bool find_host(const struct vnc *vnc, struct addrinfo **found, struct error *error)
{
    char port[16];
    struct resolve_place place;
    struct error why;
    const char *address = vnc->config.address;
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    if (!resolve_split(address, strlen(address), &place, &why))
        return error_set(error, "%s: %s", vnc->name, why.text);
    snprintf(port, sizeof(port), "%u", FIRST_PORT + place.port);
    int status = resolve(place.host[0] ? place.host : "127.0.0.1", port, &hints, found);
    return status == 0 || error_set(error, "%s: %s: %s", vnc->name, place.host, gai_strerror(status));
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
    return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 == 127;
}

/* If other computers can reach the address, everybody could look and type, unless there is a password. */
static bool may_listen(const struct vnc *vnc, const struct sockaddr *address, struct error *error)
{
    bool knows_them = vnc->config.password || (vnc->config.tls && vnc->config.tls->verify_peer);
    return knows_them || vnc->config.insecure || is_loopback(address) ||
           error_set(error,
                     "%s: other computers reach that address, and there is no password; add password=on (and "
                     "set it in the monitor, or with password-secret=), or insecure=on",
                     vnc->name);
}

static void start_relay(struct vnc *vnc, const struct sockaddr *address, socklen_t length,
                        struct error *error)
{
    struct vnc_relay_config config = {
        .name = vnc->name,
        .address = address,
        .address_length = length,
        .websocket = vnc->config.websocket,
        .origin = vnc->config.origin,
        .tls = vnc->tls,
        .password = vnc->config.password,
        .wake = on_wake,
        .opaque = vnc,
    };
    vnc->relay = vnc_relay_start(&config, error);
}

/* Listens at the address's port, or at the first one behind it that is free, as far as the user allows. */
static void try_ports(struct vnc *vnc, struct sockaddr *address, socklen_t length, struct error *error)
{
    struct sockaddr_in *place = (struct sockaddr_in *)(void *)address; /* the port is there for IPv6, too */
    unsigned port = ntohs(place->sin_port), last = vnc->config.last ? FIRST_PORT + vnc->config.last : port;
    for (; !vnc->relay && port <= last; port++) {
        place->sin_port = htons((uint16_t)port);
        *vnc->config.port = port;
        errno = 0;
        start_relay(vnc, address, length, error);
        if (!vnc->relay && errno != EADDRINUSE)
            return;
    }
}

/* Listens at HOST's first IPv4 address, since viewers try that first; if there is none, at its first
 * address. */
static bool listen_on_network(struct vnc *vnc, struct error *error)
{
    struct addrinfo *found;
    if (!find_host(vnc, &found, error))
        return false;
    const struct addrinfo *best = found;
    while (best->ai_family != AF_INET && best->ai_next)
        best = best->ai_next;
    if (best->ai_family != AF_INET)
        best = found;
    if (may_listen(vnc, best->ai_addr, error))
        try_ports(vnc, best->ai_addr, best->ai_addrlen, error);
    freeaddrinfo(found);
    return vnc->relay != NULL;
}

/* Who may connect is decided by the permissions of the socket's folder. */
static bool listen_on_file(struct vnc *vnc, const char *path, struct error *error)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof(address.sun_path))
        return error_set(error, "%s: the path of a socket has at most %zu characters", vnc->name,
                         sizeof(address.sun_path) - 1);
    strcpy(address.sun_path, path);
    unlink(path); /* an earlier run may have left it */
    start_relay(vnc, (const struct sockaddr *)&address, sizeof(address), error);
    if (vnc->relay)
        strcpy(vnc->path, path);
    return vnc->relay != NULL;
}

static bool listen_for_viewers(struct vnc *vnc, struct error *error)
{
    const char *address = vnc->config.address;
    return strncmp(address, "unix:", 5) == 0 ? listen_on_file(vnc, address + 5, error)
                                             : listen_on_network(vnc, error);
}

/* Makes the library's screen. The library opens no socket of its own. */
static bool make_screen(struct vnc *vnc, struct error *error)
{
    struct display_frame frame = display_lock(vnc->config.display, NULL);
    int width = (int)frame.width, height = (int)frame.height;
    display_unlock(vnc->config.display);
    rfbLog = no_log;
    rfbErr = no_log;
    rfbScreenInfoPtr screen = vnc->screen = rfbGetScreen(NULL, NULL, width, height, 8, 3, 4);
    if (screen)
        screen->frameBuffer = calloc((size_t)width * (size_t)height, 4);
    if (!screen || !screen->frameBuffer)
        return error_set(error, "%s: out of memory", vnc->name);
    screen->screenData = vnc;
    screen->serverFormat.redShift = 16;
    screen->serverFormat.greenShift = 8;
    screen->serverFormat.blueShift = 0;
    screen->desktopName = vnc->title;
    screen->autoPort = FALSE;
    screen->port = 0;
    screen->ipv6port = 0;
    screen->alwaysShared = TRUE;
    screen->deferUpdateTime = 0;
    screen->deferPtrUpdateTime = 0;
    screen->cursor = NULL;
    screen->kbdAddEvent = on_key;
    screen->kbdReleaseAllKeys = on_release_all;
    screen->ptrAddEvent = on_pointer;
    screen->newClientHook = on_viewer;
    screen->setDesktopSizeHook = on_desktop_size;
    screen->authPasswdData = vnc->config.password ? vnc : NULL;
    screen->passwordCheck = check_password;
    rfbInitServer(screen);
    return true;
}

static bool start_thread(struct vnc *vnc, struct error *error)
{
    sigset_t before;
    thread_signals_block(&before);
    int status = thread_create(&vnc->thread, THREAD_HOST, "vnc", vnc_thread, vnc);
    thread_signals_restore(&before);
    if (status)
        return error_set(error, "%s: cannot start its thread: %s", vnc->name, strerror(status));
    return true;
}

static void free_all(struct vnc *vnc)
{
    if (vnc->screen) {
        rfbShutdownServer(vnc->screen, TRUE);
        free(vnc->screen->frameBuffer);
        rfbScreenCleanup(vnc->screen);
    }
    if (vnc->relay)
        vnc_relay_stop(vnc->relay); /* libvncserver has let all viewers go */
    if (vnc->path[0])
        unlink(vnc->path);
    vnc_tls_free(vnc->tls);
    if (vnc->wake_fd >= 0)
        close(vnc->wake_fd);
    explicit_bzero(vnc->password, sizeof(vnc->password));
    pthread_mutex_destroy(&vnc->lock);
    free(vnc);
}

static struct vnc *vnc_start(const struct vnc_config *config, struct error *error)
{
    struct vnc *vnc = calloc(1, sizeof(*vnc));
    if (!vnc) {
        error_set(error, "-vnc %s: out of memory", config->address);
        return NULL;
    }
    vnc->config = *config; /* all that it points to, except the display, is used only here */
    pthread_mutex_init(&vnc->lock, NULL);
    snprintf(vnc->name, sizeof(vnc->name), "-vnc %s", config->address);
    snprintf(vnc->title, sizeof(vnc->title), "Rvive%s%s%s", config->title ? " (" : "",
             config->title ? config->title : "", config->title ? ")" : "");
    vnc->last_x = vnc->last_y = -1;
    vnc->poll_at = NEVER;
    vnc->poll_ms = FRAME_MS;
    vnc->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (vnc->wake_fd < 0) {
        error_set(error, "%s: cannot make an event descriptor: %s", vnc->name, strerror(errno));
        free_all(vnc);
        return NULL;
    }
    vnc->tls = config->tls ? vnc_tls_load(config->tls, error) : NULL;
    if ((config->tls && !vnc->tls) || !make_screen(vnc, error) || !listen_for_viewers(vnc, error)) {
        free_all(vnc);
        return NULL;
    }
    vnc->view = (struct display_view){ .wake = on_wake, .opaque = vnc };
    display_view_add(config->display, &vnc->view);
    if (start_thread(vnc, error))
        return vnc;
    display_view_remove(config->display, &vnc->view);
    free_all(vnc);
    return NULL;
}

static void vnc_stop(struct vnc *vnc)
{
    atomic_store(&vnc->stop, true);
    on_wake(vnc);
    thread_join(&vnc->thread);
    display_view_remove(vnc->config.display, &vnc->view);
    free_all(vnc);
}

static void vnc_set_password(struct vnc *vnc, const char *password)
{
    pthread_mutex_lock(&vnc->lock);
    vnc->has_password = password && *password;
    memset(vnc->password, 0, sizeof(vnc->password));
    memcpy(vnc->password, password ? password : "", password ? strnlen(password, VNC_PASSWORD_MAX) : 0);
    pthread_mutex_unlock(&vnc->lock);
}

static void vnc_expire_password(struct vnc *vnc, time_t when)
{
    pthread_mutex_lock(&vnc->lock);
    vnc->password_ends = when;
    pthread_mutex_unlock(&vnc->lock);
}

const struct vnc_ops rvive_vnc_ops = { vnc_start, vnc_stop, vnc_set_password, vnc_expire_password };
