/* SPDX-License-Identifier: MIT
 *
 * SSWI of the ACLINT (specification 1.0 chapter 4): setssip of hart n at 4 * n. A write of 1 sets the hart's
 * SSIP; reads give 0. The device has no state, and so no lock.
 */
#include <stdlib.h>

#include "devices/fdt_node.h"
#include "devices/platform/aclint.h"
#include "util/log.h"

struct sswi {
    struct device device; /* must be first: the ops cast back to the whole */
    unsigned hart_count;
    struct aclint_sswi_hart harts[];
};

static uint64_t sswi_read(struct device *device, uint64_t offset, unsigned size)
{
    (void)device, (void)offset, (void)size;
    return 0;
}

static void sswi_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct sswi *sswi = (struct sswi *)device;
    (void)size;
    if (offset / 4 >= sswi->hart_count)
        LOG_GUEST("aclint-sswi: setssip of hart %llu, which does not exist", (unsigned long long)offset / 4);
    else if (value & 1)
        irq_line_set(&sswi->harts[offset / 4].ssip, true);
}

static void sswi_reset(struct device *device)
{
    (void)device;
}

static void sswi_save(struct device *device, struct state_writer *writer)
{
    state_section(writer, device->ops->name, 1);
}

static bool sswi_load(struct device *device, struct state_reader *reader)
{
    return state_open(reader, device->ops->name, 1) != 0;
}

static void sswi_destroy(struct device *device)
{
    free(device);
}

static int sswi_fdt(struct device *device, void *fdt, const struct fdt_place *place)
{
    struct sswi *sswi = (struct sswi *)device;
    struct fdt_node node = fdt_node_begin(fdt, "sswi", place);
    fdt_node_compatible(&node, "riscv,aclint-sswi");
    fdt_node_bytes(&node, "interrupt-controller", NULL, 0);
    fdt_node_u32(&node, "#interrupt-cells", 0);
    fdt32_t *wiring = fdt_node_cells(&node, "interrupts-extended", sswi->hart_count * 2);
    for (unsigned i = 0; wiring && i < sswi->hart_count; i++) {
        fdt32_st(&wiring[i * 2], sswi->harts[i].intc_phandle);
        fdt32_st(&wiring[i * 2 + 1], 1); /* supervisor software interrupt */
    }
    return fdt_node_end(&node);
}

static const struct device_ops sswi_ops = {
    .name = "aclint-sswi",
    .size = 0x4000,
    .access_min = 4,
    .access_max = 4,
    .read = sswi_read,
    .write = sswi_write,
    .reset = sswi_reset,
    .save = sswi_save,
    .load = sswi_load,
    .destroy = sswi_destroy,
    .fdt = sswi_fdt,
};

struct device *aclint_sswi_create(const struct aclint_sswi_config *config, struct error *error)
{
    if (config->hart_count < 1 || config->hart_count > ACLINT_HARTS_MAX) {
        error_set(error, "aclint-sswi: %u harts; it has 1 to %u", config->hart_count, ACLINT_HARTS_MAX);
        return NULL;
    }
    struct sswi *sswi = calloc(1, sizeof(*sswi) + config->hart_count * sizeof(sswi->harts[0]));
    if (!sswi) {
        error_set(error, "aclint-sswi: out of memory");
        return NULL;
    }
    sswi->device.ops = &sswi_ops;
    sswi->hart_count = config->hart_count;
    for (unsigned i = 0; i < config->hart_count; i++)
        sswi->harts[i] = config->harts[i];
    return &sswi->device;
}
