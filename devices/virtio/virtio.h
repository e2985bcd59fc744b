/* SPDX-License-Identifier: MIT
 *
 * Virtio devices (Virtio 1.2 section 2), independent of how the guest reaches them: a `struct virtio_device`
 * is a disk or a console, and a transport (transport/) shows its registers. The device's file provides the
 * configuration space and the ops. This core provides status, features, queues, and what happens when the
 * driver breaks the rules.
 *
 * Each device has one lock, `lock`. It covers the core, the queues, the device's own state and the
 * transport's registers. The transport takes it around every call marked [locked]. Work that waits for the
 * host (disk, terminal) is done by a virtio_worker, which releases the lock meanwhile.
 *
 * Interrupts are raised with the lock held.
 */
#ifndef DEVICES_VIRTIO_VIRTIO_H
#define DEVICES_VIRTIO_VIRTIO_H

#include <pthread.h>

#include "devices/device.h"
#include "devices/model.h"
#include "devices/virtio/virtqueue.h"

enum virtio_status { /* section 2.1 */
                     VIRTIO_ACKNOWLEDGE = 1,
                     VIRTIO_DRIVER = 2,
                     VIRTIO_DRIVER_OK = 4,
                     VIRTIO_FEATURES_OK = 8,
                     VIRTIO_NEEDS_RESET = 64,
                     VIRTIO_FAILED = 128,
};

enum virtio_feature { /* bit numbers, section 6; those below 24 are the device's own */
                      VIRTIO_F_ANY_LAYOUT = 27,
                      VIRTIO_F_INDIRECT_DESC = 28,
                      VIRTIO_F_EVENT_IDX = 29,
                      VIRTIO_F_VERSION_1 = 32,
                      VIRTIO_F_ACCESS_PLATFORM = 33, /* the driver uses addresses of the IOMMU */
                      VIRTIO_F_RING_RESET = 40,      /* offered by transports that can reset one queue */
};

#define VIRTIO_CONFIG_MAX 256 /* bytes of configuration space */
#define VIRTIO_QUEUES_MAX 64

struct virtio_device;
struct virtio_worker;

/* A feature that may only be offered with another one. */
struct virtio_need {
    uint8_t feature, needs;
};

struct virtio_device_ops {
    const char *name; /* "virtio-blk"; also the section of the saved state */
    uint32_t id;      /* section 5: 2 is a block device */
    uint16_t
        /* PCI device id of the interface before Virtio 1.0; 0: the device is newer and has none */
        pci_legacy;
    uint32_t pci_class; /* class, subclass, programming interface; 0: no class fits */
    /* The driver has put chains on the queue. [locked]; must not wait. */
    void (*notify)(struct virtio_device *device, struct virtqueue *queue);
    /* The driver wrote to configuration space, offset + size <= config_size. [locked] NULL: read-only. */
    void (*config_write)(struct virtio_device *device, unsigned offset, unsigned size, uint64_t value);
    /* Sets the device's own state to its values after reset. [locked] May be NULL, like save and load. */
    void (*reset)(struct virtio_device *device);
    void (*save)(struct virtio_device *device, struct state_writer *writer);
    void (*load)(struct virtio_device *device, struct state_reader *reader);
    void (*destroy)(struct virtio_device *device);
    const struct virtio_need *needs; /* ends with { 0, 0 }; NULL: none */
};

/* How the core interrupts the guest. [locked] */
struct virtio_transport {
    void (*queue_interrupt)(struct virtio_transport *transport, unsigned queue);
    void (*config_interrupt)(struct virtio_transport *transport);
};

struct virtio_device {
    const struct virtio_device_ops *ops;
    pthread_mutex_t lock;
    struct dma *dma; /* NULL until attached */
    struct virtio_transport *transport;
    struct virtio_worker *worker; /* NULL: the device works within notify() */
    bool legacy;                  /* the transport's interface is the one before Virtio 1.0 */
    bool strict;                  /* what the specification forbids drivers is refused, not tolerated */
    uint64_t offered;             /* feature bits */
    uint64_t driver_features;     /* as the driver wrote them */
    uint8_t status;
    bool broken;        /* the driver broke the rules: nothing runs until reset */
    bool paused;        /* a reset, or a save, waits for the worker */
    bool stopped;       /* the transport may not master its bus: nothing runs until it may */
    bool held;          /* the machine is paused: nothing runs until it goes on */
    bool missed;        /* since then something wanted to run */
    bool config_missed; /* since then the configuration has changed */
    uint32_t config_generation;
    uint8_t config[VIRTIO_CONFIG_MAX]; /* little-endian */
    unsigned config_size;
    unsigned queue_count;
    struct virtqueue *queues;
};

/* For the files of devices. `features` are the device's own bits; queue_size is a power of two. False and
 * *error if the host has no memory. virtio_device_fini() undoes it, after the worker is gone. */
bool virtio_device_init(struct virtio_device *device, const struct virtio_device_ops *ops, uint64_t features,
                        unsigned queue_count, uint16_t queue_size, struct error *error);
void virtio_device_fini(struct virtio_device *device);
/* Features of the mask are not offered, and neither is a feature that needs one of them. Call it before the
 * driver sees any. */
void virtio_device_withhold(struct virtio_device *device, uint64_t features);
/* Destroys a device that was not plugged into a transport; to be called by its creator. */
void virtio_device_destroy(struct virtio_device *device);

/* Was the feature (a bit number) negotiated? [locked] */
static inline bool virtio_device_has(const struct virtio_device *device, unsigned feature)
{
    return (device->offered & device->driver_features) >> feature & 1;
}
/* May the device take buffers now? [locked] */
bool virtio_device_may_run(struct virtio_device *device);
/* To be called when the driver broke the rules: sets DEVICE_NEEDS_RESET and raises a configuration interrupt.
 * A legacy driver knows neither, and is ignored until it resets the device. [locked] */
void virtio_device_break(struct virtio_device *device);
/* To be called when the configuration space has changed. [locked] */
void virtio_device_config_changed(struct virtio_device *device);
void virtio_device_queue_interrupt(struct virtio_device *device, unsigned queue);

/* For transports. Attaches the device, once, before the guest runs. */
void virtio_device_attach(struct virtio_device *device, struct virtio_transport *transport, struct dma *dma,
                          bool legacy);
/* Tells which interface the driver uses, for a transport that has both. This is known when the driver resets
 * the device; the status is then 0. [locked] */
void virtio_device_set_interface(struct virtio_device *device, bool legacy);
/* Keeps the device from guest memory (see `stopped`), or lets it work again. Stopping returns when no work is
 * under way any more; the lock is released while it waits. [locked] */
void virtio_device_set_stopped(struct virtio_device *device, bool stopped);
/* For the transport's hold() (devices/device.h). Holding returns when no work is under way any more; the lock
 * is released while it waits. [locked] */
void virtio_device_set_held(struct virtio_device *device, bool held);
/* Returns NULL if the device has no such queue. [locked], like all that follow. */
struct virtqueue *virtio_device_queue(struct virtio_device *device, uint32_t index);
/* Sets word 0 or 1 of the driver's features; other words are ignored. */
void virtio_device_set_features(struct virtio_device *device, uint32_t word, uint32_t bits);
/* 0 resets the device, and returns when no work is under way any more; the lock is released while it
 * waits. */
void virtio_device_set_status(struct virtio_device *device, uint8_t status);
void virtio_device_reset(struct virtio_device *device);
/* Enables a queue whose addresses are set. If that is not possible, the device is broken. */
void virtio_device_enable_queue(struct virtio_device *device, struct virtqueue *queue);
/* Disables a queue. Waits like a reset. */
void virtio_device_disable_queue(struct virtio_device *device, struct virtqueue *queue);
/* VIRTIO_F_RING_RESET: the same, and the queue's registers get their values after reset. */
void virtio_device_reset_queue(struct virtio_device *device, struct virtqueue *queue);
void virtio_device_notify(struct virtio_device *device, uint32_t queue);
/* size is 1, 2, 4 or 8. Beyond the configuration space, reads give all ones and writes are ignored. */
uint64_t virtio_device_config_read(struct virtio_device *device, uint64_t offset, unsigned size);
void virtio_device_config_write(struct virtio_device *device, uint64_t offset, unsigned size, uint64_t value);
void virtio_device_save(struct virtio_device *device, struct state_writer *writer);
bool virtio_device_load(struct virtio_device *device, struct state_reader *reader);

#endif
