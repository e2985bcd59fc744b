/* SPDX-License-Identifier: MIT
 *
 * Sound through SDL: the part that is in the program. The other part, sdl_audio.c, is in the module of the
 * window, rvive-sdl, which is loaded only if it is needed.
 */
#ifndef FRONTEND_DISPLAY_SOUND_H
#define FRONTEND_DISPLAY_SOUND_H

#include "frontend/options/options.h"

/* What the module rvive-sdl exports besides the window; create() is as audiodev_none_create(). The main
 * thread makes and destroys it. */
struct sound_ops {
    struct audiodev *(*create)(const struct audiodev_config *config, struct error *error);
};
#define SOUND_MODULE "rvive-sdl"
#define SOUND_SYMBOL "rvive_sound_ops"
extern const struct sound_ops rvive_sound_ops;

/* For audiodevs whose backends are in a module: loads the module if a device uses one. To be called before
 * the machine is made. */
bool sound_load(struct machine_config *machine, struct error *error);

#endif
