/* SPDX-License-Identifier: MIT
 *
 * The window; see sdl.h. Its thread sleeps in SDL until there is an event; the display's wake() sends one.
 * Pictures are drawn at least FRAME_MS apart, and only if something changed: the changed rectangle is copied
 * into a texture, and the texture is drawn into the window.
 *
 * Sizes: the guest's picture is shown unscaled if the window can have its size. Otherwise it is scaled into
 * the middle of the window, with its proportions kept. When the user changes the window's size, the guest is
 * asked for a picture of that size; when the guest changes the size of its picture, the window follows.
 *
 * Closing the window presses the guest's power button, so that the guest saves what it has to and turns
 * itself off. Closing it again, or Ctrl-Alt-Q, ends the machine at once. The machine also ends if the guest
 * takes longer than a service may take to stop.
 *
 * The pointer: if the guest has a tablet, its pointer simply follows the host's. If it has a mouse, a click
 * grabs the pointer, and Ctrl-Alt-G releases it. All fields belong to the main thread.
 */
#include "frontend/display/sdl.h"

#include <SDL.h>
#include <stdio.h>
#include <stdlib.h>

#include "frontend/display/sdl_keys.h"
#include "util/log.h"

#define FRAME_MS 16u /* between two pictures */
/* Between two refreshes of a screen that does not say what changes, while nothing changes. */
#define POLL_MAX_MS 128u
#define SETTLE_MS   150u /* after the last change of the window's size, until the guest is told */
#define NEVER       UINT64_MAX
/* The time between pressing the power button and ending a guest that does not turn itself off. systemd gives
 * a service 90 seconds. */
#define SHUT_DOWN_MS 120000u

struct window {
    struct window_config config;
    struct display_view view;
    SDL_Window *window;
    SDL_Renderer *renderer;
    SDL_Texture *texture, *cursor_texture; /* NULL: none yet */
    SDL_Cursor *cursor;                    /* the guest's shape; NULL: the host's own */
    uint32_t wake_event, quit_event;       /* SDL's numbers of these events */
    int frame_width, frame_height;         /* of the texture */
    int own_width, own_height;             /* the size that this file last gave the window */
    SDL_Rect cursor_place;                 /* in the picture */
    bool cursor_visible, cursor_known;
    bool changed, redraw; /* the display has something to take; the window must be drawn again */
    bool grabbed, full_screen, hidden, quit;
    /* Ms, set when the guest was told to turn itself off; NEVER: it was not told. */
    uint64_t end_at;
    uint64_t drawn_at, settle_at, poll_at; /* ms, SDL_GetTicks64() */
    unsigned poll_ms;
    unsigned buttons;
    SDL_Scancode hotkey; /* the guest does not get the release of this key */
};

/* ---- The title ----------------------------------------------------------------------------------------- */

static void update_title(struct window *window)
{
    char title[256];
    const char *name = window->config.title;
    snprintf(title, sizeof(title), "Rvive%s%s%s%s%s%s", name ? " (" : "", name ? name : "", name ? ")" : "",
             display_is_paused(window->config.display) ? " [paused]" : "",
             window->end_at != NEVER ? " - shutting down the guest; close again to end" : "",
             window->grabbed ? " - Ctrl-Alt-G releases the mouse" : "");
    SDL_SetWindowTitle(window->window, title);
}

/* ---- The pointer --------------------------------------------------------------------------------------- */

static bool absolute(struct window *window)
{
    return display_is_absolute(window->config.display);
}

/* On the desktop, the host's cursor takes the shape of the guest's. While the pointer is grabbed, the guest's
 * cursor is drawn into the picture. */
static void update_cursor_shape(struct window *window)
{
    bool guest = absolute(window) && window->cursor_known;
    if (!guest) {
        SDL_SetCursor(SDL_GetDefaultCursor());
        SDL_ShowCursor(SDL_ENABLE);
        return;
    }
    if (window->cursor)
        SDL_SetCursor(window->cursor);
    SDL_ShowCursor(window->cursor_visible ? SDL_ENABLE : SDL_DISABLE);
}

static void set_grab(struct window *window, bool grab)
{
    if (window->grabbed == grab)
        return;
    window->grabbed = grab;
    SDL_SetRelativeMouseMode(grab && !absolute(window) ? SDL_TRUE : SDL_FALSE);
    SDL_SetWindowGrab(window->window, grab ? SDL_TRUE : SDL_FALSE);
    window->redraw = true;
    update_title(window);
}

/* Returns where in the window the picture is, in pixels of the output. */
static SDL_Rect picture_place(struct window *window)
{
    SDL_Rect place = { 0, 0, 1, 1 };
    int width = 1, height = 1;
    SDL_GetRendererOutputSize(window->renderer, &width, &height);
    if ((int64_t)width * window->frame_height <= (int64_t)height * window->frame_width) {
        place.w = width;
        place.h = (int)((int64_t)width * window->frame_height / window->frame_width);
    } else {
        place.h = height;
        place.w = (int)((int64_t)height * window->frame_width / window->frame_height);
    }
    place.w = place.w > 0 ? place.w : 1;
    place.h = place.h > 0 ? place.h : 1;
    place.x = (width - place.w) / 2;
    place.y = (height - place.h) / 2;
    return place;
}

/* Converts a position of the host's pointer (window units) to one axis of the guest's tablet. */
static int32_t to_absolute(int at, int window_size, int output_size, int start, int length)
{
    if (window_size <= 0 || length <= 1)
        return 0;
    int64_t pixel = (int64_t)at * output_size / window_size - start;
    return (int32_t)(pixel * DISPLAY_ABS_MAX / (length - 1));
}

static void send_absolute(struct window *window, int x, int y, int wheel, int tilt)
{
    SDL_Rect place = picture_place(window);
    int width, height, out_width, out_height;
    SDL_GetWindowSize(window->window, &width, &height);
    SDL_GetRendererOutputSize(window->renderer, &out_width, &out_height);
    struct display_pointer pointer = {
        .absolute = true,
        .x = to_absolute(x, width, out_width, place.x, place.w),
        .y = to_absolute(y, height, out_height, place.y, place.h),
        .buttons = window->buttons,
        .wheel = wheel,
        .tilt = tilt,
    };
    display_pointer(window->config.display, &pointer);
}

static void send_pointer(struct window *window, int x, int y, int dx, int dy, int wheel, int tilt)
{
    if (absolute(window)) {
        send_absolute(window, x, y, wheel, tilt);
    } else if (window->grabbed) {
        struct display_pointer pointer = { false, dx, dy, window->buttons, wheel, tilt };
        display_pointer(window->config.display, &pointer);
    }
}

static void on_button(struct window *window, const SDL_MouseButtonEvent *event)
{
    static const unsigned bits[] = { [SDL_BUTTON_LEFT] = DISPLAY_LEFT,
                                     [SDL_BUTTON_MIDDLE] = DISPLAY_MIDDLE,
                                     [SDL_BUTTON_RIGHT] = DISPLAY_RIGHT,
                                     [SDL_BUTTON_X1] = DISPLAY_SIDE,
                                     [SDL_BUTTON_X2] = DISPLAY_EXTRA };
    unsigned bit = event->button < sizeof(bits) / sizeof(bits[0]) ? bits[event->button] : 0;
    if (!absolute(window) && !window->grabbed) {
        if (event->state == SDL_PRESSED && event->button == SDL_BUTTON_LEFT)
            set_grab(window, true); /* the guest does not get this click */
        return;
    }
    window->buttons = event->state == SDL_PRESSED ? window->buttons | bit : window->buttons & ~bit;
    send_pointer(window, event->x, event->y, 0, 0, 0, 0);
}

static void on_wheel(struct window *window, const SDL_MouseWheelEvent *event)
{
    int x, y, sign = event->direction == SDL_MOUSEWHEEL_FLIPPED ? -1 : 1;
    SDL_GetMouseState(&x, &y);
    send_pointer(window, x, y, 0, 0, event->y * sign, event->x * sign);
}

/* ---- Keys ---------------------------------------------------------------------------------------------- */

static void toggle_full_screen(struct window *window)
{
    window->full_screen = !window->full_screen;
    window->own_width = window->own_height = 0; /* the sizes that come now are the user's choice */
    SDL_SetWindowFullscreen(window->window, window->full_screen ? SDL_WINDOW_FULLSCREEN_DESKTOP : 0);
    window->settle_at = SDL_GetTicks64() + SETTLE_MS;
}

/* Handles a key with Ctrl-Alt, which is for the window itself. */
static bool on_hotkey(struct window *window, const SDL_KeyboardEvent *event)
{
    if (!(event->keysym.mod & KMOD_CTRL) || !(event->keysym.mod & KMOD_ALT))
        return false;
    if (event->keysym.scancode == SDL_SCANCODE_G)
        set_grab(window, !window->grabbed);
    else if (event->keysym.scancode == SDL_SCANCODE_F)
        toggle_full_screen(window);
    else if (event->keysym.scancode == SDL_SCANCODE_Q)
        window->config.end(window->config.opaque);
    else
        return false;
    window->hotkey = event->keysym.scancode;
    return true;
}

static void on_key(struct window *window, const SDL_KeyboardEvent *event)
{
    bool down = event->state == SDL_PRESSED;
    unsigned code = sdl_key_code(event->keysym.scancode);
    if (down && !event->repeat && on_hotkey(window, event))
        return;
    if (event->keysym.scancode == window->hotkey) {
        if (!down)
            window->hotkey = SDL_SCANCODE_UNKNOWN;
        return;
    }
    if (code && !event->repeat)
        display_key(window->config.display, code, down);
}

/* ---- Drawing ------------------------------------------------------------------------------------------- */

/* Gives the window the picture's size, as far as the desktop has room. */
static void follow_size(struct window *window)
{
    SDL_Rect room;
    int out_width, width, height;
    if (SDL_GetWindowFlags(window->window) & (SDL_WINDOW_FULLSCREEN | SDL_WINDOW_MAXIMIZED))
        return;
    SDL_GetRendererOutputSize(window->renderer, &out_width, NULL);
    SDL_GetWindowSize(window->window, &width, NULL);
    int scale = width > 0 && out_width / width > 0 ? out_width / width : 1; /* pixels to a window unit */
    width = window->frame_width / scale;
    height = window->frame_height / scale;
    if (SDL_GetDisplayUsableBounds(SDL_GetWindowDisplayIndex(window->window), &room) == 0) {
        width = width < room.w ? width : room.w;
        height = height < room.h ? height : room.h;
    }
    window->own_width = width;
    window->own_height = height;
    SDL_SetWindowSize(window->window, width, height);
}

static void new_texture(struct window *window, const struct display_frame *frame)
{
    if (window->texture)
        SDL_DestroyTexture(window->texture);
    window->frame_width = (int)frame->width;
    window->frame_height = (int)frame->height;
    window->texture = SDL_CreateTexture(window->renderer, SDL_PIXELFORMAT_RGB888, SDL_TEXTUREACCESS_STREAMING,
                                        (int)frame->width, (int)frame->height);
    if (!window->texture)
        log_warn("the window cannot show %u x %u pixels: %s", frame->width, frame->height, SDL_GetError());
}

static void take_cursor(struct window *window, const struct display_cursor *cursor, bool image)
{
    window->cursor_place.x = cursor->x;
    window->cursor_place.y = cursor->y;
    if (!image)
        return;
    window->cursor_visible = cursor->visible;
    window->cursor_known = cursor->known;
    if (!cursor->visible)
        return;
    window->cursor_place.w = (int)cursor->width;
    window->cursor_place.h = (int)cursor->height;
    SDL_Surface *surface = SDL_CreateRGBSurfaceWithFormat(0, (int)cursor->width, (int)cursor->height, 32,
                                                          SDL_PIXELFORMAT_ARGB8888);
    if (!surface)
        return;
    for (uint32_t row = 0; row < cursor->height; row++)
        SDL_memcpy((uint8_t *)surface->pixels + row * (size_t)surface->pitch,
                   cursor->pixels + row * cursor->width, (size_t)cursor->width * 4);
    SDL_Cursor *old = window->cursor;
    window->cursor = SDL_CreateColorCursor(surface, (int)cursor->hot_x, (int)cursor->hot_y);
    SDL_SetCursor(window->cursor ? window->cursor : SDL_GetDefaultCursor());
    if (old)
        SDL_FreeCursor(old);
    if (window->cursor_texture)
        SDL_DestroyTexture(window->cursor_texture);
    window->cursor_texture = SDL_CreateTextureFromSurface(window->renderer, surface);
    SDL_FreeSurface(surface);
}

/* Brings texture and cursor up to date. Returns whether the window must be drawn. */
static bool take_changes(struct window *window)
{
    struct display_changes changes = display_view_take(window->config.display, &window->view);
    const struct display_cursor *cursor;
    struct display_frame frame = display_lock(window->config.display, &cursor);
    /* The picture may have got another size since the changes were taken: then all of it is new. */
    bool resized = !window->texture || window->frame_width != (int)frame.width ||
                   window->frame_height != (int)frame.height;
    struct display_rect all = { 0, 0, frame.width, frame.height };
    struct display_rect damage = resized ? all : display_rect_intersect(changes.damage, all);
    if (resized)
        new_texture(window, &frame);
    if (damage.width && window->texture) {
        SDL_Rect rect = { (int)damage.x, (int)damage.y, (int)damage.width, (int)damage.height };
        SDL_UpdateTexture(window->texture, &rect, frame.pixels + (size_t)damage.y * frame.width + damage.x,
                          (int)frame.width * 4);
    }
    if (changes.cursor_image || changes.cursor_moved)
        take_cursor(window, cursor, changes.cursor_image);
    display_unlock(window->config.display);
    if (resized)
        follow_size(window);
    if (changes.cursor_image || changes.state)
        update_cursor_shape(window);
    if (changes.state) {
        if (window->grabbed && absolute(window))
            set_grab(window, false);
        update_title(window);
    }
    return resized || damage.width || (window->grabbed && (changes.cursor_image || changes.cursor_moved));
}

static void draw(struct window *window)
{
    SDL_Rect place = picture_place(window);
    SDL_SetRenderDrawColor(window->renderer, 0, 0, 0, 255);
    SDL_RenderClear(window->renderer);
    if (window->texture)
        SDL_RenderCopy(window->renderer, window->texture, NULL, &place);
    if (window->grabbed && window->cursor_visible && window->cursor_texture) {
        SDL_Rect cursor = {
            place.x + window->cursor_place.x * place.w / window->frame_width,
            place.y + window->cursor_place.y * place.h / window->frame_height,
            window->cursor_place.w * place.w / window->frame_width,
            window->cursor_place.h * place.h / window->frame_height,
        };
        SDL_RenderCopy(window->renderer, window->cursor_texture, NULL, &cursor);
    }
    SDL_RenderPresent(window->renderer);
}

/* ---- Time ---------------------------------------------------------------------------------------------- */

/* Refreshes a screen that does not say what changes. The longer nothing changes, the rarer this is. */
static void poll_screen(struct window *window, uint64_t now)
{
    switch (display_refresh(window->config.display)) {
    case DISPLAY_CALM: window->poll_at = NEVER; return;
    case DISPLAY_CHANGED: window->poll_ms = FRAME_MS; break;
    case DISPLAY_UNCHANGED:
        window->poll_ms = window->poll_ms < POLL_MAX_MS ? window->poll_ms + FRAME_MS / 4 : POLL_MAX_MS;
        break;
    }
    window->poll_at = now + window->poll_ms;
}

/* The user has not moved the window's edge for a while: tells the guest the new size. */
static void settle(struct window *window)
{
    int width, height;
    window->settle_at = NEVER;
    SDL_GetRendererOutputSize(window->renderer, &width, &height);
    if (width != window->frame_width || height != window->frame_height)
        display_request_size(window->config.display, (uint32_t)width, (uint32_t)height);
}

/* Does what is due. Returns when there is more to do, in ms from now, or -1. */
static int do_what_is_due(struct window *window)
{
    uint64_t now = SDL_GetTicks64(), next = NEVER;
    if (now >= window->settle_at)
        settle(window);
    if (now >= window->end_at) {
        window->config.end(window->config.opaque);
        window->end_at = now + SHUT_DOWN_MS;
    }
    if (!window->hidden && now >= window->poll_at)
        poll_screen(window, now);
    bool frame_due = now - window->drawn_at >= FRAME_MS;
    if (!window->hidden && frame_due && (window->changed || window->redraw)) {
        bool picture = window->changed && take_changes(window);
        window->changed = false;
        if (picture || window->redraw)
            draw(window);
        window->redraw = false;
        window->drawn_at = now;
        if (window->poll_at == NEVER) /* another device may show the picture now */
            poll_screen(window, now);
    } else if (!window->hidden && (window->changed || window->redraw)) {
        next = window->drawn_at + FRAME_MS;
    }
    if (window->settle_at < next)
        next = window->settle_at;
    if (window->end_at < next)
        next = window->end_at;
    if (!window->hidden && window->poll_at < next)
        next = window->poll_at;
    return next == NEVER ? -1 : next > now ? (int)(next - now) : 0;
}

/* ---- Events -------------------------------------------------------------------------------------------- */

static void on_close(struct window *window)
{
    if (window->config.no_close)
        return;
    if (window->end_at != NEVER || !window->config.shut_down(window->config.opaque)) {
        window->config.end(window->config.opaque);
        return;
    }
    window->end_at = SDL_GetTicks64() + SHUT_DOWN_MS;
    update_title(window);
}

static void on_window_event(struct window *window, const SDL_WindowEvent *event)
{
    switch (event->event) {
    case SDL_WINDOWEVENT_SIZE_CHANGED:
        window->redraw = true;
        if (event->data1 != window->own_width || event->data2 != window->own_height)
            window->settle_at = SDL_GetTicks64() + SETTLE_MS;
        break;
    case SDL_WINDOWEVENT_EXPOSED: window->redraw = true; break;
    case SDL_WINDOWEVENT_MINIMIZED:
    case SDL_WINDOWEVENT_HIDDEN: window->hidden = true; break;
    case SDL_WINDOWEVENT_RESTORED:
    case SDL_WINDOWEVENT_MAXIMIZED:
    case SDL_WINDOWEVENT_SHOWN: window->hidden = false; break;
    case SDL_WINDOWEVENT_FOCUS_LOST:
        window->buttons = 0;
        display_release_all(window->config.display);
        set_grab(window, false);
        break;
    case SDL_WINDOWEVENT_CLOSE: on_close(window); break;
    default: break;
    }
}

static void on_event(struct window *window, const SDL_Event *event)
{
    switch (event->type) {
    case SDL_WINDOWEVENT: on_window_event(window, &event->window); break;
    case SDL_KEYDOWN:
    case SDL_KEYUP: on_key(window, &event->key); break;
    case SDL_MOUSEMOTION:
        send_pointer(window, event->motion.x, event->motion.y, event->motion.xrel, event->motion.yrel, 0, 0);
        break;
    case SDL_MOUSEBUTTONDOWN:
    case SDL_MOUSEBUTTONUP: on_button(window, &event->button); break;
    case SDL_MOUSEWHEEL: on_wheel(window, &event->wheel); break;
    case SDL_RENDER_TARGETS_RESET:
    case SDL_RENDER_DEVICE_RESET: /* the host's graphics card has lost the textures */
        display_view_remove(window->config.display, &window->view);
        display_view_add(window->config.display, &window->view);
        break;
    default:
        if (event->type == window->wake_event)
            window->changed = true;
        else if (event->type == window->quit_event)
            window->quit = true;
        break;
    }
}

static void push(uint32_t type)
{
    SDL_Event event = { .type = type };
    SDL_PushEvent(&event);
}

static void on_wake(void *opaque)
{
    push(((struct window *)opaque)->wake_event);
}

static void window_quit(struct window *window)
{
    push(window->quit_event);
}

static void window_run(struct window *window)
{
    SDL_Event event;
    while (!window->quit) {
        int wait = do_what_is_due(window);
        int got = wait < 0 ? SDL_WaitEvent(&event)
                  : wait   ? SDL_WaitEventTimeout(&event, wait)
                           : SDL_PollEvent(&event);
        for (; got; got = SDL_PollEvent(&event))
            on_event(window, &event);
    }
}

/* ---- Opening and closing ------------------------------------------------------------------------------- */

static bool start_sdl(struct error *error)
{
    SDL_SetHint(SDL_HINT_NO_SIGNAL_HANDLERS, "1");
    SDL_SetHint(SDL_HINT_VIDEO_ALLOW_SCREENSAVER, "1");
    SDL_SetHint(SDL_HINT_VIDEO_MINIMIZE_ON_FOCUS_LOSS, "0");
    SDL_SetHint(SDL_HINT_VIDEO_X11_NET_WM_BYPASS_COMPOSITOR, "0");
    SDL_SetHint(SDL_HINT_RENDER_SCALE_QUALITY, "linear");
    SDL_SetHint(SDL_HINT_GRAB_KEYBOARD, "1");
    SDL_SetHint(SDL_HINT_QUIT_ON_LAST_WINDOW_CLOSE, "0");
    if (SDL_InitSubSystem(SDL_INIT_VIDEO) == 0)
        return true;
    return error_set(error, "-display sdl: no window can be opened: %s; use -display none, or vnc=:N",
                     SDL_GetError());
}

static bool make_window(struct window *window, struct error *error)
{
    uint32_t flags = SDL_WINDOW_RESIZABLE | SDL_WINDOW_ALLOW_HIGHDPI;
    window->window = SDL_CreateWindow("Rvive", SDL_WINDOWPOS_UNDEFINED, SDL_WINDOWPOS_UNDEFINED,
                                      window->frame_width, window->frame_height, flags);
    if (window->window && !window->config.software)
        window->renderer = SDL_CreateRenderer(window->window, -1, 0);
    if (window->window && !window->renderer)
        window->renderer = SDL_CreateRenderer(window->window, -1, SDL_RENDERER_SOFTWARE);
    if (window->renderer)
        return true;
    return error_set(error, "-display sdl: the window cannot be made: %s", SDL_GetError());
}

static void window_destroy(struct window *window)
{
    if (!window)
        return;
    display_view_remove(window->config.display, &window->view);
    if (window->cursor)
        SDL_FreeCursor(window->cursor);
    if (window->renderer)
        SDL_DestroyRenderer(window->renderer); /* also destroys its textures */
    if (window->window)
        SDL_DestroyWindow(window->window);
    SDL_QuitSubSystem(SDL_INIT_VIDEO); /* sound continues */
    free(window);
}

static struct window *window_open(const struct window_config *config, struct error *error)
{
    struct window *window = calloc(1, sizeof(*window));
    if (!window) {
        error_set(error, "-display sdl: out of memory");
        return NULL;
    }
    window->config = *config;
    struct display_frame frame = display_lock(config->display, NULL);
    window->frame_width = window->own_width = (int)frame.width;
    window->frame_height = window->own_height = (int)frame.height;
    display_unlock(config->display);
    window->settle_at = window->poll_at = window->end_at = NEVER;
    window->poll_ms = FRAME_MS;
    if (!start_sdl(error) || !make_window(window, error)) {
        window_destroy(window);
        return NULL;
    }
    SDL_StopTextInput();
    window->wake_event = SDL_RegisterEvents(2);
    window->quit_event = window->wake_event + 1;
    update_title(window);
    if (config->full_screen)
        toggle_full_screen(window);
    window->view = (struct display_view){ .wake = on_wake, .opaque = window };
    display_view_add(config->display, &window->view);
    return window;
}

const struct window_ops rvive_window_ops = { window_open, window_run, window_quit, window_destroy };
