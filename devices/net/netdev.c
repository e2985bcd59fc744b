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
    pthread_mutexattr_t kind;
    *netdev = (struct netdev){ .ops = ops };
    netdev->queue_end = &netdev->queue;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&netdev->front_lock, &kind);
    pthread_mutexattr_destroy(&kind);
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
    pthread_mutex_destroy(&netdev->front_lock);
}

void netdev_attach(struct netdev *netdev, const struct netdev_front *front)
{
    pthread_mutex_lock(&netdev->front_lock);
    netdev->front = *front;
    atomic_store(&netdev->attached, true);
    pthread_mutex_unlock(&netdev->front_lock);
    netdev->ops->wake(netdev);
}

void netdev_detach(struct netdev *netdev)
{
    pthread_mutex_lock(&netdev->front_lock);
    atomic_store(&netdev->attached, false);
    while (netdev->queue)
        free(queue_take(netdev));
    pthread_mutex_unlock(&netdev->front_lock);
}

void netdev_set_link(struct netdev *netdev, bool up)
{
    pthread_mutex_lock(&netdev->front_lock);
    bool changed = atomic_exchange(&netdev->link_down, !up) == up;
    if (changed && atomic_load(&netdev->attached) && netdev->front.link)
        netdev->front.link(netdev->front.opaque, up);
    pthread_mutex_unlock(&netdev->front_lock);
}

bool netdev_link_is_up(const struct netdev *netdev)
{
    return !atomic_load(&netdev->link_down);
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
    if (!netdev_link_is_up(netdev))
        return;
    netdev_pcap_write(netdev->pcap, frame, length);
    netdev->ops->send(netdev, frame, length);
}

bool netdev_can_send(struct netdev *netdev)
{
    return !netdev->ops->can_send || netdev->ops->can_send(netdev);
}

void netdev_describe(struct netdev *netdev, char *text, size_t size)
{
    text[0] = '\0';
    if (netdev->ops->describe)
        netdev->ops->describe(netdev, text, size);
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
    if (length > NETDEV_FRAME_MAX || !netdev_link_is_up(netdev))
        return;
    pthread_mutex_lock(&netdev->front_lock);
    if (atomic_load(&netdev->attached)) { /* else no card is plugged into this end */
        netdev_pcap_write(netdev->pcap, frame, length);
        if (netdev->queue || !netdev->front.receive(netdev->front.opaque, frame, length))
            queue_add(netdev, frame, length);
    }
    pthread_mutex_unlock(&netdev->front_lock);
}

void netdev_deliver_end(struct netdev *netdev)
{
    pthread_mutex_lock(&netdev->front_lock);
    if (atomic_load(&netdev->attached))
        netdev->front.receive_end(netdev->front.opaque);
    pthread_mutex_unlock(&netdev->front_lock);
}

bool netdev_run(struct netdev *netdev)
{
    bool more = false;
    pthread_mutex_lock(&netdev->front_lock);
    if (atomic_load(&netdev->attached)) {
        while (netdev->queue &&
               netdev->front.receive(netdev->front.opaque, netdev->queue->bytes, netdev->queue->length))
            free(queue_take(netdev));
        more = netdev->front.transmit(netdev->front.opaque);
        netdev->front.receive_end(netdev->front.opaque);
    }
    pthread_mutex_unlock(&netdev->front_lock);
    return more;
}

bool netdev_is_full(const struct netdev *netdev)
{
    return atomic_load(&netdev->queued) >= NETDEV_QUEUE_ENOUGH;
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
