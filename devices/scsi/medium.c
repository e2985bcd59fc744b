/* SPDX-License-Identifier: MIT
 *
 * Media that come and go: the tray, as the guest and the user move it. START STOP UNIT (SBC-3 section 5.20),
 * PREVENT ALLOW MEDIUM REMOVAL (SPC-4 section 6.15).
 */
#include "devices/scsi/internal.h"

/* ---- The guest ----------------------------------------------------------------------------------------- */

/* A medium is in the drive that was not before, or that may be another one. [locked] */
static void tell_new_medium(struct scsi_unit *unit)
{
    unit->event = SCSI_EVENT_NEW;
    if (unit->attention != SCSI_WAS_RESET) /* which tells the guest more */
        unit->attention = SCSI_MEDIUM_CHANGED;
}

static void tell_tray(const struct scsi_unit *unit, bool open)
{
    if (unit->tray_moved)
        unit->tray_moved(unit->tray_opaque, open);
}

enum scsi_result scsi_start_stop(struct scsi_task *task)
{
    struct scsi_unit *unit = task->unit;
    struct scsi_request *request = task->request;
    bool start = request->cdb[4] & 1, moves = request->cdb[4] & 2, moved = false;
    enum scsi_sense sense = SCSI_NO_SENSE;
    if (request->cdb[4] >> 4) /* a power condition: all are the same here */
        return SCSI_DONE;
    if (moves && unit->config.kind != SCSI_CD)
        return scsi_fail(request, SCSI_BAD_FIELD);
    if (!start && task->blockdev && !task->blockdev->read_only) {
        enum scsi_result result = scsi_flush(task, 0);
        if (result != SCSI_DONE || request->status != SCSI_GOOD)
            return result;
    }
    pthread_mutex_lock(&unit->lock);
    if (moves && unit->locked && !start && !unit->open) {
        sense = SCSI_REMOVAL_PREVENTED;
    } else if (moves && unit->open == start) {
        unit->open = !start;
        moved = true;
        if (start && unit->blockdev)
            tell_new_medium(unit);
        if (!start)
            unit->event = SCSI_EVENT_REMOVAL;
    }
    pthread_mutex_unlock(&unit->lock);
    if (moved)
        tell_tray(unit, !start);
    return sense ? scsi_fail(request, sense) : SCSI_DONE;
}

enum scsi_result scsi_prevent_allow(struct scsi_task *task)
{
    struct scsi_unit *unit = task->unit;
    if (!unit->removable)
        return SCSI_DONE;
    pthread_mutex_lock(&unit->lock);
    unit->locked = task->request->cdb[4] & 1;
    pthread_mutex_unlock(&unit->lock);
    return SCSI_DONE;
}

/* ---- The user ------------------------------------------------------------------------------------------ */

struct scsi_medium scsi_unit_medium(struct scsi_unit *unit)
{
    pthread_mutex_lock(&unit->lock);
    struct scsi_medium medium = {
        .removable = unit->removable, .open = unit->open, .locked = unit->locked, .in = unit->blockdev
    };
    pthread_mutex_unlock(&unit->lock);
    return medium;
}

void scsi_unit_ask_for_medium(struct scsi_unit *unit)
{
    pthread_mutex_lock(&unit->lock);
    unit->event = SCSI_EVENT_EJECT_REQUEST;
    pthread_mutex_unlock(&unit->lock);
}

/* Waits until no command uses the medium, and keeps new ones out until end_change(). [locked]; releases the
 * lock while it waits */
static void begin_change(struct scsi_unit *unit)
{
    while (unit->changing)
        pthread_cond_wait(&unit->idle, &unit->lock);
    unit->changing = true;
    while (unit->users)
        pthread_cond_wait(&unit->idle, &unit->lock);
}

static void end_change(struct scsi_unit *unit)
{
    unit->changing = false;
    pthread_cond_broadcast(&unit->idle);
}

struct blockdev *scsi_unit_take_medium(struct scsi_unit *unit)
{
    pthread_mutex_lock(&unit->lock);
    begin_change(unit);
    struct blockdev *blockdev = unit->blockdev;
    bool moved = !unit->open;
    unit->blockdev = NULL;
    unit->open = true;
    unit->locked = false;
    unit->event = SCSI_EVENT_REMOVAL;
    end_change(unit);
    pthread_mutex_unlock(&unit->lock);
    if (moved)
        tell_tray(unit, true);
    return blockdev;
}

void scsi_unit_insert_medium(struct scsi_unit *unit, struct blockdev *blockdev)
{
    pthread_mutex_lock(&unit->lock);
    begin_change(unit);
    bool moved = unit->open;
    unit->blockdev = blockdev;
    unit->open = false;
    if (blockdev)
        tell_new_medium(unit);
    end_change(unit);
    pthread_mutex_unlock(&unit->lock);
    if (moved)
        tell_tray(unit, false);
}

void scsi_unit_lay_medium(struct scsi_unit *unit, struct blockdev *blockdev)
{
    pthread_mutex_lock(&unit->lock);
    begin_change(unit);
    unit->blockdev = blockdev;
    end_change(unit);
    pthread_mutex_unlock(&unit->lock);
}

void scsi_unit_move_tray(struct scsi_unit *unit, bool open)
{
    pthread_mutex_lock(&unit->lock);
    begin_change(unit);
    bool moved = unit->open != open;
    unit->open = open;
    if (open)
        unit->locked = false;
    if (moved && open)
        unit->event = SCSI_EVENT_REMOVAL;
    if (moved && !open && unit->blockdev)
        tell_new_medium(unit);
    end_change(unit);
    pthread_mutex_unlock(&unit->lock);
    if (moved)
        tell_tray(unit, open);
}

void scsi_unit_on_tray(struct scsi_unit *unit, scsi_tray_fn *moved, void *opaque)
{
    unit->tray_moved = moved;
    unit->tray_opaque = opaque;
}
