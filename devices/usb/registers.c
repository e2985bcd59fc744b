/* SPDX-License-Identifier: MIT
 *
 * Registers of the xHCI controller (section 5), and its ports (section 4.19). The layout and the limits are
 * those of QEMU's controller: 64 slots, 16 interrupters, contexts of 32 bytes.
 */
#include "devices/usb/xhci_internal.h"
#include "util/check.h"
#include "util/log.h"

enum { OPERATIONAL = 0x40, PORTS = 0x440, RUNTIME = 0x1000, DOORBELLS = 0x2000, VECTORS = 0x3000 };
enum { /* capability registers; section 5.3 */
       CAP_VERSION = 0x00,
       CAP_STRUCTURE1 = 0x04,
       CAP_STRUCTURE2 = 0x08,
       CAP_PARAMETERS = 0x10,
       CAP_DOORBELLS = 0x14,
       CAP_RUNTIME = 0x18,
       CAP_USB2 = 0x20, /* supported protocols; section 7.2 */
       CAP_USB3 = 0x30
};
enum { /* operational registers, from OPERATIONAL on; section 5.4 */
       OP_COMMAND = 0x00,
       OP_STATUS = 0x04,
       OP_PAGE_SIZE = 0x08,
       OP_NOTIFY = 0x14,
       OP_COMMANDS = 0x18,
       OP_COMMANDS_HIGH = 0x1c,
       OP_CONTEXTS = 0x30,
       OP_CONTEXTS_HIGH = 0x34,
       OP_CONFIGURE = 0x38
};
enum { INT_IMAN = 0, INT_IMOD = 4, INT_SIZE = 8, INT_TABLE = 0x10, INT_DEQUEUE = 0x18, INT_BYTES = 0x20 };
enum { COMMANDS_STOP = 2, COMMANDS_ABORT = 4, COMMANDS_RUNNING = 8 };
enum { DEQUEUE_SEGMENT = 7, DEQUEUE_BUSY = 8 };
enum { /* PORTSC; section 5.4.8 */
       PORT_CONNECTED = 1 << 0,
       PORT_ENABLED = 1 << 1,
       PORT_RESET = 1 << 4,
       PORT_LINK = 15 << 5,
       PORT_POWER = 1 << 9,
       PORT_LINK_WRITE = 1 << 16,
       PORT_CONNECT_CHANGE = 1 << 17,
       PORT_WARM_CHANGE = 1 << 19,
       PORT_RESET_CHANGE = 1 << 21,
       PORT_LINK_CHANGE = 1 << 22,
       PORT_CHANGES = 0x7f << 17,
       PORT_KEPT = 7 << 25 | 3 << 14 /* wake on connect, disconnect, over-current; the colour of a lamp */
};
#define PORT_WARM_RESET  0x80000000u
#define PORT_SPEED(n)    ((uint32_t)(n) << 10)
#define PORT_STATE(n)    ((uint32_t)(n) << 5)
#define PORT_STATE_OF(v) ((v) >> 5 & 15)
enum { LINK_U0 = 0, LINK_U3 = 3, LINK_DETECT = 5, LINK_POLLING = 7, LINK_RESUME = 15 };

/* ---- Ports --------------------------------------------------------------------------------------------- */

static void port_changed(struct xhci *xhci, struct xhci_port *port, uint32_t bits)
{
    if ((port->portsc & bits) == bits)
        return;
    port->portsc |= bits;
    port->changed = true;
    xhci->status |= STS_PORT;
}

struct usb_device *xhci_find_device(struct xhci *xhci, unsigned number, uint32_t route)
{
    CHECK_HELD(&xhci->lock);
    if (!number || number > xhci->port_count || !(xhci->ports[number].portsc & PORT_ENABLED))
        return NULL;
    struct usb_device *device = xhci->ports[number].device;
    for (; device && route; route >>= 4)
        device = device->ops->child ? device->ops->child(device, route & 15) : NULL;
    return device;
}

void xhci_ports_tell(struct xhci *xhci)
{
    CHECK_HELD(&xhci->lock);
    for (unsigned n = 1; n <= xhci->port_count; n++) {
        if (!xhci->ports[n].changed || !xhci_runs(xhci) || !xhci_events_room(xhci, 0))
            continue;
        xhci->ports[n].changed = false;
        xhci_event(xhci, 0, (uint64_t)n << 24, (uint32_t)XHCI_SUCCESS << 24, XHCI_TYPE(TRB_PORT_EVENT));
    }
}

/* The register as it is after something was plugged in, or taken out. */
static uint32_t connected(const struct xhci_port *port)
{
    if (!port->device)
        return PORT_POWER | PORT_STATE(LINK_DETECT);
    return PORT_POWER | PORT_CONNECTED | PORT_SPEED(port->device->ops->speed) |
           (port->usb3 ? PORT_ENABLED | PORT_STATE(LINK_U0) : PORT_STATE(LINK_POLLING));
}

void xhci_ports_reset(struct xhci *xhci)
{
    CHECK_HELD(&xhci->lock);
    for (unsigned n = 1; n <= xhci->port_count; n++) {
        struct xhci_port *port = &xhci->ports[n];
        port->changed = false;
        port->portsc = connected(port);
        if (!port->device)
            continue;
        usb_device_reset(port->device);
        port_changed(xhci, port, PORT_CONNECT_CHANGE);
    }
}

void xhci_port_plugged(struct xhci *xhci, struct xhci_port *port)
{
    CHECK_HELD(&xhci->lock);
    port->portsc = (port->portsc & (PORT_KEPT | PORT_CHANGES)) | connected(port);
    port_changed(xhci, port, PORT_CONNECT_CHANGE);
}

static void port_reset(struct xhci *xhci, struct xhci_port *port, uint32_t changes)
{
    if (!port->device)
        return;
    usb_device_reset(port->device);
    port->portsc = (port->portsc & ~(uint32_t)PORT_LINK) | PORT_ENABLED | PORT_STATE(LINK_U0);
    port_changed(xhci, port, changes);
}

/* Section 4.15: the driver suspends the port, or wakes it up. */
static void port_link(struct xhci *xhci, struct xhci_port *port, unsigned state)
{
    unsigned before = PORT_STATE_OF(port->portsc);
    bool asleep = before == LINK_U3 || before == LINK_RESUME;
    if (!(port->portsc & PORT_ENABLED) || (state != LINK_U0 && state != LINK_U3 && state != LINK_RESUME) ||
        (state == LINK_RESUME && (!asleep || port->usb3)))
        return;
    port->portsc = (port->portsc & ~(uint32_t)PORT_LINK) | PORT_STATE(state);
    if (state == LINK_U0 && asleep)
        port_changed(xhci, port, PORT_LINK_CHANGE);
}

static void write_port(struct xhci *xhci, unsigned number, uint32_t value)
{
    struct xhci_port *port = &xhci->ports[number];
    port->portsc &= ~(value & PORT_CHANGES);
    port->portsc = (port->portsc & ~(uint32_t)PORT_KEPT) | (value & PORT_KEPT);
    if (value & PORT_WARM_RESET && port->usb3) {
        port_reset(xhci, port, PORT_RESET_CHANGE | PORT_WARM_CHANGE);
    } else if (value & PORT_RESET) {
        port_reset(xhci, port, PORT_RESET_CHANGE);
    } else {
        if (value & PORT_ENABLED)
            port->portsc &= ~(uint32_t)PORT_ENABLED;
        if (value & PORT_LINK_WRITE)
            port_link(xhci, port, PORT_STATE_OF(value));
    }
}

/* ---- Capabilities -------------------------------------------------------------------------------------- */

static uint32_t protocol(const struct xhci *xhci, unsigned word, bool usb3)
{
    unsigned first = 0, count = 0;
    for (unsigned n = 1; n <= xhci->port_count; n++) {
        if (xhci->ports[n].usb3 != usb3)
            continue;
        first = first ? first : n;
        count++;
    }
    switch (word) {
    case 0: return usb3 ? 0x03000002 : 0x02000402; /* version; the next one is 4 words on */
    case 4: return 0x20425355;                     /* "USB " */
    case 8: return count << 8 | first;
    default: return 0;
    }
}

static uint32_t read_capability(const struct xhci *xhci, unsigned offset)
{
    if (offset >= CAP_USB3)
        return protocol(xhci, offset - CAP_USB3, true);
    if (offset >= CAP_USB2)
        return protocol(xhci, offset - CAP_USB2, false);
    switch (offset) {
    case CAP_VERSION: return 0x01000000 | OPERATIONAL;
    case CAP_STRUCTURE1: return xhci->port_count << 24 | XHCI_INTERRUPTERS << 8 | XHCI_SLOTS;
    case CAP_STRUCTURE2: return 0x0f;                     /* one segment an event ring, no scratchpad */
    case CAP_PARAMETERS: return (CAP_USB2 / 4) << 16 | 1; /* 64-bit addresses */
    case CAP_DOORBELLS: return DOORBELLS;
    case CAP_RUNTIME: return RUNTIME;
    default: return 0;
    }
}

/* ---- Operational registers ----------------------------------------------------------------------------- */

static void write_command(struct xhci *xhci, uint32_t value)
{
    uint32_t before = xhci->command;
    if (value & CMD_RESET) {
        xhci_reset(xhci);
        return;
    }
    if (value & CMD_RESTORE) /* nothing was saved: the driver starts anew */
        xhci->status |= STS_RESTORE_ERROR;
    else if (value & CMD_SAVE)
        xhci->status &= ~(uint32_t)STS_RESTORE_ERROR;
    if (value & CMD_WRAP)
        LOG_UNIMP("xhci: events when the frame number wraps");
    xhci->command = value & CMD_KEPT;
    if (xhci->command & CMD_RUN && !(xhci->status & STS_CONTROLLER_ERROR))
        xhci->status &= ~(uint32_t)STS_HALTED;
    if (before & ~xhci->command & CMD_RUN) {
        xhci->status |= STS_HALTED;
        xhci->commands_run = false;
    }
    xhci_update_wire(xhci);
}

static uint64_t with_half(uint64_t before, bool high, uint32_t value)
{
    return high ? (before & UINT32_MAX) | (uint64_t)value << 32 : (before & ~(uint64_t)UINT32_MAX) | value;
}

/* Section 5.4.5: while commands run, they can only be stopped. */
static void write_commands(struct xhci *xhci, bool high, uint32_t value)
{
    if (!xhci->commands_run) {
        xhci->commands.at = with_half(xhci->commands.at, high, high ? value : value & ~63u);
        if (!high)
            xhci->commands.cycle = value & 1;
        return;
    }
    if (high || !(value & (COMMANDS_STOP | COMMANDS_ABORT)))
        return;
    xhci->commands_run = xhci->commands_ready = false;
    if (xhci_runs(xhci))
        xhci_event(xhci, 0, xhci->commands.at, (uint32_t)XHCI_RING_STOPPED << 24,
                   XHCI_TYPE(TRB_COMMAND_EVENT));
}

static uint32_t read_operational(const struct xhci *xhci, unsigned offset)
{
    switch (offset) {
    case OP_COMMAND: return xhci->command;
    case OP_STATUS: return xhci->status;
    case OP_PAGE_SIZE: return 1; /* 4 KiB */
    case OP_NOTIFY: return xhci->notify;
    case OP_COMMANDS: return xhci->commands_run ? COMMANDS_RUNNING : 0;
    case OP_CONTEXTS: return (uint32_t)xhci->contexts;
    case OP_CONTEXTS_HIGH: return (uint32_t)(xhci->contexts >> 32);
    case OP_CONFIGURE: return xhci->configure;
    default: return 0;
    }
}

static void write_operational(struct xhci *xhci, unsigned offset, uint32_t value)
{
    switch (offset) {
    case OP_COMMAND: write_command(xhci, value); break;
    case OP_STATUS: xhci->status &= ~(value & STS_CLEARABLE); break;
    case OP_NOTIFY: xhci->notify = value & 0xffff; break;
    case OP_COMMANDS:
    case OP_COMMANDS_HIGH: write_commands(xhci, offset == OP_COMMANDS_HIGH, value); break;
    case OP_CONTEXTS: xhci->contexts = with_half(xhci->contexts, false, value & ~63u); break;
    case OP_CONTEXTS_HIGH: xhci->contexts = with_half(xhci->contexts, true, value); break;
    case OP_CONFIGURE: xhci->configure = value & 0xff; break;
    default: LOG_GUEST("xhci: 0x%x is written to operational register 0x%x", value, offset);
    }
}

/* ---- Interrupters -------------------------------------------------------------------------------------- */

static uint32_t read_runtime(struct xhci *xhci, unsigned offset)
{
    if (offset < INT_BYTES) /* MFINDEX: frames of 125 us, of which there are 2^14 numbers */
        return offset ? 0 : (uint32_t)(clock_ns(xhci->config.clock) / 125000 & 0x3fff);
    unsigned number = offset / INT_BYTES - 1;
    if (number >= XHCI_INTERRUPTERS)
        return 0;
    const struct xhci_interrupter *interrupter = &xhci->interrupters[number];
    switch (offset % INT_BYTES) {
    case INT_IMAN: return interrupter->iman;
    case INT_IMOD: return interrupter->imod;
    case INT_SIZE: return interrupter->size;
    case INT_TABLE: return (uint32_t)interrupter->table;
    case INT_TABLE + 4: return (uint32_t)(interrupter->table >> 32);
    case INT_DEQUEUE: return (uint32_t)interrupter->dequeue;
    case INT_DEQUEUE + 4: return (uint32_t)(interrupter->dequeue >> 32);
    default: return 0;
    }
}

static void write_dequeue(struct xhci *xhci, unsigned number, bool high, uint32_t value)
{
    struct xhci_interrupter *interrupter = &xhci->interrupters[number];
    uint64_t busy = interrupter->dequeue & DEQUEUE_BUSY;
    if (!high) { /* the driver clears the bit by writing 1 */
        busy &= ~(uint64_t)value;
        value &= ~(uint32_t)DEQUEUE_BUSY;
    }
    interrupter->dequeue = with_half(interrupter->dequeue & ~(uint64_t)DEQUEUE_BUSY, high, value) | busy;
    xhci_events_taken(xhci, number);
}

static void write_runtime(struct xhci *xhci, unsigned offset, uint32_t value)
{
    unsigned number = offset / INT_BYTES - 1;
    if (offset < INT_BYTES || number >= XHCI_INTERRUPTERS)
        return;
    struct xhci_interrupter *interrupter = &xhci->interrupters[number];
    offset %= INT_BYTES;
    switch (offset) {
    case INT_IMAN: interrupter->iman = (interrupter->iman & ~value & 1) | (value & 2); break;
    case INT_IMOD: interrupter->imod = value; break; /* there are never too many interrupts */
    case INT_SIZE:
        interrupter->size = value & 0xffff;
        interrupter->ring = 0;
        break;
    case INT_TABLE:
    case INT_TABLE + 4:
        interrupter->table =
            with_half(interrupter->table, offset != INT_TABLE, offset == INT_TABLE ? value & ~63u : value);
        interrupter->ring = 0;
        break;
    case INT_DEQUEUE:
    case INT_DEQUEUE + 4: write_dequeue(xhci, number, offset != INT_DEQUEUE, value); break;
    default: break;
    }
    xhci_update_wire(xhci);
}

/* ---- Doorbells ----------------------------------------------------------------------------------------- */

static void ring_doorbell(struct xhci *xhci, unsigned number, uint32_t value)
{
    unsigned target = value & 0xff;
    if (!xhci_runs(xhci) || number > XHCI_SLOTS)
        return;
    if (!number) {
        xhci->commands_run = xhci->commands_ready = xhci->commands_run || !target;
        return;
    }
    struct xhci_slot *slot = &xhci->slots[number];
    if (!slot->enabled || !target || target >= XHCI_ENDPOINTS || value >> 16)
        return; /* there is no such endpoint, or it is a stream */
    struct xhci_endpoint *endpoint = &slot->endpoints[target];
    if (endpoint->state == EP_STOPPED)
        xhci_endpoint_set(xhci, number, target, EP_RUNNING);
    if (endpoint->state == EP_RUNNING)
        slot->ready |= 1u << target;
}

/* ---- All of them --------------------------------------------------------------------------------------- */

uint32_t xhci_register_read(struct xhci *xhci, unsigned offset)
{
    CHECK_HELD(&xhci->lock);
    if (offset < OPERATIONAL)
        return read_capability(xhci, offset);
    if (offset < PORTS)
        return read_operational(xhci, offset - OPERATIONAL);
    if (offset >= RUNTIME && offset < DOORBELLS)
        return read_runtime(xhci, offset - RUNTIME);
    unsigned port = (offset - PORTS) / 16 + 1;
    return port <= xhci->port_count && offset % 16 == 0 ? xhci->ports[port].portsc : 0;
}

void xhci_register_write(struct xhci *xhci, unsigned offset, uint32_t value)
{
    CHECK_HELD(&xhci->lock);
    unsigned port = (offset - PORTS) / 16 + 1;
    if (offset < OPERATIONAL || offset >= VECTORS)
        LOG_GUEST("xhci: 0x%x is written to offset 0x%x, which is read-only", value, offset);
    else if (offset < PORTS)
        write_operational(xhci, offset - OPERATIONAL, value);
    else if (offset >= DOORBELLS)
        ring_doorbell(xhci, (offset - DOORBELLS) / 4, value);
    else if (offset >= RUNTIME)
        write_runtime(xhci, offset - RUNTIME, value);
    else if (port <= xhci->port_count && offset % 16 == 0)
        write_port(xhci, port, value);
    xhci_work(xhci);
}
