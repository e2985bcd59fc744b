/* SPDX-License-Identifier: MIT
 *
 * Transfers of the xHCI controller (sections 4.10 and 4.11.2): takes what the driver has put on an endpoint's
 * ring, has the device move the bytes, and tells the driver.
 *
 * A transfer (TD) stays on the ring until it has ended. If the device answers NAK, only the number of bytes
 * that have been moved is kept, and the transfer is read again when the device is ready. So a driver that
 * changes it in between harms nobody but itself.
 *
 * A control transfer is up to three TDs. A request that brings data is made at its setup stage, any other at
 * its status stage, when the data is there; a request that the device refuses stalls the next stage.
 */
#include <string.h>

#include "devices/usb/xhci_internal.h"
#include "util/check.h"
#include "util/log.h"

#define CONTROL_ENDPOINT 1u
#define TRB_LENGTH(trb)  ((trb)->status & 0x1ffff)
#define TRB_TARGET(trb)  ((trb)->status >> 22)
#define TRB_IN           (1u << 16) /* direction of a data stage */
#define EVENT_LENGTH     0xffffffu

/* ---- Endpoints ----------------------------------------------------------------------------------------- */

void xhci_endpoint_set(struct xhci *xhci, unsigned slot, unsigned number, enum xhci_endpoint_state state)
{
    CHECK_HELD(&xhci->lock);
    struct xhci_endpoint *endpoint = &xhci->slots[slot].endpoints[number];
    uint64_t at = xhci->slots[slot].context + number * 32;
    uint32_t first = 0;
    uint64_t dequeue = endpoint->ring.at | endpoint->ring.cycle;
    endpoint->state = state;
    bool ok = dma_read(xhci->config.dma, at, &first, sizeof(first));
    first = (first & ~7u) | state;
    if (!ok || !dma_write(xhci->config.dma, at, &first, sizeof(first)) ||
        !dma_write(xhci->config.dma, at + 8, &dequeue, sizeof(dequeue)))
        xhci_fail(xhci, "the context of a device", at);
}

static void tell(struct xhci *xhci, unsigned slot, unsigned number, unsigned target, uint64_t parameter,
                 enum xhci_code code, uint32_t length, uint32_t flags)
{
    xhci_event(xhci, target, parameter, (length & EVENT_LENGTH) | (uint32_t)code << 24,
               XHCI_TYPE(TRB_TRANSFER_EVENT) | number << 16 | slot << 24 | flags);
}

void xhci_endpoint_stop(struct xhci *xhci, unsigned slot, unsigned number)
{
    struct xhci_endpoint *endpoint = &xhci->slots[slot].endpoints[number];
    struct xhci_td *td = &xhci->td;
    bool bad = false;
    if (xhci_ring_td(xhci, &endpoint->ring, &bad)) {
        uint32_t left = endpoint->done;
        unsigned n = 0;
        while (n + 1 < td->count && left >= TRB_LENGTH(&td->blocks[n].trb))
            left -= TRB_LENGTH(&td->blocks[n++].trb);
        const struct xhci_trb *trb = &td->blocks[n].trb;
        uint32_t rest = TRB_LENGTH(trb) > left ? TRB_LENGTH(trb) - left : 0;
        tell(xhci, slot, number, TRB_TARGET(trb), td->blocks[n].at, XHCI_STOPPED, rest, 0);
    }
    xhci_endpoint_set(xhci, slot, number, EP_STOPPED);
}

/* ---- Telling the driver -------------------------------------------------------------------------------- */

/* Sections 4.10.1 and 4.11.5.2: an event for each block that asks for one, for one that was filled only in
 * part and asks for that, and for the block at which an error came; Event Data blocks say how much it was.
 * `moved` bytes of the transfer were moved. After an event that is no success only Event Data follows. */
static void report(struct xhci *xhci, unsigned slot, unsigned number, enum xhci_code code, uint64_t moved)
{
    struct xhci_endpoint *endpoint = &xhci->slots[slot].endpoints[number];
    const struct xhci_td *td = &xhci->td;
    bool is_short = false, told = false;
    for (unsigned n = 0; n < td->count; n++) {
        const struct xhci_trb *trb = &td->blocks[n].trb;
        bool asked = trb->control & TRB_IOC;
        enum xhci_code shown = code == XHCI_SUCCESS && is_short ? XHCI_SHORT_PACKET : code;
        if (XHCI_TRB_TYPE(trb->control) == TRB_EVENT_DATA_BLOCK) {
            if (asked)
                tell(xhci, slot, number, TRB_TARGET(trb), trb->parameter, shown, endpoint->event_data,
                     TRB_EVENT_DATA);
            endpoint->event_data = 0;
            continue;
        }
        uint32_t length = TRB_LENGTH(trb), part = moved < length ? (uint32_t)moved : length;
        moved -= part;
        endpoint->event_data += part;
        bool last = n + 1 == td->count;
        if (code == XHCI_SUCCESS && part < length && !is_short) {
            is_short = true;
            shown = XHCI_SHORT_PACKET;
            asked |= (trb->control & TRB_ISP) != 0;
        }
        if (code != XHCI_SUCCESS)
            asked |= part < length || last;
        if (asked && !told)
            tell(xhci, slot, number, TRB_TARGET(trb), td->blocks[n].at, shown, length - part, 0);
        told |= asked && shown != XHCI_SUCCESS;
        if (told && code != XHCI_SUCCESS)
            return;
    }
}

static void finish(struct xhci *xhci, unsigned slot, unsigned number, uint64_t moved)
{
    struct xhci_endpoint *endpoint = &xhci->slots[slot].endpoints[number];
    report(xhci, slot, number, XHCI_SUCCESS, moved);
    endpoint->ring = xhci->td.after;
    endpoint->done = 0;
}

/* The endpoint halts, or (a fault of the ring) goes to its error state. */
static void fail(struct xhci *xhci, unsigned slot, unsigned number, enum xhci_code code, uint64_t moved)
{
    struct xhci_endpoint *endpoint = &xhci->slots[slot].endpoints[number];
    if (xhci->td.count)
        report(xhci, slot, number, code, moved);
    else
        tell(xhci, slot, number, 0, endpoint->ring.at, code, 0, 0);
    endpoint->done = endpoint->event_data = 0;
    xhci_endpoint_set(xhci, slot, number, code == XHCI_TRB_ERROR ? EP_ERROR : EP_HALTED);
}

static enum xhci_code code_of(enum usb_result result)
{
    switch (result) {
    case USB_STALL: return XHCI_STALL;
    case USB_BAD_MEMORY: return XHCI_DATA_BUFFER;
    case USB_NO_ENDPOINT: return XHCI_TRANSACTION;
    case USB_DONE:
    case USB_NAK: break;
    }
    return XHCI_SUCCESS;
}

/* ---- Buffers ------------------------------------------------------------------------------------------- */

/* Makes xhci->packet from xhci->td. False: a block does not belong into it. */
static bool make_packet(struct xhci *xhci, bool in)
{
    struct usb_packet *packet = &xhci->packet;
    packet->dma = xhci->config.dma;
    packet->count = 0;
    packet->length = packet->done = 0;
    for (unsigned n = 0; n < xhci->td.count; n++) {
        const struct xhci_trb *trb = &xhci->td.blocks[n].trb;
        unsigned type = XHCI_TRB_TYPE(trb->control);
        bool immediate = trb->control & TRB_IMMEDIATE;
        if (type == TRB_EVENT_DATA_BLOCK || type == TRB_NOOP)
            continue;
        if ((type != TRB_NORMAL && (type != TRB_DATA || n)) ||
            (immediate && (in || TRB_LENGTH(trb) > sizeof(trb->parameter))))
            return false;
        packet->segments[packet->count++] =
            (struct usb_segment){ trb->parameter, TRB_LENGTH(trb),
                                  immediate ? (const uint8_t *)&trb->parameter : NULL };
        packet->length += TRB_LENGTH(trb);
    }
    return true;
}

/* ---- Control transfers --------------------------------------------------------------------------------- */

static void request(struct xhci_control *control, struct usb_device *device)
{
    int length = usb_device_control(device, &control->setup, control->data);
    control->failed = length < 0;
    control->length = length < 0 ? 0 : (uint32_t)length;
    if (control->length > control->setup.length)
        control->length = control->setup.length;
}

static enum xhci_code setup_stage(struct xhci *xhci, struct xhci_control *control, struct usb_device *device)
{
    const struct xhci_trb *trb = &xhci->td.blocks[0].trb;
    if (!(trb->control & TRB_IMMEDIATE) || TRB_LENGTH(trb) != sizeof(control->setup))
        return XHCI_TRB_ERROR;
    memset(control, 0, sizeof(*control));
    memcpy(&control->setup, &trb->parameter, sizeof(control->setup));
    control->stage = control->setup.length ? STAGE_DATA : STAGE_STATUS;
    if (control->stage == STAGE_DATA && control->setup.type & USB_TYPE_IN)
        request(control, device);
    else if (control->setup.length > USB_CONTROL_MAX)
        control->failed = true;
    return XHCI_SUCCESS;
}

static enum xhci_code data_stage(struct xhci *xhci, struct xhci_control *control, uint64_t *moved)
{
    bool in = control->setup.type & USB_TYPE_IN;
    if (control->stage != STAGE_DATA || !(xhci->td.blocks[0].trb.control & TRB_IN) == in ||
        !make_packet(xhci, in))
        return XHCI_TRB_ERROR;
    if (control->failed)
        return XHCI_STALL;
    long length = in ? usb_packet_write(&xhci->packet, control->data, control->length)
                     : usb_packet_read(&xhci->packet, control->data, control->setup.length);
    if (length < 0)
        return XHCI_DATA_BUFFER;
    *moved = (uint64_t)length;
    control->stage = STAGE_STATUS;
    return XHCI_SUCCESS;
}

static enum xhci_code status_stage(struct xhci_control *control, struct usb_device *device)
{
    bool brings = control->setup.length && control->setup.type & USB_TYPE_IN;
    if (control->stage == STAGE_SETUP)
        return XHCI_TRB_ERROR;
    control->stage = STAGE_SETUP;
    if (!brings && !control->failed)
        request(control, device);
    return control->failed ? XHCI_STALL : XHCI_SUCCESS;
}

static void control_run(struct xhci *xhci, unsigned slot, struct usb_device *device)
{
    struct xhci_control *control = &xhci->slots[slot].control;
    enum xhci_code code;
    uint64_t moved = 0;
    switch (XHCI_TRB_TYPE(xhci->td.blocks[0].trb.control)) {
    case TRB_SETUP:
        code = setup_stage(xhci, control, device);
        moved = sizeof(control->setup);
        break;
    case TRB_DATA: code = data_stage(xhci, control, &moved); break;
    case TRB_STATUS: code = status_stage(control, device); break;
    case TRB_NOOP: code = XHCI_SUCCESS; break;
    default: code = XHCI_TRB_ERROR; break;
    }
    if (code == XHCI_SUCCESS) {
        finish(xhci, slot, CONTROL_ENDPOINT, moved);
        return;
    }
    control->stage = STAGE_SETUP;
    fail(xhci, slot, CONTROL_ENDPOINT, code, 0);
}

/* ---- Other transfers ----------------------------------------------------------------------------------- */

/* True: the device answered NAK. */
static bool data_run(struct xhci *xhci, unsigned slot, unsigned number, struct usb_device *device)
{
    struct xhci_endpoint *endpoint = &xhci->slots[slot].endpoints[number];
    struct usb_packet *packet = &xhci->packet;
    bool in = number & 1;
    if (!make_packet(xhci, in)) {
        LOG_UNIMP("xhci: a block of type %u on endpoint %u", XHCI_TRB_TYPE(xhci->td.blocks[0].trb.control),
                  number);
        fail(xhci, slot, number, XHCI_TRB_ERROR, 0);
        return false;
    }
    if (!packet->count) { /* it only asks for an event */
        finish(xhci, slot, number, 0);
        return false;
    }
    packet->done = endpoint->done < packet->length ? endpoint->done : packet->length;
    enum usb_result result =
        usb_device_transfer(device, (uint8_t)(number / 2 | (in ? USB_TYPE_IN : 0)), packet);
    if (result == USB_NAK)
        endpoint->done = (uint32_t)packet->done;
    else if (result == USB_DONE)
        finish(xhci, slot, number, packet->done);
    else
        fail(xhci, slot, number, code_of(result), packet->done);
    return result == USB_NAK;
}

bool xhci_endpoint_run(struct xhci *xhci, unsigned slot, unsigned number)
{
    CHECK_HELD(&xhci->lock);
    struct xhci_slot *owner = &xhci->slots[slot];
    struct xhci_endpoint *endpoint = &owner->endpoints[number];
    while (owner->enabled && endpoint->state == EP_RUNNING && xhci_runs(xhci)) {
        bool bad = false;
        if (!xhci_ring_td(xhci, &endpoint->ring, &bad)) {
            xhci->td.count = 0;
            if (bad)
                fail(xhci, slot, number, XHCI_TRB_ERROR, 0);
            return !bad && !xhci->budget;
        }
        unsigned room = xhci_events_room(xhci, TRB_TARGET(&xhci->td.blocks[0].trb));
        if (room < xhci->td.events && room < XHCI_EVENTS_MIN - 1)
            return true;
        struct usb_device *device = xhci_find_device(xhci, owner->port, owner->route);
        if (!device)
            fail(xhci, slot, number, XHCI_TRANSACTION, 0);
        else if (number == CONTROL_ENDPOINT)
            control_run(xhci, slot, device);
        else if (data_run(xhci, slot, number, device))
            return false;
    }
    return false;
}
