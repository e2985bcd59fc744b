/* SPDX-License-Identifier: MIT
 *
 * Saved state of the EHCI controller: its own section, and one for each device behind it, in the order in
 * which they were plugged in. A file may be hostile. Addresses of memory may be anything, as they may come
 * from a guest; what counts or names something here is checked. All that is under way is in the guest's
 * memory, except control transfers.
 */
#include <stdio.h>
#include <string.h>

#include "devices/usb/ehci_internal.h"
#include "util/check.h"

#define STATE_VERSION 1u

static void save_pipe(const struct ehci_pipe *pipe, unsigned number, struct state_writer *writer)
{
    const uint32_t fields[5] = { pipe->device->address, pipe->stage, pipe->failed, pipe->length,
                                 pipe->moved };
    char name[32];
    snprintf(name, sizeof(name), "pipe%u", number);
    state_put_bytes(writer, name, fields, sizeof(fields));
    snprintf(name, sizeof(name), "pipe%u.setup", number);
    state_put_bytes(writer, name, &pipe->setup, sizeof(pipe->setup));
    snprintf(name, sizeof(name), "pipe%u.data", number);
    state_put_bytes(writer, name, pipe->data, sizeof(pipe->data));
}

void ehci_save(struct pci_function *function, struct state_writer *writer)
{
    struct ehci *ehci = (struct ehci *)function;
    unsigned count = 0;
    pthread_mutex_lock(&ehci->lock);
    state_section(writer, "ehci", STATE_VERSION);
    state_put(writer, "command", ehci->command);
    state_put(writer, "status", ehci->status);
    state_put(writer, "interrupts", ehci->interrupts);
    state_put(writer, "periodic", ehci->periodic);
    state_put(writer, "async", ehci->async);
    state_put(writer, "configured", ehci->configured);
    state_put(writer, "frame", ehci->frame);
    state_put(writer, "started", ehci->started);
    state_put(writer, "seen", ehci->seen);
    state_put_bytes(writer, "ports", ehci->ports, sizeof(ehci->ports));
    for (const struct ehci_pipe *pipe = ehci->pipes; pipe; pipe = pipe->next)
        save_pipe(pipe, count++, writer);
    state_put(writer, "devices", count);
    for (struct usb_device *device = ehci->devices; device; device = device->next)
        usb_device_save(device, writer);
    pthread_mutex_unlock(&ehci->lock);
}

static void load_pipe(struct ehci_pipe *pipe, unsigned number, struct state_reader *reader)
{
    uint32_t fields[5] = { 0 };
    char name[32];
    snprintf(name, sizeof(name), "pipe%u", number);
    state_get_bytes(reader, name, fields, sizeof(fields));
    snprintf(name, sizeof(name), "pipe%u.setup", number);
    state_get_bytes(reader, name, &pipe->setup, sizeof(pipe->setup));
    snprintf(name, sizeof(name), "pipe%u.data", number);
    state_get_bytes(reader, name, pipe->data, sizeof(pipe->data));
    bool in = pipe->setup.length && pipe->setup.type & USB_TYPE_IN, failed = fields[2];
    uint32_t whole = in ? fields[3] : pipe->setup.length;
    if (fields[0] > EHCI_ADDRESS_MAX || fields[1] > STAGE_STATUS || fields[3] > USB_CONTROL_MAX ||
        fields[4] > whole || (!failed && whole > USB_CONTROL_MAX))
        usb_state_bad(reader, "ehci", "a control transfer");
    if (reader->failed)
        return;
    pipe->device->address = (uint8_t)fields[0];
    pipe->stage = (enum ehci_stage)fields[1];
    pipe->failed = failed;
    pipe->length = fields[3];
    pipe->moved = fields[4];
}

/* Whether something is plugged in does not come from the file. */
static void load_ports(struct ehci *ehci, struct state_reader *reader)
{
    uint32_t ports[EHCI_PORTS + 1] = { 0 };
    state_get_bytes(reader, "ports", ports, sizeof(ports));
    for (unsigned n = 1; n <= EHCI_PORTS && !reader->failed; n++) {
        uint32_t may = PORT_STATE & ~(ehci->plugged[n] ? 0u : (uint32_t)PORT_ENABLED | PORT_SUSPENDED);
        ehci->ports[n] = PORT_POWER | (ehci->plugged[n] ? PORT_CONNECTED : 0) | (ports[n] & may);
    }
}

/* The clock may be ahead of the file's, but not behind. */
static void load_time(struct ehci *ehci, struct state_reader *reader)
{
    uint64_t now = clock_ns(ehci->config.clock);
    ehci->frame = (uint32_t)state_get(reader, "frame", 8 * 2 * EHCI_FRAMES - 1);
    ehci->started = state_get(reader, "started", UINT64_MAX);
    ehci->seen = state_get(reader, "seen", UINT64_MAX);
    if (ehci->started > now)
        ehci->started = now;
    if (ehci->seen > (now - ehci->started) / EHCI_MICROFRAME)
        ehci->seen = (now - ehci->started) / EHCI_MICROFRAME;
}

static void load_devices(struct ehci *ehci, struct state_reader *reader)
{
    unsigned count = 0, number = 0;
    for (const struct ehci_pipe *pipe = ehci->pipes; pipe; pipe = pipe->next)
        count++;
    for (struct ehci_pipe *pipe = ehci->pipes; pipe && !reader->failed; pipe = pipe->next)
        load_pipe(pipe, number++, reader);
    if (!reader->failed && state_get(reader, "devices", UINT8_MAX) != count)
        usb_state_bad(reader, "ehci", "the number of USB devices");
    for (struct usb_device *device = ehci->devices; device && !reader->failed; device = device->next)
        usb_device_load(device, reader);
}

bool ehci_load(struct pci_function *function, struct state_reader *reader)
{
    struct ehci *ehci = (struct ehci *)function;
    if (!state_open(reader, "ehci", STATE_VERSION))
        return false;
    pthread_mutex_lock(&ehci->lock);
    ehci_reset(ehci);
    uint32_t command = (uint32_t)state_get(reader, "command", CMD_KEPT);
    ehci_set_command(ehci, command & CMD_KEPT);
    ehci->status = (ehci->status & ~(uint32_t)STS_INTERRUPTS) |
                   ((uint32_t)state_get(reader, "status", UINT32_MAX) & STS_INTERRUPTS);
    ehci->interrupts = (uint32_t)state_get(reader, "interrupts", STS_INTERRUPTS);
    ehci->periodic = (uint32_t)state_get(reader, "periodic", UINT32_MAX) & ~(EHCI_PAGE - 1);
    ehci->async = EHCI_ADDRESS((uint32_t)state_get(reader, "async", UINT32_MAX));
    ehci->configured = (uint32_t)state_get(reader, "configured", 1);
    load_time(ehci, reader);
    load_ports(ehci, reader);
    load_devices(ehci, reader);
    if (reader->failed)
        ehci_reset(ehci);
    ehci->stopped = !pci_function_is_bus_master(function);
    ehci_wake(ehci);
    pthread_mutex_unlock(&ehci->lock);
    return !reader->failed;
}
