/* SPDX-License-Identifier: MIT
 *
 * Keys and the pointer by command: sendkey for people, send-key and input-send-event for programs, with
 * QEMU's names of keys ("qcode") and its numbers: the codes of a PC's first keyboard, where a key with the
 * prefix 0xe0 has bit 7 set. As there, what no driver of the guest listens to is lost, but without a keyboard
 * on the machine a key is an error.
 */
#include <linux/input-event-codes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "devices/display/display.h"
#include "frontend/display/screen.h"
#include "frontend/monitor/internal.h"
#include "frontend/options/text.h"
#include "util/host_time.h"

#define KEYS_MAX   16u
#define HOLD_MS    100u
#define HOLD_LIMIT 10000u
#define EVENTS_MAX 256u

/* ---- Names and numbers --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    uint16_t code;
} names[] = {
    { "shift", KEY_LEFTSHIFT },
    { "shift_r", KEY_RIGHTSHIFT },
    { "alt", KEY_LEFTALT },
    { "alt_r", KEY_RIGHTALT },
    { "ctrl", KEY_LEFTCTRL },
    { "ctrl_r", KEY_RIGHTCTRL },
    { "menu", KEY_MENU },
    { "esc", KEY_ESC },
    { "1", KEY_1 },
    { "2", KEY_2 },
    { "3", KEY_3 },
    { "4", KEY_4 },
    { "5", KEY_5 },
    { "6", KEY_6 },
    { "7", KEY_7 },
    { "8", KEY_8 },
    { "9", KEY_9 },
    { "0", KEY_0 },
    { "minus", KEY_MINUS },
    { "equal", KEY_EQUAL },
    { "backspace", KEY_BACKSPACE },
    { "tab", KEY_TAB },
    { "q", KEY_Q },
    { "w", KEY_W },
    { "e", KEY_E },
    { "r", KEY_R },
    { "t", KEY_T },
    { "y", KEY_Y },
    { "u", KEY_U },
    { "i", KEY_I },
    { "o", KEY_O },
    { "p", KEY_P },
    { "bracket_left", KEY_LEFTBRACE },
    { "bracket_right", KEY_RIGHTBRACE },
    { "ret", KEY_ENTER },
    { "a", KEY_A },
    { "s", KEY_S },
    { "d", KEY_D },
    { "f", KEY_F },
    { "g", KEY_G },
    { "h", KEY_H },
    { "j", KEY_J },
    { "k", KEY_K },
    { "l", KEY_L },
    { "semicolon", KEY_SEMICOLON },
    { "apostrophe", KEY_APOSTROPHE },
    { "grave_accent", KEY_GRAVE },
    { "backslash", KEY_BACKSLASH },
    { "z", KEY_Z },
    { "x", KEY_X },
    { "c", KEY_C },
    { "v", KEY_V },
    { "b", KEY_B },
    { "n", KEY_N },
    { "m", KEY_M },
    { "comma", KEY_COMMA },
    { "dot", KEY_DOT },
    { "slash", KEY_SLASH },
    { "asterisk", KEY_KPASTERISK },
    { "spc", KEY_SPACE },
    { "caps_lock", KEY_CAPSLOCK },
    { "f1", KEY_F1 },
    { "f2", KEY_F2 },
    { "f3", KEY_F3 },
    { "f4", KEY_F4 },
    { "f5", KEY_F5 },
    { "f6", KEY_F6 },
    { "f7", KEY_F7 },
    { "f8", KEY_F8 },
    { "f9", KEY_F9 },
    { "f10", KEY_F10 },
    { "num_lock", KEY_NUMLOCK },
    { "scroll_lock", KEY_SCROLLLOCK },
    { "kp_divide", KEY_KPSLASH },
    { "kp_multiply", KEY_KPASTERISK },
    { "kp_subtract", KEY_KPMINUS },
    { "kp_add", KEY_KPPLUS },
    { "kp_enter", KEY_KPENTER },
    { "kp_decimal", KEY_KPDOT },
    { "sysrq", KEY_SYSRQ },
    { "kp_0", KEY_KP0 },
    { "kp_1", KEY_KP1 },
    { "kp_2", KEY_KP2 },
    { "kp_3", KEY_KP3 },
    { "kp_4", KEY_KP4 },
    { "kp_5", KEY_KP5 },
    { "kp_6", KEY_KP6 },
    { "kp_7", KEY_KP7 },
    { "kp_8", KEY_KP8 },
    { "kp_9", KEY_KP9 },
    { "less", KEY_102ND },
    { "f11", KEY_F11 },
    { "f12", KEY_F12 },
    { "print", KEY_SYSRQ },
    { "home", KEY_HOME },
    { "pgup", KEY_PAGEUP },
    { "pgdn", KEY_PAGEDOWN },
    { "end", KEY_END },
    { "left", KEY_LEFT },
    { "up", KEY_UP },
    { "down", KEY_DOWN },
    { "right", KEY_RIGHT },
    { "insert", KEY_INSERT },
    { "delete", KEY_DELETE },
    { "stop", KEY_STOP },
    { "again", KEY_AGAIN },
    { "props", KEY_PROPS },
    { "undo", KEY_UNDO },
    { "front", KEY_FRONT },
    { "copy", KEY_COPY },
    { "open", KEY_OPEN },
    { "paste", KEY_PASTE },
    { "find", KEY_FIND },
    { "cut", KEY_CUT },
    { "lf", KEY_LINEFEED },
    { "help", KEY_HELP },
    { "meta_l", KEY_LEFTMETA },
    { "meta_r", KEY_RIGHTMETA },
    { "compose", KEY_COMPOSE },
    { "pause", KEY_PAUSE },
    { "ro", KEY_RO },
    { "hiragana", KEY_HIRAGANA },
    { "henkan", KEY_HENKAN },
    { "yen", KEY_YEN },
    { "katakanahiragana", KEY_KATAKANAHIRAGANA },
    { "muhenkan", KEY_MUHENKAN },
    { "kp_comma", KEY_KPCOMMA },
    { "kp_equals", KEY_KPEQUAL },
    { "power", KEY_POWER },
    { "sleep", KEY_SLEEP },
    { "wake", KEY_WAKEUP },
    { "audionext", KEY_NEXTSONG },
    { "audioprev", KEY_PREVIOUSSONG },
    { "audiostop", KEY_STOPCD },
    { "audioplay", KEY_PLAYPAUSE },
    { "audiomute", KEY_MUTE },
    { "volumeup", KEY_VOLUMEUP },
    { "volumedown", KEY_VOLUMEDOWN },
    { "mediaselect", KEY_MEDIA },
    { "mail", KEY_MAIL },
    { "calculator", KEY_CALC },
    { "computer", KEY_COMPUTER },
    { "ac_home", KEY_HOMEPAGE },
    { "ac_back", KEY_BACK },
    { "ac_forward", KEY_FORWARD },
    { "ac_refresh", KEY_REFRESH },
    { "ac_bookmarks", KEY_BOOKMARKS },
    { "lang1", KEY_HANGEUL },
    { "lang2", KEY_HANJA },
    { "f13", KEY_F13 },
    { "f14", KEY_F14 },
    { "f15", KEY_F15 },
    { "f16", KEY_F16 },
    { "f17", KEY_F17 },
    { "f18", KEY_F18 },
    { "f19", KEY_F19 },
    { "f20", KEY_F20 },
    { "f21", KEY_F21 },
    { "f22", KEY_F22 },
    { "f23", KEY_F23 },
    { "f24", KEY_F24 },
};

/* 0: there is no such key. */
static unsigned code_of_name(const char *name)
{
    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
        if (strcmp(names[n].name, name) == 0)
            return names[n].code;
    return 0;
}

/* Up to 0x58 Linux's codes are those of the PC's keyboard. */
static unsigned code_of_number(int64_t number)
{
    static const uint16_t extended[] = {
        [0x9c] = KEY_KPENTER,   [0x9d] = KEY_RIGHTCTRL, [0xa0] = KEY_MUTE,   [0xae] = KEY_VOLUMEDOWN,
        [0xb0] = KEY_VOLUMEUP,  [0xb5] = KEY_KPSLASH,   [0xb7] = KEY_SYSRQ,  [0xb8] = KEY_RIGHTALT,
        [0xc6] = KEY_PAUSE,     [0xc7] = KEY_HOME,      [0xc8] = KEY_UP,     [0xc9] = KEY_PAGEUP,
        [0xcb] = KEY_LEFT,      [0xcd] = KEY_RIGHT,     [0xcf] = KEY_END,    [0xd0] = KEY_DOWN,
        [0xd1] = KEY_PAGEDOWN,  [0xd2] = KEY_INSERT,    [0xd3] = KEY_DELETE, [0xdb] = KEY_LEFTMETA,
        [0xdc] = KEY_RIGHTMETA, [0xdd] = KEY_COMPOSE,   [0xde] = KEY_POWER,  [0xdf] = KEY_SLEEP,
        [0xe3] = KEY_WAKEUP,
    };
    if (number == 0x54)
        return KEY_SYSRQ;
    if (number > 0 && number <= KEY_F12)
        return (unsigned)number;
    return number > KEY_F12 && (size_t)number < sizeof(extended) / sizeof(extended[0]) ? extended[number] : 0;
}

/* A key as a program writes it: {"type": "qcode", "data": "ctrl"} or {"type": "number", "data": 29}. */
static unsigned code_of(struct monitor_call *call, struct json_object *key)
{
    struct json_object *type = NULL, *data = NULL;
    unsigned code = 0;
    if (!json_object_is_type(key, json_type_object) || !json_object_object_get_ex(key, "type", &type) ||
        !json_object_object_get_ex(key, "data", &data) || !json_object_is_type(type, json_type_string)) {
        error_set(&call->error, "a key is an object with type and data");
        return 0;
    }
    if (strcmp(json_object_get_string(type), "qcode") == 0 && json_object_is_type(data, json_type_string))
        code = code_of_name(json_object_get_string(data));
    else if (strcmp(json_object_get_string(type), "number") == 0 && json_object_is_type(data, json_type_int))
        code = code_of_number(json_object_get_int64(data));
    if (!code)
        error_set(&call->error, "there is no key %.60s", json_object_to_json_string(key));
    return code;
}

/* ---- Keys together ------------------------------------------------------------------------------------- */

struct chord {
    unsigned codes[KEYS_MAX], count;
};

/* In the order given, and released in the opposite order. */
static bool press(struct monitor_call *call, const struct chord *chord)
{
    struct display *display = screen_display(call->screen);
    uint64_t hold = monitor_number(call, "hold-time", HOLD_MS);
    struct timespec pause = host_timespec(hold * 1000000);
    if (!display_has_input(display, DISPLAY_KEYBOARD))
        return error_set(&call->error, "the machine has no keyboard; -device virtio-keyboard-pci is one");
    if (hold > HOLD_LIMIT)
        return error_set(&call->error, "hold-time: at most %u ms", HOLD_LIMIT);
    for (unsigned n = 0; n < chord->count; n++)
        display_key(display, chord->codes[n], true);
    if (!call->holds)
        nanosleep(&pause, NULL);
    for (unsigned n = chord->count; n-- > 0;)
        display_key(display, chord->codes[n], false);
    return true;
}

bool monitor_send_key(struct monitor_call *call)
{
    struct json_object *keys = NULL;
    struct chord chord = { .count = 0 };
    json_object_object_get_ex(call->arguments, "keys", &keys);
    size_t count = json_object_is_type(keys, json_type_array) ? json_object_array_length(keys) : 0;
    if (!count || count > KEYS_MAX)
        return error_set(&call->error, "keys is an array of 1 to %u keys", KEYS_MAX);
    for (size_t n = 0; n < count; n++) {
        unsigned code = code_of(call, json_object_array_get_idx(keys, n));
        if (!code)
            return false;
        chord.codes[chord.count++] = code;
    }
    return press(call, &chord);
}

/* ctrl-alt-f1; a number such as 0x1d is a key, too. */
bool monitor_sendkey_line(struct monitor_call *call)
{
    struct chord chord = { .count = 0 };
    const char *at = monitor_text(call, "keys", "");
    for (bool more = true; more;) {
        char name[24];
        size_t length = strcspn(at, "-");
        uint64_t number;
        snprintf(name, sizeof(name), "%.*s", (int)length, at);
        unsigned code = code_of_name(name);
        if (!code && strncmp(name, "0x", 2) == 0 && option_parse_number(name, &number) && number < 256)
            code = code_of_number((int64_t)number);
        if (!code)
            return error_set(&call->error, "sendkey: there is no key %.*s", (int)(length & 63), at);
        if (chord.count == KEYS_MAX)
            return error_set(&call->error, "sendkey: more than %u keys", KEYS_MAX);
        chord.codes[chord.count++] = code;
        more = at[length];
        at += length + more;
    }
    return press(call, &chord);
}

/* ---- Events -------------------------------------------------------------------------------------------- */

static const char *text_of(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    return json_object_object_get_ex(object, name, &value) && json_object_is_type(value, json_type_string)
               ? json_object_get_string(value)
               : "";
}

static bool bool_of(struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    return json_object_object_get_ex(object, name, &value) && json_object_get_boolean(value);
}

static bool key_event(struct monitor_call *call, struct json_object *data)
{
    struct json_object *key = NULL;
    json_object_object_get_ex(data, "key", &key);
    unsigned code = code_of(call, key);
    if (code)
        display_key(screen_display(call->screen), code, bool_of(data, "down"));
    return code != 0;
}

static bool button_event(struct monitor_call *call, struct json_object *data, struct display_pointer *pointer)
{
    static const struct {
        const char *name;
        unsigned button;
        int wheel, tilt;
    } buttons[] = { { "left", DISPLAY_LEFT, 0, 0 },     { "right", DISPLAY_RIGHT, 0, 0 },
                    { "middle", DISPLAY_MIDDLE, 0, 0 }, { "side", DISPLAY_SIDE, 0, 0 },
                    { "extra", DISPLAY_EXTRA, 0, 0 },   { "wheel-up", 0, 1, 0 },
                    { "wheel-down", 0, -1, 0 },         { "wheel-left", 0, 0, -1 },
                    { "wheel-right", 0, 0, 1 } };
    const char *name = text_of(data, "button");
    for (size_t n = 0; n < sizeof(buttons) / sizeof(buttons[0]); n++) {
        if (strcmp(buttons[n].name, name) != 0)
            continue;
        bool down = bool_of(data, "down");
        pointer->buttons =
            down ? pointer->buttons | buttons[n].button : pointer->buttons & ~buttons[n].button;
        pointer->wheel = down ? buttons[n].wheel : 0;
        pointer->tilt = down ? buttons[n].tilt : 0;
        return true;
    }
    return error_set(&call->error, "there is no button '%.30s'", name);
}

static bool move_event(struct monitor_call *call, struct json_object *data, bool absolute,
                       struct display_pointer *pointer)
{
    struct json_object *value = NULL;
    const char *axis = text_of(data, "axis");
    if (!json_object_object_get_ex(data, "value", &value) || !json_object_is_type(value, json_type_int) ||
        (strcmp(axis, "x") != 0 && strcmp(axis, "y") != 0))
        return error_set(&call->error, "a movement has an axis, x or y, and a value");
    if (!absolute)
        pointer->x = pointer->y = 0;
    pointer->absolute = absolute;
    *(*axis == 'x' ? &pointer->x : &pointer->y) = json_object_get_int(value);
    return true;
}

static bool send_event(struct monitor_call *call, struct json_object *event)
{
    struct display *display = screen_display(call->screen);
    const char *type = text_of(event, "type");
    struct json_object *data = NULL;
    json_object_object_get_ex(event, "data", &data);
    if (!json_object_is_type(data, json_type_object))
        return error_set(&call->error, "an event is an object with type and data");
    if (strcmp(type, "key") == 0)
        return key_event(call, data);
    struct display_pointer pointer = display_pointer_now(display);
    bool ok = strcmp(type, "btn") == 0 ? button_event(call, data, &pointer)
              : strcmp(type, "rel") == 0 || strcmp(type, "abs") == 0
                  ? move_event(call, data, *type == 'a', &pointer)
                  : error_set(&call->error, "there are events key, btn, rel and abs, not '%.30s'", type);
    if (ok)
        display_pointer(display, &pointer);
    return ok;
}

bool monitor_input_send_event(struct monitor_call *call)
{
    struct json_object *events = NULL;
    json_object_object_get_ex(call->arguments, "events", &events);
    size_t count = json_object_is_type(events, json_type_array) ? json_object_array_length(events) : 0;
    if (!count || count > EVENTS_MAX)
        return error_set(&call->error, "events is an array of 1 to %u events", EVENTS_MAX);
    if (monitor_given(call, "device") || monitor_number(call, "head", 0))
        return error_set(&call->error, "device and head: the machine has one screen; leave them out");
    for (size_t n = 0; n < count; n++)
        if (!send_event(call, json_object_array_get_idx(events, n)))
            return false;
    return true;
}
