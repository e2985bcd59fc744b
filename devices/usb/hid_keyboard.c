/* SPDX-License-Identifier: MIT
 *
 * Keys of a keyboard: from Linux's codes to usages (HID Usage Tables, page 7), and into reports.
 */
#include <linux/input-event-codes.h>
#include <string.h>

#include "devices/usb/hid_internal.h"

enum { USAGE_ROLLOVER = 0x01, USAGE_MODIFIERS = 0xe0, MODIFIER_COUNT = 8 };

static const uint8_t usages[] = {
    [KEY_A] = 0x04,
    [KEY_B] = 0x05,
    [KEY_C] = 0x06,
    [KEY_D] = 0x07,
    [KEY_E] = 0x08,
    [KEY_F] = 0x09,
    [KEY_G] = 0x0a,
    [KEY_H] = 0x0b,
    [KEY_I] = 0x0c,
    [KEY_J] = 0x0d,
    [KEY_K] = 0x0e,
    [KEY_L] = 0x0f,
    [KEY_M] = 0x10,
    [KEY_N] = 0x11,
    [KEY_O] = 0x12,
    [KEY_P] = 0x13,
    [KEY_Q] = 0x14,
    [KEY_R] = 0x15,
    [KEY_S] = 0x16,
    [KEY_T] = 0x17,
    [KEY_U] = 0x18,
    [KEY_V] = 0x19,
    [KEY_W] = 0x1a,
    [KEY_X] = 0x1b,
    [KEY_Y] = 0x1c,
    [KEY_Z] = 0x1d,
    [KEY_1] = 0x1e,
    [KEY_2] = 0x1f,
    [KEY_3] = 0x20,
    [KEY_4] = 0x21,
    [KEY_5] = 0x22,
    [KEY_6] = 0x23,
    [KEY_7] = 0x24,
    [KEY_8] = 0x25,
    [KEY_9] = 0x26,
    [KEY_0] = 0x27,
    [KEY_ENTER] = 0x28,
    [KEY_ESC] = 0x29,
    [KEY_BACKSPACE] = 0x2a,
    [KEY_TAB] = 0x2b,
    [KEY_SPACE] = 0x2c,
    [KEY_MINUS] = 0x2d,
    [KEY_EQUAL] = 0x2e,
    [KEY_LEFTBRACE] = 0x2f,
    [KEY_RIGHTBRACE] = 0x30,
    [KEY_BACKSLASH] = 0x31,
    [KEY_SEMICOLON] = 0x33,
    [KEY_APOSTROPHE] = 0x34,
    [KEY_GRAVE] = 0x35,
    [KEY_COMMA] = 0x36,
    [KEY_DOT] = 0x37,
    [KEY_SLASH] = 0x38,
    [KEY_CAPSLOCK] = 0x39,
    [KEY_F1] = 0x3a,
    [KEY_F2] = 0x3b,
    [KEY_F3] = 0x3c,
    [KEY_F4] = 0x3d,
    [KEY_F5] = 0x3e,
    [KEY_F6] = 0x3f,
    [KEY_F7] = 0x40,
    [KEY_F8] = 0x41,
    [KEY_F9] = 0x42,
    [KEY_F10] = 0x43,
    [KEY_F11] = 0x44,
    [KEY_F12] = 0x45,
    [KEY_SYSRQ] = 0x46,
    [KEY_SCROLLLOCK] = 0x47,
    [KEY_PAUSE] = 0x48,
    [KEY_INSERT] = 0x49,
    [KEY_HOME] = 0x4a,
    [KEY_PAGEUP] = 0x4b,
    [KEY_DELETE] = 0x4c,
    [KEY_END] = 0x4d,
    [KEY_PAGEDOWN] = 0x4e,
    [KEY_RIGHT] = 0x4f,
    [KEY_LEFT] = 0x50,
    [KEY_DOWN] = 0x51,
    [KEY_UP] = 0x52,
    [KEY_NUMLOCK] = 0x53,
    [KEY_KPSLASH] = 0x54,
    [KEY_KPASTERISK] = 0x55,
    [KEY_KPMINUS] = 0x56,
    [KEY_KPPLUS] = 0x57,
    [KEY_KPENTER] = 0x58,
    [KEY_KP1] = 0x59,
    [KEY_KP2] = 0x5a,
    [KEY_KP3] = 0x5b,
    [KEY_KP4] = 0x5c,
    [KEY_KP5] = 0x5d,
    [KEY_KP6] = 0x5e,
    [KEY_KP7] = 0x5f,
    [KEY_KP8] = 0x60,
    [KEY_KP9] = 0x61,
    [KEY_KP0] = 0x62,
    [KEY_KPDOT] = 0x63,
    [KEY_102ND] = 0x64,
    [KEY_COMPOSE] = 0x65,
    [KEY_POWER] = 0x66,
    [KEY_KPEQUAL] = 0x67,
    [KEY_F13] = 0x68,
    [KEY_F14] = 0x69,
    [KEY_F15] = 0x6a,
    [KEY_F16] = 0x6b,
    [KEY_F17] = 0x6c,
    [KEY_F18] = 0x6d,
    [KEY_F19] = 0x6e,
    [KEY_F20] = 0x6f,
    [KEY_F21] = 0x70,
    [KEY_F22] = 0x71,
    [KEY_F23] = 0x72,
    [KEY_F24] = 0x73,
    [KEY_OPEN] = 0x74,
    [KEY_HELP] = 0x75,
    [KEY_PROPS] = 0x76,
    [KEY_FRONT] = 0x77,
    [KEY_STOP] = 0x78,
    [KEY_AGAIN] = 0x79,
    [KEY_UNDO] = 0x7a,
    [KEY_CUT] = 0x7b,
    [KEY_COPY] = 0x7c,
    [KEY_PASTE] = 0x7d,
    [KEY_FIND] = 0x7e,
    [KEY_MUTE] = 0x7f,
    [KEY_VOLUMEUP] = 0x80,
    [KEY_VOLUMEDOWN] = 0x81,
    [KEY_KPCOMMA] = 0x85,
    [KEY_RO] = 0x87,
    [KEY_KATAKANAHIRAGANA] = 0x88,
    [KEY_YEN] = 0x89,
    [KEY_HENKAN] = 0x8a,
    [KEY_MUHENKAN] = 0x8b,
    [KEY_KPJPCOMMA] = 0x8c,
    [KEY_HANGEUL] = 0x90,
    [KEY_HANJA] = 0x91,
    [KEY_KATAKANA] = 0x92,
    [KEY_HIRAGANA] = 0x93,
    [KEY_ZENKAKUHANKAKU] = 0x94,
    [KEY_LEFTCTRL] = 0xe0,
    [KEY_LEFTSHIFT] = 0xe1,
    [KEY_LEFTALT] = 0xe2,
    [KEY_LEFTMETA] = 0xe3,
    [KEY_RIGHTCTRL] = 0xe4,
    [KEY_RIGHTSHIFT] = 0xe5,
    [KEY_RIGHTALT] = 0xe6,
    [KEY_RIGHTMETA] = 0xe7,
};

void hid_keys_add(struct hid_keys *keys, const struct display_event *events, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        const struct display_event *event = &events[n];
        if (event->type != EV_KEY || event->code >= sizeof(usages) || !usages[event->code] ||
            keys->count == HID_KEYS_WAITING)
            continue;
        uint8_t *place = keys->waiting[(keys->first + keys->count++) % HID_KEYS_WAITING];
        place[0] = usages[event->code];
        place[1] = event->value != 0;
    }
}

static void press(struct hid_keys *keys, uint8_t usage, bool down)
{
    unsigned at = 0;
    if (usage >= USAGE_MODIFIERS && usage < USAGE_MODIFIERS + MODIFIER_COUNT) {
        uint8_t bit = (uint8_t)(1u << (usage - USAGE_MODIFIERS));
        keys->modifiers = (uint8_t)(down ? keys->modifiers | bit : keys->modifiers & ~bit);
        return;
    }
    while (at < keys->down_count && keys->down[at] != usage)
        at++;
    if (down && at == keys->down_count && at < HID_KEYS_DOWN)
        keys->down[keys->down_count++] = usage;
    if (!down && at < keys->down_count) {
        keys->down_count--;
        memmove(keys->down + at, keys->down + at + 1, keys->down_count - at);
    }
}

bool hid_keys_report(struct hid_keys *keys, uint8_t report[HID_REPORT_MAX])
{
    bool any = keys->count != 0;
    if (any) {
        const uint8_t *change = keys->waiting[keys->first % HID_KEYS_WAITING];
        press(keys, change[0], change[1]);
        keys->first = (keys->first + 1) % HID_KEYS_WAITING;
        keys->count--;
    }
    memset(report, 0, HID_REPORT_MAX);
    report[0] = keys->modifiers;
    if (keys->down_count > HID_KEYS_SHOWN)
        memset(report + 2, USAGE_ROLLOVER, HID_KEYS_SHOWN);
    else
        memcpy(report + 2, keys->down, keys->down_count);
    return any;
}

void hid_keys_save(const struct hid_keys *keys, struct state_writer *writer)
{
    state_put_bytes(writer, "waiting", keys->waiting, sizeof(keys->waiting));
    state_put(writer, "first", keys->first);
    state_put(writer, "count", keys->count);
    state_put(writer, "modifiers", keys->modifiers);
    state_put_bytes(writer, "down", keys->down, sizeof(keys->down));
    state_put(writer, "down_count", keys->down_count);
    state_put(writer, "leds", keys->leds);
}

void hid_keys_load(struct hid_keys *keys, struct state_reader *reader)
{
    state_get_bytes(reader, "waiting", keys->waiting, sizeof(keys->waiting));
    keys->first = (uint32_t)state_get(reader, "first", HID_KEYS_WAITING - 1);
    keys->count = (uint32_t)state_get(reader, "count", HID_KEYS_WAITING);
    keys->modifiers = (uint8_t)state_get(reader, "modifiers", UINT8_MAX);
    state_get_bytes(reader, "down", keys->down, sizeof(keys->down));
    keys->down_count = (uint8_t)state_get(reader, "down_count", HID_KEYS_DOWN);
    keys->leds = (uint8_t)state_get(reader, "leds", UINT8_MAX);
}
