/* SPDX-License-Identifier: MIT
 *
 * The policy of the sandbox: derives from the command line what the process may still do once the machine is
 * made (util/confine.h has the means, docs/security.md the reasons). It is on unless -sandbox off is given or
 * the build has a sanitizer.
 */
#ifndef FRONTEND_SANDBOX_H
#define FRONTEND_SANDBOX_H

#include <stdio.h>

#include "frontend/options/options.h"

/* Call it at the start of main(): from now on new threads wait for the lock. */
void sandbox_begin(const struct options *options);
/* Call it when everything that the command line names is open, before the harts start: sets -run-with's root
 * and user, then the lock. False, with *error filled, if that fails; then the program must not continue. Main
 * thread. */
bool sandbox_enter(const struct options *options, struct error *error);

/* A hint for a message about a file that a command could not create or open: "" if the sandbox is not the
 * cause, else what the user can do, with a space before it. `number` is the errno. */
const char *sandbox_hint(int number);
/* The same for the image of a disk that comes while the machine runs. */
const char *sandbox_image_hint(int number);
/* Whether a command may still make a listening socket, on a TCP port or (tcp false) as a file, where the file
 * itself may be made. */
bool sandbox_may_listen(bool tcp);
/* Whether anything is confined. */
bool sandbox_is_on(void);
/* Whether a command may still start a program. */
bool sandbox_may_spawn(void);
/* Prints what is in force, a line for each layer: `info sandbox`. */
void sandbox_print(FILE *out);

#endif
