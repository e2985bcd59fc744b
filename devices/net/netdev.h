/* SPDX-License-Identifier: MIT
 *
 * Network devices: the host side of a network card. A backend (libslirp, a socket, a tap interface) moves
 * Ethernet frames between the host and one front end (a card). Frames are whole, without the trailing
 * checksum of the wire.
 *
 * A backend has one thread of its own, and frames of both directions pass in this thread: it calls
 * netdev_run(), which makes the front end hand over what the guest has sent, and netdev_deliver() for what
 * comes from the host. Any other thread only calls netdev_wake(). So the queue below needs no lock, and a
 * hart never waits.
 *
 * No frame from the host is lost while the guest has no buffers: it waits in a queue, and a backend whose
 * queue is netdev_is_full() reads nothing more from the host. What the guest itself causes (answers to pings)
 * cannot be held back like that: beyond NETDEV_QUEUE_LIMIT it is dropped, as a network card would drop it.
 * The other way round, a card hands over no frame while the backend says that it can_send() none.
 *
 * A card may come and go while the thread runs: netdev_attach(), netdev_detach().
 */
#ifndef DEVICES_NET_NETDEV_H
#define DEVICES_NET_NETDEV_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define NETDEV_ETHERNET_HEADER 14u
#define NETDEV_FRAME_MAX       (NETDEV_ETHERNET_HEADER + 4 + 65535u) /* bytes: an IP packet with a VLAN tag */
#define NETDEV_QUEUE_ENOUGH    (256u << 10)                          /* bytes */
#define NETDEV_QUEUE_LIMIT     (4u << 20)

struct netdev;
struct netdev_ops {
    const char *name;
    /* Takes a frame from the guest, with all of its checksums filled in. Called in the backend's thread;
     * never waits. */
    void (*send)(struct netdev *netdev, const uint8_t *frame, size_t length);
    /* Makes the backend's thread call netdev_run() soon. Any thread, with locks held; never waits. */
    void (*wake)(struct netdev *netdev);
    void (*destroy)(struct netdev *netdev);
    /* NULL: always. False: the host takes nothing now; the backend calls netdev_run() when it does again. In
     * the backend's thread. */
    bool (*can_send)(struct netdev *netdev);
    /* NULL: nothing to say. Writes where the network leads to now, in QEMU's words. Any thread. */
    void (*describe)(struct netdev *netdev, char *text, size_t size);
};

/* What the front end provides. Called in the backend's thread (link() in any), with no lock of a front end
 * held. */
struct netdev_front {
    /* Takes a frame for the guest. False: there is no room; netdev_wake() will follow when there is. */
    bool (*receive)(void *opaque, const uint8_t *frame, size_t length);
    /* The frames that were to be delivered now have been delivered. */
    void (*receive_end)(void *opaque);
    /* Hands over, with netdev_send(), what the guest wants to send. True: there is more than it handed
     * over. */
    bool (*transmit)(void *opaque);
    void *opaque;
    void (*link)(void *opaque, bool up); /* NULL: not wanted. The cable was plugged in, or pulled out. */
};

struct netdev_pcap;
struct netdev_frame;

struct netdev {
    const struct netdev_ops *ops;
    /* Fixed by the backend when it is made. */
    bool takes_large_tcp; /* TCP over IPv4 up to 64 KiB a frame may be sent, whatever the MTU */
    bool checksums_right; /* what it delivers was made on this host, so no checksum needs to be verified */
    /* The rest belongs to netdev.c. */
    pthread_mutex_t front_lock; /* recursive: answers come while the guest's frames go. For `front` */
    struct netdev_front front;
    atomic_bool attached, link_down;
    struct netdev_pcap *pcap; /* a list; fixed before the machine runs */
    struct netdev_frame *queue, **queue_end;
    atomic_size_t queued; /* bytes */
};

/* Connects the front end; there is none yet. Any thread. */
void netdev_attach(struct netdev *netdev, const struct netdev_front *front);
/* Removes the front end, which is not called any more from then on, and the frames that wait for it. Any
 * thread, with no lock held that the front end takes. */
void netdev_detach(struct netdev *netdev);
/* Is the cable plugged in? While it is not, frames of both directions are lost. Any thread. */
void netdev_set_link(struct netdev *netdev, bool up);
bool netdev_link_is_up(const struct netdev *netdev);
/* For front ends: called in the backend's thread, from within transmit(). */
void netdev_send(struct netdev *netdev, const uint8_t *frame, size_t length);
/* For front ends, within transmit(): does the backend take another frame? */
bool netdev_can_send(struct netdev *netdev);
/* There is something to transmit, or room to receive again. Any thread; never waits. */
void netdev_wake(struct netdev *netdev);
/* Ends the thread; the front end is not called any more afterwards. The front end must still be there, or
 * detached. */
void netdev_destroy(struct netdev *netdev);
/* Writes where the network leads to now; "": there is nothing to say. Any thread. */
void netdev_describe(struct netdev *netdev, char *text, size_t size);

/* Copies every frame that passes from now on to a file in pcap format (libpcap's savefile, link type
 * Ethernet); of each frame at most `snap` bytes. False if the file cannot be written. Before the machine
 * runs. */
bool netdev_dump(struct netdev *netdev, const char *path, uint32_t snap, struct error *error);

/* For backends, in their thread. netdev_init() must be called first. */
void netdev_init(struct netdev *netdev, const struct netdev_ops *ops);
void netdev_fini(struct netdev *netdev);
/* Takes frames from the front end, and gives it those that waited. True: call again without waiting. */
bool netdev_run(struct netdev *netdev);
void netdev_deliver(struct netdev *netdev, const uint8_t *frame, size_t length);
/* To be called after one or more netdev_deliver(). */
void netdev_deliver_end(struct netdev *netdev);
/* Is so much waiting for the guest that the backend should read nothing more from the host? */
bool netdev_is_full(const struct netdev *netdev);

/* pcap.c: copies a frame to all files of the list. */
void netdev_pcap_write(struct netdev_pcap *list, const uint8_t *frame, size_t length);
void netdev_pcap_close(struct netdev_pcap *list);

/* Reads an address such as "52:54:00:12:34:56". False if it is not six bytes in hexadecimal, or is the
 * address of a group. */
bool netdev_parse_mac(const char *text, uint8_t mac[6]);

#endif
