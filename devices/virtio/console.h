/* SPDX-License-Identifier: MIT
 *
 * The virtio console device (Virtio 1.2 section 5.3): one console, or several ports, each a console or a
 * serial port of its own, on a chardev each.
 */
#ifndef DEVICES_VIRTIO_CONSOLE_H
#define DEVICES_VIRTIO_CONSOLE_H

#include "devices/char/chardev.h"
#include "devices/virtio/virtio.h"

#define VIRTIO_CONSOLE_PORTS_MAX 16u

struct virtio_console_port {
    struct chardev *chardev; /* borrowed; virtio_console_create() says when it may be destroyed */
    unsigned number;         /* 0 to VIRTIO_CONSOLE_PORTS_MAX - 1; 0 is a console's */
    bool is_console;         /* false: a serial port, which programs in the guest open as a file */
    const char *name;        /* the guest finds the port by it; NULL: none; borrowed */
};

struct virtio_console_config {
    const struct virtio_console_port *ports; /* all with different numbers; copied */
    unsigned count;                          /* 1 to VIRTIO_CONSOLE_PORTS_MAX */
    uint16_t columns, rows;                  /* of consoles; 0: not known, and no size is offered */
};

/* Attaches itself to the chardevs, whose thread then calls back. So these must end in this order: the harts
 * stop, the slot is reset (the device then writes nothing more), the chardevs are destroyed, the device is
 * destroyed. A single console is offered without the feature for several ports. NULL and *error if the host
 * has no memory or thread. */
struct virtio_device *virtio_console_create(const struct virtio_console_config *config, struct error *error);
/* The terminal has a new size (ignored if its size was not known at first). Any thread. */
void virtio_console_resize(struct virtio_device *device, uint16_t columns, uint16_t rows);

extern const struct device_model virtio_console_model;
extern const struct device_model virtconsole_model;
extern const struct device_model virtserialport_model;

#endif
