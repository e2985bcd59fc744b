/* SPDX-License-Identifier: MIT
 *
 * The views of the guest's screen, and which of them runs in which thread; see screen.h. SDL needs the main
 * thread, so with a window the machine gets a thread of its own, and when the machine ends, the window is
 * closed.
 */
#include "frontend/display/screen.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "devices/display/display.h"
#include "frontend/display/sdl.h"
#include "frontend/display/view_module.h"
#include "frontend/display/vnc.h"
#include "machine/inspect.h"
#include "util/log.h"
#include "util/thread.h"

#define DEFAULT_WIDTH  1280
#define DEFAULT_HEIGHT 800

struct screen {
    const struct options *options;
    struct display *display;
    const struct window_ops *window_ops;
    struct window *window; /* NULL: none */
    const struct vnc_ops *vnc_ops;
    pthread_mutex_t vnc_lock; /* monitors may call while the server starts or stops */
    struct vnc *vnc;          /* NULL: none */
    unsigned vnc_port;        /* TCP */
    char vnc_password[VNC_PASSWORD_MAX + 1];
    time_t vnc_password_ends; /* 0: never */
    struct machine *machine;
    struct machine_listener listener;
    struct error *error;
    int status; /* of machine_run() */
};

static const struct options_device *find_screen_device(const struct options *options)
{
    for (unsigned n = 0; n < options->device_count; n++) {
        if (options->devices[n].model->backend == DEVICE_BACKEND_SCREEN)
            return &options->devices[n];
    }
    return NULL;
}

struct screen *screen_create(const struct options *options, struct error *error)
{
    struct screen *screen = calloc(1, sizeof(*screen));
    if (!screen) {
        error_set(error, "out of memory for the screen");
        return NULL;
    }
    const struct options_device *device = find_screen_device(options);
    screen->options = options;
    pthread_mutex_init(&screen->vnc_lock, NULL);
    screen->display =
        display_create(device && device->settings.width ? device->settings.width : DEFAULT_WIDTH,
                       device && device->settings.height ? device->settings.height : DEFAULT_HEIGHT, error);
    if (screen->display)
        return screen;
    pthread_mutex_destroy(&screen->vnc_lock);
    free(screen);
    return NULL;
}

struct display *screen_display(struct screen *screen)
{
    return screen->display;
}

void screen_destroy(struct screen *screen)
{
    if (!screen)
        return;
    display_destroy(screen->display);
    pthread_mutex_destroy(&screen->vnc_lock);
    explicit_bzero(screen->vnc_password, sizeof(screen->vnc_password));
    free(screen);
}

/* Is there a desktop on which a window could open, and was the program built with one? Without a desktop SDL
 * would continue, and draw into memory only. */
static bool window_possible(void)
{
    char path[VIEW_MODULE_PATH];
    struct error error;
    return (getenv("DISPLAY") || getenv("WAYLAND_DISPLAY") || getenv("SDL_VIDEODRIVER")) &&
           view_module_find(WINDOW_MODULE ".so", path, &error);
}

/* Without -display a window opens if there is something to see in it and a desktop on which it can open. */
bool screen_wants_window(const struct options *options)
{
    if (options->screen.view != OPTIONS_VIEW_DEFAULT)
        return options->screen.view == OPTIONS_VIEW_SDL;
    return !options->nographic && !options->screen.vnc && window_possible() &&
           (options->machine.ramfb || find_screen_device(options));
}

static bool press_power(void *display)
{
    return display_press_power(display);
}

/* A guest that does not run would not notice the button. */
static bool on_shut_down(void *opaque)
{
    struct screen *screen = opaque;
    return !display_is_paused(screen->display) && machine_state(screen->machine) == MACHINE_RUNNING &&
           machine_press_power_button(screen->machine);
}

static void on_end(void *opaque)
{
    machine_request_quit(((struct screen *)opaque)->machine, 0);
}

/* ---- VNC ----------------------------------------------------------------------------------------------- */

static bool read_secret(struct screen *screen, struct error *error)
{
    char text[256];
    const char *id = screen->options->screen.vnc_secret;
    bool ok = !id || (options_read_secret(screen->options, id, text, sizeof(text), error) &&
                      screen_set_vnc_password(screen, text, error));
    explicit_bzero(text, sizeof(text));
    return ok;
}

static bool find_tls(const struct screen *screen, struct vnc_tls_config *config, struct error *error)
{
    const char *id = screen->options->screen.vnc_tls;
    const struct options_tls *tls = options_find_tls(screen->options, id);
    if (!tls)
        return error_set(error, "there is no -object tls-creds-x509,id=%s", id);
    *config = (struct vnc_tls_config){ tls->id, tls->dir, !tls->any_peer, tls->priority };
    return true;
}

static bool open_vnc(struct screen *screen, struct error *error)
{
    const struct options_screen *options = &screen->options->screen;
    struct vnc_tls_config tls;
    struct vnc_config config = {
        .display = screen->display,
        .address = options->vnc,
        .last = options->vnc_last,
        .port = &screen->vnc_port,
        .title = screen->options->title,
        .password = options->vnc_password,
        .insecure = options->vnc_insecure,
        .websocket = options->vnc_websocket,
        .origin = options->vnc_origin,
        .tls = options->vnc_tls ? &tls : NULL,
    };
    if (!read_secret(screen, error) || (options->vnc_tls && !find_tls(screen, &tls, error)))
        return false;
    screen->vnc_ops = view_module_load(VNC_MODULE, VNC_SYMBOL, error);
    struct vnc *vnc = screen->vnc_ops ? screen->vnc_ops->start(&config, error) : NULL;
    if (!vnc)
        return false;
    if (options->vnc[0] == ':')
        log_warn("-vnc %s: viewers on this computer only; for others name an address, like -vnc "
                 "0.0.0.0%s,password=on",
                 options->vnc, options->vnc);
    pthread_mutex_lock(&screen->vnc_lock);
    screen->vnc = vnc;
    screen->vnc_ops->set_password(vnc, screen->vnc_password);
    screen->vnc_ops->expire_password(vnc, screen->vnc_password_ends);
    pthread_mutex_unlock(&screen->vnc_lock);
    return true;
}

static void close_vnc(struct screen *screen)
{
    pthread_mutex_lock(&screen->vnc_lock);
    struct vnc *vnc = screen->vnc;
    screen->vnc = NULL;
    pthread_mutex_unlock(&screen->vnc_lock);
    if (vnc)
        screen->vnc_ops->stop(vnc);
}

static bool has_vnc_password(const struct screen *screen, struct error *error)
{
    const struct options_screen *options = &screen->options->screen;
    if (!options->vnc)
        return error_set(error, "there is no VNC server; -vnc starts one");
    return options->vnc_password ||
           error_set(error, "viewers need no password; with -vnc %s,password=on they do", options->vnc);
}

unsigned screen_vnc_port(const struct screen *screen)
{
    return screen ? screen->vnc_port : 0;
}

bool screen_set_vnc_password(struct screen *screen, const char *password, struct error *error)
{
    if (!has_vnc_password(screen, error))
        return false;
    if (strlen(password) > VNC_PASSWORD_MAX)
        log_warn("-vnc: only the first %u bytes of the password count", VNC_PASSWORD_MAX);
    pthread_mutex_lock(&screen->vnc_lock);
    memset(screen->vnc_password, 0, sizeof(screen->vnc_password));
    memcpy(screen->vnc_password, password, strnlen(password, VNC_PASSWORD_MAX));
    if (screen->vnc)
        screen->vnc_ops->set_password(screen->vnc, screen->vnc_password);
    pthread_mutex_unlock(&screen->vnc_lock);
    return true;
}

bool screen_expire_vnc_password(struct screen *screen, time_t when, struct error *error)
{
    if (!has_vnc_password(screen, error))
        return false;
    pthread_mutex_lock(&screen->vnc_lock);
    screen->vnc_password_ends = when;
    if (screen->vnc)
        screen->vnc_ops->expire_password(screen->vnc, when);
    pthread_mutex_unlock(&screen->vnc_lock);
    return true;
}

/* ---- The window ---------------------------------------------------------------------------------------- */

static bool load_window(struct screen *screen, struct error *error)
{
    if (!window_possible())
        return error_set(error,
                         "-display sdl: there is no desktop (DISPLAY and WAYLAND_DISPLAY are not set); "
                         "use -display none, or -vnc :N");
    screen->window_ops = view_module_load(WINDOW_MODULE, WINDOW_SYMBOL, error);
    return screen->window_ops != NULL;
}

static bool open_window(struct screen *screen, struct error *error)
{
    const struct options *options = screen->options;
    struct window_config config = {
        .display = screen->display,
        .title = options->title,
        .full_screen = options->screen.full_screen,
        .software = options->screen.software,
        .no_close = options->screen.no_close,
        .shut_down = on_shut_down,
        .end = on_end,
        .opaque = screen,
    };
    screen->window = screen->window_ops->open(&config, error);
    return screen->window != NULL;
}

static void *machine_thread(void *opaque)
{
    struct screen *screen = opaque;
    screen->status = machine_run(screen->machine, screen->error);
    screen->window_ops->quit(screen->window);
    return NULL;
}

static void run_beside_window(struct screen *screen)
{
    pthread_t thread;
    int status = thread_create(&thread, THREAD_HOST, "machine", machine_thread, screen);
    if (status) {
        error_set(screen->error, "cannot start the machine's thread: %s", strerror(status));
        return;
    }
    screen->window_ops->run(screen->window);
    thread_join(&thread);
}

/* ---- The machine's end: titles say that it is paused, the monitor takes pictures ----------------------- */

static void on_notice(void *opaque, enum machine_notice notice, bool by_guest)
{
    (void)by_guest;
    if (notice == MACHINE_NOTICE_PAUSED || notice == MACHINE_NOTICE_RESUMED)
        display_set_paused(opaque, notice == MACHINE_NOTICE_PAUSED);
}

static bool dump_picture(void *opaque, const char *path, const char *format, struct error *error)
{
    return display_screendump(opaque, path, format, error);
}

void screen_attach(struct screen *screen, struct machine *machine)
{
    screen->machine = machine;
    screen->listener.notice = on_notice;
    screen->listener.opaque = screen->display;
    display_set_paused(screen->display, screen->options->machine.start_paused);
    machine_listen(machine, &screen->listener);
    machine_set_power_button(machine, press_power, screen->display);
    if (screen->options->machine.ramfb || find_screen_device(screen->options))
        machine_set_screendump(machine, dump_picture, screen->display);
}

/* The last picture is first written under another name, so a file must be possible in that folder. If the
 * process will become another user, or change its root, this cannot be checked now. */
static bool check_dump(const struct screen *screen, struct error *error)
{
    const char *path = screen->options->screen.dump, *slash = path ? strrchr(path, '/') : NULL;
    char folder[PATH_MAX] = ".";
    if (slash)
        snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path), path);
    bool elsewhere = screen->options->run_with.user || screen->options->run_with.chroot;
    return !path || elsewhere || access(folder, W_OK | X_OK) == 0 ||
           error_set(error, "-screendump %s: no file can be made in %s: %s", path, folder, strerror(errno));
}

bool screen_open(struct screen *screen, struct error *error)
{
    return check_dump(screen, error) && (!screen->options->screen.vnc || open_vnc(screen, error)) &&
           (!screen_wants_window(screen->options) || load_window(screen, error));
}

bool screen_open_window(struct screen *screen, struct error *error)
{
    return !screen->window_ops || screen->window || open_window(screen, error);
}

void screen_close(struct screen *screen)
{
    if (screen->window)
        screen->window_ops->destroy(screen->window);
    close_vnc(screen);
    screen->window = NULL;
}

int screen_run(struct screen *screen, struct error *error)
{
    screen->error = error;
    screen->status = -1;
    if (screen->window)
        run_beside_window(screen);
    else
        screen->status = machine_run(screen->machine, error);
    screen_close(screen);
    struct error dump = { "" };
    if (!screen->options->screen.dump || screen->status < 0 ||
        display_screendump(screen->display, screen->options->screen.dump, NULL, &dump))
        return screen->status;
    if (screen->status) {
        log_warn("%s", dump.text);
        return screen->status;
    }
    *error = dump;
    return -1;
}
