/* SPDX-License-Identifier: MIT
 *
 * What the files of the virtio SCSI host share. Section numbers are those of Virtio 1.2.
 *
 * A struct host_request belongs to the thread of its index, except what is marked; the rest to the device's
 * lock, or is constant.
 */
#ifndef DEVICES_VIRTIO_SCSI_INTERNAL_H
#define DEVICES_VIRTIO_SCSI_INTERNAL_H

#include "devices/virtio/scsi.h"
#include "devices/virtio/worker.h"

#define SCSI_HOST_THREADS 8u  /* requests under way at the same time */
#define SCSI_EVENTS_MAX   64u /* that wait for a buffer */

enum { SCSI_F_HOTPLUG = 1 }; /* section 5.6.3 */
enum { QUEUE_CONTROL = 0, QUEUE_EVENT = 1, QUEUE_REQUESTS = 2 };

enum host_response { /* section 5.6.6.1 */
                     RESPONSE_OK = 0,
                     RESPONSE_OVERRUN = 1,
                     RESPONSE_ABORTED = 2,
                     RESPONSE_BAD_TARGET = 3,
                     RESPONSE_FAILURE = 9,
                     RESPONSE_SUCCEEDED = 10,
                     RESPONSE_REJECTED = 11,
                     RESPONSE_INCORRECT_LUN = 12,
                     /* Never sent: it is to be tried again. */
                     RESPONSE_AGAIN = 256
};

struct host_unit {
    struct scsi_unit *unit; /* NULL: the place is free */
    uint16_t target, lun;
    uint16_t luns[VIRTIO_SCSI_UNITS_MAX]; /* all of its target */
    unsigned lun_count;
};

struct virtio_scsi;
struct host_request {
    struct virtio_scsi *scsi;
    struct virtq_chain chain;
    uint32_t sense_size, cdb_size; /* as the driver had set them when the request was taken */
    struct scsi_request command;
    struct iovec iov[VIRTQUEUE_SIZE_MAX];
    /* The device's lock covers what follows. */
    bool active;             /* a command, not a function of the control queue */
    bool aborted;            /* the driver does not want it any more */
    uint16_t target, lun;    /* of an active one */
    uint64_t id;             /* the same */
    struct virtqueue *waits; /* it is to be tried again later: its queue; else NULL */
};

struct host_retry {
    uint32_t queue, head;
};

/* A unit has come or gone (section 5.6.6.3). */
struct host_event {
    uint32_t reason;
    uint16_t target, lun;
};

struct virtio_scsi {
    struct virtio_device device; /* must be first */
    struct virtio_worker worker;
    struct host_unit units[VIRTIO_SCSI_UNITS_MAX];
    unsigned unit_count;            /* places up to the last one that is used */
    struct block_on_error on_error; /* `stopped` of the machine */
    bool control_busy;              /* a function of the control queue is under way */
    unsigned resets;                /* how often the driver has reset the device */
    /* Requests of a saved state that were taken from their queues, and wait to be tried again. */
    struct host_retry retries[SCSI_HOST_THREADS];
    unsigned retry_count;
    struct host_request requests[SCSI_HOST_THREADS];
    struct host_event events[SCSI_EVENTS_MAX];
    unsigned event_count;
    bool events_missed; /* there was no room for one */
    struct virtq_chain event_chain;
};

/* Reads a place; false: it is none (section 5.6.6.1). */
bool virtio_scsi_place(const uint8_t place[8], uint16_t *target, uint16_t *lun);
/* NULL: there is no such unit. */
struct host_unit *virtio_scsi_unit(struct virtio_scsi *scsi, uint16_t target, uint16_t lun);
/* Any unit of the target; NULL: it has none. */
struct host_unit *virtio_scsi_target(struct virtio_scsi *scsi, uint16_t target);

/* scsi_hotplug.c: tells the driver of units that have come or gone, if it gave buffers for it. [locked] */
void virtio_scsi_tell(struct virtio_scsi *scsi);
/* Makes the lists of numbers that REPORT LUNS of each unit shows. */
void virtio_scsi_list_units(struct virtio_scsi *scsi);

/* scsi_control.c: serves a request of the control queue. RESPONSE_AGAIN: commands that it concerns are still
 * under way. Else *written is how many bytes of the answer were stored. [locked] */
enum host_response virtio_scsi_control(struct virtio_scsi *scsi, struct host_request *request,
                                       uint32_t *written);

#endif
