/* SPDX-License-Identifier: MIT
 *
 * Converts X11's keysyms to Linux's codes, for a US keyboard.
 */
#include "frontend/display/vnc_keys.h"

#include <linux/input-event-codes.h>
#include <rfb/keysym.h>
#include <stddef.h>
#include <string.h>

/* The keys with signs on them: the sign without Shift, and with it. */
static const struct {
    uint16_t code;
    char plain, shifted;
} signs[] = {
    { KEY_1, '1', '!' },         { KEY_2, '2', '@' },           { KEY_3, '3', '#' },
    { KEY_4, '4', '$' },         { KEY_5, '5', '%' },           { KEY_6, '6', '^' },
    { KEY_7, '7', '&' },         { KEY_8, '8', '*' },           { KEY_9, '9', '(' },
    { KEY_0, '0', ')' },         { KEY_MINUS, '-', '_' },       { KEY_EQUAL, '=', '+' },
    { KEY_LEFTBRACE, '[', '{' }, { KEY_RIGHTBRACE, ']', '}' },  { KEY_BACKSLASH, '\\', '|' },
    { KEY_SEMICOLON, ';', ':' }, { KEY_APOSTROPHE, '\'', '"' }, { KEY_GRAVE, '`', '~' },
    { KEY_COMMA, ',', '<' },     { KEY_DOT, '.', '>' },         { KEY_SLASH, '/', '?' },
    { KEY_SPACE, ' ', ' ' },
};

/* a to z. */
static const uint16_t letters[] = {
    KEY_A, KEY_B, KEY_C, KEY_D, KEY_E, KEY_F, KEY_G, KEY_H, KEY_I, KEY_J, KEY_K, KEY_L, KEY_M,
    KEY_N, KEY_O, KEY_P, KEY_Q, KEY_R, KEY_S, KEY_T, KEY_U, KEY_V, KEY_W, KEY_X, KEY_Y, KEY_Z,
};

static const struct {
    uint32_t keysym;
    uint16_t code;
} others[] = {
    { XK_Return, KEY_ENTER },
    { XK_Escape, KEY_ESC },
    { XK_BackSpace, KEY_BACKSPACE },
    { XK_Tab, KEY_TAB },
    { XK_ISO_Left_Tab, KEY_TAB },
    { XK_Delete, KEY_DELETE },
    { XK_Insert, KEY_INSERT },
    { XK_Home, KEY_HOME },
    { XK_End, KEY_END },
    { XK_Page_Up, KEY_PAGEUP },
    { XK_Page_Down, KEY_PAGEDOWN },
    { XK_Left, KEY_LEFT },
    { XK_Right, KEY_RIGHT },
    { XK_Up, KEY_UP },
    { XK_Down, KEY_DOWN },
    { XK_Caps_Lock, KEY_CAPSLOCK },
    { XK_Num_Lock, KEY_NUMLOCK },
    { XK_Scroll_Lock, KEY_SCROLLLOCK },
    { XK_Print, KEY_SYSRQ },
    { XK_Sys_Req, KEY_SYSRQ },
    { XK_Pause, KEY_PAUSE },
    { XK_Break, KEY_PAUSE },
    { XK_Menu, KEY_COMPOSE },
    { XK_Shift_L, KEY_LEFTSHIFT },
    { XK_Shift_R, KEY_RIGHTSHIFT },
    { XK_Control_L, KEY_LEFTCTRL },
    { XK_Control_R, KEY_RIGHTCTRL },
    { XK_Alt_L, KEY_LEFTALT },
    { XK_Alt_R, KEY_RIGHTALT },
    { XK_Meta_L, KEY_LEFTALT },
    { XK_Meta_R, KEY_RIGHTALT },
    { XK_Super_L, KEY_LEFTMETA },
    { XK_Super_R, KEY_RIGHTMETA },
    { XK_Mode_switch, KEY_RIGHTALT },
    { XK_ISO_Level3_Shift, KEY_RIGHTALT },
    { XK_F1, KEY_F1 },
    { XK_F2, KEY_F2 },
    { XK_F3, KEY_F3 },
    { XK_F4, KEY_F4 },
    { XK_F5, KEY_F5 },
    { XK_F6, KEY_F6 },
    { XK_F7, KEY_F7 },
    { XK_F8, KEY_F8 },
    { XK_F9, KEY_F9 },
    { XK_F10, KEY_F10 },
    { XK_F11, KEY_F11 },
    { XK_F12, KEY_F12 },
    { XK_KP_Enter, KEY_KPENTER },
    { XK_KP_Add, KEY_KPPLUS },
    { XK_KP_Subtract, KEY_KPMINUS },
    { XK_KP_Multiply, KEY_KPASTERISK },
    { XK_KP_Divide, KEY_KPSLASH },
    { XK_KP_Decimal, KEY_KPDOT },
    { XK_KP_Separator, KEY_KPCOMMA },
    { XK_KP_Equal, KEY_KPEQUAL },
    { XK_KP_0, KEY_KP0 },
    { XK_KP_1, KEY_KP1 },
    { XK_KP_2, KEY_KP2 },
    { XK_KP_3, KEY_KP3 },
    { XK_KP_4, KEY_KP4 },
    { XK_KP_5, KEY_KP5 },
    { XK_KP_6, KEY_KP6 },
    { XK_KP_7, KEY_KP7 },
    { XK_KP_8, KEY_KP8 },
    { XK_KP_9, KEY_KP9 },
    { XK_KP_Insert, KEY_KP0 },
    { XK_KP_End, KEY_KP1 },
    { XK_KP_Down, KEY_KP2 },
    { XK_KP_Page_Down, KEY_KP3 },
    { XK_KP_Left, KEY_KP4 },
    { XK_KP_Begin, KEY_KP5 },
    { XK_KP_Right, KEY_KP6 },
    { XK_KP_Home, KEY_KP7 },
    { XK_KP_Up, KEY_KP8 },
    { XK_KP_Page_Up, KEY_KP9 },
    { XK_KP_Delete, KEY_KPDOT },
};

struct vnc_key vnc_key_find(uint32_t keysym)
{
    if (keysym >= 'a' && keysym <= 'z')
        return (struct vnc_key){ letters[keysym - 'a'], false, true };
    if (keysym >= 'A' && keysym <= 'Z')
        return (struct vnc_key){ letters[keysym - 'A'], true, true };
    for (size_t n = 0; n < sizeof(signs) / sizeof(signs[0]); n++) {
        if (keysym == (uint8_t)signs[n].plain)
            return (struct vnc_key){ signs[n].code, false, false };
        if (keysym == (uint8_t)signs[n].shifted)
            return (struct vnc_key){ signs[n].code, true, false };
    }
    for (size_t n = 0; n < sizeof(others) / sizeof(others[0]); n++) {
        if (keysym == others[n].keysym)
            return (struct vnc_key){ others[n].code, false, false };
    }
    return (struct vnc_key){ 0, false, false };
}
