/* SPDX-License-Identifier: MIT
 *
 * The virtio-mmio transport, both as of Virtio 1.x (section 4.2.2) and legacy (section 4.2.4). Registers are
 * 32 bits wide and accessed as such; configuration space follows at 0x100 in any size. The slot's own
 * registers are covered by the lock of the device in it; an empty slot has none.
 */
#include "devices/virtio/transport/mmio.h"

#include <stdio.h>
#include <stdlib.h>

#include "devices/fdt_node.h"
#include "util/log.h"

enum mmio_register {
    MAGIC_VALUE = 0x000,
    VERSION = 0x004,
    DEVICE_ID = 0x008,
    VENDOR_ID = 0x00c,
    DEVICE_FEATURES = 0x010,
    DEVICE_FEATURES_SEL = 0x014,
    DRIVER_FEATURES = 0x020,
    DRIVER_FEATURES_SEL = 0x024,
    GUEST_PAGE_SIZE = 0x028, /* legacy */
    QUEUE_SEL = 0x030,
    QUEUE_NUM_MAX = 0x034,
    QUEUE_NUM = 0x038,
    QUEUE_ALIGN = 0x03c, /* legacy */
    QUEUE_PFN = 0x040,   /* legacy */
    QUEUE_READY = 0x044,
    QUEUE_NOTIFY = 0x050,
    INTERRUPT_STATUS = 0x060,
    INTERRUPT_ACK = 0x064,
    STATUS = 0x070,
    QUEUE_DESC_LOW = 0x080,
    QUEUE_DESC_HIGH = 0x084,
    QUEUE_DRIVER_LOW = 0x090,
    QUEUE_DRIVER_HIGH = 0x094,
    QUEUE_DEVICE_LOW = 0x0a0,
    QUEUE_DEVICE_HIGH = 0x0a4,
    SHM_SEL = 0x0ac,
    SHM_LEN_LOW = 0x0b0,
    SHM_LEN_HIGH = 0x0b4,
    SHM_BASE_LOW = 0x0b8,
    SHM_BASE_HIGH = 0x0bc,
    QUEUE_RESET = 0x0c0,
    CONFIG_GENERATION = 0x0fc,
    CONFIG = 0x100,
};

enum { INTERRUPT_USED_BUFFER = 1, INTERRUPT_CONFIG_CHANGE = 2 };

#define MAGIC      0x74726976u /* "virt" */
#define VENDOR     0x554d4551u /* "QEMU": teaching systems refuse a device of another vendor */
#define WINDOW     0x1000
#define DESC_BYTES 16u

/* The value of QueueAlign if the driver writes none. Section 4.2.4 does not define one. This is QEMU's, and
 * most teaching systems never write the register. */
#define LEGACY_ALIGN 4096

struct virtio_mmio {
    struct device device;
    struct virtio_transport transport;
    struct irq_line irq;
    struct dma *dma;
    bool legacy, strict;
    struct virtio_device *vdev; /* NULL: empty */
    uint32_t device_features_sel, driver_features_sel;
    uint32_t queue_sel;
    uint32_t interrupt_status;
    /* Legacy. guest_page_size is kept as it was written; 0 means that QueuePFN is an address. */
    uint32_t guest_page_size, queue_align[VIRTIO_QUEUES_MAX], queue_pfn[VIRTIO_QUEUES_MAX];
};

static struct virtio_mmio *from_device(struct device *device)
{
    return (struct virtio_mmio *)device;
}

static void mmio_interrupt(struct virtio_mmio *mmio, uint32_t reason)
{
    mmio->interrupt_status |= reason;
    irq_line_set(&mmio->irq, true);
}

static void mmio_queue_interrupt(struct virtio_transport *transport, unsigned queue)
{
    (void)queue; /* all queues share one wire */
    char *base = (char *)transport - offsetof(struct virtio_mmio, transport);
    mmio_interrupt((struct virtio_mmio *)base, INTERRUPT_USED_BUFFER);
}

static void mmio_config_interrupt(struct virtio_transport *transport)
{
    char *base = (char *)transport - offsetof(struct virtio_mmio, transport);
    mmio_interrupt((struct virtio_mmio *)base, INTERRUPT_CONFIG_CHANGE);
}

static void mmio_interrupt_ack(struct virtio_mmio *mmio, uint32_t bits)
{
    mmio->interrupt_status &= ~bits;
    irq_line_set(&mmio->irq, mmio->interrupt_status != 0);
}

/* Resets the slot's own registers after the driver reset the device. GuestPageSize is not one of them: legacy
 * drivers write it once, before they first write 0 to Status (Virtio 1.2, 4.2.4). */
static void mmio_reset_registers(struct virtio_mmio *mmio)
{
    mmio->device_features_sel = mmio->driver_features_sel = mmio->queue_sel = 0;
    for (unsigned n = 0; n < VIRTIO_QUEUES_MAX; n++) {
        mmio->queue_pfn[n] = 0;
        mmio->queue_align[n] = mmio->strict ? 0 : LEGACY_ALIGN;
    }
    mmio_interrupt_ack(mmio, ~0u);
}

static uint32_t mmio_device_features(const struct virtio_mmio *mmio)
{
    if (mmio->device_features_sel > (mmio->legacy ? 0 : 1))
        return 0;
    return (uint32_t)(mmio->vdev->offered >> 32 * mmio->device_features_sel);
}

/* Reads a register that both interfaces have; other functions read the others. */
static bool mmio_read_common(struct virtio_mmio *mmio, const struct virtqueue *queue, uint64_t offset,
                             uint32_t *value)
{
    switch (offset) {
    case MAGIC_VALUE: *value = MAGIC; return true;
    case VERSION: *value = mmio->legacy ? 1 : 2; return true;
    case DEVICE_ID: *value = mmio->vdev->ops->id; return true;
    case VENDOR_ID: *value = VENDOR; return true;
    case DEVICE_FEATURES: *value = mmio_device_features(mmio); return true;
    case QUEUE_NUM_MAX: *value = queue ? queue->size_max : 0; return true;
    case INTERRUPT_STATUS: *value = mmio->interrupt_status; return true;
    case STATUS: *value = mmio->vdev->status; return true;
    default: return false;
    }
}

static uint32_t mmio_read_register(struct virtio_mmio *mmio, uint64_t offset)
{
    const struct virtqueue *queue = virtio_device_queue(mmio->vdev, mmio->queue_sel);
    uint32_t value = 0;
    if (mmio_read_common(mmio, queue, offset, &value))
        return value;
    if (mmio->legacy) {
        if (offset == QUEUE_PFN)
            return queue ? mmio->queue_pfn[queue->index] : 0;
    } else {
        switch (offset) {
        case QUEUE_READY: return queue && queue->enabled;
        case SHM_LEN_LOW:
        case SHM_LEN_HIGH:
        case SHM_BASE_LOW:
        case SHM_BASE_HIGH: return UINT32_MAX; /* no shared memory regions: section 4.2.2.1 */
        case QUEUE_RESET: return 0;
        case CONFIG_GENERATION: return mmio->vdev->config_generation;
        default: break;
        }
    }
    LOG_GUEST("virtio-mmio: read of register 0x%llx, which cannot be read", (unsigned long long)offset);
    return 0;
}

/* Section 4.2.2.2: drivers read no more than this of an empty slot. */
static uint32_t mmio_read_empty(const struct virtio_mmio *mmio, uint64_t offset)
{
    switch (offset) {
    case MAGIC_VALUE: return MAGIC;
    case VERSION: return mmio->legacy ? 1 : 2;
    case VENDOR_ID: return VENDOR;
    default: return 0;
    }
}

static uint64_t mmio_read(struct device *device, uint64_t offset, unsigned size)
{
    struct virtio_mmio *mmio = from_device(device);
    if (!mmio->vdev)
        return size == 4 ? mmio_read_empty(mmio, offset) : 0;
    uint64_t value = 0;
    pthread_mutex_lock(&mmio->vdev->lock);
    if (offset >= CONFIG)
        value = virtio_device_config_read(mmio->vdev, offset - CONFIG, size);
    else if (size == 4)
        value = mmio_read_register(mmio, offset);
    else
        LOG_GUEST("virtio-mmio: %u-byte read of register 0x%llx", size, (unsigned long long)offset);
    pthread_mutex_unlock(&mmio->vdev->lock);
    return value;
}

static bool power_of_two(uint32_t value)
{
    return value && !(value & (value - 1));
}

/* Section 2.7.2: the rings of a legacy queue lie one after the other, from the page that the driver names.
 * With `strict` the driver must have given page size and alignment before, and each must be a power of
 * two. */
static void mmio_lay_out(struct virtio_mmio *mmio, struct virtqueue *queue)
{
    uint32_t page = mmio->guest_page_size, pfn = mmio->queue_pfn[queue->index];
    uint64_t align = mmio->queue_align[queue->index];
    virtio_device_disable_queue(mmio->vdev, queue);
    if (!pfn)
        return;
    if (mmio->strict && (!power_of_two(page) || !power_of_two((uint32_t)align))) {
        LOG_GUEST("virtio-mmio: queue %u with page size %u and alignment %u", queue->index, page,
                  (uint32_t)align);
        return;
    }
    queue->desc_paddr = (uint64_t)pfn << (page ? __builtin_ctz(page) : 0);
    queue->avail_paddr = queue->desc_paddr + (uint64_t)DESC_BYTES * queue->size;
    uint64_t avail_end = queue->avail_paddr + 6 + 2ull * queue->size;
    queue->used_paddr = (avail_end + align - 1) / align * align;
    if (mmio->strict)
        virtio_device_enable_queue(mmio->vdev, queue);
    else if (!mmio->vdev->paused)
        virtqueue_enable(queue); /* if this fails, a later write to these registers may make it possible */
}

/* Some drivers write QueueNum and QueueAlign after QueuePFN: the rings then move to their right places. */
static void mmio_lay_out_again(struct virtio_mmio *mmio, struct virtqueue *queue)
{
    if (!mmio->strict && mmio->queue_pfn[queue->index])
        mmio_lay_out(mmio, queue);
}

static void mmio_write_queue_num(struct virtio_mmio *mmio, struct virtqueue *queue, uint32_t size)
{
    bool moves = mmio->legacy && !mmio->strict;
    if (!moves && queue->enabled)
        return;
    if (moves)
        virtio_device_disable_queue(mmio->vdev, queue);
    virtqueue_set_size(queue, size);
    if (moves)
        mmio_lay_out_again(mmio, queue);
}

static void mmio_write_queue_align(struct virtio_mmio *mmio, struct virtqueue *queue, uint32_t align)
{
    if (!align && !mmio->strict)
        return;
    mmio->queue_align[queue->index] = align;
    mmio_lay_out_again(mmio, queue);
}

static bool mmio_write_legacy(struct virtio_mmio *mmio, struct virtqueue *queue, uint64_t offset,
                              uint32_t value)
{
    switch (offset) {
    case GUEST_PAGE_SIZE: mmio->guest_page_size = value; return true;
    case QUEUE_ALIGN:
        if (queue)
            mmio_write_queue_align(mmio, queue, value);
        return true;
    case QUEUE_PFN:
        if (queue) {
            mmio->queue_pfn[queue->index] = value;
            mmio_lay_out(mmio, queue);
        }
        return true;
    default: return false;
    }
}

static void set_low(uint64_t *paddr, uint32_t value)
{
    *paddr = (*paddr & ~0xffffffffull) | value;
}

static void set_high(uint64_t *paddr, uint32_t value)
{
    *paddr = (*paddr & 0xffffffff) | (uint64_t)value << 32;
}

/* Addresses of a queue in use do not change (section 4.2.2.2). */
static bool mmio_write_address(struct virtqueue *queue, uint64_t offset, uint32_t value)
{
    struct virtqueue ignored = { 0 };
    if (!queue || queue->enabled)
        queue = &ignored;
    switch (offset) {
    case QUEUE_DESC_LOW: set_low(&queue->desc_paddr, value); return true;
    case QUEUE_DESC_HIGH: set_high(&queue->desc_paddr, value); return true;
    case QUEUE_DRIVER_LOW: set_low(&queue->avail_paddr, value); return true;
    case QUEUE_DRIVER_HIGH: set_high(&queue->avail_paddr, value); return true;
    case QUEUE_DEVICE_LOW: set_low(&queue->used_paddr, value); return true;
    case QUEUE_DEVICE_HIGH: set_high(&queue->used_paddr, value); return true;
    default: return false;
    }
}

static bool mmio_write_modern(struct virtio_mmio *mmio, struct virtqueue *queue, uint64_t offset,
                              uint32_t value)
{
    switch (offset) {
    case QUEUE_READY:
        if (queue && value & 1)
            virtio_device_enable_queue(mmio->vdev, queue);
        else if (queue)
            virtio_device_disable_queue(mmio->vdev, queue);
        return true;
    case SHM_SEL: return true;     /* there are none to select */
    case QUEUE_RESET: return true; /* VIRTIO_F_RING_RESET is not offered */
    default: return mmio_write_address(queue, offset, value);
    }
}

static void mmio_write_status(struct virtio_mmio *mmio, uint32_t value)
{
    virtio_device_set_status(mmio->vdev, (uint8_t)value);
    if (!(uint8_t)value)
        mmio_reset_registers(mmio);
}

static bool mmio_write_common(struct virtio_mmio *mmio, struct virtqueue *queue, uint64_t offset,
                              uint32_t value)
{
    switch (offset) {
    case DEVICE_FEATURES_SEL: mmio->device_features_sel = value; return true;
    case DRIVER_FEATURES:
        if (!mmio->legacy || !mmio->driver_features_sel)
            virtio_device_set_features(mmio->vdev, mmio->driver_features_sel, value);
        return true;
    case DRIVER_FEATURES_SEL: mmio->driver_features_sel = value; return true;
    case QUEUE_SEL: mmio->queue_sel = value; return true;
    case QUEUE_NUM:
        if (queue)
            mmio_write_queue_num(mmio, queue, value);
        return true;
    case QUEUE_NOTIFY: virtio_device_notify(mmio->vdev, value); return true;
    case STATUS: mmio_write_status(mmio, value); return true;
    default: return false;
    }
}

static void mmio_write_register(struct virtio_mmio *mmio, uint64_t offset, uint32_t value)
{
    if (offset == INTERRUPT_ACK) {
        mmio_interrupt_ack(mmio, value);
        return;
    }
    if (mmio->vdev->paused)
        return; /* another hart is resetting the device or stopping a queue */
    struct virtqueue *queue = virtio_device_queue(mmio->vdev, mmio->queue_sel);
    if (mmio_write_common(mmio, queue, offset, value))
        return;
    if (mmio->legacy ? mmio_write_legacy(mmio, queue, offset, value)
                     : mmio_write_modern(mmio, queue, offset, value))
        return;
    LOG_GUEST("virtio-mmio: write of 0x%x to register 0x%llx, which cannot be written", value,
              (unsigned long long)offset);
}

static void mmio_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct virtio_mmio *mmio = from_device(device);
    if (!mmio->vdev)
        return;
    pthread_mutex_lock(&mmio->vdev->lock);
    if (offset >= CONFIG)
        virtio_device_config_write(mmio->vdev, offset - CONFIG, size, value);
    else if (size == 4)
        mmio_write_register(mmio, offset, (uint32_t)value);
    else
        LOG_GUEST("virtio-mmio: %u-byte write to register 0x%llx", size, (unsigned long long)offset);
    pthread_mutex_unlock(&mmio->vdev->lock);
}

static void mmio_reset(struct device *device)
{
    struct virtio_mmio *mmio = from_device(device);
    if (!mmio->vdev)
        return;
    pthread_mutex_lock(&mmio->vdev->lock);
    virtio_device_reset(mmio->vdev);
    mmio_reset_registers(mmio);
    pthread_mutex_unlock(&mmio->vdev->lock);
}

static void mmio_hold(struct device *device, bool held)
{
    struct virtio_mmio *mmio = from_device(device);
    if (!mmio->vdev)
        return;
    pthread_mutex_lock(&mmio->vdev->lock);
    virtio_device_set_held(mmio->vdev, held);
    pthread_mutex_unlock(&mmio->vdev->lock);
}

static void mmio_save(struct device *device, struct state_writer *writer)
{
    struct virtio_mmio *mmio = from_device(device);
    uint32_t id = mmio->vdev ? mmio->vdev->ops->id : 0;
    if (mmio->vdev)
        pthread_mutex_lock(&mmio->vdev->lock);
    if (mmio->vdev) /* the device first, since saving it may still raise an interrupt */
        virtio_device_save(mmio->vdev, writer);
    state_section(writer, "virtio-mmio", 2);
    state_put(writer, "device_id", id);
    state_put(writer, "legacy", mmio->legacy);
    state_put(writer, "device_features_sel", mmio->device_features_sel);
    state_put(writer, "driver_features_sel", mmio->driver_features_sel);
    state_put(writer, "queue_sel", mmio->queue_sel);
    state_put(writer, "interrupt_status", mmio->interrupt_status);
    state_put(writer, "guest_page_size", mmio->guest_page_size);
    char name[32];
    for (unsigned n = 0; mmio->vdev && n < mmio->vdev->queue_count; n++) {
        snprintf(name, sizeof(name), "queue%u.align", n);
        state_put(writer, name, mmio->queue_align[n]);
        snprintf(name, sizeof(name), "queue%u.pfn", n);
        state_put(writer, name, mmio->queue_pfn[n]);
    }
    if (mmio->vdev)
        pthread_mutex_unlock(&mmio->vdev->lock);
}

static bool mmio_load_registers(struct virtio_mmio *mmio, struct state_reader *reader)
{
    uint32_t id = mmio->vdev ? mmio->vdev->ops->id : 0;
    if (!state_open(reader, "virtio-mmio", 2))
        return false;
    uint64_t saved_id = state_get(reader, "device_id", UINT32_MAX);
    uint64_t saved_legacy = state_get(reader, "legacy", 1);
    if (!reader->failed && (saved_id != id || saved_legacy != mmio->legacy)) {
        reader->failed = true;
        return error_set(
            reader->error,
            "saved state: a virtio-mmio slot held device %u (version %u), here it holds %u (%u); "
            "start with the same devices",
            (unsigned)saved_id, saved_legacy ? 1 : 2, id, mmio->legacy ? 1 : 2);
    }
    mmio->device_features_sel = (uint32_t)state_get(reader, "device_features_sel", UINT32_MAX);
    mmio->driver_features_sel = (uint32_t)state_get(reader, "driver_features_sel", UINT32_MAX);
    mmio->queue_sel = (uint32_t)state_get(reader, "queue_sel", UINT32_MAX);
    mmio->interrupt_status |= (uint32_t)state_get(reader, "interrupt_status", UINT32_MAX);
    mmio->guest_page_size = (uint32_t)state_get(reader, "guest_page_size", UINT32_MAX);
    char name[32];
    for (unsigned n = 0; mmio->vdev && n < mmio->vdev->queue_count; n++) {
        snprintf(name, sizeof(name), "queue%u.align", n);
        uint32_t align = (uint32_t)state_get(reader, name, UINT32_MAX);
        if (align || mmio->strict)
            mmio->queue_align[n] = align;
        snprintf(name, sizeof(name), "queue%u.pfn", n);
        mmio->queue_pfn[n] = (uint32_t)state_get(reader, name, UINT32_MAX);
    }
    irq_line_set(&mmio->irq, mmio->interrupt_status != 0);
    return !reader->failed;
}

static bool mmio_load(struct device *device, struct state_reader *reader)
{
    struct virtio_mmio *mmio = from_device(device);
    if (!mmio->vdev)
        return mmio_load_registers(mmio, reader);
    pthread_mutex_lock(&mmio->vdev->lock);
    mmio_reset_registers(mmio);
    bool ok = virtio_device_load(mmio->vdev, reader) && mmio_load_registers(mmio, reader);
    pthread_mutex_unlock(&mmio->vdev->lock);
    return ok;
}

static void mmio_destroy(struct device *device)
{
    struct virtio_mmio *mmio = from_device(device);
    virtio_device_destroy(mmio->vdev);
    free(mmio);
}

static int mmio_fdt(struct device *device, void *fdt, const struct fdt_place *place)
{
    (void)device;
    struct fdt_node node = fdt_node_begin(fdt, "virtio_mmio", place);
    fdt_node_interrupt(&node, place);
    fdt_node_compatible(&node, "virtio,mmio");
    return fdt_node_end(&node);
}

static const struct device_ops virtio_mmio_ops = {
    .name = "virtio-mmio",
    .size = WINDOW,
    .access_min = 1,
    .access_max = 8,
    .read = mmio_read,
    .write = mmio_write,
    .reset = mmio_reset,
    .save = mmio_save,
    .load = mmio_load,
    .hold = mmio_hold,
    .destroy = mmio_destroy,
    .fdt = mmio_fdt,
};

struct device *virtio_mmio_create(const struct virtio_mmio_config *config, struct error *error)
{
    struct virtio_mmio *mmio = calloc(1, sizeof(*mmio));
    if (!mmio) {
        error_set(error, "virtio-mmio: out of memory");
        return NULL;
    }
    mmio->device.ops = &virtio_mmio_ops;
    mmio->transport.queue_interrupt = mmio_queue_interrupt;
    mmio->transport.config_interrupt = mmio_config_interrupt;
    mmio->irq = config->irq;
    mmio->dma = config->dma;
    mmio->legacy = config->legacy;
    mmio->strict = config->strict;
    for (unsigned n = 0; n < VIRTIO_QUEUES_MAX; n++)
        mmio->queue_align[n] = mmio->strict ? 0 : LEGACY_ALIGN;
    return &mmio->device;
}

void virtio_mmio_plug(struct device *slot, struct virtio_device *device)
{
    struct virtio_mmio *mmio = from_device(slot);
    device->strict = mmio->strict;
    virtio_device_attach(device, &mmio->transport, mmio->dma, mmio->legacy);
    mmio->vdev = device;
}

bool virtio_mmio_is_empty(const struct device *slot)
{
    return !((const struct virtio_mmio *)slot)->vdev;
}
