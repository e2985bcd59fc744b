/* SPDX-License-Identifier: MIT
 *
 * The PCI function around a virtio device: ids, BARs and capabilities, interrupts, saved state; the registers
 * are in pci_modern.c and pci_legacy.c. Layout and ids are those of QEMU's functions, with which drivers and
 * firmware are tested.
 *
 * While its function may not master the bus, a device is stopped: it touches no memory, and goes on when it
 * may. This is decided under the device's lock, from the contents of configuration space at that moment. So
 * if two harts write the command register at the same time, no outdated decision remains.
 */
#include "devices/virtio/transport/pci.h"

#include <stdio.h>
#include <stdlib.h>

#include "devices/pci/msix.h"
#include "devices/virtio/transport/pci_registers.h"
#include "util/log.h"

enum {
    VENDOR = 0x1af4,
    MODERN_DEVICE = 0x1040,
    MODERN_SUBSYSTEM = 0x1100,
    CLASS_VGA = 0x030000,
    CLASS_NONE = 0x00ff00
};
enum { BAR_LEGACY = 0, BAR_VGA_MEMORY = 0 };                                    /* no function has both */
enum { REGION_COMMON, REGION_ISR, REGION_DEVICE, REGION_NOTIFY, REGION_COUNT }; /* modern */
#define REGION_BYTES    0x1000u
#define MODERN_BYTES    (REGION_COUNT * REGION_BYTES)
#define MSIX_BAR_MIN    0x1000u
#define VIRTIO_CAP_SIZE 16u

static const struct virtio_pci_layout plain_layout = { .modern = 4, .msix = 1, .modern_bytes = MODERN_BYTES };
static const struct virtio_pci_layout vga_layout = {
    .modern = 2, .msix = 4, .structures_at = BOCHS_VBE_REGISTERS, .modern_bytes = 2 * MODERN_BYTES
};

enum { /* section 4.1.4: cfg_type, and where the capability is */
       CAP_COMMON = 1,
       CAP_NOTIFY = 2,
       CAP_ISR = 3,
       CAP_DEVICE = 4,
       CAP_ACCESS = 5,
       CAP_COMMON_AT = 0x40,
       CAP_ISR_AT = 0x50,
       CAP_DEVICE_AT = 0x60,
       CAP_NOTIFY_AT = 0x70,
       CAP_ACCESS_AT = 0x84,
       CAP_MSIX_AT = 0x98,
       CAP_EXPRESS_AT = 0xb0, /* 60 bytes */
       ACCESS_BAR = CAP_ACCESS_AT + 4,
       ACCESS_OFFSET = CAP_ACCESS_AT + 8,
       ACCESS_LENGTH = CAP_ACCESS_AT + 12,
       ACCESS_DATA = CAP_ACCESS_AT + 16,
};

static struct virtio_pci *of_function(struct pci_function *function)
{
    return (struct virtio_pci *)function;
}

static struct virtio_pci *of_transport(struct virtio_transport *transport)
{
    return (struct virtio_pci *)((char *)transport - offsetof(struct virtio_pci, transport));
}

/* ---- Interrupts (section 4.1.5) ------------------------------------------------------------------------ */

static void interrupt(struct virtio_pci *pci, uint8_t reason, uint16_t vector)
{
    if (pci_msix_enabled(&pci->function)) {
        if (vector != VIRTIO_PCI_NO_VECTOR)
            pci_msix_notify(&pci->function, vector);
        return;
    }
    pci->isr |= reason;
    pci_function_set_intx(&pci->function, true);
}

static void queue_interrupt(struct virtio_transport *transport, unsigned queue)
{
    struct virtio_pci *pci = of_transport(transport);
    interrupt(pci, VIRTIO_PCI_ISR_QUEUE, pci->queue_vector[queue]);
}

/* A driver that is not ready yet gets no interrupt: it would not take the interrupt back, and the drivers
 * that share the wire would lose it. */
static void config_interrupt(struct virtio_transport *transport)
{
    struct virtio_pci *pci = of_transport(transport);
    if (pci->vdev->status & VIRTIO_DRIVER_OK)
        interrupt(pci, VIRTIO_PCI_ISR_CONFIG, pci->config_vector);
}

uint8_t virtio_pci_read_isr(struct virtio_pci *pci)
{
    uint8_t isr = pci->isr;
    pci->isr = 0;
    pci_function_set_intx(&pci->function, false);
    return isr;
}

uint16_t virtio_pci_vector(const struct virtio_pci *pci, uint32_t vector)
{
    return vector < pci->function.msix.vectors ? (uint16_t)vector : VIRTIO_PCI_NO_VECTOR;
}

/* ---- Registers ----------------------------------------------------------------------------------------- */

/* Resets the transport's own registers after the driver reset the device. */
static void reset_registers(struct virtio_pci *pci)
{
    pci->device_feature_select = pci->driver_feature_select = 0;
    pci->queue_select = 0;
    pci->config_vector = VIRTIO_PCI_NO_VECTOR;
    for (unsigned n = 0; n < VIRTIO_QUEUES_MAX; n++) {
        pci->queue_vector[n] = VIRTIO_PCI_NO_VECTOR;
        pci->queue_pfn[n] = 0;
    }
    virtio_pci_read_isr(pci);
}

void virtio_pci_write_status(struct virtio_pci *pci, uint8_t status, bool legacy)
{
    if (status && !pci->vdev->status)
        virtio_device_set_interface(pci->vdev, legacy);
    virtio_device_set_status(pci->vdev, status);
    if (status)
        return;
    virtio_device_set_interface(pci->vdev, legacy);
    reset_registers(pci);
}

static uint32_t modern_read(struct virtio_pci *pci, uint64_t offset, unsigned size)
{
    unsigned at = offset % REGION_BYTES;
    switch (offset / REGION_BYTES) {
    case REGION_COMMON: return virtio_pci_common_read(pci, at, size);
    case REGION_ISR: return at == 0 ? virtio_pci_read_isr(pci) : 0;
    case REGION_DEVICE: return (uint32_t)virtio_device_config_read(pci->vdev, at, size);
    default: return 0;
    }
}

static void modern_write(struct virtio_pci *pci, uint64_t offset, unsigned size, uint32_t value)
{
    unsigned at = offset % REGION_BYTES;
    switch (offset / REGION_BYTES) {
    case REGION_COMMON: virtio_pci_common_write(pci, at, size, value); break;
    case REGION_DEVICE: virtio_device_config_write(pci->vdev, at, size, value); break;
    case REGION_NOTIFY: virtio_device_notify(pci->vdev, at / VIRTIO_PCI_NOTIFY_STEP); break;
    default: break;
    }
}

static uint64_t bar_read(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size)
{
    struct virtio_pci *pci = of_function(function);
    if (bar == pci->layout->msix)
        return 0; /* the gap between the table and the pending bits */
    if (pci->vga && bar == BAR_VGA_MEMORY)
        return bochs_vbe_read_memory(pci->vga, offset, size);
    if (bar == pci->layout->modern && offset < pci->layout->structures_at)
        return bochs_vbe_read_register(pci->vga, offset, size);
    pthread_mutex_lock(&pci->vdev->lock);
    uint32_t value = bar == pci->layout->modern ? modern_read(pci, offset - pci->layout->structures_at, size)
                                                : virtio_pci_legacy_read(pci, (unsigned)offset, size);
    pthread_mutex_unlock(&pci->vdev->lock);
    return value;
}

static void bar_write(struct pci_function *function, unsigned bar, uint64_t offset, unsigned size,
                      uint64_t value)
{
    struct virtio_pci *pci = of_function(function);
    if (bar == pci->layout->msix)
        return;
    if (pci->vga && bar == BAR_VGA_MEMORY) {
        bochs_vbe_write_memory(pci->vga, offset, size, value);
        return;
    }
    if (bar == pci->layout->modern && offset < pci->layout->structures_at) {
        bochs_vbe_write_register(pci->vga, offset, size, value);
        return;
    }
    pthread_mutex_lock(&pci->vdev->lock);
    if (bar == pci->layout->modern)
        modern_write(pci, offset - pci->layout->structures_at, size, (uint32_t)value);
    else
        virtio_pci_legacy_write(pci, (unsigned)offset, size, (uint32_t)value);
    pthread_mutex_unlock(&pci->vdev->lock);
}

/* ---- Configuration space ------------------------------------------------------------------------------- */

/* Returns the place that the driver chose for an access through configuration space (section 4.1.4.9). */
static struct pci_bar *access_target(struct virtio_pci *pci, uint32_t *offset, unsigned *size)
{
    uint32_t bar = pci_config_peek(&pci->function, ACCESS_BAR, 1);
    uint32_t length = pci_config_peek(&pci->function, ACCESS_LENGTH, 4);
    *offset = pci_config_peek(&pci->function, ACCESS_OFFSET, 4);
    *size = length;
    return bar < PCI_BARS && (length == 1 || length == 2 || length == 4) ? &pci->function.bars[bar] : NULL;
}

static void config_reading(struct pci_function *function, unsigned offset, unsigned size)
{
    struct virtio_pci *pci = of_function(function);
    uint32_t at;
    unsigned length;
    if (!pci->has_modern || !pci_config_overlaps(offset, size, ACCESS_DATA, 4))
        return;
    struct pci_bar *bar = access_target(pci, &at, &length);
    if (bar)
        pci_config_poke(function, ACCESS_DATA, length, (uint32_t)pci_bar_read(bar, at, length));
}

/* Follows the command register, as described at the top. */
static void update_bus_master(struct virtio_pci *pci)
{
    pthread_mutex_lock(&pci->vdev->lock);
    virtio_device_set_stopped(pci->vdev, !pci_function_is_bus_master(&pci->function));
    pthread_mutex_unlock(&pci->vdev->lock);
}

static void config_written(struct pci_function *function, unsigned offset, unsigned size)
{
    struct virtio_pci *pci = of_function(function);
    uint32_t at;
    unsigned length;
    if (pci_config_overlaps(offset, size, PCI_COMMAND, 2))
        update_bus_master(pci);
    if (!pci->has_modern || !pci_config_overlaps(offset, size, ACCESS_DATA, 4))
        return;
    struct pci_bar *bar = access_target(pci, &at, &length);
    if (bar)
        pci_bar_write(bar, at, length, pci_config_peek(function, ACCESS_DATA, length));
}

/* ---- Reset and saved state ----------------------------------------------------------------------------- */

static void function_reset(struct pci_function *function)
{
    struct virtio_pci *pci = of_function(function);
    pthread_mutex_lock(&pci->vdev->lock);
    virtio_device_reset(pci->vdev);
    virtio_device_set_stopped(pci->vdev, true);
    virtio_device_set_interface(pci->vdev, !pci->has_modern);
    reset_registers(pci);
    pthread_mutex_unlock(&pci->vdev->lock);
    if (pci->vga)
        bochs_vbe_reset(pci->vga);
}

static void function_hold(struct pci_function *function, bool held)
{
    struct virtio_pci *pci = of_function(function);
    pthread_mutex_lock(&pci->vdev->lock);
    virtio_device_set_held(pci->vdev, held);
    pthread_mutex_unlock(&pci->vdev->lock);
}

static void save_registers(const struct virtio_pci *pci, struct state_writer *writer)
{
    char name[32];
    state_section(writer, "virtio-pci-registers", 1);
    state_put(writer, "device_feature_select", pci->device_feature_select);
    state_put(writer, "driver_feature_select", pci->driver_feature_select);
    state_put(writer, "queue_select", pci->queue_select);
    state_put(writer, "config_vector", pci->config_vector);
    state_put(writer, "isr", pci->isr);
    for (unsigned n = 0; n < pci->vdev->queue_count; n++) {
        snprintf(name, sizeof(name), "queue%u.vector", n);
        state_put(writer, name, pci->queue_vector[n]);
        snprintf(name, sizeof(name), "queue%u.pfn", n);
        state_put(writer, name, pci->queue_pfn[n]);
    }
}

/* The interface is saved first, since loading the device depends on it, and the registers last, since saving
 * the device may still raise an interrupt. */
static void function_save(struct pci_function *function, struct state_writer *writer)
{
    struct virtio_pci *pci = of_function(function);
    pthread_mutex_lock(&pci->vdev->lock);
    state_section(writer, "virtio-pci", 1);
    state_put(writer, "legacy", pci->vdev->legacy);
    virtio_device_save(pci->vdev, writer);
    save_registers(pci, writer);
    pthread_mutex_unlock(&pci->vdev->lock);
    if (pci->vga)
        bochs_vbe_save(pci->vga, writer);
}

static uint16_t get_vector(struct virtio_pci *pci, struct state_reader *reader, const char *name)
{
    return virtio_pci_vector(pci, (uint32_t)state_get(reader, name, UINT16_MAX));
}

static bool load_registers(struct virtio_pci *pci, struct state_reader *reader)
{
    char name[32];
    if (!state_open(reader, "virtio-pci-registers", 1))
        return false;
    pci->device_feature_select = (uint32_t)state_get(reader, "device_feature_select", UINT32_MAX);
    pci->driver_feature_select = (uint32_t)state_get(reader, "driver_feature_select", UINT32_MAX);
    pci->queue_select = (uint16_t)state_get(reader, "queue_select", UINT16_MAX);
    pci->config_vector = get_vector(pci, reader, "config_vector");
    pci->isr |= (uint8_t)state_get(reader, "isr", VIRTIO_PCI_ISR_QUEUE | VIRTIO_PCI_ISR_CONFIG);
    for (unsigned n = 0; n < pci->vdev->queue_count; n++) {
        snprintf(name, sizeof(name), "queue%u.vector", n);
        pci->queue_vector[n] = get_vector(pci, reader, name);
        snprintf(name, sizeof(name), "queue%u.pfn", n);
        pci->queue_pfn[n] = (uint32_t)state_get(reader, name, UINT32_MAX);
    }
    pci_function_set_intx(&pci->function, pci->isr != 0);
    return !reader->failed;
}

static bool function_load(struct pci_function *function, struct state_reader *reader)
{
    struct virtio_pci *pci = of_function(function);
    if (!state_open(reader, "virtio-pci", 1))
        return false;
    bool legacy = state_get(reader, "legacy", 1);
    if (reader->failed)
        return false;
    pthread_mutex_lock(&pci->vdev->lock);
    reset_registers(pci);
    /* Stopped until the vectors are loaded, so that work that is done at once sends its interrupts as it
     * should. */
    virtio_device_set_stopped(pci->vdev, true);
    virtio_device_set_interface(pci->vdev, legacy);
    bool ok = virtio_device_load(pci->vdev, reader) && load_registers(pci, reader);
    virtio_device_set_stopped(pci->vdev, !pci_function_is_bus_master(function));
    pthread_mutex_unlock(&pci->vdev->lock);
    return ok && (!pci->vga || bochs_vbe_load(pci->vga, reader));
}

static void function_destroy(struct pci_function *function)
{
    struct virtio_pci *pci = of_function(function);
    virtio_device_destroy(pci->vdev);
    if (pci->vga)
        bochs_vbe_destroy(pci->vga);
    pci_function_fini(function);
    free(pci);
}

/* ---- Making it ----------------------------------------------------------------------------------------- */

/* Adds the capability of one of the modern structures; `extra`: bytes that follow the common part. */
static void add_structure(struct virtio_pci *pci, unsigned at, unsigned type, unsigned region, unsigned extra)
{
    struct pci_function *function = &pci->function;
    pci_function_add_capability(function, PCI_CAP_VENDOR, at, VIRTIO_CAP_SIZE + extra);
    pci_function_set_config(function, at + 2, 1, VIRTIO_CAP_SIZE + extra);
    pci_function_set_config(function, at + 3, 1, type);
    if (type == CAP_ACCESS)
        return;
    pci_function_set_config(function, at + 4, 1, pci->layout->modern);
    pci_function_set_config(function, at + 8, 4, pci->layout->structures_at + region * REGION_BYTES);
    pci_function_set_config(function, at + 12, 4, REGION_BYTES);
}

static void add_modern(struct virtio_pci *pci)
{
    struct pci_function *function = &pci->function;
    pci_function_set_bar(function, pci->layout->modern, PCI_BAR_MEM64, pci->layout->modern_bytes, true);
    add_structure(pci, CAP_COMMON_AT, CAP_COMMON, REGION_COMMON, 0);
    add_structure(pci, CAP_ISR_AT, CAP_ISR, REGION_ISR, 0);
    add_structure(pci, CAP_DEVICE_AT, CAP_DEVICE, REGION_DEVICE, 0);
    add_structure(pci, CAP_NOTIFY_AT, CAP_NOTIFY, REGION_NOTIFY, 4);
    pci_function_set_config(function, CAP_NOTIFY_AT + VIRTIO_CAP_SIZE, 4, VIRTIO_PCI_NOTIFY_STEP);
    add_structure(pci, CAP_ACCESS_AT, CAP_ACCESS, 0, 4);
    pci_function_set_writable(function, ACCESS_BAR, 1, 0xff);
    pci_function_set_writable(function, ACCESS_OFFSET, 4, UINT32_MAX);
    pci_function_set_writable(function, ACCESS_LENGTH, 4, UINT32_MAX);
    pci_function_set_writable(function, ACCESS_DATA, 4, UINT32_MAX);
}

static bool add_msix(struct virtio_pci *pci, uint32_t vectors, struct error *error)
{
    if (vectors == VIRTIO_PCI_VECTORS_DEFAULT)
        vectors = pci->vdev->queue_count + 1;
    if (vectors > PCI_MSIX_VECTORS_MAX)
        return error_set(error, "%s: %u vectors; MSI-X has up to %u", pci->name, vectors,
                         PCI_MSIX_VECTORS_MAX);
    if (!vectors)
        return true;
    uint32_t table = vectors * PCI_MSIX_ENTRY;
    uint32_t pba = table > MSIX_BAR_MIN / 2 ? table : MSIX_BAR_MIN / 2;
    uint32_t size = MSIX_BAR_MIN;
    while (size < pba + (vectors + 63) / 64 * 8)
        size *= 2;
    pci_function_set_bar(&pci->function, pci->layout->msix, PCI_BAR_MEM32, size, false);
    unsigned at = pci->has_modern ? CAP_MSIX_AT : PCI_CAPABILITY_AREA;
    return pci_msix_add(&pci->function, at, vectors, pci->layout->msix, 0, pba, error);
}

static void identify(struct virtio_pci *pci, const char *name, bool multifunction)
{
    const struct virtio_device_ops *ops = pci->vdev->ops;
    uint32_t class_code = ops->pci_class ? ops->pci_class : CLASS_NONE;
    uint16_t id = (uint16_t)ops->id;
    struct pci_identity identity = {
        .vendor = VENDOR,
        .device = pci->has_legacy ? ops->pci_legacy : (uint16_t)(MODERN_DEVICE + id),
        .subsystem_vendor = VENDOR,
        .subsystem = pci->has_legacy ? id : MODERN_SUBSYSTEM,
        .class_code = pci->vga ? CLASS_VGA : class_code,
        .revision = pci->has_legacy ? 0 : 1,
        .interrupt_pin = 1,
    };
    snprintf(pci->name, sizeof(pci->name), "%s%s", name ? name : ops->name, name ? "" : "-pci");
    pci->ops = (struct pci_function_ops){
        .name = pci->name,
        .access_max = 4,
        .read = bar_read,
        .write = bar_write,
        .config_reading = config_reading,
        .config_written = config_written,
        .reset = function_reset,
        .save = function_save,
        .load = function_load,
        .hold = function_hold,
        .destroy = function_destroy,
    };
    pci_function_init(&pci->function, &pci->ops, &identity);
    if (multifunction)
        pci_function_set_config(&pci->function, PCI_HEADER_TYPE, 1, PCI_HEADER_MULTIFUNCTION);
}

static bool choose_interfaces(struct virtio_pci *pci, const struct virtio_pci_config *config,
                              struct error *error)
{
    const char *name = pci->vdev->ops->name;
    bool possible = pci->vdev->ops->pci_legacy != 0;
    pci->has_legacy = config->legacy == VIRTIO_PCI_LEGACY_AUTO ? possible && !config->express
                                                               : config->legacy == VIRTIO_PCI_LEGACY_ON;
    pci->has_modern = !config->no_modern;
    if (pci->has_legacy && !possible)
        return error_set(error, "%s-pci: disable-legacy=off: this kind of device has no legacy interface",
                         name);
    if (!pci->has_legacy && !pci->has_modern)
        return error_set(error, "%s-pci: it needs one of its two interfaces: disable-legacy=off%s", name,
                         " or disable-modern=off");
    return true;
}

struct pci_function *virtio_pci_create(const struct virtio_pci_config *config, struct virtio_device *device,
                                       struct error *error)
{
    struct virtio_pci *pci = calloc(1, sizeof(*pci));
    if (!pci) {
        error_set(error, "%s-pci: out of memory", device->ops->name);
        return NULL;
    }
    pci->vdev = device;
    pci->vga = config->vga;
    pci->layout = pci->vga ? &vga_layout : &plain_layout;
    if (!choose_interfaces(pci, config, error)) {
        free(pci);
        return NULL;
    }
    identify(pci, config->name, config->multifunction);
    if (pci->has_legacy)
        pci_function_set_bar(&pci->function, BAR_LEGACY, PCI_BAR_IO, virtio_pci_legacy_size(device), false);
    if (pci->vga)
        pci_function_set_bar(&pci->function, BAR_VGA_MEMORY, PCI_BAR_MEM32, BOCHS_VBE_MEMORY, true);
    if (pci->has_modern)
        add_modern(pci);
    if (config->express)
        pci_function_add_express(&pci->function, CAP_EXPRESS_AT, PCI_EXPRESS_INTEGRATED);
    if (!add_msix(pci, config->vectors, error)) {
        pci_function_fini(&pci->function);
        free(pci);
        return NULL;
    }
    pci->transport.queue_interrupt = queue_interrupt;
    pci->transport.config_interrupt = config_interrupt;
    virtio_device_attach(device, &pci->transport, config->dma, !pci->has_modern);
    device->offered |= pci->has_modern ? 1ull << VIRTIO_F_RING_RESET : 0;
    device->stopped = true; /* no bus mastering yet */
    reset_registers(pci);
    return &pci->function;
}
