/* SPDX-License-Identifier: MIT
 *
 * -display, -vnc, -full-screen, -screendump: where the screen is shown, and to whom.
 */
#include <stdio.h>
#include <string.h>

#include "frontend/options/options.h"
#include "util/resolve.h"

static bool take_switch(const char *key, const char *value, bool *on, struct error *error)
{
    char flag[64];
    if (option_parse_switch(value, on))
        return true;
    snprintf(flag, sizeof(flag), "-display sdl,%s", key);
    return options_bad_value(error, flag, value, "on, off");
}

static bool display_type(struct options *options, void *item, const char *value, struct error *error)
{
    struct options_screen *screen = &options->screen;
    if (value && strcmp(value, "none") == 0)
        screen->view = OPTIONS_VIEW_NONE;
    else if (value && (strcmp(value, "sdl") == 0 || strcmp(value, "gtk") == 0 || strcmp(value, "cocoa") == 0))
        screen->view = OPTIONS_VIEW_SDL; /* there is one kind of window here */
    else if (value && strcmp(value, "default") == 0)
        screen->view = OPTIONS_VIEW_DEFAULT;
    else
        return options_bad_value(error, "-display", value,
                                 "none, sdl (also gtk, cocoa), vnc=[HOST]:N, vnc=unix:PATH");
    return true;
}

/* SDL draws with what the host has; with "off" it does not use OpenGL. */
static bool display_gl(struct options *options, void *item, const char *value, struct error *error)
{
    bool on = true;
    if (value && (strcmp(value, "core") == 0 || strcmp(value, "es") == 0))
        return error_set(error, "-display sdl,gl=%s: this version has gl=on and gl=off", value);
    bool ok = take_switch("gl", value, &on, error);
    options->screen.software = !on;
    return ok;
}

static bool display_full_screen(struct options *options, void *item, const char *value, struct error *error)
{
    return take_switch("full-screen", value, &options->screen.full_screen, error);
}

static bool display_window_close(struct options *options, void *item, const char *value, struct error *error)
{
    bool on = true;
    bool ok = take_switch("window-close", value, &on, error);
    options->screen.no_close = !on;
    return ok;
}

/* Accepted: settings of QEMU's other windows. This one has no menus and tabs, and it hides the host's pointer
 * while the guest shows one. */
static bool display_ignored(struct options *options, void *item, const char *value, struct error *error)
{
    bool on;
    return take_switch("...", value, &on, error);
}

bool options_take_display(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key keys[] = {
        { "type", display_type },
        { "gl", display_gl },
        { "full-screen", display_full_screen },
        { "window-close", display_window_close },
        { "show-cursor", display_ignored },
        { "show-menubar", display_ignored },
        { "show-tabs", display_ignored },
        { "zoom-to-fit", display_ignored },
        { "grab-on-hover", display_ignored },
        { NULL, NULL },
    };
    struct option_pairs pairs;
    if (strncmp(argument, "vnc=", 4) == 0) {         /* the rest is for the server */
        options->screen.view = OPTIONS_VIEW_DEFAULT; /* with a server this opens no window */
        return options_take_vnc(options, argument + 4, error);
    }
    return option_pairs_split(&pairs, &options->strings, argument, "type", error) &&
           options_take_pairs(options, &pairs, keys, NULL, "-display", error);
}

/* ---- -vnc ---------------------------------------------------------------------------------------------- */

#define VNC_PORTS          (65535 - 5900)
#define VNC_WEBSOCKET_PORT 5700

static bool vnc_switch(const char *key, const char *value, bool *on, struct error *error)
{
    char flag[64];
    snprintf(flag, sizeof(flag), "-vnc ...,%s", key);
    return option_parse_switch(value, on) || options_bad_value(error, flag, value, "on, off");
}

/* The address is checked further when it is opened. */
static bool vnc_address(struct options *options, void *item, const char *value, struct error *error)
{
    struct resolve_place place;
    struct error why = { "" };
    const char *text = value ? value : "";
    options->screen.vnc = text;
    if (strncmp(text, "unix:", 5) == 0)
        return text[5] || error_set(error, "-vnc unix:PATH: the path is missing");
    if (!resolve_split(text, strlen(text), &place, &why) || !place.has_port || place.port > VNC_PORTS)
        return error_set(error, "-vnc %s: not [HOST]:N%s%s%s; N is the port less 5900, so at most %u", text,
                         why.text[0] ? " (" : "", why.text, why.text[0] ? ")" : "", VNC_PORTS);
    return true;
}

static bool vnc_last(struct options *options, void *item, const char *value, struct error *error)
{
    uint64_t last;
    if (!option_parse_number(value, &last) || last > VNC_PORTS)
        return options_bad_value(error, "-vnc ...,to", value, "the highest N, up to 59635");
    options->screen.vnc_last = (unsigned)last;
    return true;
}

static bool vnc_password(struct options *options, void *item, const char *value, struct error *error)
{
    return vnc_switch("password", value, &options->screen.vnc_password, error);
}

static bool vnc_secret(struct options *options, void *item, const char *value, struct error *error)
{
    options->screen.vnc_secret = value;
    return (value && *value) ||
           error_set(error, "-vnc ...,password-secret=: the id of an -object secret is missing");
}

static bool vnc_insecure(struct options *options, void *item, const char *value, struct error *error)
{
    return vnc_switch("insecure", value, &options->screen.vnc_insecure, error);
}

/* Checked only: all viewers share the screen here. */
static bool vnc_share(struct options *options, void *item, const char *value, struct error *error)
{
    return (value && (strcmp(value, "ignore") == 0 || strcmp(value, "force-shared") == 0)) ||
           options_bad_value(error, "-vnc ...,share", value,
                             "ignore, force-shared (viewers share the screen)");
}

/* The object may come later on the command line, so it is searched at the end. */
static bool vnc_tls(struct options *options, void *item, const char *value, struct error *error)
{
    options->screen.vnc_tls = value;
    return (value && *value) ||
           error_set(error, "-vnc ...,tls-creds=: the id of an -object tls-creds-x509 is missing");
}

/* QEMU's key also takes HOST:PORT; here the host is that of -vnc. *item becomes true if the port is 5700 +
 * N. */
static bool vnc_websocket(struct options *options, void *item, const char *value, struct error *error)
{
    bool *follows = item, on = true;
    uint64_t port = 0;
    if (!value || option_parse_switch(value, &on)) {
        *follows = on;
        options->screen.vnc_websocket = 0;
        return true;
    }
    *follows = false;
    if (!option_parse_number(value, &port) || !port || port > UINT16_MAX)
        return options_bad_value(error, "-vnc ...,websocket", value, "on, off, PORT (1 to 65535)");
    options->screen.vnc_websocket = (uint16_t)port;
    return true;
}

static bool vnc_origin(struct options *options, void *item, const char *value, struct error *error)
{
    options->screen.vnc_origin = value;
    return (value && (strcmp(value, "*") == 0 || strstr(value, "://"))) ||
           options_bad_value(error, "-vnc ...,origin", value,
                             "https://HOST[:PORT], the origin of a page as browsers send it; * for all");
}

/* The audiodev of which QEMU's viewers could hear the guest; here they hear nothing, and the sound goes where
 * the sound card's own audiodev lets it go. */
static bool vnc_audiodev(struct options *options, void *item, const char *value, struct error *error)
{
    return (value && *value) || error_set(error, "-vnc ...,audiodev=: the id of an -audiodev is missing");
}

/* Viewers cannot press the guest's buttons; nobody may ask for it. */
static bool vnc_power_control(struct options *options, void *item, const char *value, struct error *error)
{
    bool on = false;
    return vnc_switch("power-control", value, &on, error) &&
           (!on || error_set(error, "-vnc ...,power-control=on: viewers cannot switch the guest off here"));
}

static unsigned vnc_number(const struct options_screen *screen)
{
    struct resolve_place place;
    resolve_split(screen->vnc, strlen(screen->vnc), &place, NULL); /* vnc_address() has checked it */
    return place.port;
}

bool options_take_vnc(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key keys[] = {
        { "vnc", vnc_address },
        { "to", vnc_last },
        { "password", vnc_password },
        { "password-secret", vnc_secret },
        { "insecure", vnc_insecure },
        { "share", vnc_share },
        { "tls-creds", vnc_tls },
        { "websocket", vnc_websocket },
        { "origin", vnc_origin },
        { "audiodev", vnc_audiodev },
        { "power-control", vnc_power_control },
        { NULL, NULL },
    };
    struct option_pairs pairs;
    struct options_screen *screen = &options->screen;
    bool websocket = false;
    screen->vnc = screen->vnc_secret = screen->vnc_origin = screen->vnc_tls = NULL;
    screen->vnc_password = screen->vnc_insecure = false;
    screen->vnc_websocket = 0;
    screen->vnc_last = 0;
    if (strcmp(argument, "none") == 0)
        return true;
    if (!option_pairs_split(&pairs, &options->strings, argument, "vnc", error) ||
        !options_take_pairs(options, &pairs, keys, &websocket, "-vnc", error))
        return false;
    if (!screen->vnc)
        return error_set(error, "-vnc %s: not [HOST]:N or unix:PATH; N is the port less 5900", argument);
    bool local = strncmp(screen->vnc, "unix:", 5) == 0;
    if (local && (websocket || screen->vnc_websocket || screen->vnc_last))
        return error_set(error, "-vnc %s: websocket= and to= are for [HOST]:N", argument);
    if (screen->vnc_last && screen->vnc_last < vnc_number(screen))
        return error_set(error, "-vnc %s: to= is below N", argument);
    if (websocket)
        screen->vnc_websocket = (uint16_t)(VNC_WEBSOCKET_PORT + vnc_number(screen));
    if (screen->vnc_origin && !screen->vnc_websocket)
        return error_set(error, "-vnc %s: origin= is for websocket=", argument);
    if (screen->vnc_secret)
        screen->vnc_password = true;
    return true;
}

bool options_take_full_screen(struct options *options, const char *argument, struct error *error)
{
    (void)argument, (void)error;
    options->screen.full_screen = true;
    return true;
}

bool options_take_screendump(struct options *options, const char *argument, struct error *error)
{
    options->screen.dump = argument;
    return *argument || error_set(error, "-screendump: the name of the file is missing");
}
