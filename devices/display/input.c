/* SPDX-License-Identifier: MIT
 *
 * Keys and the pointer, from windows to the guest's input devices: see display.h. Which device gets a packet
 * is decided when it is sent. This file remembers what is held down, so that repeats can be left out and
 * everything can be released.
 */
#include <linux/input-event-codes.h>

#include "devices/display/internal.h"

/* Packets have at most two axes, five buttons, two wheels and the end. */
#define PACKET_MAX 16

struct packet {
    struct display_event events[PACKET_MAX];
    unsigned count;
};

static void packet_add(struct packet *packet, unsigned type, unsigned code, int32_t value)
{
    if (packet->count < PACKET_MAX)
        packet->events[packet->count++] = (struct display_event){ (uint16_t)type, (uint16_t)code, value };
}

static struct display_input *find_active(const struct display *display, enum display_input_kind kind)
{
    struct display_input *input = display->inputs;
    while (input && (input->kind != kind || !atomic_load(&input->active)))
        input = input->next;
    return input;
}

static void packet_send(struct display *display, enum display_input_kind kind, struct packet *packet)
{
    struct display_input *input = find_active(display, kind);
    if (!packet->count || !input)
        return;
    packet_add(packet, EV_SYN, SYN_REPORT, 0);
    input->events(input, packet->events, packet->count);
}

void display_input_add(struct display *display, struct display_input *input)
{
    pthread_mutex_lock(&display->input_lock);
    input->next = display->inputs;
    display->inputs = input;
    pthread_mutex_unlock(&display->input_lock);
}

void display_input_remove(struct display *display, struct display_input *input)
{
    pthread_mutex_lock(&display->input_lock);
    struct display_input **at = &display->inputs;
    while (*at && *at != input)
        at = &(*at)->next;
    if (*at)
        *at = input->next;
    pthread_mutex_unlock(&display->input_lock);
}

void display_input_set_active(struct display *display, struct display_input *input, bool active)
{
    if (atomic_exchange(&input->active, active) != active)
        display_state_changed(display);
}

bool display_is_absolute(struct display *display)
{
    pthread_mutex_lock(&display->input_lock);
    bool absolute = find_active(display, DISPLAY_TABLET) != NULL;
    pthread_mutex_unlock(&display->input_lock);
    return absolute;
}

bool display_has_input(struct display *display, enum display_input_kind kind)
{
    pthread_mutex_lock(&display->input_lock);
    const struct display_input *input = display->inputs;
    while (input && input->kind != kind)
        input = input->next;
    pthread_mutex_unlock(&display->input_lock);
    return input != NULL;
}

struct display_pointer display_pointer_now(struct display *display)
{
    pthread_mutex_lock(&display->input_lock);
    struct display_pointer pointer = { .absolute = find_active(display, DISPLAY_TABLET) != NULL,
                                       .buttons = display->buttons };
    if (pointer.absolute) {
        pointer.x = display->x;
        pointer.y = display->y;
    }
    pthread_mutex_unlock(&display->input_lock);
    return pointer;
}

/* Sends a change of a key. [input lock] */
static void key_change(struct display *display, unsigned code, bool down)
{
    struct packet packet = { .count = 0 };
    uint8_t bit = (uint8_t)(1u << code % 8);
    if (code >= DISPLAY_KEY_COUNT || ((display->keys[code / 8] & bit) != 0) == down)
        return;
    display->keys[code / 8] ^= bit;
    packet_add(&packet, EV_KEY, code, down);
    packet_send(display, DISPLAY_KEYBOARD, &packet);
}

void display_key(struct display *display, unsigned code, bool down)
{
    pthread_mutex_lock(&display->input_lock);
    key_change(display, code, down);
    pthread_mutex_unlock(&display->input_lock);
}

bool display_press_power(struct display *display)
{
    pthread_mutex_lock(&display->input_lock);
    bool listens = find_active(display, DISPLAY_KEYBOARD) != NULL;
    key_change(display, KEY_POWER, true);
    key_change(display, KEY_POWER, false);
    pthread_mutex_unlock(&display->input_lock);
    return listens;
}

static void packet_add_buttons(struct packet *packet, unsigned before, unsigned now)
{
    static const uint16_t codes[] = { BTN_LEFT, BTN_RIGHT, BTN_MIDDLE, BTN_SIDE, BTN_EXTRA };
    for (unsigned n = 0; n < sizeof(codes) / sizeof(codes[0]); n++) {
        if ((before ^ now) >> n & 1)
            packet_add(packet, EV_KEY, codes[n], now >> n & 1);
    }
}

void display_release_all(struct display *display)
{
    struct packet packet = { .count = 0 };
    pthread_mutex_lock(&display->input_lock);
    for (unsigned code = 0; code < DISPLAY_KEY_COUNT; code++)
        key_change(display, code, false);
    packet_add_buttons(&packet, display->buttons, 0);
    display->buttons = 0;
    packet_send(display, find_active(display, DISPLAY_TABLET) ? DISPLAY_TABLET : DISPLAY_MOUSE, &packet);
    pthread_mutex_unlock(&display->input_lock);
}

static int32_t clamp_abs(int32_t value)
{
    return value < 0 ? 0 : value > DISPLAY_ABS_MAX ? DISPLAY_ABS_MAX : value;
}

static void packet_add_position(struct display *display, struct packet *packet,
                                const struct display_pointer *pointer)
{
    if (!pointer->absolute) {
        if (pointer->x)
            packet_add(packet, EV_REL, REL_X, pointer->x);
        if (pointer->y)
            packet_add(packet, EV_REL, REL_Y, pointer->y);
        return;
    }
    int32_t x = clamp_abs(pointer->x), y = clamp_abs(pointer->y);
    if (x != display->x)
        packet_add(packet, EV_ABS, ABS_X, x);
    if (y != display->y)
        packet_add(packet, EV_ABS, ABS_Y, y);
    display->x = x;
    display->y = y;
}

void display_pointer(struct display *display, const struct display_pointer *pointer)
{
    struct packet packet = { .count = 0 };
    pthread_mutex_lock(&display->input_lock);
    packet_add_position(display, &packet, pointer);
    packet_add_buttons(&packet, display->buttons, pointer->buttons);
    if (pointer->wheel)
        packet_add(&packet, EV_REL, REL_WHEEL, pointer->wheel);
    if (pointer->tilt)
        packet_add(&packet, EV_REL, REL_HWHEEL, pointer->tilt);
    display->buttons = pointer->buttons;
    packet_send(display, pointer->absolute ? DISPLAY_TABLET : DISPLAY_MOUSE, &packet);
    pthread_mutex_unlock(&display->input_lock);
}
