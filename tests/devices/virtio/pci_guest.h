/* SPDX-License-Identifier: MIT
 *
 * The guest's side of virtio over PCI, for tests: a host bridge with virtio functions on it, whose BARs are
 * placed one after the other, RAM as in guest.h (whose virtio-mmio slot stays empty), and the wires and
 * messages that arrive.
 */
#ifndef TESTS_DEVICES_VIRTIO_PCI_GUEST_H
#define TESTS_DEVICES_VIRTIO_PCI_GUEST_H

#include "devices/pci/host.h"
#include "devices/virtio/transport/pci.h"
#include "tests/devices/virtio/guest.h"

#define PCI_GUEST_IO(slot)     (0x1000u + 0x100u * (slot))
#define PCI_GUEST_MSIX(slot)   (0x40000000u + 0x1000u * (slot))
#define PCI_GUEST_MODERN(slot) (0x400000000ull + 0x4000u * (slot))

enum { /* section 4.1.4.3 */
       COMMON_DEVICE_FEATURE_SELECT = 0,
       COMMON_DEVICE_FEATURE = 4,
       COMMON_DRIVER_FEATURE_SELECT = 8,
       COMMON_DRIVER_FEATURE = 12,
       COMMON_CONFIG_VECTOR = 16,
       COMMON_NUM_QUEUES = 18,
       COMMON_STATUS = 20,
       COMMON_GENERATION = 21,
       COMMON_QUEUE_SELECT = 22,
       COMMON_QUEUE_SIZE = 24,
       COMMON_QUEUE_VECTOR = 26,
       COMMON_QUEUE_ENABLE = 28,
       COMMON_QUEUE_NOTIFY_OFF = 30,
       COMMON_QUEUE_DESC = 32,
       COMMON_QUEUE_RESET = 58,
       MODERN_ISR = 0x1000,
       MODERN_CONFIG = 0x2000,
       MODERN_NOTIFY = 0x3000,
};

enum { /* section 4.1.4.10 */
       LEGACY_DEVICE_FEATURES = 0,
       LEGACY_DRIVER_FEATURES = 4,
       LEGACY_QUEUE_ADDRESS = 8,
       LEGACY_QUEUE_SIZE = 12,
       LEGACY_QUEUE_SELECT = 14,
       LEGACY_NOTIFY = 16,
       LEGACY_STATUS = 18,
       LEGACY_ISR = 19,
       LEGACY_CONFIG_VECTOR = 20,
       LEGACY_QUEUE_VECTOR = 22,
       LEGACY_CONFIG = 20,
       LEGACY_CONFIG_MSIX = 24,
};

enum { MSIX_CONTROL = 0x98 + 2, MSIX_ENABLE = 0x8000 };

struct pci_guest {
    struct guest guest;
    struct pci_host *host;
    atomic_bool wires[PCI_PINS];
    atomic_uint messages; /* how many arrived */
    uint64_t message_address;
    uint32_t message_data; /* of the last one */
};

void pci_guest_init(struct pci_guest *guest);
void pci_guest_destroy(struct pci_guest *guest);
/* Takes over the device, places the BARs and sets the command register. */
struct pci_function *pci_guest_plug(struct pci_guest *guest, unsigned slot, struct virtio_device *device,
                                    enum virtio_pci_legacy legacy, bool no_modern);
/* Places the BARs as firmware does. */
void pci_guest_place_bars(struct pci_guest *guest, unsigned slot);

uint64_t pci_guest_read(struct pci_guest *guest, enum pci_window window, uint64_t offset, unsigned size);
void pci_guest_write(struct pci_guest *guest, enum pci_window window, uint64_t offset, unsigned size,
                     uint64_t value);

uint32_t slot_config(struct pci_guest *guest, unsigned slot, unsigned offset, unsigned size);
void slot_set_config(struct pci_guest *guest, unsigned slot, unsigned offset, unsigned size, uint32_t value);
uint64_t slot_modern(struct pci_guest *guest, unsigned slot, unsigned offset, unsigned size);
void slot_set_modern(struct pci_guest *guest, unsigned slot, unsigned offset, unsigned size, uint64_t value);
uint32_t slot_legacy(struct pci_guest *guest, unsigned slot, unsigned offset, unsigned size);
void slot_set_legacy(struct pci_guest *guest, unsigned slot, unsigned offset, unsigned size, uint32_t value);

/* Reset and handshake. Modern: up to FEATURES_OK, with VERSION_1 added. Returns the status read back. */
uint8_t slot_negotiate(struct pci_guest *guest, unsigned slot, uint64_t features);
uint8_t slot_negotiate_legacy(struct pci_guest *guest, unsigned slot, uint32_t features);
/* A ring at `base`, laid out like that of guest_ring(); DRIVER_OK and notifications are the caller's task. */
void slot_ring(struct pci_guest *guest, unsigned slot, bool legacy, struct ring *ring, unsigned queue,
               unsigned size, uint64_t base);

#endif
