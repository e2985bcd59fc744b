/* SPDX-License-Identifier: MIT
 *
 * The guest's side of virtio over PCI: see pci_guest.h. It aborts if the test is wrong.
 */
#include "tests/devices/virtio/pci_guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void wire_set(void *controller, unsigned number, bool level)
{
    struct pci_guest *guest = controller;
    if (number >= PCI_PINS)
        abort();
    atomic_store(&guest->wires[number], level);
}

static bool take_message(void *opaque, uint64_t address, uint32_t data)
{
    struct pci_guest *guest = opaque;
    guest->message_address = address;
    guest->message_data = data;
    atomic_fetch_add(&guest->messages, 1);
    return true;
}

void pci_guest_init(struct pci_guest *guest)
{
    struct pci_host_config config = {
        .windows = { { 0x30000000, 0x10000000 },
                     { 0x3000000, 0x10000 },
                     { 0x40000000, 0x40000000 },
                     { 0x400000000, 0x400000000 } },
        .first_irq = 32,
        .irq_parent = 1,
        .msi = { take_message, guest },
    };
    struct error error;
    memset(guest, 0, sizeof(*guest));
    guest_init(&guest->guest, false);
    for (unsigned n = 0; n < PCI_PINS; n++)
        config.intx[n] = (struct irq_line){ wire_set, guest, n };
    guest->host = pci_host_create(&config, &error);
    if (!guest->host)
        abort();
}

void pci_guest_destroy(struct pci_guest *guest)
{
    struct device *ecam = pci_host_window(guest->host, PCI_WINDOW_ECAM);
    ecam->ops->destroy(ecam);
    guest_destroy(&guest->guest);
}

uint64_t pci_guest_read(struct pci_guest *guest, enum pci_window window, uint64_t offset, unsigned size)
{
    struct device *device = pci_host_window(guest->host, window);
    if (offset % size || size > device->ops->access_max || offset > device->ops->size - size)
        abort();
    return device->ops->read(device, offset, size);
}

void pci_guest_write(struct pci_guest *guest, enum pci_window window, uint64_t offset, unsigned size,
                     uint64_t value)
{
    struct device *device = pci_host_window(guest->host, window);
    if (offset % size || size > device->ops->access_max || offset > device->ops->size - size)
        abort();
    device->ops->write(device, offset, size, value & UINT64_MAX >> (64 - 8 * size));
}

uint32_t slot_config(struct pci_guest *guest, unsigned slot, unsigned offset, unsigned size)
{
    return (uint32_t)pci_guest_read(guest, PCI_WINDOW_ECAM, slot << 15 | offset, size);
}

void slot_set_config(struct pci_guest *guest, unsigned slot, unsigned offset, unsigned size, uint32_t value)
{
    pci_guest_write(guest, PCI_WINDOW_ECAM, slot << 15 | offset, size, value);
}

uint64_t slot_modern(struct pci_guest *guest, unsigned slot, unsigned offset, unsigned size)
{
    return pci_guest_read(guest, PCI_WINDOW_MEM64, PCI_GUEST_MODERN(slot) - 0x400000000 + offset, size);
}

void slot_set_modern(struct pci_guest *guest, unsigned slot, unsigned offset, unsigned size, uint64_t value)
{
    pci_guest_write(guest, PCI_WINDOW_MEM64, PCI_GUEST_MODERN(slot) - 0x400000000 + offset, size, value);
}

uint32_t slot_legacy(struct pci_guest *guest, unsigned slot, unsigned offset, unsigned size)
{
    return (uint32_t)pci_guest_read(guest, PCI_WINDOW_IO, PCI_GUEST_IO(slot) + offset, size);
}

void slot_set_legacy(struct pci_guest *guest, unsigned slot, unsigned offset, unsigned size, uint32_t value)
{
    pci_guest_write(guest, PCI_WINDOW_IO, PCI_GUEST_IO(slot) + offset, size, value);
}

void pci_guest_place_bars(struct pci_guest *guest, unsigned slot)
{
    slot_set_config(guest, slot, PCI_BAR, 4, PCI_GUEST_IO(slot));
    slot_set_config(guest, slot, PCI_BAR + 4, 4, PCI_GUEST_MSIX(slot));
    slot_set_config(guest, slot, PCI_BAR + 16, 4, (uint32_t)PCI_GUEST_MODERN(slot));
    slot_set_config(guest, slot, PCI_BAR + 20, 4, PCI_GUEST_MODERN(slot) >> 32);
    slot_set_config(guest, slot, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

struct pci_function *pci_guest_plug(struct pci_guest *guest, unsigned slot, struct virtio_device *device,
                                    enum virtio_pci_legacy legacy, bool no_modern)
{
    struct error error = { .text = "" };
    struct virtio_pci_config config = { .dma = &guest->guest.dma,
                                        .legacy = legacy,
                                        .no_modern = no_modern,
                                        .vectors = VIRTIO_PCI_VECTORS_DEFAULT };
    struct pci_function *function = virtio_pci_create(&config, device, &error);
    if (!function || !pci_bus_plug(pci_host_bus(guest->host), function, slot, 0, &error)) {
        fprintf(stderr, "%s\n", error.text);
        abort();
    }
    pci_guest_place_bars(guest, slot);
    return function;
}

uint8_t slot_negotiate(struct pci_guest *guest, unsigned slot, uint64_t features)
{
    features |= 1ull << VIRTIO_F_VERSION_1;
    slot_set_modern(guest, slot, COMMON_STATUS, 1, 0);
    slot_set_modern(guest, slot, COMMON_STATUS, 1, VIRTIO_ACKNOWLEDGE);
    slot_set_modern(guest, slot, COMMON_STATUS, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    for (unsigned word = 0; word < 2; word++) {
        slot_set_modern(guest, slot, COMMON_DRIVER_FEATURE_SELECT, 4, word);
        slot_set_modern(guest, slot, COMMON_DRIVER_FEATURE, 4, (uint32_t)(features >> 32 * word));
    }
    slot_set_modern(guest, slot, COMMON_STATUS, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
    return (uint8_t)slot_modern(guest, slot, COMMON_STATUS, 1);
}

uint8_t slot_negotiate_legacy(struct pci_guest *guest, unsigned slot, uint32_t features)
{
    slot_set_legacy(guest, slot, LEGACY_STATUS, 1, 0);
    slot_set_legacy(guest, slot, LEGACY_STATUS, 1, VIRTIO_ACKNOWLEDGE);
    slot_set_legacy(guest, slot, LEGACY_STATUS, 1, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
    slot_set_legacy(guest, slot, LEGACY_DRIVER_FEATURES, 4, features);
    return (uint8_t)slot_legacy(guest, slot, LEGACY_STATUS, 1);
}

void slot_ring(struct pci_guest *guest, unsigned slot, bool legacy, struct ring *ring, unsigned queue,
               unsigned size, uint64_t base)
{
    *ring = (struct ring){ .guest = &guest->guest, .queue = queue, .size = size, .desc = base };
    ring->avail = base + 16ull * size;
    ring->used = (ring->avail + 6 + 2ull * size + 4095) & ~4095ull;
    memset(guest_host(&guest->guest, base), 0, ring->used + 6 + 8ull * size - base);
    if (legacy) {
        slot_set_legacy(guest, slot, LEGACY_QUEUE_SELECT, 2, queue);
        slot_set_legacy(guest, slot, LEGACY_QUEUE_ADDRESS, 4, (uint32_t)(base >> 12));
        return;
    }
    const uint64_t areas[3] = { ring->desc, ring->avail, ring->used };
    slot_set_modern(guest, slot, COMMON_QUEUE_SELECT, 2, queue);
    slot_set_modern(guest, slot, COMMON_QUEUE_SIZE, 2, size);
    for (unsigned n = 0; n < 3; n++) {
        slot_set_modern(guest, slot, COMMON_QUEUE_DESC + 8 * n, 4, (uint32_t)areas[n]);
        slot_set_modern(guest, slot, COMMON_QUEUE_DESC + 8 * n + 4, 4, (uint32_t)(areas[n] >> 32));
    }
    slot_set_modern(guest, slot, COMMON_QUEUE_ENABLE, 2, 1);
}
