/* SPDX-License-Identifier: MIT
 *
 * The common configuration structure of virtio over PCI (Virtio 1.2 section 4.1.4.3). Reads may be of any
 * part of it. Writes must be of whole fields, or of the halves of 64-bit fields; any other write is ignored.
 */
#include <stddef.h>
#include <string.h>

#include "devices/virtio/transport/pci_registers.h"
#include "util/log.h"

struct common {
    uint32_t device_feature_select, device_feature;
    uint32_t driver_feature_select, driver_feature;
    uint16_t config_vector, num_queues;
    uint8_t device_status, config_generation;
    uint16_t queue_select, queue_size, queue_vector, queue_enable, queue_notify_off;
    uint32_t queue_desc[2], queue_driver[2], queue_device[2];
    uint16_t queue_notify_data, queue_reset;
};
_Static_assert(sizeof(struct common) == 60 && offsetof(struct common, queue_desc) == 32,
               "the layout of section 4.1.4.3");

#define FIELD(name) offsetof(struct common, name)

/* Sections 6.3 and 6: ANY_LAYOUT belongs to the legacy interface, VERSION_1 to this one. */
static uint32_t features(const struct virtio_pci *pci)
{
    uint64_t all = (pci->vdev->offered | 1ull << VIRTIO_F_VERSION_1) & ~(1ull << VIRTIO_F_ANY_LAYOUT);
    return pci->device_feature_select < 2 ? (uint32_t)(all >> 32 * pci->device_feature_select) : 0;
}

static uint32_t driver_features(const struct virtio_pci *pci)
{
    uint64_t all = pci->vdev->driver_features;
    return pci->driver_feature_select < 2 ? (uint32_t)(all >> 32 * pci->driver_feature_select) : 0;
}

static void fill_queue(const struct virtio_pci *pci, const struct virtqueue *queue, struct common *common)
{
    common->queue_size = queue->size;
    common->queue_vector = pci->queue_vector[queue->index];
    common->queue_enable = queue->enabled;
    common->queue_notify_off = (uint16_t)queue->index;
    common->queue_notify_data = (uint16_t)queue->index;
    memcpy(common->queue_desc, &queue->desc_paddr, 8);
    memcpy(common->queue_driver, &queue->avail_paddr, 8);
    memcpy(common->queue_device, &queue->used_paddr, 8);
}

uint32_t virtio_pci_common_read(struct virtio_pci *pci, unsigned offset, unsigned size)
{
    const struct virtqueue *queue = virtio_device_queue(pci->vdev, pci->queue_select);
    struct common common = {
        .device_feature_select = pci->device_feature_select,
        .device_feature = features(pci),
        .driver_feature_select = pci->driver_feature_select,
        .driver_feature = driver_features(pci),
        .config_vector = pci->config_vector,
        .num_queues = (uint16_t)pci->vdev->queue_count,
        .device_status = pci->vdev->status,
        .config_generation = (uint8_t)pci->vdev->config_generation,
        .queue_select = pci->queue_select,
        .queue_vector = VIRTIO_PCI_NO_VECTOR,
    };
    if (queue)
        fill_queue(pci, queue, &common);
    uint32_t value = 0;
    if (offset < sizeof(common) && size <= sizeof(common) - offset)
        memcpy(&value, (const uint8_t *)&common + offset, size);
    return value;
}

static bool write_device(struct virtio_pci *pci, unsigned offset, unsigned size, uint32_t value)
{
    switch (offset << 4 | size) {
    case FIELD(device_feature_select) << 4 | 4: pci->device_feature_select = value; return true;
    case FIELD(driver_feature_select) << 4 | 4: pci->driver_feature_select = value; return true;
    case FIELD(driver_feature) << 4 | 4:
        virtio_device_set_features(pci->vdev, pci->driver_feature_select, value);
        return true;
    case FIELD(config_vector) << 4 | 2: pci->config_vector = virtio_pci_vector(pci, value); return true;
    case FIELD(device_status) << 4 | 1: virtio_pci_write_status(pci, (uint8_t)value, false); return true;
    case FIELD(queue_select) << 4 | 2: pci->queue_select = (uint16_t)value; return true;
    default: return false;
    }
}

/* Addresses of a queue in use do not change (section 4.1.4.3.2). */
static bool write_address(struct virtqueue *queue, unsigned offset, unsigned size, uint32_t value)
{
    if (size != 4 || offset < FIELD(queue_desc) || offset >= FIELD(queue_notify_data))
        return false;
    uint64_t *const paddrs[3] = { &queue->desc_paddr, &queue->avail_paddr, &queue->used_paddr };
    unsigned word = (offset - FIELD(queue_desc)) / 4;
    if (!queue->enabled)
        memcpy((uint8_t *)paddrs[word / 2] + word % 2 * 4, &value, 4);
    return true;
}

static bool write_queue(struct virtio_pci *pci, struct virtqueue *queue, unsigned offset, unsigned size,
                        uint32_t value)
{
    switch (offset << 4 | size) {
    case FIELD(queue_size) << 4 | 2:
        if (!queue->enabled)
            virtqueue_set_size(queue, value);
        return true;
    case FIELD(queue_vector) << 4 | 2:
        pci->queue_vector[queue->index] = virtio_pci_vector(pci, value);
        return true;
    case FIELD(queue_enable) << 4 | 2: /* section 4.1.4.3.2: only a reset disables a queue */
        if (value == 1)
            virtio_device_enable_queue(pci->vdev, queue);
        return true;
    case FIELD(queue_reset) << 4 | 2:
        if (value == 1 && virtio_device_has(pci->vdev, VIRTIO_F_RING_RESET))
            virtio_device_reset_queue(pci->vdev, queue);
        return true;
    default: return write_address(queue, offset, size, value);
    }
}

void virtio_pci_common_write(struct virtio_pci *pci, unsigned offset, unsigned size, uint32_t value)
{
    struct virtqueue *queue = virtio_device_queue(pci->vdev, pci->queue_select);
    if (pci->vdev->paused)
        return; /* another hart is resetting the device or a queue */
    if (write_device(pci, offset, size, value) || (queue && write_queue(pci, queue, offset, size, value)))
        return;
    LOG_GUEST("%s: write of 0x%x, %u bytes, to offset 0x%x of the common configuration (queue %u)", pci->name,
              value, size, offset, pci->queue_select);
}
