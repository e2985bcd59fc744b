/* SPDX-License-Identifier: MIT
 *
 * Converts keys of SDL to keys of Linux. Both name keys by their place on the keyboard, so the guest's own
 * layout decides what they mean.
 */
#ifndef FRONTEND_DISPLAY_SDL_KEYS_H
#define FRONTEND_DISPLAY_SDL_KEYS_H

/* Returns the code (linux/input-event-codes.h) of an SDL_Scancode; 0: the key has none. */
unsigned sdl_key_code(unsigned scancode);

#endif
