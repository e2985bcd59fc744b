/* SPDX-License-Identifier: MIT
 *
 * Event rings and interrupts of the xHCI controller (sections 4.9.4 and 4.17). An interrupter's ring is one
 * segment, which is looked up in its table when the first event needs it: drivers write the address in two
 * halves, in either order.
 */
#include <stdatomic.h>
#include <string.h>

#include "devices/pci/msix.h"
#include "devices/usb/xhci_internal.h"
#include "util/check.h"
#include "util/log.h"

enum { IMAN_PENDING = 1, IMAN_ENABLE = 2 };
enum { DEQUEUE_BUSY = 1 << 3, DEQUEUE_BITS = 15 };

bool xhci_events_fit(uint64_t ring, uint32_t entries)
{
    return ring && !(ring & 63) && entries >= XHCI_EVENTS_MIN && entries <= XHCI_EVENTS_MAX;
}

/* Looks up the ring, if that has not been done. False: the driver has given none. */
static bool begin(struct xhci *xhci, struct xhci_interrupter *interrupter)
{
    struct {
        uint64_t ring;
        uint32_t entries, reserved;
    } segment;
    if (interrupter->ring)
        return true;
    if (!interrupter->size || !interrupter->table)
        return false;
    if (!dma_read(xhci->config.dma, interrupter->table, &segment, sizeof(segment))) {
        xhci_fail(xhci, "the table of an event ring", interrupter->table);
        return false;
    }
    segment.entries &= 0xffff;
    if (!xhci_events_fit(segment.ring, segment.entries)) {
        xhci_fail(xhci, "an event ring", segment.ring);
        return false;
    }
    interrupter->ring = segment.ring;
    interrupter->entries = segment.entries;
    interrupter->next = 0;
    interrupter->cycle = true;
    return true;
}

/* How many events the driver has not taken. If what it says is outside of the ring: none. */
static uint32_t waiting(const struct xhci_interrupter *interrupter)
{
    uint64_t at = (interrupter->dequeue & ~(uint64_t)DEQUEUE_BITS) - interrupter->ring;
    uint64_t taken = at / sizeof(struct xhci_trb);
    if (!interrupter->ring || taken >= interrupter->entries)
        return 0;
    return (uint32_t)((interrupter->next + interrupter->entries - taken) % interrupter->entries);
}

unsigned xhci_events_room(const struct xhci *xhci, unsigned number)
{
    const struct xhci_interrupter *interrupter = &xhci->interrupters[number % XHCI_INTERRUPTERS];
    return interrupter->ring ? interrupter->entries - 1 - waiting(interrupter) : XHCI_EVENTS_MIN - 1;
}

/* ---- Interrupts ---------------------------------------------------------------------------------------- */

static bool wants_wire(const struct xhci *xhci)
{
    for (unsigned n = 0; n < XHCI_INTERRUPTERS; n++)
        if ((xhci->interrupters[n].iman & (IMAN_PENDING | IMAN_ENABLE)) == (IMAN_PENDING | IMAN_ENABLE))
            return xhci->command & CMD_INTE;
    return false;
}

void xhci_update_wire(struct xhci *xhci)
{
    CHECK_HELD(&xhci->lock);
    bool wire = wants_wire(xhci);
    if (wire != xhci->wire)
        pci_function_set_intx(&xhci->function, wire);
    xhci->wire = wire;
}

/* Section 4.17.2: an interrupt is pending when events wait, unless the driver is at work on the ring. A
 * message ends it, a wire stays high until the driver ends it. */
static void raise(struct xhci *xhci, unsigned number)
{
    struct xhci_interrupter *interrupter = &xhci->interrupters[number];
    xhci->status |= STS_EVENT;
    if (interrupter->dequeue & DEQUEUE_BUSY)
        return;
    interrupter->dequeue |= DEQUEUE_BUSY;
    interrupter->iman |= IMAN_PENDING;
    if (!(interrupter->iman & IMAN_ENABLE) || !(xhci->command & CMD_INTE))
        return;
    if (pci_msix_enabled(&xhci->function)) {
        interrupter->iman &= ~(uint32_t)IMAN_PENDING;
        pci_msix_notify(&xhci->function, number);
        return;
    }
    xhci->wire = true;
    pci_function_set_intx(&xhci->function, true);
}

void xhci_events_taken(struct xhci *xhci, unsigned number)
{
    CHECK_HELD(&xhci->lock);
    const struct xhci_interrupter *interrupter = &xhci->interrupters[number];
    if (!(interrupter->dequeue & DEQUEUE_BUSY) && waiting(interrupter))
        raise(xhci, number);
}

/* ---- Events -------------------------------------------------------------------------------------------- */

/* The cycle bit comes last, since it tells the driver that the rest is there. */
static bool store(struct xhci *xhci, uint64_t at, const struct xhci_trb *trb)
{
    if (!dma_write(xhci->config.dma, at, trb, offsetof(struct xhci_trb, control)))
        return false;
    atomic_thread_fence(memory_order_release);
    return dma_write(xhci->config.dma, at + offsetof(struct xhci_trb, control), &trb->control,
                     sizeof(trb->control));
}

void xhci_event(struct xhci *xhci, unsigned number, uint64_t parameter, uint32_t status, uint32_t control)
{
    CHECK_HELD(&xhci->lock);
    number %= XHCI_INTERRUPTERS;
    struct xhci_interrupter *interrupter = &xhci->interrupters[number];
    if (!begin(xhci, interrupter))
        return;
    if (!xhci_events_room(xhci, number)) {
        LOG_GUEST("xhci: an event is lost: one transfer asks for more than the ring has room for");
        return;
    }
    struct xhci_trb trb = { parameter, status, control | (interrupter->cycle ? TRB_CYCLE : 0) };
    uint64_t at = interrupter->ring + (uint64_t)interrupter->next * sizeof(trb);
    if (!store(xhci, at, &trb)) {
        xhci_fail(xhci, "an event ring", at);
        return;
    }
    if (++interrupter->next == interrupter->entries) {
        interrupter->next = 0;
        interrupter->cycle = !interrupter->cycle;
    }
    raise(xhci, number);
}
