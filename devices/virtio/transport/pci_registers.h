/* SPDX-License-Identifier: MIT
 *
 * What the files of the virtio-pci transport share. All of it belongs to the lock of the virtio device; the
 * functions are called with it held.
 */
#ifndef DEVICES_VIRTIO_TRANSPORT_PCI_REGISTERS_H
#define DEVICES_VIRTIO_TRANSPORT_PCI_REGISTERS_H

#include "devices/display/bochs_vbe.h"
#include "devices/pci/pci.h"
#include "devices/virtio/virtio.h"

#define VIRTIO_PCI_NO_VECTOR   0xffffu
#define VIRTIO_PCI_NOTIFY_STEP 4u /* bytes between the notification addresses of two queues */

enum { VIRTIO_PCI_ISR_QUEUE = 1, VIRTIO_PCI_ISR_CONFIG = 2 };

/* Where things are in the function's BARs. */
struct virtio_pci_layout {
    uint8_t modern, msix;   /* numbers of BARs */
    uint32_t structures_at; /* offset in the modern BAR */
    uint32_t modern_bytes;
};

struct virtio_pci {
    struct pci_function function; /* must be first: the ops cast back to the whole */
    struct pci_function_ops ops;  /* with the name below */
    char name[32];
    struct virtio_transport transport;
    struct virtio_device *vdev;
    struct bochs_vbe *vga; /* or NULL */
    const struct virtio_pci_layout *layout;
    bool has_legacy, has_modern;
    uint32_t device_feature_select, driver_feature_select;
    uint16_t queue_select;
    uint16_t config_vector, queue_vector[VIRTIO_QUEUES_MAX];
    uint32_t queue_pfn[VIRTIO_QUEUES_MAX]; /* legacy only */
    uint8_t isr;
};

/* The driver has written a status, through the legacy or the modern interface. */
void virtio_pci_write_status(struct virtio_pci *pci, uint8_t status, bool legacy);
/* Reads and clears the ISR status, which lowers the interrupt wire. */
uint8_t virtio_pci_read_isr(struct virtio_pci *pci);
/* The vector to store for what the driver writes: none, if it does not exist. */
uint16_t virtio_pci_vector(const struct virtio_pci *pci, uint32_t vector);

/* pci_modern.c: the common configuration structure, section 4.1.4.3. */
uint32_t virtio_pci_common_read(struct virtio_pci *pci, unsigned offset, unsigned size);
void virtio_pci_common_write(struct virtio_pci *pci, unsigned offset, unsigned size, uint32_t value);

/* pci_legacy.c: section 4.1.4.10. */
uint32_t virtio_pci_legacy_read(struct virtio_pci *pci, unsigned offset, unsigned size);
void virtio_pci_legacy_write(struct virtio_pci *pci, unsigned offset, unsigned size, uint32_t value);
/* How many bytes of the I/O BAR the registers of a device take. */
unsigned virtio_pci_legacy_size(const struct virtio_device *device);

#endif
