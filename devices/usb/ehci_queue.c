/* SPDX-License-Identifier: MIT
 *
 * Queues of the EHCI controller (sections 3.5, 3.6 and 4.10): takes the next transfer (qTD) of a queue, has
 * the device move its bytes, and tells the driver. The queue's overlay has all that is known of the transfer,
 * so one at which the device answered NAK is found there again. The transfer's own token comes last, since it
 * tells the driver that the rest is there.
 */
#include <stdatomic.h>
#include <stddef.h>

#include "devices/usb/ehci_internal.h"
#include "util/check.h"
#include "util/log.h"

enum { /* bits of a token; section 3.5.3 */
       TOKEN_PING = 1 << 0,
       TOKEN_TRANSACTION = 1 << 3,
       TOKEN_BUFFER = 1 << 5,
       TOKEN_HALTED = 1 << 6,
       TOKEN_ACTIVE = 1 << 7,
       TOKEN_TRIES = 3 << 10,
       TOKEN_INTERRUPT = 1 << 15
};
#define TOKEN_TOGGLE       0x80000000u
#define TOKEN_PID(token)   ((token) >> 8 & 3)
#define TOKEN_PAGE(token)  ((token) >> 12 & 7)
#define TOKEN_BYTES(token) ((token) >> 16 & 0x7fff)
enum { PID_BAD = 3, SPEED_HIGH = 2 };
#define QH_DEVICE(v)        ((v)&0x7f)
#define QH_ENDPOINT(v)      ((v) >> 8 & 15)
#define QH_SPEED(v)         ((v) >> 12 & 3)
#define QH_TOGGLE_OF_QTD(v) ((v) >> 14 & 1)
#define QH_PACKET(v)        ((v) >> 16 & 0x7ff)
#define QH_NAKS(v)          ((v) >> 28)
#define NAKS                (15u << 1) /* the counter in the overlay's alternate pointer */

/* ---- The queue ----------------------------------------------------------------------------------------- */

static bool store(struct ehci *ehci, const struct ehci_qh *qh, uint32_t at)
{
    const unsigned from = offsetof(struct ehci_qh, current);
    if (dma_write(ehci->config.dma, (uint64_t)at + from, &qh->current, sizeof(*qh) - from))
        return true;
    ehci_fail(ehci, "a queue", at);
    return false;
}

/* Section 4.10.2: makes the next transfer the present one. False: there is none that is active. */
static bool advance(struct ehci *ehci, struct ehci_qh *qh, uint32_t at)
{
    struct ehci_qtd *overlay = &qh->overlay, next;
    bool is_short = TOKEN_BYTES(overlay->token) && !(overlay->alternate & EHCI_LINK_END);
    uint32_t link = is_short ? overlay->alternate : overlay->next;
    if (link & EHCI_LINK_END)
        return false;
    if (!dma_read(ehci->config.dma, EHCI_ADDRESS(link), &next, sizeof(next))) {
        ehci_fail(ehci, "a transfer", link);
        return false;
    }
    if (!(next.token & TOKEN_ACTIVE))
        return false;
    if (!QH_TOGGLE_OF_QTD(qh->endpoint))
        next.token = (next.token & ~TOKEN_TOGGLE) | (overlay->token & TOKEN_TOGGLE);
    next.alternate = (next.alternate & ~NAKS) | QH_NAKS(qh->endpoint) << 1;
    *overlay = next;
    qh->current = EHCI_ADDRESS(link);
    return store(ehci, qh, at);
}

/* ---- The transfer -------------------------------------------------------------------------------------- */

/* Makes ehci->packet from the overlay. False: it is longer than its pages. */
static bool make_packet(struct ehci *ehci, const struct ehci_qtd *qtd)
{
    struct usb_packet *packet = &ehci->packet;
    uint32_t left = TOKEN_BYTES(qtd->token), offset = qtd->buffers[0] % EHCI_PAGE;
    unsigned page = TOKEN_PAGE(qtd->token);
    packet->dma = ehci->config.dma;
    packet->count = 0;
    packet->length = left;
    packet->done = 0;
    for (; left && page < EHCI_BUFFERS; page++, offset = 0) {
        uint32_t part = left < EHCI_PAGE - offset ? left : EHCI_PAGE - offset;
        packet->segments[packet->count++] =
            (struct usb_segment){ (qtd->buffers[page] & ~(EHCI_PAGE - 1)) + offset, part, NULL };
        left -= part;
    }
    return !left;
}

/* Goes on by the bytes that have been moved. */
static void move_on(struct ehci_qh *qh, uint32_t moved)
{
    struct ehci_qtd *qtd = &qh->overlay;
    uint32_t size = QH_PACKET(qh->endpoint) ? QH_PACKET(qh->endpoint) : 1;
    uint32_t packets = moved ? (moved + size - 1) / size : 1;
    uint32_t at = qtd->buffers[0] % EHCI_PAGE + moved, left = TOKEN_BYTES(qtd->token) - moved;
    uint32_t page = TOKEN_PAGE(qtd->token) + at / EHCI_PAGE; /* 5 at most: all are full */
    if (packets & 1)
        qtd->token ^= TOKEN_TOGGLE;
    qtd->token = (qtd->token & ~(7u << 12 | 0x7fffu << 16)) | page << 12 | left << 16;
    qtd->buffers[0] = (qtd->buffers[0] & ~(EHCI_PAGE - 1)) | at % EHCI_PAGE;
}

static enum usb_result ask(struct ehci *ehci, const struct ehci_qh *qh)
{
    unsigned endpoint = QH_ENDPOINT(qh->endpoint), pid = TOKEN_PID(qh->overlay.token);
    struct ehci_pipe *pipe = ehci_find(ehci, QH_DEVICE(qh->endpoint));
    if (QH_SPEED(qh->endpoint) != SPEED_HIGH) {
        LOG_UNIMP("ehci: a split transaction with a device that is not a high-speed one");
        return USB_NO_ENDPOINT;
    }
    if (!pipe || pid == PID_BAD || (pid == PID_SETUP && endpoint))
        return USB_NO_ENDPOINT;
    if (!make_packet(ehci, &qh->overlay)) {
        LOG_GUEST("ehci: a transfer of %u bytes is longer than its pages", TOKEN_BYTES(qh->overlay.token));
        return USB_BAD_MEMORY;
    }
    if (!endpoint)
        return ehci_control(pipe, (enum ehci_pid)pid, &ehci->packet);
    return usb_device_transfer(pipe->device, (uint8_t)(endpoint | (pid == PID_IN ? USB_TYPE_IN : 0)),
                               &ehci->packet);
}

/* Sections 4.10.3 and 4.15.1.1: what becomes of the transfer; what the driver is told of it. */
static uint32_t conclude(struct ehci_qh *qh, enum usb_result result, uint64_t done)
{
    uint32_t *token = &qh->overlay.token, before = TOKEN_BYTES(*token);
    bool in = TOKEN_PID(*token) == PID_IN;
    switch (result) {
    case USB_NAK:
        if (done)
            move_on(qh, (uint32_t)done);
        return 0;
    case USB_DONE:
        move_on(qh, in ? (uint32_t)done : before); /* what a device does not need it takes, too */
        *token &= ~(uint32_t)(TOKEN_ACTIVE | TOKEN_TRANSACTION | TOKEN_PING);
        return *token & TOKEN_INTERRUPT || TOKEN_BYTES(*token) ? STS_DONE : 0;
    case USB_NO_ENDPOINT:
        *token |= TOKEN_TRANSACTION;
        if (!(*token & TOKEN_TRIES)) /* it is to be tried for ever */
            return 0;
        *token &= ~(uint32_t)TOKEN_TRIES;
        break;
    case USB_BAD_MEMORY: *token |= TOKEN_BUFFER; break;
    case USB_STALL: break;
    }
    *token = (*token | TOKEN_HALTED) & ~(uint32_t)TOKEN_ACTIVE;
    return STS_ERROR | (*token & TOKEN_INTERRUPT ? STS_DONE : 0);
}

/* True: the transfer has got on. */
static bool transact(struct ehci *ehci, struct ehci_qh *qh, uint32_t at)
{
    uint32_t before = qh->overlay.token;
    ehci->packet.done = ehci->packet.length = 0;
    enum usb_result result = ask(ehci, qh);
    uint64_t done = ehci->packet.done < ehci->packet.length ? ehci->packet.done : ehci->packet.length;
    uint32_t told = conclude(qh, result, done), *token = &qh->overlay.token;
    if (*token == before)
        return false;
    if (!store(ehci, qh, at))
        return false;
    if (!(*token & TOKEN_ACTIVE)) {
        atomic_thread_fence(memory_order_release);
        if (!dma_write(ehci->config.dma,
                       (uint64_t)EHCI_ADDRESS(qh->current) + offsetof(struct ehci_qtd, token), token,
                       sizeof(*token))) {
            ehci_fail(ehci, "a transfer", qh->current);
            return false;
        }
    }
    ehci_tell(ehci, told);
    return !(*token & TOKEN_ACTIVE) || done;
}

bool ehci_queue_run(struct ehci *ehci, struct ehci_qh *qh, uint32_t at, unsigned most)
{
    CHECK_HELD(&ehci->lock);
    bool any = false;
    while (most && ehci->budget && ehci->command & CMD_RUN) {
        if (qh->overlay.token & TOKEN_HALTED)
            break;
        if (!(qh->overlay.token & TOKEN_ACTIVE) && !advance(ehci, qh, at))
            break;
        ehci->budget--;
        most--;
        if (!transact(ehci, qh, at))
            break;
        any = true;
        if (qh->overlay.token & TOKEN_ACTIVE)
            break;
    }
    return any;
}
