/* SPDX-License-Identifier: MIT
 *
 * Split virtqueues (Virtio 1.2 section 2.7), seen from the device. The driver of the guest owns the rings and
 * may be hostile: it can change any byte at any time. So the three areas are mapped once, when the queue is
 * enabled (or, behind an IOMMU, each time); every field is fetched exactly once into a local copy and only
 * the copy is checked and used; a chain is handed to the device only when all of its buffers are known to be
 * RAM.
 *
 * Everything here runs with the device's lock held, except reading and filling the buffers of a chain that
 * was popped. A chain that outlives a reset or a disabled queue is recognised by its epoch and not returned.
 */
#ifndef DEVICES_VIRTIO_VIRTQUEUE_H
#define DEVICES_VIRTIO_VIRTQUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "util/state.h"

#define VIRTQUEUE_SIZE_MAX 1024 /* descriptors; also the most that one preadv() takes */

struct virtio_device;

struct virtqueue {
    struct virtio_device *device;
    unsigned index;
    uint16_t size_max;                            /* descriptors, what the device offers; a power of two */
    uint16_t size;                                /* what the driver chose; 0: an impossible number */
    bool enabled;                                 /* the pointers below are good */
    uint32_t epoch;                               /* how often the queue was disabled */
    uint64_t desc_paddr, avail_paddr, used_paddr; /* as the driver gave them: an IOMMU may translate them */
    uint8_t *desc, *avail, *used;                 /* NULL behind an IOMMU */
    uint16_t last_avail;                          /* the next entry of the available ring to take */
    uint16_t used_idx;                            /* the next entry of the used ring to fill */
    uint16_t signalled;                           /* used_idx when an interrupt was last considered */
    bool signalled_valid;
};

/* One request: first the buffers that the device reads ("out"), then those that it writes ("in"). Buffers of
 * length zero are left out. Both lengths together never exceed UINT32_MAX. */
struct virtq_chain {
    uint16_t head;
    uint32_t epoch;
    unsigned out_count, in_count;
    uint32_t out_length, in_length; /* bytes */
    struct iovec segments[VIRTQUEUE_SIZE_MAX];
    uint64_t paddrs[VIRTQUEUE_SIZE_MAX]; /* physical */
};

void virtqueue_init(struct virtqueue *queue, struct virtio_device *device, unsigned index, uint16_t size_max);
/* Sets the values after reset; the queue is disabled. */
void virtqueue_reset(struct virtqueue *queue);
/* Sets the size that the driver asks for. Unless it is a power of two up to size_max, virtqueue_enable()
 * fails. */
void virtqueue_set_size(struct virtqueue *queue, uint32_t size);
/* Maps the rings at the three addresses, and starts at index 0 of both. If the size, the alignment or the
 * place of a ring is wrong, returns false, and the queue stays disabled. */
bool virtqueue_enable(struct virtqueue *queue);
void virtqueue_disable(struct virtqueue *queue);

/* Takes the next chain. False if there is none (the driver's next one then notifies the device), if the
 * device may not run, or if the driver broke the rules (the device is then broken: virtio_device_break()). */
bool virtqueue_pop(struct virtqueue *queue, struct virtq_chain *chain);
/* After loading: takes again a chain that had been popped, but not pushed, when the state was saved. False if
 * the guest's memory has no valid chain there. */
bool virtqueue_retake(struct virtqueue *queue, struct virtq_chain *chain, uint32_t head);
/* Is there another chain? If there is none, the driver's next one notifies the device. */
bool virtqueue_has_more(struct virtqueue *queue);
/* Gives the chain back. The first `written` bytes of its in-buffers have been filled. */
void virtqueue_push(struct virtqueue *queue, const struct virtq_chain *chain, uint32_t written);
/* The same for several chains that belong together, while the lock is held all the time. unpop() takes back
 * the last `count` pops. fill() notes a chain as the used entry `ahead` places after the next one. publish()
 * shows the driver `count` entries that were noted. */
void virtqueue_unpop(struct virtqueue *queue, unsigned count);
void virtqueue_fill(struct virtqueue *queue, const struct virtq_chain *chain, uint32_t written,
                    unsigned ahead);
void virtqueue_publish(struct virtqueue *queue, unsigned count);
/* Interrupts the driver if it wants to be told of what was pushed since the last call. */
void virtqueue_signal(struct virtqueue *queue);

/* Copies from the out-buffers / to the in-buffers, `offset` bytes from their start. Returns the number of
 * bytes copied: fewer than `length` if the buffers end before. */
size_t virtq_chain_read(const struct virtq_chain *chain, uint32_t offset, void *bytes, size_t length);
size_t virtq_chain_write(const struct virtq_chain *chain, uint32_t offset, const void *bytes, size_t length);
/* Lists in iov the parts of the in-buffers (or out-buffers) that cover `length` bytes from `offset` on. iov
 * has room for VIRTQUEUE_SIZE_MAX. Returns the number of parts. */
unsigned virtq_chain_iov(const struct virtq_chain *chain, bool in, uint32_t offset, uint32_t length,
                         struct iovec *iov);

/* Saves and loads the fields, as queueN.xxx in the open section. Loading maps the rings anew; false if that
 * fails. */
void virtqueue_save(const struct virtqueue *queue, struct state_writer *writer);
bool virtqueue_load(struct virtqueue *queue, struct state_reader *reader);

#endif
