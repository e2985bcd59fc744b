/* SPDX-License-Identifier: MIT
 *
 * The picture between the device that shows it and the windows that it is seen in: see display.h.
 */
#include "devices/display/display.h"

#include <stdlib.h>
#include <string.h>

#include "devices/display/internal.h"
#include "util/check.h"

struct display_rect display_rect_intersect(struct display_rect a, struct display_rect b)
{
    uint64_t left = a.x > b.x ? a.x : b.x, top = a.y > b.y ? a.y : b.y;
    uint64_t a_right = (uint64_t)a.x + a.width, b_right = (uint64_t)b.x + b.width;
    uint64_t a_bottom = (uint64_t)a.y + a.height, b_bottom = (uint64_t)b.y + b.height;
    uint64_t right = a_right < b_right ? a_right : b_right;
    uint64_t bottom = a_bottom < b_bottom ? a_bottom : b_bottom;
    if (right <= left || bottom <= top)
        return (struct display_rect){ 0 };
    return (struct display_rect){ (uint32_t)left, (uint32_t)top, (uint32_t)(right - left),
                                  (uint32_t)(bottom - top) };
}

/* Returns the smallest rectangle that covers both. Both lie within the picture. */
static struct display_rect rect_cover(struct display_rect a, struct display_rect b)
{
    if (!a.width || !a.height)
        return b;
    uint32_t left = a.x < b.x ? a.x : b.x, top = a.y < b.y ? a.y : b.y;
    uint32_t right = a.x + a.width > b.x + b.width ? a.x + a.width : b.x + b.width;
    uint32_t bottom = a.y + a.height > b.y + b.height ? a.y + a.height : b.y + b.height;
    return (struct display_rect){ left, top, right - left, bottom - top };
}

struct display *display_create(uint32_t width, uint32_t height, struct error *error)
{
    struct display *display = calloc(1, sizeof(*display));
    uint32_t *pixels = calloc((size_t)width * height, sizeof(*pixels));
    if (!display || !pixels) {
        free(display);
        free(pixels);
        error_set(error, "no memory for a screen of %u x %u pixels", width, height);
        return NULL;
    }
    display->pixels = pixels;
    display->width = display->blank_width = width;
    display->height = display->blank_height = height;
    display->x = display->y = -1;
    pthread_mutex_init(&display->lock, NULL);
    pthread_mutex_init(&display->input_lock, NULL);
    return display;
}

void display_destroy(struct display *display)
{
    if (!display)
        return;
    pthread_mutex_destroy(&display->lock);
    pthread_mutex_destroy(&display->input_lock);
    free(display->pixels);
    free(display);
}

/* ---- Views --------------------------------------------------------------------------------------------- */

static void view_wake(struct display_view *view)
{
    if (view->woken)
        return;
    view->woken = true;
    view->wake(view->opaque);
}

static void add_damage(struct display *display, struct display_rect rect)
{
    for (struct display_view *view = display->views; view; view = view->next) {
        view->changes.damage = rect_cover(view->changes.damage, rect);
        view_wake(view);
    }
}

static struct display_rect whole(const struct display *display)
{
    return (struct display_rect){ 0, 0, display->width, display->height };
}

void display_view_add(struct display *display, struct display_view *view)
{
    pthread_mutex_lock(&display->lock);
    view->changes = (struct display_changes){ whole(display), true, true, true, true };
    view->woken = false;
    view->next = display->views;
    display->views = view;
    view_wake(view);
    pthread_mutex_unlock(&display->lock);
}

void display_view_remove(struct display *display, struct display_view *view)
{
    pthread_mutex_lock(&display->lock);
    struct display_view **at = &display->views;
    while (*at && *at != view)
        at = &(*at)->next;
    if (*at)
        *at = view->next;
    pthread_mutex_unlock(&display->lock);
}

struct display_changes display_view_take(struct display *display, struct display_view *view)
{
    pthread_mutex_lock(&display->lock);
    struct display_changes changes = view->changes;
    view->changes = (struct display_changes){ 0 };
    view->woken = false;
    pthread_mutex_unlock(&display->lock);
    return changes;
}

struct display_frame display_lock(struct display *display, const struct display_cursor **cursor)
{
    pthread_mutex_lock(&display->lock);
    if (cursor)
        *cursor = &display->cursor;
    return (struct display_frame){ display->width, display->height, display->pixels };
}

void display_unlock(struct display *display)
{
    pthread_mutex_unlock(&display->lock);
}

void display_state_changed(struct display *display)
{
    pthread_mutex_lock(&display->lock);
    for (struct display_view *view = display->views; view; view = view->next) {
        view->changes.state = true;
        view_wake(view);
    }
    pthread_mutex_unlock(&display->lock);
}

void display_set_paused(struct display *display, bool paused)
{
    pthread_mutex_lock(&display->lock);
    display->paused = paused;
    pthread_mutex_unlock(&display->lock);
    display_state_changed(display);
}

bool display_is_paused(struct display *display)
{
    pthread_mutex_lock(&display->lock);
    bool paused = display->paused;
    pthread_mutex_unlock(&display->lock);
    return paused;
}

/* ---- Sources ------------------------------------------------------------------------------------------- */

/* The source that is on the screen; NULL: none. [locked] */
static struct display_source *seen(const struct display *display)
{
    CHECK_HELD((pthread_mutex_t *)&display->lock);
    struct display_source *source = display->sources;
    while (source && !source->showing)
        source = source->next;
    return source;
}

static void unlink_source(struct display *display, struct display_source *source)
{
    struct display_source **at = &display->sources;
    while (*at && *at != source)
        at = &(*at)->next;
    if (*at)
        *at = source->next;
}

/* Makes a black picture of that size. [locked] */
static bool set_size(struct display *display, uint32_t width, uint32_t height)
{
    CHECK_HELD(&display->lock);
    uint32_t *pixels = calloc((size_t)width * height, sizeof(*pixels));
    if (!pixels)
        return false;
    free(display->pixels);
    display->pixels = pixels;
    display->width = width;
    display->height = height;
    for (struct display_view *view = display->views; view; view = view->next) {
        view->changes.resized = true;
        view->changes.damage = whole(display);
        view_wake(view);
    }
    return true;
}

void display_source_add(struct display *display, struct display_source *source)
{
    pthread_mutex_lock(&display->lock);
    source->showing = false;
    source->next = display->sources;
    display->sources = source;
    pthread_mutex_unlock(&display->lock);
}

/* The source that was seen is gone: another one, or none, takes its place. */
static void show_next(struct display *display)
{
    const struct display_source *next = seen(display);
    if (next)
        set_size(display, next->width, next->height); /* without memory the old picture stays */
    else
        set_size(display, display->blank_width, display->blank_height);
}

void display_hide(struct display *display, struct display_source *source)
{
    pthread_mutex_lock(&display->lock);
    bool was_seen = seen(display) == source;
    source->showing = false;
    if (was_seen)
        show_next(display);
    pthread_mutex_unlock(&display->lock);
}

void display_source_remove(struct display *display, struct display_source *source)
{
    display_hide(display, source);
    pthread_mutex_lock(&display->lock);
    unlink_source(display, source);
    pthread_mutex_unlock(&display->lock);
}

bool display_show(struct display *display, struct display_source *source, uint32_t width, uint32_t height)
{
    if (!width || !height || width > DISPLAY_SIDE_MAX || height > DISPLAY_SIDE_MAX)
        return false;
    pthread_mutex_lock(&display->lock);
    /* Guests that switch between two pictures call this each time. */
    bool same = seen(display) == source && display->width == width && display->height == height;
    bool ok = same || set_size(display, width, height);
    if (ok) {
        unlink_source(display, source);
        source->next = display->sources;
        display->sources = source;
        source->showing = true;
        source->width = width;
        source->height = height;
    }
    pthread_mutex_unlock(&display->lock);
    return ok;
}

void display_draw(struct display *display, struct display_source *source, const void *pixels, size_t stride,
                  struct display_rect rect)
{
    pthread_mutex_lock(&display->lock);
    struct display_rect part = display_rect_intersect(rect, whole(display));
    if (seen(display) == source && part.width) {
        const uint8_t *from =
            (const uint8_t *)pixels + (part.y - rect.y) * stride + (size_t)(part.x - rect.x) * 4;
        uint32_t *to = display->pixels + (size_t)part.y * display->width + part.x;
        for (uint32_t row = 0; row < part.height; row++) {
            memcpy(to, from, (size_t)part.width * 4);
            from += stride;
            to += display->width;
        }
        add_damage(display, part);
    }
    pthread_mutex_unlock(&display->lock);
}

static void cursor_changed(struct display *display)
{
    for (struct display_view *view = display->views; view; view = view->next) {
        view->changes.cursor_image = true;
        view_wake(view);
    }
}

void display_cursor_set(struct display *display, const uint32_t *pixels, uint32_t width, uint32_t height,
                        uint32_t hot_x, uint32_t hot_y)
{
    if (pixels && (!width || !height || width > DISPLAY_CURSOR_MAX || height > DISPLAY_CURSOR_MAX))
        return;
    pthread_mutex_lock(&display->lock);
    struct display_cursor *cursor = &display->cursor;
    cursor->visible = pixels != NULL;
    if (pixels) {
        cursor->known = true;
        cursor->width = width;
        cursor->height = height;
        cursor->hot_x = hot_x < width ? hot_x : width - 1;
        cursor->hot_y = hot_y < height ? hot_y : height - 1;
        memcpy(cursor->pixels, pixels, (size_t)width * height * 4);
    }
    cursor_changed(display);
    pthread_mutex_unlock(&display->lock);
}

void display_cursor_forget(struct display *display)
{
    pthread_mutex_lock(&display->lock);
    if (display->cursor.known) {
        display->cursor.known = display->cursor.visible = false;
        cursor_changed(display);
    }
    pthread_mutex_unlock(&display->lock);
}

void display_cursor_move(struct display *display, int32_t x, int32_t y)
{
    pthread_mutex_lock(&display->lock);
    display->cursor.x = x;
    display->cursor.y = y;
    for (struct display_view *view = display->views; view; view = view->next) {
        view->changes.cursor_moved = true;
        view_wake(view);
    }
    pthread_mutex_unlock(&display->lock);
}

/* ---- From views to sources ----------------------------------------------------------------------------- */

/* All sources are told, so that the one whose driver starts next begins with a picture that fits. */
void display_request_size(struct display *display, uint32_t width, uint32_t height)
{
    if (!width || !height)
        return;
    width = width < DISPLAY_SIDE_MAX ? width : DISPLAY_SIDE_MAX;
    height = height < DISPLAY_SIDE_MAX ? height : DISPLAY_SIDE_MAX;
    struct display_source *told[8];
    unsigned count = 0;
    pthread_mutex_lock(&display->lock);
    for (struct display_source *source = display->sources; source && count < 8; source = source->next) {
        if (source->resize)
            told[count++] = source;
    }
    pthread_mutex_unlock(&display->lock);
    for (unsigned n = 0; n < count; n++)
        told[n]->resize(told[n], width, height);
}

enum display_refreshed display_refresh(struct display *display)
{
    pthread_mutex_lock(&display->lock);
    struct display_source *source = seen(display);
    pthread_mutex_unlock(&display->lock);
    if (!source || !source->refresh)
        return DISPLAY_CALM;
    return source->refresh(source) ? DISPLAY_CHANGED : DISPLAY_UNCHANGED;
}
