/* SPDX-License-Identifier: MIT
 *
 * The gdb server: with it, gdb can stop, examine, change and continue the guest (gdb manual, "Remote
 * Protocol"). It has a thread of its own, and only this thread talks to gdb. docs/debugging.md describes it
 * for users.
 */
#ifndef MACHINE_GDB_GDB_H
#define MACHINE_GDB_GDB_H

#include "cpu/hart.h"
#include "machine/machine.h"
#include "util/error.h"

struct gdb;

/* Listens at `where`: tcp:HOST:PORT, tcp::PORT (on the loopback address), unix:PATH or stdio. To be called
 * while no hart runs. NULL, with *error filled, on failure. */
struct gdb *gdb_create(struct machine *machine, const char *where, struct error *error);
/* Listens at another place; NULL: nowhere. An attached gdb is disconnected, as if it had gone. False, with
 * *error filled: the server then listens nowhere. Not to be called on two threads at once. */
bool gdb_serve(struct gdb *gdb, const char *where, struct error *error);
/* Tells gdb that the guest has ended, with this status. */
void gdb_finish(struct gdb *gdb, int status);
/* Ends the session and the server's thread. To be called when the harts have stopped for good. NULL is
 * allowed. */
void gdb_stop(struct gdb *gdb);
/* To be called after gdb_stop(), and after the harts are destroyed, since they use the breakpoints. NULL is
 * allowed. */
void gdb_destroy(struct gdb *gdb);

#endif
