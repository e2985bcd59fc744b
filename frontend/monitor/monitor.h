/* SPDX-License-Identifier: MIT
 *
 * The monitors: consoles at which a person or a program asks about the machine and controls it. One kind
 * takes lines of text (-monitor, Ctrl-A C), the other the messages of QEMU's machine protocol, QMP (-qmp).
 * Both run the commands of one table (command.c).
 *
 * Each monitor has a thread of its own, so that a command may wait. The I/O thread gives it the bytes that
 * arrive; events of the machine come from the thread that noticed them.
 */
#ifndef FRONTEND_MONITOR_MONITOR_H
#define FRONTEND_MONITOR_MONITOR_H

#include "frontend/options/options.h"
#include "machine/machine.h"

struct monitors;

struct screen;

struct migration;

/* NULL, with *error filled, if memory is short. Everything is borrowed until monitors_close(). Devices that
 * come and go are noted in the options. */
struct monitors *monitors_create(struct options *options, struct machine *machine, struct screen *screen,
                                 struct migration *migration, struct error *error);
/* Opens all monitors of the command line. To be called before machine_run(). False, with *error filled, on
 * failure. */
bool monitors_open(struct monitors *monitors, struct error *error);
/* Ends them, after machine_run() and before machine_destroy(). NULL is ignored. */
void monitors_close(struct monitors *monitors);
/* Frees them, after machine_destroy(): until then, a console that the machine and a monitor share calls
 * both. */
void monitors_free(struct monitors *monitors);

#endif
