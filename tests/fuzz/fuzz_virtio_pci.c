/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target: a guest that drives the PCI bus with the fuzzer's bytes: configuration space, BARs
 * wherever it moved them, the registers of three virtio functions (transitional, modern, legacy), MSI-X,
 * saved states with bytes changed. The device behind each function only returns chains. At the end of every
 * input the bus is reset, and then each function must work as at the start. RAM lies between unmapped pages.
 *
 *   one operation in 8 bytes: kind, slot and size, offset (2), value (4)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/devices/virtio/pci_guest.h"
#include "util/state.h"

#define SLOTS       3u
#define QUEUES      3u
#define SIZE        8u
#define RING(queue) (GUEST_RAM_BASE + 0x10000 + 0x4000 * (queue))
#define DATA_AT     (GUEST_RAM_BASE + 0x40000)

struct echo {
    struct virtio_device device;
    struct virtq_chain chain;
};

static void echo_notify(struct virtio_device *device, struct virtqueue *queue)
{
    struct echo *echo = (struct echo *)device;
    uint8_t bytes[256] = { 0x5a };
    while (virtqueue_pop(queue, &echo->chain)) {
        virtq_chain_read(&echo->chain, 0, bytes, sizeof(bytes));
        size_t written = virtq_chain_write(&echo->chain, 0, bytes, sizeof(bytes));
        virtqueue_push(queue, &echo->chain, (uint32_t)written);
        virtqueue_signal(queue);
    }
}

static void echo_config_write(struct virtio_device *device, unsigned offset, unsigned size, uint64_t value)
{
    if (offset > device->config_size || size > device->config_size - offset)
        abort();
    memcpy(device->config + offset, &value, size);
    virtio_device_config_changed(device);
}

static void echo_destroy(struct virtio_device *device)
{
    virtio_device_fini(device);
    free(device);
}

#define ECHO_OPS                                                                                             \
    .name = "echo", .notify = echo_notify, .config_write = echo_config_write, .destroy = echo_destroy
static const struct virtio_device_ops echo_ops[SLOTS] = {
    { .id = 2, .pci_legacy = 0x1001, ECHO_OPS },
    { .id = 16, ECHO_OPS },
    { .id = 1, .pci_legacy = 0x1000, ECHO_OPS },
};

static struct pci_guest guest;

static void make_guest(void)
{
    static const enum virtio_pci_legacy legacy[SLOTS] = { VIRTIO_PCI_LEGACY_AUTO, VIRTIO_PCI_LEGACY_OFF,
                                                          VIRTIO_PCI_LEGACY_ON };
    struct error error;
    pci_guest_init(&guest);
    for (unsigned n = 0; n < SLOTS; n++) {
        struct echo *echo = calloc(1, sizeof(*echo));
        if (!echo || !virtio_device_init(&echo->device, &echo_ops[n], 7, QUEUES, SIZE, &error))
            abort();
        echo->device.config_size = 20 * n; /* the first has none */
        pci_guest_plug(&guest, 1 + n, &echo->device, legacy[n], n == 2);
    }
}

/* A driver that does everything right, up to DRIVER_OK. */
static void start(unsigned slot, bool legacy, struct ring *ring, unsigned queue)
{
    pci_guest_place_bars(&guest, slot);
    if (legacy)
        slot_negotiate_legacy(&guest, slot, 0);
    else
        slot_negotiate(&guest, slot, 1ull << VIRTIO_F_RING_RESET);
    slot_ring(&guest, slot, legacy, ring, queue, SIZE, RING(queue));
    if (legacy)
        slot_set_legacy(&guest, slot, LEGACY_STATUS, 1, 7);
    else
        slot_set_modern(&guest, slot, COMMON_STATUS, 1, 15);
    for (unsigned n = 0; n < SIZE; n++)
        ring_desc(ring, n, DATA_AT + 256 * n, 128, DESC_WRITE, 0);
    ring_offer(ring, 1);
}

static void kick(unsigned slot, bool legacy, unsigned queue)
{
    if (legacy)
        slot_set_legacy(&guest, slot, LEGACY_NOTIFY, 2, queue);
    else
        slot_set_modern(&guest, slot, MODERN_NOTIFY + 4 * queue, 2, queue);
}

/* Saves the bus, changes one byte, and loads it. */
static void reload(uint32_t value)
{
    struct device *ecam = pci_host_window(guest.host, PCI_WINDOW_ECAM);
    struct state_writer writer;
    struct state_reader reader;
    struct error error;
    state_writer_init(&writer);
    ecam->ops->save(ecam, &writer);
    if (!writer.failed && value >> 31)
        writer.bytes[(value >> 8 & 0x7fffff) % writer.length] ^= (uint8_t)value;
    state_reader_init(&reader, writer.bytes, writer.length, &error);
    if (!ecam->ops->load(ecam, &reader) && !(value >> 31))
        abort();
    state_writer_destroy(&writer);
}

static void access_window(enum pci_window window, uint64_t offset, unsigned size, uint64_t value, bool write)
{
    struct device *device = pci_host_window(guest.host, window);
    size = size > device->ops->access_max ? device->ops->access_max : size;
    offset = offset % device->ops->size & ~(uint64_t)(size - 1);
    if (write)
        pci_guest_write(&guest, window, offset, size, value);
    else
        pci_guest_read(&guest, window, offset, size);
}

static void operation(const uint8_t *op)
{
    unsigned slot = op[1] % 4, size = 1u << (op[1] >> 2 & 3), offset = op[2] | op[3] << 8;
    uint32_t value = op[4] | op[5] << 8 | op[6] << 16 | (uint32_t)op[7] << 24;
    bool write = op[0] & 1, legacy = slot == 3 || (op[1] & 0x10 && slot == 1);
    unsigned queue = (op[1] >> 5) % QUEUES;
    struct ring ring;
    switch (op[0] >> 1 & 15) {
    case 0:
    case 1:
    case 2: access_window(PCI_WINDOW_ECAM, slot << 15 | (offset & 0xfff), size, value, write); break;
    case 3:
    case 4:
    case 5:
        access_window(PCI_WINDOW_MEM64, PCI_GUEST_MODERN(slot) - 0x400000000 + offset % 0x4000, size, value,
                      write);
        break;
    case 6:
    case 7: access_window(PCI_WINDOW_IO, PCI_GUEST_IO(slot) + offset % 0x100, size, value, write); break;
    case 8:
        access_window(PCI_WINDOW_MEM32, PCI_GUEST_MSIX(slot) - 0x40000000 + offset % 0x1000, size, value,
                      write);
        break;
    case 9:
        access_window(op[1] % PCI_WINDOW_COUNT, (uint64_t)value << (offset % 8), size, offset, write);
        break;
    case 10: memcpy(guest_host(&guest.guest, RING(queue) + (offset & 0x1ffc)), &value, 4); break;
    case 11: start(1 + slot % SLOTS, legacy && slot, &ring, queue); break;
    case 12: kick(slot, legacy, queue); break;
    case 13: pci_guest_place_bars(&guest, slot); break;
    case 14: reload(value); break;
    default: slot_set_config(&guest, slot, PCI_COMMAND, 2, value); break;
    }
}

/* Conditions that hold whatever the guest did. */
static void check(void)
{
    static const uint32_t ids[SLOTS] = { 0x10011af4, 0x10501af4, 0x10001af4 };
    struct device *ecam = pci_host_window(guest.host, PCI_WINDOW_ECAM);
    struct ring ring;
    ecam->ops->reset(ecam);
    for (unsigned n = 0; n < PCI_PINS; n++) {
        if (atomic_load(&guest.wires[n]))
            abort();
    }
    for (unsigned n = 0; n < SLOTS; n++) {
        unsigned slot = 1 + n;
        bool legacy = n == 2;
        if (slot_config(&guest, slot, PCI_VENDOR_ID, 4) != ids[n] ||
            slot_config(&guest, slot, PCI_COMMAND, 2))
            abort();
        start(slot, legacy, &ring, 0);
        kick(slot, legacy, 0);
        if (ring_returned(&ring) != 1 || !atomic_load(&guest.wires[slot % PCI_PINS]))
            abort();
    }
    ecam->ops->reset(ecam);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!guest.host)
        make_guest();
    for (unsigned slot = 1; slot <= SLOTS; slot++)
        pci_guest_place_bars(&guest, slot);
    for (; size >= 8; data += 8, size -= 8)
        operation(data);
    check();
    return 0;
}
