/* SPDX-License-Identifier: MIT
 *
 * Registers of the EHCI controller (section 2), and its ports (section 4.2). The layout is that of QEMU's
 * controller: six ports whose power is always on, a frame list of 1024 entries, addresses of 32 bits.
 */
#include "devices/usb/ehci_internal.h"
#include "util/check.h"
#include "util/log.h"

enum { /* capability registers; section 2.2 */
       CAP_VERSION = 0x00,
       CAP_STRUCTURE = 0x04,
       CAP_PARAMETERS = 0x08,
       OPERATIONAL = 0x20
};
enum { /* operational registers; section 2.3 */
       OP_COMMAND = 0x20,
       OP_STATUS = 0x24,
       OP_INTERRUPTS = 0x28,
       OP_FRAME = 0x2c,
       OP_PERIODIC = 0x34,
       OP_ASYNC = 0x38,
       OP_CONFIGURED = 0x60,
       OP_PORTS = 0x64,
       OP_END = OP_PORTS + 4 * EHCI_PORTS
};
enum { VERSION = 0x0100, FRAME_BITS = 0x3fff };
/* Whole frames may be read ahead; the capability for the handover from firmware is at 0x68. */
enum { PARAMETERS = 0x6880 };

/* ---- Time ---------------------------------------------------------------------------------------------- */

uint64_t ehci_microframes(const struct ehci *ehci)
{
    if (!(ehci->command & CMD_RUN))
        return 0;
    return (clock_ns(ehci->config.clock) - ehci->started) / EHCI_MICROFRAME;
}

static uint32_t frame_now(const struct ehci *ehci)
{
    return (uint32_t)(ehci->frame + ehci_microframes(ehci)) & FRAME_BITS;
}

void ehci_set_command(struct ehci *ehci, uint32_t command)
{
    CHECK_HELD(&ehci->lock);
    if ((command ^ ehci->command) & CMD_RUN) {
        ehci->frame = frame_now(ehci);
        ehci->started = clock_ns(ehci->config.clock);
        ehci->seen = 0;
    }
    ehci->command = command;
    ehci->status &= ~(uint32_t)(STS_HALTED | STS_PERIODIC | STS_ASYNC);
    if (!(command & CMD_RUN))
        ehci->status |= STS_HALTED;
    else
        ehci->status |= (command & CMD_PERIODIC ? STS_PERIODIC : 0) | (command & CMD_ASYNC ? STS_ASYNC : 0);
}

/* ---- Ports --------------------------------------------------------------------------------------------- */

void ehci_ports_reset(struct ehci *ehci)
{
    CHECK_HELD(&ehci->lock);
    for (unsigned n = 1; n <= EHCI_PORTS; n++) {
        ehci->ports[n] = PORT_POWER;
        if (!ehci->plugged[n])
            continue;
        usb_device_reset(ehci->plugged[n]);
        ehci->ports[n] |= PORT_CONNECTED | PORT_CONNECT_CHANGE;
        ehci->status |= STS_PORT;
    }
}

void ehci_port_plugged(struct ehci *ehci, unsigned number)
{
    CHECK_HELD(&ehci->lock);
    ehci->ports[number] &= PORT_CHANGES | PORT_WAKE;
    ehci->ports[number] |=
        (uint32_t)PORT_POWER | PORT_CONNECT_CHANGE | (ehci->plugged[number] ? PORT_CONNECTED : 0);
    ehci_tell(ehci, STS_PORT);
}

static bool answers(const struct ehci *ehci, const struct ehci_pipe *pipe)
{
    const uint32_t must = PORT_ENABLED, not = PORT_SUSPENDED | PORT_RESET;
    struct usb_device *device = ehci->plugged[pipe->port];
    if ((ehci->ports[pipe->port] & (must | not )) != must)
        return false;
    for (uint32_t route = pipe->route; device && route; route >>= 4)
        device = device->ops->child ? device->ops->child(device, route & 15) : NULL;
    return device == pipe->device;
}

struct ehci_pipe *ehci_find(struct ehci *ehci, unsigned address)
{
    CHECK_HELD(&ehci->lock);
    for (struct ehci_pipe *pipe = ehci->pipes; pipe; pipe = pipe->next)
        if (pipe->device->address == address && answers(ehci, pipe))
            return pipe;
    return NULL;
}

/* A reset begins when the driver sets its bit, and ends when it clears it. */
static void reset_port(struct ehci *ehci, unsigned number, bool on)
{
    uint32_t *port = &ehci->ports[number];
    if (on == ((*port & PORT_RESET) != 0))
        return;
    *port &= ~(uint32_t)(PORT_ENABLED | PORT_SUSPENDED | PORT_RESUME | PORT_RESET);
    if (on) {
        *port |= PORT_RESET;
    } else if (ehci->plugged[number]) {
        usb_device_reset(ehci->plugged[number]);
        *port |= PORT_ENABLED;
    }
}

static void write_port(struct ehci *ehci, unsigned number, uint32_t value)
{
    uint32_t *port = &ehci->ports[number];
    if (value & PORT_TEST)
        LOG_UNIMP("ehci: test mode %u of port %u", value >> 16 & 15, number);
    *port &= ~(value & PORT_CHANGES);
    *port = (*port & ~(uint32_t)PORT_WAKE) | (value & PORT_WAKE);
    if (!(value & PORT_ENABLED))
        *port &= ~(uint32_t)(PORT_ENABLED | PORT_SUSPENDED | PORT_RESUME);
    reset_port(ehci, number, value & PORT_RESET);
    if (value & PORT_SUSPENDED && *port & PORT_ENABLED)
        *port |= PORT_SUSPENDED;
    if (value & PORT_RESUME && *port & PORT_SUSPENDED)
        *port |= PORT_RESUME;
    else if (*port & PORT_RESUME)
        *port &= ~(uint32_t)(PORT_RESUME | PORT_SUSPENDED);
}

/* ---- Reading and writing ------------------------------------------------------------------------------- */

uint32_t ehci_register_read(struct ehci *ehci, unsigned offset)
{
    CHECK_HELD(&ehci->lock);
    if (offset >= OP_PORTS && offset < OP_END)
        return ehci->ports[(offset - OP_PORTS) / 4 + 1];
    switch (offset) {
    case CAP_VERSION: return VERSION << 16 | OPERATIONAL;
    case CAP_STRUCTURE: return EHCI_PORTS;
    case CAP_PARAMETERS: return PARAMETERS;
    case OP_COMMAND: return ehci->command;
    case OP_STATUS: return ehci->status;
    case OP_INTERRUPTS: return ehci->interrupts;
    case OP_FRAME: return frame_now(ehci);
    case OP_PERIODIC: return ehci->periodic;
    case OP_ASYNC: return ehci->async;
    case OP_CONFIGURED: return ehci->configured;
    default: return 0;
    }
}

static void write_command(struct ehci *ehci, uint32_t value)
{
    if (value & CMD_RESET) {
        ehci_reset(ehci);
        return;
    }
    if (value & ~(uint32_t)CMD_KEPT)
        LOG_UNIMP("ehci: bits 0x%x of USBCMD", value & ~(uint32_t)CMD_KEPT);
    ehci_set_command(ehci, (value & CMD_KEPT) | (ehci->command & CMD_DOORBELL));
}

static void write_frame(struct ehci *ehci, uint32_t value)
{
    if (ehci->command & CMD_RUN)
        LOG_GUEST("ehci: FRINDEX is written while the controller runs");
    else
        ehci->frame = value & FRAME_BITS;
}

void ehci_register_write(struct ehci *ehci, unsigned offset, uint32_t value)
{
    CHECK_HELD(&ehci->lock);
    if (offset >= OP_PORTS && offset < OP_END)
        write_port(ehci, (offset - OP_PORTS) / 4 + 1, value);
    switch (offset) {
    case OP_COMMAND: write_command(ehci, value); break;
    case OP_STATUS: ehci->status &= ~(value & STS_INTERRUPTS); break;
    case OP_INTERRUPTS: ehci->interrupts = value & STS_INTERRUPTS; break;
    case OP_FRAME: write_frame(ehci, value); break;
    case OP_PERIODIC: ehci->periodic = value & ~(EHCI_PAGE - 1); break;
    case OP_ASYNC: ehci->async = EHCI_ADDRESS(value); break;
    case OP_CONFIGURED: ehci->configured = value & 1; break;
    default:
        if (offset < OPERATIONAL || offset >= OP_END)
            LOG_GUEST("ehci: 0x%x is written to offset 0x%x, which is read-only", value, offset);
    }
    ehci_update_wire(ehci);
    ehci_wake(ehci);
}
