/* SPDX-License-Identifier: MIT
 *
 * The two schedules of the EHCI controller (sections 4.6 and 4.8): the list of each frame, and the circle of
 * asynchronous queues. Where the hardware takes one packet of each queue in turn, a few whole transfers are
 * taken here.
 */
#include "devices/usb/ehci_internal.h"
#include "util/check.h"
#include "util/log.h"

#define TURN 8u /* transfers of an asynchronous queue before it is the next one's turn */

#define QH_IS_HEAD(qh)    ((qh)->endpoint >> 15 & 1)
#define QH_START_MASK(qh) ((qh)->split & 0xff)

static bool read_memory(struct ehci *ehci, uint32_t at, void *to, unsigned length)
{
    if (dma_read(ehci->config.dma, at, to, length))
        return true;
    ehci_fail(ehci, "a queue", at);
    return false;
}

/* May another link be followed? */
static bool may_go_on(struct ehci *ehci)
{
    if (!ehci->budget || !(ehci->command & CMD_RUN))
        return false;
    ehci->budget--;
    return true;
}

/* ---- Frames -------------------------------------------------------------------------------------------- */

/* What is at the link is no queue: goes past it. */
static uint32_t pass(struct ehci *ehci, uint32_t link)
{
    static const char *const names[] = { "an isochronous transfer (iTD)", "", "a split transfer (siTD)",
                                         "a frame span node (FSTN)" };
    uint32_t next = EHCI_LINK_END;
    LOG_UNIMP("ehci: %s", names[EHCI_LINK_TYPE(link)]);
    return read_memory(ehci, EHCI_ADDRESS(link), &next, sizeof(next)) ? next : EHCI_LINK_END;
}

static bool walk_frame(struct ehci *ehci, uint32_t number)
{
    bool any = false;
    uint32_t link;
    if (!may_go_on(ehci) ||
        !read_memory(ehci, ehci->periodic + 4 * (number % EHCI_FRAMES), &link, sizeof(link)))
        return false;
    for (unsigned n = 0; n < EHCI_QUEUES_MAX && !(link & EHCI_LINK_END) && may_go_on(ehci); n++) {
        struct ehci_qh qh;
        if (EHCI_LINK_TYPE(link) != LINK_QH) {
            link = pass(ehci, link);
            continue;
        }
        uint32_t at = EHCI_ADDRESS(link);
        if (!read_memory(ehci, at, &qh, sizeof(qh)))
            break;
        link = qh.link;
        any |= ehci_queue_run(ehci, &qh, at, (unsigned)__builtin_popcount(QH_START_MASK(&qh)));
    }
    return any;
}

bool ehci_walk_frames(struct ehci *ehci, uint64_t now)
{
    CHECK_HELD(&ehci->lock);
    uint64_t from = (ehci->seen + ehci->frame % 8) / 8, to = (now + ehci->frame % 8) / 8;
    bool any = false;
    if (to - from > EHCI_FRAMES) /* what is older is missed */
        from = to - EHCI_FRAMES;
    for (uint64_t n = from; n < to && ehci->budget && ehci->command & CMD_RUN; n++)
        any |= walk_frame(ehci, (uint32_t)(ehci->frame / 8 + n));
    return any;
}

/* ---- The asynchronous schedule ------------------------------------------------------------------------- */

/* Once around, from ehci->async on, or until the circle's head comes for the second time. */
static bool walk_around(struct ehci *ehci)
{
    uint32_t at = EHCI_ADDRESS(ehci->async), first = at, head = 0;
    bool any = false;
    for (unsigned n = 0; n < EHCI_QUEUES_MAX && may_go_on(ehci); n++) {
        struct ehci_qh qh;
        if (!read_memory(ehci, at, &qh, sizeof(qh)))
            return any;
        if (QH_IS_HEAD(&qh) && head)
            break;
        head = QH_IS_HEAD(&qh) ? at : head;
        any |= ehci_queue_run(ehci, &qh, at, TURN);
        if (EHCI_LINK_TYPE(qh.link) != LINK_QH) {
            LOG_GUEST("ehci: the asynchronous schedule has an element of type %u", EHCI_LINK_TYPE(qh.link));
            break;
        }
        at = EHCI_ADDRESS(qh.link);
        if (qh.link & EHCI_LINK_END || at == first)
            break;
    }
    /* A queue that the driver takes out must not be where the next walk begins; its head stays. */
    ehci->async = head ? head : at;
    return any;
}

bool ehci_walk_async(struct ehci *ehci)
{
    CHECK_HELD(&ehci->lock);
    bool any = false;
    while (ehci->budget && ehci->command & CMD_RUN && walk_around(ehci))
        any = true;
    return any;
}
