/* SPDX-License-Identifier: MIT
 *
 * Movements and buttons of a mouse or a tablet, and their reports. Movements with the same buttons are added
 * up while they wait; a change of buttons is a step of its own. A report of a mouse has room for 127 counts;
 * what is more comes with the next one.
 */
#include <linux/input-event-codes.h>
#include <string.h>

#include "devices/usb/hid_internal.h"

enum { REPORT_STEP_MAX = 127, WAITING_STEP_MAX = 1 << 20, BUTTONS_ALL = 31 };

static int32_t clamp(int64_t value, int32_t most)
{
    return value > most ? most : value < -most ? -most : (int32_t)value;
}

/* Adds a packet of events to what is known. */
static void gather(struct hid_step *step, const struct display_event *event)
{
    if (event->type == EV_KEY && event->code >= BTN_LEFT && event->code <= BTN_EXTRA) {
        uint32_t bit = 1u << (event->code - BTN_LEFT); /* both have the order left, right, middle, ... */
        step->buttons = event->value ? step->buttons | bit : step->buttons & ~bit;
    } else if ((event->type == EV_REL && event->code == REL_X) ||
               (event->type == EV_ABS && event->code == ABS_X)) {
        step->x = clamp(event->value, WAITING_STEP_MAX);
    } else if ((event->type == EV_REL && event->code == REL_Y) ||
               (event->type == EV_ABS && event->code == ABS_Y)) {
        step->y = clamp(event->value, WAITING_STEP_MAX);
    } else if (event->type == EV_REL && event->code == REL_WHEEL) {
        step->wheel = clamp(event->value, WAITING_STEP_MAX);
    }
}

void hid_pointer_add(struct hid_pointer *pointer, const struct display_event *events, unsigned count,
                     bool tablet)
{
    struct hid_step *step = &pointer->now;
    step->wheel = 0;
    if (!tablet)
        step->x = step->y = 0;
    for (unsigned n = 0; n < count; n++)
        gather(step, &events[n]);
    struct hid_step *last =
        pointer->count ? &pointer->waiting[(pointer->first + pointer->count - 1) % HID_STEPS] : NULL;
    if (!last || (last->buttons != step->buttons && pointer->count < HID_STEPS)) {
        pointer->waiting[(pointer->first + pointer->count++) % HID_STEPS] = *step;
        return;
    }
    last->buttons = step->buttons;
    last->wheel = clamp((int64_t)last->wheel + step->wheel, WAITING_STEP_MAX);
    last->x = tablet ? step->x : clamp((int64_t)last->x + step->x, WAITING_STEP_MAX);
    last->y = tablet ? step->y : clamp((int64_t)last->y + step->y, WAITING_STEP_MAX);
}

/* Takes as much from the step that waits as one report has room for. */
static struct hid_step take(struct hid_pointer *pointer, bool tablet)
{
    struct hid_step *step = &pointer->waiting[pointer->first % HID_STEPS], part = *step;
    part.wheel = clamp(step->wheel, REPORT_STEP_MAX);
    step->wheel -= part.wheel;
    if (!tablet) {
        part.x = clamp(step->x, REPORT_STEP_MAX);
        part.y = clamp(step->y, REPORT_STEP_MAX);
        step->x -= part.x;
        step->y -= part.y;
    }
    if (!step->wheel && (tablet || (!step->x && !step->y))) {
        pointer->first = (pointer->first + 1) % HID_STEPS;
        pointer->count--;
    }
    return part;
}

bool hid_pointer_report(struct hid_pointer *pointer, bool tablet, uint8_t report[HID_REPORT_MAX])
{
    bool any = pointer->count != 0;
    struct hid_step step = any ? take(pointer, tablet) : pointer->told;
    pointer->told = step;
    pointer->told.wheel = 0; /* movements are not told again */
    if (!tablet)
        pointer->told.x = pointer->told.y = 0;
    memset(report, 0, HID_REPORT_MAX);
    report[0] = step.buttons & BUTTONS_ALL;
    if (tablet) {
        report[1] = (uint8_t)step.x;
        report[2] = (uint8_t)(step.x >> 8 & 0x7f);
        report[3] = (uint8_t)step.y;
        report[4] = (uint8_t)(step.y >> 8 & 0x7f);
        report[5] = (uint8_t)step.wheel;
    } else {
        report[1] = (uint8_t)step.x;
        report[2] = (uint8_t)step.y;
        report[3] = (uint8_t)step.wheel;
    }
    return any;
}

void hid_pointer_save(const struct hid_pointer *pointer, struct state_writer *writer)
{
    state_put_bytes(writer, "waiting", pointer->waiting, sizeof(pointer->waiting));
    state_put(writer, "first", pointer->first);
    state_put(writer, "count", pointer->count);
    state_put_bytes(writer, "now", &pointer->now, sizeof(pointer->now));
    state_put_bytes(writer, "told", &pointer->told, sizeof(pointer->told));
}

void hid_pointer_load(struct hid_pointer *pointer, struct state_reader *reader)
{
    state_get_bytes(reader, "waiting", pointer->waiting, sizeof(pointer->waiting));
    pointer->first = (uint32_t)state_get(reader, "first", HID_STEPS - 1);
    pointer->count = (uint32_t)state_get(reader, "count", HID_STEPS);
    state_get_bytes(reader, "now", &pointer->now, sizeof(pointer->now));
    state_get_bytes(reader, "told", &pointer->told, sizeof(pointer->told));
}
