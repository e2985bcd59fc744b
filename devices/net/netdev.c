/* SPDX-License-Identifier: MIT
 *
 * What all network backends share: see netdev.h. Everything runs in the backend's thread, except attaching
 * and waking.
 */
#include "devices/net/netdev.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/log.h"

/* A frame that waits for the guest. */
struct netdev_frame {
    struct netdev_frame *next;
    size_t length;
    uint8_t bytes[];
};

void netdev_init(struct netdev *netdev, const struct netdev_ops *ops)
{
    *netdev = (struct netdev){ .ops = ops };
    netdev->queue_end = &netdev->queue;
}

static struct netdev_frame *queue_take(struct netdev *netdev)
{
    struct netdev_frame *frame = netdev->queue;
    netdev->queue = frame->next;
    if (!netdev->queue)
        netdev->queue_end = &netdev->queue;
    netdev->queued -= frame->length;
    return frame;
}

void netdev_fini(struct netdev *netdev)
{
    while (netdev->queue)
        free(queue_take(netdev));
    netdev_pcap_close(netdev->pcap);
    netdev->pcap = NULL;
}

void netdev_attach(struct netdev *netdev, const struct netdev_front *front)
{
    netdev->front = *front;
    atomic_store(&netdev->attached, true);
    netdev->ops->wake(netdev);
}

void netdev_wake(struct netdev *netdev)
{
    netdev->ops->wake(netdev);
}

void netdev_destroy(struct netdev *netdev)
{
    if (netdev)
        netdev->ops->destroy(netdev);
}

void netdev_send(struct netdev *netdev, const uint8_t *frame, size_t length)
{
    netdev_pcap_write(netdev->pcap, frame, length);
    netdev->ops->send(netdev, frame, length);
}

static void queue_add(struct netdev *netdev, const uint8_t *bytes, size_t length)
{
    struct netdev_frame *frame = NULL;
    if (netdev->queued + length <= NETDEV_QUEUE_LIMIT)
        frame = malloc(sizeof(*frame) + length);
    if (!frame) {
        LOG_GUEST("%s: the guest takes no frames, one of %zu bytes is dropped", netdev->ops->name, length);
        return;
    }
    frame->next = NULL;
    frame->length = length;
    memcpy(frame->bytes, bytes, length);
    *netdev->queue_end = frame;
    netdev->queue_end = &frame->next;
    netdev->queued += length;
}

void netdev_deliver(struct netdev *netdev, const uint8_t *frame, size_t length)
{
    if (!atomic_load(&netdev->attached))
        return; /* no card is plugged into this end */
    if (length > NETDEV_FRAME_MAX)
        return;
    netdev_pcap_write(netdev->pcap, frame, length);
    if (netdev->queue || !netdev->front.receive(netdev->front.opaque, frame, length))
        queue_add(netdev, frame, length);
}

void netdev_deliver_end(struct netdev *netdev)
{
    if (atomic_load(&netdev->attached))
        netdev->front.receive_end(netdev->front.opaque);
}

bool netdev_run(struct netdev *netdev)
{
    if (!atomic_load(&netdev->attached))
        return false;
    while (netdev->queue &&
           netdev->front.receive(netdev->front.opaque, netdev->queue->bytes, netdev->queue->length))
        free(queue_take(netdev));
    bool more = netdev->front.transmit(netdev->front.opaque);
    netdev->front.receive_end(netdev->front.opaque);
    return more;
}

bool netdev_is_full(const struct netdev *netdev)
{
    return netdev->queued >= NETDEV_QUEUE_ENOUGH;
}

bool netdev_parse_mac(const char *text, uint8_t mac[6])
{
    unsigned bytes[6];
    int length = -1;
    if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &bytes[0], &bytes[1], &bytes[2], &bytes[3], &bytes[4],
               &bytes[5], &length) != 6 ||
        length < 0 || text[length])
        return false;
    for (unsigned n = 0; n < 6; n++)
        mac[n] = (uint8_t)bytes[n];
    return !(mac[0] & 1);
}
