/* SPDX-License-Identifier: MIT
 *
 * Sound through SDL: the part of it that is in the program. The other part, sdl_audio.c, is in the module of
 * the window, rvive-sdl, which is loaded only when it is asked for.
 */
#ifndef FRONTEND_DISPLAY_SOUND_H
#define FRONTEND_DISPLAY_SOUND_H

#include "frontend/options/options.h"

/* What the module rvive-sdl exports beside the window: as audiodev_none_create(). The main thread makes and
 * destroys it. */
struct sound_ops {
    struct audiodev *(*create)(const struct audiodev_config *config, struct error *error);
};
#define SOUND_MODULE "rvive-sdl"
#define SOUND_SYMBOL "rvive_sound_ops"
extern const struct sound_ops rvive_sound_ops;

/* Finds the backends of audiodevs that are in a module, if a device uses them. Before the machine is made. */
bool sound_load(struct machine_config *machine, struct error *error);

#endif
