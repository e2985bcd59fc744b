/* SPDX-License-Identifier: MIT
 *
 * Frames to the guest. A frame that passes the filters is spread over as many buffers as it takes, each of
 * which has a descriptor: the old form (section 3.2.3 of the manual) or the 82574's extended one (section
 * 7.1.5 of the datasheet). While there are not enough, the frame waits in the netdev; it is never lost for
 * that. In place of the checksum of the wire the guest finds zeroes.
 */
#include <string.h>

#include "devices/e1000/internal.h"
#include "util/check.h"
#include "util/log.h"

enum { ETHERNET = 14, TAG = 4, CRC = 4, STANDARD_MOST = 1522, LONG_MOST = 16384 };
enum { TYPE_IPV4 = 0x0800, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };

struct ring {
    uint64_t base;
    uint32_t count, head, tail;
};

static bool has_ring(const struct e1000 *e1000, struct ring *ring)
{
    ring->base = (uint64_t)E1000_REG(e1000, E1000_RDBAH) << 32 | (E1000_REG(e1000, E1000_RDBAL) & ~15u);
    ring->count = E1000_REG(e1000, E1000_RDLEN) / E1000_DESCRIPTOR;
    ring->head = E1000_REG(e1000, E1000_RDH);
    ring->tail = E1000_REG(e1000, E1000_RDT);
    return ring->count && ring->head < ring->count && ring->tail < ring->count;
}

static uint32_t room_of(const struct ring *ring)
{
    return ring->tail >= ring->head ? ring->tail - ring->head : ring->tail + ring->count - ring->head;
}

static uint32_t buffer_bytes(const struct e1000 *e1000)
{
    uint32_t rctl = E1000_REG(e1000, E1000_RCTL), bytes = 2048u >> (rctl >> 16 & 3);
    if (e1000->is_e && rctl >> 27 & 15)
        return (rctl >> 27 & 15) * 1024;
    return rctl & E1000_RCTL_BSEX && bytes < 2048 ? bytes * 16 : bytes;
}

/* ---- Filters ------------------------------------------------------------------------------------------- */

static bool has_address(const struct e1000 *e1000, const uint8_t *mac)
{
    uint32_t low = mac[0] | (uint32_t)mac[1] << 8 | (uint32_t)mac[2] << 16 | (uint32_t)mac[3] << 24;
    uint32_t high = mac[4] | (uint32_t)mac[5] << 8 | 0x80000000u;
    for (unsigned n = 0; n < 16; n++)
        if (E1000_REG(e1000, E1000_RAL + 8 * n) == low &&
            (E1000_REG(e1000, E1000_RAL + 8 * n + 4) & 0x8000ffffu) == high)
            return true;
    return false;
}

/* The table has a bit for each value of twelve bits of the address; RCTL.MO says which. */
static bool in_table(const struct e1000 *e1000, const uint8_t *mac)
{
    static const uint8_t shifts[4] = { 4, 3, 2, 0 };
    unsigned shift = shifts[E1000_REG(e1000, E1000_RCTL) >> 12 & 3];
    unsigned hash = ((unsigned)mac[5] << 8 | mac[4]) >> shift & 0xfff;
    return E1000_REG(e1000, E1000_MTA + hash / 32 * 4) >> hash % 32 & 1;
}

static bool is_tagged(const struct e1000 *e1000, const uint8_t *frame, size_t length)
{
    return length >= ETHERNET + TAG &&
           (frame[12] << 8 | frame[13]) == (int)(E1000_REG(e1000, E1000_VET) & 0xffff);
}

static bool wants(struct e1000 *e1000, const uint8_t *frame, size_t length)
{
    static const uint8_t everybody[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    uint32_t rctl = E1000_REG(e1000, E1000_RCTL);
    bool tagged = is_tagged(e1000, frame, length);
    if (length + CRC > (rctl & E1000_RCTL_LPE ? LONG_MOST : STANDARD_MOST)) {
        E1000_REG(e1000, E1000_ROC)++;
        return false;
    }
    if (tagged && rctl & E1000_RCTL_VFE) {
        unsigned tag = (frame[14] << 8 | frame[15]) & 0xfff;
        if (!(E1000_REG(e1000, E1000_VFTA + tag / 32 * 4) >> tag % 32 & 1))
            return false;
    }
    if (memcmp(frame, everybody, 6) == 0)
        return rctl & (E1000_RCTL_BAM | E1000_RCTL_MPE) || has_address(e1000, frame);
    if (frame[0] & 1)
        return rctl & E1000_RCTL_MPE || has_address(e1000, frame) || in_table(e1000, frame);
    return rctl & E1000_RCTL_UPE || has_address(e1000, frame);
}

/* ---- Descriptors --------------------------------------------------------------------------------------- */

/* What the last descriptor of a frame says about it. What was made on this host needs no checking; of other
 * frames the card says that it did not look. */
struct verdict {
    uint8_t status;
    uint16_t tag;
};

static uint8_t checked(const struct e1000 *e1000, const uint8_t *frame, size_t length)
{
    uint32_t rxcsum = E1000_REG(e1000, E1000_RXCSUM);
    const uint8_t *ip = frame + ETHERNET;
    if (!e1000->netdev->checksums_right || length < ETHERNET + 20 ||
        (frame[12] << 8 | frame[13]) != TYPE_IPV4)
        return E1000_RX_IXSM;
    uint8_t status = rxcsum & E1000_RXCSUM_IP ? E1000_RX_IPCS : 0;
    bool whole = !((ip[6] << 8 | ip[7]) & 0x3fff);
    if (rxcsum & E1000_RXCSUM_TCP && whole && (ip[9] == PROTOCOL_TCP || ip[9] == PROTOCOL_UDP))
        status |= E1000_RX_TCPCS;
    return status ? status : E1000_RX_IXSM;
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
}

/* Fills one buffer and gives its descriptor back. False: its ring or buffer is not in memory. */
static bool fill(struct e1000 *e1000, const struct ring *ring, const uint8_t *bytes, size_t length,
                 const struct verdict *verdict)
{
    uint8_t descriptor[E1000_DESCRIPTOR];
    uint64_t at = ring->base + (uint64_t)ring->head * E1000_DESCRIPTOR, buffer = 0;
    if (!dma_read(e1000->dma, at, descriptor, sizeof(descriptor)))
        return false;
    for (unsigned n = 0; n < 8; n++)
        buffer |= (uint64_t)descriptor[n] << (8 * n);
    if (!dma_write(e1000->dma, buffer, bytes, length))
        return false;
    if (e1000->is_e && E1000_REG(e1000, E1000_RFCTL) & E1000_RFCTL_EXTENDED) {
        memset(descriptor, 0, sizeof(descriptor));
        descriptor[8] = verdict->status;
        put16(descriptor + 12, (unsigned)length);
        put16(descriptor + 14, verdict->tag);
    } else {
        put16(descriptor + 8, (unsigned)length);
        put16(descriptor + 10, 0);
        descriptor[12] = verdict->status;
        descriptor[13] = 0;
        put16(descriptor + 14, verdict->tag);
    }
    return dma_write(e1000->dma, at, descriptor, sizeof(descriptor));
}

/* Spreads the frame over buffers, for which there is room. */
static void store(struct e1000 *e1000, struct ring *ring, const uint8_t *frame, size_t length,
                  struct verdict last)
{
    size_t bytes = buffer_bytes(e1000);
    for (size_t done = 0; done < length;) {
        size_t part = length - done < bytes ? length - done : bytes;
        struct verdict verdict = { .status = E1000_RX_DD };
        if (done + part == length) {
            verdict = last;
            verdict.status |= E1000_RX_DD | E1000_RX_EOP;
        }
        if (!fill(e1000, ring, frame + done, part, &verdict)) {
            LOG_GUEST("e1000: a receive descriptor or its buffer is not in memory");
            return;
        }
        done += part;
        ring->head = ring->head + 1 == ring->count ? 0 : ring->head + 1;
        E1000_REG(e1000, E1000_RDH) = ring->head;
    }
}

/* Takes the tag out of the frame, pads it, and adds room for the checksum of the wire. Returns the length. */
static size_t prepare(const struct e1000 *e1000, const uint8_t *frame, size_t length, uint8_t *to,
                      struct verdict *verdict)
{
    bool tagged = E1000_REG(e1000, E1000_CTRL) & E1000_CTRL_VME && is_tagged(e1000, frame, length);
    if (tagged) {
        verdict->status |= E1000_RX_VP;
        verdict->tag = (uint16_t)(frame[14] << 8 | frame[15]);
        memcpy(to, frame, 12);
        memcpy(to + 12, frame + 12 + TAG, length - 12 - TAG);
        length -= TAG;
    } else {
        memcpy(to, frame, length);
    }
    size_t least = length < E1000_FRAME_LEAST ? E1000_FRAME_LEAST : length;
    size_t end = least + (E1000_REG(e1000, E1000_RCTL) & E1000_RCTL_SECRC ? 0 : CRC);
    memset(to + length, 0, end - length);
    return end;
}

/* False: it has to wait. [locked] */
static bool take(struct e1000 *e1000, const uint8_t *frame, size_t length)
{
    CHECK_HELD(&e1000->lock);
    uint8_t bytes[LONG_MOST + CRC];
    struct ring ring;
    uint32_t rctl = E1000_REG(e1000, E1000_RCTL);
    bool split = e1000->is_e && rctl & E1000_RCTL_SPLIT;
    if (!(rctl & E1000_RCTL_EN) || split || length < ETHERNET || !has_ring(e1000, &ring) ||
        !pci_function_is_bus_master(&e1000->function) || !wants(e1000, frame, length))
        return true;
    struct verdict verdict = { .status = checked(e1000, frame, length) };
    size_t whole = prepare(e1000, frame, length, bytes, &verdict);
    uint32_t needed = (uint32_t)((whole + buffer_bytes(e1000) - 1) / buffer_bytes(e1000));
    if (needed >= ring.count) { /* it would never fit */
        E1000_REG(e1000, E1000_MPC)++;
        return true;
    }
    if (needed > room_of(&ring)) {
        e1000->room_wanted = true;
        return false;
    }
    store(e1000, &ring, bytes, whole, verdict);
    e1000_count(e1000, false, frame, (length < E1000_FRAME_LEAST ? E1000_FRAME_LEAST : length) + CRC);
    e1000->delivered |= E1000_CAUSE_RXT0;
    if (room_of(&ring) <= ring.count >> ((rctl >> 8 & 3) + 1))
        e1000->delivered |= E1000_CAUSE_RXDMT0;
    return true;
}

bool e1000_receive(void *opaque, const uint8_t *frame, size_t length)
{
    struct e1000 *e1000 = opaque;
    pthread_mutex_lock(&e1000->lock);
    bool taken = !e1000->held && take(e1000, frame, length);
    if (e1000->held) /* it waits in the netdev until the machine goes on */
        e1000->missed = true;
    pthread_mutex_unlock(&e1000->lock);
    return taken;
}

void e1000_receive_end(void *opaque)
{
    struct e1000 *e1000 = opaque;
    pthread_mutex_lock(&e1000->lock);
    if (e1000->held && e1000->delivered) {
        e1000->missed = true;
    } else if (e1000->delivered) {
        uint32_t causes = e1000->delivered;
        e1000->delivered = 0;
        e1000_raise(e1000, causes);
    }
    pthread_mutex_unlock(&e1000->lock);
}
