/* SPDX-License-Identifier: MIT
 *
 * Converts keys of VNC to keys of Linux. VNC tells what a key means ("exclam"), not where it is, so the guest
 * is assumed to have a US layout.
 */
#ifndef FRONTEND_DISPLAY_VNC_KEYS_H
#define FRONTEND_DISPLAY_VNC_KEYS_H

#include <stdbool.h>
#include <stdint.h>

struct vnc_key {
    unsigned code; /* linux/input-event-codes.h; 0: no such key on a US keyboard */
    bool shift;    /* it gives that sign only with Shift */
    bool letter;   /* Caps Lock changes it */
};
/* `keysym` is one of X11. */
struct vnc_key vnc_key_find(uint32_t keysym);

#endif
