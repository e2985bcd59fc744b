/* SPDX-License-Identifier: MIT
 *
 * Serves the semihosting calls of guest programs (cpu/semihost.h). Files of the host are reached only below
 * the folder that the user named; without one there is only the console. What the guest asks for is checked
 * like a device's registers are: it may get an error, and nothing else.
 */
#ifndef MACHINE_SEMIHOSTING_SEMIHOSTING_H
#define MACHINE_SEMIHOSTING_SEMIHOSTING_H

#include <stdbool.h>

#include "util/error.h"

#define SEMIHOSTING_ARGS_MAX 32

/* Part of struct machine_config; strings are borrowed. */
struct semihosting_config {
    bool enable, userspace;
    const char *path;    /* folder that the guest may use; NULL: none */
    const char *chardev; /* as for chardev_open(); NULL: the UART's terminal, or the program's own */
    const char *args[SEMIHOSTING_ARGS_MAX]; /* the guest's command line; none: kernel and append */
    unsigned arg_count;
};

struct machine;
struct semihosting;

/* NULL, with *error filled. After the devices were made, before the harts run. */
struct semihosting *semihosting_create(struct machine *machine, struct error *error);
/* No hart may run any more. */
void semihosting_destroy(struct semihosting *semihosting);
/* Closes the guest's files; with all harts stopped. */
void semihosting_reset(struct semihosting *semihosting);

#endif
