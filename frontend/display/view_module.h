/* SPDX-License-Identifier: MIT
 *
 * Views that are loaded when they are needed: the libraries behind a window or a VNC server are many and
 * large, and a run without a screen should not load them. A module is a shared object beside the program (or
 * in ../lib/rvive, once installed) that exports one table of functions.
 */
#ifndef FRONTEND_DISPLAY_VIEW_MODULE_H
#define FRONTEND_DISPLAY_VIEW_MODULE_H

#include <limits.h>
#include <stdbool.h>

#include "util/error.h"

/* Returns the address of `symbol` in the module "NAME.so"; NULL and *error if it cannot be loaded. The module
 * is never unloaded. */
const void *view_module_load(const char *name, const char *symbol, struct error *error);

#define VIEW_MODULE_PATH (PATH_MAX + 96)
/* Finds the path of another file that belongs to this program, such as a program that it starts. False, with
 * *error filled, on failure. */
bool view_module_find(const char *name, char path[VIEW_MODULE_PATH], struct error *error);

#endif
