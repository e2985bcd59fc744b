/* SPDX-License-Identifier: MIT
 *
 * Snapshots of a machine in the memory of this process: to try something again and again from the same
 * instant, a thousand times a second if the machine is small. The guest's memory is compared with the
 * snapshot, and only pages that differ are written. Disks are not part of it, so there may be none that the
 * guest can write to.
 *
 * To be called by any thread that may call machine_freeze().
 */
#ifndef MACHINE_STATE_IN_MEMORY_H
#define MACHINE_STATE_IN_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

struct machine;
struct in_memory;

#define IN_MEMORY_MAX 16 /* snapshots */

/* Takes a snapshot; the guest goes on if it ran. An older one of that name is replaced. False, with *error
 * filled, if there is a writable disk, or no memory. */
bool machine_keep(struct machine *machine, const char *name, struct error *error);
/* Makes the machine what it was. It runs if it runs now. *pages: how many differed. If this fails in the
 * middle, the guest stays paused. */
bool machine_restore(struct machine *machine, const char *name, uint64_t *pages, struct error *error);
bool machine_forget(struct machine *machine, const char *name, struct error *error);
/* The name and bytes of snapshot `number`; false after the last one. */
bool machine_kept(struct machine *machine, unsigned number, const char **name, uint64_t *bytes);
/* Before machine_destroy(). */
void machine_forget_all(struct machine *machine);

#endif
