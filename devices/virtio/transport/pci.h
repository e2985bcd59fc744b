/* SPDX-License-Identifier: MIT
 *
 * A virtio device as a PCI function (Virtio 1.2 section 4.1): the same devices as behind virtio-mmio, found
 * by their ids on the bus. A transitional function shows the legacy interface (4.1.4.10) in an I/O BAR beside
 * the modern one in a memory BAR; a driver uses one of the two, and says which when it resets the device.
 *
 *     BAR 0  I/O    legacy registers and configuration space
 *     BAR 1  mem32  MSI-X table and pending bits
 *     BAR 4  mem64  modern: common configuration, ISR status, device configuration, notifications
 *
 * virtio-vga is virtio-gpu with a simple screen for firmware (bochs_vbe.h) in the same function:
 *
 *     BAR 0  mem32  the screen's memory
 *     BAR 2  mem64  the screen's registers, then the modern ones
 *     BAR 4  mem32  MSI-X
 */
#ifndef DEVICES_VIRTIO_TRANSPORT_PCI_H
#define DEVICES_VIRTIO_TRANSPORT_PCI_H

#include "devices/display/bochs_vbe.h"
#include "devices/pci/pci.h"
#include "devices/virtio/virtio.h"

/* Whether there is a legacy interface. AUTO: if this kind of device had one before Virtio 1.0. */
enum virtio_pci_legacy { VIRTIO_PCI_LEGACY_AUTO, VIRTIO_PCI_LEGACY_ON, VIRTIO_PCI_LEGACY_OFF };

#define VIRTIO_PCI_VECTORS_DEFAULT UINT32_MAX /* one a queue, and one for changes of the configuration */

struct virtio_pci_config {
    struct dma *dma;
    const char *name; /* of the function, for messages and the monitor; NULL: the device's name with "-pci" */
    enum virtio_pci_legacy legacy;
    bool no_modern;     /* the legacy interface alone */
    bool multifunction; /* other functions share the slot; must be set for function 0 */
    uint32_t vectors;   /* of MSI-X; 0: none */
    /* It is behind a PCI Express port: it says that it is an endpoint, and AUTO means that there is no legacy
     * interface, for which the port's window of I/O would have to be set up. */
    bool express;
    /* Makes the function a virtio-vga, whose device must be virtio-gpu; NULL: it is not one. */
    struct bochs_vbe *vga;
};

/* Takes over the device and the screen. If no interface is left or memory is short, returns NULL with *error,
 * and the caller keeps both. */
struct pci_function *virtio_pci_create(const struct virtio_pci_config *config, struct virtio_device *device,
                                       struct error *error);

#endif
