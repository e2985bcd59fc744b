/* SPDX-License-Identifier: MIT
 *
 * Machines inside qcow2 images, as by QEMU's savevm: all writable disks get a snapshot of the same name, and
 * one of them the machine's state. Going back makes machine and disks what they were.
 *
 * All functions may be called on any thread on which no hart waits. They wait until all is done; the guest
 * stands still meanwhile. False, with *error filled, on failure; its texts are QEMU's where QEMU has one.
 */
#ifndef MACHINE_STATE_SNAPSHOTS_H
#define MACHINE_STATE_SNAPSHOTS_H

#include <stdbool.h>

#include "devices/block/qcow2/snapshots.h"
#include "util/error.h"

struct machine;
struct machine_state_progress;

/* Which disks, by the names that query-block gives them. All strings are borrowed. */
struct machine_snapshot_disks {
    bool chosen;                /* only those in the list; false: all that are writable */
    const char *const *devices; /* `count` names */
    unsigned count;
    const char *state; /* the disk that gets, or has, the machine; NULL: the first */
    /* How far saving is, and whether it is to end early; NULL: nobody asks. */
    struct machine_state_progress *progress;
};

/* Saves the machine; it goes on then. NULL: the name is made from the date. `replace`: a snapshot of that
 * name is deleted, once the new one is there. */
bool machine_snapshot_save(struct machine *machine, const char *name, bool replace,
                           const struct machine_snapshot_disks *disks, struct error *error);
/* Loads one over the machine, which goes on if it was running. If that fails half way, the machine stays
 * paused, and cannot run before it is reset or another one is loaded. `at_start`: it is a machine that waits
 * (machine_config.incoming), and then runs unless it is to start paused. */
bool machine_snapshot_load(struct machine *machine, const char *name, bool at_start,
                           const struct machine_snapshot_disks *disks, struct error *error);
/* Deletes it from all disks that have it. */
bool machine_snapshot_delete(struct machine *machine, const char *name,
                             const struct machine_snapshot_disks *disks, struct error *error);

/* The snapshots of a disk, counted from 0 among those that can have some; *disk is NULL after the last one.
 * The caller frees *list. */
bool machine_snapshot_list(struct machine *machine, unsigned number, const char **disk,
                           struct qcow2_snapshot **list, unsigned *count, struct error *error);
/* Can all writable disks have snapshots, and is there one? */
bool machine_snapshot_possible(struct machine *machine, struct error *error);

#endif
