/* SPDX-License-Identifier: MIT
 *
 * Commands of the monitor for the VNC server and the password of its viewers.
 */
#include "frontend/monitor/internal.h"

#include <string.h>

#include "frontend/display/screen.h"
#include "frontend/options/text.h"
#include "util/resolve.h"

static bool is_vnc(struct monitor_call *call, const char *command)
{
    const char *protocol = monitor_text(call, "protocol", "");
    const char *display = monitor_text(call, "display", "default");
    if (strcmp(protocol, "vnc") != 0)
        return error_set(&call->error, "%s: the protocol is vnc, not \"%s\"", command, protocol);
    return strcmp(display, "default") == 0 ||
           error_set(&call->error, "%s: there is no display %s; leave it out", command, display);
}

/* QEMU's argument `connected` says what happens to viewers that are already connected. */
bool monitor_set_password(struct monitor_call *call)
{
    const char *connected = monitor_text(call, "connected", "keep");
    if (!is_vnc(call, "set_password"))
        return false;
    if (strcmp(connected, "keep") != 0)
        return error_set(&call->error, "set_password: connected viewers stay: use connected=keep, not \"%s\"",
                         connected);
    return screen_set_vnc_password(call->screen, monitor_text(call, "password", ""), &call->error);
}

bool monitor_change_vnc(struct monitor_call *call)
{
    return screen_set_vnc_password(call->screen, monitor_text(call, "password", ""), &call->error);
}

bool monitor_expire_password(struct monitor_call *call)
{
    const char *text = monitor_text(call, "time", "");
    uint64_t seconds;
    time_t when = 0;
    if (!is_vnc(call, "expire_password"))
        return false;
    bool relative = *text == '+';
    if (strcmp(text, "now") == 0)
        when = 1; /* long past */
    else if (strcmp(text, "never") != 0 && option_parse_number(text + relative, &seconds) &&
             seconds >> 40 == 0)
        when = (time_t)seconds + (relative ? time(NULL) : 0);
    else if (strcmp(text, "never") != 0)
        return error_set(&call->error,
                         "expire_password: the time is now, never, +SECONDS or SECONDS since 1970");
    return screen_expire_vnc_password(call->screen, when, &call->error);
}

#define PORT_BASE 5900u

static void put_auth(struct json_object *result, const struct options_screen *screen)
{
    char text[48];
    snprintf(text, sizeof(text), "%s%s", screen->vnc_tls ? "vencrypt+x509+" : "",
             screen->vnc_password ? "vnc" : "none");
    monitor_put_text(result, "auth", text);
}

/* Who is connected is not said; in QEMU's answer that may be left out. */
bool monitor_query_vnc(struct monitor_call *call)
{
    const struct options_screen *screen = &call->options->screen;
    struct resolve_place place;
    char text[48];
    call->result = json_object_new_object();
    monitor_put_bool(call->result, "enabled", screen->vnc != NULL);
    if (screen->vnc && strncmp(screen->vnc, "unix:", 5) == 0) {
        monitor_put_text(call->result, "host", "");
        monitor_put_text(call->result, "service", screen->vnc + 5);
        monitor_put_text(call->result, "family", "unix");
        put_auth(call->result, screen);
        return true;
    }
    if (!screen->vnc || !resolve_split(screen->vnc, strlen(screen->vnc), &place, NULL))
        return true;
    const char *host = place.host[0] ? place.host : "127.0.0.1";
    monitor_put_text(call->result, "host", host);
    unsigned port = screen_vnc_port(call->screen);
    snprintf(text, sizeof(text), "%u", port ? port : PORT_BASE + place.port);
    monitor_put_text(call->result, "service", text);
    monitor_put_text(call->result, "family",
                     strchr(host, ':')                        ? "ipv6"
                     : host[strspn(host, "0123456789.")] == 0 ? "ipv4"
                                                              : "unknown");
    put_auth(call->result, screen);
    return true;
}
