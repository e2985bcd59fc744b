/* SPDX-License-Identifier: MIT
 *
 * The xHCI controller as a PCI function, with the layout of QEMU's: one BAR with the registers and the
 * vectors of MSI-X. And what keeps it going: see xhci_internal.h.
 */
#include "devices/usb/xhci_internal.h"

#include <stdlib.h>
#include <string.h>

#include "devices/pci/msix.h"
#include "util/check.h"
#include "util/log.h"

enum { BAR_REGISTERS = 0, BAR_BYTES = 0x4000, TABLE_AT = 0x3000, PENDING_AT = 0x3800 };
enum { MSIX_AT = 0x90, EXPRESS_AT = 0xa0 }; /* capabilities */
enum { SERIAL_BUS_RELEASE = 0x60 };         /* in configuration space: the version of USB */
enum { MODERATION_AT_RESET = 4000 };

/* ---- Work ---------------------------------------------------------------------------------------------- */

bool xhci_runs(const struct xhci *xhci)
{
    CHECK_HELD((pthread_mutex_t *)&xhci->lock);
    return xhci->command & CMD_RUN && !(xhci->status & (STS_HALTED | STS_CONTROLLER_ERROR)) &&
           !xhci->stopped && !xhci->held;
}

void xhci_fail(struct xhci *xhci, const char *what, uint64_t address)
{
    CHECK_HELD(&xhci->lock);
    LOG_GUEST("xhci: %s is at 0x%llx, which is not possible", what, (unsigned long long)address);
    xhci->status |= STS_CONTROLLER_ERROR | STS_HALTED;
}

/* Works on all endpoints that are to be looked at. */
static void run_endpoints(struct xhci *xhci)
{
    for (unsigned n = 1; n <= XHCI_SLOTS; n++) {
        struct xhci_slot *slot = &xhci->slots[n];
        for (uint32_t due = slot->ready; due && xhci_runs(xhci); due &= due - 1) {
            unsigned endpoint = (unsigned)__builtin_ctz(due);
            slot->ready &= ~(1u << endpoint);
            if (xhci_endpoint_run(xhci, n, endpoint))
                slot->ready |= 1u << endpoint;
        }
    }
}

void xhci_work(struct xhci *xhci)
{
    CHECK_HELD(&xhci->lock);
    if (xhci->busy)
        return;
    xhci->busy = true;
    xhci->budget = XHCI_SLICE;
    do {
        xhci->noted = false;
        xhci_ports_tell(xhci);
        xhci_commands(xhci);
        run_endpoints(xhci);
    } while (xhci->noted && xhci->budget && xhci_runs(xhci));
    xhci->busy = false;
    if (!xhci->budget && xhci_runs(xhci))
        clock_timer_arm(&xhci->later, clock_ns(xhci->config.clock) + XHCI_LATER_NS);
}

static void later_fire(void *opaque)
{
    struct xhci *xhci = opaque;
    pthread_mutex_lock(&xhci->lock);
    xhci_work(xhci);
    pthread_mutex_unlock(&xhci->lock);
}

/* A device has something to say on an endpoint. */
static void host_ready(struct usb_host *host, struct usb_device *device, uint8_t address)
{
    struct xhci *xhci = (struct xhci *)((char *)host - offsetof(struct xhci, host));
    unsigned endpoint = (address & 15u) * 2 + (address & USB_TYPE_IN ? 1 : 0);
    for (unsigned n = 1; n <= XHCI_SLOTS; n++) {
        struct xhci_slot *slot = &xhci->slots[n];
        if (slot->enabled && slot->endpoints[endpoint].state == EP_RUNNING &&
            xhci_find_device(xhci, slot->port, slot->route) == device) {
            slot->ready |= 1u << endpoint;
            xhci->noted = true;
        }
    }
    xhci_work(xhci);
}

void xhci_reset(struct xhci *xhci)
{
    CHECK_HELD(&xhci->lock);
    xhci->command = xhci->notify = xhci->configure = 0;
    xhci->status = STS_HALTED;
    xhci->contexts = 0;
    xhci->commands = (struct xhci_ring){ 0, false };
    xhci->commands_run = xhci->commands_ready = false;
    for (unsigned n = 0; n <= XHCI_SLOTS; n++)
        xhci_slot_clear(&xhci->slots[n]);
    memset(xhci->interrupters, 0, sizeof(xhci->interrupters));
    for (unsigned n = 0; n < XHCI_INTERRUPTERS; n++)
        xhci->interrupters[n].imod = MODERATION_AT_RESET;
    xhci_ports_reset(xhci);
    xhci_update_wire(xhci);
}

/* ---- Accesses ------------------------------------------------------------------------------------------ */

static uint64_t bar_read(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size)
{
    struct xhci *xhci = (struct xhci *)function;
    (void)bar, (void)size;
    pthread_mutex_lock(&xhci->lock);
    uint32_t value = xhci_register_read(xhci, (unsigned)offset & ~3u);
    pthread_mutex_unlock(&xhci->lock);
    value >>= 8 * (offset & 3);
    return size < 4 ? value & ((1u << 8 * size) - 1) : value;
}

static void bar_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size,
                      uint64_t value)
{
    struct xhci *xhci = (struct xhci *)function;
    (void)bar;
    if (size != 4) {
        LOG_GUEST("xhci: write of %u bytes to offset 0x%llx", size, (unsigned long long)offset);
        return;
    }
    pthread_mutex_lock(&xhci->lock);
    xhci_register_write(xhci, (unsigned)offset, (uint32_t)value);
    pthread_mutex_unlock(&xhci->lock);
}

/* A function that may not master the bus does nothing, and goes on when it may again. */
static void config_written(struct pci_function *function, unsigned offset, unsigned size)
{
    struct xhci *xhci = (struct xhci *)function;
    if (!pci_config_overlaps(offset, size, PCI_COMMAND, 2))
        return;
    pthread_mutex_lock(&xhci->lock);
    xhci->stopped = !pci_function_is_bus_master(function);
    xhci_work(xhci);
    pthread_mutex_unlock(&xhci->lock);
}

static void function_reset(struct pci_function *function)
{
    struct xhci *xhci = (struct xhci *)function;
    pthread_mutex_lock(&xhci->lock);
    xhci->stopped = !pci_function_is_bus_master(function);
    xhci_reset(xhci);
    pthread_mutex_unlock(&xhci->lock);
}

static void function_hold(struct pci_function *function, bool held)
{
    struct xhci *xhci = (struct xhci *)function;
    usb_devices_hold(xhci->devices, held);
    pthread_mutex_lock(&xhci->lock);
    xhci->held = held;
    xhci_work(xhci);
    pthread_mutex_unlock(&xhci->lock);
}

static void function_destroy(struct pci_function *function)
{
    struct xhci *xhci = (struct xhci *)function;
    pthread_mutex_lock(&xhci->lock);
    for (unsigned n = 1; n <= XHCI_SLOTS; n++) /* what a window still says finds no device any more */
        xhci_slot_clear(&xhci->slots[n]);
    pthread_mutex_unlock(&xhci->lock);
    usb_devices_destroy(xhci->devices);
    clock_timer_cancel(&xhci->later);
    pci_function_fini(function);
    pthread_mutex_destroy(&xhci->lock);
    free(xhci);
}

static const struct pci_function_ops xhci_ops = {
    .name = "qemu-xhci",
    .access_max = 4,
    .read = bar_read,
    .write = bar_write,
    .config_written = config_written,
    .reset = function_reset,
    .hold = function_hold,
    .save = xhci_save,
    .load = xhci_load,
    .destroy = function_destroy,
};

/* ---- Plugging in --------------------------------------------------------------------------------------- */

/* Port `number` of those that have the device's kind. */
static bool attach_root(struct usb_host *host, struct usb_device *device, unsigned number)
{
    struct xhci *xhci = (struct xhci *)((char *)host - offsetof(struct xhci, host));
    for (unsigned n = 1; n <= xhci->port_count; n++) {
        struct xhci_port *port = &xhci->ports[n];
        if (port->usb3 != (device->ops->speed == USB_SPEED_SUPER) || --number)
            continue;
        if (port->device)
            return false;
        port->device = device;
        xhci_port_plugged(xhci, port);
        return true;
    }
    return false;
}

static void detach_root(struct usb_host *host, struct usb_device *device)
{
    struct xhci *xhci = (struct xhci *)((char *)host - offsetof(struct xhci, host));
    for (unsigned n = 1; n <= xhci->port_count; n++) {
        if (xhci->ports[n].device != device)
            continue;
        xhci->ports[n].device = NULL;
        xhci_port_plugged(xhci, &xhci->ports[n]);
    }
}

bool xhci_attach(struct pci_function *function, struct usb_device *device, const char *path,
                 struct error *error)
{
    struct xhci *xhci = (struct xhci *)function;
    const struct usb_plug plug = { &xhci->host, &xhci->devices, attach_root, detach_root };
    if (!usb_device_plug(device, path, &plug, error))
        return false;
    pthread_mutex_lock(&xhci->lock);
    xhci_work(xhci);
    pthread_mutex_unlock(&xhci->lock);
    return true;
}

/* Transfers that wait for the device fail: nobody answers any more. */
void xhci_detach(struct pci_function *function, struct usb_device *device)
{
    struct xhci *xhci = (struct xhci *)function;
    const struct usb_plug plug = { &xhci->host, &xhci->devices, attach_root, detach_root };
    pthread_mutex_lock(&xhci->lock);
    for (unsigned n = 1; n <= XHCI_SLOTS; n++) {
        struct xhci_slot *slot = &xhci->slots[n];
        if (!slot->enabled || xhci_find_device(xhci, slot->port, slot->route) != device)
            continue;
        for (unsigned endpoint = 1; endpoint < XHCI_ENDPOINTS; endpoint++)
            if (slot->endpoints[endpoint].state == EP_RUNNING)
                slot->ready |= 1u << endpoint;
    }
    usb_device_unplug(device, &plug);
    xhci_work(xhci);
    pthread_mutex_unlock(&xhci->lock);
    device->ops->destroy(device);
}

/* ---- Making it ----------------------------------------------------------------------------------------- */

static bool make_function(struct xhci *xhci, struct error *error)
{
    static const struct pci_identity identity = {
        .vendor = 0x1b36,
        .device = 0x000d,
        .subsystem_vendor = 0x1af4,
        .subsystem = 0x1100,
        .class_code = 0x0c0330, /* serial bus, USB, xHCI */
        .revision = 1,
        .interrupt_pin = 1,
    };
    struct pci_function *function = &xhci->function;
    pci_function_init(function, &xhci_ops, &identity);
    pci_function_set_bar(function, BAR_REGISTERS, PCI_BAR_MEM64, BAR_BYTES, false);
    pci_function_set_config(function, SERIAL_BUS_RELEASE, 1, 0x30);
    pci_function_add_express(function, EXPRESS_AT, PCI_EXPRESS_INTEGRATED);
    if (xhci->config.multifunction)
        pci_function_set_config(function, PCI_HEADER_TYPE, 1, PCI_HEADER_MULTIFUNCTION);
    return pci_msix_add(function, MSIX_AT, XHCI_INTERRUPTERS, BAR_REGISTERS, TABLE_AT, PENDING_AT, error);
}

struct pci_function *xhci_create(const struct xhci_config *config, struct error *error)
{
    if (config->usb2_ports > XHCI_PORTS_MAX || config->usb3_ports > XHCI_PORTS_MAX ||
        !(config->usb2_ports + config->usb3_ports)) {
        error_set(error, "qemu-xhci: p2=%u, p3=%u: there are 1 to %u ports of either kind",
                  config->usb2_ports, config->usb3_ports, XHCI_PORTS_MAX);
        return NULL;
    }
    struct xhci *xhci = calloc(1, sizeof(*xhci));
    if (!xhci) {
        error_set(error, "qemu-xhci: out of memory");
        return NULL;
    }
    xhci->config = *config;
    xhci->host = (struct usb_host){ &xhci->lock, config->clock, host_ready };
    xhci->port_count = config->usb2_ports + config->usb3_ports;
    for (unsigned n = 1; n <= xhci->port_count; n++)
        xhci->ports[n].usb3 = n <= config->usb3_ports;
    pthread_mutex_init(&xhci->lock, NULL);
    clock_timer_init(&xhci->later, config->clock, later_fire, xhci);
    if (make_function(xhci, error)) {
        xhci->stopped = true; /* no bus mastering yet */
        pthread_mutex_lock(&xhci->lock);
        xhci_reset(xhci);
        pthread_mutex_unlock(&xhci->lock);
        return &xhci->function;
    }
    pci_function_fini(&xhci->function);
    pthread_mutex_destroy(&xhci->lock);
    free(xhci);
    return NULL;
}

/* ---- The model ----------------------------------------------------------------------------------------- */

static struct pci_function *model_create(const struct device_plug *plug, struct error *error)
{
    struct xhci_config config = { .dma = plug->dma,
                                  .clock = plug->clock,
                                  .usb2_ports = plug->settings->usb2_ports,
                                  .usb3_ports = plug->settings->usb3_ports,
                                  .multifunction = plug->multifunction };
    return xhci_create(&config, error);
}

static const struct device_key model_keys[] = {
    { "p2", DEVICE_KEY_NUMBER, "ports for USB 2 devices", DEVICE_SETTING(usb2_ports), .least = 1,
      .most = XHCI_PORTS_MAX, .fallback = 4 },
    { "p3", DEVICE_KEY_NUMBER, "ports for USB 3 devices", DEVICE_SETTING(usb3_ports), .least = 1,
      .most = XHCI_PORTS_MAX, .fallback = 4 },
    { .name = NULL },
};

const struct device_model xhci_model = {
    .name = "qemu-xhci",
    .alias = "nec-usb-xhci",
    .text = "a USB controller",
    .buses = DEVICE_BUS_PCI,
    .boot_node = "usb",
    .keys = model_keys,
    .create_pci = model_create,
    .attach_usb = xhci_attach,
    .detach_usb = xhci_detach,
    .hot_plug = true,
};
