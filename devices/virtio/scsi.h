/* SPDX-License-Identifier: MIT
 *
 * The virtio SCSI host (Virtio 1.2 section 5.6): a controller with disks and CD drives (devices/scsi/).
 */
#ifndef DEVICES_VIRTIO_SCSI_H
#define DEVICES_VIRTIO_SCSI_H

#include "devices/scsi/scsi.h"
#include "devices/virtio/virtio.h"

#define VIRTIO_SCSI_UNITS_MAX  64u
#define VIRTIO_SCSI_QUEUES_MAX (VIRTIO_QUEUES_MAX - 2u) /* request queues */

struct virtio_scsi_config {
    const struct device_unit *units; /* copied; their places are settings->target and lun, less one */
    unsigned unit_count;
    unsigned queues;      /* request queues; 0: 1 */
    unsigned queue_size;  /* descriptors, a power of two from 4 to 1024; 0: 256 */
    unsigned max_sectors; /* of one transfer, as the guest is told; 0: as many as a unit takes */
    unsigned cmd_per_lun; /* 0: 128 */
};

/* NULL and *error if a value is impossible or the host has no memory or thread. */
struct virtio_device *virtio_scsi_create(const struct virtio_scsi_config *config, struct error *error);

/* While the machine runs, but no hart does: plugs in a unit, or takes one out and destroys it; commands of it
 * that are under way end before. The driver is told. attach() returns false, with *error filled, if the place
 * or all places are taken. */
bool virtio_scsi_attach(struct virtio_device *device, const struct device_unit *plug, struct error *error);
void virtio_scsi_detach(struct virtio_device *device, struct scsi_unit *unit);

extern const struct device_model virtio_scsi_model;

#endif
