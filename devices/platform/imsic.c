/* SPDX-License-Identifier: MIT
 *
 * The pages of interrupt files; see imsic.h. Without state of its own, and so without a lock.
 */
#include "devices/platform/imsic.h"

#include <stdlib.h>
#include <string.h>

#include "devices/fdt_node.h"

enum { SETEIPNUM_LE = 0, SETEIPNUM_BE = 4 };

struct imsic {
    struct device device; /* must be first: the ops cast back to the whole */
    struct device_ops ops;
    struct imsic_config config;
    uint32_t intc_phandles[];
};

bool imsic_send(struct device *device, uint64_t offset, uint32_t value)
{
    const struct imsic *imsic = (struct imsic *)device;
    unsigned within = offset % IMSIC_PAGE, bits = imsic->config.guest_bits;
    uint64_t page = offset / IMSIC_PAGE;
    if (page >> bits >= imsic->config.hart_count || (within != SETEIPNUM_LE && within != SETEIPNUM_BE))
        return false;
    uint32_t identity = within == SETEIPNUM_BE ? __builtin_bswap32(value) : value;
    if (identity && identity <= imsic->config.identities)
        imsic->config.receive(imsic->config.opaque, (unsigned)(page >> bits), page & ((1u << bits) - 1),
                              identity);
    return true;
}

static uint64_t imsic_read(struct device *device, uint64_t offset, unsigned size)
{
    (void)device, (void)offset, (void)size;
    return 0;
}

static void imsic_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    (void)size;
    imsic_send(device, offset, (uint32_t)value);
}

static void imsic_save(struct device *device, struct state_writer *writer)
{
    (void)device, (void)writer; /* the files are saved with their harts */
}

static bool imsic_load(struct device *device, struct state_reader *reader)
{
    (void)device;
    return !reader->failed;
}

static void imsic_destroy(struct device *device)
{
    free(device);
}

static int imsic_fdt(struct device *device, void *fdt, const struct fdt_place *place)
{
    const struct imsic *imsic = (struct imsic *)device;
    struct fdt_node node = fdt_node_begin(fdt, "interrupt-controller", place);
    fdt_node_compatible(&node, "qemu,imsics\0riscv,imsics");
    fdt_node_bytes(&node, "interrupt-controller", NULL, 0);
    fdt_node_bytes(&node, "msi-controller", NULL, 0);
    fdt_node_u32(&node, "#interrupt-cells", 0);
    fdt_node_u32(&node, "riscv,num-ids", imsic->config.identities);
    if (imsic->config.guest_bits)
        fdt_node_u32(&node, "riscv,guest-index-bits", imsic->config.guest_bits);
    fdt_node_u32(&node, "phandle", imsic->config.phandle);
    fdt32_t *wiring = fdt_node_cells(&node, "interrupts-extended", imsic->config.hart_count * 2);
    for (unsigned i = 0; wiring && i < imsic->config.hart_count; i++) {
        fdt32_st(&wiring[i * 2], imsic->intc_phandles[i]);
        fdt32_st(&wiring[i * 2 + 1], imsic->config.hart_irq);
    }
    return fdt_node_end(&node);
}

struct device *imsic_create(const struct imsic_config *config, struct error *error)
{
    struct imsic *imsic = calloc(1, sizeof(*imsic) + config->hart_count * sizeof(imsic->intc_phandles[0]));
    if (!imsic) {
        error_set(error, "imsic: out of memory");
        return NULL;
    }
    imsic->ops = (struct device_ops){
        .name = config->hart_irq == 11 ? "imsic" : "imsic-s",
        .size = (config->hart_count * IMSIC_PAGE) << config->guest_bits,
        .access_min = 4,
        .access_max = 4,
        .read = imsic_read,
        .write = imsic_write,
        .save = imsic_save,
        .load = imsic_load,
        .destroy = imsic_destroy,
        .fdt = imsic_fdt,
    };
    imsic->device.ops = &imsic->ops;
    imsic->config = *config;
    memcpy(imsic->intc_phandles, config->intc_phandles, config->hart_count * sizeof(imsic->intc_phandles[0]));
    return &imsic->device;
}
