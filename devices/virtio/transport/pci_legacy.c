/* SPDX-License-Identifier: MIT
 *
 * The legacy interface of virtio over PCI (Virtio 1.2 section 4.1.4.10): registers at fixed ports, those for
 * MSI-X only while it is enabled, and the device's configuration space behind them. One page number says
 * where the rings of a queue are (section 2.7.2).
 */
#include "devices/pci/msix.h"
#include "devices/virtio/transport/pci_registers.h"
#include "util/log.h"

enum legacy_register {
    DEVICE_FEATURES = 0,
    DRIVER_FEATURES = 4,
    QUEUE_ADDRESS = 8,
    QUEUE_SIZE = 12,
    QUEUE_SELECT = 14,
    QUEUE_NOTIFY = 16,
    DEVICE_STATUS = 18,
    ISR_STATUS = 19,
    CONFIG_VECTOR = 20, /* with MSI-X */
    QUEUE_VECTOR = 22,
};

#define CONFIG_AT       20u /* without MSI-X */
#define CONFIG_AT_MSIX  24u
#define RING_PAGE_SHIFT 12
#define RING_ALIGN      4096ull

unsigned virtio_pci_legacy_size(const struct virtio_device *device)
{
    unsigned size = 32;
    while (size < CONFIG_AT_MSIX + device->config_size)
        size *= 2;
    return size;
}

static bool is_legacy_register(struct virtio_pci *pci, unsigned offset, unsigned *config_at)
{
    *config_at = pci_msix_enabled(&pci->function) ? CONFIG_AT_MSIX : CONFIG_AT;
    return offset < *config_at;
}

static uint32_t read_register(struct virtio_pci *pci, unsigned offset, unsigned size)
{
    const struct virtqueue *queue = virtio_device_queue(pci->vdev, pci->queue_select);
    switch (offset << 4 | size) {
    case DEVICE_FEATURES << 4 | 4: return (uint32_t)pci->vdev->offered | 1u << VIRTIO_F_ANY_LAYOUT;
    case DRIVER_FEATURES << 4 | 4: return (uint32_t)pci->vdev->driver_features;
    case QUEUE_ADDRESS << 4 | 4: return queue ? pci->queue_pfn[queue->index] : 0;
    case QUEUE_SIZE << 4 | 2: return queue ? queue->size_max : 0;
    case QUEUE_SELECT << 4 | 2: return pci->queue_select;
    case DEVICE_STATUS << 4 | 1: return pci->vdev->status;
    case ISR_STATUS << 4 | 1: return virtio_pci_read_isr(pci);
    case CONFIG_VECTOR << 4 | 2: return pci->config_vector;
    case QUEUE_VECTOR << 4 | 2: return queue ? pci->queue_vector[queue->index] : VIRTIO_PCI_NO_VECTOR;
    default:
        LOG_GUEST("%s: read of %u bytes at legacy register %u, which cannot be read", pci->name, size,
                  offset);
        return 0;
    }
}

uint32_t virtio_pci_legacy_read(struct virtio_pci *pci, unsigned offset, unsigned size)
{
    unsigned config_at;
    if (is_legacy_register(pci, offset, &config_at))
        return read_register(pci, offset, size);
    return (uint32_t)virtio_device_config_read(pci->vdev, offset - config_at, size);
}

static void write_queue_address(struct virtio_pci *pci, struct virtqueue *queue, uint32_t pfn)
{
    virtio_device_disable_queue(pci->vdev, queue);
    pci->queue_pfn[queue->index] = pfn;
    if (!pfn)
        return;
    queue->desc_paddr = (uint64_t)pfn << RING_PAGE_SHIFT;
    queue->avail_paddr = queue->desc_paddr + 16ull * queue->size;
    uint64_t avail_end = queue->avail_paddr + 6 + 2ull * queue->size;
    queue->used_paddr = (avail_end + RING_ALIGN - 1) & ~(RING_ALIGN - 1);
    virtio_device_enable_queue(pci->vdev, queue);
}

/* Old drivers (Linux before 2.6.34 is one) use the device without having enabled bus mastering, so the device
 * enables it for them, as other implementations do. */
static void write_status(struct virtio_pci *pci, uint8_t status)
{
    virtio_pci_write_status(pci, status, true);
    if (status == (VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER)) {
        pci_function_enable(&pci->function, PCI_COMMAND_MASTER);
        virtio_device_set_stopped(pci->vdev, false);
    }
}

static void write_register(struct virtio_pci *pci, unsigned offset, unsigned size, uint32_t value)
{
    struct virtqueue *queue = virtio_device_queue(pci->vdev, pci->queue_select);
    switch (offset << 4 | size) {
    case DRIVER_FEATURES << 4 | 4: virtio_device_set_features(pci->vdev, 0, value); break;
    case QUEUE_ADDRESS << 4 | 4:
        if (queue)
            write_queue_address(pci, queue, value);
        break;
    case QUEUE_SELECT << 4 | 2: pci->queue_select = (uint16_t)value; break;
    case QUEUE_NOTIFY << 4 | 2: virtio_device_notify(pci->vdev, value); break;
    case DEVICE_STATUS << 4 | 1: write_status(pci, (uint8_t)value); break;
    case CONFIG_VECTOR << 4 | 2: pci->config_vector = virtio_pci_vector(pci, value); break;
    case QUEUE_VECTOR << 4 | 2:
        if (queue)
            pci->queue_vector[queue->index] = virtio_pci_vector(pci, value);
        break;
    default:
        LOG_GUEST("%s: write of 0x%x, %u bytes, to legacy register %u, which cannot be written", pci->name,
                  value, size, offset);
    }
}

void virtio_pci_legacy_write(struct virtio_pci *pci, unsigned offset, unsigned size, uint32_t value)
{
    unsigned config_at;
    if (pci->vdev->paused)
        return; /* another hart is resetting the device or stopping a queue */
    if (is_legacy_register(pci, offset, &config_at))
        write_register(pci, offset, size, value);
    else
        virtio_device_config_write(pci->vdev, offset - config_at, size, value);
}
