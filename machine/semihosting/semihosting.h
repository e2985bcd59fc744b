/* SPDX-License-Identifier: MIT
 *
 * Serves the semihosting calls of guest programs (cpu/semihost.h). Only files below the folder that the user
 * named can be reached; without such a folder there is only the console. What the guest asks for is checked
 * like accesses to a device's registers: the worst that a guest gets is an error.
 */
#ifndef MACHINE_SEMIHOSTING_SEMIHOSTING_H
#define MACHINE_SEMIHOSTING_SEMIHOSTING_H

#include <stdbool.h>

#include "util/error.h"

#define SEMIHOSTING_ARGS_MAX 32

/* Part of struct machine_config; strings are borrowed. */
struct semihosting_config {
    bool enable, userspace;
    const char *path; /* folder that the guest may use; NULL: none */
    /* Described as for chardev_open(); NULL: the UART's terminal, or the program's own standard streams. */
    const char *chardev;
    const char *args[SEMIHOSTING_ARGS_MAX]; /* the guest's command line; none: kernel and append */
    unsigned arg_count;
};

struct machine;
struct semihosting;

/* To be called after the devices were made, before the harts run. NULL, with *error filled, on failure. */
struct semihosting *semihosting_create(struct machine *machine, struct error *error);
/* To be called when no hart runs any more. */
void semihosting_destroy(struct semihosting *semihosting);
/* Closes the guest's files. To be called with all harts stopped. */
void semihosting_reset(struct semihosting *semihosting);

#endif
