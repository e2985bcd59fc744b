/* SPDX-License-Identifier: MIT
 *
 * ringbuf: the newest bytes of the output stay in memory until the monitor reads them.
 */
#include <pthread.h>
#include <stdlib.h>

#include "devices/char/stream.h"

struct ringbuf {
    struct chardev chardev; /* must be first */
    pthread_mutex_t lock;
    uint8_t *bytes;
    uint64_t size;        /* a power of two */
    uint64_t made, taken; /* bytes since the start; made - taken <= size */
};

static void ringbuf_write(struct chardev *chardev, const uint8_t *bytes, size_t length)
{
    struct ringbuf *ring = (struct ringbuf *)chardev;
    pthread_mutex_lock(&ring->lock);
    for (size_t i = 0; i < length; i++)
        ring->bytes[ring->made++ & (ring->size - 1)] = bytes[i];
    if (ring->made - ring->taken > ring->size)
        ring->taken = ring->made - ring->size;
    pthread_mutex_unlock(&ring->lock);
}

static void ringbuf_input_ready(struct chardev *chardev)
{
    (void)chardev;
}

static void ringbuf_destroy(struct chardev *chardev)
{
    struct ringbuf *ring = (struct ringbuf *)chardev;
    pthread_mutex_destroy(&ring->lock);
    free(ring->bytes);
    free(ring);
}

static const struct chardev_ops ringbuf_ops = { "ringbuf",       ringbuf_write, ringbuf_input_ready,
                                                ringbuf_destroy, NULL,          true };

bool chardev_is_ringbuf(const struct chardev *chardev)
{
    return chardev->ops == &ringbuf_ops;
}

bool chardev_ringbuf_read(struct chardev *chardev, uint8_t *bytes, size_t size, size_t *length)
{
    struct ringbuf *ring = (struct ringbuf *)chardev;
    if (!chardev_is_ringbuf(chardev))
        return false;
    pthread_mutex_lock(&ring->lock);
    for (*length = 0; *length < size && ring->taken < ring->made; ring->taken++)
        bytes[(*length)++] = ring->bytes[ring->taken & (ring->size - 1)];
    pthread_mutex_unlock(&ring->lock);
    return true;
}

struct chardev *chardev_ringbuf_open(const struct chardev_config *config, struct error *error)
{
    struct ringbuf *ring = calloc(1, sizeof(*ring));
    if (ring)
        ring->bytes = malloc(config->size);
    if (!ring || !ring->bytes) {
        error_set(error, "out of memory for a ring buffer");
        free(ring);
        return NULL;
    }
    ring->chardev.ops = &ringbuf_ops;
    ring->size = config->size;
    pthread_mutex_init(&ring->lock, NULL);
    return &ring->chardev;
}
