/* SPDX-License-Identifier: MIT
 *
 * Saved state of the xHCI controller: its own section, and one for each device behind it, in the order in
 * which they were plugged in. A file may be hostile. Addresses may be anything, as they may come from a
 * guest; what counts or names something here is checked. After loading, all rings are looked at again.
 */
#include <stdio.h>
#include <string.h>

#include "devices/usb/xhci_internal.h"
#include "util/check.h"

#define STATE_VERSION  1u
#define STATE_OF_PORT  0xce07fffbu
#define SLOT_FIELDS    4u
#define ENDPOINT_WORDS 5u

/* ---- Saving -------------------------------------------------------------------------------------------- */

static void save_slot(const struct xhci_slot *slot, unsigned number, struct state_writer *writer)
{
    uint64_t fields[SLOT_FIELDS] = { slot->state, slot->context, slot->port, slot->route };
    uint64_t endpoints[XHCI_ENDPOINTS][ENDPOINT_WORDS];
    char name[32];
    for (unsigned n = 0; n < XHCI_ENDPOINTS; n++) {
        const struct xhci_endpoint *endpoint = &slot->endpoints[n];
        endpoints[n][0] = endpoint->state;
        endpoints[n][1] = endpoint->ring.at;
        endpoints[n][2] = endpoint->ring.cycle;
        endpoints[n][3] = endpoint->done;
        endpoints[n][4] = endpoint->event_data;
    }
    snprintf(name, sizeof(name), "slot%u", number);
    state_put_bytes(writer, name, fields, sizeof(fields));
    snprintf(name, sizeof(name), "slot%u.endpoints", number);
    state_put_bytes(writer, name, endpoints, sizeof(endpoints));
    snprintf(name, sizeof(name), "slot%u.stage", number);
    state_put(writer, name, slot->control.stage);
    snprintf(name, sizeof(name), "slot%u.setup", number);
    state_put_bytes(writer, name, &slot->control.setup, sizeof(slot->control.setup));
    snprintf(name, sizeof(name), "slot%u.failed", number);
    state_put(writer, name, slot->control.failed);
    snprintf(name, sizeof(name), "slot%u.length", number);
    state_put(writer, name, slot->control.length);
    snprintf(name, sizeof(name), "slot%u.data", number);
    state_put_bytes(writer, name, slot->control.data, sizeof(slot->control.data));
}

static void save_interrupters(const struct xhci *xhci, struct state_writer *writer)
{
    uint64_t fields[XHCI_INTERRUPTERS][9];
    for (unsigned n = 0; n < XHCI_INTERRUPTERS; n++) {
        const struct xhci_interrupter *from = &xhci->interrupters[n];
        const uint64_t row[9] = { from->iman, from->imod,    from->size, from->table, from->dequeue,
                                  from->ring, from->entries, from->next, from->cycle };
        memcpy(fields[n], row, sizeof(row));
    }
    state_put_bytes(writer, "interrupters", fields, sizeof(fields));
}

static void save_ports(const struct xhci *xhci, struct state_writer *writer)
{
    uint32_t fields[XHCI_PORTS_ALL + 1][2] = { 0 };
    for (unsigned n = 1; n <= xhci->port_count; n++) {
        fields[n][0] = xhci->ports[n].portsc;
        fields[n][1] = xhci->ports[n].changed;
    }
    state_put(writer, "usb2_ports", xhci->config.usb2_ports);
    state_put(writer, "usb3_ports", xhci->config.usb3_ports);
    state_put_bytes(writer, "ports", fields, sizeof(fields));
}

void xhci_save(struct pci_function *function, struct state_writer *writer)
{
    struct xhci *xhci = (struct xhci *)function;
    uint64_t enabled = 0; /* bit n: slot n + 1 */
    unsigned devices = 0;
    pthread_mutex_lock(&xhci->lock);
    state_section(writer, "xhci", STATE_VERSION);
    state_put(writer, "command", xhci->command);
    state_put(writer, "status", xhci->status);
    state_put(writer, "notify", xhci->notify);
    state_put(writer, "configure", xhci->configure);
    state_put(writer, "contexts", xhci->contexts);
    state_put(writer, "commands.at", xhci->commands.at);
    state_put(writer, "commands.cycle", xhci->commands.cycle);
    state_put(writer, "commands.run", xhci->commands_run);
    save_ports(xhci, writer);
    save_interrupters(xhci, writer);
    for (unsigned n = 1; n <= XHCI_SLOTS; n++)
        enabled |= (uint64_t)xhci->slots[n].enabled << (n - 1);
    state_put(writer, "slots", enabled);
    for (unsigned n = 1; n <= XHCI_SLOTS; n++)
        if (xhci->slots[n].enabled)
            save_slot(&xhci->slots[n], n, writer);
    for (const struct usb_device *device = xhci->devices; device; device = device->next)
        devices++;
    state_put(writer, "devices", devices);
    for (struct usb_device *device = xhci->devices; device; device = device->next)
        usb_device_save(device, writer);
    pthread_mutex_unlock(&xhci->lock);
}

/* ---- Loading ------------------------------------------------------------------------------------------- */

static void load_endpoints(struct xhci_slot *slot, const char *name, struct state_reader *reader)
{
    uint64_t endpoints[XHCI_ENDPOINTS][ENDPOINT_WORDS] = { 0 };
    state_get_bytes(reader, name, endpoints, sizeof(endpoints));
    for (unsigned n = 1; n < XHCI_ENDPOINTS; n++) {
        struct xhci_endpoint *endpoint = &slot->endpoints[n];
        if (endpoints[n][0] > EP_ERROR)
            usb_state_bad(reader, "xhci", "the state of an endpoint");
        endpoint->state = (enum xhci_endpoint_state)(endpoints[n][0] % (EP_ERROR + 1));
        endpoint->ring.at = endpoints[n][1] & ~(uint64_t)15;
        endpoint->ring.cycle = endpoints[n][2] & 1;
        endpoint->done = (uint32_t)endpoints[n][3];
        endpoint->event_data = (uint32_t)endpoints[n][4];
        if (endpoint->state == EP_RUNNING)
            slot->ready |= 1u << n;
    }
}

static void load_slot(struct xhci *xhci, unsigned number, struct state_reader *reader)
{
    struct xhci_slot *slot = &xhci->slots[number];
    uint64_t fields[SLOT_FIELDS] = { 0 };
    char name[32];
    snprintf(name, sizeof(name), "slot%u", number);
    state_get_bytes(reader, name, fields, sizeof(fields));
    if (fields[0] > SLOT_CONFIGURED || fields[2] > XHCI_PORTS_ALL || fields[3] > 0xfffff)
        usb_state_bad(reader, "xhci", "a slot");
    slot->enabled = true;
    slot->state = (enum xhci_slot_state)(fields[0] & 3);
    slot->context = fields[1] & ~(uint64_t)63;
    slot->port = (unsigned)fields[2];
    slot->route = (uint32_t)fields[3];
    snprintf(name, sizeof(name), "slot%u.endpoints", number);
    load_endpoints(slot, name, reader);
    snprintf(name, sizeof(name), "slot%u.stage", number);
    slot->control.stage = (enum xhci_stage)state_get(reader, name, STAGE_STATUS);
    snprintf(name, sizeof(name), "slot%u.setup", number);
    state_get_bytes(reader, name, &slot->control.setup, sizeof(slot->control.setup));
    snprintf(name, sizeof(name), "slot%u.failed", number);
    slot->control.failed = state_get(reader, name, 1);
    snprintf(name, sizeof(name), "slot%u.length", number);
    slot->control.length = (uint32_t)state_get(reader, name, USB_CONTROL_MAX);
    snprintf(name, sizeof(name), "slot%u.data", number);
    state_get_bytes(reader, name, slot->control.data, sizeof(slot->control.data));
    if (slot->control.setup.length > USB_CONTROL_MAX && !(slot->control.setup.type & USB_TYPE_IN) &&
        !slot->control.failed)
        usb_state_bad(reader, "xhci", "a control transfer");
}

static void load_interrupters(struct xhci *xhci, struct state_reader *reader)
{
    uint64_t fields[XHCI_INTERRUPTERS][9] = { 0 };
    state_get_bytes(reader, "interrupters", fields, sizeof(fields));
    for (unsigned n = 0; n < XHCI_INTERRUPTERS; n++) {
        const uint64_t *row = fields[n];
        if (row[5] &&
            (row[6] > XHCI_EVENTS_MAX || !xhci_events_fit(row[5], (uint32_t)row[6]) || row[7] >= row[6]))
            usb_state_bad(reader, "xhci", "an event ring");
        if (reader->failed)
            return;
        xhci->interrupters[n] = (struct xhci_interrupter){ .iman = row[0] & 3,
                                                           .imod = (uint32_t)row[1],
                                                           .size = row[2] & 0xffff,
                                                           .table = row[3] & ~(uint64_t)63,
                                                           .dequeue = row[4],
                                                           .ring = row[5],
                                                           .entries = (uint32_t)row[6],
                                                           .next = (uint32_t)row[7],
                                                           .cycle = row[8] & 1 };
    }
}

static void load_ports(struct xhci *xhci, struct state_reader *reader)
{
    uint32_t fields[XHCI_PORTS_ALL + 1][2] = { 0 };
    if (state_get(reader, "usb2_ports", XHCI_PORTS_MAX) != xhci->config.usb2_ports ||
        state_get(reader, "usb3_ports", XHCI_PORTS_MAX) != xhci->config.usb3_ports)
        usb_state_bad(reader, "xhci", "the number of ports");
    state_get_bytes(reader, "ports", fields, sizeof(fields));
    for (unsigned n = 1; n <= xhci->port_count && !reader->failed; n++) {
        /* Whether something is plugged in, and how fast it is, does not come from the file. */
        uint32_t own = xhci->ports[n].portsc & 0x3c01;
        xhci->ports[n].portsc = (fields[n][0] & STATE_OF_PORT & ~0x3c01u) | own;
        if (!xhci->ports[n].device)
            xhci->ports[n].portsc &= ~2u;
        xhci->ports[n].changed = fields[n][1] & 1;
    }
}

static void load_rest(struct xhci *xhci, struct state_reader *reader)
{
    uint64_t enabled = state_get(reader, "slots", UINT64_MAX);
    unsigned devices = 0, saved = (unsigned)state_get(reader, "devices", UINT8_MAX);
    for (unsigned n = 1; n <= XHCI_SLOTS && !reader->failed; n++)
        if (enabled >> (n - 1) & 1)
            load_slot(xhci, n, reader);
    for (const struct usb_device *device = xhci->devices; device; device = device->next)
        devices++;
    if (devices != saved)
        usb_state_bad(reader, "xhci", "the number of USB devices");
    for (struct usb_device *device = xhci->devices; device && !reader->failed; device = device->next)
        usb_device_load(device, reader);
}

bool xhci_load(struct pci_function *function, struct state_reader *reader)
{
    struct xhci *xhci = (struct xhci *)function;
    if (!state_open(reader, "xhci", STATE_VERSION))
        return false;
    pthread_mutex_lock(&xhci->lock);
    xhci_reset(xhci);
    xhci->command = (uint32_t)state_get(reader, "command", CMD_KEPT);
    xhci->status = (uint32_t)state_get(reader, "status", STS_ALL);
    xhci->notify = (uint32_t)state_get(reader, "notify", UINT16_MAX);
    xhci->configure = (uint32_t)state_get(reader, "configure", UINT8_MAX);
    xhci->contexts = state_get(reader, "contexts", UINT64_MAX) & ~(uint64_t)63;
    xhci->commands.at = state_get(reader, "commands.at", UINT64_MAX) & ~(uint64_t)15;
    xhci->commands.cycle = state_get(reader, "commands.cycle", 1);
    xhci->commands_run = xhci->commands_ready = state_get(reader, "commands.run", 1);
    load_ports(xhci, reader);
    load_interrupters(xhci, reader);
    load_rest(xhci, reader);
    if (reader->failed)
        xhci_reset(xhci);
    xhci->stopped = !pci_function_is_bus_master(function);
    xhci_update_wire(xhci);
    xhci_work(xhci);
    pthread_mutex_unlock(&xhci->lock);
    return !reader->failed;
}
