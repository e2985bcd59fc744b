/* SPDX-License-Identifier: MIT
 *
 * The guest's side of a virtio device: see guest.h. It aborts if the test is wrong, or if a device claims to
 * have written outside RAM.
 */
#include "tests/devices/virtio/guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "devices/virtio/worker.h"

#define GUARD 0x10000u

static void *ram_map(struct dma *dma, uint64_t paddr, uint64_t length, bool write)
{
    struct guest *guest = (struct guest *)dma;
    (void)write;
    if (paddr < GUEST_RAM_BASE || paddr - GUEST_RAM_BASE >= GUEST_RAM_SIZE ||
        length > GUEST_RAM_SIZE - (paddr - GUEST_RAM_BASE))
        return NULL;
    return guest->ram + (paddr - GUEST_RAM_BASE);
}

static void ram_written(struct dma *dma, uint64_t paddr, uint64_t length)
{
    struct guest *guest = (struct guest *)dma;
    if (!ram_map(dma, paddr, length, true))
        abort();
    atomic_fetch_add(&guest->written, length);
}

/* What was given back is gone at once. */
static bool ram_discard(struct dma *dma, uint64_t paddr, uint64_t length, bool zeros)
{
    struct guest *guest = (struct guest *)dma;
    (void)zeros;
    if ((paddr | length) % 4096 || !length)
        abort();
    uint8_t *bytes = ram_map(dma, paddr, length, true);
    if (!bytes)
        return false;
    memset(bytes, 0, length);
    atomic_fetch_add(&guest->discarded, (unsigned)(length / 4096));
    return true;
}

static const struct dma_ops ram_ops = { .map = ram_map, .written = ram_written, .discard = ram_discard };

static void irq_set(void *controller, unsigned number, bool level)
{
    struct guest *guest = controller;
    if (number != 1)
        abort();
    if (level)
        atomic_fetch_add(&guest->irq_count, 1);
    atomic_store(&guest->irq, level);
}

static void init(struct guest *guest, bool legacy, bool strict)
{
    memset(guest, 0, sizeof(*guest));
    guest->strict = strict;
    guest->dma.ops = &ram_ops;
    guest->legacy = legacy;
    uint8_t *map = mmap(NULL, GUEST_RAM_SIZE + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map + GUARD, GUEST_RAM_SIZE, PROT_READ | PROT_WRITE))
        abort();
    guest->ram = map + GUARD;
    struct virtio_mmio_config config = { { irq_set, guest, 1 }, &guest->dma, legacy, strict };
    struct error error;
    guest->slot = virtio_mmio_create(&config, &error);
    if (!guest->slot)
        abort();
}

void guest_init(struct guest *guest, bool legacy)
{
    init(guest, legacy, false);
}

void guest_init_strict(struct guest *guest, bool legacy)
{
    init(guest, legacy, true);
}

void guest_plug(struct guest *guest, struct virtio_device *vdev)
{
    guest->vdev = vdev;
    virtio_mmio_plug(guest->slot, vdev);
}

void guest_destroy(struct guest *guest)
{
    guest->slot->ops->destroy(guest->slot);
    munmap(guest->ram - GUARD, GUEST_RAM_SIZE + 2 * GUARD);
}

uint32_t guest_read(struct guest *guest, unsigned reg)
{
    return (uint32_t)guest->slot->ops->read(guest->slot, reg, 4);
}

void guest_write(struct guest *guest, unsigned reg, uint32_t value)
{
    guest->slot->ops->write(guest->slot, reg, 4, value);
}

void *guest_host(struct guest *guest, uint64_t paddr)
{
    return ram_map(&guest->dma, paddr, 1, true);
}

uint32_t guest_negotiate(struct guest *guest, uint64_t features)
{
    guest_write(guest, REG_STATUS, 0);
    guest_write(guest, REG_STATUS, VIRTIO_ACKNOWLEDGE);
    guest_write(guest, REG_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    if (!guest->legacy)
        features |= 1ull << VIRTIO_F_VERSION_1;
    for (unsigned word = 0; word < (guest->legacy ? 1 : 2); word++) {
        guest_write(guest, REG_DRIVER_FEATURES_SEL, word);
        guest_write(guest, REG_DRIVER_FEATURES, (uint32_t)(features >> 32 * word));
    }
    if (guest->legacy)
        guest_write(guest, REG_PAGE_SIZE, 4096);
    else
        guest_write(guest, REG_STATUS, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
    return guest_read(guest, REG_STATUS);
}

void guest_driver_ok(struct guest *guest)
{
    guest_write(guest, REG_STATUS, guest_read(guest, REG_STATUS) | VIRTIO_DRIVER_OK);
}

void guest_ring(struct guest *guest, struct ring *ring, unsigned queue, unsigned size, uint64_t base)
{
    *ring = (struct ring){ .guest = guest, .queue = queue, .size = size, .desc = base };
    ring->avail = base + 16ull * size;
    ring->used = (ring->avail + 6 + 2ull * size + 4095) & ~4095ull;
    memset(guest_host(guest, base), 0, ring->used + 6 + 8ull * size - base);
    guest_write(guest, REG_QUEUE_SEL, queue);
    guest_write(guest, REG_QUEUE_NUM, size);
    if (guest->legacy) {
        guest_write(guest, REG_QUEUE_ALIGN, 4096);
        guest_write(guest, REG_QUEUE_PFN, (uint32_t)(base / 4096));
        return;
    }
    const uint64_t areas[3] = { ring->desc, ring->avail, ring->used };
    for (unsigned n = 0; n < 3; n++) {
        guest_write(guest, REG_DESC + 16 * n, (uint32_t)areas[n]);
        guest_write(guest, REG_DESC + 16 * n + 4, (uint32_t)(areas[n] >> 32));
    }
    guest_write(guest, REG_QUEUE_READY, 1);
}

void ring_desc(struct ring *ring, unsigned index, uint64_t paddr, uint32_t length, unsigned flags,
               unsigned next)
{
    struct guest_desc desc = { paddr, length, (uint16_t)flags, (uint16_t)next };
    memcpy(guest_host(ring->guest, ring->desc + sizeof(desc) * index), &desc, sizeof(desc));
}

void ring_offer(struct ring *ring, unsigned head)
{
    uint16_t *avail = guest_host(ring->guest, ring->avail);
    __atomic_store_n(&avail[2 + ring->avail_idx % ring->size], (uint16_t)head, __ATOMIC_RELAXED);
    __atomic_store_n(&avail[1], ++ring->avail_idx, __ATOMIC_RELEASE);
}

void ring_kick(struct ring *ring)
{
    guest_write(ring->guest, REG_NOTIFY, ring->queue);
}

unsigned ring_returned(struct ring *ring)
{
    uint16_t *used = guest_host(ring->guest, ring->used);
    return (uint16_t)(__atomic_load_n(&used[1], __ATOMIC_ACQUIRE) - ring->used_idx);
}

bool ring_take(struct ring *ring, uint32_t *head, uint32_t *written)
{
    for (unsigned tries = 0; !ring_returned(ring); tries++) {
        if (tries == 100000)
            return false;
        nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
    }
    uint32_t entry[2];
    uint8_t *used = guest_host(ring->guest, ring->used);
    memcpy(entry, used + 4 + 8 * (ring->used_idx % ring->size), sizeof(entry));
    ring->used_idx++;
    if (head)
        *head = entry[0];
    if (written)
        *written = entry[1];
    return true;
}

void guest_settle(struct guest *guest)
{
    struct virtio_device *vdev = guest->vdev;
    for (;;) {
        pthread_mutex_lock(&vdev->lock);
        bool idle = !vdev->worker || (!vdev->worker->threads.kicked && !vdev->worker->threads.busy);
        pthread_mutex_unlock(&vdev->lock);
        if (idle)
            return;
        nanosleep(&(struct timespec){ .tv_nsec = 20000 }, NULL);
    }
}

void guest_reload(struct guest *guest)
{
    struct device *slot = guest->slot;
    struct state_writer writer;
    struct state_reader reader;
    struct error error;
    state_writer_init(&writer);
    slot->ops->save(slot, &writer);
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    if (!writer.failed && !slot->ops->load(slot, &reader))
        abort();
    state_writer_destroy(&writer);
}
