/* SPDX-License-Identifier: MIT
 *
 * Clocks and resets of the FU540; see sifive_u_prci.h. The lock protects the registers.
 */
#include "devices/platform/sifive_u_prci.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "devices/fdt_node.h"
#include "util/log.h"

#define HFCLK_HZ 33333333u

enum reg {
    HFXOSCCFG,
    COREPLL,
    DDRPLL,
    DDRPLL_OUT,
    GEMPLL,
    GEMPLL_OUT,
    CORECLKSEL,
    DEVICESRESET,
    CLKMUXSTATUS,
    REG_COUNT
};
#define READY  0x80000000u /* of the oscillator; of a PLL: locked */
#define FSE    0x02000000u /* feedback of a PLL: there is only one kind */
#define AT_PLL 0x820187c1u
#define NO_REG REG_COUNT

/* `fixed`: bits that are always 1. */
static const struct {
    const char *name;
    uint8_t offset;
    uint32_t at_reset, fixed;
} regs[REG_COUNT] = {
    { "hfxosccfg", 0x00, 0xc0000000, READY },
    { "corepllcfg0", 0x04, AT_PLL, READY | FSE },
    { "ddrpllcfg0", 0x0c, AT_PLL, READY | FSE },
    { "ddrpllcfg1", 0x10, 0, 0 },
    { "gempllcfg0", 0x1c, AT_PLL, READY | FSE },
    { "gempllcfg1", 0x20, 0, 0 },
    { "coreclksel", 0x24, 1, 0 },
    { "devicesreset", 0x28, 0, 0 },
    { "clkmuxstatus", 0x2c, 0, 0 },
};

struct prci {
    struct device device; /* must be first: the ops cast back to the whole */
    pthread_mutex_t lock;
    struct sifive_u_prci_config config;
    uint32_t values[REG_COUNT];
};

static unsigned find(uint64_t offset, const char *what)
{
    for (unsigned reg = 0; reg < REG_COUNT; reg++)
        if (regs[reg].offset == offset)
            return reg;
    LOG_GUEST("sifive-u-prci: %s at offset %#llx, where no register is", what, (unsigned long long)offset);
    return NO_REG;
}

static uint64_t prci_read(struct device *device, uint64_t offset, unsigned size)
{
    struct prci *prci = (struct prci *)device;
    unsigned reg = find(offset, "read");
    (void)size;
    if (reg == NO_REG)
        return 0;
    pthread_mutex_lock(&prci->lock);
    uint32_t value = prci->values[reg];
    pthread_mutex_unlock(&prci->lock);
    return value;
}

static void prci_write(struct device *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct prci *prci = (struct prci *)device;
    unsigned reg = find(offset, "write");
    (void)size;
    if (reg == NO_REG)
        return;
    pthread_mutex_lock(&prci->lock);
    prci->values[reg] = (uint32_t)value | regs[reg].fixed;
    pthread_mutex_unlock(&prci->lock);
}

static void prci_reset(struct device *device)
{
    struct prci *prci = (struct prci *)device;
    pthread_mutex_lock(&prci->lock);
    for (unsigned reg = 0; reg < REG_COUNT; reg++)
        prci->values[reg] = regs[reg].at_reset;
    pthread_mutex_unlock(&prci->lock);
}

static void prci_save(struct device *device, struct state_writer *writer)
{
    struct prci *prci = (struct prci *)device;
    pthread_mutex_lock(&prci->lock);
    state_section(writer, prci->device.ops->name, 1);
    for (unsigned reg = 0; reg < REG_COUNT; reg++)
        state_put(writer, regs[reg].name, prci->values[reg]);
    pthread_mutex_unlock(&prci->lock);
}

static bool prci_load(struct device *device, struct state_reader *reader)
{
    struct prci *prci = (struct prci *)device;
    if (!state_open(reader, prci->device.ops->name, 1))
        return false;
    pthread_mutex_lock(&prci->lock);
    for (unsigned reg = 0; reg < REG_COUNT; reg++)
        prci->values[reg] = (uint32_t)state_get(reader, regs[reg].name, UINT32_MAX) | regs[reg].fixed;
    pthread_mutex_unlock(&prci->lock);
    return !reader->failed;
}

static void prci_destroy(struct device *device)
{
    struct prci *prci = (struct prci *)device;
    pthread_mutex_destroy(&prci->lock);
    free(prci);
}

static int prci_fdt(struct device *device, void *fdt, const struct fdt_place *place)
{
    const struct sifive_u_prci_config *config = &((const struct prci *)device)->config;
    struct fdt_node node = fdt_node_begin(fdt, "clock-controller", place);
    fdt_node_compatible(&node, "sifive,fu540-c000-prci");
    fdt32_t *inputs = fdt_node_cells(&node, "clocks", 2);
    if (inputs) {
        fdt32_st(&inputs[0], config->hfclk_phandle);
        fdt32_st(&inputs[1], config->rtcclk_phandle);
    }
    fdt_node_u32(&node, "#clock-cells", 1);
    fdt_node_u32(&node, "phandle", config->phandle);
    return fdt_node_end(&node);
}

static int put_oscillator(void *fdt, const char *name, uint32_t hz, uint32_t phandle)
{
    struct fdt_node node = fdt_node_begin_plain(fdt, name);
    fdt_node_compatible(&node, "fixed-clock");
    fdt_node_bytes(&node, "clock-output-names", name, strlen(name) + 1);
    fdt_node_u32(&node, "clock-frequency", hz);
    fdt_node_u32(&node, "#clock-cells", 0);
    fdt_node_u32(&node, "phandle", phandle);
    return fdt_node_end(&node);
}

static int prci_fdt_root(struct device *device, void *fdt)
{
    const struct sifive_u_prci_config *config = &((const struct prci *)device)->config;
    int status = put_oscillator(fdt, "rtcclk", config->rtcclk_hz, config->rtcclk_phandle);
    return status ? status : put_oscillator(fdt, "hfclk", HFCLK_HZ, config->hfclk_phandle);
}

static const struct device_ops prci_ops = {
    .name = "sifive-u-prci",
    .size = 0x1000,
    .access_min = 4,
    .access_max = 4,
    .read = prci_read,
    .write = prci_write,
    .reset = prci_reset,
    .save = prci_save,
    .load = prci_load,
    .destroy = prci_destroy,
    .fdt = prci_fdt,
    .fdt_root = prci_fdt_root,
};

struct device *sifive_u_prci_create(const struct sifive_u_prci_config *config, struct error *error)
{
    struct prci *prci = calloc(1, sizeof(*prci));
    if (!prci) {
        error_set(error, "sifive-u-prci: out of memory");
        return NULL;
    }
    prci->device.ops = &prci_ops;
    prci->config = *config;
    pthread_mutex_init(&prci->lock, NULL);
    prci_reset(&prci->device);
    return &prci->device;
}
