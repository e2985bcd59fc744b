/* SPDX-License-Identifier: MIT
 *
 * The core of virtio devices: see virtio.h. Reset, disabling a queue and saving all need the worker to be
 * idle. They set `paused`, which prevents chains from being taken, and wait on the worker's condition
 * variable. The lock is free meanwhile, and what another hart writes to the device is ignored.
 */
#include "devices/virtio/virtio.h"

#include <stdlib.h>
#include <string.h>

#include "devices/virtio/worker.h"
#include "util/check.h"
#include "util/log.h"

#define CORE_FEATURES (1ull << VIRTIO_F_INDIRECT_DESC | 1ull << VIRTIO_F_EVENT_IDX)

bool virtio_device_init(struct virtio_device *device, const struct virtio_device_ops *ops, uint64_t features,
                        unsigned queue_count, uint16_t queue_size, struct error *error)
{
    *device = (struct virtio_device){ .ops = ops, .offered = features | CORE_FEATURES };
    device->queues = calloc(queue_count, sizeof(*device->queues));
    if (!device->queues)
        return error_set(error, "%s: no memory for %u queues", ops->name, queue_count);
    device->queue_count = queue_count;
    for (unsigned n = 0; n < queue_count; n++)
        virtqueue_init(&device->queues[n], device, n, queue_size);
    pthread_mutex_init(&device->lock, NULL);
    return true;
}

void virtio_device_fini(struct virtio_device *device)
{
    pthread_mutex_destroy(&device->lock);
    free(device->queues);
}

/* Rows come after the rows that they need, so one pass is enough. */
void virtio_device_withhold(struct virtio_device *device, uint64_t features)
{
    const struct virtio_need *need = device->ops->needs;
    device->offered &= ~features;
    for (; need && (need->feature || need->needs); need++)
        if (!(device->offered >> need->needs & 1))
            device->offered &= ~(1ull << need->feature);
}

void virtio_device_destroy(struct virtio_device *device)
{
    if (device)
        device->ops->destroy(device);
}

void virtio_device_attach(struct virtio_device *device, struct virtio_transport *transport, struct dma *dma,
                          bool legacy)
{
    device->transport = transport;
    device->dma = dma;
    virtio_device_set_interface(device, legacy);
}

void virtio_device_set_interface(struct virtio_device *device, bool legacy)
{
    device->legacy = legacy;
    device->offered &= ~(1ull << VIRTIO_F_ANY_LAYOUT | 1ull << VIRTIO_F_VERSION_1);
    device->offered |= legacy ? 1ull << VIRTIO_F_ANY_LAYOUT : 1ull << VIRTIO_F_VERSION_1;
}

bool virtio_device_may_run(struct virtio_device *device)
{
    CHECK_HELD(&device->lock);
    device->missed |= device->held;
    /* Legacy drivers are known to use their queues before they set DRIVER_OK. */
    return !device->broken && !device->paused && !device->stopped && !device->held &&
           (device->legacy || device->status & VIRTIO_DRIVER_OK);
}

void virtio_device_break(struct virtio_device *device)
{
    CHECK_HELD(&device->lock);
    if (device->broken)
        return;
    device->broken = true;
    if (device->legacy)
        return;
    device->status |= VIRTIO_NEEDS_RESET;
    if (device->status & VIRTIO_DRIVER_OK)
        virtio_device_config_changed(device);
}

void virtio_device_config_changed(struct virtio_device *device)
{
    CHECK_HELD(&device->lock);
    device->config_generation++;
    device->config_missed |= device->held;
    if (device->transport && !device->held)
        device->transport->config_interrupt(device->transport);
}

void virtio_device_queue_interrupt(struct virtio_device *device, unsigned queue)
{
    CHECK_HELD(&device->lock);
    device->transport->queue_interrupt(device->transport, queue);
}

struct virtqueue *virtio_device_queue(struct virtio_device *device, uint32_t index)
{
    CHECK_HELD(&device->lock);
    return index < device->queue_count ? &device->queues[index] : NULL;
}

void virtio_device_set_features(struct virtio_device *device, uint32_t word, uint32_t bits)
{
    CHECK_HELD(&device->lock);
    if (device->paused || word > 1)
        return;
    if (device->status & (VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK)) {
        LOG_GUEST("%s: the driver changes features after it settled them", device->ops->name);
        return;
    }
    device->driver_features &= ~(0xffffffffull << 32 * word);
    device->driver_features |= (uint64_t)bits << 32 * word;
}

static void notify_all(struct virtio_device *device)
{
    for (unsigned n = 0; n < device->queue_count; n++)
        virtio_device_notify(device, n);
}

/* Stops the worker from taking more, and waits, with one of the functions of worker.h, until it has finished
 * what it has taken. */
static void pause_for(struct virtio_device *device, void (*wait)(struct virtio_worker *worker))
{
    CHECK_HELD(&device->lock);
    device->paused = true;
    if (device->worker)
        wait(device->worker);
}

/* The guest wants it. */
static void device_pause(struct virtio_device *device)
{
    pause_for(device, virtio_worker_wait_dropped);
}

static void device_resume(struct virtio_device *device)
{
    CHECK_HELD(&device->lock);
    device->paused = false;
    notify_all(device); /* the worker may have left chains behind */
}

void virtio_device_set_stopped(struct virtio_device *device, bool stopped)
{
    CHECK_HELD(&device->lock);
    if (stopped == device->stopped)
        return;
    device->stopped = stopped;
    if (device->paused)
        return; /* the thread that paused it waits for the work, and later lets the device run if it may */
    if (stopped)
        device_pause(device);
    device_resume(device);
}

void virtio_device_set_held(struct virtio_device *device, bool held)
{
    CHECK_HELD(&device->lock);
    device->held = held;
    if (held) {
        if (device->worker)
            virtio_worker_wait_idle(device->worker);
        return;
    }
    bool config_missed = device->config_missed, missed = device->missed;
    device->config_missed = device->missed = false;
    if (config_missed && device->transport)
        device->transport->config_interrupt(device->transport);
    if (missed)
        notify_all(device);
}

void virtio_device_reset(struct virtio_device *device)
{
    CHECK_HELD(&device->lock);
    device_pause(device);
    for (unsigned n = 0; n < device->queue_count; n++)
        virtqueue_reset(&device->queues[n]);
    device->driver_features = 0;
    device->status = 0;
    device->broken = device->config_missed = false;
    if (device->ops->reset)
        device->ops->reset(device);
    device->paused = false;
}

void virtio_device_set_status(struct virtio_device *device, uint8_t status)
{
    CHECK_HELD(&device->lock);
    if (log_enabled(LOG_CATEGORY_VIRTIO))
        log_line(LOG_CATEGORY_VIRTIO, "%s: status 0x%02x", device->ops->name, status);
    if (device->paused)
        return; /* another hart is resetting the device */
    if (!status) {
        virtio_device_reset(device);
        return;
    }
    uint8_t before = device->status;
    /* Section 3.1.1: the driver reads the status back to see whether its features were accepted. Drivers
     * that leave VERSION_1 out are common in teaching systems, and get the 1.x layout all the same. */
    if (status & ~before & VIRTIO_FEATURES_OK && !device->legacy &&
        device->driver_features & ~device->offered) {
        LOG_GUEST("%s: the driver wants features 0x%llx, which are not offered", device->ops->name,
                  (unsigned long long)(device->driver_features & ~device->offered));
        status &= (uint8_t)~VIRTIO_FEATURES_OK;
    }
    /* Section 6.2: a device whose accesses are translated may refuse a driver that does not know it. */
    if (status & ~before & VIRTIO_FEATURES_OK && !device->legacy &&
        device->offered & ~device->driver_features & 1ull << VIRTIO_F_ACCESS_PLATFORM) {
        LOG_GUEST("%s: the driver does not take VIRTIO_F_ACCESS_PLATFORM (iommu_platform=on)",
                  device->ops->name);
        status &= (uint8_t)~VIRTIO_FEATURES_OK;
    }
    device->status = (uint8_t)((status & ~VIRTIO_NEEDS_RESET) | (before & VIRTIO_NEEDS_RESET));
    if (status & ~before & VIRTIO_DRIVER_OK)
        notify_all(device);
}

void virtio_device_enable_queue(struct virtio_device *device, struct virtqueue *queue)
{
    CHECK_HELD(&device->lock);
    if (!device->paused && !virtqueue_enable(queue))
        virtio_device_break(device);
}

void virtio_device_disable_queue(struct virtio_device *device, struct virtqueue *queue)
{
    CHECK_HELD(&device->lock);
    if (device->paused || !queue->enabled)
        return;
    device_pause(device);
    virtqueue_disable(queue);
    device_resume(device);
}

void virtio_device_reset_queue(struct virtio_device *device, struct virtqueue *queue)
{
    CHECK_HELD(&device->lock);
    if (device->paused)
        return;
    device_pause(device);
    virtqueue_reset(queue);
    device_resume(device);
}

void virtio_device_notify(struct virtio_device *device, uint32_t queue)
{
    CHECK_HELD(&device->lock);
    if (queue >= device->queue_count) {
        LOG_GUEST("%s: the driver notifies queue %u, which does not exist", device->ops->name, queue);
        return;
    }
    if (log_enabled(LOG_CATEGORY_VIRTIO))
        log_line(LOG_CATEGORY_VIRTIO, "%s: queue %u: notified", device->ops->name, queue);
    if (device->queues[queue].enabled && virtio_device_may_run(device))
        device->ops->notify(device, &device->queues[queue]);
}

uint64_t virtio_device_config_read(struct virtio_device *device, uint64_t offset, unsigned size)
{
    CHECK_HELD(&device->lock);
    if (offset >= device->config_size || size > device->config_size - offset)
        return UINT64_MAX >> (64 - 8 * size);
    uint64_t value = 0;
    memcpy(&value, device->config + offset, size);
    return value;
}

void virtio_device_config_write(struct virtio_device *device, uint64_t offset, unsigned size, uint64_t value)
{
    CHECK_HELD(&device->lock);
    if (device->paused)
        return;
    if (!device->ops->config_write || offset >= device->config_size || size > device->config_size - offset) {
        LOG_GUEST("%s: the driver writes 0x%llx to offset 0x%llx of its configuration", device->ops->name,
                  (unsigned long long)value, (unsigned long long)offset);
        return;
    }
    device->ops->config_write(device, (unsigned)offset, size, value);
}

void virtio_device_save(struct virtio_device *device, struct state_writer *writer)
{
    CHECK_HELD(&device->lock);
    pause_for(device, virtio_worker_wait_idle); /* the guest goes on with its requests */
    state_section(writer, device->ops->name, 1);
    state_put(writer, "driver_features", device->driver_features);
    state_put(writer, "status", device->status);
    state_put(writer, "broken", device->broken);
    state_put(writer, "config_generation", device->config_generation);
    state_put(writer, "config_missed", device->config_missed);
    for (unsigned n = 0; n < device->queue_count; n++)
        virtqueue_save(&device->queues[n], writer);
    if (device->ops->save)
        device->ops->save(device, writer);
    device_resume(device);
}

bool virtio_device_load(struct virtio_device *device, struct state_reader *reader)
{
    CHECK_HELD(&device->lock);
    virtio_device_reset(device);
    if (!state_open(reader, device->ops->name, 1))
        return false;
    device->paused = true;
    device->driver_features = state_get(reader, "driver_features", UINT64_MAX);
    device->status = (uint8_t)state_get(reader, "status", UINT8_MAX);
    device->broken = state_get(reader, "broken", 1);
    device->config_generation = (uint32_t)state_get(reader, "config_generation", UINT32_MAX);
    bool config_missed = state_get(reader, "config_missed", 1);
    for (unsigned n = 0; n < device->queue_count && !reader->failed; n++)
        virtqueue_load(&device->queues[n], reader);
    if (device->ops->load && !reader->failed)
        device->ops->load(device, reader);
    device->paused = false;
    if (reader->failed) {
        virtio_device_reset(device);
        return false;
    }
    device->config_missed |= config_missed; /* without a pause, the change is told by a later one */
    notify_all(device);
    return true;
}
