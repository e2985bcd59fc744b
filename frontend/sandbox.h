/* SPDX-License-Identifier: MIT
 *
 * The policy of the sandbox: from the command line to what the process may still do once the machine is made
 * (util/confine.h has the means, docs/security.md the reasons). On unless -sandbox off, or the build has a
 * sanitizer.
 */
#ifndef FRONTEND_SANDBOX_H
#define FRONTEND_SANDBOX_H

#include <stdio.h>

#include "frontend/options/options.h"

/* At the start of main(): threads wait for the lock from now on. */
void sandbox_begin(const struct options *options);
/* When all is open that the command line names, before the harts start: -run-with's root and user, then the
 * lock. False, with *error filled, where that fails; the program must not go on. Main thread. */
bool sandbox_enter(const struct options *options, struct error *error);

/* For a message about a file that a command could not make or open: "" where the sandbox has nothing to do
 * with it, else what the user can do, with a space before it. `number` is the errno. */
const char *sandbox_hint(int number);
/* What is in force, a line a layer: `info sandbox`. */
void sandbox_print(FILE *out);

#endif
