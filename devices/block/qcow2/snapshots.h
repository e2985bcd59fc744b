/* SPDX-License-Identifier: MIT
 *
 * Snapshots inside a qcow2 image (QEMU's docs/interop/qcow2.txt, "Snapshots"). A snapshot is a copy of the L1
 * table: it shares all L2 tables and clusters with the disk, whose refcounts are higher for it. They lose
 * their "refcount is 1" bit, so the disk's next write there goes to a new cluster.
 *
 * A snapshot may hold the state of a machine. It is stored like a disk's data, in L1 entries that lie beyond
 * the disk. It is first written into the disk's own L1 table; qcow2_snapshot_create() moves the entries to
 * the snapshot.
 *
 * How an image stays consistent. What is new is written first: refcounts that rise, copies of L1 tables, the
 * new table of snapshots. Then the header, in one write, points to it, and after that refcounts fall. So
 * whoever reads the file in between finds either the old or the new snapshots, all of them whole, and at
 * worst clusters that are counted too often, and "refcount is 1" bits that are missing. The dirty bit is set
 * meanwhile (version 3).
 *
 * All functions may be called from any thread. Those that change the image wait for requests that are under
 * way, and new requests wait for them. The disk must not be read-only, except for the list and the state.
 */
#ifndef DEVICES_BLOCK_QCOW2_SNAPSHOTS_H
#define DEVICES_BLOCK_QCOW2_SNAPSHOTS_H

#include "devices/block/blockdev.h"

#define QCOW2_SNAPSHOT_TEXT 256u /* bytes of an id or a name, with the 0 */

struct qcow2_snapshot {
    char id[QCOW2_SNAPSHOT_TEXT], name[QCOW2_SNAPSHOT_TEXT];
    uint32_t date_s, date_ns; /* since 1970 */
    uint64_t clock_ns;        /* how long the guest had run */
    uint64_t state_bytes;     /* of the machine's state; 0: it has none */
    uint64_t disk_bytes;
    uint64_t instructions; /* executed; UINT64_MAX: not known */
    uint64_t l1_offset;    /* in the file */
    uint32_t l1_size;      /* entries */
};

/* Can the blockdev hold snapshots? */
bool qcow2_has_snapshots(struct blockdev *blockdev);
/* All snapshots, in the order in which they were made. The caller frees *list. False, with *error filled, if
 * the image's table of them is damaged. */
bool qcow2_snapshot_list(struct blockdev *blockdev, struct qcow2_snapshot **list, unsigned *count,
                         struct error *error);
/* Finds one by its name or, with `by_id`, by its id if none has that name. *found is false if there is none.
 */
bool qcow2_snapshot_find(struct blockdev *blockdev, const char *name, bool by_id,
                         struct qcow2_snapshot *snapshot, bool *found, struct error *error);
/* Adds a snapshot of the disk as it is now, with the name, date, clock and instructions of `what`, and with
 * the first what->state_bytes bytes of state that were written. */
bool qcow2_snapshot_create(struct blockdev *blockdev, const struct qcow2_snapshot *what, struct error *error);
/* Makes the disk what it was. What was written since then, and is in no snapshot, is lost. */
bool qcow2_snapshot_apply(struct blockdev *blockdev, const struct qcow2_snapshot *snapshot,
                          struct error *error);
bool qcow2_snapshot_delete(struct blockdev *blockdev, const struct qcow2_snapshot *snapshot,
                           struct error *error);

/* Writes state for the next snapshot. 0 or -errno. */
int qcow2_state_write(struct blockdev *blockdev, const void *bytes, uint64_t length, uint64_t offset);
/* Drops what was written since the last snapshot, or is left of a process that was killed. 0 or -errno. */
int qcow2_state_drop(struct blockdev *blockdev);
/* Reads state of a snapshot; offset + length <= state_bytes. 0 or -errno. */
int qcow2_state_read(struct blockdev *blockdev, const struct qcow2_snapshot *snapshot, void *bytes,
                     uint64_t length, uint64_t offset);

#endif
