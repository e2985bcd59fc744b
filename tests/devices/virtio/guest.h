/* SPDX-License-Identifier: MIT
 *
 * The guest's side of a virtio device, for tests: RAM between unmapped pages (a device that strays faults), a
 * recorded interrupt line, and a driver that uses the registers of one virtio-mmio slot.
 */
#ifndef TESTS_DEVICES_VIRTIO_GUEST_H
#define TESTS_DEVICES_VIRTIO_GUEST_H

#include <stdatomic.h>

#include "devices/virtio/transport/mmio.h"

#define GUEST_RAM_BASE 0x80000000ull
#define GUEST_RAM_SIZE 0x100000ull

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };
enum {
    REG_MAGIC = 0x00,
    REG_VERSION = 0x04,
    REG_DEVICE_ID = 0x08,
    REG_VENDOR = 0x0c,
    REG_FEATURES = 0x10,
    REG_FEATURES_SEL = 0x14,
    REG_DRIVER_FEATURES = 0x20,
    REG_DRIVER_FEATURES_SEL = 0x24,
    REG_PAGE_SIZE = 0x28,
    REG_QUEUE_SEL = 0x30,
    REG_QUEUE_NUM_MAX = 0x34,
    REG_QUEUE_NUM = 0x38,
    REG_QUEUE_ALIGN = 0x3c,
    REG_QUEUE_PFN = 0x40,
    REG_QUEUE_READY = 0x44,
    REG_NOTIFY = 0x50,
    REG_INTERRUPT = 0x60,
    REG_ACK = 0x64,
    REG_STATUS = 0x70,
    REG_DESC = 0x80,
    REG_DRIVER = 0x90,
    REG_DEVICE = 0xa0,
    REG_SHM_LEN = 0xb0,
    REG_GENERATION = 0xfc,
    REG_CONFIG = 0x100,
};

struct guest {
    struct dma dma; /* must be first */
    uint8_t *ram;
    struct device *slot;
    struct virtio_device *vdev;
    bool legacy, strict;
    atomic_bool irq;       /* level of the wire */
    atomic_uint irq_count; /* how often it was raised, also while it was high */
    atomic_uint discarded; /* pages that the device has given back */
    atomic_ulong written;  /* how many bytes the device says it wrote */
};

/* A queue as the driver lays it out; in legacy mode the three areas follow each other. */
struct ring {
    struct guest *guest;
    unsigned queue, size;
    uint64_t desc, avail, used; /* guest physical */
    uint16_t avail_idx, used_idx;
};

struct guest_desc {
    uint64_t paddr;
    uint32_t length;
    uint16_t flags, next;
};

/* A slot with its fake RAM and without a device. It is destroyed together with the device that is plugged in
 * later. */
void guest_init(struct guest *guest, bool legacy);
void guest_init_strict(struct guest *guest, bool legacy);
void guest_plug(struct guest *guest, struct virtio_device *vdev);
void guest_destroy(struct guest *guest);

uint32_t guest_read(struct guest *guest, unsigned reg);
void guest_write(struct guest *guest, unsigned reg, uint32_t value);
void *guest_host(struct guest *guest, uint64_t paddr); /* NULL: not RAM */

/* Resets the device, then does the handshake up to FEATURES_OK; returns the status read back. VERSION_1 is
 * added to `features` if the slot is not legacy. */
uint32_t guest_negotiate(struct guest *guest, uint64_t features);
void guest_driver_ok(struct guest *guest);
/* Lays out a ring from `base` (page aligned), zeroes it and tells the device. */
void guest_ring(struct guest *guest, struct ring *ring, unsigned queue, unsigned size, uint64_t base);

void ring_desc(struct ring *ring, unsigned index, uint64_t paddr, uint32_t length, unsigned flags,
               unsigned next);
/* Puts a head into the available ring. */
void ring_offer(struct ring *ring, unsigned head);
void ring_kick(struct ring *ring);
/* How many chains came back that ring_take() has not taken yet. */
unsigned ring_returned(struct ring *ring);
/* Waits (at most 10 s) for a chain to come back; false if none does. */
bool ring_take(struct ring *ring, uint32_t *head, uint32_t *written);
/* Waits until the device's worker has nothing to do. */
void guest_settle(struct guest *guest);
/* Saves the slot's state and loads it again; aborts if the saved state cannot be loaded. */
void guest_reload(struct guest *guest);

#endif
