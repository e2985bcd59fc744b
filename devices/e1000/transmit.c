/* SPDX-License-Identifier: MIT
 *
 * Frames of the guest. Descriptors are taken one by one, in the old form, or as contexts and data (section
 * 3.3 of the manual), and their bytes are copied at once, so the guest cannot change them any more. When the
 * last one of a frame is there, it is given back, and the frame goes out without the lock: with the checksums
 * that the driver asked for, with its VLAN tag, or cut into segments. A netdev that takes large TCP frames
 * gets it in one piece.
 *
 * Nothing that the guest writes is used before it was compared with what it points into: see segments_fit().
 */
#include <string.h>

#include "devices/e1000/internal.h"
#include "devices/net/offload.h"
#include "util/check.h"
#include "util/log.h"

enum { ETHERNET = 14, TAG = 4, CRC = 4, TURN_FRAMES = 64, TURN_DESCRIPTORS = 512 };
enum { KIND_CONTEXT = 0, KIND_DATA = 1 };
enum { FLAGS_LAST_ONLY = 0x09 /* FIN, PSH */, FLAG_CWR = 0x80 };

static unsigned get16(const uint8_t *at)
{
    return at[0] | (unsigned)at[1] << 8;
}

/* The bytes of packets have network order. */
static unsigned net16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static void put_net16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* ---- Checksums and segments; in the netdev's thread, without the lock ---------------------------------- */

/* Sums from `start` to `end` (0: to the end of the frame), and stores the result. */
static void insert_sum(uint8_t *frame, size_t length, size_t start, size_t at, size_t end)
{
    size_t stop = end && end + 1 < length ? end + 1 : length;
    if (start >= stop || at + 2 > length) {
        LOG_GUEST("e1000: a checksum from %zu to %zu at %zu of a frame of %zu bytes", start, stop, at,
                  length);
        return;
    }
    uint16_t sum = (uint16_t)~net_sum_fold(net_sum(frame + start, stop - start));
    put_net16(frame + at, sum ? sum : 0xffff);
}

static void complete(const struct e1000_packet *job, uint8_t *frame, size_t length)
{
    const struct e1000_context *context = &job->context;
    if (job->sum)
        insert_sum(frame, length, job->sum_start, job->sum_at, 0);
    if (job->options & E1000_TX_IXSM)
        insert_sum(frame, length, context->ip_start, context->ip_at, context->ip_end);
    if (job->options & E1000_TX_TXSM)
        insert_sum(frame, length, context->tcp_start, context->tcp_at, context->tcp_end);
}

/* Sends a frame, with its tag if there is one. */
static void put_out(struct e1000 *e1000, const struct e1000_packet *job, uint8_t *frame, size_t length)
{
    if (job->vlan && length + TAG <= NETDEV_FRAME_MAX) {
        memmove(frame + 12 + TAG, frame + 12, length - 12);
        put_net16(frame + 12, E1000_REG(e1000, E1000_VET));
        put_net16(frame + 14, job->tag);
        length += TAG;
    }
    netdev_send(e1000->netdev, frame, length);
    pthread_mutex_lock(&e1000->lock);
    e1000_count(e1000, true, frame, (length < E1000_FRAME_LEAST ? E1000_FRAME_LEAST : length) + CRC);
    pthread_mutex_unlock(&e1000->lock);
}

/* Do the headers lie where the context says, with all fields that segmentation changes? */
static bool segments_fit(const struct e1000_packet *job)
{
    const struct e1000_context *context = &job->context;
    size_t ip = context->command & E1000_TX_IPV4 ? 20 : 40, tcp = context->command & E1000_TX_TCP ? 20 : 8;
    return context->segment && context->header >= ETHERNET && context->header <= job->length &&
           context->ip_start + ip <= context->header && context->tcp_start + tcp <= context->header &&
           context->tcp_at + 2u <= context->header && context->ip_at + 2u <= context->header;
}

/* Makes the headers of the segment that begins `offset` bytes into the data. */
static void change_headers(const struct e1000_context *context, uint8_t *piece, size_t length, size_t offset,
                           unsigned number, bool last)
{
    uint8_t *ip = piece + context->ip_start, *tcp = piece + context->tcp_start;
    if (context->command & E1000_TX_IPV4) {
        put_net16(ip + 2, (unsigned)(length - context->ip_start));
        put_net16(ip + 4, net16(ip + 4) + number);
    } else {
        put_net16(ip + 4, (unsigned)(length - context->ip_start - 40));
    }
    if (context->command & E1000_TX_TCP) {
        uint32_t sequence = (net16(tcp + 4) << 16 | net16(tcp + 6)) + (uint32_t)offset;
        put_net16(tcp + 4, sequence >> 16);
        put_net16(tcp + 6, sequence);
        tcp[13] &= (uint8_t) ~((last ? 0 : FLAGS_LAST_ONLY) | (number ? FLAG_CWR : 0));
    } else {
        put_net16(tcp + 4, (unsigned)(length - context->tcp_start));
    }
}

/* Sends the next segment; true: there are more. A guest may ask for 65,000 of one byte each, so others get
 * their turn in between, and the machine may stop there. */
static bool send_segment(struct e1000 *e1000, struct e1000_packet *job)
{
    const struct e1000_context *context = &job->context;
    size_t header = context->header, data = job->length - header, most = context->segment;
    size_t offset = job->sent;
    const unsigned tcp4 = E1000_TX_TCP | E1000_TX_IPV4;
    if (e1000->netdev->takes_large_tcp && (context->command & tcp4) == tcp4)
        most = data;
    if (most > NETDEV_FRAME_MAX - header)
        most = NETDEV_FRAME_MAX - header;
    if (offset >= data)
        return false;
    size_t part = data - offset < most ? data - offset : most, length = header + part;
    uint8_t *piece = e1000->piece;
    memcpy(piece, e1000->frame, header);
    memcpy(piece + header, e1000->frame + header + offset, part);
    change_headers(context, piece, length, offset, job->pieces, offset + part == data);
    if (job->options & E1000_TX_TXSM) { /* the driver left the length out of the pseudo header */
        uint64_t sum = net16(piece + context->tcp_at) + (length - context->tcp_start);
        put_net16(piece + context->tcp_at, net_sum_fold(sum));
    }
    complete(job, piece, length);
    put_out(e1000, job, piece, length);
    job->sent += part;
    job->pieces++;
    return job->sent < data;
}

/* Sends the frame, or the next segment of it; true: there are more. */
static bool send_job(struct e1000 *e1000)
{
    struct e1000_packet *job = &e1000->job;
    if (job->too_long || job->length < ETHERNET) {
        LOG_GUEST("e1000: a frame of %zu bytes%s is not sent", job->length, job->too_long ? " and more" : "");
    } else if (!job->segments) {
        complete(job, e1000->frame, job->length);
        put_out(e1000, job, e1000->frame, job->length);
    } else if (segments_fit(job)) {
        return send_segment(e1000, job);
    } else {
        LOG_GUEST("e1000: segments of %u bytes of a frame of %zu, with headers that do not fit",
                  job->context.segment, job->length);
    }
    return false;
}

/* ---- Descriptors; with the lock ------------------------------------------------------------------------ */

static void take_context(struct e1000 *e1000, const uint8_t *d)
{
    struct e1000_context *to = &e1000->contexts[(d[11] & E1000_TX_TSE) != 0];
    *to = (struct e1000_context){ .ip_start = d[0],
                                  .ip_at = d[1],
                                  .ip_end = (uint16_t)get16(d + 2),
                                  .tcp_start = d[4],
                                  .tcp_at = d[5],
                                  .tcp_end = (uint16_t)get16(d + 6),
                                  .command = d[11],
                                  .header = d[13],
                                  .segment = (uint16_t)get16(d + 14) };
}

/* Appends the descriptor's bytes to the frame. */
static void append(struct e1000 *e1000, const uint8_t *d, uint32_t length)
{
    struct e1000_packet *packet = &e1000->packet;
    uint64_t address = 0;
    for (unsigned n = 0; n < 8; n++)
        address |= (uint64_t)d[n] << (8 * n);
    packet->too_long |= length > NETDEV_FRAME_MAX - packet->length;
    if (packet->too_long || !length)
        return;
    if (!dma_read(e1000->dma, address, e1000->frame + packet->length, length)) {
        LOG_GUEST("e1000: %u bytes to send at 0x%llx, which are not all in memory", length,
                  (unsigned long long)address);
        memset(e1000->frame + packet->length, 0, length);
    }
    packet->length += length;
}

static void take_data(struct e1000 *e1000, const uint8_t *d)
{
    struct e1000_packet *packet = &e1000->packet;
    uint8_t command = d[11];
    if (!packet->begun) { /* the first descriptor says what is done with the frame */
        packet->options = d[13];
        packet->segments = command & E1000_TX_TSE;
        packet->context = e1000->contexts[packet->segments];
        packet->vlan = command & E1000_TX_VLE;
        packet->tag = (uint16_t)get16(d + 14);
    }
    append(e1000, d, get16(d + 8) | (uint32_t)(d[10] & 15) << 16);
}

static void take_legacy(struct e1000 *e1000, const uint8_t *d)
{
    struct e1000_packet *packet = &e1000->packet;
    uint8_t command = d[11];
    append(e1000, d, get16(d + 8));
    if (!(command & E1000_TX_EOP))
        return;
    packet->sum = command & E1000_TX_IC;
    packet->sum_at = d[10];
    packet->sum_start = d[13];
    packet->vlan = command & E1000_TX_VLE;
    packet->tag = (uint16_t)get16(d + 14);
}

/* Returns whether a frame is complete. */
static bool take_descriptor(struct e1000 *e1000, const uint8_t *d)
{
    struct e1000_packet *packet = &e1000->packet;
    bool extended = d[11] & E1000_TX_DEXT;
    if (extended && d[10] >> 4 == KIND_CONTEXT) {
        take_context(e1000, d);
        return false;
    }
    if (extended && d[10] >> 4 != KIND_DATA) {
        LOG_GUEST("e1000: a descriptor of the unknown kind %u", d[10] >> 4);
        return false;
    }
    if (extended)
        take_data(e1000, d);
    else
        take_legacy(e1000, d);
    packet->begun = true;
    if (!(d[11] & E1000_TX_EOP))
        return false;
    packet->vlan = packet->vlan && E1000_REG(e1000, E1000_CTRL) & E1000_CTRL_VME;
    e1000->job = *packet;
    memset(packet, 0, sizeof(*packet));
    return true;
}

/* Takes descriptors until a frame is complete. False: there are no more, or enough for this turn. [locked] */
static bool next_frame(struct e1000 *e1000, unsigned *budget)
{
    CHECK_HELD(&e1000->lock);
    uint64_t base = (uint64_t)E1000_REG(e1000, E1000_TDBAH) << 32 | (E1000_REG(e1000, E1000_TDBAL) & ~15u);
    uint32_t count = E1000_REG(e1000, E1000_TDLEN) / E1000_DESCRIPTOR, tail = E1000_REG(e1000, E1000_TDT);
    bool enabled =
        E1000_REG(e1000, E1000_TCTL) & E1000_TCTL_EN && pci_function_is_bus_master(&e1000->function);
    for (; enabled && tail < count && *budget; (*budget)--) {
        uint32_t head = E1000_REG(e1000, E1000_TDH);
        uint8_t d[E1000_DESCRIPTOR];
        uint64_t at = base + (uint64_t)head * E1000_DESCRIPTOR;
        if (head == tail || head >= count)
            break;
        if (!dma_read(e1000->dma, at, d, sizeof(d))) {
            LOG_GUEST("e1000: a descriptor to send at 0x%llx, where no memory is", (unsigned long long)at);
            E1000_REG(e1000, E1000_TDH) = tail;
            break;
        }
        bool complete_now = take_descriptor(e1000, d);
        if (d[11] & E1000_TX_RS) {
            d[12] |= E1000_TX_DD;
            dma_write(e1000->dma, at + 12, d + 12, 1);
            e1000->delivered |= E1000_CAUSE_TXDW;
        }
        E1000_REG(e1000, E1000_TDH) = head + 1 == count ? 0 : head + 1;
        if (complete_now)
            return true;
    }
    return false;
}

bool e1000_transmit(void *opaque)
{
    struct e1000 *e1000 = opaque;
    unsigned budget = TURN_DESCRIPTORS, frames = 0;
    pthread_mutex_lock(&e1000->lock);
    e1000->missed |= e1000->held;
    while (!e1000->held && frames < TURN_FRAMES && netdev_can_send(e1000->netdev) &&
           (e1000->unsent || next_frame(e1000, &budget))) {
        e1000->unsent = true; /* a reset may take it back meanwhile */
        pthread_mutex_unlock(&e1000->lock);
        bool more_segments = send_job(e1000);
        pthread_mutex_lock(&e1000->lock);
        e1000->unsent = e1000->unsent && more_segments;
        frames++;
    }
    bool more = !e1000->held && (frames == TURN_FRAMES || !budget);
    if (!e1000->held && e1000->delivered) {
        uint32_t causes = e1000->delivered;
        e1000->delivered = 0;
        e1000_raise(e1000, causes);
    }
    pthread_mutex_unlock(&e1000->lock);
    return more;
}
