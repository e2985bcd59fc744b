/* SPDX-License-Identifier: MIT
 *
 * Units of the virtio SCSI host that come and go, and the events that tell the driver (section 5.6.6.3). The
 * list of units changes only while no command is under way. An event for which the driver has given no buffer
 * waits; if too many wait, or the machine is saved meanwhile, the driver is told that it has missed some, and
 * looks itself.
 */
#include <string.h>

#include "devices/virtio/scsi_internal.h"
#include "util/check.h"
#include "util/log.h"

enum { EVENT_NONE = 0, EVENT_TRANSPORT_RESET = 1 };
#define EVENTS_MISSED 0x80000000u
enum { REASON_RESCAN = 1, REASON_REMOVED = 2 };

struct event {
    uint32_t event;
    uint8_t place[8];
    uint32_t reason;
};
_Static_assert(sizeof(struct event) == 16, "the layout of section 5.6.6.3");

/* ---- Events -------------------------------------------------------------------------------------------- */

static struct event next_event(struct virtio_scsi *scsi)
{
    struct event event = { .event = EVENT_NONE };
    if (scsi->event_count) {
        const struct host_event *from = &scsi->events[0];
        event = (struct event){ EVENT_TRANSPORT_RESET, { 1, (uint8_t)from->target }, from->reason };
        /* As REPORT LUNS has them, like QEMU: numbers below 256 without the bits of a flat space. */
        event.place[2] = (uint8_t)(from->lun >> 8 | (from->lun > 255 ? 0x40 : 0));
        event.place[3] = (uint8_t)from->lun;
        scsi->event_count--;
        memmove(scsi->events, scsi->events + 1, scsi->event_count * sizeof(scsi->events[0]));
    }
    if (scsi->events_missed)
        event.event |= EVENTS_MISSED;
    scsi->events_missed = false;
    return event;
}

void virtio_scsi_tell(struct virtio_scsi *scsi)
{
    CHECK_HELD(&scsi->device.lock);
    struct virtqueue *queue = &scsi->device.queues[QUEUE_EVENT];
    bool told = false;
    while ((scsi->event_count || scsi->events_missed) && virtqueue_pop(queue, &scsi->event_chain)) {
        if (scsi->event_chain.in_length < sizeof(struct event)) {
            LOG_GUEST("virtio-scsi: a buffer of %u bytes for an event", scsi->event_chain.in_length);
            virtio_device_break(&scsi->device);
            return;
        }
        struct event event = next_event(scsi);
        virtqueue_push(queue, &scsi->event_chain,
                       (uint32_t)virtq_chain_write(&scsi->event_chain, 0, &event, sizeof(event)));
        told = true;
    }
    if (told)
        virtqueue_signal(queue);
}

/* A driver that has not asked for events scans when it starts. [locked] */
static void add_event(struct virtio_scsi *scsi, const struct host_unit *unit, uint32_t reason)
{
    if (!(scsi->device.driver_features >> SCSI_F_HOTPLUG & 1))
        return;
    if (scsi->event_count < SCSI_EVENTS_MAX)
        scsi->events[scsi->event_count++] = (struct host_event){ reason, unit->target, unit->lun };
    else
        scsi->events_missed = true;
    virtio_scsi_tell(scsi);
}

/* ---- Units --------------------------------------------------------------------------------------------- */

void virtio_scsi_list_units(struct virtio_scsi *scsi)
{
    for (unsigned n = 0; n < scsi->unit_count; n++) {
        struct host_unit *unit = &scsi->units[n];
        unit->lun_count = 0;
        for (unsigned other = 0; other < scsi->unit_count; other++)
            if (scsi->units[other].unit && scsi->units[other].target == unit->target)
                unit->luns[unit->lun_count++] = scsi->units[other].lun;
        if (unit->unit)
            scsi_unit_set_luns(unit->unit, unit->luns, unit->lun_count);
    }
}

/* Waits until no command is under way. Returns whether the device was held already. [locked]; releases the
 * lock */
static bool quiesce(struct virtio_device *device)
{
    bool held = device->held;
    virtio_device_set_held(device, true);
    return held;
}

static bool add_unit(struct virtio_scsi *scsi, const struct device_unit *plug, struct error *error)
{
    uint16_t target = (uint16_t)(plug->settings->target - 1), lun = (uint16_t)(plug->settings->lun - 1);
    unsigned n = 0;
    while (n < scsi->unit_count && scsi->units[n].unit)
        n++;
    if (n == VIRTIO_SCSI_UNITS_MAX || virtio_scsi_unit(scsi, target, lun))
        return error_set(error, "virtio-scsi: the place %u:%u, or all places, are taken", target, lun);
    struct host_unit *unit = &scsi->units[n];
    unit->unit = scsi_unit_plug(plug, unit->luns, 0, false, error);
    if (!unit->unit)
        return false;
    unit->target = target;
    unit->lun = lun;
    if (plug->made)
        *plug->made = unit->unit;
    scsi->on_error = *plug->on_error;
    scsi->unit_count += n == scsi->unit_count;
    virtio_scsi_list_units(scsi);
    add_event(scsi, unit, REASON_RESCAN);
    return true;
}

bool virtio_scsi_attach(struct virtio_device *device, const struct device_unit *plug, struct error *error)
{
    pthread_mutex_lock(&device->lock);
    bool held = quiesce(device);
    bool ok = add_unit((struct virtio_scsi *)device, plug, error);
    if (!held)
        virtio_device_set_held(device, false);
    pthread_mutex_unlock(&device->lock);
    return ok;
}

void virtio_scsi_detach(struct virtio_device *device, struct scsi_unit *gone)
{
    struct virtio_scsi *scsi = (struct virtio_scsi *)device;
    pthread_mutex_lock(&device->lock);
    bool held = quiesce(device);
    for (unsigned n = 0; n < scsi->unit_count; n++) {
        if (scsi->units[n].unit != gone)
            continue;
        scsi->units[n].unit = NULL;
        virtio_scsi_list_units(scsi);
        add_event(scsi, &scsi->units[n], REASON_REMOVED);
    }
    if (!held)
        virtio_device_set_held(device, false);
    pthread_mutex_unlock(&device->lock);
    scsi_unit_destroy(gone);
}
