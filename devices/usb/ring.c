/* SPDX-License-Identifier: MIT
 *
 * The driver's rings of the xHCI controller (sections 4.9 and 4.11.5.1): blocks of 16 bytes (TRBs), of which
 * the cycle bit says whether they are there, and links from one piece of a ring to the next.
 */
#include <stdatomic.h>

#include "devices/usb/xhci_internal.h"
#include "util/check.h"

/* Reads a block whose cycle bit is as expected; the bit comes first, as the driver stores it last. */
static bool load(struct xhci *xhci, const struct xhci_ring *ring, struct xhci_trb *trb, bool *bad)
{
    uint32_t control;
    uint64_t at = ring->at + offsetof(struct xhci_trb, control);
    *bad = at < ring->at || !dma_read(xhci->config.dma, at, &control, sizeof(control));
    if (*bad || (control & TRB_CYCLE) != ring->cycle)
        return false;
    atomic_thread_fence(memory_order_acquire);
    *bad = !dma_read(xhci->config.dma, ring->at, trb, sizeof(*trb));
    trb->control = control;
    return !*bad;
}

bool xhci_ring_next(struct xhci *xhci, struct xhci_ring *ring, struct xhci_trb *trb, uint64_t *at, bool *bad)
{
    CHECK_HELD(&xhci->lock);
    *bad = false;
    for (unsigned links = 0; links <= XHCI_LINKS_MAX; links++) {
        if (!xhci->budget)
            return false;
        xhci->budget--;
        if (!load(xhci, ring, trb, bad))
            return false;
        if (XHCI_TRB_TYPE(trb->control) != TRB_LINK) {
            *at = ring->at;
            ring->at += sizeof(*trb);
            return true;
        }
        ring->at = trb->parameter & ~(uint64_t)15;
        if (trb->control & TRB_TOGGLE)
            ring->cycle = !ring->cycle;
    }
    *bad = true; /* links to links to links */
    return false;
}

bool xhci_ring_td(struct xhci *xhci, const struct xhci_ring *ring, bool *bad)
{
    struct xhci_td *td = &xhci->td;
    struct xhci_trb *trb;
    td->after = *ring;
    td->count = 0;
    td->events = 1;
    do {
        if (td->count == USB_SEGMENTS_MAX) {
            *bad = true;
            return false;
        }
        trb = &td->blocks[td->count].trb;
        if (!xhci_ring_next(xhci, &td->after, trb, &td->blocks[td->count].at, bad))
            return false;
        td->count++;
        td->events += (trb->control & TRB_IOC) != 0;
    } while (trb->control & TRB_CHAIN);
    return true;
}
