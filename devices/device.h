/* SPDX-License-Identifier: MIT
 *
 * What a device is to the board, and what the board is to a device.
 *
 * A device is one .c file that exports xxx_create(config). It sees offsets into its own window, never its
 * base; it raises interrupts through the irq_line it was given; it reaches guest memory only through a
 * `struct dma`. Any hart thread may call read() and write(), so a device takes its own lock in them. A device
 * never holds that lock while it waits for anything, and IRQ lines may be raised with it held: the order of
 * locks is device, interrupt controller, hart (docs/threading.md).
 *
 * Guest misbehaviour leads to a LOG_GUEST line and to what the hardware would do; it never ends the emulator.
 */
#ifndef DEVICES_DEVICE_H
#define DEVICES_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "util/state.h"

/* One interrupt wire. It may be copied; set() may be called from any thread. `level` is the new level of the
 * wire. A line with set == NULL is not connected. */
struct irq_line {
    void (*set)(void *controller, unsigned number, bool level);
    void *controller;
    unsigned number;
};

static inline void irq_line_set(const struct irq_line *line, bool level)
{
    if (line->set)
        line->set(line->controller, line->number, level);
}

/* Guest memory as a bus master sees it. All functions are callable from any thread. Addresses are physical,
 * except those that a master behind an IOMMU gives to translate() and to dma_map(), dma_read(), dma_write().
 */
struct dma;
struct dma_ops {
    /* Host pointer to [paddr, paddr + length) if all of that is RAM (for `write`: writable RAM), else NULL.
     * Valid until the machine is destroyed. */
    void *(*map)(struct dma *dma, uint64_t paddr, uint64_t length, bool write);
    /* To be called after storing through a pointer from map(): harts may have decoded code there. */
    void (*written)(struct dma *dma, uint64_t paddr, uint64_t length);
    /* Gives pages of RAM back to the host until they are touched again; paddr and length are multiples of
     * 4 KiB. Their contents are undefined afterwards; with `zeros` they are zeros, or nothing happens. False
     * if that is not all RAM, or the host keeps the pages. May wait for the host. */
    bool (*discard)(struct dma *dma, uint64_t paddr, uint64_t length, bool zeros);
    /* Finds the physical address of the master's own `address`, and shortens *length (at least 1) to what is
     * contiguous there. What is known now may be wrong after any later action of the guest. False: the IOMMU
     * denies the access, and has told the guest. NULL: there is no IOMMU, the addresses are the same. */
    bool (*translate)(struct dma *dma, uint64_t address, uint64_t *length, bool write, uint64_t *paddr);
};
struct dma {
    const struct dma_ops *ops;
};

/* Host pointer to the beginning of [address, address + *length), which shortens *length (at least 1) to what
 * is contiguous. *paddr is for written(). NULL: it is not RAM, or the IOMMU denies it. */
void *dma_map(struct dma *dma, uint64_t address, uint64_t *length, bool write, uint64_t *paddr);
/* Whether addresses are translated, so that nobody may keep a pointer. */
static inline bool dma_is_translated(const struct dma *dma)
{
    return dma->ops->translate != NULL;
}
/* Copies from / to guest memory. Returns false if the range is not all RAM that the master may access; then
 * nothing was copied, or behind an IOMMU the pieces before the bad one. */
bool dma_read(struct dma *dma, uint64_t address, void *bytes, uint64_t length);
bool dma_write(struct dma *dma, uint64_t address, const void *bytes, uint64_t length);
/* As dma_ops.discard; false if the board cannot do it. */
bool dma_discard(struct dma *dma, uint64_t paddr, uint64_t length, bool zeros);

#define FDT_IRQ_LEVEL_HIGH 4u

/* What fdt() needs to describe a device. The board fills it from the device's row in its table. */
struct fdt_place {
    uint64_t base, size; /* guest physical, bytes */
    unsigned irq;        /* interrupt controller input; 0: none */
    uint32_t irq_parent; /* phandle of the interrupt controller */
    uint32_t irq_type;   /* the second cell of an interrupt, FDT_IRQ_*; 0: there is one cell */
};

struct device;
struct device_ops {
    const char *name; /* "uart16550"; also the section name of the saved state */
    uint64_t size;    /* bytes of the MMIO window */
    /* sizes in bytes that the bus lets through: 1, 2, 4, 8; naturally aligned */
    uint8_t access_min, access_max;
    uint64_t (*read)(struct device *device, uint64_t offset, unsigned size);
    void (*write)(struct device *device, uint64_t offset, unsigned size, uint64_t value);
    void (*reset)(struct device *device); /* to the power-on state; called with all harts stopped */
    void (*save)(struct device *device, struct state_writer *writer);
    bool (*load)(struct device *device, struct state_reader *reader);
    void (*destroy)(struct device *device);
    /* Holds the device still, or lets it go on; called with all harts stopped. While it is held, no thread of
     * its own or of a back end writes guest memory, raises an interrupt or takes a request: what was under
     * way is finished when this returns, and what comes from the host waits. save() and load() are possible.
     * NULL: nothing happens in the device but accesses of harts and timers. */
    void (*hold)(struct device *device, bool held);
    /* Adds the device's node(s) under the /soc node, which is open in the sequential-write tree `fdt`
     * (fdt_begin_node .. fdt_end_node). Returns 0 or a negative libfdt error. NULL: the device has no
     * node. */
    int (*fdt)(struct device *device, void *fdt, const struct fdt_place *place);
    /* The same for nodes beside /soc; here the root node is open. */
    int (*fdt_root)(struct device *device, void *fdt);
};
struct device {
    const struct device_ops *ops;
};

#endif
