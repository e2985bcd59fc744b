/* SPDX-License-Identifier: MIT
 *
 * Saved machines inside qcow2 images; see snapshots.h. The snapshots of one machine on several disks have the
 * same name and date. If the process is killed while some disks have the new snapshot and others do not, the
 * older one is still on all of them: loading looks for one that is complete.
 */
#include "machine/state/snapshots.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "machine/inspect.h"
#include "machine/state/internal.h"

#define STATE_BUFFER (1u << 20) /* a multiple of the size of clusters, mostly */
#define NOT_THERE    "Snapshot '%.100s' does not exist in one or more devices"

struct disk {
    struct blockdev *blockdev;
    char name[64];
    struct qcow2_snapshot snapshot; /* the one that is loaded, or was made */
};

struct disks {
    struct disk list[MACHINE_BACKENDS_MAX];
    unsigned count, state;                   /* `state`: which of them has the machine */
    struct machine_state_progress *progress; /* NULL: nobody looks */
};

/* Whoever saves, loads or deletes a snapshot holds this: what is being loaded must not be deleted. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

/* ---- The disks ----------------------------------------------------------------------------------------- */

static bool is_chosen(const struct machine_snapshot_disks *chosen, const char *name)
{
    bool found = !chosen || !chosen->chosen;
    for (unsigned n = 0; !found && n < chosen->count; n++)
        found = strcmp(chosen->devices[n], name) == 0;
    return found;
}

/* The disk with that number; false after the last one. */
static bool disk_at(struct machine *machine, unsigned number, struct disk *disk, bool *discarded)
{
    struct machine_disk description;
    if (!machine_disk(machine, number, &description))
        return false;
    disk->blockdev = machine->blockdevs[number];
    snprintf(disk->name, sizeof(disk->name), "%s", description.id ? description.id : description.place);
    *discarded = description.config->snapshot;
    return true;
}

static bool check_name(struct machine *machine, const char *name, const char *what, struct error *error)
{
    struct disk disk;
    bool discarded;
    for (unsigned n = 0; disk_at(machine, n, &disk, &discarded); n++)
        if (strcmp(disk.name, name) == 0)
            return true;
    return error_set(error, "%s '%.100s'", what, name);
}

static bool check_names(struct machine *machine, const struct machine_snapshot_disks *chosen,
                        struct error *error)
{
    bool ok = true;
    for (unsigned n = 0; ok && chosen && chosen->chosen && n < chosen->count; n++)
        ok = check_name(machine, chosen->devices[n], "No block device node", error);
    return ok && (!chosen || !chosen->state ||
                  check_name(machine, chosen->state, "vmstate block device does not exist:", error));
}

static bool collect(struct machine *machine, const struct machine_snapshot_disks *chosen, struct disks *disks,
                    struct error *error)
{
    struct disk *disk = disks->list;
    bool discarded, found = false;
    disks->count = disks->state = 0;
    disks->progress = chosen ? chosen->progress : NULL;
    if (!check_names(machine, chosen, error))
        return false;
    for (unsigned n = 0; disk_at(machine, n, disk, &discarded); n++) {
        if (disk->blockdev->read_only || !is_chosen(chosen, disk->name))
            continue;
        if (!qcow2_has_snapshots(disk->blockdev))
            return error_set(error, "Device '%s' is writable but does not support snapshots%s", disk->name,
                             discarded ? ": what the guest writes to it is discarded at the end (-snapshot)"
                                       : "");
        if (!chosen || !chosen->state || strcmp(chosen->state, disk->name) == 0) {
            disks->state = found ? disks->state : disks->count;
            found = true;
        }
        disk = &disks->list[++disks->count];
    }
    if (chosen && chosen->state && !found)
        return error_set(error,
                         "vmstate block device '%s' is not one of the writable devices that were named",
                         chosen->state);
    return found || error_set(error, "no block device can store vmstate for snapshot");
}

bool machine_snapshot_possible(struct machine *machine, struct error *error)
{
    struct disks *disks = malloc(sizeof(*disks));
    bool ok = disks ? collect(machine, NULL, disks, error) : error_set(error, "out of memory");
    free(disks);
    return ok;
}

bool machine_snapshot_list(struct machine *machine, unsigned number, const char **name,
                           struct qcow2_snapshot **list, unsigned *count, struct error *error)
{
    static _Thread_local struct disk disk;
    bool discarded;
    *name = NULL;
    for (unsigned n = 0; disk_at(machine, n, &disk, &discarded); n++) {
        if (disk.blockdev->read_only || !qcow2_has_snapshots(disk.blockdev) || number--)
            continue;
        *name = disk.name;
        return qcow2_snapshot_list(disk.blockdev, list, count, error);
    }
    return true;
}

/* ---- Finding ------------------------------------------------------------------------------------------- */

/* Finds, from the newest on, one with that name and, if `date` is not NULL, with the date of that one. *skip:
 * how many to leave out. */
static bool find_on(struct disk *disk, const char *name, const struct qcow2_snapshot *date, unsigned skip,
                    bool *found, struct error *error)
{
    struct qcow2_snapshot *list;
    unsigned count;
    *found = false;
    if (!qcow2_snapshot_list(disk->blockdev, &list, &count, error))
        return false;
    while (count-- && !*found) {
        const struct qcow2_snapshot *s = &list[count];
        if (strcmp(s->name, name) != 0 ||
            (date && (s->date_s != date->date_s || s->date_ns != date->date_ns)) || skip--)
            continue;
        disk->snapshot = *s;
        *found = true;
    }
    free(list);
    return true;
}

/* Finds the newest that is on all disks. */
static bool find_complete(struct disks *disks, const char *name, struct error *error)
{
    struct disk *state = &disks->list[disks->state];
    for (unsigned skip = 0;; skip++) {
        bool found, all = true;
        if (!find_on(state, name, NULL, skip, &found, error))
            return false;
        if (!found)
            return error_set(error, NOT_THERE, name);
        for (unsigned n = 0; all && n < disks->count; n++)
            if (n != disks->state && !find_on(&disks->list[n], name, &state->snapshot, 0, &all, error))
                return false;
        if (all)
            return true;
    }
}

/* Deletes those with that name from a disk, except for the one in disk->snapshot if `keep`. */
static bool delete_from(struct disk *disk, const char *name, bool keep, struct error *error)
{
    struct disk other = *disk;
    bool found = true, ok = true;
    for (unsigned skip = keep; ok && found;) {
        ok = find_on(&other, name, NULL, skip, &found, error) &&
             (!found || qcow2_snapshot_delete(other.blockdev, &other.snapshot, error));
    }
    return ok;
}

bool machine_snapshot_delete(struct machine *machine, const char *name,
                             const struct machine_snapshot_disks *chosen, struct error *error)
{
    struct disks *disks = malloc(sizeof(*disks));
    pthread_mutex_lock(&one_at_a_time);
    bool ok = disks ? collect(machine, chosen, disks, error) : error_set(error, "out of memory");
    for (unsigned n = 0; ok && n < disks->count; n++)
        ok = delete_from(&disks->list[n], name, false, error);
    pthread_mutex_unlock(&one_at_a_time);
    free(disks);
    return ok;
}

/* ---- The state ----------------------------------------------------------------------------------------- */

struct transfer {
    struct disk *disk;
    uint64_t offset; /* of what is in the buffer */
    size_t length, at;
    uint8_t buffer[STATE_BUFFER];
};

static int flush_state(struct transfer *transfer)
{
    int rc = transfer->length ? qcow2_state_write(transfer->disk->blockdev, transfer->buffer,
                                                  transfer->length, transfer->offset)
                              : 0;
    transfer->offset += transfer->length;
    transfer->length = 0;
    return rc;
}

static int write_state(void *opaque, const void *bytes, size_t length)
{
    struct transfer *transfer = opaque;
    const uint8_t *from = bytes;
    int rc = 0;
    while (length && !rc) {
        size_t room = STATE_BUFFER - transfer->length, part = length < room ? length : room;
        memcpy(transfer->buffer + transfer->length, from, part);
        transfer->length += part;
        from += part;
        length -= part;
        rc = transfer->length == STATE_BUFFER ? flush_state(transfer) : 0;
    }
    return rc;
}

static int read_state(void *opaque, void *bytes, size_t length)
{
    struct transfer *transfer = opaque;
    const struct qcow2_snapshot *snapshot = &transfer->disk->snapshot;
    uint8_t *to = bytes;
    while (length) {
        if (transfer->at == transfer->length) {
            transfer->offset += transfer->length;
            uint64_t left = snapshot->state_bytes - transfer->offset;
            transfer->at = 0;
            transfer->length = left < STATE_BUFFER ? left : STATE_BUFFER;
            int rc = transfer->length ? qcow2_state_read(transfer->disk->blockdev, snapshot, transfer->buffer,
                                                         transfer->length, transfer->offset)
                                      : -ENODATA;
            if (rc)
                return rc;
        }
        size_t there = transfer->length - transfer->at, part = length < there ? length : there;
        memcpy(to, transfer->buffer + transfer->at, part);
        transfer->at += part;
        to += part;
        length -= part;
    }
    return 0;
}

static struct transfer *transfer_begin(struct disks *disks, struct machine_state_stream *stream)
{
    struct transfer *transfer = calloc(1, sizeof(*transfer));
    if (transfer)
        transfer->disk = &disks->list[disks->state];
    *stream = (struct machine_state_stream){ write_state, read_state, transfer };
    return transfer;
}

/* ---- Saving -------------------------------------------------------------------------------------------- */

/* Writes the machine beyond the disk's end. *length: its bytes. */
static bool put_state(struct machine *machine, struct disks *disks, bool running, uint64_t *length,
                      struct error *error)
{
    struct machine_state_progress own = { 0 };
    struct machine_state_stream stream;
    struct blockdev *blockdev = disks->list[disks->state].blockdev;
    struct transfer *transfer = transfer_begin(disks, &stream);
    if (!transfer)
        return error_set(error, "out of memory");
    int rc = qcow2_state_drop(blockdev);
    bool ok =
        rc ? error_set(error, "%s: %s", disks->list[disks->state].name, strerror(-rc))
           : machine_save_to(machine, &stream, running, disks->progress ? disks->progress : &own, error);
    rc = ok ? flush_state(transfer) : 0;
    ok = ok && (!rc || error_set(error, "saving the machine: %s", strerror(-rc)));
    *length = transfer->offset;
    free(transfer);
    if (!ok)
        qcow2_state_drop(blockdev);
    return ok;
}

static void describe(struct machine *machine, const char *name, struct qcow2_snapshot *snapshot)
{
    struct timespec now;
    struct tm local;
    clock_gettime(CLOCK_REALTIME, &now);
    memset(snapshot, 0, sizeof(*snapshot));
    snapshot->date_s = (uint32_t)now.tv_sec;
    snapshot->date_ns = (uint32_t)now.tv_nsec;
    snapshot->clock_ns = clock_ns(machine->clock);
    snapshot->instructions = UINT64_MAX;
    if (name)
        snprintf(snapshot->name, sizeof(snapshot->name), "%s", name);
    else if (localtime_r(&now.tv_sec, &local))
        strftime(snapshot->name, sizeof(snapshot->name), "vm-%Y%m%d%H%M%S", &local);
}

/* Makes the snapshots on all disks, or on none. */
static bool create_all(struct disks *disks, const struct qcow2_snapshot *what, uint64_t state_bytes,
                       struct error *error)
{
    struct error ignored;
    bool ok = true, found;
    unsigned n = 0;
    for (; ok && n < disks->count; n++) {
        struct qcow2_snapshot snapshot = *what;
        snapshot.state_bytes = n == disks->state ? state_bytes : 0;
        ok = qcow2_snapshot_create(disks->list[n].blockdev, &snapshot, error);
    }
    for (; !ok && n-- > 0;) /* the last one failed, and has none with this date */
        if (find_on(&disks->list[n], what->name, what, 0, &found, &ignored) && found)
            qcow2_snapshot_delete(disks->list[n].blockdev, &disks->list[n].snapshot, &ignored);
    if (!ok)
        qcow2_state_drop(disks->list[disks->state].blockdev);
    return ok;
}

static bool save_frozen(struct machine *machine, struct disks *disks, const char *name, bool running,
                        struct error *error)
{
    struct qcow2_snapshot what;
    uint64_t length = 0;
    describe(machine, name, &what);
    bool ok = put_state(machine, disks, running, &length, error) && create_all(disks, &what, length, error);
    for (unsigned n = 0; ok && n < disks->count; n++)
        ok = delete_from(&disks->list[n], what.name, true, error);
    return ok;
}

static bool check_new(struct disks *disks, const char *name, bool replace, struct error *error)
{
    bool found = false, ok = true;
    if (name && (!*name || strlen(name) >= QCOW2_SNAPSHOT_TEXT))
        return error_set(error, "the name of a snapshot has between 1 and %u bytes", QCOW2_SNAPSHOT_TEXT - 1);
    for (unsigned n = 0; ok && name && !replace && n < disks->count; n++)
        ok = find_on(&disks->list[n], name, NULL, 0, &found, error) &&
             (!found || error_set(error, "Snapshot '%.100s' already exists in one or more devices", name));
    return ok;
}

bool machine_snapshot_save(struct machine *machine, const char *name, bool replace,
                           const struct machine_snapshot_disks *chosen, struct error *error)
{
    bool running;
    struct disks *disks = malloc(sizeof(*disks));
    pthread_mutex_lock(&one_at_a_time);
    bool ok = disks ? collect(machine, chosen, disks, error) : error_set(error, "out of memory");
    ok = ok && check_new(disks, name, replace, error) &&
         machine_freeze(machine, MACHINE_FREEZE_TO_SAVE, &running, error);
    if (ok) {
        ok = save_frozen(machine, disks, name, running, error);
        machine_thaw(machine, false, running);
    }
    pthread_mutex_unlock(&one_at_a_time);
    free(disks);
    return ok;
}

/* ---- Loading ------------------------------------------------------------------------------------------- */

/* What would fail is better found before anything is lost. */
static bool check_state(struct machine *machine, struct disks *disks, const char *name, struct error *error)
{
    struct machine_state_stream stream;
    if (!disks->list[disks->state].snapshot.state_bytes)
        return error_set(error,
                         "'%.100s' is a snapshot of the disk only, without a machine: rvive-img snapshot -a "
                         "goes back to it while no guest uses the image",
                         name);
    struct transfer *transfer = transfer_begin(disks, &stream);
    bool ok = transfer ? machine_load_fits(machine, &stream, error) : error_set(error, "out of memory");
    free(transfer);
    return ok;
}

/* *touched: the machine is no more what it was. */
static bool apply_all(struct disks *disks, bool *touched, struct error *error)
{
    bool ok = true;
    for (unsigned n = 0; ok && n < disks->count; n++) {
        ok = qcow2_snapshot_apply(disks->list[n].blockdev, &disks->list[n].snapshot, error);
        *touched |= ok;
    }
    return ok;
}

static bool load_frozen(struct machine *machine, struct disks *disks, bool *touched, struct error *error)
{
    struct machine_state_progress progress = { 0 };
    struct machine_state_stream stream;
    struct transfer *transfer = transfer_begin(disks, &stream);
    bool ran, ok = transfer || error_set(error, "out of memory");
    *touched = false;
    ok = ok && apply_all(disks, touched, error);
    if (*touched)
        machine_unload(machine);
    ok = ok && machine_load_from(machine, &stream, &progress, &ran, error);
    if (ok)
        machine_loaded(machine);
    free(transfer);
    return ok;
}

/* `text` of the error stays in front. */
static void add_consequence(struct error *error)
{
    struct error why = *error;
    error_set(error,
              "%.350s; the guest stays paused, since it was loaded in part only: system_reset starts it "
              "anew, loadvm loads another one",
              why.text);
}

bool machine_snapshot_load(struct machine *machine, const char *name, bool at_start,
                           const struct machine_snapshot_disks *chosen, struct error *error)
{
    bool running, touched;
    struct disks *disks = malloc(sizeof(*disks));
    pthread_mutex_lock(&one_at_a_time);
    bool ok = disks ? collect(machine, chosen, disks, error) : error_set(error, "out of memory");
    ok = ok && find_complete(disks, name, error) && check_state(machine, disks, name, error) &&
         machine_freeze(machine, at_start ? MACHINE_FREEZE_TO_LOAD : MACHINE_FREEZE_TO_REPLACE, &running,
                        error);
    if (ok) {
        ok = load_frozen(machine, disks, &touched, error);
        if (!ok && touched && !at_start)
            add_consequence(error);
        if (at_start && ok)
            machine_thaw_loaded(machine, true);
        else if (at_start)
            machine_thaw_failed(machine);
        else
            machine_thaw(machine, false, running && (ok || !touched));
    }
    pthread_mutex_unlock(&one_at_a_time);
    free(disks);
    return ok;
}
