/* SPDX-License-Identifier: MIT
 *
 * -display, -vnc, -full-screen, -screendump: where the screen is seen.
 */
#include <string.h>

#include "frontend/options.h"

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
    (void)item;
    struct options_screen *screen = &options->screen;
    if (value && strcmp(value, "none") == 0)
        screen->view = OPTIONS_VIEW_NONE;
    else if (value && strcmp(value, "sdl") == 0)
        screen->view = OPTIONS_VIEW_SDL;
    else
        return options_bad_value(error, "-display", value, "none, sdl, vnc=[HOST]:N");
    return true;
}

/* SDL draws with what the host has; "off" keeps it from using OpenGL. */
static bool display_gl(struct options *options, void *item, const char *value, struct error *error)
{
    (void)item;
    bool on = true;
    if (value && (strcmp(value, "core") == 0 || strcmp(value, "es") == 0))
        return error_set(error, "-display sdl,gl=%s: this version has gl=on and gl=off", value);
    bool ok = take_switch("gl", value, &on, error);
    options->screen.software = !on;
    return ok;
}

static bool display_full_screen(struct options *options, void *item, const char *value, struct error *error)
{
    (void)item;
    return take_switch("full-screen", value, &options->screen.full_screen, error);
}

static bool display_window_close(struct options *options, void *item, const char *value, struct error *error)
{
    (void)item;
    bool on = true;
    bool ok = take_switch("window-close", value, &on, error);
    options->screen.no_close = !on;
    return ok;
}

static bool display_vnc(struct options *options, void *item, const char *value, struct error *error)
{
    (void)item;
    options->screen.view = OPTIONS_VIEW_DEFAULT; /* with a server, that opens no window */
    return options_take_vnc(options, value ? value : "", error);
}

bool options_take_display(struct options *options, const char *argument, struct error *error)
{
    static const struct options_key keys[] = {
        { "type", display_type },
        { "gl", display_gl },
        { "full-screen", display_full_screen },
        { "window-close", display_window_close },
        { "vnc", display_vnc },
        { NULL, NULL },
    };
    struct option_pairs pairs;
    return option_pairs_split(&pairs, &options->strings, argument, "type", error) &&
           options_take_pairs(options, &pairs, keys, NULL, "-display", error);
}

/* The address is looked at more closely when it is opened. */
bool options_take_vnc(struct options *options, const char *argument, struct error *error)
{
    uint64_t number;
    const char *colon = strrchr(argument, ':');
    if (strcmp(argument, "none") == 0) {
        options->screen.vnc = NULL;
        return true;
    }
    if (strchr(argument, ','))
        return error_set(error, "-vnc %s: this version has no options for it, only [HOST]:N", argument);
    if (!colon || !option_parse_number(colon + 1, &number) || number > 65535 - 5900)
        return error_set(error, "-vnc %s: not [HOST]:N; N is the port less 5900", argument);
    options->screen.vnc = argument;
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
