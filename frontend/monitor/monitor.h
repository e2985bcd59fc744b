/* SPDX-License-Identifier: MIT
 *
 * The monitors: consoles at which a person or a program asks about the machine and steers it. One kind takes
 * lines of text (-monitor, Ctrl-A C), the other the messages of QEMU's machine protocol, QMP (-qmp). Both run
 * the commands of one table (command.c).
 *
 * Each monitor has a thread of its own, so that a command may wait; what arrives is handed to it by the I/O
 * thread, and what the machine has to tell by whatever thread noticed it.
 */
#ifndef FRONTEND_MONITOR_MONITOR_H
#define FRONTEND_MONITOR_MONITOR_H

#include "frontend/options/options.h"
#include "machine/machine.h"

struct monitors;

struct screen;

/* NULL where memory is short. All are borrowed, until monitors_close(). */
struct monitors *monitors_create(const struct options *options, struct machine *machine,
                                 struct screen *screen);
/* Opens all monitors of the command line; before machine_run(). False, with *error filled. */
bool monitors_open(struct monitors *monitors, struct error *error);
/* Ends them, after machine_run() and before machine_destroy(). NULL is none. */
void monitors_close(struct monitors *monitors);
/* Frees them, after machine_destroy(): a console that the machine and a monitor share calls both until
 * then. */
void monitors_free(struct monitors *monitors);

#endif
