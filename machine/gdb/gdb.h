/* SPDX-License-Identifier: MIT
 *
 * The gdb server: lets gdb stop, look at, change and continue the guest (gdb manual, "Remote Protocol"). It
 * has a thread of its own, which alone talks to gdb; docs/debugging.md tells users of it.
 */
#ifndef MACHINE_GDB_GDB_H
#define MACHINE_GDB_GDB_H

#include "cpu/hart.h"
#include "machine/machine.h"
#include "util/error.h"

struct gdb;

/* Listens at `where`: tcp:HOST:PORT, tcp::PORT (on the loopback address), unix:PATH or stdio. While no
 * hart runs. NULL, with *error filled, where that is not possible. */
struct gdb *gdb_create(struct machine *machine, const char *where, struct error *error);
/* Listens there instead; NULL: nowhere. An attached gdb is let go as if it had gone. False, with *error
 * filled: then it listens nowhere. Not on two threads at once. */
bool gdb_serve(struct gdb *gdb, const char *where, struct error *error);
/* Tells gdb that the guest has ended, with this status. */
void gdb_finish(struct gdb *gdb, int status);
/* Ends the conversation and the server's thread: the harts have stopped for good. NULL is allowed. */
void gdb_stop(struct gdb *gdb);
/* After gdb_stop(), once the harts are destroyed: they look at the breakpoints. NULL is allowed. */
void gdb_destroy(struct gdb *gdb);

#endif
