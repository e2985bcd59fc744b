/* SPDX-License-Identifier: MIT
 *
 * See hub.h. What is plugged into a port is seen when the driver switches the port's power on, and answers
 * when the driver has reset it. A port that has changed is told of once: a driver asks again at once, and
 * would otherwise be told without end until it has dealt with the change.
 */
#include "devices/usb/hub.h"

#include <stdlib.h>
#include <string.h>

#include "util/check.h"

enum { PORTS = 8, ENDPOINT = 0x81, DESCRIPTOR_HUB = 0x29, DESCRIPTOR_BYTES = 11 };
enum { TYPE_HUB = 0x20, TYPE_PORT = 0x23 };               /* section 11.24.2 */
enum { CLEAR_TT_BUFFER = 8, RESET_TT = 9, STOP_TT = 11 }; /* requests */
enum { FEATURE_ENABLE = 1, FEATURE_SUSPEND = 2, FEATURE_RESET = 4, FEATURE_POWER = 8, FEATURE_CHANGES = 16 };
enum { /* bits of a port's status, and of its changes; section 11.24.2.7 */
       PORT_CONNECTED = 1 << 0,
       PORT_ENABLED = 1 << 1,
       PORT_SUSPENDED = 1 << 2,
       PORT_RESET = 1 << 4,
       PORT_POWER = 1 << 8,
       PORT_LOW_SPEED = 1 << 9,
       PORT_HIGH_SPEED = 1 << 10,
       PORT_ALL = 0x717,
       CHANGES_ALL = 0x1f
};

struct usb_hub {
    struct usb_device device; /* must be first */
    struct hub_port {
        struct usb_device *child;
        uint16_t status, changes;
    } ports[PORTS + 1]; /* from 1 on */
    uint16_t told;      /* a bit for each port whose changes the driver knows of */
};

/* ---- Descriptors --------------------------------------------------------------------------------------- */

static const uint8_t device_descriptor[18] = {
    18,   USB_DESCRIPTOR_DEVICE,
    0x00, 0x02, /* USB 2.0 */
    9,    0,
    1,    64, /* a hub with one translator; packets of endpoint 0 */
    0x09, 0x04,
    0xaa, 0x55, /* vendor, product: those of QEMU's hub */
    0x01, 0x01, /* release */
    1,    2,
    3, /* strings: manufacturer, product, serial number */
    1, /* configurations */
};
/* clang-format off */
static const uint8_t configuration[25] = {
    9, USB_DESCRIPTOR_CONFIGURATION, 25, 0, 1, 1, 0, 0xc0, 0,
    9, USB_DESCRIPTOR_INTERFACE, 0, 0, 1, 9, 0, 0, 0,
    7, USB_DESCRIPTOR_ENDPOINT, ENDPOINT, 3, 2, 0, 12, /* interrupt, 2 bytes, every 256 ms */
};
/* Section 11.23.2.1: ports are switched on one by one, and need no time for it; all can be unplugged. */
static const uint8_t hub_descriptor[DESCRIPTOR_BYTES] = {
    DESCRIPTOR_BYTES, DESCRIPTOR_HUB, PORTS, 0x09, 0, 1, 0, 0, 0, 0xff, 0xff,
};
/* clang-format on */
static const char *const strings[] = { "Rvive", "Rvive USB Hub", "1", NULL };
static const struct usb_descriptors descriptors = { device_descriptor, configuration, strings };

/* ---- Ports --------------------------------------------------------------------------------------------- */

static void changed(struct usb_hub *hub, unsigned number, unsigned changes)
{
    hub->ports[number].changes |= (uint16_t)changes;
    hub->told &= (uint16_t) ~(1u << number);
    usb_device_ready(&hub->device, ENDPOINT);
}

static void power(struct usb_hub *hub, unsigned number, bool on)
{
    struct hub_port *port = &hub->ports[number];
    if (on == ((port->status & PORT_POWER) != 0))
        return;
    port->status = on ? PORT_POWER | (port->child ? PORT_CONNECTED : 0) : 0;
    port->changes = 0;
    if (port->child && on)
        changed(hub, number, PORT_CONNECTED);
    else if (port->child)
        usb_device_reset(port->child);
}

static void reset_port(struct usb_hub *hub, unsigned number)
{
    struct hub_port *port = &hub->ports[number];
    if (!(port->status & PORT_CONNECTED))
        return;
    usb_device_reset(port->child);
    port->status = PORT_POWER | PORT_CONNECTED | PORT_ENABLED;
    if (port->child->ops->speed == USB_SPEED_HIGH)
        port->status |= PORT_HIGH_SPEED;
    else if (port->child->ops->speed == USB_SPEED_LOW)
        port->status |= PORT_LOW_SPEED;
    changed(hub, number, PORT_RESET);
}

static int set_port_feature(struct usb_hub *hub, unsigned number, unsigned feature)
{
    struct hub_port *port = &hub->ports[number];
    switch (feature) {
    case FEATURE_POWER: power(hub, number, true); return 0;
    case FEATURE_RESET: reset_port(hub, number); return 0;
    case FEATURE_SUSPEND:
        if (port->status & PORT_ENABLED)
            port->status |= PORT_SUSPENDED;
        return 0;
    default: return -1;
    }
}

static int clear_port_feature(struct usb_hub *hub, unsigned number, unsigned feature)
{
    struct hub_port *port = &hub->ports[number];
    if (feature >= FEATURE_CHANGES && feature < FEATURE_CHANGES + 5) {
        port->changes &= (uint16_t) ~(1u << (feature - FEATURE_CHANGES));
        return 0;
    }
    switch (feature) {
    case FEATURE_POWER: power(hub, number, false); return 0;
    case FEATURE_ENABLE: port->status &= (uint16_t)~PORT_ENABLED; return 0;
    case FEATURE_SUSPEND:
        if (port->status & PORT_SUSPENDED) {
            port->status &= (uint16_t)~PORT_SUSPENDED;
            changed(hub, number, PORT_SUSPENDED);
        }
        return 0;
    default: return -1;
    }
}

static struct usb_device *hub_child(struct usb_device *device, unsigned number)
{
    struct usb_hub *hub = (struct usb_hub *)device;
    return number && number <= PORTS && hub->ports[number].status & PORT_ENABLED ? hub->ports[number].child
                                                                                 : NULL;
}

static bool hub_attach(struct usb_device *device, unsigned number, struct usb_device *child)
{
    struct usb_hub *hub = (struct usb_hub *)device;
    if (!number || number > PORTS || hub->ports[number].child)
        return false;
    hub->ports[number].child = child;
    if (hub->ports[number].status & PORT_POWER) {
        hub->ports[number].status |= PORT_CONNECTED;
        changed(hub, number, PORT_CONNECTED);
    }
    return true;
}

static void hub_detach(struct usb_device *device, unsigned number)
{
    struct usb_hub *hub = (struct usb_hub *)device;
    struct hub_port *port = &hub->ports[number];
    port->child = NULL;
    if (port->status & PORT_POWER) {
        port->status = PORT_POWER;
        changed(hub, number, PORT_CONNECTED);
    }
}

/* ---- Requests and transfers ---------------------------------------------------------------------------- */

static int port_request(struct usb_hub *hub, const struct usb_setup *setup, uint8_t *data)
{
    unsigned number = setup->index & 0xff;
    if (!number || number > PORTS)
        return -1;
    const struct hub_port *port = &hub->ports[number];
    switch (setup->request) {
    case USB_GET_STATUS:
        if (!(setup->type & USB_TYPE_IN))
            return -1;
        memcpy(data, &port->status, 2);
        memcpy(data + 2, &port->changes, 2);
        return 4;
    case USB_SET_FEATURE: return set_port_feature(hub, number, setup->value);
    case USB_CLEAR_FEATURE: return clear_port_feature(hub, number, setup->value);
    default: return setup->request == RESET_TT || setup->request == STOP_TT ? 0 : -1;
    }
}

static int hub_control(struct usb_device *device, const struct usb_setup *setup, uint8_t *data)
{
    bool in = setup->type & USB_TYPE_IN;
    if ((setup->type & ~USB_TYPE_IN) == TYPE_PORT)
        return setup->request == CLEAR_TT_BUFFER ? 0 : port_request((struct usb_hub *)device, setup, data);
    if ((setup->type & ~USB_TYPE_IN) != TYPE_HUB)
        return -1;
    switch (setup->request) {
    case USB_GET_DESCRIPTOR:
        memcpy(data, hub_descriptor, sizeof(hub_descriptor));
        return in ? (int)sizeof(hub_descriptor) : -1;
    case USB_GET_STATUS: memset(data, 0, 4); return in ? 4 : -1;
    case USB_SET_FEATURE:
    case USB_CLEAR_FEATURE: return setup->value <= 1 ? 0 : -1; /* changes of the hub's power */
    default: return -1;
    }
}

static enum usb_result hub_transfer(struct usb_device *device, uint8_t endpoint, struct usb_packet *packet)
{
    struct usb_hub *hub = (struct usb_hub *)device;
    uint16_t due = 0;
    if (endpoint != ENDPOINT)
        return USB_NO_ENDPOINT;
    for (unsigned n = 1; n <= PORTS; n++)
        if (hub->ports[n].changes)
            due |= (uint16_t)(1u << n);
    if (!(due & ~hub->told))
        return USB_NAK;
    hub->told = due;
    return usb_packet_write(packet, &due, sizeof(due)) < 0 ? USB_BAD_MEMORY : USB_DONE;
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

static void hub_reset(struct usb_device *device)
{
    struct usb_hub *hub = (struct usb_hub *)device;
    hub->told = 0;
    for (unsigned n = 1; n <= PORTS; n++) {
        hub->ports[n].status = hub->ports[n].changes = 0;
        if (hub->ports[n].child)
            usb_device_reset(hub->ports[n].child);
    }
}

static void hub_save(struct usb_device *device, struct state_writer *writer)
{
    const struct usb_hub *hub = (const struct usb_hub *)device;
    uint16_t ports[PORTS + 1][2] = { 0 };
    for (unsigned n = 1; n <= PORTS; n++) {
        ports[n][0] = hub->ports[n].status;
        ports[n][1] = hub->ports[n].changes;
    }
    state_put_bytes(writer, "ports", ports, sizeof(ports));
    state_put(writer, "told", hub->told);
}

static void hub_load(struct usb_device *device, struct state_reader *reader)
{
    struct usb_hub *hub = (struct usb_hub *)device;
    uint16_t ports[PORTS + 1][2] = { 0 };
    state_get_bytes(reader, "ports", ports, sizeof(ports));
    hub->told = (uint16_t)state_get(reader, "told", UINT16_MAX);
    for (unsigned n = 1; n <= PORTS && !reader->failed; n++) {
        hub->ports[n].status = ports[n][0] & (hub->ports[n].child ? PORT_ALL : PORT_POWER);
        hub->ports[n].changes = ports[n][1] & CHANGES_ALL;
    }
}

static void hub_destroy(struct usb_device *device)
{
    free(device);
}

static const struct usb_device_ops hub_ops = {
    .name = "usb-hub",
    .speed = USB_SPEED_HIGH,
    .control = hub_control,
    .transfer = hub_transfer,
    .reset = hub_reset,
    .child = hub_child,
    .attach = hub_attach,
    .detach = hub_detach,
    .save = hub_save,
    .load = hub_load,
    .destroy = hub_destroy,
};

struct usb_device *usb_hub_create(struct error *error)
{
    struct usb_hub *hub = calloc(1, sizeof(*hub));
    if (!hub) {
        error_set(error, "usb-hub: out of memory");
        return NULL;
    }
    hub->device.ops = &hub_ops;
    hub->device.descriptors = &descriptors;
    return &hub->device;
}

static struct usb_device *model_create(const struct device_plug *plug, struct error *error)
{
    (void)plug;
    return usb_hub_create(error);
}

static const struct device_key no_keys[] = { { .name = NULL } };

const struct device_model usb_hub_model = {
    .name = "usb-hub",
    .text = "a USB hub with eight ports",
    .buses = DEVICE_BUS_USB,
    .keys = no_keys,
    .create_usb = model_create,
};
