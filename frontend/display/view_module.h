/* SPDX-License-Identifier: MIT
 *
 * Views that are loaded when they are asked for: the libraries behind a window or a VNC server are many and
 * large, and a run without a screen is not to pay for them. A module is a shared object beside the program
 * (or in
 * ../lib/rvive, once installed) that exports one table of functions.
 */
#ifndef FRONTEND_DISPLAY_VIEW_MODULE_H
#define FRONTEND_DISPLAY_VIEW_MODULE_H

#include <limits.h>
#include <stdbool.h>

#include "util/error.h"

/* The address of `symbol` in the module "NAME.so"; NULL and *error where it cannot be loaded. It is never
 * unloaded. */
const void *view_module_load(const char *name, const char *symbol, struct error *error);

#define VIEW_MODULE_PATH (PATH_MAX + 96)
/* The path of another file of this program's, such as a program that it starts. False, with *error filled. */
bool view_module_find(const char *name, char path[VIEW_MODULE_PATH], struct error *error);

#endif
